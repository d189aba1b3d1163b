// What the administration of flows shares with DROP OWNED and with resolving roles.
#pragma once

#include <string>

#include "pg/rights/flow_rights.hpp"

namespace flowctl::pg {

// The first argument, which names a flow.
std::string flow_argument(FunctionCallInfo fcinfo);
Oid role_argument(FunctionCallInfo fcinfo, int index);
// Raises an error for a role that does not exist: a regrole may be any number.
Oid existing_role_argument(FunctionCallInfo fcinfo, int index);

// Removes a flow with its versions, grants and names of runs; raises an error while triggers name it or runs
// are open. The caller has asked for the right, holds the flow's row FOR UPDATE, and is AsExtensionOwner.
void remove_flow(Spi& spi, const FlowIdentity& flow);

// A superuser's flow acts as a superuser, so nobody else may have written any version of it: raises an error
// where the new owner is a superuser and somebody else has.
void require_superusers_work(Spi& spi, const FlowIdentity& flow, Oid new_owner);

}  // namespace flowctl::pg
