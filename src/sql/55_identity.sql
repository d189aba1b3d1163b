-- Who we are to others: the documents of this installation's own issuer (own_issuer_sql.cpp).

CREATE FUNCTION flowctl.jwks() RETURNS json
    LANGUAGE c VOLATILE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_jwks';
COMMENT ON FUNCTION flowctl.jwks() IS
    'the public keys of this installation''s own issuer (RFC 7517), to be served at <issuer>/.well-known/jwks.json';

CREATE FUNCTION flowctl.openid_configuration() RETURNS json
    LANGUAGE c VOLATILE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_openid_configuration';
COMMENT ON FUNCTION flowctl.openid_configuration() IS
    'what relying parties read of OpenID Connect Discovery, to be served at <issuer>/.well-known/openid-configuration';

-- Public keys and a URL: whoever serves them needs no other right.
REVOKE ALL ON FUNCTION flowctl.jwks(), flowctl.openid_configuration() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.jwks(), flowctl.openid_configuration() TO PUBLIC;

-- The end user of a session (subject_sql.cpp). Executable for all: what counts is the token, and USAGE on the server that
-- stands for its issuer.
CREATE FUNCTION flowctl.set_subject_token(token text, issuer text DEFAULT NULL, is_local boolean DEFAULT true) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_set_subject_token';
COMMENT ON FUNCTION flowctl.set_subject_token(text, text, boolean) IS
    'hands over the end user''s access token, a JWE for the key of use "enc" in flowctl.jwks(): it is verified, and runs that the '
    'session starts carry the user; is_local as in set_config(), NULL ends it; returns the user';
REVOKE ALL ON FUNCTION flowctl.set_subject_token(text, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.set_subject_token(text, text, boolean) TO PUBLIC;

-- Policies (policy_sql.cpp). Executable for all: the right on the endpoint is checked inside.
CREATE FUNCTION flowctl.add_policy(name text, effect text, endpoint text, conditions jsonb DEFAULT '{}',
                                   comment text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_add_policy';
COMMENT ON FUNCTION flowctl.add_policy(text, text, text, jsonb, text) IS
    'permits or forbids calls of an endpoint (NULL: of every one) that meet the conditions; an endpoint that a policy names is '
    'denied what none permits, and what is forbidden stays so';
CREATE FUNCTION flowctl.drop_policy(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_drop_policy';
COMMENT ON FUNCTION flowctl.drop_policy(text) IS 'takes a policy away';
REVOKE ALL ON FUNCTION flowctl.add_policy(text, text, text, jsonb, text), flowctl.drop_policy(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.add_policy(text, text, text, jsonb, text), flowctl.drop_policy(text) TO PUBLIC;

-- Rules of database leases (lease_sql.cpp). Executable for all: the rights on endpoint and role are checked inside.
CREATE FUNCTION flowctl.add_lease_rule(name text, endpoint text, role regrole, conditions jsonb DEFAULT '{}',
                                       comment text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_add_lease_rule';
COMMENT ON FUNCTION flowctl.add_lease_rule(text, text, regrole, jsonb, text) IS
    'runs that meet the conditions (those of policies) lease the role where they call the endpoint, if the run''s role may grant it';
CREATE FUNCTION flowctl.drop_lease_rule(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_drop_lease_rule';
COMMENT ON FUNCTION flowctl.drop_lease_rule(text) IS 'takes a rule of database leases away; open leases stay';
REVOKE ALL ON FUNCTION flowctl.add_lease_rule(text, text, regrole, jsonb, text), flowctl.drop_lease_rule(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.add_lease_rule(text, text, regrole, jsonb, text), flowctl.drop_lease_rule(text) TO PUBLIC;
