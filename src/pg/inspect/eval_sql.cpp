// SQL functions for people who are writing an expression: eval_jsonpath, eval_intrinsic, eval_jsonata.
//
// They evaluate exactly what a flow would, by the same core, on JSON that is given as an argument: no
// catalog, no network, no user-made code. Work is bounded by a Budget, so an expression cannot hold a backend
// for long. Authors may call them, as they may call define_flow.
#include <optional>
#include <string>

#include "core/json.hpp"
#include "core/jsonata/jsonata.hpp"
#include "core/path/path.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/interruptible.hpp"
#include "pg/server/spi.hpp"

extern "C" {
#include "common/pg_prng.h"
}

namespace flowctl::pg {

namespace {

constexpr const char* kBudgetHint = "Evaluate it on less data, or divide it into smaller expressions.";

std::string expression_argument(FunctionCallInfo fcinfo, const char* name) {
    if (PG_ARGISNULL(0))
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, std::string(name) + " must not be null",
                        "Pass the expression as a flow's definition would have it.");
    return from_text(PG_GETARG_DATUM(0));
}

// A json argument; `absent` where it is null.
json::Value json_argument(FunctionCallInfo fcinfo, int index, const char* name, json::Value absent) {
    if (PG_ARGISNULL(index)) return absent;
    auto parsed = json::parse(from_text(PG_GETARG_DATUM(index)));
    if (parsed) return std::move(parsed).value();
    throw UserError(ERRCODE_INVALID_TEXT_REPRESENTATION,
                    std::string(name) + " cannot be used as JSON: " + parsed.error().message,
                    "Leave the offending value out, or pass it as a string.",
                    "At byte " + std::to_string(parsed.error().offset + 1) + ".");
}

Datum json_datum(const json::Value& value) {
    return to_text(json::dump(value));
}

// Runs `evaluate`, and reports a budget that ran out.
template <class Evaluate>
Datum within_budget(Evaluate&& evaluate) {
    const std::uint64_t seed = guarded([] { return pg_prng_uint64(&pg_global_prng_state); });
    try {
        return interruptible([&] {
            Budget budget;
            Random random(seed);
            return evaluate(random, budget);
        });
    } catch (const BudgetExceeded& exceeded) {
        throw UserError(ERRCODE_PROGRAM_LIMIT_EXCEEDED, exceeded.what(), kBudgetHint);
    }
}

Datum evaluate_path(FunctionCallInfo fcinfo, const char* argument, path::Expression::Allow allow) {
    const std::string text = expression_argument(fcinfo, argument);
    const json::Value input = json_argument(fcinfo, 1, "input", json::Value());
    const json::Value context = json_argument(fcinfo, 2, "context", json::Value::object({}));
    auto expression = path::Expression::compile(text, allow);
    if (!expression)
        throw UserError(
            ERRCODE_SYNTAX_ERROR, expression.error().message,
            "AWS documents both under \"JSONPath\" and \"Intrinsics for JSONPath states\" of Step Functions.",
            "At byte " + std::to_string(expression.error().offset + 1) + " of the expression.");
    return within_budget([&](Random& random, Budget& budget) {
        const path::Variables none;
        const auto result = expression->evaluate({input, context, none, random, budget});
        if (!result)
            throw UserError(ERRCODE_DATA_EXCEPTION, result.error().message,
                            "In a flow this is the error States.Runtime of the state.");
        return json_datum(*result);
    });
}

[[noreturn]] void raise(const jsonata::Error& error, int sqlstate) {
    if (error.kind == jsonata::Error::Kind::Limit)
        throw UserError(ERRCODE_PROGRAM_LIMIT_EXCEEDED, error.code + ": " + error.message, kBudgetHint);
    throw UserError(sqlstate, error.code + ": " + error.message, "docs.jsonata.org describes the language.",
                    error.position == 0
                        ? std::string()
                        : "At position " + std::to_string(error.position) + " of the expression.");
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_eval_jsonpath) {
    require_author("evaluate expressions");
    return evaluate_path(fcinfo, "path", path::Expression::Allow::Paths);
}

FLOWCTL_FUNCTION(flowctl_eval_intrinsic) {
    require_author("evaluate expressions");
    return evaluate_path(fcinfo, "expression", path::Expression::Allow::PathsAndIntrinsics);
}

FLOWCTL_FUNCTION(flowctl_eval_jsonata) {
    require_author("evaluate expressions");
    const std::string text = expression_argument(fcinfo, "expression");
    const bool has_input = !PG_ARGISNULL(1);
    const json::Value input = json_argument(fcinfo, 1, "input", json::Value());
    const json::Value bindings = json_argument(fcinfo, 2, "bindings", json::Value::object({}));
    if (!bindings.is_object())
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "bindings must be a JSON object",
                        "Its members become variables: {\"x\": 1} is $x.");
    bool is_null = false;
    const Datum value = within_budget([&](Random& random, Budget& budget) {
        auto expression = jsonata::Expression::compile(text);
        if (!expression) raise(expression.error(), ERRCODE_SYNTAX_ERROR);
        const jsonata::Environment environment{unix_micros_now() / 1000, random, budget};
        const auto result = expression->evaluate(has_input ? &input : nullptr, bindings, environment);
        if (!result) raise(result.error(), ERRCODE_DATA_EXCEPTION);
        is_null = !result->has_value();
        return is_null ? Datum(0) : json_datum(**result);
    });
    fcinfo->isnull = is_null;
    return value;
}

}  // namespace flowctl::pg
