// SQL steps in the worker's turn: orders are staged, written and deleted. See sql_performer.hpp; sql_lines.cpp has
// what happens between turns.
#include "pg/sql_steps/sql_performer.hpp"

#include <limits>

#include "core/json.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/sql_steps/order_events.hpp"

namespace flowctl::pg {

namespace {

// With more orders than that, their runs leave memory.
constexpr std::size_t kMostLive = 1'000;
constexpr std::int64_t kPatience = 5'000'000;  // us, after the first cancel of a statement

BusyRun& busy_run(std::vector<BusyRun>& busy, const Uuid& run) {
    for (BusyRun& one : busy)
        if (one.run == run) return one;
    return busy.emplace_back(BusyRun{run, {}});
}

}  // namespace

SqlPerformer::SqlPerformer(Host& host, const shmem::Claim& claim)
    : host_(host), shard_(claim.shard), shards_(claim.shards) {
    sql_board::open(claim.slot);
}

void SqlPerformer::begin() {
    staged_.clear();
    withdrawn_.clear();
    taken_.clear();
    done_.clear();
    over_.clear();
    left_staged_.clear();
}

std::optional<Performer::Refusal> SqlPerformer::prepare(Spi&, const RunFacts& run, const machine::Call& call,
                                                        const Attempt& attempt) {
    const Uuid id = store::order_id_of(run.id, call, run.context.redrive_count);
    keeps_last_ = orders_.size() + staged_.size() < kMostLive;
    if (const auto known = orders_.find(id); known != orders_.end()) {
        by_call_.erase(known->second.call);
        known->second.call = {run.id, call.id};
        by_call_[known->second.call] = id;
        keeps_last_ = keeps_last_ && known->second.at != Order::At::Answered;
        return std::nullopt;
    }
    if (!guarded([&] { return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(run.role)); }))
        return Refusal{"States.Permissions", role_name(run.role) + " does not exist, so it executes no function"};
    const bool express = run.context.express;
    bool is_stored = false;
    if (attempt.again)
        for (const store::OrderState& state : store::find_order_states({id})) {
            is_stored = true;
            if (!state.result) continue;
            attempt.events.push_back(event_of_result(call.id, *state.result));
            taken_.push_back({id, run.id, express});
            return std::nullopt;
        }
    Staged& staged = staged_.emplace_back();
    staged.is_stored = is_stored;
    staged.keeps_row = express;
    store::NewOrder& row = staged.row;
    row.order_id = id;
    row.run_id = run.id;
    row.call_id = call.id;
    row.flow_owner = run.flow_owner;
    row.role = run.role;
    row.function = call.resource.name;
    row.input = json::dump(call.input);
    if (run.handed && run.handed->is_in(row.input)) {
        row.input = run.handed->with_marker(std::move(row.input));
        row.handed_token = run.handed->key;
    }
    row.flow = run.flow;
    row.version = run.flow_version;
    row.state = call.state;
    row.path = call.path;
    row.depth = run.depth;
    row.subject = run.subject;
    row.subject_issuer = run.subject_issuer;
    row.subject_claims = run.subject_claims;
    row.due_at = call.deadline;
    return std::nullopt;
}

void SqlPerformer::withdraw(const Uuid& run, std::int64_t call) {
    std::erase_if(staged_, [&](const Staged& staged) {
        if (staged.row.run_id != run || staged.row.call_id != call) return false;
        if (staged.is_stored) withdrawn_.emplace(staged.row.order_id, run);
        return true;
    });
}

// -------------------------------------------------------------------------------------------------- writing

// Rows that nobody needs any more, whose results runs have taken. Those of an EXPRESS run stay until it ends.
void SqlPerformer::collect_rows(const Changes& changes) {
    const std::set<Uuid> ended(changes.ended.begin(), changes.ended.end());
    std::erase_if(staged_, [&](const Staged& staged) {
        if (!ended.contains(staged.row.run_id)) return false;
        if (staged.is_stored) withdrawn_.emplace(staged.row.order_id, staged.row.run_id);
        return true;
    });
    for (const std::int64_t number : done_) {
        const auto ticket = tickets_.find(number);
        if (ticket == tickets_.end()) continue;
        const auto order = orders_.find(ticket->second);
        const bool keeps = order != orders_.end() && order->second.keeps_row && !ended.contains(order->second.call.first);
        if (!keeps) over_.push_back(ticket->second);
    }
    for (const Taken& taken : taken_)
        if (!taken.keeps_row || ended.contains(taken.run)) over_.push_back(taken.id);
    if (kept_rows_.empty()) return;
    for (const Uuid& run : ended)
        if (const auto kept = kept_rows_.find(run); kept != kept_rows_.end())
            over_.insert(over_.end(), kept->second.begin(), kept->second.end());
}

