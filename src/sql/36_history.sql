-- The record of runs: the history of their transitions, and the views runs, history and steps. The view runs
-- stands here and not in 30_runs.sql, because the output of a run may be stored in its history, and because
-- the view shows map runs.
--
-- Every view of runs is a security barrier that shows the rows which the current role may see:
--
--   Superusers and members of pg_read_all_data see all rows.
--
--   Members of the flow's owner and of the run's role see the run and everything about it. The flow's owner
--   is the present one, or if the flow is gone, its owner when the run started.
--
--   A role that has been granted read_payload on the flow sees the same. With operate or read it sees no
--   payloads: columns that hold data, or may hold a part of it such as cause, are NULL.
--
--   The role that started a run sees it in runs and map_runs, but does not see its history, steps and calls. A
--   run that another run has started counts as started by the role of that one. Whoever started that one does
--   not see it: what one flow gives to another is no more of its business than what a flow gives to a service.
--
-- A member of a role here is a role that has its privileges (pg_has_role with USAGE). Membership is looked up
-- once in a statement: the sub-selects do not depend on the row, so each becomes an init plan or a hash
-- table. Conditions such as run_id = '...' are leakproof, so they reach the index below the barrier. A
-- payload is converted to jsonb only in columns that a query asks for. The function may_read_payload is
-- therefore called for those columns only.

-- Rows are only added. A payload is stored once: an event with the same payload as an earlier event names
-- that event.
CREATE TABLE flowctl_catalog.history_event (
    run_id            uuid        NOT NULL,
    event_id          int         NOT NULL,
    previous_event_id int         NOT NULL,
    at                timestamptz NOT NULL,
    type              text        NOT NULL,
    details           text,
    payload_key       text,
    payload           text,
    payload_ref       int,        -- the event that holds the payload; 0: it is the run's input
    path              text,
    state             text,
    visit             int,
    attempt           int,
    PRIMARY KEY (run_id, event_id)
) PARTITION BY RANGE (run_id);
COMMENT ON TABLE flowctl_catalog.history_event IS 'every transition of every run';
ALTER TABLE flowctl_catalog.history_event ENABLE ROW LEVEL SECURITY;

CREATE TABLE flowctl_catalog.history_event_default PARTITION OF flowctl_catalog.history_event DEFAULT;
COMMENT ON TABLE flowctl_catalog.history_event_default IS 'the leaf for events of runs whose time has no leaf of its own';
ALTER TABLE flowctl_catalog.history_event_default ENABLE ROW LEVEL SECURITY;

