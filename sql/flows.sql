-- Defining flows: versions, options, findings, endpoints, dropping; every error text.
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_flows_author;
CREATE ROLE regress_flows_endpoint;
CREATE SCHEMA regress_flows AUTHORIZATION regress_flows_author;
SELECT flowctl.grant_author('regress_flows_author');
GRANT USAGE ON FOREIGN DATA WRAPPER flowctl_http TO regress_flows_endpoint;
\set hello '{"StartAt": "Hello", "States": {"Hello": {"Type": "Pass", "End": true}}}'
\set other '{"StartAt": "Other", "States": {"Other": {"Type": "Pass", "End": true}}}'

-- versions: the same definition and options as the newest are the same version
SET ROLE regress_flows_author;
SELECT flowctl.define_flow('hello', :'hello');
SELECT flowctl.define_flow('hello', :'hello');
SELECT flowctl.define_flow('hello', replace(:'hello', ' ', E'\n  ')::json);
SELECT flowctl.define_flow('hello', :'hello', options => '{"keep_data": "ALL", "run_as": "OWNER"}');
SELECT flowctl.define_flow('hello', :'other');
SELECT flowctl.define_flow('hello', :'hello', comment => 'says hello');
SELECT flowctl.define_flow('hello', :'hello', options => '{"run_as": "INVOKER"}');
SELECT flowctl.define_flow('hello', :'hello', options => '{"run_as": "INVOKER", "keep_data": "NONE"}');
SELECT flowctl.define_flow('hello', :'hello', options => '{"run_as": "INVOKER", "keep_data": "NONE"}', comment => 'new words');
SELECT name, type, owner, latest_version, comment, flow_id IS NOT NULL AS id, created_at <= now() AS dated FROM flowctl.flows;
SELECT flow, version, definition, options, author FROM flowctl.flow_versions ORDER BY version;
SELECT flowctl.define_flow('fast', :'hello', 'EXPRESS');
SELECT flowctl.define_flow('fast', :'hello', type => 'EXPRESS');

-- refused arguments
SELECT flowctl.define_flow('fast', :'hello');
SELECT flowctl.define_flow('hello', :'hello', 'EXPRESS');
SELECT flowctl.define_flow('x', :'hello', 'TURBO');
SELECT flowctl.define_flow('not a name', :'hello');
SELECT flowctl.define_flow('', :'hello');
SELECT flowctl.define_flow(repeat('a', 81), :'hello');
SELECT flowctl.define_flow('umläut', :'hello');
SELECT flowctl.define_flow(NULL, :'hello');
SELECT flowctl.define_flow('x', NULL);
SELECT flowctl.define_flow('x', :'hello', NULL);
SELECT flowctl.define_flow('x', :'hello', options => NULL);
SELECT flowctl.define_flow('x', :'hello', options => '[]');
\set VERBOSITY terse
SELECT flowctl.define_flow('x', :'hello', options => '{"runas": "OWNER"}');
\set VERBOSITY default
SELECT flowctl.define_flow('x', :'hello', options => '{"run_as": "owner"}');
SELECT flowctl.define_flow('x', :'hello', options => '{"run_as": ""}');
SELECT flowctl.define_flow('x', :'hello', options => '{"keep_data": true}');
SELECT flowctl.define_flow('x', :'hello', options => '{"run_as_superuser": "true"}');
SELECT flowctl.define_flow('x', :'hello', options => '{"run_as_superuser": true}');
SELECT flowctl.define_flow('hello', :'hello', options => '{"run_as": "INVOKER", "keep_data": "NONE", "run_as_superuser": false}');
SELECT flowctl.define_flow('x', :'hello', comment => repeat('x', 8193));

-- refused definitions: all findings at once, each with its place
SELECT flowctl.define_flow('bad', '{"StartAt": "Nowhere", "States": {"A": {"Type": "Pass", "Next": "B"}, "C": {"Type": "Wait", "End": true}}}');
SELECT flowctl.define_flow('bad', '[]');
SELECT severity, code, location, message FROM flowctl.validate(
    '{"StartAt": "Nowhere", "States": {"A": {"Type": "Pass", "Next": "B"}, "C": {"Type": "Wait", "End": true}}}');
