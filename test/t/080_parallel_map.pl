# Parallel and Map through the worker: branches call at the same time, items a few at a time, and both survive a crash.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $stub = Parts::start_stub();
my $node = new_node('map', 'restart_after_crash' => 'on');
http_server($node, $_, $stub->url("/$_")) for qw(left_side right_side item);
$stub->script('/item', then => { echo => 'body', headers => { 'content-type' => 'application/json' } });

define_flow(
	$node, 'both',
	{
		StartAt => 'Both',
		States  => {
			Both => {
				Type     => 'Parallel',
				Branches => [
					{ StartAt => 'L', States => { L => { Type => 'Task', Resource => 'flowctl:http:left_side',  End => true } } },
					{ StartAt => 'R', States => { R => { Type => 'Task', Resource => 'flowctl:http:right_side', End => true } } },
				],
				End => true,
			},
		},
	});
define_flow(
	$node, 'each',
	{
		StartAt => 'Each',
		States  => {
			Each => {
				Type           => 'Map',
				ItemsPath      => '$.items',
				MaxConcurrency => 2,
				ItemProcessor  => { StartAt => 'One', States => { One => { Type => 'Task', Resource => 'flowctl:http:item', End => true } } },
				End            => true,
			},
		},
	});

# Both branches are under way at once; a crash repeats the one that was not answered.
$stub->script('/left_side',  then => { body => { side => 'left' } });
$stub->script('/right_side', { hold => 'right', body => { side => 'right' } }, then => { body => { side => 'right' } });
my $run = start_run($node, 'both', {});
$stub->wait_for(1, path => '/right_side', outcome => 'held');
$stub->wait_for(1, path => '/left_side',  outcome => 'answered');
wait_for_query($node, "SELECT count(*) FROM flowctl.steps WHERE run_id = '$run' AND state = 'L' AND status = 'SUCCEEDED'", '1');
$node->stop('immediate');
$node->start;
is(wait_for_run($node, $run), 'SUCCEEDED', 'a Parallel goes on after a crash');
is_deeply(run_output($node, $run), [ { side => 'left' }, { side => 'right' } ], 'outputs in the order of the branches');
is(scalar($stub->calls(path => '/left_side')), 1, 'the branch that was done is not asked again');
my @right = $stub->calls(path => '/right_side');
is($right[0]{headers}{'idempotency-key'}, $right[1]{headers}{'idempotency-key'}, 'the other one with the same key');
$stub->release('right');

# Items keep their order, whatever the order of the answers, and each has its own key.
$run = start_run($node, 'each', { items => [ map { { n => $_ } } 1 .. 25 ] });
is(wait_for_run($node, $run), 'SUCCEEDED', 'a Map over 25 items');
is_deeply(run_output($node, $run), [ map { { n => $_ } } 1 .. 25 ], 'outputs in the order of the items');
my %keys = map { $_->{headers}{'idempotency-key'} => 1 } $stub->calls(path => '/item');
is(scalar(keys %keys), 25, 'a key for each item');
is( $node->safe_psql('postgres', "SELECT count(*), count(DISTINCT path) FROM flowctl.calls WHERE run_id = '$run'"),
	'25|25', 'calls shows the item of each');

# A branch that fails ends the others: their calls are given up.
$stub->script('/left_side',  then => { hold => 'left', body => {} });
$stub->script('/right_side', then => { status => 500 });
$run = start_run($node, 'both', {});
is(wait_for_run($node, $run), 'FAILED', 'a branch that fails ends the run');
is(run_row($node, $run)->{error}, 'States.Http.StatusCode.500', 'with its error');
wait_for_query($node, 'SELECT calls_open FROM flowctl.workers', '0');
is($node->safe_psql('postgres', 'SELECT count(*) FROM flowctl_catalog.frame'), '0', 'no frame is left');

$node->stop;
done_testing();
