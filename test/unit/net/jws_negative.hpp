// What the tests of tokens that must not pass share: a verdict, and the parts of tokens and keys.
//
// The vectors are made by the tests with OpenSSL's own calls and not by the code under test, since most need
// the private key. Every maker of tokens is first seen to make one that passes.
#pragma once

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <memory>
#include <string>
#include <vector>

#include "jose_test_support.hpp"
#include "net/crypto/encoding.hpp"
#include "net/crypto/jose_verify.hpp"

namespace flowctl::net::test {

constexpr std::int64_t kNow = 1'800'000'000;
inline const std::vector<std::string> kAll{"RS256", "RS384", "RS512", "PS256", "PS384",
                                           "PS512", "ES256", "ES384", "ES512", "EdDSA"};
inline const std::string kClaims =
    R"({"iss":"https://idp.example","aud":"api","sub":"u1","exp":)" + std::to_string(kNow + 100) + "}";

inline std::string header(const std::string& algorithm, const std::string& more = "") {
    return R"({"alg":")" + algorithm + R"(","typ":"at+jwt")" + more + "}";
}

// Also with a list that names what is on no table: the list alone is not what keeps these out.
inline bool passes(std::string_view token, const std::vector<std::string>& keys) {
    const auto set = KeySet::parse(jwks(keys));
    EXPECT_EQ(set.index(), 0u);
    JwtExpectation expected;
    expected.issuer = "https://idp.example";
    expected.audience = "api";
    expected.algorithms = kAll;
    for (const char* name : {"none", "NONE", "HS256", "HS384", "HS512", "ES256K", "ES256X", ""})
        expected.algorithms.emplace_back(name);
    expected.now = std::chrono::system_clock::time_point(std::chrono::seconds(kNow));
    return verify_jwt(token, std::get<KeySet>(set), expected).index() == 0;
}

inline std::string input_for(const std::string& head) {
    return base64url_encode(head) + '.' + base64url_encode(kClaims);
}

inline std::string with_signature(const std::string& input, const std::string& signature) {
    return input + '.' + base64url_encode(signature);
}

inline std::string signature_of(const std::string& token) {
    return *base64url_decode(token.substr(token.rfind('.') + 1));
}

inline std::string input_of(const std::string& token) {
    return token.substr(0, token.rfind('.'));
}

using Number = std::unique_ptr<BIGNUM, decltype(&BN_free)>;

inline Number number(const std::string& bytes) {
    return {BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()),
                      nullptr),
            BN_free};
}

inline std::string bytes_of(const BIGNUM* value, std::size_t width) {
    std::string bytes(width, '\0');
    EXPECT_EQ(BN_bn2binpad(value, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(width)),
              static_cast<int>(width));
    return bytes;
}

inline Number parameter(const Key& key, const char* name) {
    BIGNUM* value = nullptr;
    EXPECT_EQ(EVP_PKEY_get_bn_param(key.get(), name, &value), 1) << name;
    return {value, BN_free};
}

struct Curve {
    const char* algorithm;
    const char* group;
    std::size_t width;
};
inline const Curve kCurves[] = {{"ES256", "P-256", 32}, {"ES384", "P-384", 48}, {"ES512", "P-521", 66}};

}  // namespace flowctl::net::test
