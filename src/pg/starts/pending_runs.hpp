// Runs that the row triggers of a statement have started and that are not in the table yet.
//
// A statement that changes 100,000 rows starts 100,000 runs. Written one by one, each opens the table and its
// indexes anew; written together, they cost the rows alone. So a trigger's run is held here until its
// statement is over: until the executor has fired the statement's triggers, a command (COPY, SET CONSTRAINTS)
// has ended, or the transaction or subtransaction is about to commit; or until 1,000 are there. Invariants:
// the runs that are held belong to one subtransaction, go into the table within it, and are forgotten with
// it; nothing is held when a transaction commits; the statement after the one that started runs sees them.
#pragma once

#include <memory>

#include "pg/store/new_runs.hpp"

namespace flowctl::pg::pending_runs {

void install_at_load();

// The run is in the table when the statement that caused it is over, at the latest. Raises what inserting it
// raises.
void add(store::NewRun run);
// The same for a run that is like `common`, and like those before it (store::insert_similar_runs).
void add_similar(const std::shared_ptr<const store::NewRun>& common, store::OwnOfRun run);

// A command is over.
void at_end_of_command();

}  // namespace flowctl::pg::pending_runs
