# A transaction that stays open holds back the cleaning of the engine's hot table; flowctl.workers shows it, and shows when it
# is over.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use Parts;
use Test::More;

my $stub = Parts::start_stub();
my $node = new_node('main', 'autovacuum' => 'off', 'flowctl.sweep_interval' => '1s');
http_server($node, 'echo', $stub->url('/echo'));
define_flow($node, 'call', http_flow('echo'));
define_flow($node, 'wait', { StartAt => 'W', States => { W => { Type => 'Wait', Seconds => 1, End => true } } });
my $runs = sub {
	$node->safe_psql('postgres', q{SELECT flowctl.start('call') FROM generate_series(1, 20)}) for 1 .. 3;
	wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');
};
$runs->();
cmp_ok($node->safe_psql('postgres', 'SELECT xmin_age FROM flowctl.workers'), '<', 5, 'nothing holds back the cleaning');

my $reader = $node->background_psql('postgres');
$reader->query_until(qr/begun/, "\\echo begun\nBEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1;\n");
wait_for_query($node, q{SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND backend_xmin IS NOT NULL}, '1');
my $before = $node->safe_psql('postgres', 'SELECT xmin_age FROM flowctl.workers');
$runs->();
cmp_ok($node->safe_psql('postgres', 'SELECT xmin_age FROM flowctl.workers'), '>', $before, 'the age of the oldest snapshot grows');
ok(wait_for_query($node, 'SELECT dead_frames >= 60 FROM flowctl.workers'), 'and so do the dead rows');
$node->safe_psql('postgres', 'VACUUM flowctl_catalog.frame');
ok(wait_for_query($node, 'SELECT dead_frames >= 60 FROM flowctl.workers'), 'which VACUUM cannot take away');

# Dead rows of runs that were due hold up no look for runs that are due soon: it does not go through all of them each time.
my $dead = 30_000;
$node->safe_psql('postgres', qq{BEGIN; INSERT INTO flowctl_catalog.frame (run_id, bucket, phase, due_at, frame)
	SELECT gen_random_uuid(), 0, 'WAITING', now() - interval '1 hour', '{}' FROM generate_series(1, $dead);
	DELETE FROM flowctl_catalog.frame WHERE due_at < now() - interval '1 minute'; COMMIT});
$node->safe_psql('postgres', q{ALTER SYSTEM SET flowctl.sweep_interval = '100ms'});
$node->reload;
my $looks = q{SELECT %s FROM pg_stat_all_indexes WHERE indexrelname = 'frame_due'};
my $looked = $node->safe_psql('postgres', sprintf $looks, 'idx_scan');
ok(wait_for_query($node, sprintf $looks, 'idx_scan > ' . ($looked + 5)), 'a worker looks for runs that are due soon');
($looked, my $read) = split /\|/, $node->safe_psql('postgres', sprintf $looks, 'idx_scan, idx_tup_read');
wait_for_query($node, sprintf $looks, 'idx_scan > ' . ($looked + 20));
cmp_ok($node->safe_psql('postgres', sprintf $looks, 'idx_tup_read') - $read, '<', 6 * $dead, 'and passes over what was due before');
my $run = start_run($node, 'wait');
is(wait_for_run($node, $run), 'SUCCEEDED', 'a timer fires beside them');

# A role without rights on the engine's tables sees it, too.
$node->safe_psql('postgres', 'CREATE ROLE onlooker');
is($node->safe_psql('postgres', 'SET ROLE onlooker; SELECT xmin_age > 0 AND dead_frames >= 60 FROM flowctl.workers'), 't', 'everybody may look');

$reader->query_until(qr/over/, "COMMIT;\n\\echo over\n");
$reader->quit;
$node->safe_psql('postgres', 'VACUUM flowctl_catalog.frame');
ok(wait_for_query($node, 'SELECT xmin_age < 5 AND dead_frames < 10 FROM flowctl.workers'), 'when the transaction is over they go');

$node->stop;
done_testing();
