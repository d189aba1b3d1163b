// Expressions: paths over input, context and variables, and intrinsic functions over their values, with AWS's
// error texts.
//
// AWS has three texts for a missing value. In a field such as OutputPath it repeats its JSONPath library's
// text, in a payload template it names the field and shows the input, and in the argument of a function it
// names function and argument.
#include "core/path/path.hpp"

#include "core/path/compiled.hpp"

namespace flowctl::path {
namespace {

std::string undefined_variable(const Query& query) {
    return "Invalid path '" + query.text + "' : The variable '" + query.variable + "' is not defined";
}

// The value in which a template's failed path was searched.
const json::Value& searched(const Query& query, const Scope& scope) {
    const json::Value* root = root_of(query, scope);
    return root != nullptr ? *root : scope.input;
}

EvalResult evaluate_path(const Query& query, const Scope& scope, std::optional<std::string_view> field) {
    const json::Value* root = root_of(query, scope);
    if (root == nullptr) return Err{EvalError{EvalError::Reason::NoResult, undefined_variable(query)}};
    auto result = evaluate_query(query, *root, scope.budget);
    if (result.ok()) return std::move(result).value();
    const Miss& miss = result.error();
    const auto reason = miss.nothing_there ? EvalError::Reason::NoResult : EvalError::Reason::WrongType;
    if (field && miss.nothing_there) {
        return Err{EvalError{reason, "The JSONPath '" + query.text + "' specified for the field '" +
                                         std::string(*field) + "' could not be found in the input '" +
                                         shown(searched(query, scope), scope.budget) + "'"}};
    }
    return Err{EvalError{reason, "Invalid path '" + query.text + "' : " + miss.message}};
}

// The value of a function's argument, or the part of the message that follows "had the following error: ".
Result<json::Value, std::string> evaluate_argument(const Query& query, const Scope& scope) {
    const json::Value* root = root_of(query, scope);
    if (root == nullptr) return Err{undefined_variable(query)};
    auto result = evaluate_query_strictly(query, *root, scope.budget);
    if (result.ok()) return std::move(result).value();
    if (!result.error().nothing_there) return Err{result.error().message};
    // AWS searches the context as an input of its own, but its message shows the state's input all the same.
    const std::string_view path = query.text;
    return Err{"The JsonPath argument for the field '" +
               std::string(query.root == Query::Root::Context ? path.substr(1) : path) +
               "' could not be found in the input '" + shown(scope.input, scope.budget) + "'"};
}

// The recursion is bounded, because the parser lets calls nest at most ten deep.
Result<json::Value, std::string> evaluate_call(const Call& call, const Scope& scope) {
    const IntrinsicFunction& function = *call.function;
    std::vector<json::Value> values;
    values.reserve(call.arguments.size());
    for (const Argument& argument : call.arguments) {
        scope.budget.step();
        if (argument.kind == Argument::Kind::Literal) {
            values.push_back(argument.literal);
            continue;
        }
        auto value = argument.kind == Argument::Kind::Query ? evaluate_argument(argument.query, scope)
                                                            : evaluate_call(argument.call.front(), scope);
        if (!value.ok()) return value;
        values.push_back(std::move(value).value());
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (!function.accepts(i, values[i].kind())) return Err{invalid_arguments(function)};
    }
    auto result = function.run(values, Surroundings{scope.random, scope.budget});
    if (!result.ok() && result.error().empty()) return Err{invalid_arguments(function)};
    return result;
}

void collect(const Call& call, std::set<std::string>& names) {
    for (const Argument& argument : call.arguments) {
        if (argument.kind == Argument::Kind::Call) collect(argument.call.front(), names);
        if (argument.kind == Argument::Kind::Query && argument.query.root == Query::Root::Variable) {
            names.insert(argument.query.variable);
        }
    }
}

bool is_plain(const Query& query) {
    for (const Step& step : query.steps) {
        const bool index = step.kind == Step::Kind::Index && step.indexes.front() >= 0;
        if (step.kind != Step::Kind::Member && !index) return false;
    }
    return true;
}

}  // namespace

const json::Value* root_of(const Query& query, const Scope& scope) {
    switch (query.root) {
        case Query::Root::Context:
            return &scope.context;
        case Query::Root::Variable: {
            const auto found = scope.variables.find(query.variable);
            return found == scope.variables.end() ? nullptr : &found->second;
        }
        default:
            return &scope.input;
    }
}

EvalResult evaluate_expression(const Expression::Impl& expression, const Scope& scope,
                               std::optional<std::string_view> field) {
    if (const Query* query = std::get_if<Query>(&expression.what)) return evaluate_path(*query, scope, field);
    auto result = evaluate_call(std::get<Call>(expression.what), scope);
    if (result.ok()) return std::move(result).value();
    return Err{EvalError{EvalError::Reason::Intrinsic, "The function '" + expression.text +
                                                           "' had the following error: " + result.error()}};
}

void collect_variables(const Expression::Impl& expression, std::set<std::string>& names) {
    if (const Query* query = std::get_if<Query>(&expression.what)) {
        if (query->root == Query::Root::Variable) names.insert(query->variable);
    } else {
        collect(std::get<Call>(expression.what), names);
    }
}

Result<std::shared_ptr<const Expression::Impl>, SyntaxError> Expression::Impl::compile(std::string_view text,
                                                                                       Allow allow) {
    auto impl = std::make_shared<Impl>();
    impl->text = std::string(text);
    if (allow == Allow::PathsAndIntrinsics && !text.starts_with('$')) {
        auto call = parse_call(text);
        if (!call.ok()) return Err{std::move(call).error()};
        impl->what = std::move(call).value();
    } else {
        auto query = parse_query(text);
        if (!query.ok()) return Err{std::move(query).error()};
        impl->what = std::move(query).value();
    }
    return std::shared_ptr<const Impl>(std::move(impl));
}

Result<Expression, SyntaxError> Expression::compile(std::string_view text, Allow allow) {
    const regex::ProgramQuota quota(regex::kProgramsOfDefinition);
    auto impl = Impl::compile(text, allow);
    if (!impl.ok()) return Err{std::move(impl).error()};
    return Expression(std::move(impl).value());
}

EvalResult Expression::evaluate(const Scope& scope) const {
    return evaluate_expression(*impl_, scope, std::nullopt);
}

EvalResult Expression::evaluate(const Scope& scope, std::string_view field) const {
    return evaluate_expression(*impl_, scope, field);
}

bool Expression::present(const Scope& scope) const {
    const Query* query = std::get_if<Query>(&impl_->what);
    if (query == nullptr) return true;
    const json::Value* root = root_of(*query, scope);
    return root != nullptr && evaluate_query_strictly(*query, *root, scope.budget).ok();
}

const std::string& Expression::text() const noexcept {
    return impl_->text;
}

bool Expression::is_definite() const noexcept {
    const Query* query = std::get_if<Query>(&impl_->what);
    return query == nullptr || query->definite;
}

bool Expression::is_reference() const noexcept {
    const Query* query = std::get_if<Query>(&impl_->what);
    return query != nullptr && is_plain(*query);
}

std::vector<std::string> Expression::variables() const {
    std::set<std::string> names;
    collect_variables(*impl_, names);
    return {names.begin(), names.end()};
}

}  // namespace flowctl::path
