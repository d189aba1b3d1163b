-- Options of endpoints that want something else than a token: what the validator accepts and refuses, with every error text.
CREATE EXTENSION pg_flowctl;
\set VERBOSITY default
CREATE ROLE regress_fdw_auth_owner;
CREATE SERVER corp FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer 'https://idp.example');
CREATE SERVER billing FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://billing.example/charges', issuer 'corp');
CREATE SERVER local FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'http://127.0.0.1:8080', auth 'none');

-- accepted: endpoints without an identity provider, and clouds
CREATE SERVER key_header FOREIGN DATA WRAPPER flowctl_http OPTIONS (
    url 'https://a.example', auth 'api_key', api_key_header 'X-Api-Key', api_key_file 'key');
CREATE SERVER key_query FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', auth 'api_key', api_key_query 'token', api_key_file 'key');
CREATE SERVER login FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', auth 'basic', username 'u', password_file 'p');
CREATE SERVER webhook FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', auth 'hmac', hmac_secret_file 'whsec');
CREATE SERVER mutual FOREIGN DATA WRAPPER flowctl_http OPTIONS (
    url 'https://a.example', auth 'mtls', certificate_file 'c.pem', certificate_key_file 'c.key');
CREATE SERVER aws_role FOREIGN DATA WRAPPER flowctl_http OPTIONS (
    url 'https://lambda.eu-central-1.amazonaws.com', auth 'aws_sigv4', aws_region 'eu-central-1', aws_service 'lambda',
    role_arn 'arn:aws:iam::123456789012:role/path/orders', web_identity_token_file 'token', session_duration '900', session_lifetime '60',
    sts_endpoint 'https://sts.amazonaws.com', arn 'arn:aws:lambda:*:*:function:*');
CREATE SERVER aws_issuer FOREIGN DATA WRAPPER flowctl_http OPTIONS (
    url 'https://sqs.eu-central-1.amazonaws.com', auth 'aws_sigv4', aws_region 'eu-central-1', aws_service 'sqs',
    role_arn 'arn:aws-cn:iam::123456789012:role/orders', issuer 'corp', audience 'sts.amazonaws.com', scope 'x');
CREATE SERVER aws_own FOREIGN DATA WRAPPER flowctl_http OPTIONS (
    url 'https://sns.eu-central-1.amazonaws.com', auth 'aws_sigv4', aws_region 'eu-central-1', aws_service 'sns',
    role_arn 'arn:aws:iam::123456789012:role/orders', web_identity 'flowctl', audience 'https://x.example');
CREATE SERVER aws_user FOREIGN DATA WRAPPER flowctl_http OPTIONS (
    url 'https://b.s3.amazonaws.com', auth 'aws_sigv4', aws_region 'eu-central-1', aws_service 's3', aws_access_key_id 'AKIDEXAMPLE',
    aws_secret_key_file 'aws', aws_unsigned_payload 'on');
CREATE SERVER google FOREIGN DATA WRAPPER flowctl_http OPTIONS (
    url 'https://run.googleapis.com', issuer 'corp', impersonate 'orders@p.iam.gserviceaccount.com', impersonate_lifetime '300',
    impersonate_scope 'a b', iam_endpoint 'https://iamcredentials.googleapis.com');
CREATE SERVER nightly FOREIGN DATA WRAPPER flowctl_http OPTIONS (
    url 'https://api.prefect.example/api', auth 'api_key', api_key_header 'Authorization', api_key_file 'key', kind 'prefect',
    deployment '3c90c3cc-0d44-4b50-8888-8dd25736052a', poll_interval '30');

