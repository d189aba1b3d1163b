// Ties a loaded frame to its flow: finds states and blocks by their names, sets parents, and makes the index;
// see runner.hpp.
//
// This is done once after a load or a copy and not in every call, because the pointers stay valid as long as
// the frame. A frame comes from a table, so a frame that does not fit the flow is found here, and its run
// fails.
#include "core/machine/runner.hpp"

namespace flowctl::machine {

namespace {

bool fits_fork(const BranchFrame& branch) {
    if (!branch.fork) return false;
    const Fork& fork = *branch.fork;
    if (const auto* parallel = std::get_if<asl::ParallelFields>(&branch.definition->fields))
        return fork.length == parallel->branches.size() && fork.keeps_outputs;
    if (branch.definition->type() != asl::StateType::Map || is_distributed(*branch.definition)) return false;
    const bool keeps_items = is_jsonata(branch) && fork.begun < fork.length;
    return fork.items.is_null() != keeps_items;
}

// Whether a loaded frame can be a visit of its state.
bool fits(const BranchFrame& branch) {
    if (branch.definition == nullptr) return false;
    const asl::StateType type = branch.definition->type();
    switch (branch.phase) {
        case VisitPhase::Calling:
            return type == asl::StateType::Task && branch.call.has_value();
        case VisitPhase::Sleeping:
            return type == asl::StateType::Wait && branch.due.has_value();
        case VisitPhase::Retrying:
            return branch.due.has_value();
        case VisitPhase::Forked:
            return fits_fork(branch);
        case VisitPhase::MapRunning:
            return is_distributed(*branch.definition) && branch.map_run.has_value();
        case VisitPhase::Entering:
        case VisitPhase::Working:
        case VisitPhase::Exhausted:
            return true;
        case VisitPhase::Ended:
            break;
    }
    return false;
}

}  // namespace

bool is_distributed(const asl::State& state) {
    const auto* map = std::get_if<asl::MapFields>(&state.fields);
    return map != nullptr && map->distributed != nullptr;
}

const asl::Block& block_of(const asl::State& state, std::size_t index) {
    if (const auto* parallel = std::get_if<asl::ParallelFields>(&state.fields))
        return *parallel->branches.at(index);
    return *std::get<asl::MapFields>(state.fields).processor;
}

// False when the frame does not fit the flow.
bool Runner::resolve() {
    if (!frame_.started || frame_.index.flow == &flow_) return true;
    const auto empty_index = [this] {
        frame_.index.clear();
        for_each_branch(frame_.top, [](BranchFrame& branch) { branch.filed = Filed{}; });
    };
    empty_index();
    if (!resolve(frame_.top, flow_.top, nullptr)) {
        empty_index();
        return false;
    }
    frame_.index.flow = &flow_;
    return true;
}

bool Runner::resolve(BranchFrame& branch, const asl::Block& block, BranchFrame* parent) {
    branch.parent = parent;
    branch.level = parent == nullptr ? 0 : parent->level + 1;
    branch.block = &block;
    branch.definition = block.find(branch.state);
    if (!fits(branch)) return false;
    const bool of_map = parent != nullptr && parent->definition->type() == asl::StateType::Map;
    if (branch.item.has_value() != of_map) return false;
    branch.retries.resize(branch.definition->retry.size(), 0);
    if (branch.fork) {
        for (auto& [index, child] : branch.fork->children) {
            child.index = index;
            if (!resolve(child, block_of(*branch.definition, index), &branch)) return false;
        }
    }
    frame_.index.file(branch);
    return true;
}

}  // namespace flowctl::machine
