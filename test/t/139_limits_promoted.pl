# Limits when the primary is lost: the promoted standby holds what was held, and goes on with runs that wait, with redriven
# runs among them, and with a paused run.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use PostgreSQL::Test::Cluster;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
FlowctlTest::configure($primary, 'flowctl.sweep_interval' => '500ms', 'flowctl.workers' => 2);
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION pg_flowctl');
my $wait = to_json({ StartAt => 'W', States => { W => { Type => 'Wait', SecondsPath => '$.seconds', End => true } } });
my %options = (two => { max_concurrency => 2, on_exhausted => 'pause' }, slow => { rate => '1/h', burst => 1 }, quiet => { debounce => '1 h' }, held => {}, free => {});
$primary->safe_psql('postgres', 'SELECT flowctl.define_flow(' . sql_literal($_) . ', ' . sql_literal($wait) . ', options => ' . sql_literal(to_json($options{$_})) . ')') for sort keys %options;
sub start { my ($flow, $seconds) = @_; return $primary->safe_psql('postgres', "SELECT flowctl.start('$flow', '{\"seconds\": $seconds}')"); }
sub begun { my ($node, $run) = @_; return wait_for_query($node, "SELECT count(*) FROM flowctl_catalog.frame WHERE run_id = '$run'", '1'); }

# Runs that have begun and were stopped, so that they can be redriven.
my @again = map { start('two', 3600) } 1 .. 2;
begun($primary, $_) for @again;
$primary->safe_psql('postgres', "SELECT flowctl.stop('$_')") for @again;
wait_for_run($primary, $_) for @again;
my @holders = map { start('two', 3600) } 1 .. 2;
begun($primary, $_) for @holders;
$primary->safe_psql('postgres', "SELECT flowctl.redrive('$_')") for @again;
my @waiting = map { start('two', 0) } 1 .. 3;
wait_for_query($primary, q{SELECT held || ' ' || waiting FROM flowctl.limits WHERE flow = 'two'}, '2 5');
my @rated = map { start('slow', 0) } 1 .. 2;
is(wait_for_run($primary, $rated[0]), 'SUCCEEDED', 'a rate lets the first run begin');
my $debounced = start('quiet', 0);
wait_for_query($primary, q{SELECT waiting FROM flowctl.limits WHERE kind = 'debounce' AND next_at IS NOT NULL}, '1');
$primary->safe_psql('postgres', q{SELECT flowctl.pause_flow('held', reason => 'move')});
my $held = start('held', 0);
my $paused = start('free', 3600);
begun($primary, $paused);
$primary->safe_psql('postgres', "SELECT flowctl.pause('$paused')");
wait_for_query($primary, "SELECT phase FROM flowctl.runs WHERE run_id = '$paused'", 'PAUSED');

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);
my $limits = q{SELECT string_agg(concat_ws(' ', kind, flow, held, waiting), ', ' ORDER BY kind, flow) FROM flowctl.limits};
my $before = $primary->safe_psql('postgres', $limits);
is($before, 'debounce quiet 0 1, max_concurrency two 2 5, pause held 0 1, rate slow 0 1', 'what is held and who waits');
is($standby->safe_psql('postgres', $limits), $before, 'the standby shows it');
kill_server($primary);
$standby->promote;
wait_for_workers($standby, 2);
is($standby->safe_psql('postgres', $limits), $before, 'nothing has changed by the promotion');
is($standby->safe_psql('postgres', "SELECT phase FROM flowctl.runs WHERE run_id = '$paused'"), 'PAUSED', 'the paused run is paused');

# Places become free: those that were started first come first, which are the redriven ones.
my $sql = sub { return $standby->safe_psql('postgres', $_[0]) };
$sql->("SELECT flowctl.stop('$_')") for @holders;
begun($standby, $_) for @again;
wait_for_query($standby, q{SELECT held || ' ' || waiting FROM flowctl.limits WHERE flow = 'two'}, '2 3');
is($sql->(q{SELECT count(*) FROM flowctl.history WHERE type = 'ExecutionRedriven'}), '2', 'the redriven runs have gone on');
$sql->("SELECT flowctl.stop('$again[0]')");
is(join(' ', map { wait_for_run($standby, $_) } @waiting), 'SUCCEEDED SUCCEEDED SUCCEEDED', 'the others have their turn');
is(run_row($standby, $again[1])->{phase}, 'WAITING', 'beside the one that is still open');
is(run_row($standby, $rated[1])->{phase}, 'QUEUED', 'what the rate has let through counts');
$sql->(q{SELECT flowctl.alter_flow('slow', '{"rate": null, "burst": null}')});
is(wait_for_run($standby, $rated[1]), 'SUCCEEDED', 'until there is no rate');
$sql->(q{SELECT flowctl.alter_flow('quiet', '{"debounce": null}')});
my $next = $sql->(q{SELECT flowctl.start('quiet', '{"seconds": 0}')});
is(wait_for_run($standby, $next), 'SUCCEEDED', 'starts go on');
$sql->(q{SELECT flowctl.resume_flow('held')});
is(wait_for_run($standby, $held), 'SUCCEEDED', 'the flow that was paused goes on');
is($sql->("SELECT flowctl.resume('$paused')"), 'done', 'and the run that was paused');
wait_for_query($standby, "SELECT phase FROM flowctl.runs WHERE run_id = '$paused'", 'WAITING');
is($sql->("SELECT flowctl.stop('$debounced')"), 'done', 'a window stays open');
is(wait_for_run($standby, $debounced), 'ABORTED', 'and its run can be stopped');

done_testing();
