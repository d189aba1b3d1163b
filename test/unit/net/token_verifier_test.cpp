// TokenVerifier: key sets that are fetched, kept, rotated and missing.
#include "net/token_verifier.hpp"

#include <gtest/gtest.h>

#include "jose_test_support.hpp"
#include "net/encoding.hpp"
#include "oidc_test_support.hpp"

namespace flowctl::net::test {
namespace {

class Verify : public ::testing::Test {
  protected:
    Verify() {
        published = {public_jwk(one, R"(,"kid":"one")")};
        idp.on_discovery([this](const Seen&) { return FakeIssuer::json(idp.metadata()); });
        idp.on_keys([this](const Seen&) {
            if (keys_status != 200) return Reply{keys_status, "", {}, "No"};
            return FakeIssuer::json(jwks(published));
        });
    }
    std::string token(const Key& key, const std::string& kid, const std::string& more = "") {
        const auto now = std::chrono::duration_cast<std::chrono::seconds>(clock.system().time_since_epoch());
        return signed_token(key, "ES256", R"({"alg":"ES256","typ":"at+jwt","kid":")" + kid + "\"}",
                            R"({"iss":")" + idp.identifier() + R"(","aud":"us","sub":"alice","exp":)" +
                                std::to_string(now.count() + 100000) + more + "}");
    }
    // "alice", or the message in brackets.
    std::string subject(const std::string& text) {
        JwtExpectation expected;
        expected.issuer = idp.identifier();
        expected.audience = "us";
        expected.algorithms = {"ES256"};
        std::optional<VerifyResult> result;
        const std::uint64_t id =
            verifier.verify(idp.issuer(), "app", std::make_shared<const Secret>(text), expected,
                            [&](VerifyResult&& given) { result = std::move(given); });
        EXPECT_GT(id, 0u);
        EXPECT_FALSE(result) << "answered from verify()";
        EXPECT_TRUE(pump_until(dispatcher, [&] { return result.has_value(); }));
        if (const auto* claims = std::get_if<JsonObject>(&*result))
            return std::string(*claims->string("sub"));
        rejection = std::get<TokenRejection>(*result);
        return "[" + rejection.message + "]";
    }
    std::size_t fetches() { return idp.server().request_count("/jwks"); }
    void pass(Seconds length) { *offset += length; }

    static Settings loopback() {
        Settings settings;
        settings.egress_allow = "127.0.0.0/8";
        return settings;
    }
    TokenClock shifted() {
        TokenClock out;
        out.steady = [shift = offset] {
            return std::chrono::steady_clock::now() +
                   std::chrono::duration_cast<std::chrono::steady_clock::duration>(*shift);
        };
        return out;
    }

    FakeIssuer idp;
    Key one = ec_key("P-256");
    Key two = ec_key("P-256");
    std::vector<std::string> published;
    int keys_status = 200;
    std::shared_ptr<Seconds> offset = std::make_shared<Seconds>(0);
    TokenClock clock = shifted();
    Dispatcher dispatcher{loopback()};
    TokenVerifier verifier{dispatcher, clock};
    TokenRejection rejection;
};

TEST_F(Verify, KeysAreFetchedOnce) {
    EXPECT_EQ(subject(token(one, "one")), "alice");
    EXPECT_EQ(subject(token(one, "one")), "alice");
    EXPECT_EQ(fetches(), 1u);
    pass(Seconds(601));
    EXPECT_EQ(subject(token(one, "one")), "alice");
    EXPECT_EQ(fetches(), 2u);
}

TEST_F(Verify, ARotatedKeyIsFoundAtMostEveryHalfMinute) {
    EXPECT_EQ(subject(token(one, "one")), "alice");
    published.push_back(public_jwk(two, R"(,"kid":"two")"));
    EXPECT_EQ(subject(token(two, "two")), "[no key of the issuer fits the token]") << "asked a moment ago";
    EXPECT_EQ(fetches(), 1u);
    pass(Seconds(31));
    EXPECT_EQ(subject(token(two, "two")), "alice");
    EXPECT_EQ(fetches(), 2u);
    for (int i = 0; i < 20; ++i)
        subject(token(two, "made-up-" + std::to_string(i)));
    EXPECT_EQ(fetches(), 2u) << "nobody makes us ask more often";
    EXPECT_EQ(rejection.fault, JwtFault::UnknownKey);
    EXPECT_FALSE(rejection.transient);
}

TEST_F(Verify, ManyAtOnceShareAFetch) {
    int answered = 0;
    JwtExpectation expected;
    expected.issuer = idp.identifier();
    expected.audience = "us";
    expected.algorithms = {"ES256"};
    const auto text = std::make_shared<const Secret>(token(one, "one"));
    std::uint64_t last = 0;
    for (int i = 0; i < 10; ++i)
        last = verifier.verify(idp.issuer(), "app", text, expected, [&](VerifyResult&& result) {
            EXPECT_EQ(result.index(), 0u);
            ++answered;
        });
    verifier.cancel(last);
    EXPECT_TRUE(pump_until(dispatcher, [&] { return answered == 9; }));
    EXPECT_EQ(fetches(), 1u);
}

TEST_F(Verify, AnIssuerThatIsDownIsToldAsSuch) {
    keys_status = 503;
    EXPECT_NE(subject(token(one, "one")).find("HTTP 503"), std::string::npos);
    EXPECT_TRUE(rejection.transient);
    keys_status = 200;
    EXPECT_NE(subject(token(one, "one")).find("HTTP 503"), std::string::npos) << "not asked again at once";
    pass(Seconds(31));
    EXPECT_EQ(subject(token(one, "one")), "alice");
    pass(Seconds(601));
    keys_status = 503;
    EXPECT_EQ(subject(token(one, "one")), "alice") << "the keys that we have are still his";
}

TEST_F(Verify, ForgeriesFail) {
    EXPECT_EQ(subject(token(two, "one")), "[token's signature is wrong]");
    EXPECT_FALSE(rejection.transient);
    EXPECT_EQ(subject("not a token"), "[token is not a JWT]");
    EXPECT_EQ(fetches(), 1u);
}

}  // namespace
}  // namespace flowctl::net::test
