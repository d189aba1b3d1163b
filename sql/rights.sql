-- Who may do what with flows, and who may not.
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_author;
CREATE ROLE regress_team;
CREATE ROLE regress_member IN ROLE regress_team;
CREATE ROLE regress_noinherit NOINHERIT IN ROLE regress_team;
CREATE ROLE regress_starter;
CREATE ROLE regress_starter_member IN ROLE regress_starter;
CREATE ROLE regress_other;
CREATE ROLE regress_reader IN ROLE pg_read_all_data;
CREATE SCHEMA regress_rights;
GRANT ALL ON SCHEMA regress_rights TO PUBLIC;
\set hello '{"StartAt": "Hello", "States": {"Hello": {"Type": "Pass", "End": true}}}'
\set other '{"StartAt": "Other", "States": {"Other": {"Type": "Pass", "End": true}}}'

-- authors
SET ROLE regress_author;
SELECT flowctl.define_flow('pay', :'hello');
SELECT flowctl.validate(:'hello');
SELECT flowctl.grant_author('regress_author');
SELECT flowctl.revoke_author('regress_author');
RESET ROLE;
SELECT flowctl.grant_author('regress_author');
SELECT flowctl.grant_author('regress_author');
SELECT flowctl.grant_author('regress_team');
SELECT flowctl.grant_author(NULL);
SELECT flowctl.grant_author('regress_nobody');
SELECT flowctl.grant_author(0);
SET ROLE regress_author;
SELECT flowctl.define_flow('pay', :'hello');
SELECT count(*) FROM flowctl.validate(:'hello');
SELECT flowctl.grant_author('regress_other');
-- a member that inherits is an author, one that does not says SET ROLE first
SET ROLE regress_member;
SELECT flowctl.define_flow('of_member', :'hello');
SET ROLE regress_noinherit;
SELECT flowctl.define_flow('of_noinherit', :'hello');
RESET ROLE;
SELECT flowctl.revoke_author('regress_team');
SELECT flowctl.revoke_author('regress_team');
SET ROLE regress_member;
SELECT flowctl.define_flow('of_member', :'other');
RESET ROLE;
SELECT flowctl.grant_author('regress_team');
SELECT flowctl.grant_author('regress_other');

-- a flow belongs to who defined it: other authors may do nothing with it
SET ROLE regress_other;
SELECT flowctl.define_flow('pay', :'other');
SELECT flowctl.drop_flow('pay');
SELECT flowctl.grant_start('pay', 'regress_other');
SELECT flowctl.revoke_start('pay', 'regress_other');
SELECT flowctl.alter_flow_owner('pay', 'regress_other');

-- a new owner is one that the giver may become
SET ROLE regress_author;
SELECT flowctl.alter_flow_owner('pay', 'regress_team');
SELECT flowctl.alter_flow_owner('pay', NULL);
SELECT flowctl.alter_flow_owner('pay', 1);
SELECT flowctl.alter_flow_owner('nowhere', 'regress_author');
RESET ROLE;
GRANT regress_team TO regress_author;
SET ROLE regress_author;
SELECT flowctl.alter_flow_owner('pay', 'regress_team');
RESET ROLE;
REVOKE regress_team FROM regress_author;
SET ROLE regress_author;
SELECT flowctl.define_flow('pay', :'other');
SET ROLE regress_member;
SELECT flowctl.define_flow('pay', :'other');
SELECT name, owner FROM flowctl.flows ORDER BY name;
SET ROLE regress_noinherit;
SELECT flowctl.define_flow('pay', :'hello');
SELECT count(*) FROM flowctl.flows;
SET ROLE regress_team;
SELECT flowctl.define_flow('pay', :'hello');

-- grants of start: by the owner's members, to roles
SELECT flowctl.grant_start('nowhere', 'regress_starter');
SELECT flowctl.grant_start('pay', 'regress_nobody');
SELECT flowctl.grant_start('pay', NULL);
SELECT flowctl.grant_start(NULL, 'regress_starter');
SELECT flowctl.grant_start('pay', 12345678);
SET ROLE regress_member;
SELECT flowctl.grant_start('pay', 'regress_starter');
SELECT flowctl.grant_start('pay', 'regress_starter');
RESET ROLE;
SELECT f.name, g.role, g.granted_by FROM flowctl_catalog.flow_grant g JOIN flowctl_catalog.flow f USING (flow_id);

-- creating a trigger takes the right to start
SET ROLE regress_other;
CREATE TABLE regress_rights.of_other (id int);
CREATE TRIGGER go AFTER INSERT ON regress_rights.of_other FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('pay');
SET ROLE regress_starter_member;
CREATE TABLE regress_rights.of_starter (id int) PARTITION BY LIST (id);
CREATE TABLE regress_rights.of_starter_1 PARTITION OF regress_rights.of_starter FOR VALUES IN (1);
CREATE TRIGGER go AFTER INSERT ON regress_rights.of_starter FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('pay');
CREATE TABLE regress_rights.of_starter_2 PARTITION OF regress_rights.of_starter FOR VALUES IN (2);
SET ROLE regress_team;
SELECT flowctl.drop_flow('pay');
SET ROLE regress_starter_member;
DROP TABLE regress_rights.of_starter;
-- who may start sees the flow, but not its definition
SELECT name FROM flowctl.flows;
SELECT count(*) FROM flowctl.flow_versions;
SELECT flowctl.define_flow('pay', :'hello');
SET ROLE regress_member;
SELECT flowctl.revoke_start('pay', 'regress_starter');
SELECT flowctl.revoke_start('pay', 'regress_starter');
SET ROLE regress_starter_member;
SELECT count(*) FROM flowctl.flows;
CREATE TABLE regress_rights.of_starter (id int);
CREATE TRIGGER go AFTER INSERT ON regress_rights.of_starter FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('pay');

