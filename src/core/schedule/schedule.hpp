// Schedules: what a text like '0 2 * * 1-5' means, and when its next times are.
//
// Five notations are read: cron with 5 fields or with 6 (seconds first), the macros @hourly, @daily and so on, an
// interval ('30 seconds'), and EventBridge's cron(...), rate(...) and at(...).
//
// Daylight saving. A schedule that names its hours means times of the day: a time that a change of the clocks skips
// comes at the first moment after the gap, and a time that a change repeats comes once, at its first occurrence. A
// schedule for every hour (its hour field begins with *, or names all 24) follows the clock as it goes: it skips
// nothing that exists, and comes in both of two repeated hours. An interval is elapsed time.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "core/schedule/zone.hpp"

namespace flowctl::schedule {

inline constexpr int kFirstYear = 1970;
inline constexpr int kLastYear = 2199;
inline constexpr std::size_t kMaxTextBytes = 256;
inline constexpr std::int64_t kMaxInterval = std::int64_t{3'660} * 86'400;

struct Cron {
    std::bitset<60> seconds, minutes;
    std::bitset<24> hours;
    std::bitset<13> months;                            // from 1
    std::bitset<kLastYear - kFirstYear + 1> years;
    std::bitset<32> days;                              // of the month, from 1
    std::vector<int> days_before_last;                 // L is 0, L-3 is 3
    std::vector<int> nearest_weekdays;                 // 15W; 0 is LW, the last weekday of the month
    std::bitset<7> weekdays;                           // from Sunday
    std::vector<std::pair<int, int>> nth_weekdays;     // the weekday, and the how-many-eth of the month; 0: the last
    bool any_day = false;                              // the field of the days of the month begins with * or is ?
    bool any_weekday = false;
    bool every_hour = false;                           // the hours follow elapsed time
};
struct Interval {
    std::int64_t seconds = 0;
};
struct Once {
    WallTime at = 0;
};
using Schedule = std::variant<Cron, Interval, Once>;

struct Problem {
    std::string message;  // begins with a small letter
    std::string hint;     // sentences
};
// Refuses what is no schedule, and what never comes, such as 31 February.
Result<Schedule, Problem> parse(std::string_view text);

// When a schedule holds. An interval is counted from `anchor`.
struct Terms {
    Schedule schedule;
    Instant anchor = 0;
    Instant starts = 0;        // no time before it
    Instant ends = kNever;     // no time after it
};

// The first time that is later than `after`.
std::optional<Instant> next(const Terms& terms, const Zone& zone, Instant after);
// The last `most` times from `since` to `until`, both included, in their order.
std::vector<Instant> latest(const Terms& terms, const Zone& zone, Instant since, Instant until, std::size_t most);
// How many times there are from `since` on and before `before`; `most` where there are more.
std::int64_t count(const Terms& terms, const Zone& zone, Instant since, Instant before, std::int64_t most);

// The first wall time from `from` on that the cron means, whatever time zone; nullopt: there is none until
// kLastYear ends.
std::optional<WallTime> next_wall_time(const Cron& cron, WallTime from);

}  // namespace flowctl::schedule