-- malformed values
ALTER SERVER key_header OPTIONS (SET api_key_header 'Idempotency-Key');
ALTER SERVER key_header OPTIONS (SET api_key_header 'X Api');
ALTER SERVER key_query OPTIONS (SET api_key_query 'a&b');
ALTER SERVER key_query OPTIONS (SET api_key_file '../key');
ALTER SERVER aws_role OPTIONS (SET aws_region 'eu central');
ALTER SERVER aws_role OPTIONS (SET role_arn 'orders');
ALTER SERVER aws_role OPTIONS (SET role_arn 'arn:aws:iam::12:role/orders');
ALTER SERVER aws_role OPTIONS (SET session_duration '899');
ALTER SERVER aws_role OPTIONS (SET session_duration '43201');
ALTER SERVER aws_role OPTIONS (SET session_duration '1000.5');
ALTER SERVER aws_own OPTIONS (SET web_identity 'corp');
ALTER SERVER google OPTIONS (SET impersonate_lifetime '1');
ALTER SERVER nightly OPTIONS (SET deployment 'nightly');
ALTER SERVER nightly OPTIONS (SET poll_interval '0');
ALTER SERVER nightly OPTIONS (SET kind 'airflow');

-- missing and contradictory options
ALTER SERVER local OPTIONS (ADD api_key_file 'key');
ALTER SERVER billing OPTIONS (ADD role_arn 'arn:aws:iam::123456789012:role/orders');
ALTER SERVER key_header OPTIONS (DROP api_key_file);
ALTER SERVER key_header OPTIONS (DROP api_key_header);
ALTER SERVER key_header OPTIONS (ADD api_key_query 'token');
ALTER SERVER key_header OPTIONS (ADD issuer 'corp');
ALTER SERVER key_header OPTIONS (ADD scope 'x');
ALTER SERVER login OPTIONS (DROP username);
ALTER SERVER login OPTIONS (DROP password_file);
ALTER SERVER webhook OPTIONS (DROP hmac_secret_file);
ALTER SERVER webhook OPTIONS (ADD follow_redirects 'on');
ALTER SERVER mutual OPTIONS (DROP certificate_key_file);
ALTER SERVER mutual OPTIONS (DROP certificate_key_file, DROP certificate_file);
ALTER SERVER local OPTIONS (ADD certificate_file 'c.pem');
ALTER SERVER aws_role OPTIONS (DROP aws_region);
ALTER SERVER aws_role OPTIONS (DROP aws_service);
ALTER SERVER aws_role OPTIONS (DROP role_arn);
ALTER SERVER aws_role OPTIONS (DROP web_identity_token_file);
ALTER SERVER aws_role OPTIONS (ADD web_identity 'flowctl');
ALTER SERVER aws_role OPTIONS (ADD aws_access_key_id 'AKIDEXAMPLE');
ALTER SERVER aws_role OPTIONS (ADD follow_redirects 'true');
ALTER SERVER aws_user OPTIONS (DROP aws_secret_key_file);
ALTER SERVER aws_user OPTIONS (DROP aws_access_key_id);
ALTER SERVER aws_user OPTIONS (ADD session_duration '900');
ALTER SERVER google OPTIONS (DROP impersonate);
ALTER SERVER key_header OPTIONS (ADD impersonate 'orders@p.iam.gserviceaccount.com');
ALTER SERVER nightly OPTIONS (DROP deployment);
ALTER SERVER nightly OPTIONS (DROP kind);
ALTER SERVER local OPTIONS (ADD poll_interval '5');

-- secrets are files, and files are for superusers and members of pg_read_server_files
ALTER SERVER local OPTIONS (ADD password 'in the clear');
GRANT USAGE ON FOREIGN DATA WRAPPER flowctl_http TO regress_fdw_auth_owner;
SET ROLE regress_fdw_auth_owner;
CREATE SERVER mine FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', auth 'api_key', api_key_header 'X-Api-Key', api_key_file 'key');
CREATE SERVER mine FOREIGN DATA WRAPPER flowctl_http OPTIONS (
    url 'https://a.example', auth 'aws_sigv4', aws_region 'r', aws_service 's', role_arn 'arn:aws:iam::123456789012:role/admin', web_identity_token_file 't');
RESET ROLE;

SET client_min_messages = warning;
DROP EXTENSION pg_flowctl CASCADE;
DROP ROLE regress_fdw_auth_owner;
