# Redriving and pausing runs through crashes, with several workers and with many sessions: a request stands as before, or it is
# carried out and recorded; a run that is redriven goes on exactly where it failed.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $stub = Parts::start_stub();
my $node = new_node('redrive', 'restart_after_crash' => 'on', 'flowctl.workers' => 2, 'flowctl.sweep_interval' => '1s');
my $sql  = sub { return $node->safe_psql('postgres', $_[0]) };
wait_for_workers($node, 2);
http_server($node, $_, $stub->url("/$_")) for qw(first second third);
my $task = sub { my ($server, %more) = @_; return { Type => 'Task', Resource => "flowctl:http:$server", %more } };
define_flow($node, 'three', { StartAt => 'A', States => {
	A => $task->('first', Next => 'B'), B => $task->('second', Next => 'C', Retry => [ { ErrorEquals => ['States.ALL'], MaxAttempts => 0 } ]), C => $task->('third', End => true) } });
sub redrive { my ($run) = @_; return $sql->("SELECT flowctl.redrive('$run', 'again')"); }
sub kill_and_start { kill_server($node); start_again($node); wait_for_workers($node, 2); }
sub phase_is { my ($run, $phase) = @_; return wait_for_query($node, "SELECT phase FROM flowctl.runs WHERE run_id = '$run'", $phase); }
sub interventions { my ($run) = @_; return $sql->("SELECT string_agg(action || ':' || coalesce(outcome, '-'), ' ' ORDER BY at) FROM flowctl.interventions WHERE run_id = '$run'"); }

# The run fails in B; the crash comes between its end and the redrive, then while the redriven call is out, then after the end.
$stub->script('/first',  then => { body => { n => 1 } });
$stub->script('/second', { status => 500, body => {} }, { hold => 'second', body => { n => 2 } }, then => { body => { n => 2 } });
$stub->script('/third',  then => { body => { n => 3 } });
my $run = start_run($node, 'three');
is(wait_for_run($node, $run), 'FAILED', 'the run fails');
kill_and_start();
is($sql->("SELECT redrive_status FROM flowctl.runs WHERE run_id = '$run'"), 'REDRIVABLE', 'it can be redriven after a crash');
is(redrive($run), 'done', 'redrive');
$stub->wait_for(1, path => '/second', outcome => 'held');
is($sql->("SELECT status || ' ' || redrive_count || ' ' || (ended_at IS NULL) FROM flowctl.runs WHERE run_id = '$run'"), 'RUNNING 1 true', 'the run is open again');
kill_and_start();
is(wait_for_run($node, $run), 'SUCCEEDED', 'and is found after a crash');
is(scalar($stub->calls(path => '/first')), 1, 'the state before was not done again');
my @keys = map { $_->{headers}{'idempotency-key'} } $stub->calls(path => '/second');
is(scalar(@keys), 3, 'the call of the redrive was repeated after the crash');
isnt($keys[0], $keys[1], 'a redrive has a key of its own');
is($keys[1], $keys[2], 'which is the same after a crash');
is(interventions($run), 'redrive:done', 'recorded once');
like(redrive($run), qr/has succeeded/, 'and that is that');

# The request commits while no worker can take it; then the server dies. It stands, and is carried out once.
$stub->script('/second', { status => 500, body => {} }, then => { body => { n => 2 } });
$run = start_run($node, 'three');
is(wait_for_run($node, $run), 'FAILED', 'another run');
my @stopped = worker_pids($node);
kill 'STOP', @stopped;
is(redrive($run), 'done', 'requested');
like(redrive($run), qr/requested already/, 'the second says so');
is(interventions($run), 'redrive:-', 'nobody has come to it');
kill_server($node);
kill 'KILL', @stopped;
start_again($node);
is(wait_for_run($node, $run), 'SUCCEEDED', 'wait() waits for the end of the redriven run');
is($sql->("SELECT redrive_count FROM flowctl.runs WHERE run_id = '$run'"), '1', 'redriven once');
is(interventions($run), 'redrive:done', 'and recorded once');

