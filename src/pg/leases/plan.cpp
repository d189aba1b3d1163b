// What a lease has, by options, rules and rights; see plan.hpp.
#include "pg/leases/plan.hpp"

#include <algorithm>

#include "net/crypto/encoding.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/quoting.hpp"

extern "C" {
#include "port.h"
}

namespace flowctl::pg::lease {

namespace {

// The roles that the named role is a member of and that must never be leased. Any membership counts, also one
// that neither inherits nor may SET ROLE today. A predefined role may be leased if its rights stay within
// databases.
Statement reaches_sql(R"(
    SELECT r.rolname::pg_catalog.text, r.rolsuper, r.oid = l.oid
    FROM pg_catalog.pg_roles l, pg_catalog.pg_roles r
    WHERE l.rolname = $1 AND (l.rolsuper OR pg_catalog.pg_has_role(l.oid, r.oid, 'MEMBER'))
      AND (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls
           OR (r.rolname LIKE 'pg\_%' AND r.rolname <> ALL (ARRAY['pg_database_owner', 'pg_read_all_data', 'pg_write_all_data',
               'pg_monitor', 'pg_read_all_settings', 'pg_read_all_stats', 'pg_stat_scan_tables'])))
    ORDER BY r.oid = l.oid DESC, r.rolsuper DESC, r.rolname LIMIT 1)",
                      {NAMEOID});

Statement rules_sql(R"(
    SELECT l.name, r.rolname::pg_catalog.text, l.conditions
    FROM flowctl_catalog.lease_rule l JOIN pg_catalog.pg_roles r ON r.oid = l.role::oid
    WHERE l.endpoint = $1 ORDER BY l.name)",
                    {TEXTOID});

Oid oid_of(const std::string& role) {
    return guarded([&] { return get_role_oid(role.c_str(), true); });
}

struct Rule {
    std::string name;
    std::string role;
};

// Rules of the endpoint that apply; with `perhaps` also rules that may apply to a run.
std::vector<Rule> rules_for(Spi& spi, const policy::Facts& facts, bool perhaps) {
    std::vector<Rule> rules;
    const Rows rows = spi.run(rules_sql, std::move(Params().text(facts.endpoint)));
    for (std::size_t i = 0; i < rows.size(); i++) {
        const auto conditions = json::parse(rows.text(i, 2));
        if (!conditions || !conditions->is_object()) continue;  // a rule that cannot be read gives nothing
        const policy::Truth holds = policy::applies(facts, *conditions);
        if (holds == policy::Truth::Yes || (perhaps && holds == policy::Truth::Unknown))
            rules.push_back({rows.text(i, 0), rows.text(i, 1)});
    }
    return rules;
}

constexpr char kNoRole[] =
    "its lease has no role: the endpoint has no option \"lease_roles\", and no rule applies "
    "(flowctl.add_lease_rule)";

// "flowctl_lease_<run>_<8 hex digits>". The server's log shows the name, and so the run, for each session.
std::string new_role_name(const Uuid& run) {
    std::string name = "flowctl_lease_";
    for (const char c : to_string(run))
        if (c != '-') name += c;
    unsigned char random[4];
    if (!pg_strong_random(random, sizeof random)) throw std::runtime_error("no random bytes can be had");
    return name + "_" + net::hex_encode({reinterpret_cast<const char*>(random), sizeof random});
}

// Encoded for a part of a connection URI.
std::string percent_encoded(std::string_view text) {
    std::string encoded;
    for (const char c : net::form_encode(text))
        if (c == '+')
            encoded += "%20";
        else
            encoded += c;
    return encoded;
}

std::string iso_time(std::int64_t unix_micros) {
    return from_text(guarded([&] {
        pg_tm fields{};
        fsec_t fraction = 0;
        if (timestamp2tm(to_timestamp(unix_micros), nullptr, &fields, &fraction, nullptr, nullptr) != 0)
            elog(ERROR, "timestamp out of range");
        return PointerGetDatum(
            cstring_to_text(psprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", fields.tm_year, fields.tm_mon,
                                     fields.tm_mday, fields.tm_hour, fields.tm_min, fields.tm_sec)));
    }));
}

}  // namespace

bool may_grant(Oid giver, Oid role) {
    return guarded([&] {
        if (superuser_arg(giver)) return true;
        // Asked about a role and itself, PostgreSQL 15 would look at the session's user.
        return giver != role && is_admin_of_role(giver, role);
    });
}

