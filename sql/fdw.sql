-- Options of endpoints, issuers and user mappings: what the validators accept and refuse, with every error text.
CREATE EXTENSION pg_flowctl;
\set VERBOSITY default
CREATE ROLE regress_fdw_owner;
CREATE ROLE regress_fdw_reader IN ROLE pg_read_server_files;
CREATE ROLE regress_fdw_app;

-- accepted
CREATE SERVER corp FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer 'https://idp.example');
CREATE SERVER corp_all FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (
    issuer 'https://idp.example/tenant', discovery 'none', token_endpoint 'https://idp.example/token',
    jwks_uri 'https://idp.example/jwks', revocation_endpoint 'https://idp.example/revoke',
    assertion_audience 'https://idp.example/tenant', ca_file 'corp-ca.pem', timeout '2.5');
CREATE USER MAPPING FOR regress_fdw_app SERVER corp OPTIONS (client_id 'orders', client_secret_file 'orders.secret');
CREATE USER MAPPING FOR PUBLIC SERVER corp OPTIONS (
    client_id 'all', auth_method 'private_key_jwt', private_key_file 'all.pem', signing_alg 'PS256', key_id 'k 1');
CREATE USER MAPPING FOR regress_fdw_app SERVER corp_all OPTIONS (
    client_id 'orders', auth_method 'client_secret_post', client_secret_file 'orders.secret');
CREATE SERVER billing FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://billing.example/charges', issuer 'corp');
CREATE SERVER billing_all FOREIGN DATA WRAPPER flowctl_http OPTIONS (
    url 'https://billing.example:8443/charges?x=1', issuer 'corp', "grant" 'client_credentials', scope 'charge:write charge:read',
    audience 'https://billing.example', resource 'urn:billing', ca_file 'billing-ca.pem', connect_timeout '0.5', timeout '30',
    max_response_bytes '1000000', follow_redirects 'true', idempotency 'attempt', arn 'arn:aws:lambda:*:*:function:charge');
CREATE SERVER local FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'http://127.0.0.1:8080', auth 'none');
CREATE SERVER exchanged FOREIGN DATA WRAPPER flowctl_http OPTIONS (
    url 'https://billing.example/charges', issuer 'corp', "grant" 'token_exchange', subject_token 'user', subject_token_type 'jwt',
    actor_token 'flowctl', actor_token_type 'urn:example:own', requested_token_type 'access_token',
    resource 'https://a.example urn:b', dpop 'true');
CREATE SERVER on_behalf FOREIGN DATA WRAPPER flowctl_http OPTIONS (
    url 'https://billing.example/charges', issuer 'corp', "grant" 'on_behalf_of', subject_token_file 'assertion', certificate_bound 'true');
CREATE SERVER refreshed FOREIGN DATA WRAPPER flowctl_http OPTIONS (
    url 'https://billing.example/charges', issuer 'corp', "grant" 'refresh_token');
CREATE SERVER entra FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (
    issuer 'https://login.example/tenant/v2.0', assertion_audience 'token_endpoint', assertion_typ 'JWT');
CREATE USER MAPPING FOR regress_fdw_app SERVER entra OPTIONS (
    client_id 'orders', auth_method 'private_key_jwt', private_key_file 'k.pem', key_certificate_file 'c.pem', signing_alg 'PS256');
CREATE USER MAPPING FOR PUBLIC SERVER entra OPTIONS (auth_method 'workload_token', workload_token_file 'azure');
CREATE USER MAPPING FOR regress_fdw_owner SERVER entra OPTIONS (
    client_id 'x', auth_method 'tls_client_auth', certificate_file 'c.pem', certificate_key_file 'k.pem');
CREATE USER MAPPING FOR regress_fdw_reader SERVER entra OPTIONS (
    client_id 'x', auth_method 'client_secret_jwt', client_secret_file 's', signing_alg 'HS512', refresh_token_file 'r');

