-- Attributes: what is found in the input, find_runs, the view run_attributes, rights, redaction and retention.
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_attributes_owner;
CREATE ROLE regress_attributes_reader;
CREATE ROLE regress_attributes_starter;
CREATE SCHEMA regress_attributes AUTHORIZATION regress_attributes_owner;
SELECT flowctl.grant_author('regress_attributes_owner');
SET ROLE regress_attributes_owner;
\set hello '{"StartAt": "S", "States": {"S": {"Type": "Pass", "End": true}}}'
SELECT flowctl.define_flow('order', :'hello', options => '{"attributes": {"order": "$.after.id", "who": "{% $uppercase(after.name) %}",
    "paid": "$.paid", "items": "$.items[*].sku", "sum": "$sum(items.price)", "input": "{% $states.input.x %}"}}');
SELECT flowctl.define_flow('plain', :'hello');
SELECT flowctl.grant_start('order', 'regress_attributes_starter');

-- texts, numbers and truth values; of an array, each
SELECT flowctl.start('order', '{"after": {"id": 7, "name": "ann"}, "paid": true, "x": 1.50, "items": [{"sku": "a", "price": 2}, {"sku": "b", "price": 3.5}]}', 'one') AS one \gset
SELECT attributes FROM flowctl.runs WHERE name = 'one';
SELECT flow, name, value FROM flowctl.run_attributes ORDER BY name, value;
SELECT run_id = :'one' FROM flowctl.find_runs('order', '7');
SELECT run_id = :'one' FROM flowctl.find_runs('items', 'b');
SELECT count(*) FROM flowctl.find_runs('order', 'b');
SELECT count(*) FROM flowctl.find_runs('items', '7');
SELECT count(*) FROM flowctl.find_runs('order', NULL);
SELECT r.name FROM flowctl.find_runs('who', 'ANN') f JOIN flowctl.runs r USING (run_id);

-- what is not there, fails, is too long or is no such value gives no attribute
SELECT flowctl.start('order', '{"after": {"id": null, "name": 3}, "paid": {}, "items": [{"sku": null}, {"sku": [1]}]}', 'none') IS NOT NULL AS started;
SELECT flowctl.start('order', '"text"', 'text') IS NOT NULL AS started;
SELECT flowctl.start('order', jsonb_build_object('after', jsonb_build_object('id', repeat('x', 1024), 'name', repeat('y', 1025))), 'long') IS NOT NULL AS started;
SELECT flowctl.start('order', (SELECT jsonb_build_object('items', jsonb_agg(jsonb_build_object('sku', i))) FROM generate_series(1, 100) i), 'many') IS NOT NULL AS started;
SELECT flowctl.start('plain', '{"after": {"id": 7}}', 'plain') IS NOT NULL AS started;
SELECT name, CASE WHEN length(attributes::text) < 300 THEN attributes::text ELSE length(attributes::text)::text END AS attributes
FROM flowctl.runs ORDER BY run_id;
SELECT count(*) FROM flowctl.run_attributes a JOIN flowctl.runs r USING (run_id) WHERE r.name = 'many';
-- an expression takes a bounded time
SELECT flowctl.alter_flow('plain', '{"attributes": {"forever": "($f := function($x) { $f($x + 1) }; $f(1))", "big": "$join([1..1000000].$string($))", "id": "$.id"}}');
SELECT flowctl.start('plain', '{"id": 1}', 'hostile') IS NOT NULL AS started;
SELECT attributes FROM flowctl.runs WHERE name = 'hostile';

