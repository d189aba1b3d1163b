-- Activities: tasks that workers outside of the server fetch, do and answer.
--
-- Who owns an activity, and roles that it is granted to, may poll for its tasks and let flows have tasks of it.
-- The rows have names and no foreign keys, because a dump may be restored in any order and in parts.

CREATE TABLE flowctl_catalog.activity (
    name            text        PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9_-]{1,80}$'),
    owner           flowctl_catalog.role_ref NOT NULL,
    comment         text,
    created_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE flowctl_catalog.activity IS 'activities: a name and an owner (flowctl.create_activity)';
CREATE TRIGGER depend_on_role AFTER INSERT OR UPDATE OF owner OR DELETE ON flowctl_catalog.activity
    FOR EACH ROW EXECUTE FUNCTION flowctl_catalog.depend_on_role();
ALTER TABLE flowctl_catalog.activity ENABLE ALWAYS TRIGGER depend_on_role;
COMMENT ON TRIGGER depend_on_role ON flowctl_catalog.activity IS 'keeps owners of activities from being dropped';
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.activity', '');

CREATE TABLE flowctl_catalog.activity_grant (
    activity        text        NOT NULL,
    role            flowctl_catalog.role_ref NOT NULL,
    granted_by      name        NOT NULL,
    granted_at      timestamptz NOT NULL DEFAULT now(),
    grant_id        uuid        PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid()
);
COMMENT ON TABLE flowctl_catalog.activity_grant IS
    'which roles besides the owner may poll for tasks of an activity and have tasks of it (flowctl.grant_activity)';
COMMENT ON COLUMN flowctl_catalog.activity_grant.grant_id IS
    'the replica identity, which a publication FOR ALL TABLES wants before rows can be deleted';
CREATE UNIQUE INDEX activity_grant_role ON flowctl_catalog.activity_grant (activity, (role::oid));
COMMENT ON INDEX flowctl_catalog.activity_grant_role IS 'finds the roles that an activity is granted to';
CREATE TRIGGER depend_on_role AFTER INSERT OR UPDATE OF role OR DELETE ON flowctl_catalog.activity_grant
    FOR EACH ROW EXECUTE FUNCTION flowctl_catalog.depend_on_role();
ALTER TABLE flowctl_catalog.activity_grant ENABLE ALWAYS TRIGGER depend_on_role;
COMMENT ON TRIGGER depend_on_role ON flowctl_catalog.activity_grant IS 'keeps roles that an activity is granted to from being dropped';
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.activity_grant', '');

CREATE VIEW flowctl.activity_grants WITH (security_barrier) AS
    SELECT a.name AS activity, g.role::regrole AS role, g.granted_by, g.granted_at
    FROM flowctl_catalog.activity_grant g JOIN flowctl_catalog.activity a ON a.name = g.activity
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR a.owner::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR g.role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m);
COMMENT ON VIEW flowctl.activity_grants IS
    'who may do tasks of activities that the current role owns, and what it has been granted itself';
COMMENT ON COLUMN flowctl.activity_grants.activity IS 'name of the activity';
COMMENT ON COLUMN flowctl.activity_grants.role IS 'the role; NULL if it does not exist (flowctl.unresolved)';
COMMENT ON COLUMN flowctl.activity_grants.granted_by IS 'the role that granted it';
COMMENT ON COLUMN flowctl.activity_grants.granted_at IS 'when it was granted';
REVOKE ALL ON flowctl.activity_grants FROM PUBLIC;
GRANT SELECT ON flowctl.activity_grants TO PUBLIC;

