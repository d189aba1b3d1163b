// Whether a state can see the Context Object, which is expensive to make.
#pragma once

#include "core/asl/model.hpp"
#include "core/json.hpp"

namespace flowctl::asl {

// Whether an expression of the state itself may read the Context Object. Blocks inside the state have states
// of their own and are not looked at.
bool reads_context(const json::Value& state, QueryLanguage language);
// Whether an expression in the JSON, which is a field of a Task, may read the task's token.
bool may_read_token(const json::Value& value, QueryLanguage language);

}  // namespace flowctl::asl
