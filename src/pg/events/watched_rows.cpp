// SQL of watched_rows.hpp.
#include "pg/events/watched_rows.hpp"

#include <algorithm>
#include <string>

#include "core/json.hpp"
#include "pg/events/depth.hpp"
#include "pg/events/event_rows.hpp"
#include "pg/events/rules.hpp"
#include "pg/server/index_scans.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg::events {

namespace {

// Denials that commit in another order than that of their numbers are found by looking back.
constexpr std::int64_t kLookBack = 10'000'000;  // us

Statement new_denials_sql(R"(
    SELECT d.denial_id, d.action, d.object, d.role_name, d.session_user_name, d.subject, d.reason, d.run_id, r.oid
    FROM flowctl_catalog.denial d LEFT JOIN pg_catalog.pg_roles r ON r.rolname = d.role_name
    WHERE d.denial_id > $1
      AND NOT EXISTS (SELECT FROM flowctl_catalog.event e
                      WHERE e.is_named AND e.emitter = coalesce(r.oid, 10) AND e.source = $2 AND e.id = 'denial/' || d.denial_id)
    ORDER BY d.denial_id LIMIT 200)",
                          {INT8OID, TEXTOID});

Statement new_leases_sql(R"(
    SELECT n.type, n.at, l.role_name, pg_catalog.jsonb_build_object('endpoint', l.endpoint, 'kind', l.kind, 'role_name', l.role_name,
               'roles', l.roles, 'rules', l.rules, 'member', l.member, 'run_id', l.run_id, 'created_at', l.created_at,
               'valid_until', l.valid_until, 'ended_at', l.ended_at, 'ended_by', l.ended_by)::pg_catalog.text,
           r.run_id, r.role::oid, coalesce(f.owner::oid, r.flow_owner::oid), r.session_user_name, r.subject, r.traceparent, r.event
    FROM (SELECT 'lease.made', c.created_at, c.role_name FROM flowctl_catalog.lease c WHERE c.created_at > $1
          UNION ALL
          SELECT 'lease.ended', e.ended_at, e.role_name FROM flowctl_catalog.lease e WHERE e.ended_at > $1) n (type, at, role_name)
         JOIN flowctl_catalog.lease l ON l.role_name = n.role_name
         JOIN flowctl_catalog.run r ON r.run_id = l.run_id
         LEFT JOIN flowctl_catalog.flow f ON f.flow_id = r.flow_id
    WHERE NOT EXISTS (SELECT FROM flowctl_catalog.event x
                      WHERE x.is_named AND x.emitter = r.role::oid AND x.source = $2 AND x.id = n.type || '/' || n.role_name)
    ORDER BY n.at LIMIT 200)",
                         {TIMESTAMPTZOID, TEXTOID});

std::string source_of_database() {
    return std::string("/") + guarded([] { return get_database_name(MyDatabaseId); });
}

// The rules of those that were not there before are the worker's. Gives how many.
std::size_t record_new(Spi& spi, const std::vector<store::EventRow>& events) {
    std::size_t recorded = 0;
    for (const store::EventRow& event : events) {
        if (!subscriptions::is_wanted(event.type) || store::insert_named_event(spi, event)) continue;
        (void)leave_to_worker(spi, event);
        recorded++;
    }
    return recorded;
}

json::Value text_or_nothing(const std::optional<std::string>& text) {
    return text ? json::Value::string(*text) : json::Value();
}

}  // namespace

std::size_t record_denials(Spi& spi, WatchedUntil& position) {
    const std::string source = source_of_database();
    std::vector<store::EventRow> events;
    {
        const IndexScans by_index;
        const Rows rows = spi.run(new_denials_sql, std::move(Params().int8(std::max(position.last - kLookBack, position.from)).text(source)));
        for (std::size_t i = 0; i < rows.size(); i++) {
            store::EventRow& event = events.emplace_back();
            event.event_id = new_run_id();
            event.type = "denial";
            event.source = source;
            event.id = "denial/" + std::to_string(rows.int8(i, 0));
            event.is_named = true;
            event.subject = rows.optional_text(i, 2);
            event.at = unix_micros_now();
            event.emitter = rows.is_null(i, 8) ? BOOTSTRAP_SUPERUSERID : rows.oid(i, 8);
            event.reader = event.emitter;
            event.session_user = rows.optional_text(i, 4).value_or(rows.optional_text(i, 3).value_or(""));
            event.subject_name = rows.optional_text(i, 5);
            if (!rows.is_null(i, 7)) event.caused_by = rows.uuid(i, 7);
            event.data = json::dump(json::ObjectBuilder()
                                        .add("action", rows.text(i, 1))
                                        .add("object", text_or_nothing(event.subject))
                                        .add("role", text_or_nothing(rows.optional_text(i, 3)))
                                        .add("reason", rows.text(i, 6))
                                        .add("run_id", text_or_nothing(event.caused_by ? std::optional(to_string(*event.caused_by))
                                                                                       : std::nullopt))
                                        .build());
            position.last = std::max(position.last, rows.int8(i, 0));
        }
    }
    return record_new(spi, events);
}

std::size_t record_leases(Spi& spi, WatchedUntil& position) {
    const std::string source = source_of_database();
    std::vector<store::EventRow> events;
    {
        const IndexScans by_index;
        const Rows rows = spi.run(
            new_leases_sql,
            std::move(Params().timestamp(std::max(position.last - kLookBack, position.from)).text(source)));
        for (std::size_t i = 0; i < rows.size(); i++) {
            store::EventRow& event = events.emplace_back();
            event.event_id = new_run_id();
            event.type = rows.text(i, 0);
            event.source = source;
            event.id = event.type + "/" + rows.text(i, 2);
            event.is_named = true;
            event.subject = to_string(rows.uuid(i, 4));
            event.data = rows.text(i, 3);
            event.at = unix_micros_now();
            event.depth = depth_below(rows.optional_text(i, 10));
            event.caused_by = rows.uuid(i, 4);
            event.emitter = rows.oid(i, 5);
            event.reader = rows.oid(i, 6);
            event.session_user = rows.text(i, 7);
            event.subject_name = rows.optional_text(i, 8);
            event.traceparent = rows.optional_text(i, 9);
            position.last = std::max(position.last, rows.timestamp(i, 1));
        }
    }
    return record_new(spi, events);
}

}  // namespace flowctl::pg::events
