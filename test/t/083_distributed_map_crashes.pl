# Distributed Map over 50,000 rows of a query, through crashes of the worker, of the server and of the process that reads: every
# item is a run, every run ends once, and the counts are those of the runs.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $items = 50_000;
my $node  = new_node('dmapcrash', 'restart_after_crash' => 'on', 'max_wal_size' => '4GB');
my $sql   = sub { return $node->safe_psql('postgres', $_[0]) };
$sql->("CREATE TABLE item AS SELECT n AS id FROM generate_series(1, $items) n");

my @as_superuser = (undef, { run_as_superuser => true });    # the last arguments of define_flow

sub over
{
	my ($query, $states, $first) = @_;
	return {
		StartAt => 'Each',
		States  => {
			Each => {
				Type          => 'Map',
				ItemReader    => { Resource => 'flowctl:sql:query', Parameters => { Query => $query } },
				ItemProcessor => {
					ProcessorConfig => { Mode => 'DISTRIBUTED', ExecutionType => 'STANDARD' },
					StartAt         => $first // 'One',
					States          => $states // { One => { Type => 'Pass', End => true } },
				},
				ResultPath => undef,
				End        => true,
			},
		},
	};
}
define_flow($node, 'all', over('SELECT id FROM item ORDER BY id'), @as_superuser);
# Every tenth child waits for a moment, so that some have frames whenever the server dies.
define_flow(
	$node, 'slow',
	over(
		'SELECT id, id % 10 AS tenth FROM item ORDER BY id',
		{
			One => { Type => 'Choice', Choices => [ { Variable => '$.tenth', NumericEquals => 0, Next => 'Wait' } ], Default => 'Done' },
			Wait => { Type => 'Wait', Seconds => 1, Next => 'Done' },
			Done => { Type => 'Succeed' },
		}),
	@as_superuser);
define_flow($node, 'other', { StartAt => 'A', States => { A => { Type => 'Pass', End => true } } });

sub succeeded
{
	my ($run) = @_;
	return $sql->("SELECT runs_succeeded FROM flowctl.map_runs WHERE run_id = '$run'");
}

# Waits until that many children have succeeded.
sub wait_until
{
	my ($run, $count) = @_;
	wait_for_query($node, "SELECT coalesce((SELECT runs_succeeded FROM flowctl.map_runs WHERE run_id = '$run'), 0) >= $count", 't');
}

sub all_once
{
	my ($run, $name) = @_;
	is(wait_for_run($node, $run), 'SUCCEEDED', "$name: the run succeeds");
	is( $sql->("SELECT count(*), count(DISTINCT map_index), sum((input->>'id')::bigint) FROM flowctl.runs WHERE parent_run_id = '$run' AND status = 'SUCCEEDED'"),
		join('|', $items, $items, $items * ($items + 1) / 2),
		"$name: every item is a run that has succeeded");
	is( $sql->(qq{
			SELECT count(*), count(DISTINCT h.run_id) FROM flowctl.history h JOIN flowctl.runs r USING (run_id)
			WHERE r.parent_run_id = '$run' AND h.type = 'ExecutionSucceeded'}),
		"$items|$items", "$name: and has ended once");
	is($sql->("SELECT status, phase IS NULL, items, runs, runs_succeeded, runs_open FROM flowctl.map_runs WHERE run_id = '$run'"),
		"SUCCEEDED|t|$items|$items|$items|0", "$name: the counts are right");
	is($sql->('SELECT count(*) FROM flowctl_catalog.frame'), '0', "$name: no frame is left");
}

# The worker is killed, then the whole server, in the middle of the children. Other runs go on all the while.
my $run = start_run($node, 'slow', {});
wait_until($run, 1000);
is(wait_for_run($node, start_run($node, 'other', {})), 'SUCCEEDED', 'another run is not held up');
my ($worker) = worker_pids($node);
kill 'KILL', $worker;
wait_for_query($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'flowctl worker' AND pid <> $worker", '1');
cmp_ok(succeeded($run), '<', $items, 'the worker was killed in the middle');
wait_until($run, 15_000);
$node->stop('immediate');
$node->start;
cmp_ok(succeeded($run), '<', $items, 'the server was killed in the middle');
wait_until($run, 30_000);
wait_for_workers($node, 1);
($worker) = worker_pids($node);
$sql->("SELECT pg_terminate_backend($worker)");
all_once($run, 'crashes between children');

# While the items are read: the process is ended, then the server dies. Either all children are there or none.
$sql->('CREATE TABLE gate (open bool); INSERT INTO gate VALUES (false)');
$sql->(q{
	CREATE FUNCTION gated(id bigint) RETURNS bigint LANGUAGE plpgsql AS $$
	BEGIN
		IF id = 25000 THEN PERFORM pg_advisory_lock(4711); PERFORM pg_advisory_unlock(4711); END IF;
		RETURN id;
	END $$});
define_flow($node, 'gated', over('SELECT gated(id) AS id FROM item ORDER BY id'), @as_superuser);
my $gate = $node->background_psql('postgres');
$gate->query_safe('SELECT pg_advisory_lock(4711)');
my $reading = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'flowctl map helper' AND wait_event_type = 'Lock'";
$run = start_run($node, 'gated', {});
wait_for_query($node, $reading, '1');
is($sql->("SELECT count(*) FROM flowctl.runs WHERE parent_run_id = '$run'"), '0', 'nothing is there before all is read');
my $first = $sql->("SELECT pid FROM pg_stat_activity WHERE backend_type = 'flowctl map helper'");
$sql->("SELECT pg_terminate_backend($first)");
wait_for_query($node, "$reading AND pid <> $first", '1');
pass('a reader that was ended is started again');
is(wait_for_run($node, start_run($node, 'other', {})), 'SUCCEEDED', 'another run is not held up by a query that waits');
$node->stop('immediate');
eval { $gate->quit };
$node->start;
all_once($run, 'crash while reading');

# Stopped while the items are read.
$gate = $node->background_psql('postgres');
$gate->query_safe('SELECT pg_advisory_lock(4711)');
$run = start_run($node, 'gated', {});
wait_for_query($node, $reading, '1');
$sql->("SELECT flowctl.stop('$run')");
is(wait_for_run($node, $run), 'ABORTED', 'a run is stopped while it reads');
wait_for_query($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'flowctl map helper'", '0');
wait_for_query($node, "SELECT status FROM flowctl.map_runs WHERE run_id = '$run' AND phase IS NULL", 'ABORTED');
is($sql->("SELECT count(*) FROM flowctl.runs WHERE parent_run_id = '$run'"), '0', 'and leaves nothing');

# The database can be left: DROP EXTENSION ends the reader.
$run = start_run($node, 'gated', {});
wait_for_query($node, $reading, '1');
$sql->('DROP EXTENSION pg_flowctl CASCADE');
wait_for_query($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'flowctl map helper'", '0');
pass('DROP EXTENSION ends what reads');
$gate->quit;

$node->stop;
done_testing();
