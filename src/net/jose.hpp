// JOSE: signing JWTs (RFC 7515, 7518, 8037) and looking into tokens, on OpenSSL 3.
//
// A SigningKey is a private key that is known to fit its algorithm: RSA of 2048 to 8192 bits for RS* and PS*,
// the one curve of each ES*, Ed25519 for EdDSA. So sign() can fail only when OpenSSL does. A PEM that is
// encrypted is refused, never asked a passphrase for. unverified_jti reads a claim of a token that we
// received ourselves over TLS; nothing is decided by it.
//
// Callers: client_auth signs assertions, token_endpoint looks for jti. No exception leaves for bad keys.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "net/json_reader.hpp"

struct evp_pkey_st;

namespace flowctl::net {

struct JoseAlgorithm;

class SigningKey {
  public:
    // An empty algorithm means the one usual for the key: RS256, ES256/384/512 by curve, EdDSA. The
    // alternative is a message that says what is wrong and quotes nothing of the key.
    static std::variant<SigningKey, std::string> from_pem(std::string_view pem,
                                                          std::string_view algorithm = {});

    std::string_view algorithm() const noexcept;
    std::string thumbprint() const;  // of the public key, RFC 7638 with SHA-256

    // The compact serialization; empty optional when OpenSSL fails. key_id may be empty.
    std::optional<std::string> sign_jwt(std::string_view type, std::string_view key_id,
                                        const JsonWriter& claims) const;

  private:
    SigningKey(std::shared_ptr<evp_pkey_st> key, const JoseAlgorithm& algorithm)
        : key_(std::move(key)), algorithm_(&algorithm) {}
    std::optional<std::string> sign(std::string_view input) const;

    std::shared_ptr<evp_pkey_st> key_;
    const JoseAlgorithm* algorithm_;
};

// The jti of something that looks like a JWT, if it is a short string of visible ASCII. Verifies nothing.
std::optional<std::string> unverified_jti(std::string_view token);

}  // namespace flowctl::net
