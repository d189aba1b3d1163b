# Failures of the server below the worker affect the run that causes them, and no other.
#
# A superuser's trigger refuses what the engine writes: for one run, then for all, then only the end of one run. If one run
# alone cannot be written, it fails alone. If nobody's rows can be written, no run fails, and all go on when they can.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use Parts;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'flowctl.sweep_interval' => '1h');
my $stub = Parts::start_stub();
http_server($node, 'ep', $stub->url('/a'));
http_server($node, 'held', $stub->url('/held'));
define_flow($node, 'call', http_flow('ep'));
define_flow($node, 'held', http_flow('held'));
$stub->script('/a', then => { body => {} });
$stub->script('/held', then => { hold => 'held', body => {} });
wait_for_workers($node, 1);
my ($worker) = worker_pids($node);

sub refuse
{
	my ($table, $event, $condition) = @_;
	$node->safe_psql('postgres', qq{
		CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS \$\$
		BEGIN IF $condition THEN RAISE EXCEPTION 'refused by a trigger'; END IF; RETURN new; END \$\$;
		CREATE TRIGGER zz_refuse BEFORE $event ON flowctl_catalog.$table FOR EACH ROW EXECUTE FUNCTION public.refuse()});
}

sub accept_all { $node->safe_psql('postgres', 'SET client_min_messages = error; DROP FUNCTION public.refuse() CASCADE') }

sub start_many
{
	my ($group) = @_;
	$node->safe_psql('postgres', "SELECT flowctl.start('call', jsonb_build_object('group', '$group', 'bad', i = 5)) FROM generate_series(1, 20) i");
}

sub statuses
{
	my ($group) = @_;
	return "SELECT string_agg(bad || ' ' || status || ' ' || n, ', ' ORDER BY bad, status) FROM (SELECT input->>'bad' AS bad, status, count(*) AS n
		FROM flowctl.runs WHERE input->>'group' = '$group' GROUP BY 1, 2) s";
}

my $bad_run = q{(SELECT r.input::json->>'bad' = 'true' FROM flowctl_catalog.run r WHERE r.run_id = new.run_id)};

refuse('history_event', 'INSERT', $bad_run);
start_many('one');
wait_for_query($node, statuses('one'), 'false SUCCEEDED 19, true FAILED 1');
like($node->safe_psql('postgres', q{SELECT error || ': ' || cause FROM flowctl.runs WHERE status = 'FAILED'}),
	qr/^States\.Runtime: the engine cannot carry this run on: refused by a trigger$/, 'history refuses one run: it fails alone, with the reason');
accept_all();

refuse('history_event', 'INSERT', 'true');
my $log = -s $node->logfile;
start_many('all');
$node->wait_for_log(qr/refused by a trigger.*refused by a trigger/s, $log);
is($node->safe_psql('postgres', statuses('all')), 'false RUNNING 19, true RUNNING 1', 'history refuses everybody: no run fails');
accept_all();
wait_for_query($node, statuses('all'), 'false SUCCEEDED 19, true SUCCEEDED 1');

$node->safe_psql('postgres', 'ALTER TABLE flowctl_catalog.call RENAME COLUMN url_path TO url_path_gone');
$log = -s $node->logfile;
start_many('column');
$node->wait_for_log(qr/url_path/, $log);
is($node->safe_psql('postgres', statuses('column')), 'false RUNNING 19, true RUNNING 1', 'a column is gone: no run fails');
$node->safe_psql('postgres', 'ALTER TABLE flowctl_catalog.call RENAME COLUMN url_path_gone TO url_path');
wait_for_query($node, statuses('column'), 'false SUCCEEDED 19, true SUCCEEDED 1');

refuse('run', 'UPDATE', $bad_run);
start_many('end');
wait_for_query($node, statuses('end'), 'false SUCCEEDED 19, true RUNNING 1');
start_many('later');
wait_for_query($node, statuses('later'), 'false SUCCEEDED 19, true RUNNING 1');
accept_all();
wait_for_query($node, statuses('end') . q{ UNION ALL } . statuses('later'), "false SUCCEEDED 19, true SUCCEEDED 1\nfalse SUCCEEDED 19, true SUCCEEDED 1");

is($node->safe_psql('postgres', 'SELECT count(*) FROM flowctl_catalog.frame'), '0', 'no frame of an ended run is left');
is($node->safe_psql('postgres',
		'SELECT count(*) FROM (SELECT FROM flowctl_catalog.history_event GROUP BY run_id HAVING count(*) <> max(event_id) OR min(event_id) <> 1) gaps'),
	'0', 'no history has a gap');

# While a call is under way the worker holds no transaction and no snapshot, and neither a cancel nor a stopped clock of the
# server's (SIGSTOP) harms it.
my $run = start_run($node, 'held', {});
$stub->wait_for(1, path => '/held', outcome => 'held');
wait_for_query($node, "SELECT state = 'idle' AND xact_start IS NULL AND backend_xid IS NULL AND backend_xmin IS NULL FROM pg_stat_activity WHERE pid = $worker");
$node->safe_psql('postgres', "SELECT pg_cancel_backend($worker)") for 1 .. 3;
kill 'STOP', $worker;
kill 'CONT', $worker;
kill 'HUP',  $worker for 1 .. 100;
my $after = start_run($node, 'call', {});
is(wait_for_run($node, $after), 'SUCCEEDED', 'the worker goes on after cancels, a pause and a storm of SIGHUP');
is_deeply([ worker_pids($node) ], [$worker], 'as the same process');
is(scalar($stub->calls(path => '/held')), 1, 'and the call under way was not repeated');
is($node->safe_psql('postgres', "SELECT status FROM flowctl.runs WHERE run_id = '$run'"), 'RUNNING', 'the held call is still waited for');

my $began = time;
$node->stop('fast');
cmp_ok(time - $began, '<', 5, 'a fast shutdown does not wait for calls under way');
done_testing();
