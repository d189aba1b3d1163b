# A flow that is started with .waitForTaskToken is handed the token of its parent: it may pass it on, and no table holds it. And what
# a redrive makes of a parent whose child has failed.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $stub = Parts::start_stub();
my $node = new_node('handed', 'log_statement' => 'none', 'flowctl.workers' => 2, 'flowctl.sweep_interval' => '1s');
wait_for_workers($node, 2);
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };
http_server($node, 'ask', $stub->url('/echo'));
http_server($node, 'script', $stub->url('/ask'));
sub flow { my ($task) = @_; return { StartAt => 'T', States => { T => { Type => 'Task', End => true, %$task } } } }
# The tables of the engine, as text.
sub kept { my ($token) = @_; return $node->safe_psql('postgres', q{SELECT string_agg(t, '') FROM (SELECT query_to_xml('SELECT * FROM flowctl_catalog.' || quote_ident(relname), true, true, '')::text AS t
	FROM pg_class WHERE relnamespace = 'flowctl_catalog'::regnamespace AND relkind = 'r') s}) =~ /\Q$token\E/ }

define_flow($node, 'asks', { StartAt => 'P', States => { P => { Type => 'Pass', Next => 'T' }, T => { Type => 'Task', Resource => 'flowctl:http:ask', ResultPath => '$.answer', Next => 'W' },
	W => { Type => 'Wait', Seconds => 1, Next => 'E' }, E => { Type => 'Pass', End => true } } });
define_flow($node, 'passes_on', flow({ Resource => 'flowctl:flow:asks', Parameters => { 'for.$' => '$.inner.token' } }));
define_flow($node, 'each', { StartAt => 'M', States => { M => { Type => 'Map', ItemsPath => '$.items', MaxConcurrency => 1, End => true, ItemSelector => { 'for.$' => '$.token' },
	ItemProcessor => { ProcessorConfig => { Mode => 'DISTRIBUTED', ExecutionType => 'STANDARD' }, StartAt => 'A', States => { A => { Type => 'Task', Resource => 'flowctl:http:ask', End => true } } } } } });
my $arn = 'arn:flowctl:states:local:postgres:stateMachine';
define_flow($node, 'parent', flow({ Resource => 'flowctl:flow:asks.waitForTaskToken', Parameters => { 'for.$' => '$$.Task.Token', 'n.$' => '$.n' } }));
define_flow($node, 'grandparent', flow({ Resource => 'arn:aws:states:::states:startExecution.waitForTaskToken',
	Parameters => { StateMachineArn => "$arn:passes_on", Input => { inner => { 'token.$' => '$$.Task.Token' } } } }));
define_flow($node, 'of_each', flow({ Resource => 'flowctl:flow:each.waitForTaskToken', Parameters => { 'token.$' => '$$.Task.Token', items => [1] } }));
define_flow($node, 'jsonata', { QueryLanguage => 'JSONata', %{ flow({ Resource => 'flowctl:flow:asks.waitForTaskToken', Arguments => { for => '{% $states.context.Task.Token %}' } }) } });

