// Client: calls with tokens from an issuer, over real sockets - the 401 flow, echoes, deadlines, ends of
// runs.
#include "net/client.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>
#include <stdexcept>

#include "base/base64.hpp"
#include "net/crypto/encoding.hpp"
#include "net/http/url.hpp"
#include "test_server.hpp"

namespace flowctl::net::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// An issuer that gives the tokens "token-1-secret/abc", "token-2-secret/abc", ... and accepts revocations.
class Issuer {
  public:
    Issuer()
        : server_(TestServer::RawHandler(
                      [this](const Seen& seen, Connection& connection) { answer(seen, connection); }),
                  ca_.issue("DNS:localhost")) {}

    Credential credential(const std::string& scope = "charge:write") const {
        Credential out;
        out.issuer.url = server_.origin();
        out.issuer.ca_file = ca_.file();
        out.client.client_id = "orders";
        out.client.secret = Secret("hunter2-client-secret");
        out.scope = scope;
        return out;
    }
    std::size_t tokens_given() const { return server_.request_count("/token"); }
    const TestServer& server() const { return server_; }

    std::atomic<bool> silent = false;         // the token endpoint never answers
    std::atomic<int> refuse_after = 1 << 30;  // invalid_client from this token on

  private:
    void answer(const Seen& seen, Connection& connection) {
        const auto json = [&](int status, std::string body) {
            connection.reply({status, std::move(body), {{"Content-Type", "application/json"}}, "x"});
        };
        if (seen.path() == "/.well-known/openid-configuration") {
            const std::string self = server_.origin();
            json(200, "{\"issuer\":\"" + self + "\",\"token_endpoint\":\"" + self +
                          "/token\",\"revocation_endpoint\":\"" + self + "/revoke\",\"jwks_uri\":\"" + self +
                          "/jwks\"}");
        } else if (seen.path() == "/token") {
            if (silent) return connection.wait_for_close();
            const int number = ++given_;
            if (number >= refuse_after) return json(401, "{\"error\":\"invalid_client\"}");
            json(200, "{\"access_token\":\"token-" + std::to_string(number) +
                          "-secret/abc\",\"token_type\":\"bearer\",\"expires_in\":300}");
        } else if (seen.path() == "/revoke") {
            json(200, "");
        } else {
            json(404, "{}");
        }
    }

    TestCa ca_;
    std::atomic<int> given_ = 0;
    TestServer server_;
};

std::string token(int number) {
    return "token-" + std::to_string(number) + "-secret/abc";
}

class Calls : public ::testing::Test {
  protected:
    static Settings settings() {
        Settings out;
        out.egress_allow = "127.0.0.0/8, ::1";
        return out;
    }
    Request request(std::string url, bool with_token = true) {
        Request out;
        out.id = ++last_id_;
        out.run = "run-1";
        out.egress_role = "app";
        out.url = std::move(url);
        out.body = "{\"n\":1}";
        out.timeout = Seconds(15);
        if (with_token) out.credential = std::make_shared<Credential>(issuer_.credential());
        return out;
    }
    bool pump(std::function<bool()> until) {
        return pump_until(client_, [&] {
            while (auto response = client_.next_completed()) {
                EXPECT_FALSE(responses_.contains(response->id)) << "answered twice";
                responses_[response->id] = *std::move(response);
            }
            while (auto revocation = client_.next_revocation())
                revocations_.push_back(*std::move(revocation));
            return until();
        });
    }
    Response run(Request given) {
        const std::uint64_t id = given.id;
        client_.start(std::move(given));
        EXPECT_TRUE(pump([&] { return responses_.contains(id); })) << "no response";
        return responses_[id];
    }

    std::uint64_t last_id_ = 0;
    Issuer issuer_;
    Client client_{settings()};
    std::map<std::uint64_t, Response> responses_;
    std::vector<Revocation> revocations_;
};

Reply ok(const Seen&) {
    return {200, "fine", {}, "OK"};
}

TEST_F(Calls, WithoutCredential) {
    TestServer server(ok);
    const Response response = run(request(server.url("/x"), false));
    EXPECT_EQ(response.failure, Failure::None) << response.message;
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "fine");
    EXPECT_EQ(response.sends, 1);
    EXPECT_FALSE(response.token);
    EXPECT_EQ(response.request_bytes, 7u);
    EXPECT_EQ(server.requests().front().count("authorization"), 0);
    EXPECT_EQ(issuer_.server().request_count(), 0u);
    EXPECT_EQ(client_.calls_under_way(), 0u);
    EXPECT_EQ(client_.timeout_ms() == 0, false);
}

