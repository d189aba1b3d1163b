// SQL of event_waits.hpp.
#include "pg/events/event_waits.hpp"

#include <algorithm>

#include "pg/server/index_scans.hpp"
#include "pg/store/by_key.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg::store {

namespace {

Statement insert_event_wait_sql(R"(
    INSERT INTO flowctl_catalog.event_wait
        (run_id, call_id, bucket, role, type, subject, match, since, since_event, start_xid, seen, path, state, attempt,
         resource, began_at, due_at)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, s.xid, CASE WHEN $10 THEN coalesce(s.seen, pg_catalog.pg_current_snapshot()) END,
           $11, $12, $13, $14, $15, $16
    FROM (SELECT) one LEFT JOIN flowctl_catalog.event_start s ON s.run_id = $1
    ON CONFLICT DO NOTHING)",
                                {UUIDOID, INT8OID, INT4OID, OIDOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, UUIDOID,
                                 BOOLOID, TEXTOID, TEXTOID, INT4OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID});
Statement delete_event_waits_sql(R"(
    DELETE FROM flowctl_catalog.event_wait w USING ROWS FROM (pg_catalog.unnest($1::uuid[]), pg_catalog.unnest($2::bigint[])) k (run_id, call_id)
    WHERE w.run_id = k.run_id AND w.call_id = k.call_id)",
                                 {UUIDARRAYOID, INT8ARRAYOID});
Statement delete_event_waits_of_sql("DELETE FROM flowctl_catalog.event_wait WHERE run_id = ANY ($1)", {UUIDARRAYOID});
Statement count_event_waits_sql(
    "SELECT pg_catalog.count(*) FROM flowctl_catalog.event_wait WHERE bucket % $1 = $2", {INT4OID, INT4OID});
Statement find_event_waits_sql(R"(
    SELECT w.run_id, w.call_id, w.role, w.type, w.subject, w.match, w.since, w.since_event
    FROM flowctl_catalog.event_wait w JOIN ROWS FROM (pg_catalog.unnest($1::uuid[]), pg_catalog.unnest($2::bigint[])) k (run_id, call_id)
         ON w.run_id = k.run_id AND w.call_id = k.call_id)",
                               {UUIDARRAYOID, INT8ARRAYOID});
Statement page_of_event_waits_sql(R"(
    SELECT run_id, call_id FROM flowctl_catalog.event_wait
    WHERE (run_id, call_id) > ($1, $2) AND bucket % $3 = $4 ORDER BY run_id, call_id LIMIT $5)",
                                  {UUIDOID, INT8OID, INT4OID, INT4OID, INT8OID});
Statement current_snapshot_sql("SELECT pg_catalog.pg_current_snapshot()::pg_catalog.text", {});
Statement new_awaited_events_sql(R"(
    SELECT e.event_id FROM flowctl_catalog.event e
    WHERE e.xid >= pg_catalog.pg_snapshot_xmin($1::pg_catalog.pg_snapshot)
      AND NOT pg_catalog.pg_visible_in_snapshot(e.xid, $1::pg_catalog.pg_snapshot)
      AND (EXISTS (SELECT FROM flowctl_catalog.event_wait w WHERE w.type = e.type AND w.subject = e.subject)
           OR EXISTS (SELECT FROM flowctl_catalog.event_wait w WHERE w.type = e.type AND w.subject IS NULL))
    ORDER BY e.event_id)",
                                 {TEXTOID});
// An event that has become visible after the start of the run, and not by the transaction that has started it.
#define COUNTS_BY_COMMIT                                                                                          \
    "w.seen IS NOT NULL AND NOT pg_catalog.pg_visible_in_snapshot(e.xid, w.seen) "                                \
    "AND e.xid IS DISTINCT FROM w.start_xid"
#define WAITS_FOR_EVENT(SUBJECT)                                                                                  \
    "SELECT w.run_id, w.call_id, w.role, w.type, w.subject, w.match, w.since, w.since_event "                     \
    "FROM flowctl_catalog.event e JOIN flowctl_catalog.event_wait w ON w.type = e.type AND " SUBJECT              \
    "WHERE e.event_id = $1 AND (w.run_id, w.call_id) > ($2, $3) AND w.bucket % $4 = $5 "                          \
    "AND (w.since_event IS NULL OR e.event_id > w.since_event) "                                                  \
    "AND (e.at > w.since OR " COUNTS_BY_COMMIT ") "                                                               \
    "ORDER BY w.run_id, w.call_id LIMIT $6"
