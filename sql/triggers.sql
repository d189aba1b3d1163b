-- Triggers that start flows: the input and event of a run, who must have which right, and every error.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_owner;
CREATE ROLE regress_writer;
SELECT flowctl.grant_author('regress_owner');
GRANT CREATE ON SCHEMA public TO regress_owner;
SET ROLE regress_owner;
SELECT flowctl.define_flow('see', '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}');
CREATE TABLE orders (id int PRIMARY KEY, amount numeric, note text);
GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO regress_writer;
CREATE TRIGGER see AFTER INSERT OR UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see');
RESET ROLE;

-- Insert, update and delete, by a writer who has no right on the flow.
SET ROLE regress_writer;
INSERT INTO orders VALUES (1, 12.50, E'caf\u00e9');
UPDATE orders SET amount = 13 WHERE id = 1;
DELETE FROM orders WHERE id = 1;
RESET ROLE;
SELECT flowctl.wait(run_id) FROM flowctl.runs ORDER BY run_id;
SELECT input->'op' AS op, input->'before' AS before, input->'after' AS after, input->'source'->>'table' AS "table",
       input->'source'->>'schema' AS schema, (input->'source'->>'db') = current_database() AS db,
       (input->'source'->>'txId') = xid::text AS "txId", (input->'source'->>'ts')::timestamptz <= started_at AS ts, role, starter
FROM flowctl.runs ORDER BY run_id;
SELECT event->>'specversion' AS specversion, event->>'type' AS type, event->>'trigger' AS trigger,
       event->>'source' = '/' || current_database() || '/public/orders' AS source, count(DISTINCT event->>'id')
FROM flowctl.runs GROUP BY 1, 2, 3, 4 ORDER BY 2;
SELECT string_agg(k, ' ' ORDER BY n) FROM json_object_keys((SELECT r.input::json FROM flowctl_catalog.run r ORDER BY run_id LIMIT 1)) WITH ORDINALITY AS keys(k, n);

-- WHEN decides before anything is done.
SET ROLE regress_owner;
CREATE TABLE big (amount numeric);
CREATE TRIGGER big AFTER INSERT ON big FOR EACH ROW WHEN (NEW.amount > 100) EXECUTE FUNCTION flowctl.start_flow('see', 'on_error=raise');
INSERT INTO big VALUES (1), (1000);
SELECT count(*) FROM flowctl.runs WHERE input->'source'->>'table' = 'big';

-- Rolled back rows start nothing.
BEGIN;
INSERT INTO big VALUES (5000);
ROLLBACK;
SELECT count(*) FROM flowctl.runs WHERE input->'source'->>'table' = 'big';

-- Triggers that cannot be made.
CREATE TABLE t (v text, j json);
CREATE TRIGGER bad AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow();
\echo :LAST_ERROR_SQLSTATE
CREATE TRIGGER bad AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('nothing');
\echo :LAST_ERROR_SQLSTATE
CREATE TRIGGER bad AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'on_error=ignore');
\echo :LAST_ERROR_SQLSTATE
CREATE TRIGGER bad AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'colour=blue');
\echo :LAST_ERROR_SQLSTATE
CREATE TRIGGER bad BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see');
\echo :LAST_ERROR_SQLSTATE
CREATE TRIGGER bad AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.start_flow();
\echo :LAST_ERROR_SQLSTATE

-- The creator needs the right to start, and so does the table's owner when the trigger fires.
RESET ROLE;
GRANT CREATE ON SCHEMA public TO regress_writer;
SET ROLE regress_writer;
CREATE TABLE mine (v text);
CREATE TRIGGER see AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
CREATE TRIGGER see AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see');
INSERT INTO mine VALUES ('the table''s owner may not');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.grant_start('see', 'regress_writer');
INSERT INTO mine VALUES ('now it may');
SELECT count(*) FROM flowctl.runs WHERE input->'after'->>'v' = 'now it may';
SELECT flowctl.revoke_start('see', 'regress_writer');
INSERT INTO mine VALUES ('and not any more');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM mine;

-- Rows that cannot be an input: an error in the writer's transaction.
SET ROLE regress_owner;
CREATE TRIGGER see AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see');
\set VERBOSITY sqlstate
INSERT INTO t (v) VALUES (repeat('x', 300000));
\set VERBOSITY default
INSERT INTO t (j) VALUES ('"\u0000"');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO t (j) VALUES ('[1e99999]');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM t;
-- The same within a domain, an array and a row.
CREATE DOMAIN wrapped AS json;
CREATE TYPE holder AS (part json);
CREATE TABLE within (d wrapped, a json[], h holder, n numeric, v text);
CREATE TRIGGER see AFTER INSERT OR UPDATE ON within FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see');
\set VERBOSITY terse
INSERT INTO within (d) VALUES ('"\u0000"');
INSERT INTO within (a) VALUES (ARRAY['"\udc00"'::json]);
INSERT INTO within (h) VALUES (row('"\u0000"'));
INSERT INTO within (n) VALUES (1e1100);
\set VERBOSITY default
-- Values that only look so, in columns that hold no JSON.
CREATE TABLE plain (v text, c varchar, b char(3), y bytea, f float8, at timestamptz, gone json);
ALTER TABLE plain DROP COLUMN gone;
CREATE TRIGGER see AFTER INSERT ON plain FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see');
INSERT INTO plain VALUES (E'\\u0000 "\x01\t\n', 'ä"\', '\', '\x00ff', 'NaN', 'infinity'), (NULL, '', '', '', '-inf', '-infinity');
SELECT input->'after' AS after FROM flowctl.runs WHERE input->'source'->>'table' = 'plain' ORDER BY run_id;
DROP TABLE within, plain;
DROP TYPE holder;
DROP DOMAIN wrapped;

-- on_error=record: the row is written, and a failed run tells why nothing started.
DROP TRIGGER see ON t;
CREATE TRIGGER see AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see', 'on_error=record');
INSERT INTO t (v) VALUES (repeat('x', 300000));
INSERT INTO t (j) VALUES ('"\u0000"');
SELECT count(*) FROM t;
SELECT status, error, regexp_replace(cause, '\d{6}', '...') AS cause, input, output FROM flowctl.runs WHERE status = 'FAILED' ORDER BY run_id;

-- A truncated table is one event.
CREATE TABLE log (v text);
CREATE TRIGGER emptied AFTER TRUNCATE ON log FOR EACH STATEMENT EXECUTE FUNCTION flowctl.start_flow('see');
TRUNCATE log;
SELECT input->>'op' AS op, input->'before' AS before, input->'after' AS after, event->>'type' AS type FROM flowctl.runs
WHERE input->'source'->>'table' = 'log';

-- Partitions and their parent are one table to the flow: the row's own.
CREATE TABLE parts (id int, v text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TRIGGER see AFTER INSERT ON parts FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('see');
INSERT INTO parts VALUES (1, 'x');
SELECT input->'source'->>'table' AS "table", input->'after' AS after FROM flowctl.runs WHERE input->'source'->>'table' LIKE 'parts%';
RESET ROLE;

-- A flow with triggers cannot be dropped.
SELECT flowctl.drop_flow('see');
\echo :LAST_ERROR_SQLSTATE
DROP TABLE orders, big, t, mine, log, parts;
SELECT count(*) FROM (SELECT flowctl.wait(run_id) FROM flowctl.runs) r;
SELECT flowctl.drop_flow('see');

DROP EXTENSION pg_flowctl;
REVOKE CREATE ON SCHEMA public FROM regress_owner, regress_writer;
DROP ROLE regress_owner;
DROP ROLE regress_writer;
