
-- What users look at. Every view is a security barrier, and its rows are those that the current role may see:
--
--   the members of the flow's present owner (of the one it had, when the flow is gone) and of the run's role, who has
--   pg_read_all_data, superusers; the starter sees his run, but not its history, steps and calls.
--
-- A member here is who has the privileges of a role (pg_has_role ... USAGE). Membership is asked for once a statement: the
-- sub-selects below do not depend on the row, so they become an init plan or a hash table. Conditions such as
-- run_id = '...' are leakproof and reach the index below the barrier. Payloads become jsonb only in the columns asked for.

CREATE VIEW flowctl_catalog.my_role AS
    SELECT oid FROM pg_catalog.pg_roles WHERE pg_catalog.pg_has_role(oid, 'USAGE');
COMMENT ON VIEW flowctl_catalog.my_role IS 'internal: the roles whose privileges the current role has';
COMMENT ON COLUMN flowctl_catalog.my_role.oid IS 'the role';

CREATE VIEW flowctl.flows WITH (security_barrier) AS
    SELECT f.flow_id, f.name, f.type, f.owner, f.latest_version, f.comment, f.created_at
    FROM flowctl_catalog.flow f
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR f.owner::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR f.flow_id IN (SELECT g.flow_id FROM flowctl_catalog.flow_grant g
                        WHERE g.role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m));
COMMENT ON VIEW flowctl.flows IS 'the flows that the current role owns, may start, or may read by pg_read_all_data';
COMMENT ON COLUMN flowctl.flows.flow_id IS 'identifies the flow';
COMMENT ON COLUMN flowctl.flows.name IS 'unique; 1 to 80 of A-Z a-z 0-9 _ -';
COMMENT ON COLUMN flowctl.flows.type IS 'STANDARD | EXPRESS';
COMMENT ON COLUMN flowctl.flows.owner IS 'the role that its runs act as, unless run_as is INVOKER';
COMMENT ON COLUMN flowctl.flows.latest_version IS 'number of the version that a start without a version takes';
COMMENT ON COLUMN flowctl.flows.comment IS 'as given to flowctl.define_flow';
COMMENT ON COLUMN flowctl.flows.created_at IS 'when the first version was defined';

CREATE VIEW flowctl.flow_versions WITH (security_barrier) AS
    SELECT f.name AS flow, v.version, v.definition::pg_catalog.json AS definition, v.options, v.author, v.created_at
    FROM flowctl_catalog.flow_version v JOIN flowctl_catalog.flow f ON f.flow_id = v.flow_id
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR f.owner::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m);
COMMENT ON VIEW flowctl.flow_versions IS 'the versions of the flows that the current role owns';
COMMENT ON COLUMN flowctl.flow_versions.flow IS 'name of the flow';
COMMENT ON COLUMN flowctl.flow_versions.version IS 'from 1';
COMMENT ON COLUMN flowctl.flow_versions.definition IS 'Amazon States Language, as it was given';
COMMENT ON COLUMN flowctl.flow_versions.options IS '{run_as: OWNER | INVOKER, keep_data: ALL | ERROR | NONE}';
COMMENT ON COLUMN flowctl.flow_versions.author IS 'the role that defined this version';
COMMENT ON COLUMN flowctl.flow_versions.created_at IS 'when it was defined';

CREATE VIEW flowctl.runs WITH (security_barrier) AS
    SELECT r.run_id, r.flow, r.version, r.name, r.status,
           CASE WHEN r.status = 'RUNNING' THEN coalesce(f.phase, 'QUEUED') END AS phase,
           f.current_state,
           CASE WHEN f.phase = 'RETRYING' THEN 'retry'
                WHEN f.phase = 'WAITING' AND EXISTS (SELECT FROM flowctl_catalog.map_run m WHERE m.run_id = r.run_id AND m.phase IS NOT NULL)
                THEN 'map run'
                WHEN f.phase = 'WAITING' THEN 'timer'
           END AS waiting_for,
           f.due_at,
           r.input::pg_catalog.jsonb AS input,
           CASE WHEN r.output IS NOT NULL THEN r.output::pg_catalog.jsonb
                WHEN r.output_ref = 0 THEN r.input::pg_catalog.jsonb
                WHEN r.output_ref IS NOT NULL
                THEN (SELECT h.payload::pg_catalog.jsonb FROM flowctl_catalog.history_event h
                      WHERE h.run_id = r.run_id AND h.event_id = r.output_ref)
           END AS output,
           r.error, r.cause, r.started_at, r.ended_at, r.role, r.starter,
           r.session_user_name::pg_catalog.name AS session_user_name, r.system_user_name, r.subject,
           r.asserted_subject, r.client_addr, r.application_name, r.start_xid AS xid, r.event::pg_catalog.jsonb AS event,
           r.traceparent, r.parent_run_id, r.redrive_count, r.subject_issuer,
           r.subject_claims::pg_catalog.jsonb AS subject_claims, r.map_run_id, r.map_index
    FROM flowctl_catalog.run r
         LEFT JOIN flowctl_catalog.frame f ON f.run_id = r.run_id
         LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR coalesce(w.owner, r.flow_owner)::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR r.role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR r.starter::oid = (SELECT u.oid FROM pg_catalog.pg_roles u WHERE u.rolname = CURRENT_USER);
