// SQL of the store of limits. See limit_rows.hpp.
#include "pg/store/limit_rows.hpp"

#include "pg/server/catalog.hpp"
#include "pg/server/index_scans.hpp"
#include "pg/store/append.hpp"
#include "pg/store/by_key.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg::store {

// ---------------------------------------------------------------------------------------------- waiting

namespace {

constexpr std::initializer_list<const char*> kWaitColumns = {
    "run_id", "flow_id", "flow_owner", "debounce", "line",     "rank",
    "since",  "due_at",  "first_at",   "concurrency_key", "rate_key"};

WaitRow read_wait(const Rows& rows, std::size_t i) {
    WaitRow wait;
    wait.run_id = rows.uuid(i, 0);
    wait.flow_id = rows.uuid(i, 1);
    wait.flow_owner = rows.oid(i, 2);
    wait.debounce = rows.boolean(i, 3);
    wait.line = rows.uuid(i, 4);
    wait.priority = -rows.int4(i, 5);
    wait.since = rows.timestamp(i, 6);
    wait.due_at = rows.optional_timestamp(i, 7);
    wait.first_at = rows.optional_timestamp(i, 8);
    wait.concurrency_key = rows.optional_text(i, 9);
    wait.rate_key = rows.optional_text(i, 10);
    return wait;
}

std::vector<WaitRow> read_waits(const Rows& rows) {
    std::vector<WaitRow> waits;
    waits.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); i++)
        waits.push_back(read_wait(rows, i));
    return waits;
}

std::vector<Uuid> ids_in_first_column(const Rows& rows) {
    std::vector<Uuid> ids;
    ids.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); i++)
        ids.push_back(rows.uuid(i, 0));
    return ids;
}

Params& int8_of(Params& params, std::size_t value) {
    return params.int8(static_cast<std::int64_t>(value));
}

Params& timestamp_or_null(Params& params, std::optional<std::int64_t> at) {
    return at ? params.timestamp(*at) : params.null();
}

Statement first_waits_sql(R"(
    SELECT run_id, flow_id, flow_owner, debounce, line, rank, since, due_at, first_at, concurrency_key, rate_key
    FROM flowctl_catalog.limit_wait WHERE line = $1 ORDER BY line, rank, run_id LIMIT $2)",
                          {UUIDOID, INT8OID});
// From line to line by the index, however many wait in each.
Statement first_of_lines_sql(R"(
    WITH RECURSIVE l (line) AS (
        (SELECT w.line FROM flowctl_catalog.limit_wait w ORDER BY w.line LIMIT 1)
        UNION ALL
        SELECT (SELECT w.line FROM flowctl_catalog.limit_wait w WHERE w.line > l.line ORDER BY w.line LIMIT 1)
        FROM l WHERE l.line IS NOT NULL)
    SELECT f.run_id, f.flow_id, f.flow_owner, f.debounce, f.line, f.rank, f.since, f.due_at, f.first_at, f.concurrency_key,
           f.rate_key
    FROM l CROSS JOIN LATERAL (SELECT * FROM flowctl_catalog.limit_wait w WHERE w.line = l.line
                               ORDER BY w.line, w.rank, w.run_id LIMIT 1) f)",
                             {});
Statement first_of_these_lines_sql(R"(
    SELECT f.run_id, f.flow_id, f.flow_owner, f.debounce, f.line, f.rank, f.since, f.due_at, f.first_at, f.concurrency_key,
           f.rate_key
    FROM pg_catalog.unnest($1) l (line)
         CROSS JOIN LATERAL (SELECT * FROM flowctl_catalog.limit_wait w WHERE w.line = l.line
                             ORDER BY w.line, w.rank, w.run_id LIMIT 1) f)",
                                   {UUIDARRAYOID});
Statement open_windows_sql(R"(
    SELECT run_id, flow_id, flow_owner, debounce, line, rank, since, due_at, first_at, concurrency_key, rate_key
    FROM flowctl_catalog.limit_wait WHERE due_at IS NOT NULL AND debounce)",
                           {});
Statement due_waits_sql(R"(
    SELECT run_id, flow_id, flow_owner, debounce, line, rank, since, due_at, first_at, concurrency_key, rate_key
    FROM flowctl_catalog.limit_wait WHERE due_at <= $1 ORDER BY due_at LIMIT $2)",
                        {TIMESTAMPTZOID, INT8OID});
Statement next_due_sql(
    "SELECT due_at FROM flowctl_catalog.limit_wait WHERE due_at > $1 ORDER BY due_at LIMIT 1", {TIMESTAMPTZOID});
