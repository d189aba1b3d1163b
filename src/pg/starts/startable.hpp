// From the name in a start to the version that the run has.
#pragma once

#include <optional>

#include "pg/starts/start.hpp"
#include "pg/store/flows.hpp"

namespace flowctl::pg {

// Of the two versions of an alias, a start with a name always takes the same one. Raises an error, and records
// the denial, where there is no such flow, version or alias, or no right to start it.
store::FlowRow find_startable(const StartRequest& request, const Uuid& run_id);
// The same, and nullopt instead of an error. The caller is the extension's owner.
std::optional<store::FlowRow> find_if_startable(Spi& spi, const StartRequest& request, const Uuid& run_id);

}  // namespace flowctl::pg
