-- The views: what they show of a run, and to whom. The rows are written here by hand, within a transaction that is not committed, so that
-- no worker sees them.
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_views_owner;
CREATE ROLE regress_views_member IN ROLE regress_views_owner;
CREATE ROLE regress_views_noinherit NOINHERIT IN ROLE regress_views_owner;
CREATE ROLE regress_views_starter;
CREATE ROLE regress_views_starter_member IN ROLE regress_views_starter;
CREATE ROLE regress_views_invoker;
CREATE ROLE regress_views_new_owner;
CREATE ROLE regress_views_auditor IN ROLE pg_read_all_data;
CREATE ROLE regress_views_other;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

BEGIN;
INSERT INTO flowctl_catalog.flow (flow_id, name, owner, type, latest_version) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'pay', 'regress_views_owner', 'STANDARD', 1);
INSERT INTO flowctl_catalog.flow_version (flow_id, version, definition, author) VALUES
    ('00000000-0000-4000-8000-00000000000a', 1, '{"StartAt": "A"}', 'regress_views_owner');

-- 1 has succeeded: a Pass, a Task that was retried, a Task whose error was caught
INSERT INTO flowctl_catalog.run (run_id, flow_id, flow, version, type, name, status, input, output_ref, started_at, ended_at, flow_owner, role,
                         starter, session_user_name, subject, asserted_subject, client_addr, application_name, start_xid, event, traceparent)
VALUES ('01900000-0000-7000-8000-000000000001', '00000000-0000-4000-8000-00000000000a', 'pay', 1, 'STANDARD', 'order-1', 'SUCCEEDED',
        '{"order":1.0}', 14, '2026-01-01 12:00:00', '2026-01-01 12:00:05', 'regress_views_owner', 'regress_views_owner',
        'regress_views_starter', 'session', NULL, 'alice', '192.0.2.1', 'psql', '900', '{"type":"flowctl.row.insert"}', '00-ab-cd-01');
