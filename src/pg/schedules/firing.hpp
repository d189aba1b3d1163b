// Firing schedules that are due: which runs start, and what becomes of the schedules. All in one transaction.
#pragma once

#include <cstdint>
#include <vector>

#include "pg/schedules/due_rows.hpp"
#include "pg/store/new_runs.hpp"

namespace flowctl::pg::schedules {

struct Moment {
    std::int64_t now = 0;          // microseconds since 1970, as the clock of schedules says
    std::int64_t late_before = 0;  // what was to be fired before had nobody to fire it
};

// An open run that a later one has replaced: it is to be stopped after the commit.
struct Replaced {
    Uuid run{};
    std::string schedule;
};

// Raises PgError. Whatever is wrong with a single schedule becomes a part of its state.
std::vector<Replaced> fire(Spi& spi, const std::vector<DueSchedule>& due, const Moment& moment);

}  // namespace flowctl::pg::schedules
