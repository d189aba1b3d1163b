// TokenSource: one request for many waits, the margin before a token's end, retries, back-off, deadlines,
// drop.
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "token_test_support.hpp"

namespace flowctl::net::test {
namespace {

Reply refused(int status, const std::string& error) {
    return FakeIssuer::json(R"({"error":")" + error + "\"}", status);
}

TEST(TokenSource, GivesTheTokenAndWhatIsKnownOfIt) {
    FakeIssuer idp;
    TokenLoop loop;
    const TokenResult result = loop.get(idp.credential());
    ASSERT_TRUE(result.token) << result.message;
    EXPECT_EQ(text_of(result), "token-1-visible");
    EXPECT_EQ(result.token->token_type, "Bearer");
    // printf token-1-visible | sha256sum
    EXPECT_EQ(result.token->info.fingerprint, "b2de9059c45179de");
    const auto left = result.token->info.expires_at - std::chrono::system_clock::now();
    EXPECT_LE(left, std::chrono::seconds(3600));
    EXPECT_GT(left, std::chrono::seconds(3500));
    EXPECT_EQ(text_of(loop.get(idp.credential())), "token-1-visible");
    EXPECT_EQ(idp.token_requests(), 1u);
}

TEST(TokenSource, OverTlsWithTheIssuersCaOnly) {
    TestCa ca;
    TestCa other;
    FakeIssuer idp("", ca.issue("DNS:localhost,IP:127.0.0.1"));
    TokenLoop loop;
    Credential credential = idp.credential();
    credential.issuer.ca_file = ca.file();
    EXPECT_EQ(text_of(loop.get(credential)), "token-1-visible");

    credential.issuer.ca_file = other.file();
    const TokenResult result = loop.get(credential, "run-1", Seconds(0.4));
    EXPECT_FALSE(result.token);
    EXPECT_FALSE(result.permanent);
    EXPECT_EQ(idp.token_requests(), 1u);
}

TEST(TokenSource, ManyWaitsOneRequest) {
    FakeIssuer idp;
    std::promise<void> open;
    const std::shared_future<void> gate = open.get_future().share();
    idp.on_token([&, gate](const Seen&) {
        gate.wait();
        return idp.mint();
    });
    TokenLoop loop;
    std::vector<std::uint64_t> asked;
    for (int i = 0; i < 50; ++i)
        asked.push_back(loop.ask(idp.credential("b a")));
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return idp.token_requests() == 1; }));
    for (int i = 0; i < 50; ++i)
        asked.push_back(loop.ask(idp.credential("a  b")));
    loop.source.cancel(asked[0]);
    loop.source.cancel(asked[0]);
    loop.source.cancel(asked[99]);
    loop.source.cancel(987654);
    open.set_value();
    for (int i = 1; i < 99; ++i)
        EXPECT_EQ(text_of(loop.wait(asked[static_cast<std::size_t>(i)])), "token-1-visible");
    loop.settle();
    EXPECT_EQ(loop.answers.size(), 98u);
    EXPECT_EQ(idp.token_requests(), 1u);
}

TEST(TokenSource, ATokenServesNobodyElse) {
    FakeIssuer idp;
    TokenLoop loop;
    std::set<std::string> seen;
    const auto expect_new = [&](const Credential& credential, const std::string& run = "run-1",
                                const std::string& role = "app") {
        const std::string token = text_of(loop.wait(loop.ask(credential, run, Seconds(15), role)));
        EXPECT_NE(token, "");
        EXPECT_TRUE(seen.insert(token).second) << token;
    };
    expect_new(idp.credential());
    expect_new(idp.credential(), "run-2");
    expect_new(idp.credential(), "run-1", "other role");
    expect_new(idp.credential("read"));
    expect_new(idp.credential("read write"));
    Credential c = idp.credential();
    c.audience = "x";
    expect_new(c);
    c.audience.clear();
    c.resource = "x";
    expect_new(c);
    c = idp.credential();
    c.client.secret = Secret("another secret");
    expect_new(c);
    c = idp.credential();
    c.client.client_id = "someone else";
    expect_new(c);
    c = idp.credential();
    c.client.method = AuthMethod::ClientSecretPost;
    expect_new(c);
    c = idp.credential();
    c.issuer.token_endpoint = idp.url("/token");
    expect_new(c);
    EXPECT_EQ(text_of(loop.get(idp.credential("write read"))),
              text_of(loop.get(idp.credential("read write read"))));
}

