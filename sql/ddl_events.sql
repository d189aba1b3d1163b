-- Events of commands: who has got or lost which right, and what has been made, altered and dropped.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_ann;
CREATE ROLE regress_bob;
SELECT flowctl.define_flow('see', '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}');
-- What has been recorded since the last look.
CREATE TABLE looked (event_id uuid PRIMARY KEY);
CREATE FUNCTION news(OUT type text, OUT subject text, OUT data jsonb) RETURNS SETOF record LANGUAGE sql AS $$
    WITH fresh AS (SELECT e.* FROM flowctl.events e WHERE NOT EXISTS (SELECT FROM looked l WHERE l.event_id = e.event_id)),
         noted AS (INSERT INTO looked SELECT event_id FROM fresh)
    SELECT fresh.type, fresh.subject, fresh.data FROM fresh ORDER BY event_id
$$;

-- Nobody asks, so nothing is recorded.
CREATE TABLE quiet (id int);
GRANT SELECT ON quiet TO regress_ann;
SELECT count(*) FROM flowctl.events;

-- Privileges: by object, column, grantor and grantee, with what there was before and what there is now.
SELECT flowctl.create_event_rule('rights', 'see', 'permission.*');
CREATE TABLE orders (id int, total int);
CREATE TABLE items (id int);
GRANT SELECT, INSERT ON orders TO regress_ann WITH GRANT OPTION;
SELECT type, subject, data - 'grantor' AS data, data->>'grantor' = current_user AS mine FROM news();
SET ROLE regress_ann;
GRANT SELECT ON orders TO regress_bob;
RESET ROLE;
GRANT UPDATE (total) ON orders TO PUBLIC;
REVOKE SELECT ON orders FROM regress_ann CASCADE;
GRANT INSERT ON orders TO regress_ann WITH GRANT OPTION;
REVOKE GRANT OPTION FOR INSERT ON orders FROM regress_ann;
REVOKE UPDATE ON orders FROM PUBLIC;
SELECT type, subject, data->>'column' AS col, data->>'grantor' = current_user AS mine, data->>'grantee' AS grantee, data->'privileges' AS privileges, data->'grant_option' AS option,
       data->'before' AS before, data->'after' AS after FROM news();
-- One event for each object.
CREATE SCHEMA many;
CREATE TABLE many.a (id int);
CREATE SEQUENCE many.s;
CREATE VIEW many.v AS SELECT 1 AS one;
CREATE FUNCTION many.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
GRANT SELECT ON ALL TABLES IN SCHEMA many TO regress_bob, regress_ann;
GRANT USAGE ON SCHEMA many TO regress_bob;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA many TO regress_bob;
REVOKE EXECUTE ON FUNCTION many.f() FROM PUBLIC;
SELECT type, subject, data->'object'->>'type' AS kind, data->>'grantee' AS grantee, data->'privileges' AS privileges, data->>'command' AS command FROM news() ORDER BY subject, grantee;
-- Every kind of object.
CREATE TYPE kind AS ENUM ('x');
CREATE DOMAIN dom AS int;
CREATE FOREIGN DATA WRAPPER wrapper;
CREATE SERVER far FOREIGN DATA WRAPPER wrapper;
SELECT lo_create(4711);
GRANT USAGE ON TYPE kind TO regress_bob;
REVOKE USAGE ON DOMAIN dom FROM PUBLIC;
GRANT USAGE ON FOREIGN DATA WRAPPER wrapper TO regress_bob;
GRANT USAGE ON FOREIGN SERVER far TO regress_bob;
GRANT USAGE ON LANGUAGE plpgsql TO regress_bob;
GRANT SELECT ON LARGE OBJECT 4711 TO regress_bob;
GRANT SET ON PARAMETER work_mem TO regress_bob;
REVOKE SET ON PARAMETER work_mem FROM regress_bob;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO regress_bob', current_database()); END $$;
DO $$ BEGIN EXECUTE format('REVOKE CREATE ON DATABASE %I FROM regress_bob', current_database()); END $$;
REVOKE USAGE ON LANGUAGE plpgsql FROM regress_bob;
SELECT type, CASE WHEN subject <> current_database() THEN subject END AS subject, data->'object'->>'type' AS kind, data->>'grantee' AS grantee, data->'privileges' AS privileges FROM news();
SELECT lo_unlink(4711);
DROP SERVER far;
DROP FOREIGN DATA WRAPPER wrapper;
DROP TYPE kind;
DROP DOMAIN dom;
SELECT * FROM news();
-- New owners, and what goes with DROP OWNED and REASSIGN OWNED.
SELECT flowctl.create_event_rule('owners', 'see', 'owner.changed');
ALTER TABLE many.a OWNER TO regress_ann;
ALTER FUNCTION many.f() OWNER TO regress_ann;
SELECT type, subject, data->>'grantee' = current_user AS mine, data->>'grantee' = 'regress_ann' AS anns, data->'privileges' AS privileges,
       data->>'before' = current_user AS was_mine, data->'after' AS after FROM news() ORDER BY subject, type, 3;
