# Each time of a schedule is one run, while the server is killed at any moment, while workers are killed, over a promotion, and
# where a failover has lost that it was fired. By the real clock.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use PostgreSQL::Test::Cluster;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
FlowctlTest::configure($primary, 'flowctl.workers' => 2, 'restart_after_crash' => 'on', 'timezone' => 'UTC');
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION pg_flowctl');
define_flow($primary, 'pass', { StartAt => 'A', States => { A => { Type => 'Pass', End => true } } });
my $node = $primary;
my $sql  = sub { return $node->safe_psql('postgres', $_[0]) };
my $rows = q{SELECT count(*) FROM flowctl.runs WHERE event ->> 'schedule' = 'ticks'};
$sql->(q{SELECT flowctl.create_schedule('ticks', 'pass', '* * * * * *', catch_up => 'all')});

sub more_than
{
	my ($count) = @_;
	return wait_for_query($node, "SELECT ($rows) > $count");
}
more_than(2);
for my $crash (1 .. 3)
{
	my $before = $sql->($rows);
	my ($pid) = worker_pids($node);
	kill 'KILL', $pid if $pid;
	more_than($before + 2);
	$before = $sql->($rows);
	$node->stop('immediate');
	start_again($node);
	more_than($before + 2);
}
# From its first time to its last one, every second has one run.
my $complete = q{
	SELECT count(*) = count(DISTINCT t) AND count(*) = extract(epoch FROM max(t) - min(t)) + 1
	FROM (SELECT (event ->> 'scheduledtime')::timestamptz AS t FROM flowctl.runs WHERE event ->> 'schedule' = 'ticks') x};
is($sql->($complete), 't', 'every time has one run after crashes');
is($sql->(q{SELECT missed FROM flowctl.schedules}), '0', 'and none was missed');
is($sql->(q{SELECT count(*) FROM flowctl.schedules s WHERE s.fired = (SELECT count(*) FROM flowctl.runs)}), '1', 'the view has counted them');

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
more_than($sql->($rows) + 2);
$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', q{SELECT status FROM flowctl.schedules}), 'ACTIVE', 'a standby shows the schedule');

# The standby receives no more: what the primary fires from now on is lost, and is fired again with the same ids.
my $kept = $standby->safe_psql('postgres', $rows);
$standby->stop;
$standby->append_conf('postgresql.conf', "primary_conninfo = ''\n");
more_than($sql->($rows) + 2);
$sql->(q{SELECT flowctl.pause_schedule('ticks')});
my %of_primary = map { split /\|/ } split /\n/, $sql->(q{SELECT event ->> 'scheduledtime', run_id FROM flowctl.runs});
kill_server($primary);
$standby->start;
$standby->promote;
$node = $standby;
more_than(scalar keys %of_primary);
is($sql->($complete), 't', 'every time has one run after the promotion');
my %of_standby = map { split /\|/ } split /\n/, $sql->(q{SELECT event ->> 'scheduledtime', run_id FROM flowctl.runs});
is_deeply({ map { $_ => $of_standby{$_} } keys %of_primary }, \%of_primary, 'and what is started again has the same ids');
cmp_ok(scalar keys %of_standby, '>', $kept, 'some were started there');

$standby->stop;
done_testing();
