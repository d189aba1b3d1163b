// The list of kinds, and the kinds whose objects are made by one function and dropped by another.
#include "pg/records/kinds.hpp"

#include <algorithm>
#include <map>

#include "core/difference/words.hpp"
#include "pg/records/document.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg::records {

void Changes::add(std::string line) {
    if (lines_.size() < kMostLines)
        lines_.push_back(std::move(line));
    else if (!is_full_)
        lines_.push_back("and more changes, which are not listed");
    is_full_ = lines_.size() > kMostLines;
}

void Changes::add(const std::vector<std::string>& lines) {
    for (const std::string& line : lines)
        add(line);
}

namespace {

// An object that is whole in one row of a view.
struct SimpleKind {
    std::string_view key;
    const char* word;                      // for messages: "policy"
    std::vector<std::string_view> members;
    Statement& read;                       // $1 pattern; name and object, in the order of names
    Statement& make;                       // $1 name, $2 object
    Statement* change;                     // the same; null: it is dropped and made again
    Statement* drop;                       // $1 name; null where there is `change`
    Statement* grant = nullptr;            // $1 name, $2 object with `grants`; null: nothing is granted on it
};

std::vector<Object> read_simple(Spi& spi, const SimpleKind& kind, const std::string& pattern) {
    const Rows rows = spi.run(kind.read, std::move(Params().text(pattern)));
    std::vector<Object> objects;
    for (std::size_t i = 0; i < rows.size(); i++)
        if (auto value = json::parse(rows.text(i, 1))) objects.push_back({rows.text(i, 0), std::move(*value)});
    return objects;
}

// The members that the document leaves out keep the value that they have.
json::Value completed(const json::Value& before, const json::Value& given) {
    json::Value value = before;
    for (const json::Member& member : given.members())
        value = json::with_member(value, member.key, member.value);
    return value;
}

// Grants what the object says, and takes back everything else.
void grant(Spi& spi, const SimpleKind& kind, const std::string& name, const json::Value& object) {
    const json::Value* grants = object.find("grants");
    if (kind.grant == nullptr || grants == nullptr) return;
    const bool is_list = grants->is_array() && std::all_of(grants->items().begin(), grants->items().end(),
                                                           [](const json::Value& role) { return role.is_string(); });
    if (!is_list)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        "grants of " + std::string(kind.word) + " " + shortened_name(name) + " is no list of roles",
                        "It is an array of names, as flowctl.export() gives it.");
    spi.run(*kind.grant, std::move(Params().text(name).text(json::dump(object))));
}

void apply_simple(Spi& spi, const SimpleKind& kind, const std::vector<json::Member>& objects, Changes& changes) {
    std::map<std::string, json::Value> present;
    for (Object& object : read_simple(spi, kind, "%"))
        present.emplace(std::move(object.name), std::move(object.value));
    for (const json::Member& given : objects) {
        const std::string what = std::string(kind.word) + " " + shortened_name(given.key);
        require_members(given.value, what, kind.members);
        const auto before = present.find(given.key);
        if (before == present.end()) {
            changes.add(what + ": new");
            spi.run(kind.make, std::move(Params().text(given.key).text(json::dump(given.value))));
            grant(spi, kind, given.key, given.value);
            continue;
        }
        const json::Value after = completed(before->second, given.value);
        if (json::equal(before->second, after)) continue;
        changes.add(difference::words(before->second, after, what + ": ", Changes::kMostOfOne));
        if (kind.drop != nullptr) spi.run(*kind.drop, std::move(Params().text(given.key)));
        Statement& write = kind.change != nullptr ? *kind.change : kind.make;
        spi.run(write, std::move(Params().text(given.key).text(json::dump(after))));
        grant(spi, kind, given.key, after);
    }
}

Kind simple(const SimpleKind& kind) {
    return {kind.key,
            [kind](Spi& spi, const std::string& pattern) { return read_simple(spi, kind, pattern); },
            [kind](Spi& spi, const std::vector<json::Member>& objects, Changes& changes) {
                apply_simple(spi, kind, objects, changes);
            }};
}

Statement read_policies(R"(
    SELECT p.name, pg_catalog.jsonb_build_object('effect', p.effect, 'endpoint', p.endpoint, 'conditions', p.conditions,
                                                 'comment', p.comment)::text
    FROM flowctl.policies p WHERE p.name LIKE $1 ORDER BY p.name COLLATE "C")",
                        {TEXTOID});
