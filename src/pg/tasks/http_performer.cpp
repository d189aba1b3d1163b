// Calls over HTTP in the worker's turn. See http_performer.hpp.
#include "pg/tasks/http_performer.hpp"

#include <algorithm>
#include <limits>
#include <set>

#include "pg/server/timestamps.hpp"
#include "pg/shared/endpoint_pace.hpp"

namespace flowctl::pg {

// ------------------------------------------------------------------------------------- in the transaction

void HttpPerformer::begin() {
    staged_.clear();
    lookups_ = {};
}

std::optional<Performer::Refusal> HttpPerformer::prepare(Spi& spi, const RunFacts& run,
                                                         const machine::Call& call, const Attempt& attempt) {
    // Asking how work is that was begun is the same call, sent once more.
    const std::int32_t sending = attempt.again || !call.follow.is_null()
                                     ? store::next_sending(spi, run.id, static_cast<std::int32_t>(call.id))
                                     : 1;
    auto prepared = http_task::prepare(run, call, attempt.lanes, attempt.now, sending, lookups_);
    if (auto* refusal = std::get_if<Refusal>(&prepared)) return std::move(*refusal);
    staged_.push_back(std::get<http_task::Prepared>(std::move(prepared)));
    if (!call.place.empty())
        waits_.stage({.run = run.id,
                      .flow_owner = run.flow_owner,
                      .call = call,
                      .token = staged_.back().pending.token,
                      .again = attempt.again});
    return std::nullopt;
}

void HttpPerformer::withdraw(const Uuid& run, std::int64_t call) {
    std::erase_if(staged_, [&](const http_task::Prepared& one) {
        return one.pending.run_id == run && one.pending.call_id == call;
    });
}

void HttpPerformer::write(Spi&, const Changes& changes) {
    const std::set<Uuid> ended(changes.ended.begin(), changes.ended.end());
    std::erase_if(staged_,
                  [&](const http_task::Prepared& one) { return ended.contains(one.pending.run_id); });
    std::vector<const store::CallIntent*> intents;
    for (const http_task::Prepared& call : staged_)
        intents.push_back(&call.intent);
    store::append_calls(intents);
}

// -------------------------------------------------------------------------------------- after the commit

void HttpPerformer::committed(const Changes& changes) {
    for (const CallKey& key : changes.dropped_calls)
        if (const auto call = under_way_.find(key); call != under_way_.end()) cancel(call);
    for (const Uuid& run : changes.ended) {
        auto call = under_way_.lower_bound({run, std::numeric_limits<std::int64_t>::min()});
        while (call != under_way_.end() && call->first.first == run)
            cancel(call++);
        client_.end_run(to_string(run));
    }
    grant_leases();
    for (http_task::Prepared& call : staged_)
        send(std::move(call));
    staged_.clear();
}

void HttpPerformer::cancel(UnderWay::iterator call) {
    host_.cancel(call->second);
    pending_.erase(call->second);
    under_way_.erase(call);
}

// The database leases that these calls carry: their roles are made now.
void HttpPerformer::grant_leases() {
    std::vector<Leases::Wanted> wanted;
    for (const http_task::Prepared& call : staged_)
        if (call.lease) wanted.push_back({&*call.lease, nullptr, {}, {}});
    if (wanted.empty()) return;
    leases_.grant(wanted);
    auto next = wanted.begin();
    std::erase_if(staged_, [&](http_task::Prepared& call) {
        if (!call.lease) return false;
        Leases::Wanted& one = *next++;
        if (!one.error.empty()) {
            fail(call, one.error, one.cause);
            return true;
        }
        if (one.password)
            call.request.secret_headers.push_back({lease::kPasswordHeader, std::move(one.password)});
        return false;
    });
}

// As if an answer had come.
void HttpPerformer::fail(const http_task::Prepared& call, const std::string& error,
                         const std::string& cause) {
    store::CallOutcome outcome;
    outcome.run_id = call.pending.run_id;
    outcome.call_id = static_cast<std::int32_t>(call.pending.call_id);
    outcome.sending = call.pending.sending;
    outcome.ended_at = unix_micros_now();
    outcome.error = error;
    hand_back(call.pending, machine::TaskFailed{call.pending.call_id, error, cause}, std::move(outcome));
}

// A call that fails has not handed its token over, so nobody will answer.
void HttpPerformer::hand_back(const http_task::Pending& pending, machine::Event&& event,
                              store::CallOutcome&& outcome) {
    Item item{.run = pending.run_id, .event = std::move(event), .outcome = std::move(outcome)};
    if (!pending.place.empty() && std::holds_alternative<machine::TaskFailed>(*item.event)) {
        item.from = &waits_;
        item.ticket = waits_.ends_with_item(pending.run_id, pending.place);
    }
    host_.queue(std::move(item));
}

void HttpPerformer::send(http_task::Prepared&& call) {
    call.request.redacted = leases_.passwords_of(call.pending.run_id);
    const std::uint64_t id = host_.send(std::move(call.request), *this, std::move(call.pending.lanes));
    under_way_[{call.pending.run_id, call.pending.call_id}] = id;
    pending_.emplace(id, std::move(call.pending));
}

// An endpoint that is called too often says so to one call and means all of them.
void HttpPerformer::heed(const std::string& endpoint, const net::Response& response) {
    if ((response.status != 429 && response.status != 503) || !response.retry_after) return;
    const double seconds = std::min(response.retry_after->count(), 3600.0);
    if (seconds > 0) endpoint_pace::hold(endpoint, unix_micros_now() + static_cast<std::int64_t>(seconds * 1e6));
}

void HttpPerformer::answered(net::Response&& response) {
    const auto found = pending_.extract(response.id);
    if (found.empty()) return;
    const http_task::Pending& pending = found.mapped();
    under_way_.erase({pending.run_id, pending.call_id});
    leases_.call_over(pending.run_id, pending.call_id);
    heed(pending.endpoint, response);
    http_task::Interpreted result = http_task::interpret(pending, std::move(response), unix_micros_now());
    hand_back(pending, std::move(result.event), std::move(result.outcome));
}

}  // namespace flowctl::pg