SELECT severity, code, location, message FROM flowctl.validate('{}');
SELECT count(*) FROM flowctl.validate(:'hello');
SELECT flowctl.validate(NULL);
SELECT count(*) FROM flowctl.flows WHERE name IN ('x', 'bad');
-- the type brings findings of its own
\set waiting '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": {"QueueUrl": "u", "MessageBody.$": "$$.Task.Token"}, "End": true}}}'
SELECT severity, location, message FROM flowctl.validate(:'waiting', 'EXPRESS');
SELECT severity, location, message FROM flowctl.validate(:'waiting');
SELECT severity, location, message FROM flowctl.validate(:'hello', type => 'EXPRESS');
SELECT flowctl.validate(:'hello', 'TURBO');
SELECT flowctl.validate(:'hello', NULL);
-- at most a hundred findings, with the number of the others
SELECT count(*), min(code), max(message) FILTER (WHERE code = 'FINDINGS_LEFT_OUT') AS rest FROM flowctl.validate(
    (SELECT json_build_object('StartAt', 'S', 'States', json_build_object('S', '{"Type": "Succeed"}'::json) ::jsonb
        || jsonb_object_agg('x' || n, '{"Type": "Succeed", "Comment": 1}'::jsonb)) FROM generate_series(1, 120) n));
SELECT location, code FROM flowctl.validate('{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "flowctl:http:no_such_server", "End": true}}}');

-- what cannot be carried out, and endpoints that are not there: a warning for each kind, not for each state
CREATE FUNCTION pg_temp.chain(resources text[], parameters text DEFAULT NULL) RETURNS json LANGUAGE sql AS $$
    SELECT json_build_object('StartAt', 's1', 'States', jsonb_object_agg('s' || n,
        jsonb_strip_nulls(jsonb_build_object('Type', 'Task', 'Resource', resource, 'Parameters', parameters::jsonb))
        || CASE n WHEN cardinality(resources) THEN '{"End": true}'::jsonb ELSE jsonb_build_object('Next', 's' || n + 1) END))
    FROM unnest(resources) WITH ORDINALITY r(resource, n) $$;
SELECT severity, code, location, message FROM flowctl.validate(pg_temp.chain(ARRAY['flowctl:sql:f', 'flowctl:activity:a', 'flowctl:sql:g',
    'arn:aws:states:eu-west-1:123456789012:activity:b', 'flowctl:http:open_door.waitForTaskToken', 'flowctl:sql:f']));
SELECT severity, code, location, message FROM flowctl.validate(pg_temp.chain(ARRAY['arn:aws:lambda:eu-west-1:123456789012:function:a',
    'arn:aws:lambda:eu-west-1:123456789012:function:b:prod', 'arn:aws:lambda:eu-west-1:123456789012:function:c', 'arn:aws:lambda:us-east-1:123456789012:function:a']));
-- of 300 states, 150 with endpoints of their own: grouping comes first, and then at most a hundred
SELECT count(*), min(location), min(message) FILTER (WHERE message LIKE '%more place%') AS grouped, max(message) FILTER (WHERE code = 'FINDINGS_LEFT_OUT') AS rest
    FROM flowctl.validate(pg_temp.chain(ARRAY(SELECT CASE WHEN n % 2 = 0 THEN 'flowctl:sql:f' ELSE 'flowctl:http:e' || n END FROM generate_series(1, 300) n)));
SELECT count(*), max(message) FROM flowctl.validate(pg_temp.chain(array_fill('flowctl:sql:f'::text, ARRAY[300])));
-- what the input says: nothing covers a queue by its URL; a path is not known yet, but nothing covers any queue
SELECT severity, code, message FROM flowctl.validate(pg_temp.chain(ARRAY['arn:aws:states:::sqs:sendMessage'],
    '{"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs", "MessageBody.$": "$"}'));
