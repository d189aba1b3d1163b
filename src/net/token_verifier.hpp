// TokenVerifier: is a token that somebody handed us what it says, by the keys that its issuer publishes now?
//
// Key sets are fetched (discovery, then jwks_uri) once however many ask, kept for ten minutes, and used on
// for as long as a newer one cannot be had. A token whose key is not in the set makes us look again, because
// issuers rotate, but an issuer is asked for its keys at most every 30 s: whoever makes up key ids gets
// nothing moved. What makes a token good is verify_jwt's to say.
//
// Owned by Client, called through it for the tokens of end users. done is called once, from
// Dispatcher::run_ready(), never from verify(), and not after cancel().
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "net/client.hpp"
#include "net/discovery.hpp"
#include "net/jose_verify.hpp"
#include "net/jwks.hpp"
#include "net/oidc.hpp"

namespace flowctl::net {

class TokenVerifier {
  public:
    TokenVerifier(Dispatcher& dispatcher, const TokenClock& clock)
        : dispatcher_(dispatcher), clock_(clock), discovery_(dispatcher, clock_) {}
    ~TokenVerifier();
    TokenVerifier(const TokenVerifier&) = delete;
    TokenVerifier& operator=(const TokenVerifier&) = delete;

    // `expected` says what the token must be; its time is set here. Returns a number for cancel().
    std::uint64_t verify(const Issuer& issuer, const std::string& egress_role,
                         std::shared_ptr<const Secret> token, JwtExpectation expected, VerifyDone done);
    void cancel(std::uint64_t id);

  private:
    using Time = std::chrono::steady_clock::time_point;
    struct Work {
        std::string key;
        std::shared_ptr<const Secret> token;
        JwtExpectation expected;
        VerifyDone done;
        std::uint64_t timer = 0;
    };
    struct Entry {
        Issuer issuer;
        std::string egress_role;
        std::shared_ptr<const KeySet> keys;
        std::optional<Time> asked;  // when the issuer was last asked for them
        Time fresh_until;
        std::uint64_t exchange = 0;
        bool resolving = false;
        std::vector<std::uint64_t> waiting;
        std::string trouble;  // why the last fetch brought none
    };

    void look(std::uint64_t id);
    void try_with_keys(std::uint64_t id, bool may_fetch);
    bool may_ask(const Entry& entry) const;
    void fetch(const std::string& key, std::uint64_t id);
    void resolved(const std::string& key, const DiscoveryCache::Result& result);
    void answered(const std::string& key, Answer&& answer);
    void fetched(const std::string& key);
    void finish(std::uint64_t id, VerifyResult result);
    void make_room();

    Dispatcher& dispatcher_;
    TokenClock clock_;
    DiscoveryCache discovery_;
    std::map<std::string, Entry> entries_;
    std::map<std::uint64_t, Work> work_;
    std::uint64_t next_ = 1;
};

}  // namespace flowctl::net