Statement unopened_windows_sql(R"(
    SELECT run_id, flow_id, flow_owner, debounce, line, rank, since, due_at, first_at, concurrency_key, rate_key
    FROM flowctl_catalog.limit_wait WHERE debounce AND due_at IS NULL ORDER BY run_id LIMIT $1)",
                               {INT8OID});
Statement set_window_sql(
    "UPDATE flowctl_catalog.limit_wait SET first_at = $2, due_at = $3 WHERE run_id = $1",
    {UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID});
Statement join_line_sql(
    "UPDATE flowctl_catalog.limit_wait SET debounce = false, line = $2, due_at = $3 WHERE run_id = $1",
    {UUIDOID, UUIDOID, TIMESTAMPTZOID});
Statement leave_lines_sql(
    "UPDATE flowctl_catalog.limit_wait SET line = $2, due_at = $3 WHERE run_id = ANY ($1)",
    {UUIDARRAYOID, UUIDOID, TIMESTAMPTZOID});
Statement delete_waits_sql("DELETE FROM flowctl_catalog.limit_wait WHERE run_id = ANY ($1)", {UUIDARRAYOID});

}  // namespace

std::vector<Uuid> ids_of(const std::vector<WaitRow>& rows) {
    std::vector<Uuid> ids;
    for (const WaitRow& row : rows)
        ids.push_back(row.run_id);
    return ids;
}

void insert_limit_waits(const std::vector<const WaitRow*>& rows) {
    if (rows.empty()) return;
    Append append("limit_wait", kWaitColumns, rows.size());
    for (const WaitRow* row : rows) {
        append.uuid(row->run_id).uuid(row->flow_id).oid(row->flow_owner).ready(BoolGetDatum(row->debounce));
        append.uuid(row->line).int4(-row->priority).timestamp(row->since);
        append.timestamp(row->due_at).timestamp(row->first_at);
        append.text_or_null(row->concurrency_key).text_or_null(row->rate_key);
    }
    append.write();
}

std::vector<WaitRow> find_limit_waits(const std::vector<Uuid>& runs) {
    if (runs.empty()) return {};
    return read_waits(find_by_key(table_named("limit_wait"), kWaitColumns, runs));
}

std::vector<Uuid> which_wait(const std::vector<Uuid>& runs) {
    if (runs.empty()) return {};
    return ids_in_first_column(find_by_key(table_named("limit_wait"), {"run_id"}, runs));
}

std::vector<WaitRow> first_waits(Spi& spi, const Uuid& line, std::size_t most) {
    Params params;
    params.uuid(line);
    return read_waits(spi.run(first_waits_sql, std::move(int8_of(params, most))));
}

std::vector<WaitRow> first_of_lines(Spi& spi) {
    return read_waits(spi.run(first_of_lines_sql));
}

std::vector<WaitRow> first_of_lines(Spi& spi, const std::vector<Uuid>& lines) {
    const IndexScans by_index;
    return read_waits(spi.run(first_of_these_lines_sql, std::move(Params().uuids(lines))));
}

std::vector<WaitRow> open_windows(Spi& spi) {
    return read_waits(spi.run(open_windows_sql));
}

std::vector<WaitRow> due_waits(Spi& spi, std::int64_t now, std::size_t most) {
    Params params;
    params.timestamp(now);
    return read_waits(spi.run(due_waits_sql, std::move(int8_of(params, most))));
}

std::vector<WaitRow> unopened_windows(Spi& spi, std::size_t most) {
    Params params;
    return read_waits(spi.run(unopened_windows_sql, std::move(int8_of(params, most))));
}

std::optional<std::int64_t> next_due(Spi& spi, std::int64_t after) {
    const Rows rows = spi.run(next_due_sql, std::move(Params().timestamp(after)));
    if (rows.size() == 0) return std::nullopt;
    return rows.timestamp(0, 0);
}

void set_window(Spi& spi, const Uuid& run, std::int64_t first_at, std::int64_t due_at) {
    spi.run(set_window_sql, std::move(Params().uuid(run).timestamp(first_at).timestamp(due_at)));
}

void join_line(Spi& spi, const Uuid& run, const Uuid& line, std::optional<std::int64_t> due_at) {
    Params params;
    params.uuid(run).uuid(line);
    spi.run(join_line_sql, std::move(timestamp_or_null(params, due_at)));
}

