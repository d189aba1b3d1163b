// The run that a function about records is called for, and the right to it.
//
// Whoever acts for the owner of the run's flow keeps its records. The run's role and its starter do not: they
// may see a run, and what becomes of its record is the owner's to decide.
#pragma once

#include <string>

#include "pg/store/redactions.hpp"

namespace flowctl::pg::records {

Uuid run_id_argument(FunctionCallInfo fcinfo);
// Why something is done, in the words of who does it. Raises where it is missing, empty or longer than 4096
// bytes.
std::string reason_argument(FunctionCallInfo fcinfo, int index);

// The run. Nothing is locked: while a run is open, its worker must never wait for a session. Raises 42704 if the
// user sees no such run, and 42501 if the run is not the user's to `what` ("redact").
store::RecordedRun get_kept_run(Spi& spi, const Uuid& id, Oid user, const char* what);

// Whether the user acts for the owner of the run's flow.
bool may_keep(Oid user, const store::RecordedRun& run);

bool is_open(machine::Status status);

}  // namespace flowctl::pg::records