INSERT INTO flowctl_catalog.history_event VALUES
    ('01900000-0000-7000-8000-000000000001',  1,  0, '2026-01-01 12:00:00', 'ExecutionStarted',  '{"roleArn":"arn:flowctl:x"}', 'input', NULL, 0, NULL, NULL, NULL, NULL),
    ('01900000-0000-7000-8000-000000000001',  2,  0, '2026-01-01 12:00:00', 'PassStateEntered',  '{"name":"A"}', 'input', NULL, 0, '', 'A', 1, NULL),
    ('01900000-0000-7000-8000-000000000001',  3,  2, '2026-01-01 12:00:01', 'PassStateExited',   '{"name":"A"}', 'output', '{"a":[1]}', NULL, '', 'A', 1, NULL),
    ('01900000-0000-7000-8000-000000000001',  4,  3, '2026-01-01 12:00:01', 'TaskStateEntered',  '{"name":"B"}', 'input', NULL, 3, '', 'B', 1, NULL),
    ('01900000-0000-7000-8000-000000000001',  5,  4, '2026-01-01 12:00:01', 'TaskScheduled',     '{"resource":"billing"}', 'parameters', NULL, 3, '', 'B', 1, 1),
    ('01900000-0000-7000-8000-000000000001',  6,  5, '2026-01-01 12:00:02', 'TaskFailed',        '{"error":"States.Http.StatusCode.503","cause":"busy"}', NULL, NULL, NULL, '', 'B', 1, 1),
    ('01900000-0000-7000-8000-000000000001',  7,  6, '2026-01-01 12:00:03', 'TaskScheduled',     '{"resource":"billing"}', 'parameters', NULL, 3, '', 'B', 1, 2),
    ('01900000-0000-7000-8000-000000000001',  8,  7, '2026-01-01 12:00:03', 'TaskSucceeded',     NULL, 'output', '"paid"', NULL, '', 'B', 1, 2),
    ('01900000-0000-7000-8000-000000000001',  9,  8, '2026-01-01 12:00:03', 'TaskStateExited',   '{"name":"B"}', 'output', NULL, 8, '', 'B', 1, NULL),
    ('01900000-0000-7000-8000-000000000001', 10,  9, '2026-01-01 12:00:03', 'TaskStateEntered',  '{"name":"C"}', 'input', NULL, 8, '', 'C', 1, NULL),
    ('01900000-0000-7000-8000-000000000001', 11, 10, '2026-01-01 12:00:03', 'TaskScheduled',     '{"resource":"mail"}', 'parameters', NULL, 8, '', 'C', 1, 1),
    ('01900000-0000-7000-8000-000000000001', 12, 11, '2026-01-01 12:00:04', 'TaskTimedOut',      '{"error":"States.Timeout"}', NULL, NULL, NULL, '', 'C', 1, 1),
    ('01900000-0000-7000-8000-000000000001', 13, 12, '2026-01-01 12:00:04', 'TaskStateExited',   '{"name":"C"}', 'output', 'null', NULL, '', 'C', 1, NULL),
    ('01900000-0000-7000-8000-000000000001', 14, 13, '2026-01-01 12:00:05', 'SucceedStateEntered', '{"name":"D"}', 'input', '{"done":true}', NULL, '', 'D', 1, NULL),
    ('01900000-0000-7000-8000-000000000001', 15, 14, '2026-01-01 12:00:05', 'SucceedStateExited', '{"name":"D"}', 'output', NULL, 14, '', 'D', 1, NULL),
    ('01900000-0000-7000-8000-000000000001', 16, 15, '2026-01-01 12:00:05', 'ExecutionSucceeded', NULL, 'output', NULL, 14, NULL, NULL, NULL, NULL),
    ('01900000-0000-7000-8000-000000000001', 17, 16, '2026-01-01 12:00:05', 'WaitStateAborted', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    ('01900000-0000-7000-8000-000000000001', 18, 17, '2026-01-01 12:00:05', 'PassStateExited', '{"name":"not kept"}', 'output', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO flowctl_catalog.call VALUES
    ('01900000-0000-7000-8000-000000000001', 5, 1, '', 'B', 1, 1, 'billing', 'aa', 'POST', 'billing.example', '/charges', 'https://idp.example',
     'orders', NULL, NULL, 'https://billing.example', 'charge:write', 'key-1', 'bb', '2026-01-01 12:00:01'),
    ('01900000-0000-7000-8000-000000000001', 7, 1, '', 'B', 1, 2, 'billing', 'aa', 'POST', 'billing.example', '/charges', 'https://idp.example',
     'orders', NULL, NULL, 'https://billing.example', 'charge:write', 'key-1', 'bb', '2026-01-01 12:00:03'),
    ('01900000-0000-7000-8000-000000000001', 11, 1, '', 'C', 1, 1, 'mail', 'cc', 'POST', 'mail.example', '/', NULL,
     NULL, NULL, NULL, NULL, NULL, 'key-2', 'dd', '2026-01-01 12:00:03');
INSERT INTO flowctl_catalog.call_outcome VALUES
    ('01900000-0000-7000-8000-000000000001', 5, 1, '2026-01-01 12:00:02', '1 s', 1, 503, 'States.Http.StatusCode.503', '203.0.113.5', 'token-1', '2026-01-01 13:00:00', 9, 4, 'ee'),
    ('01900000-0000-7000-8000-000000000001', 7, 1, '2026-01-01 12:00:03', '0.1 s', 1, 200, NULL, '203.0.113.5', 'token-2', '2026-01-01 13:00:00', 9, 6, 'ff');
INSERT INTO flowctl_catalog.token_revocation VALUES
    ('01900000-0000-7000-8000-000000000001', 'token-2', '2026-01-01 12:00:06', true, NULL),
    ('01900000-0000-7000-8000-000000000001', 'token-1', '2026-01-01 12:00:06', false, 'unsupported_token_type');

-- 2 retries, 3 waits, 4 has not begun: open runs
INSERT INTO flowctl_catalog.run (run_id, flow_id, flow, version, type, input, started_at, flow_owner, role, starter, session_user_name, start_xid)
SELECT ('01900000-0000-7000-8000-00000000000' || n)::uuid, '00000000-0000-4000-8000-00000000000a', 'pay', 1, 'STANDARD', n::text, '2026-01-01 12:00:00',
       'regress_views_owner', 'regress_views_invoker', 'regress_views_invoker', 's', '900' FROM generate_series(2, 4) n;
INSERT INTO flowctl_catalog.frame VALUES
    ('01900000-0000-7000-8000-000000000002', 0, 'RETRYING', 'B', '2026-01-01 12:00:09', '{}'),
    ('01900000-0000-7000-8000-000000000003', 0, 'WAITING', 'W', '2026-01-02 00:00:00', '{}');
INSERT INTO flowctl_catalog.history_event VALUES
    ('01900000-0000-7000-8000-000000000002', 1, 0, '2026-01-01 12:00:00', 'ExecutionStarted', NULL, 'input', NULL, 0, NULL, NULL, NULL, NULL),
    ('01900000-0000-7000-8000-000000000002', 2, 0, '2026-01-01 12:00:00', 'TaskStateEntered', '{"name":"B"}', 'input', NULL, 0, '', 'B', 1, NULL),
    ('01900000-0000-7000-8000-000000000002', 3, 2, '2026-01-01 12:00:00', 'TaskScheduled', NULL, NULL, NULL, NULL, '', 'B', 1, 1),
    ('01900000-0000-7000-8000-000000000002', 4, 3, '2026-01-01 12:00:00', 'TaskFailed', '{"error":"E","cause":"c"}', NULL, NULL, NULL, '', 'B', 1, 1),
    ('01900000-0000-7000-8000-000000000003', 1, 0, '2026-01-01 12:00:00', 'WaitStateEntered', '{"name":"W"}', 'input', NULL, 0, '', 'W', 1, NULL);

-- 5 failed in a Fail state, 6 in a task that timed out, 7 timed out as a whole, 8 was stopped, in a loop; their flow is gone
INSERT INTO flowctl_catalog.run (run_id, flow_id, flow, version, type, status, input, output, error, cause, started_at, ended_at, flow_owner, role, starter,
                         session_user_name, start_xid)
SELECT ('01900000-0000-7000-8000-00000000000' || n)::uuid, '00000000-0000-4000-8000-00000000000b', 'gone', 1, 'STANDARD', status, n::text, output, error, cause,
       '2026-01-01 12:00:00', '2026-01-01 12:00:02', 'regress_views_owner', 'regress_views_owner', 'regress_views_owner', 's', '900'
FROM (VALUES (5, 'FAILED', NULL, 'Broke', 'it broke'), (6, 'FAILED', NULL, 'States.Timeout', NULL), (7, 'TIMED_OUT', NULL, NULL, NULL),
             (8, 'ABORTED', NULL, 'Stop', 'enough'), (9, 'SUCCEEDED', '[1.50]', NULL, NULL)) AS v(n, status, output, error, cause);
INSERT INTO flowctl_catalog.history_event VALUES
    ('01900000-0000-7000-8000-000000000005', 1, 0, '2026-01-01 12:00:00', 'FailStateEntered', '{"name":"F"}', 'input', NULL, 0, '', 'F', 1, NULL),
    ('01900000-0000-7000-8000-000000000005', 2, 1, '2026-01-01 12:00:02', 'ExecutionFailed', '{"error":"Broke","cause":"it broke"}', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    ('01900000-0000-7000-8000-000000000006', 1, 0, '2026-01-01 12:00:00', 'TaskStateEntered', '{"name":"T"}', 'input', NULL, 0, '', 'T', 1, NULL),
    ('01900000-0000-7000-8000-000000000006', 2, 1, '2026-01-01 12:00:00', 'TaskScheduled', NULL, NULL, NULL, NULL, '', 'T', 1, 1),
    ('01900000-0000-7000-8000-000000000006', 3, 2, '2026-01-01 12:00:02', 'TaskTimedOut', '{"error":"States.Timeout"}', NULL, NULL, NULL, '', 'T', 1, 1),
    ('01900000-0000-7000-8000-000000000007', 1, 0, '2026-01-01 12:00:00', 'WaitStateEntered', '{"name":"W"}', 'input', NULL, 0, '', 'W', 1, NULL),
    ('01900000-0000-7000-8000-000000000008', 1, 0, '2026-01-01 12:00:00', 'PassStateEntered', '{"name":"L"}', 'input', NULL, 0, '', 'L', 1, NULL),
    ('01900000-0000-7000-8000-000000000008', 2, 1, '2026-01-01 12:00:00', 'PassStateExited', '{"name":"L"}', 'output', NULL, 0, '', 'L', 1, NULL),
    ('01900000-0000-7000-8000-000000000008', 3, 2, '2026-01-01 12:00:01', 'PassStateEntered', '{"name":"L"}', 'input', NULL, 0, '', 'L', 2, NULL),
    ('01900000-0000-7000-8000-000000000008', 4, 3, '2026-01-01 12:00:01', 'PassStateExited', '{"name":"L"}', 'output', NULL, 0, '', 'L', 2, NULL),
    ('01900000-0000-7000-8000-000000000008', 5, 4, '2026-01-01 12:00:01', 'TaskStateEntered', '{"name":"M"}', 'input', NULL, 0, '', 'M', 1, NULL);

-- the columns are a contract
SELECT c.relname, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) AS columns
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'flowctl'::regnamespace AND c.relkind = 'v' GROUP BY c.relname ORDER BY c.relname COLLATE "C";
SELECT relname FROM pg_class WHERE relnamespace = 'flowctl'::regnamespace AND relkind = 'v'
    AND NOT coalesce('security_barrier=true' = ANY (reloptions), false);

SET ROLE regress_views_owner;
\x on
SELECT * FROM flowctl.runs WHERE run_id = '01900000-0000-7000-8000-000000000001';
\x off
SELECT right(run_id::text, 1) AS run, status, phase, current_state, waiting_for, due_at, input, output, error, cause FROM flowctl.runs ORDER BY run_id;
SELECT event_id, previous_event_id, at, type, details FROM flowctl.history WHERE run_id = '01900000-0000-7000-8000-000000000001' ORDER BY event_id;
SELECT right(run_id::text, 1) AS run, path, state, visit, type, status, attempts, entered_at, exited_at, input, output, error, cause
FROM flowctl.steps ORDER BY run_id, entered_at, state, visit;
\x on
SELECT * FROM flowctl.calls ORDER BY started_at, endpoint;
\x off
RESET ROLE;

-- who sees what: runs, history, steps, calls
CREATE FUNCTION pg_temp.seen(OUT runs text, OUT history bigint, OUT steps bigint, OUT calls bigint, OUT flows bigint, OUT versions bigint) LANGUAGE sql AS $$
    SELECT (SELECT string_agg(right(run_id::text, 1), '' ORDER BY run_id) FROM flowctl.runs), (SELECT count(*) FROM flowctl.history),
           (SELECT count(*) FROM flowctl.steps), (SELECT count(*) FROM flowctl.calls), (SELECT count(*) FROM flowctl.flows),
           (SELECT count(*) FROM flowctl.flow_versions)
$$;
SELECT * FROM pg_temp.seen();
SET ROLE regress_views_owner;
SELECT * FROM pg_temp.seen();
SET ROLE regress_views_member;
SELECT * FROM pg_temp.seen();
SET ROLE regress_views_auditor;
SELECT * FROM pg_temp.seen();
-- no privileges of the owner's before SET ROLE
SET ROLE regress_views_noinherit;
SELECT * FROM pg_temp.seen();
-- the starter: his run, not its history
SET ROLE regress_views_starter;
SELECT * FROM pg_temp.seen();
SET ROLE regress_views_starter_member;
SELECT * FROM pg_temp.seen();
-- the run's role
SET ROLE regress_views_invoker;
SELECT * FROM pg_temp.seen();
SET ROLE regress_views_other;
SELECT * FROM pg_temp.seen();
-- the present owner of a flow sees its runs, the former one no longer
RESET ROLE;
UPDATE flowctl_catalog.flow SET owner = 'regress_views_new_owner';
UPDATE flowctl_catalog.run SET role = 'regress_views_invoker' WHERE run_id = '01900000-0000-7000-8000-000000000001';
SET ROLE regress_views_new_owner;
SELECT * FROM pg_temp.seen();
SET ROLE regress_views_owner;
SELECT * FROM pg_temp.seen();

-- whoever monitors sees counts, and no run
RESET ROLE;
UPDATE flowctl_catalog.run SET started_at = now() - interval '1 hour' WHERE status = 'FAILED';
CREATE ROLE regress_views_monitor IN ROLE pg_monitor;
SET ROLE regress_views_monitor;
SELECT flow, open, queued, waiting, retrying, oldest_open IS NOT NULL AS has_oldest, failed_1d FROM flowctl.run_counts ORDER BY flow;
SELECT * FROM pg_temp.seen();
SET ROLE regress_views_new_owner;
SELECT flow, open, failed_1d FROM flowctl.run_counts ORDER BY flow;
SET ROLE regress_views_other;
SELECT flow, open, failed_1d FROM flowctl.run_counts ORDER BY flow;

-- a condition that tells what it is asked does not see rows that the role may not
CREATE FUNCTION pg_temp.tell(text) RETURNS bool LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END $$;
SET ROLE regress_views_other;
SELECT count(*) FROM flowctl.runs WHERE pg_temp.tell(input::text);
SELECT count(*) FROM flowctl.history WHERE pg_temp.tell(type);
SELECT count(*) FROM flowctl.steps WHERE pg_temp.tell(state);
SELECT count(*) FROM flowctl.calls WHERE pg_temp.tell(endpoint);
SELECT count(*) FROM flowctl.flow_versions WHERE pg_temp.tell(flow);

-- a run is found by its id without reading the others
CREATE FUNCTION pg_temp.scans(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ 'Seq Scan on (run|history_event|call|frame)' THEN RETURN NEXT line; END IF;
    END LOOP;
END $$;
SET enable_seqscan = off;
SELECT v, pg_temp.scans(format('SELECT * FROM flowctl.%s WHERE run_id = %L', v, '01900000-0000-7000-8000-000000000001'))
FROM unnest(ARRAY['runs', 'history', 'steps', 'calls']) v;
-- so are those of a time, the open ones, and those that failed
SELECT flowctl.run_id_at('2024-06-08 00:00:00.1239+00'), flowctl.run_id_at('-infinity'), flowctl.run_id_at('1969-01-01');
SELECT flowctl.run_id_at('infinity'), flowctl.run_id_at(NULL);
CREATE FUNCTION pg_temp.finds_by(condition text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) SELECT run_id FROM flowctl.runs WHERE ' || condition LOOP
        -- not the parent of a run, which is looked up by its id
        CONTINUE WHEN line ~ ' a(_\d+)?$' OR line ~ 'parent_run_id';
        IF line ~ ' on run_' THEN RETURN NEXT substring(line FROM '(?:Scan using|Index Scan on) run_(?:[0-9]+_[0-9]+|default)_(\w+)'); END IF;
        IF line ~ 'Index Cond: \(\(?run_id' THEN RETURN NEXT 'run_id'; END IF;
    END LOOP;
END $$;
SELECT DISTINCT c, f COLLATE "C" AS finds_by
FROM unnest(ARRAY[$$run_id >= flowctl.run_id_at(now() - interval '1 hour')$$, $$status = 'RUNNING'$$, $$status = 'FAILED'$$,
                  $$status IN ('TIMED_OUT', 'ABORTED') AND started_at > now() - interval '1 hour'$$]) c, pg_temp.finds_by(c) f
WHERE f IS NOT NULL ORDER BY 1, 2;
ROLLBACK;

-- flow_versions and workers for those who have nothing
SET ROLE regress_views_other;
SELECT count(*) FROM flowctl.flow_versions;
SELECT count(*) FILTER (WHERE database <> current_database()) AS elsewhere FROM flowctl.workers;
DELETE FROM flowctl.flows;
RESET ROLE;
SET client_min_messages = warning;
DROP EXTENSION pg_flowctl CASCADE;
DROP ROLE regress_views_owner, regress_views_member, regress_views_noinherit, regress_views_starter, regress_views_starter_member,
    regress_views_invoker, regress_views_new_owner, regress_views_auditor, regress_views_other;