TEST(TokenSource, MarginIsAFifthOfAShortLife) {
    FakeIssuer idp;
    idp.on_token([&](const Seen&) { return idp.mint(R"(,"expires_in":2)"); });
    TokenLoop loop;
    loop.stop_clock();
    EXPECT_EQ(text_of(loop.get(idp.credential())), "token-1-visible");
    EXPECT_EQ(text_of(loop.get(idp.credential())), "token-1-visible");
    loop.pass(Seconds(1.6));
    EXPECT_EQ(text_of(loop.get(idp.credential())), "token-2-visible");
    EXPECT_EQ(idp.token_requests(), 2u);
}

TEST(TokenSource, MarginIsAtMostThirtySeconds) {
    FakeIssuer idp;
    TokenLoop loop;
    EXPECT_EQ(text_of(loop.get(idp.credential())), "token-1-visible");
    loop.pass(Seconds(3600 - 60));
    EXPECT_EQ(text_of(loop.get(idp.credential())), "token-1-visible");
    loop.pass(Seconds(31));
    EXPECT_EQ(text_of(loop.get(idp.credential())), "token-2-visible");
}

TEST(TokenSource, WithoutExpiresInATokenIsKeptForAMinuteAtMost) {
    FakeIssuer idp;
    idp.on_token([&](const Seen&) { return idp.mint(""); });
    TokenLoop loop;
    EXPECT_EQ(text_of(loop.get(idp.credential())), "token-1-visible");
    loop.pass(Seconds(40));
    EXPECT_EQ(text_of(loop.get(idp.credential())), "token-1-visible");
    loop.pass(Seconds(9));
    EXPECT_EQ(text_of(loop.get(idp.credential())), "token-2-visible");
}

TEST(TokenSource, DropTakesThatGenerationOnly) {
    FakeIssuer idp;
    TokenLoop loop;
    const TokenResult first = loop.get(idp.credential());
    loop.source.drop(idp.credential(), "another run", first.token->generation);
    EXPECT_EQ(text_of(loop.get(idp.credential())), "token-1-visible");
    loop.source.drop(idp.credential(), "run-1", first.token->generation);
    const TokenResult second = loop.get(idp.credential());
    EXPECT_EQ(text_of(second), "token-2-visible");
    EXPECT_NE(second.token->generation, first.token->generation);
    loop.source.drop(idp.credential(), "run-1", first.token->generation);  // late news of the old one
    loop.source.drop(idp.credential(), "run-1", 4711);
    EXPECT_EQ(text_of(loop.get(idp.credential())), "token-2-visible");
}

TEST(TokenSource, TransientFailuresAreTriedAgain) {
    FakeIssuer idp;
    std::atomic<int> asked = 0;
    idp.on_token([&](const Seen&) {
        switch (++asked) {
            case 1:
                return Reply{500, "<html>oops</html>", {}, "Error"};
            case 2:
                return refused(400, "temporarily_unavailable");
            default:
                return idp.mint();
        }
    });
    TokenLoop loop;
    EXPECT_EQ(text_of(loop.get(idp.credential())), "token-1-visible");
    EXPECT_EQ(asked, 3);
}

TEST(TokenSource, RetriesAreBounded) {
    FakeIssuer idp;
    idp.on_token([](const Seen&) { return Reply{504, "", {}, "Gateway"}; });
    TokenLoop loop;
    const TokenResult result = loop.get(idp.credential(), "run-1", Seconds(60));
    EXPECT_FALSE(result.token);
    EXPECT_FALSE(result.permanent);
    EXPECT_NE(result.message.find("HTTP 504"), std::string::npos) << result.message;
    EXPECT_EQ(idp.token_requests(), 4u);
}

