// SQL of the store of map runs. See map_runs.hpp.
#include "pg/store/map_runs.hpp"

#include <charconv>
#include <stdexcept>

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
        default:
            return "WRITING";
    }
}

MapPhase phase_of(const std::optional<std::string>& text) {
    if (!text) return MapPhase::Over;
    if (*text == "READING") return MapPhase::Reading;
    if (*text == "RUNNING") return MapPhase::Running;
    if (*text == "CLOSING") return MapPhase::Closing;
    return MapPhase::Writing;
}

std::string to_decimal(double value) {
    char text[32];
    return std::string(text, std::to_chars(text, text + sizeof text, value).ptr);
}

}  // namespace

void MapCounts::add(std::string_view status, std::int64_t count) {
    if (status == "SUCCEEDED")
        succeeded += count;
    else if (status == "TIMED_OUT")
        timed_out += count;
    else if (status == "ABORTED")
        aborted += count;
    else
        failed += count;
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
    "items_failed, items_timed_out, items_aborted, results_written, writer_state"

static Statement find_open_map_runs_sql("SELECT " MAP_RUN_COLUMNS R"(
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
    row.status = rows.text(i, 10);
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
    return row;
}

}  // namespace

std::vector<MapRunRow> find_open_map_runs(Spi& spi, int shard, int shards) {
    Rows rows = spi.run(find_open_map_runs_sql, std::move(Params().int4(shards).int4(shard)));
    std::vector<MapRunRow> found;
    found.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); i++)
        found.push_back(map_run_of(rows, i));
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
                       rows.text(0, 1),
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
        source = CASE WHEN $4 THEN NULL ELSE source END
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
    UPDATE flowctl_catalog.map_run SET phase = NULL, status = $2, ended_at = $3, plan = NULL, source = NULL WHERE map_run_id = $1)",
                         {UUIDOID, TEXTOID, TIMESTAMPTZOID});

void end_map_run(Spi& spi, const Uuid& id, const std::string& status, std::int64_t at) {
    spi.run(end_sql, std::move(Params().uuid(id).text(status).timestamp(at)));
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

// ---------------------------------------------------------------------------------------------- children

static Statement insert_children_sql(R"(
    INSERT INTO flowctl_catalog.run (run_id, flow_id, flow, version, type, input, flow_owner, role, starter, session_user_name,
                             system_user_name, subject, subject_issuer, subject_claims, subject_handle,
                             asserted_subject, client_addr, application_name, start_xid,
                             traceparent, parent_run_id, map_run_id, map_index, map_items)
    SELECT c.run_id, p.flow_id, p.flow, p.version, $3, c.input, p.flow_owner, p.role, p.starter, p.session_user_name,
           p.system_user_name, p.subject, p.subject_issuer, p.subject_claims, p.subject_handle, p.asserted_subject,
           p.client_addr, p.application_name, p.start_xid, p.traceparent, p.run_id, $1, c.index, c.items
    FROM flowctl_catalog.run p, unnest($4, $5, $6, $7) AS c(run_id, index, items, input)
    WHERE p.run_id = $2)",
                                     {UUIDOID, UUIDOID, TEXTOID, UUIDARRAYOID, INT8ARRAYOID, INT4ARRAYOID,
                                      TEXTARRAYOID});

void insert_children(Spi& spi, const Uuid& map_run_id, const Uuid& parent, const std::string& type,
                     const std::vector<NewChild>& children) {
    if (children.empty()) return;
    std::vector<Uuid> ids;
    std::vector<std::int64_t> indexes;
    std::vector<std::int32_t> items;
    std::vector<std::optional<std::string_view>> inputs;
    for (const NewChild& child : children) {
        ids.push_back(child.run_id);
        indexes.push_back(child.index);
        items.push_back(child.items);
        inputs.emplace_back(child.input);
    }
    Params params;
    params.uuid(map_run_id).uuid(parent).text(type).uuids(ids).int8s(indexes).int4s(items).texts(inputs);
    const std::uint64_t written = spi.run(insert_children_sql, std::move(params)).processed();
    if (written != children.size()) throw std::logic_error("children without a parent");
}

static Statement find_queued_sql(R"(
    SELECT r.run_id, r.map_index, r.map_items FROM flowctl_catalog.run r
    WHERE r.map_run_id = $1 AND r.map_index >= $2 AND r.map_index < $3 AND r.status = 'RUNNING'
          AND NOT EXISTS (SELECT FROM flowctl_catalog.frame f WHERE f.run_id = r.run_id)
    ORDER BY r.map_index)",
                                 {UUIDOID, INT8OID, INT8OID});

std::vector<ChildId> find_queued_children(Spi& spi, const Uuid& map_run_id, std::int64_t from,
                                          std::int64_t to) {
    Params params;
    params.uuid(map_run_id).int8(from).int8(to);
    Rows rows = spi.run(find_queued_sql, std::move(params));
    std::vector<ChildId> children;
    children.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); i++)
        children.push_back({rows.uuid(i, 0), rows.int8(i, 1), rows.int4(i, 2)});
    return children;
}

