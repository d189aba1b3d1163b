// Calls of a worker; see calls.hpp.
#include "pg/engine/calls.hpp"

#include <algorithm>

#include "pg/engine/clock.hpp"
#include "pg/turn/part.hpp"

namespace flowctl::pg {

void PlannedCalls::drop(const Uuid& run, std::int64_t call_id) {
    std::erase_if(calls, [&](const http_task::Prepared& call) {
        if (call.pending.run_id != run || call.pending.call_id != call_id) return false;
        in_lane[call.pending.lane]--;
        return true;
    });
}

// ---------------------------------------------------------------------------------------------- preparing

void Calls::prepare(Spi& spi, const LiveRun& run, machine::Call&& call, PlannedCalls& planned,
                    std::vector<machine::Event>& events) {
    if (run.calls.contains(call.id) || planned.begun.contains({run.id, call.id})) return;
    const std::string lane = http_task::lane_of(call);
    std::size_t& in_lane = planned.in_lane[lane];
    if (!lanes_.has_room(lane, in_lane, planned.calls.size())) {
        planned.in_line.emplace_back(lane, run.id);
        return;
    }
    const std::int32_t sending = run.resumed || !call.follow.is_null()
                                     ? store::next_sending(spi, run.id, static_cast<std::int32_t>(call.id))
                                     : 1;
    auto prepared = http_task::prepare(run, call, now_micros(), sending, planned.lookups);
    if (auto* refusal = std::get_if<http_task::Refusal>(&prepared)) {
        events.push_back(
            machine::TaskFailed{call.id, std::move(refusal->error), std::move(refusal->cause), true});
        return;
    }
    in_lane++;
    planned.begun.emplace(run.id, call.id);
    planned.calls.push_back(std::get<http_task::Prepared>(std::move(prepared)));
}

void Calls::write(const PlannedCalls& planned) {
    store::append_outcomes(planned.outcomes);
    std::vector<const store::CallIntent*> intents;
    for (const http_task::Prepared& call : planned.calls)
        intents.push_back(&call.intent);
    store::append_calls(intents);
}

// ---------------------------------------------------------------------------------------------- leaving

void Calls::committed(PlannedCalls& planned, const Changes& changes) {
    for (const store::CallOutcome& outcome : planned.outcomes)
        if (LiveRun* run = live_.find(outcome.run_id)) run->calls.erase(outcome.call_id);
    for (const auto& [run_id, call_id] : changes.dropped_calls) {
        LiveRun* run = live_.find(run_id);
        if (run == nullptr) continue;
        if (const auto call = run->calls.find(call_id); call != run->calls.end()) {
            client_.cancel(call->second);
            forget(call->second);
            run->calls.erase(call);
        }
    }
    grant_leases(planned.calls);
    for (http_task::Prepared& call : planned.calls) {
        LiveRun* run = live_.find(call.pending.run_id);
        if (run == nullptr) continue;
        const std::uint64_t request_id = next_request_++;
        call.request.id = request_id;
        call.request.redacted = leases_.passwords_of(run->id);
        run->calls[call.pending.call_id] = request_id;
        run->in_line = false;
        lanes_.begin(call.pending.lane);
        pending_.emplace(request_id, std::move(call.pending));
        client_.start(std::move(call.request));
    }
    for (const auto& [lane, run_id] : planned.in_line) {
        LiveRun* run = live_.find(run_id);
        if (run == nullptr) continue;
        run->in_line = true;
        lanes_.wait(lane, run_id);
    }
}

// The database leases that these calls carry: their roles are made now, and a call without its lease does not
// leave.
void Calls::grant_leases(std::vector<http_task::Prepared>& calls) {
    std::vector<Leases::Wanted> wanted;
    for (const http_task::Prepared& call : calls)
        if (call.lease && live_.find(call.pending.run_id) != nullptr)
            wanted.push_back({&*call.lease, nullptr, {}, {}});
    if (wanted.empty()) return;
    leases_.grant(wanted);
    auto next = wanted.begin();
    std::erase_if(calls, [&](http_task::Prepared& call) {
        LiveRun* run = live_.find(call.pending.run_id);
        if (!call.lease || run == nullptr) return false;
        Leases::Wanted& one = *next++;
        if (!one.error.empty()) {
            fail(*run, call, one.error, one.cause);
            return true;
        }
        if (one.password)
            call.request.secret_headers.push_back({lease::kPasswordHeader, std::move(one.password)});
        return false;
    });
}

// As if an answer had come. The run keeps the call until that is written.
void Calls::fail(LiveRun& run, const http_task::Prepared& call, const std::string& error,
                 const std::string& cause) {
    store::CallOutcome outcome;
    outcome.run_id = run.id;
    outcome.call_id = static_cast<std::int32_t>(call.pending.call_id);
    outcome.sending = call.pending.sending;
    outcome.ended_at = now_micros();
    outcome.error = error;
    run.calls[call.pending.call_id] = next_request_++;
    run.in_line = false;
    intake_.push({.run = run.id,
                  .event = machine::TaskFailed{call.pending.call_id, error, cause},
                  .outcome = std::move(outcome)});
}

void Calls::run_ended(const Uuid& id) {
    if (const LiveRun* run = live_.find(id))
        for (const auto& [call_id, request_id] : run->calls) {
            client_.cancel(request_id);
            forget(request_id);
        }
    client_.end_run(to_string(id));
}

// ---------------------------------------------------------------------------------------------- answers

std::optional<http_task::Pending> Calls::forget(std::uint64_t request) {
    auto found = pending_.extract(request);
    if (found.empty()) return std::nullopt;
    lanes_.end(found.mapped().lane);
    return std::move(found.mapped());
}

void Calls::collect() {
    while (auto response = client_.next_completed()) {
        if (auto of_part = of_parts_.extract(response->id); !of_part.empty()) {
            if (!of_part.mapped().lane.empty()) lanes_.end(of_part.mapped().lane);
            of_part.mapped().part->answered(std::move(*response));
            continue;
        }
        const std::optional<http_task::Pending> pending = forget(response->id);
        if (!pending) continue;
        leases_.call_over(pending->run_id, pending->call_id);
        http_task::Interpreted result = http_task::interpret(*pending, std::move(*response), now_micros());
        intake_.push(
            {.run = pending->run_id, .event = std::move(result.event), .outcome = std::move(result.outcome)});
    }
}

void Calls::give(std::vector<Item>& items) {
    for (const Uuid& id : lanes_.take_ready())
        if (live_.find(id) != nullptr)
            items.push_back({.run = id, .event = machine::Resumed{}});
        else
            items.push_back({.run = id});
}

// ---------------------------------------------------------------------------------------------- parts

std::uint64_t Calls::send(net::Request&& request, Part& from, const std::string& lane) {
    const std::uint64_t id = next_request_++;
    request.id = id;
    if (!lane.empty()) lanes_.begin(lane);
    of_parts_.emplace(id, OfPart{&from, lane});
    client_.start(std::move(request));
    return id;
}

void Calls::cancel(std::uint64_t request) {
    client_.cancel(request);
    const auto of_part = of_parts_.extract(request);
    if (!of_part.empty() && !of_part.mapped().lane.empty()) lanes_.end(of_part.mapped().lane);
}

}  // namespace flowctl::pg
