// Evaluation of a state's paths and templates; see evaluate.hpp.
//
// The Context Object is made only for states whose text mentions it, because it is the most expensive part of
// a Pass and most states do not use it. Each visit has a budget of its own, so a long run does not run out of
// budget at its end.
#include "core/machine/evaluate.hpp"

#include <algorithm>

#include "core/machine/errors.hpp"

namespace flowctl::machine {

namespace {

// The budget of one visit: a fraction of a second, and several times as much memory as its payloads can take.
// A level of nesting in JSONata takes several levels of the depth.
constexpr Budget::Limits kVisitBudget{.steps = 10'000'000, .bytes = 64 * 1024 * 1024, .depth = 1'000};

// The member Task of the Context Object.
json::Value task_context(std::string_view token) {
    return json::ObjectBuilder().add("Token", token).build();
}

// A given Context Object, completed for an item that is about to begin.
json::Value in_map(const json::Value& given, const MapItem* item) {
    return item == nullptr ? given : json::with_member(given, "Map", map_context(*item));
}

}  // namespace

json::Value map_context(const MapItem& item) {
    json::ObjectBuilder shown;
    shown.add("Index", json::Value::integer(static_cast<std::int64_t>(item.index)));
    if (item.key) shown.add("Key", *item.key);
    shown.add("Value", item.value);
    shown.add("Source", item.source.value_or("STATE_DATA"));
    return json::ObjectBuilder().add("Item", shown.build()).build();
}

json::Value make_context(const RunContext& run, const BranchFrame& branch, const MapItem* item) {
    if (run.context_object) return in_map(*run.context_object, item);
    for (const BranchFrame* at = &branch; item == nullptr && at != nullptr; at = at->parent) {
        if (at->item) item = &*at->item;
    }
    json::ObjectBuilder execution;
    execution.add("Id", run.execution_id);
    execution.add("Input", run.input);
    execution.add("Name", run.execution_name);
    execution.add("RoleArn", run.role_arn);
    execution.add("StartTime", asl::format_instant(run.started_at));
    if (!run.express) execution.add("RedriveCount", json::Value::integer(run.redrive_count));
    if (run.redriven_at) execution.add("RedriveTime", asl::format_instant(*run.redriven_at));

    json::ObjectBuilder state;
    state.add("EnteredTime", asl::format_instant(branch.entered_at));
    state.add("Name", branch.state);
    const asl::StateType type = branch.definition->type();
    if (type == asl::StateType::Task || type == asl::StateType::Parallel || type == asl::StateType::Map)
        state.add("RetryCount", json::Value::integer(std::max(branch.attempt - branch.attempts_before - 1, 0)));

    json::ObjectBuilder context;
    context.add("Execution", execution.build());
    context.add("State", state.build());
    context.add(
        "StateMachine",
        json::ObjectBuilder().add("Id", run.state_machine_id).add("Name", run.state_machine_name).build());
    if (item != nullptr) context.add("Map", map_context(*item));
    if (!run.event.is_null()) context.add("Event", run.event);
    if (run.tokens != nullptr && type == asl::StateType::Task &&
        std::get<asl::TaskFields>(branch.definition->fields).resource.wait_for_token)
        context.add("Task", task_context(kTokenMarker));
    return context.build();
}

Evaluator::Evaluator(const RunContext& run, const Limits& limits, Instant now, const BranchFrame& branch,
                     Random& random, const MapItem* item)
    : limits_(limits),
      now_(now),
      branch_(branch),
      random_(random),
      budget_(kVisitBudget),
      observed_(run.observed) {
    if (branch.definition->reads_context) context_ = make_context(run, branch, item);
}

Evaluator::Evaluator(const Limits& limits, Instant now, const BranchFrame& branch, Random& random,
                     json::Value context)
    : limits_(limits),
      now_(now),
      branch_(branch),
      random_(random),
      budget_(kVisitBudget),
      context_(std::move(context)) {}

void Evaluator::show_token(std::string_view token) {
    context_ = json::with_member(context_, "Task", task_context(token));
    bindings_.reset();
}

Failure Evaluator::runtime(const std::string& message) const {
    return {std::string(kRuntime), occurred_in(branch_) + message, false};
}

Evaluated<json::Value> Evaluator::select(const asl::Selection& selection, const json::Value& input) {
    switch (selection.kind) {
        case asl::Selection::Kind::Whole:
            break;
        case asl::Selection::Kind::Nothing:
            note(&selection, json::Value::object({}));
            return json::Value::object({});
        case asl::Selection::Kind::Path: {
            auto selected = evaluate(*selection.path, input);
            if (selected.ok()) note(&selection, selected.value());
            return selected;
        }
    }
    note(&selection, input);
    return input;
}

Evaluated<json::Value> Evaluator::evaluate(const path::Expression& expression, const json::Value& input) {
    auto result = expression.evaluate(scope(input));
    if (!result.ok()) return Err{runtime(result.error().message)};
    note(&expression, result.value());
    return std::move(result).value();
}

bool Evaluator::present(const path::Expression& expression, const json::Value& input) {
    return expression.present(scope(input));
}

Evaluated<json::Value> Evaluator::apply(const std::optional<path::Template>& payload,
                                        const json::Value& input) {
    if (!payload) {
        note(&payload, input);
        return input;
    }
    auto result = payload->evaluate(scope(input));
    if (!result.ok()) return Err{runtime(result.error().message)};
    note(&payload, result.value());
    return std::move(result).value();
}

Evaluated<json::Value> Evaluator::place(const asl::ResultPlace& place, const json::Value& input,
                                        const json::Value& result) {
    switch (place.kind) {
        case asl::ResultPlace::Kind::Replace:
            note(&place, result);
            return result;
        case asl::ResultPlace::Kind::Discard:
            note(&place, input);
            return input;
        case asl::ResultPlace::Kind::Insert:
            break;
    }
    auto placed = place.path->insert(input, result, budget_);
    if (!placed.ok()) {
        Failure failure = runtime(placed.error().message);
        failure.error = kResultPathMatchFailure;
        return Err{std::move(failure)};
    }
    note(&place, placed.value());
    return std::move(placed).value();
}

Evaluated<json::Value> Evaluator::assign(const std::optional<path::Template>& assign,
                                         const json::Value& input) {
    if (!assign) return json::Value::object({});
    auto result = assign->evaluate(scope(input));
    if (!result.ok()) return Err{runtime(result.error().message)};
    return checked_variables(std::move(result).value());
}

Evaluated<json::Value> Evaluator::checked_variables(json::Value assigned) const {
    std::size_t bytes = 0;
    for (const json::Member& member : assigned.members()) {
        bytes += json::dumped_size(member.value);
        const bool too_deep = json::depth(member.value) > kMaxPayloadDepth;
        if (bytes <= kMaxVariableBytes && !too_deep) continue;
        return Err{Failure{std::string(kDataLimit),
                           "The variables that the state '" + branch_.state + "' assigns " +
                               (too_deep ? "are nested more than 1000 levels deep."
                                         : "exceed the maximum number of bytes service limit."),
                           false}};
    }
    if (bytes == 0) return assigned;
    for (const auto& [name, value] : branch_.variables) {
        if (assigned.find(name) == nullptr) bytes += json::dumped_size(value);
    }
    if (bytes > kMaxAllVariablesBytes) {
        return Err{Failure{std::string(kDataLimit),
                           "The variables of the execution exceed the maximum number of bytes service limit.",
                           false}};
    }
    return assigned;
}

Evaluated<std::string> Evaluator::string(const path::Expression& expression, std::string_view field,
                                         const json::Value& input) {
    const auto value = expression.evaluate(scope(input), field);
    if (!value.ok()) return Err{runtime(value.error().message)};
    note(&expression, value.value());
    if (!value.value().is_string()) {
        return Err{runtime("The " + std::string(field) + " parameter does not reference a string value: " +
                           expression.text() + " == " + json::dump(value.value()))};
    }
    return std::string(value.value().as_string());
}

}  // namespace flowctl::machine
