// SQL of the store of runs. See runs.hpp.
#include "pg/store/runs.hpp"

#include <map>

#include "pg/store/append.hpp"
#include "pg/store/by_key.hpp"
#include "pg/store/by_leaf.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg::store {

// ---------------------------------------------------------------------------------------------- the worker

// The columns that are read of a run, in the order of read_run().
static constexpr std::initializer_list<const char*> kRunColumns = {
    "run_id",         "flow_id",     "flow",          "version",     "type",           "name",
    "status",         "input",       "event",         "traceparent", "started_at",     "flow_owner",
    "role",           "subject",     "redrive_count", "redriven_at", "subject_issuer", "subject_claims",
    "subject_handle", "map_run_id",  "map_index",     "map_items",   "forked_from",    "parent_run_id",
    "depth",          "handed_token", "starter"};

static StoredRun read_run(const Rows& rows, std::size_t i) {
    StoredRun run;
    run.run_id = rows.uuid(i, 0);
    run.flow_id = rows.uuid(i, 1);
    run.flow = rows.text(i, 2);
    run.version = rows.int4(i, 3);
    run.express = rows.text(i, 4) == "EXPRESS";
    run.name = rows.optional_text(i, 5);
    run.status = read_status(rows, i, 6);
    run.input = rows.text(i, 7);
    run.event = rows.optional_text(i, 8);
    run.traceparent = rows.optional_text(i, 9);
    run.started_at = rows.timestamp(i, 10);
    run.flow_owner = rows.oid(i, 11);
    run.role = rows.oid(i, 12);
    run.subject = rows.optional_text(i, 13);
    run.redrive_count = rows.int4(i, 14);
    run.redriven_at = rows.optional_timestamp(i, 15);
    run.subject_issuer = rows.optional_text(i, 16);
    run.subject_claims = rows.optional_text(i, 17);
    if (!rows.is_null(i, 18)) run.subject_handle = rows.uuid(i, 18);
    if (!rows.is_null(i, 19)) run.map_run_id = rows.uuid(i, 19);
    run.map_index = rows.int8(i, 20);
    run.map_items = rows.int4(i, 21);
    // The children of a fork have its column, and begin like any others.
    run.is_fork = !rows.is_null(i, 22) && !run.map_run_id;
    if (!rows.is_null(i, 23)) run.parent_run_id = rows.uuid(i, 23);
    run.depth = rows.int4(i, 24);
    run.handed_token = rows.optional_text(i, 25);
    run.starter = rows.oid(i, 26);
    return run;
}

// A frame is written by the worker that reads it here, so it cannot have come after its run was read.
std::vector<Uuid> each_run(Spi&, const std::vector<Uuid>& ids, std::size_t max_bytes, Frames which,
                           const std::function<bool(StoredRun&&)>& take) {
    const Oid table = table_named(which == Frames::Open ? "frame" : "ended_frame");
    const Rows frames = find_by_key(table, {"run_id", "frame"}, ids);
    std::map<Uuid, std::size_t> frame_of;
    for (std::size_t i = 0; i < frames.size(); i++)
        frame_of.emplace(frames.uuid(i, 0), i);
    std::vector<Rows> of_leaves;
    std::map<Uuid, std::pair<std::size_t, std::size_t>> place_of;  // leaf and row
    for (const LeafGroup& group : by_leaf("run", ids)) {
        const Rows& rows = of_leaves.emplace_back(find_by_key(group.leaf, kRunColumns, pick(ids, group)));
        for (std::size_t i = 0; i < rows.size(); i++)
            place_of.emplace(rows.uuid(i, 0), std::pair(of_leaves.size() - 1, i));
    }
    std::vector<Uuid> later;
    std::size_t bytes = 0;
    bool more = true;
    for (const Uuid& id : ids) {
        const auto place = place_of.find(id);
        if (place == place_of.end()) continue;
        if (!more || bytes >= max_bytes) {
            later.push_back(id);
            continue;
        }
        // Large values of the rows are references, and are fetched here.
        StoredRun run = read_run(of_leaves[place->second.first], place->second.second);
        if (const auto frame = frame_of.find(id); frame != frame_of.end())
            run.frame = frames.text(frame->second, 1);
        bytes += run.input.size() + (run.event ? run.event->size() : 0) + (run.frame ? run.frame->size() : 0);
        more = take(std::move(run));
    }
    return later;
}

LoadedRuns load_runs(Spi& spi, const std::vector<Uuid>& ids, std::size_t max_bytes) {
    LoadedRuns loaded;
    loaded.later = each_run(spi, ids, max_bytes, Frames::Open, [&](StoredRun&& run) {
        loaded.runs.push_back(std::move(run));
        return true;
    });
    return loaded;
}