SELECT severity, code, message FROM flowctl.validate(pg_temp.chain(ARRAY['arn:aws:states:::sqs:sendMessage'],
    '{"QueueUrl": "https://sqs.example/jobs", "MessageBody.$": "$"}'));
SELECT severity, code, message FROM flowctl.validate(pg_temp.chain(ARRAY['arn:aws:states:::sqs:sendMessage'], '{"QueueUrl.$": "$.queue", "MessageBody": "x"}'));
SELECT severity, code, message FROM flowctl.validate(pg_temp.chain(ARRAY['arn:aws:states:::aws-sdk:s3:listBuckets', 'arn:aws-us-gov:states:::aws-sdk:s3:listBuckets'], '{}'));

-- the codes, for programs
\set VERBOSITY sqlstate
SELECT flowctl.define_flow('not a name', :'hello');
SELECT flowctl.define_flow(NULL, :'hello');
SELECT flowctl.define_flow('x', :'hello', 'TURBO');
SELECT flowctl.define_flow('x', '{}');
\set VERBOSITY terse
SELECT flowctl.define_flow('x', :'hello', options => '{"runas": "OWNER"}');
\set VERBOSITY default
SELECT flowctl.drop_flow('nowhere');
\set VERBOSITY default

-- endpoints: what the flow's role needs is checked when the flow is defined
RESET ROLE;
CREATE SERVER corp FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer 'https://idp.example');
CREATE SERVER open_door FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', auth 'none');
CREATE SERVER "Bill-ing" FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://billing.example', issuer 'corp', arn 'arn:aws:lambda:*:*:function:charge');
CREATE SERVER lost FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', issuer 'nobody');
CREATE SERVER confused FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', issuer 'open_door');
SET ROLE regress_flows_endpoint;
CREATE SERVER borrower FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://evil.example', issuer 'corp');
GRANT USAGE ON FOREIGN SERVER borrower TO regress_flows_author;
RESET ROLE;
\set task1 '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "flowctl:http:'
\set task2 '", "End": true}}}'
SET ROLE regress_flows_author;
SELECT flowctl.define_flow('t', (:'task1' || 'no_such_server' || :'task2')::json);
SELECT flowctl.define_flow('t', (:'task1' || 'corp' || :'task2')::json);
SELECT flowctl.define_flow('t', (:'task1' || 'open_door' || :'task2')::json);
SELECT flowctl.define_flow('t', (:'task1' || 'Bill-ing:invoke' || :'task2')::json);
SELECT flowctl.define_flow('t', (:'task1' || 'borrower' || :'task2')::json);
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER open_door, "Bill-ing", lost, confused TO regress_flows_author;
SET ROLE regress_flows_author;
SELECT flowctl.define_flow('t', (:'task1' || 'Bill-ing' || :'task2')::json);
SELECT flowctl.define_flow('t', (:'task1' || 'lost' || :'task2')::json);
SELECT flowctl.define_flow('t', (:'task1' || 'confused' || :'task2')::json);
\set VERBOSITY sqlstate
SELECT flowctl.define_flow('t', (:'task1' || 'no_such_server' || :'task2')::json);
SELECT flowctl.define_flow('t', (:'task1' || 'Bill-ing' || :'task2')::json);
\set VERBOSITY default
-- for INVOKER the role is not known yet: the rest is checked
SELECT flowctl.define_flow('t_invoker', (:'task1' || 'Bill-ing' || :'task2')::json, options => '{"run_as": "INVOKER"}');
SELECT flowctl.define_flow('t_invoker', (:'task1' || 'lost' || :'task2')::json, options => '{"run_as": "INVOKER"}');
RESET ROLE;
CREATE USER MAPPING FOR PUBLIC SERVER corp OPTIONS (client_id 'all', client_secret_file 'all.secret');
SET ROLE regress_flows_author;
SELECT flowctl.define_flow('t', (:'task1' || 'open_door' || :'task2')::json);
SELECT flowctl.define_flow('t', (:'task1' || 'Bill-ing' || :'task2')::json);
RESET ROLE;
-- the issuer must belong to one who may name files
ALTER SERVER corp OWNER TO regress_flows_endpoint;
SET ROLE regress_flows_author;
SELECT flowctl.define_flow('t', (:'task1' || 'Bill-ing' || :'task2')::json);
RESET ROLE;
ALTER SERVER corp OWNER TO CURRENT_USER;
-- ARNs: the server whose option covers one
SET ROLE regress_flows_author;
SELECT flowctl.define_flow('l', '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:charge", "End": true}}}');
SELECT flowctl.define_flow('l', '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:refund", "End": true}}}');
RESET ROLE;
CREATE SERVER second FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', auth 'none', arn 'arn:aws:lambda:eu-*:*:function:*');
GRANT USAGE ON FOREIGN SERVER second TO regress_flows_author;
SET ROLE regress_flows_author;
SELECT flowctl.define_flow('l', '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:charge", "End": true}}}', comment => 'x');
RESET ROLE;
ALTER SERVER second OPTIONS (SET arn 'arn:aws:lambda:eu-west-1:123456789012:function:charge');
SET ROLE regress_flows_author;
SELECT flowctl.define_flow('l', '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:charge", "End": true}}}', comment => 'x');
-- of two patterns the narrower counts: not "Bill-ing", whose pattern takes every region
RESET ROLE;
ALTER SERVER second OPTIONS (SET arn 'arn:aws:lambda:eu-west-1:*:function:charge');
REVOKE USAGE ON FOREIGN SERVER second FROM regress_flows_author;
SET ROLE regress_flows_author;
SELECT flowctl.define_flow('l', '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:charge", "End": true}}}', comment => 'n');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER second TO regress_flows_author;
-- * takes the place of what stands between colons, not of more
RESET ROLE;
ALTER SERVER second OPTIONS (SET arn 'arn:aws:lambda:*:function:*');
ALTER SERVER "Bill-ing" OPTIONS (SET arn 'arn:*');
SET ROLE regress_flows_author;
SELECT flowctl.define_flow('l', '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:charge", "End": true}}}', comment => 'y');
-- every place in the definition is looked at, and all that is wrong is told
SELECT flowctl.define_flow('many', '{"StartAt": "a/b", "States": {
    "a/b": {"Type": "Task", "Resource": "flowctl:http:none_1", "Next": "M"},
    "M": {"Type": "Task", "Resource": "flowctl:http:open_door", "Next": "Z~"},
    "Z~": {"Type": "Task", "Resource": "flowctl:http:none_3", "End": true}}}');
