-- grant_flow and revoke_flow: what each privilege lets a role do and see, in every view and function.
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_grants_owner;
CREATE ROLE regress_grants_a;
CREATE ROLE regress_grants_group;
CREATE ROLE regress_grants_member IN ROLE regress_grants_group;
CREATE ROLE regress_grants_none;
-- (the messages that name a run are not shown, since its id is another each time)
SELECT flowctl.grant_author('regress_grants_owner');
\set hello '{"StartAt": "Hello", "States": {"Hello": {"Type": "Pass", "Assign": {"secret.$": "$.x"}, "Next": "Wait"}, "Wait": {"Type": "Wait", "Seconds": 86400, "Next": "Bad"}, "Bad": {"Type": "Fail", "Error": "Bad", "CausePath": "$.x"}}}'
\set short '{"StartAt": "Hello", "States": {"Hello": {"Type": "Pass", "Assign": {"secret.$": "$.x"}, "Next": "Bad"}, "Bad": {"Type": "Fail", "Error": "Bad", "CausePath": "$.x"}}}'

-- arguments
SET ROLE regress_grants_owner;
SELECT flowctl.define_flow('long', :'hello');
SELECT flowctl.define_flow('short', :'short');
SELECT flowctl.grant_flow('short', 'regress_grants_a', NULL);
SELECT flowctl.grant_flow('short', 'regress_grants_a', '{}');
SELECT flowctl.grant_flow('short', 'regress_grants_a', '{NULL}');
SELECT flowctl.grant_flow('short', 'regress_grants_a', '{start,approve}');
SELECT flowctl.grant_flow('short', NULL, '{start}');
SELECT flowctl.grant_flow(NULL, 'regress_grants_a', '{start}');
SELECT flowctl.grant_flow('short', '4294967295', '{start}');
SELECT flowctl.grant_flow('missing', 'regress_grants_a', '{start}');
SELECT flowctl.revoke_flow('short', 'regress_grants_a', '{stat}');
SELECT flowctl.revoke_flow('missing', 'regress_grants_a');

-- grants add up, in a fixed order; grant_start is one of them
SELECT flowctl.grant_flow('short', 'regress_grants_a', '{read,start}');
SELECT flowctl.grant_flow('short', 'regress_grants_a', '{operate,read}');
SELECT flowctl.grant_start('short', 'regress_grants_a');
SELECT flow, role, privileges, granted_by FROM flowctl.flow_grants;
SELECT flowctl.revoke_start('short', 'regress_grants_a');
SELECT flowctl.revoke_flow('short', 'regress_grants_a', '{read,read_payload}');
SELECT flow, role, privileges, granted_by FROM flowctl.flow_grants;
SELECT flowctl.revoke_flow('short', 'regress_grants_a');
SELECT flowctl.revoke_flow('short', 'regress_grants_a');
SELECT count(*) FROM flowctl.flow_grants;

-- two runs: one that has failed, one that waits
SELECT flowctl.start('short', '{"x": "payload"}', 'failed') AS failed \gset
SELECT flowctl.start('long', '{"x": "payload"}', 'open') AS open \gset
\set VERBOSITY sqlstate
SELECT flowctl.wait(:'failed');
\set VERBOSITY default
DO $$
BEGIN
    WHILE NOT EXISTS (SELECT FROM flowctl.runs WHERE name = 'open' AND phase = 'WAITING') LOOP
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;

-- without a grant there is nothing
SET ROLE regress_grants_a;
SELECT (SELECT count(*) FROM flowctl.runs) AS runs, (SELECT count(*) FROM flowctl.history) AS events,
       (SELECT count(*) FROM flowctl.steps) AS steps, (SELECT count(*) FROM flowctl.flows) AS flows,
       (SELECT count(*) FROM flowctl.flow_grants) AS grants;
\set VERBOSITY sqlstate
SELECT flowctl.wait(:'failed');
SELECT flowctl.stop(:'open');
\set VERBOSITY default
SELECT flowctl.start('short');

