// JOSE: signing JWTs (RFC 7515, 7518, 8037) and looking into tokens, on OpenSSL 3.
//
// A SigningKey is a private key that is known to fit its algorithm: RSA of 2048 to 8192 bits for RS* and PS*,
// the one curve of each ES*, Ed25519 for EdDSA. So signing can fail only when OpenSSL does. A run signs a proof
// for every call, and OpenSSL is slow to find an algorithm by its name; so each key finds its algorithm once, and
// its copies share what was found. Therefore a key is for one thread. An encrypted PEM is refused, because there
// is nobody to ask for the passphrase; no bad key makes an exception. unverified_jti reads a claim of a token that
// we received ourselves over TLS, and nothing is decided by it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "net/crypto/json_reader.hpp"
#include "net/crypto/secret.hpp"

struct evp_md_st;
struct evp_pkey_ctx_st;
struct evp_pkey_st;

namespace flowctl::net {

struct JoseAlgorithm;

// A private key of whatever kind from PEM, or a message that quotes nothing of it.
std::variant<std::shared_ptr<evp_pkey_st>, std::string> load_private_key(std::string_view pem);

// The required members of a key's public JWK (RFC 7517), in the order of RFC 7638.
JsonWriter public_jwk_of(const evp_pkey_st* key);

// A private key that is kept elsewhere and signs there.
class RemoteKey {
  public:
    virtual ~RemoteKey() = default;
    // The signature of a digest by RS256 or an ES*, as JOSE has it; or nothing, and then trouble() says why.
    virtual std::optional<std::string> sign(const JoseAlgorithm& algorithm, std::string_view digest) = 0;
    virtual const std::string& trouble() const = 0;
};

class SigningKey {
  public:
    // An empty algorithm means the one usual for the key: RS256, ES256/384/512 by curve, EdDSA. The
    // alternative is a message that says what is wrong and quotes nothing of the key.
    static std::variant<SigningKey, std::string> from_pem(std::string_view pem,
                                                          std::string_view algorithm = {});

    // A key of which only the public half is here (PEM). RSA or one of the curves of ES*.
    static std::variant<SigningKey, std::string> of_remote(std::string_view public_pem,
                                                           std::shared_ptr<RemoteKey> remote);

    std::string_view algorithm() const noexcept;
    // Why the last signature failed, where there is more to say than that OpenSSL failed.
    std::string trouble() const;
    std::string thumbprint() const;  // of the public key, RFC 7638 with SHA-256
    // The members of the public key's JWK, as RFC 7638 orders them; add kid, use and alg as needed.
    JsonWriter public_jwk() const;
    static SigningKey generate_es256();

    // The compact serialization; empty optional when OpenSSL fails. An empty type or key_id is left out.
    // `header` has what the header holds beside alg, typ and kid.
    std::optional<std::string> sign_jwt(std::string_view type, std::string_view key_id,
                                        const JsonWriter& claims, const JsonWriter& header = {}) const;
    // The same in two steps, for tokens that share their header.
    std::string encoded_header(std::string_view type, std::string_view key_id,
                               const JsonWriter& header = {}) const;
    std::optional<std::string> sign_claims(std::string_view encoded_header, const JsonWriter& claims) const;

  private:
    SigningKey(std::shared_ptr<evp_pkey_st> key, const JoseAlgorithm& algorithm,
               std::shared_ptr<RemoteKey> remote = nullptr);
    std::optional<std::string> sign_remotely(std::string_view input, std::string_view digest) const;
    std::optional<std::string> sign(std::string_view input) const;
    std::optional<std::string> sign_whole(std::string_view input) const;

    std::shared_ptr<evp_pkey_st> key_;
    const JoseAlgorithm* algorithm_;
    std::shared_ptr<const evp_md_st> digest_;  // this and context_: null for EdDSA
    std::shared_ptr<evp_pkey_ctx_st> context_;
    std::shared_ptr<RemoteKey> remote_;  // signs instead of key_, where there is one
};

// A JWT signed with a secret that client and issuer share (OIDC Core §9, client_secret_jwt): HS256, HS384 or
// HS512, an empty algorithm means the first. Index 1 is a message: RFC 7518 §3.2 wants a secret as wide as
// the hash. There is no counterpart that verifies: a key that both sides know is never taken for a public
// one.
std::variant<std::string, std::string> sign_jwt_with_secret(const Secret& secret, std::string_view algorithm,
                                                            std::string_view type, const JsonWriter& claims);

// The claims of something that looks like a JWT. Verifies nothing.
std::optional<JsonObject> unverified_claims(std::string_view token);
// The jti of something that looks like a JWT, if it is a short string of visible ASCII. Verifies nothing.
std::optional<std::string> unverified_jti(std::string_view token);

}  // namespace flowctl::net
