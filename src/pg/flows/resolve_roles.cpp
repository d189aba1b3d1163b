// flowctl.resolve_roles(): says which role is meant where a restored dump names one that did not exist.
//
// It is called and nothing resolves a name by itself: a role that is created later under the name may be somebody
// else, and would have the rights of the one that is missing.
#include <map>
#include <string>
#include <vector>

#include "core/json.hpp"
#include "pg/flows/flow_admin.hpp"
#include "pg/flows/role_columns.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/quoting.hpp"
#include "pg/server/spi.hpp"
#include "pg/shared/wake.hpp"

namespace flowctl::pg {

namespace {

#define OF_MISSING_ROLE(column) column "::oid IS NULL AND " column "::pg_catalog.text = $1"

#define MISSING(table, column) \
    " UNION SELECT " column "::pg_catalog.text FROM flowctl_catalog." table " WHERE " column "::oid IS NULL"
Statement missing_sql("SELECT NULL::pg_catalog.text WHERE false" FLOWCTL_ROLE_COLUMNS(MISSING) " ORDER BY 1", {});
#undef MISSING

Statement flows_of("SELECT name FROM flowctl_catalog.flow WHERE " OF_MISSING_ROLE("owner") " ORDER BY name",
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
// `same`: what two rows of the table have in common, beside the role, that are the same right.
#define DROP_SAME(table, same)                                                                   \
    {"DELETE FROM flowctl_catalog." table " g WHERE " OF_MISSING_ROLE("g.role")                  \
     " AND EXISTS (SELECT FROM flowctl_catalog." table " o WHERE " same                          \
     " AND (o.role::oid = $2 OR " OF_MISSING_ROLE("o.role") " AND o.ctid < g.ctid))",            \
     {TEXTOID, OIDOID}}
Statement drop_same[] = {
    DROP_SAME("flow_grant", "o.flow_id = g.flow_id"),
    DROP_SAME("author", "true"),
    DROP_SAME("limit_grant", "o.limit_id = g.limit_id"),
    DROP_SAME("quota", "true"),
    DROP_SAME("activity_grant", "o.activity = g.activity"),
};
#undef DROP_SAME

#define GIVE(table, column)                                                                       \
    {"UPDATE flowctl_catalog." table " SET " column " = $2 WHERE " OF_MISSING_ROLE(column), {TEXTOID, OIDOID}},
Statement give[] = {FLOWCTL_ROLE_COLUMNS(GIVE)};
#undef GIVE

// An activity and a limit go with what others have been granted on them, as with DROP OWNED.
#define TAKE(table, column) {"DELETE FROM flowctl_catalog." table " WHERE " OF_MISSING_ROLE(column), {TEXTOID}}
Statement take[] = {
    TAKE("flow_grant", "role"),
    TAKE("author", "role"),
    TAKE("lease_rule", "role"),
    TAKE("quota", "role"),
    TAKE("limit_grant", "role"),
    {"DELETE FROM flowctl_catalog.limit_grant g USING flowctl_catalog.named_limit n"
     " WHERE g.limit_id = n.limit_id AND " OF_MISSING_ROLE("n.owner"),
     {TEXTOID}},
    TAKE("named_limit", "owner"),
    TAKE("activity_grant", "role"),
    {"DELETE FROM flowctl_catalog.activity_grant g USING flowctl_catalog.activity a"
     " WHERE g.activity = a.name AND " OF_MISSING_ROLE("a.owner"),
     {TEXTOID}},
    TAKE("activity", "owner"),
    {"DELETE FROM flowctl_catalog.schedule_state s USING flowctl_catalog.schedule d"
     " WHERE s.schedule_id = d.schedule_id AND " OF_MISSING_ROLE("d.owner"),
     {TEXTOID}},
    TAKE("schedule", "owner"),
    TAKE("event_rule", "owner"),
};
#undef TAKE
#undef OF_MISSING_ROLE

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
    for (Statement& statement : drop_same)
        spi.run(statement, std::move(Params().text(missing).oid(role)));
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
    // Runs that wait at a limit or a quota are measured by what there is now.
    if (changed > 0) wake::note_poke();
    PG_RETURN_INT32(static_cast<std::int32_t>(changed));
}

}  // namespace flowctl::pg
