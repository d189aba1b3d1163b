# Tasks that wait for an answer to their token: what the holder of a token can do, and what nobody else learns.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $node = new_node('callbacks', 'log_min_messages' => 'debug1', 'log_statement' => 'none');
my $stub = Parts::start_stub();
http_server($node, $_, $stub->url("/$_")) for qw(ask echo);
wait_for_workers($node, 1);

my @tokens;

sub callback_flow
{
	my ($server, %more) = @_;
	return { StartAt => 'Ask', States => { Ask => { Type => 'Task', Resource => "flowctl:http:$server.waitForTaskToken", End => true,
		Parameters => { 'token.$' => '$$.Task.Token', 'order.$' => '$.order' }, %more } } };
}

# Starts a run and returns it with the token that its endpoint got.
sub asked
{
	my ($flow, $path) = @_;
	$path //= '/ask';
	$stub->reset;
	my $run = start_run($node, $flow, { order => 7 });
	my ($call) = $stub->wait_for(1, path => $path);
	my $token = from_json($call->{body})->{token};
	push @tokens, $token;
	wait_for_query($node, "SELECT phase FROM flowctl.runs WHERE run_id = '$run'", 'WAITING');
	return ($run, $token);
}

# The error of a statement, with its SQLSTATE; '' where there is none.
sub error_of
{
	my ($sql) = @_;
	my ($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql");
	return $err;
}
sub success { my ($token, $output) = @_; return 'SELECT flowctl.send_task_success(' . sql_literal($token) . ', ' . sql_literal(to_json($output)) . ')'; }

define_flow($node, 'ask', callback_flow('ask'));
my ($run, $token) = asked('ask');
like($token, qr/^[A-Za-z0-9_-]{96}$/, 'the endpoint gets a token');
is($node->safe_psql('postgres', "SELECT kind, flow, state, attempt, resource, waiting_for, due_at IS NULL FROM flowctl.waiting_tasks WHERE run_id = '$run'"),
	'callback|ask|Ask|1|flowctl:http:ask|an answer to its token|t', 'waiting_tasks says what waits for whom');
is($node->safe_psql('postgres', "SELECT waiting_for FROM flowctl.runs WHERE run_id = '$run'"), 'callback', 'so does runs');
is($node->safe_psql('postgres', "SELECT details->'parameters'->>'token' FROM flowctl.history WHERE run_id = '$run' AND type = 'TaskScheduled'"),
	'<token>', 'history does not show it');
wait_for_query($node, 'SELECT runs_in_memory FROM flowctl.workers', '0');
$node->safe_psql('postgres', success($token, { yes => 1 }));
is(wait_for_run($node, $run), 'SUCCEEDED', 'the answer ends the task');
is_deeply(run_output($node, $run), { yes => 1 }, 'and is its result');
is(history_types($node, $run), 'ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSubmitted TaskSucceeded TaskStateExited ExecutionSucceeded',
	'the events of AWS');
is($node->safe_psql('postgres', 'SELECT count(*) FROM flowctl_catalog.waiting_task'), '0', 'nothing waits any more');
is(scalar(my @calls = $stub->calls(path => '/ask')), 1, 'the endpoint was called once');

# Who comes too late is told what has ended the task.
like(error_of(success($token, {})), qr/55000: TaskTimedOut.*Its run $run has ended: SUCCEEDED/s, 'the run has ended');
like(error_of("SELECT flowctl.send_task_heartbeat('$token')"), qr/55000: TaskTimedOut/, 'a heartbeat is too late as well');

# A failure goes through Retry and Catch.
define_flow($node, 'fails', callback_flow('ask', Retry => [ { ErrorEquals => ['Again'], IntervalSeconds => 1, MaxAttempts => 1 } ]));
($run, $token) = asked('fails');
$node->safe_psql('postgres', "SELECT flowctl.send_task_failure('$token', 'Again', 'not yet')");
$stub->wait_for(2, path => '/ask');
my $second = from_json(($stub->calls(path => '/ask'))[1]{body})->{token};
push @tokens, $second;
isnt($second, $token, 'the next attempt has another token');
like(error_of(success($token, {})), qr/TaskTimedOut.*State "Ask" has ended: TaskFailed/s, 'the first one is over');
wait_for_query($node, "SELECT attempt FROM flowctl.waiting_tasks WHERE run_id = '$run'", '2');
$node->safe_psql('postgres', "SELECT flowctl.send_task_failure('$second', 'Refused', 'no means no')");
is(wait_for_run($node, $run), 'FAILED', 'an error that nobody handles ends the run');
is_deeply([ @{ run_row($node, $run) }{qw(error cause)} ], [ 'Refused', 'no means no' ], 'with its error and cause');
($run, $token) = asked('ask');
$node->safe_psql('postgres', "SELECT flowctl.send_task_failure('$token')");
is(wait_for_run($node, $run), 'FAILED', 'error and cause may be left out');
is(run_row($node, $run)->{error}, 'States.TaskFailed', 'then the error is that of AWS');

# What is wrong with an answer is its sender's error.
($run, $token) = asked('ask');
like(error_of("SELECT flowctl.send_task_success('$token', to_jsonb(repeat('x', 300000)))"), qr/54000: InvalidOutput/, 'an output that is too large');
like(error_of("SELECT flowctl.send_task_success('$token', ('[' || repeat('[', 1500) || repeat(']', 1500) || ']')::jsonb)"), qr/22P02: InvalidOutput/, 'one that is nested too deeply');
like(error_of("SELECT flowctl.send_task_failure('$token', repeat('e', 257))"), qr/22001: error is longer than 256 bytes/, 'an error that is too long');
like(error_of("SELECT flowctl.send_task_failure('$token', 'e', repeat('c', 32769))"), qr/22001: cause is longer/, 'a cause that is too long');
is($node->safe_psql('postgres', "SELECT phase FROM flowctl.runs WHERE run_id = '$run'"), 'WAITING', 'the task goes on waiting');
$node->safe_psql('postgres', "BEGIN; " . success($token, 1) . "; ROLLBACK");
is($node->safe_psql('postgres', "SELECT count(*) FROM flowctl.waiting_tasks WHERE run_id = '$run'"), '1', 'an answer that is rolled back is none');
like(error_of("BEGIN; " . success($token, 1) . "; PREPARE TRANSACTION 'p'"), qr/cannot PREPARE|prepared transactions are disabled/, 'answers cannot be prepared');
$node->safe_psql('postgres', "SELECT flowctl.send_task_success('$token', NULL)");
is(wait_for_run($node, $run), 'SUCCEEDED', 'no output is null');

# What is no token of ours.
for my $wrong ('', 'x', "$token=", substr($token, 1), lc $token, 'A' x 96, '!' x 96, 'x' x 100_000)
{
	like(error_of(success($wrong, {})), qr/22023: InvalidToken/, 'no token: ' . substr($wrong, 0, 10) . '...');
}
for my $at (0, 10, 11, 40, 60, 95)
{
	my $forged = $token;
	substr($forged, $at, 1) = substr($forged, $at, 1) eq 'A' ? 'B' : 'A';
	like(error_of(success($forged, {})), qr/22023: InvalidToken/, "one character off at $at");
}
like(error_of('SELECT flowctl.send_task_success(NULL, NULL)'), qr/22004: token must not be null/, 'no token at all');

# Rights: whoever may execute the functions and holds a token.
$node->safe_psql('postgres', 'CREATE ROLE someone LOGIN; CREATE ROLE answerer LOGIN; GRANT EXECUTE ON FUNCTION flowctl.send_task_success(text, jsonb) TO answerer');
($run, $token) = asked('ask');
like(error_of('SET ROLE someone; ' . success('x', {})), qr/42501/, 'EXECUTE is not PUBLIC\'s');
is($node->safe_psql('postgres', 'SET ROLE answerer; SELECT count(*) FROM flowctl.waiting_tasks'), '0', 'whoever answers need not see the run');
$node->safe_psql('postgres', 'SET ROLE answerer; ' . success($token, 'by a stranger'));
is(wait_for_run($node, $run), 'SUCCEEDED', 'a role with EXECUTE answers');

# An endpoint that fails hands no token over, and one that echoes it stores none.
define_flow($node, 'refused', callback_flow('ask'));
$stub->reset;
$stub->script('/ask', { status => 400, body => 'no' });
$run = start_run($node, 'refused', { order => 1 });
is(wait_for_run($node, $run), 'FAILED', 'the call fails');
push @tokens, from_json(($stub->calls(path => '/ask'))[0]{body})->{token};
is($node->safe_psql('postgres', 'SELECT count(*) FROM flowctl_catalog.waiting_task'), '0', 'nobody is waited for');
define_flow($node, 'echo', callback_flow('echo'));
$stub->reset;
$stub->script('/echo', then => { echo => 'body' });
$run = start_run($node, 'echo', { order => 1 });
my ($call) = $stub->wait_for(1, path => '/echo');
$token = from_json($call->{body})->{token};
push @tokens, $token;
wait_for_query($node, "SELECT details->'output'->>'token' FROM flowctl.history WHERE run_id = '$run' AND type = 'TaskSubmitted'", '<token>');
like(error_of(qq{SELECT flowctl.send_task_success('$token', '{"$token": 1, "<token>": 2}')}), qr/22P02: InvalidOutput/, 'but not as the name of two members');
$node->safe_psql('postgres', success($token, { back => $token }));
is(wait_for_run($node, $run), 'SUCCEEDED', 'an answer may hold the token');
is_deeply(run_output($node, $run), { back => '<token>' }, 'which is not stored');
define_flow($node, 'in_path', { StartAt => 'Ask', States => { Ask => { Type => 'Task', Resource => 'flowctl:http:ask:invoke.waitForTaskToken', End => true,
	Parameters => { Method => 'POST', 'Path.$' => q{States.Format('/back/{}', $$.Task.Token)}, Headers => { 'X-Token.$' => '$$.Task.Token' } } } } });
$stub->reset;
$run = start_run($node, 'in_path', {});
($call) = $stub->wait_for(1);
like($call->{path}, qr{^/ask/back/[A-Za-z0-9_-]{96}$}, 'a path may hold the token');
$token = $call->{headers}{'x-token'};
push @tokens, $token;
is($node->safe_psql('postgres', "SELECT url_path FROM flowctl.calls WHERE run_id = '$run'"), '/ask/back/<token>', 'which calls does not show');
$node->safe_psql('postgres', success($token, 1));
is(wait_for_run($node, $run), 'SUCCEEDED', 'and is answered');

# JSONata has it as $states.context.Task.Token.
define_flow($node, 'jsonata', { QueryLanguage => 'JSONata', StartAt => 'Ask', States => { Ask => { Type => 'Task', Resource => 'flowctl:http:ask.waitForTaskToken',
	Arguments => { token => '{% $states.context.Task.Token %}' }, Output => '{% {"got": $states.result} %}', End => true } } });
($run, $token) = asked('jsonata');
$node->safe_psql('postgres', success($token, 5));
is(wait_for_run($node, $run), 'SUCCEEDED', 'in JSONata');
is_deeply(run_output($node, $run), { got => 5 }, 'with its output');

# Timeouts and heartbeats.
define_flow($node, 'times_out', callback_flow('ask', TimeoutSeconds => 2));
($run, $token) = asked('times_out');
is($node->safe_psql('postgres', "SELECT due_at = since + interval '2 s' OR due_at - since BETWEEN '1 s' AND '3 s', heartbeat_due_at IS NULL FROM flowctl.waiting_tasks WHERE run_id = '$run'"), 't|t', 'waiting_tasks says until when');
is(wait_for_run($node, $run), 'FAILED', 'TimeoutSeconds end the task');
is(run_row($node, $run)->{error}, 'States.Timeout', 'as a timeout');
like(error_of(success($token, {})), qr/TaskTimedOut.*has ended: FAILED/s, 'the answer is too late');
{
	my $flow = callback_flow('ask', TimeoutSeconds => 1, Catch => [ { ErrorEquals => ['States.Timeout'], Next => 'Rest' } ], Next => 'Rest');
	delete $flow->{States}{Ask}{End};
	$flow->{States}{Rest} = { Type => 'Wait', Seconds => 3600, End => true };
	define_flow($node, 'caught', $flow);
}
($run, $token) = asked('caught');
wait_for_query($node, "SELECT current_state FROM flowctl.runs WHERE run_id = '$run'", 'Rest');
like(error_of(success($token, {})), qr/TaskTimedOut.*State "Ask" has ended: TaskTimedOut/s, 'of an open run the state is named');
$node->safe_psql('postgres', "SELECT flowctl.stop('$run')");
define_flow($node, 'beats', callback_flow('ask', HeartbeatSeconds => 3));
($run, $token) = asked('beats');
for (1 .. 5)
{
	$node->safe_psql('postgres', "SELECT flowctl.send_task_heartbeat('$token')");
	$node->safe_psql('postgres', 'SELECT pg_sleep(1.2)');
}
is($node->safe_psql('postgres', "SELECT status FROM flowctl.runs WHERE run_id = '$run'"), 'RUNNING', 'heartbeats keep the task');
is(wait_for_run($node, $run), 'FAILED', 'without them it ends');
is(run_row($node, $run)->{error}, 'States.HeartbeatTimeout', 'with the error of AWS');

# A stopped run waits for nobody.
($run, $token) = asked('ask');
$node->safe_psql('postgres', "SELECT flowctl.stop('$run')");
is(wait_for_run($node, $run), 'ABORTED', 'a run that waits is stopped');
like(error_of(success($token, {})), qr/TaskTimedOut.*has ended: ABORTED/s, 'its token is over');

# In Parallel and Map, and many at once.
define_flow($node, 'many', { StartAt => 'M', States => { M => { Type => 'Map', ItemsPath => '$.items', MaxConcurrency => 0, End => true,
	ItemProcessor => { StartAt => 'Ask', States => { Ask => { Type => 'Task', Resource => 'flowctl:http:ask.waitForTaskToken', End => true,
		Parameters => { 'token.$' => '$$.Task.Token', 'item.$' => '$' } } } } } } });
$stub->reset;
$run = start_run($node, 'many', { items => [ 1 .. 20 ] });
my %item_of = map { my $body = from_json($_->{body}); ($body->{item} => $body->{token}) } $stub->wait_for(20, path => '/ask');
push @tokens, values %item_of;
wait_for_query($node, "SELECT count(*) FROM flowctl.history WHERE run_id = '$run' AND type = 'TaskSubmitted'", '20');
my $answers = join ', ', map { "('$item_of{$_}', $_)" } keys %item_of;
is($node->safe_psql('postgres', "SELECT count(flowctl.send_task_success(token, to_jsonb(item * 10))) FROM (VALUES $answers) a (token, item)"), '20', 'one statement answers many');
is(wait_for_run($node, $run), 'SUCCEEDED', 'all items end');
is_deeply(run_output($node, $run), [ map { $_ * 10 } 1 .. 20 ], 'each with its own answer');

# Of two answers one wins, and the other is told.
($run, $token) = asked('ask');
my $one = $node->background_psql('postgres', on_error_stop => 0);
$one->query_safe('BEGIN');
$one->query_safe(success($token, 'first'));
my $other = $node->background_psql('postgres', on_error_stop => 0);
$other->query_until(qr/sent/, "\\echo sent\n" . success($token, 'second') . ";\n");
wait_for_query($node, q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%send_task_success%'}, '1');
is($node->safe_psql('postgres', "SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock'") =~ s/.*send/send/r, q{send_task_success('<token>', '"second"');}, 'pg_stat_activity does not show the token');
$one->query_safe('COMMIT');
is(wait_for_run($node, $run), 'SUCCEEDED', 'the run takes the first');
is(run_output($node, $run), 'first', 'which was committed');
$other->query('SELECT 1');
like($other->{stderr}, qr/TaskTimedOut.*(Role ".*" has answered it.*success|has ended: SUCCEEDED)/s, 'the other is told');
$_->quit for $one, $other;

# Nothing of what a server keeps holds a token. Tests pass tokens in statements, which the log shows only where it logs all.
$node->safe_psql('postgres', 'CHECKPOINT');
is_deeply([ Parts::leaks($node, map { qr/\Q$_\E/ } @tokens) ], [], 'no table, WAL segment or log has a token');
my $key_file = $node->data_dir . '/pg_flowctl.token_key';
is(sprintf('%o', (stat $key_file)[2] & 07777), '600', 'the key is a file of mode 0600');
my $key = PostgreSQL::Test::Utils::slurp_file($key_file);
chomp $key;
like($key, qr/^[0-9a-f]{64}$/, 'with 32 random bytes');
is_deeply([ grep { !/token_key$/ } Parts::leaks($node, qr/\Q$key\E/) ], [], 'which are nowhere else');

$node->stop;
done_testing();
