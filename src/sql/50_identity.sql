-- Identity: our own issuer, the end user of a session, and what workers know of issuers.

-- The public keys by which users' tokens are verified, as the worker last fetched them from their issuers.
CREATE TABLE flowctl_catalog.key_set (
    server          oid         PRIMARY KEY,  -- the foreign server that stands for the issuer
    options_hash    text        NOT NULL,     -- of those of its options that say where the keys are
    document        text,                     -- the JWKS; NULL: never fetched
    fetched_at      timestamptz,
    tried_at        timestamptz NOT NULL,
    problem         text                      -- why the last attempt brought nothing; NULL: it did
);
COMMENT ON TABLE flowctl_catalog.key_set IS 'public keys of issuers whose users'' tokens are taken';
ALTER TABLE flowctl_catalog.key_set ENABLE ROW LEVEL SECURITY;

-- The documents of this installation's own issuer. They hold public keys and a URL, so everybody may read and serve them.
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

REVOKE ALL ON FUNCTION flowctl.jwks(), flowctl.openid_configuration() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.jwks(), flowctl.openid_configuration() TO PUBLIC;

-- The end user of a session. Everybody may call it: the function checks the token, and that its caller has USAGE on the
-- foreign server that stands for the issuer.
CREATE FUNCTION flowctl.set_subject_token(token text, issuer text DEFAULT NULL, is_local boolean DEFAULT true) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_set_subject_token';
COMMENT ON FUNCTION flowctl.set_subject_token(text, text, boolean) IS
    'hands over the end user''s access token, a JWE for the key of use "enc" in flowctl.jwks(): it is verified, and runs that the '
    'session starts carry the user; is_local as in set_config(), NULL ends it; returns the user';
REVOKE ALL ON FUNCTION flowctl.set_subject_token(text, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.set_subject_token(text, text, boolean) TO PUBLIC;

-- The view issuers calls this function as the user who reads the view, so everybody may execute it. It shows an issuer to
-- whoever has USAGE on its foreign server.
CREATE FUNCTION flowctl_catalog.issuer_status(
    OUT server text, OUT pid int, OUT issuer text, OUT token_requests bigint, OUT tokens_issued bigint, OUT failures bigint,
    OUT cached_tokens bigint, OUT last_success timestamptz, OUT last_failure timestamptz, OUT last_failure_message text,
    OUT circuit text, OUT circuit_until timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_issuer_status';
COMMENT ON FUNCTION flowctl_catalog.issuer_status() IS
    'what each worker of this database knows of the issuers that the caller may use; read the view flowctl.issuers';
REVOKE ALL ON FUNCTION flowctl_catalog.issuer_status() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl_catalog.issuer_status() TO PUBLIC;

CREATE VIEW flowctl.issuers WITH (security_barrier) AS
    SELECT s.server, s.issuer, pg_catalog.sum(s.token_requests)::bigint AS token_requests,
           pg_catalog.sum(s.tokens_issued)::bigint AS tokens_issued, pg_catalog.sum(s.failures)::bigint AS failures,
           pg_catalog.sum(s.cached_tokens)::bigint AS cached_tokens, pg_catalog.max(s.last_success) AS last_success,
           pg_catalog.max(s.last_failure) AS last_failure,
           (pg_catalog.array_agg(s.last_failure_message ORDER BY s.last_failure DESC NULLS LAST))[1] AS last_failure_message,
           (pg_catalog.array_agg(s.circuit ORDER BY pg_catalog.array_position(
                ARRAY['open', 'half-open', 'paused', 'closed'], s.circuit)))[1] AS circuit,
           pg_catalog.max(s.circuit_until) AS circuit_until
    FROM flowctl_catalog.issuer_status() s
    GROUP BY s.server, s.issuer;
COMMENT ON VIEW flowctl.issuers IS
    'what the workers of this database know of issuers since they began: for who has USAGE on the foreign server';
COMMENT ON COLUMN flowctl.issuers.server IS 'name of the foreign server';
COMMENT ON COLUMN flowctl.issuers.issuer IS 'its URL';
COMMENT ON COLUMN flowctl.issuers.token_requests IS 'requests to its token endpoint';
COMMENT ON COLUMN flowctl.issuers.tokens_issued IS 'tokens that could be used';
COMMENT ON COLUMN flowctl.issuers.failures IS 'attempts that brought none';
COMMENT ON COLUMN flowctl.issuers.cached_tokens IS 'tokens that live in the memory of workers, each of one run';
COMMENT ON COLUMN flowctl.issuers.last_success IS 'when it last issued a token';
COMMENT ON COLUMN flowctl.issuers.last_failure IS 'when an attempt last brought none';
COMMENT ON COLUMN flowctl.issuers.last_failure_message IS 'why; never holds a secret or token';
COMMENT ON COLUMN flowctl.issuers.circuit IS
    'closed: it is asked as needed; paused: it asked for a pause; open: it did not answer of late and nobody waits for it; half-open: one request finds out';
COMMENT ON COLUMN flowctl.issuers.circuit_until IS 'until when it is left alone; NULL: it is not';
REVOKE ALL ON flowctl.issuers FROM PUBLIC;
GRANT SELECT ON flowctl.issuers TO PUBLIC;