TEST_F(Calls, TokenIsSentAndKeptForTheRun) {
    TestServer server(ok);
    const Response first = run(request(server.url("/x")));
    ASSERT_EQ(first.status, 200) << first.message;
    EXPECT_EQ(server.requests().back().header("authorization"), "Bearer " + token(1));
    EXPECT_EQ(server.requests().back().header("dpop"), "") << "a bearer token has no proof";
    EXPECT_EQ(server.requests().back().body, "{\"n\":1}");
    ASSERT_TRUE(first.token);
    EXPECT_FALSE(first.token->fingerprint.empty());
    EXPECT_GT(first.token->expires_at, std::chrono::system_clock::now());
    run(request(server.url("/x")));
    EXPECT_EQ(issuer_.tokens_given(), 1u);
    Request other = request(server.url("/x"));
    other.run = "run-2";
    run(std::move(other));
    EXPECT_EQ(issuer_.tokens_given(), 2u) << "a token belongs to one run";
    EXPECT_EQ(server.requests().back().header("authorization"), "Bearer " + token(2));
}

TEST_F(Calls, UnauthorizedGetsOneFreshToken) {
    TestServer server([](const Seen& seen) {
        return seen.header("authorization") == "Bearer " + token(1) ? Reply{401, "no", {}, "Unauthorized"}
                                                                    : Reply{};
    });
    const Response response = run(request(server.url("/x")));
    EXPECT_EQ(response.status, 200) << response.message;
    EXPECT_EQ(response.sends, 2);
    EXPECT_EQ(issuer_.tokens_given(), 2u);
    EXPECT_EQ(server.requests().back().body, "{\"n\":1}") << "the same request again";
    EXPECT_EQ(run(request(server.url("/x"))).sends, 1) << "the fresh one is kept";
}

TEST_F(Calls, UnauthorizedTwiceIsTheAnswer) {
    TestServer server([](const Seen&) {
        return Reply{401, "no", {{"WWW-Authenticate", "Bearer"}}, "Unauthorized"};
    });
    const Response response = run(request(server.url("/x")));
    EXPECT_EQ(response.failure, Failure::None);
    EXPECT_EQ(response.status, 401);
    EXPECT_EQ(response.body, "no");
    EXPECT_EQ(response.sends, 2);
    EXPECT_EQ(server.request_count(), 2u);
    EXPECT_EQ(issuer_.tokens_given(), 2u);
    EXPECT_EQ(run(request(server.url("/x"), false)).sends, 1) << "without a token there is nothing to renew";
}

TEST_F(Calls, ForbiddenKeepsTheToken) {
    TestServer server([](const Seen&) { return Reply{403, "no", {}, "Forbidden"}; });
    EXPECT_EQ(run(request(server.url("/x"))).sends, 1);
    EXPECT_EQ(run(request(server.url("/x"))).status, 403);
    EXPECT_EQ(issuer_.tokens_given(), 1u);
}

TEST_F(Calls, NoFreshTokenAfterUnauthorized) {
    issuer_.refuse_after = 2;
    TestServer server([](const Seen&) { return Reply{401, "no", {}, "Unauthorized"}; });
    const Response response = run(request(server.url("/x")));
    EXPECT_EQ(response.failure, Failure::Credential);
    EXPECT_TRUE(response.credential_permanent);
    EXPECT_EQ(response.sends, 1);
    EXPECT_EQ(response.message.find("hunter2"), response.message.npos);
}

TEST_F(Calls, RefusedByTheIssuer) {
    issuer_.refuse_after = 1;
    TestServer server(ok);
    const Response response = run(request(server.url("/x")));
    EXPECT_EQ(response.failure, Failure::Credential);
    EXPECT_TRUE(response.credential_permanent);
    EXPECT_EQ(response.sends, 0);
    EXPECT_FALSE(response.token);
    EXPECT_EQ(server.request_count(), 0u);
}

