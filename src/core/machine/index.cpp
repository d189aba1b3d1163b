// The index of branches; see index.hpp.
#include "core/machine/index.hpp"

#include "core/machine/frame.hpp"

namespace flowctl::machine {

void BranchIndex::file(BranchFrame& branch) {
    remove(branch);
    if (branch.phase == VisitPhase::Ended) return;
    // The branch has got the answer that it waited for, but the history was too full to go on. The run is
    // about to end.
    if (branch.phase == VisitPhase::Calling && !branch.call) return;
    if (branch.phase == VisitPhase::MapRunning && !branch.map_run) return;
    if (branch.parent == nullptr && branch.phase != VisitPhase::Forked) return;
    const Turn turn{branch.last_event, branch.level, branch.index};
    if (is_runnable(branch)) {
        runnable_.emplace(turn, &branch);
        branch.filed.turn = turn;
    }
    if (const auto due = due_of(branch)) {
        due_.emplace(*due, turn, &branch);
        branch.filed.due = due;
        branch.filed.due_turn = turn;
    }
    if (branch.phase == VisitPhase::Calling) {
        calls_[branch.call->id] = &branch;
        branch.filed.call = branch.call->id;
        branch.filed.out = branch.call->is_out();
        if (branch.filed.out) ++out_;
    }
    if (branch.phase == VisitPhase::MapRunning) {
        map_runs_[*branch.map_run] = &branch;
        branch.filed.map_run = branch.map_run;
    }
    if (branch.phase == VisitPhase::Retrying) {
        ++retrying_;
        branch.filed.retrying = true;
    }
}

void BranchIndex::remove(BranchFrame& branch) {
    Filed& filed = branch.filed;
    if (filed.turn) runnable_.erase({*filed.turn, &branch});
    if (filed.due) due_.erase({*filed.due, filed.due_turn, &branch});
    if (filed.call) {
        const auto found = calls_.find(*filed.call);
        if (found != calls_.end() && found->second == &branch) calls_.erase(found);
    }
    if (filed.map_run) {
        const auto found = map_runs_.find(*filed.map_run);
        if (found != map_runs_.end() && found->second == &branch) map_runs_.erase(found);
    }
    if (filed.retrying) --retrying_;
    if (filed.out) --out_;
    filed = Filed{};
}

void BranchIndex::clear() noexcept {
    flow = nullptr;
    runnable_.clear();
    due_.clear();
    calls_.clear();
    map_runs_.clear();
    retrying_ = 0;
    out_ = 0;
}

BranchFrame* BranchIndex::next_runnable() const {
    return runnable_.empty() ? nullptr : std::get<1>(*runnable_.begin());
}

BranchFrame* BranchIndex::due(std::int64_t now) const {
    if (due_.empty() || std::get<0>(*due_.begin()) > now) return nullptr;
    return std::get<2>(*due_.begin());
}

std::optional<std::int64_t> BranchIndex::next_due() const {
    if (due_.empty()) return std::nullopt;
    return std::get<0>(*due_.begin());
}

BranchFrame* BranchIndex::calling(std::int64_t call) const {
    const auto found = calls_.find(call);
    return found == calls_.end() ? nullptr : found->second;
}

BranchFrame* BranchIndex::running_map(std::int64_t map_run) const {
    const auto found = map_runs_.find(map_run);
    return found == map_runs_.end() ? nullptr : found->second;
}

bool is_runnable(const BranchFrame& branch) {
    if (branch.phase == VisitPhase::Forked) return branch.fork && branch.fork->may_begin();
    return branch.phase == VisitPhase::Entering || branch.phase == VisitPhase::Working;
}

std::optional<Instant> due_of(const BranchFrame& branch) {
    if (branch.phase == VisitPhase::Sleeping || branch.phase == VisitPhase::Retrying) return branch.due;
    if (branch.phase != VisitPhase::Calling) return std::nullopt;
    std::optional<Instant> due = branch.call->deadline;
    if (branch.call->heartbeat_due && (!due || *branch.call->heartbeat_due < *due))
        due = branch.call->heartbeat_due;
    if (branch.call->follow_due && (!due || *branch.call->follow_due < *due)) due = branch.call->follow_due;
    return due;
}

}  // namespace flowctl::machine
