// Quotas of open runs (flowctl.set_quota), as a session that starts runs is held to them.
//
// A start by which a role would have more open runs than its quota is refused in its transaction. No start
// counts rows: it asks shared memory (shared/open_run_counts.hpp). The open runs are counted again where the quota
// seems to be reached, since some may have ended, and where the last count is older than ten seconds, since
// not everything that opens a run says so (flowctl.redrive, children of a map run). After a count of more than
// five milliseconds nobody counts for twenty times as long as it took, so a flood of refused starts does not count
// all the time.
//
// Several transactions that start runs at once do not see each other's, so together they may go beyond the
// quota by what they start.
//
// A quota of stored bytes is compared with what was measured last (store/stored_use.hpp).
//
// Roles without a quota cost a start one comparison, as long as no quota and no flow is changed.
#pragma once

#include "pg/server/prelude.hpp"

namespace flowctl::pg::open_run_quota {

void install_at_load();

// This transaction starts a run of a flow of this owner. Raises 53400 where the owner's quota is reached.
void take(Oid owner);

}  // namespace flowctl::pg::open_run_quota
