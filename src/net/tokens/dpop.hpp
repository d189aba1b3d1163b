// DPoP (RFC 9449): tokens that are worth nothing without the key they were made for.
//
// Each run has a key of its own, made at its first use and destroyed when the run ends. From then on nobody can
// use a token of the run, even if the issuer cannot revoke it. A proof is made for one request: its
// method, its url without query and fragment, and at a resource the hash of the token. Servers may ask for a
// nonce of theirs in the proof; the last one of each origin is kept.
//
// TokenSource owns the keys and nonces; proofs go into token requests and into calls.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "net/call/request.hpp"
#include "net/crypto/jose.hpp"

namespace flowctl::net {

struct Answer;

// A key with what all its proofs have in common.
class DpopKey {
  public:
    DpopKey();
    const std::string& thumbprint() const noexcept { return thumbprint_; }
    // The value of the header DPoP; nothing where OpenSSL fails or the url is none. `token` only at a
    // resource.
    std::optional<std::string> proof(std::string_view method, const std::string& url,
                                     const std::string& nonce, std::chrono::system_clock::time_point now,
                                     std::string_view token = {}) const;

  private:
    SigningKey key_;
    std::string thumbprint_;
    std::string header_;  // encoded
};

class DpopKeys {
  public:
    const DpopKey& of(const std::string& run) { return keys_[run]; }  // made where there is none yet
    void forget(const std::string& run) { keys_.erase(run); }
    std::size_t size() const noexcept { return keys_.size(); }

  private:
    std::unordered_map<std::string, DpopKey> keys_;
};

class DpopNonces {
  public:
    // Keeps the nonce that an answer from this url brings, whatever its status. True: it brought one.
    bool learn(const std::string& url, const std::string& egress_role, const Answer& answer);
    std::string find(const std::string& url, const std::string& egress_role) const;  // empty: none known

  private:
    std::map<std::string, std::string> by_origin_;
};

// A resource that wants a nonce says so with 401 and WWW-Authenticate: DPoP error="use_dpop_nonce".
bool asks_for_nonce(const Answer& answer);

}  // namespace flowctl::net
