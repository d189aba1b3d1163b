// The check of a mocked result against the known answers of the services that a Task can name.
#pragma once

#include <optional>
#include <string>

#include "core/asl/resource.hpp"
#include "core/json.hpp"

namespace flowctl::test_state {

// What is wrong with the mocked result of such a task, in AWS's words. `strict` means that required fields
// must be there. Every result is accepted if the service's answers are not known, or if the task waits for a
// token.
std::optional<std::string> check_shape(const asl::Resource& resource, const json::Value& result, bool strict);

}  // namespace flowctl::test_state
