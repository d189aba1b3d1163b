// Turns of the engine: a run advances by an event, and what it wants done is prepared. Nothing leaves here.
// See engine.hpp.
#include "pg/engine/batch.hpp"
#include "pg/engine/machine_limits.hpp"

extern "C" {
#include "common/pg_prng.h"
}

namespace flowctl::pg {

void Engine::apply(Spi& spi, const Item& item, Batch& batch) {
    if (item.outcome) batch.outcomes.push_back(*item.outcome);
    if (item.control_id != 0) batch.controls_done.push_back(item.control_id);
    if (item.map_over) {
        const auto& ended = std::get<machine::MapRunEnded>(*item.event);
        const bool succeeded = ended.outcome == machine::MapRunEnded::Outcome::Succeeded;
        batch.maps_over.emplace_back(*item.map_over, succeeded ? "SUCCEEDED" : "FAILED");
    }
    auto working = batch.working.find(item.run);
    if (working == batch.working.end()) {
        LiveRun* run = live_.find(item.run);
        if (run == nullptr || !item.event) return;  // ended meanwhile, not visible, or live already
        working = batch.working.emplace(item.run, Batch::Working{}).first;
        working->second.run = run;
        working->second.frame = run->frame;
        working->second.begun = true;
    }
    Batch::Working& run = working->second;
    if (run.ended()) return;
    if (run.loaded && !run.entered) {
        run.entered = true;
        const bool stop_unbegun = !run.begun && item.event;
        if (!stop_unbegun) {
            if (run.begun)
                advance(spi, *run.run, machine::Resumed{}, batch);
            else
                advance(spi, *run.run, machine::Started{}, batch);
        }
        if (run.begun && !run.ended()) advance(spi, *run.run, machine::TimerFired{}, batch);
    }
    if (item.event && !run.ended()) advance(spi, *run.run, *item.event, batch);
}

// Advances by one event, and by those that follow at once: a call that cannot even be prepared fails its task
// here.
void Engine::advance(Spi& spi, LiveRun& run, const machine::Event& first, Batch& batch) {
    Batch::Working& working = batch.working.at(run.id);
    const machine::Limits limits = machine_limits();
    std::vector<machine::Event> events;  // that follow from the first
    for (std::size_t next = 0; next <= events.size() && !working.ended(); next++) {
        const machine::Event& event = next == 0 ? first : events[next - 1];
        const machine::Now now{now_micros(), pg_prng_uint64(&pg_global_prng_state)};
        machine::Step step =
            machine::advance(*run.version->flow, run.context, limits, working.frame, event, now);
        // From here on `event` may move: effects add to those that follow.
        const bool resumed = std::holds_alternative<machine::Resumed>(event);
        working.next_due = step.next_due;
        if (!step.accepted) continue;
        // Giving calls again changes nothing that is stored.
        working.changed = working.changed || !resumed || !step.history.empty();
        if (!run.express)
            for (machine::HistoryEvent& recorded : step.history) {
                if (run.version->keep_data == KeepData::None) recorded.payload.reset();
                if (recorded.payload) batch.bytes += json::dumped_size(*recorded.payload);
                batch.history.push_back({run.id, std::move(recorded)});
            }
        for (machine::Effect& effect : step.effects) {
            if (auto* cancel = std::get_if<machine::CancelCall>(&effect)) {
                batch.drop_call(run.id, cancel->id);
                continue;
            }
            if (auto* made = std::get_if<machine::Call>(&effect))
                call(spi, run, std::move(*made), events, batch);
            else
                map_effect(run, std::move(effect), events, batch);
        }
        working.outcome = std::move(step.outcome);
        working.phase = step.phase;
        working.current_state = std::move(step.current_state);
    }
}

// Prepares a call, puts its run in line, or fails its task; a call that is under way is given again after
// Resumed.
void Engine::call(Spi& spi, LiveRun& run, machine::Call&& call, std::vector<machine::Event>& events,
                  Batch& batch) {
    if (run.calls.contains(call.id) || batch.begun_calls.contains({run.id, call.id})) return;
    const std::string lane = http_task::lane_of(call);
    std::size_t& planned = batch.planned[lane];
    if (!lanes_.has_room(lane, planned, batch.calls.size())) {
        batch.in_line.emplace_back(lane, run.id);
        return;
    }
    const std::int32_t sending = run.resumed || !call.follow.is_null()
                                     ? store::next_sending(spi, run.id, static_cast<std::int32_t>(call.id))
                                     : 1;
    auto prepared = http_task::prepare(run, call, now_micros(), sending, batch.lookups);
    if (auto* refusal = std::get_if<http_task::Refusal>(&prepared)) {
        events.push_back(
            machine::TaskFailed{call.id, std::move(refusal->error), std::move(refusal->cause), true});
        return;
    }
    planned++;
    batch.begun_calls.emplace(run.id, call.id);
    batch.calls.push_back(std::get<http_task::Prepared>(std::move(prepared)));
}

}  // namespace flowctl::pg
