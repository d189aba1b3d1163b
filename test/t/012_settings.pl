# The settings flowctl.*: what they accept, who may change and see them, and that a bad value changes nothing.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'flowctl.secrets_dir' => '/srv/secrets');
$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');

sub refused
{
	my ($sql, $pattern, $what) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $sql);
	like($err, $pattern, $what);
}

my $trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
is($node->safe_psql('postgres', "SET ROLE app; SET flowctl.traceparent = '$trace'; SHOW flowctl.traceparent"), $trace, 'a session sets its trace context');
is($node->safe_psql('postgres', "SET flowctl.traceparent = '01-" . substr($trace, 3) . "-what-later-versions-add'; SELECT 'taken'"), 'taken',
	'a later version may hold more');
is($node->safe_psql('postgres', "SET flowctl.traceparent = ''; SELECT 'none'"), 'none', 'empty is none');
for my $bad (
	'x', substr($trace, 0, 54), "$trace-more", uc $trace, "ff-" . substr($trace, 3),
	'00-00000000000000000000000000000000-b7ad6b7169203331-01', '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01',
	'00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01', "01-" . substr($trace, 3) . '-' . ('y' x 300),
	"01-" . substr($trace, 3) . "-a\nb")
{
	refused("SET flowctl.traceparent = '$bad'", qr/invalid value for parameter "flowctl\.traceparent".*\nDETAIL:  A traceparent has the form/s, 'not a traceparent');
}

refused("ALTER SYSTEM SET flowctl.egress_allow = '10.0.0.0/8, nonsense'", qr/invalid value.*\nDETAIL:  .*nonsense/s, 'egress_allow names the item at fault');
refused("ALTER SYSTEM SET flowctl.secrets_dir = 'secrets'", qr/DETAIL:  .*absolute path/, 'secrets_dir is absolute');
refused("ALTER SYSTEM SET flowctl.proxy = 'ftp://proxy'", qr/DETAIL:  .*http:\/\//, 'proxy is a URL');
refused("ALTER SYSTEM SET flowctl.workers = 0", qr/outside the valid range/, 'at least one worker');
refused("ALTER SYSTEM SET flowctl.synchronous_commit = 'maybe'", qr/HINT:  Available values: local, remote_write, remote_apply, on, off\./, 'synchronous_commit is the server\'s');
refused("SET flowctl.workers = 2", qr/cannot be changed without restarting the server/, 'workers: at start');
refused("SET flowctl.max_calls = 2", qr/cannot be changed now/, 'what workers read is no session\'s');
refused("SET flowctl.nonsense = 1", qr/"flowctl" is a reserved prefix/, 'a misspelt setting is an error');
for my $name (qw(secrets_dir egress_allow proxy))
{
	refused("SET ROLE app; SHOW flowctl.$name", qr/must be superuser or have privileges of pg_read_all_settings|permission denied to examine/, "$name is not for everybody");
}

# A bad value in the file leaves the running value, and says so in the log.
my $end_of_log = -s $node->logfile;
$node->append_conf('postgresql.conf', "flowctl.egress_allow = '300.0.0.1'\nflowctl.max_calls = 7");
$node->reload;
ok(wait_for_query($node, 'SHOW flowctl.max_calls', '7'), 'the file is read');
is($node->safe_psql('postgres', 'SHOW flowctl.egress_allow'), '127.0.0.1/32', 'a bad value is not taken');
like(substr(slurp_file($node->logfile), $end_of_log), qr/invalid value for parameter "flowctl\.egress_allow": "300\.0\.0\.1"/, 'the log says so');

$node->stop('fast');
done_testing();
