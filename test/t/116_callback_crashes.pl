# Callbacks and crashes: a token is handed out once, an answer that was committed is taken, whatever dies in between.
#
# The server is killed at each point of a callback's life: while the call that hands the token over is under way, when
# it has been answered, when an answer is committed and not taken. Then the same over a failover: the old primary's tokens are good
# at the new one, with its key and without.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $node = new_node('crashes', 'flowctl.sweep_interval' => '1h', wal_level => 'replica', max_wal_senders => 4, hot_standby => 'on');
my $stub = Parts::start_stub();
http_server($node, 'ask', $stub->url('/ask'));
my %flow = (StartAt => 'Ask', States => { Ask => { Type => 'Task', Resource => 'flowctl:http:ask.waitForTaskToken', End => true,
	Parameters => { 'token.$' => '$$.Task.Token' } } });
define_flow($node, 'ask', \%flow);
$node->safe_psql('postgres', q{SELECT flowctl.create_activity('work')});
define_flow($node, 'work', { StartAt => 'W', States => { W => { Type => 'Task', Resource => 'flowctl:activity:work', End => true } } });

define_flow($node, 'pass', { StartAt => 'A', States => { A => { Type => 'Pass', End => true } } });

sub token_of { my ($call) = @_; return from_json($call->{body})->{token}; }
sub success { my ($token, $output) = @_; return 'SELECT flowctl.send_task_success(' . sql_literal($token) . ', ' . sql_literal(to_json($output)) . ')'; }
sub die_hard { my ($server) = @_; kill_server($server); start_again($server); wait_for_workers($server, 1); }

# While the call is under way: it is repeated with the same token.
$stub->script('/ask', then => { hold => 'h', body => {} });
my $run = start_run($node, 'ask', {});
$stub->wait_for(1, path => '/ask', outcome => 'held');
die_hard($node);
$stub->wait_for(2, path => '/ask');
my @calls = $stub->calls(path => '/ask');
is(token_of($calls[0]), token_of($calls[1]), 'a call that is repeated has the same token');
is($calls[0]{headers}{'idempotency-key'}, $calls[1]{headers}{'idempotency-key'}, 'and the same Idempotency-Key');

# The answer may come before the call that hands the token over has been answered.
$node->safe_psql('postgres', success(token_of($calls[0]), 'early'));
is(wait_for_run($node, $run), 'SUCCEEDED', 'an answer before that of the call ends the task');
is(run_output($node, $run), 'early', 'with its output');
$stub->release('h');

# A callback that is parked is not called again.
$stub->reset;
$run = start_run($node, 'ask', {});
my $token = token_of($stub->wait_for(1, path => '/ask'));
wait_for_query($node, "SELECT phase FROM flowctl.runs WHERE run_id = '$run'", 'WAITING');
die_hard($node);
my $other = start_run($node, 'ask', {});
$stub->wait_for(2, path => '/ask');
wait_for_query($node, "SELECT phase FROM flowctl.runs WHERE run_id = '$other'", 'WAITING');
is(scalar(@calls = $stub->calls(path => '/ask')), 2, 'a parked callback is not called again');
$node->safe_psql('postgres', success($token, 1));
is(wait_for_run($node, $run), 'SUCCEEDED', 'and is answered after the crash');
$node->safe_psql('postgres', "SELECT flowctl.stop('$other')");

