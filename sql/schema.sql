-- What the extension has in which schema, and that nobody but the engine writes to it.
SET client_min_messages = warning;
CREATE ROLE regress_schema_user;
CREATE ROLE regress_schema_writer IN ROLE pg_write_all_data, pg_read_all_data;
CREATE SCHEMA regress_schema;
GRANT ALL ON SCHEMA regress_schema TO PUBLIC;
-- an administrator's default privileges give nothing away
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO regress_schema_user, PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO regress_schema_user;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO regress_schema_user;
CREATE EXTENSION pg_flowctl;
SELECT flowctl.make_partition('2000-01-01 00:00+00', '2000-02-01 00:00+00');
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM regress_schema_user, PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM regress_schema_user;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SCHEMAS FROM regress_schema_user;

-- flowctl has views, functions that people call, and nothing else
SELECT c.relname, c.relkind FROM pg_class c WHERE c.relnamespace = 'flowctl'::regnamespace AND c.relkind <> 'v';
SELECT c.relname COLLATE "C" AS view FROM pg_class c WHERE c.relnamespace = 'flowctl'::regnamespace ORDER BY 1;
SELECT p.proname COLLATE "C" AS function, pg_get_function_identity_arguments(p.oid) AS arguments
FROM pg_proc p WHERE p.pronamespace = 'flowctl'::regnamespace ORDER BY 1, 2;
-- the engine's tables, functions and view; leaves are like run_default
SELECT c.relname COLLATE "C" AS relation, c.relkind FROM pg_class c
WHERE c.relnamespace = 'flowctl_catalog'::regnamespace AND c.relkind NOT IN ('i', 'I') AND c.relname !~ '_\d{8}_\d{4}$' ORDER BY 1;
SELECT p.proname COLLATE "C" AS function FROM pg_proc p WHERE p.pronamespace = 'flowctl_catalog'::regnamespace ORDER BY 1;
-- whatever else belongs to the extension
SELECT pg_describe_object(d.classid, d.objid, 0) COLLATE "C" AS member FROM pg_depend d
    LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
    LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_flowctl') AND d.classid <> 'pg_type'::regclass
  AND coalesce(c.relnamespace, p.pronamespace, 0) NOT IN ('flowctl'::regnamespace, 'flowctl_catalog'::regnamespace) ORDER BY 1;

-- who has which right: the views are readable, and of the engine's schema two functions that views call are executable
SELECT n.nspname, coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC') AS grantee, a.privilege_type
FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname LIKE 'flowctl%' AND a.grantee <> n.nspowner ORDER BY 1, 2, 3;
SELECT c.relnamespace::regnamespace AS schema, c.relkind, coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC') AS grantee, a.privilege_type, count(*)
FROM pg_class c, aclexplode(c.relacl) a
WHERE c.relnamespace IN ('flowctl'::regnamespace, 'flowctl_catalog'::regnamespace) AND a.grantee <> c.relowner GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
SELECT attrelid::regclass, attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE c.relnamespace IN ('flowctl'::regnamespace, 'flowctl_catalog'::regnamespace) AND attacl IS NOT NULL;
SELECT p.oid::regprocedure, coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC') AS grantee
FROM pg_proc p, aclexplode(p.proacl) a
WHERE p.pronamespace = 'flowctl_catalog'::regnamespace AND a.grantee <> p.proowner ORDER BY p.proname COLLATE "C";
SELECT p.oid::regprocedure FROM pg_proc p, aclexplode(p.proacl) a
WHERE p.pronamespace = 'flowctl'::regnamespace AND a.grantee NOT IN (0, p.proowner);

-- each table is closed by row-level security or by a trigger, no view can be written to, and no function looks for anything in a
-- schema that users can write to, runs with its owner's rights or leaves open who may call it; a procedure that has a setting of its
-- own could not commit, so its path is pinned while its SQL runs
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'flowctl_catalog'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
  AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'only_engine_writes' AND t.tgenabled = 'A');
SELECT c.relname FROM pg_class c
WHERE c.relnamespace IN ('flowctl'::regnamespace, 'flowctl_catalog'::regnamespace) AND c.relkind = 'v' AND pg_relation_is_updatable(c.oid, true) <> 0;
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace IN ('flowctl'::regnamespace, 'flowctl_catalog'::regnamespace)
  AND (p.proconfig IS DISTINCT FROM '{"search_path=pg_catalog, pg_temp"}' AND NOT (p.prokind = 'p' AND p.proconfig IS NULL)
       OR p.proacl IS NULL OR p.prosecdef) ORDER BY p.proname COLLATE "C";
-- pg_upgrade makes the views again from their definitions
DO $$
DECLARE
    viewed regclass;
BEGIN
    FOR viewed IN SELECT oid FROM pg_class WHERE relnamespace = 'flowctl'::regnamespace LOOP
        EXECUTE format('CREATE TEMP VIEW again AS %s', pg_get_viewdef(viewed));
        DROP VIEW again;
    END LOOP;
END $$;

