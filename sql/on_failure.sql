-- on_failure: a flow that is started when a run fails; who may, what it is told, and that circles end.
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_failure_owner;
CREATE ROLE regress_failure_other;
CREATE ROLE regress_failure_starter;
SELECT flowctl.grant_author('regress_failure_owner'), flowctl.grant_author('regress_failure_other');
\set pass '{"StartAt": "S", "States": {"S": {"Type": "Pass", "End": true}}}'
\set fail '{"StartAt": "S", "States": {"S": {"Type": "Fail", "ErrorPath": "$.error", "CausePath": "$.cause"}}}'
CREATE FUNCTION pg_temp.wait_for(wanted int, which text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..6000 LOOP
        IF (SELECT count(*) FROM flowctl.runs r WHERE r.flow = which AND r.status <> 'RUNNING') >= wanted THEN RETURN; END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RAISE 'waited for % runs of %', wanted, which;
END $$;

SET ROLE regress_failure_owner;
SELECT flowctl.define_flow('tidy', :'pass');
SELECT flowctl.define_flow('work', :'fail', options => '{"on_failure": "tidy"}');
SELECT flowctl.grant_start('work', 'regress_failure_starter');
-- the flow's owner is who starts it
SET ROLE regress_failure_starter;
SELECT flowctl.start('work', '{"error": "Broken", "cause": "a pipe", "n": 1}', 'one') AS one \gset
SELECT flowctl.wait(:'one');
SET ROLE regress_failure_owner;
SELECT pg_temp.wait_for(1, 'tidy');
SELECT status, input - 'run_id' AS input, input ->> 'run_id' = :'one' AS of_run, parent_run_id = :'one' AS parent, role, starter, session_user_name, name
FROM flowctl.runs WHERE flow = 'tidy';
-- a run that succeeds or is stopped starts nothing; one that is timed out does
SELECT flowctl.define_flow('slow', '{"StartAt": "S", "TimeoutSeconds": 1, "States": {"S": {"Type": "Wait", "Seconds": 86400, "End": true}}}', options => '{"on_failure": "tidy"}');
SELECT flowctl.define_flow('fine', :'pass', options => '{"on_failure": "tidy"}');
SELECT flowctl.start('fine') AS fine \gset
SELECT flowctl.wait(:'fine');
SELECT flowctl.start('slow', name => 'stopped') AS stopped \gset
SELECT flowctl.stop(:'stopped');
SELECT flowctl.wait(:'stopped');
SELECT flowctl.start('slow', name => 'late') AS late \gset
SELECT flowctl.wait(:'late');
SELECT pg_temp.wait_for(2, 'tidy');
SELECT input - 'run_id' AS input, parent_run_id = :'late' AS of_late FROM flowctl.runs WHERE flow = 'tidy' AND parent_run_id <> :'one';
-- what the flow does not keep is told all the same; an alias is followed; the option can change meanwhile
SELECT flowctl.set_alias('tidy', 'live', 1);
SELECT flowctl.define_flow('forget', :'fail', options => '{"keep_data": "NONE", "on_failure": "tidy:live"}');
SELECT flowctl.start('forget', '{"error": "E", "cause": "C", "secret": 7}') AS forget \gset
SELECT flowctl.wait(:'forget');
SELECT pg_temp.wait_for(3, 'tidy');
SELECT input - 'run_id' AS input, alias FROM flowctl.runs WHERE parent_run_id = :'forget';
SELECT flowctl.alter_flow('forget', '{"on_failure": null}');
SELECT flowctl.start('forget', '{"error": "E", "cause": "C"}') AS forget \gset
SELECT flowctl.wait(:'forget');
SELECT count(*) FROM flowctl.runs WHERE parent_run_id = :'forget';

-- circles end at flowctl.max_flow_depth
SELECT flowctl.define_flow('self', '{"StartAt": "S", "States": {"S": {"Type": "Fail", "Error": "Again"}}}', options => '{"on_failure": "self"}');
SELECT flowctl.start('self') AS self \gset
SELECT pg_temp.wait_for(17, 'self');
SELECT count(*), count(DISTINCT parent_run_id) AS parents FROM flowctl.runs WHERE flow = 'self';
DO $$
BEGIN
    FOR i IN 1..6000 LOOP
        EXIT WHEN EXISTS (SELECT FROM flowctl.denials);
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;
SELECT action, object, role_name, reason FROM flowctl.denials;

-- What the option names is not dropped while the flow with the option may start it.
SELECT flowctl.define_flow('tidy', :'fail');
SELECT flowctl.set_alias('tidy', 'spare', 2);
SELECT flowctl.alter_flow('forget', '{"on_failure": "tidy:live"}');
SELECT flowctl.alter_flow('fine', '{"on_failure": "tidy:1"}');
SELECT flowctl.drop_alias('tidy', 'live');
SELECT flowctl.drop_alias('tidy', 'spare');
SELECT flowctl.set_alias('tidy', 'live', 2);
SELECT flowctl.drop_version('tidy', 1);
SELECT flowctl.drop_flow('tidy');
SELECT flowctl.alter_flow('forget', '{"on_failure": null}');
SELECT flowctl.alter_flow('fine', '{"on_failure": null}');
-- The same holds for tasks of other flows, in the versions that starts lead to.
SELECT flowctl.define_flow('calls', '{"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "flowctl:flow:tidy:live.sync", "End": true}}}');
SELECT flowctl.define_flow('hands', ('{"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "End": true,
    "Parameters": {"StateMachineArn": "arn:flowctl:states:local:' || current_database() || ':stateMachine:tidy:1"}}}}')::json);
