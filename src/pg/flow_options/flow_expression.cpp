// Implementation of flow_expression.hpp.
#include "pg/flow_options/flow_expression.hpp"

#include <variant>

#include "core/jsonata/jsonata.hpp"
#include "core/path/path.hpp"
#include "core/random.hpp"
#include "pg/server/timestamps.hpp"

namespace flowctl::pg {

struct FlowExpression::Impl {
    std::variant<path::Expression, jsonata::Expression> language;
};

namespace {

std::optional<std::string_view> between_delimiters(std::string_view text) {
    if (text.size() < 4 || !text.starts_with("{%") || !text.ends_with("%}")) return std::nullopt;
    return text.substr(2, text.size() - 4);
}

// A path over the input. `$x` names a variable in a path and also in JSONata, where it may be a function.
bool may_be_path(std::string_view text) {
    return text == "$" || text.starts_with("$.") || text.starts_with("$[") || text.starts_with("States.");
}

}  // namespace

Result<FlowExpression, std::string> FlowExpression::compile(std::string_view text) {
    if (text.empty()) return Err(std::string("an expression is empty"));
    if (text.size() > kMaxBytes)
        return Err("an expression is longer than " + std::to_string(kMaxBytes) + " bytes");
    const auto inner = between_delimiters(text);
    std::string path_error;
    if (!inner && may_be_path(text)) {
        auto compiled = path::Expression::compile(text, path::Expression::Allow::PathsAndIntrinsics);
        if (compiled && compiled->variables().empty())
            return FlowExpression(std::make_shared<const Impl>(Impl{std::move(compiled).value()}));
        if (!compiled) path_error = compiled.error().message;
    }
    auto compiled = jsonata::Expression::compile(inner.value_or(text));
    if (compiled) return FlowExpression(std::make_shared<const Impl>(Impl{std::move(compiled).value()}));
    std::string error = "it is not valid JSONata (" + compiled.error().message + ")";
    if (!path_error.empty()) error = "it is neither a JSONPath (" + path_error + ") nor JSONata (" +
                                     compiled.error().message + ")";
    return Err(std::move(error));
}

Result<std::optional<json::Value>, std::string> FlowExpression::evaluate(const json::Value& input,
                                                                        Budget& budget) const {
    try {
        // The same input always has the same value.
        Random random(0);
        if (const auto* query = std::get_if<path::Expression>(&impl_->language)) {
            static const path::Variables no_variables;
            static const json::Value no_context = json::Value::object({});
            auto result = query->evaluate({input, no_context, no_variables, random, budget});
            if (result) return std::optional(std::move(result).value());
            if (result.error().reason == path::EvalError::Reason::NoResult)
                return std::optional<json::Value>();
            return Err(std::move(result.error().message));
        }
        const json::Value bindings =
            json::ObjectBuilder().add("states", json::ObjectBuilder().add("input", input).build()).build();
        auto result = std::get<jsonata::Expression>(impl_->language)
                          .evaluate(&input, bindings, {unix_micros_now() / 1000, random, budget});
        if (result) return std::move(result).value();
        return Err(result.error().code + ": " + result.error().message);
    } catch (const BudgetExceeded& exceeded) {
        return Err(std::string(exceeded.what()));
    }
}

std::optional<std::string> scalar_text(const json::Value& value) {
    if (value.is_string())  // JSONata can make text that no table can hold
        return json::is_storable(value.as_string()) ? std::optional(std::string(value.as_string())) : std::nullopt;
    if (value.is_number()) return value.number_as_text();
    if (value.is_bool()) return value.as_bool() ? "true" : "false";
    return std::nullopt;
}

}  // namespace flowctl::pg