Statement drop_policy("SELECT flowctl.drop_policy($1)", {TEXTOID});
Statement make_policy(R"(
    SELECT flowctl.add_policy($1, o ->> 'effect', o ->> 'endpoint', coalesce(o -> 'conditions', '{}'), o ->> 'comment')
    FROM (SELECT $2::pg_catalog.jsonb) d (o))",
                      {TEXTOID, TEXTOID});

Statement read_lease_rules(R"(
    SELECT l.name, pg_catalog.jsonb_build_object('endpoint', l.endpoint, 'role', pg_catalog.pg_get_userbyid(l.role),
                                                 'conditions', l.conditions, 'comment', l.comment)::text
    FROM flowctl.lease_rules l WHERE l.name LIKE $1 AND l.role IS NOT NULL ORDER BY l.name COLLATE "C")",
                           {TEXTOID});
Statement drop_lease_rule("SELECT flowctl.drop_lease_rule($1)", {TEXTOID});
Statement make_lease_rule(R"(
    SELECT flowctl.add_lease_rule($1, o ->> 'endpoint', pg_catalog.quote_ident(o ->> 'role')::pg_catalog.regrole,
                                  coalesce(o -> 'conditions', '{}'), o ->> 'comment')
    FROM (SELECT $2::pg_catalog.jsonb) d (o))",
                          {TEXTOID, TEXTOID});

// Whoever is granted an activity sees it, but the owner keeps it.
Statement read_activities(R"(
    SELECT a.name, pg_catalog.jsonb_build_object(
               'comment', a.comment,
               'grants', (SELECT coalesce(pg_catalog.jsonb_agg(g.name ORDER BY g.name COLLATE "C"), '[]')
                          FROM (SELECT pg_catalog.pg_get_userbyid(x.role)::text AS name FROM flowctl.activity_grants x
                                WHERE x.activity = a.name AND x.role IS NOT NULL) g))::text
    FROM flowctl.activities a
    WHERE a.name LIKE $1 AND (pg_catalog.pg_has_role(a.owner, 'USAGE') OR pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
    ORDER BY a.name COLLATE "C")",
                          {TEXTOID});
Statement make_activity("SELECT flowctl.create_activity($1, $2::pg_catalog.jsonb ->> 'comment')", {TEXTOID, TEXTOID});

Statement grant_activity(R"(
    SELECT (SELECT pg_catalog.count(flowctl.grant_activity($1, pg_catalog.quote_ident(r)::pg_catalog.regrole))
            FROM pg_catalog.jsonb_array_elements_text(o -> 'grants') r),
           (SELECT pg_catalog.count(flowctl.revoke_activity($1, g.role))
            FROM flowctl.activity_grants g
            WHERE g.activity = $1 AND g.role IS NOT NULL
                  AND NOT o -> 'grants' OPERATOR(pg_catalog.?) pg_catalog.pg_get_userbyid(g.role)::text)
    FROM (SELECT $2::pg_catalog.jsonb) d (o))",
                         {TEXTOID, TEXTOID});

Statement read_limits(R"(
    SELECT l.name, pg_catalog.jsonb_build_object(
               'slots', l.slots, 'rate', l.rate, 'burst', l.burst,
               'grants', (SELECT coalesce(pg_catalog.jsonb_agg(g.name ORDER BY g.name COLLATE "C"), '[]')
                          FROM (SELECT pg_catalog.pg_get_userbyid(x.role)::text AS name FROM flowctl.limit_grants x
                                WHERE x.limit_name = l.name AND x.role IS NOT NULL) g))::text
    FROM flowctl.limits l
    WHERE l.kind = 'shared' AND l.name LIKE $1
      AND (pg_catalog.pg_has_role(l.owner, 'USAGE') OR pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
    ORDER BY l.name COLLATE "C")",
                      {TEXTOID});
Statement make_limit(R"(
    SELECT flowctl.create_limit($1, (o ->> 'slots')::int, o ->> 'rate', (o ->> 'burst')::int)
    FROM (SELECT $2::pg_catalog.jsonb) d (o))",
                     {TEXTOID, TEXTOID});
Statement change_limit(R"(
    SELECT flowctl.alter_limit($1, (o ->> 'slots')::int, o ->> 'rate', (o ->> 'burst')::int)
    FROM (SELECT $2::pg_catalog.jsonb) d (o))",
                       {TEXTOID, TEXTOID});

