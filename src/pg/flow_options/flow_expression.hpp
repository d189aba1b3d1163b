// An expression over the input of a run, as options of flows have them: {"order": "$.after.id"}.
//
// It is a JSONPath or JSONata. A text between {% and %} is JSONata. Any other text is a JSONPath if it is a
// valid one, and else JSONata. In JSONata the input is the context, and $states.input as in a definition.
// An expression is compiled when the option is checked, and again where the option is read; it is immutable,
// and so bounded that it cannot hold up the transaction that starts a run.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "core/budget.hpp"
#include "core/json.hpp"

namespace flowctl::pg {

class FlowExpression {
  public:
    static constexpr std::size_t kMaxBytes = 4096;
    // What all expressions of one start may use together.
    static constexpr Budget::Limits kLimits{500'000, 16 * 1024 * 1024, 200};

    // The error is a sentence without its first capital, for DETAIL.
    static Result<FlowExpression, std::string> compile(std::string_view text);

    // nullopt: there is no such value in the input. An error says why it cannot be evaluated, also where the
    // budget is used up. Throws Interrupted (server/interruptible.hpp), and nothing else.
    Result<std::optional<json::Value>, std::string> evaluate(const json::Value& input, Budget& budget) const;

    struct Impl;

  private:
    explicit FlowExpression(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
    std::shared_ptr<const Impl> impl_;
};

// The value as text, as keys and attributes have it: a string, number or boolean; nullopt: it is none of them.
std::optional<std::string> scalar_text(const json::Value& value);

}  // namespace flowctl::pg
