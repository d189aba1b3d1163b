// A run advances by an event, and what it wants done is prepared. Nothing leaves the server here. See
// batch.hpp.
#include "core/json.hpp"
#include "pg/engine/batch.hpp"
#include "pg/engine/machine_limits.hpp"
#include "pg/server/timestamps.hpp"

extern "C" {
#include "common/pg_prng.h"
}

namespace flowctl::pg {

void Batch::apply(Spi& spi, const Item& item) {
    planned_.take(item);
    if (item.from != nullptr) item.from->apply(item);
    auto found = working_.find(item.run);
    if (found == working_.end()) {
        LiveRun* run = state_.live.find(item.run);
        if (run == nullptr || !item.event) return;  // ended meanwhile, not visible, or live already
        found = working_.emplace(item.run, Working{}).first;
        found->second.run = run;
        found->second.frame = run->frame;
        found->second.begun = true;
    }
    Working& working = found->second;
    if (working.ended()) return;
    if (working.loaded && !working.entered) {
        working.entered = true;
        const bool stop_unbegun = !working.begun && item.event;
        if (!stop_unbegun) {
            if (working.begun)
                advance(spi, working, machine::Resumed{});
            else
                advance(spi, working, machine::Started{});
        }
        if (working.begun && !working.ended()) advance(spi, working, machine::TimerFired{});
    }
    if (item.event && !working.ended()) advance(spi, working, *item.event);
}

// Advances by one event, and by those that follow at once: a call that cannot even be prepared fails its task
// here.
void Batch::advance(Spi& spi, Working& working, const machine::Event& first) {
    const LiveRun& run = *working.run;
    const machine::Limits limits = machine_limits();
    std::vector<machine::Event> events;  // that follow from the first
    for (std::size_t next = 0; next <= events.size() && !working.ended(); next++) {
        const machine::Event& event = next == 0 ? first : events[next - 1];
        const machine::Now now{unix_micros_now(), pg_prng_uint64(&pg_global_prng_state)};
        machine::Step step =
            machine::advance(*run.version->flow, run.context, limits, working.frame, event, now);
        // From here on `event` may move: effects add to those that follow.
        const bool resumed = std::holds_alternative<machine::Resumed>(event);
        working.next_due = step.next_due;
        if (!step.accepted) continue;
        // Giving calls again changes nothing that is stored.
        working.changed = working.changed || !resumed || !step.history.empty();
        carry_out_step(spi, working, std::move(step), events);
    }
}

void Batch::carry_out_step(Spi& spi, Working& working, machine::Step&& step,
                           std::vector<machine::Event>& events) {
    const LiveRun& run = *working.run;
    for (machine::HistoryEvent& recorded : step.history) {
        if (recorded.payload) changes_.bytes += json::dumped_size(*recorded.payload);
        if (run.version->keep_data == KeepData::None) recorded.payload.reset();
        if (!run.express) history_.push_back({run.id, std::move(recorded)});
    }
    for (machine::Effect& effect : step.effects) {
        if (auto* made = std::get_if<machine::Call>(&effect)) {
            state_.calls.prepare(spi, run, std::move(*made), planned_, events);
        } else if (const auto* cancel = std::get_if<machine::CancelCall>(&effect)) {
            planned_.drop(run.id, cancel->id);
            changes_.dropped_calls.emplace_back(run.id, cancel->id);
        } else {
            for (const auto& part : state_.parts)
                if (part->effect({run.id, run.flow_owner, run.version}, effect, events, changes_)) break;
        }
    }
    working.outcome = std::move(step.outcome);
    working.phase = step.phase;
    working.current_state = std::move(step.current_state);
}

}  // namespace flowctl::pg
