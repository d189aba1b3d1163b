// Whether a state can see the Context Object, which is expensive to make.
#pragma once

#include "core/asl/model.hpp"
#include "core/json.hpp"

namespace flowctl::asl {

// Whether an expression of the state itself may read the Context Object. Blocks inside the state have states
// of their own and are not looked at.
bool reads_context(const json::Value& state, QueryLanguage language);

}  // namespace flowctl::asl