-- unknown options
CREATE SERVER bad FOREIGN DATA WRAPPER flowctl_http OPTIONS (ulr 'https://a.example', auth 'none');
CREATE SERVER bad FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', auth 'none', whatever_else 'x');
CREATE SERVER bad FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', auth 'none', api_key 'x');
CREATE SERVER bad FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer 'https://a.example', token_endpint 'x');
CREATE SERVER bad FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (url 'https://a.example');
CREATE USER MAPPING FOR regress_fdw_owner SERVER corp OPTIONS (client_id 'a', client_secret 'in the clear');
CREATE USER MAPPING FOR regress_fdw_owner SERVER corp OPTIONS (clientid 'a');
CREATE USER MAPPING FOR regress_fdw_owner SERVER billing OPTIONS (client_id 'a');
ALTER FOREIGN DATA WRAPPER flowctl_http OPTIONS (ADD url 'https://a.example');
ALTER FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (ADD issuer 'https://a.example');
CREATE FOREIGN TABLE bad (a int) SERVER billing OPTIONS (url 'x');

-- malformed values
ALTER SERVER local OPTIONS (SET url '');
ALTER SERVER local OPTIONS (SET url 'ftp://a.example');
ALTER SERVER local OPTIONS (SET url 'a.example/x');
ALTER SERVER local OPTIONS (SET url 'https://user:pw@a.example/');
ALTER SERVER local OPTIONS (SET url 'https://a.example/#here');
ALTER SERVER local OPTIONS (SET url E'https://a.example/\nHost: b');
ALTER SERVER local OPTIONS (ADD timeout '0');
ALTER SERVER local OPTIONS (ADD timeout '86401');
ALTER SERVER local OPTIONS (ADD timeout '1s');
ALTER SERVER local OPTIONS (ADD timeout 'nan');
ALTER SERVER local OPTIONS (ADD connect_timeout '-1');
ALTER SERVER local OPTIONS (ADD max_response_bytes '1MB');
ALTER SERVER local OPTIONS (ADD max_response_bytes '67108865');
ALTER SERVER local OPTIONS (ADD max_response_bytes '99999999999999999999999');
ALTER SERVER local OPTIONS (ADD follow_redirects 'perhaps');
ALTER SERVER local OPTIONS (ADD idempotency 'run');
ALTER SERVER local OPTIONS (SET auth 'ntlm');
ALTER SERVER local OPTIONS (ADD ca_file '../ca.pem');
ALTER SERVER local OPTIONS (ADD ca_file '/etc/passwd');
ALTER SERVER local OPTIONS (ADD arn 'function:charge');
ALTER SERVER billing OPTIONS (ADD scope E'a "b"');
ALTER SERVER billing OPTIONS (ADD scope ' a');
ALTER SERVER billing OPTIONS (ADD resource 'billing');
ALTER SERVER billing OPTIONS (ADD resource 'https://billing.example/#x');
ALTER SERVER billing OPTIONS (ADD resource 'https://billing.example/ billing');
ALTER SERVER billing OPTIONS (ADD resource 'urn:a  urn:b');
ALTER SERVER billing OPTIONS (ADD "grant" 'password');
ALTER SERVER billing OPTIONS (ADD "grant" 'client_credential');
ALTER SERVER exchanged OPTIONS (SET subject_token 'somebody');
ALTER SERVER exchanged OPTIONS (SET subject_token_type 'token');
ALTER SERVER exchanged OPTIONS (SET dpop 'perhaps');
ALTER SERVER entra OPTIONS (SET assertion_typ 'at+jwt');
ALTER SERVER billing OPTIONS (SET issuer 'a_name_that_is_longer_than_any_name_of_a_foreign_server_can_ever_be');
ALTER SERVER corp OPTIONS (SET issuer 'https://idp.example/?tenant=1');
ALTER SERVER corp OPTIONS (ADD discovery 'webfinger');
ALTER SERVER corp OPTIONS (ADD assertion_audience 'token');
ALTER SERVER corp OPTIONS (ADD revocation_endpoint 'revoke');
ALTER USER MAPPING FOR regress_fdw_app SERVER corp OPTIONS (ADD auth_method 'kerberos');
ALTER USER MAPPING FOR PUBLIC SERVER entra OPTIONS (SET workload_token_file '/var/run/secrets/token');
ALTER USER MAPPING FOR PUBLIC SERVER corp OPTIONS (SET signing_alg 'HS256');
ALTER USER MAPPING FOR PUBLIC SERVER corp OPTIONS (SET signing_alg 'none');
ALTER USER MAPPING FOR PUBLIC SERVER corp OPTIONS (SET private_key_file 'keys/all.pem');
\set VERBOSITY terse
DO $$ BEGIN
    EXECUTE format('ALTER SERVER local OPTIONS (SET url %L)', 'https://a.example/' || repeat('x', 2048));
