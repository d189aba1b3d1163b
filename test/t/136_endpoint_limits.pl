# Limits of endpoints count over all workers of a database; an endpoint that asks for a pause gets it from all calls; a pause
# of a flow or an endpoint lets nothing begin; and endpoints of one host leave room for others.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $stub = Parts::start_stub();
my $node = new_node('endpoint_limits', 'flowctl.workers' => 3, 'flowctl.max_calls' => 12, 'flowctl.max_calls_per_endpoint' => 8);
wait_for_workers($node, 3);
my $start = sub { my ($flow, $count) = @_; $node->safe_psql('postgres', "SELECT count(flowctl.start('$flow')) FROM generate_series(1, $count)"); };
my $open = sub { my ($flow) = @_; return "SELECT count(*) FROM flowctl.runs WHERE flow = '$flow' AND status = 'RUNNING'"; };

# What makes no sense is refused.
for my $case ([ 'max_concurrency' => 0, 'whole number' ], [ 'rate' => '0/s', 'number of calls and a time' ], [ 'burst' => 2, 'required for burst' ])
{
	my ($name, $value, $says) = @$case;
	my (undef, undef, $error) = $node->psql('postgres', "CREATE SERVER bad FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://x.example/', auth 'none', $name '$value')");
	like($error, qr/$says/, "$name $value is refused");
}

# One call at a time for each worker at most, and so no more than the limit and the calls that two workers begin at once.
http_server($node, 'narrow', $stub->url('/narrow'), max_concurrency => 2);
define_flow($node, 'narrow', http_flow('narrow'));
$stub->script('/narrow', then => { hold => 'narrow', body => {} });
$start->('narrow', 2);
$stub->wait_for(2, path => '/narrow', outcome => 'held');
$start->('narrow', 30);
define_flow($node, 'pass', { StartAt => 'A', States => { A => { Type => 'Pass', End => true } } });
is(wait_for_run($node, start_run($node, 'pass', {})), 'SUCCEEDED', 'another flow goes on') for 1 .. 3;
is(scalar($stub->calls(path => '/narrow')), 2, 'no worker begins a call beyond the limit of the endpoint');
$stub->script('/narrow', then => { body => {} });
$stub->release('narrow');
wait_for_query($node, $open->('narrow'), '0');
is(scalar($stub->calls(path => '/narrow')), 32, 'each run has made its call once');

# Retry-After of one answer holds for all calls of the endpoint.
http_server($node, 'busy', $stub->url('/busy'));
define_flow($node, 'busy', http_flow('busy', Retry => [ { ErrorEquals => ['States.ALL'], IntervalSeconds => 1, MaxAttempts => 3 } ]));
$stub->script('/busy', { status => 429, headers => { 'retry-after' => '3' } }, then => { body => {} });
$start->('busy', 1);
$stub->wait_for(1, path => '/busy');
wait_for_query($node, q{SELECT phase FROM flowctl.runs WHERE flow = 'busy'}, 'RETRYING');
$start->('busy', 20);
wait_for_query($node, $open->('busy'), '0');
my @times = sort { $a <=> $b } split /\n/, $node->safe_psql('postgres', q{SELECT extract(epoch FROM started_at) FROM flowctl.calls WHERE endpoint = 'busy'});
is(scalar(@times), 22, 'the call that was refused was made again');
cmp_ok($times[1] - $times[0], '>=', 2.9, 'nobody called the endpoint before it wanted to be called');

# A rate is over all workers, too.
http_server($node, 'slow', $stub->url('/slow'), rate => '5/s', burst => 2);
define_flow($node, 'slow', http_flow('slow'));
$stub->script('/slow', then => { body => {} });
$start->('slow', 12);
wait_for_query($node, $open->('slow'), '0');
@times = sort { $a <=> $b } split /\n/, $node->safe_psql('postgres', q{SELECT extract(epoch FROM started_at) FROM flowctl.calls WHERE endpoint = 'slow'});
is(scalar(@times), 12, 'all calls were made');
cmp_ok($times[-1] - $times[0], '>=', 1.0, 'one after the other');

# Pauses.
http_server($node, 'paused', $stub->url('/paused'));
define_flow($node, 'paused', http_flow('paused'));
$stub->script('/paused', then => { body => {} });
$node->safe_psql('postgres', q{SELECT flowctl.pause_endpoint('paused', 'it moves')});
$start->('paused', 5);
wait_for_query($node, q{SELECT count(*) FROM flowctl_catalog.frame f JOIN flowctl_catalog.run r USING (run_id) WHERE r.flow = 'paused'}, '5');
$node->restart;
is(wait_for_run($node, start_run($node, 'pass', {})), 'SUCCEEDED', 'after a restart other flows go on');
is(scalar($stub->calls(path => '/paused')), 0, 'a paused endpoint is not called, also after a restart');
$node->safe_psql('postgres', q{SELECT flowctl.resume_endpoint('paused')});
wait_for_query($node, $open->('paused'), '0');
is(scalar($stub->calls(path => '/paused')), 5, 'the calls are made when it is resumed');

my $two_calls = { StartAt => 'A', States => {
	A => { Type => 'Task', Resource => 'flowctl:http:paused', Next => 'B' },
	B => { Type => 'Task', Resource => 'flowctl:http:paused', End => true } } };
define_flow($node, 'twice', $two_calls);
$stub->script('/paused', { hold => 'first', body => {} }, then => { body => {} });
my $before = scalar($stub->calls(path => '/paused'));
my $run = start_run($node, 'twice', {});
$stub->wait_for(1, path => '/paused', outcome => 'held');
$node->safe_psql('postgres', q{SELECT flowctl.pause_flow('twice', reason => 'a look at it')});
my $waits = start_run($node, 'twice', {});
$stub->release('first');
wait_for_query($node, "SELECT current_state FROM flowctl.runs WHERE run_id = '$run'", 'B');
is(run_row($node, $run)->{phase}, 'PAUSED', 'an open run of a paused flow is paused');
like(run_row($node, $run)->{waiting_for}, qr/^resume_flow: paused by /, 'and says what it waits for');
is(scalar($stub->calls(path => '/paused')), $before + 1, 'the call under way was finished, and no other has begun');
$node->safe_psql('postgres', q{SELECT flowctl.resume_flow('twice')});
is(wait_for_run($node, $run), 'SUCCEEDED', 'it goes on when the flow is resumed');
is(wait_for_run($node, $waits), 'SUCCEEDED', 'and so does the run that was started meanwhile');

# Four endpoints of one url that hang leave room for others.
my $other = Parts::start_stub();
$stub->script('/hangs', then => { hold => 'for ever', body => {} });
for my $i (1 .. 4)
{
	http_server($node, "hangs$i", $stub->url('/hangs'));
	define_flow($node, "hangs$i", http_flow("hangs$i"));
	$start->("hangs$i", 40);
}
$stub->wait_for(8, path => '/hangs', outcome => 'held');
http_server($node, 'quick', $other->url('/quick'));
$other->script('/quick', then => { body => {} });
$node->safe_psql('postgres', q{CREATE ROLE somebody; SELECT flowctl.grant_author('somebody'); GRANT USAGE ON FOREIGN SERVER quick TO somebody; SET ROLE somebody;
	SELECT flowctl.define_flow('quick', } . sql_literal(to_json(http_flow('quick'))) . ')');
is(wait_for_run($node, start_run($node, 'quick', {})), 'SUCCEEDED', "somebody else's call finds room") for 1 .. 6;

done_testing();
