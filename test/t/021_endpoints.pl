# Rights are checked at every call, not only when a flow is defined. What is taken away between two runs stops the next one
# before anything leaves the server. Each rule on endpoint, issuer, user mapping and secret files is broken in turn.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use Parts;
use PostgreSQL::Test::Utils;
use Test::More;

my $secrets = PostgreSQL::Test::Utils::tempdir_short();
my $stub    = Parts::start_stub();
my $node    = new_node('endpoints', 'flowctl.secrets_dir' => $secrets);
secret('orders', 0600);

# The issuer's answers cannot be used, so a run that gets as far as asking it has passed every check.
my $issuer = $stub->url('/issuer');
$node->safe_psql('postgres', qq{
	CREATE ROLE app; CREATE ROLE keeper; CREATE ROLE stranger;
	SELECT flowctl.grant_author('app');
	GRANT USAGE ON FOREIGN DATA WRAPPER flowctl_http, flowctl_oidc TO keeper;
	CREATE SERVER corp FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer '$issuer', discovery 'none', token_endpoint '$issuer/token');
	GRANT USAGE ON FOREIGN SERVER corp TO keeper;
	CREATE USER MAPPING FOR app SERVER corp OPTIONS (client_id 'apps-own', client_secret_file 'orders');
	CREATE USER MAPPING FOR PUBLIC SERVER corp OPTIONS (client_id 'everybodys', client_secret_file 'orders');
	SET ROLE keeper;
	CREATE SERVER billing FOREIGN DATA WRAPPER flowctl_http OPTIONS (url '} . $stub->url('/charge') . q{', issuer 'corp', scope 'charge');
	GRANT USAGE ON FOREIGN SERVER billing TO app});
$node->safe_psql('postgres', 'SET ROLE app; SELECT flowctl.define_flow(' . sql_literal('pay') . ', ' . sql_literal(to_json(http_flow('billing'))) . ')');

sub secret
{
	my ($name, $mode) = @_;
	unlink "$secrets/$name";
	append_to_file("$secrets/$name", "swordfish\n");
	chmod $mode, "$secrets/$name" or die $!;
}

# Runs the flow and returns its error and cause.
sub outcome
{
	my $run = $node->safe_psql('postgres', q{SELECT flowctl.start('pay')});
	wait_for_run($node, $run);
	return (run_row($node, $run), $run);
}

sub calls { my ($run) = @_; return $node->safe_psql('postgres', "SELECT count(*) FROM flowctl.calls WHERE run_id = '$run'"); }

# Breaks something, expects the run to fail because of it without a call, and mends it.
sub broken
{
	my ($what, $break, $mend, $error, $cause) = @_;
	$node->safe_psql('postgres', $break);
	my ($row, $run) = outcome();
	is($row->{error}, $error, "$what: error");
	like($row->{cause}, $cause, "$what: cause");
	is(calls($run), '0', "$what: nothing left");
	$node->safe_psql('postgres', $mend);
}

my $token_asked = qr/^Flowctl\.CredentialFailed$/;
my ($row, $run) = outcome();
like($row->{error}, $token_asked, 'with every right the issuer is asked');
is($node->safe_psql('postgres', "SELECT endpoint, issuer, client_id, scope, length(options_hash) FROM flowctl.calls WHERE run_id = '$run'"),
	"billing|$issuer|apps-own|charge|64", 'as the role\'s own client');
my $hash = $node->safe_psql('postgres', "SELECT options_hash FROM flowctl.calls WHERE run_id = '$run'");

broken('the role loses the endpoint', 'REVOKE USAGE ON FOREIGN SERVER billing FROM app', 'GRANT USAGE ON FOREIGN SERVER billing TO app',
	'States.Permissions', qr/role "app" lacks USAGE on foreign server "billing"/);
broken('the endpoint\'s owner loses the issuer', 'REVOKE USAGE ON FOREIGN SERVER corp FROM keeper', 'GRANT USAGE ON FOREIGN SERVER corp TO keeper',
	'States.Permissions', qr/owner of foreign server "billing" may not use its issuer: role "keeper" lacks USAGE on foreign server "corp"/);
broken('the endpoint goes to one without the issuer', 'GRANT USAGE ON FOREIGN DATA WRAPPER flowctl_http TO stranger; ALTER SERVER billing OWNER TO stranger',
	'ALTER SERVER billing OWNER TO keeper', 'States.Permissions', qr/role "stranger" lacks USAGE on foreign server "corp"/);
