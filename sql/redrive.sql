-- Redriving, pausing and resuming runs: what they do, what they answer, and who may.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
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
CREATE FUNCTION until_phase(run uuid, phase text) RETURNS text LANGUAGE sql AS $$
    SELECT until(format('EXISTS (SELECT FROM flowctl.runs WHERE run_id = %L AND phase = %L)', run, phase)) $$;
SET ROLE regress_owner;
-- The run fails at the first drive and gets through at the second: the context says which it is. The first branch of the
-- Parallel is over then and stays, and so is the first item of the Map in the second branch.
SELECT flowctl.define_flow('deep', '{"QueryLanguage": "JSONata", "StartAt": "Before", "States": {
    "Before": {"Type": "Pass", "Assign": {"seen": "{% $states.input.n %}"}, "Next": "P"},
    "P": {"Type": "Parallel", "Branches": [
        {"StartAt": "Ok", "States": {"Ok": {"Type": "Pass", "Output": "{% $states.context.Execution.RedriveCount %}", "End": true}}},
        {"StartAt": "M", "States": {"M": {"Type": "Map", "MaxConcurrency": 1, "Items": "{% [10, 20] %}", "End": true,
            "ItemProcessor": {"StartAt": "Is", "States": {
                "Is": {"Type": "Choice", "Choices": [{"Condition": "{% $states.context.Execution.RedriveCount = 0 and $states.input = 20 %}", "Next": "No"}],
                       "Default": "Yes"},
                "No": {"Type": "Pass", "Output": "{% $states.context.Execution.RedriveCount = 0 ? $error(''not yet'') : ''at last'' %}", "End": true},
                "Yes": {"Type": "Pass", "Output": "{% [$states.input, $states.context.Execution.RedriveCount] %}", "End": true}}}}}}],
        "Output": "{% {''branches'': $states.result, ''seen'': $seen} %}", "End": true}}}');
SELECT flowctl.start('deep', '{"n": 5}', 'once') AS run \gset
SELECT flowctl.wait(:'run');
SELECT status, error, redrive_status, redrive_status_reason, redrive_count FROM flowctl.runs WHERE run_id = :'run';
SELECT flowctl.redrive(:'run', 'now it should work');
SELECT flowctl.wait(:'run');
SELECT status, output, error, cause, redrive_status, redrive_status_reason, redrive_count, redriven_at IS NOT NULL AS redriven,
       ended_at > redriven_at AS ended FROM flowctl.runs WHERE run_id = :'run';
SELECT event_id, previous_event_id, type, details FROM flowctl.history WHERE run_id = :'run' AND type LIKE 'Execution%' ORDER BY event_id;
SELECT path, state, count(*), max(status) AS status FROM flowctl.steps WHERE run_id = :'run' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT action, by, reason, outcome FROM flowctl.interventions WHERE run_id = :'run';
SELECT d ->> 'redriveCount' AS count, d ->> 'redriveStatus' AS status, (d ->> 'redriveDate')::timestamptz > (d ->> 'startDate')::timestamptz AS date
FROM flowctl.describe(:'run') d;
SELECT count(*) FROM flowctl.runs WHERE redrive_status = 'REDRIVABLE';
-- The name is still the run's.
SELECT flowctl.start('deep', '{"n": 5}', 'once') = :'run' AS same;

-- Twice: the second says so. What rolls back was not asked.
SELECT flowctl.define_flow('fails', '{"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "C"}}}');
SELECT flowctl.start('fails') AS run \gset
SELECT flowctl.wait(:'run');
BEGIN;
SELECT flowctl.redrive(:'run'), flowctl.redrive(:'run');
ROLLBACK;
SELECT redrive_count FROM flowctl.runs WHERE run_id = :'run';
SELECT flowctl.redrive(:'run');
SELECT flowctl.wait(:'run');
SELECT status, error, cause, redrive_count FROM flowctl.runs WHERE run_id = :'run';
-- By a query.
SELECT count(flowctl.start('fails')) FROM generate_series(1, 20);
SELECT until('NOT EXISTS (SELECT FROM flowctl.runs WHERE status = ''RUNNING'')');
SELECT flowctl.redrive(run_id) AS answer, count(*) FROM flowctl.runs WHERE flow = 'fails' AND redrive_count = 0 GROUP BY 1;
SELECT until('(SELECT count(*) FROM flowctl.runs WHERE flow = ''fails'' AND redrive_count = 1 AND status = ''FAILED'') = 21');