static Statement find_begun_sql(R"(
    SELECT r.map_run_id, r.run_id, r.map_index, r.map_items
    FROM flowctl_catalog.frame f JOIN flowctl_catalog.run r ON r.run_id = f.run_id
    WHERE r.map_run_id IS NOT NULL)",
                                {});

std::vector<BegunChild> find_begun_children(Spi& spi) {
    Rows rows = spi.run(find_begun_sql);
    std::vector<BegunChild> children;
    children.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); i++)
        children.push_back({rows.uuid(i, 0), {rows.uuid(i, 1), rows.int8(i, 2), rows.int4(i, 3)}});
    return children;
}

static Statement abort_queued_sql(R"(
    WITH gone AS (
        UPDATE flowctl_catalog.run r SET status = 'ABORTED', ended_at = $4
        WHERE r.map_run_id = $1 AND r.map_index >= $2 AND r.map_index < $3 AND r.status = 'RUNNING'
              AND NOT EXISTS (SELECT FROM flowctl_catalog.frame f WHERE f.run_id = r.run_id)
        RETURNING r.map_items)
    SELECT pg_catalog.count(*), coalesce(pg_catalog.sum(map_items), 0)::bigint FROM gone)",
                                  {UUIDOID, INT8OID, INT8OID, TIMESTAMPTZOID});

AbortedChildren abort_queued_children(Spi& spi, const Uuid& map_run_id, std::int64_t from, std::int64_t to,
                                      std::int64_t at) {
    Params params;
    params.uuid(map_run_id).int8(from).int8(to).timestamp(at);
    Rows rows = spi.run(abort_queued_sql, std::move(params));
    AbortedChildren aborted;
    aborted.runs.aborted = rows.int8(0, 0);
    aborted.of_items.aborted = rows.int8(0, 1);
    return aborted;
}

static Statement find_results_sql(R"(
    SELECT r.run_id, r.map_index, r.status, r.map_items, r.input,
           CASE WHEN r.output IS NOT NULL THEN r.output
                WHEN r.output_ref = 0 THEN r.input
                WHEN r.output_ref IS NOT NULL
                THEN (SELECT h.payload FROM flowctl_catalog.history_event h
                      WHERE h.run_id = r.run_id AND h.event_id = r.output_ref)
           END,
           r.error, r.cause, r.started_at, r.ended_at
    FROM flowctl_catalog.run r
    WHERE r.map_run_id = $1 AND r.map_index >= $2 AND r.map_index < $3 AND r.status <> 'RUNNING'
          AND ($4 = '{}' OR r.status = ANY ($4))
    ORDER BY r.map_index)",
                                  {UUIDOID, INT8OID, INT8OID, TEXTARRAYOID});

ChildResults find_results(Spi& spi, const Uuid& map_run_id, std::int64_t from, std::int64_t to,
                          std::size_t max_bytes, const std::vector<std::string_view>& statuses) {
    Params params;
    params.uuid(map_run_id).int8(from).int8(to).texts({statuses.begin(), statuses.end()});
    Rows rows = spi.run(find_results_sql, std::move(params));
    ChildResults found;
    found.next = to;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < rows.size(); i++) {
        if (bytes >= max_bytes) {
            found.next = rows.int8(i, 1);
            break;
        }
        ChildResult& result = found.children.emplace_back();
        result.run_id = rows.uuid(i, 0);
        result.index = rows.int8(i, 1);
        result.status = rows.text(i, 2);
        result.items = rows.int4(i, 3);
        result.input = rows.text(i, 4);
        result.output = rows.optional_text(i, 5);
        result.error = rows.optional_text(i, 6);
        result.cause = rows.optional_text(i, 7);
        result.started_at = rows.timestamp(i, 8);
        result.ended_at = rows.optional_timestamp(i, 9);
        bytes += result.input.size() + (result.output ? result.output->size() : 0) +
                 (result.cause ? result.cause->size() : 0);
    }
    return found;
}

static Statement forget_sql(R"(
    UPDATE flowctl_catalog.run r SET input = 'null', output = NULL
    WHERE r.map_run_id = $1 AND r.map_index >= $2 AND r.map_index < $3 AND (r.status = 'SUCCEEDED' OR NOT $4))",
                            {UUIDOID, INT8OID, INT8OID, BOOLOID});

void forget_children(Spi& spi, const Uuid& map_run_id, std::int64_t from, std::int64_t to,
                     bool succeeded_only) {
    Params params;
    params.uuid(map_run_id).int8(from).int8(to).boolean(succeeded_only);
    spi.run(forget_sql, std::move(params));
}

}  // namespace flowctl::pg::store
