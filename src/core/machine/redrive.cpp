// Redrives and pauses; see runner.hpp.
//
// A run that ends without success keeps its tree. Each branch in it has the phase Ended, and a Parallel or Map
// still has its fork: the outputs of the branches that had succeeded, the branches that had not, and the number
// of those that had begun. So a redrive only has to wake the branches in the tree. As on AWS, a state that had
// been entered is not entered again: its next event follows the event that entered it. Its retries begin anew,
// while its attempts are counted on, because an attempt has one number in the history of the run.
//
// A Parallel or Map that has failed by itself (its outputs are too large, an item cannot be made) has no fork
// any more, so all of it is done again.
#include <utility>

#include "core/machine/runner.hpp"

namespace flowctl::machine {

namespace {

bool is_redrivable(const RunContext& run, const Limits& limits, const FrameData& frame) {
    const bool failed = frame.status != Status::Running && frame.status != Status::Succeeded;
    // There is room for ExecutionRedriven and for one other event.
    return failed && !run.express && frame.last_event < limits.max_history_events - 1;
}

}  // namespace

bool is_redrivable(const RunContext& run, const Limits& limits, const Frame& frame) {
    return is_redrivable(run, limits, frame.data());
}

// Drops what no redrive needs of the frame of a run that has ended.
void Runner::keep_for_redrive() {
    const bool redrivable = is_redrivable(run_, limits_, frame_);
    for_each_branch(frame_.top, [this, redrivable](BranchFrame& branch) {
        if (branch.fork && !(redrivable && branch.fork->is_whole()))
            dead_forks_.push_back(std::exchange(branch.fork, ForkPointer()));
    });
}

void Runner::redrive() {
    if (!is_redrivable(run_, limits_, frame_)) {
        step_.accepted = false;
        return;
    }
    frame_.status = Status::Running;
    if (flow_.timeout_seconds) frame_.deadline = now_ + *flow_.timeout_seconds * 1'000'000;
    append(frame_.last_event, "ExecutionRedriven",
           json::ObjectBuilder().add("redriveCount", json::Value::integer(run_.redrive_count)).build(), nullptr,
           nullptr, now_);
    revive(frame_.top);
    frame_.index.flow = nullptr;
    if (!resolve()) return fail_run(frame_.top, std::string(kRuntime), unfit());
    for_each_branch(frame_.top, [this](BranchFrame& branch) {
        if (branch.phase != VisitPhase::MapRunning) return;
        redrive_map_run(branch);
        frame_.index.file(branch);
    });
    run_on();
}

// Wakes a branch that has ended without success, and those below it.
void Runner::revive(BranchFrame& branch) {
    branch.retries.clear();
    branch.attempts_before = branch.attempt;
    branch.call.reset();
    branch.due.reset();
    if (branch.unentered) {
        branch.fork = ForkPointer();
        return move(branch, VisitEvent::Leave);
    }
    branch.last_event = branch.entered_event;
    if (branch.fork) {
        for (auto& [index, child] : branch.fork->children)
            revive(child);
        return move(branch, VisitEvent::Fork);
    }
    if (!branch.begun_map_run) return move(branch, VisitEvent::Wake);
    branch.map_run = branch.begun_map_run->id;
    move(branch, VisitEvent::RunMap);
}

void Runner::pause() {
    frame_.paused = true;
}

void Runner::unpause() {
    frame_.paused = false;
    for_each_branch(frame_.top, [this](BranchFrame& branch) {
        if (branch.phase != VisitPhase::Exhausted) return;
        branch.retries.assign(branch.definition->retry.size(), 0);
        branch.attempts_before = branch.attempt;
        if (branch.begun_map_run) {
            branch.map_run = branch.begun_map_run->id;
            move(branch, VisitEvent::RunMap);
            redrive_map_run(branch);
        } else {
            move(branch, VisitEvent::Wake);
        }
        frame_.index.file(branch);
    });
    run_on();
}

bool Runner::pauses(const BranchFrame& branch, const Failure& failure) const {
    if (!run_.pauses_when_exhausted || run_.express) return false;
    const asl::State& state = *branch.definition;
    const bool does_work = state.type() == asl::StateType::Task || is_distributed(state);
    return does_work && !would_be_handled(branch, failure);
}

// Whether a Parallel or Map around the branch would go on by Retry or Catch.
bool Runner::would_be_handled(const BranchFrame& branch, const Failure& failure) {
    for (const BranchFrame* at = branch.parent; at != nullptr; at = at->parent) {
        const std::vector<asl::Retrier>& retriers = at->definition->retry;
        for (std::size_t i = 0; i < retriers.size(); ++i) {
            if (!matches(retriers[i].error_equals, failure)) continue;
            if (at->retries[i] < retriers[i].max_attempts) return true;
            break;
        }
        for (const asl::Catcher& catcher : at->definition->catchers)
            if (matches(catcher.error_equals, failure)) return true;
    }
    return false;
}

void Runner::exhaust(BranchFrame& branch, const Failure& failure) {
    step_.exhausted = {branch.path, branch.state, failure.error, failure.cause.value_or("")};
    move(branch, VisitEvent::Exhaust);
    pause();
}

}  // namespace flowctl::machine
