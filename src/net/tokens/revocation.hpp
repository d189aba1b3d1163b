// Revoker: takes tokens back at their issuer (RFC 7009), authenticated as the client that got them.
//
// Each token handed in gives exactly one receipt: revoked, or why not (the issuer has no revocation endpoint,
// cannot revoke this kind of token, is down). A transient failure is tried again twice; each try and each pause
// takes seconds, so a receipt never waits long. The token itself is wiped when its receipt is out.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "net/call/request.hpp"
#include "net/tokens/discovery.hpp"
#include "net/tokens/token_cache.hpp"
#include "net/tokens/token_source.hpp"

namespace flowctl::net {

class Revoker {
  public:
    Revoker(Dispatcher& dispatcher, DiscoveryCache& discovery, const TokenClock& clock)
        : dispatcher_(dispatcher), discovery_(discovery), clock_(clock) {}
    ~Revoker();
    Revoker(const Revoker&) = delete;
    Revoker& operator=(const Revoker&) = delete;

    // The receipt comes from Dispatcher::run_ready(), never from here.
    void revoke(LiveToken live, TokenSource::Revoked revoked);

  private:
    struct Work {
        LiveToken live;
        TokenSource::Revoked revoked;
        int tries = 0;
        std::uint64_t exchange = 0;
        std::uint64_t timer = 0;
    };

    void begin(std::uint64_t id);
    void resolved(std::uint64_t id, const DiscoveryCache::Result& result);
    void answered(std::uint64_t id, Answer&& answer);
    void retry_or_finish(std::uint64_t id, const Trouble& trouble);
    void finish(std::uint64_t id, std::optional<std::string> fault);

    Dispatcher& dispatcher_;
    DiscoveryCache& discovery_;
    const TokenClock& clock_;
    std::map<std::uint64_t, Work> work_;
    std::uint64_t next_ = 1;
};

}  // namespace flowctl::net
