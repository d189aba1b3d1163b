// SQL of the store of requests. See controls.hpp.
#include "pg/store/controls.hpp"

#include <string_view>

#include "pg/store/by_key.hpp"
#include "pg/store/by_leaf.hpp"

namespace flowctl::pg::store {

static Statement insert_request_sql(R"(
    INSERT INTO flowctl_catalog.control (run_id, kind, requested_by, error, cause, reason)
    VALUES ($1, $2, $3::regrole, $4, $5, $6) ON CONFLICT DO NOTHING)",
                                    {UUIDOID, TEXTOID, OIDOID, TEXTOID, TEXTOID, TEXTOID});

bool insert_request(Spi& spi, const Request& request) {
    Params params;
    params.uuid(request.run_id).text(request.kind).oid(request.requested_by);
    params.text(request.error).text(request.cause).text(request.reason);
    return spi.run(insert_request_sql, std::move(params)).processed() == 1;
}

// Each role's first request comes before any role's second: whoever asks for the end of a million runs holds
// up nobody else's request. The roles are found by one look into the index for each.
static Statement find_requests_sql(R"(
    WITH RECURSIVE requester (role) AS (
        (SELECT requested_by::oid FROM flowctl_catalog.control ORDER BY requested_by LIMIT 1)
        UNION ALL
        SELECT (SELECT c.requested_by::oid FROM flowctl_catalog.control c
                WHERE c.requested_by > r.role ORDER BY c.requested_by LIMIT 1)
        FROM requester r WHERE r.role IS NOT NULL)
    SELECT f.run_id, f.kind, f.requested_by::oid, f.error, f.cause, f.reason
    FROM requester r CROSS JOIN LATERAL (
        SELECT c.*, pg_catalog.row_number() OVER (ORDER BY c.requested_at) AS place
        FROM flowctl_catalog.control c
        WHERE c.requested_by = r.role AND c.kind = ANY ($4)
          AND pg_catalog.get_byte(pg_catalog.uuid_send(c.run_id), 15) % 64 % $1 = $2
        ORDER BY c.requested_at LIMIT $3) f
    ORDER BY f.place, f.requested_at LIMIT $3)",
                                   {INT4OID, INT4OID, INT8OID, TEXTARRAYOID});

std::vector<Request> find_requests(Spi& spi, const std::vector<std::string>& kinds, int shard, int shards,
                                   std::size_t limit) {
    if (!has_rows("control")) return {};
    std::vector<std::optional<std::string_view>> names(kinds.begin(), kinds.end());
    Rows rows = spi.run(find_requests_sql, std::move(Params()
                                                         .int4(shards)
                                                         .int4(shard)
                                                         .int8(static_cast<std::int64_t>(limit))
                                                         .texts(names)));
    std::vector<Request> found;
    found.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); i++)
        found.push_back({rows.uuid(i, 0), rows.text(i, 1), rows.oid(i, 2), rows.optional_text(i, 3),
                         rows.optional_text(i, 4), rows.optional_text(i, 5)});
    return found;
}

// The reason against a request is looked up where only the run's row has it.
static Statement close_requests_sql(R"(
    WITH closed AS (
        DELETE FROM flowctl_catalog.control c
        USING ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4))
            AS d (run_id, kind, role, outcome)
        WHERE c.run_id = d.run_id AND c.kind = d.kind AND c.requested_by::oid = d.role::oid
        RETURNING c.run_id, c.kind, c.requested_at, c.reason, d.outcome,
                  pg_catalog.pg_get_userbyid(c.requested_by)::text AS role),
    recorded AS (
        INSERT INTO flowctl_catalog.intervention (run_id, at, action, role, reason, outcome)
        SELECT c.run_id, c.requested_at, c.kind, c.role, c.reason,
               coalesce(c.outcome,
                        (SELECT CASE r.status WHEN 'RUNNING' THEN 'the run is open'
                                              ELSE 'the run has ended as ' || r.status END
                         FROM flowctl_catalog.run r WHERE r.run_id = c.run_id),
                        'the run is no longer kept')
        FROM closed c
        ON CONFLICT DO NOTHING)
    SELECT c.run_id, c.role FROM closed c WHERE c.outcome = 'done' AND c.kind = 'stop')",
                                    {UUIDARRAYOID, TEXTARRAYOID, INT8ARRAYOID, TEXTARRAYOID});
static LeafStatement note_stopper_sql("UPDATE {leaf} SET stopped_by = $2 WHERE run_id = $1",
                                      {UUIDOID, TEXTOID});

// The runs have ended in this very transaction.
static void note_stoppers(Spi& spi, const std::vector<Uuid>& runs, const std::vector<std::string>& roles) {
    for (const LeafGroup& group : by_leaf("run", runs)) {
        RowFields rows;
        for (const std::size_t i : group.members)
            rows.uuid(runs[i]).text(roles[i]);
        for (const std::size_t left : update_by_key(group.leaf, {"run_id", "stopped_by"}, rows)) {
            const std::size_t i = group.members[left];
            note_stopper_sql.run(spi, group.leaf, std::move(Params().uuid(runs[i]).text(roles[i])));
        }
    }
}

