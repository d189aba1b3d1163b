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
