-- Flows: their versions, who owns them, who may start and who may define them.
--
-- PUBLIC has EXECUTE on the functions, and each function checks who calls it: only the tables flow,
-- flow_grant and author say who has which right on flows. pg_dump takes them as data. Triggers that must fire
-- also when a restore or a replica writes are enabled ALWAYS. No foreign key connects the tables, because a
-- dump may be restored in any order and in parts; the view unresolved lists rows whose flow or role is
-- missing. Besides, a start that has not committed when its flow is dropped must still find its version.
-- Versions of dropped flows are deleted when no run can need them any more.

CREATE TABLE flowctl_catalog.flow (
    flow_id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    name            text        NOT NULL UNIQUE CHECK (name ~ '^[A-Za-z0-9_-]{1,80}$'),
    owner           flowctl_catalog.role_ref NOT NULL,
    type            text        NOT NULL CHECK (type IN ('STANDARD', 'EXPRESS')),
    latest_version  int         NOT NULL,
    comment         text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    options         jsonb       NOT NULL DEFAULT '{}'   -- those that count for all versions
);
COMMENT ON TABLE flowctl_catalog.flow IS 'flows: a name, an owner, the number of the newest version, and options';
CREATE TRIGGER depend_on_role AFTER INSERT OR UPDATE OF owner OR DELETE ON flowctl_catalog.flow
    FOR EACH ROW EXECUTE FUNCTION flowctl_catalog.depend_on_role();
ALTER TABLE flowctl_catalog.flow ENABLE ALWAYS TRIGGER depend_on_role;
COMMENT ON TRIGGER depend_on_role ON flowctl_catalog.flow IS 'keeps owners of flows from being dropped';
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.flow', '');

CREATE TABLE flowctl_catalog.flow_version (
    flow_id         uuid        NOT NULL,
    version         int         NOT NULL,
    definition      text        NOT NULL,
    options         jsonb       NOT NULL DEFAULT '{}',
    author          name        NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    dropped_by      xid8,       -- the transaction that dropped the version or the flow; NULL if it exists
    event_types     text[],     -- the types of events that its Tasks wait for; {*} if an expression gives one
    unknown_from    xid8,       -- this transaction and later ones cannot start the version; NULL if it is not known yet
    PRIMARY KEY (flow_id, version)
);
COMMENT ON TABLE flowctl_catalog.flow_version IS 'immutable versions of flows; a run keeps the version that it started with';
CREATE INDEX flow_version_dropped ON flowctl_catalog.flow_version (dropped_by) WHERE dropped_by IS NOT NULL;
COMMENT ON INDEX flowctl_catalog.flow_version_dropped IS 'finds the versions that were dropped';
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.flow_version', 'WHERE dropped_by IS NULL');

CREATE TABLE flowctl_catalog.flow_grant (
    flow_id         uuid        NOT NULL,
    role            flowctl_catalog.role_ref NOT NULL,
    granted_by      name        NOT NULL,
    granted_at      timestamptz NOT NULL DEFAULT now(),
    grant_id        uuid        PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    privileges      text[]      NOT NULL DEFAULT '{start}'
        CHECK (privileges <> '{}' AND privileges <@ '{start,operate,read,read_payload}')
);
COMMENT ON TABLE flowctl_catalog.flow_grant IS 'what roles besides the owner may do with a flow and its runs (flowctl.grant_flow)';
COMMENT ON COLUMN flowctl_catalog.flow_grant.grant_id IS
    'the replica identity, which a publication FOR ALL TABLES wants before rows can be deleted';
CREATE UNIQUE INDEX flow_grant_role ON flowctl_catalog.flow_grant (flow_id, (role::oid));
COMMENT ON INDEX flowctl_catalog.flow_grant_role IS 'keeps a role from having two rows for a flow';
CREATE TRIGGER depend_on_role AFTER INSERT OR UPDATE OF role OR DELETE ON flowctl_catalog.flow_grant
    FOR EACH ROW EXECUTE FUNCTION flowctl_catalog.depend_on_role();
