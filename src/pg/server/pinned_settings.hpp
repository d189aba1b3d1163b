// The settings that our own processes work with. They are set once a process is connected and override what
// ALTER DATABASE and ALTER ROLE say. Both functions raise PgError.
#pragma once

namespace flowctl::pg {

// Keys: for a process that runs only statements of the engine, which find rows by key; a plan that was right
// for an empty table must not outlive it. Default: for a process that runs statements of users, too.
enum class Planner { Keys, Default };

void pin_settings(Planner planner);

// synchronous_commit as flowctl.synchronous_commit says; again after each reload.
void pin_synchronous_commit();

}  // namespace flowctl::pg
