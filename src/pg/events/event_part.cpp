// Implementation of event_part.hpp.
#include "pg/events/event_part.hpp"

#include <algorithm>
#include <cctype>
#include <initializer_list>

#include "pg/events/depth.hpp"
#include "pg/events/rules.hpp"
#include "pg/events/run_events.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/server/transaction.hpp"
#include "pg/shared/wake.hpp"
#include "pg/store/by_key.hpp"

namespace flowctl::pg {

namespace {

using events::Rule;
using events::Verdict;

constexpr std::size_t kOfSlice = 50;
constexpr std::int64_t kSliceMicros = 20'000;
// Of one event and one rule.
constexpr Budget::Limits kOfEvent{100'000, 16 * 1024 * 1024, 200};
constexpr std::int64_t kWatchEvery = 1'000'000;  // us
constexpr std::int64_t kWatchedBefore = 600'000'000;  // us
constexpr std::int64_t kTriesUntil = 5'000'000;  // us
constexpr std::string_view kEndTypes[] = {"run.succeeded", "run.failed", "run.timed_out", "run.aborted"};

std::string type_of_status(const std::string& status) {
    std::string type = "run.";
    for (const char c : status)
        type += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return type;
}

// Failures that are the server's, and pass.
bool is_trouble(int sqlstate) {
    const int category = ERRCODE_TO_CATEGORY(sqlstate);
    return category == ERRCODE_INSUFFICIENT_RESOURCES || category == ERRCODE_OPERATOR_INTERVENTION ||
           category == ERRCODE_SYSTEM_ERROR || category == ERRCODE_TRANSACTION_ROLLBACK;
}

void start_or_record(const Rule& rule, const store::EventRow& event, Verdict verdict) {
    if (verdict.kind == Verdict::Kind::Ignores) return;
    if (verdict.kind == Verdict::Kind::Fires && event.depth >= events::kMostDepth) {
        verdict.kind = Verdict::Kind::Fails;
        verdict.reason = events::too_deep(event);
    }
    if (verdict.kind != Verdict::Kind::Fires) return events::record_failure(rule, event, verdict.reason);
    try {
        events::start_by_rule(rule, event, verdict.input, true);
    } catch (const UserError& error) {
        events::record_failure(rule, event, error.message);
        if (!events::ends_rule(error)) return;
        const AsExtensionOwner owner;
        Spi spi;
        store::disable_rule(spi, rule.id, error.message);
    }
}

}  // namespace

// ------------------------------------------------------------------------------------- in the turn's transaction

void EventPart::write(Spi& spi, const Changes& changes) {
    if (changes.ended.empty()) return;
    if (std::none_of(std::begin(kEndTypes), std::end(kEndTypes), events::subscriptions::is_wanted)) return;
    std::vector<store::EventRow> rows;
    for (store::RunFactsRow& run : store::find_run_facts(spi, changes.ended)) {
        run.event.type = type_of_status(run.status);
        if (events::subscriptions::is_wanted(run.event.type)) rows.push_back(std::move(run.event));
    }
    if (rows.empty()) return;
    store::insert_events(rows);
    for (const store::EventRow& event : rows)
        (void)events::leave_to_worker(spi, event);
    recorded_ = true;
}

void EventPart::committed(const Changes&) {
    if (!recorded_) return;
    pending_ = true;
    recorded_ = false;
    shmem::poke_workers(MyDatabaseId);  // for rules and waits of other workers, and for this one's waits
}

// ------------------------------------------------------------------------------------- in a sweep

bool EventPart::look(Spi& spi) {
    if (!pending_ && store::has_rows("event_pending"))
        pending_ = !store::find_pending(spi, shard_, shards_, 1).empty();
    if (shard_ == 0) watch(spi);
    find_times(spi);
    return false;
}

void EventPart::watch(Spi& spi) {
    const machine::Instant now = unix_micros_now();
    const auto is_watched = [now](std::initializer_list<std::string_view> types, std::optional<events::WatchedUntil>& position) {
        if (std::none_of(types.begin(), types.end(), events::subscriptions::is_wanted)) {
            position.reset();
            return false;
        }
        if (position) return true;
        // Behind a crash those are found that nobody has looked at.
        std::int64_t from = now;
        for (const std::string_view type : types)
            for (const events::Match& match : events::subscriptions::matching(type))
                from = std::min(from, match.rule->created_at);
        from = std::max(from, now - kWatchedBefore);
        position = {from, from};
        return true;
    };
    watch_at_ = now + kWatchEvery;
    if (is_watched({"denial"}, denials_) && events::record_denials(spi, *denials_) > 0) pending_ = true;
    if (is_watched({"lease.made", "lease.ended"}, leases_) && events::record_leases(spi, *leases_) > 0) pending_ = true;
}

void EventPart::find_times(Spi& spi) {
    // Every look comes here, so tables that nobody uses are not asked.
    due_at_.reset();
    if (store::has_rows("event_window")) due_at_ = store::next_due_window(spi, shard_, shards_);
    if (!store::has_rows("run_expectation")) return;
    if (const auto at = store::next_expectation(spi, shard_, shards_); at && (!due_at_ || *at < *due_at_)) due_at_ = at;
}

// ------------------------------------------------------------------------------------- in slices of its own

std::optional<machine::Instant> EventPart::next_at() const {
    const std::optional<machine::Instant> watch_at = denials_ || leases_ ? std::optional(watch_at_) : std::nullopt;
    if (!due_at_ || (watch_at && *watch_at < *due_at_)) return watch_at;
    // What could not be done for long waits for a sweep, so that a worker that may not act sleeps.
    return unix_micros_now() - *due_at_ > kTriesUntil ? std::nullopt : due_at_;
}

bool EventPart::work() {
    if ((denials_ || leases_) && unix_micros_now() >= watch_at_) {
        watch_at_ = unix_micros_now() + kWatchEvery;
        shmem::poke_workers(MyDatabaseId);
    }
    if (!pending_ && (!due_at_ || unix_micros_now() < *due_at_)) return false;
    try {
        Transaction transaction("pg_flowctl: giving events to rules");
        const bool more = slice();
        transaction.commit();
        pending_ = more;
        return more;
    } catch (PgError& error) {
        error.report();
        host_.pause();
    } catch (const std::exception& error) {
        const char* const message = error.what();
        guarded([&] { ereport(LOG, (errmsg("pg_flowctl: events could not be given to rules: %s", message))); });
        host_.pause();
    }
    return false;
}

// True: there is more.
bool EventPart::slice() {
    const std::int64_t begun = unix_micros_now();
    std::vector<store::PendingEvent> pending;
    std::vector<store::WindowRow> due;
    {
        Spi spi;
        pending = store::find_pending(spi, shard_, shards_, kOfSlice);
        if (due_at_ && begun >= *due_at_) due = store::find_due_windows(spi, shard_, shards_, begun, kOfSlice);
    }
    bool more = pending.size() == kOfSlice;
    std::size_t done = 0;
    for (const store::PendingEvent& one : pending) {
        if (done++ > 0 && unix_micros_now() - begun > kSliceMicros) {
            more = true;
            break;
        }
        take(one);
    }
    for (const store::WindowRow& window : due)
        fire(window);
    if (due_at_ && begun >= *due_at_) tell_of_expectations();
    Spi spi;
    find_times(spi);
    return more;
}

void EventPart::take(const store::PendingEvent& pending) {
    const auto rule = events::subscriptions::find(pending.rule_id);
    std::optional<store::EventRow> event;
    {
        Spi spi;
        event = store::find_event(spi, pending.event_id);
        store::delete_pending(spi, pending);
    }
    if (rule == nullptr || !event) return;
    try {
        Subtransaction alone;
        if (rule->remembers()) {
            remember(*rule, *event, pending.cancels);
        } else {
            Budget budget(kOfEvent);
            start_or_record(*rule, *event, events::evaluate(*rule, store::cloud_event(*event, true), budget, kOfEvent));
        }
        alone.commit();
        return;
    } catch (PgError& error) {
        if (is_trouble(error.sqlstate())) throw;
        events::record_failure(*rule, *event, error.what());
    } catch (const UserError& error) {
        events::record_failure(*rule, *event, error.message);
    }
}

void EventPart::remember(const Rule& rule, const store::EventRow& event, bool cancels) {
    const json::Value value = store::cloud_event(event, true);
    Budget budget(kOfEvent);
    Verdict verdict{Verdict::Kind::Fires, {}, {}};
    if (!cancels) verdict = events::evaluate(rule, value, budget, kOfEvent);
    if (verdict.kind != Verdict::Kind::Fires) return start_or_record(rule, event, std::move(verdict));
    const auto key = events::key_of(rule, value, budget);
    if (!key) return events::record_failure(rule, event, key.error());
    bool fires = false;
    {
        const AsExtensionOwner owner;
        Spi spi;
        if (cancels) {
            store::delete_window(spi, rule.id, *key, event.at);
        } else if (rule.unless) {
            store::insert_window(spi, {rule.id, *key, event.event_id, event.at, event.at + *rule.within});
        } else {
            store::insert_window(spi, {rule.id, *key, event.event_id, event.at, std::nullopt});
            fires = store::count_window(spi, rule.id, *key, event.at - *rule.within) >= rule.threshold;
            if (fires) store::delete_window(spi, rule.id, *key, INT64_MAX / 4);
        }
    }
    if (fires) start_or_record(rule, event, std::move(verdict));
}

// The other event has not come in time.
void EventPart::fire(const store::WindowRow& window) {
    const auto rule = events::subscriptions::find(window.rule_id);
    std::optional<store::EventRow> event;
    {
        Spi spi;
        store::delete_window_row(spi, window);
        event = store::find_event(spi, window.event_id);
    }
    if (rule == nullptr || !event) return;
    try {
        Subtransaction alone;
        Budget budget(kOfEvent);
        start_or_record(*rule, *event, events::evaluate(*rule, store::cloud_event(*event, true), budget, kOfEvent));
        alone.commit();
    } catch (PgError& error) {
        if (is_trouble(error.sqlstate())) throw;
        events::record_failure(*rule, *event, error.what());
    } catch (const UserError& error) {
        events::record_failure(*rule, *event, error.message);
    }
}

// Runs that have not begun or ended when they should have.
void EventPart::tell_of_expectations() {
    Spi spi;
    std::vector<Uuid> late, overdue;
    for (const store::ExpectationRow& row :
         store::take_due_expectations(spi, shard_, shards_, unix_micros_now(), kOfSlice))
        (row.kind == "run.late" ? late : overdue).push_back(row.run_id);
    std::vector<store::EventRow> rows;
    const auto add = [&](const std::vector<Uuid>& ids, const char* type) {
        if (ids.empty() || !events::subscriptions::is_wanted(type)) return;
        for (store::RunFactsRow& run : store::find_run_facts(spi, ids)) {
            if (run.status != "RUNNING" || (run.has_begun && std::string_view(type) == "run.late")) continue;
            run.event.type = type;
            rows.push_back(std::move(run.event));
        }
    };
    add(late, "run.late");
    add(overdue, "run.overdue");
    store::insert_events(rows);
    for (const store::EventRow& event : rows)
        (void)events::leave_to_worker(spi, event);
    if (!rows.empty()) wake::note_poke();
}

}  // namespace flowctl::pg