-- triggers; a transaction that rolls back leaves nothing
CREATE TABLE regress_attributes.orders (id int, name text);
CREATE TRIGGER start AFTER INSERT OR UPDATE ON regress_attributes.orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('order');
INSERT INTO regress_attributes.orders SELECT i, 'n' || i FROM generate_series(100, 109) i;
UPDATE regress_attributes.orders SET name = 'changed' WHERE id = 105;
BEGIN;
INSERT INTO regress_attributes.orders VALUES (105, 'never');
ROLLBACK;
SELECT r.input #>> '{op}' AS op, r.attributes FROM flowctl.find_runs('order', '105') f JOIN flowctl.runs r USING (run_id) ORDER BY r.run_id;
-- a start with a name that is taken adds nothing
SELECT flowctl.start('order', '{"after": {"id": 7, "name": "ann"}, "paid": true, "x": 1.50, "items": [{"sku": "a", "price": 2}, {"sku": "b", "price": 3.5}]}', 'one') = :'one' AS same;
SELECT count(*) FROM flowctl.find_runs('order', '7');
-- a value that comes twice is one
SELECT flowctl.start('order', '{"items": [{"sku": "twice"}, {"sku": "twice"}]}', 'twice') IS NOT NULL AS started;
SELECT count(*) FROM flowctl.find_runs('items', 'twice');
-- the index is used
SET enable_seqscan = off;
CREATE FUNCTION regress_attributes.plan() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXPLAIN (COSTS OFF) SELECT run_id FROM flowctl.run_attributes WHERE name = 'order' AND value = '105' LOOP RETURN NEXT line; END LOOP;
END $$;
SELECT count(*) > 0 AS by_index FROM regress_attributes.plan() p WHERE p ~ 'run_attribute_.*pkey';
RESET enable_seqscan;

-- a text that no table can hold
SELECT flowctl.alter_flow('plain', '{"attributes": {"nul": "$decodeUrlComponent(\"%00\")", "base": "$base64decode(\"AGE=\")", "id": "$.id"}}');
SELECT flowctl.start('plain', '{"id": 8}') AS nul \gset
SELECT attributes FROM flowctl.runs WHERE run_id = :'nul';

-- rights: whoever may see the input
SET ROLE regress_attributes_starter;
SELECT count(*) FROM flowctl.find_runs('order', '7');
SELECT flowctl.start('order', '{"after": {"id": 7}}') IS NOT NULL AS started;
SELECT count(*) FROM flowctl.find_runs('order', '7');
SET ROLE regress_attributes_owner;
SELECT flowctl.grant_flow('order', 'regress_attributes_reader', '{read}');
SET ROLE regress_attributes_reader;
SELECT count(*) FROM flowctl.find_runs('order', '7');
SELECT count(*) FROM flowctl.run_attributes;
SELECT count(*), count(attributes) FROM flowctl.runs WHERE name = 'one';
SET ROLE regress_attributes_owner;
SELECT flowctl.grant_flow('order', 'regress_attributes_reader', '{read_payload}');
SET ROLE regress_attributes_reader;
SELECT count(*) FROM flowctl.find_runs('order', '7');
SELECT count(*), count(attributes) FROM flowctl.runs WHERE name = 'one';

-- they follow their run
SET ROLE regress_attributes_owner;
SELECT flowctl.wait(:'one');
SELECT flowctl.redact(:'one', 'asked for');
SELECT attributes FROM flowctl.runs WHERE run_id = :'one';
SELECT count(*) FROM flowctl.find_runs('items', 'a');
SELECT count(*) FROM flowctl.find_runs('order', '7');
SELECT count(*) AS not_ended FROM (SELECT flowctl.wait(run_id) AS status FROM flowctl.runs) r WHERE status = 'RUNNING';
RESET ROLE;
SELECT flowctl.drop_runs_before(now() + interval '100 days') > 0 AS emptied;
SELECT count(*) AS runs, (SELECT count(*) FROM flowctl_catalog.run_attribute) AS attributes FROM flowctl.runs;
SET client_min_messages = warning;
DROP SCHEMA regress_attributes CASCADE;
DROP EXTENSION pg_flowctl;
DROP ROLE regress_attributes_owner, regress_attributes_reader, regress_attributes_starter;
