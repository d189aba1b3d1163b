-- Starting a run and waiting for it in one statement, and waiting without a snapshot: what works, and every error with its
-- SQLSTATE and hint. Where a message names the run, whose id differs each time, only the SQLSTATE is shown.
\set VERBOSITY sqlstate
SET client_min_messages = warning;
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
GRANT ALL ON SCHEMA public TO regress_owner;
SELECT flowctl.grant_author('regress_owner');
SET ROLE regress_owner;
SELECT flowctl.define_flow('pass', '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}');
SELECT flowctl.define_flow('quick', '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": [1, "two"], "End": true}}}', 'EXPRESS');
SELECT flowctl.define_flow('nap', '{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": true}}}');
SELECT flowctl.define_flow('fails', '{"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "No.Stock", "Cause": "nothing is left"}}}');
SELECT flowctl.define_flow('silent', '{"StartAt": "F", "States": {"F": {"Type": "Fail"}}}');
SELECT flowctl.define_flow('forgets', '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}', options => '{"keep_data": "NONE"}');

-- The output is that of the run.
CALL flowctl.start_sync('pass', '{"b": 1.50, "a": [null, true, "x"]}');
CALL flowctl.start_sync('pass:1', '[]');
CALL flowctl.start_sync('pass', NULL, NULL, NULL, NULL);
CALL flowctl.start_sync('quick', '{}');
CALL flowctl.start_sync('forgets', '{"a": 1}');
SELECT count(*), count(*) FILTER (WHERE status = 'SUCCEEDED') AS succeeded FROM flowctl.runs;

-- The same name waits for the same run.
CALL flowctl.start_sync('pass', '{"n": 1}', name => 'order-1');
CALL flowctl.start_sync('pass', '{"n": 1.0}', name => 'order-1');
SELECT count(*) FROM flowctl.runs WHERE name = 'order-1';
CALL flowctl.start_sync('pass', '{"n": 2}', name => 'order-1');
\echo :LAST_ERROR_MESSAGE

-- A run that fails raises its error and cause. The run exists all the same, and so does one that is not over in time.
CALL flowctl.start_sync('fails', '{}');
\echo :LAST_ERROR_MESSAGE
CALL flowctl.start_sync('silent', '{}');
\echo :LAST_ERROR_MESSAGE
CALL flowctl.start_sync('nap', '{}', timeout => '0 s', name => 'long');
\echo :LAST_ERROR_MESSAGE
CALL flowctl.start_sync('nap', '{}', timeout => '-1 s', name => 'long');
SELECT flow, status, error, cause FROM flowctl.runs WHERE flow IN ('fails', 'silent', 'nap') ORDER BY flow;
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT run_id AS long FROM flowctl.runs WHERE flow = 'nap' \gset
SELECT run_id AS failed FROM flowctl.runs WHERE flow = 'fails' \gset
SELECT run_id AS passed FROM flowctl.runs WHERE name = 'order-1' \gset

-- Waiting without a snapshot.
CALL flowctl.wait_for(:'passed');
CALL flowctl.wait_for(:'failed', '1 min');
CALL flowctl.wait_for(:'long', '0 s');
CALL flowctl.wait_for(:'long', timeout => '0 s', status => 'x');
CALL flowctl.wait_for(NULL);
\echo :LAST_ERROR_SQLSTATE
CALL flowctl.wait_for('00000000-0000-7000-8000-000000000000');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.stop(:'long');
CALL flowctl.wait_for(:'long');

-- Neither can be called where it cannot commit.
BEGIN;
CALL flowctl.start_sync('pass', '{}');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
CALL flowctl.wait_for(:'passed');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
DO $$
DECLARE
    status text;
BEGIN
    BEGIN
        CALL flowctl.wait_for('00000000-0000-7000-8000-000000000000', '0 s', status);
    EXCEPTION WHEN undefined_object THEN
        RAISE NOTICE 'this block is a subtransaction';
    END;
END $$;
\echo :LAST_ERROR_SQLSTATE
CREATE FUNCTION regress_inside() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    status text;
BEGIN
    CALL flowctl.wait_for('00000000-0000-7000-8000-000000000000', '0 s', status);
END $$;
SELECT regress_inside();
\echo :LAST_ERROR_SQLSTATE
DROP FUNCTION regress_inside();
-- A DO block outside of a transaction block is no hindrance; what it did before is committed.
RESET client_min_messages;
DO $$
DECLARE
    run uuid := flowctl.start('pass', '{"from": "plpgsql"}');
    status text;
    output jsonb;
BEGIN
    CALL flowctl.wait_for(run, '1 min', status);
    CALL flowctl.start_sync('pass', jsonb_build_object('status', status), output);
    RAISE NOTICE 'output: %', output;
END $$;
SET client_min_messages = warning;

-- What cannot be started is not, with the errors of flowctl.start().
CALL flowctl.start_sync(NULL, '{}');
\echo :LAST_ERROR_SQLSTATE
CALL flowctl.start_sync('nothing', '{}');
\echo :LAST_ERROR_SQLSTATE
CALL flowctl.start_sync('pass:9', '{}');
\echo :LAST_ERROR_SQLSTATE
CALL flowctl.start_sync('pass', '{}', name => 'not a name');
\echo :LAST_ERROR_SQLSTATE
SET default_transaction_read_only = on;
CALL flowctl.start_sync('pass', '{}');
\echo :LAST_ERROR_SQLSTATE
RESET default_transaction_read_only;

-- Who may: whoever may start the flow, and wait for a run, respectively.
SET ROLE regress_other;
CALL flowctl.start_sync('pass', '{}');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
CALL flowctl.wait_for(:'passed');
RESET ROLE;
SELECT flowctl.grant_start('pass', 'regress_other');
SET ROLE regress_other;
\set VERBOSITY default
CALL flowctl.start_sync('pass', '{"by": "other"}');
\set VERBOSITY sqlstate
-- the run of this name is another's, and its output is nobody else's business
CALL flowctl.start_sync('pass', '{"n": 1}', name => 'order-1');
RESET ROLE;
SELECT flowctl.grant_flow('pass', 'regress_other', '{operate}');
SET ROLE regress_other;
CALL flowctl.start_sync('pass', '{"n": 1}', name => 'order-1');
RESET ROLE;
SELECT flowctl.grant_flow('pass', 'regress_other', '{read_payload}');
SET ROLE regress_other;
\set VERBOSITY default
CALL flowctl.start_sync('pass', '{"n": 1}', name => 'order-1');
RESET ROLE;

-- Clean up.
SELECT flowctl.drop_flow(f) FROM unnest('{pass,quick,nap,fails,silent,forgets}'::text[]) f;
SELECT flowctl.revoke_author('regress_owner');
REVOKE ALL ON SCHEMA public FROM regress_owner;
DROP EXTENSION pg_flowctl;
DROP ROLE regress_owner, regress_other;
