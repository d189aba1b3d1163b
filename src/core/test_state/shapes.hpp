// What the services that a Task can name answer, as far as it is known here: the check of a mocked result.
//
#pragma once

#include <optional>
#include <string>

#include "core/asl/resource.hpp"
#include "core/json.hpp"

namespace flowctl::test_state {

// What is wrong with the mocked result of such a task, in AWS's words. `strict`: required fields must be
// there. A service whose answers are not known takes anything, and so does a task that someone else ends.
std::optional<std::string> check_shape(const asl::Resource& resource, const json::Value& result, bool strict);

}  // namespace flowctl::test_state
