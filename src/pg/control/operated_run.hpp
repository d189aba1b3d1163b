// The runs that the functions on runs are about, and who may do what with them.
//
//   see        members of the flow's owner and of the run's role, the role that started the run, and who reads
//              all data; for anybody else the run does not exist, and is reported so
//   operate    members of the flow's owner and of the run's role: stop it, and so on
#pragma once

#include "pg/server/bridge.hpp"
#include "pg/store/controls.hpp"

namespace flowctl::pg::control {

// Raises the error that there is no such run.
[[noreturn]] void no_such_run(const Uuid& id);
// The argument run_id, which is the first one.
Uuid run_id_argument(FunctionCallInfo fcinfo);

bool may_see(Oid user, const store::RunStatus& run);
bool may_operate(Oid user, const store::RunStatus& run);

// The run for a request of this kind ("stop"), as the extension's owner. Raises an error if the user may not
// see or operate it.
store::OperatedRun get_operated(Spi& spi, const Uuid& id, Oid user, const std::string& kind);

}  // namespace flowctl::pg::control
