// Implementation of jose_algorithm.hpp.
#include "net/crypto/jose_algorithm.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <array>
#include <string>

namespace flowctl::net {
namespace {

constexpr int kMinRsaBits = 2048;
constexpr int kMaxRsaBits = 8192;  // beyond, one signature stalls the loop for a second

constexpr std::array<JoseAlgorithm, 10> kAlgorithms{{
    {"RS256", JoseFamily::Rsa, "SHA256", nullptr, nullptr},
    {"RS384", JoseFamily::Rsa, "SHA384", nullptr, nullptr},
    {"RS512", JoseFamily::Rsa, "SHA512", nullptr, nullptr},
    {"PS256", JoseFamily::RsaPss, "SHA256", nullptr, nullptr},
    {"PS384", JoseFamily::RsaPss, "SHA384", nullptr, nullptr},
    {"PS512", JoseFamily::RsaPss, "SHA512", nullptr, nullptr},
    {"ES256", JoseFamily::Ecdsa, "SHA256", "prime256v1", "P-256", 32},
    {"ES384", JoseFamily::Ecdsa, "SHA384", "secp384r1", "P-384", 48},
    {"ES512", JoseFamily::Ecdsa, "SHA512", "secp521r1", "P-521", 66},
    {"EdDSA", JoseFamily::Eddsa, nullptr, "ED25519", "Ed25519", 32},
}};

bool on_curve(const EVP_PKEY* key, std::string_view group) {
    std::array<char, 80> name;
    std::size_t length = 0;
    return EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name.data(), name.size(),
                                          &length) == 1 &&
           std::string_view(name.data(), length) == group;
}

}  // namespace

const JoseAlgorithm* find_jose_algorithm(std::string_view name) noexcept {
    for (const JoseAlgorithm& algorithm : kAlgorithms) {
        if (algorithm.name == name) return &algorithm;
    }
    return nullptr;
}

bool key_fits(const evp_pkey_st* key, const JoseAlgorithm& algorithm) {
    switch (algorithm.family) {
        case JoseFamily::Rsa:
        case JoseFamily::RsaPss: {
            const int bits = EVP_PKEY_get_bits(key);
            return EVP_PKEY_is_a(key, "RSA") == 1 && bits >= kMinRsaBits && bits <= kMaxRsaBits;
        }
        case JoseFamily::Ecdsa:
            return EVP_PKEY_is_a(key, "EC") == 1 && on_curve(key, algorithm.group);
        case JoseFamily::Eddsa:
            return EVP_PKEY_is_a(key, algorithm.group) == 1;
    }
    return false;
}

const JoseAlgorithm* usual_jose_algorithm(const evp_pkey_st* key) {
    for (const JoseAlgorithm& algorithm : kAlgorithms) {
        if (key_fits(key, algorithm)) return &algorithm;
    }
    return nullptr;
}

}  // namespace flowctl::net
