// Evaluation of paths and calls within a scope, shared by Expression and Template.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <variant>

#include "core/path/intrinsic.hpp"

namespace flowctl::path {

// A compiled expression: a path or an intrinsic function, and its text.
struct Expression::Impl {
    std::string text;
    std::variant<Query, Call> what;

    static Result<std::shared_ptr<const Impl>, SyntaxError> compile(std::string_view text, Allow allow);
};

// The value that the query's root refers to; nullptr when its variable is not set.
const json::Value* root_of(const Query& query, const Scope& scope);

// The value of a whole expression. If a bare path fails, the message is the one for a state's own fields
// ("Invalid path ..."), or, if the name of a template's field is given, the one for that field.
EvalResult evaluate_expression(const Expression::Impl& expression, const Scope& scope,
                               std::optional<std::string_view> field);

void collect_variables(const Expression::Impl& expression, std::set<std::string>& names);

}  // namespace flowctl::path
