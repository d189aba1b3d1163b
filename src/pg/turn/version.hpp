// A flow version as a worker runs it, and a run's place among the children of a map run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/asl/model.hpp"
#include "pg/flow_options/flow_options.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg {

// A flow version, compiled once for each worker. The children of a distributed Map run a part of one, which
// is a CompiledVersion of its own.
struct CompiledVersion {
    std::shared_ptr<const asl::Flow> flow;  // what runs; null: `problem` says why it cannot
    std::shared_ptr<const asl::Flow>
        whole;  // the flow as it was defined; the same as `flow`, but for children
    std::string problem;
    Uuid flow_id{};
    std::string name;
    std::int32_t version = 0;
    VersionOptions options;
    std::size_t bytes = 0;  // of memory, by estimate
};

// Which child of which map run a run is.
struct ChildOf {
    Uuid map_run{};
    std::int64_t index = 0;
    std::int32_t items = 1;  // that it was made of
};

}  // namespace flowctl::pg