# An answer that is committed while nobody takes it.
for my $kind (qw(callback activity))
{
	$stub->reset;
	$run = start_run($node, $kind eq 'callback' ? 'ask' : 'work', {});
	if ($kind eq 'callback')
	{
		$token = token_of($stub->wait_for(1, path => '/ask'));
		wait_for_query($node, "SELECT phase FROM flowctl.runs WHERE run_id = '$run'", 'WAITING');
	}
	else
	{
		($token) = split /\|/, $node->safe_psql('postgres', q{CALL flowctl.poll_activity_task('work', 'w')});
		wait_for_query($node, "SELECT count(*) FROM flowctl.history WHERE run_id = '$run' AND type = 'ActivityStarted'", '1');
	}
	my ($pid) = worker_pids($node);
	kill 'STOP', $pid;
	$node->safe_psql('postgres', success($token, $kind));
	is($node->safe_psql('postgres', "SELECT waiting_for FROM flowctl.waiting_tasks WHERE run_id = '$run'"),
		'the worker of the database: it has been answered', "$kind: the answer waits");
	kill_server($node);
	kill 'KILL', $pid;
	start_again($node);
	is(wait_for_run($node, $run), 'SUCCEEDED', "$kind: it is taken after the crash");
	is(run_output($node, $run), $kind, 'with its output');
	like(($node->psql('postgres', success($token, 2)))[2], qr/TaskTimedOut/, 'and only once');
}

# A worker that took a task and a server that died: the task is the worker's.
$run = start_run($node, 'work', { n => 1 });
($token) = split /\|/, $node->safe_psql('postgres', q{CALL flowctl.poll_activity_task('work', 'w')});
die_hard($node);
is($node->safe_psql('postgres', q{CALL flowctl.poll_activity_task('work', 'v', '0')}), '|', 'a task that was taken is not given again');
$node->safe_psql('postgres', success($token, 'late'));
is(wait_for_run($node, $run), 'SUCCEEDED', 'and its worker answers it');

# A redrive makes another token.
define_flow($node, 'again', { %flow, TimeoutSeconds => 3600 });
$stub->reset;
$run = start_run($node, 'again', {});
$token = token_of($stub->wait_for(1, path => '/ask'));
$node->safe_psql('postgres', "SELECT flowctl.send_task_failure('$token', 'Broken')");
is(wait_for_run($node, $run), 'FAILED', 'the task fails');
is($node->safe_psql('postgres', "SELECT flowctl.redrive('$run')"), 'done', 'the run is redriven');
my ($first, $second) = map { token_of($_) } $stub->wait_for(2, path => '/ask');
isnt($second, $first, 'with another token');
like(($node->psql('postgres', success($first, 2)))[2], qr/TaskTimedOut.*State "Ask" has ended: TaskFailed/s, 'the old one is over');
$node->safe_psql('postgres', success($second, 2));
is(wait_for_run($node, $run), 'SUCCEEDED', 'the new one counts');

# A drain lets answers be taken.
$stub->reset;
$run = start_run($node, 'ask', {});
$token = token_of($stub->wait_for(1, path => '/ask'));
wait_for_query($node, "SELECT phase FROM flowctl.runs WHERE run_id = '$run'", 'WAITING');
$node->safe_psql('postgres', q{CALL flowctl.drain('30 s')});
$node->safe_psql('postgres', success($token, 'drained'));
is(wait_for_run($node, $run), 'SUCCEEDED', 'answers are taken while the server is drained');
$node->safe_psql('postgres', 'CALL flowctl.undrain()');

