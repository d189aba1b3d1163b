// SQL of the rows that stay behind. See expired_rows.hpp.
#include "pg/store/expired_rows.hpp"

#include "pg/store/run_id.hpp"

namespace flowctl::pg::store {

// Rows of `table` whose runs are not kept any more. `over`: what has to hold for the row itself.
#define OF_GONE_RUNS(table, key, over)                                                   \
    {"DELETE FROM flowctl_catalog." table " WHERE " key " IN ("                          \
     "SELECT t." key " FROM flowctl_catalog." table " t WHERE t.run_id < $1 AND " over   \
     " AND NOT EXISTS (SELECT FROM flowctl_catalog.run r WHERE r.run_id = t.run_id)"     \
     " ORDER BY t.run_id LIMIT 2000)",                                                   \
     {UUIDOID}}
static Statement expire_with_runs[] = {
    OF_GONE_RUNS("map_run", "map_run_id", "t.phase IS NULL"),
    OF_GONE_RUNS("lease", "role_name", "t.dropped_at IS NOT NULL"),
    OF_GONE_RUNS("ended_frame", "run_id", "true"),
    OF_GONE_RUNS("fork", "run_id", "true"),
    OF_GONE_RUNS("intervention", "run_id", "true"),
    OF_GONE_RUNS("run_salt", "run_id", "true"),
    OF_GONE_RUNS("hold", "hold_id", "t.released_at IS NOT NULL"),
};
#undef OF_GONE_RUNS

static Statement expire_names_sql(R"(
    DELETE FROM flowctl_catalog.run_name d USING (
        SELECT n.flow_id, n.name, n.run_id FROM flowctl_catalog.run_name n
        WHERE n.run_id < $1 AND NOT EXISTS (SELECT FROM flowctl_catalog.run r WHERE r.run_id = n.run_id)
        ORDER BY n.run_id LIMIT 2000) g
    WHERE d.flow_id = g.flow_id AND d.name = g.name AND d.run_id = g.run_id)",
                                  {UUIDOID});
// Their numbers grow with their time, and there is no index on that.
static Statement expire_denials_sql(R"(
    DELETE FROM flowctl_catalog.denial WHERE denial_id IN (
        SELECT o.denial_id
        FROM (SELECT d.denial_id, d.at FROM flowctl_catalog.denial d
              WHERE d.run_id IS NULL
                 OR NOT EXISTS (SELECT FROM flowctl_catalog.hold h LEFT JOIN flowctl_catalog.run r ON r.run_id = d.run_id
                                WHERE h.released_at IS NULL AND (h.run_id = d.run_id OR h.flow_id = r.flow_id))
              ORDER BY d.denial_id LIMIT 2000) o
        WHERE o.at < $1))",
                                    {TIMESTAMPTZOID});
static Statement expire_approvals_sql(R"(
    WITH gone AS (
        DELETE FROM flowctl_catalog.approval WHERE approval_id IN (
            SELECT a.approval_id FROM flowctl_catalog.approval a
            WHERE a.run_id < $1 AND NOT EXISTS (SELECT FROM flowctl_catalog.run r WHERE r.run_id = a.run_id)
            ORDER BY a.run_id LIMIT 2000)
        RETURNING approval_id),
    approvers AS (DELETE FROM flowctl_catalog.approval_approver p USING gone WHERE p.approval_id = gone.approval_id)
    DELETE FROM flowctl_catalog.approval_decision d USING gone WHERE d.approval_id = gone.approval_id)",
                                      {UUIDOID});

std::int64_t expire_rows(Spi& spi, std::int64_t since) {
    const Uuid bound = first_run_id(since);
    std::uint64_t gone = spi.run(expire_names_sql, std::move(Params().uuid(bound))).processed();
    for (Statement& statement : expire_with_runs)
        gone += spi.run(statement, std::move(Params().uuid(bound))).processed();
    gone += spi.run(expire_approvals_sql, std::move(Params().uuid(bound))).processed();
    gone += spi.run(expire_denials_sql, std::move(Params().timestamp(since))).processed();
    return static_cast<std::int64_t>(gone);
}

}  // namespace flowctl::pg::store
