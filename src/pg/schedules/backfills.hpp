// Backfills whose runs come one after the other: rows that the worker takes, one for each schedule at a time.
//
// A row has the id of its run from the beginning. In one transaction the worker inserts the run and deletes the row.
// The next one of the schedule starts when no run of it is open that it follows (schedule_run).
//
// Everything runs inside the caller's transaction, as the extension's owner, and raises PgError.
#pragma once

#include <vector>

#include "pg/schedules/schedule_definition.hpp"

namespace flowctl::pg::schedules {

// By a session. The worker hears of it when the transaction has committed.
void queue_backfill(Spi& spi, const Definition& definition, const std::vector<schedule::Instant>& times);

bool has_backfills();
// By the worker that has these buckets: starts what may start. True: there may be more to start at once.
bool start_backfills(Spi& spi, int shard, int shards);

}  // namespace flowctl::pg::schedules
