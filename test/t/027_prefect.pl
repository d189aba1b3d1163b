# Prefect: a Task starts a deployment's flow run, and with .sync follows it to its end, also over a restart.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $deployment = '3c90c3cc-0d44-4b50-8888-8dd25736052a';
my $key        = 'pnu_' . 'k' x 36;
my $node       = new_node('prefect', log_min_messages => 'debug5', log_statement => 'all');
my $prefect    = Parts::start_prefect(deployment => $deployment, api_key => $key);
Parts::secret_file('prefect-key', "Bearer $key\n");
my %options = (
	kind => 'prefect', deployment => $deployment, ca_file => 'ca.pem', auth => 'api_key', api_key_header => 'Authorization',
	api_key_file => 'prefect-key', poll_interval => 1);
http_server($node, 'nightly', $prefect->url('/api'), %options);

sub task { my ($suffix, %more) = @_; return { StartAt => 'T', States => { T => { Type => 'Task', Resource => "flowctl:http:nightly$suffix", End => true, %more } } }; }

sub polls { my ($run) = @_; return $node->safe_psql('postgres', "SELECT count(*) FROM flowctl.calls WHERE run_id = '$run' AND method = 'GET'"); }

define_flow($node, 'start',  task(''));
define_flow($node, 'follow', task('.sync'));
define_flow($node, 'timed',  task('.sync', TimeoutSeconds => 3));

# Without .sync the flow run is started and that is all.
my $run = start_run($node, 'start', { n => 1 });
is(wait_for_run($node, $run), 'SUCCEEDED', 'a flow run is started') or diag(run_row($node, $run)->{cause});
my $output = run_output($node, $run);
is_deeply($output->{parameters}, { n => 1 }, 'with the input as its parameters');
is($output->{state}{type}, 'SCHEDULED', 'and is what Prefect answers');
my ($created) = $prefect->calls(method => 'POST');
is(from_json($created->{body})->{idempotency_key}, $node->safe_psql('postgres', "SELECT idempotency_key FROM flowctl.calls WHERE run_id = '$run'"),
	'a repetition would start no other');
$prefect->reset;

# With .sync it is followed.
$run = start_run($node, 'follow', { n => 2 });
wait_for_query($node, "SELECT count(*) >= 2 FROM flowctl.calls WHERE run_id = '$run' AND method = 'GET'", 't');
is(run_row($node, $run)->{status}, 'RUNNING', 'it is asked for while it runs');
$prefect->control('POST', '/__end', { type => 'COMPLETED' });
is(wait_for_run($node, $run), 'SUCCEEDED', 'until it is done') or diag(run_row($node, $run)->{cause});
is(run_output($node, $run)->{state}{type}, 'COMPLETED', 'the result is the flow run');
is(history_types($node, $run), 'ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSubmitted TaskSucceeded TaskStateExited ExecutionSucceeded',
	'history says when it was submitted');

for my $end ([ 'FAILED', 'Prefect.Failed' ], [ 'CRASHED', 'Prefect.Crashed' ], [ 'CANCELLED', 'Prefect.Cancelled' ])
{
	my ($type, $error) = @$end;
	$run = start_run($node, 'follow', { type => $type });
	wait_for_query($node, "SELECT count(*) >= 1 FROM flowctl.calls WHERE run_id = '$run' AND http_status = 200 AND method = 'GET'", 't');
	$prefect->control('POST', '/__end', { type => $type, message => 'so it is' });
	wait_for_run($node, $run);
	is(run_row($node, $run)->{error}, $error, "a flow run that ends as $type");
	like(run_row($node, $run)->{cause}, qr/so it is/, 'says why');
}

# An API that is down for a moment is asked again; one that knows of nothing is not.
$run = start_run($node, 'follow', { n => 3 });
wait_for_query($node, "SELECT count(*) >= 1 FROM flowctl.calls WHERE run_id = '$run' AND http_status = 200 AND method = 'GET'", 't');
$prefect->script('*', { status => 503 }, { status => 502 });
wait_for_query($node, "SELECT count(*) >= 1 FROM flowctl.calls WHERE run_id = '$run' AND http_status = 502", 't');
$prefect->control('POST', '/__end', { type => 'COMPLETED' });
is(wait_for_run($node, $run), 'SUCCEEDED', 'an API that is down for a moment is asked again');
$run = start_run($node, 'follow', { n => 4 });
wait_for_query($node, "SELECT count(*) >= 1 FROM flowctl.calls WHERE run_id = '$run' AND http_status = 200 AND method = 'GET'", 't');
$prefect->script('*', { status => 404 });
wait_for_run($node, $run);
is(run_row($node, $run)->{error}, 'States.Http.StatusCode.404', 'one that knows of nothing is not');

# Restart of the server: the run asks on, and starts nothing anew.
my $before = $prefect->control('POST', '/__count', {})->{runs};
$run = start_run($node, 'follow', { n => 5 });
wait_for_query($node, "SELECT count(*) >= 1 FROM flowctl.calls WHERE run_id = '$run' AND http_status = 200 AND method = 'GET'", 't');
$node->stop('immediate');
$node->start;
my $polled = polls($run);
wait_for_query($node, "SELECT count(*) > $polled FROM flowctl.calls WHERE run_id = '$run' AND method = 'GET'", 't');
$prefect->control('POST', '/__end', { type => 'COMPLETED' });
is(wait_for_run($node, $run), 'SUCCEEDED', 'a crash in between') or diag(run_row($node, $run)->{cause});
is($prefect->control('POST', '/__count', {})->{runs}, $before + 1, 'begins nothing a second time');

# Between two questions the run is parked: it waits for a time, and costs its row.
$node->safe_psql('postgres', "ALTER SERVER nightly OPTIONS (SET poll_interval '3600')");
$run = start_run($node, 'follow', { n => 6 });
wait_for_query($node, "SELECT phase FROM flowctl.runs WHERE run_id = '$run'", 'WAITING');
wait_for_query($node, 'SELECT sum(runs_in_memory) FROM flowctl.workers', '0');
cmp_ok($node->safe_psql('postgres', "SELECT extract(epoch FROM due_at - now()) FROM flowctl.runs WHERE run_id = '$run'"), '>', 3000, 'due in an hour');
$node->safe_psql('postgres', "SELECT flowctl.stop('$run')");
is(wait_for_run($node, $run), 'ABORTED', 'and can be stopped meanwhile');
$node->safe_psql('postgres', "ALTER SERVER nightly OPTIONS (SET poll_interval '1')");

$run = start_run($node, 'timed', { n => 7 });
is(wait_for_run($node, $run), 'FAILED', 'TimeoutSeconds holds for all of it');
is(run_row($node, $run)->{error}, 'States.Timeout', 'as a timeout');

# .sync is for endpoints that can be asked.
http_server($node, 'plain', $prefect->url('/x'), auth => 'none');
my ($code, $out, $err) = $node->psql('postgres', 'SELECT flowctl.define_flow(' . sql_literal('no') . ', '
	  . sql_literal(to_json({ StartAt => 'T', States => { T => { Type => 'Task', Resource => 'flowctl:http:plain.sync', End => true } } })) . ')');
isnt($code, 0, 'define_flow refuses .sync for any other endpoint');

$node->safe_psql('postgres', 'CHECKPOINT');
is(join(' ', Parts::leaks($node, qr/\Q$key\E/)), '', 'no key in the log, in tables or in WAL');
$node->stop;
done_testing();
