// Redriving runs: a run that has ended without success is loaded with the frame that was kept, and is open
// again when the machine has taken the event Redriven. Where it has to wait at a limit first, its row is that of an
// open run from then on, and the frame stays where it is. See batch.hpp.
#include <algorithm>
#include <variant>

#include "core/machine/frame.hpp"
#include "pg/engine/batch.hpp"
#include "pg/engine/load.hpp"
#include "pg/engine/machine_limits.hpp"
#include "pg/evaluation/suspects.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/store/controls.hpp"
#include "pg/store/map_runs.hpp"

namespace flowctl::pg {

// Loads the ended runs of the items that redrive them.
void Batch::load_ended(Spi& spi, const std::vector<Item>& items) {
    std::vector<Uuid> wanted;
    std::set<Uuid> seen;
    for (const Item& item : items)
        if (is_redrive(item) && state_.live.find(item.run) == nullptr && seen.insert(item.run).second)
            wanted.push_back(item.run);
    if (wanted.empty()) return;
    // Somebody who redacts or drops a run at this moment comes first. What is gone is refused afterwards.
    const std::vector<Uuid> locked = store::lock_runs(spi, wanted);
    not_now_.insert(wanted.begin(), wanted.end());
    for (const Uuid& id : locked)
        not_now_.erase(id);
    // What the end of a run has left of its map runs is brought to its end first.
    for (const Uuid& id : store::with_open_map_runs(spi, locked))
        not_now_.insert(id);
    const std::int64_t until = unix_micros_now() + kMaxMicros;
    const std::vector<Uuid> later =
        store::each_run(spi, locked, kMaxBytes, store::Frames::Ended, [&](store::StoredRun&& row) {
            load_ended_run(spi, row);
            return unix_micros_now() < until;
        });
    later_.insert(later.begin(), later.end());
}

// A run that is not added is not redriven, and `refusals_` or its status says why.
void Batch::load_ended_run(Spi& spi, const store::StoredRun& row) {
    if (row.open() || row.status == machine::Status::Succeeded || not_now_.contains(row.run_id)) return;
    if (row.map_run_id) {
        refusals_[row.run_id] = "the run is redriven with the run that has the Map";
        return;
    }
    if (!row.frame) {
        refusals_[row.run_id] = "the state of the run was not kept";
        return;
    }
    const auto flow = flows_held_.try_emplace(row.flow_id, store::FlowPresence::Gone);
    if (flow.second) flow.first->second = store::hold_flow(spi, row.flow_id);
    if (flow.first->second == store::FlowPresence::Busy) {
        not_now_.insert(row.run_id);
        return;
    }
    if (flow.first->second == store::FlowPresence::Gone) {
        refusals_[row.run_id] = "the flow has been dropped";
        return;
    }
    if (suspects::times(row.run_id) >= suspects::kMost) {
        evaluated_.push_back(row.run_id);
        refusals_[row.run_id] = "a worker has ended abnormally each time that it evaluated the run";
        return;
    }
    std::string problem;
    suspects::mark(row.run_id);
    std::unique_ptr<LiveRun> run = make_live(spi, state_, row, problem);
    if (run == nullptr) {
        later_.insert(row.run_id);
        return;
    }
    if (!problem.empty()) {
        refusals_[row.run_id] = "the engine cannot carry the run on: " + problem;
        return;
    }
    machine::RunContext& context = run->context;
    context.redrive_count++;
    context.redriven_at = unix_micros_now();
    if (const auto seconds = run->version->flow->timeout_seconds)
        run->ends_at = *context.redriven_at + *seconds * 1'000'000;
    run->stored = false;  // as the frame of an open run
    add_loaded(row, std::move(run));
    working_[row.run_id].ended_before = true;
}

// The run is open already: it has waited at a limit, or the map run of this child has been redriven. It goes on when
// it is given its first event.
void Batch::load_redriven(Spi& spi, store::StoredRun row, std::string frame) {
    row.frame = std::move(frame);
    std::string problem;
    suspects::mark(row.run_id);
    std::unique_ptr<LiveRun> run = make_live(spi, state_, row, problem);
    if (run == nullptr) {
        later_.insert(row.run_id);
        return;
    }
    if (suspects::times(row.run_id) >= suspects::kMost) problem = "it ends its worker";
    // The frame that was kept stays, so that the run can be redriven again.
    if (!problem.empty() && !row.map_run_id) return fail_loaded(spi, row, *run, problem, false);
    run->stored = false;
    if (run->version->flow && run->version->flow->timeout_seconds)
        run->ends_at = unix_micros_now() + *run->version->flow->timeout_seconds * 1'000'000;
    const Uuid id = row.run_id;
    add_loaded(row, std::move(run));
    Working& working = working_[id];
    working.ended_before = true;
    working.has_waited = !row.map_run_id;
    working.begun = false;
    if (!problem.empty()) refuse_redriven_child(spi, working);
}

// It ends as FAILED, because its map run waits for an end.
void Batch::refuse_redriven_child(Spi& spi, const Working& working) {
    const Uuid id = working.run->id;
    const ChildOf child = *working.run->child;
    evaluated_.push_back(id);
    store::fail_run(spi, id, "States.Runtime", "the engine cannot redrive this run", false);
    changes_.ended.push_back(id);
    changes_.end_child(id, child, machine::Status::Failed);
    working_.erase(id);
}

// False: the run has not taken the event of the item.
bool Batch::reopen(Spi& spi, Working& working, const Item& item) {
    if (working.has_waited) return go_on_after_wait(spi, working, item);
    if (working.run->child) return begin_redrive(spi, working, item);
    if (!is_redrive(item)) return false;
    const LiveRun& run = *working.run;
    if (!machine::is_redrivable(run.context, machine_limits(), working.frame)) return false;
    switch (readmission(spi, run)) {
        case Part::Readmission::Now:
            return begin_redrive(spi, working, item);
        case Part::Readmission::Waits:
            waiting_again_.push_back({run.id, run.context.redrive_count, run.context.redriven_at.value_or(0)});
            not_now_.insert(item.run);  // for whoever else wants something of it in this batch
            working_.erase(item.run);
            return true;
        case Part::Readmission::Later:
            if (!refusals_.contains(run.id)) not_now_.insert(run.id);
    }
    return false;
}

// Why a run can never be admitted is in `refusals_`.
Part::Readmission Batch::readmission(Spi& spi, const LiveRun& run) try {
    auto strictest = Part::Readmission::Now;
    for (const auto& part : state_.parts)
        strictest = std::max(strictest, part->readmit(spi, {run.id, run.version->flow_id, run.flow, run.flow_owner,
                                                            run.context.input}));
    return strictest;
} catch (const UserError& error) {
    refusals_[run.id] = error.message;
    return Part::Readmission::Later;
}

// Nothing but its end is told to a run that waits at a limit.
bool Batch::go_on_after_wait(Spi& spi, Working& working, const Item& item) {
    const bool ends = item.event && (std::holds_alternative<machine::Stopped>(*item.event) ||
                                     std::holds_alternative<machine::EngineFailed>(*item.event));
    if (item.event && !ends && !held_back(spi, {item.run}).empty()) {
        refusals_[item.run] = store::kWaitsToBegin;
        return false;
    }
    return begin_redrive(spi, working, item);
}

bool Batch::begin_redrive(Spi& spi, Working& working, const Item& item) {
    const bool is_child = working.run->child.has_value();
    suspects::mark(item.run);
    if (!advance(spi, working, machine::Redriven{})) {
        if (is_child) refuse_redriven_child(spi, working);
        return false;
    }
    working.entered = true;
    const LiveRun& run = *working.run;
    reopened_.push_back({run.id, run.context.redrive_count, run.context.redriven_at.value_or(0)});
    changes_.reopened.push_back(run.id);
    if (!item.event || is_redrive(item)) return true;
    if (working.ended()) return is_child;
    return advance(spi, working, *item.event);
}

Part::Told Batch::told(const Item& item, bool is_told, std::string& why_not) const {
    if (is_told) return Part::Told::Taken;
    if (not_now_.contains(item.run)) return Part::Told::Later;
    if (const auto refusal = refusals_.find(item.run); refusal != refusals_.end())
        why_not = refusal->second;
    return Part::Told::Refused;
}

}  // namespace flowctl::pg
