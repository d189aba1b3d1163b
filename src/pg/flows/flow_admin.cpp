// SQL functions that administer flows: drop_flow, alter_flow_owner, grant_author, revoke_author.
//
// Each locks the flow's row, asks for the right, and changes it; so two of them, or one and define_flow, come
// one after the other. A flow is not dropped while a trigger would start it or a run of it is open. A run that a
// transaction has started and not yet committed cannot be seen; it keeps its version and goes on when it has
// committed (store/flows).
#include <string>

#include "pg/flows/flow_admin.hpp"
#include "pg/flows/flow_triggers.hpp"
#include "pg/flows/named_by.hpp"
#include "pg/schedules/flow_schedules.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/quoting.hpp"
#include "pg/store/holds.hpp"

namespace flowctl::pg {

namespace {

Statement open_runs(
    "SELECT pg_catalog.count(*) FROM flowctl_catalog.run WHERE flow_id = $1 AND status = 'RUNNING'",
    {UUIDOID});
Statement delete_names("DELETE FROM flowctl_catalog.run_name WHERE flow_id = $1", {UUIDOID});
Statement delete_grants("DELETE FROM flowctl_catalog.flow_grant WHERE flow_id = $1", {UUIDOID});
Statement delete_pause("DELETE FROM flowctl_catalog.pause WHERE kind = 'flow' AND name = $1", {TEXTOID});
Statement delete_aliases("DELETE FROM flowctl_catalog.alias WHERE flow_id = $1", {UUIDOID});
// Not deleted: a transaction that has not committed may have started a run of them.
Statement retire_versions(
    "UPDATE flowctl_catalog.flow_version SET dropped_by = pg_catalog.pg_current_xact_id() WHERE flow_id = $1 "
    "AND dropped_by IS NULL",
    {UUIDOID});
Statement delete_flow("DELETE FROM flowctl_catalog.flow WHERE flow_id = $1", {UUIDOID});
Statement set_owner("UPDATE flowctl_catalog.flow SET owner = $2 WHERE flow_id = $1", {UUIDOID, OIDOID});
Statement authors_of("SELECT DISTINCT author::text FROM flowctl_catalog.flow_version WHERE flow_id = $1",
                     {UUIDOID});
Statement insert_author(R"(
    INSERT INTO flowctl_catalog.author (role, granted_by)
    VALUES ($1, pg_catalog.pg_get_userbyid($2)) ON CONFLICT ((role::oid)) DO NOTHING)",
                        {OIDOID, OIDOID});
Statement delete_author("DELETE FROM flowctl_catalog.author WHERE role::oid = $1", {OIDOID});

void require_no_triggers(Spi& spi, const FlowIdentity& flow) {
    std::string list = list_triggers(spi, flow, std::nullopt);
    if (list.empty()) return;
    throw UserError(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
                    "cannot drop flow " + in_quotes(flow.name) + " because triggers start it",
                    "Drop the triggers first.", std::move(list));
}

void require_no_schedules(Spi& spi, const FlowIdentity& flow) {
    std::string list = schedules::list_schedules(spi, flow);
    if (list.empty()) return;
    throw UserError(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
                    "cannot drop flow " + in_quotes(flow.name) + " because schedules start it",
                    "Drop them first with flowctl.drop_schedule().", std::move(list));
}

Statement rules_of(R"(
    SELECT name, owner::oid FROM flowctl_catalog.event_rule
    WHERE owner::oid IS NOT NULL AND pg_catalog.split_part(flow, ':', 1) = $1 ORDER BY name)",
                   {TEXTOID});

// A rule whose owner may not start the flow any more does not count; it is disabled by the next event.
void require_no_event_rules(Spi& spi, const FlowIdentity& flow) {
    std::string list;
    const Rows rows = spi.run(rules_of, std::move(Params().text(flow.name)));
    for (std::size_t i = 0; i < rows.size() && list.size() < 1'000; i++)
        if (may_start(flow.flow_id, flow.owner, rows.oid(i, 1)))
            list += (list.empty() ? "" : "\n") + ("Event rule " + rows.text(i, 0) + " starts it.");
    if (list.empty()) return;
    throw UserError(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
                    "cannot drop flow " + in_quotes(flow.name) + " because event rules start it",
                    "Drop the event rules first, with flowctl.drop_event_rule().", std::move(list));
}

void require_no_open_runs(Spi& spi, const FlowIdentity& flow) {
    const std::int64_t open = spi.run(open_runs, std::move(Params().uuid(flow.flow_id))).int8(0, 0);
    if (open == 0) return;
    throw UserError(ERRCODE_OBJECT_IN_USE,
                    "cannot drop flow " + in_quotes(flow.name) + " because it has " + std::to_string(open) +
                        (open == 1 ? " open run" : " open runs"),
                    "Wait for them with flowctl.wait(), or end them with flowctl.stop().");
}

void require_not_held(Spi& spi, const FlowIdentity& flow) {
    const auto hold = store::find_hold_of_flow(spi, flow.flow_id);
    if (!hold) return;
    throw UserError(ERRCODE_OBJECT_IN_USE, "cannot drop flow " + in_quotes(flow.name) + " because it is held",
                    "flowctl.release() ends the hold; the view flowctl.holds lists what is held.",
                    "The reason: " + hold->reason);
}

}  // namespace

