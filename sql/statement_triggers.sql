-- Triggers FOR EACH STATEMENT with transition tables, and the options of triggers: what starts, with which input, and every error.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION pg_flowctl;
SELECT flowctl.define_flow('see', '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}');
-- What has been started since the last look, by the order of the rows.
CREATE TABLE looked (run_id uuid PRIMARY KEY);
CREATE FUNCTION news(OUT op text, OUT count bigint, OUT before jsonb, OUT after jsonb, OUT "table" text, OUT event text) RETURNS SETOF record LANGUAGE sql AS $$
    WITH fresh AS (SELECT r.* FROM flowctl.runs r WHERE NOT EXISTS (SELECT FROM looked l WHERE l.run_id = r.run_id)),
         noted AS (INSERT INTO looked SELECT run_id FROM fresh)
    SELECT input->>'op', (input->>'count')::bigint, input->'before', input->'after', input->'source'->>'table', fresh.event->>'type' FROM fresh ORDER BY run_id
$$;

-- One run for each row, and one for all of them.
CREATE TABLE orders (id int PRIMARY KEY, amount numeric, note text);
CREATE TRIGGER made AFTER INSERT ON orders REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row');
CREATE TRIGGER changed AFTER UPDATE ON orders REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row');
CREATE TRIGGER gone AFTER DELETE ON orders REFERENCING OLD TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row');
INSERT INTO orders VALUES (1, 12.50, E'caf\u00e9 "x"\t'), (2, 'NaN', NULL);
UPDATE orders SET amount = id * 10;
DELETE FROM orders WHERE id = 1;
SELECT * FROM news();
UPDATE orders SET amount = 0 WHERE false;
SELECT * FROM news();
CREATE OR REPLACE TRIGGER made AFTER INSERT ON orders REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=statement');
CREATE OR REPLACE TRIGGER changed AFTER UPDATE ON orders REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=statement');
CREATE OR REPLACE TRIGGER gone AFTER DELETE ON orders REFERENCING OLD TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=statement');
INSERT INTO orders VALUES (3, 3, NULL), (4, 4, 'four');
UPDATE orders SET amount = amount + 1 WHERE id > 2;
DELETE FROM orders;
INSERT INTO orders SELECT WHERE false;
SELECT * FROM news();
SELECT string_agg(k, ' ' ORDER BY n) FROM json_object_keys((SELECT r.input::json FROM flowctl_catalog.run r ORDER BY run_id DESC LIMIT 1)) WITH ORDINALITY AS keys(k, n);

-- More than a payload may have is only counted; the rows of a trigger for each row stay whole.
INSERT INTO orders SELECT i, i, repeat('x', 1000) FROM generate_series(1, 1000) i;
SELECT input - 'source' AS input FROM flowctl.runs ORDER BY run_id DESC LIMIT 1;
DELETE FROM orders;
SELECT input - 'source' AS input FROM flowctl.runs ORDER BY run_id DESC LIMIT 1;
INSERT INTO looked SELECT run_id FROM flowctl.runs ON CONFLICT DO NOTHING;

-- An UPDATE without OLD TABLE, and one that leaves the old row out.
CREATE OR REPLACE TRIGGER changed AFTER UPDATE ON orders REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row');
DROP TRIGGER made ON orders;
DROP TRIGGER gone ON orders;
INSERT INTO orders VALUES (5, 5, 'five');
UPDATE orders SET amount = 6;
CREATE OR REPLACE TRIGGER changed AFTER UPDATE ON orders REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row', 'before=no');
UPDATE orders SET amount = 7;
CREATE TRIGGER each AFTER UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'per=row', 'before=no');
DROP TRIGGER changed ON orders;
UPDATE orders SET amount = 8;
DELETE FROM orders;
DROP TRIGGER each ON orders;
SELECT * FROM news();

