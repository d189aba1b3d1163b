// flowctl.create_activity(), drop_activity(), grant_activity() and revoke_activity().
//
// Whoever may not see an activity does not learn whether it exists: both are refused with the same words.
#include <string>

#include "core/asl/flow_name.hpp"
#include "pg/activities/activity_rights.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg::activities {

namespace {

Statement insert_activity(
    "INSERT INTO flowctl_catalog.activity (name, owner, comment) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
    {TEXTOID, OIDOID, TEXTOID});
Statement set_comment(
    "UPDATE flowctl_catalog.activity SET comment = $2 WHERE name = $1 AND comment IS DISTINCT FROM $2", {TEXTOID, TEXTOID});
Statement count_tasks("SELECT pg_catalog.count(*) FROM flowctl_catalog.waiting_task WHERE activity = $1", {TEXTOID});
Statement delete_grants("DELETE FROM flowctl_catalog.activity_grant WHERE activity = $1", {TEXTOID});
Statement delete_activity("DELETE FROM flowctl_catalog.activity WHERE name = $1", {TEXTOID});
Statement insert_grant(R"(
    INSERT INTO flowctl_catalog.activity_grant (activity, role, granted_by)
    VALUES ($1, $2, pg_catalog.pg_get_userbyid($3)) ON CONFLICT (activity, (role::oid)) DO NOTHING)",
                       {TEXTOID, OIDOID, OIDOID});
Statement delete_grant("DELETE FROM flowctl_catalog.activity_grant WHERE activity = $1 AND role::oid = $2",
                       {TEXTOID, OIDOID});

std::string name_argument(FunctionCallInfo fcinfo) {
    return required_argument(fcinfo, 0, "name", "Name the activity.");
}

Oid role_argument(FunctionCallInfo fcinfo, bool must_exist) {
    if (PG_ARGISNULL(1))
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "role must not be null", "Name the role.");
    const Oid role = PG_GETARG_OID(1);
    if (must_exist && !guarded([&] { return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)); }))
        throw UserError(ERRCODE_UNDEFINED_OBJECT, "role with OID " + std::to_string(role) + " does not exist",
                        "Name a role instead of giving a number.");
    return role;
}

Activity own_activity(Spi& spi, const std::string& name, Lock lock, Oid user, const char* what) {
    for (const Lock next : {Lock::None, lock}) {
        const auto activity = find(spi, name, next);
        if (!activity && sees_all(user))
            throw UserError(ERRCODE_UNDEFINED_OBJECT,
                            "activity " + in_quotes(shortened_name(name)) + " does not exist",
                            "The view flowctl.activities lists what there is.");
        if (!activity || !owns(*activity, user))
            throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                            std::string("permission denied to ") + what + " activity " +
                                in_quotes(shortened_name(name)),
                            "The view flowctl.activities lists the activities that you may see.",
                            "Either activity " + in_quotes(shortened_name(name)) +
                                " does not exist, or the current role is not a member of its owner.");
        if (next == lock) return *activity;
    }
    pg_unreachable();
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_create_activity) {
    require_writable("create an activity");
    require_author("create activities");
    const Oid user = GetUserId();
    const std::string name = name_argument(fcinfo);
    const auto comment = text_argument(fcinfo, 1);
    if (!asl::is_flow_name(name))
        throw UserError(ERRCODE_INVALID_NAME,
                        in_quotes(shortened_name(name)) + " is not a valid name for an activity",
                        "Names of activities have 1 to 80 of the characters A-Z, a-z, 0-9, _ and -.");
    const AsExtensionOwner owner;
    Spi spi;
    if (spi.run(insert_activity, std::move(Params().text(name).oid(user).text(comment))).processed() == 1)
        return Datum(0);
    // There is one already. The caller's own is as it is wanted, but for the comment.
    const auto activity = find(spi, name, Lock::KeyShare);
    if (!activity || !owns(*activity, user))
        throw UserError(ERRCODE_DUPLICATE_OBJECT, "activity " + in_quotes(name) + " already exists",
                        "It belongs to another role. Choose another name.");
    if (comment) spi.run(set_comment, std::move(Params().text(name).text(comment)));
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_drop_activity) {
    require_writable("drop an activity");
    const Oid user = GetUserId();
    const std::string name = name_argument(fcinfo);
    const AsExtensionOwner owner;
    Spi spi;
    (void)own_activity(spi, name, Lock::Update, user, "drop");
    const std::int64_t tasks = spi.run_latest(count_tasks, std::move(Params().text(name))).int8(0, 0);
    if (tasks > 0)
        throw UserError(ERRCODE_OBJECT_IN_USE,
                        "cannot drop activity " + in_quotes(name) + " because " + std::to_string(tasks) +
                            (tasks == 1 ? " task of it waits" : " tasks of it wait"),
                        "Let workers finish them, or end their runs with flowctl.stop(). The view "
                        "flowctl.waiting_tasks lists them.");
    spi.run(delete_grants, std::move(Params().text(name)));
    spi.run(delete_activity, std::move(Params().text(name)));
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_grant_activity) {
    require_writable("grant an activity");
    const Oid user = GetUserId();
    const std::string name = name_argument(fcinfo);
    const Oid role = role_argument(fcinfo, true);
    const AsExtensionOwner owner;
    Spi spi;
    (void)own_activity(spi, name, Lock::KeyShare, user, "grant");
    spi.run(insert_grant, std::move(Params().text(name).oid(role).oid(user)));
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_revoke_activity) {
    require_writable("revoke an activity");
    const Oid user = GetUserId();
    const std::string name = name_argument(fcinfo);
    const Oid role = role_argument(fcinfo, false);
    const AsExtensionOwner owner;
    Spi spi;
    (void)own_activity(spi, name, Lock::KeyShare, user, "revoke");
    spi.run(delete_grant, std::move(Params().text(name).oid(role)));
    return Datum(0);
}

}  // namespace flowctl::pg::activities
