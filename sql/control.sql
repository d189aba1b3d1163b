-- What is done to runs from outside: stop, who may, what it answers, and the record of it.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
CREATE ROLE regress_reader IN ROLE pg_read_all_data;
SELECT flowctl.grant_author('regress_owner');
CREATE FUNCTION until(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer boolean;
BEGIN
    FOR i IN 1..6000 LOOP
        EXECUTE 'SELECT ' || query INTO answer;
        IF answer THEN RETURN 'so it is'; END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RETURN 'never';
END $$;
SET ROLE regress_owner;
SELECT flowctl.define_flow('nap', '{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": true}}}');
SELECT flowctl.define_flow('pass', '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"a": null, "b": "x"}, "End": true}}}');

-- Stopping says what it does.
SELECT flowctl.start('nap') AS run \gset
SELECT until(format('EXISTS (SELECT FROM flowctl.runs WHERE run_id = %L AND phase = ''WAITING'')', :'run'));
BEGIN;
SELECT flowctl.stop(:'run', 'Enough', 'it was a test', 'the order was cancelled');
SELECT flowctl.stop(:'run', reason => 'again');
SELECT action, by, reason, outcome FROM flowctl.interventions WHERE run_id = :'run';
COMMIT;
SELECT flowctl.wait(:'run');
SELECT status, error, cause, stopped_by FROM flowctl.runs WHERE run_id = :'run';
SELECT action, by, reason, outcome FROM flowctl.interventions WHERE run_id = :'run';
SELECT flowctl.stop(:'run');
SELECT flowctl.start('pass') AS run \gset
SELECT flowctl.wait(:'run');
SELECT flowctl.stop(:'run');
-- By a query, and what rolls back was never asked.
SELECT count(flowctl.start('nap')) FROM generate_series(1, 5);
BEGIN;
SELECT flowctl.stop(run_id), count(*) FROM flowctl.runs WHERE status = 'RUNNING' GROUP BY 1;
ROLLBACK;
SELECT count(*) FROM flowctl.interventions WHERE outcome IS NULL;
SELECT flowctl.stop(run_id, reason => 'all of them') AS answer, count(*) FROM flowctl.runs WHERE status = 'RUNNING' GROUP BY 1;
SELECT until('NOT EXISTS (SELECT FROM flowctl.runs WHERE status = ''RUNNING'')');
SELECT reason, outcome, count(*) FROM flowctl.interventions GROUP BY 1, 2 ORDER BY 1, 2;

-- What cannot be asked.
SELECT flowctl.stop(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.stop('00000000-0000-7000-8000-000000000000');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.stop(:'run', reason => repeat('x', 1025));
\echo :LAST_ERROR_SQLSTATE
BEGIN READ ONLY;
SELECT flowctl.stop(:'run');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
RESET ROLE;
-- Who may: for others there is no such run; who started it, or reads all data, is told that the right is missing.
SELECT flowctl.grant_start('nap', 'regress_other');
SET ROLE regress_other;
SELECT flowctl.start('nap') AS others \gset
\set VERBOSITY sqlstate
SELECT flowctl.stop(:'others');
SELECT flowctl.stop(:'run');
SELECT flowctl.describe(:'run');
SELECT flowctl.get_history(:'run');
\set VERBOSITY default
SELECT count(*) FROM flowctl.interventions;
SELECT * FROM flowctl_catalog.control;
SELECT * FROM flowctl_catalog.intervention;
RESET ROLE;
SET ROLE regress_reader;
\set VERBOSITY sqlstate
SELECT flowctl.stop(:'others');
\set VERBOSITY default
SELECT count(*) FROM flowctl.interventions WHERE reason = 'all of them';
SELECT * FROM flowctl_catalog.control;
RESET ROLE;

-- A run as AWS describes it.
SET ROLE regress_owner;
SELECT flowctl.start('pass', '{"in": null}', 'one') AS run \gset
SELECT flowctl.wait(:'run');
SELECT regexp_replace(d ->> 'executionArn', 'states:local:[^:]*', 'states:local:DB') AS "executionArn",
       regexp_replace(d ->> 'stateMachineArn', 'states:local:[^:]*', 'states:local:DB') AS "stateMachineArn",
       d ->> 'name' AS name, d ->> 'status' AS status, d -> 'input' AS input, d -> 'output' AS output,
       d ->> 'redriveCount' AS "redriveCount", (d ->> 'startDate')::timestamptz <= (d ->> 'stopDate')::timestamptz AS dates,
       d ->> 'version' AS version, d ->> 'role' AS role
FROM flowctl.describe(:'run') d;
SELECT flowctl.describe('00000000-0000-7000-8000-000000000000');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.describe(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT jsonb_pretty(e - 'timestamp') FROM jsonb_array_elements(flowctl.get_history(:'run') -> 'events') e;
SELECT h ->> 'nextToken' AS next, jsonb_path_query_array(h, '$.events[*].id') AS ids FROM flowctl.get_history(:'run', 0, 2) h;
SELECT h ->> 'nextToken' AS next, jsonb_path_query_array(h, '$.events[*].id') AS ids FROM flowctl.get_history(:'run', 2, 2) h;
SELECT flowctl.get_history(:'run', 100);
SELECT flowctl.get_history(:'run', 0, 0);
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.get_history(:'run', max => 1001);
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.get_history('00000000-0000-7000-8000-000000000000');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
-- Who started a run sees the run, and not its history.
SET ROLE regress_other;
SELECT flowctl.describe(:'others') ->> 'status', flowctl.get_history(:'others');
RESET ROLE;

SELECT count(flowctl.stop(run_id)) FROM flowctl.runs WHERE status = 'RUNNING';
SELECT until('NOT EXISTS (SELECT FROM flowctl.runs WHERE status = ''RUNNING'')');
DROP FUNCTION until;
DROP EXTENSION pg_flowctl;
DROP ROLE regress_owner, regress_other, regress_reader;
