// The inputs of the children that a tested distributed Map would begin.
#pragma once

#include <functional>
#include <optional>

#include "core/json.hpp"
#include "core/machine/trial.hpp"

namespace flowctl::test_state {

// Takes the items as a map run does. They are the plan's items, or those that its reader would find in
// `reader_data`. A reader without data has no items; then the test shows how items would be treated, without
// showing any.
machine::TriedItems take_items(const asl::State& map, machine::MapRunPlan plan,
                               const std::optional<json::Value>& reader_data, const machine::Limits& limits,
                               const machine::Now& now, const std::function<bool()>& interrupted);

}  // namespace flowctl::test_state
