// The runs that the functions on runs are about. rights/run_rights.hpp says who may do what with them.
#pragma once

#include <string>

#include "pg/store/controls.hpp"

namespace flowctl::pg {

// Raises the error that there is no such run.
[[noreturn]] void no_such_run(const Uuid& id);

// A run that the user may not see does not exist for him: both raise 42704 with the same words.
store::RunStatus find_visible_run(const Uuid& id, Oid user);

// The run for a request of this kind ("stop"), as the extension's owner. Raises an error if the user may not
// see or operate it.
store::OperatedRun get_operated(Spi& spi, const Uuid& id, Oid user, const std::string& kind);

}  // namespace flowctl::pg
