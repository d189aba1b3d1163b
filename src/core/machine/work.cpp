// What states do: entering, working, leaving, failing; see runner.hpp.
//
// A state first evaluates everything and then records and changes. So a failure finds the visit as it was,
// and Assign and OutputPath read the values from before the state.
#include <array>

#include "core/machine/choose.hpp"
#include "core/machine/runner.hpp"

namespace flowctl::machine {

namespace {

constexpr std::array<std::string_view, 8> kEntered = {
    "PassStateEntered",    "TaskStateEntered", "ChoiceStateEntered",   "WaitStateEntered",
    "SucceedStateEntered", "FailStateEntered", "ParallelStateEntered", "MapStateEntered"};
constexpr std::array<std::string_view, 8> kExited = {"PassStateExited",     "TaskStateExited",
                                                     "ChoiceStateExited",   "WaitStateExited",
                                                     "SucceedStateExited",  "",
                                                     "ParallelStateExited", "MapStateExited"};

std::size_t index_of(const BranchFrame& branch) {
    return branch.definition->fields.index();
}

// {"name": ..., "assignedVariables": {"v": "<JSON text>"}, ...}
json::Value exited_details(const asl::State& state, const json::Value& assigned) {
    if (assigned.size() == 0) return state.named;
    json::ObjectBuilder variables;
    for (const json::Member& member : assigned.members())
        variables.add(member.key, json::dump(member.value));
    return json::ObjectBuilder()
        .add("name", state.name)
        .add("assignedVariables", variables.build())
        .add("assignedVariablesDetails",
             json::ObjectBuilder().add("truncated", json::Value::boolean(false)).build())
        .build();
}

std::string shown(const json::Value& value) {
    return value.is_string() ? std::string(value.as_string()) : json::dump(value);
}

// A run must not wait longer than the author's MaxDelaySeconds, whatever the endpoint asks for.
Instant within_max_delay(const asl::Retrier& retrier, Instant not_before, Instant now) {
    if (!retrier.max_delay_seconds) return not_before;
    return std::min(not_before, now + *retrier.max_delay_seconds * 1'000'000);
}

}  // namespace

void Runner::enter(BranchFrame& branch) {
    const asl::State& state = *branch.definition;
    branch.entered_at = now_;
    branch.visit = ++branch.visits[branch.state];
    branch.attempt = 0;
    branch.attempts_before = 0;
    branch.retries.assign(state.retry.size(), 0);
    branch.entered_after = branch.last_event;
    branch.entered_event = record(branch, kEntered[index_of(branch)], state.named, "input", &branch.input);
    move(branch, VisitEvent::Enter);
}

void Runner::work(BranchFrame& branch) {
    ++branch.attempt;
    Evaluator evaluator = evaluator_of(branch);
    work_as(branch.definition->type(), branch, evaluator);
    spend(evaluator);
}

void Runner::work_as(asl::StateType type, BranchFrame& branch, Evaluator& evaluator) {
    switch (type) {
        case asl::StateType::Pass:
            return work_pass(branch, evaluator);
        case asl::StateType::Task:
            return work_task(branch, evaluator);
        case asl::StateType::Choice:
            return work_choice(branch, evaluator);
        case asl::StateType::Wait:
            return work_wait(branch, evaluator);
        case asl::StateType::Succeed:
            return work_succeed(branch, evaluator);
        case asl::StateType::Fail:
            return work_fail(branch, evaluator);
        case asl::StateType::Parallel:
            return work_parallel(branch, evaluator);
        case asl::StateType::Map:
            return work_map(branch, evaluator);
    }
}

void Runner::work_pass(BranchFrame& branch, Evaluator& evaluator) {
    const asl::State& state = *branch.definition;
    if (is_jsonata(branch)) return exit_state(branch, evaluator, branch.input.value, state.next);
    const auto selected = evaluator.select(state.input_path, branch.input.value);
    if (!selected.ok()) return fail_state(branch, selected.error());
    const auto effective = evaluator.apply(state.parameters, selected.value());
    if (!effective.ok()) return fail_state(branch, effective.error());
    const auto& result = std::get<asl::PassFields>(state.fields).result;
    complete(branch, evaluator, result ? *result : effective.value(), std::nullopt);
}

Evaluated<json::Value> Runner::work_input(const BranchFrame& branch, Evaluator& evaluator,
                                          const json::Value& selected) {
    const asl::State& state = *branch.definition;
    if (state.arguments) return evaluator.query(*state.arguments, "Arguments");
    return evaluator.apply(state.parameters, selected);
}

void Runner::work_choice(BranchFrame& branch, Evaluator& evaluator) {
    if (is_jsonata(branch)) return query_choice(branch, evaluator);
    const asl::State& state = *branch.definition;
    const auto& choice = std::get<asl::ChoiceFields>(state.fields);
    const auto effective = evaluator.select(state.input_path, branch.input.value);
    if (!effective.ok()) return fail_state(branch, effective.error());
    const auto chosen = choose(choice, evaluator, effective.value());
    if (!chosen.ok()) return fail_state(branch, chosen.error());
    if (chosen.value()) {
        const asl::ChoiceRule& rule = choice.rules[*chosen.value()];
        return pass_on(branch, evaluator, effective.value(), rule.assign, rule.next);
    }
    if (!choice.default_next) return fail_state(branch, no_choice(evaluator));
    pass_on(branch, evaluator, effective.value(), state.assign, *choice.default_next);
}

Failure Runner::no_choice(const Evaluator& evaluator) {
    return evaluator.runtime(
        "Failed to transition out of the state. The state does not point to a next state.");
}

void Runner::work_wait(BranchFrame& branch, Evaluator& evaluator) {
    const auto due = due_of_wait(branch, evaluator);
    if (!due.ok()) return fail_state(branch, due.error());
    branch.due = due.value();
    move(branch, VisitEvent::Sleep);
    if (*branch.due <= now_) wake(branch);
}

Evaluated<Instant> Runner::due_of_wait(const BranchFrame& branch, Evaluator& evaluator) const {
    const asl::State& state = *branch.definition;
    const auto& wait = std::get<asl::WaitFields>(state.fields);
    if (wait.seconds.literal) return now_ + *wait.seconds.literal * 1'000'000;
    if (wait.timestamp) return wait.timestamp->micros();
    if (is_jsonata(branch)) return query_due(branch, evaluator);
    const auto effective = evaluator.select(state.input_path, branch.input.value);
    if (!effective.ok()) return Err{effective.error()};
    const auto value_at = [&](const path::Expression& path, const char* field) -> Evaluated<json::Value> {
        if (!evaluator.present(path, effective.value())) {
            return Err{evaluator.runtime(std::string("The ") + field +
                                         " parameter does not reference an input value: " + path.text())};
        }
        return evaluator.evaluate(path, effective.value());
    };

    if (wait.seconds.path) {
        const auto value = value_at(*wait.seconds.path, "SecondsPath");
        if (!value.ok()) return Err{value.error()};
        const std::string shown_value = wait.seconds.path->text() + " == " + shown(value.value());
        const auto seconds = value.value().is_number() ? value.value().as_integer() : std::nullopt;
        const auto refuse = [&](std::string_view what) {
            return Err{
                evaluator.runtime("The SecondsPath parameter " + std::string(what) + ": " + shown_value)};
        };
        if (!seconds) return refuse("cannot be parsed as a long value");
        if (*seconds < 0) return refuse("references a negative value");
        if (*seconds > asl::kMostSeconds) return refuse("references a value over 99999999");
        return now_ + *seconds * 1'000'000;
    }
    const auto value = value_at(*wait.timestamp_path, "TimestampPath");
    if (!value.ok()) return Err{value.error()};
    const auto timestamp =
        value.value().is_string() ? asl::parse_timestamp(value.value().as_string()) : std::nullopt;
    if (timestamp) return timestamp->micros();
    return Err{
        evaluator.runtime("The TimestampPath parameter does not reference a valid ISO-8601 extended "
                          "offset date-time format string: " +
                          wait.timestamp_path->text() + " == " + shown(value.value()))};
}

// The time of a Wait has come.
void Runner::wake(BranchFrame& branch) {
    const asl::State& state = *branch.definition;
    branch.due.reset();
    Evaluator evaluator = evaluator_of(branch);
    if (is_jsonata(branch)) return exit_state(branch, evaluator, branch.input.value, state.next);
    const auto effective = evaluator.select(state.input_path, branch.input.value);
    if (!effective.ok()) return fail_state(branch, effective.error());
    pass_on(branch, evaluator, effective.value(), state.assign, state.next);
}

void Runner::work_succeed(BranchFrame& branch, Evaluator& evaluator) {
    if (is_jsonata(branch)) return exit_state(branch, evaluator, branch.input.value, asl::kEnd);
    const auto effective = evaluator.select(branch.definition->input_path, branch.input.value);
    if (!effective.ok()) return fail_state(branch, effective.error());
    pass_on(branch, evaluator, effective.value(), std::nullopt, asl::kEnd);
}

void Runner::work_fail(BranchFrame& branch, Evaluator& evaluator) {
    if (is_jsonata(branch)) return query_fail(branch, evaluator);
    const auto& fail = std::get<asl::FailFields>(branch.definition->fields);
    Failure failure{fail.error.value_or(""), fail.cause};
    failure.named = fail.error || fail.error_path;
    failure.of_fail = true;
    if (fail.error_path) {
        auto value = evaluator.string(*fail.error_path, "ErrorPath", branch.input.value);
        if (!value.ok()) return fail_state(branch, value.error());
        failure.error = std::move(value).value();
    }
    if (fail.cause_path) {
        auto value = evaluator.string(*fail.cause_path, "CausePath", branch.input.value);
        if (!value.ok()) return fail_state(branch, value.error());
        failure.cause = std::move(value).value();
    }
    fail_branch(branch, failure);
}

void Runner::complete(BranchFrame& branch, Evaluator& evaluator, const json::Value& result,
                      const std::optional<Payload>& known) {
    const asl::State& state = *branch.definition;
    if (is_jsonata(branch)) {
        evaluator.show_result(result);
        return exit_state(branch, evaluator, result, state.next, known);
    }
    const auto selected = evaluator.apply(state.result_selector, result);
    if (!selected.ok()) return fail_state(branch, selected.error());
    const auto placed = evaluator.place(state.result_path, branch.input.value, selected.value());
    if (!placed.ok()) return fail_state(branch, placed.error());
    const auto assigned = evaluator.assign(state.assign, selected.value());
    if (!assigned.ok()) return fail_state(branch, assigned.error());
    auto output = evaluator.select(state.output_path, placed.value());
    if (!output.ok()) return fail_state(branch, output.error());

    auto payload = payload_of(branch, std::move(output).value(), known);
    if (!payload.ok()) return fail_state(branch, payload.error());
    leave(branch, std::move(payload).value(), assigned.value(), state.next);
}

void Runner::pass_on(BranchFrame& branch, Evaluator& evaluator, const json::Value& effective,
                     const std::optional<path::Template>& assign, asl::StateIndex next) {
    const auto assigned = evaluator.assign(assign, effective);
    if (!assigned.ok()) return fail_state(branch, assigned.error());
    auto output = evaluator.select(branch.definition->output_path, effective);
    if (!output.ok()) return fail_state(branch, output.error());
    auto payload = payload_of(branch, std::move(output).value());
    if (!payload.ok()) return fail_state(branch, payload.error());
    leave(branch, std::move(payload).value(), assigned.value(), next);
}

Evaluated<Payload> Runner::payload_of(const BranchFrame& branch, json::Value value,
                                      const std::optional<Payload>& known) const {
    Payload payload{std::move(value), kNoEvent};
    if (payload.value.same(branch.input.value)) {
        payload.event = branch.input.event;
    } else if (known && payload.value.same(known->value)) {
        payload.event = known->event;
    } else if (auto failure = unkeepable(branch, payload.value)) {
        return Err{std::move(*failure)};
    }
    return payload;
}

std::optional<Failure> Runner::unkeepable(const BranchFrame& branch, const json::Value& output) const {
    std::string_view problem;
    if (json::dumped_size(output) > limits_.max_payload_bytes) {
        problem = "with a size exceeding the maximum number of bytes service limit.";
    } else if (json::depth(output) > kMaxPayloadDepth) {
        problem = "that is nested more than 1000 levels deep.";
    } else {
        return std::nullopt;
    }
    return Failure{std::string(kDataLimit),
                   "The state/task '" + branch.state + "' returned a result " + std::string(problem), false};
}

void Runner::leave(BranchFrame& branch, Payload output, const json::Value& assigned, asl::StateIndex next) {
    record(branch, kExited[index_of(branch)], exited_details(*branch.definition, assigned), "output",
           &output);
    if (history_full_) return;
    for (const json::Member& member : assigned.members())
        branch.variables[member.key] = member.value;
    if (branch.fork) bury_fork(branch);
    branch.begun_map_run.reset();
    if (next == asl::kEnd) {
        if (branch.parent == nullptr) return succeed_run(branch, std::move(output));
        return end_branch(branch, std::move(output.value));
    }
    move(branch, VisitEvent::Leave);
    branch.definition = &branch.block->states[static_cast<std::size_t>(next)];
    branch.state = branch.definition->name;
    branch.input = std::move(output);
}

void Runner::fail_state(BranchFrame& branch, const Failure& failure, std::optional<Instant> not_before) {
    if (failure.of_query) record_query_failure(branch, failure);
    if (history_full_) return;
    const asl::State& state = *branch.definition;
    if (run_.observed != nullptr) run_.observed->failure = {failure.error, failure.cause};
    for (std::size_t i = 0; i < state.retry.size(); ++i) {
        if (!matches(state.retry[i].error_equals, failure)) continue;
        if (run_.observed != nullptr) run_.observed->retrier = i;
        if (branch.retries[i] >= state.retry[i].max_attempts) break;
        const Instant delay = retry_delay(state.retry[i], branch.retries[i], random_);
        ++branch.retries[i];
        branch.due = now_ + delay;
        if (not_before) branch.due = std::max(*branch.due, within_max_delay(state.retry[i], *not_before, now_));
        if (branch.fork) bury_fork(branch);
        branch.begun_map_run.reset();
        return move(branch, VisitEvent::Backoff);
    }
    if (failure.of_branch) {
        const bool of_map = state.type() == asl::StateType::Map;
        record(branch, of_map ? "MapStateFailed" : "ParallelStateFailed", json::Value());
        if (history_full_) return;
    }
    if (catch_failure(branch, failure)) return;
    if (pauses(branch, failure)) return exhaust(branch, failure);
    fail_branch(branch, failure);
}

bool Runner::catch_failure(BranchFrame& branch, const Failure& failure) {
    const std::vector<asl::Catcher>& catchers = branch.definition->catchers;
    for (std::size_t i = 0; i < catchers.size(); ++i) {
        if (!matches(catchers[i].error_equals, failure)) continue;
        if (run_.observed != nullptr) run_.observed->catcher = i;
        const json::Value error_output = json::ObjectBuilder()
                                             .add("Error", failure.error)
                                             .add("Cause", failure.cause.value_or(""))
                                             .build();
        Evaluator evaluator = evaluator_of(branch);
        const auto again = is_jsonata(branch) ? query_catch(branch, evaluator, i, error_output)
                                              : catch_by(branch, evaluator, catchers[i], error_output);
        spend(evaluator);
        if (again && again->of_query) record_query_failure(branch, *again);
        if (again) fail_branch(branch, *again);
        return true;
    }
    return false;
}

std::optional<Failure> Runner::catch_by(BranchFrame& branch, Evaluator& evaluator,
                                        const asl::Catcher& catcher, const json::Value& error_output) {
    auto output = evaluator.place(catcher.result_path, branch.input.value, error_output);
    const auto assigned = evaluator.assign(catcher.assign, error_output);
    if (!output.ok()) return output.error();
    if (!assigned.ok()) return assigned.error();
    auto payload = payload_of(branch, std::move(output).value());
    if (!payload.ok()) return payload.error();
    leave(branch, std::move(payload).value(), assigned.value(), catcher.next);
    return std::nullopt;
}

}  // namespace flowctl::machine