CREATE FUNCTION flowctl.create_activity(name text, comment text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_create_activity';
COMMENT ON FUNCTION flowctl.create_activity(text, text) IS
    'creates an activity that belongs to the current role; creating it again changes its comment at most (AWS: CreateActivity). '
    'For authors';

CREATE FUNCTION flowctl.drop_activity(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_drop_activity';
COMMENT ON FUNCTION flowctl.drop_activity(text) IS
    'drops an activity; refused while tasks of it wait (AWS: DeleteActivity). For its owner';

CREATE FUNCTION flowctl.grant_activity(name text, role regrole) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_grant_activity';
COMMENT ON FUNCTION flowctl.grant_activity(text, regrole) IS
    'allows a role, and roles that act for it, to poll for tasks of an activity, and runs of that role to have tasks of it; for '
    'its owner';

CREATE FUNCTION flowctl.revoke_activity(name text, role regrole) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_revoke_activity';
COMMENT ON FUNCTION flowctl.revoke_activity(text, regrole) IS 'takes back the right that flowctl.grant_activity gave';

-- A procedure that commits can have no SET clause, so its search_path is not pinned here: its SQL runs as the
-- extension's owner, which pins the path.
CREATE PROCEDURE flowctl.poll_activity_task(activity text, worker text DEFAULT NULL, max_wait interval DEFAULT '60 s',
                                            INOUT task_token text DEFAULT NULL, INOUT input jsonb DEFAULT NULL)
    LANGUAGE c AS 'MODULE_PATHNAME', 'flowctl_poll_activity_task';
COMMENT ON PROCEDURE flowctl.poll_activity_task(text, text, interval, text, jsonb) IS
    'commits, waits until the activity has a task, and takes it: gives its token and input, or NULL at the end of max_wait (AWS: '
    'GetActivityTask). It holds no snapshot while it waits. Not in a transaction block';

CREATE FUNCTION flowctl.get_activity_task(activity text, worker text DEFAULT NULL, max_wait interval DEFAULT '60 s',
                                          OUT task_token text, OUT input jsonb) RETURNS record
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_get_activity_task';
COMMENT ON FUNCTION flowctl.get_activity_task(text, text, interval) IS
    'as flowctl.poll_activity_task(), for callers that cannot CALL. The task is taken when the transaction commits. It holds '
    'its caller''s snapshot while it waits, which keeps VACUUM from cleaning up';
REVOKE ALL ON FUNCTION flowctl.create_activity(text, text), flowctl.drop_activity(text), flowctl.grant_activity(text, regrole),
    flowctl.revoke_activity(text, regrole), flowctl.get_activity_task(text, text, interval) FROM PUBLIC;
REVOKE ALL ON PROCEDURE flowctl.poll_activity_task(text, text, interval, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.create_activity(text, text), flowctl.drop_activity(text), flowctl.grant_activity(text, regrole),
    flowctl.revoke_activity(text, regrole), flowctl.get_activity_task(text, text, interval) TO PUBLIC;
GRANT EXECUTE ON PROCEDURE flowctl.poll_activity_task(text, text, interval, text, jsonb) TO PUBLIC;

CREATE VIEW flowctl.activities WITH (security_barrier) AS
    SELECT a.name, a.owner::regrole AS owner, a.comment, a.created_at,
           (SELECT pg_catalog.count(*) FROM flowctl_catalog.waiting_task t
            WHERE t.activity = a.name AND t.taken_at IS NULL AND t.answered_at IS NULL) AS tasks_waiting
    FROM flowctl_catalog.activity a, (SELECT) AS read_only
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR a.owner::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR a.name IN (SELECT g.activity FROM flowctl_catalog.activity_grant g
                     WHERE g.role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m));
COMMENT ON VIEW flowctl.activities IS
    'the activities that the current role owns, that are granted to it, or that it may read by pg_read_all_data';
COMMENT ON COLUMN flowctl.activities.name IS 'unique; 1 to 80 of A-Z a-z 0-9 _ -';
COMMENT ON COLUMN flowctl.activities.owner IS 'its owner; NULL if the role does not exist (flowctl.unresolved)';
COMMENT ON COLUMN flowctl.activities.comment IS 'the text given to flowctl.create_activity';
COMMENT ON COLUMN flowctl.activities.created_at IS 'when it was created';
COMMENT ON COLUMN flowctl.activities.tasks_waiting IS 'number of tasks that no worker has taken';
REVOKE ALL ON flowctl.activities FROM PUBLIC;
GRANT SELECT ON flowctl.activities TO PUBLIC;
