# Limits are exact: never more runs are open than max_concurrency says, over several workers, while workers and the server
# are killed, and in the end every run has had its turn.
use strict;
use warnings;
use Test::More;
use FlowctlTest;

my $node = new_node('limits', 'flowctl.workers' => 3, 'max_worker_processes' => 16, 'restart_after_crash' => 'on', 'flowctl.sweep_interval' => '500ms');
wait_for_workers($node, 3);

# A run notes that it is open by being in the view; whatever has more open runs than it may have would be seen here.
my $wait = { StartAt => 'W', States => { W => { Type => 'Wait', SecondsPath => '$.seconds', End => true } } };
sub define_limited
{
	my ($name, %options) = @_;
	$node->safe_psql('postgres', 'SELECT flowctl.define_flow(' . sql_literal($name) . ', ' . sql_literal(to_json($wait)) . ', options => ' . sql_literal(to_json(\%options)) . ')');
}
define_limited('four', max_concurrency => 4);
define_limited('keyed', max_concurrency => 1, concurrency_key => '$.key');

my $open = q{SELECT count(*) FROM flowctl_catalog.frame f JOIN flowctl_catalog.run r USING (run_id) WHERE r.flow = 'four'};
my $too_many = q{SELECT count(*) FROM (SELECT r.input::json ->> 'key' FROM flowctl_catalog.frame f JOIN flowctl_catalog.run r USING (run_id)
	WHERE r.flow = 'keyed' GROUP BY 1 HAVING count(*) > 1) x};
my $most = 0;
my $broken = 0;
sub watch
{
	my ($times) = @_;
	for (1 .. $times)
	{
		my ($now, $keys) = split /\|/, $node->safe_psql('postgres', "SELECT ($open), ($too_many)");
		$most = $now if $now > $most;
		$broken += $keys;
	}
}

$node->safe_psql('postgres', q{SELECT count(flowctl.start('four', '{"seconds": 1}')) FROM generate_series(1, 24)});
$node->safe_psql('postgres', q{SELECT count(flowctl.start('keyed', jsonb_build_object('seconds', 1, 'key', i % 6))) FROM generate_series(1, 24) i});
wait_for_query($node, $open, '4');
watch(10);
is($node->safe_psql('postgres', q{SELECT held FROM flowctl.limits WHERE flow = 'four'}), '4', 'the view says what is held');

# A worker that is killed takes the server's processes with it; nothing is held twice or for ever afterwards.
for my $crash (1 .. 3)
{
	my ($pid) = worker_pids($node);
	kill 'KILL', $pid if $pid;
	wait_for_query($node, 'SELECT 1', '1');
	wait_for_workers($node, 3);
	watch(5);
}
# The server itself, in the midst of admitting.
$node->safe_psql('postgres', q{SELECT count(flowctl.start('four', '{"seconds": 0}')) FROM generate_series(1, 200)});
$node->stop('immediate');
$node->start;
watch(10);
wait_for_query($node, q{SELECT count(*) FROM flowctl_catalog.run WHERE status = 'RUNNING'}, '0');
cmp_ok($most, '<=', 4, 'never more runs were open than there are places');
cmp_ok($most, '>', 0, 'and some were seen');
is($broken, '0', 'no key had two runs at once');
is($node->safe_psql('postgres', q{SELECT string_agg(status || ' ' || n, ', ' ORDER BY status) FROM (SELECT status, count(*) n FROM flowctl.runs GROUP BY 1) x}),
	'SUCCEEDED 248', 'every run has had its turn');
for my $table (qw(limit_hold limit_wait limit_release limit_decision))
{
	wait_for_query($node, "SELECT count(*) FROM flowctl_catalog.$table", '0');
	pass("nothing is left in $table");
}

# What is held is held over a restart: the new worker reads it before it admits anybody.
my $first = $node->safe_psql('postgres', q{SELECT flowctl.start('keyed', '{"seconds": 3600, "key": "a"}')});
wait_for_query($node, q{SELECT held FROM flowctl.limits WHERE flow = 'keyed' AND key = 'a'}, '1');
my $second = $node->safe_psql('postgres', q{SELECT flowctl.start('keyed', '{"seconds": 0, "key": "a"}')});
my $other = $node->safe_psql('postgres', q{SELECT flowctl.start('keyed', '{"seconds": 0, "key": "b"}')});
$node->restart;
is(wait_for_run($node, $other), 'SUCCEEDED', 'another key has room after the restart');
is(run_row($node, $second)->{phase}, 'QUEUED', 'the key that is held has none');
$node->safe_psql('postgres', "SELECT flowctl.stop('$first')");
is(wait_for_run($node, $second), 'SUCCEEDED', 'until the run that holds it ends');

# Runs that a later one replaces end, also if the server was killed when that had been decided and not carried out.
define_limited('newest', max_concurrency => 1, on_limit => 'replace');
$node->safe_psql('postgres', q{SELECT count(flowctl.start('newest', '{"seconds": 3600}')) FROM generate_series(1, 3000)});
my $newest = $node->safe_psql('postgres', q{SELECT flowctl.start('newest', '{"seconds": 3600}')});
$node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM flowctl_catalog.limit_wait WHERE line = '00000000-0000-0000-0000-000000000000'
	UNION ALL SELECT count(*) = 1 FROM flowctl_catalog.run WHERE flow = 'newest' AND status = 'RUNNING' ORDER BY 1 DESC LIMIT 1});
$node->stop('immediate');
$node->start;
wait_for_query($node, q{SELECT held || ' ' || waiting FROM flowctl.limits WHERE flow = 'newest'}, '1 0');
is(run_row($node, $newest)->{status}, 'RUNNING', 'the latest run stays');
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE flow = 'newest' AND error = 'Flowctl.Replaced'}), '3000', 'all others were replaced');
$node->safe_psql('postgres', "SELECT flowctl.stop('$newest')");
is(wait_for_run($node, $newest), 'ABORTED', 'and then nobody is there');

# Other numbers of workers: what was decided by three is carried out by one.
$node->safe_psql('postgres', q{SELECT count(flowctl.start('four', '{"seconds": 0}')) FROM generate_series(1, 100)});
$node->append_conf('postgresql.conf', "flowctl.workers = 1\n");
$node->restart;
wait_for_query($node, q{SELECT count(*) FROM flowctl_catalog.run WHERE status = 'RUNNING'}, '0');
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl_catalog.limit_hold}), '0', 'nothing is held when all have ended');

done_testing();
