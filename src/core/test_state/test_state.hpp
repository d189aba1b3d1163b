// TestState: evaluates one state with an input, without a run and without calling any service.
//
// It takes the parameters of AWS's TestState and answers as AWS does: {status, output, error, cause,
// nextState, inspectionData}, or an error of the API. The machine itself visits the state
// (machine/trial.hpp), so a test shows what production does. Where AWS has JSON text, payloads are JSON here.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "core/json.hpp"
#include "core/machine/machine.hpp"

namespace flowctl::test_state {

struct Request {
    std::string definition;                 // of a state, or of a state machine if there is a state_name
    std::optional<std::string> state_name;  // may also name a state within a Parallel or Map
    json::Value input = json::Value::object({});
    json::Value variables = json::Value::object({});
    std::optional<json::Value> context;  // the whole Context Object; if absent, that of a run that begins now
    // Null, or as on AWS: the mock is {result | errorOutput {error, cause}, fieldValidationMode}, and the
    // configuration is {retrierRetryCount, errorCausedByState, mapIterationFailureCount, mapItemReaderData}.
    // A result or reader data that is a string is JSON text, as in AWS's API; any other value is taken as it
    // is. AWS's parameter revealSecrets is a member of the configuration here. It shows the secrets of a
    // call, and nothing is called here, so its only effect is that it is refused together with a mock, as on
    // AWS.
    json::Value mock;
    json::Value configuration;
    std::string inspection_level = "INFO";  // DEBUG, TRACE
    // Asked while many items are evaluated. When it returns true, the evaluation ends and the answer must not
    // be used. May be empty.
    std::function<bool()> interrupted;
};

struct ApiError {
    std::string code;     // ValidationException, InvalidDefinition
    std::string message;  // AWS's text
    std::string advice;   // what the caller can do; may be empty
};

// `run` describes the run of the default Context Object; its input is taken from the request. The work is
// bounded, and nothing that the request can cause is thrown.
Result<json::Value, ApiError> test_state(const Request& request, machine::RunContext run,
                                         const machine::Limits& limits, const machine::Now& now);

}  // namespace flowctl::test_state