ALTER TABLE flowctl_catalog.flow_grant ENABLE ALWAYS TRIGGER depend_on_role;
COMMENT ON TRIGGER depend_on_role ON flowctl_catalog.flow_grant IS 'keeps roles that have rights on a flow from being dropped';
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.flow_grant', '');

CREATE TABLE flowctl_catalog.author (
    role            flowctl_catalog.role_ref NOT NULL,
    granted_by      name        NOT NULL,
    granted_at      timestamptz NOT NULL DEFAULT now(),
    author_id       uuid        PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid()
);
COMMENT ON TABLE flowctl_catalog.author IS 'which roles may define flows (flowctl.grant_author)';
COMMENT ON COLUMN flowctl_catalog.author.author_id IS
    'the replica identity, which a publication FOR ALL TABLES wants before rows can be deleted';
CREATE UNIQUE INDEX author_role ON flowctl_catalog.author ((role::oid));
COMMENT ON INDEX flowctl_catalog.author_role IS 'keeps a role from being an author twice';
CREATE TRIGGER depend_on_role AFTER INSERT OR UPDATE OF role OR DELETE ON flowctl_catalog.author
    FOR EACH ROW EXECUTE FUNCTION flowctl_catalog.depend_on_role();
ALTER TABLE flowctl_catalog.author ENABLE ALWAYS TRIGGER depend_on_role;
COMMENT ON TRIGGER depend_on_role ON flowctl_catalog.author IS 'keeps authors from being dropped';
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.author', '');

CREATE FUNCTION flowctl.define_flow(name text, definition json, type text DEFAULT 'STANDARD', comment text DEFAULT NULL,
                                    options jsonb DEFAULT '{}') RETURNS int
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_define_flow';
COMMENT ON FUNCTION flowctl.define_flow(text, json, text, text, jsonb) IS
    'adds a version to a flow, or makes a new flow that belongs to the current role, and returns the version''s number. If '
    'definition and options are those of the newest version, it returns that version''s number and adds none. type: STANDARD '
    '| EXPRESS, fixed per flow. options of the version: run_as (OWNER | INVOKER), keep_data (ALL | ERROR | NONE), '
    'run_as_superuser (true | false), on_exhausted (fail | pause), input_schema (a JSON Schema). Options of the flow are set '
    'as flowctl.alter_flow() sets them. For authors';

CREATE FUNCTION flowctl.alter_flow(name text, options jsonb) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_alter_flow';
COMMENT ON FUNCTION flowctl.alter_flow(text, jsonb) IS
    'changes options of a flow that need no new version, and leaves the others as they are; a null removes an option. For '
    'the flow''s owner';

CREATE FUNCTION flowctl.validate(definition json, type text DEFAULT 'STANDARD',
                                 OUT severity text, OUT code text, OUT location text, OUT message text)
    RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_validate';
COMMENT ON FUNCTION flowctl.validate(json, text) IS
    'the mistakes in a definition: severity (ERROR | WARNING), code, location (JSON Pointer) and message, at most 100 rows; '
    'no row if there is none. type: STANDARD | EXPRESS, which allows less. A WARNING names a Task that this version does not '
    'carry out, or that has no endpoint now (AWS: ValidateStateMachineDefinition). For authors';

