# A server that was restored from a backup holds the open runs of that moment, and the original has gone on since. So the
# flows of its databases wait, in each until flowctl.activate() is called there. A standby, its promotion and a crash go on.
#
# And flowctl.run = off keeps a server quiet from its first start, for a copy that cannot be told from its original.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use Parts;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $stub   = Parts::start_stub();
my $passes = { StartAt => 'P', States => { P => { Type => 'Pass', End => true } } };

sub log_of { my ($node) = @_; return slurp_file($node->logfile); }
sub marker_of { my ($node) = @_; return $node->data_dir . '/pg_flowctl.restored'; }
sub state_of { my ($node, $database) = @_; return wait_for_state($node, qr/^(?!$|starting$)/, $database); }

# The state of the database's worker, once there is one and it matches.
sub wait_for_state
{
	my ($node, $pattern, $database) = @_;
	my $state = '';
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		$state = $node->safe_psql($database // 'postgres', 'SELECT state FROM flowctl.workers');
		return $state if $state =~ $pattern;
		select undef, undef, undef, 0.1;
	}
	return $state;
}

# Not started.
sub restored
{
	my ($name, $root, $backup, %option) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init_from_backup($root, $backup, %option);
	$node->append_conf('postgresql.conf', 'archive_mode = off');
	return $node;
}

my $main = PostgreSQL::Test::Cluster->new('main');
$main->init(allows_streaming => 1, has_archiving => 1, extra => ['--data-checksums']);  # for pg_rewind
FlowctlTest::configure($main, 'flowctl.sweep_interval' => '1s');
$main->start;
$main->safe_psql('postgres', 'CREATE DATABASE other');
$main->safe_psql($_, 'CREATE EXTENSION pg_flowctl') for qw(postgres other);
http_server($main, 'echo', $stub->url('/echo'));
define_flow($main, 'passes', $passes, $_) for qw(postgres other);
define_flow($main, 'later', { StartAt => 'W', States => { W => { Type => 'Wait', Seconds => 1000, Next => 'Call' },
	Call => { Type => 'Task', Resource => 'flowctl:http:echo', End => true } } });
# A run that the backup holds: it waits for its answer, so that its call is made again wherever it goes on.
define_flow($main, 'call', http_flow('echo'));
$stub->script('/echo', then => { hold => 'echo', body => {} });
my $run = start_run($main, 'call');
$stub->wait_for(1, path => '/echo', outcome => 'held');
$main->backup('base');
$main->safe_psql('postgres', q{SELECT pg_create_restore_point('here')});

# A base backup beside its original.
my $copy = restored('copy', $main, 'base');
$copy->start;
is(state_of($copy), 'waiting for activate()', 'a restored base backup waits');
is(state_of($copy, 'other'), 'waiting for activate()', 'in each database');
like(log_of($copy), qr/LOG:  pg_flowctl: this server is being restored from a backup/, 'the log says it at the start');
like(log_of($copy), qr/WARNING:  flows of database "postgres" wait for flowctl\.activate\(\)\n.*DETAIL:  The server was restored from a backup/,
	'and why flows wait');
my (undef, undef, $stderr) = $copy->psql('postgres', q{SELECT flowctl.start('passes')});
like($stderr, qr/NOTICE:  runs of this database wait for flowctl\.activate\(\)/, 'so does start()');
$copy->restart;
is(state_of($copy), 'waiting for activate()', 'it waits after a restart');
kill_server($copy);
start_again($copy);
is(state_of($copy), 'waiting for activate()', 'and after a crash');
is(scalar($stub->calls(path => '/echo')), 1, 'the call of the open run is not made again');
$stub->release('echo');
is(wait_for_run($main, $run), 'SUCCEEDED', 'the original goes on');

# activate() is for one database.
my $held = start_run($copy, 'passes', {}, 'other');
$copy->safe_psql('postgres', 'SELECT flowctl.activate()');
is(wait_for_state($copy, qr/^working$/), 'working', 'activate() lets it work');
$stub->wait_for(2, path => '/echo');
$stub->wait_for(1, path => '/echo', outcome => 'held');
$stub->release('echo');
is(wait_for_run($copy, $run), 'SUCCEEDED', 'and the open run goes on');
is(state_of($copy, 'other'), 'waiting for activate()', 'another database still waits');
$copy->restart;
is(wait_for_run($copy, start_run($copy, 'passes')), 'SUCCEEDED', 'a restart changes nothing where it was activated');
is(state_of($copy, 'other'), 'waiting for activate()', 'nor where it was not');
$copy->safe_psql('postgres', 'CREATE DATABASE fresh');
$copy->safe_psql('fresh', 'CREATE EXTENSION pg_flowctl');
is(state_of($copy, 'fresh'), 'working', 'a new database does not wait');