CREATE VIEW flowctl.runs WITH (security_barrier) AS
    SELECT r.run_id, r.flow, r.version, r.alias, r.name, r.status,
           CASE WHEN r.status <> 'RUNNING' THEN NULL WHEN p.name IS NOT NULL THEN 'PAUSED' ELSE coalesce(f.phase, 'QUEUED') END AS phase,
           f.current_state,
           CASE WHEN r.status <> 'RUNNING' THEN NULL
                WHEN f.phase = 'PAUSED'
                THEN coalesce((SELECT 'resume: paused by ' || i.role
                               FROM flowctl_catalog.intervention i
                               WHERE i.run_id = r.run_id AND i.action = 'pause' AND i.outcome = 'done'
                               ORDER BY i.at DESC LIMIT 1), 'resume')
                WHEN p.name IS NOT NULL THEN 'resume_flow: paused by ' || p.paused_by
                WHEN f.phase IS NULL
                THEN (SELECT CASE WHEN l.debounce THEN 'debounce' ELSE 'limit' END
                      FROM flowctl_catalog.limit_wait l WHERE l.run_id = r.run_id)
                WHEN f.phase = 'RETRYING' THEN 'retry'
                WHEN f.phase = 'WAITING' AND EXISTS (SELECT FROM flowctl_catalog.map_run m WHERE m.run_id = r.run_id AND m.phase IS NOT NULL)
                THEN 'map run'
                WHEN f.phase = 'WAITING' AND EXISTS (SELECT FROM flowctl_catalog.child_flow c WHERE c.parent_run_id = r.run_id)
                THEN 'child flow'
                -- Rows of one run stand together: their keys begin as its id does.
                WHEN f.phase = 'WAITING'
                THEN coalesce((SELECT t.kind FROM flowctl_catalog.waiting_task t
                               WHERE t.run_id = r.run_id
                                 AND t.wait_id BETWEEN (pg_catalog.left(r.run_id::text, 18) || '-0000-000000000000')::uuid
                                                   AND (pg_catalog.left(r.run_id::text, 18) || '-ffff-ffffffffffff')::uuid
                               LIMIT 1), 'timer')
           END AS waiting_for,
           f.due_at,
           CASE WHEN may.read_payload THEN r.input::pg_catalog.jsonb END AS input,
           CASE WHEN NOT may.read_payload THEN NULL
                WHEN r.output IS NOT NULL THEN r.output::pg_catalog.jsonb
                WHEN r.output_ref = 0 THEN r.input::pg_catalog.jsonb
                WHEN r.output_ref IS NOT NULL
                THEN (SELECT h.payload::pg_catalog.jsonb FROM flowctl_catalog.history_event h
                      WHERE h.run_id = r.run_id AND h.event_id = r.output_ref)
           END AS output,
           r.error, CASE WHEN may.read_payload THEN r.cause END AS cause,
           r.started_at, r.ended_at, r.role, r.starter,
           r.session_user_name::pg_catalog.name AS session_user_name, r.system_user_name, r.subject,
           r.asserted_subject, r.client_addr, r.application_name, r.start_xid AS xid,
           CASE WHEN may.read_payload THEN r.event::pg_catalog.jsonb END AS event,
           r.traceparent, r.parent_run_id, r.redrive_count, r.subject_issuer,
           CASE WHEN may.read_payload THEN r.subject_claims::pg_catalog.jsonb END AS subject_claims, r.map_run_id, r.map_index,
           r.stopped_by::pg_catalog.name AS stopped_by,
           CASE WHEN may.read_payload THEN r.attributes::pg_catalog.jsonb END AS attributes, r.forked_from, r.redriven_at,
           CASE WHEN r.map_run_id IS NOT NULL AND r.status NOT IN ('RUNNING', 'SUCCEEDED') THEN 'REDRIVABLE_BY_MAP_RUN'
                WHEN flowctl_catalog.objection_to_redrive(
                         r.status, r.type, r.map_run_id, w.flow_id, e.run_id, e.ended_at, e.events) IS NULL THEN 'REDRIVABLE'
                ELSE 'NOT_REDRIVABLE'
           END AS redrive_status,
           flowctl_catalog.objection_to_redrive(
               r.status, r.type, r.map_run_id, w.flow_id, e.run_id, e.ended_at, e.events) AS redrive_status_reason,
           r.redacted_at
    FROM flowctl_catalog.run r
         LEFT JOIN flowctl_catalog.frame f ON f.run_id = r.run_id
         LEFT JOIN flowctl_catalog.ended_frame e ON e.run_id = r.run_id
         LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id
         LEFT JOIN flowctl_catalog.pause p ON p.kind = 'flow' AND p.name = r.flow
         CROSS JOIN LATERAL (SELECT CASE WHEN r.parent_run_id IS NULL OR r.map_run_id IS NOT NULL THEN r.starter::oid
                ELSE (SELECT a.role::oid FROM flowctl_catalog.run a WHERE a.run_id = r.parent_run_id) END) by (starter)
         CROSS JOIN LATERAL (SELECT flowctl_catalog.may_read_payload(
             r.flow_id, coalesce(w.owner::oid, r.flow_owner::oid), r.role::oid,
             CASE WHEN r.forked_from IS NULL THEN coalesce(by.starter, 0) ELSE 0 END)) may (read_payload)
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR coalesce(w.owner::oid, r.flow_owner::oid) IN (SELECT o.oid FROM flowctl_catalog.my_role o)
       OR r.role::oid IN (SELECT o.oid FROM flowctl_catalog.my_role o)
       OR r.flow_id IN (SELECT g.flow_id FROM flowctl_catalog.my_readable_flow g)
       OR by.starter = (SELECT u.oid FROM pg_catalog.pg_roles u WHERE u.rolname = CURRENT_USER);
