# The SQL in the README is what a new user types first, so it is run as it stands there. So is the SQL of docs/reference.md
# and docs/identity.md.
use strict;
use warnings;
use Test::More;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use FlowctlTest;
use Parts;

my $root   = abs_path(dirname(__FILE__)) . '/../..';
my $text   = slurp_file("$root/README.md");
my $node   = new_node('readme');
my $stub   = Parts::start_stub();

# The indented block with the given beginning, up to the next line that is not indented.
sub block
{
	my ($beginning) = @_;
	my ($block) = $text =~ /^(    \Q$beginning\E.*?)^(?=\S)/ms;
	ok($block, "there is a block that begins with $beginning");
	return $block =~ s/^    //mgr;
}

my $first = block('CREATE SERVER echo');
is(scalar(() = $first =~ /^\S/mg), 8, 'eight statements');
my $address = $stub->url =~ s{^http://}{}r;
$first =~ s/127\.0\.0\.1:8080/$address/ or die 'no address in the block';
my $out = $node->safe_psql('postgres', $first);
like($out, qr/^SUCCEEDED\|.*"after".*\|\{"order": 1, "amount": 12\.50\}$/m, 'the first flow succeeds');
like($out, qr/ExecutionSucceeded/, 'and shows its history');

my $readme = $text;
$text = slurp_file("$root/docs/reference.md");
is($node->safe_psql('postgres', block(q[SELECT flowctl.test_state('{ "Type": "Task"])),
	'{"output": {"id": 7, "payment": {"paid": true}}, "status": "SUCCEEDED", "nextState": "Ship"}', 'a state is tested with a mock');
my $caught = $node->safe_psql('postgres', block('SELECT jsonb_pretty(flowctl.test_state('));
like($caught, qr/"nextState": "Ask"/, 'and with an error that is caught');
like($caught, qr/"catchIndex": 0,\s+"retryIndex": 0/, 'which shows Retry and Catch');
is($node->safe_psql('postgres', block('SELECT flowctl.test_state((SELECT definition')),
	'{"output": "ok", "status": "SUCCEEDED"}', 'so is a state of a flow that is there');

$node->safe_psql('postgres', block('CREATE SERVER charge'));
is($node->safe_psql('postgres', q{SELECT srvname FROM pg_foreign_server WHERE srvname = 'charge'}), 'charge', "so is AWS's endpoint");
$text = $readme;

$node->safe_psql('postgres', block('CREATE ROLE app'));
is($node->safe_psql('postgres', q{SELECT has_server_privilege('app', 'billing', 'USAGE')}), 't', 'the same with an identity provider is accepted');
my ($status, $ignored, $error) = $node->psql('postgres', q{SET ROLE app; SELECT flowctl.define_flow('bill', '{"StartAt": "A",
	"States": {"A": {"Type": "Task", "Resource": "flowctl:http:billing", "End": true}}}')});
is($error, '', 'and app defines a flow that calls it');
my $private = block(q{ALTER SYSTEM SET flowctl.egress_allow = '10.1.0.0/16'});
$private =~ s/^ALTER SYSTEM .*\nSELECT pg_reload_conf\(\);\n// or die 'no settings in the block';    # this test calls other addresses
$node->safe_psql('postgres', $private);
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_foreign_server WHERE 'ca_file=corp-ca.pem' = ANY (srvoptions)}), '2',
	'a private issuer and endpoint are accepted');

# docs/identity.md, in a database of its own. What stands in a shell's words runs in a shell.
$text = slurp_file("$root/docs/identity.md");
my $secrets = Parts::pki() . '/secrets';
my $served  = PostgreSQL::Test::Utils::tempdir_short();
mkdir "$served/.well-known" or die;
sub shell
{
	my ($commands) = @_;
	my $output = '';
	local %ENV = ($node->_get_env(), SECRETS => $secrets, PGDATABASE => 'shop');
	ok(IPC::Run::run([ 'bash', '-ec', "cd '$served'\n$commands" ], '>&', \$output), 'runs in a shell') or diag($output);
}
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', 'CREATE EXTENSION pg_flowctl');
my $issuer = block('openssl genpkey');
my ($command, $sql) = $issuer =~ /^(openssl [^\n]*\n)\s*(.*)$/s;
shell($command);
$node->safe_psql('shop', $sql);
wait_for_query($node, 'SHOW flowctl.issuer_keys', '2026-12.pem', 'shop');
is($node->safe_psql('shop', q{SELECT has_server_privilege('app', 'billing', 'USAGE')}), 't', 'an endpoint that takes our tokens');
shell(block('psql -XAtc'));
my $published = from_json(slurp_file("$served/.well-known/openid-configuration"));
is($published->{issuer}, 'https://id.example/flowctl/shop', 'what is published names the issuer');
is(scalar(@{ from_json(slurp_file("$served/.well-known/jwks.json"))->{keys} }), 1, 'and its key');

shell('openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $SECRETS/subject-2026-12.pem && chmod 600 $SECRETS/subject-2026-12.pem');
my $user = block('CREATE SERVER login');
$user =~ s/^BEGIN;.*//ms or die 'no transaction in the block';    # its token is cut short
$node->safe_psql('shop', $user);
$node->reload;
wait_for_query($node, q{SELECT flowctl.jwks()::text LIKE '%"use":"enc"%'}, 't', 'shop');
($status, $ignored, $error) = $node->psql('shop', q{SELECT flowctl.set_subject_token('eyJhbGciOiJSU0EtT0FFUC0yNTYi.e30.e30.e30.e30')});
like($error, qr/the subject token is not accepted/, 'a token can be handed over');

$node->safe_psql('shop', q{CREATE SERVER payroll FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://payroll.example', auth 'none')});
$node->safe_psql('shop', block('SELECT flowctl.add_policy('));
is($node->safe_psql('shop', q{SELECT string_agg(name, ' ' ORDER BY name) FROM flowctl.policies}), 'charge people', 'policies are added and dropped');

$node->stop;
done_testing();
