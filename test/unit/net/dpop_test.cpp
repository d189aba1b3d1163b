// DPoP from end to end: proofs at the issuer and at the resource, nonces of both, and the end of a run's key.
#include "net/tokens/dpop.hpp"

#include <gtest/gtest.h>

#include <set>

#include "jose_test_support.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "net/crypto/jwks.hpp"
#include "token_test_support.hpp"

namespace flowctl::net::test {
namespace {

struct Proof {
    JsonObject header;
    JsonObject claims;
    std::string thumbprint;
};

// What a server reads of a proof, its signature checked with the key that it carries.
std::optional<Proof> read_proof(const std::string& proof) {
    const auto header_text = base64url_decode(proof.substr(0, proof.find('.')));
    if (!header_text) return std::nullopt;
    const auto parsed = JsonObject::parse(*header_text);
    const auto* header = std::get_if<JsonObject>(&parsed);
    const auto jwk = header != nullptr ? header->object("jwk") : std::nullopt;
    if (!jwk) return std::nullopt;
    const auto key = public_key_of(*jwk);
    if (!key) return std::nullopt;
    auto checked = check_jwt(proof, key, "ES256");
    if (!checked) return std::nullopt;
    return Proof{std::move(checked->header), std::move(checked->claims),
                 base64url_encode(sha256(public_jwk_of(key.get()).text()))};
}

class Dpop : public ::testing::Test {
  protected:
    Dpop() {
        idp.on_token([this](const Seen& seen) { return issue(seen); });
    }
    Reply issue(const Seen& seen) {
        const auto proof = read_proof(seen.header("dpop"));
        if (!proof) return FakeIssuer::json(R"({"error":"invalid_dpop_proof"})", 400);
        proofs.push_back(*proof);
        if (!nonce.empty() && proof->claims.string("nonce") != nonce) {
            Reply reply = FakeIssuer::json(R"({"error":"use_dpop_nonce"})", 400);
            reply.headers.emplace_back("DPoP-Nonce", nonce);
            return reply;
        }
        const std::string token =
            signed_token(key, "ES256", R"({"alg":"ES256","typ":"at+jwt"})",
                         R"({"sub":"app","jti":")" + random_id() + R"(","cnf":{"jkt":")" +
                             (bound_to.empty() ? proof->thumbprint : bound_to) + R"("}})");
        return FakeIssuer::json(R"({"access_token":")" + token + R"(","token_type":")" + token_type +
                                R"(","expires_in":300})");
    }
    Credential credential() {
        Credential out = idp.credential();
        out.dpop = true;
        return out;
    }

    FakeIssuer idp;
    TokenLoop loop;
    const Key key = ec_key("P-256");
    std::vector<Proof> proofs;
    std::string nonce;
    std::string bound_to;
    std::string token_type = "DPoP";
};

TEST_F(Dpop, TheIssuerGetsAProofForItsTokenEndpoint) {
    const TokenResult result = loop.get(credential());
    ASSERT_TRUE(result.token) << result.message;
    EXPECT_EQ(result.token->token_type, "DPoP");
    ASSERT_EQ(proofs.size(), 1u);
    EXPECT_EQ(proofs[0].header.string("typ"), "dpop+jwt");
    EXPECT_FALSE(proofs[0].header.object("jwk")->string("d")) << "the public half only";
    EXPECT_EQ(proofs[0].claims.string("htm"), "POST");
    EXPECT_EQ(proofs[0].claims.string("htu"), idp.url("/token"));
    EXPECT_TRUE(proofs[0].claims.string("jti"));
    EXPECT_FALSE(proofs[0].claims.string("ath"));
}

TEST_F(Dpop, ANonceIsUsedAndKept) {
    nonce = "first-nonce";
    EXPECT_TRUE(loop.get(credential(), "run-1").token);
    EXPECT_EQ(proofs.size(), 2u) << "asked once more, with it";
    EXPECT_TRUE(loop.get(credential(), "run-2").token);
    EXPECT_EQ(proofs.size(), 3u) << "known by now";
    nonce = "second-nonce";
    EXPECT_TRUE(loop.get(credential(), "run-3").token);
    EXPECT_EQ(proofs.size(), 5u);
    std::set<std::string> jtis;
    for (const Proof& proof : proofs)
        jtis.insert(std::string(*proof.claims.string("jti")));
    EXPECT_EQ(jtis.size(), 5u) << "each proof is new";
}

