CREATE EXTENSION pg_flowctl;
SELECT flowctl.grant_author('shop');     -- shop may define flows

-- The issuer and what shop is registered as there. The key is a file in flowctl.secrets_dir, which only superusers and members
-- of pg_read_server_files may name.
CREATE SERVER idp FOREIGN DATA WRAPPER flowctl_oidc
    OPTIONS (issuer :'issuer', ca_file 'ca.pem');
CREATE USER MAPPING FOR shop SERVER idp
    OPTIONS (client_id 'orders', auth_method 'private_key_jwt', private_key_file 'es256.pem');

-- The endpoints, each with the audience and the scope that its token shall have, and nothing more.
CREATE SERVER payment FOREIGN DATA WRAPPER flowctl_http
    OPTIONS (url :'payment', issuer 'idp', audience 'https://payment.example', scope 'payment:charge', ca_file 'ca.pem');
CREATE SERVER shipping FOREIGN DATA WRAPPER flowctl_http
    OPTIONS (url :'shipping', issuer 'idp', audience 'https://shipping.example', scope 'shipping:create', ca_file 'ca.pem');

-- shop's flows may call them, nobody else's.
GRANT USAGE ON FOREIGN SERVER payment, shipping TO shop;