COMMENT ON VIEW flowctl.runs IS 'runs: their flow, who started them, their current state, and how they ended';
COMMENT ON COLUMN flowctl.runs.run_id IS 'UUID version 7, so it is ordered by the time of the start';
COMMENT ON COLUMN flowctl.runs.flow IS 'name of the flow';
COMMENT ON COLUMN flowctl.runs.version IS 'version of the flow; it stays the same for the whole run';
COMMENT ON COLUMN flowctl.runs.alias IS 'the alias by which the version was found; NULL if none was named';
COMMENT ON COLUMN flowctl.runs.name IS 'the name given at start, for idempotency; NULL if none was given';
COMMENT ON COLUMN flowctl.runs.status IS 'RUNNING | SUCCEEDED | FAILED | TIMED_OUT | ABORTED | PENDING_REDRIVE';
COMMENT ON COLUMN flowctl.runs.phase IS
    'of an open run: QUEUED (not yet begun) | RUNNING | WAITING | RETRYING | PAUSED; NULL for other runs';
COMMENT ON COLUMN flowctl.runs.current_state IS 'the state of an open run at the top level';
COMMENT ON COLUMN flowctl.runs.waiting_for IS
    'limit (a limit of its flow) | debounce (the end of its window) | timer (a Wait state) | retry (the next attempt of a Task) | '
    'map run (the children of a distributed Map) | child flow (the end of a run that it has started) | '
    'callback (an answer to a token: flowctl.waiting_tasks) | activity (its worker) | resume: paused by whom | '
    'resume_flow: its flow paused by whom; NULL if it waits for none of these';
COMMENT ON COLUMN flowctl.runs.due_at IS 'when the run''s next timer fires';
COMMENT ON COLUMN flowctl.runs.input IS 'the run''s input, any JSON';
COMMENT ON COLUMN flowctl.runs.output IS 'the output of a run that has SUCCEEDED, any JSON';
COMMENT ON COLUMN flowctl.runs.error IS 'name of the error that ended the run';
COMMENT ON COLUMN flowctl.runs.cause IS 'description of the error';
COMMENT ON COLUMN flowctl.runs.started_at IS 'when flowctl.start or the trigger inserted it';
COMMENT ON COLUMN flowctl.runs.ended_at IS 'when the run ended; NULL while it is open';
COMMENT ON COLUMN flowctl.runs.role IS 'the role that the run acts as: the flow''s owner or the invoker';
COMMENT ON COLUMN flowctl.runs.starter IS 'current_user at the start';
COMMENT ON COLUMN flowctl.runs.session_user_name IS 'session_user at the start';
COMMENT ON COLUMN flowctl.runs.system_user_name IS 'system_user at the start (PostgreSQL 16 and later): method:identity';
COMMENT ON COLUMN flowctl.runs.subject IS 'the end user, if a token of the user was verified';
COMMENT ON COLUMN flowctl.runs.asserted_subject IS
    'the end user that the session claimed (request.jwt.claims); it is not verified';
COMMENT ON COLUMN flowctl.runs.client_addr IS 'address of the client that started it; NULL for a local connection';
COMMENT ON COLUMN flowctl.runs.application_name IS 'application_name at the start';
COMMENT ON COLUMN flowctl.runs.xid IS
    'the transaction that started the run; for a child of a distributed Map, the transaction that started its parent';
COMMENT ON COLUMN flowctl.runs.event IS
    'CloudEvents 1.0 envelope of the row or command that caused the run; NULL if it was flowctl.start';
