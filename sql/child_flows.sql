-- Flows that start flows: shapes of results, errors, names, rights, identity.
SET client_min_messages = warning;
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_parent;
CREATE ROLE regress_child;
CREATE ROLE regress_user;
SELECT flowctl.grant_author('regress_parent'), flowctl.grant_author('regress_child');
-- what differs each time: run ids and dates
CREATE FUNCTION regress_plain(value text) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT regexp_replace(regexp_replace(regexp_replace(value, '[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}', '<run>', 'g'), '(Date\\?": ?)\d+', '\1<date>', 'g'), 'local:[^:"]*', 'local:<db>', 'g') $$;
-- the end of a run
CREATE FUNCTION regress_end(run uuid) RETURNS text LANGUAGE sql AS
    $$ SELECT regress_plain(concat_ws(' ', status, error, coalesce(cause, output::text))) FROM flowctl.runs WHERE run_id = $1 $$;
CREATE PROCEDURE regress_wait(query text) LANGUAGE plpgsql AS $$
DECLARE
    done boolean;
BEGIN
    FOR i IN 1 .. 600 LOOP
        EXECUTE query INTO done;
        EXIT WHEN done;
        COMMIT;
        PERFORM pg_sleep(0.05);
    END LOOP;
    IF NOT done THEN RAISE 'waited in vain: %', query; END IF;
END $$;
GRANT ALL ON SCHEMA public TO PUBLIC;
\a
SET ROLE regress_child;
SELECT flowctl.define_flow('kid', '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": [1.50], "ResultPath": "$.out", "End": true}}}');
SELECT flowctl.define_flow('kid', '{"StartAt": "B", "States": {"B": {"Type": "Pass", "Result": "second", "End": true}}}');
SELECT flowctl.define_flow('quick', '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}', 'EXPRESS');
SELECT flowctl.define_flow('bad', '{"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "No.Stock", "Cause": "nothing is left"}}}');
SELECT flowctl.define_flow('slow', '{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": true}}}');
SELECT flowctl.define_flow('forgets', '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}', options => '{"keep_data": "NONE"}');
SELECT flowctl.define_flow('as_invoker', '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}', options => '{"run_as": "INVOKER"}');
SELECT flowctl.grant_start(f, 'regress_parent') FROM unnest('{kid,quick,bad,slow,forgets,as_invoker}'::text[]) f;
SELECT flowctl.set_alias('kid', 'live', 1);
SELECT flowctl.define_flow('hidden', '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}');
SET ROLE regress_parent;

-- A flow for each form of Resource. `task` is the rest of the Task.
CREATE FUNCTION regress_flow(flow text, resource text, task jsonb DEFAULT '{}', type text DEFAULT 'STANDARD') RETURNS int LANGUAGE sql AS
    $$ SELECT flowctl.define_flow($1, jsonb_build_object('StartAt', 'T', 'States', jsonb_build_object('T',
           jsonb_build_object('Type', 'Task', 'Resource', $2, 'End', true) || $3)
           || CASE WHEN $3 ? 'Catch' THEN '{"C": {"Type": "Pass", "Result": "caught", "End": true}}' ELSE '{}' END::jsonb)::json, $4) $$;
CREATE FUNCTION regress_arn(flow text) RETURNS text LANGUAGE sql AS
    $$ SELECT 'arn:flowctl:states:local:' || current_database() || ':stateMachine:' || $1 $$;
SET client_min_messages = error;
SELECT regress_flow('f_start', 'flowctl:flow:kid:1'), regress_flow('f_sync', 'flowctl:flow:kid:1.sync'), regress_flow('f_sync2', 'flowctl:flow:kid:1.sync:2'),
    regress_flow('f_newest', 'flowctl:flow:kid.sync:2'), regress_flow('f_bad', 'flowctl:flow:bad.sync'), regress_flow('f_bad2', 'flowctl:flow:bad.sync:2'),
    regress_flow('f_express', 'flowctl:flow:quick.sync:2'), regress_flow('f_forgets', 'flowctl:flow:forgets.sync:2'), regress_flow('f_slow', 'flowctl:flow:slow.sync'),
    regress_flow('f_invoker', 'flowctl:flow:as_invoker.sync:2'), regress_flow('f_alias', 'flowctl:flow:kid:live.sync:2'), regress_flow('f_gone', 'flowctl:flow:kid:gone.sync:2');
