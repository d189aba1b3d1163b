// flowctl.resolve_roles(): says which role is meant where a restored dump names one that did not exist.
//
// It is called and nothing resolves a name by itself: a role that is created later under the name may be somebody
// else, and would have the rights of the one that is missing.
#include <map>
#include <string>
#include <vector>

#include "core/json.hpp"
#include "pg/flows/flow_admin.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/quoting.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg {

namespace {

Statement missing_sql(R"(
    SELECT f.owner::pg_catalog.text FROM flowctl_catalog.flow f WHERE f.owner::oid IS NULL
    UNION SELECT g.role::pg_catalog.text FROM flowctl_catalog.flow_grant g WHERE g.role::oid IS NULL
    UNION SELECT a.role::pg_catalog.text FROM flowctl_catalog.author a WHERE a.role::oid IS NULL
    UNION SELECT l.role::pg_catalog.text FROM flowctl_catalog.lease_rule l WHERE l.role::oid IS NULL
    UNION SELECT n.owner::pg_catalog.text FROM flowctl_catalog.named_limit n WHERE n.owner::oid IS NULL
    UNION SELECT g.role::pg_catalog.text FROM flowctl_catalog.limit_grant g WHERE g.role::oid IS NULL
    UNION SELECT q.role::pg_catalog.text FROM flowctl_catalog.quota q WHERE q.role::oid IS NULL
    UNION SELECT a.owner::pg_catalog.text FROM flowctl_catalog.activity a WHERE a.owner::oid IS NULL
    UNION SELECT g.role::pg_catalog.text FROM flowctl_catalog.activity_grant g WHERE g.role::oid IS NULL
    ORDER BY 1)",
                      {});

Statement flows_of(
    "SELECT name FROM flowctl_catalog.flow WHERE owner::oid IS NULL AND owner::pg_catalog.text = $1 ORDER BY name",
    {TEXTOID});

// A role that has the right already needs it no second time. Rows of missing roles may also stand there twice,
// because no index can tell that they are the same, when the data of a dump were restored twice.
Statement add_same_grants(R"(
    UPDATE flowctl_catalog.flow_grant o
    SET privileges = ARRAY(SELECT p FROM pg_catalog.unnest('{start,operate,read,read_payload}'::pg_catalog.text[]) p
                           WHERE p = ANY (o.privileges) OR p = ANY (g.privileges))
    FROM flowctl_catalog.flow_grant g
    WHERE g.flow_id = o.flow_id AND g.role::oid IS NULL AND g.role::pg_catalog.text = $1 AND o.role::oid = $2)",
                          {TEXTOID, OIDOID});
Statement drop_same_grants(R"(
    DELETE FROM flowctl_catalog.flow_grant g
    WHERE g.role::oid IS NULL AND g.role::pg_catalog.text = $1
      AND EXISTS (SELECT FROM flowctl_catalog.flow_grant o
                  WHERE o.flow_id = g.flow_id
                    AND (o.role::oid = $2
                         OR o.role::oid IS NULL AND o.role::pg_catalog.text = $1 AND o.ctid < g.ctid)))",
                           {TEXTOID, OIDOID});
Statement drop_same_author(R"(
    DELETE FROM flowctl_catalog.author a
    WHERE a.role::oid IS NULL AND a.role::pg_catalog.text = $1
      AND EXISTS (SELECT FROM flowctl_catalog.author o
                  WHERE o.role::oid = $2
                     OR o.role::oid IS NULL AND o.role::pg_catalog.text = $1 AND o.ctid < a.ctid))",
                           {TEXTOID, OIDOID});

Statement drop_same_limit_grants(R"(
    DELETE FROM flowctl_catalog.limit_grant g
    WHERE g.role::oid IS NULL AND g.role::pg_catalog.text = $1
      AND EXISTS (SELECT FROM flowctl_catalog.limit_grant o
                  WHERE o.limit_id = g.limit_id
                    AND (o.role::oid = $2
                         OR o.role::oid IS NULL AND o.role::pg_catalog.text = $1 AND o.ctid < g.ctid)))",
                                {TEXTOID, OIDOID});