COMMENT ON VIEW flowctl.runs IS 'runs: what was started by whom, where it is, and how it ended';
COMMENT ON COLUMN flowctl.runs.run_id IS 'UUID version 7: ordered by time of start';
COMMENT ON COLUMN flowctl.runs.flow IS 'name of the flow';
COMMENT ON COLUMN flowctl.runs.version IS 'the version that the run keeps';
COMMENT ON COLUMN flowctl.runs.name IS 'the name given at start, for idempotency; NULL: none';
COMMENT ON COLUMN flowctl.runs.status IS 'RUNNING | SUCCEEDED | FAILED | TIMED_OUT | ABORTED | PENDING_REDRIVE';
COMMENT ON COLUMN flowctl.runs.phase IS 'of an open run: QUEUED (not yet begun) | RUNNING | WAITING | RETRYING | PAUSED; else NULL';
COMMENT ON COLUMN flowctl.runs.current_state IS 'the state at the top level that an open run is in';
COMMENT ON COLUMN flowctl.runs.waiting_for IS 'timer (a Wait state) | retry (the next attempt of a Task) | map run (the children of a distributed Map); NULL: nothing';
COMMENT ON COLUMN flowctl.runs.due_at IS 'when the run''s next timer fires';
COMMENT ON COLUMN flowctl.runs.input IS 'the run''s input, any JSON';
COMMENT ON COLUMN flowctl.runs.output IS 'the output of a run that has SUCCEEDED, any JSON';
COMMENT ON COLUMN flowctl.runs.error IS 'name of the error that ended the run';
COMMENT ON COLUMN flowctl.runs.cause IS 'what the error was';
COMMENT ON COLUMN flowctl.runs.started_at IS 'when flowctl.start or the trigger inserted it';
COMMENT ON COLUMN flowctl.runs.ended_at IS 'when it ended; NULL: open';
COMMENT ON COLUMN flowctl.runs.role IS 'whom the run acts as: the flow''s owner or the invoker';
COMMENT ON COLUMN flowctl.runs.starter IS 'current_user at the start';
COMMENT ON COLUMN flowctl.runs.session_user_name IS 'session_user at the start';
COMMENT ON COLUMN flowctl.runs.system_user_name IS 'system_user at the start (PostgreSQL 16 and later): method:identity';
COMMENT ON COLUMN flowctl.runs.subject IS 'the end user, where a token of theirs was verified';
COMMENT ON COLUMN flowctl.runs.asserted_subject IS 'the end user as the session claimed (request.jwt.claims); nobody verified it';
COMMENT ON COLUMN flowctl.runs.client_addr IS 'address of the client that started it; NULL: local';
COMMENT ON COLUMN flowctl.runs.application_name IS 'application_name at the start';
COMMENT ON COLUMN flowctl.runs.xid IS 'the transaction that started it; of a child of a distributed Map, the one that started its parent';
COMMENT ON COLUMN flowctl.runs.event IS 'CloudEvents 1.0 envelope of the row or command that caused it; NULL: flowctl.start';
COMMENT ON COLUMN flowctl.runs.traceparent IS 'W3C trace context at the start (flowctl.traceparent)';
COMMENT ON COLUMN flowctl.runs.parent_run_id IS 'the run that started it; NULL: none';
COMMENT ON COLUMN flowctl.runs.redrive_count IS 'how often it was redriven';
COMMENT ON COLUMN flowctl.runs.subject_issuer IS 'who vouched for subject: the token''s issuer';
COMMENT ON COLUMN flowctl.runs.subject_claims IS 'further claims of that token, those that the issuer''s option subject_claims names';
COMMENT ON COLUMN flowctl.runs.map_run_id IS 'the map run whose child it is (flowctl.map_runs); NULL: none''s';
COMMENT ON COLUMN flowctl.runs.map_index IS 'from 0: which child, in the order of the items; NULL: it is no child of a map run';

