// The table of signature algorithms (RFC 7518 §3.1, RFC 8037) and how OpenSSL names their parts.
//
// HS* and none are not in it: no token that is signed so is ever accepted. (client_secret_jwt signs with HS*; see
// sign_jwt_with_secret.)
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

struct evp_pkey_st;

namespace flowctl::net {

enum class JoseFamily { Rsa, RsaPss, Ecdsa, Eddsa };

struct JoseAlgorithm {
    std::string_view name;
    JoseFamily family;
    const char* digest;          // OpenSSL's name; nullptr for EdDSA
    const char* group;           // OpenSSL's name of the curve; nullptr for RSA
    const char* curve;           // JWK's "crv"; nullptr for RSA
    std::size_t coordinate = 0;  // bytes of a coordinate, and of each half of a raw ECDSA signature
};

const JoseAlgorithm* find_jose_algorithm(std::string_view name) noexcept;

// The usual algorithm of a key, or nullptr where we have none for it.
const JoseAlgorithm* usual_jose_algorithm(const evp_pkey_st* key);

// True where the key's type, and curve or size, are the algorithm's.
bool key_fits(const evp_pkey_st* key, const JoseAlgorithm& algorithm);

}  // namespace flowctl::net
