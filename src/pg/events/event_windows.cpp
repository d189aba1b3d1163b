// SQL of event_windows.hpp.
#include "pg/events/event_windows.hpp"

#include "pg/server/index_scans.hpp"
#include "pg/store/by_key.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg::store {

namespace {

Statement insert_window_sql(R"(
    INSERT INTO flowctl_catalog.event_window (rule_id, key, event_id, at, due_at, bucket) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT DO NOTHING)",
                            {UUIDOID, TEXTOID, UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID});
Statement delete_window_sql(
    "DELETE FROM flowctl_catalog.event_window WHERE rule_id = $1 AND key = $2 AND at <= $3",
    {UUIDOID, TEXTOID, TIMESTAMPTZOID});
Statement delete_window_row_sql(
    "DELETE FROM flowctl_catalog.event_window WHERE rule_id = $1 AND key = $2 AND event_id = $3",
    {UUIDOID, TEXTOID, UUIDOID});
Statement count_window_sql(
    "SELECT pg_catalog.count(*) FROM flowctl_catalog.event_window WHERE rule_id = $1 AND key = $2", {UUIDOID, TEXTOID});
Statement find_due_windows_sql(R"(
    SELECT rule_id, key, event_id, at, due_at FROM flowctl_catalog.event_window
    WHERE due_at <= $3 AND bucket % $1 = $2 ORDER BY due_at LIMIT $4)",
                               {INT4OID, INT4OID, TIMESTAMPTZOID, INT8OID});
Statement next_due_window_sql(R"(
    SELECT due_at FROM flowctl_catalog.event_window
    WHERE due_at IS NOT NULL AND bucket % $1 = $2 ORDER BY due_at LIMIT 1)",
                              {INT4OID, INT4OID});
Statement take_expectations_sql(R"(
    DELETE FROM flowctl_catalog.run_expectation WHERE (run_id, kind) IN (
        SELECT x.run_id, x.kind FROM flowctl_catalog.run_expectation x
        WHERE x.due_at <= $3 AND x.bucket % $1 = $2 ORDER BY x.due_at LIMIT $4)
    RETURNING run_id, kind)",
                                {INT4OID, INT4OID, TIMESTAMPTZOID, INT8OID});
Statement next_expectation_sql(R"(
    SELECT due_at FROM flowctl_catalog.run_expectation WHERE bucket % $1 = $2 ORDER BY due_at LIMIT 1)",
                               {INT4OID, INT4OID});

std::optional<std::int64_t> first_time(Spi& spi, Statement& statement, int shard, int shards) {
    const IndexScans by_index;
    const Rows rows = spi.run(statement, std::move(Params().int4(shards).int4(shard)));
    if (rows.size() == 0) return std::nullopt;
    return rows.optional_timestamp(0, 0);
}

}  // namespace

void insert_window(Spi& spi, const WindowRow& row) {
    Params params;
    params.uuid(row.rule_id).text(row.key).uuid(row.event_id).timestamp(row.at);
    row.due_at ? params.timestamp(*row.due_at) : params.null();
    params.int4(bucket_of(row.rule_id));
    spi.run(insert_window_sql, std::move(params));
}

std::int64_t count_window(Spi& spi, const Uuid& rule_id, const std::string& key, std::int64_t since) {
    delete_window(spi, rule_id, key, since);
    const IndexScans by_index;
    return spi.run(count_window_sql, std::move(Params().uuid(rule_id).text(key))).int8(0, 0);
}

void delete_window(Spi& spi, const Uuid& rule_id, const std::string& key, std::int64_t until) {
    const IndexScans by_index;
    spi.run(delete_window_sql, std::move(Params().uuid(rule_id).text(key).timestamp(until)));
}

void delete_window_row(Spi& spi, const WindowRow& row) {
    const IndexScans by_index;
    spi.run(delete_window_row_sql, std::move(Params().uuid(row.rule_id).text(row.key).uuid(row.event_id)));
}

std::vector<WindowRow> find_due_windows(Spi& spi, int shard, int shards, std::int64_t now, std::size_t limit) {
    const IndexScans by_index;
    Params params;
    params.int4(shards).int4(shard).timestamp(now).int8(static_cast<std::int64_t>(limit));
    const Rows rows = spi.run(find_due_windows_sql, std::move(params));
    std::vector<WindowRow> found;
    for (std::size_t i = 0; i < rows.size(); i++)
        found.push_back(
            {rows.uuid(i, 0), rows.text(i, 1), rows.uuid(i, 2), rows.timestamp(i, 3), rows.optional_timestamp(i, 4)});
    return found;
}

std::optional<std::int64_t> next_due_window(Spi& spi, int shard, int shards) {
    if (!has_rows("event_window")) return std::nullopt;
    return first_time(spi, next_due_window_sql, shard, shards);
}

std::vector<ExpectationRow> take_due_expectations(Spi& spi, int shard, int shards, std::int64_t now,
                                                  std::size_t limit) {
    const IndexScans by_index;
    Params params;
    params.int4(shards).int4(shard).timestamp(now).int8(static_cast<std::int64_t>(limit));
    const Rows rows = spi.run(take_expectations_sql, std::move(params));
    std::vector<ExpectationRow> taken;
    for (std::size_t i = 0; i < rows.size(); i++)
        taken.push_back({rows.uuid(i, 0), rows.text(i, 1)});
    return taken;
}

std::optional<std::int64_t> next_expectation(Spi& spi, int shard, int shards) {
    if (!has_rows("run_expectation")) return std::nullopt;
    return first_time(spi, next_expectation_sql, shard, shards);
}

}  // namespace flowctl::pg::store