CREATE VIEW flowctl.map_runs WITH (security_barrier) AS
    SELECT m.map_run_id, m.run_id, m.path, m.state, m.label, m.status, m.phase, m.max_concurrency, m.tolerated_count AS tolerated_failure_count,
           m.tolerated_percentage AS tolerated_failure_percentage, m.error, m.cause, m.started_at, m.ended_at,
           m.items, m.items - m.items_succeeded - m.items_failed - m.items_timed_out - m.items_aborted AS items_open,
           m.items_succeeded, m.items_failed, m.items_timed_out, m.items_aborted,
           m.children AS runs, m.children - m.succeeded - m.failed - m.timed_out - m.aborted AS runs_open,
           m.succeeded AS runs_succeeded, m.failed AS runs_failed, m.timed_out AS runs_timed_out, m.aborted AS runs_aborted,
           m.results_written
    FROM flowctl_catalog.map_run m
         JOIN flowctl_catalog.run r ON r.run_id = m.run_id
         LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR coalesce(w.owner, r.flow_owner)::oid IN (SELECT o.oid FROM flowctl_catalog.my_role o)
       OR r.role::oid IN (SELECT o.oid FROM flowctl_catalog.my_role o)
       OR r.starter::oid = (SELECT u.oid FROM pg_catalog.pg_roles u WHERE u.rolname = CURRENT_USER);
COMMENT ON VIEW flowctl.map_runs IS 'runs of distributed Map states, as AWS''s DescribeMapRun tells of them; their children are rows of flowctl.runs';
COMMENT ON COLUMN flowctl.map_runs.map_run_id IS 'identifies the map run; the last part of its ARN';
COMMENT ON COLUMN flowctl.map_runs.run_id IS 'the run whose Map it is';
COMMENT ON COLUMN flowctl.map_runs.path IS 'branch and item that the Map is in, as in flowctl.steps';
COMMENT ON COLUMN flowctl.map_runs.state IS 'name of the Map state';
COMMENT ON COLUMN flowctl.map_runs.label IS 'its Label, or one made of its name';
COMMENT ON COLUMN flowctl.map_runs.status IS 'RUNNING | SUCCEEDED | FAILED | ABORTED';
COMMENT ON COLUMN flowctl.map_runs.phase IS
    'of one that is not over: READING (items) | RUNNING (children) | CLOSING (aborts what is open) | WRITING (results); else NULL';
COMMENT ON COLUMN flowctl.map_runs.max_concurrency IS 'how many children may run at a time; 0: 10,000';
COMMENT ON COLUMN flowctl.map_runs.tolerated_failure_count IS 'how many items may fail; NULL: the state does not say';
COMMENT ON COLUMN flowctl.map_runs.tolerated_failure_percentage IS 'how many of a hundred items may fail; NULL: the state does not say';
COMMENT ON COLUMN flowctl.map_runs.error IS 'name of the error that it failed with';
COMMENT ON COLUMN flowctl.map_runs.cause IS 'what the error was';
COMMENT ON COLUMN flowctl.map_runs.started_at IS 'when the Map state began it';
COMMENT ON COLUMN flowctl.map_runs.ended_at IS 'when nothing was left to do; NULL: not yet';
COMMENT ON COLUMN flowctl.map_runs.items IS 'items read';
COMMENT ON COLUMN flowctl.map_runs.items_open IS 'of them, in children that have not ended';
COMMENT ON COLUMN flowctl.map_runs.items_succeeded IS 'in children that have succeeded';
COMMENT ON COLUMN flowctl.map_runs.items_failed IS 'in children that have failed';
COMMENT ON COLUMN flowctl.map_runs.items_timed_out IS 'in children that have timed out';
COMMENT ON COLUMN flowctl.map_runs.items_aborted IS 'in children that were aborted';
COMMENT ON COLUMN flowctl.map_runs.runs IS 'children made of the items: one each, or one for a batch';
COMMENT ON COLUMN flowctl.map_runs.runs_open IS 'of them, those that have not ended';
COMMENT ON COLUMN flowctl.map_runs.runs_succeeded IS 'those that have succeeded';
COMMENT ON COLUMN flowctl.map_runs.runs_failed IS 'those that have failed';
COMMENT ON COLUMN flowctl.map_runs.runs_timed_out IS 'those that have timed out';
COMMENT ON COLUMN flowctl.map_runs.runs_aborted IS 'those that were aborted';
COMMENT ON COLUMN flowctl.map_runs.results_written IS 'results of children that its ResultWriter has written';