void SqlPerformer::write(Spi& spi, const Changes& changes) {
    collect_rows(changes);
    std::vector<store::NewOrder> rows;
    for (const Staged& staged : staged_)
        if (!staged.is_stored) rows.push_back(staged.row);
    store::append_orders(rows);
    drop(spi, changes);
    store::delete_orders(spi, over_);
}

// Orders whose results nobody waits for any more, and their runs.
std::map<Uuid, Uuid> SqlPerformer::dropped_orders(Spi& spi, const Changes& changes) const {
    std::map<Uuid, Uuid> dropped = withdrawn_;
    const bool some_unknown = has_more();
    for (const CallKey& call : changes.dropped_calls) {
        if (const auto known = by_call_.find(call); known != by_call_.end())
            dropped.emplace(known->second, call.first);
        else if (some_unknown)
            if (const auto id = store::find_order_of_call(spi, call.first, call.second)) dropped.emplace(*id, call.first);
    }
    if (!by_call_.empty())
        for (const Uuid& run : changes.ended)
            for (auto call = by_call_.lower_bound({run, std::numeric_limits<std::int64_t>::min()});
                 call != by_call_.end() && call->first.first == run; ++call)
                dropped.emplace(call->second, run);
    if (some_unknown)
        for (const Uuid& run : changes.cut_short)
            for (const Uuid& id : store::find_orders_of_run(spi, run))
                dropped.emplace(id, run);
    for (const Uuid& id : over_)
        dropped.erase(id);
    return dropped;
}

// A run that has ended without the machine has no use for a result. Any other run gets a result that is there, and
// waits while an executor is at work.
void SqlPerformer::drop(Spi& spi, const Changes& changes) {
    const std::map<Uuid, Uuid> dropped = dropped_orders(spi, changes);
    if (dropped.empty()) return;
    const std::set<Uuid> cut_short(changes.cut_short.begin(), changes.cut_short.end());
    std::vector<BusyRun> busy;
    std::vector<Uuid> locked;
    for (const auto& [id, run] : dropped) {
        const auto order = orders_.find(id);
        const bool is_cut = cut_short.contains(run);
        if (!is_cut && order != orders_.end() && order->second.at == Order::At::Answered) {
            busy_run(busy, run);
        } else if (store::lock_order(id)) {
            locked.push_back(id);
        } else {
            end_statement(id);
            if (is_cut)
                left_staged_.push_back(id);
            else
                busy_run(busy, run);
        }
    }
    for (const store::OrderState& state : store::find_order_states(locked)) {
        if (!state.result || cut_short.contains(state.run_id)) continue;
        const auto order = orders_.find(state.order_id);
        const bool is_known = order != orders_.end();
        const CallKey call = is_known ? order->second.call : CallKey(state.run_id, state.call_id);
        if (is_known) order->second.at = Order::At::Answered;
        busy_run(busy, state.run_id)
            .first.push_back(item_of(state.order_id, call, is_known ? order->second.owner : InvalidOid, *state.result));
    }
    if (!busy.empty()) throw RunsBusy(std::move(busy));
    over_.insert(over_.end(), locked.begin(), locked.end());
}

// The executor that has the order is to end its statement, or itself if it does not.
void SqlPerformer::end_statement(const Uuid& id) {
    const int place = sql_board::cancel(id);
    const auto order = orders_.find(id);
    if (place < 0 || order == orders_.end()) return;
    const std::int64_t now = unix_micros_now();
    std::int64_t& since = order->second.cancelled_since;
    if (since == 0 || since > now) since = now;
    if (now - since > kPatience) pool_.terminate(place);
}

// -------------------------------------------------------------------------------------- after the commit

void SqlPerformer::committed(const Changes& changes) {
    const std::set<Uuid> over(over_.begin(), over_.end());
    for (const std::int64_t number : done_) {
        const auto ticket = tickets_.extract(number);
        if (ticket.empty()) continue;
        const Uuid id = ticket.mapped();
        if (const auto order = orders_.find(id); order != orders_.end() && !over.contains(id))
            kept_rows_[order->second.call.first].push_back(id);
        forget(id);
    }
    for (const Taken& taken : taken_)
        if (!over.contains(taken.id)) kept_rows_[taken.run].push_back(taken.id);
    for (const Uuid& id : over_)
        forget(id);
    if (!kept_rows_.empty())
        for (const Uuid& run : changes.ended)
            kept_rows_.erase(run);
    for (const Uuid& id : left_staged_) {
        forget(id);
        left_.insert(id);
    }
    for (const Staged& staged : staged_) {
        Order order;
        order.call = {staged.row.run_id, staged.row.call_id};
        order.role = staged.row.role;
        order.owner = staged.row.flow_owner;
        order.keeps_row = staged.keeps_row;
        add(staged.row.order_id, std::move(order));
    }
    begin();
}

}  // namespace flowctl::pg
