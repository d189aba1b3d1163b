// SQL of the store of forks. See forks.hpp.
#include "pg/store/forks.hpp"

#include "pg/store/by_leaf.hpp"

namespace flowctl::pg::store {

static Statement insert_fork_sql(
    "INSERT INTO flowctl_catalog.fork (run_id, state, input, variables) VALUES ($1, $2, $3, $4)",
    {UUIDOID, TEXTOID, TEXTOID, TEXTOID});

void insert_fork(Spi& spi, const Uuid& run_id, const ForkPoint& point) {
    spi.run(insert_fork_sql,
            std::move(Params().uuid(run_id).text(point.state).text(point.input).text(point.variables)));
}

static Statement find_fork_sql("SELECT state, input, variables FROM flowctl_catalog.fork WHERE run_id = $1",
                               {UUIDOID});

std::optional<ForkPoint> find_fork(Spi& spi, const Uuid& run_id) {
    const Rows rows = spi.run(find_fork_sql, std::move(Params().uuid(run_id)));
    if (rows.size() == 0) return std::nullopt;
    return ForkPoint{rows.text(0, 0), rows.text(0, 1), rows.text(0, 2)};
}

static LeafStatement find_forked_sql(R"(
    SELECT r.flow_id, coalesce(w.name, r.flow), w.flow_id IS NOT NULL, r.type = 'EXPRESS', r.map_run_id IS NOT NULL,
           r.input, r.event, r.redacted_at IS NOT NULL
    FROM {leaf} r LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id WHERE r.run_id = $1)",
                                     {UUIDOID});

std::optional<ForkedRun> find_forked(Spi& spi, const Uuid& run_id) {
    const Rows rows =
        find_forked_sql.run(spi, by_leaf("run", {run_id})[0].leaf, std::move(Params().uuid(run_id)));
    if (rows.size() == 0) return std::nullopt;
    ForkedRun run;
    run.flow_id = rows.uuid(0, 0);
    run.flow = rows.text(0, 1);
    run.has_flow = rows.boolean(0, 2);
    run.is_express = rows.boolean(0, 3);
    run.is_child = rows.boolean(0, 4);
    run.input = rows.text(0, 5);
    run.event = rows.optional_text(0, 6);
    run.is_redacted = rows.boolean(0, 7);
    return run;
}

static Statement find_visit_sql(R"(
    SELECT h.event_id,
           CASE WHEN h.payload_ref IS NULL THEN h.payload
                WHEN h.payload_ref = 0 THEN (SELECT r.input FROM flowctl_catalog.run r WHERE r.run_id = $1)
                ELSE (SELECT p.payload FROM flowctl_catalog.history_event p WHERE p.run_id = $1 AND p.event_id = h.payload_ref)
           END
    FROM flowctl_catalog.history_event h
    WHERE h.run_id = $1 AND h.path = '' AND h.state = $2 AND h.type LIKE '%StateEntered'
    ORDER BY h.event_id DESC LIMIT 1)",
                                {UUIDOID, TEXTOID});

std::optional<Visit> find_visit(Spi& spi, const Uuid& run_id, const std::string& state) {
    const Rows rows = spi.run(find_visit_sql, std::move(Params().uuid(run_id).text(state)));
    if (rows.size() == 0) return std::nullopt;
    return Visit{rows.int4(0, 0), rows.optional_text(0, 1)};
}

static Statement find_assigned_sql(R"(
    SELECT a.name, a.value
    FROM flowctl_catalog.history_event h
         CROSS JOIN LATERAL pg_catalog.json_each_text(h.details::pg_catalog.json -> 'assignedVariables') a (name, value)
    WHERE h.run_id = $1 AND h.event_id < $2 AND h.path = '' AND h.type LIKE '%StateExited'
          AND h.details LIKE '%assignedVariables%'
    ORDER BY h.event_id)",
                                   {UUIDOID, INT4OID});

std::vector<std::pair<std::string, std::string>> find_assigned(Spi& spi, const Uuid& run_id,
                                                               std::int32_t before) {
    const Rows rows = spi.run(find_assigned_sql, std::move(Params().uuid(run_id).int4(before)));
    std::vector<std::pair<std::string, std::string>> assigned;
    for (std::size_t i = 0; i < rows.size(); i++)
        assigned.emplace_back(rows.text(i, 0), rows.text(i, 1));
    return assigned;
}

static Statement find_fork_version_sql(R"(
    SELECT v.version, (v.definition::pg_catalog.json -> 'States' -> $3) IS NOT NULL,
           coalesce(v.options ->> 'run_as', 'OWNER') = 'INVOKER'
    FROM flowctl_catalog.flow w
         JOIN flowctl_catalog.flow_version v ON v.flow_id = w.flow_id AND v.version = coalesce($2, w.latest_version)
    WHERE w.flow_id = $1)",
                                       {UUIDOID, INT4OID, TEXTOID});

std::optional<ForkVersion> find_fork_version(Spi& spi, const Uuid& flow_id,
                                             std::optional<std::int32_t> version, const std::string& state) {
    Params params;
    params.uuid(flow_id);
    if (version)
        params.int4(*version);
    else
        params.null();
    const Rows rows = spi.run(find_fork_version_sql, std::move(params.text(state)));
    if (rows.size() == 0) return std::nullopt;
    return ForkVersion{rows.int4(0, 0), rows.boolean(0, 1), rows.boolean(0, 2)};
}

}  // namespace flowctl::pg::store
