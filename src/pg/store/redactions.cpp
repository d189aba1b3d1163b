// SQL of the store of redactions. See redactions.hpp.
#include "pg/store/redactions.hpp"

#include <algorithm>

#include "pg/store/by_leaf.hpp"
#include "pg/store/runs.hpp"

namespace flowctl::pg::store {

namespace {

#define RECORDED_COLUMNS                                                                                  \
    "r.run_id, r.status, r.flow_id, r.flow, r.version, coalesce(w.owner::oid, r.flow_owner::oid), "       \
    "r.role::oid, "                                                                                       \
    "CASE WHEN r.parent_run_id IS NULL OR r.map_run_id IS NOT NULL THEN r.starter::oid "                  \
    "ELSE (SELECT p.role::oid FROM flowctl_catalog.run p WHERE p.run_id = r.parent_run_id) END, "         \
    "r.parent_run_id, r.redacted_at IS NOT NULL"
LeafStatement find_recorded_sql("SELECT " RECORDED_COLUMNS
                                " FROM {leaf} r LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id"
                                " WHERE r.run_id = $1",
                                {UUIDOID});
LeafStatement lock_recorded_sql("SELECT " RECORDED_COLUMNS
                                " FROM {leaf} r LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id"
                                " WHERE r.run_id = $1 AND r.status <> 'RUNNING' FOR NO KEY UPDATE OF r SKIP LOCKED",
                                {UUIDOID});
Statement map_children_sql("SELECT " RECORDED_COLUMNS
                           " FROM flowctl_catalog.run r LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id"
                           " WHERE r.map_run_id = $1 AND r.map_index >= $2 ORDER BY r.map_index LIMIT 2000",
                           {UUIDOID, INT8OID});
// A child is later than the run that has started it, so earlier leaves are not looked at.
Statement child_flows_sql("SELECT " RECORDED_COLUMNS
                          " FROM flowctl_catalog.run r LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id"
                          " WHERE r.parent_run_id = ANY ($1) AND r.parent_run_id IS NOT NULL AND r.map_run_id IS NULL"
                          " AND r.run_id > $2",
                          {UUIDARRAYOID, UUIDOID});
#undef RECORDED_COLUMNS
Statement open_map_runs_sql(
    "SELECT FROM flowctl_catalog.map_run WHERE run_id = ANY ($1) AND phase IS NOT NULL LIMIT 1", {UUIDARRAYOID});
Statement map_runs_sql("SELECT map_run_id FROM flowctl_catalog.map_run WHERE run_id = ANY ($1)",
                       {UUIDARRAYOID});

RecordedRun read_recorded(const Rows& rows, std::size_t i) {
    RecordedRun run;
    run.run_id = rows.uuid(i, 0);
    run.status = read_status(rows, i, 1);
    run.flow_id = rows.uuid(i, 2);
    run.flow = rows.text(i, 3);
    run.version = rows.int4(i, 4);
    run.flow_owner = rows.oid(i, 5);
    run.role = rows.oid(i, 6);
    run.starter = rows.oid(i, 7);
    if (!rows.is_null(i, 8)) run.parent_run_id = rows.uuid(i, 8);
    run.redacted = rows.boolean(i, 9);
    return run;
}

std::optional<RecordedRun> read_one(Spi& spi, LeafStatement& statement, const Uuid& id) {
    const Rows rows = statement.run(spi, by_leaf("run", {id}).front().leaf, std::move(Params().uuid(id)));
    if (rows.size() == 0) return std::nullopt;
    return read_recorded(rows, 0);
}

}  // namespace

std::optional<RecordedRun> find_recorded(Spi& spi, const Uuid& id) {
    return read_one(spi, find_recorded_sql, id);
}

std::optional<RecordedRun> lock_recorded(Spi& spi, const Uuid& id) {
    return read_one(spi, lock_recorded_sql, id);
}

static LeafStatement lock_ended_sql(
    "SELECT run_id FROM {leaf} WHERE run_id = ANY ($1) AND status <> 'RUNNING' FOR NO KEY UPDATE SKIP LOCKED",
    {UUIDARRAYOID});

bool lock_ended(Spi& spi, const std::vector<Uuid>& ids) {
    std::size_t locked = 0;
    for (const LeafGroup& group : by_leaf("run", ids))
        locked += lock_ended_sql.run(spi, group.leaf, std::move(Params().uuids(pick(ids, group)))).size();
    return locked == ids.size();
}

bool has_open_map_run(Spi& spi, const std::vector<Uuid>& ids) {
    return spi.run(open_map_runs_sql, std::move(Params().uuids(ids))).size() != 0;
}

void each_map_child(Spi& spi, const std::vector<Uuid>& ids, const std::function<bool(const RecordedRun&)>& take) {
    std::vector<Uuid> map_runs;
    {
        const Rows rows = spi.run(map_runs_sql, std::move(Params().uuids(ids)));
        for (std::size_t i = 0; i < rows.size(); i++)
            map_runs.push_back(rows.uuid(i, 0));
    }
    for (const Uuid& map_run : map_runs) {
        std::int64_t read = 0;  // the indexes of a map run's children have no gaps
        for (;;) {
            const Rows rows = spi.run(map_children_sql, std::move(Params().uuid(map_run).int8(read)));
            for (std::size_t i = 0; i < rows.size(); i++)
                if (!take(read_recorded(rows, i))) return;
            if (rows.size() == 0) break;
            read += static_cast<std::int64_t>(rows.size());
        }
    }
}

std::vector<RecordedRun> find_child_flows(Spi& spi, const std::vector<Uuid>& ids) {
    const Uuid first = *std::min_element(ids.begin(), ids.end());
    const Rows rows = spi.run(child_flows_sql, std::move(Params().uuids(ids).uuid(first)));
    std::vector<RecordedRun> children;
    for (std::size_t i = 0; i < rows.size(); i++)
        children.push_back(read_recorded(rows, i));
    return children;
}

namespace {

Statement take_salts_sql(
    "DELETE FROM flowctl_catalog.run_salt WHERE run_id = ANY ($1) RETURNING run_id, "
    "pg_catalog.encode(salt, 'base64')",
    {UUIDARRAYOID});

// A value that is NULL stays NULL: the functions are strict.
LeafStatement redact_run_sql(R"(
    UPDATE {leaf}
    SET input = flowctl_catalog.redacted(run_id, input), output = flowctl_catalog.redacted(run_id, output),
        error = flowctl_catalog.redacted_error(run_id, error), cause = flowctl_catalog.redacted(run_id, cause),
        event = flowctl_catalog.redacted(run_id, event), name = flowctl_catalog.redacted(run_id, name),
        subject = flowctl_catalog.redacted(run_id, subject),
        subject_claims = flowctl_catalog.redacted(run_id, subject_claims),
        asserted_subject = flowctl_catalog.redacted(run_id, asserted_subject),
        application_name = flowctl_catalog.redacted(run_id, application_name),
        subject_handle = NULL, client_addr = NULL, attributes = NULL, redacted_at = pg_catalog.now()
    WHERE run_id = ANY ($1))",
                             {UUIDARRAYOID});
// While the run still has its attributes, which lead to the index.
LeafStatement delete_attributes_sql(R"(
    DELETE FROM {leaf} a
    USING flowctl_catalog.run r, LATERAL pg_catalog.jsonb_each(r.attributes::pg_catalog.jsonb) e,
          LATERAL pg_catalog.jsonb_array_elements_text(
              CASE pg_catalog.jsonb_typeof(e.value) WHEN 'array' THEN e.value ELSE pg_catalog.jsonb_build_array(e.value) END) v (value)
    WHERE r.run_id = ANY ($1) AND r.attributes IS NOT NULL AND a.run_id = r.run_id AND a.name = e.key AND a.value = v.value)",
                                    {UUIDARRAYOID});
