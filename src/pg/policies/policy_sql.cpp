// flowctl.add_policy() and drop_policy().
//
// A policy for one endpoint is made and dropped by roles that have the privileges of its owner, a policy for
// all endpoints (endpoint NULL) by superusers. So the owner of one endpoint cannot take an administrator's
// policy away.
#include "core/json.hpp"
#include "pg/endpoints/endpoint.hpp"
#include "pg/policies/rule_arguments.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg {

namespace {

Statement insert_sql(R"(
    INSERT INTO flowctl_catalog.policy (name, effect, endpoint, conditions, comment, created_by)
    VALUES ($1, $2, $3, $4, $5, pg_catalog.pg_get_userbyid($6)) ON CONFLICT DO NOTHING)",
                     {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, OIDOID});
Statement find_sql("SELECT endpoint FROM flowctl_catalog.policy WHERE name = $1 FOR UPDATE", {TEXTOID});
Statement delete_sql("DELETE FROM flowctl_catalog.policy WHERE name = $1", {TEXTOID});

constexpr const char* kWants = "A policy has a name and an effect, permit or forbid.";

// `what`: "add a policy".
void require_right(const std::optional<std::string>& endpoint, const char* what) {
    if (endpoint ? acts_for_owner_of(*endpoint) : guarded([] { return superuser(); })) return;
    if (!endpoint)
        throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                        std::string("permission denied to ") + what + " for all endpoints",
                        "Only superusers may. Name an endpoint that you own.");
    throw UserError(
        ERRCODE_INSUFFICIENT_PRIVILEGE,
        std::string("permission denied to ") + what + " for endpoint \"" + shortened_name(*endpoint) + "\"",
        "The owner of the foreign server may, and superusers.");
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_add_policy) {
    require_writable("add a policy");
    const std::string name = required_argument(fcinfo, 0, "name", kWants);
    const std::string effect = required_argument(fcinfo, 1, "effect", kWants);
    const auto endpoint = text_argument(fcinfo, 2);
    check_rule_name(name, "policy", "policies");
    if (effect != "permit" && effect != "forbid")
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        "\"" + shortened_name(effect) + "\" is not an effect of a policy",
                        "It is permit or forbid; what is forbidden stays so whatever permits it.");
    require_right(endpoint, "add a policy");
    if (endpoint && !endpoint_owner(*endpoint))
        throw UserError(ERRCODE_UNDEFINED_OBJECT,
                        "endpoint \"" + shortened_name(*endpoint) + "\" does not exist",
                        "An endpoint is a foreign server of wrapper flowctl_http; NULL means all of them.");
    const std::string conditions = json::dump(conditions_argument(fcinfo, 3));
    const auto comment = text_argument(fcinfo, 4);
    const Oid user = GetUserId();
    const AsExtensionOwner owner;
    Spi spi;
    Params params;
    params.text(name).text(effect).text(endpoint).text(conditions).text(comment).oid(user);
    if (spi.run(insert_sql, std::move(params)).processed() == 0)
        throw UserError(ERRCODE_DUPLICATE_OBJECT, "policy \"" + name + "\" already exists",
                        "Drop it first with flowctl.drop_policy(), or choose another name.");
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_drop_policy) {
    require_writable("drop a policy");
    const std::string name = required_argument(fcinfo, 0, "name", kWants);
    std::optional<std::string> endpoint;
    {
        const AsExtensionOwner owner;
        Spi spi;
        const Rows rows = spi.run(find_sql, std::move(Params().text(name)));
        if (rows.size() == 0)
            throw UserError(ERRCODE_UNDEFINED_OBJECT,
                            "policy \"" + shortened_name(name) + "\" does not exist",
                            "The view flowctl.policies lists those that you may see.");
        endpoint = rows.optional_text(0, 0);
    }
    require_right(endpoint, "drop a policy");
    const AsExtensionOwner owner;
    Spi spi;
    spi.run(delete_sql, std::move(Params().text(name)));
    return Datum(0);
}

}  // namespace flowctl::pg