CREATE VIEW flowctl.history WITH (security_barrier) AS
    SELECT h.run_id, h.event_id, h.previous_event_id, h.at, h.type,
           CASE WHEN h.payload_key IS NULL OR (h.payload IS NULL AND h.payload_ref IS NULL) THEN h.details::pg_catalog.jsonb
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
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR coalesce(w.owner, r.flow_owner)::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR r.role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m);
COMMENT ON VIEW flowctl.history IS 'every transition of every run, as AWS Step Functions'' execution history tells it';
COMMENT ON COLUMN flowctl.history.run_id IS 'the run';
COMMENT ON COLUMN flowctl.history.event_id IS 'from 1, in the order in which it happened';
COMMENT ON COLUMN flowctl.history.previous_event_id IS 'the event that led to this one; 0: none';
COMMENT ON COLUMN flowctl.history.at IS 'when it happened';
COMMENT ON COLUMN flowctl.history.type IS 'AWS''s event type: ExecutionStarted, TaskStateEntered, TaskScheduled, ...';
COMMENT ON COLUMN flowctl.history.details IS
    'content of AWS''s ...EventDetails object, input and output as JSON where they are kept; NULL: the event has none';

CREATE VIEW flowctl.steps WITH (security_barrier) AS
    SELECT s.run_id, s.path, s.state, s.visit, s.type,
           CASE WHEN s.exit_id IS NOT NULL AND coalesce(s.failure_id > s.success_id, s.failure_id IS NOT NULL)
                THEN 'CAUGHT_ERROR'
                WHEN s.exit_id IS NOT NULL THEN 'SUCCEEDED'
                WHEN s.aborted_at IS NOT NULL OR r.status = 'ABORTED' THEN 'ABORTED'
                WHEN r.status = 'RUNNING' AND (s.path = '' OR EXISTS (
                         -- A branch that has failed is in the frame no more, while its Parallel or Map is retried.
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
           (SELECT CASE WHEN e.payload_ref IS NULL THEN e.payload
                        WHEN e.payload_ref = 0 THEN r.input
                        ELSE (SELECT p.payload FROM flowctl_catalog.history_event p
                              WHERE p.run_id = e.run_id AND p.event_id = e.payload_ref)
                   END::pg_catalog.jsonb
            FROM flowctl_catalog.history_event e WHERE e.run_id = s.run_id AND e.event_id = s.entry_id) AS input,
           (SELECT CASE WHEN e.payload_ref IS NULL THEN e.payload
                        WHEN e.payload_ref = 0 THEN r.input
                        ELSE (SELECT p.payload FROM flowctl_catalog.history_event p
                              WHERE p.run_id = e.run_id AND p.event_id = e.payload_ref)
                   END::pg_catalog.jsonb
            FROM flowctl_catalog.history_event e WHERE e.run_id = s.run_id AND e.event_id = s.exit_id) AS output,
           CASE WHEN s.failure_id IS NOT NULL
                THEN (SELECT e.details::pg_catalog.jsonb ->> 'error' FROM flowctl_catalog.history_event e
                      WHERE e.run_id = s.run_id AND e.event_id = s.failure_id)
                WHEN s.exit_id IS NULL AND s.aborted_at IS NULL THEN r.error
           END AS error,
           CASE WHEN s.failure_id IS NOT NULL
                THEN (SELECT e.details::pg_catalog.jsonb ->> 'cause' FROM flowctl_catalog.history_event e
                      WHERE e.run_id = s.run_id AND e.event_id = s.failure_id)
                WHEN s.exit_id IS NULL AND s.aborted_at IS NULL THEN r.cause
           END AS cause
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
    WHERE s.entry_id IS NOT NULL
      AND ((SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
           OR coalesce(w.owner, r.flow_owner)::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
           OR r.role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m));
COMMENT ON VIEW flowctl.steps IS 'one row for each time that a run entered a state';
COMMENT ON COLUMN flowctl.steps.run_id IS 'the run';
COMMENT ON COLUMN flowctl.steps.path IS 'branch and item that the state was in: /<state>/<number> for each level; empty at the top level';
COMMENT ON COLUMN flowctl.steps.state IS 'name of the state';
COMMENT ON COLUMN flowctl.steps.visit IS 'from 1: how often this path has entered this state';
COMMENT ON COLUMN flowctl.steps.type IS 'Pass | Task | Choice | Wait | Succeed | Fail | Parallel | Map';
COMMENT ON COLUMN flowctl.steps.status IS 'RUNNING | SUCCEEDED | CAUGHT_ERROR | FAILED | TIMED_OUT | ABORTED';
COMMENT ON COLUMN flowctl.steps.attempts IS 'how often the task was scheduled: 1 and its retries; 0: the state is no task';
COMMENT ON COLUMN flowctl.steps.entered_at IS 'when the state was entered';
COMMENT ON COLUMN flowctl.steps.exited_at IS 'when it was left, by whatever way; NULL: it has not been';
COMMENT ON COLUMN flowctl.steps.input IS 'what the state was entered with, any JSON';
COMMENT ON COLUMN flowctl.steps.output IS 'what it was left with, any JSON; NULL: it was not exited';
COMMENT ON COLUMN flowctl.steps.error IS 'name of its last error, also of one that a retry mended or a Catch took';
COMMENT ON COLUMN flowctl.steps.cause IS 'what that error was';

CREATE VIEW flowctl.calls WITH (security_barrier) AS
    SELECT c.run_id, c.path, c.state, c.visit, c.attempt, c.endpoint, c.auth, c.options_hash, c.method, c.host, c.url_path, o.address,
           c.issuer, c.client_id, coalesce(o.subject, c.subject) AS subject, coalesce(o.actor, c.actor) AS actor, c.audience, c.scope, o.token_id, o.token_expires_at,
           (SELECT pg_catalog.min(t.at) FROM flowctl_catalog.token_revocation t
            WHERE t.run_id = c.run_id AND t.token_id = o.token_id AND t.revoked) AS revoked_at,
           c.idempotency_key, c.started_at, o.duration, o.http_status, o.error, o.request_bytes, o.response_bytes,
           c.request_hash, o.response_hash, c.decision, c.lease
    FROM flowctl_catalog.call c
         JOIN flowctl_catalog.run r ON r.run_id = c.run_id
         LEFT JOIN flowctl_catalog.call_outcome o ON o.run_id = c.run_id AND o.call_id = c.call_id AND o.sending = c.sending
         LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR coalesce(w.owner, r.flow_owner)::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR r.role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m);
COMMENT ON VIEW flowctl.calls IS 'one row for each attempt to call an endpoint: whose identity, which rights, where to, what came of it';
COMMENT ON COLUMN flowctl.calls.run_id IS 'the run';
COMMENT ON COLUMN flowctl.calls.path IS 'branch and item of the state, as in flowctl.steps';
COMMENT ON COLUMN flowctl.calls.state IS 'the Task that called';
COMMENT ON COLUMN flowctl.calls.visit IS 'from 1: how often the path had entered the state';
COMMENT ON COLUMN flowctl.calls.attempt IS 'from 1, over the retries of this visit; repeated where a crash repeated the call';
COMMENT ON COLUMN flowctl.calls.endpoint IS 'name of the foreign server';
COMMENT ON COLUMN flowctl.calls.auth IS 'how it proved itself: bearer (a token of issuer), or the endpoint''s option auth';
COMMENT ON COLUMN flowctl.calls.options_hash IS 'SHA-256 (hex) of the options of endpoint, issuer and user mapping at that time';
COMMENT ON COLUMN flowctl.calls.method IS 'HTTP method';
COMMENT ON COLUMN flowctl.calls.host IS 'host called, and port where it is not the scheme''s own';
COMMENT ON COLUMN flowctl.calls.url_path IS 'path called, without query';
COMMENT ON COLUMN flowctl.calls.address IS 'the address that the connection led to';
COMMENT ON COLUMN flowctl.calls.issuer IS 'URL of the issuer of the credential, or of the security token service that gave the session; NULL: neither';
COMMENT ON COLUMN flowctl.calls.client_id IS 'the client that the credential was issued to; or the role, service account, access key or user name';
COMMENT ON COLUMN flowctl.calls.subject IS 'for whom the token stands, where somebody''s token was handed in for it: as the token says, else as the run does; NULL: for the client itself';
COMMENT ON COLUMN flowctl.calls.actor IS 'who acts for the subject, the latest first where there are several; NULL: nobody does';
COMMENT ON COLUMN flowctl.calls.audience IS 'the audience or resource that was asked for';
COMMENT ON COLUMN flowctl.calls.scope IS 'the scope that was asked for; of AWS the region and service that were signed for';
COMMENT ON COLUMN flowctl.calls.token_id IS 'jti of the token, or the beginning of its SHA-256 (hex), or the access key id of the session: to find it in the issuer''s log';
COMMENT ON COLUMN flowctl.calls.token_expires_at IS 'when the token ends by itself';
COMMENT ON COLUMN flowctl.calls.revoked_at IS 'when the issuer confirmed its revocation; NULL: it did not';
COMMENT ON COLUMN flowctl.calls.idempotency_key IS 'the Idempotency-Key that was sent';
COMMENT ON COLUMN flowctl.calls.started_at IS 'when the intent was recorded, just before the call left';
COMMENT ON COLUMN flowctl.calls.duration IS 'from there to the whole answer, token included; NULL: no outcome yet';
COMMENT ON COLUMN flowctl.calls.http_status IS 'HTTP status of the answer; NULL: none came';
COMMENT ON COLUMN flowctl.calls.error IS 'error name of the attempt; NULL: it succeeded, or has no outcome yet';
COMMENT ON COLUMN flowctl.calls.request_bytes IS 'bytes of the request''s body';
COMMENT ON COLUMN flowctl.calls.response_bytes IS 'bytes of the answer''s body';
COMMENT ON COLUMN flowctl.calls.request_hash IS 'SHA-256 (hex) of the request''s body';
COMMENT ON COLUMN flowctl.calls.response_hash IS 'SHA-256 (hex) of the answer''s body';
COMMENT ON COLUMN flowctl.calls.decision IS 'which policy permitted it; NULL: none governs the endpoint';
COMMENT ON COLUMN flowctl.calls.lease IS 'the role made for it, as in flowctl.leases and the server''s log; NULL: its endpoint has no database lease';

CREATE VIEW flowctl.leases WITH (security_barrier) AS
    SELECT l.run_id, c.path, c.state, c.visit, c.attempt, l.endpoint, l.kind, l.role_name, l.roles, l.rules, l.member, r.subject,
           l.created_at, l.valid_until, l.ended_at, l.ended_by, l.dropped_at, l.problem
    FROM flowctl_catalog.lease l
         JOIN flowctl_catalog.run r ON r.run_id = l.run_id
         LEFT JOIN flowctl_catalog.call c ON c.run_id = l.run_id AND c.call_id = l.call_id AND c.sending = l.sending
         LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR coalesce(w.owner, r.flow_owner)::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR r.role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m);