-- everything has a comment
SELECT pg_describe_object(d.classid, d.objid, 0) AS uncommented FROM pg_depend d
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_flowctl')
  AND d.classid <> 'pg_type'::regclass AND obj_description(d.objid, (SELECT relname FROM pg_class WHERE oid = d.classid)) IS NULL
ORDER BY 1;
SELECT c.oid::regclass AS uncommented FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
WHERE c.relnamespace = 'flowctl_catalog'::regnamespace AND NOT c.relispartition AND NOT i.indisprimary AND NOT i.indisunique
  AND obj_description(c.oid, 'pg_class') IS NULL;
SELECT t.tgrelid::regclass, t.tgname AS uncommented FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = 'flowctl_catalog'::regnamespace AND NOT t.tgisinternal AND t.tgparentid = 0 AND obj_description(t.oid, 'pg_trigger') IS NULL;
SELECT a.attrelid::regclass, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace IN ('flowctl'::regnamespace, 'flowctl_catalog'::regnamespace) AND c.relkind = 'v' AND a.attnum > 0
  AND col_description(a.attrelid, a.attnum) IS NULL;

-- whoever has no right in the engine's schema reads every view
SET ROLE regress_schema_user;
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'flowctl'::regnamespace LOOP
        EXECUTE format('SELECT * FROM flowctl.%I', name);
    END LOOP;
END $$;
SELECT * FROM flowctl_catalog.flow;
SELECT flowctl_catalog.worker_status();
SELECT 'flowctl_catalog.run'::regclass;
INSERT INTO flowctl_catalog.author VALUES ('regress_schema_user', 'me');
BEGIN;
LOCK TABLE flowctl_catalog.run IN ACCESS SHARE MODE;
ROLLBACK;

-- members of pg_write_all_data and pg_read_all_data may not write either, by table or view: a flow of a superuser's would be one's own
SET ROLE regress_schema_writer;
UPDATE flowctl_catalog.flow SET owner = 'postgres';
UPDATE flowctl_catalog.flow_version SET definition = '{}';
DELETE FROM flowctl_catalog.flow_grant;
INSERT INTO flowctl_catalog.author VALUES ('regress_schema_writer', 'me');
INSERT INTO flowctl_catalog.policy (name, effect, conditions, created_by) VALUES ('mine', 'permit', '{}', 'me');
INSERT INTO flowctl_catalog.lease_rule (name, endpoint, role, conditions, created_by) VALUES ('x', 'own', 'regress_schema_user', '{}', 'x');
INSERT INTO flowctl_catalog.control (run_id, kind, requested_by) VALUES (gen_random_uuid(), 'stop', 'postgres');
INSERT INTO flowctl_catalog.key_set (server, options_hash, tried_at) VALUES (1, '', now());
UPDATE flowctl_catalog.run SET role = 'postgres';
COPY flowctl_catalog.denial FROM stdin;
\.
DELETE FROM flowctl.flows;
DELETE FROM flowctl.denials;
UPDATE flowctl.policies SET effect = 'permit';
INSERT INTO flowctl.lease_rules (name) VALUES ('x');
-- they cannot hold the engine up by locks
SELECT * FROM flowctl_catalog.flow FOR UPDATE;
SELECT * FROM flowctl.flow_versions FOR KEY SHARE;
SELECT f.name FROM (SELECT * FROM flowctl.flows) f FOR SHARE;
CREATE VIEW regress_schema.mine AS SELECT run_id FROM flowctl.runs UNION ALL SELECT NULL;
CREATE VIEW regress_schema.over_mine AS SELECT * FROM regress_schema.mine;
BEGIN;
LOCK TABLE flowctl_catalog.run, regress_schema.mine;
ROLLBACK;
BEGIN;
LOCK TABLE flowctl.runs IN ACCESS EXCLUSIVE MODE;
ROLLBACK;
BEGIN;
LOCK TABLE regress_schema.over_mine IN ROW SHARE MODE;
ROLLBACK;
BEGIN;
LOCK TABLE flowctl.runs, regress_schema.over_mine, flowctl_catalog.frame IN ACCESS SHARE MODE;
ROLLBACK;
-- their own tables are theirs
CREATE TABLE regress_schema.own (n int);
BEGIN;
LOCK TABLE regress_schema.own;
SELECT * FROM regress_schema.own FOR UPDATE;
ROLLBACK;
RESET ROLE;

-- a schema of that name in a database without the extension is like any other
DROP VIEW regress_schema.over_mine, regress_schema.mine;
DROP EXTENSION pg_flowctl;
CREATE SCHEMA flowctl;
GRANT ALL ON SCHEMA flowctl TO PUBLIC;
CREATE TABLE flowctl.run (n int);
SET ROLE regress_schema_writer;
INSERT INTO flowctl.run VALUES (1);
BEGIN;
LOCK TABLE flowctl.run;
ROLLBACK;
RESET ROLE;

DROP SCHEMA flowctl, regress_schema CASCADE;
DROP ROLE regress_schema_user, regress_schema_writer;