-- What cannot be redriven.
SELECT flowctl.define_flow('nap', '{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": true}}}');
SELECT flowctl.start('nap') AS nap \gset
SELECT until_phase(:'nap', 'WAITING');
SELECT flowctl.redrive(:'nap');
SELECT flowctl.stop(:'nap');
SELECT flowctl.wait(:'nap');
SELECT flowctl.redrive(:'nap', 'it was a mistake to stop it');
SELECT until_phase(:'nap', 'WAITING');
SELECT status, error, stopped_by, redrive_count, ended_at FROM flowctl.runs WHERE run_id = :'nap';
SELECT type FROM flowctl.history WHERE run_id = :'nap' ORDER BY event_id;
SELECT flowctl.define_flow('pass', '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}');
SELECT flowctl.start('pass') AS pass \gset
SELECT flowctl.wait(:'pass');
SELECT flowctl.redrive(:'pass');
SELECT flowctl.define_flow('quick', '{"StartAt": "F", "States": {"F": {"Type": "Fail"}}}', 'EXPRESS');
SELECT flowctl.start('quick') AS quick \gset
SELECT flowctl.wait(:'quick');
SELECT flowctl.redrive(:'quick');
SELECT flowctl.drop_flow('fails');
SELECT flowctl.redrive(:'run');
SELECT redrive_status, redrive_status_reason FROM flowctl.runs WHERE run_id = :'run';
SELECT flowctl.redrive(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.redrive('00000000-0000-7000-8000-000000000000');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.redrive(:'run', repeat('x', 1025));
\echo :LAST_ERROR_SQLSTATE

-- Pausing. The run that waits for a timer stays where it is, and says who holds it.
SELECT flowctl.resume(:'nap');
SELECT flowctl.pause(:'nap', 'the bank is down');
SELECT until_phase(:'nap', 'PAUSED');
SELECT phase, waiting_for, current_state FROM flowctl.runs WHERE run_id = :'nap';
SELECT flowctl.pause(:'nap');
SELECT flowctl.resume(:'nap', 'the bank is back');
SELECT until_phase(:'nap', 'WAITING');
SELECT action, reason, outcome FROM flowctl.interventions WHERE run_id = :'nap' ORDER BY at;
-- A pause and its end in one transaction are carried out in this order.
BEGIN;
SELECT flowctl.pause(:'nap'), flowctl.resume(:'nap');
COMMIT;
SELECT until('NOT EXISTS (SELECT FROM flowctl.interventions WHERE outcome IS NULL)');
SELECT phase FROM flowctl.runs WHERE run_id = :'nap';
-- A paused run can be stopped, and goes on to be paused in no way.
SELECT flowctl.pause(:'nap');
SELECT until_phase(:'nap', 'PAUSED');
SELECT flowctl.stop(:'nap');
SELECT flowctl.wait(:'nap');
SELECT flowctl.pause(:'nap'), flowctl.resume(:'nap');
-- A run that is paused in the transaction that starts it does not begin.
BEGIN;
SELECT flowctl.start('pass') AS fresh \gset
SELECT flowctl.pause(:'fresh');
COMMIT;
SELECT until_phase(:'fresh', 'PAUSED');
SELECT type FROM flowctl.history WHERE run_id = :'fresh' ORDER BY event_id;
SELECT flowctl.resume(:'fresh');
SELECT flowctl.wait(:'fresh');
SELECT type FROM flowctl.history WHERE run_id = :'fresh' ORDER BY event_id;
SELECT flowctl.pause(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.resume('00000000-0000-7000-8000-000000000000');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT flowctl.grant_start('pass', 'regress_other');
SET ROLE regress_other;
\set VERBOSITY sqlstate
SELECT flowctl.redrive(:'nap');
SELECT flowctl.pause(:'nap');
SELECT flowctl.resume(:'nap');
SELECT flowctl.start('pass') AS others \gset
SELECT flowctl.redrive(:'others');
SELECT flowctl.pause(:'others');
SELECT flowctl.resume(:'others');
\set VERBOSITY default
RESET ROLE;
SELECT flowctl.wait(:'others');
SELECT count(flowctl.stop(run_id)) FROM flowctl.runs WHERE status = 'RUNNING';
SELECT until('NOT EXISTS (SELECT FROM flowctl.runs WHERE status = ''RUNNING'')');
-- The state of ended runs is kept for so long only.
SELECT count(*) FROM flowctl_catalog.ended_frame;
SELECT expired > 0 AS expired FROM flowctl.keep_house(now() + interval '15 days');
SELECT count(*) FROM flowctl_catalog.ended_frame;
SELECT flowctl.redrive(:'nap');
DROP FUNCTION until_phase;
DROP FUNCTION until;
DROP EXTENSION pg_flowctl;
DROP ROLE regress_owner, regress_other;