void leave_lines(Spi& spi, const std::vector<Uuid>& runs, std::int64_t due_at) {
    if (runs.empty()) return;
    const IndexScans by_index;
    spi.run(leave_lines_sql, std::move(Params().uuids(runs).uuid(kNoLine).timestamp(due_at)));
}

void delete_limit_waits(Spi& spi, const std::vector<Uuid>& runs) {
    if (runs.empty()) return;
    const std::vector<Uuid> left = delete_by_key(table_named("limit_wait"), runs);
    if (!left.empty()) spi.run(delete_waits_sql, std::move(Params().uuids(left)));
}

// ---------------------------------------------------------------------------------------------- holding

static Statement find_pauses_sql("SELECT kind, name FROM flowctl_catalog.pause", {});

std::vector<std::pair<std::string, std::string>> find_pauses(Spi& spi) {
    const Rows rows = spi.run(find_pauses_sql);
    std::vector<std::pair<std::string, std::string>> found;
    for (std::size_t i = 0; i < rows.size(); i++)
        found.emplace_back(rows.text(i, 0), rows.text(i, 1));
    return found;
}

static Statement find_call_quotas_sql(
    "SELECT role::oid, calls FROM flowctl_catalog.quota WHERE calls IS NOT NULL AND role::oid IS NOT NULL", {});

std::vector<std::pair<Oid, std::int64_t>> find_call_quotas(Spi& spi) {
    const Rows rows = spi.run(find_call_quotas_sql);
    std::vector<std::pair<Oid, std::int64_t>> found;
    for (std::size_t i = 0; i < rows.size(); i++)
        found.emplace_back(rows.oid(i, 0), rows.int8(i, 1));
    return found;
}

static Statement delete_holds_sql("DELETE FROM flowctl_catalog.limit_hold WHERE run_id = ANY ($1) RETURNING gate",
                                  {UUIDARRAYOID});
static Statement count_holds_sql(
    "SELECT gate, pg_catalog.count(*) FROM flowctl_catalog.limit_hold GROUP BY gate", {});
static Statement oldest_holders_sql(
    "SELECT run_id FROM flowctl_catalog.limit_hold WHERE gate = $1 ORDER BY gate, run_id LIMIT $2",
    {UUIDOID, INT8OID});

void insert_holds(const std::vector<HoldRow>& rows) {
    if (rows.empty()) return;
    Append append("limit_hold", {"run_id", "gate", "flow_id", "limit_name", "key"}, rows.size());
    for (const HoldRow& row : rows)
        append.uuid(row.run_id).uuid(row.gate).uuid(row.flow_id).text_or_null(row.limit_name).text_or_null(row.key);
    append.write();
}

std::vector<Uuid> which_hold(const std::vector<Uuid>& runs) {
    if (runs.empty()) return {};
    return ids_in_first_column(find_by_key(table_named("limit_hold"), {"run_id"}, runs));
}

std::vector<Uuid> delete_holds(Spi& spi, const std::vector<Uuid>& runs) {
    if (runs.empty()) return {};
    return ids_in_first_column(spi.run(delete_holds_sql, std::move(Params().uuids(runs))));
}

std::vector<std::pair<Uuid, std::int64_t>> count_holds(Spi& spi) {
    const Rows rows = spi.run(count_holds_sql);
    std::vector<std::pair<Uuid, std::int64_t>> counts;
    counts.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); i++)
        counts.emplace_back(rows.uuid(i, 0), rows.int8(i, 1));
    return counts;
}

std::vector<Uuid> oldest_holders(Spi& spi, const Uuid& gate, std::size_t most) {
    Params params;
    params.uuid(gate);
    return ids_in_first_column(spi.run(oldest_holders_sql, std::move(int8_of(params, most))));
}

// ---------------------------------------------------------------------------------------------- rates

static Statement save_rates_sql(R"(
    INSERT INTO flowctl_catalog.limit_rate (gate, flow_id, limit_name, key, full_at, next_at)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (gate) DO UPDATE SET full_at = excluded.full_at, next_at = excluded.next_at)",
                                {UUIDOID, UUIDOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID});
static Statement load_rates_sql("SELECT gate, full_at FROM flowctl_catalog.limit_rate WHERE full_at > $1",
                                {TIMESTAMPTZOID});
static Statement delete_rates_sql(R"(
    DELETE FROM flowctl_catalog.limit_rate r
    WHERE r.ctid = ANY (ARRAY (SELECT o.ctid FROM flowctl_catalog.limit_rate o WHERE o.full_at <= $1 LIMIT $2)))",
                                  {TIMESTAMPTZOID, INT8OID});

