// Calls of a worker; see calls.hpp.
#include "pg/engine/calls.hpp"

#include "pg/server/timestamps.hpp"
#include "pg/turn/part.hpp"

namespace flowctl::pg {

namespace {

// Of taking answers, in one turn.
constexpr std::int64_t kCollectMicros = 10'000;
constexpr std::size_t kCollectBytes = 2 * 1024 * 1024;

}  // namespace

void PlannedCalls::take(const Item& item) {
    if (item.outcome) outcomes.push_back(*item.outcome);
    if (!item.event) return;
    if (const auto* succeeded = std::get_if<machine::TaskSucceeded>(&*item.event))
        answered.emplace_back(item.run, succeeded->call);
    else if (const auto* failed = std::get_if<machine::TaskFailed>(&*item.event))
        answered.emplace_back(item.run, failed->call);
    else if (const auto* continues = std::get_if<machine::TaskContinues>(&*item.event))
        answered.emplace_back(item.run, continues->call);
}

void PlannedCalls::drop(const Uuid& run, std::int64_t call_id) {
    const auto call = staged.find({run, call_id});
    if (call == staged.end()) return;
    call->second.performer->withdraw(run, call_id);
    places.remove(call->second.lanes);
    staged.erase(call);
}

// ---------------------------------------------------------------------------------------------- preparing

Performer* Calls::performer_for(const machine::Call& call) const {
    for (const Known& one : performers_)
        if (one.carries_out(call.resource, call.input)) return one.performer;
    return nullptr;
}

void Calls::prepare(Spi& spi, const LiveRun& run, machine::Call&& call, PlannedCalls& planned,
                    std::vector<machine::Event>& events) {
    if (run.calls.contains(call.id) || planned.staged.contains({run.id, call.id})) return;
    if (run.handed) call.input = run.handed->with_token(call.input);
    Performer* performer = performer_for(call);
    if (performer == nullptr) {
        events.push_back(machine::TaskFailed{call.id, "States.Runtime", no_performer(call.resource), true});
        return;
    }
    if (Lane flow(LaneKind::Flow, run.flow); lanes_.is_paused(flow)) {
        planned.in_line.push_back({std::move(flow), run.id, 0, {}});
        return;
    }
    Lanes lanes = performer->lanes_of(run, call);
    if (auto full = lanes_.full_lane(lanes, planned.places)) {
        planned.in_line.push_back({*std::move(full), run.id, lanes.answer_bytes, lanes.limits});
        return;
    }
    const std::size_t before = events.size();
    if (auto refusal = performer->prepare(spi, run, call, {unix_micros_now(), run.resumed, lanes, events})) {
        events.push_back(
            machine::TaskFailed{call.id, std::move(refusal->error), std::move(refusal->cause), true});
        return;
    }
    if (events.size() > before) return;
    planned.places.add(lanes);
    planned.staged.emplace(PlannedCalls::Key{run.id, call.id},
                           PlannedCalls::Staged{performer, std::move(lanes), performer->keeps_run(call)});
}

void Calls::write(const PlannedCalls& planned) {
    store::append_outcomes(planned.outcomes);
}

// ----------------------------------------------------------------------------------------- after the commit

void Calls::committed(const PlannedCalls& planned, const Changes& changes) {
    for (const std::vector<PlannedCalls::Key>* over : {&planned.answered, &changes.dropped_calls})
        for (const auto& [run_id, call_id] : *over)
            if (LiveRun* run = live_.find(run_id)) run->calls.erase(call_id);
    for (const auto& [key, staged] : planned.staged) {
        LiveRun* run = live_.find(key.first);
        if (run == nullptr) continue;
        run->in_line = false;
        if (staged.keeps_run) run->calls.insert(key.second);
    }
    for (const PlannedCalls::InLine& one : planned.in_line) {
        LiveRun* run = live_.find(one.run);
        if (run == nullptr) continue;
        run->in_line = true;
        lanes_.wait(one.line, one.run, one.answer_bytes, one.limits);
    }
}

std::vector<Item> Calls::give() {
    std::vector<Item> items;
    for (const Uuid& id : lanes_.take_ready())
        if (live_.find(id) != nullptr)
            items.push_back({.run = id, .event = machine::Resumed{}, .load = true});
        else
            items.push_back({.run = id});
    return items;
}

// ---------------------------------------------------------------------------------------------- requests

std::uint64_t Calls::send(net::Request&& request, Part& from, Lanes lanes) {
    const std::uint64_t id = next_request_++;
    request.id = id;
    lanes_.begin(lanes);
    requests_.emplace(id, Sent{&from, std::move(lanes)});
    client_.start(std::move(request));
    return id;
}

// The part that sent the request; null: it is not under way.
Part* Calls::forget(std::uint64_t request) {
    const auto found = requests_.extract(request);
    if (found.empty()) return nullptr;
    lanes_.end(found.mapped().lanes);
    return found.mapped().from;
}

void Calls::cancel(std::uint64_t request) {
    client_.cancel(request);
    forget(request);
}

bool Calls::collect() {
    const std::int64_t until = unix_micros_now() + kCollectMicros;
    for (std::size_t bytes = 0; bytes < kCollectBytes;) {
        auto response = client_.next_completed();
        if (!response) return false;
        bytes += response->body.size();
        if (Part* from = forget(response->id)) from->answered(std::move(*response));
        if (unix_micros_now() >= until) return true;
    }
    return true;
}

}  // namespace flowctl::pg
