// SQL of run_events.hpp.
#include "pg/events/run_events.hpp"

#include "core/asl/timestamp.hpp"
#include "pg/events/depth.hpp"
#include "pg/store/by_leaf.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg::store {

namespace {

LeafStatement find_run_facts_sql(R"(
    SELECT r.run_id, r.flow, r.version, r.name, r.status, r.error, r.cause, f.owner::oid, r.flow_owner::oid, r.role::oid,
           r.started_at, r.ended_at, r.event, r.session_user_name, r.system_user_name, r.subject, r.subject_issuer,
           r.subject_claims, r.asserted_subject, r.application_name, r.traceparent, r.client_addr,
           EXISTS (SELECT FROM flowctl_catalog.frame x WHERE x.run_id = r.run_id)
    FROM {leaf} r LEFT JOIN flowctl_catalog.flow f ON f.flow_id = r.flow_id
    WHERE r.run_id = ANY ($1) AND r.map_run_id IS NULL)",
                                 {UUIDARRAYOID});

json::Value text_or_null(const std::optional<std::string>& text) {
    return text ? json::Value::string(*text) : json::Value();
}

std::string data_of_run(const Rows& rows, std::size_t i) {
    const auto time = [&](int column) {
        const auto at = rows.optional_timestamp(i, column);
        return at ? json::Value::string(asl::format_instant(*at)) : json::Value();
    };
    return json::dump(json::ObjectBuilder()
                          .add("run_id", to_string(rows.uuid(i, 0)))
                          .add("flow", rows.text(i, 1))
                          .add("version", json::Value::integer(rows.int4(i, 2)))
                          .add("name", text_or_null(rows.optional_text(i, 3)))
                          .add("status", rows.text(i, 4))
                          .add("error", text_or_null(rows.optional_text(i, 5)))
                          .add("cause", text_or_null(rows.optional_text(i, 6)))
                          .add("started_at", time(10))
                          .add("ended_at", time(11))
                          .build());
}

}  // namespace

std::vector<RunFactsRow> find_run_facts(Spi& spi, const std::vector<Uuid>& ids) {
    std::vector<RunFactsRow> found;
    const std::string source = std::string("/") + guarded([] { return get_database_name(MyDatabaseId); });
    for (const LeafGroup& group : by_leaf("run", ids)) {
        const Rows rows = find_run_facts_sql.run(spi, group.leaf, std::move(Params().uuids(pick(ids, group))));
        for (std::size_t i = 0; i < rows.size(); i++) {
            RunFactsRow& run = found.emplace_back();
            run.status = rows.text(i, 4);
            run.has_begun = rows.boolean(i, 22);
            EventRow& event = run.event;
            event.event_id = new_run_id();
            event.source = source;
            event.id = to_string(event.event_id);
            event.subject = to_string(rows.uuid(i, 0));
            event.data = data_of_run(rows, i);
            event.at = unix_micros_now();
            event.depth = events::depth_below(rows.optional_text(i, 12));
            event.caused_by = rows.uuid(i, 0);
            event.emitter = rows.oid(i, 9);
            event.reader = rows.is_null(i, 7) ? rows.oid(i, 8) : rows.oid(i, 7);
            event.session_user = rows.text(i, 13);
            event.system_user = rows.optional_text(i, 14);
            event.subject_name = rows.optional_text(i, 15);
            event.subject_issuer = rows.optional_text(i, 16);
            event.subject_claims = rows.optional_text(i, 17);
            event.asserted_subject = rows.optional_text(i, 18);
            event.application_name = rows.optional_text(i, 19);
            event.traceparent = rows.optional_text(i, 20);
            event.client_addr = rows.datum(i, 21);
        }
    }
    return found;
}

}  // namespace flowctl::pg::store