# Many sessions redrive, stop and pause the same runs: one wins, the others are told, and the counts agree with the record.
define_flow($node, 'fails', { StartAt => 'F', States => { F => { Type => 'Fail', Error => 'E' } } });
$sql->(q{SELECT count(flowctl.start('fails')) FROM generate_series(1, 200)});
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'fails' AND status = 'FAILED'}, '200');
my @sessions = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 8;
$_->query_until(qr/go/, "\\echo go\nSELECT flowctl.redrive(run_id) AS a, flowctl.stop(run_id) AS b, flowctl.pause(run_id) AS c INTO TEMP answers FROM flowctl.runs WHERE flow = 'fails' ORDER BY random();\n") for @sessions;
$_->quit for @sessions;
wait_for_query($node, q{SELECT count(*) FROM flowctl.interventions WHERE outcome IS NULL}, '0');
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'fails' AND status <> 'RUNNING'}, '200');
is( $sql->(q{SELECT count(*) FROM flowctl.runs r WHERE flow = 'fails' AND redrive_count <>
		(SELECT count(*) FROM flowctl.interventions i WHERE i.run_id = r.run_id AND action = 'redrive' AND outcome = 'done')}),
	'0', 'each redrive that was done is recorded, and no other');
is( $sql->(q{SELECT count(*) FROM flowctl.runs r WHERE flow = 'fails' AND redrive_count <>
		(SELECT count(*) FROM flowctl.history h WHERE h.run_id = r.run_id AND type = 'ExecutionRedriven')}),
	'0', 'and is in the history');

# Retention and redaction hold the row of a run: the redrive waits, and the worker does not.
$run = $sql->(q{SELECT run_id FROM flowctl.runs WHERE flow = 'fails' AND redrive_status = 'REDRIVABLE' LIMIT 1});
my $locker = $node->background_psql('postgres');
$locker->query("BEGIN; SELECT FROM flowctl_catalog.run WHERE run_id = '$run' FOR NO KEY UPDATE;");
is(redrive($run), 'done', 'a redrive of a run that somebody else holds');
my $other = start_run($node, 'fails');
is(wait_for_run($node, $other), 'FAILED', 'other runs go on meanwhile');
is($sql->("SELECT outcome IS NULL FROM flowctl.interventions WHERE run_id = '$run' ORDER BY at DESC LIMIT 1"), 't', 'the redrive waits');
$locker->query('COMMIT;');
$locker->quit;
wait_for_query($node, "SELECT outcome FROM flowctl.interventions WHERE run_id = '$run' ORDER BY at DESC LIMIT 1", 'done');

# A pause while a call is under way: its answer is kept, and nothing begins until the run is resumed; crashes at each point.
$stub->reset;
$stub->script('/first',  { hold => 'first', body => { n => 1 } }, then => { body => { n => 1 } });
$stub->script('/second', then => { body => { n => 2 } });
$stub->script('/third',  then => { body => { n => 3 } });
$run = start_run($node, 'three');
$stub->wait_for(1, path => '/first', outcome => 'held');
is($sql->("SELECT flowctl.pause('$run', 'a look first')"), 'done', 'pause');
phase_is($run, 'PAUSED');
$stub->release('first');
wait_for_query($node, "SELECT count(*) FROM flowctl.history WHERE run_id = '$run' AND type = 'TaskSucceeded'", '1');
is($sql->("SELECT phase || ', ' || waiting_for FROM flowctl.runs WHERE run_id = '$run'"), 'PAUSED, resume: paused by postgres', 'the call was completed, and the run is paused');
wait_for_query($node, 'SELECT sum(runs_in_memory) FROM flowctl.workers', '0');
pass('a paused run leaves memory');
kill_and_start();
is(scalar($stub->calls(path => '/second')), 0, 'it begins nothing, also after a crash');
is($sql->("SELECT phase FROM flowctl.runs WHERE run_id = '$run'"), 'PAUSED', 'and stays paused');
is($sql->("SELECT flowctl.resume('$run')"), 'done', 'resume');
kill_and_start();
is(wait_for_run($node, $run), 'SUCCEEDED', 'a resumed run goes on, also after a crash');
is(scalar($stub->calls(path => '/second')) >= 1, 1, 'with the next state');
is(interventions($run), 'pause:done resume:done', 'recorded');

# A state whose retries are used up pauses the run, if the flow says so.
define_flow($node, 'holds', { StartAt => 'A', States => { A => $task->('second', End => true) } }, undef, { on_exhausted => 'pause' });
$stub->script('/second', { status => 500, body => {} }, then => { body => { n => 2 } });
$run = start_run($node, 'holds');
phase_is($run, 'PAUSED');
is($sql->("SELECT waiting_for FROM flowctl.runs WHERE run_id = '$run'"), 'resume: paused by on_exhausted', 'the option has paused it');
like($sql->("SELECT reason FROM flowctl.interventions WHERE run_id = '$run'"), qr/A failed with States.Http.StatusCode.500/, 'for a reason that is recorded');
kill_and_start();
is($sql->("SELECT flowctl.resume('$run')"), 'done', 'resume');
is(wait_for_run($node, $run), 'SUCCEEDED', 'the state is tried again');

$node->stop;
done_testing();