SELECT flowctl.drop_alias('tidy', 'live');
SELECT flowctl.drop_version('tidy', 1);
SELECT flowctl.define_flow('calls', :'pass');
SELECT flowctl.drop_alias('tidy', 'live');
SELECT flowctl.set_alias('calls', 'old', 1);
SELECT flowctl.set_alias('tidy', 'live', 2);
SELECT flowctl.drop_alias('tidy', 'live');
SELECT flowctl.drop_alias('calls', 'old');
SELECT flowctl.drop_alias('tidy', 'live');
SELECT flowctl.drop_flow('hands');
SELECT flowctl.drop_version('tidy', 1);
-- An import that removes both does so in any order.
SELECT flowctl.set_alias('tidy', 'live', 2);
SELECT flowctl.alter_flow('work', '{"on_failure": "tidy:live"}');
SELECT * FROM flowctl.import(flowctl.export('%') #- '{flows,tidy,aliases,live}' #- '{flows,work,options,on_failure}', false);

-- refused when the option is set
SELECT flowctl.alter_flow('work', '{"on_failure": "missing"}');
SELECT flowctl.alter_flow('work', '{"on_failure": "tidy:9"}');
SELECT flowctl.alter_flow('work', '{"on_failure": "tidy:beta"}');
SELECT flowctl.define_flow('bad', :'pass', options => '{"on_failure": "missing"}');
SELECT count(*) FROM flowctl.flows WHERE name = 'bad';
SET ROLE regress_failure_other;
SELECT flowctl.define_flow('theirs', :'pass');
SET ROLE regress_failure_owner;
SELECT flowctl.alter_flow('work', '{"on_failure": "theirs"}');
SET ROLE regress_failure_other;
SELECT flowctl.grant_start('theirs', 'regress_failure_owner');
SET ROLE regress_failure_owner;
SELECT flowctl.alter_flow('work', '{"on_failure": "theirs"}');
-- and again when the run fails: the run fails all the same
SET ROLE regress_failure_other;
SELECT flowctl.revoke_start('theirs', 'regress_failure_owner');
SET ROLE regress_failure_owner;
SELECT flowctl.start('work', '{"error": "E", "cause": "C"}') AS denied \gset
SELECT flowctl.wait(:'denied');
SELECT action, object, role_name, reason, run_id = :'denied' AS of_run FROM flowctl.denials WHERE run_id = :'denied';
SELECT count(*) FROM flowctl.runs WHERE parent_run_id = :'denied';
RESET ROLE;
SELECT count(*) FROM flowctl.runs WHERE flow = 'theirs';
DROP EXTENSION pg_flowctl;
DROP ROLE regress_failure_owner, regress_failure_other, regress_failure_starter;
