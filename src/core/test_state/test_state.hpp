// TestState: what one state does with an input, without a run and without calling anybody.
//
// It takes what AWS's TestState takes and answers as AWS answers: {status, output, error, cause, nextState,
// inspectionData}, or an error of the API. The state is visited by the machine itself (machine/trial.hpp), so
// a test shows what production does. Payloads are JSON here where AWS has JSON text.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "core/json.hpp"
#include "core/machine/machine.hpp"

namespace flowctl::test_state {

struct Request {
    std::string definition;                 // of a state; of a state machine when there is a state_name
    std::optional<std::string> state_name;  // also of a state within a Parallel or Map
    json::Value input = json::Value::object({});
    json::Value variables = json::Value::object({});
    std::optional<json::Value> context;  // the whole Context Object; none: that of a run that begins now
    // Null, or as AWS has them: {result | errorOutput {error, cause}, fieldValidationMode} and
    // {retrierRetryCount, errorCausedByState, mapIterationFailureCount, mapItemReaderData}. A result or
    // reader data that is a string is JSON text, as in AWS's API; anything else is the value itself.
    // AWS's parameter revealSecrets is a member of the configuration here. It shows the secrets of a call, and
    // nothing is called here, so all that it can do is to be refused beside a mock, as on AWS.
    json::Value mock;
    json::Value configuration;
    std::string inspection_level = "INFO";  // DEBUG, TRACE
    // Asked while many items are evaluated; once it says true, the answer is worth nothing. May be empty.
    std::function<bool()> interrupted;
};

struct ApiError {
    std::string code;     // ValidationException, InvalidDefinition
    std::string message;  // AWS's text
    std::string advice;   // what the caller can do; may be empty
};

// `run` says who the default Context Object speaks of; its input is that of the request. Bounded, and never
// throws for anything that the request can cause.
Result<json::Value, ApiError> test_state(const Request& request, machine::RunContext run,
                                         const machine::Limits& limits, const machine::Now& now);

}  // namespace flowctl::test_state
