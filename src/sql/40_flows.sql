
-- Flows: defining, checking, owning, granting. EXECUTE is PUBLIC's and every function checks inside who calls: the tables flow,
-- flow_grant and author are the one place where rights on flows stand, so they are dumped as data.

CREATE FUNCTION flowctl.define_flow(name text, definition json, type text DEFAULT 'STANDARD', comment text DEFAULT NULL,
                                    options jsonb DEFAULT '{}') RETURNS int
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_define_flow';
COMMENT ON FUNCTION flowctl.define_flow(text, json, text, text, jsonb) IS
    'adds a version to a flow, or makes a new flow that belongs to the current role, and returns the version''s number; the same definition and options as the newest version are that version. type: STANDARD | EXPRESS, fixed per flow. options: run_as (OWNER | INVOKER), keep_data (ALL | ERROR | NONE). For authors';

CREATE FUNCTION flowctl.validate(definition json, type text DEFAULT 'STANDARD',
                                 OUT severity text, OUT code text, OUT location text, OUT message text)
    RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_validate';
COMMENT ON FUNCTION flowctl.validate(json, text) IS
    'what is wrong with a definition: severity (ERROR | WARNING), code, location (JSON Pointer) and message, at most 100 rows; no row: nothing. type: STANDARD | EXPRESS, which allows less. A WARNING says what this version does not carry out. Reads no catalog (AWS: ValidateStateMachineDefinition). For authors';

CREATE FUNCTION flowctl.drop_flow(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_drop_flow';
COMMENT ON FUNCTION flowctl.drop_flow(text) IS
    'removes a flow with all its versions; refused while triggers name it or runs are open. What it did stays in runs and history';

CREATE FUNCTION flowctl.alter_flow_owner(flow text, role regrole) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_alter_flow_owner';
COMMENT ON FUNCTION flowctl.alter_flow_owner(text, regrole) IS
    'gives a flow to a role that the caller may become; runs that start from now on act as that role';

CREATE FUNCTION flowctl.grant_start(flow text, role regrole) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_grant_start';
COMMENT ON FUNCTION flowctl.grant_start(text, regrole) IS
    'allows a role, and who acts for it, to start a flow and to create triggers that do; for the flow''s owner';

CREATE FUNCTION flowctl.revoke_start(flow text, role regrole) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_revoke_start';
COMMENT ON FUNCTION flowctl.revoke_start(text, regrole) IS
    'takes back what flowctl.grant_start gave; triggers on tables of that role no longer start the flow';

CREATE FUNCTION flowctl.grant_author(role regrole) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_grant_author';
COMMENT ON FUNCTION flowctl.grant_author(regrole) IS
    'allows a role, and who acts for it, to define and validate flows; for superusers and the extension''s owner';

CREATE FUNCTION flowctl.revoke_author(role regrole) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_revoke_author';
COMMENT ON FUNCTION flowctl.revoke_author(regrole) IS
    'takes back what flowctl.grant_author gave; flows of that role stay and can be started';
