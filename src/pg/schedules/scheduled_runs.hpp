// The runs that a schedule starts: their ids, and what they are told.
#pragma once

#include <string>

#include "pg/schedules/schedule_definition.hpp"
#include "pg/starts/start.hpp"

namespace flowctl::pg::schedules {

// Why a run of a schedule is started.
enum class Firing { Time, CatchUp, Backfill, Manual };

// The id of the run for a time of a schedule. It follows from both, so a server that starts the run a second time,
// because a failover has lost that it did, gives its calls the same keys. Its bucket is that of the schedule.
Uuid run_id_for(const Uuid& schedule, schedule::Instant due);
// For a run that is not the one of that time.
Uuid new_run_id_of(const Uuid& schedule);

// The owner of the schedule is the starter, and whose right is asked for. `due`: microseconds since 1970.
StartRequest request_for(const Definition& definition, const Uuid& run, std::int64_t due, Firing firing);

}  // namespace flowctl::pg::schedules