RESET client_min_messages;
SELECT flowctl.start('f_start', '{"x": {"y": 1}}') AS run \gset
CALL flowctl.wait_for(:'run');
SELECT regress_end(:'run');
SELECT flowctl.start('f_sync', '{"x": {"y": 1}}') AS run \gset
CALL flowctl.wait_for(:'run');
SELECT regress_end(:'run');
SELECT type, regress_plain(details::text) FROM flowctl.history WHERE run_id = :'run' AND type ~ '^Task(Scheduled|Started|Submitted|Succeeded)$' ORDER BY event_id;
SELECT flow, version, name, status, role, starter FROM flowctl.runs WHERE parent_run_id = :'run';
SELECT flowctl.start('f_sync2', '{"x": {"y": 1}}') AS run \gset
CALL flowctl.wait_for(:'run');
SELECT regress_end(:'run');
SELECT flowctl.start('f_newest', '{"x": {"y": 1}}') AS run \gset
CALL flowctl.wait_for(:'run');
SELECT regress_end(:'run');
SELECT flowctl.start('f_express', '{"x": {"y": 1}}') AS run \gset
CALL flowctl.wait_for(:'run');
SELECT regress_end(:'run');
SELECT flowctl.start('f_alias', '{"x": {"y": 1}}') AS run \gset
CALL flowctl.wait_for(:'run');
SELECT regress_end(:'run');
SELECT flowctl.start('f_gone', '{}') AS run \gset
CALL flowctl.wait_for(:'run');
SELECT regress_end(:'run');
-- what a flow does not keep, its parent gets all the same
SELECT flowctl.start('f_forgets', '{"x": {"y": 1}}') AS run \gset
CALL flowctl.wait_for(:'run');
SELECT regress_end(:'run');
-- a flow that acts as its invoker acts as the role of the run that starts it
SELECT flowctl.start('f_invoker', '{}') AS run \gset
CALL flowctl.wait_for(:'run');
SELECT role, starter, status FROM flowctl.runs WHERE parent_run_id = :'run';
-- a run that fails fails the Task, with its description as the cause
SELECT flowctl.start('f_bad', '{}') AS run \gset
CALL flowctl.wait_for(:'run');
SELECT regress_end(:'run');
SELECT flowctl.start('f_bad2', '{}') AS run \gset
CALL flowctl.wait_for(:'run');
SELECT regress_end(:'run');

-- states:startExecution takes AWS's parameters.
SET client_min_messages = error;
SELECT regress_flow('e_start', 'arn:aws:states:::states:startExecution', jsonb_build_object('Parameters', jsonb_build_object('StateMachineArn', regress_arn('kid:1'), 'Input.$', '$.in'))),
    regress_flow('e_sync', 'arn:aws:states:::states:startExecution.sync', jsonb_build_object('Parameters', jsonb_build_object('StateMachineArn', regress_arn('kid:1'), 'Input', '{"a": [1]}'::jsonb))),
    regress_flow('e_sync2', 'arn:aws:states:::states:startExecution.sync:2', jsonb_build_object('Parameters', jsonb_build_object('StateMachineArn', regress_arn('kid:1'), 'Input.$', '$.in', 'Name.$', '$.name'))),
    regress_flow('e_none', 'arn:aws:states:::states:startExecution.sync:2', jsonb_build_object('Parameters', jsonb_build_object('StateMachineArn', regress_arn('kid:1')))),
    regress_flow('e_any', 'arn:aws:states:::states:startExecution.sync:2', '{"Parameters": {"StateMachineArn.$": "$.arn", "Name.$": "$.name"}, "Catch": [{"ErrorEquals": ["StepFunctions.StateMachineDoesNotExistException"], "Next": "C"}]}'),
    regress_flow('e_jsonata', 'arn:aws:states:::states:startExecution.sync:2', jsonb_build_object('QueryLanguage', 'JSONata', 'Arguments', jsonb_build_object('StateMachineArn', '{% $states.input.arn %}', 'Input', '{% {"in": $states.input.x} %}'), 'Output', '{% $states.result.Output %}')),
    regress_flow('e_slow', 'arn:aws:states:::states:startExecution', jsonb_build_object('Parameters', jsonb_build_object('StateMachineArn', regress_arn('slow'), 'Input.$', '$.in', 'Name.$', '$.name')));
RESET client_min_messages;
CREATE PROCEDURE regress_run(flow text, input jsonb, INOUT ended text DEFAULT NULL) LANGUAGE plpgsql AS $$
DECLARE
    run uuid := flowctl.start(flow, input);
    status text;
BEGIN
    CALL flowctl.wait_for(run, '1 min', status);
    ended := regress_end(run);
END $$;
CALL regress_run('e_start', '{"in": {"text": "JSON"}}');
CALL regress_run('e_start', '{"in": "{\"text\":  \"of JSON\"}"}');
SELECT input FROM flowctl.runs WHERE flow = 'kid' ORDER BY run_id DESC LIMIT 2;
CALL regress_run('e_start', '{"in": "no JSON"}');
CALL regress_run('e_sync', '{}');
CALL regress_run('e_none', '{}');
CALL regress_run('e_jsonata', jsonb_build_object('arn', regress_arn('kid:1'), 'x', 7));

