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
    kind            text        NOT NULL,   -- stop, redrive, pause, resume; the worker leaves kinds alone that its library does not know
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

-- The frames of runs that ended without success, from which they are redriven. The housekeeper removes them
-- after flowctl.redrive_within.
CREATE TABLE flowctl_catalog.ended_frame (
    run_id          uuid        PRIMARY KEY,
    ended_at        timestamptz NOT NULL,
    events          int         NOT NULL,   -- in the run's history
    frame           text        NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.ended_frame IS 'the state of each run that ended without success and may be redriven';
CREATE INDEX ended_frame_age ON flowctl_catalog.ended_frame (ended_at);
COMMENT ON INDEX flowctl_catalog.ended_frame_age IS 'finds the states that are no longer kept';
ALTER TABLE flowctl_catalog.ended_frame ENABLE ROW LEVEL SECURITY;
ALTER TABLE flowctl_catalog.ended_frame ALTER COLUMN frame SET STATISTICS 0;   -- as in 38_records.sql

-- Where the runs that were made by flowctl.fork() begin. A row is kept as long as its run: a fork of the fork
-- needs its variables.
CREATE TABLE flowctl_catalog.fork (
    run_id          uuid        PRIMARY KEY,
    state           text        NOT NULL,
    input           text        NOT NULL,
    variables       text        NOT NULL    -- a JSON object
);
COMMENT ON TABLE flowctl_catalog.fork IS 'the state that a forked run begins at, with its input and variables';
ALTER TABLE flowctl_catalog.fork ENABLE ROW LEVEL SECURITY;
ALTER TABLE flowctl_catalog.fork ALTER COLUMN input SET STATISTICS 0, ALTER COLUMN variables SET STATISTICS 0;

-- The one place that says which runs can be redriven: NULL if this run can. Its body is parsed when it is
-- created, so it looks up no name when it is called, and the planner puts it in line. The view runs calls it
-- as the user who reads.
CREATE FUNCTION flowctl_catalog.objection_to_redrive(
    status text, type text, map_run_id uuid, flow_id uuid, kept uuid, ended_at timestamptz, events int) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN status = 'RUNNING' THEN 'the run is open'
                WHEN status = 'SUCCEEDED' THEN 'the run has succeeded'
                WHEN map_run_id IS NOT NULL THEN 'the run is a child of a distributed Map, and is redriven with the run that has the Map'
                WHEN type = 'EXPRESS' THEN 'runs of EXPRESS flows cannot be redriven'
                WHEN flow_id IS NULL THEN 'the flow has been dropped'
                WHEN kept IS NULL THEN 'the state of the run was not kept'
                WHEN ended_at < pg_catalog.now()
                                - coalesce(pg_catalog.current_setting('flowctl.redrive_within', true), '14 d')::interval
                THEN 'the run ended longer ago than flowctl.redrive_within'
                WHEN events >= coalesce(pg_catalog.current_setting('flowctl.max_history_events', true), '25000')::int - 1
                THEN 'the history of the run is full (flowctl.max_history_events)'
           END;
COMMENT ON FUNCTION flowctl_catalog.objection_to_redrive(text, text, uuid, uuid, uuid, timestamptz, int) IS
    'why a run cannot be redriven; NULL if it can';
REVOKE ALL ON FUNCTION flowctl_catalog.objection_to_redrive(text, text, uuid, uuid, uuid, timestamptz, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl_catalog.objection_to_redrive(text, text, uuid, uuid, uuid, timestamptz, int) TO PUBLIC;

CREATE FUNCTION flowctl.stop(run_id uuid, error text DEFAULT NULL, cause text DEFAULT NULL, reason text DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_stop';
COMMENT ON FUNCTION flowctl.stop(uuid, text, text, text) IS
    'ends an open run as ABORTED once this transaction has committed, and returns ''done'', or why it cannot be stopped. error '
    'and cause become those of the run; reason is recorded in flowctl.interventions (AWS: StopExecution)';

CREATE FUNCTION flowctl.redrive(run_id uuid, reason text DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_redrive';
COMMENT ON FUNCTION flowctl.redrive(uuid, text) IS
    'lets a run that ended as FAILED, ABORTED or TIMED_OUT go on at what failed, once this transaction has committed, and '
    'returns ''done'', or why it cannot (AWS: RedriveExecution)';

CREATE FUNCTION flowctl.pause(run_id uuid, reason text DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_pause';
COMMENT ON FUNCTION flowctl.pause(uuid, text) IS
    'keeps an open run from beginning anything, until flowctl.resume() is called, and returns ''done'', or why it cannot. Calls '
    'under way are completed, and timers go on';

CREATE FUNCTION flowctl.resume(run_id uuid, reason text DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_resume';
COMMENT ON FUNCTION flowctl.resume(uuid, text) IS
    'lets a paused run go on, and returns ''done'', or why it cannot';

CREATE FUNCTION flowctl.fork(run_id uuid, from_state text, version int DEFAULT NULL, input jsonb DEFAULT NULL,
                             reason text DEFAULT NULL) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_fork';
COMMENT ON FUNCTION flowctl.fork(uuid, text, int, jsonb, text) IS
    'starts a new run that begins at a state which the given run has entered, with what that run had recorded before, and '
    'returns its run_id. version: of the flow, by default the newest. input: of the state, by default the recorded one';

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

REVOKE ALL ON FUNCTION flowctl.stop(uuid, text, text, text), flowctl.redrive(uuid, text), flowctl.pause(uuid, text),
    flowctl.resume(uuid, text), flowctl.fork(uuid, text, int, jsonb, text), flowctl.describe(uuid), flowctl.get_history(uuid, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.stop(uuid, text, text, text), flowctl.redrive(uuid, text), flowctl.pause(uuid, text),
    flowctl.resume(uuid, text), flowctl.fork(uuid, text, int, jsonb, text), flowctl.describe(uuid), flowctl.get_history(uuid, int, int) TO PUBLIC;

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
    'what people have asked of runs: stop, redrive, pause, resume, fork. It is kept as long as the run';
COMMENT ON COLUMN flowctl.interventions.run_id IS 'the run';
COMMENT ON COLUMN flowctl.interventions.at IS 'when the function was called';
COMMENT ON COLUMN flowctl.interventions.action IS 'the name of the function: stop | redrive | pause | resume | fork';
COMMENT ON COLUMN flowctl.interventions.by IS 'current_user of the session that called it; on_exhausted if the flow''s option paused the run';
COMMENT ON COLUMN flowctl.interventions.reason IS 'the reason that was given';
COMMENT ON COLUMN flowctl.interventions.outcome IS
    '''done'', the run_id of a fork, or why the worker could not do it; NULL until the worker has come to it';
REVOKE ALL ON flowctl.interventions FROM PUBLIC;
GRANT SELECT ON flowctl.interventions TO PUBLIC;
