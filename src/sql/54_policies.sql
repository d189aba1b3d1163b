-- Policies: which calls of endpoints are permitted or forbidden. PUBLIC has EXECUTE on the functions, and
-- each function checks whether its caller has the right on the endpoint.

CREATE TABLE flowctl_catalog.policy (
    name            text        PRIMARY KEY,
    effect          text        NOT NULL CHECK (effect IN ('permit', 'forbid')),
    endpoint        text,       -- name of a foreign server; NULL for every endpoint
    conditions      text        NOT NULL,  -- a JSON object
    comment         text,
    created_by      name        NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE flowctl_catalog.policy IS 'which calls of endpoints are permitted or forbidden (flowctl.add_policy)';
CREATE INDEX policy_endpoint ON flowctl_catalog.policy (endpoint);
COMMENT ON INDEX flowctl_catalog.policy_endpoint IS
    'finds the policies of an endpoint, and those that hold for all endpoints';
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.policy', '');

CREATE FUNCTION flowctl.add_policy(name text, effect text, endpoint text, conditions jsonb DEFAULT '{}',
                                   comment text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_add_policy';
COMMENT ON FUNCTION flowctl.add_policy(text, text, text, jsonb, text) IS
    'permits or forbids calls of an endpoint (NULL: of every endpoint) that meet the conditions. If policies name an '
    'endpoint, a call of it needs a policy that permits it. A forbidden call stays forbidden even if another policy permits it';

CREATE FUNCTION flowctl.drop_policy(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_drop_policy';
COMMENT ON FUNCTION flowctl.drop_policy(text) IS 'drops a policy';
REVOKE ALL ON FUNCTION flowctl.add_policy(text, text, text, jsonb, text), flowctl.drop_policy(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.add_policy(text, text, text, jsonb, text), flowctl.drop_policy(text) TO PUBLIC;

-- A role sees the policies of the endpoints that it may use, and the policies that hold for every endpoint.
CREATE VIEW flowctl.policies WITH (security_barrier) AS
    SELECT p.name, p.effect, p.endpoint, p.conditions::pg_catalog.jsonb AS conditions, p.comment, p.created_by, p.created_at
    FROM flowctl_catalog.policy p, (SELECT) AS read_only
    WHERE p.endpoint IS NULL
       OR (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR EXISTS (SELECT FROM pg_catalog.pg_foreign_server s
                  WHERE s.srvname = p.endpoint AND pg_catalog.has_server_privilege(s.oid, 'USAGE'));
COMMENT ON VIEW flowctl.policies IS 'which calls of endpoints are permitted or forbidden (flowctl.add_policy)';
COMMENT ON COLUMN flowctl.policies.name IS 'the policy';
COMMENT ON COLUMN flowctl.policies.effect IS 'permit | forbid';
COMMENT ON COLUMN flowctl.policies.endpoint IS 'name of the foreign server; NULL for every endpoint';
COMMENT ON COLUMN flowctl.policies.conditions IS 'all of these conditions must hold';
COMMENT ON COLUMN flowctl.policies.comment IS 'the comment given to flowctl.add_policy';
COMMENT ON COLUMN flowctl.policies.created_by IS 'the role that added it';
COMMENT ON COLUMN flowctl.policies.created_at IS 'when it was added';
REVOKE ALL ON flowctl.policies FROM PUBLIC;
GRANT SELECT ON flowctl.policies TO PUBLIC;
