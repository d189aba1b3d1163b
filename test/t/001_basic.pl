# The shortest way through everything: an extension, a flow of Pass states, a run, and what the views say about it.
use strict;
use warnings;
use Test::More;
use FlowctlTest;

my $node = new_node('basic');

is( define_flow(
		$node, 'greet',
		{
			StartAt => 'Hello',
			States  => {
				Hello => { Type => 'Pass', Result => 'hello', ResultPath => '$.greeting', Next => 'Done' },
				Done  => { Type => 'Pass', End    => true },
			},
		}),
	1,
	'the first version');

my $run = start_run($node, 'greet', { name => 'world' });
like($run, qr/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/, 'a run id is a UUIDv7');
is(wait_for_run($node, $run), 'SUCCEEDED', 'the worker ran it');

my $row = run_row($node, $run);
is_deeply($row->{input},  { name => 'world' },                        'runs: input');
is_deeply($row->{output}, { name => 'world', greeting => 'hello' },   'runs: output');
is($row->{flow},    'greet', 'runs: flow');
is($row->{version}, 1,       'runs: version');
ok(defined $row->{ended_at}, 'runs: ended_at');
is(history_types($node, $run),
	'ExecutionStarted PassStateEntered PassStateExited PassStateEntered PassStateExited ExecutionSucceeded', 'history');
is( $node->safe_psql('postgres', "SELECT state, type, status FROM flowctl.steps WHERE run_id = '$run' ORDER BY entered_at, state DESC"),
	"Hello|Pass|SUCCEEDED\nDone|Pass|SUCCEEDED", 'steps');
is($node->safe_psql('postgres', 'SELECT count(*) FROM flowctl.calls'), '0', 'nothing left the server');
is($node->safe_psql('postgres', 'SELECT count(*) FROM flowctl.workers'), '1', 'one worker');

# A run exists if and only if its transaction commits.
$node->safe_psql('postgres', q{BEGIN; SELECT flowctl.start('greet', '{"name": "nobody"}'); ROLLBACK});
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE input->>'name' = 'nobody'}), '0', 'no run after ROLLBACK');

$node->stop;
done_testing();
