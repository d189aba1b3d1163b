-- Starting runs, waiting for them, stopping them: what works, and every error with its SQLSTATE and hint.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
SELECT flowctl.grant_author('regress_owner');
SET ROLE regress_owner;
SELECT flowctl.define_flow('pass', '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}');
SELECT flowctl.define_flow('nap', '{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": true}}}');
RESET ROLE;

-- A run: its input is what was given, its output what the flow made of it.
SET ROLE regress_owner;
SELECT flowctl.start('pass', '{"b": 1.50, "a": [null, true, "x"]}') AS run \gset
SELECT flowctl.wait(:'run');
SELECT flow, version, status, phase, input, output, role, starter FROM flowctl.runs WHERE run_id = :'run';
SELECT flowctl.start('pass:1') AS run \gset
SELECT flowctl.wait(:'run'), (SELECT input FROM flowctl.runs WHERE run_id = :'run');

-- A name stands for one run: the same input gives the same run, ended or not.
SELECT flowctl.start('pass', '{"n": 1, "m": 2}', 'order-1') AS run \gset
SELECT flowctl.wait(:'run');
SELECT flowctl.start('pass', '{"m": 2, "n": 1.0}', 'order-1') = :'run' AS same;
SELECT flowctl.start('pass', '{"n": 2}', 'order-1');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM flowctl.runs WHERE name = 'order-1';

