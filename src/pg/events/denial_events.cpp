// SQL of denial_events.hpp.
#include "pg/events/denial_events.hpp"

#include <algorithm>
#include <string>

#include "core/json.hpp"
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

json::Value text_or_nothing(const std::optional<std::string>& text) {
    return text ? json::Value::string(*text) : json::Value();
}

}  // namespace

std::size_t record_denials(Spi& spi, DenialPosition& position) {
    const std::string source = std::string("/") + guarded([] { return get_database_name(MyDatabaseId); });
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
    std::size_t recorded = 0;
    for (const store::EventRow& event : events) {
        if (store::insert_named_event(spi, event)) continue;
        (void)leave_to_worker(spi, event);
        recorded++;
    }
    return recorded;
}

}  // namespace flowctl::pg::events
