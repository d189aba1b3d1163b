// Implementation of roles.hpp. No event has a password or its hash.
#include "pg/ddl_events/roles.hpp"

#include <map>
#include <set>

extern "C" {
#include "catalog/pg_auth_members.h"
#include "catalog/pg_db_role_setting.h"
}

namespace flowctl::pg::ddl_events {

namespace {

json::Value attributes_of(const ChangedRows& rows, HeapTuple row) {
    if (row == nullptr) return {};
    const auto flag = [&](AttrNumber column) { return json::Value::boolean(rows.boolean(row, column)); };
    json::Value valid_until;
    if (!rows.is_null(row, Anum_pg_authid_rolvaliduntil)) {
        const Datum until = rows.get(row, Anum_pg_authid_rolvaliduntil);
        constexpr int kUtc = 0;
        valid_until =
            json::Value::string(guarded([&] { return JsonEncodeDateTime(nullptr, until, TIMESTAMPTZOID, &kUtc); }));
    }
    return json::ObjectBuilder()
        .add("name", std::string_view(rows.name(row, Anum_pg_authid_rolname)))
        .add("superuser", flag(Anum_pg_authid_rolsuper))
        .add("inherit", flag(Anum_pg_authid_rolinherit))
        .add("createrole", flag(Anum_pg_authid_rolcreaterole))
        .add("createdb", flag(Anum_pg_authid_rolcreatedb))
        .add("login", flag(Anum_pg_authid_rolcanlogin))
        .add("replication", flag(Anum_pg_authid_rolreplication))
        .add("bypassrls", flag(Anum_pg_authid_rolbypassrls))
        .add("connection_limit", json::Value::integer(DatumGetInt32(rows.get(row, Anum_pg_authid_rolconnlimit))))
        .add("valid_until", valid_until)
        .build();
}

std::string password_of(const ChangedRows& rows, HeapTuple row) {
    if (row == nullptr || rows.is_null(row, Anum_pg_authid_rolpassword)) return {};
    return from_text(rows.get(row, Anum_pg_authid_rolpassword));
}

struct Membership {
    bool exists = false, admin = false, inherit = false, set = false;
    bool operator==(const Membership&) const = default;
    bool allows_more_than(const Membership& other) const {
        return (exists && !other.exists) || (admin && !other.admin) || (inherit && !other.inherit) ||
               (set && !other.set);
    }
};

Membership membership_of(const ChangedRows& rows, HeapTuple row) {
    if (row == nullptr) return {};
    Membership result{true, rows.boolean(row, Anum_pg_auth_members_admin_option), true, true};
#if PG_VERSION_NUM >= 160000
    result.inherit = rows.boolean(row, Anum_pg_auth_members_inherit_option);
    result.set = rows.boolean(row, Anum_pg_auth_members_set_option);
#endif
    return result;
}

json::Value json_of(const Membership& membership) {
    if (!membership.exists) return {};
    return json::ObjectBuilder()
        .add("admin", json::Value::boolean(membership.admin))
        .add("inherit", json::Value::boolean(membership.inherit))
        .add("set", json::Value::boolean(membership.set))
        .build();
}

// 'name=value' texts.
std::map<std::string, std::string> settings_of(const ChangedRows& rows, HeapTuple row) {
    std::map<std::string, std::string> settings;
    if (row == nullptr || rows.is_null(row, Anum_pg_db_role_setting_setconfig)) return settings;
    const Datum array = rows.get(row, Anum_pg_db_role_setting_setconfig);
    Datum* texts = nullptr;
    const int count = guarded([&] {
        int found = 0;
        deconstruct_array(DatumGetArrayTypePCopy(array), TEXTOID, -1, false, TYPALIGN_INT, &texts, nullptr, &found);
        return found;
    });
    for (int i = 0; i < count; i++) {
        const std::string text = from_text(texts[i]);
        const std::size_t equals = text.find('=');
        settings[text.substr(0, equals)] = equals == std::string::npos ? "" : text.substr(equals + 1);
    }
    return settings;
}

json::Value value_in(const std::map<std::string, std::string>& settings, const std::string& name) {
    const auto found = settings.find(name);
    return found == settings.end() ? json::Value() : json::Value::string(found->second);
}

// The values of settings that only superusers may read must not come to others by an event.
bool is_secret(const char* name) {
    return guarded([&] { return (GetConfigOptionFlags(name, true) & GUC_SUPERUSER_ONLY) != 0; });
}

}  // namespace

void report_roles(Observed& command) {
    const ChangedRows rows(AuthIdRelationId, command.ids, {Anum_pg_authid_oid});
    for (const RowChange& change : rows.changes())
        if (change.after == nullptr)
            command.roles_before[rows.oid(change.before, Anum_pg_authid_oid)] =
                rows.name(change.before, Anum_pg_authid_rolname);
    for (const RowChange& change : rows.changes()) {
        const char* const type = change.before == nullptr  ? "role.created"
                                 : change.after == nullptr ? "role.dropped"
                                                           : "role.altered";
        const std::string name =
            rows.name(change.after != nullptr ? change.after : change.before, Anum_pg_authid_rolname);
        const bool password_changed = password_of(rows, change.before) != password_of(rows, change.after);
        command.record(type, name,
                       json::ObjectBuilder()
                           .add("role", std::string_view(name))
                           .add("before", attributes_of(rows, change.before))
                           .add("after", attributes_of(rows, change.after))
                           .add("password_changed", json::Value::boolean(password_changed)));
    }
}

void report_memberships(const Observed& command) {
    // Since 16, each grantor has a row of his own.
    std::vector<AttrNumber> key = {Anum_pg_auth_members_roleid, Anum_pg_auth_members_member};
    if (PG_VERSION_NUM >= 160000) key.push_back(Anum_pg_auth_members_grantor);
    const ChangedRows rows(AuthMemRelationId, command.ids, key);
    for (const RowChange& change : rows.changes()) {
        HeapTuple const some = change.after != nullptr ? change.after : change.before;
        const Membership before = membership_of(rows, change.before);
        const Membership after = membership_of(rows, change.after);
        const std::string role = command.name_of_role(rows.oid(some, Anum_pg_auth_members_roleid));
        const auto report = [&](const char* type) {
            command.record(
                type, role,
                json::ObjectBuilder()
                    .add("role", std::string_view(role))
                    .add("member", std::string_view(command.name_of_role(rows.oid(some, Anum_pg_auth_members_member))))
                    .add("grantor", std::string_view(command.name_of_role(rows.oid(some, Anum_pg_auth_members_grantor))))
                    .add("before", json_of(before))
                    .add("after", json_of(after)));
        };
        if (before.allows_more_than(after)) report("role.revoked");
        if (after.allows_more_than(before)) report("role.granted");
    }
}

void report_settings(const Observed& command) {
    const ChangedRows rows(DbRoleSettingRelationId, command.ids,
                           {Anum_pg_db_role_setting_setdatabase, Anum_pg_db_role_setting_setrole});
    for (const RowChange& change : rows.changes()) {
        HeapTuple const some = change.after != nullptr ? change.after : change.before;
        const Oid database = rows.oid(some, Anum_pg_db_role_setting_setdatabase);
        const Oid role = rows.oid(some, Anum_pg_db_role_setting_setrole);
        const char* const database_name =
            guarded([&] { return OidIsValid(database) ? get_database_name(database) : nullptr; });
        const auto before = settings_of(rows, change.before);
        const auto after = settings_of(rows, change.after);
        std::set<std::string> names;
        for (const auto& [name, value] : before)
            names.insert(name);
        for (const auto& [name, value] : after)
            names.insert(name);
        for (const std::string& name : names) {
            const json::Value old_value = value_in(before, name);
            const json::Value new_value = value_in(after, name);
            if (json::equal(old_value, new_value)) continue;
            command.record("setting.changed", name,
                           json::ObjectBuilder()
                               .add("setting", std::string_view(name))
                               .add("role", OidIsValid(role) ? json::Value::string(command.name_of_role(role)) : json::Value())
                               .add("database", database_name ? json::Value::string(database_name) : json::Value())
                               .add("before", old_value)
                               .add("after", new_value));
        }
    }
}

void report_alter_system(const Observed& command, AlterSystemStmt* statement) {
    VariableSetStmt* const set = statement->setstmt;
    const bool resets_all = set->kind == VAR_RESET_ALL;
    const bool secret = !resets_all && is_secret(set->name);
    std::optional<std::string> value;
    if (set->kind == VAR_SET_VALUE) {
        const char* const text = guarded([set] { return ExtractSetVariableArgs(set); });
        if (text != nullptr) value = secret ? "<hidden>" : text;
    }
    std::optional<std::string> current;
    if (secret) {
        current = "<hidden>";
    } else if (!resets_all) {
        const char* const text = guarded([set] { return GetConfigOptionByName(set->name, nullptr, true); });
        if (text != nullptr) current = text;
    }
    const std::string name = resets_all ? "ALL" : set->name;
    command.record("setting.changed", name,
                   json::ObjectBuilder()
                       .add("setting", std::string_view(name))
                       .add("role", json::Value())
                       .add("database", json::Value())
                       .add("before", text_or_null(current))
                       .add("after", text_or_null(value)));
}

}  // namespace flowctl::pg::ddl_events