-- start: the flow, and the runs that one starts
SET ROLE regress_grants_owner;
SELECT flowctl.grant_flow('short', 'regress_grants_a', '{start}');
SET ROLE regress_grants_a;
SELECT name FROM flowctl.flows;
SELECT flow, role, privileges, granted_by FROM flowctl.flow_grants;
SELECT flowctl.start('short', '{"x": "mine"}', 'mine') AS mine \gset
SELECT flowctl.wait(:'mine');
SELECT name, input, output, error, cause FROM flowctl.runs;
SELECT count(*) FROM flowctl.history;
\set VERBOSITY sqlstate
SELECT flowctl.wait(:'failed');
\set VERBOSITY default

-- read: rows without payloads
SET ROLE regress_grants_owner;
SELECT flowctl.grant_flow(flow, 'regress_grants_a', '{read}') FROM (VALUES ('short'), ('long')) f (flow);
SET ROLE regress_grants_a;
SELECT name, status, phase, input, output, error, cause, event, subject_claims FROM flowctl.runs WHERE name IN ('failed', 'open') ORDER BY name;
SELECT name, input, cause FROM flowctl.runs WHERE name = 'mine';
SELECT flow, open, failed_1d FROM flowctl.run_counts ORDER BY flow;
SELECT type, details FROM flowctl.history WHERE run_id = :'failed' ORDER BY event_id;
SELECT state, status, input, output, error, cause FROM flowctl.steps WHERE run_id = :'failed' ORDER BY event_id;
\set VERBOSITY sqlstate
SELECT flowctl.wait(:'failed');
SELECT flowctl.stop(:'open');
\set VERBOSITY default
SELECT name FROM flowctl.flows ORDER BY name;
SELECT count(*) FROM flowctl.flow_versions;
SELECT flowctl.start('long');

-- read_payload: with them
SET ROLE regress_grants_owner;
SELECT flowctl.revoke_flow('short', 'regress_grants_a');
SELECT flowctl.grant_flow('short', 'regress_grants_group', '{read_payload}');
SET ROLE regress_grants_a;
SELECT name FROM flowctl.runs ORDER BY name;
SET ROLE regress_grants_member;
SELECT name, status, input, output, error, cause FROM flowctl.runs ORDER BY name;
SELECT type, details FROM flowctl.history WHERE run_id = :'failed' ORDER BY event_id;
SELECT state, status, input, output, error, cause FROM flowctl.steps WHERE run_id = :'failed' ORDER BY event_id;
\set VERBOSITY sqlstate
SELECT flowctl.stop(:'open');
\set VERBOSITY default

-- operate: stopping, and seeing without payloads
SET ROLE regress_grants_owner;
SELECT flowctl.revoke_flow('long', 'regress_grants_a');
SELECT flowctl.grant_flow('long', 'regress_grants_group', '{operate}');
SET ROLE regress_grants_a;
\set VERBOSITY sqlstate
SELECT flowctl.stop(:'open');
\set VERBOSITY default
SET ROLE regress_grants_member;
SELECT name, input FROM flowctl.runs WHERE name = 'open';
SELECT flowctl.define_flow('long', :'short');
SELECT flowctl.alter_flow('long', '{}');
SELECT flowctl.grant_flow('long', 'regress_grants_member', '{start}');
SELECT flowctl.stop(:'open') IS NOT NULL AS stopped;
\set VERBOSITY sqlstate
SELECT flowctl.wait(:'open');
\set VERBOSITY default

-- nobody reads around the views
RESET ROLE;
GRANT pg_read_all_data TO regress_grants_none;
SET ROLE regress_grants_none;
SELECT name, input FROM flowctl.runs WHERE name = 'failed';
RESET ROLE;
REVOKE pg_read_all_data FROM regress_grants_none;

-- dropping a flow ends what was granted on it; a role with a grant is not dropped
DROP ROLE regress_grants_group;
SET ROLE regress_grants_owner;
SELECT flowctl.drop_flow('short');
SET ROLE regress_grants_member;
SELECT name FROM flowctl.runs ORDER BY name;
RESET ROLE;
DROP OWNED BY regress_grants_group;
SET ROLE regress_grants_member;
SELECT count(*) FROM flowctl.runs;
RESET ROLE;
DROP EXTENSION pg_flowctl;
DROP ROLE regress_grants_owner, regress_grants_a, regress_grants_member, regress_grants_group, regress_grants_none;
