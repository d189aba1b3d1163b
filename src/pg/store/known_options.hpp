// The options of flows that this process has read, as long as they hold (server/catalog_watch.hpp).
#pragma once

#include <memory>

#include "pg/flow_options/flow_options.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

// In a transaction, as the extension's owner. Never null: a flow that is gone has the defaults.
std::shared_ptr<const FlowOptions> options_of_flow(Spi& spi, const Uuid& flow_id);

}  // namespace flowctl::pg::store
