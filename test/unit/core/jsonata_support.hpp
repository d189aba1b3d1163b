// One expression on one input, as text: the result as JSON, "undefined", an error as "CODE@position token",
// or "budget".
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "core/jsonata/jsonata.hpp"

namespace flowctl::jsonata {

struct Run {
    const char* bindings = "{}";
    Budget::Limits limits{};
    std::optional<FlowRules> flow{};
    std::uint64_t seed = 1;
};

inline std::string evaluate(std::string_view text, std::string_view input = "", const Run& run = {}) {
    const auto expression = Expression::compile(text);
    const auto describe = [](const Error& error) {
        if (error.code.empty()) return error.message;
        return error.code + "@" + std::to_string(error.position) +
               (error.token.empty() ? "" : " " + error.token);
    };
    if (!expression.ok()) return describe(expression.error());
    const auto data = json::parse(input);
    Random random(run.seed);
    Budget budget(run.limits);
    try {
        const auto result = expression.value().evaluate(
            data.ok() ? &data.value() : nullptr, json::parse(run.bindings).value(),
            {.now_milliseconds = 1'521'801'216'617, .random = random, .budget = budget, .flow = run.flow});
        if (!result.ok() && result.error().code == "U1001") return "budget";
        if (!result.ok()) return describe(result.error());
        return result.value() ? json::dump(*result.value()) : "undefined";
    } catch (const BudgetExceeded&) {
        return "budget";
    }
}

inline std::string message(std::string_view text, const Run& run = {}) {
    const auto expression = Expression::compile(text);
    if (!expression.ok()) return expression.error().message;
    Random random(1);
    Budget budget;
    const auto result = expression.value().evaluate(
        nullptr, json::Value::object({}),
        {.now_milliseconds = 0, .random = random, .budget = budget, .flow = run.flow});
    return result.ok() ? "no error" : result.error().message;
}

}  // namespace flowctl::jsonata
