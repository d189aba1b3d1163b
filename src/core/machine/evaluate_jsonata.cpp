// Evaluation of the queries of JSONata states; see evaluate.hpp.
//
// An expression sees the variables and $states, and it has no context item. Undefined is not a value, so the
// state fails if the value of a field is undefined. The messages are AWS's, as recorded. They name the
// expression and where it stands, and so does the event EvaluationFailed.
#include "core/machine/errors.hpp"
#include "core/machine/evaluate.hpp"

namespace flowctl::machine {

namespace {

std::string_view name_of(json::Kind kind) {
    switch (kind) {
        case json::Kind::Null:
            return "null";
        case json::Kind::Bool:
            return "boolean";
        case json::Kind::Number:
            return "number";
        case json::Kind::String:
            return "string";
        case json::Kind::Array:
            return "array";
        case json::Kind::Object:
            break;
    }
    return "object";
}

std::string specified(const asl::Query& query, std::string_view field) {
    return "The JSONata expression '" + query.text + "' specified for the field '" + std::string(field) +
           "' ";
}

}  // namespace

Failure Evaluator::query_failure(const std::string& message, std::string_view field) const {
    Failure failure{std::string(kQueryEvaluation), bounded(occurred_in(branch_) + message, kMaxCauseBytes),
                    false};
    failure.of_query = true;
    failure.location = bounded(std::string(field), kMaxLocationBytes);
    return failure;
}

void Evaluator::show_result(const json::Value& result) {
    result_ = result;
    bindings_.reset();
}

void Evaluator::show_error_output(const json::Value& error_output) {
    error_output_ = error_output;
    bindings_.reset();
}

const json::Value& Evaluator::bindings() {
    if (bindings_) return *bindings_;
    json::ObjectBuilder states;
    states.add("input", branch_.input.value);
    if (result_) states.add("result", *result_);
    if (error_output_) states.add("errorOutput", *error_output_);
    if (branch_.definition->reads_context) states.add("context", context_);
    json::ObjectBuilder bindings;
    bindings.add("states", states.build());
    for (const auto& [name, value] : branch_.variables) {
        if (name != "states") bindings.add(name, value);
    }
    return bindings_.emplace(bindings.build());
}

Evaluated<json::Value> Evaluator::evaluate_expression(const asl::Query& query, std::string_view field) {
    const jsonata::Environment environment{
        .now_milliseconds = now_ / 1'000, .random = random_, .budget = budget_, .flow = limits_.queries};
    auto result = query.expression->evaluate(nullptr, bindings(), environment);
    if (!result.ok()) {
        const jsonata::Error& error = result.error();
        if (error.kind == jsonata::Error::Kind::Unsupported)
            return Err{query_failure(specified(query, field) + error.message, field)};
        const std::string what = error.code.empty() ? ": " : ". " + error.code + ": ";
        return Err{query_failure(
            specified(query, field) + "threw an error during evaluation" + what + error.message, field)};
    }
    if (!result.value())
        return Err{query_failure(specified(query, field) + "returned nothing (undefined).", field)};
    return *std::move(result).value();
}

// The recursion is as deep as the query, and a query is as deep as its definition. `field` grows on the way
// down and is restored afterwards.
Evaluated<json::Value> Evaluator::evaluate(const asl::Query& query, std::string& field) {
    switch (query.kind) {
        case asl::Query::Kind::Literal:
            return query.literal;
        case asl::Query::Kind::Expression:
            return evaluate_expression(query, field);
        case asl::Query::Kind::Array: {
            std::vector<json::Value> items;
            items.reserve(query.parts.size());
            for (std::size_t i = 0; i < query.parts.size(); ++i) {
                const std::size_t length = field.size();
                field += '[' + std::to_string(i) + ']';
                auto item = evaluate(query.parts[i], field);
                if (!item.ok()) return item;
                field.resize(length);
                items.push_back(std::move(item).value());
            }
            return json::Value::array(std::move(items));
        }
        case asl::Query::Kind::Object:
            break;
    }
    std::vector<json::Member> members;
    members.reserve(query.parts.size());
    for (std::size_t i = 0; i < query.parts.size(); ++i) {
        const std::size_t length = field.size();
        field.append("/").append(query.keys[i]);
        auto member = evaluate(query.parts[i], field);
        if (!member.ok()) return member;
        field.resize(length);
        members.push_back({query.keys[i], std::move(member).value()});
    }
    return json::Value::object(std::move(members));
}

Evaluated<json::Value> Evaluator::query(const asl::Query& query, std::string field) {
    auto value = evaluate(query, field);
    if (value.ok()) note(&query, value.value());
    return value;
}

Evaluated<json::Value> Evaluator::query(const asl::Query& query, std::string_view field, json::Kind kind) {
    auto value = this->query(query, std::string(field));
    if (!value.ok() || value.value().kind() == kind) return value;
    return Err{query_failure(specified(query, field) + "returned an unexpected result type. Expected '" +
                                 std::string(name_of(kind)) + "', but was '" +
                                 std::string(name_of(value.value().kind())) +
                                 "' for value: " + json::dump(value.value()),
                             field)};
}

Evaluated<json::Value> Evaluator::assign(const std::optional<asl::Query>& assign, std::string field) {
    if (!assign) return json::Value::object({});
    auto assigned = query(*assign, std::move(field));
    if (!assigned.ok()) return assigned;
    return checked_variables(std::move(assigned).value());
}

}  // namespace flowctl::machine
