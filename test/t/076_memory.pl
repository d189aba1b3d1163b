# What a worker holds in memory is bounded by bytes: runs, their calls' answers, compiled definitions. What does not fit
# leaves memory, or waits, and nothing of it is lost.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $stub = Parts::start_stub();
my $node = new_node('memory', 'flowctl.run_memory' => '1MB', 'flowctl.definition_memory' => '1MB', 'flowctl.answer_memory' => '8MB',
	'flowctl.sweep_interval' => '1h', 'flowctl.max_calls' => 100, 'flowctl.max_calls_per_endpoint' => 60, 'flowctl.max_payload_bytes' => '1MB');
http_server($node, 'hold', $stub->url('/hold'), timeout => 600, max_response_bytes => 10_000);
define_flow($node, 'hold', http_flow('hold', ResultPath => '$.r'));
define_flow($node, 'nap', { StartAt => 'W', States => { W => { Type => 'Wait', Seconds => 4, End => true } } });
wait_for_workers($node, 1);
my $large = q{jsonb_build_object('i', i, 'text', repeat('x', 60000))};

# Runs leave memory while their calls are under way. Each takes some 60 kB, so that few of them fit.
$stub->script('/hold', then => { hold => 'answer', body => { ok => true } });
$node->safe_psql('postgres', "SELECT count(flowctl.start('hold', $large)) FROM generate_series(1, 40) i");
$stub->wait_for(40, path => '/hold', outcome => 'held');
wait_for_query($node, 'SELECT calls_open FROM flowctl.workers', '40');
cmp_ok($node->safe_psql('postgres', 'SELECT runs_in_memory FROM flowctl.workers'), '<', 20, 'few of the runs that call are in memory');

# One of them is stopped: its call is given up.
my $first = $node->safe_psql('postgres', q{SELECT run_id FROM flowctl.runs WHERE flow = 'hold' ORDER BY run_id LIMIT 1});
$node->safe_psql('postgres', "SELECT flowctl.stop('$first')");
is(wait_for_run($node, $first), 'ABORTED', 'a run that has left memory can be stopped');
wait_for_query($node, 'SELECT calls_open FROM flowctl.workers', '39');

# Timers fire for runs that have left memory, too, without a sweep.
$node->safe_psql('postgres', "SELECT count(flowctl.start('nap', $large)) FROM generate_series(1, 30) i");
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'nap' AND status = 'SUCCEEDED'}, '30');
cmp_ok($node->safe_psql('postgres', q{SELECT max(ended_at - started_at) < '30 s' FROM flowctl.runs WHERE flow = 'nap'}), 'eq', 't', 'runs wake up in time');

# The answers bring the runs back; no call was sent twice.
$stub->release('answer');
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'hold' AND status = 'SUCCEEDED'}, '39');
is(scalar($stub->calls(path => '/hold')), 40, 'each run has called once');
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE flow = 'hold' AND status = 'SUCCEEDED' AND output->'r'->>'ok' = 'true' AND length(output->>'text') = 60000}),
	'39', 'with its input and the answer as output');

# EXPRESS runs, which store no state as long as memory is plentiful, leave memory as well. What they did is not repeated, also
# when the server crashes meanwhile, but for the calls that were under way.
$stub->reset;
$stub->script('/hold', then => { hold => 'express', body => { ok => true } });
$node->safe_psql('postgres', "SELECT flowctl.define_flow('express', " . sql_literal(to_json(http_flow('hold', ResultPath => '$.r'))) . ", 'EXPRESS')");
$node->safe_psql('postgres', q{SELECT flowctl.define_flow('express_nap', '{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 4, "End": true}}}', 'EXPRESS')});
$node->safe_psql('postgres', "SELECT count(flowctl.start('express', $large)) FROM generate_series(1, 40) i");
$stub->wait_for(40, path => '/hold', outcome => 'held');
cmp_ok($node->safe_psql('postgres', 'SELECT runs_in_memory FROM flowctl.workers'), '<', 20, 'few of the EXPRESS runs that call are in memory');
$node->safe_psql('postgres', "SELECT count(flowctl.start('express_nap', $large)) FROM generate_series(1, 30) i");
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'express_nap' AND status = 'SUCCEEDED'}, '30');
pass('timers fire for EXPRESS runs that have left memory');
$first = $node->safe_psql('postgres', q{SELECT run_id FROM flowctl.runs WHERE flow = 'express' ORDER BY run_id LIMIT 1});
$node->safe_psql('postgres', "SELECT flowctl.stop('$first')");
is(wait_for_run($node, $first), 'ABORTED', 'an EXPRESS run that has left memory can be stopped');
$stub->script('/hold', then => { body => { ok => true } });
$node->stop('immediate');
$stub->release('express');
$node->start;
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'express' AND status = 'SUCCEEDED' AND output->'r'->>'ok' = 'true' AND length(output->>'text') = 60000}, '39');
my %express;
$express{ $_->{headers}{'idempotency-key'} }++ for $stub->calls(path => '/hold');
is(scalar(keys %express), 40, 'each EXPRESS run has called with one key');
cmp_ok((sort { $b <=> $a } values %express)[0], '<=', 2, 'and once more after the crash at most');
is($node->safe_psql('postgres', 'SELECT count(*) FROM flowctl_catalog.frame'), '0', 'no state is left of runs that have ended');
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.history h JOIN flowctl.runs r USING (run_id) WHERE r.flow LIKE 'express%'}), '0', 'and no history of EXPRESS runs');