CREATE FUNCTION flowctl.drop_flow(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_drop_flow';
COMMENT ON FUNCTION flowctl.drop_flow(text) IS
    'removes a flow with all its versions; refused while triggers name it, runs are open, or it is held (flowctl.hold). Its '
    'past runs stay in the views';

CREATE FUNCTION flowctl.alter_flow_owner(flow text, role regrole) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_alter_flow_owner';
COMMENT ON FUNCTION flowctl.alter_flow_owner(text, regrole) IS
    'gives a flow to a role that the caller may become; runs that start from now on act as that role';

CREATE FUNCTION flowctl.grant_flow(flow text, role regrole, privileges text[]) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_grant_flow';
COMMENT ON FUNCTION flowctl.grant_flow(text, regrole, text[]) IS
    'allows a role, and roles that act for it, to start a flow (start), to stop, redrive, fork and pause its runs (operate), '
    'to see its runs without payloads (read) or with them (read_payload); for the flow''s owner';

CREATE FUNCTION flowctl.revoke_flow(flow text, role regrole, privileges text[] DEFAULT '{start,operate,read,read_payload}')
    RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_revoke_flow';
COMMENT ON FUNCTION flowctl.revoke_flow(text, regrole, text[]) IS
    'takes back what flowctl.grant_flow() and flowctl.grant_start() gave: these privileges, or all; for the flow''s owner';

CREATE FUNCTION flowctl.grant_start(flow text, role regrole) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_grant_start';
COMMENT ON FUNCTION flowctl.grant_start(text, regrole) IS
    'short for flowctl.grant_flow(flow, role, ''{start}''): allows a role, and roles that act for it, to start a flow and to '
    'create triggers that start it; for the flow''s owner';

CREATE FUNCTION flowctl.revoke_start(flow text, role regrole) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_revoke_start';
COMMENT ON FUNCTION flowctl.revoke_start(text, regrole) IS
    'takes back the right to start the flow; triggers on tables of that role no longer start the flow';

CREATE FUNCTION flowctl.grant_author(role regrole) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_grant_author';
COMMENT ON FUNCTION flowctl.grant_author(regrole) IS
    'allows a role, and roles that act for it, to define and validate flows; for superusers and the extension''s owner';

CREATE FUNCTION flowctl.revoke_author(role regrole) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_revoke_author';
COMMENT ON FUNCTION flowctl.revoke_author(regrole) IS
    'takes back the right that flowctl.grant_author gave; flows of that role stay and can be started';

REVOKE ALL ON FUNCTION
    flowctl.define_flow(text, json, text, text, jsonb), flowctl.validate(json, text), flowctl.drop_flow(text),
    flowctl.alter_flow(text, jsonb), flowctl.grant_flow(text, regrole, text[]), flowctl.revoke_flow(text, regrole, text[]),
    flowctl.alter_flow_owner(text, regrole), flowctl.grant_start(text, regrole), flowctl.revoke_start(text, regrole),
    flowctl.grant_author(regrole), flowctl.revoke_author(regrole)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    flowctl.define_flow(text, json, text, text, jsonb), flowctl.validate(json, text), flowctl.drop_flow(text),
    flowctl.alter_flow(text, jsonb), flowctl.grant_flow(text, regrole, text[]), flowctl.revoke_flow(text, regrole, text[]),
    flowctl.alter_flow_owner(text, regrole), flowctl.grant_start(text, regrole), flowctl.revoke_start(text, regrole),
    flowctl.grant_author(regrole), flowctl.revoke_author(regrole)
    TO PUBLIC;

CREATE VIEW flowctl_catalog.my_flow_grant AS
    SELECT g.flow_id, g.privileges
    FROM flowctl_catalog.flow_grant g, (SELECT) AS read_only
    WHERE g.role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m);
COMMENT ON VIEW flowctl_catalog.my_flow_grant IS 'what the current role has been granted on flows';
COMMENT ON COLUMN flowctl_catalog.my_flow_grant.flow_id IS 'the flow';
COMMENT ON COLUMN flowctl_catalog.my_flow_grant.privileges IS 'some of start, operate, read, read_payload';

CREATE VIEW flowctl_catalog.my_readable_flow AS
    SELECT g.flow_id FROM flowctl_catalog.my_flow_grant g WHERE g.privileges && '{operate,read,read_payload}';
COMMENT ON VIEW flowctl_catalog.my_readable_flow IS 'flows whose runs the current role has been granted to see';
COMMENT ON COLUMN flowctl_catalog.my_readable_flow.flow_id IS 'the flow';

CREATE VIEW flowctl.flows WITH (security_barrier) AS
    SELECT f.flow_id, f.name, f.type, f.owner::regrole AS owner, f.latest_version, f.comment, f.created_at,
           f.options - 'tags' AS options, coalesce(f.options -> 'tags', '{}') AS tags
    FROM flowctl_catalog.flow f, (SELECT) AS read_only
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR f.owner::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR f.flow_id IN (SELECT g.flow_id FROM flowctl_catalog.my_flow_grant g);
COMMENT ON VIEW flowctl.flows IS
    'the flows that the current role owns, has been granted something on, or may read by pg_read_all_data';
