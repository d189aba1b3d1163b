# Requests to stop runs are dealt out fairly, as turns are: whoever stops many runs, or one run many times, holds up neither
# another role's request nor another owner's run.
use strict;
use warnings;
use Test::More;
use FlowctlTest;

my $node = new_node('stops', 'flowctl.sweep_interval' => '1h', 'flowctl.evaluation_timeout' => '10min');
$node->safe_psql('postgres', q{CREATE ROLE epo LOGIN; CREATE ROLE victim LOGIN; SELECT flowctl.grant_author('epo'), flowctl.grant_author('victim')});
wait_for_workers($node, 1);

sub as
{
	my ($role, $sql) = @_;
	return $node->safe_psql('postgres', $sql, extra_params => [ '-U', $role ]);
}
sub define_as { my ($role, $name, $definition) = @_; as($role, 'SELECT flowctl.define_flow(' . sql_literal($name) . ', ' . sql_literal(to_json($definition)) . ')'); }

my $wait = { StartAt => 'W', States => { W => { Type => 'Wait', Seconds => 36_000, End => true } } };
define_as('epo', 'waits', $wait);
define_as('victim', 'victim_waits', $wait);
define_as('victim', 'victim_passes', { StartAt => 'A', States => { A => { Type => 'Pass', End => true } } });

# One run that is asked to stop again and again is asked once.
my $own = as('victim', q{SELECT flowctl.start('victim_waits')});
my $run = as('epo', q{SELECT flowctl.start('waits')});
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE phase = 'WAITING'}, '2');
is( as('epo', "SELECT string_agg(a || ' ' || n, ', ' ORDER BY n) FROM (SELECT flowctl.stop('$run') AS a, count(*) AS n FROM generate_series(1, 30000) GROUP BY 1) s"),
	'done 1, a stop of the run has been requested already 29999', 'the other requests are told so');
is(wait_for_run($node, $run), 'ABORTED', 'it is stopped');
is(as('epo', "SELECT count(*) FROM flowctl.interventions WHERE run_id = '$run'"), '1', 'once');

# Many runs that are stopped by one statement.
as('epo', q{SELECT count(flowctl.start('waits')) FROM generate_series(1, 15000)});
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE phase = 'WAITING'}, '15001');
as('epo', q{SELECT count(flowctl.stop(run_id)) FROM flowctl.runs WHERE status = 'RUNNING'});
as('victim', "SELECT flowctl.stop('$own')");
is(wait_for_run($node, $own), 'ABORTED', "another role's request is carried out");
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM flowctl_catalog.control'), '>', 2_000, 'long before the flood is over');
wait_for_query($node, 'SELECT count(*) FROM flowctl_catalog.control', '0');
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE flow = 'waits' AND status = 'ABORTED' AND stopped_by = 'epo'}), '15001', 'all of it is carried out');

# Runs that stand in line for an evaluation. The first of each flow is interrupted, which makes what the others are
# estimated to take large. The estimate must not become time that their owner has in hand.
my $doubles = join '+', ('$i*2') x 60;
my $computes = { QueryLanguage => 'JSONata', StartAt => 'P', States => { P => { Type => 'Pass', End => true,
	Output => "{% (\$f := function(\$i){ \$i = 0 ? 'done' : (\$x := $doubles; \$f(\$i-1)) }; \$f(25000)) %}" } } };
define_as('epo', "computes$_", $computes) for 1 .. 40;
as('epo', q{SELECT count(flowctl.start('computes' || j)) FROM generate_series(1, 150) i, generate_series(1, 40) j});
# After a start of the server, nobody knows whose they are until they are loaded.
$node->stop('immediate');
$node->start;
wait_for_query($node, q{SELECT sum(events) > 3000 FROM flowctl.workers});
as('epo', q{SELECT count(flowctl.stop(run_id)) FROM flowctl.runs WHERE status = 'RUNNING'});
for my $i (1 .. 3)
{
	my $passes = as('victim', q{SELECT flowctl.start('victim_passes')});
	is(wait_for_run($node, $passes), 'SUCCEEDED', "a run of another owner beside a flood of stops ($i)");
}
cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE flow LIKE 'computes%' AND status = 'ABORTED'
	AND ended_at > (SELECT max(ended_at) FROM flowctl.runs WHERE flow = 'victim_passes')}) + $node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}),
	'>', 1000, 'ends long before the flood is over');
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');

$node->stop;
done_testing();
