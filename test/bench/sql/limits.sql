-- The flow w1 with a limit, and flows whose runs wait at one: for the end of another run, and for a year.
SET ROLE app;
SELECT flowctl.define_flow('w1_limited', '{"StartAt": "Call", "States": {
    "Call": {"Type": "Task", "Resource": "flowctl:http:bench", "End": true}}}', options => '{"max_concurrency": 1000}');
SELECT flowctl.define_flow('w1_narrow', '{"StartAt": "Call", "States": {
    "Call": {"Type": "Task", "Resource": "flowctl:http:bench", "End": true}}}', options => '{"max_concurrency": 16}');
SELECT flowctl.define_flow('full', '{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 31536000, "End": true}}}',
    options => '{"max_concurrency": 1}');
