// SQL of the store of map runs. See map_runs.hpp.
#include "pg/store/map_runs.hpp"

#include <charconv>

#include "pg/store/runs.hpp"

namespace flowctl::pg::store {

namespace {

const char* phase_text(MapPhase phase) {
    switch (phase) {
        case MapPhase::Reading:
            return "READING";
        case MapPhase::Running:
            return "RUNNING";
        case MapPhase::Closing:
            return "CLOSING";
        case MapPhase::Redriving:
            return "REDRIVING";
        default:
            return "WRITING";
    }
}

MapPhase phase_of(const std::optional<std::string>& text) {
    if (!text) return MapPhase::Over;
    if (*text == "READING") return MapPhase::Reading;
    if (*text == "RUNNING") return MapPhase::Running;
    if (*text == "CLOSING") return MapPhase::Closing;
    if (*text == "REDRIVING") return MapPhase::Redriving;
    return MapPhase::Writing;
}

std::string to_decimal(double value) {
    char text[32];
    return std::string(text, std::to_chars(text, text + sizeof text, value).ptr);
}

}  // namespace

void MapCounts::add(machine::Status status, std::int64_t count) {
    switch (status) {
        case machine::Status::Succeeded:
            succeeded += count;
            break;
        case machine::Status::TimedOut:
            timed_out += count;
            break;
        case machine::Status::Aborted:
            aborted += count;
            break;
        default:
            failed += count;
    }
}

// ---------------------------------------------------------------------------------------------- map runs

static Statement insert_map_run_sql(R"(
    INSERT INTO flowctl_catalog.map_run (map_run_id, run_id, call_id, bucket, flow_id, flow, version, path, state, label, type, phase,
                                 plan, source, max_concurrency, tolerated_count, tolerated_percentage, started_at)
    VALUES ($1, $2, $3, pg_catalog.get_byte(pg_catalog.uuid_send($2), 15) % 64, $4, $5, $6, $7, $8, $9, $10, 'READING', $11,
            $12, $13, $14, $15::float8, $16))",
                                    {UUIDOID, UUIDOID, INT4OID, UUIDOID, TEXTOID, INT4OID, TEXTOID, TEXTOID,
                                     TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID, TEXTOID,
                                     TIMESTAMPTZOID});

void insert_map_run(Spi& spi, const MapRunRow& row) {
    Params params;
    params.uuid(row.map_run_id).uuid(row.run_id).int4(static_cast<std::int32_t>(row.call_id));
    params.uuid(row.flow_id).text(row.flow).int4(row.version).text(row.path).text(row.state).text(row.label);
    params.text(row.type).text(row.plan).text(row.source).int8(row.max_concurrency);
    if (row.tolerated_count)
        params.int8(*row.tolerated_count);
    else
        params.null();
    std::optional<std::string> percentage;
    if (row.tolerated_percentage) percentage = to_decimal(*row.tolerated_percentage);
    params.text(percentage).timestamp(row.started_at);
    spi.run(insert_map_run_sql, std::move(params));
}

#define MAP_RUN_COLUMNS                                                                                    \
    "map_run_id, run_id, call_id, flow_id, flow, version, path, state, label, type, status, phase, plan, " \
    "source, max_concurrency, tolerated_count, tolerated_percentage::text, error, cause, started_at, "     \
    "read_attempts, items, children, begun, succeeded, failed, timed_out, aborted, items_succeeded, "      \
    "items_failed, items_timed_out, items_aborted, results_written, writer_state, all_read"
static constexpr int kMapRunColumns = 35;

static Statement find_open_map_runs_sql("SELECT " MAP_RUN_COLUMNS R"(,
        (SELECT r.flow_owner::oid FROM flowctl_catalog.run r WHERE r.run_id = map_run.run_id)
    FROM flowctl_catalog.map_run WHERE phase IS NOT NULL AND bucket % $1 = $2 ORDER BY map_run_id)",
                                        {INT4OID, INT4OID});
static Statement find_map_run_sql("SELECT " MAP_RUN_COLUMNS
                                  " FROM flowctl_catalog.map_run WHERE map_run_id = $1",
                                  {UUIDOID});

namespace {

MapRunRow map_run_of(const Rows& rows, std::size_t i) {
    MapRunRow row;
    row.map_run_id = rows.uuid(i, 0);
    row.run_id = rows.uuid(i, 1);
    row.call_id = rows.int4(i, 2);
    row.flow_id = rows.uuid(i, 3);
    row.flow = rows.text(i, 4);
    row.version = rows.int4(i, 5);
    row.path = rows.text(i, 6);
    row.state = rows.text(i, 7);
    row.label = rows.text(i, 8);
    row.type = rows.text(i, 9);
    row.status = read_status(rows, i, 10);
    row.phase = phase_of(rows.optional_text(i, 11));
    row.plan = rows.text(i, 12);
    row.source = rows.optional_text(i, 13);
    row.max_concurrency = rows.int8(i, 14);
    if (!rows.is_null(i, 15)) row.tolerated_count = rows.int8(i, 15);
    if (const auto text = rows.optional_text(i, 16)) {
        double value = 0;
        std::from_chars(text->data(), text->data() + text->size(), value);
        row.tolerated_percentage = value;
    }
    row.error = rows.optional_text(i, 17);
    row.cause = rows.optional_text(i, 18);
    row.started_at = rows.timestamp(i, 19);
    row.read_attempts = rows.int4(i, 20);
    row.items = rows.int8(i, 21);
    row.children = rows.int8(i, 22);
    row.begun = rows.int8(i, 23);
    row.runs = {rows.int8(i, 24), rows.int8(i, 25), rows.int8(i, 26), rows.int8(i, 27)};
    row.of_items = {rows.int8(i, 28), rows.int8(i, 29), rows.int8(i, 30), rows.int8(i, 31)};
    row.results_written = rows.int8(i, 32);
    row.writer_state = rows.optional_text(i, 33);
    row.all_read = rows.boolean(i, 34);
    return row;
}

}  // namespace