-- Two triggers read the same transition tables, each from the first row on; another trigger starts a statement in between.
CREATE TABLE twice (id int);
CREATE TABLE inner_one (id int);
CREATE TRIGGER a AFTER INSERT ON twice REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row');
CREATE FUNCTION copy_rows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO inner_one SELECT id + 100 FROM n; RETURN NULL; END $$;
CREATE TRIGGER b AFTER INSERT ON twice REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION copy_rows();
CREATE TRIGGER c AFTER INSERT ON twice REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=statement');
CREATE TRIGGER inside AFTER INSERT ON inner_one REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row');
INSERT INTO twice VALUES (1), (2);
SELECT op, count, after, "table" FROM news();
DROP TABLE twice, inner_one;

-- INSERT ... ON CONFLICT and MERGE fire the triggers of all that they do, and each sees its own rows.
CREATE TABLE merged (id int PRIMARY KEY, v text);
CREATE TRIGGER made AFTER INSERT ON merged REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row');
CREATE TRIGGER changed AFTER UPDATE ON merged REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row');
CREATE TRIGGER gone AFTER DELETE ON merged REFERENCING OLD TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row');
INSERT INTO merged VALUES (1, 'a'), (2, 'b'), (3, 'c');
INSERT INTO looked SELECT run_id FROM flowctl.runs ON CONFLICT DO NOTHING;
INSERT INTO merged VALUES (1, 'A'), (4, 'd') ON CONFLICT (id) DO UPDATE SET v = excluded.v;
INSERT INTO merged VALUES (1, 'x') ON CONFLICT DO NOTHING;
MERGE INTO merged m USING (VALUES (2, 'B'), (3, NULL), (5, 'e')) s(id, v) ON m.id = s.id
    WHEN MATCHED AND s.v IS NULL THEN DELETE
    WHEN MATCHED THEN UPDATE SET v = s.v
    WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v);
SELECT op, before, after FROM news();
DROP TABLE merged;

