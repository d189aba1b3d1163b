// Changing the options that belong to a flow and not to its versions.
#pragma once

#include "core/json.hpp"
#include "pg/rights/flow_rights.hpp"

namespace flowctl::pg {

// What an option names in the catalog has to be there, and the flow's owner must be allowed to use it. `given`
// holds options that are being set and have been checked otherwise. Raises; the caller is AsExtensionOwner.
void check_in_catalog(Spi& spi, Oid flow_owner, const json::Value& given);

// Changes the options that `given` names, and removes those that are null in it. Raises an error where one is
// not allowed or names what is not there. `user` has the right to change the flow; the caller holds its row
// FOR NO KEY UPDATE and is AsExtensionOwner.
void set_flow_options(Spi& spi, const FlowIdentity& flow, const json::Value& given, Oid user);

}  // namespace flowctl::pg
