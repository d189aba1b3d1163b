// Branches of a Parallel and items of a Map: how they begin, end and fail; see runner.hpp.
//
// Branches begin one after the other, each in a transition of its own, so a Map over many items takes turns
// with all other work. A branch that has succeeded leaves the tree at once, but its frame stays in
// dead_branches_ until the call of advance() ends, because a caller may still refer to it. Branches that end
// without success stay in the tree until their Parallel or Map goes on by Retry or Catch. If it does not, the
// run ends, and its frame has all that a redrive needs. The events that end a branch are side events: the next
// event names the last event before them as its predecessor, except after the very last branch.
#include <algorithm>
#include <array>

#include "core/machine/runner.hpp"

namespace flowctl::machine {

namespace {

// The limit for all outputs of one Map together, before its ResultSelector is applied.
constexpr std::size_t kMostOutputBytes = 64 * 1024 * 1024;

bool is_map(const BranchFrame& branch) {
    return branch.definition->type() == asl::StateType::Map;
}

json::Value iteration_details(const BranchFrame& map, std::size_t index) {
    return json::ObjectBuilder()
        .add("name", map.state)
        .add("index", json::Value::integer(static_cast<std::int64_t>(index)))
        .build();
}

// The event that says that a state was cut short. It is empty for types that have none.
std::string_view aborted_event(asl::StateType type) {
    switch (type) {
        case asl::StateType::Task:
            return "TaskStateAborted";
        case asl::StateType::Wait:
            return "WaitStateAborted";
        case asl::StateType::Parallel:
            return "ParallelStateAborted";
        case asl::StateType::Map:
            return "MapStateAborted";
        default:
            return "";
    }
}

// Whether a Parallel or Map around the branch has a Retry or Catch for the error.
bool is_handled_above(const BranchFrame& branch, const Failure& failure) {
    for (const BranchFrame* at = branch.parent; at != nullptr; at = at->parent) {
        for (const asl::Retrier& retrier : at->definition->retry)
            if (matches(retrier.error_equals, failure)) return true;
        for (const asl::Catcher& catcher : at->definition->catchers)
            if (matches(catcher.error_equals, failure)) return true;
    }
    return false;
}

// Whether the failure comes from the evaluation of a state, and not from a Fail state or an answer that uses
// the same error name.
bool is_of_flow(const Failure& failure) {
    return failure.error == kRuntime && !failure.of_answer && !failure.of_fail;
}

}  // namespace

void Runner::work_parallel(BranchFrame& branch, Evaluator& evaluator) {
    const asl::State& state = *branch.definition;
    const auto selected = evaluator.select(state.input_path, branch.input.value);
    if (!selected.ok()) return fail_state(branch, selected.error());
    auto effective = work_input(branch, evaluator, selected.value());
    if (!effective.ok()) return fail_fork_state(branch, effective.error());
    Fork fork;
    fork.input.value = std::move(effective).value();
    if (fork.input.value.same(branch.input.value)) {
        fork.input.event = branch.input.event;
    } else if (const auto failure = unkeepable(branch, fork.input.value)) {
        return fail_state(branch, *failure);
    }
    fork.length = std::get<asl::ParallelFields>(state.fields).branches.size();
    fork.outputs = Outputs(fork.length);
    record(branch, "ParallelStateStarted", json::Value());
    if (!history_full_) begin_fork(branch, std::move(fork));
}

// The Parallel or Map fails before it has begun its branches.
void Runner::fail_fork_state(BranchFrame& branch, Failure failure) {
    failure.of_branch = failure.of_query;
    fail_state(branch, failure);
}

void Runner::begin_fork(BranchFrame& branch, Fork fork) {
    branch.fork = ForkPointer(std::move(fork));
    move(branch, VisitEvent::Fork);
    if (branch.fork->length == 0 && run_.observed == nullptr) join(branch);
}

void Runner::begin_next(BranchFrame& parent) {
    Fork& fork = *parent.fork;
    const std::size_t index = fork.begun;
    BranchFrame child;
    child.parent = &parent;
    child.index = index;
    child.level = parent.level + 1;
    child.block = &block_of(*parent.definition, index);
    child.definition = &child.block->states[static_cast<std::size_t>(child.block->start_at)];
    child.state = child.definition->name;
    child.path = parent.path + "/" + parent.state + "/" + std::to_string(index);
    child.last_event = parent.last_event;
    if (is_map(parent)) {
        if (const auto failure = take_item(parent, child)) return fail_fork(parent, *failure);
        child.last_event =
            record_aside(parent, parent.last_event, "MapIterationStarted", iteration_details(parent, index));
        if (history_full_) return;
    } else {
        child.input = fork.input;
    }
    child.variables = parent.variables;
    for (const auto& [state, count] : parent.visits) {
        if (parent.block->find(state) == nullptr) child.visits.emplace(state, count);
    }
    steps_ += child.variables.size() + parent.visits.size();
    if (++fork.begun == fork.length) {
        fork.input = Payload{};
        fork.items = json::Value();
    }
    const auto placed = fork.children.emplace(index, std::move(child)).first;
    frame_.index.file(placed->second);
}

void Runner::end_branch(BranchFrame& child, json::Value output) {
    BranchFrame& parent = *child.parent;
    Fork& fork = *parent.fork;
    const bool is_last = fork.begun == fork.length && fork.children.size() == 1;
    parent.last_event = child.last_event;
    if (is_map(parent)) {
        const std::int64_t succeeded = record_aside(parent, child.last_event, "MapIterationSucceeded",
                                                    iteration_details(parent, child.index));
        if (history_full_) return;
        if (is_last) parent.last_event = succeeded;
    }
    if (fork.keeps_outputs) fork.outputs.set(child.index, std::move(output));
    retire(child);
    if (fork.outputs.bytes() > kMostOutputBytes) {
        return fail_fork(parent, Failure{std::string(kDataLimit),
                                         "The state/task '" + parent.state +
                                             "' returned a result with a size exceeding the maximum number "
                                             "of bytes service limit."});
    }
    if (is_last) join(parent);
    frame_.index.file(parent);
}

// All branches have given their outputs, so the state has its result.
void Runner::join(BranchFrame& parent) {
    record_aside(parent, parent.last_event, is_map(parent) ? "MapStateSucceeded" : "ParallelStateSucceeded",
                 json::Value());
    if (history_full_) return;
    const json::Value result = parent.fork->keeps_outputs ? parent.fork->outputs.all() : json::Value();
    bury_fork(parent);
    Evaluator evaluator = evaluator_of(parent);
    complete(parent, evaluator, result, std::nullopt);
    spend(evaluator);
}

void Runner::fail_branch(BranchFrame& branch, const Failure& failure) {
    if (branch.parent == nullptr) {
        std::optional<std::string> error;
        if (failure.named) error = failure.error;
        return fail_run(branch, error, failure.cause);
    }
    // An error in the flow itself ends the run at once, so no state on the way up is recorded as failed.
    if (is_of_flow(failure) && !is_handled_above(branch, failure)) return fail_run(branch, failure.error, failure.cause);
    BranchFrame& parent = *branch.parent;
    const std::size_t index = branch.index;
    parent.last_event = branch.last_event;
    if (branch.definition->type() == asl::StateType::Task)
        record_aside(branch, branch.last_event, "TaskStateAborted", json::Value());
    stop_branch(branch);
    abort_children(parent, parent.last_event);
    if (is_map(parent)) {
        record_aside(parent, parent.last_event, "MapIterationFailed", iteration_details(parent, index));
    }
    Failure of_parent = failure;
    of_parent.of_branch = true;
    fail_state(parent, of_parent);
    frame_.index.file(parent);
}

// The Parallel or Map itself fails while its branches run.
void Runner::fail_fork(BranchFrame& parent, const Failure& failure) {
    abort_children(parent, parent.last_event);
    bury_fork(parent);
    fail_fork_state(parent, failure);
    frame_.index.file(parent);
}

void Runner::abort_children(BranchFrame& parent, std::int64_t previous) {
    for (auto& [index, child] : parent.fork->children) {
        if (child.phase == VisitPhase::Ended) continue;
        if (child.phase == VisitPhase::Calling) record_started(child);
        if (is_map(parent))
            record_aside(parent, previous, "MapIterationAborted", iteration_details(parent, index));
        if (child.map_run) record_aside(child, previous, "MapRunAborted", json::Value());
        const std::string_view type = aborted_event(child.definition->type());
        if (child.phase != VisitPhase::Entering && !type.empty())
            record_aside(child, previous, type, json::Value());
        if (child.fork) abort_children(child, previous);
        stop_branch(child);
    }
}

// Cancels everything that the branch waits for.
void Runner::stop_branch(BranchFrame& branch) {
    frame_.index.remove(branch);
    if (branch.call) cancel(branch);
    if (branch.map_run) cancel_map_run(branch);
    branch.call.reset();
    branch.due.reset();
    if (branch.phase != VisitPhase::Ended) branch.unentered = branch.phase == VisitPhase::Entering;
    move(branch, VisitEvent::End);
}

// Takes a branch that is over out of the tree.
void Runner::retire(BranchFrame& child) {
    stop_branch(child);
    remember_visits(child);
    dead_branches_.push_back(child.parent->fork->children.extract(child.index));
}

void Runner::bury_fork(BranchFrame& parent) {
    for (auto& [index, child] : parent.fork->children) {
        if (child.fork) bury_fork(child);
        remember_visits(child);
    }
    dead_forks_.push_back(std::move(parent.fork));
    parent.fork = ForkPointer();
}

// A later branch on the same path continues these counts, so that no two visits of a state have the same
// number.
void Runner::remember_visits(const BranchFrame& child) {
    BranchFrame& parent = *child.parent;
    for (const auto& [state, count] : child.visits) {
        int& known = parent.visits[state];
        known = std::max(known, count);
    }
}

}  // namespace flowctl::machine