-- integrations: by the ARN of what the input names, by the integration's own, or only known to the run
RESET ROLE;
CREATE SERVER jobs FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', auth 'none', arn 'arn:aws:sqs:eu-west-1:123456789012:jobs');
CREATE SERVER items FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', auth 'none', arn 'arn:aws:states:::dynamodb:*');
CREATE SERVER conn FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', auth 'none', arn 'arn:aws:events:eu-west-1:123456789012:connection/c');
GRANT USAGE ON FOREIGN SERVER jobs, items, conn TO regress_flows_author;
SET ROLE regress_flows_author;
CREATE FUNCTION pg_temp.one(resource text, parameters json) RETURNS json LANGUAGE sql AS $$
    SELECT json_build_object('StartAt', 'A', 'States', json_build_object('A', json_build_object('Type', 'Task', 'Resource', resource, 'Parameters', parameters, 'End', true))) $$;
SELECT flowctl.define_flow('i1', pg_temp.one('arn:aws:states:::sqs:sendMessage', '{"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs", "MessageBody": "x"}'));
SELECT flowctl.define_flow('i2', pg_temp.one('arn:aws:states:::sqs:sendMessage', '{"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/other", "MessageBody": "x"}'));
SELECT flowctl.define_flow('i3', pg_temp.one('arn:aws:states:::sqs:sendMessage', '{"QueueUrl": "https://sqs.example/jobs", "MessageBody": "x"}'));
SELECT flowctl.define_flow('i4', pg_temp.one('arn:aws:states:::sqs:sendMessage', '{"QueueUrl.$": "$.queue", "MessageBody": "x"}'));
SELECT flowctl.define_flow('i5', pg_temp.one('arn:aws:states:::sns:publish', '{"TopicArn.$": "$.topic", "Message": "x"}'));
SELECT flowctl.define_flow('i6', pg_temp.one('arn:aws:states:::dynamodb:putItem', '{"TableName": "t", "Item": {"id": {"S": "1"}}}'));
SELECT flowctl.define_flow('i7', pg_temp.one('arn:aws-cn:states:cn-north-1:123456789012:dynamodb:putItem', '{"TableName": "t", "Item": {"id": {"S": "1"}}}'));
SELECT flowctl.define_flow('i8', pg_temp.one('arn:aws:states:::aws-sdk:s3:listBuckets', '{}'));
SELECT flowctl.define_flow('i9', pg_temp.one('arn:aws:states:::http:invoke', '{"ApiEndpoint": "https://a.example/x", "Method": "GET", "Authentication": {"ConnectionArn": "arn:aws:events:eu-west-1:123456789012:connection/c"}}'));
SELECT flowctl.define_flow('i10', pg_temp.one('arn:aws:states:::http:invoke', '{"ApiEndpoint": "https://a.example/x", "Method": "GET", "Authentication": {"ConnectionArn": "arn:aws:events:eu-west-1:123456789012:connection/d"}}'));
SELECT flowctl.define_flow('i11', pg_temp.one('arn:aws:states:::http:invoke', '{"ApiEndpoint": "https://a.example/x", "Method": "GET", "Authentication": {"ConnectionArn": "nowhere"}}'));
SELECT flowctl.define_flow('i12', pg_temp.one('arn:aws:states:::http:invoke', '{"ApiEndpoint": "https://a.example/x", "Method": "GET", "Authentication": {"ConnectionArn.$": "$.c"}}'));
-- AWS itself is not asked for what nobody here knows how to ask it for
RESET ROLE;
CREATE SERVER aws_account FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://s3.eu-west-1.amazonaws.com', auth 'aws_sigv4', aws_region 'eu-west-1', aws_service 's3',
    aws_access_key_id 'AKIDEXAMPLE', aws_secret_key_file 'aws-secret', arn 'arn:aws:states:::aws-sdk:s3:*');
