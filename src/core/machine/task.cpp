// Attempts of tasks: their answers, timeouts and history events; see runner.hpp.
//
// TaskStarted is recorded together with the answer and has the time of the call, because only the answer
// tells whether the attempt was begun at all; if it was not, TaskStartFailed is recorded instead. Until then
// TaskScheduled is the durable intent. Work with .sync is begun by one answer (TaskContinues, recorded as
// TaskSubmitted), and further calls with the same id, each at its time, ask whether it has ended. Between
// them the visit stays in the phase Calling.
#include "core/machine/runner.hpp"

namespace flowctl::machine {

namespace {

const asl::TaskFields& task_of(const BranchFrame& branch) {
    return std::get<asl::TaskFields>(branch.definition->fields);
}

// A Resource that is a Lambda function's own ARN has history events of its own.
bool is_lambda_function(const asl::Resource& resource) {
    return resource.kind == asl::Resource::Kind::Lambda && !resource.name.empty();
}

json::ObjectBuilder resource_details(const asl::Resource& resource) {
    json::ObjectBuilder details;
    details.add("resourceType", resource.resource_type());
    details.add("resource", resource.resource_action());
    return details;
}

// The value of TimeoutSeconds or HeartbeatSeconds, whether it is written out or evaluated.
Evaluated<std::optional<std::int64_t>> seconds_of(const asl::Seconds& seconds, std::string_view field,
                                                  Evaluator& evaluator, const json::Value& input) {
    if (!seconds.path && !seconds.query) return seconds.literal;
    const auto value = seconds.query ? evaluator.query(*seconds.query, field, json::Kind::Number)
                                     : evaluator.evaluate(*seconds.path, input);
    if (!value.ok()) return Err{value.error()};
    const auto number = value.value().is_number() ? value.value().as_integer() : std::nullopt;
    if (number && *number >= 1 && *number <= asl::kMostSeconds) return number;
    const std::string problem =
        std::string(" which is not a valid ") + (number ? "positive " : "") + "integer: ";
    if (seconds.query) {
        return Err{evaluator.query_failure("The " + std::string(field) + " field has the value " +
                                               json::dump(value.value()) + problem + seconds.query->text,
                                           field)};
    }
    return Err{evaluator.runtime("The " + std::string(field) + "Path field refers to value " +
                                 quoted_value(value.value()) + problem + seconds.path->text())};
}

}  // namespace

void Runner::work_task(BranchFrame& branch, Evaluator& evaluator) {
    const asl::State& state = *branch.definition;
    const asl::TaskFields& task = task_of(branch);
    const auto selected = evaluator.select(state.input_path, branch.input.value);
    if (!selected.ok()) return fail_state(branch, selected.error());
    auto effective = work_input(branch, evaluator, selected.value());
    if (!effective.ok()) return fail_state(branch, effective.error());
    const auto timeout = seconds_of(task.timeout, "TimeoutSeconds", evaluator, selected.value());
    if (!timeout.ok()) return fail_state(branch, timeout.error());
    const auto heartbeat = seconds_of(task.heartbeat, "HeartbeatSeconds", evaluator, selected.value());
    if (!heartbeat.ok()) return fail_state(branch, heartbeat.error());
    PendingCall call;
    if (task.credentials || task.credentials_query) {
        auto credentials = task.credentials_query ? evaluator.query(*task.credentials_query, "Credentials")
                                                  : evaluator.apply(task.credentials, selected.value());
        if (!credentials.ok()) return fail_state(branch, credentials.error());
        call.credentials = std::move(credentials).value();
    }
    call.input.value = std::move(effective).value();
    if (call.input.value.same(branch.input.value)) {
        call.input.event = branch.input.event;
    } else if (auto failure = unkeepable(branch, call.input.value)) {
        return fail_state(branch, *failure);
    }
    call.began_at = now_;
    if (timeout.value()) call.deadline = now_ + *timeout.value() * 1'000'000;
    const bool beats = task.resource.wait_for_token || task.resource.kind == asl::Resource::Kind::Activity;
    if (heartbeat.value() && beats) {
        call.heartbeat_seconds = *heartbeat.value();
        call.heartbeat_due = now_ + call.heartbeat_seconds * 1'000'000;
    }

    json::ObjectBuilder details;
    const bool lambda = is_lambda_function(task.resource);
    if (lambda) {
        details.add("resource", task.resource.text);
    } else {
        details = resource_details(task.resource);
    }
    if (timeout.value()) details.add("timeoutInSeconds", json::Value::integer(*timeout.value()));
    if (heartbeat.value()) details.add("heartbeatInSeconds", json::Value::integer(*heartbeat.value()));
    call.id = record(branch, lambda ? "LambdaFunctionScheduled" : "TaskScheduled", details.build(),
                     lambda ? "input" : "parameters", &call.input);
    if (history_full_) return;
    branch.call = std::move(call);
    move(branch, VisitEvent::Dispatch);
    step_.effects.emplace_back(call_of(branch));
}

Call Runner::call_of(const BranchFrame& branch) const {
    const PendingCall& pending = *branch.call;
    Call call;
    call.id = pending.id;
    call.resource = task_of(branch).resource;
    call.input = pending.input.value;
    call.state = branch.state;
    call.path = branch.path;
    call.visit = branch.visit;
    call.attempt = branch.attempt;
    call.deadline = pending.deadline;
    call.credentials = pending.credentials;
    call.follow = pending.follow;
    return call;
}

void Runner::record_started(BranchFrame& branch) {
    if (!branch.call->follow.is_null()) return;  // it was recorded with TaskSubmitted
    const asl::Resource& resource = task_of(branch).resource;
    if (is_lambda_function(resource)) {
        record(branch, "LambdaFunctionStarted", json::Value(), nullptr, nullptr, branch.call->began_at);
    } else {
        record(branch, "TaskStarted", resource_details(resource).build(), nullptr, nullptr,
               branch.call->began_at);
    }
}

void Runner::record_task_failure(BranchFrame& branch, const Failure& failure, bool not_started) {
    const asl::Resource& resource = task_of(branch).resource;
    const bool lambda = is_lambda_function(resource);
    const bool timed_out = failure.error == kTimeout || failure.error == kHeartbeatTimeout;
    std::string_view type = lambda ? "LambdaFunctionFailed" : "TaskFailed";
    if (not_started && branch.call->follow.is_null()) {
        type = lambda ? "LambdaFunctionStartFailed" : "TaskStartFailed";
    } else {
        record_started(branch);
        if (timed_out) type = lambda ? "LambdaFunctionTimedOut" : "TaskTimedOut";
    }
    json::ObjectBuilder details;
    if (!lambda) details = resource_details(resource);
    details.add("error", failure.error);
    if (failure.cause) details.add("cause", *failure.cause);
    record(branch, type, details.build());
}

void Runner::task_succeeded(BranchFrame& branch, const json::Value& output) {
    const asl::Resource& resource = task_of(branch).resource;
    if (json::dumped_size(output) > limits_.max_payload_bytes) {
        const Failure failure{
            std::string(kDataLimit),
            "The state/task '" + resource.short_name() +
                "' returned a result with a size exceeding the maximum number of bytes service "
                "limit.",
            true};
        record_task_failure(branch, failure, false);
        branch.call.reset();
        return fail_state(branch, failure);
    }
    record_started(branch);
    Payload result{output, kNoEvent};
    if (output.same(branch.call->input.value)) result.event = branch.call->input.event;
    if (is_lambda_function(resource)) {
        record(branch, "LambdaFunctionSucceeded", json::Value(), "output", &result);
    } else {
        record(branch, "TaskSucceeded", resource_details(resource).build(), "output", &result);
    }
    branch.call.reset();
    if (history_full_) return;
    Evaluator evaluator = evaluator_of(branch);
    complete(branch, evaluator, output, std::move(result));
    spend(evaluator);
}

void Runner::task_failed(BranchFrame& branch, const TaskFailed& event) {
    Failure failure;
    failure.error = event.error.empty() ? std::string(kTaskFailed) : bounded(event.error, kMaxErrorBytes);
    // If the task was not begun, the failure comes from this engine and not from a service. So its cause
    // names the place.
    const std::string place = event.not_started ? occurred_in(branch) : "";
    if (!event.cause.empty()) failure.cause = bounded(place + event.cause, kMaxCauseBytes);
    failure.of_answer = true;
    record_task_failure(branch, failure, event.not_started);
    branch.call.reset();
    fail_state(branch, failure, event.retry_not_before);
}

void Runner::task_continues(BranchFrame& branch, const TaskContinues& event) {
    PendingCall& call = *branch.call;
    if (call.follow.is_null()) {
        if (auto failure = unkeepable(branch, event.output)) {
            failure->of_answer = true;
            record_task_failure(branch, *failure, false);
            branch.call.reset();
            return fail_state(branch, *failure);
        }
        record_started(branch);
        Payload output{event.output, kNoEvent};
        record(branch, "TaskSubmitted", resource_details(task_of(branch).resource).build(), "output",
               &output);
    }
    call.follow = event.follow;
    call.follow_due = event.next_at;
}

void Runner::call_due(BranchFrame& branch) {
    PendingCall& call = *branch.call;
    if (call.deadline && *call.deadline <= now_) return task_timed_out(branch, kTimeout);
    if (call.heartbeat_due && *call.heartbeat_due <= now_) return task_timed_out(branch, kHeartbeatTimeout);
    call.follow_due.reset();
    step_.effects.emplace_back(call_of(branch));
}

void Runner::task_timed_out(BranchFrame& branch, std::string_view error) {
    const Failure failure{std::string(error), std::nullopt, true};
    cancel(branch);
    record_task_failure(branch, failure, false);
    branch.call.reset();
    fail_state(branch, failure);
}

// A call that was made in this very step is not made at all.
void Runner::cancel(BranchFrame& branch) {
    const std::int64_t id = branch.call->id;
    if (id <= last_event_before_ || !withdraw<Call>(id)) step_.effects.emplace_back(CancelCall{id});
}

}  // namespace flowctl::machine
