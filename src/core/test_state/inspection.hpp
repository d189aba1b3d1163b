// inspectionData: the values of a state's data at each stage.
#pragma once

#include "core/asl/model.hpp"
#include "core/json.hpp"
#include "core/machine/trial.hpp"
#include "core/test_state/parsed_request.hpp"

namespace flowctl::test_state {

json::Value inspection_data(const asl::State& state, const json::Value& input, const Checked& checked,
                            const machine::Tried& tried);

}  // namespace flowctl::test_state
