// What the administration of flows shares with DROP OWNED: removing a flow.
#pragma once

#include "pg/rights/flow_rights.hpp"

namespace flowctl::pg {

// Removes a flow with its versions, grants and names of runs; raises an error while triggers name it or runs
// are open. The caller has asked for the right, holds the flow's row FOR UPDATE, and is AsExtensionOwner.
void remove_flow(Spi& spi, const FlowIdentity& flow);

}  // namespace flowctl::pg
