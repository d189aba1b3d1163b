// The rules of housekeeping, and the SQL functions that apply them at once. See housekeeping.hpp.
#include "pg/processes/housekeeping.hpp"

#include <algorithm>

#include "pg/events/event_rows.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/catalog_watch.hpp"
#include "pg/server/guc.hpp"
#include "pg/store/expired_rows.hpp"
#include "pg/store/flows.hpp"
#include "pg/store/reopening.hpp"
#include "pg/store/stored_use.hpp"

extern "C" {
#include "commands/extension.h"
}

namespace flowctl::pg::housekeeping {

namespace {

constexpr std::int64_t kMinute = 60'000'000;

}  // namespace

Rules rules_of_settings() {
    Rules rules;
    rules.interval = guc::partition_interval * kMinute;
    rules.ahead = guc::partitions_ahead;
    rules.redrive_within = guc::redrive_within * kMinute;
    if (guc::event_retention >= 0) rules.event_retention = guc::event_retention * kMinute;
    if (guc::retention >= 0) rules.retention = guc::retention * kMinute;
    return rules;
}

namespace {

// Runs that start from now on may be in the default leaf until a new one is there: it is to begin behind
// them.
std::int64_t soon(std::int64_t now) {
    return now - now % kMinute + 2 * kMinute;
}

// The first moment from this one on that no leaf takes.
std::int64_t first_free(const std::vector<store::Leaf>& leaves, std::int64_t moment) {
    for (const store::Leaf& leaf : leaves)
        if (leaf.starts_at <= moment && moment < leaf.ends_at) moment = leaf.ends_at;
    return moment;
}

}  // namespace

std::optional<Span> next_leaf(const std::vector<store::Leaf>& leaves, std::int64_t now, const Rules& rules,
                              std::int64_t not_before) {
    std::int64_t from = first_free(leaves, now);
    if (from == now) from = leaves.empty() ? now - now % rules.interval : soon(now);
    from = first_free(leaves, std::max(from, not_before));
    if (from > now + rules.ahead * rules.interval) return std::nullopt;
    std::int64_t to = from - from % rules.interval + rules.interval;
    for (const store::Leaf& leaf : leaves)
        if (leaf.starts_at > from) to = std::min(to, leaf.starts_at);
    return Span{from, to};
}

std::optional<Span> next_leaf(Spi& spi, std::int64_t now, const Rules& rules) {
    const std::vector<store::Leaf> leaves = store::find_leaves(spi);
    std::int64_t not_before = 0;
    for (;;) {
        const std::optional<Span> span = next_leaf(leaves, now, rules, not_before);
        if (!span) return std::nullopt;
        const auto last = store::last_in_default(spi, span->starts_at, span->ends_at);
        if (!last) return span;
        not_before = std::max(*last - *last % kMinute + kMinute, soon(now));
    }
}

std::vector<store::Leaf> to_empty(const std::vector<store::Leaf>& leaves, std::int64_t since) {
    std::vector<store::Leaf> due;
    for (const store::Leaf& leaf : leaves)
        if (leaf.ends_at <= since && (!leaf.emptied || leaf.kept > 0)) due.push_back(leaf);
    due.push_back(store::default_leaf());
    return due;
}

std::vector<store::Leaf> to_drop(const std::vector<store::Leaf>& leaves, std::int64_t now) {
    std::vector<store::Leaf> due;
    for (const store::Leaf& leaf : leaves)
        if (leaf.ends_at <= now && leaf.emptied && leaf.kept == 0) due.push_back(leaf);
    return due;
}

std::string too_many_open(std::int64_t open) {
    return "it has " + std::to_string(open - 1) + " open or held runs or more";
}

namespace {

// A snapshot from before the locks would hide runs that are to stay. CREATE EXTENSION finds none.
void require_read_committed(const char* function) {
    if (!IsolationUsesXactSnapshot() || creating_extension) return;
    throw UserError(ERRCODE_ACTIVE_SQL_TRANSACTION,
                    std::string(function) + " must be called in a transaction that is READ COMMITTED",
                    "Begin the transaction with BEGIN ISOLATION LEVEL READ COMMITTED.");
}

struct Emptied {
    int leaves = 0;
    std::int64_t kept = 0;  // runs that stay in them
    std::string full;       // suffixes of leaves in which too many runs have to stay
};

Emptied empty_all(Spi& spi, std::int64_t since) {
    Emptied all;
    // Nothing is dropped: all leaves are emptied in one transaction, and everybody would wait for its end.
    for (const store::Leaf& leaf : to_empty(store::find_leaves(spi), since)) {
        const store::Emptying done = store::empty_leaf(spi, leaf, since, false);
        if (done.result == store::Emptying::Result::Done) {
            all.leaves++;
            all.kept += done.kept;
        }
        if (done.result != store::Emptying::Result::TooManyOpen) continue;
        store::note_problem(spi, leaf, too_many_open(done.kept));
        all.full += (all.full.empty() ? "" : ", ") + leaf.suffix;
    }
    return all;
}

void notice(const std::string& message) {
    const char* const text = message.c_str();
    guarded([&] { ereport(NOTICE, (errmsg_internal("%s", text))); });
}

// What drop_runs_before() has left, and why.
void tell_of_the_rest(Spi& spi, const Emptied& emptied, std::int64_t before) {
    if (emptied.kept > 0)
        notice(std::to_string(emptied.kept) + (emptied.kept == 1 ? " run stays" : " runs stay") +
               " in the emptied partitions: runs that are open or held, or that ended later");
    if (!emptied.full.empty()) notice("partitions with too many open or held runs were not emptied: " + emptied.full);
    for (const store::Leaf& leaf : store::find_leaves(spi))
        if (leaf.starts_at < before && before < leaf.ends_at)
            notice("partition \"" + leaf.suffix +
                   "\" was not emptied: it has runs from before and after that time");
}

}  // namespace

}  // namespace flowctl::pg::housekeeping