-- What cannot be started.
SELECT flowctl.start('nothing');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.start('pass:7');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.start('pass:x');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.start('pass:0');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.start('no spaces');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.start('');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.start(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.start('pass', '{}', 'not a name');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.start('pass', '{}', '');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.start('pass', jsonb_build_object('x', repeat('x', 300000)));
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.start('pass', jsonb_build_object('x', ('1' || repeat('0', 1500))::numeric));
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.start('pass', NULL) IS NOT NULL AS null_is_the_empty_object;
BEGIN READ ONLY;
SELECT flowctl.start('pass');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- Who may.
SET ROLE regress_other;
SELECT flowctl.start('pass');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT flowctl.grant_start('pass', 'regress_other');
SET ROLE regress_other;
SELECT flowctl.start('pass', '{"by": "other"}') AS run \gset
SELECT flowctl.wait(:'run');
SELECT status, role, starter FROM flowctl.runs WHERE run_id = :'run';
SELECT count(*) AS history_of_ones_own_start FROM flowctl.history WHERE run_id = :'run';
RESET ROLE;

-- Waiting.
SET ROLE regress_owner;
SELECT flowctl.start('nap') AS run \gset
SELECT flowctl.wait(:'run', '0 s');
SELECT flowctl.wait(:'run', '-1 day');
SELECT flowctl.wait(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.wait('00000000-0000-7000-8000-000000000000');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
BEGIN;
SELECT flowctl.start('pass') AS own \gset
SELECT flowctl.wait(:'own');
ROLLBACK;
\set VERBOSITY default
SET statement_timeout = '100ms';
SELECT flowctl.wait(:'run', '1 hour');
\echo :LAST_ERROR_SQLSTATE
RESET statement_timeout;
RESET ROLE;

-- Stopping. Who may not see a run is told that there is none.
SELECT flowctl.stop(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.stop('00000000-0000-7000-8000-000000000000');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.stop(:'run', repeat('x', 300));
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.stop(:'run', NULL, repeat('x', 40000));
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
SET ROLE regress_other;
SELECT flowctl.stop(:'run');
SELECT flowctl.wait(:'run');
RESET ROLE;
SELECT flowctl.grant_start('nap', 'regress_other');
SET ROLE regress_other;
SELECT flowctl.start('nap', '{"by": "other"}') AS others \gset
SELECT flowctl.stop(:'others');
RESET ROLE;
\set VERBOSITY default
SET ROLE regress_owner;
-- once it has begun
SELECT set_config('regress.run', :'run', false) = :'run' AS set;
DO $$ BEGIN
    FOR i IN 1..6000 LOOP
        EXIT WHEN EXISTS (SELECT FROM flowctl.history WHERE run_id = current_setting('regress.run')::uuid AND type = 'WaitStateEntered');
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;
SELECT flowctl.stop(:'run', 'Enough', 'it was a test');
SELECT flowctl.wait(:'run');
SELECT status, error, cause, output FROM flowctl.runs WHERE run_id = :'run';
SELECT type FROM flowctl.history WHERE run_id = :'run' ORDER BY event_id;
SELECT state, status FROM flowctl.steps WHERE run_id = :'run';
-- A second time, and after the end, nothing happens, and the answer says so.
SELECT flowctl.stop(:'run');
SELECT flowctl.stop(:'others');
SELECT flowctl.wait(:'others');
SELECT status, error, cause FROM flowctl.runs WHERE run_id = :'others';
RESET ROLE;

-- A branch that has failed is over, though its Parallel is retried; the state of its sibling was aborted.
SELECT flowctl.define_flow('again', '{"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true,
    "Retry": [{"ErrorEquals": ["Odd"], "IntervalSeconds": 1, "MaxAttempts": 1}, {"ErrorEquals": ["Even"], "IntervalSeconds": 3600}],
    "Branches": [{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": true}}},
                 {"StartAt": "C", "States": {
                     "C": {"Type": "Choice", "Choices": [{"Variable": "$.odd", "IsPresent": true, "Next": "Odd"}], "Default": "Even"},
                     "Odd": {"Type": "Fail", "Error": "Odd"}, "Even": {"Type": "Fail", "Error": "Even"}}}]}}}');
SELECT flowctl.start('again') AS run \gset
SELECT set_config('regress.run', :'run', false) = :'run' AS set;
DO $$ BEGIN
    FOR i IN 1..6000 LOOP
        EXIT WHEN EXISTS (SELECT FROM flowctl.runs WHERE run_id = current_setting('regress.run')::uuid AND waiting_for = 'retry');
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;
SELECT path, state, visit, status FROM flowctl.steps WHERE run_id = :'run' ORDER BY path, visit, state;
SELECT flowctl.stop(:'run');
SELECT flowctl.start('again', '{"odd": true}') AS run \gset
SELECT set_config('regress.run', :'run', false) = :'run' AS set;
DO $$ BEGIN
    FOR i IN 1..6000 LOOP
        EXIT WHEN EXISTS (SELECT FROM flowctl.runs WHERE run_id = current_setting('regress.run')::uuid AND status = 'FAILED');
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;
SELECT path, state, visit, status FROM flowctl.steps WHERE run_id = :'run' ORDER BY path, visit, state;

-- run_as INVOKER: the caller, never a superuser.
SELECT flowctl.define_flow('mine', '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}', options => '{"run_as": "INVOKER"}');
SELECT flowctl.start('mine');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.grant_start('mine', 'regress_other');
SET ROLE regress_other;
SELECT flowctl.start('mine') AS run \gset
SELECT flowctl.wait(:'run');
SELECT role, starter FROM flowctl.runs WHERE run_id = :'run';
RESET ROLE;

-- Nothing is left of a transaction that did not commit.
BEGIN;
SELECT flowctl.start('pass', '{"lost": true}') IS NOT NULL;
ROLLBACK;
SELECT count(*) FROM flowctl.runs WHERE input ? 'lost';
BEGIN;
SELECT flowctl.start('pass', '{"kept": true}') AS run \gset
SAVEPOINT s;
SELECT flowctl.start('pass', '{"lost": true}') IS NOT NULL;
ROLLBACK TO s;
COMMIT;
SELECT flowctl.wait(:'run');
SELECT count(*) FROM flowctl.runs WHERE input ? 'lost';

DROP EXTENSION pg_flowctl;
DROP ROLE regress_owner;
DROP ROLE regress_other;
