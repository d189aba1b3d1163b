// What the path tests share: a scope around JSON texts, and short ways to evaluate.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "core/path/path.hpp"

namespace flowctl::path {

struct TestScope {
    json::Value input;
    json::Value context = json::Value::object({});
    Variables variables;
    Random random{1};
    Budget budget;

    explicit TestScope(std::string_view text) : input(*json::parse(text)) {}
    Scope scope() { return Scope{input, context, variables, random, budget}; }
};

inline std::string refusal(std::string_view expression,
                           Expression::Allow allow = Expression::Allow::PathsAndIntrinsics) {
    auto compiled = Expression::compile(expression, allow);
    return compiled.ok() ? "accepted" : compiled.error().message;
}

// The result as JSON text, or "error: " and the message.
inline std::string evaluate(std::string_view expression, TestScope& around) {
    auto compiled = Expression::compile(expression, Expression::Allow::PathsAndIntrinsics);
    if (!compiled.ok()) return "refused: " + compiled.error().message;
    auto result = compiled->evaluate(around.scope());
    return result.ok() ? json::dump(*result) : "error: " + result.error().message;
}
inline std::string evaluate(std::string_view expression, std::string_view input) {
    TestScope around(input);
    return evaluate(expression, around);
}

}  // namespace flowctl::path
