// SQL functions set_quota and drop_quota, and what the view flowctl.quotas asks.
//
// A quota is a row. Sessions that start runs (starts/open_run_quota.hpp) and workers that make calls
// (limits_part.hpp) see it once it has committed.
#include <string>

#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/catalog_watch.hpp"
#include "pg/server/quoting.hpp"
#include "pg/shared/endpoint_pace.hpp"
#include "pg/shared/wake.hpp"
#include "pg/store/stored_use.hpp"
#include "pg/turn/lane.hpp"

namespace flowctl::pg {

namespace {

Statement set_sql(R"(
    INSERT INTO flowctl_catalog.quota (role, open_runs, calls, stored_bytes, set_by)
    VALUES ($1, $2, $3, $4, pg_catalog.pg_get_userbyid($5))
    ON CONFLICT ((role::oid)) DO UPDATE
    SET open_runs = excluded.open_runs, calls = excluded.calls, stored_bytes = excluded.stored_bytes,
        set_by = excluded.set_by, set_at = now())",
                  {OIDOID, INT8OID, INT8OID, INT8OID, OIDOID});
Statement drop_sql("DELETE FROM flowctl_catalog.quota WHERE role::oid = $1", {OIDOID});

constexpr std::int64_t kMostOpenRuns = 1'000'000'000;

Oid quota_role(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(0))
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "role must not be null",
                        "Name the role that owns the flows.");
    const Oid role = PG_GETARG_OID(0);
    if (!guarded([role] { return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)); }))
        throw UserError(ERRCODE_UNDEFINED_OBJECT, "role " + in_quotes(role_name(role)) + " does not exist",
                        "Name the role that owns the flows.");
    return role;
}

void tell_of_quota() {
    catalog_watch::changed();
    wake::note_poke();
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_set_quota) {
    require_writable("set a quota");
    require_administrator("set quotas");
    const Oid role = quota_role(fcinfo);
    std::optional<std::int64_t> open_runs, calls, stored_bytes;
    if (!PG_ARGISNULL(1)) open_runs = PG_GETARG_INT64(1);
    if (!PG_ARGISNULL(2)) calls = PG_GETARG_INT32(2);
    if (!PG_ARGISNULL(3)) stored_bytes = PG_GETARG_INT64(3);
    if (!open_runs && !calls && !stored_bytes)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "a quota needs open_runs, calls or stored_bytes",
                        "flowctl.drop_quota() removes a quota.");
    if (open_runs && (*open_runs < 0 || *open_runs > kMostOpenRuns))
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "open_runs of a quota is " + std::to_string(*open_runs),
                        "It is a whole number from 0, with which nothing can be started, to 1000000000.");
    if (calls && *calls < 1)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "calls of a quota is " + std::to_string(*calls),
                        "It is a whole number from 1. flowctl.pause_flow() holds the calls of a flow.");
    if (stored_bytes && *stored_bytes < 0)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        "stored_bytes of a quota is " + std::to_string(*stored_bytes), "It is a whole number from 0.");
    const Oid user = GetUserId();
    const AsExtensionOwner owner;
    Spi spi;
    Params params;
    params.oid(role);
    open_runs ? params.int8(*open_runs) : params.null();
    calls ? params.int8(*calls) : params.null();
    stored_bytes ? params.int8(*stored_bytes) : params.null();
    params.oid(user);
    spi.run(set_sql, std::move(params));
    // Later the process that keeps house does it.
    if (stored_bytes) store::measure_stored(spi);
    tell_of_quota();
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_drop_quota) {
    require_writable("drop a quota");
    require_administrator("drop quotas");
    const Oid role = quota_role(fcinfo);
    const AsExtensionOwner owner;
    Spi spi;
    if (spi.run(drop_sql, std::move(Params().oid(role))).processed() == 0)
        throw UserError(ERRCODE_UNDEFINED_OBJECT, "role " + in_quotes(role_name(role)) + " has no quota",
                        "The view flowctl.quotas lists what there is.");
    tell_of_quota();
    return Datum(0);
}

// Calls are counted by workers in shared memory, and only of roles with a quota of them.
FLOWCTL_FUNCTION(flowctl_calls_of_role) {
    const Oid role = PG_GETARG_OID(0), user = GetUserId();
    if (!sees_all(user) && !acts_for(user, role)) PG_RETURN_NULL();
    return Int64GetDatum(endpoint_pace::calls_under_way(name_of_owner(std::to_string(role))));
}

}  // namespace flowctl::pg
