# Turns and calls are dealt out fairly: between the owners of flows, and between the runs of one owner.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $node = new_node('fair', 'flowctl.max_calls' => 8, 'flowctl.max_calls_per_endpoint' => 4, 'flowctl.sweep_interval' => '1h');
$node->safe_psql('postgres', q{CREATE ROLE epo LOGIN; CREATE ROLE victim LOGIN; SELECT flowctl.grant_author('epo'), flowctl.grant_author('victim')});
wait_for_workers($node, 1);

sub as
{
	my ($role, $sql) = @_;
	return $node->safe_psql('postgres', $sql, extra_params => [ '-U', $role ]);
}
sub define_as { my ($role, $name, $definition) = @_; as($role, 'SELECT flowctl.define_flow(' . sql_literal($name) . ', ' . sql_literal(to_json($definition)) . ')'); }
sub status_of { my ($run) = @_; return $node->safe_psql('postgres', "SELECT status FROM flowctl.runs WHERE run_id = '$run'"); }

my $pass = { StartAt => 'A', States => { A => { Type => 'Pass', End => true } } };
define_flow($node, 'pass', $pass);
define_as('victim', 'victims', $pass);

# A run that computes takes its slice and goes to the end of the line: of its owner's line, and beside other owners. Each
# state takes more than a turn has.
my $fib = q/($f := function($n) {$n < 2 ? $n : $f($n - 1) + $f($n - 2)}; $f(23))/;
my $computes = { QueryLanguage => 'JSONata', StartAt => 'A', States => {
	A => { Type => 'Pass', Output => { n => "{% \$states.input.n + 1 + 0 * $fib %}" }, Next => 'C' },
	C => { Type => 'Choice', Choices => [ { Condition => '{% $states.input.n > 60 %}', Next => 'E' } ], Default => 'A' },
	E => { Type => 'Succeed' } } };
define_flow($node, 'computes', $computes);
my $heavy = start_run($node, 'computes', { n => 0 });
wait_for_query($node, "SELECT count(*) > 3 FROM flowctl.history WHERE run_id = '$heavy'");
for my $i (1 .. 3)
{
	my $own = start_run($node, 'pass', {});
	is(wait_for_run($node, $own), 'SUCCEEDED', "a run beside one of the same owner that computes ($i)");
	my $other = as('victim', q{SELECT flowctl.start('victims')});
	is(wait_for_run($node, $other), 'SUCCEEDED', "and one of another owner ($i)");
}
is(status_of($heavy), 'RUNNING', 'while it goes on');
$node->safe_psql('postgres', "SELECT flowctl.stop('$heavy')");
is(wait_for_run($node, $heavy), 'ABORTED', 'it can be stopped');

# Many starts of one owner: a later start of another owner does not wait for them all.
define_as('epo', 'flood', $pass);
as('epo', q{SELECT count(flowctl.start('flood')) FROM generate_series(1, 12000)});
my $late = as('victim', q{SELECT flowctl.start('victims')});
is(wait_for_run($node, $late), 'SUCCEEDED', 'a run that starts after a flood of another owner');
cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM flowctl.runs WHERE flow = 'flood' AND coalesce(ended_at > (SELECT ended_at FROM flowctl.runs WHERE run_id = '$late'), true)"),
	'>', 1000, 'ends long before the flood is over');
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');

# So it is when the worker finds them by itself, after a start of the server.
as('epo', q{SELECT count(flowctl.start('flood')) FROM generate_series(1, 12000)});
$late = as('victim', q{SELECT flowctl.start('victims')});
$node->stop('immediate');
$node->start;
is(wait_for_run($node, $late), 'SUCCEEDED', 'the same after a crash');
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');
cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM flowctl.runs WHERE flow = 'flood' AND ended_at > (SELECT ended_at FROM flowctl.runs WHERE run_id = '$late')"),
	'>', 500, 'and many of the flood end after it');

# Calls: one owner with many endpoints leaves room for the calls of others. All are at one host: of its six places (three
# quarters of all) he has two thirds.
my @stubs = map { Parts::start_stub() } 1 .. 3;
$_->script('/hang', then => { hold => 'answer', body => {} }) for @stubs[ 0, 1 ];
$stubs[2]->script('/ok', then => { body => {} });
for my $i (1 .. 4)
{
	http_server($node, "here$i", $stubs[0]->url('/hang'), timeout => 600);
	http_server($node, "there$i", $stubs[1]->url('/hang'), timeout => 600);
}
http_server($node, 'fine', $stubs[2]->url('/ok'));
$node->safe_psql('postgres', 'GRANT USAGE ON FOREIGN SERVER ' . join(', ', map { ("here$_", "there$_") } 1 .. 4) . ' TO epo; GRANT USAGE ON FOREIGN SERVER fine TO victim, epo;');
for my $place ('here', 'there')
{
	define_as('epo', "$place$_", http_flow("$place$_")) for 1 .. 4;
	as('epo', "SELECT count(flowctl.start('$place' || i)) FROM generate_series(1, 4) i, generate_series(1, 10) j");
	my ($stub, $share) = $place eq 'here' ? ($stubs[0], 4) : ($stubs[1], 0);
	$stub->wait_for($share, path => '/hang', outcome => 'held') if $share;
	wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE flow LIKE '$place%' AND phase = 'QUEUED'", '0');
	is(scalar($stub->calls(path => '/hang')), $share, "calls of one owner's endpoints $place: $share of 8");
}
define_as('victim', 'calls', http_flow('fine'));
my $call = as('victim', q{SELECT flowctl.start('calls')});
is(wait_for_run($node, $call), 'SUCCEEDED', "another owner's call has room");
define_as('epo', 'calls_too', http_flow('fine'));
$call = as('epo', q{SELECT flowctl.start('calls_too')});
wait_for_query($node, "SELECT phase <> 'QUEUED' FROM flowctl.runs WHERE run_id = '$call'");
is(status_of($call), 'RUNNING', 'one of his own waits');

# When the endpoints answer, everything ends.
for my $stub (@stubs[ 0, 1 ])
{
	$stub->script('/hang', then => { body => {} });
	$stub->release('answer');
}
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE status = 'SUCCEEDED' AND flow ~ '^(here|there|calls)'}), 82, 'and all have had their call');

$node->stop;
done_testing();
