# An answer and another end of its task meet: one wins, and the other is told. No session holds the worker up.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $node = new_node('races', 'flowctl.workers' => 2, 'max_connections' => 60);
my $stub = Parts::start_stub();
http_server($node, 'ask', $stub->url('/ask'));
wait_for_workers($node, 2);

sub flow
{
	my (%more) = @_;
	return { StartAt => 'Ask', States => { Ask => { Type => 'Task', Resource => 'flowctl:http:ask.waitForTaskToken', End => true,
		Parameters => { 'token.$' => '$$.Task.Token', 'n.$' => '$.n' }, %more } } };
}
define_flow($node, 'two_seconds', flow(TimeoutSeconds => 2));
define_flow($node, 'beats', flow(HeartbeatSeconds => 2));
define_flow($node, 'ask', flow());
define_flow($node, 'pass', { StartAt => 'A', States => { A => { Type => 'Pass', End => true } } });

sub asked
{
	my ($name) = @_;
	$stub->reset;
	my $run = start_run($node, $name, { n => 1 });
	my ($call) = $stub->wait_for(1, path => '/ask');
	return ($run, from_json($call->{body})->{token});
}
sub success { my ($token, $output) = @_; return 'SELECT flowctl.send_task_success(' . sql_literal($token) . ', ' . sql_literal(to_json($output)) . ')'; }

# A session has answered and does not commit: the timeout waits for it, and other runs go on.
my $session = $node->background_psql('postgres', on_error_stop => 0);
my ($run, $token) = asked('two_seconds');
$session->query_safe('BEGIN');
$session->query_safe(success($token, 'in time'));
$node->safe_psql('postgres', 'SELECT pg_sleep(3)');
is($node->safe_psql('postgres', "SELECT status FROM flowctl.runs WHERE run_id = '$run'"), 'RUNNING', 'a timeout waits for an answer that may be committed');
is(wait_for_run($node, start_run($node, 'pass')), 'SUCCEEDED', "other runs go on ($_)") for 1 .. 4;
$session->query_safe('COMMIT');
is(wait_for_run($node, $run), 'SUCCEEDED', 'the answer wins');

# It rolls back: the timeout comes at once.
($run, $token) = asked('two_seconds');
$session->query_safe('BEGIN');
$session->query_safe(success($token, 'never'));
$node->safe_psql('postgres', 'SELECT pg_sleep(3)');
$session->query_safe('ROLLBACK');
is(wait_for_run($node, $run), 'FAILED', 'where it is rolled back, the timeout counts');
is(run_row($node, $run)->{error}, 'States.Timeout', 'as such');

# The same for a stop.
($run, $token) = asked('ask');
$session->query_safe('BEGIN');
$session->query_safe(success($token, 'before the stop'));
$node->safe_psql('postgres', "SELECT flowctl.stop('$run')");
$node->safe_psql('postgres', 'SELECT pg_sleep(1)');
is($node->safe_psql('postgres', "SELECT status FROM flowctl.runs WHERE run_id = '$run'"), 'RUNNING', 'a stop waits, too');
$session->query_safe('COMMIT');
is(wait_for_run($node, $run), 'SUCCEEDED', 'the answer was first');

# An answer that was committed while the worker was away wins over a timeout that is due as well.
($run, $token) = asked('two_seconds');
wait_for_query($node, "SELECT phase FROM flowctl.runs WHERE run_id = '$run'", 'WAITING');
kill 'STOP', worker_pids($node);
$node->safe_psql('postgres', success($token, 'committed'));
$node->safe_psql('postgres', 'SELECT pg_sleep(3)');
kill 'CONT', worker_pids($node);
is(wait_for_run($node, $run), 'SUCCEEDED', 'a committed answer wins over a timeout');

# A heartbeat that was committed in time counts, also where the worker comes late.
($run, $token) = asked('beats');
wait_for_query($node, "SELECT phase FROM flowctl.runs WHERE run_id = '$run'", 'WAITING');
kill 'STOP', worker_pids($node);
$node->safe_psql('postgres', 'SELECT pg_sleep(2)');
$node->safe_psql('postgres', "SELECT flowctl.send_task_heartbeat('$token')");
kill 'CONT', worker_pids($node);
$node->safe_psql('postgres', 'SELECT pg_sleep(0.5)');
is($node->safe_psql('postgres', "SELECT status FROM flowctl.runs WHERE run_id = '$run'"), 'RUNNING', 'a heartbeat counts from when it came');
is(wait_for_run($node, $run), 'FAILED', 'and no longer');
$session->quit;