GRANT USAGE ON FOREIGN SERVER aws_account TO regress_flows_author;
SET ROLE regress_flows_author;
SELECT flowctl.define_flow('i8', pg_temp.one('arn:aws:states:::aws-sdk:s3:listBuckets', '{}'));
-- functions and activities that are not there
SELECT flowctl.define_flow('later', '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "flowctl:sql:f", "End": true}}}');
SELECT flowctl.define_flow('later', '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "flowctl:activity:a", "End": true}}}');

-- plain http at a public host: one warning for an endpoint, and the flow is defined
RESET ROLE;
CREATE SERVER plain FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'http://a.example', auth 'none');
CREATE SERVER by_number FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'http://8.8.8.8', auth 'none');
CREATE SERVER near FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'http://10.1.2.3', auth 'none');
CREATE SERVER six FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'http://[fd00::1]', auth 'none');
CREATE SERVER here FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'http://localhost', auth 'none');
CREATE SERVER inside FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'http://billing.svc.internal', auth 'none');
GRANT USAGE ON FOREIGN SERVER plain, by_number, near, six, here, inside TO regress_flows_author;
SET ROLE regress_flows_author;
SELECT flowctl.define_flow('insecure', '{"StartAt": "A", "States": {
  "A": {"Type": "Task", "Resource": "flowctl:http:plain", "Next": "B"},
  "B": {"Type": "Task", "Resource": "flowctl:http:plain:invoke", "Next": "C"},
  "C": {"Type": "Task", "Resource": "flowctl:http:by_number", "Next": "D"},
  "D": {"Type": "Task", "Resource": "flowctl:http:near", "Next": "E"},
  "E": {"Type": "Task", "Resource": "flowctl:http:six", "Next": "F"},
  "F": {"Type": "Task", "Resource": "flowctl:http:here", "Next": "G"},
  "G": {"Type": "Task", "Resource": "flowctl:http:inside", "Next": "H"},
  "H": {"Type": "Task", "Resource": "flowctl:http:open_door", "End": true}}}');
