// flowctl.delegate_approvals(): a role hands its decisions over for some time.
#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg::approvals {

namespace {

Statement delete_sql(
    "DELETE FROM flowctl_catalog.approval_delegation WHERE from_role = $1 AND to_role = $2", {OIDOID, OIDOID});
Statement insert_sql(R"(
    INSERT INTO flowctl_catalog.approval_delegation (from_role, to_role, until) VALUES ($1, $2, $3)
    ON CONFLICT (from_role, to_role) DO UPDATE SET until = excluded.until)",
                     {OIDOID, OIDOID, TIMESTAMPTZOID});

// Every decision reads the delegations, so a role must not be able to make any number of them.
constexpr std::int64_t kMostDelegations = 100;
Statement delete_old_sql(
    "DELETE FROM flowctl_catalog.approval_delegation WHERE from_role = $1 AND until <= pg_catalog.clock_timestamp()",
    {OIDOID});
Statement count_sql(
    "SELECT pg_catalog.count(*) FROM flowctl_catalog.approval_delegation WHERE from_role = $1 AND to_role <> $2",
    {OIDOID, OIDOID});

}  // namespace

FLOWCTL_FUNCTION(flowctl_delegate_approvals) {
    require_writable("delegate approvals");
    if (PG_ARGISNULL(0))
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "to_role must not be null", "Name the role.");
    const Oid to = PG_GETARG_OID(0);
    const Oid from = GetUserId();
    if (!guarded([&] { return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(to)); }))
        throw UserError(ERRCODE_UNDEFINED_OBJECT, "role with OID " + std::to_string(to) + " does not exist",
                        "Name a role instead of giving a number.");
    if (to == from)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "a role cannot delegate its approvals to itself",
                        "Name another role.");
    const bool ends = PG_ARGISNULL(1);
    const TimestampTz until = ends ? 0 : PG_GETARG_TIMESTAMPTZ(1);
    if (!ends && until <= GetCurrentTimestamp())
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "until must not be in the past",
                        "Pass NULL to end a delegation now.");
    const AsExtensionOwner owner;
    Spi spi;
    Params params;
    params.oid(from).oid(to);
    if (ends) {
        spi.run(delete_sql, std::move(params));
        return Datum(0);
    }
    spi.run(delete_old_sql, std::move(Params().oid(from)));
    if (spi.run(count_sql, std::move(Params().oid(from).oid(to))).int8(0, 0) >= kMostDelegations)
        throw UserError(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                        "a role cannot have more than " + std::to_string(kMostDelegations) + " delegations",
                        "End one of them, or delegate to a role with members. The view flowctl.approval_delegations "
                        "lists them.");
    spi.run(insert_sql, std::move(params.datum(TimestampTzGetDatum(until))));
    return Datum(0);
}

}  // namespace flowctl::pg::approvals
