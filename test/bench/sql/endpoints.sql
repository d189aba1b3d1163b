-- The endpoint of the benchmarks under the three paths that it knows; :endpoint is its URL.
CREATE SERVER bench FOREIGN DATA WRAPPER flowctl_http OPTIONS (url :'endpoint', auth 'none');
\set echo :endpoint '/echo'
CREATE SERVER echo FOREIGN DATA WRAPPER flowctl_http OPTIONS (url :'echo', auth 'none');
\set hold :endpoint '/hold'
CREATE SERVER hold FOREIGN DATA WRAPPER flowctl_http OPTIONS (url :'hold', auth 'none', timeout '600', connect_timeout '300');
SELECT :'endpoint' LIKE 'https:%' AS tls \gset
\if :tls
ALTER SERVER bench OPTIONS (ADD ca_file 'ca.pem');
ALTER SERVER echo OPTIONS (ADD ca_file 'ca.pem');
ALTER SERVER hold OPTIONS (ADD ca_file 'ca.pem');
\endif
GRANT USAGE ON FOREIGN SERVER bench, echo, hold TO app;
SELECT flowctl.grant_author('app');
GRANT CREATE ON SCHEMA public TO app;
