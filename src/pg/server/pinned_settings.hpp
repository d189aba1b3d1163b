// The settings that our own processes work with, whatever ALTER DATABASE or ALTER ROLE say.
//
// Called by worker and map_helper once they are connected; raises PgError.
#pragma once

namespace flowctl::pg {

// Keys: for statements of the engine, which find rows by key; a plan that was right for an empty table must
// not outlive it. Default: also for statements of users.
enum class Planner { Keys, Default };

void pin_settings(Planner planner);

// synchronous_commit as flowctl.synchronous_commit says; again after each reload.
void pin_synchronous_commit();

}  // namespace flowctl::pg
