-- Runs that row triggers start are written when their statement is over: in the same transaction, and with its fate.
CREATE EXTENSION pg_flowctl;
SELECT flowctl.define_flow('pending', '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}');
CREATE TABLE pending (id int);
CREATE TRIGGER go AFTER INSERT ON pending FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('pending');
CREATE FUNCTION started() RETURNS bigint LANGUAGE sql AS $$SELECT count(*) FROM flowctl.runs WHERE flow = 'pending'$$;

-- They are there for the next statement of the transaction, and gone with it.
BEGIN;
INSERT INTO pending SELECT generate_series(1, 2500);
SELECT started(), count(DISTINCT input->'after'->>'id') FROM flowctl.runs WHERE flow = 'pending';
ROLLBACK;
SELECT started();

-- A subtransaction takes its own along.
BEGIN;
INSERT INTO pending VALUES (1);
SAVEPOINT s;
INSERT INTO pending VALUES (2), (3);
SELECT started();
ROLLBACK TO s;
SELECT started();
SAVEPOINT s;
INSERT INTO pending VALUES (4);
RELEASE s;
COMMIT;
SELECT array_agg(input->'after'->>'id' ORDER BY input->'after'->>'id') FROM flowctl.runs WHERE flow = 'pending';

-- Within one statement: a function that each row calls inserts, and fails for some; what has failed leaves nothing.
CREATE FUNCTION insert_or_fail(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO pending VALUES (n), (n + 1000);
    IF n % 2 = 0 THEN RAISE EXCEPTION 'even'; END IF;
    RETURN started();
EXCEPTION WHEN raise_exception THEN
    RETURN -started();
END $$;
SELECT n, insert_or_fail(n) FROM generate_series(11, 14) n;
SELECT started();

-- The same from a trigger of the table, whose statement has started runs itself.
CREATE TABLE outside (n int);
CREATE TRIGGER a_go AFTER INSERT ON outside FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('pending');
CREATE FUNCTION inside() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM insert_or_fail(new.n);
    RETURN NULL;
END $$;
CREATE TRIGGER b_inside AFTER INSERT ON outside FOR EACH ROW EXECUTE FUNCTION inside();
TRUNCATE pending;
INSERT INTO outside VALUES (21), (22), (23);
SELECT input->'source'->>'table' AS "table", count(*), array_agg((coalesce(input->'after'->>'id', input->'after'->>'n'))::int ORDER BY (coalesce(input->'after'->>'id', input->'after'->>'n'))::int)
FROM flowctl.runs WHERE flow = 'pending' AND (input->'after'->>'n' IS NOT NULL OR (input->'after'->>'id')::int % 1000 > 20) GROUP BY 1 ORDER BY 1;

-- Rows that COPY brings, and triggers that fire at the end.
BEGIN;
COPY pending FROM stdin;
31
32
\.
SELECT count(*) FROM flowctl.runs WHERE flow = 'pending' AND input->'after'->>'id' IN ('31', '32');
COMMIT;
CREATE TABLE late (id int);
CREATE CONSTRAINT TRIGGER go AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('pending');
BEGIN;
INSERT INTO late VALUES (41), (42);
SELECT count(*) FROM flowctl.runs WHERE flow = 'pending' AND input->'source'->>'table' = 'late';
SET CONSTRAINTS ALL IMMEDIATE;
SELECT count(*) FROM flowctl.runs WHERE flow = 'pending' AND input->'source'->>'table' = 'late';
INSERT INTO late VALUES (43);
COMMIT;
INSERT INTO late VALUES (44);
SELECT count(*) FROM flowctl.runs WHERE flow = 'pending' AND input->'source'->>'table' = 'late';

-- A flow that gets a new version, or a right that goes, between two statements of one transaction counts at once.
BEGIN;
INSERT INTO pending VALUES (51);
SELECT flowctl.define_flow('pending', '{"StartAt": "B", "States": {"B": {"Type": "Succeed"}}}');
INSERT INTO pending VALUES (52);
SELECT version, input->'after'->>'id' AS id FROM flowctl.runs WHERE flow = 'pending' AND input->'after'->>'id' IN ('51', '52') ORDER BY 2;
ROLLBACK;
INSERT INTO pending VALUES (53);
SELECT version FROM flowctl.runs WHERE flow = 'pending' AND input->'after'->>'id' = '53';

DROP TABLE pending, outside, late;
DROP FUNCTION started(), insert_or_fail(int), inside();
DROP EXTENSION pg_flowctl;
