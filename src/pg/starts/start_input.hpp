// The input of a start as a value, and what is evaluated over it.
//
// The value is parsed once, when somebody asks for it first. What the options of the flow compute from it is
// bounded: a session holds up only itself, but while a worker starts a run for another run or for a schedule
// (StartRequest::parent, by_worker), all its other runs wait.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "core/budget.hpp"
#include "core/json.hpp"
#include "pg/flow_options/flow_expression.hpp"
#include "pg/server/interruptible.hpp"
#include "pg/starts/start.hpp"

namespace flowctl::pg {

class StartInput {
  public:
    explicit StartInput(const StartRequest& request)
        : request_(request), budget_(within(FlowExpression::kLimits)) {}

    const json::Value& value() {
        if (request_.input_value) return *request_.input_value;
        if (!parsed_) {
            json::ParseLimits limits;
            limits.max_bytes = request_.input.size() + 1;
            auto parsed = json::parse(request_.input, limits);
            parsed_ = parsed ? std::move(parsed).value() : json::Value();
        }
        return *parsed_;
    }

    bool is_for_worker() const { return request_.parent != nullptr || request_.by_worker; }
    // As much of the limits as this start may use. A tenth keeps a worker busy for some ten milliseconds at most.
    Budget::Limits within(Budget::Limits limits) const {
        if (!is_for_worker()) return limits;
        limits.steps /= 10;
        limits.bytes /= 10;
        return limits;
    }

    // FlowExpression::evaluate(), where all expressions of the start share one budget.
    Result<std::optional<json::Value>, std::string> evaluate(const FlowExpression& expression) {
        return interruptible([&] {
            Budget budget = budget_;  // what is interrupted is done again
            auto result = expression.evaluate(value(), budget);
            budget_ = budget;
            return result;
        });
    }

  private:
    const StartRequest& request_;
    std::optional<json::Value> parsed_;
    Budget budget_;
};

}  // namespace flowctl::pg
