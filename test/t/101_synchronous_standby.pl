# Nothing leaves before the synchronous standby has confirmed what the turn wrote, so that a promoted standby knows of every
# call. The server gives up the wait of a commit when the worker is cancelled or terminated, and when the postmaster is gone;
# the worker does not.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use Parts;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $stub = Parts::start_stub();
my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 1);
FlowctlTest::configure($node, 'flowctl.sweep_interval' => '1s');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_flowctl');
http_server($node, 'echo', $stub->url('/echo'));
define_flow($node, 'call', http_flow('echo'));
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;

sub names
{
	my ($names) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET synchronous_standby_names = '$names'");
	$node->reload;
	wait_for_query($node, q{SHOW synchronous_standby_names}, $names);
}

# Starts a run without waiting for the standby; returns when the worker waits for it.
sub start_waiting
{
	my $run = $node->safe_psql('postgres', q{SET synchronous_commit = local; SELECT flowctl.start('call')});
	wait_for_wait();
	return $run;
}

# The worker waits for the standby, as another process than the one given.
sub wait_for_wait
{
	my ($other) = @_;
	$other //= 0;
	return wait_for_query($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'flowctl worker' AND wait_event = 'SyncRep' AND pid <> $other", '1');
}

sub calls { return scalar($stub->calls(path => '/echo')); }

names('standby');
wait_for_query($node, q{SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'}, '1');
is(wait_for_run($node, start_run($node, 'call')), 'SUCCEEDED', 'with a synchronous standby a run goes through');
is(calls(), 1, 'with one call');

# A cancel, and the end of the process.
$standby->stop('fast');
my $run = start_waiting();
my ($worker) = worker_pids($node);
my $log = -s $node->logfile;
$node->safe_psql('postgres', "SELECT pg_cancel_backend($worker)");
$node->wait_for_log(qr/canceling wait for synchronous replication.*LOG:  pg_flowctl: waiting for the synchronous standby again/s, $log);
wait_for_wait();
is((worker_pids($node))[0], $worker, 'a worker that is cancelled goes on waiting');
is(calls(), 1, 'and its call does not leave');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $worker AND (backend_xmin IS NOT NULL OR xact_start IS NOT NULL)"), '0',
	'no transaction is open meanwhile');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($worker)");
wait_for_wait($worker);
pass('a worker that is terminated ends, and the next one waits');
is(calls(), 1, 'the call has not left');
$standby->start;
is(wait_for_run($node, $run), 'SUCCEEDED', 'when the standby has confirmed, the run goes on');
is(calls(), 2, 'with one call');

# The postmaster is killed: its children live on for a moment, long enough for a request over a connection that is open.
$standby->stop('fast');
names('');
is(wait_for_run($node, start_run($node, 'call')), 'SUCCEEDED', 'a run that leaves a connection');
names('standby');
$run = start_waiting();
($worker) = worker_pids($node);
kill_server($node);
for (1 .. 100) { last unless kill 0, $worker; select undef, undef, undef, 0.1; }
is(kill(0, $worker), 0, 'a worker whose postmaster is gone ends');
is(calls(), 3, 'its call has not left');
start_again($node);
wait_for_wait();
is(calls(), 3, 'nor after the restart');
$standby->start;
is(wait_for_run($node, $run), 'SUCCEEDED', 'when the standby has confirmed, the run goes on');
is(calls(), 4, 'with one call');

# A standby that is gone for good is taken off the list.
$standby->stop('fast');
$run = start_waiting();
($worker) = worker_pids($node);
$log = -s $node->logfile;
$node->safe_psql('postgres', "SELECT pg_cancel_backend($worker)");
$node->wait_for_log(qr/pg_flowctl: waiting for the synchronous standby again/, $log);
names('');
is(wait_for_run($node, $run), 'SUCCEEDED', 'without a synchronous standby the run goes on');
is((worker_pids($node))[0], $worker, 'in the same worker');

# A server that is stopped does not wait for the standby.
names('standby');
$run = start_waiting();
$node->stop('fast');
is(calls(), 5, 'a server that is stopped sends nothing');

# What the promoted standby does not know has not left.
$standby->start;
$standby->promote;
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
is($standby->safe_psql('postgres', "SELECT count(*) FROM flowctl.calls WHERE run_id = '$run'"), '0', 'the promoted standby does not know the call that has not left');
$standby->stop('fast');
$stub->stop;
done_testing();
