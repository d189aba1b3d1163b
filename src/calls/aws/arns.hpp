// The ARNs in a Task's input that belong to the service that the Task calls.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace flowctl::calls::aws {

// Appends the ARN if it is one of this service. The ARN of another service is ignored, because a queue's ARN,
// for example, cannot name a function.
void add_arn(std::vector<std::string>& targets, std::string_view service, std::string_view arn);

}  // namespace flowctl::calls::aws