COMMENT ON VIEW flowctl.leases IS 'rights in this database that services had for calls: which, from when until when';
COMMENT ON COLUMN flowctl.leases.run_id IS 'the run';
COMMENT ON COLUMN flowctl.leases.path IS 'branch and item of the state, as in flowctl.steps';
COMMENT ON COLUMN flowctl.leases.state IS 'the Task that called';
COMMENT ON COLUMN flowctl.leases.visit IS 'from 1: how often the path had entered the state';
COMMENT ON COLUMN flowctl.leases.attempt IS 'from 1, over the retries of this visit';
COMMENT ON COLUMN flowctl.leases.endpoint IS 'name of the foreign server whose service had it';
COMMENT ON COLUMN flowctl.leases.kind IS 'LOGIN: the role below, with a password | MEMBER: an existing login was a member of it';
COMMENT ON COLUMN flowctl.leases.role_name IS 'the role made for it: flowctl_lease_<run>_<number>, as in the server''s log (%u)';
COMMENT ON COLUMN flowctl.leases.roles IS 'the leased roles';
COMMENT ON COLUMN flowctl.leases.rules IS 'the rules that gave some of them';
COMMENT ON COLUMN flowctl.leases.member IS 'the existing login; NULL: kind LOGIN';
COMMENT ON COLUMN flowctl.leases.subject IS 'the run''s verified end user';
COMMENT ON COLUMN flowctl.leases.created_at IS 'when the role was made';
COMMENT ON COLUMN flowctl.leases.valid_until IS 'when it ends at the latest (VALID UNTIL)';
COMMENT ON COLUMN flowctl.leases.ended_at IS 'since when nobody can log in by it; NULL: it is open';
COMMENT ON COLUMN flowctl.leases.ended_by IS
    'CALL (answered, timed out or cancelled) | RUN (has ended) | EXPIRED | RESTART (of the server or worker) | LEFT (the worker had to leave) | COPY (of another database''s lease)';
