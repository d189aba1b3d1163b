-- The flows that are measured. They belong to app, an ordinary role.
SET ROLE app;

-- W0: three steps within the engine. W1: one HTTP step. W3: three, one after the other, the answer of each passed on.
SELECT flowctl.define_flow('w0', '{"StartAt": "A", "States": {
    "A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "C"}, "C": {"Type": "Pass", "End": true}}}');
SELECT flowctl.define_flow('w0_express', '{"StartAt": "A", "States": {
    "A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "C"}, "C": {"Type": "Pass", "End": true}}}', 'EXPRESS');
SELECT flowctl.define_flow('w1', '{"StartAt": "Call", "States": {
    "Call": {"Type": "Task", "Resource": "flowctl:http:bench", "End": true}}}');
SELECT flowctl.define_flow('w1_express', '{"StartAt": "Call", "States": {
    "Call": {"Type": "Task", "Resource": "flowctl:http:bench", "End": true}}}', 'EXPRESS');
SELECT flowctl.define_flow('w3', '{"StartAt": "A", "States": {
    "A": {"Type": "Task", "Resource": "flowctl:http:bench", "ResultPath": "$.previous", "Next": "B"},
    "B": {"Type": "Task", "Resource": "flowctl:http:bench", "ResultPath": "$.previous", "Next": "C"},
    "C": {"Type": "Task", "Resource": "flowctl:http:bench", "ResultPath": "$.previous", "End": true}}}');

-- Flows that start flows: a child of one Pass, and parents of one Task.
SELECT flowctl.define_flow('child', '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}');
SELECT flowctl.define_flow('child_sync', '{"StartAt": "C", "States": {
    "C": {"Type": "Task", "Resource": "flowctl:flow:child.sync:2", "OutputPath": "$.Output", "End": true}}}');
SELECT flowctl.define_flow('child_start', '{"StartAt": "C", "States": {
    "C": {"Type": "Task", "Resource": "flowctl:flow:child", "End": true}}}');
SELECT flowctl.define_flow('child_deep', '{"StartAt": "C", "States": {
    "C": {"Type": "Task", "Resource": "flowctl:flow:child_sync.sync:2", "OutputPath": "$.Output", "End": true}}}');

-- SQL steps: one that reads nothing, one that updates a row, one that notes when it was executed, and a slow one.
RESET ROLE;
CREATE SCHEMA sql_steps AUTHORIZATION app;
SET ROLE app;
CREATE TABLE sql_steps.row (id int PRIMARY KEY, n bigint NOT NULL) WITH (fillfactor = 50);
INSERT INTO sql_steps.row SELECT i, 0 FROM generate_series(0, 999) i;
CREATE TABLE sql_steps.effect (at timestamptz, done_at timestamptz);
CREATE FUNCTION sql_steps.read(jsonb) RETURNS bigint LANGUAGE sql AS $$ SELECT ($1 ->> 'id')::bigint + 1 $$;
CREATE FUNCTION sql_steps.write(jsonb) RETURNS bigint LANGUAGE sql AS
    $$ UPDATE sql_steps.row SET n = n + 1 WHERE id = ($1 ->> 'id')::bigint % 1000 RETURNING n $$;
CREATE FUNCTION sql_steps.note(at timestamptz) RETURNS void LANGUAGE sql AS $$ INSERT INTO sql_steps.effect VALUES (at, clock_timestamp()) $$;
CREATE FUNCTION sql_steps.slow() RETURNS void LANGUAGE sql AS $$ SELECT pg_sleep(2) $$;
SELECT flowctl.define_flow('sql_read', '{"StartAt": "S", "States": {
    "S": {"Type": "Task", "Resource": "flowctl:sql:sql_steps.read", "End": true}}}');
SELECT flowctl.define_flow('sql_write', '{"StartAt": "S", "States": {
    "S": {"Type": "Task", "Resource": "flowctl:sql:sql_steps.write", "End": true}}}');
SELECT flowctl.define_flow('sql_timed', '{"StartAt": "S", "States": {
    "S": {"Type": "Task", "Resource": "flowctl:sql:sql_steps.note", "End": true}}}');
SELECT flowctl.define_flow('sql_slow', '{"StartAt": "S", "States": {
    "S": {"Type": "Task", "Resource": "flowctl:sql:sql_steps.slow", "Parameters": {}, "Next": "S",
          "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "E"}]}, "E": {"Type": "Succeed"}}}');

-- Ten HTTP steps; one whose answer is as large as its request; one that stays open; one that waits for a year; one that
-- waits for a second and then calls.
SELECT flowctl.define_flow('ten', json_build_object('StartAt', 'S1', 'States', json_object_agg('S' || i,
    json_build_object('Type', 'Task', 'Resource', 'flowctl:http:bench', 'ResultPath', '$.previous') ::jsonb ||
    CASE i WHEN 10 THEN '{"End": true}' ELSE jsonb_build_object('Next', 'S' || i + 1) END))) FROM generate_series(1, 10) i;
SELECT flowctl.define_flow('echo', '{"StartAt": "Call", "States": {
    "Call": {"Type": "Task", "Resource": "flowctl:http:echo", "End": true}}}');
SELECT flowctl.define_flow('hold', '{"StartAt": "Call", "States": {
    "Call": {"Type": "Task", "Resource": "flowctl:http:hold", "End": true}}}');
SELECT flowctl.define_flow('park', '{"StartAt": "Wait", "States": {
    "Wait": {"Type": "Wait", "Seconds": 31536000, "Next": "Done"}, "Done": {"Type": "Succeed"}}}');
SELECT flowctl.define_flow('timed', '{"StartAt": "Wait", "States": {
    "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Call"}, "Call": {"Type": "Task", "Resource": "flowctl:http:bench", "End": true}}}');
