// ARNs that the input of a Task names, as far as they belong to the service that the Task calls.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace flowctl::calls::aws {

// Appends an ARN of this service. An ARN of another one is passed over: a queue's ARN is no name for a
// function.
void add_arn(std::vector<std::string>& targets, std::string_view service, std::string_view arn);

}  // namespace flowctl::calls::aws
