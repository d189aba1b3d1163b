-- What is done to a run from outside: requests of sessions, and the record of them.
--
-- Only the worker that owns a run may change it. So a session writes a request into the table control, in its
-- own transaction, and the commit wakes the worker, which carries the request out in one of its turns. In the
-- same transaction the worker deletes the row and records what became of the request in the table
-- intervention.
--
-- PUBLIC has EXECUTE on the functions; each function checks whether its caller may operate that run. They are
-- made for statements over many runs, so they return 'done' or the reason against it, and raise an error only
-- for a run that does not exist or that the caller may not operate.

-- A role has at most one request of a kind for a run. So nobody can fill the table for one run, and no
-- uncommitted request of a role makes another role wait.
CREATE TABLE flowctl_catalog.control (
    run_id          uuid        NOT NULL,
    kind            text        NOT NULL,   -- stop; the worker leaves kinds alone that its library does not know
    requested_by    regrole     NOT NULL,
    requested_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    error           text,
    cause           text,
    reason          text,
    PRIMARY KEY (run_id, kind, requested_by)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.control IS 'requests to the worker that owns a run, until the worker has carried them out';
CREATE INDEX control_by_role ON flowctl_catalog.control (requested_by, requested_at);
COMMENT ON INDEX flowctl_catalog.control_by_role IS 'finds the oldest requests of each role, which the worker carries out by turns';
ALTER TABLE flowctl_catalog.control ENABLE ROW LEVEL SECURITY;

CREATE TABLE flowctl_catalog.intervention (
    run_id          uuid        NOT NULL,
    at              timestamptz NOT NULL,
    action          text        NOT NULL,
    role            text        NOT NULL,   -- a name, which stays when the role is dropped
    reason          text,
    outcome         text        NOT NULL,
    PRIMARY KEY (run_id, at, action, role)
);
COMMENT ON TABLE flowctl_catalog.intervention IS 'what roles have asked of runs, and what became of it';
ALTER TABLE flowctl_catalog.intervention ENABLE ROW LEVEL SECURITY;

CREATE FUNCTION flowctl.stop(run_id uuid, error text DEFAULT NULL, cause text DEFAULT NULL, reason text DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_stop';
COMMENT ON FUNCTION flowctl.stop(uuid, text, text, text) IS
    'ends an open run as ABORTED once this transaction has committed, and returns ''done'', or why it cannot be stopped. error '
    'and cause become those of the run; reason is recorded in flowctl.interventions (AWS: StopExecution)';

CREATE FUNCTION flowctl.describe(run_id uuid) RETURNS jsonb
    LANGUAGE c STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_describe';
COMMENT ON FUNCTION flowctl.describe(uuid) IS
    'a run with the names of AWS''s DescribeExecution, and what flowctl.runs says besides; input and output are JSON';

CREATE FUNCTION flowctl.get_history(run_id uuid, after int DEFAULT 0, max int DEFAULT 1000) RETURNS jsonb
    LANGUAGE c STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_get_history';
COMMENT ON FUNCTION flowctl.get_history(uuid, int, int) IS
    'the events of a run after that number, at most max of them, in the form of AWS''s GetExecutionHistory: {"events": [...], '
    '"nextToken": "..."}. nextToken is the value of after for the next page; without it, there are no more events now';

REVOKE ALL ON FUNCTION flowctl.stop(uuid, text, text, text), flowctl.describe(uuid), flowctl.get_history(uuid, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.stop(uuid, text, text, text), flowctl.describe(uuid), flowctl.get_history(uuid, int, int) TO PUBLIC;

-- Who may see the history of a run sees who has intervened (36_history.sql has the rule).
CREATE VIEW flowctl.interventions WITH (security_barrier) AS
    SELECT i.run_id, i.at, i.action, i.role::pg_catalog.name AS by, i.reason, i.outcome
    FROM (SELECT d.run_id, d.at, d.action, d.role, d.reason, d.outcome FROM flowctl_catalog.intervention d
          UNION ALL
          SELECT c.run_id, c.requested_at, c.kind, pg_catalog.pg_get_userbyid(c.requested_by)::text, c.reason, NULL
          FROM flowctl_catalog.control c) i
         JOIN flowctl_catalog.run r ON r.run_id = i.run_id
         LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR coalesce(w.owner::oid, r.flow_owner::oid) IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR r.role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR r.flow_id IN (SELECT g.flow_id FROM flowctl_catalog.my_readable_flow g);
COMMENT ON VIEW flowctl.interventions IS
    'what people have asked of runs: stop, and so on. It is kept as long as the run';
COMMENT ON COLUMN flowctl.interventions.run_id IS 'the run';
COMMENT ON COLUMN flowctl.interventions.at IS 'when the function was called';
COMMENT ON COLUMN flowctl.interventions.action IS 'the name of the function: stop';
COMMENT ON COLUMN flowctl.interventions.by IS 'current_user of the session that called it';
COMMENT ON COLUMN flowctl.interventions.reason IS 'the reason that was given';
COMMENT ON COLUMN flowctl.interventions.outcome IS
    '''done'', or why the worker could not do it; NULL until the worker has come to it';
REVOKE ALL ON flowctl.interventions FROM PUBLIC;
GRANT SELECT ON flowctl.interventions TO PUBLIC;