-- Partitions: the trigger's table is the source, whatever the partition, and rows that move are one change.
CREATE TABLE parts (id int, v text) PARTITION BY LIST (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 (v text, dropped int, id int);
ALTER TABLE parts_2 DROP COLUMN dropped;
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES IN (2);
CREATE TRIGGER made AFTER INSERT ON parts REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row');
CREATE TRIGGER changed AFTER UPDATE ON parts REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row');
INSERT INTO parts VALUES (1, 'one'), (2, 'two');
UPDATE parts SET id = 3 - id, v = v || '!';
SELECT op, before, after, "table" FROM news();
-- A BEFORE trigger keeps a row from moving, so that rows cannot be told apart.
CREATE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER keep_out BEFORE INSERT ON parts_2 FOR EACH ROW EXECUTE FUNCTION keep_out();
UPDATE parts SET id = 3 - id;
\echo :LAST_ERROR_SQLSTATE
CREATE OR REPLACE TRIGGER changed AFTER UPDATE ON parts REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row', 'on_error=record');
UPDATE parts SET id = 3 - id;
SELECT status, error, cause FROM flowctl.runs WHERE status = 'FAILED';
INSERT INTO looked SELECT run_id FROM flowctl.runs ON CONFLICT DO NOTHING;
CREATE OR REPLACE TRIGGER changed AFTER UPDATE ON parts REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row', 'before=no');
TRUNCATE parts;
INSERT INTO parts VALUES (1, 'one');
UPDATE parts SET id = 3 - id;
SELECT op, before, after FROM news();
DROP TABLE parts;
-- Children: the statement names the parent, and so does the run.
CREATE TABLE family (id int);
CREATE TABLE child (extra text) INHERITS (family);
CREATE TRIGGER changed AFTER UPDATE ON family REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row');
INSERT INTO family VALUES (1);
INSERT INTO child VALUES (2, 'more');
UPDATE family SET id = id + 10;
SELECT op, before, after, "table" FROM news();
DROP TABLE family CASCADE;

-- Foreign keys that cascade are statements of the tables that they change.
CREATE TABLE customers (id int PRIMARY KEY);
CREATE TABLE theirs (id int, customer int REFERENCES customers ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TRIGGER changed AFTER UPDATE ON theirs REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row');
CREATE TRIGGER gone AFTER DELETE ON theirs REFERENCING OLD TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=statement');
INSERT INTO customers VALUES (1), (2);
INSERT INTO theirs VALUES (11, 1), (12, 1), (21, 2);
UPDATE customers SET id = id + 100;
DELETE FROM customers WHERE id = 101;
SELECT op, count, before, after, "table" FROM news();
DROP TABLE theirs, customers;

-- COPY, generated columns, writable CTEs, and a rollback to a savepoint.
CREATE TABLE copied (id int, doubled int GENERATED ALWAYS AS (id * 2) STORED);
CREATE TRIGGER made AFTER INSERT ON copied REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row');
CREATE TRIGGER gone AFTER DELETE ON copied REFERENCING OLD TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row');
COPY copied (id) FROM stdin;
1
2
\.
WITH moved AS (DELETE FROM copied WHERE id = 1 RETURNING id) INSERT INTO copied SELECT id + 10 FROM moved;
BEGIN;
SAVEPOINT s;
INSERT INTO copied VALUES (98);
ROLLBACK TO s;
INSERT INTO copied VALUES (99);
COMMIT;
SELECT op, before, after FROM news() ORDER BY op, after->'id';
-- Triggers fire in a session that replays changes only if they say so.
SET session_replication_role = replica;
INSERT INTO copied VALUES (3);
ALTER TABLE copied ENABLE REPLICA TRIGGER made;
INSERT INTO copied VALUES (4);
RESET session_replication_role;
INSERT INTO copied VALUES (5);
SELECT op, after FROM news();
DROP TABLE copied;

-- A value of every kind of column reads the same as row_to_json writes it.
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TYPE pair AS (a int, b text);
CREATE TABLE kinds (b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, t text, v varchar(9), c char(4), nm name, u uuid, d date, ti time,
    ts timestamp, tz timestamptz, y bytea, j json, jb jsonb, o oid, p positive, "Odd ""name" int);
CREATE TABLE more_kinds (LIKE kinds, m mood, a int[], q pair, r int4range, iv interval, x xml);
CREATE TRIGGER made AFTER INSERT ON kinds REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row');
CREATE TRIGGER made AFTER INSERT ON more_kinds FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see');
SET timezone = 'Asia/Tokyo';
INSERT INTO kinds VALUES
    (true, -1, -2, -9007199254740993, 1.5, 1e300, 12.340, E'\b\f\n\r\t\\"\x01\x7f caf\u00e9', 'v', 'c', 'nm', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2024-02-29', '12:34:56.789',
     '2024-02-29 12:00', '2024-02-29 12:00+00', '\x00ff', '{"a" : [1.0, 2]}', '{"b": null}', 4294967295, 7, 8),
    (false, NULL, NULL, NULL, 'NaN', '-Infinity', 'NaN', '', '', '', '', NULL, 'infinity', NULL, '-infinity', '4713-01-01 12:00+00 BC', '', 'null', '[]', 0, NULL, NULL);
RESET timezone;
INSERT INTO more_kinds SELECT k.*, 'happy', '{1,2}', '(1,x)', '[1,5)', '1 day', '<a/>' FROM kinds k;
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
SELECT r.input::jsonb->'source'->>'table' AS "table", count(*), count(*) FILTER (WHERE strpos(r.input, '"after":' || coalesce(row_to_json(k), row_to_json(mk))::text || ',"source"') > 0) AS same
FROM flowctl_catalog.run r LEFT JOIN kinds k ON r.input::jsonb->'source'->>'table' = 'kinds' AND k.b = (r.input::jsonb->'after'->>'b')::bool
    LEFT JOIN more_kinds mk ON r.input::jsonb->'source'->>'table' = 'more_kinds' AND mk.b = (r.input::jsonb->'after'->>'b')::bool
WHERE r.input::jsonb->'source'->>'table' LIKE '%kinds' GROUP BY 1 ORDER BY 1;
RESET timezone;
RESET intervalstyle;
INSERT INTO looked SELECT run_id FROM flowctl.runs ON CONFLICT DO NOTHING;

-- Columns: these, all but these, and none at all; in rows that the server's function writes, too.
CREATE OR REPLACE TRIGGER made AFTER INSERT ON kinds REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=statement', 'columns=i4, "Odd ""name", T');
CREATE OR REPLACE TRIGGER made AFTER INSERT OR UPDATE ON more_kinds FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'columns=m,i4,q');
CREATE TRIGGER rest AFTER INSERT ON more_kinds FOR EACH ROW
    EXECUTE FUNCTION flowctl.start_flow('see', 'except=b,i2,i4,i8,f4,f8,n,t,v,c,nm,u,d,ti,ts,tz,y,j,jb,o,p,"Odd ""name",a,iv,x');
CREATE TRIGGER nothing AFTER INSERT ON more_kinds FOR EACH ROW
    EXECUTE FUNCTION flowctl.start_flow('see', 'except=b,i2,i4,i8,f4,f8,n,t,v,c,nm,u,d,ti,ts,tz,y,j,jb,o,p,"Odd ""name",a,iv,x,m,q,r');
INSERT INTO kinds (i4, t, "Odd ""name") VALUES (1, 'x', 2);
INSERT INTO more_kinds (m, i4, q) VALUES ('sad', 1, row(2, 'y'));
UPDATE more_kinds SET i4 = 5 WHERE m = 'sad';
SELECT op, before, after FROM news() ORDER BY op, after::text;
-- A column that is renamed must not come back under its new name.
ALTER TABLE more_kinds RENAME r TO range;
INSERT INTO more_kinds (m) VALUES ('sad');
\echo :LAST_ERROR_SQLSTATE
DROP TABLE kinds, more_kinds;
DROP TYPE mood, pair;
DROP DOMAIN positive;

-- Expressions: whether a run starts, what its input is, and its name.
CREATE TABLE sales (id int, total numeric, vip bool, secret text);
CREATE TRIGGER big AFTER INSERT OR UPDATE ON sales FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'when=after.total > 100 and op = "c"', 'input={"order": after.id, "by": source.table}', 'name="order-" & after.id');
INSERT INTO sales VALUES (1, 50), (2, 500), (3, 1000);
UPDATE sales SET total = total + 1000;
SELECT name, input FROM flowctl.runs WHERE name IS NOT NULL ORDER BY name;
-- The same name and input is the same run, also in another statement and in this one; another input is an error.
INSERT INTO sales VALUES (3, 700), (4, 800), (4, 900);
SELECT name, input FROM flowctl.runs WHERE name IS NOT NULL ORDER BY name;
CREATE OR REPLACE TRIGGER big AFTER INSERT ON sales FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'input=after.total', 'name="order-" & after.id');
INSERT INTO sales VALUES (4, 900);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO sales VALUES (5, 900), (5, 901);
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER big ON sales;
-- Over all rows of a statement, and for TRUNCATE.
CREATE TRIGGER all_new AFTER INSERT ON sales REFERENCING NEW TABLE AS n FOR EACH STATEMENT
    EXECUTE FUNCTION flowctl.start_flow('see', 'per=statement', 'when=count > 1', 'input={"rows": count, "sum": $sum(after.total)}', 'except=secret');
