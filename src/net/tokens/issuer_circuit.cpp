// Implementation of issuer_circuit.hpp.
#include "net/tokens/issuer_circuit.hpp"

#include <algorithm>

namespace flowctl::net {
namespace {

constexpr Seconds kMaxAsked{3600};
constexpr Seconds kMaxOwn{60};
constexpr Seconds kForget{600};  // after the end of a pause
constexpr Seconds kProbe{15};    // a probe that is given up without a word ends after this
constexpr int kMaxDoublings = 6;
constexpr int kFailuresToOpen = 5;
constexpr std::size_t kMaxEntries = 1000;

std::chrono::steady_clock::duration steady(Seconds length) {
    return std::chrono::duration_cast<std::chrono::steady_clock::duration>(length);
}

Seconds own_pause(int pauses) {
    return std::min(Seconds(1 << std::min(pauses, kMaxDoublings)), kMaxOwn);
}

}  // namespace

std::string IssuerCircuit::key(const Issuer& issuer, const std::string& egress_role) {
    return issuer.url + '\n' + issuer.token_endpoint + '\n' + issuer.ca_file + '\n' + egress_role;
}

IssuerCircuit::Gate IssuerCircuit::enter(const std::string& key, Time now) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return {};
    Entry& entry = found->second;
    if (entry.until > now) return {entry.open ? CircuitState::Open : CircuitState::Paused, entry.until};
    if (!entry.open) return {};
    if (entry.probe_ends && *entry.probe_ends > now) return {CircuitState::HalfOpen, *entry.probe_ends};
    entry.probe_ends = now + steady(kProbe);
    return {};
}

// Requests that were under way together and fail together are one failure: only the first doubles the pause.
IssuerCircuit::Time IssuerCircuit::pause(const std::string& key, std::optional<Seconds> asked, Time now) {
    make_room(now);
    Entry& entry = entries_[key];
    const bool paused = entry.until > now;
    const Seconds own = paused ? Seconds(0) : own_pause(entry.pauses);
    const Seconds length = asked ? std::clamp(*asked, Seconds(0), kMaxAsked) : own;
    if (!paused) ++entry.pauses;
    entry.failures = 0;
    entry.open = false;
    entry.probe_ends.reset();
    entry.until = std::max(entry.until, now + steady(length));
    return entry.until;
}

std::optional<IssuerCircuit::Time> IssuerCircuit::failed(const std::string& key, Time begun, Time now) {
    make_room(now);
    Entry& entry = entries_[key];
    const bool counts = entry.failures == 0 || begun > entry.failed_at;
    if (counts) {
        ++entry.failures;
        entry.failed_at = now;
        entry.probe_ends.reset();
    }
    if (entry.failures < kFailuresToOpen) return std::nullopt;
    if (counts && entry.until <= now) entry.until = now + steady(own_pause(entry.pauses++));
    entry.open = true;
    return std::max(entry.until, now);
}

IssuerCircuit::Gate IssuerCircuit::look(const std::string& key, Time now) const {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return {};
    const Entry& entry = found->second;
    if (entry.until > now) return {entry.open ? CircuitState::Open : CircuitState::Paused, entry.until};
    return {entry.open ? CircuitState::HalfOpen : CircuitState::Closed, {}};
}

void IssuerCircuit::make_room(Time now) {
    if (entries_.size() < kMaxEntries) return;
    std::erase_if(entries_, [now](const auto& item) { return item.second.until + kForget <= now; });
    if (entries_.size() >= kMaxEntries) entries_.erase(entries_.begin());
}

}  // namespace flowctl::net