COMMENT ON COLUMN flowctl.leases.dropped_at IS 'when the role was dropped; NULL: it is there';
COMMENT ON COLUMN flowctl.leases.problem IS 'why an ended lease''s role could not be dropped at the last attempt; it is tried again';

-- Rules of endpoints that one may use.
CREATE VIEW flowctl.lease_rules WITH (security_barrier) AS
    SELECT l.name, l.endpoint, l.role, l.conditions::pg_catalog.jsonb AS conditions, l.comment, l.created_by, l.created_at
    FROM flowctl_catalog.lease_rule l
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR EXISTS (SELECT FROM pg_catalog.pg_foreign_server s
                  WHERE s.srvname = l.endpoint AND pg_catalog.has_server_privilege(s.oid, 'USAGE'));
COMMENT ON VIEW flowctl.lease_rules IS 'which runs lease which role where they call an endpoint (flowctl.add_lease_rule)';
COMMENT ON COLUMN flowctl.lease_rules.name IS 'the rule';
COMMENT ON COLUMN flowctl.lease_rules.endpoint IS 'name of the foreign server';
COMMENT ON COLUMN flowctl.lease_rules.role IS 'the role that is leased';
COMMENT ON COLUMN flowctl.lease_rules.conditions IS 'all of which must hold';
COMMENT ON COLUMN flowctl.lease_rules.comment IS 'what its author says about it';
COMMENT ON COLUMN flowctl.lease_rules.created_by IS 'who added it';
COMMENT ON COLUMN flowctl.lease_rules.created_at IS 'when';

