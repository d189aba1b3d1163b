// SQL of the store of children. See map_children.hpp.
#include "pg/store/map_children.hpp"

#include <stdexcept>

#include "pg/store/runs.hpp"

namespace flowctl::pg::store {

static Statement insert_children_sql(R"(
    INSERT INTO flowctl_catalog.run (run_id, flow_id, flow, version, type, input, flow_owner, role, starter, session_user_name,
                             system_user_name, subject, subject_issuer, subject_claims, subject_handle,
                             asserted_subject, client_addr, application_name, start_xid,
                             traceparent, parent_run_id, map_run_id, map_index, map_items, depth, handed_token,
                             forked_from)
    SELECT c.run_id, p.flow_id, p.flow, p.version, $3, c.input, p.flow_owner, p.role, p.starter, p.session_user_name,
           p.system_user_name, p.subject, p.subject_issuer, p.subject_claims, p.subject_handle, p.asserted_subject,
           p.client_addr, p.application_name, p.start_xid, p.traceparent, p.run_id, $1, c.index, c.items,
           p.depth, p.handed_token, p.forked_from
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

// The frame of a STANDARD child stays where it is until the child begins.
static Statement reopen_children_sql(R"(
    WITH ended AS (
        SELECT r.run_id, r.status FROM flowctl_catalog.run r
        WHERE r.map_run_id = $1 AND r.map_index >= $2 AND r.map_index < $3 AND r.status IN ('FAILED', 'TIMED_OUT', 'ABORTED')
              AND (r.type = 'EXPRESS'
                   OR EXISTS (SELECT FROM flowctl_catalog.ended_frame e WHERE e.run_id = r.run_id)
                   OR NOT EXISTS (SELECT FROM flowctl_catalog.history_event h WHERE h.run_id = r.run_id))),
    reopened AS (
        UPDATE flowctl_catalog.run r
        SET status = 'RUNNING', ended_at = NULL, error = NULL, cause = NULL, output = NULL, output_ref = NULL,
            stopped_by = NULL, redrive_count = r.redrive_count + 1, redriven_at = $4
        FROM ended e WHERE r.run_id = e.run_id AND r.map_run_id = $1 AND r.map_index >= $2 AND r.map_index < $3
        RETURNING e.status, r.map_items)
    SELECT status, pg_catalog.count(*), coalesce(pg_catalog.sum(map_items), 0)::bigint FROM reopened GROUP BY status)",
                                     {UUIDOID, INT8OID, INT8OID, TIMESTAMPTZOID});

AbortedChildren reopen_children(Spi& spi, const Uuid& map_run_id, std::int64_t from, std::int64_t to,
                                std::int64_t at) {
    Params params;
    params.uuid(map_run_id).int8(from).int8(to).timestamp(at);
    const Rows rows = spi.run(reopen_children_sql, std::move(params));
    AbortedChildren reopened;
    for (std::size_t i = 0; i < rows.size(); i++) {
        const machine::Status status = read_status(rows, i, 0);
        reopened.runs.add(status, rows.int8(i, 1));
        reopened.of_items.add(status, rows.int8(i, 2));
    }
    return reopened;
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
                          std::size_t max_bytes, const std::vector<machine::Status>& statuses) {
    std::vector<std::optional<std::string_view>> names;
    for (const machine::Status status : statuses)
        names.emplace_back(machine::name_of(status));
    Params params;
    params.uuid(map_run_id).int8(from).int8(to).texts(names);
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
        result.status = read_status(rows, i, 2);
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