-- an error beside it is told with its own code
\set VERBOSITY sqlstate
SELECT flowctl.define_flow('insecure', '{"StartAt": "A", "States": {
  "A": {"Type": "Task", "Resource": "flowctl:http:plain", "Next": "B"},
  "B": {"Type": "Task", "Resource": "flowctl:http:no_such_server", "End": true}}}');
\set VERBOSITY default
SELECT flowctl.drop_flow('insecure');
DROP FUNCTION pg_temp.one, pg_temp.chain;
-- triggers: checked when they are created
CREATE TABLE regress_flows.orders (id int);
CREATE TRIGGER go AFTER INSERT ON regress_flows.orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow();
CREATE TRIGGER go AFTER INSERT ON regress_flows.orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('nowhere');
CREATE TRIGGER go AFTER INSERT ON regress_flows.orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('fast:2');
CREATE TRIGGER go AFTER INSERT ON regress_flows.orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('fast:newest');
CREATE TRIGGER go AFTER INSERT ON regress_flows.orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('fast', 'on_error=ignore');
CREATE TRIGGER go AFTER INSERT ON regress_flows.orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('fast', '');
CREATE TRIGGER go BEFORE INSERT ON regress_flows.orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('fast');
CREATE TRIGGER go AFTER INSERT ON regress_flows.orders FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('fast');
CREATE TRIGGER go AFTER INSERT OR UPDATE OR DELETE ON regress_flows.orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('fast', 'on_error=record');
CREATE TRIGGER go_one AFTER INSERT ON regress_flows.orders FOR EACH ROW WHEN (NEW.id > 1) EXECUTE FUNCTION flowctl.start_flow('fast:1');
-- a flow of which the name is only the beginning is another one
SELECT flowctl.define_flow('fas', :'hello');
SELECT flowctl.drop_flow('fas');

-- dropping
SELECT flowctl.drop_flow('nowhere');
SELECT flowctl.drop_flow(NULL);
SELECT flowctl.drop_flow('fast');
DROP TRIGGER go ON regress_flows.orders;
SELECT flowctl.drop_flow('fast');
DROP TABLE regress_flows.orders;
-- (the run is never committed: no worker sees it)
RESET ROLE;
BEGIN;
INSERT INTO flowctl_catalog.run (run_id, flow_id, flow, version, type, input, flow_owner, role, starter, session_user_name, start_xid)
    SELECT gen_random_uuid(), flow_id, name, 1, type, '{}', owner, owner, owner, 'x', pg_current_xact_id() FROM flowctl_catalog.flow, generate_series(1, 2)
    WHERE name = 'fast';
SET ROLE regress_flows_author;
SELECT flowctl.drop_flow('fast');
ROLLBACK;
SET ROLE regress_flows_author;
SELECT flowctl.drop_flow('fast');
SELECT flowctl.drop_flow('hello');
SELECT count(*) FROM flowctl.flow_versions WHERE flow = 'hello';
RESET ROLE;
DROP SCHEMA regress_flows;
SET client_min_messages = warning;
DROP EXTENSION pg_flowctl CASCADE;
DROP ROLE regress_flows_author, regress_flows_endpoint;
