# Redrives of runs with distributed Maps: only children that have not succeeded run again, those that had begun go on where they
# failed, and a crash at any point changes nothing of that.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $stub = Parts::start_stub();
my $node = new_node('redrivemaps', 'restart_after_crash' => 'on');
my $sql  = sub { return $node->safe_psql('postgres', $_[0]) };
http_server($node, 'item', $stub->url('/item'));

sub maps
{
	my ($states, $first, %more) = @_;
	my $type = delete $more{Type} // 'STANDARD';
	return {
		QueryLanguage => 'JSONata',
		StartAt       => 'Each',
		States        => {
			Each => {
				Type          => 'Map',
				ItemProcessor => { ProcessorConfig => { Mode => 'DISTRIBUTED', ExecutionType => $type }, StartAt => $first, States => $states },
				End           => true,
				%more } } };
}
# A child fails at the first drive if its item can be divided by 10.
my $fragile = {
	First => { Type => 'Pass', Next => 'Second' },
	Second => { Type => 'Pass', Output => q({% $states.context.Execution.RedriveCount = 0 and $states.input % 10 = 0 ? $error('not yet') : $states.input * 2 %}), End => true } };

sub children { my ($run, $columns) = @_; return $sql->("SELECT $columns, count(*) FROM flowctl.runs WHERE parent_run_id = '$run' GROUP BY 1 ORDER BY 1"); }
sub map_run { my ($run) = @_; return query_json($node, "SELECT to_json(m) FROM flowctl.map_runs m WHERE run_id = '$run'"); }
sub redrive { my ($run) = @_; return $sql->("SELECT flowctl.redrive('$run')"); }

# Too many children fail; those that had not begun are aborted.
define_flow($node, 'fragile', maps($fragile, 'First', MaxConcurrency => 10));
my $run = start_run($node, 'fragile', [ 1 .. 100 ]);
is(wait_for_run($node, $run), 'FAILED', 'the map run fails');
my $succeeded = $sql->("SELECT count(*) FROM flowctl.runs WHERE parent_run_id = '$run' AND status = 'SUCCEEDED'");
cmp_ok($succeeded, '<', 99, 'some children were aborted');
is($sql->("SELECT DISTINCT redrive_status FROM flowctl.runs WHERE parent_run_id = '$run' AND status <> 'SUCCEEDED'"), 'REDRIVABLE_BY_MAP_RUN', 'children say who redrives them');
like($sql->("SELECT flowctl.redrive(run_id) FROM flowctl.runs WHERE parent_run_id = '$run' AND status = 'FAILED' LIMIT 1"), qr/redriven with the run that has the Map/, 'and cannot be redriven alone');
is(redrive($run), 'done', 'a redrive');
is(wait_for_run($node, $run), 'SUCCEEDED', 'and all is well');
is_deeply(run_output($node, $run), [ map { 2 * $_ } 1 .. 100 ], 'the results of both drives, in order');
is(children($run, 'redrive_count'), "0|$succeeded\n1|" . (100 - $succeeded), 'only children that had not succeeded were redriven');
my $m = map_run($run);
is_deeply([ @$m{qw(status redrive_count runs_succeeded runs_failed runs_aborted items_succeeded items_failed)} ], [ 'SUCCEEDED', 1, 100, 0, 0, 100, 0 ], 'the counts are those of the last drive');
my $child = $sql->("SELECT run_id FROM flowctl.runs WHERE parent_run_id = '$run' AND map_index = 9");
is(history_types($node, $child),
	'ExecutionStarted PassStateEntered PassStateExited PassStateEntered EvaluationFailed ExecutionFailed ExecutionRedriven PassStateExited ExecutionSucceeded',
	'a child goes on at the state that failed');
like(history_types($node, $run), qr/MapRunStarted MapRunFailed .*ExecutionFailed ExecutionRedriven MapRunRedriven MapRunSucceeded/, "the parent's history");

