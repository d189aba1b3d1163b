-- input_schema: inputs are checked where runs start, and the schema where it is defined.
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_schema_owner;
CREATE SCHEMA regress_schema AUTHORIZATION regress_schema_owner;
SELECT flowctl.grant_author('regress_schema_owner');
SET ROLE regress_schema_owner;
\set pass '{"StartAt": "S", "States": {"S": {"Type": "Pass", "End": true}}}'
SELECT flowctl.define_flow('order', :'pass', options => '{"input_schema": {"type": "object", "required": ["id"],
    "properties": {"id": {"type": "integer", "minimum": 1}, "lines": {"type": "array", "items": {"$ref": "#/definitions/line"}},
                   "mail": {"type": "string", "pattern": "^[^@]+@[^@]+$"}, "at": {"format": "date-time"}},
    "additionalProperties": false,
    "definitions": {"line": {"properties": {"sku": {"type": "string", "maxLength": 5}}}}}}');
SELECT flowctl.start('order', '{"id": 1, "lines": [{"sku": "a"}], "mail": "a@b", "at": "2026-01-01T00:00:00Z"}') IS NOT NULL AS started;
SELECT flowctl.start('order');
SELECT flowctl.start('order', '[]');
SELECT flowctl.start('order', '{"id": "1"}');
SELECT flowctl.start('order', '{"id": 0}');
SELECT flowctl.start('order', '{"id": 1, "lines": [{"sku": "a"}, {"sku": "abcdef"}]}');
SELECT flowctl.start('order', '{"id": 1, "mail": "nobody"}');
SELECT flowctl.start('order', '{"id": 1, "at": "yesterday"}');
SELECT flowctl.start('order', '{"id": 1, "more/less": 2}');
\set VERBOSITY sqlstate
SELECT flowctl.start('order', '{"id": 0}');
\set VERBOSITY default
SELECT count(*) FROM flowctl.runs;

-- the schema belongs to the version: older ones keep theirs, and the same schema is the same version
SELECT flowctl.define_flow('order', :'pass', options => '{"input_schema": {"required": ["key"]}}');
SELECT flowctl.define_flow('order', :'pass', options => '{"input_schema": {"required": ["key"]}}');
SELECT flowctl.start('order:1', '{"id": 1}') IS NOT NULL AS started;
SELECT flowctl.start('order', '{"id": 1}');
SELECT flowctl.define_flow('order', :'pass');
SELECT flowctl.start('order', '{"id": 1}') IS NOT NULL AS started;
SELECT version, options ? 'input_schema' AS has_schema FROM flowctl.flow_versions ORDER BY version;
\set VERBOSITY terse
SELECT flowctl.alter_flow('order', '{"input_schema": true}');
\set VERBOSITY default

-- triggers: in the transaction that writes, or recorded
SELECT flowctl.define_flow('row', :'pass', options => '{"input_schema": {"properties": {"after": {"properties": {"id": {"maximum": 100}}}}}}');
CREATE TABLE regress_schema.strict (id int);
CREATE TABLE regress_schema.lenient (id int);
CREATE TRIGGER start AFTER INSERT ON regress_schema.strict FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('row');
CREATE TRIGGER start AFTER INSERT ON regress_schema.lenient FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('row', 'on_error=record');
INSERT INTO regress_schema.strict VALUES (100);
INSERT INTO regress_schema.strict VALUES (101);
INSERT INTO regress_schema.strict VALUES (1), (101);
INSERT INTO regress_schema.lenient VALUES (101);
SELECT count(*) FROM regress_schema.strict;
SELECT status, error, cause FROM flowctl.runs WHERE flow = 'row' AND status = 'FAILED';
SELECT count(*) FROM flowctl.runs WHERE flow = 'row';
-- a flow that another flow starts
SELECT flowctl.define_flow('parent', '{"StartAt": "C", "States": {"C": {"Type": "Task", "Resource": "flowctl:flow:row", "Parameters": {"after": {"id": 200}}, "End": true}}}');
SELECT flowctl.start('parent') AS parent \gset
SELECT flowctl.wait(:'parent');
SELECT error, cause ~ '/after/id' AS names_the_place FROM flowctl.runs WHERE run_id = :'parent';

-- schemas that are refused
SELECT flowctl.define_flow('bad', :'pass', options => '{"input_schema": 7}');
SELECT flowctl.define_flow('bad', :'pass', options => '{"input_schema": {"type": "text"}}');
SELECT flowctl.define_flow('bad', :'pass', options => '{"input_schema": {"properties": {"a": {"required": "b"}}}}');
SELECT flowctl.define_flow('bad', :'pass', options => '{"input_schema": {"$ref": "https://example.com/schema.json"}}');
SELECT flowctl.define_flow('bad', :'pass', options => '{"input_schema": {"$ref": "#"}}');
SELECT flowctl.define_flow('bad', :'pass', options => '{"input_schema": {"pattern": "(a)\\1"}}');
SELECT flowctl.define_flow('bad', :'pass', options => '{"input_schema": {"pattern": "((a{1,1000}){1,1000}){1,1000}"}}');
SELECT flowctl.define_flow('bad', :'pass', options => '{"input_schema": {"$schema": "http://json-schema.org/draft-04/schema#"}}');
SELECT flowctl.define_flow('bad', :'pass', options => jsonb_build_object('input_schema', jsonb_build_object('const', repeat('x', 200000))));
SELECT flowctl.define_flow('bad', :'pass', options => jsonb_build_object('input_schema', (repeat('{"not": ', 150) || 'true' || repeat('}', 150))::jsonb));
SELECT count(*) FROM flowctl.flows WHERE name = 'bad';

-- hostile: patterns and schemas that would take forever elsewhere come to an end
SELECT flowctl.define_flow('slow', :'pass', options => '{"input_schema": {"pattern": "^(a+)+$"}}');
SELECT flowctl.start('slow', to_jsonb(repeat('a', 50000) || '!'));
SELECT flowctl.define_flow('slow', :'pass', options => jsonb_build_object('input_schema', ('{"$ref": "#/definitions/a40", "definitions": {"a0": {"type": "integer"}' ||
    (SELECT string_agg(format(', "a%s": {"allOf": [{"$ref": "#/definitions/a%s"}, {"$ref": "#/definitions/a%s"}]}', i, i - 1, i - 1), '') FROM generate_series(1, 40) i) || '}}')::jsonb));
SELECT flowctl.start('slow', '1');
SELECT flowctl.define_flow('slow', :'pass', options => '{"input_schema": {"items": {"$ref": "#"}}}');
SELECT flowctl.start('slow', (repeat('[', 600) || repeat(']', 600))::jsonb);
SELECT flowctl.start('slow', '[[[]]]') IS NOT NULL AS started;
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA regress_schema CASCADE;
DROP EXTENSION pg_flowctl;
DROP ROLE regress_schema_owner;
