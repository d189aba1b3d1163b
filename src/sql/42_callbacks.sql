-- Callbacks: Tasks that wait for an answer from outside, and the functions by which the answer comes.
--
-- A Task with the suffix .waitForTaskToken, and the task of an activity, waits for somebody who has its token.
-- Whoever holds a token and may execute these functions may answer, so PUBLIC has no EXECUTE on them.
-- 33_waiting_tasks.sql has the tables.

CREATE FUNCTION flowctl.send_task_success(token text, output jsonb) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_send_task_success';
COMMENT ON FUNCTION flowctl.send_task_success(text, jsonb) IS
    'ends the task with this token: output is its result, when this transaction commits (AWS: SendTaskSuccess). An error says '
    'InvalidToken, or TaskTimedOut and what has ended the task';

CREATE FUNCTION flowctl.send_task_failure(token text, error text DEFAULT NULL, cause text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_send_task_failure';
COMMENT ON FUNCTION flowctl.send_task_failure(text, text, text) IS
    'ends the task with this token: it fails with this error and cause, which Retry and Catch of its state see (AWS: '
    'SendTaskFailure)';

CREATE FUNCTION flowctl.send_task_heartbeat(token text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_send_task_heartbeat';
COMMENT ON FUNCTION flowctl.send_task_heartbeat(text) IS
    'says that somebody works on the task with this token: HeartbeatSeconds of its state begin again (AWS: SendTaskHeartbeat)';
REVOKE ALL ON FUNCTION flowctl.send_task_success(text, jsonb), flowctl.send_task_failure(text, text, text),
    flowctl.send_task_heartbeat(text) FROM PUBLIC;

CREATE VIEW flowctl.waiting_tasks WITH (security_barrier) AS
    SELECT t.kind, t.run_id, r.flow, t.state, t.path, t.attempt, t.resource,
           CASE WHEN t.answered_at IS NOT NULL THEN 'the worker of the database: it has been answered'
                WHEN t.kind = 'approval' THEN 'a decision (flowctl.approvals)'
                WHEN t.activity IS NULL THEN 'an answer to its token'
                WHEN t.taken_at IS NULL THEN pg_catalog.format('a worker of activity "%s"', t.activity)
                ELSE pg_catalog.format('the answer of a worker of activity "%s"', t.activity) END AS waiting_for,
           t.since,
           CASE WHEN t.activity IS NULL OR t.taken_at IS NOT NULL
                THEN coalesce(t.taken_at, t.since) + pg_catalog.make_interval(secs => t.timeout_seconds) END AS due_at,
           CASE WHEN t.activity IS NULL OR t.taken_at IS NOT NULL
                THEN coalesce(t.heartbeat_at, t.taken_at, t.since) + pg_catalog.make_interval(secs => t.heartbeat_seconds)
           END AS heartbeat_due_at,
           t.worker
    FROM flowctl_catalog.waiting_task t
         JOIN flowctl_catalog.run r ON r.run_id = t.run_id
         LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR coalesce(w.owner::oid, r.flow_owner::oid) IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR r.role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR r.flow_id IN (SELECT g.flow_id FROM flowctl_catalog.my_readable_flow g)
    UNION ALL
    SELECT 'child flow', c.parent_run_id, r.flow, c.state, c.path, c.attempt, c.resource,
           pg_catalog.format('the end of run %s', c.child_run_id), c.since, c.due_at, NULL, NULL
    FROM flowctl_catalog.child_flow c
         JOIN flowctl_catalog.run r ON r.run_id = c.parent_run_id
         LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR coalesce(w.owner::oid, r.flow_owner::oid) IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR r.role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR r.flow_id IN (SELECT g.flow_id FROM flowctl_catalog.my_readable_flow g)
    UNION ALL
    SELECT 'event', c.run_id, r.flow, c.state, c.path, c.attempt, c.resource,
           pg_catalog.format('an event of type "%s"', c.type)
           || CASE WHEN c.subject IS NULL THEN '' ELSE pg_catalog.format(' with subject "%s"', c.subject) END, c.began_at, c.due_at, NULL, NULL
    FROM flowctl_catalog.event_wait c
         JOIN flowctl_catalog.run r ON r.run_id = c.run_id
         LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR coalesce(w.owner::oid, r.flow_owner::oid) IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR r.role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR r.flow_id IN (SELECT g.flow_id FROM flowctl_catalog.my_readable_flow g);
COMMENT ON VIEW flowctl.waiting_tasks IS
    'what waits for whom, since when and until when; one row for each attempt that waits. It shows no token';
COMMENT ON COLUMN flowctl.waiting_tasks.kind IS 'callback (.waitForTaskToken) | activity | approval | child flow (.sync) | event';
COMMENT ON COLUMN flowctl.waiting_tasks.run_id IS 'the run';
COMMENT ON COLUMN flowctl.waiting_tasks.flow IS 'name of the flow';
COMMENT ON COLUMN flowctl.waiting_tasks.state IS 'the Task that waits';
COMMENT ON COLUMN flowctl.waiting_tasks.path IS 'branch and item of the state, as in flowctl.steps';
COMMENT ON COLUMN flowctl.waiting_tasks.attempt IS 'number of the attempt, counted from 1 over the retries of this visit';
COMMENT ON COLUMN flowctl.waiting_tasks.resource IS 'Resource of the Task';
COMMENT ON COLUMN flowctl.waiting_tasks.waiting_for IS 'in words';
COMMENT ON COLUMN flowctl.waiting_tasks.since IS 'when the attempt began';
COMMENT ON COLUMN flowctl.waiting_tasks.due_at IS
    'when TimeoutSeconds are over; NULL if there are none, or while no worker has taken the task of an activity';
COMMENT ON COLUMN flowctl.waiting_tasks.heartbeat_due_at IS
    'when the next heartbeat must have come; NULL if none is wanted, or while no worker has taken the task of an activity';
COMMENT ON COLUMN flowctl.waiting_tasks.worker IS 'the worker that has taken the task, as it calls itself';
REVOKE ALL ON flowctl.waiting_tasks FROM PUBLIC;
GRANT SELECT ON flowctl.waiting_tasks TO PUBLIC;
