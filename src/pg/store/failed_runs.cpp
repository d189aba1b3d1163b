// SQL of failed_runs.hpp.
#include "pg/store/failed_runs.hpp"

#include "pg/store/by_leaf.hpp"

namespace flowctl::pg::store {

static LeafStatement find_failed_sql(R"(
    SELECT r.run_id, r.flow_id, f.name, f.owner::oid, r.depth, r.input, r.error, r.cause, r.traceparent
    FROM {leaf} r JOIN flowctl_catalog.flow f ON f.flow_id = r.flow_id
    WHERE r.run_id = ANY ($1) AND f.options OPERATOR(pg_catalog.?) 'on_failure' AND f.owner::oid IS NOT NULL)",
                                     {UUIDARRAYOID});

std::vector<FailedRun> find_failed_runs(Spi& spi, const std::vector<Uuid>& ids) {
    std::vector<FailedRun> runs;
    for (const LeafGroup& group : by_leaf("run", ids)) {
        const Rows rows = find_failed_sql.run(spi, group.leaf, std::move(Params().uuids(pick(ids, group))));
        for (std::size_t i = 0; i < rows.size(); i++)
            runs.push_back({rows.uuid(i, 0), rows.uuid(i, 1), rows.text(i, 2), rows.oid(i, 3), rows.int4(i, 4),
                            rows.text(i, 5), rows.optional_text(i, 6), rows.optional_text(i, 7),
                            rows.optional_text(i, 8)});
    }
    return runs;
}

}  // namespace flowctl::pg::store
