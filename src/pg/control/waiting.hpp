// Runs that a role may see, and waiting for the end of one.
#pragma once

#include <cstdint>

#include "pg/server/committing.hpp"
#include "pg/store/runs.hpp"

namespace flowctl::pg {

// A run that the user may not see does not exist for him: both raise 42704 with the same words.
store::RunStatus find_visible_run(const Uuid& id, Oid user);
bool may_see(Oid user, const store::RunStatus& run);

// Waits until the run has ended or the time is over, and returns its status. Raises for a run that the user may
// not see, and at once for a run that this very transaction has started. With `procedure`, each look is a
// transaction of its own, and there is none while it sleeps; a procedure must have committed before.
machine::Status wait_for_end(const Uuid& id, Oid user, std::int64_t micros, Committing* procedure);

}  // namespace flowctl::pg
