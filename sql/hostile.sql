-- What a user may try: names and claims that are too long or cut a character in two, roles whose names need quotes, a huge
-- input, a table whose owner has lost the right.

-- without the extension its names are anybody's, and CREATE EXTENSION does not take them over
CREATE SCHEMA flowctl;
CREATE FUNCTION flowctl.start_flow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TEMP TABLE elsewhere (id int);
CREATE TRIGGER go AFTER INSERT ON elsewhere FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('nothing');
INSERT INTO elsewhere VALUES (1);
CREATE EXTENSION pg_flowctl;
DROP TABLE elsewhere;
DROP FUNCTION flowctl.start_flow();
DROP SCHEMA flowctl;

CREATE EXTENSION pg_flowctl;
CREATE ROLE "regress_It's ""me""";
CREATE ROLE regress_hostile;
CREATE SCHEMA regress_hostile AUTHORIZATION regress_hostile;
\set hello '{"StartAt": "Hello", "States": {"Hello": {"Type": "Pass", "End": true}}}'
SELECT flowctl.define_flow('hello', :'hello'), flowctl.grant_start('hello', 'regress_hostile');

-- a message holds the beginning of what was given, and whole characters of it
SELECT flowctl.start('x' || repeat('é', 1000));
SELECT flowctl.start('hello:x' || repeat('é', 1000));
SELECT flowctl.start('hello', name => 'x' || repeat('é', 1000));
SELECT flowctl.drop_flow('x' || repeat('é', 1000));
SELECT flowctl.define_flow('x' || repeat('é', 1000), :'hello');
SELECT flowctl.define_flow('hello', :'hello', 'x' || repeat('é', 1000));
\set VERBOSITY terse
SELECT flowctl.define_flow('hello', :'hello', options => jsonb_build_object('x' || repeat('é', 1000), 1));
\set VERBOSITY default

-- so does the claimed subject
SELECT set_config('request.jwt.claims', json_build_object('sub', 'x' || repeat('é', 1000))::text, false) IS NOT NULL AS set;
BEGIN;
SELECT flowctl.start('hello') AS run \gset
SELECT length(asserted_subject), octet_length(asserted_subject), convert_from(convert_to(asserted_subject, 'UTF8'), 'UTF8') = asserted_subject AS valid
FROM flowctl.runs WHERE run_id = :'run';
ROLLBACK;
RESET request.jwt.claims;

-- a hint can be copied
SET ROLE "regress_It's ""me""";
SELECT flowctl.define_flow('mine', :'hello');
SELECT flowctl.start('hello');
RESET ROLE;
SELECT flowctl.grant_start('hello', '"regress_It''s ""me"""'), flowctl.revoke_start('hello', '"regress_It''s ""me"""');

-- what is far too large is refused by its size
SELECT flowctl.start('hello', ('[' || repeat('1,', 400000) || '1]')::jsonb);
SELECT flowctl.start('hello', to_jsonb(repeat('x', 300000)));

-- another reading of string literals changes nothing
SET standard_conforming_strings = off;
SELECT flowctl.define_flow('gone', :'hello');
SELECT flowctl.drop_flow('gone');
RESET standard_conforming_strings;

-- a read-only transaction changes nothing, and says what to do
BEGIN READ ONLY;
\set VERBOSITY terse
SAVEPOINT here;
SELECT flowctl.define_flow('new', :'hello');
ROLLBACK TO here;
SELECT flowctl.drop_flow('hello');
ROLLBACK TO here;
SELECT flowctl.alter_flow_owner('hello', 'regress_hostile');
ROLLBACK TO here;
SELECT flowctl.grant_start('hello', 'regress_hostile');
ROLLBACK TO here;
SELECT flowctl.revoke_start('hello', 'regress_hostile');
ROLLBACK TO here;
SELECT flowctl.grant_author('regress_hostile');
ROLLBACK TO here;
SELECT flowctl.revoke_author('regress_hostile');
ROLLBACK TO here;
SELECT flowctl.stop('00000000-0000-0000-0000-000000000000');
ROLLBACK TO here;
\set VERBOSITY default
SELECT flowctl.activate();
ROLLBACK;

-- a trigger's function starts no flow in the name of whoever writes
SELECT flowctl.define_flow('as_invoker', :'hello', options => '{"run_as": "INVOKER"}'), flowctl.grant_start('as_invoker', 'regress_hostile');
CREATE TABLE regress_hostile.bait (id int);
CREATE FUNCTION regress_hostile.start() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM flowctl.start(''as_invoker''); RETURN NEW; END';
CREATE TRIGGER go BEFORE INSERT ON regress_hostile.bait FOR EACH ROW EXECUTE FUNCTION regress_hostile.start();
GRANT INSERT ON regress_hostile.bait TO regress_hostile;
SET ROLE regress_hostile;
\set VERBOSITY terse
INSERT INTO regress_hostile.bait VALUES (1);
\set VERBOSITY default
BEGIN;
SELECT flowctl.start('as_invoker') IS NOT NULL AS by_himself;
ROLLBACK;
RESET ROLE;

-- who has lost the right to start a flow leaves nothing in its runs, and is told
SET ROLE regress_hostile;
CREATE TABLE regress_hostile.orders (id int);
CREATE TRIGGER go AFTER INSERT ON regress_hostile.orders
    FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('hello', 'on_error=record');
BEGIN;
INSERT INTO regress_hostile.orders VALUES (1);
RESET ROLE;
SELECT flowctl.revoke_start('hello', 'regress_hostile');
SET ROLE regress_hostile;
INSERT INTO regress_hostile.orders VALUES (2);
RESET ROLE;
SELECT status, count(*) FROM flowctl.runs GROUP BY status;
ROLLBACK;
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA regress_hostile CASCADE;
DROP EXTENSION pg_flowctl;
DROP ROLE regress_hostile, "regress_It's ""me""";
