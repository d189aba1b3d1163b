# Activities: workers fetch tasks, each task goes to one of them, and a worker that dies is noticed.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $node = new_node('activities', 'flowctl.workers' => 2, 'max_connections' => 60);
wait_for_workers($node, 2);
$node->safe_psql('postgres', q{
	CREATE ROLE author LOGIN; CREATE ROLE worker LOGIN; CREATE ROLE stranger LOGIN;
	SELECT flowctl.grant_author('author'); SELECT flowctl.grant_author('stranger');
	GRANT EXECUTE ON FUNCTION flowctl.send_task_success(text, jsonb), flowctl.send_task_failure(text, text, text), flowctl.send_task_heartbeat(text) TO worker;
	SET ROLE author; SELECT flowctl.create_activity('work'); SELECT flowctl.grant_activity('work', 'worker'); SELECT flowctl.create_activity('other')});

sub as { my ($role, $sql) = @_; return $node->safe_psql('postgres', $sql, extra_params => [ '-U', $role ]); }
sub error_as { my ($role, $sql) = @_; return ($node->psql('postgres', $sql, extra_params => [ '-U', $role ]))[2]; }
sub poll { my (%more) = @_; return split /\|/, as('worker', 'CALL flowctl.poll_activity_task(' . sql_literal($more{activity} // 'work') . ', ' . sql_literal($more{worker} // 'w') . ', ' . sql_literal($more{wait} // '180 s') . ')'); }
sub success { my ($token, $output) = @_; return 'SELECT flowctl.send_task_success(' . sql_literal($token) . ', ' . sql_literal(to_json($output)) . ')'; }
sub define { my ($name, %more) = @_; as('author', 'SELECT flowctl.define_flow(' . sql_literal($name) . ', ' . sql_literal(to_json({ StartAt => 'W', States => { W => { Type => 'Task', Resource => 'flowctl:activity:work', End => true, %more } } })) . ')'); }
sub start { my ($flow, $input) = @_; return as('author', 'SELECT flowctl.start(' . sql_literal($flow) . ', ' . sql_literal(to_json($input)) . ')'); }

define('works');
is(join('|', poll(wait => '0')), '', 'there is no task');
my $run = start('works', { n => 1 });
wait_for_query($node, "SELECT kind, waiting_for, worker IS NULL, due_at IS NULL FROM flowctl.waiting_tasks WHERE run_id = '$run'", 'activity|a worker of activity "work"|t|t');
is($node->safe_psql('postgres', q{SELECT name, tasks_waiting FROM flowctl.activities ORDER BY 1}), "other|0\nwork|1", 'activities counts its tasks');
like(error_as('author', q{SELECT flowctl.drop_activity('work')}), qr/cannot drop activity "work" because 1 task of it waits/, 'so it is not dropped');
my ($token, $input) = poll(worker => 'w1');
like($token, qr/^[A-Za-z0-9_-]{96}$/, 'a worker gets a token');
is_deeply(from_json($input), { n => 1 }, 'and the input');
wait_for_query($node, "SELECT details->>'workerName' FROM flowctl.history WHERE run_id = '$run' AND type = 'ActivityStarted'", 'w1');
is($node->safe_psql('postgres', "SELECT waiting_for, worker FROM flowctl.waiting_tasks WHERE run_id = '$run'"), 'the answer of a worker of activity "work"|w1', 'waiting_tasks names it');
is(join('|', poll(wait => '0')), '', 'nobody else gets the task');
as('worker', success($token, { done => 1 }));
is(wait_for_run($node, $run), 'SUCCEEDED', 'its answer ends the task');
is_deeply(run_output($node, $run), { done => 1 }, 'with its output');
is(history_types($node, $run), 'ExecutionStarted TaskStateEntered ActivityScheduled ActivityStarted ActivitySucceeded TaskStateExited ExecutionSucceeded', 'the events of AWS');
is($node->safe_psql('postgres', 'SELECT count(*) FROM flowctl_catalog.waiting_task'), '0', 'nothing waits any more');

# A session that waits is woken by the task, and holds no snapshot.
my $session = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'worker' ]);
$session->query_until(qr/sent/, "\\echo sent\nCALL flowctl.poll_activity_task('work', 'w2', '170 s');\n");
wait_for_query($node, q{SELECT backend_xmin IS NULL AND backend_xid IS NULL FROM pg_stat_activity WHERE query LIKE 'CALL flowctl.poll%' AND wait_event_type = 'Extension'}, 't');
$run = start('works', { n => 2 });
my $out = $session->query('SELECT 1');
like($out, qr/^([A-Za-z0-9_-]{96})\|\{"n": 2\}\n1$/m, 'it has the task');
($token) = $out =~ /^([A-Za-z0-9_-]{96})/m;
# What one statement of a transaction takes, another may answer.
as('worker', "BEGIN; " . success($token, 2) . "; COMMIT");
is(wait_for_run($node, $run), 'SUCCEEDED', 'and answers it');

# The function takes a task in its caller's transaction: if that rolls back, the task is there again.
$run = start('works', { n => 3 });
wait_for_query($node, 'SELECT count(*) FROM flowctl.waiting_tasks', '1');
($token) = split /\|/, as('worker', q{BEGIN; SELECT * FROM flowctl.get_activity_task('work', 'rolls back', '60 s'); ROLLBACK});
like($token, qr/^[A-Za-z0-9_-]{96}$/, 'the function gives a task');
my ($again) = poll(worker => 'second');
is($again, $token, 'which is there again where it rolls back');
as('worker', "SELECT flowctl.send_task_failure('$token', 'Broken', 'no paper')");
is(wait_for_run($node, $run), 'FAILED', 'a worker may fail');
is_deeply([ @{ run_row($node, $run) }{qw(error cause)} ], [ 'Broken', 'no paper' ], 'with its error');
$run = start('works', { n => 4 });
my $both = as('worker', q{SELECT flowctl.send_task_success(task_token, input) FROM flowctl.get_activity_task('work', 'w', '170 s')});
is(wait_for_run($node, $run), 'SUCCEEDED', 'taken and answered in one statement');

# HeartbeatSeconds and TimeoutSeconds count from when a worker has taken the task.
define('timed', TimeoutSeconds => 3, HeartbeatSeconds => 2, Retry => [ { ErrorEquals => ['States.HeartbeatTimeout'], IntervalSeconds => 1, MaxAttempts => 1 } ]);
$run = start('timed', {});
$node->safe_psql('postgres', 'SELECT pg_sleep(4)');
is($node->safe_psql('postgres', "SELECT status FROM flowctl.runs WHERE run_id = '$run'"), 'RUNNING', 'a task that nobody has taken waits');
($token) = poll(worker => 'dies');
is($node->safe_psql('postgres', "SELECT due_at - since > '3 s', heartbeat_due_at IS NOT NULL FROM flowctl.waiting_tasks WHERE run_id = '$run'"), 't|t', 'from then on it is timed');
my ($retried) = poll(worker => 'lives');
isnt($retried, $token, 'a worker that does not answer loses the task to the next attempt');
like(error_as('worker', success($token, 1)), qr/TaskTimedOut.*State "W" has ended: ActivityTimedOut/s, 'and is told');
as('worker', "SELECT flowctl.send_task_heartbeat('$retried')");
as('worker', success($retried, 1));
is(wait_for_run($node, $run), 'SUCCEEDED', 'the next one ends it');

# Rights.
like(error_as('stranger', q{CALL flowctl.poll_activity_task('work', 's', '0')}), qr/permission denied to poll for tasks of activity "work"/, 'strangers get no task');
like(error_as('stranger', q{SELECT flowctl.define_flow('theirs', '{"StartAt": "W", "States": {"W": {"Type": "Task", "Resource": "flowctl:activity:work", "End": true}}}')}),
	qr/role "stranger" may have no task of activity "work"/, 'nor may their flows have any');
define('later');
as('author', q{SELECT flowctl.create_activity('gone')});
as('author', q{SELECT flowctl.define_flow('gone', '{"StartAt": "W", "States": {"W": {"Type": "Task", "Resource": "arn:aws:states:eu-west-1:123456789012:activity:gone", "End": true}}}')});
as('author', q{SELECT flowctl.drop_activity('gone')});
$run = start('gone', {});
is(wait_for_run($node, $run), 'FAILED', 'an activity that is gone');
is(run_row($node, $run)->{error}, 'ActivityDoesNotExist', 'is an error of the run');
$node->safe_psql('postgres', q{SET ROLE author; SELECT flowctl.revoke_activity('work', 'worker')});
like(error_as('worker', q{CALL flowctl.poll_activity_task('work', 'w', '0')}), qr/permission denied to poll/, 'a right that was taken back');
$node->safe_psql('postgres', q{SET ROLE author; SELECT flowctl.grant_activity('work', 'worker')});

# A stopped run's task is given to nobody.
$run = start('works', {});
wait_for_query($node, 'SELECT count(*) FROM flowctl.waiting_tasks', '1');
as('author', "SELECT flowctl.stop('$run')");
is(wait_for_run($node, $run), 'ABORTED', 'a run whose task waits is stopped');
is(join('|', poll(wait => '0')), '', 'and its task is given to nobody');

# Many workers, many tasks, each to one.
my $tasks = 300;
$node->safe_psql('postgres', 'CREATE TABLE done (n int, pid int DEFAULT pg_backend_pid()); GRANT ALL ON done TO worker');
my $script = q{
SELECT task_token, input->>'n' AS n FROM flowctl.get_activity_task('work', 'many', '1 s') \gset
\if :{?task_token}
SELECT flowctl.send_task_success(:'task_token', '1') WHERE :'task_token' <> '';
INSERT INTO done (n) SELECT :'n'::int WHERE :'task_token' <> '';
\endif
} x 100;
my $file = PostgreSQL::Test::Utils::tempdir_short() . '/script.sql';
PostgreSQL::Test::Utils::append_to_file($file, $script);
my @sessions = map { IPC::Run::start([ 'psql', '-XAtq', '-U', 'worker', '-d', $node->connstr('postgres'), '-f', $file ], '<', \'', '>', '/dev/null', '2>', '/dev/null') } 1 .. 6;
as('author', "SELECT count(flowctl.start('works', jsonb_build_object('n', n))) FROM generate_series(1, $tasks) n");
wait_for_query($node, 'SELECT count(*) FROM done', $tasks);
is($node->safe_psql('postgres', 'SELECT count(DISTINCT n), count(DISTINCT pid) > 1 FROM done'), "$tasks|t", 'each task went to one of several workers');
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');
$_->kill_kill for @sessions;
$session->quit;

# Dumps have activities and their grants, and no task.
my $dump = $node->backup_dir . '.sql';
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'a dump');
my $text = PostgreSQL::Test::Utils::slurp_file($dump);
like($text, qr/COPY flowctl_catalog\.activity .*^other\tauthor/ms, 'has activities');
like($text, qr/COPY flowctl_catalog\.activity_grant .*^work\tworker/ms, 'and grants');
unlike($text, qr/COPY flowctl_catalog\.waiting_task/, 'and no task that waits');

$node->stop;
done_testing();
