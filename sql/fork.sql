-- flowctl.fork(): a new run that keeps what another run had recorded before a state, by another version of the flow.
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
SET ROLE regress_owner;
-- The first version fails by a mistake in state "Use"; the second is right.
SELECT flowctl.define_flow('save', '{"QueryLanguage": "JSONata", "StartAt": "Make", "States": {
    "Make": {"Type": "Pass", "Output": "{% {''made'': $states.input.n * 2} %}", "Assign": {"kept": "{% $states.input.n %}", "gone": 1}, "Next": "Change"},
    "Change": {"Type": "Pass", "Assign": {"gone": {"deep": [1, null, "x"]}}, "Next": "Use"},
    "Use": {"Type": "Pass", "Output": "{% $error(''a mistake'') %}", "Assign": {"later": true}, "End": true}}}');
SELECT flowctl.define_flow('save', '{"QueryLanguage": "JSONata", "StartAt": "Make", "States": {
    "Make": {"Type": "Pass", "Next": "Use"},
    "Use": {"Type": "Pass", "Output": "{% {''input'': $states.input, ''kept'': $kept, ''gone'': $gone, ''later'': $exists($later), ''run'': $states.context.Execution.Input} %}",
            "Assign": {"more": 7}, "Next": "End"},
    "End": {"Type": "Pass", "Output": "{% $merge([$states.input, {''more'': $more, ''kept2'': $kept}]) %}", "End": true}}}');
SELECT flowctl.start('save:1', '{"n": 21}') AS run \gset
SELECT flowctl.wait(:'run');
SELECT error, redrive_status FROM flowctl.runs WHERE run_id = :'run';
SELECT flowctl.fork(:'run', 'Use', reason => 'version 1 was wrong') AS fork \gset
SELECT flowctl.wait(:'fork');
SELECT version, status, input, output, name, forked_from = :'run' AS forked_from FROM flowctl.runs WHERE run_id = :'fork';
SELECT event_id, type, details ->> 'name' AS state FROM flowctl.history WHERE run_id = :'fork' ORDER BY event_id;
SELECT action, by, reason, outcome = :'fork' AS is_the_fork FROM flowctl.interventions WHERE run_id = :'run';
-- A fork of the fork has the variables from before the first one.
SELECT flowctl.fork(:'fork', 'End') AS again \gset
SELECT flowctl.wait(:'again');
SELECT output, forked_from = :'fork' AS forked_from FROM flowctl.runs WHERE run_id = :'again';
-- Another version, and another input for the state.
SELECT flowctl.fork(:'run', 'Use', version => 2, input => '{"by": "hand"}') AS fork \gset
SELECT flowctl.wait(:'fork');
SELECT output -> 'input' AS input, input AS run_input FROM flowctl.runs WHERE run_id = :'fork';
SELECT flowctl.fork(:'run', 'Use', 1) AS fork \gset
SELECT flowctl.wait(:'fork');
-- A run that is open can be forked, too; of several visits the last one counts.
SELECT flowctl.define_flow('loop', '{"QueryLanguage": "JSONata", "StartAt": "Count", "States": {
    "Count": {"Type": "Pass", "Output": "{% {''n'': $states.input.n + 1} %}", "Next": "Enough"},
    "Enough": {"Type": "Choice", "Choices": [{"Condition": "{% $states.input.n = 3 %}", "Next": "Wait"}], "Default": "Count"},
    "Wait": {"Type": "Wait", "Seconds": 3600, "End": true}}}');
SELECT flowctl.start('loop', '{"n": 0}') AS run2 \gset
SELECT until(format('EXISTS (SELECT FROM flowctl.runs WHERE run_id = %L AND phase = ''WAITING'')', :'run2'));
SELECT flowctl.fork(:'run2', 'Count') AS fork \gset
SELECT until(format('EXISTS (SELECT FROM flowctl.runs WHERE run_id = %L AND phase = ''WAITING'')', :'fork'));
SELECT details FROM flowctl.history WHERE run_id = :'fork' AND event_id = 2;
SELECT count(flowctl.stop(run_id)) FROM flowctl.runs WHERE status = 'RUNNING';

-- What cannot be forked.
\set VERBOSITY sqlstate
SELECT flowctl.fork(:'run', 'Nowhere');
\set VERBOSITY default
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.fork(:'run', 'Change');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.fork(:'run', 'Use', 9);
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.fork(:'run', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.fork(NULL, 'Use');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.fork('00000000-0000-7000-8000-000000000000', 'Use');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.fork(:'run', 'Use', input => jsonb_build_object('x', repeat('x', 300000)));
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.fork(:'run', 'Use', reason => repeat('x', 1025));
\echo :LAST_ERROR_SQLSTATE
-- A state within a branch is not at the top level, and a flow may keep no data.
SELECT flowctl.define_flow('inner', '{"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true,
    "Branches": [{"StartAt": "I", "States": {"I": {"Type": "Fail", "Error": "E"}}}]}}}');
