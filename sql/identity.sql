-- Our own issuer, the session's end user and policies: what the functions refuse, with every error text, and who sees what.
CREATE EXTENSION pg_flowctl;
\set VERBOSITY default
CREATE ROLE regress_id_owner;
CREATE ROLE regress_id_app;
GRANT USAGE ON FOREIGN DATA WRAPPER flowctl_http TO regress_id_owner;

-- our own issuer, not set up
SELECT flowctl.openid_configuration();
SELECT flowctl.jwks();
ALTER SYSTEM SET flowctl.issuer_url = 'http://id.example';
ALTER SYSTEM SET flowctl.issuer_url = 'https://id.example/';
ALTER SYSTEM SET flowctl.issuer_url = 'https://id.example/?a=b';
ALTER SYSTEM SET flowctl.issuer_keys = '../key.pem';
ALTER SYSTEM SET flowctl.issuer_keys = 'a.pem, , b.pem';
ALTER SYSTEM SET flowctl.issuer_token_lifetime = 0;

-- endpoints that want its tokens
CREATE SERVER own FOREIGN DATA WRAPPER flowctl_http OPTIONS (
    url 'https://billing.example/charges', auth 'flowctl', audience 'https://billing.example', scope 'charge:write', event_keys 'true');
CREATE SERVER bad FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', auth 'flowctl', resource 'urn:a');
CREATE SERVER bad FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', auth 'flowctl', "grant" 'client_credentials');
CREATE SERVER bad FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', auth 'flowctl', event_keys 'perhaps');

-- issuers of users
CREATE SERVER users FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (
    issuer 'https://idp.example', subject_audience 'https://db.example', subject_algorithms 'RS256 ES256', subject_type 'any',
    subject_claims 'groups email');
CREATE SERVER bad FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer 'https://idp.example', subject_claims 'groups');
CREATE SERVER bad FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer 'https://idp.example', subject_audience 'a', subject_algorithms 'HS256');
CREATE SERVER bad FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer 'https://idp.example', subject_audience 'a', subject_algorithms 'RS256,ES256');
CREATE SERVER bad FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer 'https://idp.example', subject_audience 'a', subject_type 'jwt');

-- the session's user
SELECT flowctl.set_subject_token(NULL) IS NULL AS nobody;
SELECT flowctl.set_subject_token('hello');
SELECT flowctl.set_subject_token('a.b.c');
SELECT flowctl.set_subject_token('a.b.c.d.e');
SET flowctl.allow_plain_subject_token = on;
SELECT flowctl.set_subject_token('a.b.c');
-- {"alg":"none"} . {"iss":"https://nobody.example"} .
SELECT flowctl.set_subject_token('eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL25vYm9keS5leGFtcGxlIn0.');
SET ROLE regress_id_app;
SET flowctl.allow_plain_subject_token = on;
RESET ROLE;
RESET flowctl.allow_plain_subject_token;

-- policies
SELECT flowctl.add_policy('p', 'permit', 'own', '{"role": "regress_id_app", "time": {"from": "08:00", "until": "18:00"}}', 'office hours');
SELECT flowctl.add_policy('p', 'permit', 'own');
SELECT flowctl.add_policy('', 'permit', 'own');
SELECT flowctl.add_policy('q', 'allow', 'own');
SELECT flowctl.add_policy('q', 'permit', 'nowhere');
SELECT flowctl.add_policy('q', NULL, 'own');
SELECT flowctl.add_policy('q', 'permit', 'own', '{"colour": "red"}');
SELECT flowctl.add_policy('q', 'permit', 'own', '{"time": {"from": "8:00"}}');
SELECT flowctl.drop_policy('q');
SELECT name, effect, endpoint, conditions, comment FROM flowctl.policies;
SET ROLE regress_id_app;
SELECT count(*) FROM flowctl.policies;
SELECT flowctl.add_policy('q', 'permit', 'own');
SELECT flowctl.add_policy('q', 'permit', NULL);
SELECT flowctl.drop_policy('p');
SELECT * FROM flowctl_catalog.policy;
SELECT * FROM flowctl_catalog.denial;
SELECT * FROM flowctl_catalog.key_set;
RESET ROLE;
CREATE ROLE regress_id_writer IN ROLE pg_write_all_data;
SET ROLE regress_id_writer;
INSERT INTO flowctl_catalog.policy (name, effect, conditions, created_by) VALUES ('mine', 'permit', '{}', 'me');
INSERT INTO flowctl_catalog.key_set (server, options_hash, tried_at) VALUES (1, '', now());
RESET ROLE;
SET ROLE regress_id_owner;
CREATE SERVER mine FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://a.example', auth 'none');
SELECT flowctl.add_policy('mine', 'forbid', 'mine');
SELECT flowctl.drop_policy('mine');
RESET ROLE;

-- a definition that no policy permits
SELECT flowctl.grant_author('regress_id_owner');
GRANT USAGE ON FOREIGN SERVER own TO regress_id_owner;
SET ROLE regress_id_owner;
SELECT flowctl.define_flow('denied', '{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"flowctl:http:own","End":true}}}');
RESET ROLE;
SELECT flowctl.add_policy('stop', 'forbid', NULL, '{"state": "A"}');
SELECT flowctl.add_policy('go', 'permit', 'own', '{"owner": "regress_id_owner"}');
SET ROLE regress_id_owner;
SELECT flowctl.define_flow('denied', '{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"flowctl:http:own","End":true}}}');
SELECT flowctl.define_flow('fine', '{"StartAt":"a~/b","States":{"a~/b":{"Type":"Task","Resource":"flowctl:http:own","End":true}}}');
RESET ROLE;

SET client_min_messages = warning;
DROP EXTENSION pg_flowctl CASCADE;
DROP ROLE regress_id_owner, regress_id_app, regress_id_writer;
