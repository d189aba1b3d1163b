// Attempts of tasks: their answers, timeouts and history events; see runner.hpp.
//
// TaskStarted is recorded together with the answer and has the time of the call, because only the answer
// tells whether the attempt was begun at all; if it was not, TaskStartFailed is recorded instead. Until then
// TaskScheduled is the durable intent. Work that goes on elsewhere is begun by one answer (TaskContinues,
// recorded as TaskSubmitted). With .sync, further calls with the same id, each at its time, ask whether it has
// ended; for everything else the end comes by itself. The visit stays in the phase Calling all the time.
//
// An activity is begun by whoever takes its task. So it is started when ActivityStarted says so, and its times
// count from then on.
#include "core/machine/runner.hpp"

namespace flowctl::machine {

namespace {

const asl::TaskFields& task_of(const BranchFrame& branch) {
    return std::get<asl::TaskFields>(branch.definition->fields);
}

// The history events of an attempt.
struct EventTypes {
    std::string_view scheduled, started, start_failed, succeeded, failed, timed_out;
};
constexpr EventTypes kTask = {"TaskScheduled", "TaskStarted", "TaskStartFailed",
                              "TaskSucceeded", "TaskFailed",  "TaskTimedOut"};
constexpr EventTypes kLambda = {"LambdaFunctionScheduled", "LambdaFunctionStarted",
                                "LambdaFunctionStartFailed", "LambdaFunctionSucceeded",
                                "LambdaFunctionFailed", "LambdaFunctionTimedOut"};
constexpr EventTypes kActivity = {"ActivityScheduled", "ActivityStarted", "ActivityScheduleFailed",
                                  "ActivitySucceeded", "ActivityFailed",  "ActivityTimedOut"};

bool is_activity(const asl::Resource& resource) {
    return resource.kind == asl::Resource::Kind::Activity;
}
// Whether somebody who holds the attempt's token answers it.
bool takes_token(const asl::Resource& resource) {
    return resource.wait_for_token || is_activity(resource);
}

// Whether the answer comes from outside. Who decides an approval needs no token and gets none.
bool is_answered_outside(const asl::Resource& resource) {
    return takes_token(resource) || resource.kind == asl::Resource::Kind::Approval;
}

// Activities, and a Resource that is a Lambda function's own ARN, have history events of their own.
const EventTypes& events_of(const asl::Resource& resource) {
    if (is_activity(resource)) return kActivity;
    const bool is_function = resource.kind == asl::Resource::Kind::Lambda && !resource.name.empty();
    return is_function ? kLambda : kTask;
}

// The details that all events of a task have; only theirs name the resource.
json::ObjectBuilder resource_details(const asl::Resource& resource) {
    json::ObjectBuilder details;
    if (&events_of(resource) != &kTask) return details;
    details.add("resourceType", resource.resource_type());
    details.add("resource", resource.resource_action());
    return details;
}
json::Value details_of_event(const asl::Resource& resource) {
    return &events_of(resource) == &kTask ? resource_details(resource).build() : json::Value();
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
    const asl::Resource& resource = task.resource;
    std::string token;
    if (resource.wait_for_token && state.reads_context) token = token_of(branch);
    if (!token.empty()) evaluator.show_token(token);
    const auto fail = [&](Failure failure) {
        if (failure.cause) failure.cause = mask_token(*std::move(failure.cause), token);
        fail_state(branch, failure);
    };
    const auto selected = evaluator.select(state.input_path, branch.input.value);
    if (!selected.ok()) return fail(selected.error());
    auto effective = work_input(branch, evaluator, selected.value());
    if (!effective.ok()) return fail(effective.error());
    const auto timeout = seconds_of(task.timeout, "TimeoutSeconds", evaluator, selected.value());
    if (!timeout.ok()) return fail(timeout.error());
    const auto heartbeat = seconds_of(task.heartbeat, "HeartbeatSeconds", evaluator, selected.value());
    if (!heartbeat.ok()) return fail(heartbeat.error());
    PendingCall call;
    if (task.credentials || task.credentials_query) {
        auto credentials = task.credentials_query ? evaluator.query(*task.credentials_query, "Credentials")
                                                  : evaluator.apply(task.credentials, selected.value());
        if (!credentials.ok()) return fail(credentials.error());
        call.credentials = without_token(std::move(credentials).value(), token);
    }
    call.input.value = std::move(effective).value();
    if (call.input.value.same(branch.input.value)) {
        call.input.event = branch.input.event;
    } else if (auto failure = unkeepable(branch, call.input.value)) {
        return fail(*std::move(failure));
    } else if (!token.empty()) {
        auto masked = mask_token(call.input.value, token, call.markers);
        if (!masked)
            return fail(evaluator.runtime("Two members of the task's input have the task's token as name."));
        call.input.value = *std::move(masked);
    }
    call.began_at = now_;
    const std::int64_t timeout_seconds = timeout.value().value_or(0);
    if (is_activity(resource)) {
        call.timeout_seconds = timeout_seconds;
    } else if (timeout_seconds > 0) {
        call.deadline = now_ + timeout_seconds * 1'000'000;
    }
    if (heartbeat.value() && takes_token(resource)) call.heartbeat_seconds = *heartbeat.value();
    if (!is_activity(resource)) call.beat(now_);

    const EventTypes& types = events_of(resource);
    const bool is_task = &types == &kTask;
    json::ObjectBuilder details = resource_details(resource);
    if (!is_task) details.add("resource", resource.text);
    if (timeout.value()) details.add("timeoutInSeconds", json::Value::integer(*timeout.value()));
    if (heartbeat.value()) details.add("heartbeatInSeconds", json::Value::integer(*heartbeat.value()));
    call.id = record(branch, types.scheduled, details.build(), is_task ? "parameters" : "input", &call.input);
    if (history_full_) return;
    branch.call = std::move(call);
    move(branch, VisitEvent::Dispatch);
    step_.effects.emplace_back(call_of(branch));
}

std::string Runner::attempt_place(const BranchFrame& branch) const {
    return place_of_attempt(branch.path, branch.state, branch.visit, branch.attempt, run_.redrive_count);
}

// The token of the branch's attempt; empty if nobody makes tokens.
std::string Runner::token_of(const BranchFrame& branch) const {
    return run_.tokens == nullptr ? std::string() : run_.tokens->token(attempt_place(branch));
}

// What comes back from an attempt, without the attempt's token.
json::Value Runner::without_token(const BranchFrame& branch, const json::Value& answer) const {
    if (!takes_token(task_of(branch).resource)) return answer;
    return without_token(answer, token_of(branch));
}
json::Value Runner::without_token(const json::Value& answer, std::string_view token) {
    Markers unused;
    return mask_token(answer, token, unused).value_or(json::Value::string(kTokenMarker));
}

Call Runner::call_of(const BranchFrame& branch) const {
    const PendingCall& pending = *branch.call;
    Call call;
    call.id = pending.id;
    call.resource = task_of(branch).resource;
    call.input = pending.input.value;
    if (pending.markers.any && run_.tokens != nullptr)
        call.input = unmask_token(call.input, token_of(branch), pending.markers);
    call.state = branch.state;
    call.path = branch.path;
    call.visit = branch.visit;
    call.attempt = branch.attempt;
    call.deadline = pending.deadline;
    call.timeout_seconds = pending.deadline && !pending.taken ? (*pending.deadline - pending.began_at) / 1'000'000
                                                              : pending.timeout_seconds;
    call.heartbeat_seconds = pending.heartbeat_seconds;
    if (is_answered_outside(call.resource)) call.place = attempt_place(branch);
    call.credentials = pending.credentials;
    call.follow = pending.follow;
    return call;
}

void Runner::record_started(BranchFrame& branch) {
    const asl::Resource& resource = task_of(branch).resource;
    // It was recorded with TaskSubmitted, or when a worker took the task.
    if (branch.call->submitted || is_activity(resource)) return;
    record(branch, events_of(resource).started, details_of_event(resource), nullptr, nullptr,
           branch.call->began_at);
}

void Runner::record_task_failure(BranchFrame& branch, const Failure& failure, bool not_started) {
    const asl::Resource& resource = task_of(branch).resource;
    const EventTypes& types = events_of(resource);
    const bool timed_out = failure.error == kTimeout || failure.error == kHeartbeatTimeout;
    std::string_view type = timed_out ? types.timed_out : types.failed;
    if (not_started && !branch.call->submitted && !branch.call->taken) {
        type = types.start_failed;
    } else {
        record_started(branch);
    }
    json::ObjectBuilder details = resource_details(resource);
    details.add("error", failure.error);
    if (failure.cause) details.add("cause", *failure.cause);
    record(branch, type, details.build());
}

void Runner::task_succeeded(BranchFrame& branch, const json::Value& answer) {
    const asl::Resource& resource = task_of(branch).resource;
    if (json::dumped_size(answer) > limits_.max_payload_bytes) {
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
    const json::Value output = without_token(branch, answer);
    record_started(branch);
    Payload result{output, kNoEvent};
    if (output.same(branch.call->input.value)) result.event = branch.call->input.event;
    record(branch, events_of(resource).succeeded, details_of_event(resource), "output", &result);
    branch.call.reset();
    if (history_full_) return;
    Evaluator evaluator = evaluator_of(branch);
    complete(branch, evaluator, output, std::move(result));
    spend(evaluator);
}

void Runner::task_failed(BranchFrame& branch, const TaskFailed& event) {
    std::string token;
    if (takes_token(task_of(branch).resource)) token = token_of(branch);
    Failure failure;
    failure.error = event.error.empty() ? std::string(kTaskFailed)
                                        : bounded(mask_token(event.error, token), kMaxErrorBytes);
    // If the task was not begun, the failure comes from this engine and not from a service. So its cause
    // names the place.
    const std::string place = event.not_started ? occurred_in(branch) : "";
    if (!event.cause.empty())
        failure.cause = bounded(place + mask_token(event.cause, token), kMaxCauseBytes);
    failure.of_answer = true;
    record_task_failure(branch, failure, event.not_started);
    branch.call.reset();
    fail_state(branch, failure, event.retry_not_before);
}

void Runner::task_continues(BranchFrame& branch, const TaskContinues& event) {
    PendingCall& call = *branch.call;
    if (call.outside) {
        // The call was made once more after a crash, and this is its answer.
        step_.accepted = false;
        return;
    }
    const asl::Resource& resource = task_of(branch).resource;
    if (!call.submitted && !is_activity(resource)) {
        Payload output{without_token(branch, event.output), kNoEvent};
        if (auto failure = unkeepable(branch, output.value)) {
            failure->of_answer = true;
            record_task_failure(branch, *failure, false);
            branch.call.reset();
            return fail_state(branch, *failure);
        }
        record_started(branch);
        record(branch, "TaskSubmitted", details_of_event(resource), "output", &output);
    }
    call.submitted = true;
    call.follow = without_token(branch, event.follow);
    call.follow_due = event.next_at;
    call.outside = !event.next_at;
}

void Runner::activity_started(BranchFrame& branch, const ActivityStarted& event) {
    PendingCall& call = *branch.call;
    if (call.taken || !is_activity(task_of(branch).resource)) {
        step_.accepted = false;
        return;
    }
    json::ObjectBuilder details;
    if (event.worker) details.add("workerName", *event.worker);
    record(branch, kActivity.started, details.build());
    call.taken = true;
    if (call.timeout_seconds > 0) call.deadline = now_ + call.timeout_seconds * 1'000'000;
    call.beat(now_);
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
    cancel(branch, error == kHeartbeatTimeout);
    record_task_failure(branch, failure, false);
    branch.call.reset();
    fail_state(branch, failure);
}

// A call that was made in this very step is not made at all.
void Runner::cancel(BranchFrame& branch, bool silent) {
    const std::int64_t id = branch.call->id;
    if (id > last_event_before_ && withdraw<Call>(id)) return;
    CancelCall cancelled{id, {}, silent};
    // A frame that does not fit its flow is ended, too.
    const bool is_task = branch.definition != nullptr && branch.definition->type() == asl::StateType::Task;
    if (is_task && is_answered_outside(task_of(branch).resource)) cancelled.place = attempt_place(branch);
    step_.effects.emplace_back(std::move(cancelled));
}

}  // namespace flowctl::machine