SELECT flowctl.start('inner') AS inner \gset
SELECT flowctl.wait(:'inner');
\set VERBOSITY sqlstate
SELECT flowctl.fork(:'inner', 'I');
\set VERBOSITY default
SELECT flowctl.define_flow('none', '{"StartAt": "P", "States": {"P": {"Type": "Fail", "Error": "E"}}}', options => '{"keep_data": "NONE"}');
SELECT flowctl.start('none', '{"secret": 1}') AS none \gset
SELECT flowctl.wait(:'none');
SELECT redrive_status, redrive_status_reason FROM flowctl.runs WHERE run_id = :'none';
\set VERBOSITY sqlstate
SELECT flowctl.fork(:'none', 'P');
\set VERBOSITY default
SELECT flowctl.define_flow('quick', '{"StartAt": "P", "States": {"P": {"Type": "Fail", "Error": "E"}}}', 'EXPRESS');
SELECT flowctl.start('quick') AS quick \gset
SELECT flowctl.wait(:'quick');
\set VERBOSITY sqlstate
SELECT flowctl.fork(:'quick', 'P');
SELECT flowctl.drop_flow('inner');
SELECT flowctl.fork(:'inner', 'P');
RESET ROLE;
-- Who may: who may operate the run, and start the flow.
SET ROLE regress_other;
SELECT flowctl.fork(:'run', 'Use');
RESET ROLE;
SELECT flowctl.grant_flow('save', 'regress_other', '{start}');
SET ROLE regress_other;
SELECT flowctl.fork(:'run', 'Use');
RESET ROLE;
SELECT flowctl.revoke_flow('save', 'regress_other', '{start}');
SELECT flowctl.grant_flow('save', 'regress_other', '{operate}');
SET ROLE regress_other;
SELECT flowctl.fork(:'run', 'Use');
RESET ROLE;
SELECT flowctl.grant_flow('save', 'regress_other', '{start,operate}');
SET ROLE regress_other;
SELECT flowctl.fork(:'run', 'Use') AS fork \gset
SELECT flowctl.wait(:'fork');
-- The fork has another's data, so its starter sees it without them, unless he may read payloads.
SELECT status, input, output, forked_from = :'run' AS forked_from FROM flowctl.runs WHERE run_id = :'fork';
RESET ROLE;
SELECT flowctl.grant_flow('save', 'regress_other', '{read_payload}');
SET ROLE regress_other;
SELECT status, input, output IS NOT NULL AS output FROM flowctl.runs WHERE run_id = :'fork';
-- So it is with the children of a distributed Map, and with attributes.
SET ROLE regress_owner;
SELECT flowctl.define_flow('spread', '{"QueryLanguage": "JSONata", "StartAt": "M", "States": {
    "M": {"Type": "Map", "Items": "{% [1, 2] %}", "End": true, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}}}}}', options => '{"attributes": {"order": "{% order %}"}}');
SELECT flowctl.start('spread', '{"order": "4711"}') AS spread \gset
SELECT flowctl.wait(:'spread');
SELECT flowctl.grant_flow('spread', 'regress_other', '{start,operate}');
SET ROLE regress_other;
SELECT flowctl.fork(:'spread', 'M') AS fork \gset
SELECT flowctl.wait(:'fork');
SELECT status, input, output, attributes, map_index FROM flowctl.runs WHERE forked_from = :'spread' ORDER BY map_index;
SELECT count(*) FROM flowctl.find_runs('order', '4711');
SET ROLE regress_owner;
SELECT status, input, output, attributes, map_index FROM flowctl.runs WHERE forked_from = :'spread' ORDER BY map_index;
SELECT count(*) FROM flowctl.find_runs('order', '4711');
-- A run that acts as who forks it would show all to him.
SELECT flowctl.define_flow('mine', '{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}', options => '{"run_as": "INVOKER"}');
SELECT flowctl.start('mine', '{"secret": 1}') AS mine \gset
SELECT flowctl.wait(:'mine');
SELECT flowctl.grant_flow('mine', 'regress_other', '{start,operate}');
SET ROLE regress_other;
SELECT flowctl.fork(:'mine', 'P');
SET ROLE regress_owner;
SELECT flowctl.grant_flow('mine', 'regress_other', '{read_payload}');
SET ROLE regress_other;
SELECT flowctl.fork(:'mine', 'P') AS fork \gset
SELECT flowctl.wait(:'fork');
SELECT role, output FROM flowctl.runs WHERE run_id = :'fork';
RESET ROLE;
SELECT until('NOT EXISTS (SELECT FROM flowctl.runs WHERE status = ''RUNNING'')');
DROP FUNCTION until;
DROP EXTENSION pg_flowctl;
DROP ROLE regress_owner, regress_other;
