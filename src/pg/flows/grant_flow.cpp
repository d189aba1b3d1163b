// SQL functions grant_flow, revoke_flow and their short forms grant_start, revoke_start: what roles besides the
// owner may do with a flow and its runs (rights/flow_grants.hpp).
//
// A role has one row for each flow. Grants and revocations that come at the same time wait for each other at
// that row, and none of them is lost.
#include <string>
#include <vector>

#include "pg/flows/flow_admin.hpp"
#include "pg/rights/flow_grants.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg {

namespace {

// The order of the privileges is always the same.
Statement insert_grant(R"(
    INSERT INTO flowctl_catalog.flow_grant (flow_id, role, granted_by, privileges)
    VALUES ($1, $2, pg_catalog.pg_get_userbyid($3),
            ARRAY(SELECT p FROM pg_catalog.unnest('{start,operate,read,read_payload}'::pg_catalog.text[]) p
                  WHERE p = ANY ($4::pg_catalog.text[])))
    ON CONFLICT (flow_id, (role::oid)) DO UPDATE
    SET privileges = ARRAY(SELECT p FROM pg_catalog.unnest('{start,operate,read,read_payload}'::pg_catalog.text[]) p
                           WHERE p = ANY (flow_grant.privileges) OR p = ANY (excluded.privileges))
    WHERE NOT excluded.privileges <@ flow_grant.privileges)",
                       {UUIDOID, OIDOID, OIDOID, TEXTARRAYOID});
Statement delete_all_of_grant(R"(
    DELETE FROM flowctl_catalog.flow_grant
    WHERE flow_id = $1 AND role::oid = $2 AND privileges <@ $3::pg_catalog.text[])",
                              {UUIDOID, OIDOID, TEXTARRAYOID});
Statement delete_of_grant(R"(
    UPDATE flowctl_catalog.flow_grant
    SET privileges = ARRAY(SELECT p FROM pg_catalog.unnest(privileges) p WHERE p <> ALL ($3::pg_catalog.text[]))
    WHERE flow_id = $1 AND role::oid = $2 AND privileges && $3::pg_catalog.text[]
      AND NOT privileges <@ $3::pg_catalog.text[])",
                          {UUIDOID, OIDOID, TEXTARRAYOID});

using Privileges = std::vector<std::string>;

[[noreturn]] void refuse_privileges(const std::string& message) {
    throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, message,
                    std::string("The privileges are: ") + kPrivilegeNames + ".");
}

Privileges privileges_argument(FunctionCallInfo fcinfo, int index) {
    if (PG_ARGISNULL(index)) refuse_privileges("privileges must not be null");
    struct Items {
        Datum* values;
        bool* nulls;
        int count;
    };
    const Items items = guarded([&]() -> Items {
        Items found{};
        deconstruct_array(PG_GETARG_ARRAYTYPE_P(index), TEXTOID, -1, false, TYPALIGN_INT, &found.values,
                          &found.nulls, &found.count);
        return found;
    });
    if (items.count == 0) refuse_privileges("privileges must not be empty");
    Privileges privileges;
    for (int i = 0; i < items.count; i++) {
        if (items.nulls[i]) refuse_privileges("a privilege must not be null");
        std::string name = from_text(items.values[i]);
        if (!privilege_named(name))
            refuse_privileges(in_quotes(shortened_name(name)) + " is not a privilege on a flow");
        privileges.push_back(std::move(name));
    }
    return privileges;
}

Params privileges_of(const Uuid& flow_id, Oid role) {
    return std::move(Params().uuid(flow_id).oid(role));
}

std::vector<std::optional<std::string_view>> views_of(const Privileges& privileges) {
    return {privileges.begin(), privileges.end()};
}

void grant_on_flow(FunctionCallInfo fcinfo, const Privileges& privileges) {
    require_writable("grant rights on a flow");
    const Oid user = GetUserId();
    const std::string name = flow_argument(fcinfo);
    const Oid role = existing_role_argument(fcinfo, 1);
    const AsExtensionOwner owner;
    Spi spi;
    const FlowIdentity flow = get_own_flow(spi, name, FlowLock::KeyShare, user, "grant rights on");
    spi.run(insert_grant, std::move(privileges_of(flow.flow_id, role).oid(user).texts(views_of(privileges))));
}

void revoke_on_flow(FunctionCallInfo fcinfo, const Privileges& privileges) {
    require_writable("revoke rights on a flow");
    const Oid user = GetUserId();
    const std::string name = flow_argument(fcinfo);
    const Oid role = role_argument(fcinfo, 1);
    const AsExtensionOwner owner;
    Spi spi;
    const FlowIdentity flow = get_own_flow(spi, name, FlowLock::KeyShare, user, "revoke rights on");
    for (Statement* statement : {&delete_all_of_grant, &delete_of_grant})
        spi.run(*statement, std::move(privileges_of(flow.flow_id, role).texts(views_of(privileges))));
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_grant_flow) {
    grant_on_flow(fcinfo, privileges_argument(fcinfo, 2));
    PG_RETURN_VOID();
}

FLOWCTL_FUNCTION(flowctl_revoke_flow) {
    revoke_on_flow(fcinfo, privileges_argument(fcinfo, 2));
    PG_RETURN_VOID();
}

FLOWCTL_FUNCTION(flowctl_grant_start) {
    grant_on_flow(fcinfo, {"start"});
    PG_RETURN_VOID();
}

FLOWCTL_FUNCTION(flowctl_revoke_start) {
    revoke_on_flow(fcinfo, {"start"});
    PG_RETURN_VOID();
}

}  // namespace flowctl::pg
