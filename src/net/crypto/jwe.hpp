// Decrypting a JWE that was made for one of our keys (RFC 7516, compact serialization): how a session hands
// over its user's token without anybody who reads statements being able to read it.
//
// RSA-OAEP-256 for RSA keys of 2048 to 8192 bits, ECDH-ES and ECDH-ES+A256KW for P-256, P-384 and P-521, each
// with A256GCM; nothing else, no compression, no critical header. The ephemeral key must be a point of our
// key's curve. Every failure of the cryptography gives the same message and, for RSA, takes the same path
// (RFC 7516 §11.5), so that nobody learns from an answer which part was wrong. Pure: keys come in.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "net/crypto/json_reader.hpp"
#include "net/crypto/secret.hpp"

struct evp_pkey_st;

namespace flowctl::net {

class DecryptionKey {
  public:
    // The alternative is a message that says what is wrong and quotes nothing of the key.
    static std::variant<DecryptionKey, std::string> from_pem(std::string_view pem);

    std::string thumbprint() const;  // RFC 7638; serves as kid
    // The public half with use "enc", alg and kid: what a sender needs.
    JsonWriter public_jwk() const;
    const std::shared_ptr<evp_pkey_st>& key() const noexcept { return key_; }

  private:
    explicit DecryptionKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
    std::shared_ptr<evp_pkey_st> key_;
};

constexpr std::size_t kMaxJweBytes = 64 * 1024;

// What is inside, or why it cannot be read (a message that quotes nothing). A kid that is the thumbprint of
// one of the keys chooses it; else every key that fits is tried.
std::variant<Secret, std::string> decrypt_jwe(std::string_view token, const std::vector<DecryptionKey>& keys);

}  // namespace flowctl::net
