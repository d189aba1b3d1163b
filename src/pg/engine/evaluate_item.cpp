// Decides for each item of a batch how it is evaluated: in the batch itself, by taking a known outcome, or by
// a copy of the process. See batch.hpp and evaluations.hpp.
#include <algorithm>
#include <iterator>

#include "pg/engine/batch.hpp"
#include "pg/engine/machine_limits.hpp"
#include "pg/evaluation/suspects.hpp"
#include "pg/evaluation/watch.hpp"
#include "pg/server/timestamps.hpp"

extern "C" {
#include "common/pg_prng.h"
}

namespace flowctl::pg {

namespace {

bool is_stop(const Item& item) {
    return item.event && std::holds_alternative<machine::Stopped>(*item.event);
}

}  // namespace

// The events that the item is going to give its run. apply() gives them in this order unless a step brings
// events of its own.
std::vector<machine::Given> Batch::given_for(const Working& working, const Item& item) const {
    std::vector<machine::Event> events;
    if (working.ended_before && !working.entered) {
        // The first event is the redrive. A child is redriven by its map run, whatever its item says.
        if (!is_redrive(item)) events.emplace_back(machine::Redriven{});
    } else if (working.loaded && working.begun) {
        events.emplace_back(machine::Resumed{});
        events.emplace_back(machine::TimerFired{});
    } else if (working.loaded && !item.event) {
        events.emplace_back(machine::Started{working.run->begins_at});
    }
    if (item.event) events.push_back(event_for(working, item));
    // If the last evaluation was interrupted, it may have given more events than these.
    const std::vector<machine::Given>& last = state_.evaluations.interrupted_at(item.run);
    const auto [here, there] = std::mismatch(
        events.begin(), events.end(), last.begin(), last.end(),
        [](const machine::Event& event, const machine::Given& given) { return is_same(event, given.event); });
    if (here != events.begin() && there != last.end()) {
        events.clear();
        for (const machine::Given& given : last)
            events.push_back(given.event);
    }
    std::vector<machine::Given> given;
    const machine::Instant now = unix_micros_now();
    for (machine::Event& event : events)
        given.push_back({std::move(event), {now, pg_prng_uint64(&pg_global_prng_state)}});
    return given;
}

// True when this batch must not carry out the item.
bool Batch::sets_aside(Working& working, const Item& item) {
    watched_ = !is_stop(item);
    if (state_.evaluations.idle() || working.ended()) return false;
    // A copy must find the run as the tables have it. Only the first item of a batch for the run does.
    const bool is_first = !working.advanced;
    const Evaluations::Advice advice =
        is_stop(item) ? Evaluations::Advice::Compute : state_.evaluations.advice(*working.run);
    if (advice == Evaluations::Advice::SetAside) {
        Aside& aside = aside_[item.run];
        aside.run = working.run;
        aside.items.push_back(item);
        // Its owner pays for the time that setting it aside takes, and no estimate is left that the intake
        // could give back when the item comes again.
        aside.items.back().charged = 0;
        if (!is_first) return true;
        aside.given = given_for(working, item);
        aside.loaded = std::move(working.loaded);
        working_.erase(item.run);
        return true;
    }
    if (is_first && (state_.evaluations.knows(item.run) || suspects::times(item.run) > 0)) {
        evaluated_.push_back(item.run);
        if (advice == Evaluations::Advice::TakeOutcome) outcome_ = &state_.evaluations.outcome(item.run);
    }
    return false;
}

// The step that follows from the event that was given last.
machine::Step Batch::next_step(Working& working) {
    if (outcome_ != nullptr && outcome_->failure.empty()) {
        const std::size_t at = given_.size() - 1;
        const std::vector<machine::Step>& steps = outcome_->transcript.steps;
        if (at < steps.size() && is_same(outcome_->given[at].event, given_[at].event)) {
            given_[at].now = outcome_->given[at].now;
            if (at + 1 == steps.size()) {
                working.frame = outcome_->transcript.frame;
                outcome_ = nullptr;
            }
            return steps[at];
        }
        // The run has been given another event than the outcome was computed for, and the outcome has its
        // frame only after the last step.
        outcome_ = nullptr;
        repeat(working, at);
    }
    return compute(working, given_.back());
}

// Gives the first `count` events again, so that the frame is as it was after them.
void Batch::repeat(Working& working, std::size_t count) {
    working.frame = working.run->frame;
    for (std::size_t i = 0; i < count; i++)
        (void)compute(working, given_[i]);
}

machine::Step Batch::compute(Working& working, const machine::Given& given) {
    const LiveRun& run = *working.run;
    const machine::Limits limits = machine_limits();
    // Ending a run takes little time, and nothing may prevent it.
    if (!watched_ || std::holds_alternative<machine::EngineFailed>(given.event))
        return machine::advance(*run.version->flow, run.context, limits, working.frame, given.event,
                                given.now);
    const watch::Evaluation watched;
    machine::Step step =
        machine::advance(*run.version->flow, run.context, limits, working.frame, given.event, given.now);
    if (!step.interrupted) return step;
    guarded([] { CHECK_FOR_INTERRUPTS(); });  // ends the process if that is the reason for the interrupt
    state_.evaluations.note_slow(run);
    throw EvaluationInterrupted();
}

// Runs after the commit of the batch.
void Batch::carry_out_evaluations() {
    for (const Uuid& run : evaluated_) {
        state_.evaluations.forget(run);
        suspects::clear(run);
    }
    for (auto& [id, aside] : aside_) {
        std::vector<Item>& items = aside.items;
        const auto stop = std::find_if(items.begin(), items.end(), is_stop);
        if (stop == items.end() && !aside.given.empty()) {
            state_.evaluations.begin(*aside.run, std::move(items), std::move(aside.given));
            continue;
        }
        if (stop != items.end()) {
            std::rotate(items.begin(), stop, stop + 1);
            state_.evaluations.forget(id);
        }
        left_over_.insert(left_over_.begin(), std::make_move_iterator(items.begin()),
                          std::make_move_iterator(items.end()));
    }
}

}  // namespace flowctl::pg
