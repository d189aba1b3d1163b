# Flows that start flows: Retry and Catch, timeouts, branches that fail, runs that stop, names that sessions hold, flows that are
# dropped, the end user's token, and that a parent that waits is not in memory.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $stub = Parts::start_stub();
my $node = new_node('children', 'flowctl.workers' => 3, 'flowctl.sweep_interval' => '1h', 'flowctl.max_flow_depth' => 2);
wait_for_workers($node, 3);
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };
http_server($node, 'work', $stub->url('/work'));

sub flow { my ($states, $first) = @_; return { StartAt => $first // 'T', States => $states } }
sub task { my ($resource, %more) = @_; return { Type => 'Task', Resource => $resource, End => true, %more } }
my $pass = { Type => 'Pass', End => true };
# Children of a run, with their ends; and what is left of the bookkeeping.
sub children { my ($run) = @_; return $sql->("SELECT status || coalesce(' ' || error, '') FROM flowctl.runs WHERE parent_run_id = '$run' ORDER BY run_id") }
sub nothing_is_left
{
	my ($name) = @_;
	wait_for_query($node, 'SELECT (SELECT count(*) FROM flowctl_catalog.child_flow) + (SELECT count(*) FROM flowctl_catalog.run_message)', '0');
	pass("$name: nothing is left");
}

define_flow($node, 'slow', flow({ T => { Type => 'Wait', Seconds => 36_000, End => true } }));
define_flow($node, 'call', http_flow('work'));
define_flow($node, 'echo', flow({ T => $pass }));

# Retry starts another run; Catch sees States.TaskFailed, whatever the error of the run was.
$stub->script('/work', { status => 500 }, { status => 500 }, then => { body => { done => 1 } });
define_flow($node, 'retries', flow({ T => task('flowctl:flow:call.sync:2', Retry => [ { ErrorEquals => ['States.TaskFailed'], IntervalSeconds => 1, BackoffRate => 1 } ]) }));
my $run = start_run($node, 'retries', {});
is(wait_for_run($node, $run), 'SUCCEEDED', 'a Task is retried');
is(children($run), "FAILED States.Http.StatusCode.500\nFAILED States.Http.StatusCode.500\nSUCCEEDED", 'with another run for each attempt');
is_deeply(run_output($node, $run)->{Output}, { done => 1 }, 'the last one gives the result');
define_flow($node, 'bad', flow({ T => { Type => 'Fail', Error => 'No.Stock', Cause => 'nothing is left' } }));
define_flow($node, 'catches', flow({
	T => task('flowctl:flow:bad.sync', Catch => [ { ErrorEquals => ['No.Stock'], Next => 'ByName' }, { ErrorEquals => ['States.TaskFailed'], Next => 'ByKind' } ]),
	ByName => { Type => 'Pass', Result => 'by name', End => true }, ByKind => { Type => 'Pass', End => true } }));
$run = start_run($node, 'catches', {});
is(wait_for_run($node, $run), 'SUCCEEDED', 'a failure is caught');
is(from_json(run_output($node, $run)->{Cause})->{Error}, 'No.Stock', 'as States.TaskFailed, with the description as its cause');
nothing_is_left('after Retry and Catch');

# A timeout of the Task or of the flow, a branch that fails, a run that is stopped: the run that was started with .sync stops,
# and one that was started without goes on.
define_flow($node, 'times_out', flow({ T => task('flowctl:flow:slow.sync', TimeoutSeconds => 1, Catch => [ { ErrorEquals => ['States.Timeout'], Next => 'Late' } ]), Late => $pass }));
define_flow($node, 'overdue', { TimeoutSeconds => 1, %{ flow({ T => task('flowctl:flow:slow.sync') }) } });
define_flow($node, 'branches', flow({ T => { Type => 'Parallel', End => true, Branches => [
	flow({ C => task('flowctl:flow:slow.sync') }, 'C'), flow({ F => task('flowctl:http:work', TimeoutSeconds => 3600) }, 'F'), flow({ G => task('flowctl:flow:slow') }, 'G') ] } }));
$run = start_run($node, 'times_out', {});
is(wait_for_run($node, $run), 'SUCCEEDED', 'TimeoutSeconds of the Task');
wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE parent_run_id = '$run' AND status = 'ABORTED'", '1');
$run = start_run($node, 'overdue', {});
is(wait_for_run($node, $run), 'TIMED_OUT', 'TimeoutSeconds of the flow');
wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE parent_run_id = '$run' AND status = 'ABORTED'", '1');
$stub->script('/work', { hold => 'branch', status => 500 });
$run = start_run($node, 'branches', {});
wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE parent_run_id = '$run' AND phase = 'WAITING'", '2');
$stub->wait_for(1, path => '/work', outcome => 'held');
$stub->release('branch');
is(wait_for_run($node, $run), 'FAILED', 'a branch fails');
wait_for_query($node, "SELECT string_agg(status, ' ' ORDER BY status) FROM flowctl.runs WHERE parent_run_id = '$run'", 'ABORTED RUNNING');
pass('the run that the other branch waited for stops, and the one that nobody waits for goes on');
define_flow($node, 'deep', flow({ T => task('flowctl:flow:middle.sync') }));
define_flow($node, 'middle', flow({ T => task('flowctl:flow:slow.sync') }));
$run = start_run($node, 'deep', {});
wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE flow = 'slow' AND status = 'RUNNING'", '2');
$sql->("SELECT flowctl.stop('$run')");
wait_for_query($node, q{SELECT string_agg(DISTINCT status, ' ') FROM flowctl.runs WHERE flow IN ('deep', 'middle')}, 'ABORTED');
wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE flow = 'slow' AND status = 'RUNNING'", '1');
pass('a stop reaches the runs of all depths');
nothing_is_left('after the stops');

# Deeper than flowctl.max_flow_depth nothing is started, and the setting counts from a reload on.
define_flow($node, 'three', flow({ T => task('flowctl:flow:deeper.sync') }));
define_flow($node, 'deeper', flow({ T => task('flowctl:flow:middle2.sync') }));
define_flow($node, 'middle2', flow({ T => task('flowctl:flow:echo.sync') }));
is(wait_for_run($node, start_run($node, 'deeper', {})), 'SUCCEEDED', 'as deep as the setting allows');
is(wait_for_run($node, $run = start_run($node, 'three', {})), 'FAILED', 'one deeper');
is($sql->(q{SELECT error FROM flowctl.runs WHERE flow = 'middle2' AND status = 'FAILED'}), 'Flowctl.FlowDepthExceeded', 'the error says so');
$sql->(q{ALTER SYSTEM SET flowctl.max_flow_depth = 3});
$node->reload;
wait_for_query($node, 'SHOW flowctl.max_flow_depth', '3');
# The workers reload on their own time.
for (1 .. 100) { last if wait_for_run($node, $run = start_run($node, 'three', {})) eq 'SUCCEEDED' }
is(run_row($node, $run)->{status}, 'SUCCEEDED', 'a higher setting allows more');

# A name that a session is about to take makes the call wait, and nothing else.
my $arn = $sql->(q{SELECT 'arn:flowctl:states:local:postgres:stateMachine:slow'});
define_flow($node, 'named', flow({ T => task('arn:aws:states:::states:startExecution.sync:2', Parameters => { StateMachineArn => $arn, 'Name.$' => '$.name', Input => { a => 1 } },
	Catch => [ { ErrorEquals => ['StepFunctions.ExecutionAlreadyExistsException'], Next => 'Taken' } ]), Taken => $pass }));
my $session = $node->background_psql('postgres');
$session->query_safe(q{BEGIN; SELECT flowctl.start('slow', '{"a": 2}', 'first'), flowctl.start('slow', '{"a": 1}', 'second'), flowctl.start('slow', '{"a": 1}', 'third')});
my @named = map { start_run($node, 'named', { name => $_ }) } qw(first second);
is(wait_for_run($node, start_run($node, 'retries', {})), 'SUCCEEDED', 'other runs are not held up');
is($sql->(q{SELECT count(*) FROM flowctl.runs WHERE flow = 'named' AND status = 'RUNNING'}), '2', 'the calls wait for their names');
$session->query_safe('COMMIT');
is(wait_for_run($node, $named[0]), 'SUCCEEDED', 'a name that has another input is refused');
wait_for_query($node, "SELECT waiting_for FROM flowctl.runs WHERE run_id = '$named[1]'", 'child flow');
my $second = $sql->(q{SELECT run_id FROM flowctl.runs WHERE name = 'second'});
is($sql->(q{SELECT count(*) FROM flowctl.runs WHERE name = 'second'}), '1', 'a name that has the same input is the same run');
$sql->("SELECT flowctl.stop('$named[1]')");
is(wait_for_run($node, $named[1]), 'ABORTED', 'who waits for the run of another is stopped');
is($sql->("SELECT status FROM flowctl.runs WHERE run_id = '$second'"), 'RUNNING', 'and that run is not');
my @three = map { start_run($node, 'named', { name => 'third' }) } 1 .. 3;
wait_for_query($node, q{SELECT count(*) FROM flowctl_catalog.child_flow WHERE adopted}, '3');
$sql->(q{SELECT flowctl.stop(run_id) FROM flowctl.runs WHERE name = 'third'});
is(wait_for_run($node, $_), 'FAILED', 'each that waits for one run hears of its end') for @three;
$session->query_safe(q{BEGIN; SELECT flowctl.start('slow', '{"a": 1}', 'fourth')});
$run = start_run($node, 'named', { name => 'fourth' });
$session->query_safe('ROLLBACK');
wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE parent_run_id = '$run' AND name = 'fourth'", '1');
pass('a name that was not taken after all is free');
$session->quit;
$sql->(q{SELECT flowctl.stop(run_id) FROM flowctl.runs WHERE status = 'RUNNING'});
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');
nothing_is_left('after the names');

# The flow of a run that a parent waits for cannot be dropped; when the run has ended and its parent has not heard, it can.
$stub->script('/work', then => { hold => 'drop', body => { done => 1 } });
define_flow($node, 'waits', flow({ T => task('flowctl:flow:call.sync:2') }));
$run = start_run($node, 'waits', {});
$stub->wait_for(1, path => '/work', outcome => 'held');
my ($status, $out, $err) = $node->psql('postgres', q{SELECT flowctl.drop_flow('call')});
like($err, qr/open/, 'a flow with an open run is not dropped');
# Parents that wait are in no worker's memory.
my @many = map { start_run($node, 'waits', {}) } 1 .. 30;
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE waiting_for = 'child flow'}, '31');
wait_for_query($node, q{SELECT sum(runs_in_memory) FROM flowctl.workers}, '31');
pass('only the runs that they wait for are in memory');
my %worker = map { split /\|/ } split /\n/, $sql->('SELECT shard, pid FROM flowctl.workers');
sub owned { my ($column, $shard) = @_; return "get_byte(uuid_send($column), 15) % 64 % 3 = $shard" }
kill 'STOP', $worker{0};
$stub->script('/work', then => { body => { done => 1 } });
$stub->release('drop');
wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE flow = 'call' AND status = 'RUNNING' AND NOT " . owned('run_id', 0), '0');
my $untold = $sql->('SELECT count(*) FROM flowctl_catalog.run_message WHERE ' . owned('run_id', 0));
cmp_ok($untold, '>', 0, 'runs have ended whose parents cannot hear of it');
kill 'CONT', $worker{0};
is(wait_for_run($node, $_), 'SUCCEEDED', 'a parent hears of the end by another worker') for $run, @many;
nothing_is_left('after several workers');
$sql->(q{SELECT flowctl.drop_flow('call')});
is(wait_for_run($node, $run = start_run($node, 'waits', {})), 'FAILED', 'a flow that was dropped is not started');
is(run_row($node, $run)->{error}, 'StepFunctions.StateMachineDoesNotExistException', 'and its name does not exist');

