# Databases that go away, move or are copied: a worker is never in the way, and a copy does not act.
#
# Each command that needs a database without connections runs while its worker is there. Without our hook it would fail
# after five seconds. Then the extension is dropped while runs are open, a copy waits for activate(), and pg_dump takes
# flows and no runs.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'flowctl.discovery_interval' => '1h', 'max_prepared_transactions' => 5);
my $wait_flow = { StartAt => 'W', States => { W => { Type => 'Wait', Seconds => 3600, End => true } } };
my $pass_flow = { StartAt => 'A', States => { A => { Type => 'Pass', End => true } } };

sub new_database
{
	my ($name, $template) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name" . ($template ? " TEMPLATE $template" : ''));
	$node->safe_psql($name, 'CREATE EXTENSION IF NOT EXISTS pg_flowctl');
	wait_for_workers($node, 1, $name);
}

sub succeeds
{
	my ($sql, $what, $dbname) = @_;
	my ($status, $out, $err) = $node->psql($dbname // 'postgres', $sql);
	$err =~ s/^.*(NOTICE|DETAIL):.*\n?//mg;
	is("$status $err", '0 ', $what);
}

# Commands that need the database to themselves.
new_database('a');
succeeds('ALTER DATABASE a RENAME TO b', 'ALTER DATABASE RENAME with a worker there');
wait_for_workers($node, 1, 'b');
pass('its worker follows');

my $tablespace = PostgreSQL::Test::Utils::tempdir_short();
$node->safe_psql('postgres', "CREATE TABLESPACE elsewhere LOCATION '$tablespace'");
succeeds('ALTER DATABASE b SET TABLESPACE elsewhere', 'ALTER DATABASE SET TABLESPACE');
wait_for_workers($node, 1, 'b');
succeeds('CREATE DATABASE c TEMPLATE b', 'CREATE DATABASE with it as the template');
wait_for_workers($node, 1, $_) for qw(b c);
succeeds('DROP DATABASE c', 'DROP DATABASE');
succeeds('DROP DATABASE IF EXISTS c', 'DROP DATABASE IF EXISTS of none');
$node->safe_psql('template1', 'CREATE EXTENSION pg_flowctl');
wait_for_workers($node, 1, 'template1');
succeeds('CREATE DATABASE c', 'CREATE DATABASE when template1 itself has a worker');
wait_for_workers($node, 1, 'c');
$node->safe_psql('template1', 'DROP EXTENSION pg_flowctl');
wait_for_workers($node, 0, 'template1');
new_database('d');

# A command that fails lets the workers come back.
my $session = $node->background_psql('d');
$session->query_safe('SELECT 1');
my ($status, $out, $err) = $node->psql('postgres', 'DROP DATABASE d');
like($err, qr/is being accessed by other users.*There is 1 other session/s, 'a client is still in the way, its worker is not');
wait_for_workers($node, 1, 'd');
pass('after the failure its worker comes back');
$session->quit;
$node->psql('postgres', 'BEGIN; DROP DATABASE d; ROLLBACK');
wait_for_workers($node, 1, 'd');
pass('also after one that must not run in a transaction');

# A session that dies while it keeps workers away from a database does not keep them away for ever.
$session = $node->background_psql('postgres');
my $pid = $session->query_safe('SELECT pg_backend_pid()');
$session->query_safe('BEGIN; ALTER DATABASE d RENAME TO e;');
is(join(',', worker_pids($node, 'd')), '', 'no worker while a transaction has the database');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
wait_for_workers($node, 1, 'd');
pass('a terminated session frees the database');
eval { $session->quit; };

# A role that may not drop a database cannot send its workers away.
$node->safe_psql('postgres', 'CREATE ROLE nobody LOGIN');
my @before = worker_pids($node, 'd');
for my $command ('DROP DATABASE d', 'ALTER DATABASE d RENAME TO e', 'CREATE DATABASE e TEMPLATE d')
{
	$node->psql('postgres', "SET ROLE nobody; $command");
}
$node->psql('d', 'SET ROLE nobody; DROP EXTENSION pg_flowctl');
is_deeply([ worker_pids($node, 'd') ], \@before, 'a stranger does not disturb the worker');

# DROP EXTENSION with open runs, and inside a transaction that goes back.
define_flow($node, 'waits', $wait_flow, 'd');
define_flow($node, 'passes', $pass_flow, 'd');
my $run = start_run($node, 'waits', { x => 1 }, 'd');
ok(wait_for_query($node, "SELECT current_state FROM flowctl.runs WHERE run_id = '$run'", 'W', 'd'), 'a run waits');
$node->safe_psql('d', 'BEGIN; DROP EXTENSION pg_flowctl CASCADE; ROLLBACK');
is(wait_for_run($node, start_run($node, 'passes', {}, 'd'), 'd'), 'SUCCEEDED', 'after a rollback of DROP EXTENSION work goes on');
is($node->safe_psql('d', "SELECT status FROM flowctl.runs WHERE run_id = '$run'"), 'RUNNING', 'the waiting run still waits');

# A copy holds the same open run, and does nothing until it is told to.
new_database('copied', 'd');
my $copied = start_run($node, 'passes', {}, 'copied');
is($node->safe_psql('copied', "SELECT flowctl.wait('$copied', '500 ms')"), 'RUNNING', 'in a copy runs are accepted and do not move');
($status, $out, $err) = $node->psql('copied', 'SET ROLE nobody; SELECT flowctl.activate()');
like($err, qr/permission denied for function activate/, 'activate() is not for everybody');
$node->safe_psql('copied', 'SELECT flowctl.activate()');
is(wait_for_run($node, $copied, 'copied'), 'SUCCEEDED', 'after activate() they do');
is(wait_for_run($node, start_run($node, 'passes', {}, 'd'), 'd'), 'SUCCEEDED', 'the original went on all the time');

# flowctl.installation tells a copied data directory from the original.
$node->append_conf('postgresql.conf', "flowctl.installation = 'a copy'");
$node->reload;
ok(wait_for_query($node, 'SHOW flowctl.installation', 'a copy', 'd'), 'another installation');
my $held = start_run($node, 'passes', {}, 'd');
is($node->safe_psql('d', "SELECT flowctl.wait('$held', '500 ms')"), 'RUNNING', 'under another installation runs do not move');
$node->adjust_conf('postgresql.conf', 'flowctl.installation', "''");
$node->reload;
is(wait_for_run($node, $held, 'd'), 'SUCCEEDED', 'under the first they do');

# pg_dump takes flows, not runs; the restored database works at once, because it is not a copy of runs.
my $dump = PostgreSQL::Test::Utils::tempdir_short() . '/d.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('d') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $dump ], 'pg_restore');
is($node->safe_psql('restored', q{SELECT string_agg(name, ',' ORDER BY name) FROM flowctl.flows}), 'passes,waits', 'flows are restored');
is($node->safe_psql('restored', 'SELECT count(*) FROM flowctl.runs'), '0', 'runs are not');
wait_for_workers($node, 1, 'restored');
is(wait_for_run($node, start_run($node, 'passes', {}, 'restored'), 'restored'), 'SUCCEEDED', 'and flows run');

# Prepared transactions: the run begins when it is committed, without waiting for the periodic sweep (a minute).
$node->safe_psql('d', q{BEGIN; SELECT flowctl.start('passes', '{"prepared": true}'); PREPARE TRANSACTION 'p'});
is($node->safe_psql('d', q{SELECT count(*) FROM flowctl.runs WHERE input = '{"prepared": true}'}), '0', 'a prepared run is not there yet');
$node->safe_psql('d', q{COMMIT PREPARED 'p'});
my $prepared = $node->safe_psql('d', q{SELECT run_id FROM flowctl.runs WHERE input = '{"prepared": true}'});
is($node->safe_psql('d', "SELECT flowctl.wait('$prepared', '30 s')"), 'SUCCEEDED', 'COMMIT PREPARED wakes the worker');

# DROP EXTENSION while the workers are busy: no deadlock, no failed turn, and it can be created again.
new_database('busy');
for my $round (1 .. 3)
{
	define_flow($node, 'two_steps', { StartAt => 'A', States => { A => { Type => 'Pass', Next => 'B' }, B => { Type => 'Wait', Seconds => 1, End => true } } }, 'busy');
	wait_for_workers($node, 1, 'busy');
	my $one = start_run($node, 'two_steps', {}, 'busy');
	$node->safe_psql('busy', q{SELECT count(flowctl.start('two_steps')) FROM generate_series(1, 2000)});
	wait_for_query($node, "SELECT count(*) > 0 FROM flowctl.history WHERE run_id = '$one'", 't', 'busy');
	succeeds('DROP EXTENSION pg_flowctl CASCADE', "DROP EXTENSION of a busy database, round $round", 'busy');
	$node->safe_psql('busy', 'CREATE EXTENSION pg_flowctl');
}
succeeds('DROP DATABASE busy', 'and DROP DATABASE');

# The database is dropped together with its open runs.
succeeds('DROP EXTENSION pg_flowctl CASCADE', 'DROP EXTENSION CASCADE with open runs', 'd');
wait_for_workers($node, 0, 'd');
pass('its worker leaves');
is($node->safe_psql('d', q{SELECT count(*) FROM pg_namespace WHERE nspname IN ('flowctl', 'flowctl_catalog')}), '0', 'and its schemas are gone');
succeeds('DROP EXTENSION pg_flowctl CASCADE', 'DROP EXTENSION CASCADE of restored flows', 'restored');
wait_for_workers($node, 0, 'restored');
succeeds('CREATE ROLE keeper SUPERUSER; SET ROLE keeper; CREATE EXTENSION pg_flowctl', 'an extension with another owner', 'restored');
wait_for_workers($node, 1, 'restored');
succeeds('DROP OWNED BY keeper CASCADE', 'DROP OWNED BY', 'restored');
wait_for_workers($node, 0, 'restored');
succeeds("DROP DATABASE $_", "DROP DATABASE $_") for qw(b c d copied restored);

$node->stop('fast');
my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|terminated by signal/, 'nothing crashed');
unlike($log, qr/ended unexpectedly|deadlock detected|flowctl worker ERROR|flowctl worker LOG:  (relation|schema) .* does not exist/, 'no worker failed');

done_testing();