-- the codes, for programs
\set VERBOSITY sqlstate
CREATE TRIGGER go AFTER INSERT ON regress_rights.of_starter FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('pay');
CREATE TRIGGER go AFTER INSERT ON regress_rights.of_starter FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('nowhere');
CREATE TRIGGER go AFTER INSERT ON regress_rights.of_starter FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow();
SELECT flowctl.define_flow('mine', :'hello');
SELECT flowctl.drop_flow('pay');
SELECT flowctl.grant_author('regress_starter');
SELECT flowctl.grant_start('pay', 'regress_starter');
\set VERBOSITY default

-- a flow of a superuser, and a superuser with the flows of others
RESET ROLE;
SELECT flowctl.define_flow('of_super', :'hello');
SELECT flowctl.define_flow('pay', :'hello', comment => 'by superuser');
SELECT owner FROM flowctl.flows WHERE name = 'pay';
SET ROLE regress_member;
\set VERBOSITY terse
SELECT flowctl.drop_flow('of_super');
\set VERBOSITY default
SELECT flowctl.alter_flow_owner('pay', 'pg_read_all_data');
RESET ROLE;
SELECT flowctl.alter_flow_owner('of_super', 'regress_other');

-- whoever may not see a flow gets the same answer as for one that does not exist: kind of error, words, hint and all
CREATE FUNCTION regress_rights.answer(command text, flow text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE code text; message text; detail text; hint text;
BEGIN
    EXECUTE replace(command, '*', flow);
    RAISE 'done' USING ERRCODE = 'ZZ000';  -- takes back what was done
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN replace(format('%s %s %s %s', code, message, detail, hint), flow, '*');
END $$;
CREATE TABLE regress_rights.fires (id int);
ALTER TABLE regress_rights.fires OWNER TO regress_other;
SET ROLE regress_other;
SELECT command, regress_rights.answer(command, 'pay') = regress_rights.answer(command, 'nowhere') AS same
FROM unnest(ARRAY[
    $$SELECT flowctl.start('*')$$, $$SELECT flowctl.start('*:1')$$, $$SELECT flowctl.start('*:99')$$, $$SELECT flowctl.start('*', name => 'x')$$,
    $$SELECT flowctl.drop_flow('*')$$, $$SELECT flowctl.alter_flow_owner('*', 'regress_other')$$,
    $$SELECT flowctl.grant_start('*', 'regress_other')$$, $$SELECT flowctl.revoke_start('*', 'regress_other')$$,
    $$CREATE TRIGGER go AFTER INSERT ON regress_rights.fires FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('*')$$,
    $$CREATE TRIGGER go AFTER INSERT ON regress_rights.fires FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('*:1')$$,
    $$CREATE TRIGGER go AFTER INSERT ON regress_rights.fires FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('*:99')$$,
    $$SET check_function_bodies = off; CREATE TRIGGER go AFTER INSERT ON regress_rights.fires FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('*')$$,
    $$SET check_function_bodies = off; CREATE TRIGGER go AFTER INSERT ON regress_rights.fires FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('*'); INSERT INTO regress_rights.fires VALUES (1)$$])
    command;
-- a trigger that was prepared in this way starts nothing, and is in nobody's way
SET check_function_bodies = off;
CREATE TRIGGER go AFTER INSERT ON regress_rights.fires FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('of_other_too');
CREATE TRIGGER gone AFTER INSERT ON regress_rights.fires FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('through');
RESET check_function_bodies;
-- who sees all flows is told which it is
SET ROLE regress_reader;
\set VERBOSITY terse
SELECT flowctl.drop_flow('nowhere');
SELECT flowctl.drop_flow('pay');
RESET ROLE;
SELECT flowctl.drop_flow('nowhere');
\set VERBOSITY default

-- who calls through a function that belongs to someone else is that one
CREATE FUNCTION regress_rights.define(text, json) RETURNS int LANGUAGE sql SECURITY DEFINER
    AS 'SELECT flowctl.define_flow($1, $2)';
ALTER FUNCTION regress_rights.define(text, json) OWNER TO regress_author;
SET ROLE regress_starter;
SELECT regress_rights.define('through', :'hello');
RESET ROLE;
SELECT owner FROM flowctl.flows WHERE name = 'through';
-- the stranger's trigger for it, which was there before, is not in its way
SET ROLE regress_author;
SELECT flowctl.drop_flow('through');
RESET ROLE;

-- which functions are for all
SET ROLE regress_author;
SELECT flowctl.activate();
RESET ROLE;
SELECT p.oid::regprocedure::text COLLATE "C" AS for_all FROM pg_proc p
WHERE p.pronamespace = 'flowctl'::regnamespace AND has_function_privilege('regress_author', p.oid, 'EXECUTE')
ORDER BY 1;

SET client_min_messages = warning;
DROP SCHEMA regress_rights CASCADE;
DROP EXTENSION pg_flowctl CASCADE;
DROP ROLE regress_author, regress_team, regress_member, regress_noinherit, regress_starter, regress_starter_member, regress_other, regress_reader;