CREATE TRIGGER each_new AFTER INSERT ON sales REFERENCING NEW TABLE AS n FOR EACH STATEMENT
    EXECUTE FUNCTION flowctl.start_flow('see', 'per=row', 'when=after.vip', 'input={"vip": after.id}');
CREATE TRIGGER emptied AFTER TRUNCATE ON sales FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'input={"emptied": source.table, "op": op}');
INSERT INTO looked SELECT run_id FROM flowctl.runs ON CONFLICT DO NOTHING;
INSERT INTO sales VALUES (6, 1, NULL);
INSERT INTO sales VALUES (7, 1, true), (8, 2.5, false);
TRUNCATE sales;
SELECT input, event->>'type' AS type, event->>'trigger' AS trigger FROM flowctl.runs r WHERE NOT EXISTS (SELECT FROM looked l WHERE l.run_id = r.run_id) ORDER BY run_id;
DROP TRIGGER all_new ON sales;
DROP TRIGGER each_new ON sales;
DROP TRIGGER emptied ON sales;
-- Expressions that fail: the writer's error, or a run that tells why.
CREATE TRIGGER e AFTER INSERT ON sales FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'when=after.id');
INSERT INTO sales VALUES (1);
\echo :LAST_ERROR_SQLSTATE
CREATE OR REPLACE TRIGGER e AFTER INSERT ON sales FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'when=after.total > 1');
INSERT INTO sales VALUES (1, NULL);
\echo :LAST_ERROR_SQLSTATE
CREATE OR REPLACE TRIGGER e AFTER INSERT ON sales FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'input=after.nothing');
INSERT INTO sales VALUES (1, NULL);
\echo :LAST_ERROR_SQLSTATE
CREATE OR REPLACE TRIGGER e AFTER INSERT ON sales FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'name=after');
INSERT INTO sales VALUES (1, NULL);
\echo :LAST_ERROR_SQLSTATE
CREATE OR REPLACE TRIGGER e AFTER INSERT ON sales FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'name=after.secret');
INSERT INTO sales VALUES (1, 1, true, 'not a name!');
\echo :LAST_ERROR_SQLSTATE
CREATE OR REPLACE TRIGGER e AFTER INSERT ON sales REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row', 'on_error=record', 'when=after.total > 1');
INSERT INTO sales VALUES (1, NULL), (2, 2), (3, NULL);
SELECT count(flowctl.wait(run_id)) > 0 AS ended FROM flowctl.runs;
SELECT status, error, cause, input - 'source' AS input FROM flowctl.runs r WHERE NOT EXISTS (SELECT FROM looked l WHERE l.run_id = r.run_id) AND flow = 'see' AND event->>'trigger' = 'e' OR status = 'FAILED' AND cause ~ 'trigger "e"' ORDER BY run_id;
DROP TABLE sales;

