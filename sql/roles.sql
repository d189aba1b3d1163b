-- Roles that rights on flows stand for: DROP ROLE is refused, DROP OWNED and REASSIGN OWNED take flows along.
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_owner;
CREATE ROLE regress_grantee;
CREATE ROLE regress_writer;
CREATE ROLE regress_heir;
CREATE SCHEMA regress_roles;
CREATE TABLE regress_roles.orders (id int);
\set hello '{"StartAt": "Hello", "States": {"Hello": {"Type": "Pass", "End": true}}}'
\set patient '{"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 100000, "End": true}}}'
SELECT flowctl.grant_author('regress_owner'), flowctl.grant_author('regress_writer');
SET ROLE regress_owner;
SELECT flowctl.define_flow('one', :'hello'), flowctl.define_flow('two', :'hello'), flowctl.define_flow('slow', :'patient');
SELECT flowctl.grant_start('one', 'regress_grantee'), flowctl.grant_start('two', 'regress_grantee');
RESET ROLE;
CREATE VIEW regress_roles.dependencies AS
    SELECT pg_describe_object(classid, objid, objsubid) COLLATE "C" AS object, refobjid::regrole AS role
    FROM pg_shdepend
    WHERE refclassid = 'pg_authid'::regclass AND deptype = 'a'
      AND objid IN ('flowctl_catalog.flow'::regclass, 'flowctl_catalog.flow_grant'::regclass, 'flowctl_catalog.author'::regclass)
    ORDER BY 1, 2;

-- many rows with a role are one dependency, which goes with the last of them
SELECT * FROM regress_roles.dependencies;
DROP ROLE regress_owner;
DROP ROLE regress_grantee;
DROP ROLE regress_writer;
SELECT flowctl.revoke_start('one', 'regress_grantee');
DROP ROLE regress_grantee;
SELECT flowctl.revoke_author('regress_writer');
SELECT flowctl.revoke_start('two', 'regress_grantee');
SELECT * FROM regress_roles.dependencies;
BEGIN;
DROP ROLE regress_writer, regress_grantee;
ROLLBACK;

-- what has been rolled back leaves nothing
BEGIN;
SELECT flowctl.grant_start('two', 'regress_grantee');
ROLLBACK;
BEGIN;
SAVEPOINT before;
SELECT flowctl.grant_author('regress_grantee');
ROLLBACK TO before;
COMMIT;
DROP ROLE regress_grantee;

-- DROP OWNED needs the role's rights, and takes back what the role was given
CREATE ROLE regress_grantee;
SELECT flowctl.grant_start('one', 'regress_grantee'), flowctl.grant_author('regress_grantee');
SET ROLE regress_writer;
DROP OWNED BY regress_grantee;
REASSIGN OWNED BY regress_owner TO regress_writer;
SET ROLE regress_grantee;
DROP OWNED BY regress_grantee;
RESET ROLE;
DROP ROLE regress_grantee;
SELECT role, granted_by FROM flowctl_catalog.author;

-- it drops the role's flows as drop_flow does: not those that are in use
SELECT flowctl.start('slow') AS run \gset
DROP OWNED BY regress_owner;
SELECT name, owner FROM flowctl.flows ORDER BY name;
SELECT flowctl.stop(:'run');
SELECT flowctl.wait(:'run', '1 min');
CREATE TRIGGER go AFTER INSERT ON regress_roles.orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('one');
DROP OWNED BY regress_owner;
SELECT * FROM regress_roles.dependencies;

-- no superuser gets flows that others have written
CREATE ROLE regress_root SUPERUSER;
REASSIGN OWNED BY regress_owner TO regress_root;
SELECT flowctl.alter_flow_owner('two', 'regress_root');
DROP ROLE regress_root;

-- REASSIGN OWNED gives them to the heir
REASSIGN OWNED BY regress_owner TO regress_heir;
SELECT name, owner FROM flowctl.flows ORDER BY name;
SELECT * FROM regress_roles.dependencies;
DROP OWNED BY regress_owner;
DROP ROLE regress_owner;
DROP ROLE regress_heir;

-- who defined a version and who granted a right are names, and outlive the roles
SELECT flow, author FROM flowctl.flow_versions ORDER BY flow;

-- a table that goes in the same command is not in the way
ALTER TABLE regress_roles.orders OWNER TO regress_heir;
DROP OWNED BY regress_heir;
SELECT count(*) FROM flowctl.flows;
SELECT * FROM regress_roles.dependencies;
DROP ROLE regress_heir;

-- a number that stands for no role is refused, whoever writes it
INSERT INTO flowctl_catalog.author VALUES (1::oid, 'nobody');
SELECT flowctl_catalog.depend_on_role();
CREATE TABLE regress_roles.author (role regrole);
CREATE TRIGGER go BEFORE INSERT ON regress_roles.author FOR EACH ROW EXECUTE FUNCTION flowctl_catalog.depend_on_role();
INSERT INTO regress_roles.author VALUES ('regress_writer');

DROP SCHEMA regress_roles CASCADE;
DROP EXTENSION pg_flowctl;
DROP ROLE regress_writer;
