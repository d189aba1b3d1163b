// The schedules that start a flow, for what must not be dropped under them; and the schedules of a role.
#pragma once

#include <string>

#include "pg/rights/flow_rights.hpp"

namespace flowctl::pg::schedules {

// A line for each of the first schedules that start the flow; empty where there are none. A schedule whose owner may
// not start the flow starts nothing, so it is not in the way. As the extension's owner.
std::string list_schedules(Spi& spi, const FlowIdentity& flow);

// For DROP OWNED and REASSIGN OWNED, as the extension's owner.
void drop_schedules_of(Spi& spi, Oid role);
void reassign_schedules(Spi& spi, Oid role, Oid new_owner);

}  // namespace flowctl::pg::schedules
