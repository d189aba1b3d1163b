-- tokens, answers and activities: rights, names and errors; test/t/115 and the next ones have runs that wait
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_callbacks_owner;
CREATE ROLE regress_callbacks_worker;
CREATE ROLE regress_callbacks_other;
SELECT flowctl.grant_author('regress_callbacks_owner');
\set VERBOSITY default
\set ON_ERROR_STOP 0

-- texts that are no token
SELECT flowctl.send_task_success('nonsense', '1');
SELECT flowctl.send_task_success(repeat('A', 96), '1');
SELECT flowctl.send_task_success(repeat('A', 1000), NULL);
SELECT flowctl.send_task_failure('', 'e', 'c');
SELECT flowctl.send_task_heartbeat('AQ' || repeat('x', 94));
SELECT flowctl.send_task_success(NULL, '1');
SELECT flowctl.send_task_failure(NULL);
SELECT flowctl.send_task_heartbeat(NULL);
-- nobody has EXECUTE who was not given it
SET ROLE regress_callbacks_other;
SELECT flowctl.send_task_success('nonsense', '1');
SELECT flowctl.send_task_failure('nonsense');
SELECT flowctl.send_task_heartbeat('nonsense');
SELECT * FROM flowctl.waiting_tasks;
RESET ROLE;
GRANT EXECUTE ON FUNCTION flowctl.send_task_success(text, jsonb) TO regress_callbacks_other;
SET ROLE regress_callbacks_other;
SELECT flowctl.send_task_success('nonsense', '1');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION flowctl.send_task_success(text, jsonb) FROM regress_callbacks_other;
-- in a transaction that may not write
BEGIN READ ONLY;
SELECT flowctl.send_task_success('nonsense', '1');
ROLLBACK;

-- activities
SET ROLE regress_callbacks_other;
SELECT flowctl.create_activity('print');
SET ROLE regress_callbacks_owner;
SELECT flowctl.create_activity('print', 'labels');
SELECT flowctl.create_activity('print');
SELECT comment FROM flowctl.activities;
SELECT flowctl.create_activity('print', 'labels and notes');
SELECT name, owner, comment, tasks_waiting FROM flowctl.activities;
SELECT flowctl.create_activity('no spaces');
SELECT flowctl.create_activity('');
SELECT flowctl.create_activity(repeat('a', 81));
SELECT flowctl.create_activity(NULL);
RESET ROLE;
SELECT flowctl.grant_author('regress_callbacks_worker');
SET ROLE regress_callbacks_worker;
SELECT flowctl.create_activity('print');
RESET ROLE;
SELECT flowctl.revoke_author('regress_callbacks_worker');
-- whoever may not see an activity does not learn whether it exists
SET ROLE regress_callbacks_worker;
SELECT * FROM flowctl.activities;
CALL flowctl.poll_activity_task('print', max_wait => '0');
CALL flowctl.poll_activity_task('nothing', max_wait => '0');
SELECT flowctl.drop_activity('print');
SELECT flowctl.drop_activity('nothing');
SELECT flowctl.grant_activity('print', 'regress_callbacks_worker');
SELECT flowctl.revoke_activity('nothing', 'regress_callbacks_worker');
-- the owner grants it
SET ROLE regress_callbacks_owner;
SELECT flowctl.grant_activity('print', 'regress_callbacks_worker');
SELECT flowctl.grant_activity('print', 'regress_callbacks_worker');
SELECT flowctl.grant_activity('print', NULL);
SELECT flowctl.grant_activity('print', 4242424);
SET ROLE regress_callbacks_worker;
SELECT name, owner FROM flowctl.activities;
CALL flowctl.poll_activity_task('print', 'w1', '0');
SELECT * FROM flowctl.get_activity_task('print', 'w1', '10 ms');
CALL flowctl.poll_activity_task('print', repeat('w', 257), '0');
CALL flowctl.poll_activity_task(NULL, 'w1', '0');
BEGIN;
CALL flowctl.poll_activity_task('print', 'w1', '0');
ROLLBACK;
BEGIN READ ONLY;
SELECT * FROM flowctl.get_activity_task('print', 'w1', '0');
ROLLBACK;
SELECT flowctl.drop_activity('print');
RESET ROLE;
CALL flowctl.poll_activity_task('nothing', max_wait => '0');
SELECT flowctl.drop_activity('nothing');
-- what flows may have
SET ROLE regress_callbacks_owner;
SELECT flowctl.define_flow('prints', '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "flowctl:activity:print", "End": true}}}');
SELECT flowctl.define_flow('prints', '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:eu-west-1:123456789012:activity:print", "End": true}}}');
SELECT flowctl.define_flow('prints', '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "flowctl:activity:nothing", "End": true}}}');
RESET ROLE;
SELECT flowctl.create_activity('theirs');
SET ROLE regress_callbacks_owner;
SELECT flowctl.define_flow('prints', '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "flowctl:activity:theirs", "End": true}}}');
RESET ROLE;
SELECT flowctl.drop_activity('theirs');
-- a role that has rights on activities is not dropped
DROP ROLE regress_callbacks_worker;
SET ROLE regress_callbacks_owner;
SELECT flowctl.revoke_activity('print', 'regress_callbacks_worker');
SELECT flowctl.revoke_activity('print', 'regress_callbacks_worker');
RESET ROLE;
DROP ROLE regress_callbacks_worker;
SET ROLE regress_callbacks_owner;
SELECT flowctl.grant_activity('print', 'regress_callbacks_other');
RESET ROLE;
-- REASSIGN OWNED gives activities away, and DROP OWNED drops them
REASSIGN OWNED BY regress_callbacks_owner TO regress_callbacks_other;
SELECT name, owner FROM flowctl.activities;
DROP OWNED BY regress_callbacks_other;
SELECT name, owner FROM flowctl.activities;
SELECT count(*) FROM flowctl_catalog.activity_grant;
SELECT flowctl.revoke_author('regress_callbacks_owner');
DROP ROLE regress_callbacks_owner;
DROP ROLE regress_callbacks_other;
DROP EXTENSION pg_flowctl CASCADE;