# The parent is stopped, and redriven at once: what its end has left is closed first.
define_flow($node, 'waits', maps({ W => { Type => 'Wait', Seconds => q({% $states.context.Execution.RedriveCount = 0 ? 3600 : 0 %}), End => true } }, 'W'));
$run = start_run($node, 'waits', [ 1 .. 50 ]);
wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE parent_run_id = '$run' AND phase = 'WAITING'", '50');
$sql->("SELECT flowctl.stop('$run')");
is(wait_for_run($node, $run), 'ABORTED', 'stopped');
is(redrive($run), 'done', 'and redriven');
is(wait_for_run($node, $run), 'SUCCEEDED', 'the children begin their Wait anew');
is(children($run, 'redrive_count'), '1|50', 'all of them were redriven');
define_flow($node, 'sleeps', maps({ W => { Type => 'Wait', Seconds => 3600, End => true } }, 'W'));
$run = start_run($node, 'sleeps', [ 1 .. 50 ]);
for my $drive (0, 1)
{
	wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE parent_run_id = '$run' AND phase = 'WAITING' AND redrive_count = $drive", '50');
	$sql->("SELECT flowctl.stop('$run')");
	is(wait_for_run($node, $run), 'ABORTED', "stopped in drive $drive");
	wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE parent_run_id = '$run' AND status = 'ABORTED'", '50');
	is(redrive($run), 'done', 'and redriven') if $drive == 0;
}

# EXPRESS children begin anew.
$stub->script('/item', { status => 500, body => {} }, then => { body => { ok => true } });
my $call = { C => { Type => 'Task', Resource => 'flowctl:http:item', End => true } };
define_flow($node, 'express', maps($call, 'C', Type => 'EXPRESS', MaxConcurrency => 1));
$run = start_run($node, 'express', [ 1 .. 5 ]);
is(wait_for_run($node, $run), 'FAILED', 'an EXPRESS child fails');
is(redrive($run), 'done', 'redrive');
is(wait_for_run($node, $run), 'SUCCEEDED', 'EXPRESS children begin anew');
is(map_run($run)->{runs_succeeded}, 5, 'all of them');

# The items could not be read; now they can.
my $reader = { Resource => 'flowctl:sql:query', Arguments => { Query => 'SELECT id FROM item ORDER BY id' } };
$sql->('CREATE ROLE reader LOGIN; SELECT flowctl.grant_author(\'reader\')');
$node->safe_psql('postgres', 'SELECT flowctl.define_flow(\'reads\', ' . sql_literal(to_json(maps({ P => { Type => 'Pass', End => true } }, 'P', ItemReader => $reader))) . ')', extra_params => [ '-U', 'reader' ]);
$run = start_run($node, 'reads');
is(wait_for_run($node, $run), 'FAILED', 'there is no table to read');
$sql->('CREATE TABLE item AS SELECT generate_series(1, 20) AS id; GRANT SELECT ON item TO reader');
is(redrive($run), 'done', 'redrive');
is(wait_for_run($node, $run), 'SUCCEEDED', 'the items are read at last');
is(scalar(@{ run_output($node, $run) }), 20, 'all of them');

# Crashes: while the children are made ready, and while they run.
define_flow($node, 'many', maps($fragile, 'First', ToleratedFailurePercentage => 5, Output => 'x'));
$run = start_run($node, 'many', [ 1 .. 4000 ]);
is(wait_for_run($node, $run), 'FAILED', 'many children');
my ($before) = $sql->("SELECT count(*) FROM flowctl.runs WHERE parent_run_id = '$run' AND status = 'SUCCEEDED'");
is(redrive($run), 'done', 'redrive');
wait_for_query($node, "SELECT count(*) > 0 FROM flowctl.runs WHERE parent_run_id = '$run' AND redrive_count = 1", 't');
kill_server($node);
start_again($node);
wait_for_query($node, "SELECT count(*) > $before + 50 FROM flowctl.runs WHERE parent_run_id = '$run' AND status = 'SUCCEEDED'", 't');
kill_server($node);
start_again($node);
is(wait_for_run($node, $run), 'SUCCEEDED', 'through two crashes');
is(children($run, 'redrive_count'), "0|$before\n1|" . (4000 - $before), 'each child was redriven once');
$m = map_run($run);
is_deeply([ @$m{qw(status redrive_count runs_succeeded runs_failed runs_aborted)} ], [ 'SUCCEEDED', 1, 4000, 0, 0 ], 'and counted once');
is($sql->(q{SELECT count(*) FROM flowctl_catalog.ended_frame}), $sql->(q{SELECT count(*) FROM flowctl_catalog.ended_frame e JOIN flowctl_catalog.run r USING (run_id) WHERE r.status IN ('ABORTED', 'FAILED')}),
	'no state of an ended run is left of runs that went on');

$node->stop;
done_testing();