// What may not be sent is refused before anybody is asked for a token.
TEST_F(Calls, RefusedBeforeAToken) {
    TestServer server(ok);
    for (const auto& [name, value] : std::vector<Header>{{"Authorization", "Bearer mine"},
                                                         {"AUTHORIZATION", "x"},
                                                         {"X-A", "a\r\nAuthorization: b"},
                                                         {"X-A", "a\nb"},
                                                         {"Host", "evil.example"},
                                                         {"Proxy-Authorization", "x"},
                                                         {"X\r\nB", "c"}}) {
        Request given = request(server.url("/x"));
        given.headers = {{name, value}};
        const Response response = run(std::move(given));
        EXPECT_EQ(response.failure, Failure::Refused) << name;
        EXPECT_FALSE(response.message.empty());
        EXPECT_EQ(response.message.find("mine"), response.message.npos);
    }
    for (const char* url : {"https://10.0.0.1/", "http://8.8.8.8/", "https://169.254.169.254/",
                            "ftp://a.example/", "https://u@a.example/"})
        EXPECT_EQ(run(request(url)).failure, Failure::Refused) << url;
    EXPECT_EQ(issuer_.server().request_count(), 0u);
    EXPECT_EQ(server.connections(), 0);
}

TEST_F(Calls, EchoIsRedacted) {
    TestServer server([](const Seen& seen) {
        const std::string sent = seen.header("authorization").substr(7);
        std::string json;
        for (char c : sent)
            json += c == '/' ? std::string("\\/") : std::string(1, c);
        return Reply{400,
                     "{\"raw\":\"" + sent + "\",\"json\":\"" + json + "\",\"url\":\"" + percent_encode(sent) +
                         "\",\"basic\":\"" + base64_encode("Bearer " + sent) + "\",\"url64\":\"" +
                         base64url_encode(sent) + "\"}",
                     {{"X-Echo", "Bearer " + sent}, {"X-" + sent.substr(0, 5), "kept"}},
                     "Bad " + sent};
    });
    const Response response = run(request(server.url("/x")));
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(response.status_text, "Bad [redacted]");
    EXPECT_TRUE(response.body.starts_with(
        "{\"raw\":\"[redacted]\",\"json\":\"[redacted]\",\"url\":\"[redacted]\",\"basic\":\""))
        << response.body;
    EXPECT_TRUE(response.body.ends_with("[redacted]\"}")) << response.body;
    EXPECT_EQ(response.body.find("secret"), response.body.npos);
    bool seen = false;
    for (const auto& [name, value] : response.headers) {
        if (name != "x-echo") continue;
        EXPECT_EQ(value, "Bearer [redacted]");
        seen = true;
    }
    EXPECT_TRUE(seen);
}

// An endpoint may have kept what other calls of the run brought it: the sixteen newest tokens are looked for.
TEST_F(Calls, EchoesOfOtherTokensOfTheRunAreRedacted) {
    TestServer server([](const Seen&) {
        std::string all;
        for (int i = 1; i <= 18; ++i)
            all += token(i) + ' ';
        return Reply{200, all, {}, "OK"};
    });
    Response last;
    for (int i = 1; i <= 18; ++i) {
        Request one = request(server.url("/x"), false);
        one.credential = std::make_shared<Credential>(issuer_.credential("scope-" + std::to_string(i)));
        last = run(std::move(one));
    }
    EXPECT_EQ(issuer_.tokens_given(), 18u);
    for (int i = 1; i <= 18; ++i)
        EXPECT_EQ(last.body.find(token(i)) == last.body.npos, i > 2) << i;
    Request other_run = request(server.url("/x"), false);
    other_run.run = "run-2";
    EXPECT_NE(run(std::move(other_run)).body.find(token(18)), std::string::npos) << "nobody's in run-2";
}

// What the caller itself brings: sent as a header, or only known, and never in an answer.
TEST_F(Calls, SecretHeaders) {
    TestServer server([](const Seen& seen) {
        return Reply{200, seen.header("x-password") + " and earlier-secret", {}, "OK"};
    });
    Request with_secret = request(server.url("/x"));
    with_secret.credential.reset();
    with_secret.secret_headers.push_back({"X-Password", std::make_shared<const Secret>("present-secret")});
    with_secret.redacted.push_back(std::make_shared<const Secret>("earlier-secret"));
    const Response response = run(std::move(with_secret));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "[redacted] and [redacted]");
    Request without = request(server.url("/x"));
    without.credential.reset();
    EXPECT_EQ(run(std::move(without)).body, " and earlier-secret");
}

