-- What one state does with an input: answers, inspection, mocks, and every kind of error.
SET client_min_messages = warning;
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_test_state_author;
CREATE ROLE regress_test_state_other;
SELECT flowctl.grant_author('regress_test_state_author');
SET ROLE regress_test_state_author;

-- a state alone
SELECT flowctl.test_state('{"Type": "Pass", "Parameters": {"id.$": "$.order"}, "ResultPath": "$.seen", "Next": "Pay"}', '{"order": 7}');
SELECT jsonb_pretty(flowctl.test_state('{"Type": "Pass", "InputPath": "$.a", "Parameters": {"x.$": "$.b"}, "ResultPath": "$.c", "End": true}',
    '{"a": {"b": 1.50}}', inspection_level => 'DEBUG'));
SELECT flowctl.test_state('{"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericGreaterThan": 10, "Next": "Large"}], "Default": "Small"}', '{"n": 11}');
SELECT flowctl.test_state('{"Type": "Wait", "Seconds": 86400, "Next": "Later"}', '{}');
SELECT flowctl.test_state('{"Type": "Fail", "Error": "Bad", "Cause": "as said"}', NULL);
SELECT flowctl.test_state('{"Type": "Pass", "Parameters": {"x.$": "$.none"}, "End": true}', '{"a": 1}');

-- a state of a machine, variables, the Context Object
SELECT flowctl.test_state('{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"},
    "B": {"Type": "Pass", "Assign": {"sum.$": "States.MathAdd($n, 2)"}, "Parameters": {"who.$": "$$.Execution.Name"}, "End": true}}}',
    '{"n": 2}', 'B', '{"n": 40}', '{"Execution": {"Name": "night"}}', inspection_level => 'DEBUG');
SELECT flowctl.test_state('{"Type": "Pass", "Parameters": {"state.$": "$$.State.Name", "flow.$": "$$.StateMachine.Name"}, "End": true}', '{}') -> 'output';
SELECT flowctl.test_state('{"Type": "Pass", "Parameters": {"all.$": "$$"}, "End": true}', '{}', context => '{}') -> 'output';
SELECT flowctl.test_state('{"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": {"StartAt": "Each", "States": {
    "Each": {"Type": "Pass", "Parameters": {"at.$": "$$.Map.Item.Index"}, "End": true}}}, "End": true}}}', '{}', 'Each', context => '{"Map": {"Item": {"Index": 3}}}');