LeafStatement redact_history_sql(R"(
    UPDATE {leaf}
    SET payload = flowctl_catalog.redacted(run_id, payload), details = flowctl_catalog.redacted_details(run_id, details)
    WHERE run_id = ANY ($1) AND (payload IS NOT NULL OR details IS NOT NULL))",
                                 {UUIDARRAYOID});
LeafStatement redact_calls_sql(R"(
    UPDATE {leaf}
    SET url_path = flowctl_catalog.redacted(run_id, url_path), subject = flowctl_catalog.redacted(run_id, subject),
        actor = flowctl_catalog.redacted(run_id, actor), request_hash = flowctl_catalog.redacted(run_id, request_hash)
    WHERE run_id = ANY ($1))",
                               {UUIDARRAYOID});
LeafStatement redact_outcomes_sql(R"(
    UPDATE {leaf}
    SET error = flowctl_catalog.redacted_error(run_id, error), subject = flowctl_catalog.redacted(run_id, subject),
        actor = flowctl_catalog.redacted(run_id, actor), response_hash = flowctl_catalog.redacted(run_id, response_hash)
    WHERE run_id = ANY ($1))",
                                  {UUIDARRAYOID});
LeafStatement redact_revocations_sql(R"(
    UPDATE {leaf} SET message = flowctl_catalog.redacted(run_id, message)
    WHERE run_id = ANY ($1) AND message IS NOT NULL)",
                                     {UUIDARRAYOID});

