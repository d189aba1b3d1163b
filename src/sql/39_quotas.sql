-- The quotas of roles, and how much of them is used. 28_limits.sql has the table and the functions.

-- Views call it as the user who reads them, and it says of a role only what the user may know.
CREATE FUNCTION flowctl_catalog.calls_of_role(role oid) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_calls_of_role';
COMMENT ON FUNCTION flowctl_catalog.calls_of_role(oid) IS
    'how many calls the flows of a role with a quota of calls have under way; NULL for roles of others';
REVOKE ALL ON FUNCTION flowctl_catalog.calls_of_role(oid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl_catalog.calls_of_role(oid) TO PUBLIC;

CREATE VIEW flowctl.quotas WITH (security_barrier) AS
    SELECT q.role::oid::regrole AS role, q.open_runs,
           (SELECT pg_catalog.count(*) FROM flowctl_catalog.run r
            WHERE r.status = 'RUNNING' AND r.flow_owner::oid = q.role::oid) AS open_runs_used,
           q.calls, CASE WHEN q.calls IS NOT NULL THEN flowctl_catalog.calls_of_role(q.role::oid) END AS calls_used,
           q.set_by, q.set_at, q.stored_bytes, u.bytes AS stored_bytes_used, u.measured_at AS stored_measured_at
    FROM flowctl_catalog.quota q
         LEFT JOIN flowctl_catalog.stored_use u ON u.role = q.role::oid AND q.stored_bytes IS NOT NULL,
         (SELECT) AS read_only
    WHERE q.role::oid IS NOT NULL
      AND ((SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
           OR q.role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m));
COMMENT ON VIEW flowctl.quotas IS
    'quotas of roles and what is used of them; a role sees its own and those of roles that it acts for';
COMMENT ON COLUMN flowctl.quotas.role IS 'the role that owns the flows';
COMMENT ON COLUMN flowctl.quotas.open_runs IS 'how many runs of its flows may be open; NULL: any number';
COMMENT ON COLUMN flowctl.quotas.open_runs_used IS 'how many are open now';
COMMENT ON COLUMN flowctl.quotas.calls IS 'how many calls of its flows may be under way, of all workers; NULL: no quota';
COMMENT ON COLUMN flowctl.quotas.calls_used IS 'how many are under way now; NULL if there is no such quota';
COMMENT ON COLUMN flowctl.quotas.set_by IS 'who has set the quota';
COMMENT ON COLUMN flowctl.quotas.set_at IS 'when it was set';
COMMENT ON COLUMN flowctl.quotas.stored_bytes IS 'how much its runs may store with their history and calls; NULL: no quota';
COMMENT ON COLUMN flowctl.quotas.stored_bytes_used IS 'how much that was when it was measured last; of large tables an estimate';
COMMENT ON COLUMN flowctl.quotas.stored_measured_at IS 'when it was measured';
REVOKE ALL ON flowctl.quotas FROM PUBLIC;
GRANT SELECT ON flowctl.quotas TO PUBLIC;
