// Tasks that call functions of the database, when their flow is defined.
#pragma once

#include <vector>

#include "core/asl/resource.hpp"
#include "core/json.hpp"
#include "pg/tasks/definition.hpp"

namespace flowctl::pg::sql_steps {

bool carries_out(const asl::Resource& resource, const json::Value& input);
std::vector<Objection> check(const asl::Resource& resource, const DefinedTask& task);

}  // namespace flowctl::pg::sql_steps
