// Keys and an independent JWT check for tests of jose and of client authentication.
//
// check_jwt verifies with OpenSSL by its own path, so that it and the code under test cannot be wrong
// together.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/crypto/json_reader.hpp"

namespace flowctl::net::test {

using Key = std::shared_ptr<EVP_PKEY>;

Key rsa_key(int bits = 2048);   // made once per size and shared
Key ec_key(const char* group);  // "P-256", "P-384", "P-521", "secp256k1"
Key ed25519_key();
Key ed25519_key(std::string_view raw_private);
std::string private_pem(const Key& key);
std::string encrypted_pem(const Key& key);
std::string public_pem(const Key& key);
std::string public_jwk(const Key& key,
                       const std::string& more = "");  // `more`: members with a comma before each
std::string jwks(const std::vector<std::string>& keys);
// A token of these very texts, signed rightly.
std::string signed_token(const Key& key, const std::string& algorithm, const std::string& header,
                         const std::string& claims);

struct CheckedJwt {
    JsonObject header;
    JsonObject claims;
};
// The parts of a token whose signature by this algorithm and key is right.
std::optional<CheckedJwt> check_jwt(std::string_view token, const Key& key, std::string_view algorithm);

}  // namespace flowctl::net::test