TEST(TokenSource, NoRetryBeyondTheDeadline) {
    FakeIssuer idp;
    idp.on_token([](const Seen&) { return Reply{500, "", {}, "Error"}; });
    TokenLoop loop;
    const auto start = std::chrono::steady_clock::now();
    const TokenResult result = loop.get(idp.credential(), "run-1", Seconds(0.1));
    EXPECT_FALSE(result.token);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
    EXPECT_LE(idp.token_requests(), 2u);
}

TEST(TokenSource, EachWaitEndsAtItsOwnDeadline) {
    FakeIssuer idp;
    std::promise<void> open;
    const std::shared_future<void> gate = open.get_future().share();
    idp.on_token([&, gate](const Seen&) {
        gate.wait();
        return idp.mint();
    });
    TokenLoop loop;
    const auto patient = loop.ask(idp.credential());
    const auto hasty = loop.ask(idp.credential(), "run-1", Seconds(0.2));
    const TokenResult result = loop.wait(hasty);
    EXPECT_FALSE(result.token);
    EXPECT_FALSE(result.permanent);
    EXPECT_NE(result.message.find("no token in time"), std::string::npos) << result.message;
    EXPECT_FALSE(loop.answers.contains(patient));
    open.set_value();
    EXPECT_EQ(text_of(loop.wait(patient)), "token-1-visible");

    const TokenResult late = loop.get(idp.credential("more"), "run-1", Seconds(-1));
    EXPECT_FALSE(late.token);
    EXPECT_EQ(idp.token_requests(), 1u);
}

TEST(TokenSource, ATokenThatNobodyWaitsForAnyMoreIsKept) {
    FakeIssuer idp;
    std::promise<void> open;
    const std::shared_future<void> gate = open.get_future().share();
    idp.on_token([&, gate](const Seen&) {
        gate.wait();
        return idp.mint();
    });
    TokenLoop loop;
    const auto only = loop.ask(idp.credential());
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return idp.token_requests() == 1; }));
    loop.source.cancel(only);
    const auto next = loop.ask(idp.credential());
    open.set_value();
    EXPECT_EQ(text_of(loop.wait(next)), "token-1-visible");
    EXPECT_EQ(idp.token_requests(), 1u);
    EXPECT_FALSE(loop.answers.contains(only));
}

TEST(TokenSource, PermanentRefusalsAreRememberedShortlyForEveryRun) {
    FakeIssuer idp;
    idp.on_token([](const Seen&) { return refused(401, "invalid_client"); });
    TokenLoop loop;
    for (int i = 0; i < 5; ++i) {
        const TokenResult result = loop.get(idp.credential(), "run-" + std::to_string(i));
        EXPECT_FALSE(result.token);
        EXPECT_TRUE(result.permanent);
        EXPECT_NE(result.message.find("invalid_client"), std::string::npos) << result.message;
    }
    EXPECT_EQ(idp.token_requests(), 1u);

    Credential mended = idp.credential();
    mended.client.secret = Secret("the right one");
    EXPECT_FALSE(loop.get(mended).token);
    EXPECT_EQ(idp.token_requests(), 2u) << "another secret is tried at once";

    idp.on_token([&](const Seen&) { return idp.mint(); });
    loop.pass(Seconds(11));
    EXPECT_EQ(text_of(loop.get(idp.credential())), "token-1-visible");
}

TEST(TokenSource, EveryPermanentCodeEndsAtOnce) {
    FakeIssuer idp;
    TokenLoop loop;
    int scope = 0;
    for (const char* code :
         {"invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
          "invalid_request", "invalid_target", "interaction_required", "unheard_of"}) {
        idp.on_token([code](const Seen&) { return refused(400, code); });
        const std::size_t before = idp.token_requests();
        const TokenResult result = loop.get(idp.credential("s" + std::to_string(++scope)));
        EXPECT_TRUE(result.permanent) << code;
        EXPECT_EQ(idp.token_requests(), before + 1) << code;
    }
}

