# Runs that wait for events: nothing is lost and nothing comes twice, over crashes, with several workers, and for transactions that
# commit late. Waiting runs take no memory of the worker.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('event_waits', 'flowctl.sweep_interval' => '1s', 'flowctl.workers' => 2, 'restart_after_crash' => 'on');
my $sql  = sub { return $node->safe_psql('postgres', $_[0]) };
my $open = q{SELECT count(*) = 0 FROM flowctl.runs WHERE status = 'RUNNING'};

# Three events for each run, one after the other, each since the one before.
define_flow($node, 'three', { QueryLanguage => 'JSONata', StartAt => 'One', States => {
	One   => { Type => 'Task', Resource => 'flowctl:event', Arguments => { Type => 'step', Subject => '{% $states.input.s %}' },
		Assign => { last => '{% $states.result.sequence %}', s => '{% $states.input.s %}' }, Output => '{% [$states.result.data.n] %}', Next => 'Two' },
	Two   => { Type => 'Task', Resource => 'flowctl:event', Arguments => { Type => 'step', Subject => '{% $s %}', Since => '{% $last %}' },
		Assign => { last => '{% $states.result.sequence %}' }, Output => '{% $append($states.input, $states.result.data.n) %}', Next => 'Three' },
	Three => { Type => 'Task', Resource => 'flowctl:event', Arguments => { Type => 'step', Subject => '{% $s %}', Since => '{% $last %}' },
		Output => '{% $append($states.input, $states.result.data.n) %}', End => true } } });
my $count = 200;
$sql->("SELECT count(flowctl.start('three', jsonb_build_object('s', 's' || i))) FROM generate_series(1, $count) i");
for my $n (1 .. 3)
{
	$sql->("SELECT count(flowctl.emit('step', jsonb_build_object('n', $n), 's' || i)) FROM generate_series(1, $count) i");
	crash();
	$sql->("SELECT count(flowctl.emit('step', jsonb_build_object('n', 0), 'another' || i)) FROM generate_series(1, $count) i");
	next if $n != 2;
	kill 'KILL', worker_pids($node);
	$node->poll_query_until('postgres', 'SELECT true');
}
wait_for_query($node, $open);
is($sql->(q{SELECT count(*) FROM flowctl.runs WHERE status = 'SUCCEEDED' AND output = '[1, 2, 3]'}), $count, 'each run has got each event once, in order');
is($sql->('SELECT count(*) FROM flowctl_catalog.event_wait'), '0', 'nobody waits any more');

# A transaction that was open before the state was reached, and commits after that, with a time before it.
define_flow($node, 'one', { StartAt => 'W', States => { W => { Type => 'Task', Resource => 'flowctl:event', Parameters => { Type => 'late', 'Subject.$' => '$.s' }, End => true } } });
my $session = $node->background_psql('postgres');
$session->query_safe(q{BEGIN});
$session->query_safe(q{SELECT flowctl.emit('late', '{"n": 1}', 'x')});
my $run = start_run($node, 'one', { s => 'x' });
wait_for_query($node, "SELECT count(*) = 1 FROM flowctl.waiting_tasks WHERE run_id = '$run'");
$session->query_safe(q{COMMIT});
$session->quit;
is(wait_for_run($node, $run), 'SUCCEEDED', 'an event counts from its commit on');

# The same, committed before the state is reached. What was committed before the start does not count, nor does what the transaction
# that starts the run has emitted before.
define_flow($node, 'rests', { StartAt => 'R', States => { R => { Type => 'Wait', SecondsPath => '$.wait', Next => 'W' },
	W => { Type => 'Task', Resource => 'flowctl:event', Parameters => { Type => 'late', 'Subject.$' => '$.s' }, End => true } } });
