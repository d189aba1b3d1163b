// What a trigger that starts flows must be: it is looked at when it is created.
#pragma once

#include "pg/server/prelude.hpp"

namespace flowctl::pg {

// To be called for every new trigger; looks only at those whose function is flowctl.start_flow. Raises an
// error when the trigger names no flow, has unknown options, fires at the wrong time, or its creator may not
// start the flow.
void check_trigger_creation(Oid trigger);

// flowctl.start_flow(), or InvalidOid where the extension is not installed.
Oid start_flow_function();

}  // namespace flowctl::pg
