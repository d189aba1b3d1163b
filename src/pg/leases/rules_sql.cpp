// flowctl.add_lease_rule() and drop_lease_rule().
//
// A rule gives a role to runs that meet its conditions, where they call one endpoint. To add it takes the
// privileges of the endpoint's owner and the right to grant the role; to drop it takes either of them. A rule
// gives nothing that the run's role could not grant: each lease is checked for that (plan.hpp).
#include "core/json.hpp"
#include "pg/endpoints/endpoint.hpp"
#include "pg/leases/plan.hpp"
#include "pg/policies/rule_arguments.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"

namespace flowctl::pg {

namespace {

Statement insert_sql(R"(
    INSERT INTO flowctl_catalog.lease_rule (name, endpoint, role, conditions, comment, created_by)
    VALUES ($1, $2, $3, $4, $5, pg_catalog.pg_get_userbyid($6)) ON CONFLICT DO NOTHING)",
                     {TEXTOID, TEXTOID, OIDOID, TEXTOID, TEXTOID, OIDOID});
Statement find_sql("SELECT endpoint, coalesce(role::oid, 0) FROM flowctl_catalog.lease_rule WHERE name = $1 FOR UPDATE",
                   {TEXTOID});
Statement delete_sql("DELETE FROM flowctl_catalog.lease_rule WHERE name = $1", {TEXTOID});

constexpr const char* kWants = "A lease rule has a name, an endpoint and a role.";

// The same claim may mean something else at another issuer, so a rule about claims names the issuer.
void check_issuer(const json::Value& conditions) {
    const json::Value* subject = conditions.find("subject");
    const bool nobody = subject != nullptr && subject->is_bool() && !subject->as_bool();
    const bool about_user = conditions.find("claims") != nullptr || (subject != nullptr && !nobody);
    if (!about_user || conditions.find("issuer") != nullptr) return;
    throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                    "conditions about claims or the subject need the condition \"issuer\"",
                    "Another issuer may have the same names for other people: say whose claims count.");
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_add_lease_rule) {
    require_writable("add a lease rule");
    const std::string name = required_argument(fcinfo, 0, "name", kWants);
    const std::string endpoint = required_argument(fcinfo, 1, "endpoint", kWants);
    if (PG_ARGISNULL(2)) throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "role must not be null", kWants);
    const Oid role = PG_GETARG_OID(2);
    check_rule_name(name, "lease rule", "lease rules");
    if (!acts_for_owner_of(endpoint))
        throw UserError(
            ERRCODE_INSUFFICIENT_PRIVILEGE,
            "permission denied to add a lease rule for endpoint \"" + shortened_name(endpoint) + "\"",
            "The owner of the foreign server may, and superusers.");
    if (!endpoint_owner(endpoint))
        throw UserError(ERRCODE_UNDEFINED_OBJECT,
                        "endpoint \"" + shortened_name(endpoint) + "\" does not exist",
                        "An endpoint is a foreign server of wrapper flowctl_http.");
    const std::string role_text = role_name(role);
    if (!lease::may_grant(GetUserId(), role))
        throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                        "permission denied to lease role \"" + role_text + "\"",
                        "Who has ADMIN OPTION on the role may, and superusers.");
    const json::Value conditions = conditions_argument(fcinfo, 3);
    check_issuer(conditions);
    const auto comment = text_argument(fcinfo, 4);
    const Oid user = GetUserId();
    const AsExtensionOwner owner;
    Spi spi;
    if (const auto wrong = lease::objection_to_role(spi, role_text))
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, *wrong,
                        "Lease a role that has the privileges that the service needs, and nothing else.");
    Params params;
    params.text(name).text(endpoint).oid(role).text(json::dump(conditions)).text(comment).oid(user);
    if (spi.run(insert_sql, std::move(params)).processed() == 0)
        throw UserError(ERRCODE_DUPLICATE_OBJECT, "lease rule \"" + name + "\" already exists",
                        "Drop it first with flowctl.drop_lease_rule(), or choose another name.");
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_drop_lease_rule) {
    require_writable("drop a lease rule");
    const std::string name = required_argument(fcinfo, 0, "name", kWants);
    std::string endpoint;
    Oid role = InvalidOid;
    {
        const AsExtensionOwner owner;
        Spi spi;
        const Rows rows = spi.run(find_sql, std::move(Params().text(name)));
        if (rows.size() == 0)
            throw UserError(ERRCODE_UNDEFINED_OBJECT,
                            "lease rule \"" + shortened_name(name) + "\" does not exist",
                            "The view flowctl.lease_rules lists those that you may see.");
        endpoint = rows.text(0, 0);
        role = rows.oid(0, 1);
    }
    if (!acts_for_owner_of(endpoint) && !(OidIsValid(role) && lease::may_grant(GetUserId(), role)))
        throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                        "permission denied to drop lease rule \"" + shortened_name(name) + "\"",
                        "The owner of its endpoint may, who may grant its role, and superusers.");
    const AsExtensionOwner owner;
    Spi spi;
    spi.run(delete_sql, std::move(Params().text(name)));
    return Datum(0);
}

}  // namespace flowctl::pg
