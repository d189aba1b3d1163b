# flowctl.hold() and retention: held runs stay with all of their rows when their partition is emptied, and go after they are released.
# Dumps take holds of flows along.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $stub    = Parts::start_stub();
my $node    = new_node('holds', 'flowctl.workers' => 1, 'flowctl.retention' => '1d');
my $sql     = sub { return $node->safe_psql('postgres', $_[0]) };
my $session = sub { return $node->background_psql('postgres', on_error_stop => 0) };

# As in 090_retention.pl.
sub keep_house
{
	my ($ahead, $result) = @_;
	my $query = 'SELECT ' . ($result // 'made') . " FROM flowctl.keep_house(now() + '$ahead')";
	for (1 .. 100)
	{
		my ($status, $out, $err) = $node->psql('postgres', $query);
		return $out if $status == 0;
		die $err if $err !~ /lock timeout/;
	}
	die 'the partitions are never free';
}

sub rows_of
{
	my ($run) = @_;
	return $sql->("SELECT concat_ws(' ', "
		  . join(', ', map { "(SELECT count(*) FROM flowctl_catalog.$_ WHERE run_id = '$run')" } qw(run history_event call call_outcome map_run denial)) . ')');
}

http_server($node, 'echo', $stub->url('/echo'));
define_flow($node, 'each', {
		StartAt => 'Each',
		States  => {
			Each => {
				Type          => 'Map',
				ItemProcessor => {
					ProcessorConfig => { Mode => 'DISTRIBUTED', ExecutionType => 'STANDARD' },
					StartAt         => 'Call',
					States          => { Call => { Type => 'Task', Resource => 'flowctl:http:echo', End => true } } },
				Next => 'After' },
			After => { Type => 'Task', Resource => 'flowctl:http:echo', End => true } } });
define_flow($node, $_, { StartAt => 'A', States => { A => { Type => 'Pass', End => true } } }) for qw(free kept);

my $large = to_json({ text => join '', map { chr(97 + int rand 26) } 1 .. 50_000 });
my $held  = start_run($node, 'each', [ 1, 2 ]);
my $gone  = start_run($node, 'each', [ 1, 2 ]);
my $free  = start_run($node, 'free', {});
my $kept  = $sql->(qq{SELECT flowctl.start('kept', '$large', 'kept')});
is(wait_for_run($node, $_), 'SUCCEEDED', 'a run has ended') for $held, $gone, $free, $kept;
$sql->("INSERT INTO flowctl_catalog.denial VALUES (1, now(), 'call', 'echo', 'postgres', NULL, NULL, 'not you', '$held'), "
	  . "(2, now(), 'call', 'echo', 'postgres', NULL, NULL, 'not you', '$gone')");
is($sql->("SELECT flowctl.hold('$held'::uuid, 'case 1') || flowctl.hold('kept', 'case 2')"), 'donedone', 'a run and a flow are held');
my $children = "SELECT count(*), count(c.run_id) FROM flowctl.runs r LEFT JOIN flowctl.calls c ON c.run_id = r.run_id WHERE r.parent_run_id = '%s'";
my $before = rows_of($held);
is($before, '1 ' . $sql->("SELECT count(*) FROM flowctl.history WHERE run_id = '$held'") . ' 1 1 1 1', 'the run has rows in all tables');

is(keep_house('3 days', 'emptied >= 1'), 't', 'the partition of today is emptied');
is(rows_of($held), $before, 'the held run has all of its rows');
is($sql->(sprintf $children, $held), '2|2', 'and its children with their calls');
is($sql->("SELECT input::text = '$large'::jsonb::text FROM flowctl.runs WHERE run_id = '$kept'"), 't', 'so has the run of the held flow');
is(rows_of($gone), '0 0 0 0 0 0', 'nothing is left of the one that nobody holds');
is($sql->(sprintf $children, $gone), '0|0', 'or of its children');
is(rows_of($free), '0 0 0 0 0 0', 'or of the flow that nobody holds');
is($sql->('SELECT sum(runs_kept) FROM flowctl.partitions WHERE emptied_at IS NOT NULL'), '4', 'the view tells how many runs stayed');
is($sql->(qq{SELECT flowctl.start('kept', '$large', 'kept')}), $kept, 'the name of a held run still means it');

# ---- somebody deletes by hand
my ($status, $out, $err) = $node->psql('postgres', "SELECT flowctl.drop_runs_before(now() + '1 year')");
is(rows_of($held), $before, 'what is dropped by hand leaves held runs, too');

# ---- a hold that is not committed yet
my $first = $session->();
$free = start_run($node, 'free', {});
is(wait_for_run($node, $free), 'SUCCEEDED', 'another run has ended');
# A partition is emptied again when half of its runs may go.
$sql->(q{SELECT count(flowctl.start('free')) FROM generate_series(1, 10)});
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');
$first->query_safe('BEGIN');
is($first->query_safe("SELECT flowctl.hold('$free'::uuid, 'case 3')"), 'done', 'a transaction holds it');
($status, $out, $err) = $node->psql('postgres', "SELECT emptied FROM flowctl.keep_house(now() + '3 days')");
like($err, qr/lock timeout/, 'retention does not pass it');
$first->query_safe('COMMIT');
$first->quit;
keep_house('3 days');
is($sql->("SELECT count(*) FILTER (WHERE run_id = '$free'), count(*) FROM flowctl.runs WHERE flow = 'free'"), '1|1', 'and the run stays, alone');

# ---- a dump takes holds of flows along
my $dump = $node->basedir . '/holds.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'the database is dumped');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('copy') ], 'and restored');
is($node->safe_psql('copy', 'SELECT kind, flow, reason FROM flowctl.holds'), 'flow|kept|case 2', 'with the hold of the flow');
is($node->safe_psql('copy', "SELECT count(*) FROM flowctl.unresolved WHERE kind = 'hold'"), '0', 'which has its flow');
($status, $out, $err) = $node->psql('copy', q{SELECT flowctl.drop_flow('kept')});
like($err, qr/cannot drop flow "kept" because it is held/, 'and holds it');

# ---- they are released
is($sql->("SELECT string_agg(flowctl.release(run_id), ' ') FROM flowctl.holds WHERE kind = 'run'"), 'done done', 'the runs are released');
is($sql->("SELECT flowctl.release('kept')"), 'done', 'so is the flow');
keep_house('6 days');
is($sql->("SELECT count(*) FROM flowctl.runs WHERE run_id IN ('$held', '$kept', '$free') OR parent_run_id = '$held'"), '0', 'they go when their time has come');
is(rows_of($held), '0 0 0 0 0 0', 'with all of their rows');
is($sql->('SELECT count(*) FROM flowctl_catalog.hold WHERE run_id IS NOT NULL'), '0', 'and the holds on them');

# ---- more held runs than can be set aside
$sql->(q{SELECT flowctl.hold('kept', 'case 4')});
$sql->(q{SELECT count(flowctl.start(flow)) FROM generate_series(1, 10001), (VALUES ('kept'), ('free')) f (flow)});
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');
($status, $out, $err) = $node->psql('postgres', "SELECT flowctl.drop_runs_before(now() + '1 year')");
is($sql->('SELECT count(*) FROM flowctl.runs'), '20002', 'a partition with too many held runs stays whole');
like($err, qr/partitions with too many open or held runs were not emptied: default/, 'and whoever empties it is told');

done_testing();