COMMENT ON COLUMN flowctl.flows.flow_id IS 'identifies the flow';
COMMENT ON COLUMN flowctl.flows.name IS 'unique; 1 to 80 of A-Z a-z 0-9 _ -';
COMMENT ON COLUMN flowctl.flows.type IS 'STANDARD | EXPRESS';
COMMENT ON COLUMN flowctl.flows.owner IS
    'the role that its runs act as, unless run_as is INVOKER; NULL if the role does not exist (flowctl.unresolved)';
COMMENT ON COLUMN flowctl.flows.latest_version IS 'number of the version that a start without a version runs';
COMMENT ON COLUMN flowctl.flows.comment IS 'the text given to flowctl.define_flow';
COMMENT ON COLUMN flowctl.flows.created_at IS 'when the first version was defined';
COMMENT ON COLUMN flowctl.flows.options IS
    'options that count for all versions, except tags; flowctl.alter_flow() changes them';
COMMENT ON COLUMN flowctl.flows.tags IS 'the option tags, {name: text}; flowctl.alter_flow() changes it';
REVOKE ALL ON flowctl.flows FROM PUBLIC;
GRANT SELECT ON flowctl.flows TO PUBLIC;

CREATE VIEW flowctl.flow_versions WITH (security_barrier) AS
    SELECT f.name AS flow, v.version, v.definition::pg_catalog.json AS definition, v.options, v.author, v.created_at
    FROM flowctl_catalog.flow_version v JOIN flowctl_catalog.flow f ON f.flow_id = v.flow_id
    WHERE v.dropped_by IS NULL
      AND ((SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
           OR f.owner::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m));
COMMENT ON VIEW flowctl.flow_versions IS 'the versions of the flows that the current role owns';
COMMENT ON COLUMN flowctl.flow_versions.flow IS 'name of the flow';
COMMENT ON COLUMN flowctl.flow_versions.version IS 'number of the version, counted from 1';
COMMENT ON COLUMN flowctl.flow_versions.definition IS 'the definition in Amazon States Language, as it was given';
COMMENT ON COLUMN flowctl.flow_versions.options IS
    'the options that belong to the version: {run_as: OWNER | INVOKER, keep_data: ALL | ERROR | NONE, run_as_superuser: '
    'true if its runs may execute SQL as a superuser, on_exhausted: fail | pause, input_schema: the JSON Schema that inputs '
    'must fit}';
COMMENT ON COLUMN flowctl.flow_versions.author IS 'the role that defined this version';
COMMENT ON COLUMN flowctl.flow_versions.created_at IS 'when it was defined';
REVOKE ALL ON flowctl.flow_versions FROM PUBLIC;
GRANT SELECT ON flowctl.flow_versions TO PUBLIC;

CREATE VIEW flowctl.flow_grants WITH (security_barrier) AS
    SELECT f.name AS flow, g.role::regrole AS role, g.privileges, g.granted_by, g.granted_at
    FROM flowctl_catalog.flow_grant g JOIN flowctl_catalog.flow f ON f.flow_id = g.flow_id
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR f.owner::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR g.role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m);
COMMENT ON VIEW flowctl.flow_grants IS 'who may do what with flows that the current role owns, and what it has been granted itself';
COMMENT ON COLUMN flowctl.flow_grants.flow IS 'name of the flow';
COMMENT ON COLUMN flowctl.flow_grants.role IS 'the role; NULL if it does not exist (flowctl.unresolved)';
COMMENT ON COLUMN flowctl.flow_grants.privileges IS 'some of start, operate, read, read_payload';
COMMENT ON COLUMN flowctl.flow_grants.granted_by IS 'the role that granted the first of them';
COMMENT ON COLUMN flowctl.flow_grants.granted_at IS 'when the first of them was granted';
REVOKE ALL ON flowctl.flow_grants FROM PUBLIC;
GRANT SELECT ON flowctl.flow_grants TO PUBLIC;