static Statement save_frame_sql(R"(
    UPDATE flowctl_catalog.frame SET phase = $2, current_state = $3, due_at = $4, frame = $5 WHERE run_id = $1)",
                                {UUIDOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID});

// Replaces a frame by SQL, where it cannot be done in the heap.
static void save_frame(Spi& spi, const FrameRow& row) {
    Params params;
    params.uuid(row.run_id).text(machine::name_of(row.phase)).text(row.current_state);
    if (row.due_at)
        params.timestamp(*row.due_at);
    else
        params.null();
    spi.run(save_frame_sql, std::move(params.text(row.frame)));
}

void save_frames(Spi& spi, const std::vector<FrameRow>& frames) {
    if (frames.empty()) return;
    Append added("frame", {"run_id", "bucket", "phase", "current_state", "due_at", "frame"}, frames.size());
    RowFields changed;
    std::vector<const FrameRow*> changed_rows;
    for (const FrameRow& row : frames) {
        if (row.is_new) {
            added.uuid(row.run_id).int2(static_cast<std::int16_t>(bucket_of(row.run_id)));
            added.text(machine::name_of(row.phase))
                .text(row.current_state)
                .timestamp(row.due_at)
                .text(row.frame);
        } else {
            changed_rows.push_back(&row);
            changed.uuid(row.run_id)
                .text(machine::name_of(row.phase))
                .text(row.current_state)
                .timestamp(row.due_at)
                .text(row.frame);
        }
    }
    added.write();
    if (changed_rows.empty()) return;
    for (const std::size_t i : update_by_key(
             table_named("frame"), {"run_id", "phase", "current_state", "due_at", "frame"}, changed))
        save_frame(spi, *changed_rows[i]);
}

static Statement delete_frames_sql("DELETE FROM flowctl_catalog.frame WHERE run_id = ANY ($1)",
                                   {UUIDARRAYOID});

void delete_frames(Spi& spi, const std::vector<Uuid>& ids) {
    if (ids.empty()) return;
    const std::vector<Uuid> left = delete_by_key(table_named("frame"), ids);
    if (!left.empty()) spi.run(delete_frames_sql, std::move(Params().uuids(left)));
}

static LeafStatement end_run_sql(R"(
    UPDATE {leaf}
    SET status = $2, output = $3, output_ref = $4, error = $5, cause = $6, ended_at = $7
    WHERE run_id = $1)",
                                 {UUIDOID, TEXTOID, TEXTOID, INT4OID, TEXTOID, TEXTOID, TIMESTAMPTZOID});

// Ends a run by SQL, where somebody else is changing its row, too.
static void end_run(Spi& spi, Oid leaf, const RunEnd& end) {
    Params params;
    params.uuid(end.run_id).text(machine::name_of(end.status)).text(end.output);
    if (end.output_ref)
        params.int4(*end.output_ref);
    else
        params.null();
    params.text(end.error).text(end.cause).timestamp(end.ended_at);
    end_run_sql.run(spi, leaf, std::move(params));
}

void end_runs(Spi& spi, const std::vector<RunEnd>& ends) {
    std::vector<Uuid> ids;
    ids.reserve(ends.size());
    for (const RunEnd& end : ends)
        ids.push_back(end.run_id);
    for (const LeafGroup& group : by_leaf("run", ids)) {
        RowFields rows;
        for (const std::size_t i : group.members) {
            const RunEnd& end = ends[i];
            rows.uuid(end.run_id)
                .text(machine::name_of(end.status))
                .text_or_null(end.output)
                .int4(end.output_ref);
            rows.text_or_null(end.error).text_or_null(end.cause).timestamp(end.ended_at);
        }
        for (const std::size_t left :
             update_by_key(group.leaf,
                           {"run_id", "status", "output", "output_ref", "error", "cause", "ended_at"}, rows))
            end_run(spi, group.leaf, ends[group.members[left]]);
    }
}

static LeafStatement forget_input_sql("UPDATE {leaf} SET input = 'null' WHERE run_id = ANY ($1)",
                                      {UUIDARRAYOID});
static LeafStatement forget_payloads_sql(R"(
    UPDATE {leaf} SET payload = NULL, payload_ref = NULL
    WHERE run_id = ANY ($1) AND payload_key IS NOT NULL)",
                                         {UUIDARRAYOID});

void forget_payloads(Spi& spi, const std::vector<Uuid>& ids) {
    for (const LeafGroup& group : by_leaf("run", ids))
        forget_input_sql.run(spi, group.leaf, std::move(Params().uuids(pick(ids, group))));
    forget_events(spi, ids);
}

