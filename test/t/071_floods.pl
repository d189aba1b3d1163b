# Floods: more runs due at once, more stops, and more restless flows than one turn takes. None of them waits for the next
# sweep, which comes after an hour, and none holds up the others.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'flowctl.sweep_interval' => '1h', 'fsync' => 'off');
define_flow($node, 'wait', { StartAt => 'W', States => { W => { Type => 'Wait', TimestampPath => '$.at', End => true } } });
define_flow($node, 'pass', { StartAt => 'P', States => { P => { Type => 'Pass', End => true } } });
my $never = { Variable => '$.x', NumericEquals => 2, Next => 'E' };
define_flow($node, 'loop',
	{ StartAt => 'P', States => { P => { Type => 'Pass', Next => 'C' }, C => { Type => 'Choice', Choices => [$never], Default => 'P' }, E => { Type => 'Succeed' } } });
wait_for_workers($node, 1);

# Parked runs, more than are loaded at once, that were due while the server was down.
$node->safe_psql('postgres', q{SELECT count(flowctl.start('wait', jsonb_build_object('at',
	to_char(now() AT TIME ZONE 'UTC' + interval '3 s', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))) FROM generate_series(1, 10500)});
wait_for_query($node, q{SELECT count(*) FROM flowctl_catalog.run WHERE NOT (status <> 'RUNNING' OR EXISTS (SELECT FROM flowctl_catalog.frame f WHERE f.run_id = run.run_id))}, '0');
$node->stop('immediate');
$node->start;
wait_for_query($node, q{SELECT count(*) FROM flowctl_catalog.run WHERE status = 'SUCCEEDED'}, '10500');
is($node->safe_psql('postgres', 'SELECT count(*) FROM flowctl_catalog.frame'), '0', 'runs that are due together all end');

# Stops, more than are read at once.
$node->safe_psql('postgres', q{SELECT count(flowctl.start('wait', '{"at": "2100-01-01T00:00:00Z"}')) FROM generate_series(1, 1700)});
$node->safe_psql('postgres', q{SELECT flowctl.stop(run_id) FROM flowctl_catalog.run WHERE status = 'RUNNING'});
wait_for_query($node, q{SELECT count(*) FROM flowctl_catalog.run WHERE status = 'ABORTED'}, '1700');
is($node->safe_psql('postgres', 'SELECT count(*) FROM flowctl_catalog.control'), '0', 'stops in one transaction are all carried out');

# Flows that never rest.
$node->safe_psql('postgres', q{SELECT count(flowctl.start('loop', '{"x": 1}')) FROM generate_series(1, 60)});
wait_for_query($node, q{SELECT count(*) > 0 FROM flowctl_catalog.history_event WHERE type = 'ChoiceStateExited'});
my $run = start_run($node, 'pass', {});
is(wait_for_run($node, $run), 'SUCCEEDED', 'a run beside flows that never rest ends');
cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE flow = 'loop' AND status = 'RUNNING'}), '>', 0, 'before they do');
wait_for_query($node, q{SELECT DISTINCT status || ' ' || cause FROM flowctl.runs WHERE flow = 'loop'},
	'FAILED The execution reached the maximum number of history events (25000).');

# Large inputs, many at once: a turn loads no more than it can hold. The runs are copies of one, found at the next start.
$node->safe_psql('postgres', q{ALTER SYSTEM SET flowctl.max_payload_bytes = '8MB'});
$node->restart;
$run = $node->safe_psql('postgres', q{SELECT flowctl.start('pass', jsonb_build_object('large', repeat('y', 5000000)))});
is(wait_for_run($node, $run), 'SUCCEEDED', 'a run with a large input');
$node->safe_psql('postgres', qq{
	CREATE TEMP TABLE copy AS SELECT * FROM flowctl_catalog.run WHERE run_id = '$run';
	UPDATE copy SET status = 'RUNNING', ended_at = NULL, output_ref = NULL;
	DO 'BEGIN FOR i IN 1 .. 150 LOOP UPDATE copy SET run_id = gen_random_uuid(); INSERT INTO flowctl_catalog.run SELECT * FROM copy; END LOOP; END'});
$node->restart;
wait_for_query($node, q{SELECT count(*) FROM flowctl_catalog.run WHERE status = 'RUNNING'}, '0');
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl_catalog.run WHERE flow = 'pass' AND status = 'SUCCEEDED'}), '152', 'all of them end');
SKIP:
{
	my ($worker) = worker_pids($node);
	skip 'no /proc', 1 unless -r "/proc/$worker/status";
	my ($peak) = slurp_file("/proc/$worker/status") =~ /VmHWM:\s+(\d+) kB/;
	cmp_ok($peak, '<', 500_000, 'the worker never held them all');
}

$node->stop;
done_testing();
