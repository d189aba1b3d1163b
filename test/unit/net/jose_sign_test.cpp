// Signing of JWTs: every algorithm against OpenSSL's own verification, and every key that must be refused.
#include <gtest/gtest.h>

#include <set>

#include "jose_test_support.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "net/crypto/jose.hpp"

namespace flowctl::net {
namespace {

using test::check_jwt;
using test::Key;

Key key_for(const std::string& algorithm) {
    if (algorithm == "ES256") return test::ec_key("P-256");
    if (algorithm == "ES384") return test::ec_key("P-384");
    if (algorithm == "ES512") return test::ec_key("P-521");
    if (algorithm == "EdDSA") return test::ed25519_key();
    return test::rsa_key();
}

std::string message_of(const std::variant<SigningKey, std::string>& result) {
    const auto* message = std::get_if<std::string>(&result);
    return message == nullptr ? "" : *message;
}

class JoseSign : public testing::TestWithParam<std::string> {};

TEST_P(JoseSign, SignatureIsVerifiedByOpenSsl) {
    const Key key = key_for(GetParam());
    const auto loaded = SigningKey::from_pem(test::private_pem(key), GetParam());
    ASSERT_EQ(message_of(loaded), "");
    const auto& signer = std::get<SigningKey>(loaded);
    EXPECT_EQ(signer.algorithm(), GetParam());
    // ECDSA's R and S have leading zero bytes now and then: many rounds meet them.
    const int rounds = GetParam().starts_with("ES") ? 300 : 2;
    for (int i = 0; i < rounds; ++i) {
        JsonWriter claims;
        claims.add("iss", "a\"b\\\n\xc3\xa9").add("n", i);
        const auto token = signer.sign_jwt("client-authentication+jwt", "key 1", claims);
        ASSERT_TRUE(token);
        const auto checked = check_jwt(*token, key, GetParam());
        ASSERT_TRUE(checked) << *token;
        EXPECT_EQ(checked->header.string("typ"), "client-authentication+jwt");
        EXPECT_EQ(checked->header.string("kid"), "key 1");
        EXPECT_EQ(checked->claims.string("iss"), "a\"b\\\n\xc3\xa9");
        EXPECT_EQ(checked->claims.number("n"), i);
    }
}

TEST_P(JoseSign, AnotherKeyDoesNotVerify) {
    const auto loaded = SigningKey::from_pem(test::private_pem(key_for(GetParam())), GetParam());
    const auto token = std::get<SigningKey>(loaded).sign_jwt("JWT", "", {});
    ASSERT_TRUE(token);
    const Key other =
        GetParam()[1] == 'S' && GetParam()[0] != 'E' ? test::rsa_key(2056) : key_for(GetParam());
    EXPECT_FALSE(check_jwt(*token, other, GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Algorithms, JoseSign,
                         testing::Values("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
                                         "ES384", "ES512", "EdDSA"));

TEST(JoseKey, UsualAlgorithmFollowsTheKey) {
    const auto usual = [](const Key& key) {
        const auto loaded = SigningKey::from_pem(test::private_pem(key));
        const auto* signer = std::get_if<SigningKey>(&loaded);
        return signer == nullptr ? std::string() : std::string(signer->algorithm());
    };
    EXPECT_EQ(usual(test::rsa_key()), "RS256");
    EXPECT_EQ(usual(test::ec_key("P-256")), "ES256");
    EXPECT_EQ(usual(test::ec_key("P-384")), "ES384");
    EXPECT_EQ(usual(test::ec_key("P-521")), "ES512");
    EXPECT_EQ(usual(test::ed25519_key()), "EdDSA");
}

TEST(JoseKey, KeyMustFitTheAlgorithm) {
    const auto refusal = [](const Key& key, const char* algorithm) {
        return message_of(SigningKey::from_pem(test::private_pem(key), algorithm));
    };
    EXPECT_EQ(refusal(test::ec_key("P-256"), "RS256"), "RS256 needs an RSA key");
    EXPECT_EQ(refusal(test::rsa_key(), "ES256"), "ES256 needs a key on curve P-256");
    EXPECT_EQ(refusal(test::ec_key("P-384"), "ES256"), "ES256 needs a key on curve P-256");
    EXPECT_EQ(refusal(test::ec_key("P-256"), "EdDSA"), "EdDSA needs a key on curve Ed25519");
    EXPECT_EQ(refusal(test::ed25519_key(), "PS256"), "PS256 needs an RSA key");
    EXPECT_EQ(refusal(test::rsa_key(1024), "RS256"), "RS256 needs an RSA key of 2048 to 8192 bits, not 1024");
    EXPECT_EQ(refusal(test::rsa_key(1024), ""), "RS256 needs an RSA key of 2048 to 8192 bits, not 1024");
    EXPECT_NE(refusal(test::ec_key("secp256k1"), ""), "");
    EXPECT_NE(refusal(test::ec_key("secp256k1"), "ES256"), "");
    for (const char* unsupported : {"none", "HS256", "rs256", "RS256 ", "ES256K"}) {
        EXPECT_EQ(refusal(test::rsa_key(), unsupported), "signing algorithm is not supported") << unsupported;
    }
}

TEST(JoseKey, PemThatHoldsNoUsableKey) {
    const std::string pem = test::private_pem(test::ec_key("P-256"));
    EXPECT_NE(message_of(SigningKey::from_pem("")), "");
    EXPECT_NE(message_of(SigningKey::from_pem("not a key")), "");
    EXPECT_NE(message_of(SigningKey::from_pem(pem.substr(0, pem.size() / 2))), "");
    EXPECT_NE(message_of(SigningKey::from_pem(std::string(100000, 'A'))), "");
    EXPECT_NE(message_of(SigningKey::from_pem(std::string(100, '\0'))), "");
    EXPECT_EQ(message_of(SigningKey::from_pem(test::public_pem(test::rsa_key()))),
              "private key is not a PEM private key");
    // Nobody is asked for the passphrase: a prompt would hang here.
    EXPECT_EQ(message_of(SigningKey::from_pem(test::encrypted_pem(test::rsa_key()))),
              "private key is encrypted with a passphrase, which is not supported");
}

TEST(JoseKey, EveryCutOrFlippedPemIsRefusedOrLoadsCleanly) {
    const std::string pem = test::private_pem(test::ec_key("P-256"));
    for (std::size_t i = 0; i < pem.size(); ++i) {
        SigningKey::from_pem(pem.substr(0, i));
        std::string flipped = pem;
        flipped[i] = static_cast<char>(flipped[i] ^ 1);
        SigningKey::from_pem(flipped);
    }
}

TEST(JoseKey, PemAfterOtherBlocksIsFound) {
    const std::string parameters =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    const auto loaded = SigningKey::from_pem(parameters + test::private_pem(test::ec_key("P-256")));
    EXPECT_EQ(message_of(loaded), "");
}

// RFC 8037 appendix A.1 and A.3.
TEST(JoseKey, ThumbprintOfTheEd25519Vector) {
    const auto raw = base64url_decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
    ASSERT_TRUE(raw);
    const auto loaded = SigningKey::from_pem(test::private_pem(test::ed25519_key(*raw)));
    ASSERT_EQ(message_of(loaded), "");
    EXPECT_EQ(std::get<SigningKey>(loaded).thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

TEST(JoseKey, ThumbprintBelongsToTheKeyNotTheAlgorithm) {
    const std::string pem = test::private_pem(test::rsa_key());
    const auto rs = std::get<SigningKey>(SigningKey::from_pem(pem, "RS256")).thumbprint();
    const auto ps = std::get<SigningKey>(SigningKey::from_pem(pem, "PS512")).thumbprint();
    EXPECT_EQ(rs, ps);
    EXPECT_EQ(rs.size(), 43u);
    std::set<std::string> seen{rs};
    for (const char* group : {"P-256", "P-384", "P-521"}) {
        const auto loaded = SigningKey::from_pem(test::private_pem(test::ec_key(group)));
        EXPECT_TRUE(seen.insert(std::get<SigningKey>(loaded).thumbprint()).second);
    }
}

TEST(JoseJti, IsReadFromJwtsOnly) {
    const auto token = [](std::string_view claims) {
        return base64url_encode(R"({"alg":"none"})") + '.' + base64url_encode(claims) + ".c2ln";
    };
    EXPECT_EQ(unverified_jti(token(R"({"jti":"abc-1"})")), "abc-1");
    EXPECT_FALSE(unverified_jti(token(R"({"jti":7})")));
    EXPECT_FALSE(unverified_jti(token(R"({"jti":""})")));
    EXPECT_FALSE(unverified_jti(token(R"({"jti":"a b"})")));
    EXPECT_FALSE(unverified_jti(token("{\"jti\":\"a\\nb\"}")));
    EXPECT_FALSE(unverified_jti(token(R"({"jti":")" + std::string(129, 'x') + R"("})")));
    EXPECT_FALSE(unverified_jti(token(R"({"sub":"x"})")));
    EXPECT_FALSE(unverified_jti(token(R"({"jti":"a","jti":"b"})")));
    EXPECT_FALSE(unverified_jti(token("[1]")));
    for (const char* other : {"", ".", "..", "a.b.c", "opaque", "a.b", "e30.e30.e30.e30", "e30.e30=.x"}) {
        EXPECT_FALSE(unverified_jti(other)) << other;
    }
}

TEST(RandomId, IsLongAndNeverTheSame) {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const std::string id = random_id();
        EXPECT_EQ(id.size(), 22u);
        EXPECT_TRUE(seen.insert(id).second);
        const double fraction = random_fraction();
        EXPECT_GE(fraction, 0.0);
        EXPECT_LT(fraction, 1.0);
    }
}

}  // namespace
}  // namespace flowctl::net
