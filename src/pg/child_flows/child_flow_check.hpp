// Tasks that start flows of this database, when their flow is defined.
#pragma once

#include <vector>

#include "core/asl/resource.hpp"
#include "pg/tasks/definition.hpp"

namespace flowctl::pg::child_flows {

// Flows that start one another can be defined in any order, so everything here is a warning.
std::vector<Objection> check(const asl::Resource& resource, const DefinedTask& task);

}  // namespace flowctl::pg::child_flows
