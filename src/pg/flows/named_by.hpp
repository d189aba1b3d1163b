// Which other flows name a flow, one of its versions or an alias: what they name is not dropped.
#pragma once

#include <optional>
#include <string>

#include "pg/rights/flow_rights.hpp"

namespace flowctl::pg {

// Why something stays, for the message, and what to do.
struct NamedBy {
    std::string why, hint, detail;
};

// Asks for options on_failure and for tasks of the versions that starts of other flows lead to. Flows that could not
// start the flow do not count, since else anybody could keep it from being dropped.
//
// Without a qualifier it is the flow as a whole, which only options keep: a task of another flow fails when the flow
// that it starts is gone, and says so.
//
// What is being defined at this moment may be missed. An import and pg_dump may restore the name before what it
// stands for; they turn check_function_bodies off, and nothing is in the way then.
std::optional<NamedBy> named_by_other_flows(Spi& spi, const FlowIdentity& flow,
                                            const std::optional<std::string>& qualifier);

}  // namespace flowctl::pg
