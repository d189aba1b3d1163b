// Where this database is allowed to act: a copy of it does nothing until flowctl.activate().
#pragma once

namespace flowctl::pg {

// Original: server, database and flowctl.installation are the same as when CREATE EXTENSION or
// flowctl.activate() recorded them. Restored: they are, but since then the server was restored from a backup
// (restore_marker.hpp).
enum class Standing { Original, Copy, Restored };

// Runs in the caller's transaction. The engine asks when it begins to work and when it is poked or reloaded;
// while the database is not the original, runs are accepted and nothing leaves.
Standing find_standing();

// Tells the session with a NOTICE, once a transaction, when the runs of this database wait for activate() or
// for flowctl.run, also where no worker has come yet.
void notice_if_waiting();

}  // namespace flowctl::pg
