// Changing the options that belong to a flow and not to its versions.
#pragma once

#include "core/json.hpp"
#include "pg/rights/flow_rights.hpp"

namespace flowctl::pg {

// Changes the options that `given` names, and removes those that are null in it. Raises an error where one is
// not allowed or names what is not there. The caller has found the right to change the flow, holds its row
// FOR NO KEY UPDATE and is AsExtensionOwner.
void set_flow_options(Spi& spi, const FlowIdentity& flow, const json::Value& given);

}  // namespace flowctl::pg
