// Client authentication as the server sees it: each method, its encoding, and assertions that verify.
#include <gtest/gtest.h>

#include <set>

#include "jose_test_support.hpp"
#include "token_test_support.hpp"

namespace flowctl::net::test {
namespace {

constexpr const char* kAwkward = "id:with %+&=\xc3\xa9/ space";

TEST(ClientAuth, BasicIsFormEncodedBeforeBase64) {
    FakeIssuer idp;
    Credential credential = idp.credential();
    credential.client.client_id = kAwkward;
    credential.client.secret = Secret("p:a%s+s w&=");
    TokenLoop loop;
    EXPECT_EQ(text_of(loop.get(credential)), "token-1-visible");

    const Seen seen = idp.server().requests().back();
    const std::string header = seen.header("authorization");
    ASSERT_EQ(header.substr(0, 6), "Basic ");
    const std::string pair = base64_decode(header.substr(6));
    const std::size_t colon = pair.find(':');
    EXPECT_EQ(form_decode(pair.substr(0, colon)), kAwkward);
    EXPECT_EQ(form_decode(pair.substr(colon + 1)), "p:a%s+s w&=");
    EXPECT_EQ(seen.header("content-type"), "application/x-www-form-urlencoded");
    EXPECT_EQ(read_form(seen.body), (Form{{"grant_type", "client_credentials"}}));
}

TEST(ClientAuth, PostSendsTheSecretInTheFormOnly) {
    FakeIssuer idp;
    Credential credential = idp.credential("a b");
    credential.client.method = AuthMethod::ClientSecretPost;
    credential.client.client_id = kAwkward;
    credential.client.secret = Secret("p:a%s+s w&=");
    credential.audience = "https://api.example/?x=1&y=2";
    credential.resource = "urn:thing";
    TokenLoop loop;
    EXPECT_EQ(text_of(loop.get(credential)), "token-1-visible");

    const Seen seen = idp.server().requests().back();
    EXPECT_EQ(seen.count("authorization"), 0);
    EXPECT_EQ(seen.target, "/token");
    EXPECT_EQ(read_form(seen.body), (Form{{"grant_type", "client_credentials"},
                                          {"scope", "a b"},
                                          {"audience", "https://api.example/?x=1&y=2"},
                                          {"resource", "urn:thing"},
                                          {"client_id", kAwkward},
                                          {"client_secret", "p:a%s+s w&="}}));
}

class Assertion : public testing::TestWithParam<std::string> {};

TEST_P(Assertion, VerifiesAtTheServer) {
    const std::string algorithm = GetParam();
    const Key key = algorithm == "ES256"   ? ec_key("P-256")
                    : algorithm == "ES384" ? ec_key("P-384")
                    : algorithm == "ES512" ? ec_key("P-521")
                    : algorithm == "EdDSA" ? ed25519_key()
                                           : rsa_key();
    FakeIssuer idp;
    Credential credential = idp.credential();
    credential.client.method = AuthMethod::PrivateKeyJwt;
    credential.client.private_key = Secret(private_pem(key));
    credential.client.signing_alg = algorithm;
    credential.client.key_id = "key-7";
    TokenLoop loop;
    EXPECT_EQ(text_of(loop.get(credential)), "token-1-visible");

    const Seen seen = idp.server().requests().back();
    EXPECT_EQ(seen.count("authorization"), 0);
    const Form form = read_form(seen.body);
    EXPECT_EQ(form.at("client_assertion_type"), "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    EXPECT_FALSE(form.contains("client_secret"));
    const auto jwt = check_jwt(form.at("client_assertion"), key, algorithm);
    ASSERT_TRUE(jwt);
    EXPECT_EQ(jwt->header.string("typ"), "client-authentication+jwt");
    EXPECT_EQ(jwt->header.string("kid"), "key-7");
    EXPECT_EQ(jwt->claims.string("iss"), "orders");
    EXPECT_EQ(jwt->claims.string("sub"), "orders");
    EXPECT_EQ(jwt->claims.string("aud"), idp.identifier());
    const double issued = *jwt->claims.number("iat");
    EXPECT_LE(std::abs(issued - static_cast<double>(time(nullptr))), 30);
    EXPECT_GT(*jwt->claims.number("exp"), issued);
    EXPECT_LE(*jwt->claims.number("exp"), issued + 60);
    EXPECT_GE(jwt->claims.string("jti")->size(), 16u);
}

INSTANTIATE_TEST_SUITE_P(Algorithms, Assertion,
                         testing::Values("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
                                         "ES384", "ES512", "EdDSA"));

TEST(ClientAuth, AssertionAudienceIsAnOption) {
    const Key key = ec_key("P-256");
    FakeIssuer idp("/tenant");
    const auto audience = [&](AssertionAudience which) {
        Credential credential = idp.credential();
        credential.client.method = AuthMethod::PrivateKeyJwt;
        credential.client.private_key = Secret(private_pem(key));
        credential.issuer.assertion_audience = which;
        credential.issuer.assertion_audience_uri = "urn:somewhere";
        TokenLoop loop;
        EXPECT_TRUE(loop.get(credential).token);
        const auto jwt = check_jwt(idp.forms("/token").back().at("client_assertion"), key, "ES256");
        return jwt ? std::string(jwt->claims.string("aud").value_or("")) : "";
    };
    EXPECT_EQ(audience(AssertionAudience::Issuer), idp.identifier());
    EXPECT_EQ(audience(AssertionAudience::TokenEndpoint), idp.url("/token"));
    EXPECT_EQ(audience(AssertionAudience::Given), "urn:somewhere");
}

TEST(ClientAuth, EveryAttemptHasItsOwnJti) {
    const Key key = ec_key("P-256");
    FakeIssuer idp;
    std::atomic<int> asked = 0;
    idp.on_token([&](const Seen&) { return ++asked < 3 ? Reply{502, "", {}, "Bad"} : idp.mint(); });
    Credential credential = idp.credential();
    credential.client.method = AuthMethod::PrivateKeyJwt;
    credential.client.private_key = Secret(private_pem(key));
    TokenLoop loop;
    EXPECT_EQ(text_of(loop.get(credential)), "token-1-visible");

    std::set<std::string> seen;
    for (const Form& form : idp.forms("/token")) {
        const auto jwt = check_jwt(form.at("client_assertion"), key, "ES256");
        ASSERT_TRUE(jwt);
        EXPECT_TRUE(seen.insert(std::string(*jwt->claims.string("jti"))).second);
    }
    EXPECT_EQ(seen.size(), 3u);
}

TEST(ClientAuth, WithoutAUsableRegistrationNothingIsSent) {
    FakeIssuer idp;
    TokenLoop loop;
    const auto expect_fault = [&](Credential credential, const std::string& fault) {
        const TokenResult result = loop.get(credential);
        EXPECT_FALSE(result.token);
        EXPECT_TRUE(result.permanent);
        EXPECT_NE(result.message.find(fault), std::string::npos) << result.message;
    };
    Credential no_secret = idp.credential();
    no_secret.client.secret = Secret();
    expect_fault(std::move(no_secret), "secret is empty");

    Credential no_id = idp.credential();
    no_id.client.client_id.clear();
    expect_fault(std::move(no_id), "no client_id");

    Credential bad_key = idp.credential();
    bad_key.client.method = AuthMethod::PrivateKeyJwt;
    bad_key.client.private_key = Secret("-----BEGIN PRIVATE KEY-----\nbm9uZQ==\n-----END PRIVATE KEY-----\n");
    expect_fault(std::move(bad_key), "not a PEM private key");

    Credential weak_key = idp.credential();
    weak_key.client.method = AuthMethod::PrivateKeyJwt;
    weak_key.client.private_key = Secret(private_pem(rsa_key(1024)));
    expect_fault(std::move(weak_key), "2048");
    EXPECT_EQ(idp.token_requests(), 0u);
}

}  // namespace
}  // namespace flowctl::net::test
