-- Callbacks: Tasks that wait for an answer from outside, and the functions by which the answer comes.
--
-- A Task with the suffix .waitForTaskToken, and the task of an activity, waits for somebody who has its token.
-- PUBLIC has no EXECUTE on the functions that answer: whoever holds a token and may execute them may answer.
-- No table holds a token. A row has its SHA-256, by which a token is still known when its key is gone.

-- A row for each attempt that waits. The turn that begins the attempt inserts it, and the turn in which the wait
-- ends deletes it. Sessions write their answers into it: so one answer wins, and an answer that has been
-- committed wins over a timeout. The key begins as the run's id does, which keeps the rows of a time together.
CREATE TABLE flowctl_catalog.waiting_task (
    wait_id           uuid        PRIMARY KEY,   -- made of run and place
    run_id            uuid        NOT NULL,
    place             uuid        NOT NULL,      -- of the attempt in its run
    call_id           int         NOT NULL,      -- the event id of the attempt's TaskScheduled or ActivityScheduled
    bucket            smallint    NOT NULL,
    owner             regrole     NOT NULL,      -- of the flow
    kind              text        NOT NULL,
    path              text        NOT NULL,
    state             text        NOT NULL,
    visit             int         NOT NULL,
    attempt           int         NOT NULL,
    resource          text        NOT NULL,
    activity          text,
    input             text,                      -- of an activity's task, for its worker
    token_hash        bytea,                     -- SHA-256 of the token; NULL if nobody has it yet
    since             timestamptz NOT NULL,
    timeout_seconds   int,
    heartbeat_seconds int,
    worker            text,                      -- that has taken the task, as it calls itself
    taken_at          timestamptz,
    told              boolean     NOT NULL DEFAULT false,  -- the run knows that a worker has taken it
    heartbeat_at      timestamptz,
    news              timestamptz,               -- since when there is something for the run to take
    answered_at       timestamptz,
    answered_by       text,
    output            text,                      -- NULL if the answer is a failure
    error             text,
    cause             text
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.waiting_task IS 'attempts that wait for an answer from outside, and the answers that no run has taken yet';
CREATE INDEX waiting_task_news ON flowctl_catalog.waiting_task (owner, news) WHERE news IS NOT NULL;
COMMENT ON INDEX flowctl_catalog.waiting_task_news IS 'finds the oldest answers for the runs of each owner, which the worker takes by turns';
CREATE INDEX waiting_task_activity ON flowctl_catalog.waiting_task (activity, since)
    WHERE activity IS NOT NULL AND taken_at IS NULL AND answered_at IS NULL;
COMMENT ON INDEX flowctl_catalog.waiting_task_activity IS 'finds the oldest task of an activity that no worker has taken';
ALTER TABLE flowctl_catalog.waiting_task ENABLE ROW LEVEL SECURITY;
-- Samples of payloads would outlive their rows.
ALTER TABLE flowctl_catalog.waiting_task ALTER COLUMN input SET STATISTICS 0, ALTER COLUMN output SET STATISTICS 0,
    ALTER COLUMN error SET STATISTICS 0, ALTER COLUMN cause SET STATISTICS 0, ALTER COLUMN token_hash SET STATISTICS 0;

-- After a failover that lost the last transactions, an answer may come before its run is there again where it
-- was.
CREATE TABLE flowctl_catalog.early_answer (
    wait_id         uuid        PRIMARY KEY,
    run_id          uuid        NOT NULL,
    answered_at     timestamptz NOT NULL,
    answered_by     text        NOT NULL,
    output          text,
    error           text,
    cause           text
);
COMMENT ON TABLE flowctl_catalog.early_answer IS 'answers to tasks that their runs have not reached yet';
ALTER TABLE flowctl_catalog.early_answer ENABLE ROW LEVEL SECURITY;
ALTER TABLE flowctl_catalog.early_answer ALTER COLUMN output SET STATISTICS 0, ALTER COLUMN error SET STATISTICS 0,
    ALTER COLUMN cause SET STATISTICS 0;

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
       OR r.flow_id IN (SELECT g.flow_id FROM flowctl_catalog.my_readable_flow g);
COMMENT ON VIEW flowctl.waiting_tasks IS
    'what waits for whom, since when and until when; one row for each attempt that waits. It shows no token';
COMMENT ON COLUMN flowctl.waiting_tasks.kind IS 'callback (.waitForTaskToken) | activity | child flow (.sync)';
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
