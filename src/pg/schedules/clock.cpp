// The clock of schedules. See clock.hpp.
#include "pg/schedules/clock.hpp"

#include <cstdlib>
#include <ctime>

#include "core/asl/timestamp.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/timestamps.hpp"

namespace flowctl::pg::schedules {

namespace {

constexpr std::int64_t kTolerance = 2'000'000;  // us

std::int64_t steady_micros() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * std::int64_t{1'000'000} + time.tv_nsec / 1'000;
}

}  // namespace

bool clock_stands_still() {
    return guc::schedule_clock != nullptr && *guc::schedule_clock != '\0';
}

std::int64_t clock_now() {
    if (clock_stands_still())
        if (const auto at = asl::parse_timestamp(guc::schedule_clock)) return at->micros();
    return unix_micros_now();
}

bool ClockWatch::has_jumped() {
    const std::int64_t wall = clock_now(), steady = steady_micros();
    const std::int64_t difference = (wall - wall_) - (steady - steady_);
    const bool first = steady_ == 0;
    // Where it stands still, only the setting moves it.
    const bool jumped = clock_stands_still() ? wall != wall_ : std::llabs(difference) > kTolerance;
    wall_ = wall;
    steady_ = steady;
    return jumped && !first;
}

}  // namespace flowctl::pg::schedules
