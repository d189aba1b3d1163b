// IssuerBackoff: who asked for a pause, and until when.
//
// An issuer that answers 429 or 503 is left alone by every credential and run that would use the same
// endpoint, for as long as it asked (up to an hour), or 1, 2, 4 ... 60 s where it did not say. A success ends
// the counting. What other CA file or role reaches under the same URL may be another server, so it counts
// apart.
//
// Called by oidc.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "net/client.hpp"

namespace flowctl::net {

class IssuerBackoff {
  public:
    using Time = std::chrono::steady_clock::time_point;

    static std::string key(const std::string& endpoint, const std::string& ca_file,
                           const std::string& egress_role);

    // Returns the end of the pause.
    Time pause(const std::string& key, std::optional<Seconds> asked, Time now);
    void succeeded(const std::string& key) { entries_.erase(key); }
    std::optional<Time> paused_until(const std::string& key, Time now) const;

  private:
    struct Entry {
        Time until;
        int failures = 0;
    };
    std::map<std::string, Entry> entries_;
};

}  // namespace flowctl::net