Statement drop_same_quota(R"(
    DELETE FROM flowctl_catalog.quota q
    WHERE q.role::oid IS NULL AND q.role::pg_catalog.text = $1
      AND EXISTS (SELECT FROM flowctl_catalog.quota o
                  WHERE o.role::oid = $2
                     OR o.role::oid IS NULL AND o.role::pg_catalog.text = $1 AND o.ctid < q.ctid))",
                          {TEXTOID, OIDOID});
Statement drop_same_activity_grants(R"(
    DELETE FROM flowctl_catalog.activity_grant g
    WHERE g.role::oid IS NULL AND g.role::pg_catalog.text = $1
      AND EXISTS (SELECT FROM flowctl_catalog.activity_grant o
                  WHERE o.activity = g.activity
                    AND (o.role::oid = $2
                         OR o.role::oid IS NULL AND o.role::pg_catalog.text = $1 AND o.ctid < g.ctid)))",
                                    {TEXTOID, OIDOID});

Statement give[] = {
    {"UPDATE flowctl_catalog.named_limit SET owner = $2 WHERE owner::oid IS NULL AND owner::pg_catalog.text = $1",
     {TEXTOID, OIDOID}},
    {"UPDATE flowctl_catalog.limit_grant SET role = $2 WHERE role::oid IS NULL AND role::pg_catalog.text = $1",
     {TEXTOID, OIDOID}},
    {"UPDATE flowctl_catalog.quota SET role = $2 WHERE role::oid IS NULL AND role::pg_catalog.text = $1",
     {TEXTOID, OIDOID}},
    {"UPDATE flowctl_catalog.flow SET owner = $2 WHERE owner::oid IS NULL AND owner::pg_catalog.text = $1",
     {TEXTOID, OIDOID}},
    {"UPDATE flowctl_catalog.flow_grant SET role = $2 WHERE role::oid IS NULL AND role::pg_catalog.text = $1",
     {TEXTOID, OIDOID}},
    {"UPDATE flowctl_catalog.author SET role = $2 WHERE role::oid IS NULL AND role::pg_catalog.text = $1",
     {TEXTOID, OIDOID}},
    {"UPDATE flowctl_catalog.lease_rule SET role = $2 WHERE role::oid IS NULL AND role::pg_catalog.text = $1",
     {TEXTOID, OIDOID}},
    {"UPDATE flowctl_catalog.activity SET owner = $2 WHERE owner::oid IS NULL AND owner::pg_catalog.text = $1",
     {TEXTOID, OIDOID}},
    {"UPDATE flowctl_catalog.activity_grant SET role = $2 WHERE role::oid IS NULL AND role::pg_catalog.text = $1",
     {TEXTOID, OIDOID}},
};
Statement take[] = {
    {"DELETE FROM flowctl_catalog.limit_grant WHERE role::oid IS NULL AND role::pg_catalog.text = $1", {TEXTOID}},
    {"DELETE FROM flowctl_catalog.quota WHERE role::oid IS NULL AND role::pg_catalog.text = $1", {TEXTOID}},
    {"DELETE FROM flowctl_catalog.flow_grant WHERE role::oid IS NULL AND role::pg_catalog.text = $1", {TEXTOID}},
    {"DELETE FROM flowctl_catalog.author WHERE role::oid IS NULL AND role::pg_catalog.text = $1", {TEXTOID}},
    {"DELETE FROM flowctl_catalog.lease_rule WHERE role::oid IS NULL AND role::pg_catalog.text = $1", {TEXTOID}},
    {"DELETE FROM flowctl_catalog.activity WHERE owner::oid IS NULL AND owner::pg_catalog.text = $1", {TEXTOID}},
    {"DELETE FROM flowctl_catalog.activity_grant WHERE role::oid IS NULL AND role::pg_catalog.text = $1", {TEXTOID}},
};