$session = $node->background_psql('postgres');
$session->query_safe(q{BEGIN});
$session->query_safe(q{SELECT flowctl.emit('late', '{"n": 1}', 'y')});
$run = start_run($node, 'rests', { s => 'y', wait => 2 });
$session->query_safe(q{COMMIT});
$session->quit;
is(wait_for_run($node, $run), 'SUCCEEDED', 'an event of a transaction that was open when the run started counts');
$run = start_run($node, 'one', { s => 'y' });
my $other = $sql->(q{BEGIN; SELECT FROM flowctl.emit('late', '{"n": 2}', 'z'); SELECT flowctl.start('one', '{"s": "z"}'); COMMIT});
wait_for_query($node, "SELECT count(*) = 2 FROM flowctl.waiting_tasks");
$sql->(q{SELECT flowctl.emit('late', '{"n": 3}', 'y'), flowctl.emit('late', '{"n": 3}', 'z')});
wait_for_query($node, $open);
is($sql->(q{SELECT count(*) FROM flowctl.runs WHERE flow = 'one' AND output -> 'data' ->> 'n' = '3'}), '2', 'what came before the start does not');
is($sql->('SELECT count(*) FROM flowctl_catalog.event_start'), '0', 'ended runs leave nothing');

# Many runs wait for one event, and many for others.
$sql->(q{SELECT count(flowctl.start('one', jsonb_build_object('s', CASE WHEN i % 2 = 0 THEN 'all' ELSE 'other' || i END))) FROM generate_series(1, 3000) i});
wait_for_query($node, q{SELECT count(*) = 3000 FROM flowctl.waiting_tasks});
crash();
$sql->(q{SELECT flowctl.emit('late', '{"n": 2}', 'all')});
wait_for_query($node, q{SELECT count(*) = 1500 FROM flowctl.waiting_tasks});
is($sql->(q{SELECT count(*) FROM flowctl.runs WHERE status = 'SUCCEEDED' AND input ->> 's' = 'all'}), '1500', 'all of them have got it');
is($sql->(q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING' AND input ->> 's' <> 'all'}), '1500', 'and nobody else');
like($sql->(q{EXPLAIN SELECT FROM flowctl_catalog.event_wait w WHERE w.type = 'late' AND w.subject = 'other1'}), qr/event_wait_match/, 'an event finds its waits by the index');
$sql->(q{SELECT count(flowctl.stop(run_id)) FROM flowctl.runs WHERE status = 'RUNNING'});
wait_for_query($node, $open);
is($sql->('SELECT count(*) FROM flowctl_catalog.event_wait'), '0', 'runs that are stopped do not wait any more');

# Events about runs reach only those who may see these runs.
$sql->(q{CREATE ROLE alice; CREATE ROLE bob; SELECT flowctl.grant_author('alice'), flowctl.grant_author('bob')});
my $pass = q{'{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}'};
my $wait = q{'{"StartAt": "W", "States": {"W": {"Type": "Task", "Resource": "flowctl:event", "Parameters": {"Type": "run.succeeded", "Match": "data.flow = \"hers\""}, "End": true}}}'};
$sql->("SET ROLE alice; SELECT flowctl.define_flow('hers', $pass), flowctl.define_flow('alice_waits', $wait)");
$sql->("SET ROLE bob; SELECT flowctl.define_flow('bob_waits', $wait)");
my $alices = $sql->(q{SET ROLE alice; SELECT flowctl.start('alice_waits')});
my $bobs   = $sql->(q{SET ROLE bob; SELECT flowctl.start('bob_waits')});
wait_for_query($node, q{SELECT count(*) = 2 FROM flowctl.waiting_tasks});
$sql->(q{SET ROLE alice; SELECT flowctl.start('hers')});
is(wait_for_run($node, $alices), 'SUCCEEDED', 'who may see the run hears of its end');
is($sql->("SELECT status FROM flowctl.runs WHERE run_id = '$bobs'"), 'RUNNING', 'and nobody else');

$node->stop;
done_testing();

sub crash
{
	kill_server($node);
	start_again($node);
	$node->poll_query_until('postgres', 'SELECT true');
}