COMMENT ON COLUMN flowctl.runs.traceparent IS 'W3C trace context at the start (flowctl.traceparent)';
COMMENT ON COLUMN flowctl.runs.parent_run_id IS 'the run that started this one; NULL if no run did';
COMMENT ON COLUMN flowctl.runs.redrive_count IS 'how often the run was redriven';
COMMENT ON COLUMN flowctl.runs.subject_issuer IS 'issuer of the token that subject comes from';
COMMENT ON COLUMN flowctl.runs.subject_claims IS
    'other claims of that token, as named by the issuer''s option subject_claims';
COMMENT ON COLUMN flowctl.runs.map_run_id IS
    'the map run that the run is a child of (flowctl.map_runs); NULL if it is no child';
COMMENT ON COLUMN flowctl.runs.map_index IS
    'number of the child in the order of the items, counted from 0; NULL if the run is no child';
COMMENT ON COLUMN flowctl.runs.attributes IS
    'what the flow''s option attributes found in the input: {name: value}; flowctl.find_runs() finds runs by it';
COMMENT ON COLUMN flowctl.runs.stopped_by IS 'the role that called flowctl.stop(); NULL if nobody has stopped the run';
COMMENT ON COLUMN flowctl.runs.forked_from IS 'the run that this one, or the run whose distributed Map has it, was forked from (flowctl.fork); NULL if none was';
COMMENT ON COLUMN flowctl.runs.redriven_at IS 'when it was redriven last; NULL if it was not';
COMMENT ON COLUMN flowctl.runs.redrive_status IS
    'REDRIVABLE (by flowctl.redrive) | NOT_REDRIVABLE | REDRIVABLE_BY_MAP_RUN (a child of a distributed Map)';
COMMENT ON COLUMN flowctl.runs.redrive_status_reason IS 'why it is not redrivable, or not by itself; NULL if it is';
COMMENT ON COLUMN flowctl.runs.redacted_at IS
    'when its payloads were replaced by hashes (flowctl.redact); NULL if they were not';
REVOKE ALL ON flowctl.runs FROM PUBLIC;
GRANT SELECT ON flowctl.runs TO PUBLIC;

CREATE VIEW flowctl.history WITH (security_barrier) AS
    SELECT h.run_id, h.event_id, h.previous_event_id, h.at, h.type,
           CASE WHEN NOT may.read_payload THEN h.details::pg_catalog.jsonb - '{cause,assignedVariables}'::text[]
                WHEN h.payload_key IS NULL OR (h.payload IS NULL AND h.payload_ref IS NULL) THEN h.details::pg_catalog.jsonb
                ELSE coalesce(h.details::pg_catalog.jsonb, '{}')
                     || pg_catalog.jsonb_build_object(
                            h.payload_key,
                            CASE WHEN h.payload_ref IS NULL THEN h.payload
                                 WHEN h.payload_ref = 0 THEN r.input
                                 ELSE (SELECT p.payload FROM flowctl_catalog.history_event p
                                       WHERE p.run_id = h.run_id AND p.event_id = h.payload_ref)
                            END::pg_catalog.jsonb)
           END AS details
    FROM flowctl_catalog.history_event h
         JOIN flowctl_catalog.run r ON r.run_id = h.run_id
         LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id
         CROSS JOIN LATERAL (SELECT flowctl_catalog.may_read_payload(
             r.flow_id, coalesce(w.owner::oid, r.flow_owner::oid), r.role::oid, 0)) may (read_payload)
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR coalesce(w.owner::oid, r.flow_owner::oid) IN (SELECT o.oid FROM flowctl_catalog.my_role o)
       OR r.role::oid IN (SELECT o.oid FROM flowctl_catalog.my_role o)
       OR r.flow_id IN (SELECT g.flow_id FROM flowctl_catalog.my_readable_flow g);