constexpr const char* kMapHint = "Map names of missing roles to names of roles, or to null: {\"alice\": \"bob\", \"carol\": null}.";

Oid existing_role(const std::string& name) {
    const char* const text = name.c_str();
    return guarded([text] { return get_role_oid(text, true); });
}

// Which role each name stands for; nullopt where its rights are to be taken away.
using Map = std::map<std::string, std::optional<Oid>>;

Map read_map(FunctionCallInfo fcinfo) {
    const auto text = jsonb_argument_text(fcinfo, 0);
    Map map;
    if (!text) return map;
    const auto object = json::parse(*text);
    if (!object || !object->is_object())
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "map must be a JSON object", kMapHint);
    for (const auto& [name, value] : object->members()) {
        if (value.is_null()) {
            map[std::string(name)] = std::nullopt;
            continue;
        }
        if (!value.is_string())
            throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                            "what map says of role " + in_quotes(shortened_name(name)) + " is not the name of a role", kMapHint);
        const Oid role = existing_role(std::string(value.as_string()));
        if (!OidIsValid(role))
            throw UserError(ERRCODE_UNDEFINED_OBJECT,
                            "role " + in_quotes(shortened_name(value.as_string())) + " does not exist",
                            "Create it first, or map " + in_quotes(shortened_name(name)) + " to another role.");
        map[std::string(name)] = role;
    }
    return map;
}

std::int64_t give_to(Spi& spi, const std::string& missing, Oid role) {
    std::vector<std::string> names;
    {
        const Rows rows = spi.run(flows_of, std::move(Params().text(missing)));
        for (std::size_t i = 0; i < rows.size(); i++)
            names.push_back(rows.text(i, 0));
    }
    for (const std::string& name : names)
        if (const auto flow = find_flow_by_name(spi, name, FlowLock::Change))
            require_superusers_work(spi, *flow, role);
    spi.run(add_same_grants, std::move(Params().text(missing).oid(role)));
    spi.run(drop_same_grants, std::move(Params().text(missing).oid(role)));
    spi.run(drop_same_limit_grants, std::move(Params().text(missing).oid(role)));
    spi.run(drop_same_quota, std::move(Params().text(missing).oid(role)));
    spi.run(drop_same_author, std::move(Params().text(missing).oid(role)));
    spi.run(drop_same_activity_grants, std::move(Params().text(missing).oid(role)));
    std::int64_t changed = 0;
    for (Statement& statement : give)
        changed += static_cast<std::int64_t>(spi.run(statement, std::move(Params().text(missing).oid(role))).processed());
    return changed;
}

std::int64_t take_away(Spi& spi, const std::string& missing) {
    const Rows flows = spi.run(flows_of, std::move(Params().text(missing)));
    if (flows.size() != 0)
        throw UserError(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
                        "role " + in_quotes(missing) + " owns flow " + in_quotes(flows.text(0, 0)),
                        "Drop its flows by flowctl.drop_flow(), or give them to a role by flowctl.alter_flow_owner().");
    std::int64_t changed = 0;
    for (Statement& statement : take)
        changed += static_cast<std::int64_t>(spi.run(statement, std::move(Params().text(missing))).processed());
    return changed;
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_resolve_roles) {
    require_writable("resolve roles");
    require_administrator("resolve roles");
    const Map map = read_map(fcinfo);
    const AsExtensionOwner owner;
    Spi spi;
    std::vector<std::string> names;
    {
        const Rows rows = spi.run(missing_sql);
        for (std::size_t i = 0; i < rows.size(); i++)
            names.push_back(rows.text(i, 0));
    }
    std::int64_t changed = 0;
    for (const std::string& name : names) {
        const auto said = map.find(name);
        if (said != map.end() && !said->second) {
            changed += take_away(spi, name);
            continue;
        }
        const Oid role = said != map.end() ? *said->second : existing_role(name);
        if (OidIsValid(role)) changed += give_to(spi, name, role);
    }
    PG_RETURN_INT32(static_cast<std::int32_t>(changed));
}

}  // namespace flowctl::pg