REASSIGN OWNED BY regress_ann TO regress_bob;
SELECT type, subject, data->'before' AS before, data->'after' AS after, data->>'command' AS command FROM news() WHERE type = 'owner.changed' ORDER BY subject;
DROP OWNED BY regress_ann;
SELECT type, subject, data->>'grantee' AS grantee, data->'privileges' AS privileges, data->>'command' AS command FROM news() ORDER BY subject;
-- Privileges that new objects get by default, and the defaults themselves.
SELECT flowctl.create_event_rule('defaults', 'see', 'default_privileges.changed');
ALTER DEFAULT PRIVILEGES IN SCHEMA many GRANT SELECT ON TABLES TO regress_bob;
ALTER DEFAULT PRIVILEGES IN SCHEMA many GRANT SELECT ON TABLES TO regress_bob;
SELECT type, subject = current_user AS mine, data->>'schema' AS schema, data->>'objects' AS objects, jsonb_path_query_array(data, '$.before[*].grantee') AS before,
       jsonb_path_query_array(data, '$.after[*].grantee') AS after FROM news();
CREATE TABLE many.fresh (id int);
SELECT type, subject, data->>'grantee' AS grantee, data->'privileges' AS privileges, data->>'command' AS command FROM news();
ALTER DEFAULT PRIVILEGES IN SCHEMA many REVOKE SELECT ON TABLES FROM regress_bob;
SELECT type, data->'after' AS after FROM news();

-- Roles, memberships, settings. No event has a password.
SELECT flowctl.create_event_rule('roles', 'see', 'role.*');
SELECT flowctl.create_event_rule('settings', 'see', 'setting.changed');
CREATE ROLE regress_carl LOGIN PASSWORD 'very secret' CONNECTION LIMIT 3 VALID UNTIL '2030-01-01 00:00+00' IN ROLE regress_bob;
SELECT type, subject, data - 'grantor' AS data FROM news() WHERE data::text !~ 'secret' ORDER BY type;
ALTER ROLE regress_carl CREATEDB;
ALTER ROLE regress_carl PASSWORD 'another';
ALTER ROLE regress_carl RENAME TO regress_carla;
GRANT regress_bob TO regress_carla WITH ADMIN OPTION;
REVOKE ADMIN OPTION FOR regress_bob FROM regress_carla;
ALTER ROLE regress_carla SET work_mem = '7MB';
DO $$ BEGIN EXECUTE format('ALTER ROLE regress_carla IN DATABASE %I SET work_mem = ''8MB''', current_database()); END $$;
SELECT type, subject, data->'before'->'createdb' AS was, data->'after'->'createdb' AS is, data->'password_changed' AS password, data->'before'->'admin' AS was_admin, data->'after'->'admin' AS is_admin, data->>'member' AS member FROM news() WHERE type ~ 'role';
DELETE FROM looked l USING flowctl.events e WHERE e.event_id = l.event_id AND e.type = 'setting.changed';
ALTER ROLE regress_carla SET work_mem = '9MB';
ALTER ROLE regress_carla RESET ALL;
ALTER SYSTEM SET work_mem = '5MB';
ALTER SYSTEM RESET work_mem;
SELECT type, subject, data->>'role' AS role, data->>'database' = current_database() AS here, data->>'before' AS before, data->>'after' AS after, data->>'command' AS command FROM news() WHERE type = 'setting.changed';
DROP ROLE regress_carla;
SELECT type, subject, data->>'member' AS member FROM news();

