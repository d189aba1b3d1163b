// The identifiers of executions, state machines and roles in the Context Object.
//
// Published definitions split these identifiers at the colons. So they have as many parts as AWS's, in the
// same places:
//
//   arn:<partition>:states:<region>:<account>:stateMachine:<flow>
//   arn:<partition>:states:<region>:<account>:execution:<flow>:<name>
//   arn:<partition>:states:<region>:<account>:express:<flow>:<name>:<run id>
//   arn:<partition>:states:<region>:<account>:mapRun:<flow>/<label>:<uuid>
//   arn:<partition>:iam::<account>:role/<role>
#pragma once

#include <string>
#include <string_view>

namespace flowctl::machine {

// Partition, region and account of all identifiers of one database.
struct ArnSpace {
    std::string partition;
    std::string region;
    std::string account;

    std::string state_machine(std::string_view flow) const;
    std::string execution(std::string_view flow, std::string_view name) const;
    // AWS's TestState shows its execution with such an ARN without the last part.
    std::string express(std::string_view flow, std::string_view name, std::string_view run_id = {}) const;
    std::string role(std::string_view role) const;
};

// The ARN of a map run that a state of this state machine begins.
std::string map_run_arn(std::string_view state_machine, std::string_view label, std::string_view uuid);

// A child of a map run of this state machine has a state machine and an execution of its own.
std::string child_state_machine(std::string_view state_machine, std::string_view label);
std::string child_execution(std::string_view child_state_machine, std::string_view name, bool express);

// A name that may hold any character, as one part of an identifier. A colon is written %3A and a percent sign
// %25.
std::string as_arn_part(std::string_view name);

}  // namespace flowctl::machine