-- The trace of a child is that of its parent, or what TraceHeader says, in the form of X-Ray or of W3C.
SET client_min_messages = error;
SELECT regress_flow('e_trace', 'arn:aws:states:::states:startExecution', jsonb_build_object('Parameters', jsonb_build_object('StateMachineArn', regress_arn('kid:1'), 'TraceHeader.$', '$.trace')));
RESET client_min_messages;
SET flowctl.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
CALL regress_run('e_trace', '{"trace": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"}');
CALL regress_run('e_trace', '{"trace": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"}');
CALL regress_run('e_trace', '{"trace": "Root=1-5759e988-BD862e3fe1be46a994272793"}');
RESET flowctl.traceparent;
SELECT traceparent FROM flowctl.runs WHERE flow = 'kid' ORDER BY run_id DESC LIMIT 3;

-- A name stands for one run, as long as it is open.
CALL regress_run('e_sync2', '{"in": {}, "name": "first"}');
CALL regress_run('e_sync2', '{"in": {}, "name": "first"}');
CALL regress_run('e_sync2', '{"in": {}, "name": "not a name"}');
CALL regress_run('e_sync2', '{"in": {}, "name": 7}');
CALL regress_run('e_slow', '{"in": {"a": 1}, "name": "open"}');
CALL regress_run('e_slow', '{"in": {"a": 1.0}, "name": "open"}');
CALL regress_run('e_slow', '{"in": {"a": 2}, "name": "open"}');
RESET ROLE;
SELECT count(*) FROM flowctl_catalog.run r WHERE r.name = 'open';
SET ROLE regress_parent;

-- What cannot be started.
CALL regress_run('e_any', jsonb_build_object('arn', regress_arn('kid:9'), 'name', 'x'));
CALL regress_run('e_any', jsonb_build_object('arn', regress_arn('hidden'), 'name', 'x'));
CALL regress_run('e_any', jsonb_build_object('arn', regress_arn('nothing'), 'name', 'x'));
CALL regress_run('e_any', jsonb_build_object('arn', regress_arn('no name'), 'name', 'x'));
CALL regress_run('e_any', jsonb_build_object('arn', regress_arn(''), 'name', 'x'));
CALL regress_run('e_any', '{"arn": "arn:aws:states:eu-west-1:123456789012:stateMachine:kid", "name": "x"}');
CALL regress_run('e_any', '{"arn": 7, "name": "x"}');
RESET ROLE;
CALL regress_wait('SELECT count(*) >= 2 FROM flowctl.denials');
SELECT action, object, role_name, reason FROM flowctl.denials ORDER BY at;

-- Definitions: what will not be startable is a warning, since flows that start one another are defined one after the other.
SET ROLE regress_parent;
SELECT regress_flow('d_hidden', 'flowctl:flow:hidden.sync'), regress_flow('d_nothing', 'flowctl:flow:nothing'), regress_flow('d_version', 'flowctl:flow:kid:9');
SELECT regress_flow('d_arn', 'arn:aws:states:::states:startExecution', jsonb_build_object('Parameters', jsonb_build_object('StateMachineArn', regress_arn('nothing'))));
SELECT regress_flow('d_itself', 'flowctl:flow:d_itself.sync'), regress_flow('d_open', 'arn:aws:states:::states:startExecution', '{"Parameters": {"StateMachineArn.$": "$.arn"}}');
SELECT regress_flow('d_express', 'flowctl:flow:kid.sync', type => 'EXPRESS');
SELECT regress_flow('d_express', 'flowctl:flow:kid:1', type => 'EXPRESS');
SELECT regress_flow('d_form', 'flowctl:flow:kid:1:2');
-- an EXPRESS flow starts others, under names that it would give again
CALL regress_run('d_express', '{}');
RESET ROLE;
SELECT count(flowctl.wait(run_id)) AS ended FROM flowctl_catalog.run WHERE parent_run_id IN (SELECT run_id FROM flowctl.runs WHERE flow = 'd_express');
SELECT regress_plain(name) AS name, status FROM flowctl_catalog.run r WHERE parent_run_id IN (SELECT run_id FROM flowctl.runs WHERE flow = 'd_express');
SET ROLE regress_parent;

-- Flows that start one another in a circle end at flowctl.max_flow_depth.
SHOW flowctl.max_flow_depth;
SELECT flowctl.start('d_itself') AS run \gset
CALL flowctl.wait_for(:'run');
SELECT count(*), count(*) FILTER (WHERE status = 'FAILED') AS failed FROM flowctl.runs WHERE flow = 'd_itself';
SELECT error, regress_plain(cause) FROM flowctl.runs WHERE flow = 'd_itself' AND error <> 'States.TaskFailed';