std::optional<std::string> objection_to_role(Spi& spi, const std::string& role) {
    if (!OidIsValid(oid_of(role))) return "there is no role " + in_quotes(role);
    Datum name = guarded([&] { return DirectFunctionCall1(namein, CStringGetDatum(role.c_str())); });
    const Rows rows = spi.run(reaches_sql, std::move(Params().datum(name)));
    if (rows.size() == 0) return std::nullopt;
    const std::string reached = rows.text(0, 0);
    const char* what = rows.boolean(0, 1)           ? "a superuser"
                       : reached.starts_with("pg_") ? "a predefined role that reaches beyond the database"
                                                    : "a role with CREATEROLE, CREATEDB, REPLICATION or "
                                                      "BYPASSRLS";
    if (rows.boolean(0, 2)) return "role " + in_quotes(role) + " cannot be leased: it is " + what;
    return "role " + in_quotes(role) + " cannot be leased: it is a member of " + in_quotes(reached) + ", " +
           what;
}

std::optional<std::string> objection(Spi& spi, const std::string& role, const Parties& parties) {
    if (auto wrong = objection_to_role(spi, role)) return wrong;
    const Oid oid = oid_of(role);
    if (!may_grant(parties.run_role, oid))
        return "the run's role " + in_quotes(role_name(parties.run_role)) + " may not grant role " +
               in_quotes(role) + ": GRANT " + identifier(role) + " TO " +
               identifier(role_name(parties.run_role)) + " WITH ADMIN OPTION";
    if (!acts_for(parties.endpoint_owner, oid) && !may_grant(parties.endpoint_owner, oid))
        return "foreign server " + in_quotes(parties.endpoint) + " belongs to role " +
               in_quotes(role_name(parties.endpoint_owner)) + ", which has not the privileges of role " +
               in_quotes(role) + " and so may not lease it: GRANT " + identifier(role) + " TO " +
               identifier(role_name(parties.endpoint_owner));
    return std::nullopt;
}

std::optional<std::string> objection_to_member(const std::string& member) {
    const Oid oid = oid_of(member);
    if (!OidIsValid(oid)) return "there is no role " + in_quotes(member) + " (lease_member)";
    const bool logs_in = guarded([&] {
        HeapTuple tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(oid));
        if (!HeapTupleIsValid(tuple)) return false;
        const bool can = reinterpret_cast<Form_pg_authid>(GETSTRUCT(tuple))->rolcanlogin;
        ReleaseSysCache(tuple);
        return can;
    });
    if (!logs_in) return "role " + in_quotes(member) + " (lease_member) cannot log in";
    return std::nullopt;
}

std::vector<net::Header> Plan::headers() const {
    const std::string database = guarded([] { return get_database_name(MyDatabaseId); });
    return {{"Flowctl-Database-User", percent_encoded(kind == Kind::Login ? role_name : member)},
            {"Flowctl-Database-Name", percent_encoded(database)},
            {"Flowctl-Database-Valid-Until", iso_time(valid_until)}};
}

std::variant<Plan, std::string> plan(Spi& spi, const Uuid& run, const Terms& terms, const Parties& parties,
                                     const policy::Facts& facts, const Ends& ends) {
    Plan plan;
    plan.run_id = run;
    plan.role_name = new_role_name(run);
    plan.kind = terms.kind;
    plan.parties = parties;
    plan.roles = terms.roles;
    plan.member = terms.member;
    plan.until_run = terms.until_run;
    plan.connections = terms.connections;
    for (Rule& rule : rules_for(spi, facts, false)) {
        if (std::find(plan.roles.begin(), plan.roles.end(), rule.role) == plan.roles.end())
            plan.roles.push_back(std::move(rule.role));
        plan.rules.push_back(std::move(rule.name));
    }
    if (plan.roles.empty()) return std::string(kNoRole);
    for (const std::string& role : plan.roles)
        if (auto wrong = objection(spi, role, parties)) return *std::move(wrong);
    if (plan.kind == Kind::Member)
        if (auto wrong = objection_to_member(plan.member)) return *std::move(wrong);
    plan.valid_until = ends.now + static_cast<std::int64_t>(guc::lease_lifetime) * 1'000'000;
    if (!plan.until_run) plan.valid_until = std::min(plan.valid_until, ends.call);
    if (ends.run) plan.valid_until = std::min(plan.valid_until, *ends.run);
    return plan;
}

std::optional<std::string> objection_to_definition(Spi& spi, const Terms& terms, const Parties& parties,
                                                   const policy::Facts& facts) {
    if (terms.roles.empty() && rules_for(spi, facts, true).empty()) return kNoRole;
    for (const std::string& role : terms.roles)
        if (auto wrong = objection(spi, role, parties)) return wrong;
    if (terms.kind == Kind::Member) return objection_to_member(terms.member);
    return std::nullopt;
}

}  // namespace flowctl::pg::lease
