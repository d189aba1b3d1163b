// Who may do what with a run. The views have the same rules (36_history.sql).
//
//   see            whoever may read it, and the role that started it; for others the run does not exist
//   read           members of the flow's owner and of the run's role; who reads all data; and who has been
//                  granted operate, read or read_payload on the flow
//   read payloads  the same, but of the granted only those with read_payload
//   operate        members of the flow's owner and of the run's role, and who has been granted operate
#pragma once

#include "pg/store/runs.hpp"

namespace flowctl::pg {

bool may_see(Oid user, const store::RunStatus& run);
bool may_read(Oid user, const store::RunStatus& run);
bool may_read_payload(Oid user, const store::RunStatus& run);
bool may_operate(Oid user, const store::RunStatus& run);
// Raises 42501, and records the denial. The caller has found that the user may see the run; `what`: "stop".
void require_operate(Oid user, const Uuid& run_id, const store::RunStatus& run, const std::string& what);

}  // namespace flowctl::pg
