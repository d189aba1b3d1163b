// SQL functions run_schedule, backfill_schedule and next_times.
//
// The runs that a person asks for start in the session's transaction, with the session as their context. The
// schedule's owner is their starter, as for those that the worker starts.
#include <string>

#include "pg/rights/flow_rights.hpp"
#include "pg/schedules/backfills.hpp"
#include "pg/schedules/clock.hpp"
#include "pg/schedules/schedule_arguments.hpp"
#include "pg/schedules/scheduled_runs.hpp"
#include "pg/schedules/server_zone.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/quoting.hpp"
#include "pg/shared/installation.hpp"

namespace flowctl::pg::schedules {

namespace {

constexpr int kMostNextTimes = 1'000;

void start_for(const Definition& definition, std::int64_t due, Firing firing, const Uuid& run) {
    start_run(request_for(definition, run, due, firing));
    if (!definition.follows_runs()) return;
    const AsExtensionOwner owner;
    Spi spi;
    note_run(spi, run, definition.id);
}

Definition own_schedule(const std::string& name, const char* what) {
    const Oid user = GetUserId();
    const AsExtensionOwner owner;
    Spi spi;
    auto found = find_definition(spi, name, false);
    if (found && acts_for(user, found->owner)) return *std::move(found);
    return get_own_schedule(spi, name, user, what);  // which says what is wrong
}

// Seconds, of a finite time between 1970 and 2199.
schedule::Instant instant_argument(FunctionCallInfo fcinfo, int index, const char* name, bool round_up) {
    if (PG_ARGISNULL(index))
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, std::string(name) + " must not be null", "Give a time.");
    const TimestampTz at = PG_GETARG_TIMESTAMPTZ(index);
    const std::int64_t micros = TIMESTAMP_NOT_FINITE(at) ? -1 : to_unix_micros(at);
    if (micros < 0 || micros >= std::int64_t{7'258'118'400} * 1'000'000)
        throw UserError(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE, std::string(name) + " is out of range",
                        "It lies between the years 1970 and 2199.");
    return (micros + (round_up ? 999'999 : 0)) / 1'000'000;
}

// A backfill may go back to before the schedule began, and an interval is counted backwards then.
schedule::Terms unbounded(schedule::Terms terms, schedule::Instant since) {
    terms.starts = 0;
    terms.ends = schedule::kNever;
    if (const auto* interval = std::get_if<schedule::Interval>(&terms.schedule); interval && since < terms.anchor)
        terms.anchor -= (terms.anchor - since) / interval->seconds * interval->seconds;
    return terms;
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_run_schedule) {
    require_writable("run a schedule");
    const std::string name = schedule_name_argument(fcinfo);
    const Definition definition = own_schedule(name, "run");
    const Uuid run = new_run_id_of(definition.id);
    start_for(definition, clock_now(), Firing::Manual, run);
    notice_if_waiting();
    return UUIDPGetDatum(to_pg(run));
}

FLOWCTL_FUNCTION(flowctl_backfill_schedule) {
    require_writable("backfill a schedule");
    const std::string name = schedule_name_argument(fcinfo);
    const schedule::Instant since = instant_argument(fcinfo, 1, "since", true);
    const schedule::Instant until = instant_argument(fcinfo, 2, "until", false);
    const std::string overlap = text_argument(fcinfo, 3).value_or("allow");
    const Definition definition = own_schedule(name, "backfill");
    if (overlap != "allow" && overlap != "queue")
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        "invalid value for overlap of a backfill: " + in_quotes(shortened_name(overlap)),
                        "It is allow (all runs start at once) or queue (each starts when the one before has ended).");
    if (until > clock_now() / 1'000'000)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "until of a backfill lies in the future",
                        "Later times come by themselves.");
    const Timing timing = timing_of(definition);
    const auto most = static_cast<std::size_t>(guc::max_catch_up);
    std::vector<schedule::Instant> times;
    if (since <= until)
        times = schedule::latest(unbounded(timing.terms, since), *timing.zone, since, until, most + 1);
    if (times.size() > most)
        throw UserError(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                        "the schedule has more than " + std::to_string(most) + " times in this span",
                        "Backfill it in several parts, or raise flowctl.max_catch_up.");
    if (overlap == "queue") {
        const AsExtensionOwner owner;
        Spi spi;
        queue_backfill(spi, definition, times);
    } else {
        for (const schedule::Instant time : times)
            start_for(definition, time * 1'000'000, Firing::Backfill, new_run_id_of(definition.id));
    }
    return Int32GetDatum(static_cast<std::int32_t>(times.size()));
}

FLOWCTL_FUNCTION(flowctl_next_times) {
    const std::string text = required_argument(fcinfo, 0, "schedule", "Give a schedule, such as '0 2 * * 1-5'.");
    const std::string zone_name = text_argument(fcinfo, 1).value_or("UTC");
    const int most = PG_ARGISNULL(2) ? 5 : PG_GETARG_INT32(2);
    if (most < 1 || most > kMostNextTimes)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "n is " + std::to_string(most), "It goes from 1 to 1000.");
    const schedule::Instant since =
        PG_ARGISNULL(3) ? clock_now() / 1'000'000 : instant_argument(fcinfo, 3, "since", false);
    const schedule::Zone& zone = require_zone(zone_name);
    const schedule::Terms terms{read_schedule(text), since, 0, schedule::kNever};
    guarded([&] { InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC); });
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    int given = 0;
    for (auto at = schedule::next(terms, zone, since); at && given < most; at = schedule::next(terms, zone, *at)) {
        Datum values[] = {TimestampTzGetDatum(to_timestamp(*at * 1'000'000))};
        bool nulls[] = {false};
        guarded([&] {
            CHECK_FOR_INTERRUPTS();
            tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
        });
        given++;
    }
    return Datum(0);
}

}  // namespace flowctl::pg::schedules
