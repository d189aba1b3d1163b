// The list of what carries out Tasks.
#pragma once

#include <vector>

#include "core/asl/resource.hpp"
#include "pg/tasks/definition.hpp"

namespace flowctl::pg {

// What stands in the way of Tasks with this Resource. Within a transaction.
std::vector<Objection> check_task(const asl::Resource& resource, const DefinedTask& task);

}  // namespace flowctl::pg