# In an older snapshot nothing is answered by mistake.
{
	my $old = $node->background_psql('postgres', on_error_stop => 0);
	$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
	$old->query_safe('SELECT 1');
	($run, $token) = asked('ask');
	$old->query(success($token, 'x'));
	like($old->{stderr}, qr/the task began to wait after this transaction had taken its snapshot.*READ COMMITTED/s, 'a snapshot that is too old');
	$old->query('ROLLBACK');
	$old->quit;
	$node->safe_psql('postgres', success($token, 'y'));
	is(wait_for_run($node, $run), 'SUCCEEDED', 'the task was not touched');
}

# An answer that came early, after a failover, and a session that has locked the row when it is to be taken.
{
	($run, $token) = asked('ask');
	my $lock = $node->background_psql('postgres', on_error_stop => 0);
	$lock->query_safe('BEGIN');
	$lock->query_safe("SELECT flowctl.send_task_heartbeat('$token')");
	$node->safe_psql('postgres', "INSERT INTO flowctl_catalog.early_answer (wait_id, run_id, answered_at, answered_by, output)
		SELECT wait_id, run_id, now(), 'somebody', '\"early\"' FROM flowctl_catalog.waiting_task WHERE run_id = '$run'");
	is(wait_for_run($node, start_run($node, 'pass')), 'SUCCEEDED', "a lock of the row holds up no other run ($_)") for 1 .. 4;
	$node->safe_psql('postgres', 'SELECT pg_sleep(1)');
	is(wait_for_run($node, start_run($node, 'pass')), 'SUCCEEDED', "also later ($_)") for 1 .. 4;
	$lock->query_safe('ROLLBACK');
	is(wait_for_run($node, $run), 'SUCCEEDED', 'then the answer is taken');
	is(run_output($node, $run), 'early', 'with its output');

	# What is left of a run that has ended, while a session has locked it and workers begin anew.
	$node->safe_psql('postgres', "INSERT INTO flowctl_catalog.waiting_task (wait_id, run_id, place, call_id, bucket, owner, kind, path, state, visit, attempt, resource, since)
		SELECT '$run', '$run', gen_random_uuid(), 1, get_byte(uuid_send('$run'), 15) % 64, 10, 'callback', '', 'Ask', 1, 1, 'r', now()");
	$lock->query_safe('BEGIN');
	$lock->query_safe("SELECT FROM flowctl_catalog.waiting_task WHERE wait_id = '$run' FOR UPDATE");
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($_)") for worker_pids($node);
	is(wait_for_run($node, start_run($node, 'pass')), 'SUCCEEDED', "nor does it hold up a worker that begins ($_)") for 1 .. 4;
	$lock->query_safe('ROLLBACK');
	$lock->quit;
	$node->safe_psql('postgres', "DELETE FROM flowctl_catalog.waiting_task WHERE wait_id = '$run'");
}

# Many sessions answer the same tasks: each task has one answer, all others are refused.
$stub->reset;
my $tasks = 60;
my @runs = split /\n/, $node->safe_psql('postgres', "SELECT flowctl.start('ask', jsonb_build_object('n', n)) FROM generate_series(1, $tasks) n");
my @tokens = map { from_json($_->{body})->{token} } $stub->wait_for($tasks, path => '/ask');
my $script = join '', map { "SELECT flowctl.send_task_success('$_', to_jsonb(pg_backend_pid()));\n" } @tokens;
my @sessions = map { my $out = ''; my $err = ''; my $in = $script;
	{ out => \$out, err => \$err, handle => IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$out, '2>', \$err) } } 1 .. 8;
$_->{handle}->finish for @sessions;
my ($accepted, $refused) = (0, 0);
for my $one (@sessions)
{
	$accepted += () = ${ $one->{out} } =~ /^$/mg;
	$refused += () = ${ $one->{err} } =~ /ERROR:  TaskTimedOut/g;
}
is($refused, 7 * $tasks, 'of eight answers to a task seven are refused');
wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE flow = 'ask' AND status = 'SUCCEEDED' AND run_id = ANY ('{" . join(',', @runs) . "}')", $tasks);
is($node->safe_psql('postgres', 'SELECT count(*) FROM flowctl_catalog.waiting_task'), '0', 'nothing is left');

$node->stop;
done_testing();
