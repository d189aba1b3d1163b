-- Database leases: rights in this database that a service has only during a call or run, and the rules that
-- give them.
--
-- PUBLIC has EXECUTE on the functions, and each function checks whether its caller has the rights on endpoint
-- and role.

-- A row and its role are made in one transaction, before the call leaves. After a crash the row tells which
-- role must be dropped. It stays as a record.
CREATE TABLE flowctl_catalog.lease (
    role_name       text        PRIMARY KEY,
    role_oid        oid         NOT NULL,
    database_oid    oid         NOT NULL,  -- the database where it was made; a copy of the database does not own the role
    kind            text        NOT NULL CHECK (kind IN ('LOGIN', 'MEMBER')),
    roles           text[]      NOT NULL,  -- the leased roles, which it is a member of
    rules           text[]      NOT NULL,  -- the rules that gave some of the roles
    member          text,                  -- the login that was made a member of it
    endpoint        text        NOT NULL,
    run_id          uuid        NOT NULL,
    call_id         int         NOT NULL,
    sending         int         NOT NULL,
    until_run       boolean     NOT NULL,
    created_at      timestamptz NOT NULL,
    valid_until     timestamptz NOT NULL,
    ended_at        timestamptz,           -- when the lease ended, so that nobody can log in with it
    ended_by        text,                  -- CALL RUN EXPIRED RESTART LEFT COPY
    dropped_at      timestamptz,
    problem         text                   -- why the role is not dropped yet
);
COMMENT ON TABLE flowctl_catalog.lease IS 'which rights in this database a call had, and until when';
CREATE INDEX lease_run ON flowctl_catalog.lease (run_id);
COMMENT ON INDEX flowctl_catalog.lease_run IS 'finds the leases of a run';
CREATE INDEX lease_open ON flowctl_catalog.lease (role_name) WHERE dropped_at IS NULL;
COMMENT ON INDEX flowctl_catalog.lease_open IS 'finds the roles that are still to be dropped';
CREATE INDEX lease_created ON flowctl_catalog.lease (created_at);
COMMENT ON INDEX flowctl_catalog.lease_created IS 'finds new leases, which are events';
CREATE INDEX lease_ended ON flowctl_catalog.lease (ended_at) WHERE ended_at IS NOT NULL;
COMMENT ON INDEX flowctl_catalog.lease_ended IS 'finds leases that have just ended, which are events';
ALTER TABLE flowctl_catalog.lease ENABLE ROW LEVEL SECURITY;

