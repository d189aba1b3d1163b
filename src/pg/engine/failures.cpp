// What the engine does when a turn's transaction fails: find out whose fault it is.
//
// All items of the turn are tried again, each in a transaction of its own. One that fails alone is either the
// fault of its run, which then ends as FAILED with the reason, or the server's: short of something, shutting
// down, a table that does not take anybody's rows. To tell them apart, rows of a run that does not exist are
// written to every table of the engine and rolled back. Invariants: a failure of the server fails no run;
// what cannot be done now comes again after a pause, behind what has not been tried, so that it holds up
// nobody; no failure makes the worker spin.
//
// Called by engine. Each function begins and ends its own transactions.
#include "pg/engine/turn.hpp"

#include <algorithm>

#include "pg/engine/batch.hpp"
#include "pg/server/transaction.hpp"

namespace flowctl::pg {

namespace {

constexpr std::int64_t kPauseMicros = 1'000'000;
constexpr std::size_t kEnoughFailures = 3;  // of the server, then the rest of the turn is not tried

}  // namespace

// Failures that say nothing about the run: the server is short of something, shutting down, or two
// transactions collided.
bool is_transient(int sqlstate) {
    switch (ERRCODE_TO_CATEGORY(sqlstate)) {
        case MAKE_SQLSTATE('5', '3', '0', '0', '0'):
        case MAKE_SQLSTATE('5', '7', '0', '0', '0'):
        case MAKE_SQLSTATE('5', '8', '0', '0', '0'):
        case MAKE_SQLSTATE('4', '0', '0', '0', '0'):
            return true;
        default:
            return sqlstate == ERRCODE_READ_ONLY_SQL_TRANSACTION || sqlstate == ERRCODE_LOCK_NOT_AVAILABLE;
    }
}

// Whether the tables take rows at all.
bool storage_works() {
    constexpr Uuid kNobody{};
    try {
        const Transaction rolled_back("pg_flowctl: looking whether the tables can be written");
        Spi spi;
        (void)store::load_runs(spi, {kNobody}, 1);
        store::HistoryRow event{kNobody, {}};
        event.event.id = 1;
        event.event.type = "ExecutionStarted";
        store::append_history({event});
        store::CallIntent call;
        call.run_id = kNobody;
        store::append_calls({&call});
        store::CallOutcome outcome;
        outcome.run_id = kNobody;
        store::append_outcomes({outcome});
        store::save_frames(spi, {{kNobody, "RUNNING", "", std::nullopt, "{}"}});
        store::delete_frames(spi, {kNobody});
        store::end_runs(spi, {{kNobody, "FAILED", {}, {}, {}, {}, 0}});
        return true;
    } catch (PgError&) {
        return false;
    }
}

void Engine::pause() {
    trouble_ = true;
    pause_until_ = to_unix_micros(GetCurrentTimestamp()) + kPauseMicros;
}

bool Engine::paused() {
    const std::int64_t now = to_unix_micros(GetCurrentTimestamp());
    pause_until_ = std::min(pause_until_, now + kPauseMicros);  // the clock may have been set back
    return now < pause_until_;
}

// All items in one transaction; if it fails, each in its own.
void Engine::run_items(std::vector<Item>& items) {
    if (!try_items(items, false)) return;
    std::vector<Item> failed;
    std::size_t tried = 0;
    for (; tried < items.size() && failed.size() < kEnoughFailures; tried++)
        if (!try_alone(items[tried])) failed.push_back(std::move(items[tried]));
    if (failed.empty()) {
        write_revocations();
        return;
    }
    for (std::size_t i = items.size(); i > tried; i--)
        queue_.push_front(std::move(items[i - 1]));
    for (Item& item : failed)
        queue_.push_back(std::move(item));
    pause();
}

// False: the server cannot do it now.
bool Engine::try_alone(const Item& item) {
    const std::optional<Failure> failure = try_items({item}, true);
    if (!failure) return true;
    if (is_transient(failure->sqlstate) || !storage_works()) return false;
    return fail_run(item, failure->reason);
}

// Ends the run as FAILED; without an event of that where history takes none.
bool Engine::fail_run(const Item& item, const std::string& reason) {
    const LiveRun* run = live_.find(item.run);
    const bool has_history = run == nullptr || !run->express;
    const std::optional<ChildOf> child = run != nullptr ? run->child : maps_.child(item.run);
    bool failed = false;
    for (const bool with_history : {has_history, false}) {
        try {
            Transaction transaction("pg_flowctl: failing a run");
            {
                Spi spi;
                failed = store::fail_run(spi, item.run, "States.Runtime",
                                         "the engine cannot carry this run on: " + reason, with_history);
                if (failed && child) store::add_map_counts(spi, {delta_of(*child, "FAILED")});
                store::close_map_runs_of(spi, {item.run});
                if (item.map_over) store::end_map_run(spi, *item.map_over, "FAILED", now_micros());
                if (item.control_id != 0) store::delete_controls(spi, {item.control_id});
            }
            transaction.commit();
            Batch batch;
            batch.ended.push_back(item.run);
            if (item.map_over) batch.maps_over.emplace_back(*item.map_over, "FAILED");
            if (failed && child) batch.end_child(item.run, *child, "FAILED");
            if (!failed && child) batch.children_gone.emplace_back(item.run, child->map_run);
            carry_out(batch);
            return true;
        } catch (PgError& error) {
            error.report();
        }
    }
    return false;
}

// Receipts are no run's business: those that cannot be written are given up, and the log says why.
void Engine::write_revocations() {
    if (revocations_.empty()) return;
    try {
        Transaction transaction("pg_flowctl: recording revocations");
        {
            Spi spi;
            store::append_revocations(spi, revocations_);
        }
        transaction.commit();
    } catch (PgError& error) {
        const bool again = is_transient(error.sqlstate());
        error.report();
        if (again) return pause();
    }
    revocations_.clear();
}

}  // namespace flowctl::pg