TEST_F(Calls, EchoOfTheTokenBeforeTheFreshOne) {
    TestServer server([](const Seen& seen) {
        return seen.header("authorization") == "Bearer " + token(1)
                   ? Reply{401, "no", {}, "Unauthorized"}
                   : Reply{200, "old " + token(1) + " new " + token(2) + " other " + token(3), {}, "OK"};
    });
    EXPECT_EQ(run(request(server.url("/x"))).body, "old [redacted] new [redacted] other " + token(3));
}

// One endpoint of a run tells what it got to another, which has no credential; other runs' tokens are not
// looked for.
TEST_F(Calls, EchoOfAnotherCallsToken) {
    TestServer server([](const Seen&) {
        return Reply{200, "kept " + token(1), {{"X-Kept", token(1)}}, "OK"};
    });
    EXPECT_EQ(run(request(server.url("/x"))).body, "kept [redacted]");
    Request plain = request(server.url("/y"));
    plain.credential.reset();
    const Response response = run(std::move(plain));
    EXPECT_EQ(response.body, "kept [redacted]");
    for (const auto& [name, value] : response.headers)
        EXPECT_EQ(value.find(token(1)), value.npos) << name;
}

TEST_F(Calls, RetryAfter) {
    TestServer server([](const Seen&) { return Reply{503, "", {{"Retry-After", "7"}}, "Busy"}; });
    const Response response = run(request(server.url("/x")));
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(response.retry_after, Seconds(7));
}

TEST_F(Calls, TimeoutCoversTheToken) {
    issuer_.silent = true;
    TestServer server(ok);
    Request given = request(server.url("/x"));
    given.timeout = Seconds(0.3);
    const Response response = run(std::move(given));
    EXPECT_EQ(response.failure, Failure::Timeout) << response.message;
    EXPECT_EQ(response.sends, 0);
    EXPECT_LT(response.duration.count(), 5);
    EXPECT_EQ(server.request_count(), 0u);
}

TEST_F(Calls, TimeoutOfTheAnswer) {
    TestServer server([](const Seen& seen, Connection& connection) {
        seen.path() == "/ready" ? connection.reply({}) : connection.wait_for_close();
    });
    ASSERT_EQ(run(request(server.url("/ready"))).status, 200) << "the token is there";
    Request given = request(server.url("/x"));
    given.timeout = Seconds(0.5);
    const Response response = run(std::move(given));
    EXPECT_EQ(response.failure, Failure::Timeout);
    EXPECT_EQ(response.sends, 1);
    EXPECT_TRUE(response.token) << "a token that left is reported";
}

// Cancellation

TEST_F(Calls, CancelInEveryPhase) {
    TestServer server([](const Seen&, Connection& connection) { connection.wait_for_close(); });
    issuer_.silent = true;
    client_.start(request(server.url("/a")));
    const std::uint64_t at_issuer = last_id_;
    ASSERT_TRUE(pump([&] { return issuer_.tokens_given() == 1; }));
    client_.cancel(at_issuer);
    EXPECT_EQ(client_.calls_under_way(), 0u);

    issuer_.silent = false;
    Request with_token = request(server.url("/b"));
    with_token.credential =
        std::make_shared<Credential>(issuer_.credential("other"));  // the first one's token may yet arrive
    client_.start(std::move(with_token));
    const std::uint64_t sent = last_id_;
    ASSERT_TRUE(pump([&] { return server.request_count("/b") == 1; }));
    client_.cancel(sent);
    client_.cancel(sent);

    client_.start(request("ftp://a.example/"));
    EXPECT_EQ(client_.timeout_ms(), 0) << "a response is ready";
    client_.cancel(last_id_);
    EXPECT_FALSE(client_.next_completed());

    EXPECT_TRUE(pump([&] { return server.open_connections() == 0; }));
    EXPECT_TRUE(responses_.empty());
    EXPECT_EQ(client_.calls_under_way(), 0u);
}

