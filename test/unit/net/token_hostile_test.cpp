// Documents and tokens changed at random: whatever comes in, the answer is a result, and memory stays sound.
#include <gtest/gtest.h>

#include <random>

#include "net/crypto/encoding.hpp"
#include "net/crypto/jose.hpp"
#include "net/tokens/discovery.hpp"
#include "net/tokens/issuer_trouble.hpp"
#include "net/tokens/token_endpoint.hpp"

namespace flowctl::net {
namespace {

// The same changes in every run of the tests.
class Mutator {
  public:
    std::string change(std::string text) {
        const int changes = static_cast<int>(random_() % 4) + 1;
        for (int i = 0; i < changes && !text.empty(); ++i) {
            const std::size_t at = random_() % text.size();
            switch (random_() % 5) {
                case 0:
                    text[at] = static_cast<char>(random_());
                    break;
                case 1:
                    text.erase(at, random_() % 8);
                    break;
                case 2:
                    text.insert(at, 1, "{}[]\",:\\0\xff"[random_() % 10]);
                    break;
                case 3:
                    text.insert(at, text.substr(random_() % text.size(), random_() % 20));
                    break;
                case 4:
                    text.resize(at);
                    break;
            }
        }
        return text;
    }

  private:
    std::mt19937 random_{20260101};
};

constexpr int kRounds = 5000;

TEST(Hostile, TokenAnswers) {
    Credential credential;
    credential.issuer.url = "https://idp.example";
    credential.client.secret = Secret("open-sesame-57");
    credential.scope = "a b";
    const std::string good =
        R"({"access_token":"e30.eyJqdGkiOiJ4In0.c2ln","token_type":"Bearer","expires_in":3600,"scope":"a b"})";
    const std::string bad =
        R"({"error":"invalid_client","error_description":"it is \"open-sesame-57\" \u0007 [x]"})";
    Mutator mutator;
    int tokens = 0;
    for (int i = 0; i < kRounds; ++i) {
        Answer answer;
        answer.status = i % 2 == 0 ? 200 : 401;
        answer.body = mutator.change(i % 2 == 0 ? good : bad);
        const TokenAnswer result = read_token_answer(credential, answer);
        ASSERT_TRUE(result.token || result.trouble);
        if (result.token && !result.trouble) ++tokens;
        if (result.token) {
            for (const char c : result.token->access_token.reveal())
                ASSERT_TRUE(c > ' ' && c <= '~');
            ASSERT_GT(result.token->lifetime.count(), 0);
        }
        if (result.trouble) {
            ASSERT_LT(result.trouble->message.size(), 700u);
            ASSERT_EQ(result.trouble->message.find("open-sesame-57"), std::string::npos);
            for (const char c : result.trouble->message)
                ASSERT_TRUE(c >= ' ' && c <= '~');
        }
    }
    EXPECT_GT(tokens, 0) << "some changes do no harm";
    EXPECT_LT(tokens, kRounds / 4) << "most do";
}

TEST(Hostile, DiscoveryDocuments) {
    Issuer issuer;
    issuer.url = "https://idp.example";
    const std::string good =
        R"({"issuer":"https://idp.example","token_endpoint":"https://idp.example/token","revocation_endpoint":)"
        R"("https://idp.example/revoke","jwks_uri":"https://idp.example/jwks","scopes_supported":["a",{"b":[1]}]})";
    Mutator mutator;
    for (int i = 0; i < kRounds; ++i) {
        const std::string document = mutator.change(good);
        const auto key_set = read_key_set_url(issuer, document);
        ASSERT_TRUE(key_set.index() == 1 || std::get<0>(key_set).starts_with("https://"));
        const auto result = read_discovery(issuer, document);
        if (const auto* endpoints = std::get_if<Endpoints>(&result)) {
            for (const std::string& url : {endpoints->token, endpoints->revocation})
                ASSERT_TRUE(url.empty() || url.starts_with("https://")) << url;
        } else {
            for (const char c : std::get<std::string>(result))
                ASSERT_TRUE(c >= ' ' && c <= '~');
        }
    }
}

TEST(Hostile, TokensThatLookLikeJwts) {
    const std::string good = base64url_encode(R"({"alg":"RS256"})") + '.' +
                             base64url_encode(R"({"jti":"x","a":[1,{"b":2}]})") + ".c2ln";
    Mutator mutator;
    for (int i = 0; i < kRounds; ++i) {
        const auto jti = unverified_jti(mutator.change(good));
        if (jti) {
            ASSERT_FALSE(jti->empty());
        }
    }
}

TEST(Hostile, QuotedText) {
    Mutator mutator;
    const std::string seed =
        "bad open-sesame-57 eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJvcmRlcnMifQ.c2lnbmF0dXJl (x) \n\x1b";
    for (int i = 0; i < kRounds; ++i) {
        const std::string quoted = quote_foreign(mutator.change(seed), {"open-sesame-57"}, 80);
        ASSERT_LE(quoted.size(), 83u);
        ASSERT_EQ(quoted.find("open-sesame-57"), std::string::npos);
        for (const char c : quoted)
            ASSERT_TRUE(c >= ' ' && c <= '~');
    }
}

}  // namespace
}  // namespace flowctl::net
