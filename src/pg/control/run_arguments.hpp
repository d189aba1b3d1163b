// Arguments that several functions on runs have.
#pragma once

#include <optional>
#include <string>

#include "pg/server/spi.hpp"
#include "pg/starts/start.hpp"

namespace flowctl::pg {

// The run that the first argument names.
Uuid run_id_argument(FunctionCallInfo fcinfo);
// Why somebody intervenes.
std::optional<std::string> reason_argument(FunctionCallInfo fcinfo, int index);
// What the caller wants to start: the numbers are those of the arguments flow, input and name.
StartRequest start_arguments(FunctionCallInfo fcinfo, int flow, int input, int name);

}  // namespace flowctl::pg
