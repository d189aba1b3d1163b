// Whether the input of a start fits what the version wants (option input_schema).
#pragma once

#include "pg/starts/start_input.hpp"
#include "pg/store/flows.hpp"

namespace flowctl::pg {

// Raises 22023 with the JSON Pointer of what does not fit, or 54000 where the check takes too long.
void check_input(const store::FlowRow& flow, StartInput& input);

}  // namespace flowctl::pg