COMMENT ON VIEW flowctl.history IS 'every transition of every run, in the form of AWS Step Functions'' execution history';
COMMENT ON COLUMN flowctl.history.run_id IS 'the run';
COMMENT ON COLUMN flowctl.history.event_id IS 'number of the event in its run, counted from 1 in the order of time';
COMMENT ON COLUMN flowctl.history.previous_event_id IS 'the event that led to this one; 0 if there is none';
COMMENT ON COLUMN flowctl.history.at IS 'when it happened';
COMMENT ON COLUMN flowctl.history.type IS 'AWS''s event type: ExecutionStarted, TaskStateEntered, TaskScheduled, ...';
COMMENT ON COLUMN flowctl.history.details IS
    'content of AWS''s ...EventDetails object, with input and output as JSON if they are kept; NULL if the event has none';
REVOKE ALL ON flowctl.history FROM PUBLIC;
GRANT SELECT ON flowctl.history TO PUBLIC;

CREATE VIEW flowctl.steps WITH (security_barrier) AS
    SELECT s.run_id, s.path, s.state, s.visit, s.type,
           CASE WHEN s.exit_id IS NOT NULL AND coalesce(s.failure_id > s.success_id, s.failure_id IS NOT NULL)
                THEN 'CAUGHT_ERROR'
                WHEN s.exit_id IS NOT NULL THEN 'SUCCEEDED'
                WHEN s.aborted_at IS NOT NULL OR r.status = 'ABORTED' THEN 'ABORTED'
                WHEN r.status = 'RUNNING' AND (s.path = '' OR EXISTS (
                         -- While a Parallel or Map is retried, a branch that has failed is no longer in the frame.
                         WITH RECURSIVE branch (saved) AS (
                             SELECT f.frame::pg_catalog.jsonb -> 'top' FROM flowctl_catalog.frame f WHERE f.run_id = s.run_id
                             UNION ALL
                             SELECT c.saved
                             FROM branch b, pg_catalog.jsonb_array_elements(b.saved #> '{fork,children}') c (saved))
                         SELECT FROM branch b
                         WHERE b.saved ->> 'path' = s.path AND b.saved ->> 'state' = s.state
                           AND coalesce((b.saved ->> 'visit')::int, 0) = s.visit))
                THEN 'RUNNING'
                WHEN r.status = 'TIMED_OUT' OR s.last_timed_out THEN 'TIMED_OUT'
                ELSE 'FAILED'
           END AS status,
           s.attempts, s.entered_at,
           coalesce(s.exited_at, s.aborted_at, r.ended_at) AS exited_at,
           CASE WHEN may.read_payload THEN
           (SELECT CASE WHEN e.payload_ref IS NULL THEN e.payload
                        WHEN e.payload_ref = 0 THEN r.input
                        ELSE (SELECT p.payload FROM flowctl_catalog.history_event p
                              WHERE p.run_id = e.run_id AND p.event_id = e.payload_ref)
                   END::pg_catalog.jsonb
            FROM flowctl_catalog.history_event e WHERE e.run_id = s.run_id AND e.event_id = s.entry_id) END AS input,
           CASE WHEN may.read_payload THEN
           (SELECT CASE WHEN e.payload_ref IS NULL THEN e.payload
                        WHEN e.payload_ref = 0 THEN r.input
                        ELSE (SELECT p.payload FROM flowctl_catalog.history_event p
                              WHERE p.run_id = e.run_id AND p.event_id = e.payload_ref)
                   END::pg_catalog.jsonb
            FROM flowctl_catalog.history_event e WHERE e.run_id = s.run_id AND e.event_id = s.exit_id) END AS output,
           CASE WHEN s.failure_id IS NOT NULL
                THEN (SELECT e.details::pg_catalog.jsonb ->> 'error' FROM flowctl_catalog.history_event e
                      WHERE e.run_id = s.run_id AND e.event_id = s.failure_id)
                WHEN s.exit_id IS NULL AND s.aborted_at IS NULL THEN r.error
           END AS error,
           CASE WHEN NOT may.read_payload THEN NULL
                WHEN s.failure_id IS NOT NULL
                THEN (SELECT e.details::pg_catalog.jsonb ->> 'cause' FROM flowctl_catalog.history_event e
                      WHERE e.run_id = s.run_id AND e.event_id = s.failure_id)
                WHEN s.exit_id IS NULL AND s.aborted_at IS NULL THEN r.cause
           END AS cause,
           s.entry_id AS event_id
    FROM (SELECT h.run_id, h.path, h.state, h.visit,
                 pg_catalog.min(pg_catalog.replace(h.type, 'StateEntered', '')) FILTER (WHERE h.type LIKE '%StateEntered') AS type,
                 pg_catalog.min(h.event_id) FILTER (WHERE h.type LIKE '%StateEntered') AS entry_id,
                 pg_catalog.max(h.event_id) FILTER (WHERE h.type LIKE '%StateExited') AS exit_id,
                 pg_catalog.max(h.event_id) FILTER (WHERE h.type LIKE '%Succeeded') AS success_id,
                 pg_catalog.max(h.event_id) FILTER (WHERE h.type LIKE '%Failed' OR h.type LIKE '%TimedOut') AS failure_id,
                 coalesce(pg_catalog.max(h.event_id) FILTER (WHERE h.type LIKE '%TimedOut')
                          = pg_catalog.max(h.event_id) FILTER (WHERE h.type LIKE '%Failed' OR h.type LIKE '%TimedOut'),
                          false) AS last_timed_out,
                 pg_catalog.count(*) FILTER (WHERE h.type LIKE '%Scheduled') AS attempts,
                 pg_catalog.min(h.at) FILTER (WHERE h.type LIKE '%StateEntered') AS entered_at,
                 pg_catalog.max(h.at) FILTER (WHERE h.type LIKE '%StateExited') AS exited_at,
                 pg_catalog.max(h.at) FILTER (WHERE h.type LIKE '%StateAborted') AS aborted_at
          FROM flowctl_catalog.history_event h
          WHERE h.state IS NOT NULL AND h.type NOT LIKE 'Execution%' AND h.type NOT LIKE 'MapIteration%'
          GROUP BY h.run_id, h.path, h.state, h.visit) s
         JOIN flowctl_catalog.run r ON r.run_id = s.run_id
         LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id
         CROSS JOIN LATERAL (SELECT flowctl_catalog.may_read_payload(
             r.flow_id, coalesce(w.owner::oid, r.flow_owner::oid), r.role::oid, 0)) may (read_payload)
    WHERE s.entry_id IS NOT NULL
      AND ((SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
           OR coalesce(w.owner::oid, r.flow_owner::oid) IN (SELECT o.oid FROM flowctl_catalog.my_role o)
           OR r.role::oid IN (SELECT o.oid FROM flowctl_catalog.my_role o)
           OR r.flow_id IN (SELECT g.flow_id FROM flowctl_catalog.my_readable_flow g));
COMMENT ON VIEW flowctl.steps IS 'one row for each time that a run entered a state';
COMMENT ON COLUMN flowctl.steps.run_id IS 'the run';
COMMENT ON COLUMN flowctl.steps.path IS
    'branch and item of the state: /<state>/<number> for each level; empty at the top level';
COMMENT ON COLUMN flowctl.steps.state IS 'name of the state';
COMMENT ON COLUMN flowctl.steps.visit IS 'how often this path has entered this state, counted from 1';
COMMENT ON COLUMN flowctl.steps.type IS 'Pass | Task | Choice | Wait | Succeed | Fail | Parallel | Map';
COMMENT ON COLUMN flowctl.steps.status IS 'RUNNING | SUCCEEDED | CAUGHT_ERROR | FAILED | TIMED_OUT | ABORTED';
COMMENT ON COLUMN flowctl.steps.attempts IS
    'how often the task was scheduled: once and for each retry; 0 if the state is no task';
COMMENT ON COLUMN flowctl.steps.entered_at IS 'when the state was entered';
COMMENT ON COLUMN flowctl.steps.exited_at IS 'when the state was left, in whatever way; NULL if it was not left';
COMMENT ON COLUMN flowctl.steps.input IS 'the data that the state was entered with, any JSON';
COMMENT ON COLUMN flowctl.steps.output IS 'the data that the state was left with, any JSON; NULL if it was not exited';
COMMENT ON COLUMN flowctl.steps.error IS 'name of its last error, even if a retry or a Catch handled it';
COMMENT ON COLUMN flowctl.steps.cause IS 'description of that error';
COMMENT ON COLUMN flowctl.steps.event_id IS
    'number of the event that entered the state (flowctl.history); it orders a run''s steps';
REVOKE ALL ON flowctl.steps FROM PUBLIC;
GRANT SELECT ON flowctl.steps TO PUBLIC;

-- Counts for monitoring: members of pg_monitor see the counts of every flow, and no payload and no run. The
-- indexes that hold only open runs and only failed runs make the counts cheap.
CREATE VIEW flowctl.run_counts WITH (security_barrier) AS
    SELECT r.flow, pg_catalog.count(*) FILTER (WHERE r.is_open) AS open,
           pg_catalog.count(*) FILTER (WHERE r.is_open AND f.phase IS NULL) AS queued,
           pg_catalog.count(*) FILTER (WHERE f.phase = 'WAITING') AS waiting,
           pg_catalog.count(*) FILTER (WHERE f.phase = 'RETRYING') AS retrying,
           pg_catalog.min(r.started_at) FILTER (WHERE r.is_open) AS oldest_open,
           pg_catalog.count(*) FILTER (WHERE NOT r.is_open) AS failed_1d
    FROM (SELECT o.run_id, o.flow, o.flow_id, o.flow_owner, o.started_at, true AS is_open
          FROM flowctl_catalog.run o WHERE o.status = 'RUNNING'
          UNION ALL
          SELECT e.run_id, e.flow, e.flow_id, e.flow_owner, e.started_at, false
          FROM flowctl_catalog.run e
          WHERE e.status IN ('FAILED', 'TIMED_OUT', 'ABORTED') AND e.started_at > pg_catalog.now() - interval '1 day') r
         LEFT JOIN flowctl_catalog.frame f ON f.run_id = r.run_id
         LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE') OR pg_catalog.pg_has_role('pg_monitor', 'USAGE'))
       OR coalesce(w.owner::oid, r.flow_owner::oid) IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR r.flow_id IN (SELECT g.flow_id FROM flowctl_catalog.my_readable_flow g)
    GROUP BY r.flow;
COMMENT ON VIEW flowctl.run_counts IS
    'how many runs of each flow are open, and how many have failed within the last day; for members of pg_monitor, '
    'pg_read_all_data and the flow''s owner';
COMMENT ON COLUMN flowctl.run_counts.flow IS 'name of the flow; flows without such runs have no row';
COMMENT ON COLUMN flowctl.run_counts.open IS 'number of open runs, including children of distributed Maps';
COMMENT ON COLUMN flowctl.run_counts.queued IS 'how many of the open runs have not begun';
COMMENT ON COLUMN flowctl.run_counts.waiting IS 'how many of the open runs wait for a timer or a map run';
COMMENT ON COLUMN flowctl.run_counts.retrying IS 'how many of the open runs wait for the next attempt of a Task';
COMMENT ON COLUMN flowctl.run_counts.oldest_open IS 'when the oldest open run started; NULL if none is open';
COMMENT ON COLUMN flowctl.run_counts.failed_1d IS
    'number of runs that started within the last day and have FAILED, TIMED_OUT or ABORTED';
REVOKE ALL ON flowctl.run_counts FROM PUBLIC;
GRANT SELECT ON flowctl.run_counts TO PUBLIC;
