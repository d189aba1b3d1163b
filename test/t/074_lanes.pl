# An endpoint that does not answer holds up its own calls and nothing else. It takes its share of the calls under way, the
# rest of its runs waits in line, and every other flow goes on.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $stub = Parts::start_stub();
my $other_stub = Parts::start_stub();
my $node = new_node('lanes', 'flowctl.max_calls' => 6, 'flowctl.max_calls_per_endpoint' => 3);
http_server($node, 'hangs', $stub->url('/hangs'));
http_server($node, 'other', $other_stub->url('/other'));
$stub->script('/hangs', then => { hold => 'answer', body => {} });
$other_stub->script('/other', then => { body => { ok => true } });
define_flow($node, 'hangs', http_flow('hangs'));
define_flow($node, 'other', http_flow('other'));
define_flow($node, 'pass', { StartAt => 'A', States => { A => { Type => 'Pass', End => true } } });

# More runs than are kept in memory while they wait.
my $many = 1500;
$node->safe_psql('postgres', "SELECT count(flowctl.start('hangs', jsonb_build_object('i', i))) FROM generate_series(1, $many) i");
$stub->wait_for(3, path => '/hangs', outcome => 'held');

my $pass = start_run($node, 'pass', {});
is(wait_for_run($node, $pass), 'SUCCEEDED', 'a flow without calls goes on');
my $other = start_run($node, 'other', {});
is(wait_for_run($node, $other), 'SUCCEEDED', 'so does a flow with another endpoint');
is(scalar($stub->calls(path => '/hangs')), 3, 'the endpoint has its share and no more');
is($node->safe_psql('postgres', 'SELECT calls_open FROM flowctl.workers'), '3', 'as the view says');
is($node->safe_psql('postgres', 'SELECT count(*) FROM flowctl.calls WHERE endpoint = $$hangs$$'), '3', 'what waits in line has not left');

# A run in line can be stopped, and times out.
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'hangs' AND phase = 'QUEUED'}, '0');
my $last = $node->safe_psql('postgres', q{SELECT run_id FROM flowctl.runs WHERE flow = 'hangs' ORDER BY run_id DESC LIMIT 1});
$node->safe_psql('postgres', "SELECT flowctl.stop('$last')");
is(wait_for_run($node, $last), 'ABORTED', 'a run in line can be stopped');
define_flow($node, 'hangs_briefly', http_flow('hangs', TimeoutSeconds => 1));
my $brief = start_run($node, 'hangs_briefly', {});
is(wait_for_run($node, $brief), 'FAILED', 'a task in line times out');
is(run_row($node, $brief)->{error}, 'States.Timeout', 'as any other');

# The line survives a crash of the server.
$node->stop('immediate');
$node->start;
$pass = start_run($node, 'pass', {});
is(wait_for_run($node, $pass), 'SUCCEEDED', 'after a crash, too, other flows go on');

# When the endpoint answers, every run has its turn, once.
$stub->script('/hangs', then => { body => {} });
$stub->release('answer');
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE flow = 'hangs' AND status = 'SUCCEEDED'}), $many - 1, 'every run succeeds in the end');
my %calls;
$calls{ $_->{headers}{'idempotency-key'} }++ for $stub->calls(path => '/hangs');
is(scalar(keys %calls), $many - 1, 'each with one key');
cmp_ok((grep { $_ > 1 } values %calls), '<=', 3, 'only calls that were under way at the crash were repeated');

# Who declares one host many times over takes a part of the calls and not all: somebody else still finds room, at the same host, too.
$node->safe_psql('postgres', 'CREATE ROLE greedy; CREATE ROLE victim; SELECT flowctl.grant_author(r) FROM unnest(ARRAY[$$greedy$$, $$victim$$]::regrole[]) r;'
	  . 'GRANT USAGE ON FOREIGN DATA WRAPPER flowctl_http TO greedy');
$stub->reset;
$stub->script('/held', then => { hold => 'greedy', body => {} });
$stub->script('/other', then => { body => { ok => true } });
my $held = $stub->url('/held');
for my $i (1 .. 4)
{
	$node->safe_psql('postgres', "SET ROLE greedy; CREATE SERVER h$i FOREIGN DATA WRAPPER flowctl_http OPTIONS (url '$held', auth 'none'); SELECT flowctl.define_flow('hold$i', "
		  . sql_literal(to_json(http_flow("h$i"))) . ')');
}
$node->safe_psql('postgres', "GRANT USAGE ON FOREIGN SERVER other TO victim; SET ROLE victim; SELECT flowctl.define_flow('spared', " . sql_literal(to_json(http_flow('other'))) . ')');
$node->safe_psql('postgres', q{SELECT count(flowctl.start('hold' || i)) FROM generate_series(1, 4) i, generate_series(1, 20) j});
$stub->wait_for(4, path => '/held', outcome => 'held');
my $spared = $node->safe_psql('postgres', q{SELECT flowctl.start('spared')});
is(wait_for_run($node, $spared), 'SUCCEEDED', 'a call of another owner goes on') or diag(to_json(run_row($node, $spared)));
is(scalar($stub->calls(path => '/held')), 4, 'one owner has four of six at one host');
$stub->script('/held', then => { body => {} });
$stub->release('greedy');
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE flow LIKE 'hold%' AND status = 'SUCCEEDED'}), '80', 'and every call has its turn');

$node->stop;
done_testing();