std::string flow_argument(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(0))
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "name of the flow must not be null",
                        "Name the flow.");
    return from_text(PG_GETARG_DATUM(0));
}

Oid role_argument(FunctionCallInfo fcinfo, int index) {
    if (PG_ARGISNULL(index))
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "role must not be null", "Name the role.");
    return PG_GETARG_OID(index);
}

Oid existing_role_argument(FunctionCallInfo fcinfo, int index) {
    const Oid role = role_argument(fcinfo, index);
    if (!guarded([&] { return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)); }))
        throw UserError(ERRCODE_UNDEFINED_OBJECT, "role with OID " + std::to_string(role) + " does not exist",
                        "Name a role instead of giving a number.");
    return role;
}

void require_superusers_work(Spi& spi, const FlowIdentity& flow, Oid new_owner) {
    if (!guarded([&] { return superuser_arg(new_owner); })) return;
    const Rows rows = spi.run(authors_of, std::move(Params().uuid(flow.flow_id)));
    for (std::size_t i = 0; i < rows.size(); i++) {
        const std::string author = rows.text(i, 0);
        const char* const name = author.c_str();
        const bool is_superuser = guarded([&] {
            const Oid role = get_role_oid(name, true);
            return OidIsValid(role) && superuser_arg(role);
        });
        if (!is_superuser)
            throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                            "cannot give flow " + in_quotes(flow.name) + " to superuser " +
                                in_quotes(role_name(new_owner)) + " because " + in_quotes(author) +
                                " has written a version of it",
                            "Its runs would act as a superuser. Define the flow under another name as a "
                            "superuser, or give it to an ordinary role.");
    }
}

void remove_flow(Spi& spi, const FlowIdentity& flow) {
    require_no_triggers(spi, flow);
    require_no_schedules(spi, flow);
    require_no_event_rules(spi, flow);
    require_not_held(spi, flow);
    require_no_open_runs(spi, flow);
    spi.run(delete_names, std::move(Params().uuid(flow.flow_id)));
    spi.run(delete_grants, std::move(Params().uuid(flow.flow_id)));
    spi.run(delete_pause, std::move(Params().text(flow.name)));
    spi.run(delete_aliases, std::move(Params().uuid(flow.flow_id)));
    spi.run(retire_versions, std::move(Params().uuid(flow.flow_id)));
    spi.run(delete_flow, std::move(Params().uuid(flow.flow_id)));
}

FLOWCTL_FUNCTION(flowctl_drop_flow) {
    require_writable("drop a flow");
    const Oid user = GetUserId();
    const std::string name = flow_argument(fcinfo);
    const AsExtensionOwner owner;
    Spi spi;
    const FlowIdentity flow = get_own_flow(spi, name, FlowLock::Update, user, "drop");
    if (auto named = named_by_other_flows(spi, flow, std::nullopt))
        throw UserError(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
                        "cannot drop flow " + in_quotes(flow.name) + " because " + named->why, std::move(named->hint));
    remove_flow(spi, flow);
    PG_RETURN_VOID();
}

FLOWCTL_FUNCTION(flowctl_alter_flow_owner) {
    require_writable("change the owner of a flow");
    const Oid user = GetUserId();
    const std::string name = flow_argument(fcinfo);
    const Oid new_owner = existing_role_argument(fcinfo, 1);
    const bool may_become = guarded([&] { return can_set_role(user, new_owner); });
    const AsExtensionOwner owner;
    Spi spi;
    const FlowIdentity flow = get_own_flow(spi, name, FlowLock::Change, user, "change the owner of");
    if (!may_become)
        throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                        "must be able to SET ROLE " + in_quotes(role_name(new_owner)),
                        "Runs act as the flow's owner: only who may act as that role can give it a flow.");
    require_superusers_work(spi, flow, new_owner);
    spi.run(set_owner, std::move(Params().uuid(flow.flow_id).oid(new_owner)));
    PG_RETURN_VOID();
}

FLOWCTL_FUNCTION(flowctl_grant_author) {
    require_writable("grant the right to define flows");
    const Oid user = GetUserId();
    require_administrator("grant the right to define flows");
    const Oid role = existing_role_argument(fcinfo, 0);
    const AsExtensionOwner owner;
    Spi spi;
    spi.run(insert_author, std::move(Params().oid(role).oid(user)));
    PG_RETURN_VOID();
}

FLOWCTL_FUNCTION(flowctl_revoke_author) {
    require_writable("revoke the right to define flows");
    require_administrator("revoke the right to define flows");
    const Oid role = role_argument(fcinfo, 0);
    const AsExtensionOwner owner;
    Spi spi;
    spi.run(delete_author, std::move(Params().oid(role)));
    PG_RETURN_VOID();
}

}  // namespace flowctl::pg
