// A time zone, as schedules need it: which offset from UTC is in effect at an instant, and for how long.
//
// The core has no table of time zones. The server gives its own, which is the one that also prints timestamps, so a
// schedule and a query never disagree; unit tests give the C library's.
#pragma once

#include <cstdint>
#include <limits>

namespace flowctl::schedule {

using Instant = std::int64_t;    // seconds since 1970-01-01 00:00:00 UTC
using WallTime = std::int64_t;   // what clocks on the wall show, counted as if it were UTC

inline constexpr Instant kNever = std::numeric_limits<Instant>::max();

struct ZoneSpan {
    std::int32_t offset = 0;  // seconds to add to an instant to get the time on the wall
    Instant ends = kNever;    // the first instant at which another offset may be in effect
};

class Zone {
  public:
    Zone() = default;
    Zone(const Zone&) = delete;
    Zone& operator=(const Zone&) = delete;
    virtual ~Zone() = default;
    // `ends` is later than `at`. Offsets are less than a day.
    virtual ZoneSpan span_at(Instant at) const = 0;
};

}  // namespace flowctl::schedule