Statement read_schedules(R"(
    SELECT s.name, pg_catalog.jsonb_build_object(
               'flow', s.flow, 'schedule', s.schedule, 'input', s.input, 'time_zone', s.time_zone,
               'starts_at', pg_catalog.to_char(s.starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
               'ends_at', pg_catalog.to_char(s.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
               'catch_up', s.catch_up, 'overlap', s.overlap, 'jitter', extract(epoch FROM s.jitter)::text || ' seconds',
               'pause_on_failure', s.pause_on_failure, 'comment', s.comment, 'paused', s.status = 'PAUSED')::text
    FROM flowctl.schedules s
    WHERE s.name LIKE $1 AND (pg_catalog.pg_has_role(s.owner, 'USAGE') OR pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
    ORDER BY s.name COLLATE "C")",
                         {TEXTOID});
// A schedule that is paused in the document is made paused, and is not resumed by one that says nothing of it.
Statement make_schedule(R"(
    SELECT flowctl.create_schedule(
               $1, o ->> 'flow', o ->> 'schedule', coalesce(o -> 'input', '{}'), coalesce(o ->> 'time_zone', 'UTC'),
               (o ->> 'starts_at')::timestamptz, (o ->> 'ends_at')::timestamptz, coalesce(o ->> 'catch_up', 'none'),
               coalesce(o ->> 'overlap', 'allow'), coalesce((o ->> 'jitter')::interval, '0'),
               coalesce((o ->> 'pause_on_failure')::boolean, false), o ->> 'comment', true),
           CASE (o ->> 'paused')::boolean WHEN true THEN flowctl.pause_schedule($1, 'paused in the document')
                                          WHEN false THEN flowctl.resume_schedule($1) END
    FROM (SELECT $2::pg_catalog.jsonb) d (o))",
                        {TEXTOID, TEXTOID});

Statement grant_limit(R"(
    SELECT (SELECT pg_catalog.count(flowctl.grant_limit($1, pg_catalog.quote_ident(r)::pg_catalog.regrole))
            FROM pg_catalog.jsonb_array_elements_text(o -> 'grants') r),
           (SELECT pg_catalog.count(flowctl.revoke_limit($1, g.role))
            FROM flowctl.limit_grants g
            WHERE g.limit_name = $1 AND g.role IS NOT NULL
                  AND NOT o -> 'grants' OPERATOR(pg_catalog.?) pg_catalog.pg_get_userbyid(g.role)::text)
    FROM (SELECT $2::pg_catalog.jsonb) d (o))",
                      {TEXTOID, TEXTOID});

Statement read_event_rules(R"(
    SELECT r.name, pg_catalog.jsonb_build_object('flow', r.flow, 'event', r.event, 'filter', r.filter, 'input', r.input,
                                                 'options', r.options, 'comment', r.comment)::text
    FROM flowctl.event_rules r
    WHERE r.name LIKE $1 AND (pg_catalog.pg_has_role(r.owner, 'USAGE') OR pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
    ORDER BY r.name COLLATE "C")",
                           {TEXTOID});
Statement make_event_rule(R"(
    SELECT flowctl.create_event_rule($1, o ->> 'flow', o ->> 'event', o ->> 'filter', o ->> 'input', o ->> 'comment',
                                     coalesce(o -> 'options', '{}'), true)
    FROM (SELECT $2::pg_catalog.jsonb) d (o))",
                          {TEXTOID, TEXTOID});

}  // namespace

const std::vector<Kind>& kinds() {
    static const std::vector<Kind> list = {
        simple({"activities", "activity", {"comment", "grants"}, read_activities, make_activity, &make_activity, nullptr,
                &grant_activity}),
        simple({"limits", "limit", {"slots", "rate", "burst", "grants"}, read_limits, make_limit, &change_limit, nullptr,
                &grant_limit}),
        simple({"policies", "policy", {"effect", "endpoint", "conditions", "comment"}, read_policies, make_policy,
                nullptr, &drop_policy}),
        simple({"lease_rules", "lease rule", {"endpoint", "role", "conditions", "comment"}, read_lease_rules,
                make_lease_rule, nullptr, &drop_lease_rule}),
        flow_kind(),
        simple({"schedules", "schedule",
                {"flow", "schedule", "input", "time_zone", "starts_at", "ends_at", "catch_up", "overlap", "jitter",
                 "pause_on_failure", "comment", "paused"},
                read_schedules, make_schedule, &make_schedule, nullptr}),
        simple({"event_rules", "event rule", {"flow", "event", "filter", "input", "options", "comment"}, read_event_rules,
                make_event_rule, &make_event_rule, nullptr}),
    };
    return list;
}

}  // namespace flowctl::pg::records
