// Finding open runs that no commit announced.
//
// A run's transaction tells the worker its id when it commits (wake). That is a hint: the ring may be full,
// the transaction prepared, the worker not there yet. A sweep looks for what became visible since the one
// before: it remembers which transactions were in progress then and which was to be the next, and goes
// through the runs of those by the index on start_xid. The worker's first sweep looks at all open runs.
// Invariant: a run whose transaction had committed when a sweep began is found by it or was by an earlier
// one; one may be found twice.
//
// The index keeps an entry of each run that has ended until vacuum comes, so a sweep's cost is that of all
// runs since the last one: it goes through the index itself, since a plan made while the tables were small
// reads all of it.
//
// Everything runs inside the caller's transaction (READ COMMITTED) and raises PgError.
#pragma once

#include <cstdint>
#include <vector>

#include "pg/server/spi.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg::store {

struct SweepPosition {
    std::uint64_t next = 0;                  // transactions from this one on had not begun
    std::vector<std::uint64_t> in_progress;  // of those before it
};
SweepPosition current_position(Spi& spi);

// Open runs, but for children of map runs, whose turn comes when their map run says: those without a frame,
// for the first sweep, and those of transactions that were not over at `position`, with a frame or without.
std::vector<FreshRun> find_unbegun(Spi& spi);
std::vector<FreshRun> find_open_since(const SweepPosition& position);
// Which of them no worker has begun.
std::vector<FreshRun> without_frame(const std::vector<FreshRun>& runs);

// Runs whose frame is in phase RUNNING: calls are to be repeated. For the first sweep.
std::vector<Uuid> find_interrupted(Spi& spi);

}  // namespace flowctl::pg::store