# What is made from a restored server: a standby goes on where its primary does, a backup is another restore.
my $id = slurp_file(marker_of($copy));
$copy->backup('again');
my $second = restored('second', $copy, 'again');
$second->start;
is(state_of($second), 'waiting for activate()', 'a backup of a restored server that was activated waits again');
isnt(slurp_file(marker_of($second)), $id, 'by an id of its own');
$second->stop('immediate');
my $heir = restored('heir', $copy, 'again', has_streaming => 1);
$heir->start;
$copy->wait_for_catchup($heir);
$copy->stop('immediate');
$heir->promote;
is(wait_for_run($heir, start_run($heir, 'passes')), 'SUCCEEDED', 'a promoted standby of a restored server works where that was activated');
is(state_of($heir, 'other'), 'waiting for activate()', 'and waits where it was not');
$heir->safe_psql('other', 'SELECT flowctl.activate()');
is(wait_for_run($heir, $held, 'other'), 'SUCCEEDED', 'until it is activated there');
$heir->stop('immediate');

# Recovery to a point in time.
my $past = restored('past', $main, 'base', has_restoring => 1, standby => 0);
$main->safe_psql('postgres', 'SELECT pg_switch_wal()');
$past->append_conf('postgresql.conf', "recovery_target_name = 'here'\nrecovery_target_action = 'promote'");
$past->start;
$past->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
is(state_of($past), 'waiting for activate()', 'a server that was recovered to a point in time waits');
$past->stop('immediate');

# A standby from a base backup, promoted.
my $standby = restored('standby', $main, 'base', has_streaming => 1);
$standby->start;
ok(!-e marker_of($standby), 'a standby has no marker');
my $open = start_run($main, 'later');
wait_for_query($main, "SELECT phase FROM flowctl.runs WHERE run_id = '$open'", 'WAITING');
# A crash of the primary while a backup is being made.
my $backup = $main->background_psql('postgres');
$backup->query_safe(q{SELECT pg_backup_start('unfinished', true)});
$main->wait_for_catchup($standby);
kill_server($main);
eval { $backup->quit };
start_again($main);
is(wait_for_run($main, start_run($main, 'passes')), 'SUCCEEDED', 'after a crash during a backup the server goes on');
$main->wait_for_catchup($standby);
$main->stop('fast');
$standby->promote;
is(wait_for_run($standby, start_run($standby, 'passes')), 'SUCCEEDED', 'a promoted standby goes on');
is($standby->safe_psql('postgres', "SELECT phase FROM flowctl.runs WHERE run_id = '$open'"), 'WAITING', 'with the open runs');
$standby->stop('fast');

# The old primary comes back by pg_rewind, without standby.signal.
$main->start;
$main->safe_psql('postgres', 'CREATE TABLE diverged ()');
$main->stop('fast');
$standby->start;
$standby->safe_psql('postgres', 'CHECKPOINT');
command_ok([ 'pg_rewind', '--target-pgdata', $main->data_dir, '--source-server', $standby->connstr('postgres'), '--no-sync' ], 'pg_rewind');
$main->append_conf('postgresql.conf', 'port = ' . $main->port . "\nprimary_conninfo = ''");
$main->start;
is(state_of($main), 'waiting for activate()', 'a rewound server that is no standby waits');
$main->stop('immediate');

# Off: calls under way come to their end, and nothing else begins.
$stub->reset;
$stub->script('/echo', then => { hold => 'echo', body => {} });
my $off = sub {
	my ($node, $value) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET flowctl.run = $value");
	$node->reload;
	is(wait_for_state($node, $value eq 'off' ? qr/^off$/ : qr/^working$/), $value eq 'off' ? 'off' : 'working', "flowctl.run = $value");
};
$run = start_run($standby, 'call');
$stub->wait_for(1, path => '/echo', outcome => 'held');
$off->($standby, 'off');
(undef, my $waits, $stderr) = $standby->psql('postgres', q{SELECT flowctl.start('passes')});
like($stderr, qr/NOTICE:  runs wait while flowctl\.run is off/, 'start() says that the run waits');
$stub->release('echo');
is(wait_for_run($standby, $run), 'SUCCEEDED', 'the call under way comes to its end');
is($standby->safe_psql('postgres', "SELECT phase FROM flowctl.runs WHERE run_id = '$waits'"), 'QUEUED', 'the new run waits');
like(log_of($standby), qr/WARNING:  flows of database "postgres" wait while flowctl\.run is off/, 'the log says it');
$off->($standby, 'on');
is(wait_for_run($standby, $waits), 'SUCCEEDED', 'until the setting is on');

# A copy of the files cannot be told from the original; off, it is quiet from its first start.
$run = start_run($standby, 'call');
$stub->wait_for(1, path => '/echo', outcome => 'held');
$standby->stop('immediate');
$standby->backup_fs_cold('cold');
my $quiet = restored('quiet', $standby, 'cold');
$quiet->append_conf('postgresql.auto.conf', 'flowctl.run = off');
$quiet->start;
is(state_of($quiet), 'off', 'a copy with flowctl.run = off');
$waits = start_run($quiet, 'passes');
is($quiet->safe_psql('postgres', "SELECT flowctl.wait('$waits', '2 s')"), 'RUNNING', 'begins nothing');
is(scalar($stub->calls(path => '/echo')), 2, 'and repeats no call');
$quiet->safe_psql('postgres', 'ALTER SYSTEM RESET flowctl.run');
$quiet->reload;
is(wait_for_run($quiet, $waits), 'SUCCEEDED', 'without it the copy goes on');
$stub->wait_for(3, path => '/echo');
$quiet->stop('immediate');

$stub->stop;
done_testing();
