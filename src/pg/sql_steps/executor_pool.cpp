// Starting and ending executors. See executor_pool.hpp.
#include "pg/sql_steps/executor_pool.hpp"

#include <algorithm>

#include "pg/server/guc.hpp"
#include "pg/sql_steps/executor.hpp"

namespace flowctl::pg {

namespace {

constexpr std::int64_t kAgain = 1'000'000;        // us, where the server has no room
constexpr std::int64_t kHungryAgain = 100'000;    // where other executors have the places
constexpr std::int64_t kFairShare = 500'000;      // a role works on for so long while another one waits
// A worker is hungry since then if it only wants another executor for a role that has one.
constexpr std::int64_t kForAnother = INT64_MAX - 1;

}  // namespace

std::size_t ExecutorPool::count(Oid role) const {
    return static_cast<std::size_t>(std::count_if(executors_.begin(), executors_.end(), [role](const auto& one) {
        return one->role == role && !one->is_retired;
    }));
}

void ExecutorPool::terminate(int place) {
    for (const auto& one : executors_)
        if (one->place.index == place) one->process.terminate();
}

void ExecutorPool::collect_ended() {
    std::erase_if(executors_, [](const std::unique_ptr<One>& one) {
        if (!one->process.has_ended()) return false;
        sql_board::release(one->place);
        return true;
    });
}

void ExecutorPool::retire_idle(const Demand& demand, std::int64_t now) {
    const bool idle_give_way = sql_board::others_are_hungry(kForAnother);
    const bool busy_give_way = sql_board::others_are_hungry(now - kFairShare);
    std::size_t there = 0;
    for (const auto& one : executors_) {
        if (one->is_retired) continue;
        there++;
        const sql_board::Executor seen = sql_board::view(one->place);
        if (!seen.joined) continue;
        const std::int64_t idle = std::int64_t{guc::sql_worker_idle} * 1000;
        const bool is_idle = !seen.busy && !demand.contains(one->role);
        const bool is_surplus = there > static_cast<std::size_t>(guc::sql_workers);
        const bool gives_way = is_idle ? idle_give_way : busy_give_way && now - seen.since > kFairShare;
        if (is_surplus || gives_way || (is_idle && now - seen.since >= idle)) {
            sql_board::retire(one->place, is_surplus || gives_way);
            one->is_retired = true;
        } else if (is_idle) {
            come_back_at(seen.since + idle);
        }
    }
}

// An executor of another role gives its place to this one; a busy one only where this role has none.
void ExecutorPool::make_room(Oid role, bool has_none, std::int64_t now) {
    const bool is_long = has_none && now - hungry_since_.at(role) >= kFairShare;
    for (const auto& one : executors_) {
        if (one->role == role || one->is_retired) continue;
        const sql_board::Executor seen = sql_board::view(one->place);
        if (!seen.joined || (seen.busy && !is_long)) continue;
        sql_board::retire(one->place, true);
        one->is_retired = true;
        return;
    }
}

void ExecutorPool::no_room(const char* setting) {
    if (std::exchange(reported_, true)) return;
    guarded([&] {
        ereport(WARNING, (errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("could not start an executor for SQL steps"),
                          errdetail("SQL steps wait, and it is tried again."), errhint("Raise %s.", setting)));
    });
}

bool ExecutorPool::start(Oid role, bool is_first, std::int64_t now) {
    const sql_board::Place place = sql_board::reserve(role, guc::sql_workers);
    if (place.index < 0) {
        const std::int64_t since = is_first ? hungry_since_.try_emplace(role, now).first->second : kForAnother;
        hunger_ = {place.why, std::min(since, hunger_.since)};
        if (place.why == sql_board::NoPlace::Server) no_room("flowctl.max_sql_workers");
        if (guc::sql_workers == 0) no_room("flowctl.sql_workers");
        again_at_ = now + kHungryAgain;
        return false;
    }
    auto one = std::make_unique<One>();
    one->place = place;
    one->role = role;
    if (!executor::start(one->process, role, place)) {
        sql_board::release(place);
        no_room("max_worker_processes");
        again_at_ = now + kAgain;
        return false;
    }
    executors_.push_back(std::move(one));
    hungry_since_.erase(role);
    reported_ = false;
    return true;
}

void ExecutorPool::start_missing(const Demand& demand, std::int64_t now) {
    std::erase_if(hungry_since_, [&](const auto& entry) { return !demand.contains(entry.first); });
    if (now < again_at_) {
        if (!demand.empty()) come_back_at(again_at_);
        return;
    }
    hunger_ = {};
    // A role without an executor comes before one that wants another.
    for (const bool first : {true, false})
        for (const auto& [role, orders] : demand) {
            std::size_t has = 0, coming = 0, idle = 0;
            for (const auto& one : executors_) {
                if (one->role != role || one->is_retired) continue;
                const sql_board::Executor seen = sql_board::view(one->place);
                has++;
                if (!seen.joined) coming++;
                if (seen.joined && !seen.busy) idle++;
            }
            if ((has == 0) != first || coming > 0 || idle > 0 || orders <= has) continue;
            if (start(role, first, now)) continue;
            if (hunger_.why != sql_board::NoPlace::None) make_room(role, first, now);
            come_back_at(again_at_);
        }
    sql_board::say_hungry(hunger_.why, hunger_.since);
}

void ExecutorPool::tend(const Demand& demand, std::int64_t now) {
    next_at_.reset();
    if (again_at_ > now + kAgain) again_at_ = now;  // the clock was set back
    if (!executors_.empty()) {
        collect_ended();
        retire_idle(demand, now);
    }
    if (!demand.empty() || hunger_.why != sql_board::NoPlace::None) start_missing(demand, now);
}

}  // namespace flowctl::pg
