// Evaluation of a state's fields: paths and templates in the order of the JSONPath pipeline, and the queries
// of JSONata states.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/budget.hpp"
#include "core/machine/frame.hpp"
#include "core/machine/observed.hpp"
#include "core/random.hpp"

namespace flowctl::machine {

// An ASL error of a state.
struct Failure {
    std::string error;
    std::optional<std::string> cause;
    // True if a task's answer reported or caused it, false if the flow's own evaluation did.
    bool of_answer = false;
    bool named = true;  // false for a Fail state without Error; then `error` is empty
    // True for a Parallel or Map that fails because one of its branches or items has failed.
    bool of_branch = false;
    bool of_fail = false;  // true for a Fail state
    // True if an expression of a JSONata state, or its value, caused the failure. It is recorded as
    // EvaluationFailed with the name of the field.
    bool of_query = false;
    std::string location = {};
};

template <class T>
using Evaluated = Result<T, Failure>;

inline constexpr std::string_view kRuntime = "States.Runtime";
inline constexpr std::string_view kQueryEvaluation = "States.QueryEvaluationError";
inline constexpr std::string_view kTimeout = "States.Timeout";
inline constexpr std::string_view kHeartbeatTimeout = "States.HeartbeatTimeout";
inline constexpr std::string_view kDataLimit = "States.DataLimitExceeded";
inline constexpr std::string_view kResultPathMatchFailure = "States.ResultPathMatchFailure";
inline constexpr std::string_view kTaskFailed = "States.TaskFailed";
inline constexpr std::string_view kAll = "States.ALL";

// AWS's limits for Assign.
inline constexpr std::size_t kMaxVariableBytes = 262'144;
inline constexpr std::size_t kMaxAllVariablesBytes = 10'485'760;

// The Context Object of a visit ($$). `item` is the item that a Map is about to begin. Without it, $$.Map is
// about the innermost Map around the branch, if there is one.
json::Value make_context(const RunContext& run, const BranchFrame& branch, const MapItem* item = nullptr);

// The member Map of the Context Object: {"Item": {"Index": ..., "Value": ..., ...}}.
json::Value map_context(const MapItem& item);

// The visit of one state, as its expressions see it.
class Evaluator {
  public:
    Evaluator(const RunContext& run, const Limits& limits, Instant now, const BranchFrame& branch,
              Random& random, const MapItem* item = nullptr);
    // The same for a visit whose Context Object is given.
    Evaluator(const Limits& limits, Instant now, const BranchFrame& branch, Random& random,
              json::Value context);

    Evaluated<json::Value> select(const asl::Selection& selection, const json::Value& input);
    // The template's value, or `input` itself when there is no template.
    Evaluated<json::Value> apply(const std::optional<path::Template>& payload, const json::Value& input);
    Evaluated<json::Value> place(const asl::ResultPlace& place, const json::Value& input,
                                 const json::Value& result);
    // The variables that an Assign sets; an empty object when there is none.
    Evaluated<json::Value> assign(const std::optional<path::Template>& assign, const json::Value& input);
    Evaluated<json::Value> evaluate(const path::Expression& expression, const json::Value& input);
    bool present(const path::Expression& expression, const json::Value& input);
    // The string that ErrorPath or CausePath leads to.
    Evaluated<std::string> string(const path::Expression& expression, std::string_view field,
                                  const json::Value& input);

    // The value of a query of a JSONata state (evaluate_jsonata.cpp). `field` says where the query stands in
    // its state, such as "Output" or "Catch[0]/Assign".
    Evaluated<json::Value> query(const asl::Query& query, std::string field);
    // From now on, expressions see this as Task.Token of the Context Object, and not the marker.
    void show_token(std::string_view token);
    // From now on, expressions see this as the result, or the failure, of the state's work.
    void show_result(const json::Value& result);
    void show_error_output(const json::Value& error_output);
    // The variables that an Assign sets; an empty object when there is none.
    Evaluated<json::Value> assign(const std::optional<asl::Query>& assign, std::string field);
    // The query's value, which must be of this kind.
    Evaluated<json::Value> query(const asl::Query& query, std::string_view field, json::Kind kind);
    // A failure States.QueryEvaluationError of this visit, with AWS's prefix.
    Failure query_failure(const std::string& message, std::string_view field) const;

    // A failure States.Runtime of this visit, with AWS's prefix.
    Failure runtime(const std::string& message) const;
    Budget& budget() noexcept { return budget_; }
    // Notes the value of a field of the definition, if an observer wants it.
    void note(const void* field, const json::Value& value) {
        if (observed_ != nullptr) observed_->fields[field] = value;
    }

  private:
    path::Scope scope(const json::Value& input) {
        return {input, context_, branch_.variables, random_, budget_};
    }
    // Refuses variables that are too large or too deep.
    Evaluated<json::Value> checked_variables(json::Value assigned) const;
    Evaluated<json::Value> evaluate(const asl::Query& query, std::string& field);
    Evaluated<json::Value> evaluate_expression(const asl::Query& query, std::string_view field);
    const json::Value& bindings();

    const Limits& limits_;
    const Instant now_;
    const BranchFrame& branch_;
    Random& random_;
    Budget budget_;
    json::Value context_;
    // For JSONata states: what the expressions see of the state's work. The object of all that they see is
    // made when it is first needed.
    std::optional<json::Value> result_;
    std::optional<json::Value> error_output_;
    std::optional<json::Value> bindings_;
    Observed* observed_ = nullptr;
};

}  // namespace flowctl::machine