CREATE VIEW flowctl.workers WITH (security_barrier) AS
    SELECT s.database, s.pid, s.shard, s.shards, s.started_at, s.runs_open, s.calls_open, s.turns, s.events, s.last_turn_at
    FROM flowctl_catalog.worker_status() s;
COMMENT ON VIEW flowctl.workers IS 'the background workers of this database';
COMMENT ON COLUMN flowctl.workers.database IS 'the database';
COMMENT ON COLUMN flowctl.workers.pid IS 'process id, as in pg_stat_activity';
COMMENT ON COLUMN flowctl.workers.shard IS 'from 0: the share of the runs that it carries';
COMMENT ON COLUMN flowctl.workers.shards IS 'how many workers the database has (flowctl.workers)';
COMMENT ON COLUMN flowctl.workers.started_at IS 'when it began';
COMMENT ON COLUMN flowctl.workers.runs_open IS 'open runs that it holds in memory';
COMMENT ON COLUMN flowctl.workers.calls_open IS 'calls under way';
COMMENT ON COLUMN flowctl.workers.turns IS 'turns of its loop since it began';
COMMENT ON COLUMN flowctl.workers.events IS 'transitions recorded since it began';
COMMENT ON COLUMN flowctl.workers.last_turn_at IS 'end of its last turn';

CREATE VIEW flowctl.issuers WITH (security_barrier) AS
    SELECT s.server, s.issuer, pg_catalog.sum(s.token_requests)::bigint AS token_requests,
           pg_catalog.sum(s.tokens_issued)::bigint AS tokens_issued, pg_catalog.sum(s.failures)::bigint AS failures,
           pg_catalog.sum(s.cached_tokens)::bigint AS cached_tokens, pg_catalog.max(s.last_success) AS last_success,
           pg_catalog.max(s.last_failure) AS last_failure,
           (pg_catalog.array_agg(s.last_failure_message ORDER BY s.last_failure DESC NULLS LAST))[1] AS last_failure_message,
           (pg_catalog.array_agg(s.circuit ORDER BY pg_catalog.array_position(
                ARRAY['open', 'half-open', 'paused', 'closed'], s.circuit)))[1] AS circuit,
           pg_catalog.max(s.circuit_until) AS circuit_until
    FROM flowctl_catalog.issuer_status() s
    GROUP BY s.server, s.issuer;
COMMENT ON VIEW flowctl.issuers IS
    'what the workers of this database know of issuers since they began: for who has USAGE on the foreign server';
COMMENT ON COLUMN flowctl.issuers.server IS 'name of the foreign server';
COMMENT ON COLUMN flowctl.issuers.issuer IS 'its URL';
COMMENT ON COLUMN flowctl.issuers.token_requests IS 'requests to its token endpoint';
COMMENT ON COLUMN flowctl.issuers.tokens_issued IS 'tokens that could be used';
COMMENT ON COLUMN flowctl.issuers.failures IS 'attempts that brought none';
COMMENT ON COLUMN flowctl.issuers.cached_tokens IS 'tokens that live in the memory of workers, each of one run';
COMMENT ON COLUMN flowctl.issuers.last_success IS 'when it last issued a token';
COMMENT ON COLUMN flowctl.issuers.last_failure IS 'when an attempt last brought none';
COMMENT ON COLUMN flowctl.issuers.last_failure_message IS 'why; never holds a secret or token';
COMMENT ON COLUMN flowctl.issuers.circuit IS
    'closed: it is asked as needed; paused: it asked for a pause; open: it did not answer of late and nobody waits for it; half-open: one request finds out';
COMMENT ON COLUMN flowctl.issuers.circuit_until IS 'until when it is left alone; NULL: it is not';

