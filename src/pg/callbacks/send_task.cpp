// flowctl.send_task_success(), send_task_failure() and send_task_heartbeat().
//
// What is wrong with an answer is an error of the sender, and the task goes on waiting.
#include <string>

#include "core/json.hpp"
#include "core/machine/task_token.hpp"
#include "pg/callbacks/answers.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/guc.hpp"
#include "pg/shared/shmem.hpp"

namespace flowctl::pg {

namespace {

// AWS's SendTaskFailure has the same limits.
constexpr std::size_t kMaxErrorBytes = 256;
constexpr std::size_t kMaxCauseBytes = 32'768;

std::string token_argument(FunctionCallInfo fcinfo, const char* function) {
    shmem::require(function);
    require_writable("answer a task");
    return required_argument(fcinfo, 0, "token", "Pass the token of the task.");
}

// An answer may hold the token itself, which is not stored.
std::string output_argument(FunctionCallInfo fcinfo, const GivenToken& token) {
    const auto printed = jsonb_argument_text(fcinfo, 1);
    if (!printed) return "null";
    const auto most = static_cast<std::size_t>(guc::max_payload_bytes);
    json::ParseLimits limits;
    limits.max_bytes = 2 * most;  // jsonb prints a blank after colons and commas
    const auto output = json::parse(*printed, limits);
    const std::string text = output ? json::dump(*output) : std::string();
    if (text.size() > most || (!output && printed->size() > limits.max_bytes))
        throw UserError(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                        "InvalidOutput: the output has more than " + std::to_string(most) + " bytes",
                        "The task goes on waiting. Store the data elsewhere and answer with a key, or raise "
                        "flowctl.max_payload_bytes.");
    if (!output)
        throw UserError(ERRCODE_INVALID_TEXT_REPRESENTATION,
                        "InvalidOutput: the output cannot be kept as JSON: " + output.error().message,
                        "The task goes on waiting. Leave the offending value out, or send it as a string.");
    machine::Markers unused;
    const auto masked = machine::mask_token(*output, token.reveal(), unused);
    if (!masked)
        throw UserError(ERRCODE_INVALID_TEXT_REPRESENTATION,
                        "InvalidOutput: the output cannot be kept without the token in it",
                        "The task goes on waiting. Leave the token out of the output.");
    return masked->same(*output) ? text : json::dump(*masked);
}

std::optional<std::string> failure_argument(FunctionCallInfo fcinfo, int index, const char* name,
                                            std::size_t most, const GivenToken& token) {
    auto text = bounded_argument(fcinfo, index, name, most, "The task goes on waiting. Shorten it.");
    if (text) text = machine::mask_token(*std::move(text), token.reveal());
    return text;
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_send_task_success) {
    const GivenToken token(token_argument(fcinfo, "flowctl.send_task_success()"));
    answers::give(token, {.output = output_argument(fcinfo, token), .error = std::nullopt, .cause = std::nullopt},
                  role_name(GetUserId()));
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_send_task_failure) {
    const GivenToken token(token_argument(fcinfo, "flowctl.send_task_failure()"));
    answers::give(token,
                  {.output = std::nullopt,
                   .error = failure_argument(fcinfo, 1, "error", kMaxErrorBytes, token),
                   .cause = failure_argument(fcinfo, 2, "cause", kMaxCauseBytes, token)},
                  role_name(GetUserId()));
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_send_task_heartbeat) {
    const GivenToken token(token_argument(fcinfo, "flowctl.send_task_heartbeat()"));
    answers::beat(token);
    return Datum(0);
}

}  // namespace flowctl::pg