Statement waits_for_subject_sql(WAITS_FOR_EVENT("w.subject = e.subject "),
                                {UUIDOID, UUIDOID, INT8OID, INT4OID, INT4OID, INT8OID});
Statement waits_for_any_sql(WAITS_FOR_EVENT("w.subject IS NULL "),
                            {UUIDOID, UUIDOID, INT8OID, INT4OID, INT4OID, INT8OID});
#undef WAITS_FOR_EVENT
#define EVENTS_FOR_WAIT(SUBJECT)                                                                                  \
    "SELECT e.event_id FROM flowctl_catalog.event e JOIN flowctl_catalog.event_wait w "                           \
    "ON w.run_id = $1 AND w.call_id = $2 WHERE e.type = $3 AND " SUBJECT                                         \
    "AND e.event_id > $5 AND (w.since_event IS NULL OR e.event_id > w.since_event) "                              \
    "AND (e.at > w.since OR " COUNTS_BY_COMMIT ") "                                                               \
    "ORDER BY e.event_id LIMIT $6"
Statement events_of_subject_sql(EVENTS_FOR_WAIT("e.subject = $4 "),
                                {UUIDOID, INT8OID, TEXTOID, TEXTOID, UUIDOID, INT8OID});
Statement events_of_any_sql(EVENTS_FOR_WAIT("$4::pg_catalog.text IS NULL "),
                            {UUIDOID, INT8OID, TEXTOID, TEXTOID, UUIDOID, INT8OID});
#undef EVENTS_FOR_WAIT
// They are found among the transactions that were open at the start of the run, and some that began just then.
Statement late_events_sql("SELECT e.event_id FROM flowctl_catalog.event_wait w JOIN flowctl_catalog.event e "
                          "ON e.xid >= pg_catalog.pg_snapshot_xmin(w.seen) "
                          "AND e.xid < ((pg_catalog.pg_snapshot_xmax(w.seen)::pg_catalog.text::bigint + 1000)::pg_catalog.text::xid8) "
                          "WHERE w.run_id = $1 AND w.call_id = $2 AND e.type = w.type AND (w.subject IS NULL OR e.subject = w.subject) "
                          "AND e.at <= w.since AND " COUNTS_BY_COMMIT " ORDER BY e.event_id LIMIT $3",
                          {UUIDOID, INT8OID, INT8OID});
#undef COUNTS_BY_COMMIT
Statement delete_event_starts_sql("DELETE FROM flowctl_catalog.event_start WHERE run_id = ANY ($1)", {UUIDARRAYOID});

Params keys_as_columns(const std::vector<WaitKey>& keys) {
    std::vector<Uuid> runs;
    std::vector<std::int64_t> calls;
    for (const WaitKey& key : keys) {
        runs.push_back(key.first);
        calls.push_back(key.second);
    }
    Params params;
    params.uuids(runs).int8s(calls);
    return params;
}

std::vector<EventWait> waits_in(const Rows& rows) {
    std::vector<EventWait> waits;
    for (std::size_t i = 0; i < rows.size(); i++) {
        EventWait& wait = waits.emplace_back();
        wait.key = {rows.uuid(i, 0), rows.int8(i, 1)};
        wait.role = rows.oid(i, 2);
        wait.type = rows.text(i, 3);
        wait.subject = rows.optional_text(i, 4);
        wait.match = rows.optional_text(i, 5);
        wait.since = rows.timestamp(i, 6);
        if (!rows.is_null(i, 7)) wait.since_event = rows.uuid(i, 7);
    }
    return waits;
}

std::vector<Uuid> ids_in(const Rows& rows) {
    std::vector<Uuid> ids;
    for (std::size_t i = 0; i < rows.size(); i++)
        ids.push_back(rows.uuid(i, 0));
    return ids;
}

}  // namespace

