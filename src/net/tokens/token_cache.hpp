// TokenCache: the living tokens, by what they are for and by run. It has no clock and no network.
//
// The key is a digest of everything that a token depends on: issuer with its endpoints, client, method,
// secret, key or certificate, grant, subject and actor, audience, sorted resource and scope, what it is bound
// to, egress role and run. A token is given out until usable_until, which lies min(30 s, 20 %) before its
// end, counted from the start of the request; it is kept until its very end, or take_run, so that it can be
// revoked, also after drop or replacement. Failures that a retry cannot mend are remembered shortly by the
// same key without the run, since every run would meet them. The cache is bounded by bytes and entries; at the
// limit the tokens that end first go.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "net/call/request.hpp"
#include "net/tokens/token_source.hpp"

namespace flowctl::net {

using SteadyTime = std::chrono::steady_clock::time_point;

// The parts of a scope, sorted, each once.
std::vector<std::string> split_scope(std::string_view scope);

struct CachedTokenKey {
    std::string token;         // for one run
    std::string registration;  // for every run
};
CachedTokenKey token_key(const Credential& credential, const std::string& run, const std::string& egress_role);

// What a token was asked with; needed again to revoke it.
struct Grant {
    Credential credential;
    std::string run;
    std::string egress_role;
};
std::shared_ptr<const Grant> make_grant(const Credential& credential, const std::string& run,
                                        const std::string& egress_role);

struct LiveToken {
    Token token;
    SteadyTime usable_until;
    SteadyTime ends_at;
    std::shared_ptr<const Grant> grant;
};

// The end of a token's use, with a margin that also leaves a 2 s token usable.
SteadyTime usable_until(SteadyTime request_start, Seconds lifetime);

class TokenCache {
  public:
    explicit TokenCache(std::size_t max_bytes = 64 << 20) : max_bytes_(max_bytes) {}

    std::optional<Token> find(const std::string& key, SteadyTime now) const;
    void put(const std::string& key, LiveToken live, SteadyTime now);
    void keep_for_revocation(LiveToken live, SteadyTime now);  // never given out
    void drop(const std::string& run, std::uint64_t generation);
    std::vector<LiveToken> take_run(const std::string& run, SteadyTime now);
    // The newest tokens of a run, at most so many, whether they are still given out or not.
    std::vector<Token> newest_of(const std::string& run, std::size_t most) const;

    void remember_refusal(const std::string& registration, TokenResult refusal, SteadyTime until,
                          SteadyTime now);
    std::optional<TokenResult> refusal(const std::string& registration, SteadyTime now) const;

    void sweep(SteadyTime now);                  // forgets what has ended
    std::optional<SteadyTime> next_end() const;  // when a sweep would next find something
    std::size_t size() const noexcept { return by_generation_.size(); }
    std::uint64_t changes() const noexcept { return changes_; }  // grows whenever a token comes or goes
    std::int64_t count_of(const std::string& issuer) const;      // by its name, or its url where it has none

  private:
    struct Entry {
        std::string key;  // empty: not given out
        LiveToken live;
        std::size_t bytes = 0;
    };
    struct RefusalEntry {
        TokenResult result;
        SteadyTime until;
    };

    void insert(const std::string& key, LiveToken live, SteadyTime now);
    void erase(std::uint64_t generation);

    std::size_t max_bytes_;
    std::size_t bytes_ = 0;
    std::unordered_map<std::uint64_t, Entry> by_generation_;
    std::unordered_map<std::string, std::uint64_t> by_key_;
    std::unordered_map<std::string, std::set<std::uint64_t>> by_run_;
    std::set<std::pair<SteadyTime, std::uint64_t>> by_end_;
    std::map<std::string, std::int64_t> by_issuer_;
    std::uint64_t changes_ = 0;
    std::map<std::string, RefusalEntry> refusals_;
};

}  // namespace flowctl::net