END $$;
\set VERBOSITY default

-- missing and contradictory options
CREATE SERVER bad FOREIGN DATA WRAPPER flowctl_http;
CREATE SERVER bad FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example');
CREATE SERVER bad FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', auth 'none', issuer 'corp');
ALTER SERVER local OPTIONS (ADD scope 'x');
ALTER SERVER local OPTIONS (ADD audience 'x');
ALTER SERVER local OPTIONS (DROP url);
CREATE SERVER bad FOREIGN DATA WRAPPER flowctl_oidc;
CREATE SERVER bad FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer 'https://a.example', discovery 'none');
CREATE USER MAPPING FOR regress_fdw_owner SERVER corp;
CREATE USER MAPPING FOR regress_fdw_owner SERVER corp OPTIONS (client_id 'a');
CREATE USER MAPPING FOR regress_fdw_owner SERVER corp OPTIONS (client_id 'a', auth_method 'client_secret_post');
CREATE USER MAPPING FOR regress_fdw_owner SERVER corp OPTIONS (client_id 'a', private_key_file 'a.pem');
CREATE USER MAPPING FOR regress_fdw_owner SERVER corp OPTIONS (client_id 'a', client_secret_file 'a', key_id 'k');
CREATE USER MAPPING FOR regress_fdw_owner SERVER corp OPTIONS (client_id 'a', auth_method 'private_key_jwt');
CREATE USER MAPPING FOR regress_fdw_owner SERVER corp OPTIONS (
    client_id 'a', auth_method 'private_key_jwt', private_key_file 'a.pem', client_secret_file 'a');
CREATE USER MAPPING FOR regress_fdw_owner SERVER corp OPTIONS (client_id 'a', auth_method 'tls_client_auth');
CREATE USER MAPPING FOR regress_fdw_owner SERVER corp OPTIONS (auth_method 'flowctl', workload_token_file 'a');
CREATE USER MAPPING FOR regress_fdw_owner SERVER corp OPTIONS (auth_method 'workload_token');
CREATE USER MAPPING FOR regress_fdw_owner SERVER corp OPTIONS (client_id 'a', client_secret_file 's', certificate_file 'c.pem');
CREATE USER MAPPING FOR regress_fdw_owner SERVER corp OPTIONS (
    client_id 'a', auth_method 'private_key_jwt', private_key_file 'a.pem', signing_alg 'HS256');
CREATE USER MAPPING FOR regress_fdw_owner SERVER corp OPTIONS (
    client_id 'a', auth_method 'client_secret_jwt', client_secret_file 'a', signing_alg 'ES256');
ALTER SERVER local OPTIONS (ADD dpop 'true');
ALTER SERVER billing OPTIONS (ADD subject_token 'user');
ALTER SERVER billing OPTIONS (ADD requested_token_type 'jwt');
ALTER SERVER billing OPTIONS (ADD "grant" 'token_exchange');
ALTER SERVER exchanged OPTIONS (ADD subject_token_file 'a');
ALTER SERVER exchanged OPTIONS (ADD actor_token_file 'a');
ALTER SERVER exchanged OPTIONS (DROP actor_token);
ALTER SERVER exchanged OPTIONS (ADD follow_redirects 'true');
ALTER SERVER on_behalf OPTIONS (ADD actor_token 'flowctl');