void insert_event_wait(Spi& spi, const EventWait& wait) {
    Params params;
    params.uuid(wait.key.first).int8(wait.key.second).int4(bucket_of(wait.key.first)).oid(wait.role).text(wait.type);
    params.text(wait.subject).text(wait.match).timestamp(wait.since);
    wait.since_event ? params.uuid(*wait.since_event) : params.null();
    params.boolean(wait.is_since_start).text(wait.path).text(wait.state).int4(wait.attempt).text(wait.resource);
    params.timestamp(wait.began_at);
    wait.due_at ? params.timestamp(*wait.due_at) : params.null();
    spi.run(insert_event_wait_sql, std::move(params));
}

std::int64_t delete_event_waits(Spi& spi, const std::vector<WaitKey>& keys) {
    if (keys.empty()) return 0;
    const IndexScans by_index;
    return static_cast<std::int64_t>(spi.run(delete_event_waits_sql, keys_as_columns(keys)).processed());
}

std::int64_t delete_event_waits_of(Spi& spi, const std::vector<Uuid>& runs) {
    if (runs.empty()) return 0;
    const IndexScans by_index;
    return static_cast<std::int64_t>(
        spi.run(delete_event_waits_of_sql, std::move(Params().uuids(runs))).processed());
}

std::int64_t count_event_waits(Spi& spi, int shard, int shards) {
    if (!has_rows("event_wait")) return 0;
    return spi.run(count_event_waits_sql, std::move(Params().int4(shards).int4(shard))).int8(0, 0);
}

std::vector<EventWait> find_event_waits(Spi& spi, const std::vector<WaitKey>& keys) {
    if (keys.empty()) return {};
    const IndexScans by_index;
    return waits_in(spi.run(find_event_waits_sql, keys_as_columns(keys)));
}

std::vector<WaitKey> page_of_event_waits(Spi& spi, int shard, int shards, const WaitKey& after, std::size_t limit) {
    const IndexScans by_index;
    Params params;
    params.uuid(after.first).int8(after.second).int4(shards).int4(shard).int8(static_cast<std::int64_t>(limit));
    const Rows rows = spi.run(page_of_event_waits_sql, std::move(params));
    std::vector<WaitKey> keys;
    for (std::size_t i = 0; i < rows.size(); i++)
        keys.emplace_back(rows.uuid(i, 0), rows.int8(i, 1));
    return keys;
}

std::string current_snapshot(Spi& spi) {
    return spi.run(current_snapshot_sql).text(0, 0);
}

std::vector<Uuid> new_awaited_events(Spi& spi, const std::string& snapshot) {
    const IndexScans by_index;
    return ids_in(spi.run(new_awaited_events_sql, std::move(Params().text(snapshot))));
}

std::vector<EventWait> waits_for_event(Spi& spi, int shard, int shards, const Uuid& event, bool any_subject,
                                       const WaitKey& after, std::size_t limit) {
    const IndexScans by_index;
    Params params;
    params.uuid(event).uuid(after.first).int8(after.second).int4(shards).int4(shard);
    params.int8(static_cast<std::int64_t>(limit));
    return waits_in(spi.run(any_subject ? waits_for_any_sql : waits_for_subject_sql, std::move(params)));
}

std::vector<Uuid> late_events_for_wait(Spi& spi, const EventWait& wait, std::size_t limit) {
    const IndexScans by_index;
    Params params;
    params.uuid(wait.key.first).int8(wait.key.second).int8(static_cast<std::int64_t>(limit));
    return ids_in(spi.run(late_events_sql, std::move(params)));
}

void delete_event_starts(Spi& spi, const std::vector<Uuid>& runs) {
    if (runs.empty() || !has_rows("event_start")) return;
    const IndexScans by_index;
    spi.run(delete_event_starts_sql, std::move(Params().uuids(runs)));
}

std::vector<Uuid> events_for_wait(Spi& spi, const EventWait& wait, const Uuid& after, std::size_t limit) {
    const IndexScans by_index;
    // Ids begin with the time, to the millisecond.
    const Uuid since = first_run_id(wait.since);
    Params params;
    params.uuid(wait.key.first).int8(wait.key.second).text(wait.type).text(wait.subject);
    params.uuid(std::max(after, since)).int8(static_cast<std::int64_t>(limit));
    return ids_in(spi.run(wait.subject ? events_of_subject_sql : events_of_any_sql, std::move(params)));
}

}  // namespace flowctl::pg::store