broken('the issuer goes to one who may name no files', 'GRANT USAGE ON FOREIGN DATA WRAPPER flowctl_oidc TO keeper; ALTER SERVER corp OWNER TO keeper',
	'ALTER SERVER corp OWNER TO CURRENT_USER; GRANT USAGE ON FOREIGN SERVER corp TO keeper', 'States.Permissions',
	qr/option "client_secret_file" of the user mapping for "app" is not honoured: foreign server "corp" belongs to role "keeper"/);
broken('the endpoint is renamed', 'ALTER SERVER billing RENAME TO gone', 'ALTER SERVER gone RENAME TO billing',
	'Flowctl.EndpointNotFound', qr/there is no foreign server "billing" of wrapper flowctl_http/);
broken('the issuer is renamed', 'ALTER SERVER corp RENAME TO gone', 'ALTER SERVER gone RENAME TO corp',
	'Flowctl.EndpointNotFound', qr/foreign server "billing" names as its issuer "corp"/);
broken('the CA file is not there', q{ALTER SERVER corp OPTIONS (ADD ca_file 'absent.pem')}, 'ALTER SERVER corp OPTIONS (DROP ca_file)',
	'Flowctl.EndpointConfiguration', qr/file "absent.pem" in flowctl.secrets_dir, the ca_file of foreign server "corp", cannot be read/);
broken('the endpoint\'s owner may name no files, and the endpoint does', q{ALTER SERVER billing OPTIONS (ADD ca_file 'ca.pem')}, 'ALTER SERVER billing OPTIONS (DROP ca_file)',
	'States.Permissions', qr/option "ca_file" of foreign server "billing" is not honoured/);
broken('the mapping names no file that is there', q{ALTER USER MAPPING FOR app SERVER corp OPTIONS (SET client_secret_file 'absent')},
	q{ALTER USER MAPPING FOR app SERVER corp OPTIONS (SET client_secret_file 'orders')}, 'Flowctl.EndpointConfiguration',
	qr/user mapping for "app" at foreign server "corp": client_secret_file: .*absent/);
secret('orders', 0644);
broken('others can read the secret', 'SELECT 1', 'SELECT 1', 'Flowctl.EndpointConfiguration', qr/client_secret_file: .*orders/);
secret('orders', 0600);
unlike($node->safe_psql('postgres', 'SELECT string_agg(cause, chr(10)) FROM flowctl.runs'), qr/swordfish/, 'no cause tells a secret');

# A role without a mapping of its own uses the mapping for PUBLIC. If that one is missing, too, the run fails.
$node->safe_psql('postgres', 'DROP USER MAPPING FOR app SERVER corp');
($row, $run) = outcome();
like($row->{error}, $token_asked, 'the mapping of PUBLIC is there for all');
is($node->safe_psql('postgres', "SELECT client_id FROM flowctl.calls WHERE run_id = '$run'"), 'everybodys', 'and is used');
isnt($node->safe_psql('postgres', "SELECT options_hash FROM flowctl.calls WHERE run_id = '$run'"), $hash, 'another mapping, another hash');
broken('there is no mapping', 'DROP USER MAPPING FOR PUBLIC SERVER corp', q{CREATE USER MAPPING FOR app SERVER corp OPTIONS (client_id 'apps-own', client_secret_file 'orders')},
	'States.Permissions', qr/role "app" has no user mapping for foreign server "corp": CREATE USER MAPPING FOR app SERVER corp/);
($row, $run) = outcome();
is($node->safe_psql('postgres', "SELECT options_hash FROM flowctl.calls WHERE run_id = '$run'"), $hash, 'the same options, the same hash');

# A role cannot reach another's secret by its own mapping: USAGE lets it make one, but not name a file.
$node->safe_psql('postgres', 'GRANT USAGE ON FOREIGN SERVER corp TO stranger');
my (undef, undef, $refused) = $node->psql('postgres', q{SET ROLE stranger; CREATE USER MAPPING FOR stranger SERVER corp OPTIONS (client_id 'x', client_secret_file 'orders')});
like($refused, qr/permission denied to set options of an object that has "client_secret_file"/, 'a mapping of one\'s own names no file');

# Without a folder for secrets no option can name one.
$node->append_conf('postgresql.conf', q{flowctl.secrets_dir = ''});
$node->reload;
wait_for_query($node, q{SELECT current_setting('flowctl.secrets_dir') = ''}, 't');
my $settled = 0;
for (1 .. 100)    # the worker reads the file on its own time
{
	($row, $run) = outcome();
	last if $settled = $row->{error} eq 'Flowctl.EndpointConfiguration';
}
ok($settled, 'without flowctl.secrets_dir there is no secret');
like($row->{cause}, qr/option "client_secret_file" names a file, but flowctl.secrets_dir is not set/, 'and the cause says so');

is(scalar($stub->calls(path => '/charge')), 0, 'in all this the endpoint was never called');
$node->stop;
done_testing();
