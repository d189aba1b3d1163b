# After a crash every open run continues. Nothing that was recorded is asked for again, and a repeated call has the same key.
#
# The worker is killed, or the server is stopped at once, at each point of a step's life: before the call is answered,
# between two steps, while a retry waits, while a Wait state waits, and after a burst of starts.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $node = new_node('crash', restart_after_crash => 'on');
my $stub = Parts::start_stub();
http_server($node, $_, $stub->url("/$_")) for qw(one two flaky);

my $task = sub { my ($server, %more) = @_; return { Type => 'Task', Resource => "flowctl:http:$server", %more } };
define_flow($node, 'two_steps',
	{ StartAt => 'One', States => { One => $task->('one', ResultPath => '$.one', Next => 'Two'), Two => $task->('two', ResultPath => '$.two', End => true) } });
define_flow($node, 'retrying',
	http_flow('flaky', Retry => [ { ErrorEquals => ['States.ALL'], IntervalSeconds => 2, MaxAttempts => 3, BackoffRate => 1 } ]));
define_flow($node, 'waiting',
	{ StartAt => 'W', States => { W => { Type => 'Wait', Seconds => 3, Next => 'One' }, One => $task->('one', End => true) } });

# The two ways to die. Afterwards the server is up again and its worker is another process.
my %death = (
	'kill -9 of the worker' => sub {
		my ($pid) = worker_pids($node);
		kill 'KILL', $pid;
		wait_for_query($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'flowctl worker%' AND pid <> $pid", '1');
	},
	'immediate shutdown' => sub {
		$node->stop('immediate');
		$node->start;
		wait_for_workers($node, 1);
	},
);

for my $way (sort keys %death)
{
	my $die = $death{$way};

	# While the first call is under way.
	$stub->reset;
	$stub->script('/one', then => { hold => 'one', body => { from => 'one' } });
	my $run = start_run($node, 'two_steps', {});
	$stub->wait_for(1, path => '/one', outcome => 'held');
	$die->();
	$stub->wait_for(2, path => '/one');
	$stub->wait_for(1, path => '/one', outcome => 'held');
	$stub->release('one');
	is(wait_for_run($node, $run), 'SUCCEEDED', "$way while a call is under way: the run continues");
	my @one = $stub->calls(path => '/one');
	is(scalar(@one), 2, 'the call is repeated');
	is($one[0]{headers}{'idempotency-key'}, $one[1]{headers}{'idempotency-key'}, 'with the same key');
	is_deeply(run_output($node, $run)->{one}, { from => 'one' }, 'and its answer is the result');
	is($node->safe_psql('postgres', "SELECT count(*) FROM flowctl.calls WHERE run_id = '$run' AND state = 'One'"), '2', 'calls shows both');

	# While the second call is under way: the first is not asked for again.
	$stub->reset;
	$stub->script('/two', then => { hold => 'two', body => { from => 'two' } });
	$run = start_run($node, 'two_steps', {});
	$stub->wait_for(1, path => '/two', outcome => 'held');
	$die->();
	$stub->wait_for(2, path => '/two');
	$stub->wait_for(1, path => '/two', outcome => 'held');
	$stub->release('two');
	is(wait_for_run($node, $run), 'SUCCEEDED', "$way in the second step: the run continues");
	is(scalar($stub->calls(path => '/one')), 1, 'what is recorded is not asked for again');

	# While a retry waits.
	$stub->reset;
	$stub->script('/flaky', { status => 500 }, then => { body => {} });
	$run = start_run($node, 'retrying', {});
	wait_for_query($node, "SELECT phase FROM flowctl.runs WHERE run_id = '$run'", 'RETRYING');
	$die->();
	is(wait_for_run($node, $run), 'SUCCEEDED', "$way while a retry waits: the run continues");
	is(scalar($stub->calls(path => '/flaky')), 2, 'two calls in all');
	my %keys = map { $_->{headers}{'idempotency-key'} => 1 } $stub->calls(path => '/flaky');
	is(scalar(keys %keys), 1, 'with one key');

	# While a Wait state waits: it ends when it should, not later by the time of the crash.
	$stub->reset;
	$run = start_run($node, 'waiting', {});
	wait_for_query($node, "SELECT phase FROM flowctl.runs WHERE run_id = '$run'", 'WAITING');
	$die->();
	is(wait_for_run($node, $run), 'SUCCEEDED', "$way while a Wait state waits: the run continues");
	cmp_ok($node->safe_psql('postgres', "SELECT extract(epoch FROM ended_at - started_at) FROM flowctl.runs WHERE run_id = '$run'"), '>=', 3, 'not before its time');

	# In the middle of a burst: every run that committed ends, once.
	$stub->reset;
	my $burst = "r.input->>'burst' = '$way'";
	$node->safe_psql('postgres', "SELECT flowctl.start('two_steps', jsonb_build_object('burst', '$way', 'i', i)) FROM generate_series(1, 200) i");
	$stub->wait_for(20, path => '/two');
	$die->();
	wait_for_query($node, "SELECT count(*) FROM flowctl.runs r WHERE $burst AND status = 'SUCCEEDED'", '200');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}), '0', "$way in a burst: every run ended");
	my %seen = map { $_->{headers}{'idempotency-key'} => 1 } $stub->calls(path => '/one');
	is(scalar(keys %seen), 200, 'a key for each run');
	is( $node->safe_psql('postgres',
			"SELECT count(*) FROM flowctl.history h JOIN flowctl.runs r USING (run_id) WHERE $burst AND h.type = 'ExecutionSucceeded'"),
		'200', 'and each ended once');
}

$node->stop;
done_testing();