TEST_F(Dpop, AnIssuerThatIsNeverContentIsAskedTwice) {
    int asked = 0;
    idp.on_token([&](const Seen&) {
        Reply reply = FakeIssuer::json(R"({"error":"use_dpop_nonce"})", 400);
        reply.headers.emplace_back("DPoP-Nonce", "nonce-" + std::to_string(++asked));
        return reply;
    });
    EXPECT_FALSE(loop.get(credential()).token);
    EXPECT_EQ(asked, 2);
}

TEST_F(Dpop, ABearerTokenInsteadIsRefused) {
    token_type = "Bearer";
    const TokenResult result = loop.get(credential());
    EXPECT_TRUE(result.permanent);
    EXPECT_NE(result.message.find("DPoP"), std::string::npos) << result.message;
    loop.end_run("run-1");
    EXPECT_EQ(loop.revocations(1).size(), 1u) << "it lives all the same";
}

TEST_F(Dpop, ATokenBoundToAnotherKeyIsRefused) {
    bound_to = "somebody-elses-thumbprint";
    EXPECT_TRUE(loop.get(credential()).permanent);
}

TEST_F(Dpop, EachRunHasItsOwnKeyAndItEndsWithTheRun) {
    loop.get(credential(), "run-1");
    loop.get(credential(), "run-2");
    EXPECT_NE(proofs[0].thumbprint, proofs[1].thumbprint);
    const TokenResult token = loop.get(credential(), "run-1");
    const auto headers =
        loop.source.present(*token.token, "run-1", "app", "GET", "https://api.example/a?b=c");
    ASSERT_TRUE(headers);
    const auto before = read_proof((*headers)[1].second);
    ASSERT_TRUE(before);
    EXPECT_EQ(before->thumbprint, proofs[0].thumbprint);
    loop.end_run("run-1");
    loop.get(credential(), "run-1");  // the same name, as after a redrive
    EXPECT_NE(proofs.back().thumbprint, proofs[0].thumbprint);
}

TEST_F(Dpop, TheResourceGetsTheTokensHash) {
    const TokenResult result = loop.get(credential());
    ASSERT_TRUE(result.token);
    const std::string url = "https://api.example:8443/orders?id=7";
    const auto headers = loop.source.present(*result.token, "run-1", "app", "DELETE", url);
    ASSERT_TRUE(headers);
    ASSERT_EQ(headers->size(), 2u);
    EXPECT_EQ((*headers)[0].first, "Authorization");
    EXPECT_EQ((*headers)[0].second, "DPoP " + text_of(result));
    const auto proof = read_proof((*headers)[1].second);
    ASSERT_TRUE(proof);
    EXPECT_EQ(proof->claims.string("htm"), "DELETE");
    EXPECT_EQ(proof->claims.string("htu"), "https://api.example:8443/orders");
    EXPECT_EQ(proof->claims.string("ath"), base64url_encode(sha256(text_of(result))));
    EXPECT_FALSE(proof->claims.string("nonce"));
}

TEST_F(Dpop, NoncesBelongToAnOriginAndARole) {
    const TokenResult result = loop.get(credential());
    Answer answer;
    answer.status = 401;
    answer.headers = {{"dpop-nonce", "n-1"}, {"www-authenticate", R"(DPoP error="use_dpop_nonce")"}};
    EXPECT_TRUE(loop.source.learn_nonce(*result.token, "app", "https://api.example/a", answer));
    answer.headers[1].second = R"(DPoP error="invalid_token")";
    EXPECT_FALSE(loop.source.learn_nonce(*result.token, "app", "https://api.example/a", answer))
        << "another trouble";
    const auto nonce_for = [&](const std::string& role, const std::string& url) {
        const auto headers = loop.source.present(*result.token, "run-1", role, "GET", url);
        return std::string(read_proof((*headers)[1].second)->claims.string("nonce").value_or(""));
    };
    EXPECT_EQ(nonce_for("app", "https://api.example/b"), "n-1");
    EXPECT_EQ(nonce_for("app", "https://api.example:8443/b"), "");
    EXPECT_EQ(nonce_for("other", "https://api.example/b"), "");
    for (const std::string bad : {"", "with space", "with\"quote", "back\\slash"}) {
        answer.headers[0].second = bad;
        EXPECT_FALSE(loop.source.learn_nonce(*result.token, "app", "https://api.example/a", answer)) << bad;
    }
    answer.headers[0].second = std::string(600, 'n');
    EXPECT_FALSE(loop.source.learn_nonce(*result.token, "app", "https://api.example/a", answer));
    EXPECT_EQ(nonce_for("app", "https://api.example/b"), "n-1");
}

}  // namespace
}  // namespace flowctl::net::test
