// Where this database is allowed to act: a copy of it does nothing until flowctl.activate().
#pragma once

namespace flowctl::pg {

// True if server, database and flowctl.installation are the same as when CREATE EXTENSION or
// flowctl.activate() recorded them. Runs in the caller's transaction. The engine asks when it begins to work
// and when it is poked or reloaded; while the answer is no, runs are accepted and nothing leaves.
bool installation_matches();

// Tells the session with a NOTICE, once a transaction, when the runs of this database wait for activate(),
// also where no worker has come yet.
void notice_if_waiting();

}  // namespace flowctl::pg
