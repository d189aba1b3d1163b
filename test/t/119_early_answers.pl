# An answer that arrives before its task: after a failover that lost the last transactions, a run is not yet where its
# token has come from. The answer waits for it.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $node = new_node('primary', wal_level => 'replica', max_wal_senders => 4, hot_standby => 'on');
my $stub = Parts::start_stub();
http_server($node, 'ask', $stub->url('/ask'));
define_flow($node, 'late', { StartAt => 'Wait', States => { Wait => { Type => 'Wait', Seconds => 5, Next => 'Ask' },
	Ask => { Type => 'Task', Resource => 'flowctl:http:ask.waitForTaskToken', End => true, Parameters => { 'token.$' => '$$.Task.Token' } } } });
sub success { my ($token, $output) = @_; return 'SELECT flowctl.send_task_success(' . sql_literal($token) . ', ' . sql_literal(to_json($output)) . ')'; }

# The first callback makes the key, which the backup takes along.
my $first = start_run($node, 'late', {});
$stub->wait_for(1, path => '/ask');
$node->backup('one');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'one', has_streaming => 1);
$standby->append_conf('postgresql.conf', "primary_conninfo = '" . $node->connstr . " application_name=standby'\nflowctl.run = off\n");
$standby->start;

# The standby is told of the run's start, and not of its callback.
my $run = start_run($node, 'late', {});
my $stopped = start_run($node, 'late', {});
wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE phase = 'WAITING' AND current_state = 'Wait'", '2');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
$standby->stop;
my %token;
for my $call ($stub->wait_for(3, path => '/ask'))
{
	my $token = from_json($call->{body})->{token};
	$token{$1} = $token if $node->safe_psql('postgres', "SELECT run_id FROM flowctl.calls WHERE idempotency_key = '$call->{headers}{'idempotency-key'}'") =~ /(.+)/;
}
$node->stop('immediate');
$standby->start;
$standby->promote;
is($standby->safe_psql('postgres', "SELECT current_state FROM flowctl_catalog.frame WHERE run_id = '$run'"), 'Wait', 'the new primary has lost the callback');

$standby->safe_psql('postgres', success($token{$run}, 'early'));
is($standby->safe_psql('postgres', 'SELECT count(*) FROM flowctl_catalog.early_answer'), '1', 'the answer waits');
like(($standby->psql('postgres', success($token{$run}, 'again')))[2], qr/TaskTimedOut.*Role ".*" has answered it.*success/s, 'there is one answer to a task');
$standby->safe_psql('postgres', success($token{$stopped}, 'early, too'));
$standby->safe_psql('postgres', "SELECT flowctl.send_task_heartbeat('" . ($token{$first} // '') . "')");
$standby->safe_psql('postgres', "SELECT flowctl.stop('$stopped')");
$standby->append_conf('postgresql.conf', "flowctl.run = on\n");
$standby->reload;
is(wait_for_run($standby, $run), 'SUCCEEDED', 'when the run has reached its task, it takes the answer');
is(run_output($standby, $run), 'early', 'with its output');
is(wait_for_run($standby, $stopped), 'ABORTED', 'a run that ends before');
is($standby->safe_psql('postgres', "SELECT count(*) FROM flowctl_catalog.early_answer WHERE run_id = '$run'"), '0', 'nothing is left of it');

# What belongs to runs that have ended goes when a worker begins.
$standby->safe_psql('postgres', "INSERT INTO flowctl_catalog.waiting_task (wait_id, run_id, place, call_id, bucket, owner, kind, path, state, visit, attempt, resource, since)
	SELECT gen_random_uuid(), '$run', gen_random_uuid(), 1, get_byte(uuid_send('$run'), 15) % 64, 10, 'callback', '', 'Ask', 1, 1, 'r', now()");
my ($pid) = worker_pids($standby);
$standby->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
wait_for_query($standby, "SELECT count(*) FROM flowctl_catalog.waiting_task WHERE run_id = '$run'", '0');
wait_for_query($standby, 'SELECT count(*) FROM flowctl_catalog.early_answer', '0');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM flowctl_catalog.waiting_task'), '1', 'and a task that waits stays');

$standby->stop;
done_testing();
