// Which times of a schedule are to be fired now, and which have been missed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/schedule/schedule.hpp"

namespace flowctl::schedule {

// What becomes of times at which nobody was there to fire.
enum class CatchUp { None, Last, All };

// Delays each time by up to `most` microseconds. The delay follows from the schedule and the time, so whoever looks
// again finds the same.
struct Jitter {
    std::array<std::uint8_t, 16> seed{};
    std::int64_t most = 0;
    std::int64_t of(Instant time) const;
    // When the time is to be fired, in microseconds since 1970.
    std::int64_t fire_at(Instant time) const { return time * 1'000'000 + of(time); }
};

struct Look {
    Instant next = 0;               // the first time that has not been dealt with
    std::int64_t now = 0;           // microseconds since 1970, as is the next member
    std::int64_t late_before = 0;   // what was to be fired before this moment is late
    CatchUp catch_up = CatchUp::None;
    std::size_t most = 1;           // times that are fired; older ones are missed
};

struct Due {
    std::vector<Instant> fire;      // in their order
    std::int64_t missed = 0;        // at most kMostMissed beyond those that were looked at one by one
    std::optional<Instant> first_missed;
    std::optional<Instant> next;    // nullopt: the schedule has ended
};
inline constexpr std::int64_t kMostMissed = 10'000;

Due find_due(const Terms& terms, const Zone& zone, const Jitter& jitter, const Look& look);

}  // namespace flowctl::schedule
