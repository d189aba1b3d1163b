# SQL steps happen exactly once: whatever dies between two steps of theirs, the effect and the result are there together or not at all.
#
# A function of these tests writes a row and then waits at a gate, an advisory lock that the test holds. So the test knows where the
# step is when something dies.
use strict;
use warnings;
use Test::More;
use FlowctlTest;

my $node = new_node('sql_steps', restart_after_crash => 'on', 'flowctl.sweep_interval' => '1s');
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };
$sql->(q{
	CREATE ROLE app LOGIN; CREATE SCHEMA app AUTHORIZATION app; SELECT flowctl.grant_author('app');
	SET ROLE app;
	CREATE TABLE app.done (run uuid, n int, at timestamptz DEFAULT clock_timestamp());
	CREATE FUNCTION app.once(n int) RETURNS int LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO app.done SELECT run_id, n FROM flowctl.current_run(); RETURN n; END $$;
	CREATE FUNCTION app.gated(n int) RETURNS int LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO app.done SELECT run_id, n FROM flowctl.current_run(); PERFORM pg_advisory_xact_lock_shared(1, n); RETURN n; END $$;
	CREATE FUNCTION app.stubborn(n int) RETURNS int LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO app.done SELECT run_id, n FROM flowctl.current_run();
	   LOOP BEGIN PERFORM pg_advisory_xact_lock_shared(1, n); RETURN n; EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$;
	CREATE FUNCTION app.dies() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); END $$;
});
sub step { my ($function, %more) = @_; return { Type => 'Task', Resource => "flowctl:sql:app.$function", %more } }
sub define { my ($name, $definition, $type) = @_; $sql->("SET ROLE app; SELECT flowctl.define_flow('$name', " . sql_literal(to_json($definition)) . ', ' . sql_literal($type // 'STANDARD') . ')'); }
sub one { my (@step) = @_; return { StartAt => 'S', States => { S => step(@step, End => true) } } }
define('once', one('once'));
define('gated', one('gated'));
define('stubborn', one('stubborn'));
define('dies', one('dies', Parameters => {}));
define('two', { StartAt => 'A', States => { A => step('once', ResultPath => '$.a', Next => 'B'), B => step('gated', End => true, Parameters => { 'n.$' => '$.n' }) } }, 'EXPRESS');

my $executors = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'flowctl SQL executor'";
sub done { my ($run) = @_; return $sql->("SELECT count(*) FROM app.done WHERE run = '$run'"); }

# A gate: a session that holds the lock for which the function waits.
sub gate
{
	my ($n) = @_;
	my $session = $node->background_psql('postgres');
	$session->query_safe("SELECT pg_advisory_lock(1, $n)");
	return $session;
}
sub wait_at_gate { my ($n) = @_; wait_for_query($node, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1 AND objid = $n AND NOT granted", '1'); }

my $run = start_run($node, 'once', { n => 1 });
is(wait_for_run($node, $run), 'SUCCEEDED', 'a function is a step');
is(run_output($node, $run), 1, 'its result is the output');
is(done($run), 1, 'and its effect is there');
is($sql->('SELECT count(*) FROM flowctl_catalog.sql_order'), 0, 'no order is left');

# ---- somebody dies while the function is at work

my %death = (
	'the executor is terminated' => sub { $sql->("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'flowctl SQL executor'") },
	'the worker is terminated' => sub { $sql->("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'flowctl worker'") },
	'kill -9 of the executor' => sub { kill 'KILL', $sql->("SELECT pid FROM pg_stat_activity WHERE backend_type = 'flowctl SQL executor' LIMIT 1") },
	'kill -9 of the worker' => sub { my ($pid) = worker_pids($node); kill 'KILL', $pid },
	'immediate shutdown' => sub { $node->stop('immediate'); $node->start },
);
my $n = 10;
for my $flow ('gated', 'two')
{
	for my $way (sort keys %death)
	{
		$n++;
		my $gate = gate($n);
		$run = start_run($node, $flow, { n => $n });
		wait_at_gate($n);
		is(done($run), $flow eq 'two' ? 1 : 0, "$flow, $way: nothing of the function is there while it works");
		$death{$way}->();
		wait_for_workers($node, 1);
		eval { $gate->quit };    # the crash has opened the gate
		is(wait_for_run($node, $run), 'SUCCEEDED', "$flow, $way: the run goes on");
		is(done($run), $flow eq 'two' ? 2 : 1, "$flow, $way: each effect is there once");
		is($sql->('SELECT count(*) FROM flowctl_catalog.sql_order'), 0, "$flow, $way: no order is left");
	}
}

# ---- the worker dies, and the function ends before the next one comes

$n++;
my $gate = gate($n);
$run = start_run($node, 'gated', { n => $n });
wait_at_gate($n);
$sql->('ALTER SYSTEM SET flowctl.run = off');
$node->reload;
wait_for_query($node, 'SHOW flowctl.run', 'off');
$gate->quit;
wait_for_query($node, "SELECT count(*) FROM flowctl_catalog.sql_order WHERE output = '$n'", '0') if done($run) == 0;
wait_for_query($node, "SELECT count(*) FROM app.done WHERE run = '$run'", '1');
$node->stop('immediate');
$node->start;
$sql->('ALTER SYSTEM RESET flowctl.run');
$node->reload;
is(wait_for_run($node, $run), 'SUCCEEDED', 'a result that no worker has taken is found in its row');
is(done($run), 1, 'and the function is not called again');

# ---- a function that ends its process

$run = start_run($node, 'dies', {});
is(wait_for_run($node, $run), 'FAILED', 'a function that ends its process again and again fails');
my $row = run_row($node, $run);
is($row->{error}, 'SQL.57P01', 'with an error of its own');
like(from_json($row->{cause})->{message}, qr/has ended 3 times/, 'whose cause says so');

# ---- stopping

$n++;
$gate = gate($n);
$run = start_run($node, 'gated', { n => $n });
wait_at_gate($n);
is($sql->("SELECT flowctl.stop('$run')"), 'done', 'a run is stopped while its function works');
is(wait_for_run($node, $run), 'ABORTED', 'it ends');
is($sql->("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1 AND objid = $n AND NOT granted"), 0, 'the function works no more');
is(done($run), 0, 'and has no effect');
$gate->quit;
is($sql->('SELECT count(*) FROM flowctl_catalog.sql_order'), 0, 'no order is left');

# A function that goes on when it is cancelled.
$n++;
$gate = gate($n);
$run = start_run($node, 'stubborn', { n => $n });
wait_at_gate($n);
$sql->("SELECT flowctl.stop('$run')");
is(wait_for_run($node, $run), 'ABORTED', 'a function that ignores its cancellation ends with its process');
is(done($run), 0, 'without an effect');
$gate->quit;

# Somebody who may: a member of the role cancels the statement.
$n++;
$gate = gate($n);
$run = start_run($node, 'gated', { n => $n });
wait_at_gate($n);
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = 'flowctl SQL executor' AND state = 'active'", extra_params => [ '-U', 'app' ]);
is(wait_for_run($node, $run), 'FAILED', 'a role may cancel its own steps');
is(run_row($node, $run)->{error}, 'SQL.57014', 'which is an error of the step');
$gate->quit;

# ---- timeouts

define('late', one('gated', TimeoutSeconds => 1));
$n++;
$gate = gate($n);
$run = start_run($node, 'late', { n => $n });
is(wait_for_run($node, $run), 'FAILED', 'a Task whose time is over fails');
is(run_row($node, $run)->{error}, 'States.Timeout', 'with the error of ASL');
like(history_types($node, $run), qr/TaskScheduled TaskStarted TaskTimedOut ExecutionFailed/, 'as any other Task');
is(done($run), 0, 'without an effect');
$gate->quit;
define('late_stubborn', one('stubborn', TimeoutSeconds => 1));
$n++;
$gate = gate($n);
$run = start_run($node, 'late_stubborn', { n => $n });
is(wait_for_run($node, $run), 'FAILED', 'also where the function ignores its cancellation');
is(run_row($node, $run)->{error}, 'States.Timeout', 'with the error of ASL');
is(done($run), 0, 'without an effect');
$gate->quit;
is($sql->('SELECT count(*) FROM flowctl_catalog.sql_order'), 0, 'no order is left');

# ---- one branch fails, so the other one is cancelled

define('branches', { StartAt => 'P', States => { P => { Type => 'Parallel', End => true, Branches => [
	{ StartAt => 'Slow', States => { Slow => step('gated', End => true) } },
	{ StartAt => 'Bad', States => { Bad => { Type => 'Fail', Error => 'Bad' } } } ] } } });
$n++;
$gate = gate($n);
$run = start_run($node, 'branches', { n => $n });
is(wait_for_run($node, $run), 'FAILED', 'a branch fails beside a function');
is(done($run), 0, 'which has no effect then');
$gate->quit;

# ---- the loop does not wait

$n++;
$gate = gate($n);
my $slow = start_run($node, 'gated', { n => $n });
wait_at_gate($n);
my @quick = map { start_run($node, 'once', { n => $_ }) } 1 .. 20;
is(wait_for_run($node, $_), 'SUCCEEDED', 'a slow function holds up no other') for @quick;
is(run_row($node, $slow)->{status}, 'RUNNING', 'and is still at work');
wait_for_query($node, $executors, '2');
$gate->quit;
is(wait_for_run($node, $slow), 'SUCCEEDED', 'it ends, too');

# ---- many at once, and a worker that is terminated again and again

my @runs = split /\n/, $sql->("SELECT flowctl.start('once', jsonb_build_object('n', n)) FROM generate_series(1, 3000) n");
for (1 .. 5)
{
	$sql->("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'flowctl worker'");
	$sql->("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'flowctl SQL executor' LIMIT 1");
	wait_for_workers($node, 1);
}
wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'", '0');
is($sql->("SELECT count(*), count(DISTINCT run) FROM app.done WHERE run = ANY ('{" . join(',', @runs) . "}')"), '3000|3000', 'each of 3,000 functions was called once');
is($sql->('SELECT count(*) FROM flowctl_catalog.sql_order'), 0, 'no order is left');

# ---- executors go when there is nothing to do

$sql->(q{ALTER SYSTEM SET flowctl.sql_worker_idle = '100ms'});
$node->reload;
wait_for_query($node, $executors, '0');
$run = start_run($node, 'once', { n => 1 });
is(wait_for_run($node, $run), 'SUCCEEDED', 'they come again');
wait_for_query($node, $executors, '0');
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|segmentation/i, 'nothing has crashed by itself');
done_testing();
