// What a tested distributed Map would begin children with.
#pragma once

#include <functional>
#include <optional>

#include "core/json.hpp"
#include "core/machine/trial.hpp"

namespace flowctl::test_state {

// Takes the items as a map run takes them. They are the items of the plan, or what its reader would find in
// `reader_data`. A reader without data has no items: the test then says what becomes of them and not what they
// are.
machine::TriedItems take_items(const asl::State& map, machine::MapRunPlan plan,
                               const std::optional<json::Value>& reader_data, const machine::Limits& limits,
                               const machine::Now& now, const std::function<bool()>& interrupted);

}  // namespace flowctl::test_state