void close_requests(Spi& spi, const std::vector<Outcome>& outcomes) {
    if (outcomes.empty()) return;
    std::vector<Uuid> runs;
    std::vector<std::optional<std::string_view>> kinds, texts;
    std::vector<std::int64_t> roles;
    for (const Outcome& outcome : outcomes) {
        runs.push_back(outcome.run_id);
        kinds.emplace_back(outcome.kind);
        roles.push_back(outcome.requested_by);
        texts.emplace_back(outcome.text);
    }
    const Rows stopped =
        spi.run(close_requests_sql, std::move(Params().uuids(runs).texts(kinds).int8s(roles).texts(texts)));
    std::vector<Uuid> stopped_runs;
    std::vector<std::string> stoppers;
    for (std::size_t i = 0; i < stopped.size(); i++) {
        stopped_runs.push_back(stopped.uuid(i, 0));
        stoppers.push_back(stopped.text(i, 1));
    }
    if (!stopped_runs.empty()) note_stoppers(spi, stopped_runs, stoppers);
}

static Statement record_intervention_sql(R"(
    INSERT INTO flowctl_catalog.intervention (run_id, at, action, role, reason, outcome)
    VALUES ($1, pg_catalog.clock_timestamp(), $2, pg_catalog.pg_get_userbyid($3), $4, $5) ON CONFLICT DO NOTHING)",
                                         {UUIDOID, TEXTOID, OIDOID, TEXTOID, TEXTOID});

void record_intervention(Spi& spi, const Uuid& run_id, const std::string& action, Oid role,
                         const std::optional<std::string>& reason, const std::string& outcome) {
    spi.run(record_intervention_sql,
            std::move(Params().uuid(run_id).text(action).oid(role).text(reason).text(outcome)));
}

static Statement record_exhausted_sql(R"(
    INSERT INTO flowctl_catalog.intervention (run_id, at, action, role, reason, outcome)
    VALUES ($1, pg_catalog.clock_timestamp(), 'pause', 'on_exhausted', $2, 'done') ON CONFLICT DO NOTHING)",
                                      {UUIDOID, TEXTOID});

void record_exhausted(Spi& spi, const Uuid& run_id, const std::string& reason) {
    spi.run(record_exhausted_sql, std::move(Params().uuid(run_id).text(reason)));
}

static LeafStatement find_operated_sql(R"(
    SELECT r.status, r.start_xid::text::bigint, coalesce(f.owner::oid, r.flow_owner::oid), r.role::oid,
           CASE WHEN r.parent_run_id IS NULL OR r.map_run_id IS NOT NULL THEN r.starter::oid
                ELSE (SELECT p.role::oid FROM flowctl_catalog.run p WHERE p.run_id = r.parent_run_id) END,
           EXISTS (SELECT FROM flowctl_catalog.control c WHERE c.run_id = $1 AND c.kind = $2),
           $2 IN ('pause', 'resume')
           AND (EXISTS (SELECT FROM flowctl_catalog.frame p WHERE p.run_id = $1 AND p.phase = 'PAUSED')
                OR $2 = 'resume' AND EXISTS (SELECT FROM flowctl_catalog.control c WHERE c.run_id = $1 AND c.kind = 'pause')),
           CASE WHEN $2 = 'redrive'
                THEN (SELECT flowctl_catalog.objection_to_redrive(
                                 r.status, r.type, r.map_run_id, f.flow_id, e.run_id, e.ended_at, e.events)
                      FROM (SELECT) AS one LEFT JOIN flowctl_catalog.ended_frame e ON e.run_id = $1) END,
           r.flow_id, $2 = 'pause' AND EXISTS (SELECT FROM flowctl_catalog.limit_wait w WHERE w.run_id = $1)
    FROM {leaf} r LEFT JOIN flowctl_catalog.flow f ON f.flow_id = r.flow_id
    WHERE r.run_id = $1)",
                                       {UUIDOID, TEXTOID}, Statement::Plan::ForAll);

std::optional<OperatedRun> find_operated(Spi& spi, const Uuid& id, const std::string& kind) {
    const std::vector<LeafGroup> leaf = by_leaf("run", {id});
    const Rows rows = find_operated_sql.run_latest(spi, leaf[0].leaf, std::move(Params().uuid(id).text(kind)));
    if (rows.size() == 0) return std::nullopt;
    OperatedRun run;
    static_cast<RunStatus&>(run) = {read_status(rows, 0, 0), rows.uuid(0, 8), rows.int8(0, 1),
                                    rows.oid(0, 2),          rows.oid(0, 3),  rows.oid(0, 4), false};
    run.is_requested = rows.boolean(0, 5);
    run.is_paused = rows.boolean(0, 6);
    run.waits_to_begin = rows.boolean(0, 9);
    run.objection_to_redrive = rows.optional_text(0, 7);
    return run;
}

}  // namespace flowctl::pg::store
