// SQL of the rows that stay behind. See expired_rows.hpp.
#include "pg/store/expired_rows.hpp"

#include "pg/store/run_id.hpp"

namespace flowctl::pg::store {

static Statement expire_names_sql(R"(
    DELETE FROM flowctl_catalog.run_name d USING (
        SELECT n.flow_id, n.name, n.run_id FROM flowctl_catalog.run_name n
        WHERE n.run_id < $1 AND NOT EXISTS (SELECT FROM flowctl_catalog.run r WHERE r.run_id = n.run_id)
        ORDER BY n.run_id LIMIT 2000) g
    WHERE d.flow_id = g.flow_id AND d.name = g.name AND d.run_id = g.run_id)",
                                  {UUIDOID});
static Statement expire_map_runs_sql(R"(
    DELETE FROM flowctl_catalog.map_run WHERE map_run_id IN (
        SELECT m.map_run_id FROM flowctl_catalog.map_run m
        WHERE m.run_id < $1 AND m.phase IS NULL
              AND NOT EXISTS (SELECT FROM flowctl_catalog.run r WHERE r.run_id = m.run_id)
        ORDER BY m.run_id LIMIT 2000))",
                                     {UUIDOID});
static Statement expire_leases_sql(R"(
    DELETE FROM flowctl_catalog.lease WHERE role_name IN (
        SELECT l.role_name FROM flowctl_catalog.lease l
        WHERE l.run_id < $1 AND l.dropped_at IS NOT NULL
              AND NOT EXISTS (SELECT FROM flowctl_catalog.run r WHERE r.run_id = l.run_id)
        ORDER BY l.run_id LIMIT 2000))",
                                   {UUIDOID});
static Statement expire_ended_frames_sql(R"(
    DELETE FROM flowctl_catalog.ended_frame WHERE run_id IN (
        SELECT e.run_id FROM flowctl_catalog.ended_frame e
        WHERE e.run_id < $1 AND NOT EXISTS (SELECT FROM flowctl_catalog.run r WHERE r.run_id = e.run_id)
        ORDER BY e.run_id LIMIT 2000))",
                                         {UUIDOID});
static Statement expire_interventions_sql(R"(
    DELETE FROM flowctl_catalog.intervention WHERE run_id IN (
        SELECT i.run_id FROM flowctl_catalog.intervention i
        WHERE i.run_id < $1 AND NOT EXISTS (SELECT FROM flowctl_catalog.run r WHERE r.run_id = i.run_id)
        ORDER BY i.run_id LIMIT 2000))",
                                          {UUIDOID});
static Statement expire_forks_sql(R"(
    DELETE FROM flowctl_catalog.fork WHERE run_id IN (
        SELECT f.run_id FROM flowctl_catalog.fork f
        WHERE f.run_id < $1 AND NOT EXISTS (SELECT FROM flowctl_catalog.run r WHERE r.run_id = f.run_id)
        ORDER BY f.run_id LIMIT 2000))",
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
static Statement expire_salts_sql(R"(
    DELETE FROM flowctl_catalog.run_salt WHERE run_id IN (
        SELECT s.run_id FROM flowctl_catalog.run_salt s
        WHERE s.run_id < $1 AND NOT EXISTS (SELECT FROM flowctl_catalog.run r WHERE r.run_id = s.run_id)
        ORDER BY s.run_id LIMIT 2000))",
                                  {UUIDOID});
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
static Statement expire_holds_sql(R"(
    DELETE FROM flowctl_catalog.hold WHERE hold_id IN (
        SELECT h.hold_id FROM flowctl_catalog.hold h
        WHERE h.released_at IS NOT NULL AND h.run_id < $1
              AND NOT EXISTS (SELECT FROM flowctl_catalog.run r WHERE r.run_id = h.run_id)
        LIMIT 2000))",
                                  {UUIDOID});

std::int64_t expire_rows(Spi& spi, std::int64_t since) {
    const Uuid bound = first_run_id(since);
    std::uint64_t gone = spi.run(expire_names_sql, std::move(Params().uuid(bound))).processed();
    gone += spi.run(expire_map_runs_sql, std::move(Params().uuid(bound))).processed();
    gone += spi.run(expire_leases_sql, std::move(Params().uuid(bound))).processed();
    gone += spi.run(expire_ended_frames_sql, std::move(Params().uuid(bound))).processed();
    gone += spi.run(expire_forks_sql, std::move(Params().uuid(bound))).processed();
    gone += spi.run(expire_interventions_sql, std::move(Params().uuid(bound))).processed();
    gone += spi.run(expire_salts_sql, std::move(Params().uuid(bound))).processed();
    gone += spi.run(expire_approvals_sql, std::move(Params().uuid(bound))).processed();
    gone += spi.run(expire_holds_sql, std::move(Params().uuid(bound))).processed();
    gone += spi.run(expire_denials_sql, std::move(Params().timestamp(since))).processed();
    return static_cast<std::int64_t>(gone);
}

}  // namespace flowctl::pg::store
