// KeySet: the public keys of an issuer, from its JWKS document (RFC 7517, 7518 §6, 8037).
//
// A key gets in only if it is whole: strict base64url; for RSA an odd modulus of 2048 to 8192 bits and an odd
// exponent of at most 32 bits; for EC coordinates of exactly the curve's width and a point on the curve; for Ed25519
// no point of small order. These checks are cheap: whoever publishes keys must not be able to hold up the loop,
// neither by a set of them nor by a token that does not say which key it was signed with. A key that says
// what it is meant for must be meant for signatures. Every other key is left out, since issuers publish keys for
// other purposes too; a set without any key left is no error. Symmetric keys are never taken, because whoever
// can read a JWKS must not be able to sign with it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

struct evp_pkey_st;

namespace flowctl::net {

struct JoseAlgorithm;

class JsonObject;

// The public key of one JWK, or null where it is not whole. Its size and use are the caller's to check.
std::shared_ptr<evp_pkey_st> public_key_of(const JsonObject& jwk);

class KeySet {
  public:
    // The set, or why the document is none.
    static std::variant<KeySet, std::string> parse(std::string_view document);

    // The keys that can have made a signature by this algorithm: those of this kid, or without a kid all that fit. Of
    // more than eight, the first eight.
    std::vector<std::shared_ptr<evp_pkey_st>> candidates(const JoseAlgorithm& algorithm,
                                                         std::string_view kid) const;

    std::size_t size() const noexcept { return keys_.size(); }

  private:
    struct Entry {
        std::string kid;
        std::string alg;  // empty: whatever fits
        std::shared_ptr<evp_pkey_st> key;
    };
    std::vector<Entry> keys_;
};

}  // namespace flowctl::net
