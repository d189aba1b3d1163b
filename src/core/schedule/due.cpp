// Times that are due, and times that were missed. See due.hpp.
#include "core/schedule/due.hpp"

#include <algorithm>

namespace flowctl::schedule {

namespace {

constexpr std::int64_t kMicros = 1'000'000;

// Spreads the bits of a number (the finalizer of SplitMix64).
std::uint64_t mixed(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

}  // namespace

std::int64_t Jitter::of(Instant time) const {
    if (most <= 0) return 0;
    std::uint64_t hash = mixed(static_cast<std::uint64_t>(time) + 0x9e3779b97f4a7c15);
    for (const std::uint8_t byte : seed)
        hash = mixed(hash ^ byte);
    return static_cast<std::int64_t>(hash % (static_cast<std::uint64_t>(most) + 1));
}

Due find_due(const Terms& terms, const Zone& zone, const Jitter& jitter, const Look& look) {
    Due due;
    due.next = look.next;
    const Instant now = look.now / kMicros;
    const auto miss = [&](Instant first, std::int64_t times) {
        if (times > 0 && !due.first_missed) due.first_missed = first;
        due.missed += times;
    };
    // However much they are delayed, these are to be fired by now.
    const Instant passed = (look.now - jitter.most) / kMicros;
    std::vector<Instant> late, fresh;
    const auto sort_in = [&](Instant time) {
        (jitter.fire_at(time) < look.late_before ? late : fresh).push_back(time);
    };
    if (look.next <= passed) {
        const std::vector<Instant> times = latest(terms, zone, look.next, passed, look.most);
        if (!times.empty()) miss(look.next, count(terms, zone, look.next, times.front(), kMostMissed));
        for (const Instant time : times)
            sort_in(time);
        due.next = next(terms, zone, passed);
    }
    while (due.next && *due.next <= now && late.size() + fresh.size() < 2 * look.most) {
        if (jitter.fire_at(*due.next) > look.now) break;
        sort_in(*due.next);
        due.next = next(terms, zone, *due.next);
    }
    if (look.catch_up != CatchUp::All && !late.empty()) {
        const bool keeps_last = look.catch_up == CatchUp::Last;
        miss(late.front(), static_cast<std::int64_t>(late.size()) - (keeps_last ? 1 : 0));
        late.erase(late.begin(), keeps_last ? late.end() - 1 : late.end());
    }
    due.fire = std::move(late);
    due.fire.insert(due.fire.end(), fresh.begin(), fresh.end());
    if (due.fire.size() > look.most) {
        const auto over = static_cast<std::ptrdiff_t>(due.fire.size() - look.most);
        miss(due.fire.front(), over);
        due.fire.erase(due.fire.begin(), due.fire.begin() + over);
    }
    return due;
}

}  // namespace flowctl::schedule
