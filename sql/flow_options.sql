-- Options of flows: the table of options, alter_flow, and what belongs to a version.
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_options_author;
CREATE ROLE regress_options_other;
SELECT flowctl.grant_author('regress_options_author');
\set hello '{"StartAt": "Hello", "States": {"Hello": {"Type": "Pass", "End": true}}}'
SET ROLE regress_options_author;
-- options of the flow make no version, and those that are not given stay
SELECT flowctl.define_flow('hello', :'hello', options => '{"tags": {"team": "billing"}, "keep_data": "ERROR"}');
SELECT flowctl.define_flow('hello', :'hello', options => '{"keep_data": "ERROR"}');
SELECT flowctl.define_flow('hello', :'hello', options => '{"keep_data": "ERROR", "expect": {"finish_within": "1 h 30 min"}}');
SELECT name, latest_version, options, tags FROM flowctl.flows;
SELECT version, options FROM flowctl.flow_versions;
-- a default that is given is the same version
SELECT flowctl.define_flow('hello', :'hello', options => '{"keep_data": "ERROR", "on_exhausted": "fail", "run_as_superuser": null}');
SELECT flowctl.define_flow('hello', :'hello', options => '{"keep_data": "ERROR", "on_exhausted": "pause"}');
SELECT version, options FROM flowctl.flow_versions ORDER BY version;

-- alter_flow changes what it names, and null removes
SELECT flowctl.alter_flow('hello', '{"attributes": {"order": "$.after.id", "who": "{% $lowercase(after.name) %}", "sum": "a + b"}}');
SELECT options, tags FROM flowctl.flows;
SELECT flowctl.alter_flow('hello', '{"tags": {"team": "sales", "cost": "7"}, "expect": null}');
SELECT options, tags FROM flowctl.flows;
SELECT flowctl.alter_flow('hello', '{"tags": null, "attributes": {}, "expect": {"start_within": "500 ms", "finish_within": "2 days"}}');
SELECT options, tags FROM flowctl.flows;
SELECT flowctl.alter_flow('hello', '{}');
BEGIN;
SELECT flowctl.alter_flow('hello', '{"tags": {"a": "b"}}');
ROLLBACK;
SELECT options, tags, latest_version FROM flowctl.flows;

-- options that go together may be given one after the other, by either function
SELECT flowctl.alter_flow('hello', '{"rate": "10/min"}');
SELECT flowctl.define_flow('hello', :'hello', options => '{"keep_data": "ERROR", "on_exhausted": "pause", "burst": 5}');
SELECT options->'rate' AS rate, options->'burst' AS burst FROM flowctl.flows;
SELECT flowctl.define_flow('hello', :'hello', options => '{"keep_data": "ERROR", "on_exhausted": "pause", "rate": null}');
SELECT flowctl.define_flow('hello', :'hello', options => '{"keep_data": "ERROR", "on_exhausted": "pause", "rate": null, "burst": null}');

-- refused
SELECT flowctl.alter_flow(NULL, '{}');
SELECT flowctl.alter_flow('hello', NULL);
SELECT flowctl.alter_flow('hello', '[]');
-- (the hints list all options that there are)
\set VERBOSITY terse
SELECT flowctl.alter_flow('hello', '{"run_as": "INVOKER"}');
SELECT flowctl.alter_flow('hello', '{"tag": {}}');
SELECT flowctl.alter_flow('hello', '{"": {}}');
\set VERBOSITY default
DO $$
DECLARE
    hint text;
BEGIN
    PERFORM flowctl.alter_flow('hello', '{"expcet": {}}');
EXCEPTION WHEN invalid_parameter_value THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RAISE NOTICE '%', regexp_replace(hint, ', on_exhausted,.*', ', ...');
END $$;
SELECT flowctl.alter_flow('hello', '{"tags": []}');
SELECT flowctl.alter_flow('hello', '{"tags": {"a": 1}}');
SELECT flowctl.alter_flow('hello', jsonb_build_object('tags', jsonb_build_object(repeat('x', 129), 'a')));
SELECT flowctl.alter_flow('hello', jsonb_build_object('tags', (SELECT jsonb_object_agg(i, 'x') FROM generate_series(1, 51) i)));
SELECT flowctl.alter_flow('hello', '{"attributes": {"a b": "$.x"}}');
SELECT flowctl.alter_flow('hello', '{"attributes": {"a": 1}}');
SELECT flowctl.alter_flow('hello', '{"attributes": {"a": "$.x["}}');
SELECT flowctl.alter_flow('hello', '{"attributes": {"a": "{% 1 + %}"}}');
SELECT flowctl.alter_flow('hello', '{"attributes": {"a": ""}}');
SELECT flowctl.alter_flow('hello', jsonb_build_object('attributes', jsonb_build_object('a', '$.' || repeat('x', 5000))));
SELECT flowctl.alter_flow('hello', jsonb_build_object('attributes', (SELECT jsonb_object_agg('a' || i, '$.x') FROM generate_series(1, 11) i)));
SELECT flowctl.alter_flow('hello', '{"expect": {}}');
SELECT flowctl.alter_flow('hello', '{"expect": {"start": "1 s"}}');
SELECT flowctl.alter_flow('hello', '{"expect": {"start_within": "0 s"}}');
SELECT flowctl.alter_flow('hello', '{"expect": {"start_within": "-1 s"}}');
SELECT flowctl.alter_flow('hello', '{"expect": {"start_within": "1 fortnight"}}');
SELECT flowctl.alter_flow('hello', '{"expect": {"start_within": 5}}');
SELECT flowctl.alter_flow('hello', '{"expect": {"start_within": "1000 days"}}');
SELECT flowctl.alter_flow('hello', '{"on_failure": "no flow"}');
SELECT flowctl.alter_flow('hello', '{"on_failure": 7}');
SELECT flowctl.define_flow('other', :'hello', options => '{"on_exhausted": "stop"}');
SELECT flowctl.define_flow('other', :'hello', options => '{"attributes": {"a": "$.x["}}');
SELECT options, tags, latest_version FROM flowctl.flows;

-- rights
SET ROLE regress_options_other;
SELECT flowctl.alter_flow('hello', '{"tags": {}}');
SELECT flowctl.alter_flow('missing', '{"tags": {}}');
BEGIN TRANSACTION READ ONLY;
SELECT flowctl.alter_flow('hello', '{"tags": {}}');
ROLLBACK;
RESET ROLE;
SELECT flowctl.alter_flow('missing', '{"tags": {}}');

DROP EXTENSION pg_flowctl;
DROP ROLE regress_options_author, regress_options_other;