# Other keys: what the first makes, all check; and a token whose key is gone is known by its hash.
Parts::secret_file('token-a.key', 'a' x 40);
Parts::secret_file('token-b.key', 'b' x 40);
Parts::secret_file('token-c.key', 'too short');
sub use_keys
{
	my ($keys) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET flowctl.token_keys = '$keys'");
	$node->reload;
	wait_for_query($node, 'SHOW flowctl.token_keys', $keys);
	# The worker reads its settings before the next turn.
	wait_for_run($node, start_run($node, 'pass'));
}
sub asked
{
	$stub->reset;
	my $started = start_run($node, 'ask', {});
	my $given = token_of($stub->wait_for(1, path => '/ask'));
	wait_for_query($node, "SELECT phase FROM flowctl.runs WHERE run_id = '$started'", 'WAITING');
	return ($started, $given);
}
my ($run_default, $token_default) = asked();
use_keys('token-a.key');
my ($run_a, $token_a) = asked();
isnt(substr($token_a, 0, 10), substr($token_default, 0, 10), 'another key makes the tokens');
use_keys('token-b.key, token-a.key');
my ($run_b, $token_b) = asked();
$node->safe_psql('postgres', success($token_a, 'a'));
is(wait_for_run($node, $run_a), 'SUCCEEDED', 'all keys of the list check');
like(($node->psql('postgres', success($token_a, 'a')))[2], qr/TaskTimedOut/, 'so such a token is known when its task is over');
$node->safe_psql('postgres', success($token_default, 'd'));
is(wait_for_run($node, $run_default), 'SUCCEEDED', 'a token whose key is gone is known by its hash');
like(($node->psql('postgres', success($token_default, 'd')))[2], qr/InvalidToken/, 'as long as its task waits');
my $forged = $token_a;
substr($forged, 90, 1) = substr($forged, 90, 1) eq 'A' ? 'B' : 'A';
like(($node->psql('postgres', success($forged, 'a')))[2], qr/InvalidToken/, 'forged ones are not');
use_keys('token-c.key');
like(($node->psql('postgres', success($token_b, 'b')))[2], qr/the keys of task tokens cannot be used: secret file "token-c.key" has fewer than 32 bytes/, 'a key that is too short');
$run = start_run($node, 'ask', {});
is(wait_for_run($node, $run), 'FAILED', 'without a usable key no token is made');
like(run_row($node, $run)->{cause}, qr/token-c.key/, 'which the cause says');
use_keys('');
$node->safe_psql('postgres', success($token_b, 'b'));
is(wait_for_run($node, $run_b), 'SUCCEEDED', 'the hash is enough');

# Failover. The standby has the key from the base backup, and answers nothing before it is promoted.
$node->backup('one');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'one', has_streaming => 1);
$standby->append_conf('postgresql.conf', "primary_conninfo = '" . $node->connstr . " application_name=standby'\n");
$standby->start;
($run, $token) = asked();
my ($run_two, $token_two) = asked();
my ($run_lost, $token_lost) = asked();
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
like(($standby->psql('postgres', success($token, 1)))[2], qr/cannot answer a task during recovery.*Connect to the primary server/s, 'a standby refuses');
like(($standby->psql('postgres', q{SELECT flowctl.get_activity_task('work')}))[2], qr/cannot take a task during recovery.*Connect to the primary server/s, 'and gives no task');
$node->stop('immediate');
$standby->promote;
wait_for_workers($standby, 1);
$standby->safe_psql('postgres', success($token, 'promoted'));
is(wait_for_run($standby, $run), 'SUCCEEDED', 'the new primary takes the token of the old one');
is(run_output($standby, $run), 'promoted', 'with its output');
# Without the key: the new primary makes another one.
unlink($standby->data_dir . '/pg_flowctl.token_key') or die $!;
$standby->safe_psql('postgres', success($token_two, 'by hash'));
is(wait_for_run($standby, $run_two), 'SUCCEEDED', 'and without the key, by its hash');
like(($standby->psql('postgres', success($token_two, 1)))[2], qr/InvalidToken/, 'but only as long as the task waits');
$standby->safe_psql('postgres', 'SELECT pg_sleep(1.5)');  # a worker looks at the file once in a second
my $new = start_run($standby, 'ask', {});
my ($call) = grep { token_of($_) ne $token_lost } $stub->wait_for(2, path => '/ask');
ok(-e $standby->data_dir . '/pg_flowctl.token_key', 'a new key was made');
$standby->safe_psql('postgres', success(token_of($call), 'new'));
is(wait_for_run($standby, $new), 'SUCCEEDED', 'which makes good tokens');
$standby->safe_psql('postgres', "SELECT flowctl.stop('$run_lost')");

$standby->stop;
done_testing();