-- Triggers that cannot be made.
CREATE TABLE t (id int, v text);
CREATE TRIGGER bad AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row');
CREATE TRIGGER bad AFTER DELETE ON t FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row');
CREATE TRIGGER bad AFTER UPDATE ON t REFERENCING OLD TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=row');
CREATE TRIGGER bad AFTER INSERT ON t REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see');
CREATE TRIGGER bad AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'per=statement');
CREATE TRIGGER bad AFTER INSERT OR TRUNCATE ON t FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'per=statement');
CREATE TRIGGER bad AFTER TRUNCATE ON t FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see', 'columns=v');
CREATE TRIGGER bad AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'per=table');
CREATE TRIGGER bad AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'before=maybe');
CREATE TRIGGER bad AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'before=no', 'before=no');
CREATE TRIGGER bad AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'columns=v', 'except=id');
CREATE TRIGGER bad AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'columns=');
CREATE TRIGGER bad AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'columns=a b');
CREATE TRIGGER bad AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'columns=v,w');
CREATE TRIGGER bad AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'except=ctid');
CREATE TRIGGER bad AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'when=after.total >');
CREATE TRIGGER bad AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'name=');
CREATE TRIGGER bad AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'input');
DROP TABLE t;

DROP TABLE orders, looked;
DROP FUNCTION news(), copy_rows(), keep_out();
DROP EXTENSION pg_flowctl;
