-- Who may do what with flows, and who may not.
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_author;
CREATE ROLE regress_team;
CREATE ROLE regress_member IN ROLE regress_team;
CREATE ROLE regress_noinherit NOINHERIT IN ROLE regress_team;
CREATE ROLE regress_starter;
CREATE ROLE regress_starter_member IN ROLE regress_starter;
CREATE ROLE regress_other;
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

-- who calls through a function that belongs to someone else is that one
CREATE FUNCTION regress_rights.define(text, json) RETURNS int LANGUAGE sql SECURITY DEFINER
    AS 'SELECT flowctl.define_flow($1, $2)';
ALTER FUNCTION regress_rights.define(text, json) OWNER TO regress_author;
SET ROLE regress_starter;
SELECT regress_rights.define('through', :'hello');
RESET ROLE;
SELECT owner FROM flowctl.flows WHERE name = 'through';

-- the engine's tables are nobody's, the functions that are not meant for all are not
SET ROLE regress_author;
SELECT * FROM flowctl_catalog.flow;
INSERT INTO flowctl_catalog.author VALUES ('regress_starter', 'regress_starter');
SELECT * FROM flowctl_catalog.my_role;
SELECT flowctl_catalog.register_installation();
SELECT flowctl.activate();
RESET ROLE;
SELECT c.relname FROM pg_class c
WHERE c.relnamespace IN ('flowctl'::regnamespace, 'flowctl_catalog'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'S')
  AND has_table_privilege('regress_author', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
ORDER BY c.relname COLLATE "C";
-- not even theirs who may write to all tables: a flow of a superuser's would be one's own
CREATE ROLE regress_all_data IN ROLE pg_write_all_data, pg_read_all_data;
SET ROLE regress_all_data;
UPDATE flowctl_catalog.flow SET owner = 'postgres';
UPDATE flowctl_catalog.flow_version SET definition = '{}';
DELETE FROM flowctl_catalog.flow_grant;
INSERT INTO flowctl_catalog.author VALUES ('regress_all_data', 'me');
INSERT INTO flowctl_catalog.control (run_id, kind, requested_by) VALUES (gen_random_uuid(), 'stop', 'postgres');
UPDATE flowctl_catalog.run SET role = 'postgres';
RESET ROLE;
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'flowctl_catalog'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
  AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'only_engine_writes' AND t.tgenabled = 'A');
DROP ROLE regress_all_data;
SELECT p.oid::regprocedure::text COLLATE "C" AS for_all FROM pg_proc p
WHERE p.pronamespace = 'flowctl'::regnamespace AND has_function_privilege('regress_author', p.oid, 'EXECUTE')
ORDER BY 1;
-- no function looks for anything in a schema that users can write to, and each says who may call it
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace IN ('flowctl'::regnamespace, 'flowctl_catalog'::regnamespace)
  AND (p.proconfig IS DISTINCT FROM '{"search_path=pg_catalog, pg_temp"}' OR p.proacl IS NULL OR p.prosecdef);
-- everything that the extension has carries a comment
SELECT pg_describe_object(d.classid, d.objid, 0) AS uncommented FROM pg_depend d
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_flowctl')
  AND d.classid <> 'pg_type'::regclass AND obj_description(d.objid, (SELECT relname FROM pg_class WHERE oid = d.classid)) IS NULL
ORDER BY 1;
SELECT c.oid::regclass AS uncommented FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
WHERE c.relnamespace = 'flowctl_catalog'::regnamespace AND NOT c.relispartition AND NOT i.indisprimary AND NOT i.indisunique
  AND obj_description(c.oid, 'pg_class') IS NULL;
SELECT a.attrelid::regclass, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace IN ('flowctl'::regnamespace, 'flowctl_catalog'::regnamespace) AND c.relkind = 'v' AND a.attnum > 0 AND col_description(a.attrelid, a.attnum) IS NULL;

SET client_min_messages = warning;
DROP SCHEMA regress_rights CASCADE;
DROP EXTENSION pg_flowctl CASCADE;
DROP ROLE regress_author, regress_team, regress_member, regress_noinherit, regress_starter, regress_starter_member, regress_other;
