# Flows that start flows, through crashes between the steps: the run is started, has ended, and its parent has heard of it. Every
# parent has one child for each attempt, and hears of its end once.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $stub = Parts::start_stub();
my $node = new_node('crash', 'flowctl.workers' => 2, 'restart_after_crash' => 'on', 'flowctl.sweep_interval' => '1s', 'flowctl.run_memory' => '1MB');
wait_for_workers($node, 2);
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };
http_server($node, 'work', $stub->url('/work'), timeout => 600);
sub task { my ($resource, %more) = @_; return { Type => 'Task', Resource => $resource, End => true, %more } }
sub flow { my ($state) = @_; return { StartAt => 'T', States => { T => $state } } }
sub owned { my ($column, $shard) = @_; return "get_byte(uuid_send($column), 15) % 64 % 2 = $shard" }
sub stop_worker { my ($shard) = @_; my $pid = $sql->("SELECT pid FROM flowctl.workers WHERE shard = $shard"); kill 'STOP', $pid; return $pid }
sub crash { my ($stopped) = @_; $node->stop('immediate'); kill 'CONT', $stopped if $stopped; $node->start; wait_for_workers($node, 2) }
sub all_told
{
	my ($name, @runs) = @_;
	is(join(' ', map { wait_for_run($node, $_) } @runs), join(' ', ('SUCCEEDED') x @runs), "$name: the parents succeed");
	my $ids = join ', ', map { "'$_'" } @runs;
	is($sql->("SELECT count(*), count(DISTINCT parent_run_id), count(*) FILTER (WHERE status = 'SUCCEEDED') FROM flowctl.runs WHERE parent_run_id IN ($ids)"),
		join('|', (scalar @runs) x 3), "$name: each has started one run");
	is($sql->("SELECT count(*), count(DISTINCT run_id) FROM flowctl.history WHERE run_id IN ($ids) AND type = 'TaskSucceeded'"), join('|', (scalar @runs) x 2),
		"$name: and has heard of its end once");
	wait_for_query($node, 'SELECT (SELECT count(*) FROM flowctl_catalog.child_flow) + (SELECT count(*) FROM flowctl_catalog.run_message)', '0');
}

define_flow($node, 'call', flow(task('flowctl:http:work')));
define_flow($node, 'waits', flow(task('flowctl:flow:call.sync:2')));
$stub->script('/work', then => { hold => 'end', body => { done => 1 } });

# Started: the server dies while the runs are under way and their parents are parked.
my @runs = map { start_run($node, 'waits', { n => $_ }) } 1 .. 12;
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE waiting_for = 'child flow'}, '12');
$stub->wait_for(12, path => '/work', outcome => 'held');
crash();
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE waiting_for = 'child flow'}, '12');
$stub->script('/work', then => { body => { done => 1 } });
$stub->release('end');
all_told('started', @runs);

# Ended: the parents' worker hears nothing, and the server dies.
$stub->script('/work', then => { hold => 'end', body => { done => 1 } });
@runs = map { start_run($node, 'waits', { n => $_ }) } 1 .. 24;
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE waiting_for = 'child flow'}, '24');
my $stopped = stop_worker(0);
$stub->script('/work', then => { body => { done => 1 } });
$stub->release('end');
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'call' AND status = 'RUNNING' AND NOT } . owned('run_id', 0), '0');
cmp_ok($sql->('SELECT count(*) FROM flowctl_catalog.run_message WHERE ' . owned('run_id', 0)), '>', 0, 'runs have ended, and their parents have not heard of it');
crash($stopped);
all_told('ended', @runs);

