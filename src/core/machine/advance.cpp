// advance(): takes an event in, lets time pass, and runs states until every branch waits for something; see
// runner.hpp.
//
// One call does a bounded number of transitions, and fewer if they evaluate or record much. Then it returns
// with next_due = now. So a flow that loops without waiting neither holds up other runs nor collects much
// that must be written at once; the limit of the history ends it. An exception in here ends the run, with the
// exception's text as the reason.
#include <algorithm>
#include <utility>

#include "core/machine/runner.hpp"

namespace flowctl::machine {

namespace {

// Entering a state and doing its work count as two transitions.
constexpr int kTransitionsPerCall = 1'000;
constexpr std::uint64_t kStepsPerCall = 1'000'000;  // steps of evaluation, which take tens of milliseconds
constexpr std::size_t kBytesPerCall = 4 * 1024 * 1024;  // bytes that are evaluated and recorded

// The call that the event is about; nullopt for events that are about no call.
std::optional<std::int64_t> call_of_event(const Event& event) {
    return std::visit(
        [](const auto& one) -> std::optional<std::int64_t> {
            if constexpr (requires { one.call; }) return one.call;
            return std::nullopt;
        },
        event);
}

}  // namespace

void Runner::handle(const Event& event) {
    if (ended() && std::holds_alternative<Redriven>(event)) return redrive();
    const bool resolved = ended() || resolve();  // also for a stale event, because finish() needs the index
    if (is_stale(event)) {
        step_.accepted = false;
        return;
    }
    const bool pauses = std::holds_alternative<Paused>(event);
    if (!frame_.started && (pauses || std::holds_alternative<Unpaused>(event))) {
        frame_.paused = pauses;
        return;
    }
    if (!resolved) return fail_run(frame_.top, std::string(kRuntime), unfit());
    if (!frame_.started) {
        const auto* started = std::get_if<Started>(&event);
        start(started != nullptr ? started->from : std::nullopt);
        if (ended()) return;
    }
    if (const auto* stopped = std::get_if<Stopped>(&event)) return stop(*stopped);
    if (const auto* failed = std::get_if<EngineFailed>(&event)) {
        if (failed->timed_out) return time_out_run(failed->error, failed->cause);
        return fail_run(frame_.top, failed->error, failed->cause);
    }
    if (std::holds_alternative<Resumed>(event)) return resume();
    if (pauses) return pause();
    if (std::holds_alternative<Unpaused>(event)) return unpause();
    if (std::holds_alternative<TimerFired>(event)) {
        time_passed();
    } else if (!std::holds_alternative<Started>(event)) {
        answer(event);
    }
    if (step_.accepted) run_on();
}

// Whether the event comes too late or too early, or says what is so already.
bool Runner::is_stale(const Event& event) const {
    if (ended()) return true;
    if (std::holds_alternative<Paused>(event)) return frame_.paused;
    if (std::holds_alternative<Unpaused>(event)) return !frame_.paused;
    if (std::holds_alternative<Stopped>(event) || std::holds_alternative<EngineFailed>(event)) return false;
    return std::holds_alternative<Started>(event) == frame_.started;
}

// What is wrong if resolve() says no.
std::string Runner::unfit() const {
    return "The stored state of the run does not fit its flow: there is no such state '" + frame_.top.state +
           "', or it cannot be in this phase.";
}

void Runner::start(const std::optional<BeginAt>& from) {
    frame_.started = true;
    BranchFrame& top = frame_.top;
    frame_.index.flow = &flow_;
    top.block = &flow_.top;
    top.definition = &flow_.top.states[static_cast<std::size_t>(flow_.top.start_at)];
    top.state = top.definition->name;
    top.input = {run_.input, 0};
    if (flow_.timeout_seconds) frame_.deadline = now_ + *flow_.timeout_seconds * 1'000'000;
    append(0, "ExecutionStarted", json::Value(), "input", &top.input, now_);
    if (from) begin_at(*from);
}

// The run is a continuation of another one, so it does not begin at the flow's first state.
void Runner::begin_at(const BeginAt& from) {
    BranchFrame& top = frame_.top;
    const asl::State* state = flow_.top.find(from.state);
    if (state == nullptr) {
        return fail_run(top, std::string(kRuntime),
                        "The flow has no state '" + from.state + "' at its top level.");
    }
    top.definition = state;
    top.state = state->name;
    if (!from.input.same(run_.input)) top.input = {from.input, kNoEvent};
    if (!from.variables.is_object()) return;
    for (const json::Member& variable : from.variables.members())
        top.variables[variable.key] = variable.value;
}

void Runner::stop(const Stopped& event) {
    record_cut_short();
    record_end(0, "ExecutionAborted", error_details(event.error, event.cause));
    step_.outcome.error = event.error;
    step_.outcome.cause = event.cause;
    end_run(Status::Aborted);
}

// Records the work that is under way when the run is ended from outside.
void Runner::record_cut_short() {
    for_each_branch(frame_.top, [this](BranchFrame& branch) {
        if (branch.phase == VisitPhase::Calling) record_started(branch);
        if (branch.phase == VisitPhase::MapRunning) record(branch, "MapRunAborted", json::Value());
    });
}

void Runner::resume() {
    for_each_branch(frame_.top, [this](BranchFrame& branch) {
        if (branch.phase == VisitPhase::Calling && branch.call->is_out())
            step_.effects.emplace_back(call_of(branch));
        if (branch.phase == VisitPhase::MapRunning) step_.effects.emplace_back(AwaitMapRun{*branch.map_run});
    });
}

void Runner::time_passed() {
    if (frame_.deadline && *frame_.deadline <= now_) return time_out_run();
    bool fired = false;
    for (int i = 0; i < kTransitionsPerCall && may_go_on(); ++i) {
        BranchFrame* branch = next_due();
        if (branch == nullptr) break;
        fired = true;
        current_ = branch;
        if (branch->phase == VisitPhase::Sleeping) {
            wake(*branch);
        } else if (branch->phase == VisitPhase::Retrying) {
            branch->due.reset();
            move(*branch, VisitEvent::Wake);
        } else {
            call_due(*branch);
        }
        frame_.index.file(*branch);
    }
    if (!fired && next_runnable() == nullptr) step_.accepted = false;
}

void Runner::answer(const Event& event) {
    if (const auto* ended = std::get_if<MapRunEnded>(&event)) return answer(*ended);
    const auto id = call_of_event(event);
    BranchFrame& top = frame_.top;
    BranchFrame* branch = !id                                ? nullptr
                          : top.phase != VisitPhase::Calling ? frame_.index.calling(*id)
                          : top.call->id == *id              ? &top
                                                             : nullptr;
    if (branch == nullptr) {
        step_.accepted = false;
        return;
    }
    current_ = branch;
    if (const auto* succeeded = std::get_if<TaskSucceeded>(&event)) {
        task_succeeded(*branch, succeeded->output);
    } else if (const auto* failed = std::get_if<TaskFailed>(&event)) {
        task_failed(*branch, *failed);
    } else if (const auto* continues = std::get_if<TaskContinues>(&event)) {
        task_continues(*branch, *continues);
    } else if (const auto* taken = std::get_if<ActivityStarted>(&event)) {
        activity_started(*branch, *taken);
    } else if (branch->call->heartbeat_due) {
        const auto* beat = std::get_if<Heartbeat>(&event);
        if (beat != nullptr && beat->until)
            branch->call->heartbeat_due = *beat->until;
        else
            branch->call->beat(now_);
    }
    frame_.index.file(*branch);
}

void Runner::answer(const MapRunEnded& event) {
    BranchFrame& top = frame_.top;
    BranchFrame* branch = top.phase != VisitPhase::MapRunning ? frame_.index.running_map(event.map_run)
                          : top.map_run == event.map_run      ? &top
                                                              : nullptr;
    if (branch == nullptr) {
        step_.accepted = false;
        return;
    }
    current_ = branch;
    map_run_ended(*branch, event);
    frame_.index.file(*branch);
}

// If the top branch is not Forked, it is the only branch.
BranchFrame* Runner::next_runnable() {
    if (frame_.paused) return nullptr;
    if (frame_.top.phase == VisitPhase::Forked) return frame_.index.next_runnable();
    return is_runnable(frame_.top) ? &frame_.top : nullptr;
}

BranchFrame* Runner::next_due() {
    if (frame_.top.phase == VisitPhase::Forked) return frame_.index.due(now_);
    const auto due = due_of(frame_.top);
    return due && *due <= now_ ? &frame_.top : nullptr;
}

bool Runner::may_go_on() const {
    return steps_ < kStepsPerCall && bytes_ < kBytesPerCall && !ended() && !history_full_;
}

void Runner::spend(Evaluator& evaluator) {
    steps_ += evaluator.budget().steps_used();
    bytes_ += evaluator.budget().bytes_used();
}

void Runner::run_on() {
    for (int i = 0; i < kTransitionsPerCall && may_go_on(); ++i) {
        BranchFrame* branch = next_runnable();
        if (branch == nullptr) return;
        if (frame_.deadline && *frame_.deadline <= now_) return time_out_run();
        current_ = branch;
        if (branch->phase == VisitPhase::Entering) {
            enter(*branch);
        } else if (branch->phase == VisitPhase::Working) {
            work(*branch);
        } else {
            begin_next(*branch);
        }
        frame_.index.file(*branch);
    }
    if (history_full_ && !ended()) {
        fail_run(frame_.top, std::string(kRuntime),
                 "The execution reached the maximum number of history events (" +
                     std::to_string(limits_.max_history_events) + ").");
    }
}

void Runner::succeed_run(BranchFrame& branch, Payload output) {
    record_end(branch.last_event, "ExecutionSucceeded", json::Value(), &output);
    step_.outcome.output_ref = output.event;
    step_.outcome.output = std::move(output.value);
    end_run(Status::Succeeded);
}

void Runner::fail_run(BranchFrame& branch, const std::optional<std::string>& error,
                      const std::optional<std::string>& cause) {
    record_end(branch.last_event, "ExecutionFailed", error_details(error, cause));
    step_.outcome.error = error;
    step_.outcome.cause = cause;
    end_run(Status::Failed);
}

void Runner::time_out_run() {
    record_cut_short();
    record_end(0, "ExecutionTimedOut", error_details(std::string(kTimeout), std::nullopt));
    end_run(Status::TimedOut);
}

void Runner::time_out_run(const std::string& error, const std::string& cause) {
    record_cut_short();
    record_end(0, "ExecutionTimedOut", error_details(error, cause));
    step_.outcome.error = error;
    step_.outcome.cause = cause;
    end_run(Status::TimedOut);
}

void Runner::end_run(Status status) {
    frame_.status = status;
    frame_.deadline.reset();
    frame_.paused = false;
    for_each_branch(frame_.top, [this](BranchFrame& branch) { stop_branch(branch); });
    if (frame_.top.fork) keep_for_redrive();
}

void Runner::crash(const std::string& reason) {
    if (ended()) return;
    BranchFrame& branch = current_ != nullptr ? *current_ : frame_.top;
    fail_run(branch, std::string(kRuntime), occurred_in(branch) + reason);
}

Step Runner::finish() {
    step_.outcome.status = frame_.status;
    step_.current_state = frame_.top.state;
    if (ended()) return std::move(step_);
    step_.next_due = frame_.deadline;
    const BranchFrame& top = frame_.top;
    const BranchIndex& index = frame_.index;
    const bool forked = top.phase == VisitPhase::Forked;
    const bool runnable = !frame_.paused && (forked ? index.any_runnable() : is_runnable(top));
    std::optional<Instant> due = forked ? index.next_due() : due_of(top);
    if (runnable) due = now_;
    if (due && (!step_.next_due || *due < *step_.next_due)) step_.next_due = due;
    const bool out = forked ? index.any_out() : top.phase == VisitPhase::Calling && top.call->is_out();
    const bool running = runnable || out;
    const bool retrying = forked ? index.any_retrying() : top.phase == VisitPhase::Retrying;
    step_.phase = frame_.paused ? Phase::Paused
                  : running     ? Phase::Running
                  : retrying    ? Phase::Retrying
                                : Phase::Waiting;
    return std::move(step_);
}

Step advance(const asl::Flow& flow, const RunContext& run, const Limits& limits, Frame& frame,
             const Event& event, const Now& now) {
    Runner runner(flow, run, limits, frame.data(), now);
    try {
        runner.handle(event);
    } catch (const Interrupted&) {
        if (limits.out_of_time) {
            runner.crash(*limits.out_of_time);
            return runner.finish();
        }
        Step interrupted;
        interrupted.interrupted = true;
        return interrupted;
    } catch (const std::exception& exception) {
        runner.crash(exception.what());
    }
    return runner.finish();
}

}  // namespace flowctl::machine
