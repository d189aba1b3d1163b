\echo Use "CREATE EXTENSION pg_flowctl" to load this file. \quit

-- The two schemas, and the objects that several of the following pieces use.
--
-- The control file names no schema. The script creates both schemas itself, so they belong to the extension:
-- nobody can have made them before, and DROP EXTENSION drops them.
CREATE SCHEMA flowctl;
CREATE SCHEMA flowctl_catalog;
COMMENT ON SCHEMA flowctl IS 'workflows in Amazon States Language: functions and views for users';
COMMENT ON SCHEMA flowctl_catalog IS
    'tables of pg_flowctl''s engine; the views and functions for users are in schema flowctl';

-- A view reads tables with its owner's rights, and its functions were looked up when it was made. So nobody
-- needs USAGE on flowctl_catalog, except for a dump (90_install.sql).
REVOKE ALL ON SCHEMA flowctl, flowctl_catalog FROM PUBLIC;
GRANT USAGE ON SCHEMA flowctl TO PUBLIC;

-- Every piece follows the same rules.
--
--   A table of the engine stands in flowctl_catalog and is granted to nobody, except that the database's
--   owner may read the tables that pg_dump takes. Members of pg_read_all_data and pg_write_all_data need no
--   grant, so each table is closed to them: by row-level security without a policy or, if pg_dump takes the
--   table, by the trigger only_engine_writes.
--
--   No table has a sequence, because members of pg_write_all_data may set every sequence and nothing can
--   refuse them.
--
--   A view of flowctl can be read and not written to. A view of a single table would be updatable, and
--   members of pg_write_all_data could change the table with the rights of the view's owner. So such a view
--   has a second, empty item in FROM, which costs nothing.
--
--   A function pins its search_path, and says by REVOKE and GRANT who may call it.
--
--   Every object has a comment.

CREATE VIEW flowctl_catalog.my_role AS
    SELECT oid FROM pg_catalog.pg_roles WHERE pg_catalog.pg_has_role(oid, 'USAGE');
COMMENT ON VIEW flowctl_catalog.my_role IS 'the roles whose privileges the current role has';
COMMENT ON COLUMN flowctl_catalog.my_role.oid IS 'the role';

-- The type of columns that hold a role and that pg_dump takes. Its value is a role, or the name of a role
-- that the server does not have; a restored column of type regrole would need every role to exist. The
-- functions look nothing up in a schema, so they pin no search_path. Views call role_ref_oid as the user who
-- reads them.
CREATE TYPE flowctl_catalog.role_ref;
CREATE FUNCTION flowctl_catalog.role_ref_in(cstring) RETURNS flowctl_catalog.role_ref
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'flowctl_role_ref_in';
CREATE FUNCTION flowctl_catalog.role_ref_out(flowctl_catalog.role_ref) RETURNS cstring
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'flowctl_role_ref_out';
CREATE TYPE flowctl_catalog.role_ref (
    INPUT = flowctl_catalog.role_ref_in, OUTPUT = flowctl_catalog.role_ref_out, INTERNALLENGTH = 68, ALIGNMENT = int4);
CREATE FUNCTION flowctl_catalog.role_ref_oid(flowctl_catalog.role_ref) RETURNS oid
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'flowctl_role_ref_oid';
CREATE FUNCTION flowctl_catalog.role_ref_of(oid) RETURNS flowctl_catalog.role_ref
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'flowctl_role_ref_of';
CREATE CAST (flowctl_catalog.role_ref AS oid) WITH FUNCTION flowctl_catalog.role_ref_oid(flowctl_catalog.role_ref);
CREATE CAST (flowctl_catalog.role_ref AS regrole) WITH FUNCTION flowctl_catalog.role_ref_oid(flowctl_catalog.role_ref) AS ASSIGNMENT;
CREATE CAST (oid AS flowctl_catalog.role_ref) WITH FUNCTION flowctl_catalog.role_ref_of(oid) AS ASSIGNMENT;
COMMENT ON TYPE flowctl_catalog.role_ref IS 'a role, or the name of a role that does not exist';
COMMENT ON FUNCTION flowctl_catalog.role_ref_in(cstring) IS 'input of role_ref: the name of a role, whether it exists or not';
COMMENT ON FUNCTION flowctl_catalog.role_ref_out(flowctl_catalog.role_ref) IS 'output of role_ref: the name that the role has now';
COMMENT ON FUNCTION flowctl_catalog.role_ref_oid(flowctl_catalog.role_ref) IS 'the role; NULL if it does not exist';
COMMENT ON FUNCTION flowctl_catalog.role_ref_of(oid) IS 'a role as role_ref';
COMMENT ON CAST (flowctl_catalog.role_ref AS oid) IS 'the role; NULL if it does not exist';
COMMENT ON CAST (flowctl_catalog.role_ref AS regrole) IS 'the role; NULL if it does not exist';
COMMENT ON CAST (oid AS flowctl_catalog.role_ref) IS 'lets the engine assign a role to such a column';
REVOKE ALL ON FUNCTION flowctl_catalog.role_ref_in(cstring), flowctl_catalog.role_ref_out(flowctl_catalog.role_ref),
    flowctl_catalog.role_ref_oid(flowctl_catalog.role_ref), flowctl_catalog.role_ref_of(oid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl_catalog.role_ref_oid(flowctl_catalog.role_ref) TO PUBLIC;

-- A column that holds a role gives the role a right. The trigger records a shared dependency of the column on
-- the role, so that a role cannot be dropped while it has rights.
CREATE FUNCTION flowctl_catalog.depend_on_role() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_depend_on_role';
COMMENT ON FUNCTION flowctl_catalog.depend_on_role() IS
    'trigger function of the tables that give roles rights: keeps these roles from being dropped';
REVOKE ALL ON FUNCTION flowctl_catalog.depend_on_role() FROM PUBLIC;

-- pg_dump takes the tables that hold flows and rights. If row-level security closed them, a role without
-- BYPASSRLS could not dump them. So a trigger refuses writes by roles that do not have the privileges of the
-- table's owner. 90_install.sql makes it for each of these tables.
CREATE FUNCTION flowctl_catalog.only_engine_writes() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_only_engine_writes';
COMMENT ON FUNCTION flowctl_catalog.only_engine_writes() IS
    'trigger function of the tables that hold flows and rights: refuses writes by roles without the privileges of the '
    'table''s owner';
REVOKE ALL ON FUNCTION flowctl_catalog.only_engine_writes() FROM PUBLIC;
