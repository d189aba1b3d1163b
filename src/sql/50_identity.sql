-- Identity: this installation's own issuer, the end user of a session, and the workers' figures about
-- issuers.

-- The public keys for verifying users' tokens, as the worker last fetched them from their issuers.
CREATE TABLE flowctl_catalog.key_set (
    server          oid         PRIMARY KEY,  -- the foreign server that stands for the issuer
    options_hash    text        NOT NULL,     -- hash of the options that say where the keys are
    document        text,                     -- the JWKS; NULL if it was never fetched
    fetched_at      timestamptz,
    tried_at        timestamptz NOT NULL,
    problem         text                      -- why the last attempt failed; NULL if it succeeded
);
COMMENT ON TABLE flowctl_catalog.key_set IS 'public keys of the issuers whose users'' tokens are accepted';
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
    'the metadata of this installation''s own issuer for OpenID Connect Discovery, to be served at '
    '<issuer>/.well-known/openid-configuration';

REVOKE ALL ON FUNCTION flowctl.jwks(), flowctl.openid_configuration() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.jwks(), flowctl.openid_configuration() TO PUBLIC;

-- The end user of a session. Everybody may call the function: it checks the token, and it checks that its
-- caller has USAGE on the foreign server that stands for the issuer.
CREATE FUNCTION flowctl.set_subject_token(token text, issuer text DEFAULT NULL, is_local boolean DEFAULT true) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_set_subject_token';
COMMENT ON FUNCTION flowctl.set_subject_token(text, text, boolean) IS
    'hands over the end user''s access token, a JWE for the key of use "enc" in flowctl.jwks(). The token is verified, and '
    'runs that the session starts carry the user. is_local is as in set_config(); NULL removes the user; returns the user';
REVOKE ALL ON FUNCTION flowctl.set_subject_token(text, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.set_subject_token(text, text, boolean) TO PUBLIC;

-- The view issuers calls this function as the user who reads the view, so everybody may execute it. A role
-- sees the issuers whose foreign servers it has USAGE on.
CREATE FUNCTION flowctl_catalog.issuer_status(
    OUT server text, OUT pid int, OUT issuer text, OUT token_requests bigint, OUT tokens_issued bigint, OUT failures bigint,
    OUT cached_tokens bigint, OUT last_success timestamptz, OUT last_failure timestamptz, OUT last_failure_message text,
    OUT circuit text, OUT circuit_until timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_issuer_status';
COMMENT ON FUNCTION flowctl_catalog.issuer_status() IS
    'figures of each worker of this database about the issuers that the caller may use; read the view flowctl.issuers';
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
    'figures about issuers since the workers of this database began; a role sees the issuers whose foreign servers it has '
    'USAGE on';
COMMENT ON COLUMN flowctl.issuers.server IS 'name of the foreign server';
COMMENT ON COLUMN flowctl.issuers.issuer IS 'URL of the issuer';
COMMENT ON COLUMN flowctl.issuers.token_requests IS 'number of requests to its token endpoint';
COMMENT ON COLUMN flowctl.issuers.tokens_issued IS 'number of usable tokens that it issued';
COMMENT ON COLUMN flowctl.issuers.failures IS 'number of attempts that brought no usable token';
COMMENT ON COLUMN flowctl.issuers.cached_tokens IS 'number of tokens in the memory of workers, each for one run';
COMMENT ON COLUMN flowctl.issuers.last_success IS 'when the issuer last issued a token';
COMMENT ON COLUMN flowctl.issuers.last_failure IS 'when an attempt last brought no token';
COMMENT ON COLUMN flowctl.issuers.last_failure_message IS 'reason of the last failure; never contains a secret or token';
COMMENT ON COLUMN flowctl.issuers.circuit IS
    'closed: the issuer is asked as needed | paused: it asked for a pause | open: it did not answer lately, so calls fail '
    'without waiting for it | half-open: one request tries it';
COMMENT ON COLUMN flowctl.issuers.circuit_until IS 'until when the issuer is not asked; NULL if it may be asked';
REVOKE ALL ON flowctl.issuers FROM PUBLIC;
GRANT SELECT ON flowctl.issuers TO PUBLIC;
