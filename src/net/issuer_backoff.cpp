// Implementation of issuer_backoff.hpp.
#include "net/issuer_backoff.hpp"

#include <algorithm>

namespace flowctl::net {
namespace {

constexpr Seconds kMaxAsked{3600};
constexpr Seconds kMaxOwn{60};
constexpr Seconds kForget{600};  // after the end of a pause
constexpr int kMaxDoublings = 6;
constexpr std::size_t kMaxEntries = 1000;

}  // namespace

std::string IssuerBackoff::key(const std::string& endpoint, const std::string& ca_file,
                               const std::string& egress_role) {
    return endpoint + '\n' + ca_file + '\n' + egress_role;
}

IssuerBackoff::Time IssuerBackoff::pause(const std::string& key, std::optional<Seconds> asked, Time now) {
    if (entries_.size() >= kMaxEntries) {
        std::erase_if(entries_, [now](const auto& item) { return item.second.until + kForget <= now; });
        if (entries_.size() >= kMaxEntries) entries_.erase(entries_.begin());
    }
    Entry& entry = entries_[key];
    const bool paused = entry.until > now;  // requests that were under way together are one failure
    const Seconds own =
        paused ? Seconds(0) : std::min(Seconds(1 << std::min(entry.failures, kMaxDoublings)), kMaxOwn);
    const Seconds length = asked ? std::clamp(*asked, Seconds(0), kMaxAsked) : own;
    if (!paused) ++entry.failures;
    entry.until = std::max(entry.until, now + std::chrono::duration_cast<Time::duration>(length));
    return entry.until;
}

std::optional<IssuerBackoff::Time> IssuerBackoff::paused_until(const std::string& key, Time now) const {
    const auto found = entries_.find(key);
    if (found == entries_.end() || found->second.until <= now) return std::nullopt;
    return found->second.until;
}

}  // namespace flowctl::net
