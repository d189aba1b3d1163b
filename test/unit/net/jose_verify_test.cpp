// Verification of JWTs and parsing of key sets: what passes, and each way in which it must not.
#include "net/crypto/jose_verify.hpp"

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/hmac.h>

#include <ctime>

#include "jose_test_support.hpp"
#include "net/crypto/encoding.hpp"
#include "net/crypto/jose.hpp"
#include "net/crypto/jose_algorithm.hpp"

namespace flowctl::net {
namespace {

using test::jwks;
using test::Key;
using test::public_jwk;
using test::signed_token;

constexpr std::int64_t kNow = 1'800'000'000;
const std::vector<std::string> kAll{"RS256", "RS384", "RS512", "PS256", "PS384",
                                    "PS512", "ES256", "ES384", "ES512", "EdDSA"};

JwtExpectation expectation() {
    JwtExpectation out;
    out.issuer = "https://idp.example";
    out.audience = "api";
    out.algorithms = kAll;
    out.now = std::chrono::system_clock::time_point(std::chrono::seconds(kNow));
    return out;
}

std::string claims(const std::string& more = "", std::int64_t exp = kNow + 100) {
    return R"({"iss":"https://idp.example","aud":"api","sub":"u1","exp":)" + std::to_string(exp) + more + "}";
}

std::string header(const std::string& algorithm, const std::string& more = "") {
    return R"({"alg":")" + algorithm + R"(","typ":"at+jwt")" + more + "}";
}

KeySet set_of(const std::vector<std::string>& keys) {
    auto parsed = KeySet::parse(jwks(keys));
    EXPECT_EQ(parsed.index(), 0u);
    return std::get<KeySet>(parsed);
}

// The fault, or nothing where the token passes.
std::optional<JwtFault> fault(std::string_view token, const KeySet& keys,
                              const JwtExpectation& expected = expectation()) {
    const auto result = verify_jwt(token, keys, expected);
    const auto* refusal = std::get_if<JwtRefusal>(&result);
    if (refusal == nullptr) return std::nullopt;
    EXPECT_NE(refusal->message, "");
    return refusal->fault;
}

Key key_for(const std::string& algorithm) {
    if (algorithm == "ES256") return test::ec_key("P-256");
    if (algorithm == "ES384") return test::ec_key("P-384");
    if (algorithm == "ES512") return test::ec_key("P-521");
    if (algorithm == "EdDSA") return test::ed25519_key();
    return test::rsa_key();
}

class JoseVerify : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Algorithms, JoseVerify, testing::ValuesIn(kAll));

TEST_P(JoseVerify, TakesTheRightTokenAndNothingNearIt) {
    const Key key = key_for(GetParam());
    const KeySet keys = set_of({public_jwk(key)});
    ASSERT_EQ(keys.size(), 1u);
    const std::string token = signed_token(key, GetParam(), header(GetParam()), claims());
    const auto result = verify_jwt(token, keys, expectation());
    ASSERT_EQ(result.index(), 0u) << std::get<JwtRefusal>(result).message;
    EXPECT_EQ(std::get<JsonObject>(result).string("sub"), "u1");

    for (std::size_t i = 0; i < token.size(); ++i) {
        std::string changed = token;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        EXPECT_TRUE(fault(changed, keys)) << i;
    }
    const std::size_t signature = token.rfind('.') + 1;
    EXPECT_TRUE(fault(token.substr(0, signature), keys));
    EXPECT_TRUE(fault(token.substr(0, token.size() - 4), keys));
    EXPECT_TRUE(fault(token + "AAAA", keys));
    EXPECT_EQ(fault(token.substr(0, signature) + base64url_encode(std::string(64, '\0')), keys),
              JwtFault::Signature);
    EXPECT_EQ(fault(token, set_of({})), JwtFault::UnknownKey);
    const Key other = GetParam()[0] == 'E' ? key_for(GetParam()) : test::rsa_key(2056);
    EXPECT_EQ(fault(token, set_of({public_jwk(other)})), JwtFault::Signature);
}

TEST_P(JoseVerify, AlgorithmMustBeAllowedAndFitTheKey) {
    const Key key = key_for(GetParam());
    const KeySet keys = set_of({public_jwk(key)});
    for (const std::string& other : kAll) {
        if (other == GetParam()) continue;
        // Signed as GetParam() says, under the name of another algorithm.
        EXPECT_TRUE(fault(signed_token(key, GetParam(), header(other), claims()), keys)) << other;
    }
    JwtExpectation narrow = expectation();
    std::erase(narrow.algorithms, GetParam());
    EXPECT_EQ(fault(signed_token(key, GetParam(), header(GetParam()), claims()), keys, narrow),
              JwtFault::Algorithm);
}

TEST(JoseVerifyAlgorithm, NoneAndSymmetricNeverPass) {
    const Key key = test::rsa_key();
    const KeySet keys = set_of({public_jwk(key)});
    JwtExpectation lax = expectation();
    for (const char* name : {"none", "None", "", "HS256", "HS512", "A128KW"})
        lax.algorithms.push_back(name);
    for (const std::string name : {"none", "None", "nOnE", "", "HS256", "A128KW", "RS256 ", "rs256"}) {
        const std::string input = base64url_encode(header(name)) + '.' + base64url_encode(claims());
        EXPECT_TRUE(fault(input + '.', keys, lax)) << name;
        EXPECT_TRUE(fault(input + ".c2ln", keys, lax)) << name;
    }
    // The public key as the secret of an HMAC: the classic confusion.
    const std::string pem = test::public_pem(key);
    const std::string input = base64url_encode(header("HS256")) + '.' + base64url_encode(claims());
    unsigned char mac[32];
    unsigned length = sizeof mac;
    HMAC(EVP_sha256(), pem.data(), static_cast<int>(pem.size()),
         reinterpret_cast<const unsigned char*>(input.data()), input.size(), mac, &length);
    const std::string forged = input + '.' + base64url_encode({reinterpret_cast<const char*>(mac), length});
    EXPECT_EQ(fault(forged, keys, lax), JwtFault::Algorithm);
    EXPECT_EQ(fault(forged, set_of({public_jwk(key), R"({"kty":"oct","k":"AAAA"})"}), lax),
              JwtFault::Algorithm);
}

TEST(JoseVerifyHeader, KeysInTheTokenAreNotLookedAt) {
    const Key ours = test::ec_key("P-256");
    const Key theirs = test::ec_key("P-256");
    const KeySet keys = set_of({public_jwk(ours)});
    const std::string with_jwk =
        header("ES256", R"(,"jwk":)" + public_jwk(theirs) + R"(,"jku":"https://evil.example")");
    EXPECT_EQ(fault(signed_token(theirs, "ES256", with_jwk, claims()), keys), JwtFault::Signature);
    EXPECT_EQ(fault(signed_token(ours, "ES256", with_jwk, claims()), keys), std::nullopt);
}

TEST(JoseVerifyHeader, CriticalHeadersTypesAndForms) {
    const Key key = test::ec_key("P-256");
    const KeySet keys = set_of({public_jwk(key)});
    const auto with = [&](const std::string& text, const JwtExpectation& expected = expectation()) {
        return fault(signed_token(key, "ES256", text, claims()), keys, expected);
    };
    EXPECT_EQ(with(header("ES256", R"(,"crit":["b64"],"b64":false)")), JwtFault::Malformed);
    EXPECT_EQ(with(header("ES256", R"(,"crit":[])")), JwtFault::Malformed);
    EXPECT_EQ(with(header("ES256", R"(,"kid":7)")), JwtFault::Malformed);
    EXPECT_EQ(with(R"({"alg":"ES256","alg":"ES256","typ":"at+jwt"})"), JwtFault::Malformed);
    EXPECT_EQ(with(R"(["ES256"])"), JwtFault::Malformed);
    EXPECT_EQ(with(R"({"alg":"ES256","typ":7})"), JwtFault::Malformed);
    EXPECT_EQ(with(R"({"alg":["ES256"],"typ":"at+jwt"})"), JwtFault::Algorithm);
    EXPECT_EQ(with(R"({"typ":"at+jwt"})"), JwtFault::Algorithm);
    EXPECT_EQ(with(R"({"alg":"ES256","typ":"application/AT+JWT"})"), std::nullopt);
    EXPECT_EQ(with(R"({"alg":"ES256","typ":"JWT"})"), JwtFault::Type);
    EXPECT_EQ(with(R"({"alg":"ES256","typ":"client-authentication+jwt"})"), JwtFault::Type);
    EXPECT_EQ(with(R"({"alg":"ES256"})"), JwtFault::Type);
    JwtExpectation lax = expectation();
    lax.types = {"", "jwt"};
    EXPECT_EQ(with(R"({"alg":"ES256"})", lax), std::nullopt);
    EXPECT_EQ(with(R"({"alg":"ES256","typ":"JWT"})", lax), std::nullopt);
}

TEST(JoseVerifyKid, ChoosesTheKey) {
    const Key one = test::ec_key("P-256");
    const Key two = test::ec_key("P-256");
    const KeySet keys =
        set_of({public_jwk(one, R"(,"kid":"one")"), public_jwk(two, R"(,"kid":"two","alg":"ES256")"),
                public_jwk(test::rsa_key(), R"(,"kid":"two","alg":"PS256")")});
    ASSERT_EQ(keys.size(), 3u);
    const auto with = [&](const Key& key, const std::string& more) {
        return fault(signed_token(key, "ES256", header("ES256", more), claims()), keys);
    };
    EXPECT_EQ(with(one, R"(,"kid":"one")"), std::nullopt);
    EXPECT_EQ(with(two, R"(,"kid":"two")"), std::nullopt);
    EXPECT_EQ(with(two, R"(,"kid":"one")"), JwtFault::Signature);
    EXPECT_EQ(with(two, R"(,"kid":"three")"), JwtFault::UnknownKey);
    EXPECT_EQ(with(two, ""), std::nullopt) << "without a kid every key that fits is tried";
    EXPECT_EQ(
        fault(signed_token(test::rsa_key(), "RS256", header("RS256", R"(,"kid":"two")"), claims()), keys),
        JwtFault::UnknownKey)
        << "the key says PS256";
}

TEST(JoseVerifyClaims, IssuerAudienceAndKind) {
    const Key key = test::ed25519_key();
    const KeySet keys = set_of({public_jwk(key)});
    const auto with = [&](const std::string& text, const JwtExpectation& expected = expectation()) {
        return fault(signed_token(key, "EdDSA", header("EdDSA"), text), keys, expected);
    };
    const std::string exp = R"(,"exp":)" + std::to_string(kNow + 100) + "}";
    EXPECT_EQ(with(R"({"iss":"https://idp.example","aud":["x","api"])" + exp), std::nullopt);
    EXPECT_EQ(with(R"({"iss":"https://idp.example/","aud":"api")" + exp), JwtFault::Issuer);
    EXPECT_EQ(with(R"({"iss":["https://idp.example"],"aud":"api")" + exp), JwtFault::Issuer);
    EXPECT_EQ(with(R"({"aud":"api")" + exp), JwtFault::Issuer);
    EXPECT_EQ(with(R"({"iss":"https://idp.example")" + exp), JwtFault::Audience);
    for (const char* audience :
         {R"("API")", R"("api ")", R"(["x"])", "[]", R"(["api",7])", "7", "null", R"({"api":1})"}) {
        EXPECT_EQ(with(R"({"iss":"https://idp.example","aud":)" + std::string(audience) + exp),
                  JwtFault::Audience)
            << audience;
    }
    EXPECT_EQ(with("[1]"), JwtFault::Malformed);
    EXPECT_EQ(with(R"({"iss":"x","iss":"https://idp.example","aud":"api")" + exp), JwtFault::Malformed);
    for (const char* more :
         {R"(,"at_hash":"x")", R"(,"c_hash":"x")", R"(,"token_use":"id")", R"(,"typ":"ID")"}) {
        EXPECT_EQ(with(claims(more)), JwtFault::Type) << more;
    }
    JwtExpectation nothing = expectation();
    nothing.audience.clear();
    EXPECT_EQ(with(R"({"iss":"https://idp.example","aud":"")" + exp, nothing), JwtFault::Audience);
}

TEST(JoseVerifyClaims, TimesWithAMinuteOfLeeway) {
    const Key key = test::ed25519_key();
    const KeySet keys = set_of({public_jwk(key)});
    const auto with = [&](const std::string& text, const JwtExpectation& expected = expectation()) {
        return fault(signed_token(key, "EdDSA", header("EdDSA"), text), keys, expected);
    };
    JwtExpectation strict = expectation();
    strict.leeway = std::chrono::seconds(0);
    JwtExpectation greedy = expectation();
    greedy.leeway = std::chrono::hours(24);
    EXPECT_EQ(with(claims("", kNow - 59)), std::nullopt);
    EXPECT_EQ(with(claims("", kNow - 60)), JwtFault::Time);
    EXPECT_EQ(with(claims("", kNow - 61), greedy), JwtFault::Time);
    EXPECT_EQ(with(claims("", kNow), strict), JwtFault::Time);
    EXPECT_EQ(with(claims("", kNow + 1), strict), std::nullopt);
    EXPECT_EQ(with(claims(R"(,"nbf":)" + std::to_string(kNow + 60))), std::nullopt);
    EXPECT_EQ(with(claims(R"(,"nbf":)" + std::to_string(kNow + 61))), JwtFault::Time);
    EXPECT_EQ(with(claims(R"(,"nbf":"soon")")), JwtFault::Time);
    const std::string begin = R"({"iss":"https://idp.example","aud":"api")";
    for (const char* exp :
         {"", R"(,"exp":"1900000000")", R"(,"exp":null)", R"(,"exp":-1)", R"(,"exp":-1e300)"}) {
        EXPECT_EQ(with(begin + exp + "}"), JwtFault::Time) << exp;
    }
    EXPECT_EQ(with(begin + R"(,"exp":1e300})"), std::nullopt);
}

TEST(JoseVerifyForm, WhatIsNoJwt) {
    const KeySet keys = set_of({public_jwk(test::ed25519_key())});
    for (const std::string token : {"", ".", "..", "...", "a.b", "e30.e30.e30.e30", "e30.e30.e30.e30.e30",
                                    "e30=.e30.e30", "e 30.e30.e30", "e31.e30.e30", "\xff.\xff.\xff"}) {
        EXPECT_EQ(fault(token, keys), JwtFault::Malformed) << token;
    }
    EXPECT_EQ(fault(std::string(20000, 'A') + "..", keys), JwtFault::Malformed);
    EXPECT_EQ(fault(std::string_view("e30\0.e30.e30", 12), keys), JwtFault::Malformed);
}

// RFC 7515 appendices A.2 and A.3, RFC 8037 appendix A.4: the signature is right, so it is the claims that
// fail.
TEST(JoseVerifyVectors, OfTheRfcs) {
    JwtExpectation joe = expectation();
    joe.issuer = "joe";
    joe.types = {""};
    const std::string payload =
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";
    const KeySet ec =
        set_of({R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})"});
    EXPECT_EQ(
        fault("eyJhbGciOiJFUzI1NiJ9" + payload +
                  "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
              ec, joe),
        JwtFault::Audience);
    const KeySet rsa = set_of(
        {R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1)"
         R"(Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA)"
         R"(9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj)"
         R"(8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"})"});
    EXPECT_EQ(fault("eyJhbGciOiJSUzI1NiJ9" + payload +
                        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_"
                        "lF5YKt_O8W2Fp5jujGbds9"
                        "uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
                        "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB"
                        "_eSN9383LcOLn6_dO--xi12jzDwusC-"
                        "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rq"
                        "Vt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
                    rsa, joe),
              JwtFault::Audience);
    const Key ed = test::ed25519_key(*base64url_decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"));
    EXPECT_EQ(fault("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
                    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
                    set_of({public_jwk(ed)}), joe),
              JwtFault::Malformed);
}

TEST(KeySetParse, LeavesOutWhatIsNotForUs) {
    const Key ec = test::ec_key("P-256");
    const Key rsa = test::rsa_key();
    EXPECT_EQ(set_of({}).size(), 0u);
    EXPECT_EQ(set_of({public_jwk(ec, R"(,"use":"sig")"), public_jwk(rsa, R"(,"key_ops":["verify"])")}).size(),
              2u);
    for (const char* more :
         {R"(,"use":"enc")", R"(,"use":7)", R"(,"key_ops":["encrypt"])", R"(,"key_ops":"verify")"}) {
        EXPECT_EQ(set_of({public_jwk(ec, more)}).size(), 0u) << more;
    }
    EXPECT_EQ(set_of({public_jwk(test::rsa_key(1024))}).size(), 0u);
    EXPECT_EQ(set_of({R"({"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","alg":"HS256"})",
                      "{}", R"({"kty":"RSA"})", R"({"kty":"EC","crv":"P-256"})",
                      R"({"kty":"OKP","crv":"X25519","x":"AA"})", R"({"kty":7})"})
                  .size(),
              0u);
}

TEST(KeySetParse, PointsAndNumbersThatAreNone) {
    const std::string x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const std::string y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
    const auto ec = [](const std::string& curve, const std::string& first, const std::string& second) {
        return set_of(
                   {R"({"kty":"EC","crv":")" + curve + R"(","x":")" + first + R"(","y":")" + second + "\"}"})
            .size();
    };
    const std::string zero = base64url_encode(std::string(32, '\0'));
    EXPECT_EQ(ec("P-256", x, y), 1u);
    EXPECT_EQ(ec("P-256", y, x), 0u) << "not on the curve";
    EXPECT_EQ(ec("P-256", zero, zero), 0u);
    EXPECT_EQ(ec("P-384", x, y), 0u);
    EXPECT_EQ(ec("secp256k1", x, y), 0u);
    EXPECT_EQ(ec("P-256", "AA" + x.substr(2), y), 0u);
    EXPECT_EQ(ec("P-256", base64url_encode(std::string(1, '\0') + *base64url_decode(x)), y), 0u)
        << "too wide";
    EXPECT_EQ(ec("P-256", x + "=", y), 0u);

    const auto rsa = [](const std::string& n, const std::string& e) {
        return set_of({R"({"kty":"RSA","n":")" + base64url_encode(n) + R"(","e":")" + base64url_encode(e) +
                       "\"}"})
            .size();
    };
    EXPECT_EQ(rsa("", "\x03"), 0u);
    EXPECT_EQ(rsa(std::string(255, '\xff') + '\xfe', "\x03"), 0u) << "an even modulus";
    EXPECT_EQ(rsa(std::string(256, '\xff'), "\x01"), 0u);
    EXPECT_EQ(rsa(std::string(256, '\xff'), "\x04"), 0u);
    EXPECT_EQ(rsa(std::string(256, '\xff'), ""), 0u);
    EXPECT_EQ(rsa(std::string(256, '\xff'), "\x03"), 1u);
    EXPECT_EQ(rsa(std::string(255, '\xff'), "\x03"), 0u) << "2040 bits";
    EXPECT_EQ(rsa('\x7f' + std::string(255, '\xff'), "\x03"), 0u) << "2047 bits";
    EXPECT_EQ(rsa(std::string(1024, '\xff'), "\x03"), 1u) << "8192 bits";
    EXPECT_EQ(rsa('\x01' + std::string(1024, '\xff'), "\x03"), 0u) << "8193 bits";
    EXPECT_EQ(rsa(std::string(256, '\xff'), std::string(4, '\xff')), 1u);
    EXPECT_EQ(rsa(std::string(256, '\xff'), std::string(5, '\xff')), 0u) << "an exponent of 40 bits";
    EXPECT_EQ(rsa(std::string(256, '\xff'), std::string(64, '\xff')), 0u);
}

// The time that this process has worked, whatever else the machine does.
double cpu_milliseconds() {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

// Primes are what takes longest where somebody asks whether they are primes.
TEST(KeySetParse, HostileKeysTakeLittleTime) {
    const std::unique_ptr<BIGNUM, decltype(&BN_free)> prime(BN_get_rfc3526_prime_8192(nullptr), BN_free);
    std::string n(1024, '\0');
    BN_bn2bin(prime.get(), reinterpret_cast<unsigned char*>(n.data()));
    std::vector<std::string> rsa(100, R"({"kty":"RSA","e":"_____w","n":")" + base64url_encode(n) + "\"}");
    const double begin = cpu_milliseconds();
    const KeySet keys = set_of(rsa);
    EXPECT_EQ(keys.size(), 100u);
    EXPECT_LT(cpu_milliseconds() - begin, 100);  // some 5 without a sanitizer

    for (const char* group : {"P-256", "P-384", "P-521"}) {
        const std::vector<std::string> ec(100, public_jwk(test::ec_key(group)));
        const double start = cpu_milliseconds();
        EXPECT_EQ(set_of(ec).size(), 100u);
        EXPECT_LT(cpu_milliseconds() - start, 100);
    }

    const std::string header = base64url_encode(R"({"alg":"RS256","typ":"at+jwt"})");
    const std::string token = header + '.' + base64url_encode("{}") + '.' +
                              base64url_encode('\x01' + std::string(1023, '\x55'));
    JwtExpectation expected;
    expected.algorithms = {"RS256"};
    const double start = cpu_milliseconds();
    const auto verdict = verify_jwt(token, keys, expected);
    ASSERT_EQ(verdict.index(), 1u);
    EXPECT_EQ(std::get<JwtRefusal>(verdict).fault, JwtFault::Signature);
    EXPECT_LT(cpu_milliseconds() - start, 50);  // some 6 without a sanitizer
}

// A token that does not name its key is tried with the first eight that fit, and not with a hundred.
TEST(KeySetParse, CandidatesAreFew) {
    std::vector<std::string> keys;
    for (int i = 0; i < 9; ++i)
        keys.push_back(public_jwk(test::ec_key("P-256"), R"(,"kid":")" + std::to_string(i) + "\""));
    keys.insert(keys.begin(), public_jwk(test::rsa_key()));
    const KeySet set = set_of(keys);
    ASSERT_EQ(set.size(), 10u);
    EXPECT_EQ(set.candidates(*find_jose_algorithm("ES256"), "").size(), 8u);
    EXPECT_EQ(set.candidates(*find_jose_algorithm("ES256"), "8").size(), 1u);
    EXPECT_EQ(set.candidates(*find_jose_algorithm("RS256"), "").size(), 1u);
}

TEST(KeySetParse, WhatIsNoKeySet) {
    for (const std::string text :
         {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[1]})", R"({"keys":[],"keys":[]})"}) {
        EXPECT_EQ(KeySet::parse(text).index(), 1u) << text;
    }
    EXPECT_EQ(KeySet::parse(jwks(std::vector<std::string>(101, "{}"))).index(), 1u);
    EXPECT_EQ(KeySet::parse(std::string(300000, ' ')).index(), 1u);
}

TEST(JoseVerifyRound, WhatWeSignWeVerify) {
    const Key key = test::ec_key("P-521");
    const auto loaded = SigningKey::from_pem(test::private_pem(key));
    JsonWriter writer;
    writer.add("iss", "https://idp.example").add("aud", "api").add("exp", kNow + 5);
    const auto token = std::get<SigningKey>(loaded).sign_jwt("at+jwt", "k", writer);
    ASSERT_TRUE(token);
    EXPECT_EQ(fault(*token, set_of({public_jwk(key, R"(,"kid":"k")")})), std::nullopt);
}

}  // namespace
}  // namespace flowctl::net