# Answers that may become large: as many calls at a time as may be held. One owner has three quarters of it.
$stub->script('/large', then => { hold => 'large', body => {} });
http_server($node, 'large', $stub->url('/large'), timeout => 600, max_response_bytes => 2_900_000);
define_flow($node, 'large', http_flow('large'));
$node->safe_psql('postgres', q{SELECT count(flowctl.start('large')) FROM generate_series(1, 6)});
$stub->wait_for(2, path => '/large', outcome => 'held');
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'large' AND phase = 'QUEUED'}, '0');
is(scalar($stub->calls(path => '/large')), 2, 'two calls of which each may bring 3 MB, where 8 MB may be held');
my $small = start_run($node, 'nap', {});
is(wait_for_run($node, $small), 'SUCCEEDED', 'other runs go on');
$stub->script('/large', then => { body => {} });
$stub->release('large');
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'large' AND status = 'SUCCEEDED'}, '6');
pass('then the others have their turn');

# An answer that is longer than a result may be is refused while it arrives, so it takes no more memory than that.
$node->append_conf('postgresql.conf', 'flowctl.max_payload_bytes = 256kB');
$node->reload;
$stub->script('/large', then => { hold => 'bounded', body => {} });
$node->safe_psql('postgres', q{SELECT count(flowctl.start('large')) FROM generate_series(1, 6)});
$stub->wait_for(12, path => '/large');
is(scalar($stub->calls(path => '/large', outcome => 'held')), 6, 'six calls of which each may bring 1 MB');
$stub->script('/large', then => { body => {} });
$stub->release('bounded');
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'large' AND status = 'SUCCEEDED'}, '12');

# Large definitions: more than are kept, used in turns.
my $states = join ', ', map { qq("S$_": {"Type": "Pass", "Comment": ") . 'c' x 50 . qq(", "Next": "S) . ($_ + 1) . '"}' } 1 .. 300;
define_flow($node, "big$_", qq({"Comment": "$_", "StartAt": "S1", "States": {$states, "S301": {"Type": "Succeed"}}})) for 1 .. 8;
$node->safe_psql('postgres', q{SELECT count(flowctl.start('big' || i)) FROM generate_series(1, 8) i, generate_series(1, 20) j});
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow LIKE 'big%' AND status = 'SUCCEEDED'}, '160');
pass('runs of more definitions than are kept');


# What a turn loads is bounded, too. Whoever starts many large runs at once does not hold up the run of somebody else, which comes
# after them, until all of them are loaded.
$node->safe_psql('postgres', q{CREATE ROLE greedy; CREATE ROLE patient; SELECT flowctl.grant_author('greedy'), flowctl.grant_author('patient')});
my $pass = q{'{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}'};
$node->safe_psql('postgres', "SET ROLE $_; SELECT flowctl.define_flow('of_$_', $pass)") for qw(greedy patient);
$node->safe_psql('postgres', "SELECT count(flowctl.start('of_greedy', $large)) FROM generate_series(1, 900) i");
my $patient = $node->safe_psql('postgres', q{SELECT flowctl.start('of_patient')});
wait_for_run($node, $patient);
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'of_greedy' AND status = 'SUCCEEDED'}, '900');
cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM flowctl.runs WHERE flow = 'of_greedy' AND ended_at < (SELECT ended_at FROM flowctl.runs WHERE run_id = '$patient')"),
	'<', 600, 'the run of somebody else did not wait for all of them');

$node->stop;
done_testing();
