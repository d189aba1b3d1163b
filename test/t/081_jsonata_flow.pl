# A flow in JSONata through the worker: a Task with Arguments and Output, a Map over items that cannot be computed twice, a
# Catch, and a crash in the middle.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $stub = Parts::start_stub();
my $node = new_node('jsonata', 'restart_after_crash' => 'on');
http_server($node, $_, $stub->url("/$_")) for qw(quote item);
$stub->script('/quote', then => { body => { price => 20, currency => 'EUR' } });

# The items have random keys: were Items evaluated again after the crash, the outputs would have others.
define_flow(
	$node, 'order',
	{
		QueryLanguage => 'JSONata',
		StartAt       => 'Quote',
		States        => {
			Quote => {
				Type      => 'Task',
				Resource  => 'flowctl:http:quote',
				Arguments => { article => '{% $states.input.article %}', by => '{% $states.context.Execution.Name %}' },
				Assign    => { price => '{% $states.result.price %}' },
				Output    => '{% $merge([$states.input, $states.result]) %}',
				Next      => 'Each',
			},
			Each => {
				Type           => 'Map',
				Items          => '{% [1..$states.input.count].{"n": $, "key": $uuid()} %}',
				MaxConcurrency => 1,
				ItemProcessor  => {
					StartAt => 'One',
					States  => {
						One => {
							Type      => 'Task',
							Resource  => 'flowctl:http:item',
							Arguments => { n => '{% $states.input.n * $price %}', key => '{% $states.input.key %}' },
							Output    => { key => '{% $states.result.key %}', total => '{% $states.result.n %}' },
							Catch     => [
								{
									ErrorEquals => ['States.Http.StatusCode.500'],
									Output      => { key => '{% $states.input.key %}', error => '{% $states.errorOutput.Error %}' },
									Next        => 'Lost',
								}
							],
							End => true,
						},
						Lost => { Type => 'Pass', End => true },
					},
				},
				Output => { items => '{% $states.result %}', sum => '{% $sum($states.result.total) %}' },
				Next   => 'Which',
			},
			Which => {
				Type    => 'Choice',
				Choices => [ { Condition => '{% $states.input.sum > 100 %}', Next => 'Large', Assign => { size => 'large' } } ],
				Default => 'Small',
			},
			Large => { Type => 'Succeed', Output => '{% $merge([$states.input, {"size": $size}]) %}' },
			Small => { Type => 'Fail', Error => 'Small', Cause => '{% "only " & $states.input.sum %}' },
		},
	});

# The second item is out when the server crashes; the third fails.
my %echo = (echo => 'body', headers => { 'content-type' => 'application/json' });
$stub->script('/item', {%echo}, { hold => 'crash', %echo }, {%echo}, { status => 500 }, then => {%echo});
my $run = start_run($node, 'order', { article => 'x', count => 4 });
$stub->wait_for(1, path => '/item', outcome => 'held');
wait_for_query($node, "SELECT count(*) FROM flowctl.steps WHERE run_id = '$run' AND state = 'One' AND status = 'SUCCEEDED'", '1');
$node->stop('immediate');
$node->start;
is(wait_for_run($node, $run), 'SUCCEEDED', 'a flow in JSONata goes on after a crash');
$stub->release('crash');

my @items  = $stub->calls(path => '/item');
my @sent   = map { from_json($_->{body}) } @items;
my $output = run_output($node, $run);
is_deeply([ map { $_->{n} } @sent ], [ 20, 40, 40, 60, 80 ], 'Arguments are computed from variables, and the second item is asked for twice');
is($sent[1]{key}, $sent[2]{key}, 'with the same item');
is($items[1]{headers}{'idempotency-key'}, $items[2]{headers}{'idempotency-key'}, 'and the same idempotency key');
is_deeply(
	$output,
	{
		items => [
			{ key => $sent[0]{key}, total => 20 },
			{ key => $sent[2]{key}, total => 40 },
			{ key => $sent[3]{key}, error => 'States.Http.StatusCode.500' },
			{ key => $sent[4]{key}, total => 80 },
		],
		sum  => 140,
		size => 'large',
	},
	'outputs, a Catch and a variable of a choice rule');
is(from_json(($stub->calls(path => '/quote'))[0]{body})->{article}, 'x', 'the Task got its Arguments');

# What fails to evaluate is an event of its own, with its place, and the error of the run.
define_flow(
	$node, 'wrong',
	{
		QueryLanguage => 'JSONata',
		StartAt       => 'P',
		States        => { P => { Type => 'Pass', Output => { v => '{% $states.input.none %}' }, End => true } },
	});
$run = start_run($node, 'wrong', {});
is(wait_for_run($node, $run), 'FAILED', 'an expression that gives nothing fails the run');
is(run_row($node, $run)->{error}, 'States.QueryEvaluationError', 'with its error');
is( $node->safe_psql('postgres', "SELECT details->>'location' FROM flowctl.history WHERE run_id = '$run' AND type = 'EvaluationFailed'"),
	'Output/v', 'and its place in the history');

my ($status, $stdout, $stderr) = $node->psql(
	'postgres',
	q{SELECT flowctl.define_flow('refused', '{"QueryLanguage": "JSONata", "StartAt": "P", "States":
	  {"P": {"Type": "Pass", "Output": {"v": "{% phone %}"}, "End": true}}}')});
isnt($status, 0, 'define_flow refuses what cannot be evaluated');
like($stderr, qr{/States/P/Output/v: Reference to 'phone' at the top level is not supported}, 'and says where');

$node->stop;
done_testing();