std::vector<MapRunRow> find_open_map_runs(Spi& spi, int shard, int shards) {
    Rows rows = spi.run(find_open_map_runs_sql, std::move(Params().int4(shards).int4(shard)));
    std::vector<MapRunRow> found;
    found.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); i++) {
        found.push_back(map_run_of(rows, i));
        if (!rows.is_null(i, kMapRunColumns)) found.back().flow_owner = rows.oid(i, kMapRunColumns);
    }
    return found;
}

std::optional<MapRunRow> find_map_run(Spi& spi, const Uuid& id) {
    Rows rows = spi.run(find_map_run_sql, std::move(Params().uuid(id)));
    if (rows.size() == 0) return std::nullopt;
    return map_run_of(rows, 0);
}

static Statement find_progress_sql(R"(
    SELECT phase, status, items, children, results_written, error, cause FROM flowctl_catalog.map_run WHERE map_run_id = $1)",
                                   {UUIDOID});

std::optional<MapProgress> find_map_progress(Spi& spi, const Uuid& id) {
    Rows rows = spi.run(find_progress_sql, std::move(Params().uuid(id)));
    if (rows.size() == 0) return std::nullopt;
    return MapProgress{phase_of(rows.optional_text(0, 0)),
                       read_status(rows, 0, 1),
                       rows.int8(0, 2),
                       rows.int8(0, 3),
                       rows.int8(0, 4),
                       rows.optional_text(0, 5),
                       rows.optional_text(0, 6)};
}

static Statement set_source_sql(
    "UPDATE flowctl_catalog.map_run SET source = $2 WHERE map_run_id = $1 AND phase = 'READING'",
    {UUIDOID, TEXTOID});

void set_map_source(Spi& spi, const Uuid& id, const std::string& source) {
    spi.run(set_source_sql, std::move(Params().uuid(id).text(source)));
}

static Statement add_children_sql(R"(
    UPDATE flowctl_catalog.map_run
    SET items = items + $2, children = children + $3, phase = CASE WHEN $4 THEN 'RUNNING' ELSE phase END,
        source = CASE WHEN $4 THEN NULL ELSE source END, all_read = $4
    WHERE map_run_id = $1 AND phase = 'READING')",
                                  {UUIDOID, INT8OID, INT8OID, BOOLOID});

bool add_map_children(Spi& spi, const Uuid& id, std::int64_t items, std::int64_t children, bool done) {
    Params params;
    params.uuid(id).int8(items).int8(children).boolean(done);
    return spi.run(add_children_sql, std::move(params)).processed() == 1;
}

static Statement note_helper_sql(
    "UPDATE flowctl_catalog.map_run SET read_attempts = read_attempts + 1 WHERE map_run_id = $1", {UUIDOID});

void note_map_helper(Spi& spi, const Uuid& id) {
    spi.run(note_helper_sql, std::move(Params().uuid(id)));
}

static Statement set_phase_sql("UPDATE flowctl_catalog.map_run SET phase = $2 WHERE map_run_id = $1",
                               {UUIDOID, TEXTOID});

void set_map_phase(Spi& spi, const Uuid& id, MapPhase phase) {
    spi.run(set_phase_sql, std::move(Params().uuid(id).text(phase_text(phase))));
}

static Statement close_of_sql(R"(
    UPDATE flowctl_catalog.map_run
    SET phase = 'CLOSING', status = CASE status WHEN 'RUNNING' THEN 'ABORTED' ELSE status END, source = NULL
    WHERE run_id = ANY ($1) AND phase IS NOT NULL)",
                              {UUIDARRAYOID});
static Statement cancel_sql(R"(
    UPDATE flowctl_catalog.map_run
    SET phase = 'CLOSING', status = CASE status WHEN 'RUNNING' THEN 'ABORTED' ELSE status END, source = NULL
    WHERE run_id = $1 AND call_id = $2 AND phase IS NOT NULL)",
                            {UUIDOID, INT4OID});

static Statement fail_sql(R"(
    UPDATE flowctl_catalog.map_run
    SET status = 'FAILED', error = $3, cause = $4, phase = CASE phase WHEN 'WRITING' THEN phase ELSE 'CLOSING' END, source = NULL
    WHERE map_run_id = $1 AND phase = $2 AND status = 'RUNNING')",
                          {UUIDOID, TEXTOID, TEXTOID, TEXTOID});

