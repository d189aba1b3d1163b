// The differences of JSONata states: their exits, choices, waits and failures; see runner.hpp.
//
// There is no pipeline: the work gets the state's input, or Arguments if they are there, and the state passes
// on Output, or its default if there is none. All queries of a state see the values from before it.
#include "core/machine/runner.hpp"

namespace flowctl::machine {

namespace {

std::string place_of(std::string_view list, std::size_t index) {
    return std::string(list) + "[" + std::to_string(index) + "]/";
}

// A value of a field as a message shows it: text without quotes, everything else as JSON.
std::string shown(const json::Value& value) {
    return value.is_string() ? std::string(value.as_string()) : json::dump(value);
}

}  // namespace

std::optional<Failure> Runner::exit_by(BranchFrame& branch, Evaluator& evaluator, const asl::Exit& exit,
                                       const std::string& place, json::Value by_default, asl::StateIndex next,
                                       const std::optional<Payload>& known) {
    const auto assigned = evaluator.assign(exit.assign, place + "Assign");
    if (!assigned.ok()) return assigned.error();
    if (exit.output) {
        auto output = evaluator.query(*exit.output, place + "Output");
        if (!output.ok()) return output.error();
        by_default = std::move(output).value();
    }
    auto payload = payload_of(branch, std::move(by_default), known);
    if (!payload.ok()) return payload.error();
    leave(branch, std::move(payload).value(), assigned.value(), next);
    return std::nullopt;
}

void Runner::exit_state(BranchFrame& branch, Evaluator& evaluator, json::Value by_default,
                        asl::StateIndex next, const std::optional<Payload>& known) {
    const auto failure =
        exit_by(branch, evaluator, branch.definition->exit, "", std::move(by_default), next, known);
    if (failure) fail_state(branch, *failure);
}

void Runner::query_choice(BranchFrame& branch, Evaluator& evaluator) {
    const asl::State& state = *branch.definition;
    const auto& choice = std::get<asl::ChoiceFields>(state.fields);
    for (std::size_t i = 0; i < choice.rules.size(); ++i) {
        const asl::ChoiceRule& rule = choice.rules[i];
        const std::string place = place_of("Choices", i);
        const auto holds = evaluator.query(*rule.query, place + "Condition", json::Kind::Bool);
        if (!holds.ok()) return fail_state(branch, holds.error());
        if (!holds.value().as_bool()) continue;
        const auto failure = exit_by(branch, evaluator, rule.exit, place, branch.input.value, rule.next);
        if (failure) fail_state(branch, *failure);
        return;
    }
    if (!choice.default_next) return fail_state(branch, no_choice(evaluator));
    exit_state(branch, evaluator, branch.input.value, *choice.default_next);
}

std::optional<Failure> Runner::query_catch(BranchFrame& branch, Evaluator& evaluator, std::size_t index,
                                           const json::Value& error_output) {
    const asl::Catcher& catcher = branch.definition->catchers[index];
    evaluator.show_error_output(error_output);
    return exit_by(branch, evaluator, catcher.exit, place_of("Catch", index), error_output, catcher.next);
}

Evaluated<Instant> Runner::query_due(const BranchFrame& branch, Evaluator& evaluator) const {
    const auto& wait = std::get<asl::WaitFields>(branch.definition->fields);
    if (wait.timestamp_query) {
        const auto value = evaluator.query(*wait.timestamp_query, "Timestamp", json::Kind::String);
        if (!value.ok()) return Err{value.error()};
        const auto timestamp = asl::parse_timestamp(value.value().as_string());
        if (timestamp) return timestamp->micros();
        return Err{
            evaluator.query_failure("The Timestamp field cannot be parsed as an ISO-8601 extended "
                                    "offset date-time format string: " +
                                        shown(value.value()),
                                    "Timestamp")};
    }
    const auto value = evaluator.query(*wait.seconds.query, "Seconds", json::Kind::Number);
    if (!value.ok()) return Err{value.error()};
    const auto seconds = value.value().as_integer();
    const auto refuse = [&](std::string_view what) {
        return Err{evaluator.query_failure(
            "The Seconds field " + std::string(what) + ": " + shown(value.value()), "Seconds")};
    };
    if (!seconds) return refuse("cannot be parsed as a long value");
    if (*seconds < 0) return refuse("has a negative value");
    if (*seconds > asl::kMostSeconds) return refuse("has a value over 99999999");
    return now_ + *seconds * 1'000'000;
}

void Runner::query_fail(BranchFrame& branch, Evaluator& evaluator) {
    const auto& fail = std::get<asl::FailFields>(branch.definition->fields);
    Failure failure{fail.error.value_or(""), fail.cause};
    failure.named = fail.error || fail.error_query;
    failure.of_fail = true;
    if (fail.error_query) {
        const auto error = evaluator.query(*fail.error_query, "Error", json::Kind::String);
        if (!error.ok()) return fail_state(branch, error.error());
        failure.error = error.value().as_string();
    }
    if (fail.cause_query) {
        const auto cause = evaluator.query(*fail.cause_query, "Cause", json::Kind::String);
        if (!cause.ok()) return fail_state(branch, cause.error());
        failure.cause = cause.value().as_string();
    }
    fail_branch(branch, failure);
}

// If a query fails before the visit has recorded anything else, it is recorded as if it had failed before the
// state was entered. A query of a Wait is an exception.
void Runner::record_query_failure(BranchFrame& branch, const Failure& failure) {
    const bool at_entry =
        branch.last_event == branch.entered_event && branch.definition->type() != asl::StateType::Wait;
    if (at_entry) branch.last_event = branch.entered_after;
    json::ObjectBuilder details;
    details.add("error", failure.error);
    if (failure.cause) details.add("cause", *failure.cause);
    if (!failure.location.empty()) details.add("location", failure.location);
    details.add("state", branch.state);
    record(branch, "EvaluationFailed", details.build());
}

}  // namespace flowctl::machine
