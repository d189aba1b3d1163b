// Evaluation of a state's paths and templates, in the order of the JSONPath pipeline. Internal to
// core/machine.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/budget.hpp"
#include "core/machine/frame.hpp"
#include "core/random.hpp"
#include "core/result.hpp"

namespace flowctl::machine {

// An ASL error of a state.
struct Failure {
    std::string error;
    std::optional<std::string> cause;
    bool of_answer = false;  // reported by, or about, what a task answered; else of the flow's own evaluation
    bool named = true;       // false: a Fail state without Error; `error` is empty
    bool of_branch = false;  // of a Parallel or Map: one of its branches or items has failed
};

template <class T>
using Evaluated = Result<T, Failure>;

inline constexpr std::string_view kRuntime = "States.Runtime";
inline constexpr std::string_view kTimeout = "States.Timeout";
inline constexpr std::string_view kHeartbeatTimeout = "States.HeartbeatTimeout";
inline constexpr std::string_view kDataLimit = "States.DataLimitExceeded";
inline constexpr std::string_view kResultPathMatchFailure = "States.ResultPathMatchFailure";
inline constexpr std::string_view kTaskFailed = "States.TaskFailed";
inline constexpr std::string_view kAll = "States.ALL";

// Assign's limits, AWS's.
inline constexpr std::size_t kMaxVariableBytes = 262'144;
inline constexpr std::size_t kMaxAllVariablesBytes = 10'485'760;

// The Context Object of a visit ($$). `item` is the one that a Map is about to begin; else it is that of the
// innermost Map around the branch, if any.
json::Value make_context(const RunContext& run, const BranchFrame& branch, const MapItem* item = nullptr);

// The visit of one state, seen by its expressions.
class Evaluator {
  public:
    Evaluator(const RunContext& run, const BranchFrame& branch, Random& random,
              const MapItem* item = nullptr);

    Evaluated<json::Value> select(const asl::Selection& selection, const json::Value& input);
    // The template's value, or `input` itself when there is no template.
    Evaluated<json::Value> apply(const std::optional<path::Template>& payload, const json::Value& input);
    Evaluated<json::Value> place(const asl::ResultPlace& place, const json::Value& input,
                                 const json::Value& result);
    // The variables that an Assign sets; an empty object when there is none.
    Evaluated<json::Value> assign(const std::optional<path::Template>& assign, const json::Value& input);
    Evaluated<json::Value> evaluate(const path::Expression& expression, const json::Value& input);
    bool present(const path::Expression& expression, const json::Value& input);
    // ErrorPath, CausePath: the string there.
    Evaluated<std::string> string(const path::Expression& expression, std::string_view field,
                                  const json::Value& input);

    // A States.Runtime failure of this visit, with AWS's prefix.
    Failure runtime(const std::string& message) const;
    Budget& budget() noexcept { return budget_; }

  private:
    path::Scope scope(const json::Value& input) {
        return {input, context_, branch_.variables, random_, budget_};
    }

    const BranchFrame& branch_;
    Random& random_;
    Budget budget_;
    json::Value context_;
};

}  // namespace flowctl::machine
