// SQL steps between turns: orders get to executors, and results to runs. See sql_performer.hpp.
#include <algorithm>

#include "pg/server/timestamps.hpp"
#include "pg/server/transaction.hpp"
#include "pg/shared/drain.hpp"
#include "pg/sql_steps/order_events.hpp"
#include "pg/sql_steps/sql_performer.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kOnBoardEach = 8;       // orders for each executor, so that it need not wait for the worker
constexpr std::size_t kMostInLine = 2'000;    // orders of a role in memory
constexpr std::size_t kReadBelow = 500;       // then more are read
constexpr int kReadAtOnce = 1'000;
constexpr int kMostLosses = 3;
constexpr std::int64_t kSoon = 50'000;        // us
constexpr std::int64_t kLater = 1'000'000;
constexpr std::int64_t kAfterCancel = 3'000'000;

}  // namespace

// ------------------------------------------------------------------------------------------- what is known

void SqlPerformer::add(const Uuid& id, Order&& order) {
    Line& line = lines_[order.role];
    if (line.waiting.size() >= kMostInLine) {
        line.has_more = true;
        return;
    }
    line.waiting.push_back(id);
    by_call_[order.call] = id;
    orders_.insert_or_assign(id, std::move(order));
}

void SqlPerformer::leave_board(const Uuid& id) {
    const auto on_board = board_.extract(id);
    if (on_board.empty()) return;
    if (const auto line = lines_.find(on_board.mapped()); line != lines_.end()) line->second.on_board--;
}

// An executor that has taken the order finds no row.
void SqlPerformer::forget(const Uuid& id) {
    const auto order = orders_.find(id);
    if (order == orders_.end()) return;
    if (order->second.at == Order::At::Board && sql_board::take_back(id)) leave_board(id);
    if (const auto call = by_call_.find(order->second.call); call != by_call_.end() && call->second == id)
        by_call_.erase(call);
    orders_.erase(order);
}

bool SqlPerformer::has_more() const {
    return std::any_of(lines_.begin(), lines_.end(), [](const auto& line) { return line.second.has_more; });
}

void SqlPerformer::put_back(const Uuid& id, Order& order, std::int64_t wait) {
    order.at = Order::At::Line;
    if (wait == 0)
        lines_[order.role].waiting.push_front(id);
    else
        later_.emplace(unix_micros_now() + wait, id);
}

// ------------------------------------------------------------------------------------------------ results

Item SqlPerformer::item_of(const Uuid& id, const CallKey& call, Oid owner, const store::OrderResult& result) {
    tickets_[++last_ticket_] = id;
    Item item{.run = call.first,
              .event = event_of_result(call.second, result),
              .load = true,
              .before_timers = true,
              .from = this,
              .ticket = last_ticket_};
    item.owner = owner;
    return item;
}

void SqlPerformer::answer(const Uuid& id, Order& order, const store::OrderResult& result) {
    order.at = Order::At::Answered;
    host_.queue(item_of(id, order.call, order.owner, result));
}

void SqlPerformer::take_finished() {
    if (board_.empty()) return;
    for (const sql_board::Finished& finished : sql_board::collect()) {
        leave_board(finished.order);
        const auto found = orders_.find(finished.order);
        if (found == orders_.end() || found->second.at != Order::At::Board) continue;
        Order& order = found->second;
        // The turn that wants it to end comes again first.
        if (order.cancelled_since != 0 && finished.outcome != sql_board::Outcome::Stored) {
            put_back(finished.order, order, kAfterCancel);
            continue;
        }
        switch (finished.outcome) {
            case sql_board::Outcome::Stored:
            case sql_board::Outcome::Gone:
                order.at = Order::At::Answered;
                unread_.push_back(finished.order);
                break;
            case sql_board::Outcome::Held:
            case sql_board::Outcome::Cancelled:
                put_back(finished.order, order, kSoon);
                break;
            case sql_board::Outcome::Failed:
                put_back(finished.order, order, kLater);
                break;
            case sql_board::Outcome::Lost:
                if (++order.losses < kMostLosses)
                    put_back(finished.order, order, 0);
                else
                    answer(finished.order, order,
                           {std::nullopt, "SQL.57P01",
                            R"({"message": "the process that executed the function has ended )" +
                                std::to_string(kMostLosses) +
                                R"( times; the server's log says how", "detail": null, "hint": null, "schema": null, "table": null, "constraint": null})"});
                break;
        }
    }
}