using namespace flowctl::pg;

FLOWCTL_FUNCTION(flowctl_keep_house) {
    require_writable("keep house");
    housekeeping::require_read_committed("flowctl.keep_house()");
    const std::int64_t now =
        PG_ARGISNULL(0) ? unix_micros_now() : to_unix_micros(PG_GETARG_TIMESTAMPTZ(0));
    const housekeeping::Rules rules = housekeeping::rules_of_settings();
    std::int32_t made = 0, emptied = 0, dropped = 0;
    std::int64_t expired = 0;
    {
        const AsExtensionOwner owner;
        Spi spi;
        expired += store::forget_dropped_versions(spi);
        while (const std::int64_t some = store::forget_ended_frames(spi, now - rules.redrive_within))
            expired += some;
        while (const auto span = housekeeping::next_leaf(spi, now, rules)) {
            store::make_leaf(spi, span->starts_at, span->ends_at);
            made++;
        }
        if (rules.event_retention)
            while (const std::int64_t some = store::expire_events(spi, now - *rules.event_retention))
                expired += some;
        if (rules.retention) {
            const std::int64_t since = now - *rules.retention;
            emptied = housekeeping::empty_all(spi, since).leaves;
            for (const store::Leaf& leaf : housekeeping::to_drop(store::find_leaves(spi), now))
                if (store::drop_leaf(spi, leaf)) dropped++;
            while (const std::int64_t some = store::expire_rows(spi, since))
                expired += some;
        }
        if (store::measure_stored(spi)) catalog_watch::changed();
    }
    return guarded([&] {
        TupleDesc shape;
        if (get_call_result_type(fcinfo, nullptr, &shape) != TYPEFUNC_COMPOSITE)
            elog(ERROR, "flowctl.keep_house() is declared wrongly");
        Datum values[] = {Int32GetDatum(made), Int32GetDatum(emptied), Int32GetDatum(dropped),
                          Int64GetDatum(expired)};
        bool nulls[] = {false, false, false, false};
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls));
    });
}

FLOWCTL_FUNCTION(flowctl_make_partition) {
    require_writable("make a partition");
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "starts_at and ends_at must not be null",
                        "Pass the first moment of the partition and the first one after it.");
    const TimestampTz first = PG_GETARG_TIMESTAMPTZ(0), end = PG_GETARG_TIMESTAMPTZ(1);
    const std::int64_t starts_at = to_unix_micros(first), ends_at = to_unix_micros(end);
    if (TIMESTAMP_NOT_FINITE(first) || TIMESTAMP_NOT_FINITE(end) || starts_at < 0 || starts_at >= ends_at ||
        starts_at % housekeeping::kMinute != 0 || ends_at % housekeeping::kMinute != 0)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "a partition spans whole minutes, one or more",
                        "Pass its first moment and the first one after it.");
    const AsExtensionOwner owner;
    Spi spi;
    for (const store::Leaf& leaf : store::find_leaves(spi))
        if (starts_at < leaf.ends_at && leaf.starts_at < ends_at)
            throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                            "partition \"" + leaf.suffix + "\" has a part of that time already",
                            "The view flowctl.partitions lists what there is.");
    return to_text(store::make_leaf(spi, starts_at, ends_at));
}

FLOWCTL_FUNCTION(flowctl_drop_runs_before) {
    require_writable("drop runs");
    housekeeping::require_read_committed("flowctl.drop_runs_before()");
    if (PG_ARGISNULL(0))
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "before must not be null",
                        "Pass the time from which on runs are to be kept.");
    const TimestampTz before = PG_GETARG_TIMESTAMPTZ(0);
    if (TIMESTAMP_NOT_FINITE(before))
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "before must be a moment in time",
                        "Pass the time from which on runs are to be kept.");
    const AsExtensionOwner owner;
    Spi spi;
    const housekeeping::Emptied emptied = housekeeping::empty_all(spi, to_unix_micros(before));
    housekeeping::tell_of_the_rest(spi, emptied, to_unix_micros(before));
    return Int32GetDatum(emptied.leaves);
}