TEST_F(Calls, DestructionReturnsAtOnce) {
    TestServer server([](const Seen&, Connection& connection) { connection.wait_for_close(); });
    Client client(settings());
    auto other = std::make_unique<Client>(settings());
    for (int i = 0; i < 10; ++i)
        other->start(request(server.url("/x"), i % 2 == 0));
    for (int i = 0; i < 10; ++i)
        other->start(request("https://name-" + std::to_string(i) + ".invalid/", false));
    ASSERT_TRUE(pump_until(*other, [&] { return server.request_count() == 10; }));
    const auto begin = Clock::now();
    other.reset();
    EXPECT_LT(Clock::now() - begin, 3s);
}

// Ends of runs

TEST_F(Calls, EndOfARunRevokesItsTokens) {
    TestServer server(ok);
    const Response response = run(request(server.url("/x")));
    ASSERT_TRUE(response.token);
    client_.end_run("run-1");
    ASSERT_TRUE(pump([&] { return revocations_.size() == 1; }));
    EXPECT_EQ(revocations_[0].run, "run-1");
    EXPECT_TRUE(revocations_[0].revoked) << revocations_[0].message;
    EXPECT_EQ(revocations_[0].fingerprint, response.token->fingerprint);
    EXPECT_EQ(issuer_.server().request_count("/revoke"), 1u);
    run(request(server.url("/x")));
    EXPECT_EQ(server.requests().back().header("authorization"), "Bearer " + token(2))
        << "the old one is forgotten";
}

TEST_F(Calls, EndOfARunWithCallsUnderWay) {
    TestServer server([](const Seen&, Connection& connection) { connection.wait_for_close(); });
    client_.start(request(server.url("/sent")));
    const std::uint64_t sent = last_id_;
    ASSERT_TRUE(pump([&] { return server.request_count() == 1; }));
    issuer_.silent = true;
    Request at_issuer = request(server.url("/waiting"));
    at_issuer.credential = std::make_shared<Credential>(issuer_.credential("other"));
    const std::uint64_t waiting = at_issuer.id;
    client_.start(std::move(at_issuer));
    ASSERT_TRUE(pump([&] { return issuer_.tokens_given() == 2; }));
    Request of_another = request(server.url("/another"), false);
    of_another.run = "run-2";
    const std::uint64_t another = of_another.id;
    client_.start(std::move(of_another));
    ASSERT_TRUE(pump([&] { return server.request_count("/another") == 1; }));

    client_.end_run("run-1");
    ASSERT_TRUE(pump([&] { return responses_.size() == 2; }));
    EXPECT_EQ(responses_[sent].failure, Failure::Protocol);
    EXPECT_EQ(responses_[sent].message, "the run has ended");
    EXPECT_EQ(responses_[waiting].failure, Failure::Protocol);
    EXPECT_EQ(client_.calls_under_way(), 1u);
    EXPECT_TRUE(pump([&] { return server.open_connections() == 1; })) << "their connections are gone";
    EXPECT_TRUE(pump([&] { return revocations_.size() == 1; }));
    client_.cancel(another);
}

TEST_F(Calls, SameIdTwiceIsABug) {
    TestServer server(ok);
    Request first = request(server.url("/x"), false);
    Request second = request(server.url("/x"), false);
    second.id = first.id;
    client_.start(std::move(first));
    EXPECT_THROW(client_.start(std::move(second)), std::logic_error);
    EXPECT_TRUE(pump([&] { return responses_.size() == 1; }));
}

TEST_F(Calls, ManyAtOnceShareOneToken) {
    TestServer server(ok);
    for (int i = 0; i < 200; ++i)
        client_.start(request(server.url("/x")));
    ASSERT_TRUE(pump([&] { return responses_.size() == 200; }));
    for (const auto& [id, response] : responses_)
        EXPECT_EQ(response.status, 200) << response.message;
    EXPECT_EQ(issuer_.tokens_given(), 1u);
}

TEST_F(Calls, ConfigureRefusesNonsense) {
    Settings bad;
    bad.egress_allow = "banana";
    EXPECT_THROW(client_.configure(bad), std::invalid_argument);
    EXPECT_THROW(Client{bad}, std::invalid_argument);
    client_.configure(Settings{});
    TestServer server(ok);
    EXPECT_EQ(run(request(server.url("/x"), false)).failure, Failure::Refused);
}

}  // namespace
}  // namespace flowctl::net::test