void SqlPerformer::read_results() {
    if (unread_.empty()) return;
    std::map<Uuid, store::OrderResult> results;
    try {
        Transaction transaction("pg_flowctl: reading the results of SQL steps");
        for (store::OrderState& state : store::find_order_states(unread_))
            if (state.result) results.emplace(state.order_id, *std::move(state.result));
        transaction.commit();
    } catch (PgError& error) {
        error.report();
        host_.pause();
        return;
    }
    for (const Uuid& id : std::exchange(unread_, {})) {
        const auto order = orders_.find(id);
        if (order == orders_.end()) continue;
        const auto result = results.find(id);
        if (result != results.end())
            answer(id, order->second, result->second);
        else
            answer(id, order->second, {std::nullopt, "States.Runtime", "the order of the step is gone"});
    }
}

void SqlPerformer::collect() {
    take_finished();
    read_results();
}

// -------------------------------------------------------------------------------------------------- lines

// Gives executors something to do; nothing new while the server is drained.
void SqlPerformer::pump(std::int64_t now) {
    if (drain::is_closed()) {
        for (auto& [id, order] : orders_) {
            if (order.at != Order::At::Board || !board_.contains(id) || !sql_board::take_back(id)) continue;
            leave_board(id);
            put_back(id, order, 0);
        }
        return;
    }
    while (!later_.empty() && (later_.begin()->first <= now || later_.begin()->first > now + 2 * kAfterCancel)) {
        const Uuid id = later_.begin()->second;
        later_.erase(later_.begin());
        if (const auto order = orders_.find(id); order != orders_.end() && order->second.at == Order::At::Line)
            lines_[order->second.role].waiting.push_back(id);
    }
    for (auto& [role, line] : lines_) {
        const std::size_t most = kOnBoardEach * std::max<std::size_t>(1, pool_.count(role));
        bool put = false;
        while (!line.waiting.empty() && line.on_board < most) {
            const Uuid id = line.waiting.front();
            const auto order = orders_.find(id);
            if (order != orders_.end() && order->second.at == Order::At::Line && !board_.contains(id)) {
                if (!sql_board::put(id, role)) break;
                order->second.at = Order::At::Board;
                order->second.cancelled_since = 0;
                board_.emplace(id, role);
                line.on_board++;
                put = true;
            }
            line.waiting.pop_front();
        }
        if (put) sql_board::wake_executors(role);
    }
}

// Orders of a role that were too many to be kept in memory. False: it failed.
bool SqlPerformer::read_more(Oid role, Line& line) {
    std::vector<store::WaitingOrder> found;
    try {
        Transaction transaction("pg_flowctl: reading orders of SQL steps");
        {
            Spi spi;
            found = store::find_waiting_orders(spi, role, shard_, shards_, line.read_upto, kReadAtOnce);
        }
        transaction.commit();
    } catch (PgError& error) {
        error.report();
        host_.pause();
        return false;
    }
    bool is_new = false;
    for (const store::WaitingOrder& one : found) {
        line.read_upto = one.order_id;
        if (orders_.contains(one.order_id)) continue;
        is_new = true;
        Order order;
        order.call = {one.run_id, one.call_id};
        order.role = role;
        order.owner = one.flow_owner;
        add(one.order_id, std::move(order));
    }
    if (found.size() < static_cast<std::size_t>(kReadAtOnce)) {
        line.read_upto = {};
        line.has_more = is_new;
    }
    return true;
}

bool SqlPerformer::work() {
    const std::int64_t now = unix_micros_now();
    for (auto& [role, line] : lines_)
        if (line.has_more && line.waiting.size() < kReadBelow && !read_more(role, line)) return false;
    pump(now);
    ExecutorPool::Demand demand;
    if (!drain::is_closed())
        for (const auto& [role, line] : lines_)
            if (const std::size_t orders = line.on_board + line.waiting.size()) demand[role] = orders;
    pool_.tend(demand, now);
    std::erase_if(lines_, [](const auto& line) {
        return line.second.waiting.empty() && line.second.on_board == 0 && !line.second.has_more;
    });
    return false;
}

std::optional<machine::Instant> SqlPerformer::next_at() const {
    auto next = pool_.next_at();
    if (!later_.empty()) next = next ? std::min(*next, later_.begin()->first) : later_.begin()->first;
    return next;
}

// ---------------------------------------------------------------------------------------------- in a sweep

void SqlPerformer::load(Spi& spi) {
    store::delete_orphaned_orders(spi, shard_, shards_);
}

// Rows of runs that ended while an executor had them.
bool SqlPerformer::look(Spi& spi) {
    std::vector<Uuid> over;
    for (const Uuid& id : left_)
        if (store::lock_order(id)) over.push_back(id);
    store::delete_orders(spi, over);
    for (const Uuid& id : over)
        left_.erase(id);
    return false;
}

}  // namespace flowctl::pg
