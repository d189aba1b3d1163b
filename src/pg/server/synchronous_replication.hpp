// Synchronous replication: a commit of ours counts only when the synchronous standby has confirmed it.
//
// The server commits locally, and then waits for the standby. It gives that wait up when the process is
// terminated, when the statement is cancelled and when the postmaster has gone; the transaction is committed
// all the same. For a session that is a warning. For a worker it would be wrong: its effects leave after the
// commit, and if the standby were promoted then, it would not know of them and make the same calls under a
// history of its own. So a worker that still lives waits again, with no transaction open, until the standby
// has confirmed the commit or the administrator has taken the standby off synchronous_standby_names.
#pragma once

#include "pg/server/prelude.hpp"

namespace flowctl::pg {

// Outside of transactions, after a commit that ends at `commit`. Returns when the standby has confirmed it as
// the setting synchronous_commit asks, at once where nobody has to confirm. Ends the process when it is told to
// end, or when the postmaster has gone. Raises nothing.
void wait_for_standby(XLogRecPtr commit) noexcept;

}  // namespace flowctl::pg