TEST(TokenSource, RetryAfterIsHonouredWhereThereIsTime) {
    FakeIssuer idp;
    std::atomic<int> asked = 0;
    idp.on_token([&](const Seen&) {
        return ++asked == 1 ? Reply{429, "", {{"Retry-After", "1"}}, "Slow"} : idp.mint();
    });
    TokenLoop loop;
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(text_of(loop.get(idp.credential())), "token-1-visible");
    EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(990));
    EXPECT_EQ(asked, 2);
}

TEST(TokenSource, APauseHoldsForEveryoneAtThatIssuer) {
    FakeIssuer idp;
    for (const int status : {429, 503}) {
        idp.on_token([status](const Seen&) { return Reply{status, "", {{"Retry-After", "120"}}, "Slow"}; });
        TokenLoop loop;
        const std::size_t before = idp.token_requests();
        const TokenResult first = loop.get(idp.credential());
        EXPECT_FALSE(first.token);
        EXPECT_FALSE(first.permanent);
        ASSERT_TRUE(first.retry_after);
        EXPECT_NEAR(first.retry_after->count(), 120, 5);

        const TokenResult other = loop.get(idp.credential("other"), "another run");
        EXPECT_FALSE(other.token);
        ASSERT_TRUE(other.retry_after);
        EXPECT_NEAR(other.retry_after->count(), 120, 5);
        EXPECT_EQ(idp.token_requests(), before + 1);

        idp.on_token([&](const Seen&) { return idp.mint(); });
        loop.pass(Seconds(160));
        EXPECT_TRUE(loop.get(idp.credential()).token);
    }
}

TEST(TokenSource, APauseIsBoundedWhateverTheIssuerAsks) {
    FakeIssuer idp;
    idp.on_token([](const Seen&) { return Reply{429, "", {{"Retry-After", "999999999"}}, "Slow"}; });
    TokenLoop loop;
    const TokenResult result = loop.get(idp.credential());
    ASSERT_TRUE(result.retry_after);
    EXPECT_LE(result.retry_after->count(), 3600);
}

TEST(TokenSource, TheResetTimeOfARateLimitIsAPauseToo) {
    FakeIssuer idp;
    const auto pause_for = [&](const std::string& name, const std::string& value) {
        idp.on_token([=](const Seen&) { return Reply{429, "", {{name, value}}, "Slow"}; });
        TokenLoop loop;
        return loop.get(idp.credential(), "run-1", Seconds(0.5)).retry_after.value_or(Seconds(-1)).count();
    };
    EXPECT_NEAR(pause_for("X-Rate-Limit-Reset", std::to_string(time(nullptr) + 100)), 100, 5);
    EXPECT_NEAR(pause_for("X-RateLimit-Reset", std::to_string(time(nullptr) + 100)), 100, 5);
    for (const char* other : {"60", "soon", "", "-1", "99999999999999999999", "99999999999"}) {
        EXPECT_NEAR(pause_for("X-Rate-Limit-Reset", other), 1, 0.5) << other;
    }
}

TEST(TokenSource, ATokenThatEndedLeavesMemoryByItself) {
    FakeIssuer idp;
    TokenLoop loop;
    EXPECT_TRUE(loop.get(idp.credential("long")).token);
    idp.on_token([&](const Seen&) { return idp.mint(R"(,"expires_in":3)"); });
    std::weak_ptr<const Secret> secret;
    {
        const auto id = loop.ask(idp.credential("short"));
        secret = loop.wait(id).token->access_token;
        loop.answers.clear();
    }
    EXPECT_FALSE(secret.expired());
    EXPECT_TRUE(pump_until(loop.dispatcher, [&] { return secret.expired(); }));
}

TEST(TokenSource, AJoinerWhoCannotWaitForThePauseIsToldAtOnce) {
    FakeIssuer idp;
    idp.on_token([](const Seen&) { return Reply{429, "", {{"Retry-After", "20"}}, "Slow"}; });
    TokenLoop loop;
    const auto patient = loop.ask(idp.credential(), "run-1", Seconds(300));
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return idp.token_requests() == 1; }));
    loop.settle();
    const TokenResult hasty = loop.get(idp.credential(), "run-1", Seconds(10));
    EXPECT_FALSE(hasty.token);
    EXPECT_TRUE(hasty.retry_after);
    EXPECT_FALSE(loop.answers.contains(patient));
    loop.source.cancel(patient);
    loop.settle();
    EXPECT_EQ(idp.token_requests(), 1u);
}

