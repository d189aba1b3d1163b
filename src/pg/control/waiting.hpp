// Waiting for the end of a run.
#pragma once

#include <cstdint>

#include "core/machine/status.hpp"
#include "pg/server/committing.hpp"
#include "pg/server/uuid.hpp"

namespace flowctl::pg {

// Waits until the run has ended or the time is over, and returns its status. Raises for a run that the user may
// not see, and at once for a run that this very transaction has started. With `procedure`, each look is a
// transaction of its own, and there is none while it sleeps; a procedure must have committed before.
machine::Status wait_for_end(const Uuid& id, Oid user, std::int64_t micros, Committing* procedure);

}  // namespace flowctl::pg
