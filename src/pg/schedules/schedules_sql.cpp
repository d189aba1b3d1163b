// SQL functions create_schedule, alter_schedule, drop_schedule, pause_schedule and resume_schedule.
//
// Each locks the schedule's row before its state, so two of them come one after the other. The worker passes over a
// state that a session has locked and comes back to it, so it waits for nobody.
#include <string>

#include "core/asl/flow_name.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/schedules/clock.hpp"
#include "pg/schedules/schedule_arguments.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/quoting.hpp"
#include "pg/shared/installation.hpp"

namespace flowctl::pg::schedules {

namespace {

constexpr const char* kWants = "A schedule has a name, a flow and a time, such as '0 2 * * 1-5'.";
constexpr int kCreateComment = 11, kAlterComment = 11;

Uuid new_schedule_id() {
    Uuid id{};
    if (!pg_strong_random(id.data(), id.size()))
        throw UserError(ERRCODE_INTERNAL_ERROR, "could not generate a random id for a schedule");
    id[6] = static_cast<std::uint8_t>(0x40 | (id[6] & 0x0f));
    id[8] = static_cast<std::uint8_t>(0x80 | (id[8] & 0x3f));
    return id;
}

Definition wanted_schedule(FunctionCallInfo fcinfo, std::int64_t now) {
    Definition wanted;
    wanted.name = required_argument(fcinfo, 0, "name", kWants);
    if (!asl::is_flow_name(wanted.name))
        throw UserError(ERRCODE_INVALID_NAME,
                        in_quotes(shortened_name(wanted.name)) + " cannot be the name of a schedule",
                        "Names of schedules have 1 to 80 of the characters A-Z, a-z, 0-9, _ and -.");
    (void)required_argument(fcinfo, 1, "flow", kWants);
    (void)required_argument(fcinfo, 2, "schedule", kWants);
    wanted.owner = GetUserId();
    wanted.input = "{}";
    wanted.time_zone = "UTC";
    wanted.catch_up = "none";
    wanted.overlap = "allow";
    take_arguments(fcinfo, kCreateComment, wanted);
    wanted.anchor = wanted.starts_at.value_or(now);
    return wanted;
}

// Whether a user who asks for `wanted` has it already.
bool is_same(Definition wanted, const Definition& present) {
    wanted.id = present.id;
    wanted.revision = present.revision;
    wanted.paused = present.paused;
    if (!wanted.starts_at) wanted.anchor = present.anchor;
    return wanted == present;
}

void replace(Spi& spi, Definition wanted, const Definition& present, std::int64_t now) {
    wanted.id = present.id;
    wanted.owner = present.owner;
    wanted.revision = present.revision + 1;
    wanted.paused = present.paused;
    update_definition(spi, wanted);
    arm(spi, wanted, begins_at(wanted, now), now);
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_create_schedule) {
    require_writable("create a schedule");
    const std::int64_t now = clock_now();
    Definition wanted = wanted_schedule(fcinfo, now);
    wanted.id = new_schedule_id();
    const bool or_replace = !PG_ARGISNULL(12) && PG_GETARG_BOOL(12);
    const Oid user = GetUserId();
    check_times(wanted, now);
    check_start(wanted, now);
    notice_if_waiting();
    const AsExtensionOwner owner;
    Spi spi;
    if (insert_definition(spi, wanted)) {
        const std::int64_t since = begins_at(wanted, now);
        if (since < now) arm(spi, wanted, since, now);
        return Datum(0);
    }
    const auto present = find_definition(spi, wanted.name, false);
    if (present && is_same(wanted, *present)) return Datum(0);
    if (!or_replace)
        throw UserError(ERRCODE_DUPLICATE_OBJECT, "there is a schedule named " + in_quotes(wanted.name) + " already",
                        "Change it with flowctl.alter_schedule(), give or_replace => true, or choose another name.");
    replace(spi, wanted, get_own_schedule(spi, wanted.name, user, "replace"), now);
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_alter_schedule) {
    require_writable("alter a schedule");
    const std::string name = schedule_name_argument(fcinfo);
    const Oid user = GetUserId();
    const std::int64_t now = clock_now();
    const AsExtensionOwner owner;
    Spi spi;
    Definition definition = get_own_schedule(spi, name, user, "alter");
    const Definition before = definition;
    const bool other_times = take_arguments(fcinfo, kAlterComment, definition);
    if (definition == before) return Datum(0);
    if (other_times) definition.anchor = definition.starts_at.value_or(now);
    if (other_times) check_times(definition, now);
    if (definition.flow != before.flow || definition.input != before.input) check_start(definition, now);
    update_definition(spi, definition);
    definition.revision++;
    if (other_times)
        arm(spi, definition, now, now);
    else
        follow_revision(spi, definition.id);
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_drop_schedule) {
    require_writable("drop a schedule");
    const std::string name = schedule_name_argument(fcinfo);
    const Oid user = GetUserId();
    const AsExtensionOwner owner;
    Spi spi;
    delete_schedule(spi, get_own_schedule(spi, name, user, "drop").id);
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_pause_schedule) {
    require_writable("pause a schedule");
    const std::string name = schedule_name_argument(fcinfo);
    const auto reason = bounded_argument(fcinfo, 1, "reason of a pause", 1024, "Shorten it.");
    const Oid user = GetUserId();
    const AsExtensionOwner owner;
    Spi spi;
    const Definition definition = get_operated_schedule(spi, name, user, "pause");
    set_pause(spi, definition.id, user, reason);
    disarm(spi, definition.id);
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_resume_schedule) {
    require_writable("resume a schedule");
    const std::string name = schedule_name_argument(fcinfo);
    const Oid user = GetUserId();
    const std::int64_t now = clock_now();
    const AsExtensionOwner owner;
    Spi spi;
    Definition definition = get_operated_schedule(spi, name, user, "resume");
    if (!definition.paused) return Datum(0);
    set_pause(spi, definition.id, InvalidOid, std::nullopt);
    definition.paused = false;
    arm(spi, definition, now, now);
    return Datum(0);
}

}  // namespace flowctl::pg::schedules
