// Synchronous replication: a commit of a worker counts only when the synchronous standby has confirmed it.
//
// The server commits locally and then waits for the standby. It gives this wait up when the process is
// terminated, when the statement is cancelled, or when the postmaster has gone, and the transaction stays
// committed. A session gets a warning then. A worker must not go on: it makes calls after the commit, and if
// the standby were promoted at this moment, the standby would not know of them and would make the same calls
// again. So a worker that still lives repeats the wait, with no transaction open, until the standby has
// confirmed the commit or the administrator has removed the standby from synchronous_standby_names.
#pragma once

#include "pg/server/prelude.hpp"

namespace flowctl::pg {

// Waits until the standby has confirmed the commit that ends at `commit`, as the setting synchronous_commit
// asks; returns at once if no confirmation is needed. No transaction may be open. Ends the process when it is
// told to end or when the postmaster has gone. Raises no error.
void wait_for_standby(XLogRecPtr commit) noexcept;

}  // namespace flowctl::pg