-- Policies and labels.
SELECT flowctl.create_event_rule('policies', 'see', 'policy.*');
CREATE POLICY own ON orders FOR SELECT TO regress_ann USING (id > 0);
ALTER POLICY own ON orders TO PUBLIC USING (id > 10);
ALTER POLICY own ON orders RENAME TO mine;
DROP POLICY mine ON orders;
SELECT type, subject, data->>'policy' AS policy, data->'before' AS before, data->'after' AS after FROM news();

-- Objects. What belongs to another object of the same command is no event of its own.
SELECT flowctl.create_event_rule('objects', 'see', 'schema.*');
CREATE TABLE shop (id serial PRIMARY KEY, parent int REFERENCES shop, name text UNIQUE CHECK (name <> ''));
CREATE TABLE IF NOT EXISTS shop (id int);
CREATE INDEX shop_name ON shop (lower(name));
CREATE OR REPLACE VIEW names AS SELECT name FROM shop;
CREATE OR REPLACE VIEW names AS SELECT name FROM shop WHERE id > 1;
CREATE TYPE mood AS ENUM ('sad', 'happy');
ALTER TABLE shop ADD COLUMN mood mood;
ALTER TABLE shop ADD UNIQUE (mood);
ALTER TABLE shop ENABLE ROW LEVEL SECURITY;
ALTER TABLE shop RENAME TO stores;
COMMENT ON TABLE stores IS 'all of them';
CREATE TABLE copied AS SELECT * FROM stores;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM stores;
REFRESH MATERIALIZED VIEW counted;
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2';
CREATE TABLE parted (id int) PARTITION BY LIST (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
DROP MATERIALIZED VIEW counted;
DROP VIEW names;
ALTER TABLE stores ALTER COLUMN id TYPE bigint;
SELECT type, data->>'action' AS action, data->'object'->>'type' AS kind, subject FROM news();
DROP TABLE IF EXISTS nothing;
CREATE VIEW names AS SELECT name FROM stores;
DROP TABLE stores CASCADE;
DROP INDEX IF EXISTS nothing;
CREATE SCHEMA other CREATE TABLE within (id int);
ALTER TABLE other.within SET SCHEMA public;
DROP SCHEMA other;
SELECT type, data->>'action' AS action, data->'object'->>'type' AS kind, subject FROM news();
CREATE INDEX CONCURRENTLY quiet_id ON quiet (id);
-- Within DO blocks and functions; nothing of what is rolled back.
DO $$
BEGIN
    CREATE TABLE done (id int);
    BEGIN
        CREATE TABLE undone (id int);
        GRANT SELECT ON done TO regress_ann;
        RAISE EXCEPTION 'no';
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
    GRANT INSERT ON done TO regress_ann;
END $$;
BEGIN;
SAVEPOINT s;
DROP TABLE done;
ROLLBACK TO s;
COMMIT;
CREATE FUNCTION grants() RETURNS int LANGUAGE plpgsql AS $$ BEGIN GRANT SELECT ON quiet TO regress_bob; RETURN 1; END $$;
CREATE TABLE by_function AS SELECT grants();
SELECT type, subject, data->>'command' AS command, data->'privileges' AS privileges FROM news();
-- An extension is one event, whatever its script does.
CREATE EXTENSION postgres_fdw;
DROP EXTENSION postgres_fdw;
SELECT type, data->>'action' AS action, data->'object'->>'type' AS kind, subject FROM news();

-- The rules have started their flow, in the same transactions; who has done it stands in the event.
SELECT count(*) > 30 AS started FROM flowctl.runs WHERE flow = 'see';
SELECT DISTINCT emitter = current_user::regrole AS emitter FROM flowctl.events WHERE type = 'schema.create_table';
SELECT count(*) FROM flowctl.event_failures;

DROP TABLE quiet, orders, items, copied, parted, within, done, by_function, looked;
DROP SCHEMA many CASCADE;
DROP TYPE mood;
DROP FUNCTION news(), grants(), twice(int);
DROP EXTENSION pg_flowctl;
DROP ROLE regress_ann;
DROP ROLE regress_bob;
