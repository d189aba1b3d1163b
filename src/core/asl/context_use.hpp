// Whether a state can see the Context Object, which is expensive to make.
#pragma once

#include "core/asl/model.hpp"
#include "core/json.hpp"

namespace flowctl::asl {

// Whether an expression of the state's own may read the Context Object. The blocks inside the state are states
// of their own.
bool reads_context(const json::Value& state, QueryLanguage language);

}  // namespace flowctl::asl
