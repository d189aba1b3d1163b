// A run advances by an event, and what it wants done is prepared. Nothing leaves the server here. See
// batch.hpp.
#include "core/json.hpp"
#include "pg/engine/batch.hpp"
#include "pg/evaluation/suspects.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/store/controls.hpp"

extern "C" {
#include "common/pg_prng.h"
}

namespace flowctl::pg {

// The run of the item, to be advanced; null: it has ended meanwhile, is not visible, or is live already.
Batch::Working* Batch::working_for(const Item& item) {
    const auto found = working_.find(item.run);
    if (found != working_.end()) return &found->second;
    LiveRun* run = state_.live.find(item.run);
    if (run == nullptr || !item.event) return nullptr;
    Working& working = working_[item.run];
    working.run = run;
    working.frame = run->frame;
    working.begun = true;
    return &working;
}

void Batch::apply(Spi& spi, const Item& item) {
    if (const auto aside = aside_.find(item.run); aside != aside_.end()) {
        aside->second.items.push_back(item);
        return;
    }
    given_.clear();
    outcome_ = nullptr;
    Working* const known = working_for(item);
    if (known != nullptr && sets_aside(*known, item)) return;
    planned_.take(item);
    if (item.from != nullptr) item.from->apply(item);
    const bool is_told = known != nullptr && !known->ended() && tell(spi, *known, item);
    if (item.from == nullptr) return;
    std::string why_not;
    const Part::Told result = told(item, is_told, why_not);
    item.from->told(item, result, why_not);
}

// Gives the run the item's event, after those that loading it brings. False: the run has not taken it.
bool Batch::tell(Spi& spi, Working& working, const Item& item) {
    if (working.ended_before && !working.entered) return reopen(spi, working, item);
    suspects::mark(item.run);
    if (outcome_ != nullptr && !outcome_->failure.empty()) {
        working.entered = true;
        advance(spi, working, machine::EngineFailed{"States.Runtime", outcome_->failure});
        return false;
    }
    const bool stops = item.event && std::holds_alternative<machine::Stopped>(*item.event);
    if (working.loaded && !working.entered) {
        const bool pauses = item.event && std::holds_alternative<machine::Paused>(*item.event);
        const bool fails = item.event && std::holds_alternative<machine::EngineFailed>(*item.event);
        // A run that has not begun can be ended and paused. Nothing else is meant for it.
        if (!working.begun && item.event && !pauses && !stops && !fails) return false;
        if (!working.begun && pauses && !held_back(spi, {item.run}).empty()) {
            refusals_[item.run] = store::kWaitsToBegin;
            return false;
        }
        working.entered = true;
        if (working.begun) {
            advance(spi, working, machine::Resumed{});
        } else if (pauses) {
            const bool is_taken = advance(spi, working, *item.event);
            advance(spi, working, machine::Started{working.run->begins_at});
            return is_taken;
        } else if (!item.event) {
            advance(spi, working, machine::Started{working.run->begins_at});
        }
        const bool event_first = item.event && item.before_timers && working.begun && !working.ended();
        const bool told = event_first && advance(spi, working, event_for(working, item));
        if (working.begun && !working.ended() && !stops) advance(spi, working, machine::TimerFired{});
        if (event_first) return told;
    }
    return item.event && !working.ended() && advance(spi, working, event_for(working, item));
}

// Advances by one event, and by those that follow at once: a call that cannot even be prepared fails its task
// here. False: the machine has not accepted the first one.
bool Batch::advance(Spi& spi, Working& working, machine::Event first) {
    std::vector<machine::Event> events;  // that follow from the first
    working.advanced = true;
    bool is_accepted = false;
    for (std::size_t next = 0; next <= events.size() && !working.ended(); next++) {
        const bool resumed = std::holds_alternative<machine::Resumed>(next == 0 ? first : events[next - 1]);
        given_.push_back({std::move(next == 0 ? first : events[next - 1]),
                          {unix_micros_now(), pg_prng_uint64(&pg_global_prng_state)}});
        machine::Step step = next_step(working);
        working.next_due = step.next_due;
        if (!step.accepted) continue;
        if (next == 0) is_accepted = true;
        // Giving calls again changes nothing that is stored.
        working.changed = working.changed || !resumed || !step.history.empty();
        carry_out_step(spi, working, std::move(step), events);
    }
    return is_accepted;
}

void Batch::carry_out_step(Spi& spi, Working& working, machine::Step&& step,
                           std::vector<machine::Event>& events) {
    const LiveRun& run = *working.run;
    for (machine::HistoryEvent& recorded : step.history) {
        if (recorded.payload) changes_.bytes += json::dumped_size(*recorded.payload);
        if (run.version->options.keep_data == KeepData::None) recorded.payload.reset();
        if (!run.express) history_.push_back({run.id, std::move(recorded)});
    }
    for (machine::Effect& effect : step.effects) {
        if (auto* made = std::get_if<machine::Call>(&effect)) {
            state_.calls.prepare(spi, run, std::move(*made), planned_, events);
        } else if (const auto* cancel = std::get_if<machine::CancelCall>(&effect)) {
            planned_.drop(run.id, cancel->id);
            changes_.dropped_calls.emplace_back(run.id, cancel->id);
            if (!cancel->place.empty())
                changes_.dropped_waits.push_back({run.id, cancel->place, cancel->silent});
        } else {
            for (const auto& part : state_.parts)
                if (part->effect({run.id, run.flow_owner, run.version}, effect, events, changes_)) break;
        }
    }
    if (step.exhausted)
        changes_.exhausted.emplace_back(run.id, "state " + step.exhausted->path + "/" + step.exhausted->state +
                                                    " failed with " + step.exhausted->error +
                                                    " and has no retries left");
    working.outcome = std::move(step.outcome);
    if (working.has_failed()) failed_++;
    working.phase = step.phase;
    working.current_state = std::move(step.current_state);
}

}  // namespace flowctl::pg
