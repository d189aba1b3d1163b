// Arguments of functions on schedules. See schedule_arguments.hpp.
#include "pg/schedules/schedule_arguments.hpp"

#include <algorithm>

#include "core/asl/flow_name.hpp"
#include "pg/rights/flow_grants.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/schedules/scheduled_runs.hpp"
#include "pg/schedules/server_zone.hpp"
#include "pg/server/quoting.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg::schedules {

namespace {

constexpr std::int64_t kDay = 86'400'000'000;
constexpr std::size_t kMaxCommentBytes = 8 * 1024;

[[noreturn]] void refuse(const std::string& message, const std::string& hint) {
    throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, message, hint);
}

void take_text(FunctionCallInfo fcinfo, int index, std::string& member) {
    if (auto text = text_argument(fcinfo, index)) member = *std::move(text);
}

void take_word(FunctionCallInfo fcinfo, int index, const char* name, std::initializer_list<const char*> words,
               const char* hint, std::string& member) {
    take_text(fcinfo, index, member);
    if (std::find(words.begin(), words.end(), member) == words.end())
        refuse(std::string("invalid value for ") + name + ": " + in_quotes(shortened_name(member)), hint);
}

// An infinite time removes the bound.
void take_bound(FunctionCallInfo fcinfo, int index, const char* name, bool is_start,
                std::optional<std::int64_t>& member) {
    if (PG_ARGISNULL(index)) return;
    const TimestampTz at = PG_GETARG_TIMESTAMPTZ(index);
    if (is_start ? TIMESTAMP_IS_NOBEGIN(at) : TIMESTAMP_IS_NOEND(at)) {
        member.reset();
        return;
    }
    const bool fits = !TIMESTAMP_NOT_FINITE(at) && to_unix_micros(at) >= 0 &&
                      to_unix_micros(at) < std::int64_t{7'258'118'400} * 1'000'000;
    if (!fits) refuse(std::string(name) + " of a schedule is out of range", "It lies between the years 1970 and 2199.");
    member = to_unix_micros(at);
}

void take_jitter(FunctionCallInfo fcinfo, int index, Definition& definition) {
    if (PG_ARGISNULL(index)) return;
    const Interval* interval = PG_GETARG_INTERVAL_P(index);
    if (interval->time < 0 || interval->day < 0 || interval->month < 0 || micros_argument(fcinfo, index, 0) > kDay)
        refuse("jitter of a schedule is out of range", "It goes from 0 to 1 day.");
    definition.jitter = micros_argument(fcinfo, index, 0);
}

bool operates(Spi& spi, const Definition& definition, Oid user) {
    const auto flow = find_flow_by_name(spi, definition.flow.substr(0, definition.flow.find(':')), FlowLock::None);
    return flow && (acts_for(user, flow->owner) || is_granted(flow->flow_id, kMayOperate, user));
}

Definition get_schedule(Spi& spi, const std::string& name, Oid user, const char* what, bool to_operate) {
    const auto found = find_definition(spi, name, false);
    const bool may = found && (acts_for(user, found->owner) || (to_operate && operates(spi, *found, user)));
    if (may)
        if (auto locked = find_definition(spi, name, true)) return *std::move(locked);
    if (sees_all(user) && !found)
        throw UserError(ERRCODE_UNDEFINED_OBJECT, "schedule " + in_quotes(shortened_name(name)) + " does not exist",
                        "The view flowctl.schedules lists them.");
    throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                    "permission denied to " + std::string(what) + " schedule " + in_quotes(shortened_name(name)),
                    "Only the owner of a schedule may, and superusers; the view flowctl.schedules lists those that you "
                    "may see.");
}

}  // namespace

std::string schedule_name_argument(FunctionCallInfo fcinfo) {
    return required_argument(fcinfo, 0, "name", "Name the schedule.");
}

bool take_arguments(FunctionCallInfo fcinfo, int comment_index, Definition& definition) {
    const Definition before = definition;
    take_text(fcinfo, 1, definition.flow);
    take_text(fcinfo, 2, definition.text);
    if (auto input = jsonb_argument_text(fcinfo, 3)) definition.input = *std::move(input);
    take_text(fcinfo, 4, definition.time_zone);
    take_bound(fcinfo, 5, "starts_at", true, definition.starts_at);
    take_bound(fcinfo, 6, "ends_at", false, definition.ends_at);
    take_word(fcinfo, 7, "catch_up", {"none", "last", "all"},
              "It is none, last or all: which of the times at which the server was down are made up for.",
              definition.catch_up);
    take_word(fcinfo, 8, "overlap", {"allow", "skip", "queue", "replace"},
              "It is allow, skip, queue or replace: what happens at a time at which the run before is open.",
              definition.overlap);
    take_jitter(fcinfo, 9, definition);
    if (!PG_ARGISNULL(10)) definition.pause_on_failure = PG_GETARG_BOOL(10);
    if (auto comment = bounded_argument(fcinfo, comment_index, "comment of a schedule", kMaxCommentBytes, "Shorten it."))
        definition.comment = std::move(comment);
    return definition.text != before.text || definition.time_zone != before.time_zone ||
           definition.starts_at != before.starts_at || definition.ends_at != before.ends_at ||
           definition.jitter != before.jitter;
}

std::int64_t begins_at(const Definition& definition, std::int64_t now) {
    if (definition.catch_up == "none") return now;
    if (definition.starts_at) return std::min(now, *definition.starts_at - 1'000'000);
    // A single time that has passed is caught up, too.
    return std::holds_alternative<schedule::Once>(read_schedule(definition.text)) ? 0 : now;
}

void check_times(const Definition& definition, std::int64_t now) {
    const Timing timing = timing_of(definition);
    if (definition.starts_at && definition.ends_at && *definition.starts_at > *definition.ends_at)
        refuse("starts_at of the schedule is later than its ends_at", "Swap the two times.");
    if (!schedule::next(timing.terms, *timing.zone, begins_at(definition, now) / 1'000'000))
        refuse("schedule " + in_quotes(shortened_name(definition.text)) + " has no time after now",
               definition.ends_at ? "Choose a later ends_at." : "flowctl.next_times() shows the times of a schedule.");
}

void check_start(const Definition& definition, std::int64_t now) {
    (void)make_run(request_for(definition, new_run_id(), now, Firing::Time));
}

Definition get_own_schedule(Spi& spi, const std::string& name, Oid user, const char* what) {
    return get_schedule(spi, name, user, what, false);
}

Definition get_operated_schedule(Spi& spi, const std::string& name, Oid user, const char* what) {
    return get_schedule(spi, name, user, what, true);
}

}  // namespace flowctl::pg::schedules