-- Who has started the first run has started all, as far as the record goes; each acts as its own flow's role.
RESET ROLE;
SELECT flowctl.grant_start('f_sync', 'regress_user');
SET flowctl.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
SET application_name = 'regress_child_flows';
SET request.jwt.claims = '{"sub": "claimed"}';
SET ROLE regress_user;
SELECT flowctl.start('f_sync', '{}') AS run \gset
RESET ROLE;
RESET flowctl.traceparent;
RESET request.jwt.claims;
RESET application_name;
CALL flowctl.wait_for(:'run');
SELECT r.flow, r.role, r.starter, r.session_user_name = session_user AS session_user, r.application_name, r.asserted_subject, r.traceparent, r.depth
FROM flowctl_catalog.run r WHERE :'run' IN (r.run_id, r.parent_run_id) ORDER BY r.run_id;
SET ROLE regress_user;
-- but he sees no run that his run has started
SELECT flow, status FROM flowctl.runs ORDER BY run_id;
RESET ROLE;
SELECT run_id AS child FROM flowctl.runs WHERE parent_run_id = :'run' \gset
SET ROLE regress_user;
\set VERBOSITY sqlstate
SELECT flowctl.wait(:'child');
\set VERBOSITY default

-- A `.sync` child stops with its parent, and no other.
SET ROLE regress_parent;
SELECT flowctl.start('f_slow', '{}') AS run \gset
RESET ROLE;
CALL regress_wait(format('SELECT count(*) = 1 FROM flowctl.runs WHERE parent_run_id = %L AND phase = ''WAITING''', :'run'));
SELECT status, phase, current_state, waiting_for FROM flowctl.runs WHERE run_id = :'run';
SELECT flowctl.stop(:'run', 'Shop.Closed');
CALL flowctl.wait_for(:'run');
SELECT run_id AS child FROM flowctl.runs WHERE parent_run_id = :'run' \gset
CALL flowctl.wait_for(:'child');
SELECT status, error, regress_plain(cause), stopped_by FROM flowctl.runs WHERE run_id = :'child';
SELECT count(*) AS open FROM flowctl.runs WHERE flow = 'slow' AND status = 'RUNNING';
SELECT count(*) AS waiting FROM flowctl_catalog.child_flow;
CALL regress_wait('SELECT count(*) = 0 FROM flowctl_catalog.run_message');

-- A worker starts a run with a tenth of the steps that a session may use for its input. 200,000 comparisons of the schema
-- are enough for one and too much for the other, and so is a sum for the key.
SELECT jsonb_build_object('input_schema', jsonb_build_object('allOf', jsonb_agg(jsonb '{"items": {"type": "integer"}}'))) AS many
FROM generate_series(1, 100) \gset
SELECT jsonb_agg(1) AS ones FROM generate_series(1, 2000) \gset
SET ROLE regress_child;
SELECT flowctl.define_flow('checked', '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "checked", "End": true}}}', options => :'many');
SELECT flowctl.start('checked', :'ones') AS run \gset
CALL flowctl.wait_for(:'run');
SELECT flowctl.define_flow('keyed', '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "keyed", "End": true}}}',
    options => '{"max_concurrency": 5, "concurrency_key": "$sum([1..$states.input.n].($))"}');
SELECT flowctl.start('keyed', '{"n": 40000}') AS run \gset
CALL flowctl.wait_for(:'run');
SELECT flowctl.grant_start(f, 'regress_parent') FROM unnest('{checked,keyed}'::text[]) f;
SET ROLE regress_parent;
SELECT regress_flow('f_checked', 'flowctl:flow:checked.sync:2'), regress_flow('f_keyed', 'flowctl:flow:keyed.sync:2');
SELECT flowctl.start('f_checked', :'ones') AS run \gset
CALL flowctl.wait_for(:'run');
SELECT regress_end(:'run');
SELECT flowctl.start('f_checked', '[1, 2]') AS run \gset
CALL flowctl.wait_for(:'run');
SELECT flowctl.start('f_keyed', '{"n": 40000}') AS run \gset
CALL flowctl.wait_for(:'run');
SELECT regress_end(:'run');
SELECT flowctl.start('f_keyed', '{"n": 40}') AS run \gset
CALL flowctl.wait_for(:'run');
RESET ROLE;

-- Clean up.
SELECT count(flowctl.stop(run_id)) FROM flowctl.runs WHERE status = 'RUNNING';
CALL regress_wait('SELECT count(*) = 0 FROM flowctl.runs WHERE status = ''RUNNING''');
DROP FUNCTION regress_flow, regress_arn, regress_end, regress_plain;
DROP PROCEDURE regress_run, regress_wait;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO PUBLIC;
DROP EXTENSION pg_flowctl CASCADE;
DROP ROLE regress_parent, regress_child, regress_user;