# A limit of the flow that is started counts for the runs that flows start, too, and one that waits for room can be stopped.
define_flow($node, 'single', flow({ T => { Type => 'Wait', Seconds => 36_000, End => true } }), undef, { max_concurrency => 1 });
define_flow($node, 'wants', flow({ T => task('flowctl:flow:single.sync') }));
my @wanting = map { start_run($node, 'wants', {}) } 1 .. 3;
wait_for_query($node, q{SELECT count(*) FROM flowctl_catalog.child_flow c JOIN flowctl.runs r ON r.run_id = c.parent_run_id WHERE r.flow = 'wants'}, '3');
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'single' AND phase = 'WAITING'}, '1');
for my $left (reverse 0 .. 2)
{
	my $parent = $sql->(q{SELECT parent_run_id FROM flowctl.runs WHERE flow = 'single' AND phase = 'WAITING'});
	$sql->("SELECT flowctl.stop('$parent')");
	wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'single' AND status = 'RUNNING'}, $left);
	last if !$left;
	wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'single' AND phase = 'WAITING'}, '1');
	if ($left == 2)
	{
		my $queued = $sql->(q{SELECT parent_run_id FROM flowctl.runs WHERE flow = 'single' AND status = 'RUNNING' AND phase <> 'WAITING' LIMIT 1});
		$sql->("SELECT flowctl.stop('$queued')");
		wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'single' AND status = 'RUNNING'}, '1');
		$sql->("SELECT flowctl.stop(parent_run_id) FROM flowctl.runs WHERE flow = 'single' AND status = 'RUNNING'");
		wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'single' AND status = 'RUNNING'}, '0');
		last;
	}
}
is($sql->(q{SELECT string_agg(DISTINCT status, ' ') FROM flowctl.runs WHERE flow IN ('single', 'wants')}), 'ABORTED', 'runs that wait at a limit stop with their parents');
nothing_is_left('after the limit');

# A distributed Map and an inline one start flows from their items.
define_flow($node, 'inline', flow({ T => { Type => 'Map', End => true, ItemProcessor => flow({ C => task('flowctl:flow:echo.sync:2', OutputPath => '$.Output') }, 'C') } }));
define_flow($node, 'each', flow({ T => { Type => 'Map', End => true, ItemProcessor => { ProcessorConfig => { Mode => 'DISTRIBUTED', ExecutionType => 'STANDARD' }, %{ flow({ C => task('flowctl:flow:echo.sync:2', OutputPath => '$.Output') }, 'C') } } } }));
for my $flow (qw(inline each))
{
	is(wait_for_run($node, $run = start_run($node, $flow, [ map { { n => $_ } } 1 .. 50 ])), 'SUCCEEDED', "$flow: a run for each item");
	is_deeply(run_output($node, $run), [ map { { n => $_ } } 1 .. 50 ], "$flow: the results");
}
nothing_is_left('after the Maps');

$node->stop;
done_testing();
