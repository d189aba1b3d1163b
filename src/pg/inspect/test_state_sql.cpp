// The SQL function test_state: what one state of a flow does, for people who are writing it.
//
// It is AWS's TestState by the same core that runs flows, on JSON that is given as arguments: no catalog, no
// network, no user-made code, and a mock answers for the service that the state would call. Work is bounded
// by the budget of a visit and sizes by flowctl.max_payload_bytes, so a test cannot hold a backend for long;
// a Map of many items looks for a cancel after each. Authors may call it, as they may call define_flow.
#include <exception>
#include <optional>
#include <string>

#include "core/json.hpp"
#include "core/test_state/test_state.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/arn_space.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/interruptible.hpp"
#include "pg/server/spi.hpp"

extern "C" {
#include "common/pg_prng.h"
#include "utils/fmgrprotos.h"
}

namespace flowctl::pg {

namespace {

enum Argument { kDefinition, kInput, kStateName, kVariables, kContext, kMock, kLevel, kConfiguration };

std::optional<json::Value> jsonb_argument(FunctionCallInfo fcinfo, Argument index, const char* name) {
    const auto text = jsonb_argument_text(fcinfo, index);
    if (!text) return std::nullopt;
    auto parsed = json::parse(*text);
    if (parsed) return std::move(parsed).value();
    throw UserError(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                    std::string(name) + " cannot be used as JSON: " + parsed.error().message,
                    "Test the state with less data.");
}

test_state::Request request_of(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(kDefinition))
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "definition must not be null",
                        "Pass the definition of a state, or of a state machine with the name of a state.");
    test_state::Request request;
    request.definition = from_text(PG_GETARG_DATUM(kDefinition));
    if (auto input = jsonb_argument(fcinfo, kInput, "input")) request.input = std::move(*input);
    if (!PG_ARGISNULL(kStateName)) request.state_name = from_text(PG_GETARG_DATUM(kStateName));
    if (auto variables = jsonb_argument(fcinfo, kVariables, "variables"))
        request.variables = std::move(*variables);
    request.context = jsonb_argument(fcinfo, kContext, "context");
    if (auto mock = jsonb_argument(fcinfo, kMock, "mock")) request.mock = std::move(*mock);
    if (!PG_ARGISNULL(kLevel)) request.inspection_level = from_text(PG_GETARG_DATUM(kLevel));
    if (auto configuration = jsonb_argument(fcinfo, kConfiguration, "configuration"))
        request.configuration = std::move(*configuration);
    return request;
}

// The run that the default Context Object speaks of: one that begins now, of a flow that is not there.
machine::RunContext imagined_run(machine::Instant now) {
    const std::string name = to_string(
        from_pg(guarded([] { return DatumGetUUIDP(DirectFunctionCall1(gen_random_uuid, Datum(0))); })));
    const machine::ArnSpace space = arn_space();
    machine::RunContext run;
    run.express = true;  // as AWS tests a state
    run.execution_id = space.express("test_state", name);
    run.execution_name = name;
    run.role_arn = space.role(role_name(GetUserId()));
    run.state_machine_id = space.state_machine("test_state");
    run.state_machine_name = "test_state";
    run.started_at = now;
    return run;
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_test_state) {
    require_author("test states");
    test_state::Request request = request_of(fcinfo);
    std::exception_ptr cancelled;
    request.interrupted = [&cancelled] {
        try {
            guarded([] { CHECK_FOR_INTERRUPTS(); });
        } catch (...) {
            cancelled = std::current_exception();
        }
        return cancelled != nullptr;
    };
    const machine::Now now{unix_micros_now(), guarded([] { return pg_prng_uint64(&pg_global_prng_state); })};
    machine::Limits limits;
    limits.max_payload_bytes = static_cast<std::size_t>(guc::max_payload_bytes);
    limits.queries.depth = static_cast<unsigned>(guc::max_expression_depth);
    limits.queries.value_bytes = static_cast<std::size_t>(guc::max_expression_bytes);
    const machine::RunContext run = imagined_run(now.at);
    const auto answer = interruptible([&] { return test_state::test_state(request, run, limits, now); });
    if (cancelled) std::rethrow_exception(cancelled);
    if (!answer) {
        const test_state::ApiError& error = answer.error();
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, error.message,
                        error.advice.empty()
                            ? "AWS documents the parameters under \"TestState\" of Step Functions."
                            : error.advice,
                        "In AWS's API this is the error " + error.code + ".");
    }
    return to_jsonb(json::dump(*answer));
}

}  // namespace flowctl::pg