# Stopped: the parent has ended, and the worker of the run that it waited for has not heard of it when the server dies.
define_flow($node, 'slow', flow({ Type => 'Wait', Seconds => 36_000, End => true }));
define_flow($node, 'waits_long', flow(task('flowctl:flow:slow.sync')));
@runs = map { start_run($node, 'waits_long', {}) } 1 .. 24;
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'slow' AND phase = 'WAITING'}, '24');
$stopped = stop_worker(0);
$sql->(q{SELECT count(flowctl.stop(run_id)) FROM flowctl.runs WHERE flow = 'waits_long'});
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'waits_long' AND status = 'RUNNING' AND NOT } . owned('run_id', 0), '0');
cmp_ok($sql->('SELECT count(*) FROM flowctl_catalog.run_message WHERE call_id = 0 AND ' . owned('run_id', 0)), '>', 0, 'runs are to stop, and have not heard of it');
crash($stopped);
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');
is($sql->(q{SELECT string_agg(DISTINCT status, ' ') FROM flowctl.runs WHERE flow = 'slow'}), 'ABORTED', 'stopped: they stop');
wait_for_query($node, 'SELECT (SELECT count(*) FROM flowctl_catalog.child_flow) + (SELECT count(*) FROM flowctl_catalog.run_message)', '0');

# Names: a call that a crash repeats starts nothing twice, also for an EXPRESS flow, which begins again.
define_flow($node, 'echo', flow({ Type => 'Pass', End => true }));
my $definition = to_json({ StartAt => 'S', States => { S => { Type => 'Task', Resource => 'flowctl:flow:echo', ResultPath => undef, Next => 'T' }, T => task('flowctl:http:work') } });
$sql->('SELECT flowctl.define_flow(' . sql_literal('express') . ', ' . sql_literal($definition) . q{, 'EXPRESS')});
$stub->script('/work', then => { hold => 'express', body => { done => 1 } });
my $run = start_run($node, 'express', {});
wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE parent_run_id = '$run' AND status = 'SUCCEEDED'", '1');
$stub->wait_for(1, path => '/work', outcome => 'held');
crash();
$stub->wait_for(2, path => '/work');
$stub->script('/work', then => { body => { done => 1 } });
$stub->release('express');
is(wait_for_run($node, $run), 'SUCCEEDED', 'an EXPRESS flow begins again');
is($sql->("SELECT count(*) FROM flowctl.runs WHERE parent_run_id = '$run'"), '1', 'and does not start its child twice');

# At any moment: workers are killed again and again while parents start runs and hear of their ends.
define_flow($node, 'parent', { StartAt => 'A', States => {
	A => { Type => 'Task', Resource => 'flowctl:flow:middle.sync:2', ResultPath => undef, Next => 'B' }, B => task('flowctl:flow:echo.sync:2') } });
define_flow($node, 'middle', flow(task('flowctl:flow:echo.sync:2')));
my $count = 4000;
$sql->(qq{SELECT count(flowctl.start('parent', jsonb_build_object('n', n))) FROM generate_series(1, $count) n});
my $ended = q{SELECT count(*) FROM flowctl.runs WHERE flow = 'parent' AND status <> 'RUNNING'};
for my $round (1 .. 5)
{
	my $enough = $round * $count / 6;
	wait_for_query($node, "SELECT ($ended) >= $enough", 't');
	if ($round % 2) { my @workers = worker_pids($node); kill 'KILL', $workers[0]; wait_for_query($node, 'SELECT count(*) FROM flowctl.workers WHERE pid IS NOT NULL AND pid <> ' . $workers[0], '2') }
	else { crash() }
}
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');
is($sql->(q{SELECT flow, count(*), count(*) FILTER (WHERE status = 'SUCCEEDED') FROM flowctl.runs WHERE flow IN ('parent', 'middle') GROUP BY flow ORDER BY flow}),
	"middle|$count|$count\nparent|$count|$count", 'killed at any moment: all have succeeded, and each has started one run of a kind');
is($sql->(q{SELECT count(*), count(DISTINCT r.parent_run_id) FROM flowctl.runs r JOIN flowctl.runs p ON p.run_id = r.parent_run_id WHERE r.flow = 'echo' AND p.flow = 'parent'}),
	"$count|$count", 'and one of the other');
is($sql->(q{SELECT count(*) FROM flowctl.runs p WHERE p.flow = 'parent' AND p.output -> 'Input' IS DISTINCT FROM p.input}), '0', 'with the results of their own runs');
wait_for_query($node, 'SELECT (SELECT count(*) FROM flowctl_catalog.child_flow) + (SELECT count(*) FROM flowctl_catalog.run_message) + (SELECT count(*) FROM flowctl_catalog.frame)', '0');
pass('nothing is left');

$node->stop;
done_testing();