// Rows of tables that are not partitioned.
Statement redact_others[] = {
    {R"(UPDATE flowctl_catalog.map_run
        SET plan = NULL, source = NULL, writer_state = NULL, error = flowctl_catalog.redacted_error(run_id, error),
            cause = flowctl_catalog.redacted(run_id, cause)
        WHERE run_id = ANY ($1))",
     {UUIDARRAYOID}},
    {R"(UPDATE flowctl_catalog.denial
        SET subject = flowctl_catalog.redacted(run_id, subject), reason = flowctl_catalog.redacted(run_id, reason)
        WHERE run_id = ANY ($1))",
     {UUIDARRAYOID}},
    {R"(UPDATE flowctl_catalog.intervention SET reason = flowctl_catalog.redacted(run_id, reason)
        WHERE run_id = ANY ($1) AND reason IS NOT NULL)",
     {UUIDARRAYOID}},
    {R"(UPDATE flowctl_catalog.approval_decision d
        SET subject = flowctl_catalog.redacted(a.run_id, d.subject), reason = flowctl_catalog.redacted(a.run_id, d.reason),
            answer = flowctl_catalog.redacted(a.run_id, d.answer)
        FROM flowctl_catalog.approval a WHERE a.approval_id = d.approval_id AND a.run_id = ANY ($1))",
     {UUIDARRAYOID}},
    {R"(UPDATE flowctl_catalog.approval
        SET title = flowctl_catalog.redacted(run_id, title), message = flowctl_catalog.redacted(run_id, message),
            terms = flowctl_catalog.redacted(run_id, terms)
        WHERE run_id = ANY ($1))",
     {UUIDARRAYOID}},
    {"DELETE FROM flowctl_catalog.run_name WHERE run_id = ANY ($1)", {UUIDARRAYOID}},
    {"DELETE FROM flowctl_catalog.frame WHERE run_id = ANY ($1)", {UUIDARRAYOID}},
    {"DELETE FROM flowctl_catalog.early_answer WHERE run_id = ANY ($1)", {UUIDARRAYOID}},
    {"DELETE FROM flowctl_catalog.ended_frame WHERE run_id = ANY ($1)", {UUIDARRAYOID}},
    {R"(UPDATE flowctl_catalog.fork
        SET input = flowctl_catalog.redacted(run_id, input), variables = flowctl_catalog.redacted(run_id, variables)
        WHERE run_id = ANY ($1))",
     {UUIDARRAYOID}},
};

// Events that the runs have caused, and those that have started them, which the runs name as long as they are not
// redacted. An event keeps its id, so that a message which is sent once more is still the same event.
#define REDACT_EVENTS                                                                                              \
    "UPDATE flowctl_catalog.event SET data = NULL, attributes = NULL, subject = NULL, verified_subject = NULL, "    \
    "subject_claims = NULL, asserted_subject = NULL, application_name = NULL, client_addr = NULL WHERE "
Statement redact_caused_events(REDACT_EVENTS "caused_by = ANY ($1)", {UUIDARRAYOID});
LeafStatement redact_causing_events(REDACT_EVENTS R"(event_id IN (
    SELECT (r.event::pg_catalog.jsonb ->> 'sequence')::uuid FROM {leaf} r
    WHERE r.run_id = ANY ($1) AND r.event::pg_catalog.jsonb ->> 'sequence' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'))",
                                    {UUIDARRAYOID});
#undef REDACT_EVENTS

struct OfLeaf {
    const char* table;
    LeafStatement& statement;
};
OfLeaf redact_leaves[] = {
    {"run", redact_causing_events},
    {"run_attribute", delete_attributes_sql},
    {"run", redact_run_sql},
    {"history_event", redact_history_sql},
    {"call", redact_calls_sql},
    {"call_outcome", redact_outcomes_sql},
    {"token_revocation", redact_revocations_sql},
};

Statement insert_redaction_sql(R"(
    INSERT INTO flowctl_catalog.redaction (run_id, flow_id, flow, flow_owner, reason, redacted_by, runs)
    VALUES ($1, $2, $3, $4::regrole, $5, pg_catalog.pg_get_userbyid($6), $7))",
                               {UUIDOID, UUIDOID, TEXTOID, OIDOID, TEXTOID, OIDOID, INT8OID});

}  // namespace

std::vector<Salt> take_salts(Spi& spi, const std::vector<Uuid>& ids) {
    const Rows rows = spi.run(take_salts_sql, std::move(Params().uuids(ids)));
    std::vector<Salt> salts;
    for (std::size_t i = 0; i < rows.size(); i++)
        salts.push_back({rows.uuid(i, 0), rows.text(i, 1)});
    return salts;
}

void redact_runs(Spi& spi, const std::vector<Uuid>& ids) {
    for (const OfLeaf& of : redact_leaves)
        for (const LeafGroup& group : by_leaf(of.table, ids))
            of.statement.run(spi, group.leaf, std::move(Params().uuids(pick(ids, group))));
    spi.run(redact_caused_events, std::move(Params().uuids(ids)));
    for (Statement& statement : redact_others)
        spi.run(statement, std::move(Params().uuids(ids)));
}

void insert_redaction(Spi& spi, const Redaction& redaction) {
    spi.run(insert_redaction_sql, std::move(Params()
                                                .uuid(redaction.run.run_id)
                                                .uuid(redaction.run.flow_id)
                                                .text(redaction.run.flow)
                                                .oid(redaction.run.flow_owner)
                                                .text(redaction.reason)
                                                .oid(redaction.redacted_by)
                                                .int8(redaction.runs)));
}

}  // namespace flowctl::pg::store