-- the codes, for programs
\set VERBOSITY sqlstate
ALTER SERVER local OPTIONS (ADD nonsense 'x');
ALTER SERVER local OPTIONS (ADD timeout 'x');
ALTER SERVER local OPTIONS (DROP url);
ALTER SERVER local OPTIONS (ADD scope 'x');
ALTER SERVER billing OPTIONS (ADD "grant" 'password');
\set VERBOSITY default

-- nothing is granted to PUBLIC
SET ROLE regress_fdw_owner;
CREATE SERVER mine FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', auth 'none');
CREATE SERVER mine FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer 'https://a.example');
SELECT flowctl_catalog.flowctl_http_validator('{}', 0);
RESET ROLE;

-- file options: only for superusers and members of pg_read_server_files, whatever else may be altered
GRANT USAGE ON FOREIGN DATA WRAPPER flowctl_http, flowctl_oidc TO regress_fdw_owner, regress_fdw_reader;
SET ROLE regress_fdw_owner;
CREATE SERVER mine FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer 'https://a.example', ca_file 'ca.pem');
CREATE SERVER mine FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer 'https://a.example');
CREATE USER MAPPING FOR regress_fdw_owner SERVER mine OPTIONS (client_id 'a', client_secret_file 'orders.secret');
CREATE USER MAPPING FOR PUBLIC SERVER mine OPTIONS (
    client_id 'a', auth_method 'private_key_jwt', private_key_file 'orders.pem');
CREATE SERVER mine_http FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', auth 'none', ca_file 'ca.pem');
RESET ROLE;
CREATE USER MAPPING FOR regress_fdw_owner SERVER mine OPTIONS (client_id 'a', client_secret_file 'orders.secret');
GRANT USAGE ON FOREIGN SERVER corp TO regress_fdw_app;
SET ROLE regress_fdw_owner;
ALTER USER MAPPING FOR regress_fdw_owner SERVER mine OPTIONS (SET client_id 'b');
SET ROLE regress_fdw_app;
CREATE USER MAPPING FOR regress_fdw_app SERVER corp OPTIONS (client_id 'a', client_secret_file 'other.secret');
ALTER USER MAPPING FOR regress_fdw_app SERVER corp OPTIONS (SET client_secret_file 'other.secret');
SET ROLE regress_fdw_reader;
CREATE SERVER readers FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer 'https://a.example', ca_file 'ca.pem');
CREATE USER MAPPING FOR regress_fdw_reader SERVER readers OPTIONS (client_id 'a', client_secret_file 'orders.secret');
RESET ROLE;

-- an ARN may be claimed by superusers only: flows that name it would send their data to whoever does
SET ROLE regress_fdw_owner;
CREATE SERVER claims FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', auth 'none', arn 'arn:aws:lambda:*:*:function:*');
CREATE SERVER claims FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', auth 'none');
ALTER SERVER claims OPTIONS (ADD arn 'arn:aws:lambda:*:*:function:*');
RESET ROLE;
ALTER SERVER claims OPTIONS (ADD arn 'arn:aws:lambda:*:*:function:*');
SET ROLE regress_fdw_owner;
ALTER SERVER claims OPTIONS (SET url 'https://b.example');
ALTER SERVER claims OPTIONS (DROP arn, SET url 'https://b.example');
RESET ROLE;
DROP SERVER claims;

SELECT srvname, srvoptions FROM pg_foreign_server ORDER BY srvname COLLATE "C";
SELECT srvname, usename, umoptions FROM pg_user_mappings ORDER BY srvname COLLATE "C", usename COLLATE "C";

SET client_min_messages = warning;
DROP EXTENSION pg_flowctl CASCADE;
DROP ROLE regress_fdw_owner, regress_fdw_reader, regress_fdw_app;