void save_rates(Spi& spi, const std::vector<RateRow>& rows) {
    for (const RateRow& row : rows) {
        Params params;
        params.uuid(row.gate);
        row.flow_id ? params.uuid(*row.flow_id) : params.null();
        params.text(row.limit_name).text(row.key).timestamp(row.full_at).timestamp(row.next_at);
        spi.run(save_rates_sql, std::move(params));
    }
}

std::vector<RateRow> load_rates(Spi& spi, std::int64_t now) {
    const Rows rows = spi.run(load_rates_sql, std::move(Params().timestamp(now)));
    std::vector<RateRow> rates(rows.size());
    for (std::size_t i = 0; i < rows.size(); i++) {
        rates[i].gate = rows.uuid(i, 0);
        rates[i].full_at = rows.timestamp(i, 1);
    }
    return rates;
}

bool delete_full_rates(Spi& spi, std::int64_t now) {
    constexpr int kMost = 5'000;
    return spi.run(delete_rates_sql, std::move(Params().timestamp(now).int8(kMost))).processed() >= kMost;
}

// ---------------------------------------------------------------------------------- between the workers

static Statement save_decision_sql(R"(
    INSERT INTO flowctl_catalog.limit_decision (run_id, bucket, flow_owner, error, cause) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (run_id) DO UPDATE SET error = excluded.error, cause = excluded.cause WHERE excluded.error IS NOT NULL)",
                                   {UUIDOID, INT4OID, OIDOID, TEXTOID, TEXTOID});
static Statement save_releases_sql(
    "INSERT INTO flowctl_catalog.limit_release SELECT pg_catalog.unnest($1), $2 ON CONFLICT DO NOTHING",
    {UUIDARRAYOID, BOOLOID});
static Statement find_decisions_sql(R"(
    SELECT run_id, flow_owner, error, cause FROM flowctl_catalog.limit_decision
    WHERE bucket % $1 = $2 ORDER BY run_id LIMIT $3)",
                                    {INT4OID, INT4OID, INT8OID});
static Statement delete_decisions_sql("DELETE FROM flowctl_catalog.limit_decision WHERE run_id = ANY ($1)",
                                      {UUIDARRAYOID});
static Statement take_releases_sql(R"(
    DELETE FROM flowctl_catalog.limit_release
    WHERE run_id = ANY (ARRAY (SELECT run_id FROM flowctl_catalog.limit_release LIMIT $1))
    RETURNING run_id, comes_again)",
                                   {INT8OID});

void save_decisions(Spi& spi, const std::vector<DecisionRow>& rows) {
    for (const DecisionRow& row : rows) {
        Params params;
        params.uuid(row.run_id).int4(bucket_of(row.run_id)).oid(row.flow_owner);
        spi.run(save_decision_sql, std::move(params.text(row.error).text(row.cause)));
    }
}

std::vector<DecisionRow> find_decisions(Spi& spi, int shard, int shards, std::size_t most) {
    Params params;
    params.int4(shards).int4(shard);
    const Rows rows = spi.run(find_decisions_sql, std::move(int8_of(params, most)));
    std::vector<DecisionRow> found;
    for (std::size_t i = 0; i < rows.size(); i++)
        found.push_back({rows.uuid(i, 0), rows.oid(i, 1), rows.optional_text(i, 2), rows.optional_text(i, 3)});
    return found;
}

void delete_decisions(Spi& spi, const std::vector<Uuid>& runs) {
    if (!runs.empty()) spi.run(delete_decisions_sql, std::move(Params().uuids(runs)));
}

void save_releases(Spi& spi, const Releases& runs) {
    if (!runs.ended.empty()) spi.run(save_releases_sql, std::move(Params().uuids(runs.ended).boolean(false)));
    if (!runs.come_again.empty()) spi.run(save_releases_sql, std::move(Params().uuids(runs.come_again).boolean(true)));
}

Releases take_releases(Spi& spi, std::size_t most) {
    Params params;
    const Rows rows = spi.run(take_releases_sql, std::move(int8_of(params, most)));
    Releases taken;
    for (std::size_t i = 0; i < rows.size(); i++)
        (rows.boolean(i, 1) ? taken.come_again : taken.ended).push_back(rows.uuid(i, 0));
    return taken;
}

bool is_known_to_limits(const Uuid& run) {
    for (const char* table : {"limit_hold", "limit_wait", "limit_release"})
        if (has_rows(table) && find_by_key(table_named(table), {"run_id"}, {run}).size() > 0) return true;
    return false;
}

}  // namespace flowctl::pg::store