CREATE TABLE flowctl_catalog.lease_rule (
    name            text        PRIMARY KEY,
    endpoint        text        NOT NULL,  -- name of a foreign server
    role            flowctl_catalog.role_ref NOT NULL,
    conditions      text        NOT NULL,  -- a JSON object
    comment         text,
    created_by      name        NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE flowctl_catalog.lease_rule IS
    'which runs lease which role when they call an endpoint (flowctl.add_lease_rule)';
CREATE INDEX lease_rule_endpoint ON flowctl_catalog.lease_rule (endpoint);
COMMENT ON INDEX flowctl_catalog.lease_rule_endpoint IS 'finds the rules of an endpoint';
CREATE TRIGGER depend_on_role AFTER INSERT OR UPDATE OF role OR DELETE ON flowctl_catalog.lease_rule
    FOR EACH ROW EXECUTE FUNCTION flowctl_catalog.depend_on_role();
ALTER TABLE flowctl_catalog.lease_rule ENABLE ALWAYS TRIGGER depend_on_role;
COMMENT ON TRIGGER depend_on_role ON flowctl_catalog.lease_rule IS 'keeps roles that rules lease from being dropped';
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.lease_rule', '');

CREATE FUNCTION flowctl.add_lease_rule(name text, endpoint text, role regrole, conditions jsonb DEFAULT '{}',
                                       comment text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_add_lease_rule';
COMMENT ON FUNCTION flowctl.add_lease_rule(text, text, regrole, jsonb, text) IS
    'runs that meet the conditions (as for policies) lease the role when they call the endpoint, if the run''s role may '
    'grant it';

CREATE FUNCTION flowctl.drop_lease_rule(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_drop_lease_rule';
COMMENT ON FUNCTION flowctl.drop_lease_rule(text) IS 'drops a rule of database leases; open leases stay';
REVOKE ALL ON FUNCTION flowctl.add_lease_rule(text, text, regrole, jsonb, text), flowctl.drop_lease_rule(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.add_lease_rule(text, text, regrole, jsonb, text), flowctl.drop_lease_rule(text) TO PUBLIC;

CREATE VIEW flowctl.leases WITH (security_barrier) AS
    SELECT l.run_id, c.path, c.state, c.visit, c.attempt, l.endpoint, l.kind, l.role_name, l.roles, l.rules, l.member, r.subject,
           l.created_at, l.valid_until, l.ended_at, l.ended_by, l.dropped_at, l.problem
    FROM flowctl_catalog.lease l
         JOIN flowctl_catalog.run r ON r.run_id = l.run_id
         LEFT JOIN flowctl_catalog.call c ON c.run_id = l.run_id AND c.call_id = l.call_id AND c.sending = l.sending
         LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR coalesce(w.owner::oid, r.flow_owner::oid) IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR r.role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR r.flow_id IN (SELECT g.flow_id FROM flowctl_catalog.my_readable_flow g);
COMMENT ON VIEW flowctl.leases IS 'rights in this database that services had for calls, and when they had them';
COMMENT ON COLUMN flowctl.leases.run_id IS 'the run';
COMMENT ON COLUMN flowctl.leases.path IS 'branch and item of the state, as in flowctl.steps';
COMMENT ON COLUMN flowctl.leases.state IS 'the Task that called';
COMMENT ON COLUMN flowctl.leases.visit IS 'how often the path had entered the state, counted from 1';
COMMENT ON COLUMN flowctl.leases.attempt IS 'number of the attempt, counted from 1 over the retries of this visit';
COMMENT ON COLUMN flowctl.leases.endpoint IS 'name of the foreign server that was called';
COMMENT ON COLUMN flowctl.leases.kind IS
    'LOGIN: the service logs in as role_name with a password | MEMBER: an existing login was made a member of role_name';
COMMENT ON COLUMN flowctl.leases.role_name IS
    'the role made for the lease: flowctl_lease_<run>_<number>, as in the server''s log (%u)';
COMMENT ON COLUMN flowctl.leases.roles IS 'the leased roles';
COMMENT ON COLUMN flowctl.leases.rules IS 'the rules that gave some of the roles';
COMMENT ON COLUMN flowctl.leases.member IS 'the existing login; NULL if the kind is LOGIN';
COMMENT ON COLUMN flowctl.leases.subject IS 'the run''s verified end user';
COMMENT ON COLUMN flowctl.leases.created_at IS 'when the role was made';
COMMENT ON COLUMN flowctl.leases.valid_until IS 'when the lease ends at the latest (VALID UNTIL)';
COMMENT ON COLUMN flowctl.leases.ended_at IS
    'when the lease ended, so that nobody can use it any more; NULL while it is open';
COMMENT ON COLUMN flowctl.leases.ended_by IS
    'CALL (answered, timed out or cancelled) | RUN (has ended) | EXPIRED | RESTART (of the server or worker) | LEFT (the '
    'worker had to end) | COPY (the lease belongs to another database, of which this one is a copy)';
COMMENT ON COLUMN flowctl.leases.dropped_at IS 'when the role was dropped; NULL if it still exists';
COMMENT ON COLUMN flowctl.leases.problem IS
    'why the role of an ended lease could not be dropped at the last attempt; further attempts follow';
REVOKE ALL ON flowctl.leases FROM PUBLIC;
GRANT SELECT ON flowctl.leases TO PUBLIC;

-- A role sees the rules of the endpoints that it may use.
CREATE VIEW flowctl.lease_rules WITH (security_barrier) AS
    SELECT l.name, l.endpoint, l.role::regrole AS role, l.conditions::pg_catalog.jsonb AS conditions, l.comment, l.created_by, l.created_at
    FROM flowctl_catalog.lease_rule l, (SELECT) AS read_only
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR EXISTS (SELECT FROM pg_catalog.pg_foreign_server s
                  WHERE s.srvname = l.endpoint AND pg_catalog.has_server_privilege(s.oid, 'USAGE'));
COMMENT ON VIEW flowctl.lease_rules IS 'which runs lease which role when they call an endpoint (flowctl.add_lease_rule)';
COMMENT ON COLUMN flowctl.lease_rules.name IS 'the rule';
COMMENT ON COLUMN flowctl.lease_rules.endpoint IS 'name of the foreign server';
COMMENT ON COLUMN flowctl.lease_rules.role IS
    'the role that is leased; NULL if the role does not exist (flowctl.unresolved)';
COMMENT ON COLUMN flowctl.lease_rules.conditions IS 'all of these conditions must hold';
COMMENT ON COLUMN flowctl.lease_rules.comment IS 'the comment given to flowctl.add_lease_rule';
COMMENT ON COLUMN flowctl.lease_rules.created_by IS 'the role that added it';
COMMENT ON COLUMN flowctl.lease_rules.created_at IS 'when it was added';
REVOKE ALL ON flowctl.lease_rules FROM PUBLIC;
GRANT SELECT ON flowctl.lease_rules TO PUBLIC;
