// The triggers that start a flow, for what must not be dropped under them.
#pragma once

#include <optional>
#include <string>

#include "pg/rights/flow_rights.hpp"

namespace flowctl::pg {

// A line for each of the first triggers that name the flow, or 'flow:qualifier' where a qualifier is given; empty
// where there are none. A stranger's trigger starts nothing, so it is not in the way. As the extension's owner.
std::string list_triggers(Spi& spi, const FlowIdentity& flow, const std::optional<std::string>& qualifier);

}  // namespace flowctl::pg