my @tokens;
for my $flow (qw(parent grandparent of_each jsonata))
{
	$stub->reset;
	my $run = start_run($node, $flow, { n => 1 });
	my ($call) = $stub->wait_for(1, path => '/echo');
	my $token = from_json($call->{body})->{for};
	push @tokens, $token;
	unlike($token, qr/</, "$flow: the service gets the token");
	is($sql->(qq{SELECT kind, state FROM flowctl.waiting_tasks WHERE run_id = '$run'}), 'callback|T', "$flow: its run waits");
	ok(!kept($token), "$flow: no table holds the token");
	$sql->(qq{SELECT flowctl.send_task_success('$token', '{"by": "$flow"}')});
	is(wait_for_run($node, $run), 'SUCCEEDED', "$flow: the answer ends the Task");
	is_deeply(run_output($node, $run), { by => $flow }, "$flow: with its output");
	wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');
	is($sql->(q{SELECT count(*) FROM flowctl.runs WHERE status <> 'SUCCEEDED'}), '0', "$flow: the run that it has started goes on by itself");
	ok(!kept($token), "$flow: and no table holds the token afterwards");
}
is_deeply([ Parts::leaks($node, map { qr/\Q$_\E/ } @tokens) ], [], 'no table, WAL segment or log has a token, although the service has sent it back');
# A run that nobody has handed a token makes nothing of a marker.
$stub->reset;
my ($marker) = $sql->(q{SELECT input ->> 'for' FROM flowctl.runs WHERE flow = 'asks' LIMIT 1});
like($marker, qr/^<token of [0-9a-f-]{36}>$/, 'what is kept shows a marker');
is(wait_for_run($node, start_run($node, 'asks', { for => $marker })), 'SUCCEEDED', 'a run that brings a marker');
is(from_json(($stub->calls(path => '/echo'))[0]{body})->{for}, $marker, 'passes on the marker');

# Redrive: the Task of the parent begins again and starts another run; what has succeeded stays.
define_flow($node, 'work', http_flow('script'));
define_flow($node, 'two', { StartAt => 'A', States => {
	A => { Type => 'Task', Resource => 'flowctl:flow:work.sync:2', ResultPath => undef, Next => 'B' },
	B => { Type => 'Parallel', End => true, Branches => [ map { { StartAt => "C$_", States => { "C$_" => { Type => 'Task', Resource => 'flowctl:flow:work.sync:2', OutputPath => '$.Status', End => true } } } } 1 .. 2 ] } } });
$stub->script('/ask', { body => {} }, { status => 500 }, { hold => 'other', body => {} }, then => { body => {} });
my $run = start_run($node, 'two', {});
is(wait_for_run($node, $run), 'FAILED', 'a child fails');
wait_for_query($node, qq{SELECT string_agg(status, ' ' ORDER BY status) FROM flowctl.runs WHERE parent_run_id = '$run'}, 'ABORTED FAILED SUCCEEDED');
# The other call may have been cancelled before it arrived; then its answer must not be that of the next one.
$stub->script('/ask', then => { body => {} });
is($sql->("SELECT flowctl.redrive('$run')"), 'done', 'the parent is redriven');
wait_for_query($node, "SELECT status FROM flowctl.runs WHERE run_id = '$run'", 'SUCCEEDED');
is($sql->("SELECT string_agg(status, ' ' ORDER BY status) FROM flowctl.runs WHERE parent_run_id = '$run'"), 'ABORTED FAILED SUCCEEDED SUCCEEDED SUCCEEDED',
	'which starts other runs in the place of those that have not succeeded');
# The child is redriven by itself: its parent has heard of its first end, and hears of no other.
$stub->script('/ask', { status => 500 }, then => { body => {} });
define_flow($node, 'one', { StartAt => 'T', States => { T => { Type => 'Task', Resource => 'flowctl:flow:work.sync', Catch => [ { ErrorEquals => ['States.ALL'], Next => 'W' } ], End => true },
	W => { Type => 'Wait', Seconds => 36_000, End => true } } });
$run = start_run($node, 'one', {});
wait_for_query($node, "SELECT current_state FROM flowctl.runs WHERE run_id = '$run' AND phase = 'WAITING'", 'W');
my $child = $sql->("SELECT run_id FROM flowctl.runs WHERE parent_run_id = '$run'");
is($sql->("SELECT flowctl.redrive('$child')"), 'done', 'a child is redriven');
wait_for_query($node, "SELECT status FROM flowctl.runs WHERE run_id = '$child'", 'SUCCEEDED');
wait_for_query($node, 'SELECT (SELECT count(*) FROM flowctl_catalog.child_flow) + (SELECT count(*) FROM flowctl_catalog.run_message)', '0');
is($sql->("SELECT status, current_state FROM flowctl.runs WHERE run_id = '$run'"), 'RUNNING|W', 'its parent, which has gone on, is not concerned');

$node->stop;
done_testing();