TEST(TokenSource, AnIssuerThatIsDown) {
    Credential credential;
    credential.issuer.url = "http://127.0.0.1:" + std::to_string(closed_port());
    credential.client.client_id = "orders";
    credential.client.secret = Secret("open-sesame-57");
    TokenLoop loop;
    const TokenResult result = loop.get(credential, "run-1", Seconds(2));
    EXPECT_FALSE(result.token);
    EXPECT_FALSE(result.permanent);
    EXPECT_NE(result.message.find("http://127.0.0.1:"), std::string::npos) << result.message;
}

TEST(TokenSource, AnIssuerThatSaysNothingCostsItsTimeoutOnly) {
    SilentPort silent;
    FakeIssuer idp;
    Credential credential = idp.credential();
    credential.issuer.token_endpoint = "http://127.0.0.1:" + std::to_string(silent.port()) + "/token";
    credential.issuer.timeout = Seconds(0.2);
    TokenLoop loop;
    const TokenResult result = loop.get(credential, "run-1", Seconds(1.0));
    EXPECT_FALSE(result.token);
    EXPECT_FALSE(result.permanent);
}

TEST(TokenSource, WhereTheEgressPolicyForbidsTheIssuer) {
    Credential credential;
    credential.issuer.url = "http://10.1.2.3";
    credential.issuer.token_endpoint = "http://10.1.2.3/token";
    credential.client.client_id = "orders";
    credential.client.secret = Secret("open-sesame-57");
    TokenLoop loop;
    const TokenResult result = loop.get(credential);
    EXPECT_FALSE(result.token);
    EXPECT_TRUE(result.permanent);
}

// Answers may ask, cancel and end runs: nothing is answered twice or lost.
TEST(TokenSource, CallbacksMayCallBack) {
    FakeIssuer idp;
    TokenLoop loop;
    const auto deadline = loop.now() + std::chrono::seconds(15);
    std::vector<std::uint64_t> ids;
    int answered = 0;
    bool asked_again = false;
    for (int i = 0; i < 10; ++i) {
        ids.push_back(loop.source.get(idp.credential(), "run-1", "app", deadline, [&](TokenResult&& result) {
            ++answered;
            EXPECT_TRUE(result.token);
            for (const std::uint64_t id : ids)
                loop.source.cancel(id);
            loop.source.drop(idp.credential(), "run-1", result.token->generation);
            loop.source.end_run("run-2", nullptr);
            loop.source.get(idp.credential(), "run-1", "app", deadline, [&](TokenResult&& again) {
                asked_again = again.token.has_value();
                loop.source.end_run("run-1", nullptr);
            });
        }));
    }
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return asked_again; }));
    loop.settle();
    EXPECT_EQ(answered, 1);
    EXPECT_EQ(idp.token_requests(), 2u);
}

TEST(TokenSource, DestructionInEveryStageLeavesNothing) {
    FakeIssuer idp;
    std::promise<void> open;
    const std::shared_future<void> gate = open.get_future().share();
    idp.on_token([&, gate](const Seen& seen) {
        if (seen.body.find("slow") != std::string::npos) gate.wait();
        return seen.body.find("later") != std::string::npos ? Reply{500, "", {}, "Error"} : idp.mint();
    });
    auto dispatcher_loop = std::make_unique<TokenLoop>();
    TokenLoop& loop = *dispatcher_loop;
    EXPECT_TRUE(loop.get(idp.credential()).token);
    loop.ask(idp.credential("slow"));
    loop.ask(idp.credential("later"));
    ASSERT_TRUE(pump_until(loop.dispatcher, [&] { return idp.token_requests() >= 3; }));
    loop.ask(idp.credential());
    loop.end_run("run-1");
    loop.ask(idp.credential("new"));
    dispatcher_loop.reset();
    open.set_value();
}

}  // namespace
}  // namespace flowctl::net::test
