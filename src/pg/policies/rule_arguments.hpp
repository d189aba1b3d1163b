// The arguments that policies and lease rules have in common: a name, an endpoint, conditions (policy.hpp).
//
// A wrong argument raises an error with a hint.
#pragma once

#include <optional>
#include <string>

#include "core/json.hpp"
#include "pg/server/arguments.hpp"

namespace flowctl::pg {

// `one` and `many` as messages name them: "policy", "policies".
void check_rule_name(const std::string& name, const char* one, const char* many);

// Whether the current user is a superuser or has the privileges of the endpoint's owner.
bool acts_for_owner_of(const std::string& endpoint);

// Where it is null: {}, which always holds.
json::Value conditions_argument(FunctionCallInfo fcinfo, int index);

}  // namespace flowctl::pg