void forget_events(Spi& spi, const std::vector<Uuid>& ids) {
    for (const LeafGroup& group : by_leaf("history_event", ids))
        forget_payloads_sql.run(spi, group.leaf, std::move(Params().uuids(pick(ids, group))));
}

static Statement fail_history_sql(R"(
    INSERT INTO flowctl_catalog.history_event (run_id, event_id, previous_event_id, at, type, details)
    SELECT $1, coalesce(max(event_id), 0) + 1, coalesce(max(event_id), 0), pg_catalog.clock_timestamp(), 'ExecutionFailed',
           pg_catalog.json_build_object('error', $2, 'cause', $3)::text
    FROM flowctl_catalog.history_event WHERE run_id = $1)",
                                  {UUIDOID, TEXTOID, TEXTOID});
static Statement fail_run_sql(R"(
    UPDATE flowctl_catalog.run SET status = 'FAILED', error = $2, cause = $3, ended_at = pg_catalog.clock_timestamp()
    WHERE run_id = $1 AND status = 'RUNNING')",
                              {UUIDOID, TEXTOID, TEXTOID});

static Statement forget_ended_frame_sql("DELETE FROM flowctl_catalog.ended_frame WHERE run_id = $1", {UUIDOID});

bool fail_run(Spi& spi, const Uuid& id, const std::string& error, const std::string& cause,
              bool with_history) {
    if (spi.run(fail_run_sql, std::move(Params().uuid(id).text(error).text(cause))).processed() == 0)
        return false;
    if (with_history) {
        spi.run(fail_history_sql, std::move(Params().uuid(id).text(error).text(cause)));
        // The frame that was kept of a run that is being redriven does not know of this event.
        spi.run(forget_ended_frame_sql, std::move(Params().uuid(id)));
    }
    delete_frames(spi, {id});
    return true;
}

static Statement find_due_sql(R"(
    SELECT run_id, due_at FROM flowctl_catalog.frame
    WHERE due_at >= coalesce($5, '-infinity') AND due_at <= $1 AND bucket % $2 = $3 ORDER BY due_at LIMIT $4)",
                              {TIMESTAMPTZOID, INT4OID, INT4OID, INT8OID, TIMESTAMPTZOID});

std::vector<DueRun> find_due(Spi& spi, int shard, int shards, std::optional<std::int64_t> since,
                             std::int64_t horizon, std::size_t limit) {
    Params params;
    params.timestamp(horizon).int4(shards).int4(shard).int8(static_cast<std::int64_t>(limit));
    since ? params.timestamp(*since) : params.null();
    Rows rows = spi.run(find_due_sql, std::move(params));
    std::vector<DueRun> runs;
    runs.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); i++)
        runs.push_back({rows.uuid(i, 0), rows.timestamp(i, 1)});
    return runs;
}

// ---------------------------------------------------------------------------------------------- looking

machine::Status read_status(const Rows& rows, std::size_t row, int column) {
    const std::string name = rows.text(row, column);
    if (const auto status = machine::status_named(name)) return *status;
    throw UserError(ERRCODE_DATA_CORRUPTED,
                    "a run has the status \"" + name + "\", which this library does not know",
                    "A newer version of pg_flowctl has written it: load that version.");
}

static Statement find_status_sql(R"(
    SELECT r.status, r.start_xid::text::bigint, coalesce(f.owner::oid, r.flow_owner::oid), r.role::oid,
           CASE WHEN r.parent_run_id IS NULL OR r.map_run_id IS NOT NULL THEN r.starter::oid
                ELSE (SELECT p.role::oid FROM flowctl_catalog.run p WHERE p.run_id = r.parent_run_id) END,
           r.status <> 'RUNNING'
           AND EXISTS (SELECT FROM flowctl_catalog.control c WHERE c.run_id = r.run_id AND c.kind = 'redrive'),
           r.flow_id
    FROM flowctl_catalog.run r LEFT JOIN flowctl_catalog.flow f ON f.flow_id = r.flow_id
    WHERE r.run_id = $1)",
                                 {UUIDOID});

std::optional<RunStatus> find_status(Spi& spi, const Uuid& id) {
    Rows rows = spi.run_latest(find_status_sql, std::move(Params().uuid(id)));
    if (rows.size() == 0) return std::nullopt;
    return RunStatus{read_status(rows, 0, 0), rows.uuid(0, 6), rows.int8(0, 1),   rows.oid(0, 2),
                     rows.oid(0, 3),          rows.oid(0, 4),  rows.boolean(0, 5)};
}

}  // namespace flowctl::pg::store
