// What time it is for schedules.
//
// It is the server's time. For tests, the setting flowctl.schedule_clock makes it stand still at some moment; only
// who may change the server's configuration can do so, and it concerns schedules alone: neither tokens nor timers nor
// timestamps that are recorded of runs follow it.
#pragma once

#include <cstdint>

namespace flowctl::pg::schedules {

// Microseconds since 1970.
std::int64_t clock_now();
bool clock_stands_still();

// Notices when the clock is set, by comparing it with one that nobody can set.
class ClockWatch {
  public:
    // True: the clock has been set, or the machine was asleep, since the last look. The first look says no.
    bool has_jumped();

  private:
    std::int64_t wall_ = 0, steady_ = 0;
};

}  // namespace flowctl::pg::schedules
