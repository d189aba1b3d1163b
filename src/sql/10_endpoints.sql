-- Endpoints and issuers: two foreign data wrappers.
--
-- An endpoint or an issuer is a foreign server, and a client registration is a user mapping. So PostgreSQL's own catalog,
-- GRANT, pg_dump and psql's commands work on them. There are no foreign tables, so the wrappers have no handler. Nothing is
-- granted to PUBLIC: an administrator creates servers, or grants USAGE on a wrapper to roles that may.

CREATE FUNCTION flowctl_catalog.flowctl_http_validator(options text[], catalog oid) RETURNS void
    LANGUAGE c STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'flowctl_http_validator';
REVOKE ALL ON FUNCTION flowctl_catalog.flowctl_http_validator(text[], oid) FROM PUBLIC;
COMMENT ON FUNCTION flowctl_catalog.flowctl_http_validator(text[], oid) IS
    'checks the options of flowctl_http servers; called by CREATE SERVER and ALTER SERVER';

CREATE FUNCTION flowctl_catalog.flowctl_oidc_validator(options text[], catalog oid) RETURNS void
    LANGUAGE c STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'flowctl_oidc_validator';
REVOKE ALL ON FUNCTION flowctl_catalog.flowctl_oidc_validator(text[], oid) FROM PUBLIC;
COMMENT ON FUNCTION flowctl_catalog.flowctl_oidc_validator(text[], oid) IS
    'checks the options of flowctl_oidc servers and of their user mappings; called by CREATE and ALTER of these';

CREATE FOREIGN DATA WRAPPER flowctl_http NO HANDLER VALIDATOR flowctl_catalog.flowctl_http_validator;
REVOKE ALL ON FOREIGN DATA WRAPPER flowctl_http FROM PUBLIC;
COMMENT ON FOREIGN DATA WRAPPER flowctl_http IS
    'endpoints that flows call. Server options: url, issuer (a flowctl_oidc server) or auth (none | flowctl), event_keys, grant (client_credentials | token_exchange | jwt_bearer | on_behalf_of | refresh_token), subject_token (user | flowctl), subject_token_file, subject_token_type, actor_token (flowctl), actor_token_file, actor_token_type, requested_token_type, scope, audience, resource, dpop, certificate_bound, ca_file, connect_timeout and timeout (s), max_response_bytes, follow_redirects, idempotency (visit | attempt), arn';

CREATE FOREIGN DATA WRAPPER flowctl_oidc NO HANDLER VALIDATOR flowctl_catalog.flowctl_oidc_validator;
REVOKE ALL ON FOREIGN DATA WRAPPER flowctl_oidc FROM PUBLIC;
COMMENT ON FOREIGN DATA WRAPPER flowctl_oidc IS
    'issuers of credentials. Server options: issuer, discovery (oidc | oauth | none), token_endpoint, jwks_uri, revocation_endpoint, assertion_audience (issuer | token_endpoint | a URI), assertion_typ, subject_audience, subject_algorithms, subject_type (at+jwt | any), subject_claims, ca_file, timeout (s). User mapping options: client_id, auth_method (client_secret_basic | client_secret_post | client_secret_jwt | private_key_jwt | tls_client_auth | self_signed_tls_client_auth | workload_token | flowctl | none), client_secret_file, private_key_file, signing_alg, key_id, key_certificate_file, workload_token_file, refresh_token_file, certificate_file, certificate_key_file';