CREATE VIEW flowctl.partitions WITH (security_barrier) AS
    SELECT l.starts_at, l.ends_at, l.suffix,
           (SELECT pg_catalog.sum(pg_catalog.pg_total_relation_size(t.oid))::bigint
            FROM pg_catalog.pg_class t
            WHERE t.relnamespace = 'flowctl_catalog'::pg_catalog.regnamespace
              AND t.relname = ANY (ARRAY['run_' || l.suffix, 'history_event_' || l.suffix, 'call_' || l.suffix,
                                         'call_outcome_' || l.suffix, 'token_revocation_' || l.suffix]::name[])) AS bytes,
           l.emptied_at, l.kept AS runs_kept, l.problem
    FROM (SELECT starts_at, ends_at, suffix, emptied_at, kept, problem FROM flowctl_catalog.leaf
          UNION ALL SELECT NULL, NULL, 'default', NULL, NULL, NULL) l
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE') OR pg_catalog.pg_has_role('pg_monitor', 'USAGE'));
COMMENT ON VIEW flowctl.partitions IS
    'spans of time that runs and what belongs to them are stored by, for members of pg_read_all_data and pg_monitor';
COMMENT ON COLUMN flowctl.partitions.starts_at IS 'the first moment at which runs of this partition start; NULL: the one for whatever has none';
COMMENT ON COLUMN flowctl.partitions.ends_at IS 'the first moment after it';
COMMENT ON COLUMN flowctl.partitions.suffix IS 'of the names of its tables: run_, history_event_, call_, call_outcome_, token_revocation_<suffix>';
COMMENT ON COLUMN flowctl.partitions.bytes IS 'what its tables take on disk, indexes included';
COMMENT ON COLUMN flowctl.partitions.emptied_at IS 'when its runs were dropped (flowctl.retention); NULL: not yet';
COMMENT ON COLUMN flowctl.partitions.runs_kept IS 'runs that stayed at that time because they were open';
COMMENT ON COLUMN flowctl.partitions.problem IS 'why it could not be emptied or dropped at the last attempt; NULL: nothing is in the way';

-- Whose denied attempts one may see: one's own, and those of roles that one has the privileges of.
CREATE VIEW flowctl.denials WITH (security_barrier) AS
    SELECT d.denial_id, d.at, d.action, d.object, d.role_name, d.session_user_name, d.subject, d.reason, d.run_id
    FROM flowctl_catalog.denial d
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR d.role_name IN (SELECT u.rolname FROM pg_catalog.pg_roles u JOIN flowctl_catalog.my_role m ON m.oid = u.oid);
COMMENT ON VIEW flowctl.denials IS 'attempts that were denied, also those of transactions that rolled back';
COMMENT ON COLUMN flowctl.denials.denial_id IS 'a number that grows';
COMMENT ON COLUMN flowctl.denials.at IS 'when';
COMMENT ON COLUMN flowctl.denials.action IS 'start | define_flow | set_subject_token | call | lost (what came too fast to be recorded)';
COMMENT ON COLUMN flowctl.denials.object IS 'the flow or endpoint';
COMMENT ON COLUMN flowctl.denials.role_name IS 'current_user, or the run''s role';
COMMENT ON COLUMN flowctl.denials.session_user_name IS 'session_user; NULL: a run''s call';
COMMENT ON COLUMN flowctl.denials.subject IS 'the end user, where one was verified';
COMMENT ON COLUMN flowctl.denials.reason IS 'why';
COMMENT ON COLUMN flowctl.denials.run_id IS 'the run whose call was denied';

-- Policies of endpoints that one may use, and of all endpoints.
CREATE VIEW flowctl.policies WITH (security_barrier) AS
    SELECT p.name, p.effect, p.endpoint, p.conditions::pg_catalog.jsonb AS conditions, p.comment, p.created_by, p.created_at
    FROM flowctl_catalog.policy p
    WHERE p.endpoint IS NULL
       OR (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR EXISTS (SELECT FROM pg_catalog.pg_foreign_server s
                  WHERE s.srvname = p.endpoint AND pg_catalog.has_server_privilege(s.oid, 'USAGE'));
COMMENT ON VIEW flowctl.policies IS 'which calls of endpoints are permitted or forbidden (flowctl.add_policy)';
COMMENT ON COLUMN flowctl.policies.name IS 'the policy';
COMMENT ON COLUMN flowctl.policies.effect IS 'permit | forbid';
COMMENT ON COLUMN flowctl.policies.endpoint IS 'name of the foreign server; NULL: every one';
COMMENT ON COLUMN flowctl.policies.conditions IS 'all of which must hold';
COMMENT ON COLUMN flowctl.policies.comment IS 'what its author says about it';
COMMENT ON COLUMN flowctl.policies.created_by IS 'who added it';
COMMENT ON COLUMN flowctl.policies.created_at IS 'when';