bool fail_map_run(Spi& spi, const Uuid& id, MapPhase in_phase, const std::string& error,
                  const std::string& cause) {
    Params params;
    params.uuid(id).text(phase_text(in_phase)).text(error).text(cause);
    return spi.run(fail_sql, std::move(params)).processed() == 1;
}

void cancel_map_run(Spi& spi, const Uuid& parent, std::int64_t call_id) {
    spi.run(cancel_sql, std::move(Params().uuid(parent).int4(static_cast<std::int32_t>(call_id))));
}

void close_map_runs_of(Spi& spi, const std::vector<Uuid>& parents) {
    if (!parents.empty()) spi.run(close_of_sql, std::move(Params().uuids(parents)));
}

static Statement end_sql(R"(
    UPDATE flowctl_catalog.map_run
    SET phase = NULL, status = $2, ended_at = $3, plan = CASE WHEN $4 THEN plan END, source = NULL
    WHERE map_run_id = $1)",
                         {UUIDOID, TEXTOID, TIMESTAMPTZOID, BOOLOID});

void end_map_run(Spi& spi, const Uuid& id, machine::Status status, std::int64_t at, bool keeps_plan) {
    Params params;
    params.uuid(id).text(machine::name_of(status)).timestamp(at).boolean(keeps_plan);
    spi.run(end_sql, std::move(params));
}

static Statement reopen_sql(R"(
    UPDATE flowctl_catalog.map_run
    SET phase = 'REDRIVING', status = 'RUNNING', error = NULL, cause = NULL, ended_at = NULL, begun = 0,
        results_written = 0, writer_state = NULL, read_attempts = 0, redrive_count = redrive_count + 1, redriven_at = $3
    WHERE run_id = $1 AND call_id = $2 AND phase IS NULL AND status <> 'SUCCEEDED' AND plan IS NOT NULL
    RETURNING )" MAP_RUN_COLUMNS R"(,
        (SELECT r.flow_owner::oid FROM flowctl_catalog.run r WHERE r.run_id = map_run.run_id))",
                            {UUIDOID, INT4OID, TIMESTAMPTZOID});

std::optional<MapRunRow> reopen_map_run(Spi& spi, const Uuid& parent, std::int64_t call_id,
                                        std::int64_t at) {
    Params params;
    params.uuid(parent).int4(static_cast<std::int32_t>(call_id)).timestamp(at);
    const Rows rows = spi.run(reopen_sql, std::move(params));
    if (rows.size() == 0) return std::nullopt;
    MapRunRow row = map_run_of(rows, 0);
    if (!rows.is_null(0, kMapRunColumns)) row.flow_owner = rows.oid(0, kMapRunColumns);
    return row;
}

static Statement with_open_sql(
    "SELECT DISTINCT run_id FROM flowctl_catalog.map_run WHERE run_id = ANY ($1) AND phase IS NOT NULL",
    {UUIDARRAYOID});

std::vector<Uuid> with_open_map_runs(Spi& spi, const std::vector<Uuid>& parents) {
    std::vector<Uuid> found;
    if (parents.empty()) return found;
    const Rows rows = spi.run(with_open_sql, std::move(Params().uuids(parents)));
    for (std::size_t i = 0; i < rows.size(); i++)
        found.push_back(rows.uuid(i, 0));
    return found;
}

static Statement add_written_sql(
    "UPDATE flowctl_catalog.map_run SET results_written = results_written + $2 WHERE map_run_id = $1",
    {UUIDOID, INT8OID});

void add_results_written(Spi& spi, const Uuid& id, std::int64_t count) {
    spi.run(add_written_sql, std::move(Params().uuid(id).int8(count)));
}

static Statement set_writer_state_sql(
    "UPDATE flowctl_catalog.map_run SET writer_state = $2 WHERE map_run_id = $1", {UUIDOID, TEXTOID});

void set_writer_state(Spi& spi, const Uuid& id, const std::string& state) {
    spi.run(set_writer_state_sql, std::move(Params().uuid(id).text(state)));
}

static Statement add_counts_sql(R"(
    UPDATE flowctl_catalog.map_run
    SET succeeded = succeeded + $2, failed = failed + $3, timed_out = timed_out + $4, aborted = aborted + $5,
        items_succeeded = items_succeeded + $6, items_failed = items_failed + $7,
        items_timed_out = items_timed_out + $8, items_aborted = items_aborted + $9, begun = greatest(begun, $10)
    WHERE map_run_id = $1)",
                                {UUIDOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
                                 INT8OID, INT8OID});

void add_map_counts(Spi& spi, const std::vector<MapDelta>& deltas) {
    for (const MapDelta& delta : deltas) {
        Params params;
        params.uuid(delta.map_run_id);
        for (const MapCounts* counts : {&delta.runs, &delta.of_items})
            params.int8(counts->succeeded).int8(counts->failed).int8(counts->timed_out).int8(counts->aborted);
        params.int8(delta.begun);
        spi.run(add_counts_sql, std::move(params));
    }
}

}  // namespace flowctl::pg::store
