# on_failure: whatever ends the server, each failed run has started its flow exactly once, and a run that goes on has started none.
# Limits of a flow count for it, too. A run that is redriven and fails again starts it again.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('failures', 'flowctl.sweep_interval' => '1s', 'flowctl.workers' => 2, 'restart_after_crash' => 'on');
my $sql  = sub { return $node->safe_psql('postgres', $_[0]) };
my $count = 2000;

define_flow($node, 'report', { StartAt => 'P', States => { P => { Type => 'Pass', End => true } } });
define_flow($node, 'fails', { StartAt => 'W', States => { W => { Type => 'Wait', SecondsPath => '$.wait', Next => 'F' }, F => { Type => 'Fail', Error => 'E', CausePath => '$.cause' } } });
$sql->(q{SELECT flowctl.alter_flow('fails', '{"on_failure": "report"}')});

# kill -9 while failures are being written, several times.
$sql->("SELECT count(flowctl.start('fails', jsonb_build_object('wait', i % 3, 'cause', 'cause ' || i))) FROM generate_series(1, $count) i");
my $kills = 0;
while ($sql->(q{SELECT count(*) FROM flowctl.runs WHERE flow = 'fails' AND status = 'RUNNING'}) > 0 && $kills < 5)
{
	my $ended = $sql->(q{SELECT count(*) FROM flowctl.runs WHERE flow = 'fails' AND status = 'FAILED'});
	# All of them may have failed since the loop looked.
	last if $ended == $count;
	last unless wait_for_query($node, "SELECT count(*) > $ended FROM flowctl.runs WHERE flow = 'fails' AND status = 'FAILED'");
	kill_server($node);
	start_again($node);
	$kills++;
}
cmp_ok($kills, '>', 0, "the server was killed $kills times");
wait_for_query($node, q{SELECT count(*) = 0 FROM flowctl.runs WHERE status = 'RUNNING'});
is($sql->(q{SELECT count(*) FROM flowctl.runs WHERE flow = 'fails' AND status = 'FAILED'}), $count, 'every run has failed');
is($sql->(q{SELECT count(*), count(DISTINCT parent_run_id) FROM flowctl.runs WHERE flow = 'report' AND status = 'SUCCEEDED'}), "$count|$count",
	'each has started its flow exactly once');
is($sql->(q{SELECT count(*) FROM flowctl.runs r JOIN flowctl.runs f ON f.run_id = r.parent_run_id
	WHERE r.flow = 'report' AND (r.input ->> 'run_id' <> f.run_id::text OR r.input ->> 'cause' <> f.cause OR r.input -> 'input' <> f.input)}), '0',
	'and has told it what happened');

# kill -9 of the worker alone.
my $run = $sql->(q{SELECT flowctl.start('fails', '{"wait": 1, "cause": "again"}')});
kill 'KILL', worker_pids($node);
wait_for_query($node, "SELECT status = 'FAILED' FROM flowctl.runs WHERE run_id = '$run'");
wait_for_query($node, "SELECT count(*) = 1 FROM flowctl.runs WHERE parent_run_id = '$run' AND status = 'SUCCEEDED'");
is($sql->("SELECT count(*) FROM flowctl.runs WHERE parent_run_id = '$run'"), '1', 'a worker that is killed makes no difference');

# Redriven, it fails and reports once more.
is($sql->("SELECT flowctl.redrive('$run')"), 'done', 'a failed run is redriven');
wait_for_query($node, "SELECT count(*) = 2 FROM flowctl.runs WHERE parent_run_id = '$run' AND status = 'SUCCEEDED'");
is($sql->("SELECT status FROM flowctl.runs WHERE run_id = '$run'"), 'FAILED', 'it fails again, and starts the flow again');

# A stopped run starts nothing.
my $stopped = $sql->(q{SELECT flowctl.start('fails', '{"wait": 10000, "cause": "x"}')});
$sql->("SELECT flowctl.stop('$stopped')");
wait_for_query($node, "SELECT status = 'ABORTED' FROM flowctl.runs WHERE run_id = '$stopped'");
is($sql->("SELECT count(*) FROM flowctl.runs WHERE parent_run_id = '$stopped'"), '0', 'a stopped run starts nothing');

$node->stop;
done_testing();
