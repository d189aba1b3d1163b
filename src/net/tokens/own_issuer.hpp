// Our own issuer: tokens that say which step of which run is calling, signed by this installation.
//
// A relying party trusts the issuer's URL and the keys published below it, and decides by the subject, which
// names a flow: no client secret exists anywhere. A StepIdentity is what one step of one run may say of
// itself; every mint() is another token (fresh jti), lives as long as the step may last and no longer than
// the cap, and is for one audience. `audiences` says which audiences an endpoint may ask for; without it, whoever
// owns an endpoint could collect tokens that are good somewhere else. Pure: keys, claims and time come in.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "net/call/token_input.hpp"
#include "net/crypto/jose.hpp"
#include "net/crypto/json_reader.hpp"
#include "net/crypto/pkcs11.hpp"
#include "net/crypto/secret.hpp"

namespace flowctl::net {

// The keys of the installation: the first signs, all are published, so that relying parties know a key
// before it signs and after it has signed last.
class OwnKeys {
  public:
    struct Pem {
        std::string name;  // for messages
        Secret content;
    };
    // The keys, or what is wrong with which of them. A file holds a private key, or the PKCS#11 URI of one
    // and below it the public key.
    static std::variant<OwnKeys, std::string> read(const std::vector<Pem>& files,
                                                   const Pkcs11Place& place = {});

    const SigningKey& current() const { return keys_->front().key; }
    const std::string& current_id() const { return keys_->front().id; }
    std::vector<JsonWriter> published() const;  // as JWKs
    std::vector<std::string> algorithms() const;

  private:
    struct Entry {
        SigningKey key;
        std::string id;  // the thumbprint
    };
    std::shared_ptr<const std::vector<Entry>> keys_;
};

// The JWKS document (RFC 7517).
std::string own_key_set(const std::vector<JsonWriter>& jwks);
// What relying parties read of OpenID Connect Discovery, and no more: there is nobody to log in here.
std::string own_openid_configuration(std::string_view issuer, const std::vector<std::string>& algorithms);
// Where the key set stands.
std::string own_key_set_url(std::string_view issuer);

// "flow:<owner>:<flow>", each part percent-encoded: relying parties compare it byte by byte.
std::string flow_subject(std::string_view owner, std::string_view flow);

// Which audiences may be asked for.
struct AllowedAudiences {
    bool any = false;                  // the owner of the endpoint is trusted with the installation's keys
    std::vector<std::string> origins;  // else: URLs of these origins ("https://billing.example")
};

struct MintedToken {
    Secret token;
    std::string jti;
    std::chrono::system_clock::time_point expires_at;
};

class StepIdentity {
  public:
    using Time = std::chrono::system_clock::time_point;

    struct Facts {
        std::string issuer;
        std::string subject;   // flow_subject()
        JsonWriter claims;     // beside the registered ones
        std::string identity;  // what the rights of the token can depend on: part of the key of caches
        Time not_after;        // when nobody waits for the step any more
        std::chrono::seconds cap{300};
        AllowedAudiences audiences;
    };
    StepIdentity(OwnKeys keys, Facts facts);

    const std::string& issuer() const { return facts_->issuer; }
    const std::string& subject() const { return facts_->subject; }

    // A new token, or why there is none. `type` is the header's typ.
    std::variant<MintedToken, std::string> mint(std::string_view audience, std::string_view type,
                                                Time now) const;

    // As what is handed to an issuer, or sent to an endpoint as it is.
    TokenInput input() const;

  private:
    OwnKeys keys_;
    std::shared_ptr<const Facts> facts_;
};

}  // namespace flowctl::net
