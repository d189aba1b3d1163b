# Runs that no commit announced: prepared transactions, and starts while no worker was there. The sweep finds them.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $stub = Parts::start_stub();
my $node = new_node('sweep', 'max_prepared_transactions' => 5);
http_server($node, 'first',  $stub->url('/first'));
define_flow($node, 'one_call', http_flow('first'));

# A run whose transaction never committed does not exist after the crash; one that was prepared does when it commits.
$stub->script('/first',  then => { body => { n => 1 } });
$node->safe_psql('postgres', q{BEGIN; SELECT flowctl.start('one_call', '{"who": "prepared"}'); PREPARE TRANSACTION 'p'});
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE input->>'who' = 'prepared'}), '0', 'a prepared run is not there yet');
$node->safe_psql('postgres', q{COMMIT PREPARED 'p'});
wait_for_query($node, q{SELECT status FROM flowctl.runs WHERE input->>'who' = 'prepared'}, 'SUCCEEDED');
is(scalar($stub->calls(path => '/first')), 1, 'a prepared run starts at COMMIT PREPARED, also after a crash');

# Runs that wait for a worker: started while none was there.
$node->stop('immediate');
$node->start;
my $late = start_run($node, 'one_call', {});
is(wait_for_run($node, $late), 'SUCCEEDED', 'a run that started before the worker did');

# What the worker's later sweeps find: each goes on where the one before ended.
$node->append_conf('postgresql.conf', "flowctl.sweep_interval = '100ms'");
$node->reload;
wait_for_query($node, 'SHOW flowctl.sweep_interval', '100ms');
sub sweep_twice
{
	for (1 .. 2)
	{
		my $now = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
		wait_for_query($node, "SELECT query LIKE '%looking for runs' AND query_start > '$now' FROM pg_stat_activity JOIN flowctl.workers USING (pid)", 't');
	}
}

# A transaction that is open while sweeps go by, and one that begins behind them.
$node->safe_psql('postgres', q{BEGIN; SELECT flowctl.start('one_call', '{"who": "slow"}'); PREPARE TRANSACTION 'slow'});
sweep_twice();
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE input->>'who' = 'slow'}), '0', 'a run is not there before its transaction has committed');
$node->safe_psql('postgres', q{COMMIT PREPARED 'slow'});
wait_for_query($node, q{SELECT status FROM flowctl.runs WHERE input->>'who' = 'slow'}, 'SUCCEEDED');
pass('and is found by a later sweep than the next');

# A row that nobody announced: no commit has sent a hint.
sub insert_unannounced
{
	my ($changes) = @_;
	return $node->safe_psql('postgres', qq{
		INSERT INTO flowctl_catalog.run SELECT (jsonb_populate_record(r, jsonb_build_object(
			'run_id', overlay(r.run_id::text placing left(md5(random()::text), 12) from 25),
			'status', 'RUNNING', 'start_xid', pg_current_xact_id()::text, 'output', NULL, 'output_ref', NULL, 'ended_at', NULL) || '$changes')).*
		FROM flowctl_catalog.run r WHERE r.run_id = '$late' RETURNING run_id});
}
my $unannounced = insert_unannounced('{}');
wait_for_query($node, "SELECT status FROM flowctl.runs WHERE run_id = '$unannounced'", 'SUCCEEDED');
pass('a run that no hint told of is found');
my $child = insert_unannounced('{"map_run_id": "00000000-0000-0000-0000-000000000001", "map_index": 0}');
sweep_twice();
is($node->safe_psql('postgres', "SELECT phase FROM flowctl.runs WHERE run_id = '$child'"), 'QUEUED', 'but for children of map runs, whose turn comes otherwise');
$node->safe_psql('postgres', "DELETE FROM flowctl_catalog.run WHERE run_id = '$child'");

is($node->safe_psql('postgres', 'SELECT count(*) FROM flowctl_catalog.frame'), '0', 'no frame is left of a run that has ended');
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE status <> 'SUCCEEDED'}), '0', 'every run has ended well');

$node->stop;
done_testing();
