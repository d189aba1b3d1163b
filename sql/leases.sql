-- Database leases: options of endpoints, rules, what the views show, with every error text.
CREATE EXTENSION pg_flowctl;
\set VERBOSITY default
CREATE ROLE regress_lease_app;
CREATE ROLE regress_lease_reader;
CREATE ROLE regress_lease_other;
CREATE ROLE "Regress Lease, Odd";
CREATE ROLE regress_lease_creator CREATEROLE;
GRANT regress_lease_reader, "Regress Lease, Odd" TO regress_lease_app WITH ADMIN OPTION;
GRANT USAGE ON FOREIGN DATA WRAPPER flowctl_http TO regress_lease_app;
SELECT flowctl.grant_author('regress_lease_app');

-- accepted
CREATE SERVER books FOREIGN DATA WRAPPER flowctl_http OPTIONS (
    url 'https://books.example', auth 'none', lease 'login', lease_roles 'regress_lease_reader, "Regress Lease, Odd"', lease_until 'run',
    lease_connections '2');
CREATE SERVER near FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'http://127.0.0.1:8080', auth 'none', lease 'login');
CREATE SERVER named FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'http://localhost:8080', auth 'none', lease 'login', lease_until 'call');
CREATE SERVER six FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'http://[::1]:8080', auth 'none', lease 'login');
CREATE SERVER member FOREIGN DATA WRAPPER flowctl_http OPTIONS (
    url 'http://books.internal', auth 'none', lease 'member', lease_member 'regress_lease_other', lease_roles 'regress_lease_reader');

-- malformed values
ALTER SERVER books OPTIONS (SET lease 'superuser');
ALTER SERVER books OPTIONS (SET lease_roles 'a,,b');
ALTER SERVER books OPTIONS (SET lease_roles '"a');
ALTER SERVER member OPTIONS (SET lease_member 'a, b');
ALTER SERVER books OPTIONS (SET lease_until 'ever');
ALTER SERVER books OPTIONS (SET lease_connections '0');
ALTER SERVER books OPTIONS (SET lease_connections '101');

-- what does not go together
CREATE SERVER no FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://x.example', auth 'none', lease_roles 'a');
CREATE SERVER no FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://x.example', auth 'none', lease 'member');
CREATE SERVER no FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://x.example', auth 'none', lease 'login', lease_member 'a');
CREATE SERVER no FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://x.example', auth 'none', lease 'member', lease_member 'a', lease_connections '1');
CREATE SERVER no FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'http://x.example', auth 'none', lease 'login');
CREATE SERVER no FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'http://127.example', auth 'none', lease 'login');
CREATE SERVER no FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://x.example', auth 'none', lease 'login', follow_redirects 'true');
CREATE SERVER no FOREIGN DATA WRAPPER flowctl_http OPTIONS (
    url 'https://x.example', auth 'aws_sigv4', aws_region 'r', aws_service 's3', aws_access_key_id 'a', aws_secret_key_file 'f', lease 'login');

-- rules: whose they are
SELECT flowctl.add_lease_rule('readers', 'near', 'regress_lease_reader');
SELECT flowctl.add_lease_rule('readers', 'near', 'regress_lease_reader');
SELECT flowctl.add_lease_rule('', 'near', 'regress_lease_reader');
SELECT flowctl.add_lease_rule('x', 'nowhere', 'regress_lease_reader');
SELECT flowctl.add_lease_rule('x', NULL, 'regress_lease_reader');
SELECT flowctl.add_lease_rule('x', 'near', NULL);
SELECT flowctl.add_lease_rule('x', 'near', 'regress_lease_creator');
SELECT flowctl.add_lease_rule('x', 'near', 'pg_write_server_files');
SELECT flowctl.add_lease_rule('x', 'near', 'regress_lease_reader', '{"colour": 1}');
SELECT flowctl.add_lease_rule('x', 'near', 'regress_lease_reader', '{"claims": {"groups": "finance"}}');
SELECT flowctl.add_lease_rule('x', 'near', 'regress_lease_reader', '{"subject": "alice"}');
SELECT flowctl.add_lease_rule('strangers', 'near', 'regress_lease_reader', '{"subject": false}');
SELECT flowctl.add_lease_rule('people', 'near', '"Regress Lease, Odd"', '{"claims": {"groups": "finance"}, "issuer": "https://login.example"}', 'the books');
SET ROLE regress_lease_app;
SELECT flowctl.add_lease_rule('mine', 'near', 'regress_lease_reader');
CREATE SERVER own FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://own.example', auth 'none', lease 'login');
SELECT flowctl.add_lease_rule('mine', 'own', 'regress_lease_reader');
SELECT flowctl.add_lease_rule('more', 'own', 'regress_lease_other');
SELECT name, endpoint, role, conditions, comment FROM flowctl.lease_rules ORDER BY name;
INSERT INTO flowctl_catalog.lease_rule (name, endpoint, role, conditions, created_by) VALUES ('x', 'own', 'regress_lease_other', '{}', 'x');
RESET ROLE;
SELECT name, endpoint, role, conditions, comment FROM flowctl.lease_rules ORDER BY name;
SET ROLE regress_lease_other;
SELECT flowctl.drop_lease_rule('mine');
RESET ROLE;
SELECT flowctl.drop_lease_rule('none');

-- at the definition: the parties must agree
GRANT USAGE ON FOREIGN SERVER books, near, named, member TO regress_lease_app;
SET ROLE regress_lease_app;
SELECT flowctl.define_flow('books', '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "flowctl:http:books", "End": true}}}');
SELECT flowctl.define_flow('near', '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "flowctl:http:near", "End": true}}}');
SELECT flowctl.define_flow('named', '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "flowctl:http:named", "End": true}}}');
SELECT flowctl.define_flow('member', '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "flowctl:http:member", "End": true}}}');
RESET ROLE;
REVOKE ADMIN OPTION FOR "Regress Lease, Odd" FROM regress_lease_app;
SET ROLE regress_lease_app;
SELECT flowctl.define_flow('books', '{"StartAt": "B", "States": {"B": {"Type": "Task", "Resource": "flowctl:http:books", "End": true}}}');
RESET ROLE;

-- a leased role stays as long as a rule names it
DROP ROLE "Regress Lease, Odd";
DROP OWNED BY "Regress Lease, Odd";
SELECT name FROM flowctl.lease_rules ORDER BY name;
SET ROLE regress_lease_app;
SELECT flowctl.drop_lease_rule('mine');
RESET ROLE;
SELECT flowctl.drop_lease_rule('readers');
DROP ROLE "Regress Lease, Odd";

-- nobody but the engine writes down leases
SELECT count(*) FROM flowctl.leases;
SET ROLE regress_lease_other;
SELECT count(*) FROM flowctl.leases;
SELECT * FROM flowctl_catalog.lease;
RESET ROLE;

DROP EXTENSION pg_flowctl CASCADE;
DROP ROLE regress_lease_app, regress_lease_reader, regress_lease_other, regress_lease_creator;