-- mocks
CREATE TEMPORARY TABLE states (name text, definition json);
INSERT INTO states VALUES
    ('task', '{"Type": "Task", "Resource": "flowctl:http:billing", "Parameters": {"id.$": "$.id"}, "ResultSelector": {"paid.$": "$.ok"}, "ResultPath": "$.billing",
        "Retry": [{"ErrorEquals": ["States.Http.Socket"], "IntervalSeconds": 3, "MaxAttempts": 2, "BackoffRate": 2}],
        "Catch": [{"ErrorEquals": ["Declined"], "Next": "Ask"}, {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Alarm"}], "Next": "Ship"}'),
    ('map', '{"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "ItemSelector": {"n.$": "$$.Map.Item.Value", "of.$": "$.id"},
        "ItemProcessor": {"StartAt": "Each", "States": {"Each": {"Type": "Pass", "End": true}}}, "End": true}'),
    ('parallel', '{"Type": "Parallel", "Branches": [{"StartAt": "L", "States": {"L": {"Type": "Pass", "End": true}}}, {"StartAt": "R", "States": {"R": {"Type": "Pass", "End": true}}}], "End": true}'),
    ('lambda', '{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}, "End": true}');
CREATE FUNCTION pg_temp.try(state text, mock jsonb, input jsonb DEFAULT '{"id": 1, "items": [4, 5]}', level text DEFAULT 'INFO', configuration jsonb DEFAULT NULL)
    RETURNS jsonb LANGUAGE sql AS $$
    SELECT flowctl.test_state(definition, input, mock => mock, inspection_level => level, configuration => configuration) FROM states WHERE name = state $$;
SELECT jsonb_pretty(pg_temp.try('task', '{"result": {"ok": true}}', level => 'TRACE'));
SELECT pg_temp.try('task', '{"result": "{\"ok\": 1}"}');
SELECT pg_temp.try('task', '{"errorOutput": {"error": "Declined", "cause": "no money"}}');
SELECT pg_temp.try('task', '{"errorOutput": {"error": "States.Http.Socket"}}', level => 'DEBUG', configuration => '{"retrierRetryCount": 1}');
SELECT pg_temp.try('task', '{"errorOutput": {"error": "States.Http.Socket"}}', level => 'DEBUG', configuration => '{"retrierRetryCount": 2}');
SELECT jsonb_pretty(pg_temp.try('map', '{"result": [40, 50]}', level => 'DEBUG'));
SELECT pg_temp.try('map', '{"errorOutput": {"error": "E"}}', configuration => '{"errorCausedByState": "Each"}');
SELECT pg_temp.try('parallel', '{"result": [1, {"a": 2}]}');

-- JSONata
SELECT flowctl.test_state('{"Type": "Task", "QueryLanguage": "JSONata", "Resource": "flowctl:sql:pay", "Arguments": {"id": "{% $states.input.id %}"},
    "Assign": {"tries": "{% $tries + 1 %}"}, "Output": "{% $states.result.paid ? ''paid'' : ''open'' %}", "End": true}',
    '{"id": 7}', variables => '{"tries": 1}', mock => '{"result": {"paid": true}}', inspection_level => 'DEBUG');
SELECT flowctl.test_state('{"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% 1 + ''x'' %}", "End": true}', '{}');

-- distributed Maps
INSERT INTO states VALUES ('distributed', '{"Type": "Map", "ItemReader": {"Resource": "flowctl:sql:query", "Parameters": {"Query": "TABLE orders"}},
    "ItemSelector": {"id.$": "$$.Map.Item.Value.id"}, "ItemBatcher": {"MaxItemsPerBatch": 2}, "ToleratedFailureCount": 1,
    "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Each", "States": {"Each": {"Type": "Pass", "End": true}}}, "End": true}');
SELECT jsonb_pretty(pg_temp.try('distributed', '{"result": [1, 2]}', level => 'DEBUG', configuration => '{"mapItemReaderData": [{"id": 1}, {"id": 2}, {"id": 3}]}') -> 'inspectionData');
SELECT pg_temp.try('distributed', '{"result": [1, 2]}', configuration => '{"mapIterationFailureCount": 2}');

-- A test that takes long can be cancelled, wherever it is.
\set SHOW_CONTEXT never
SET statement_timeout = '10ms';
SELECT flowctl.test_state('{"Type": "Map", "QueryLanguage": "JSONata", "ItemSelector": "{% $sum([1..100000]) %}",
    "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "End": true}', to_jsonb(array_fill(1, ARRAY[80000])), mock => '{"result": []}');
RESET statement_timeout;
\set SHOW_CONTEXT errors

-- what cannot be tested so
SELECT pg_temp.try('task', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.try('map', NULL);
SELECT pg_temp.try('map', '{"result": {}}');
SELECT pg_temp.try('parallel', '{"result": [1]}');
SELECT pg_temp.try('lambda', '{"result": {"StatusCode": "200"}}');
SELECT pg_temp.try('lambda', '{"result": {"StatusCode": "200"}, "fieldValidationMode": "NONE"}');
SELECT pg_temp.try('task', '{"result": "not JSON"}');
SELECT pg_temp.try('task', '{"result": 1, "errorOutput": {"error": "E"}}');
SELECT pg_temp.try('task', '{}');
SELECT pg_temp.try('task', '{"result": 1, "output": 2}');
SELECT pg_temp.try('task', '{"errorOutput": {"cause": "why"}}');
SELECT pg_temp.try('task', '{"result": 1, "fieldValidationMode": "LAX"}');
SELECT pg_temp.try('task', '{"result": 1}', configuration => '{"retrierRetryCount": -1}');
SELECT pg_temp.try('map', '{"errorOutput": {"error": "E"}}', configuration => '{"errorCausedByState": "Other"}');
SELECT pg_temp.try('task', '{"result": 1}', level => 'LOUD');
SELECT flowctl.test_state('{"Type": "Succeed"}', '1', mock => '{"result": 1}');
SELECT flowctl.test_state('{"Type": "Pass", "Parameters": {"x.$": "$["}, "End": true}', '{}');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.test_state('{"Type": "Nothing", "End": true}', '{}');
SELECT flowctl.test_state('{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}', '{}', 'B');
SELECT flowctl.test_state('{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}', '{}', '');
SELECT flowctl.test_state('{"Type": "Pass", "End": true}', '{}', variables => '[1]');
SELECT flowctl.test_state('{"Type": "Pass", "End": true}', '{}', context => '"x"');
SELECT flowctl.test_state('{"Type": "Pass", "End": true}', to_jsonb(repeat('x', 300000)));
SELECT flowctl.test_state(NULL, '{}');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;

-- For authors.
SET ROLE regress_test_state_other;
SELECT flowctl.test_state('{"Type": "Succeed"}', '{}');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;

DROP FUNCTION pg_temp.try;
DROP TABLE states;

-- Nothing is kept.
SELECT count(*) FROM flowctl.runs;

DROP EXTENSION pg_flowctl;
DROP ROLE regress_test_state_author;
DROP ROLE regress_test_state_other;
