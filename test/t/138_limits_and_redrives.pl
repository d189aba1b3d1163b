# Runs that are redriven are admitted again by the limits of their flow: they wait like new ones, over crashes and several
# workers, never more are open than there are places, and what waits can be stopped.
use strict;
use warnings;
use Test::More;
use FlowctlTest;

my $node = new_node('readmitted', 'flowctl.workers' => 3, 'max_worker_processes' => 16, 'restart_after_crash' => 'on', 'flowctl.sweep_interval' => '500ms');
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };
wait_for_workers($node, 3);

sub define_waiting
{
	my ($name, $options, %more) = @_;
	my $flow = { StartAt => 'W', %more, States => { W => { Type => 'Wait', SecondsPath => '$.seconds', End => true } } };
	$sql->('SELECT flowctl.define_flow(' . sql_literal($name) . ', ' . sql_literal(to_json($flow)) . ', options => ' . sql_literal(to_json($options)) . ')');
}
sub is_begun { my ($run) = @_; return wait_for_query($node, "SELECT count(*) FROM flowctl_catalog.frame WHERE run_id = '$run'", '1'); }
sub is_waiting
{
	my ($run, $what) = @_;
	wait_for_query($node, "SELECT status || ' ' || phase || ' ' || waiting_for FROM flowctl.runs WHERE run_id = '$run'", 'RUNNING QUEUED limit');
	return pass($what);
}
# A run that has begun and was stopped.
sub stopped_run
{
	my ($flow, $input) = @_;
	my $run = $sql->("SELECT flowctl.start('$flow', '$input')");
	is_begun($run);
	$sql->("SELECT flowctl.stop('$run')");
	wait_for_run($node, $run);
	return $run;
}
sub redrive { my ($run) = @_; return $sql->("SELECT flowctl.redrive('$run')"); }
sub figures { my ($flow) = @_; return "SELECT string_agg(held || ' held, ' || waiting || ' waiting', '; ') FROM flowctl.limits WHERE flow = '$flow' AND kind = 'max_concurrency'"; }

define_waiting('one', { max_concurrency => 1 });
my @runs = map { stopped_run('one', '{"seconds": 3600}') } 1 .. 8;
wait_for_query($node, figures('one'), '0 held, 0 waiting');
my $holder = $sql->(q{SELECT flowctl.start('one', '{"seconds": 3600}')});
is_begun($holder);
is($sql->('SELECT string_agg(DISTINCT flowctl.redrive(run_id), $$,$$) FROM flowctl.runs WHERE run_id IN (' . join(', ', map { "'$_'" } @runs) . ')'), 'done', 'eight runs are redriven');
wait_for_query($node, figures('one'), '1 held, 8 waiting');
is_waiting($_, 'a redriven run waits') for @runs;
is($sql->("SELECT count(*) FROM flowctl.history WHERE type = 'ExecutionRedriven'"), '0', 'none of them has gone on');
is($sql->("SELECT DISTINCT outcome FROM flowctl.interventions WHERE action = 'redrive'"), 'done', 'the requests have been carried out');
like(redrive($runs[0]), qr/the run is open/, 'a run that waits is an open one');
like($sql->("SELECT flowctl.pause('$runs[0]')"), qr/has not begun|waits/, 'and cannot be paused');

# Their states are not forgotten while they wait, however long that is.
$sql->("UPDATE flowctl_catalog.ended_frame SET ended_at = now() - interval '1 year'; SELECT flowctl.keep_house()");

for my $crash (1 .. 2)
{
	my ($pid) = worker_pids($node);
	kill 'KILL', $pid if $pid;
	wait_for_query($node, 'SELECT 1', '1');
	wait_for_workers($node, 3);
	is($sql->(figures('one')), '1 held, 8 waiting', 'a crash changes nothing');
}
is($sql->('SELECT count(*) FROM flowctl_catalog.ended_frame e JOIN flowctl_catalog.run r USING (run_id) WHERE r.status = $$RUNNING$$'), '8', 'what they go on from is kept');

# A stop ends a run that waits; it can be redriven again and waits again.
my $ended = shift @runs;
is($sql->("SELECT flowctl.stop('$ended', 'No', 'not now')"), 'done', 'a run that waits is stopped');
is(wait_for_run($node, $ended), 'ABORTED', 'and has ended');
is(run_row($node, $ended)->{error}, 'No', 'with the error of the stop');
wait_for_query($node, figures('one'), '1 held, 7 waiting');
is($sql->("SELECT redrive_status FROM flowctl.runs WHERE run_id = '$ended'"), 'REDRIVABLE', 'it can be redriven once more');
is(redrive($ended), 'done', 'which is done');
is_waiting($ended, 'and it waits again');
is($sql->("SELECT redrive_count FROM flowctl.runs WHERE run_id = '$ended'"), '2', 'for the second time');
push @runs, $ended;

# One after the other has its turn, in the order of their starts.
my ($most, @order) = (0);
$sql->("SELECT flowctl.stop('$holder')");
for my $turn (1 .. 8)
{
	wait_for_query($node, figures('one'), '1 held, ' . (8 - $turn) . ' waiting');
	my $open = q{SELECT string_agg(run_id::text, ',') FROM flowctl_catalog.frame JOIN flowctl_catalog.run r USING (run_id) WHERE r.flow = 'one'};
	$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM ($open) x (o) WHERE o IS NOT NULL");
	my @open = split /,/, $sql->($open);
	$most = @open if @open > $most;
	push @order, $open[0];
	if ($turn == 4)
	{
		kill_server($node);
		start_again($node);
		wait_for_workers($node, 3);
	}
	$sql->("SELECT flowctl.stop('$open[0]')");
	wait_for_run($node, $open[0]);
}
is($most, 1, 'never more were open than there are places');
is(join(' ', @order), join(' ', sort @runs), 'who was started first came first');
is($sql->("SELECT count(*) FROM flowctl.history WHERE type = 'ExecutionRedriven'"), '9', 'each of them went on when it was its turn, and when it was stopped');
for my $table (qw(limit_hold limit_wait limit_release limit_decision))
{
	wait_for_query($node, "SELECT count(*) FROM flowctl_catalog.$table", '0');
	pass("nothing is left in $table");
}

# Where there is room, a redriven run takes the place at once.
is(redrive($runs[0]), 'done', 'there is room');
wait_for_query($node, figures('one'), '1 held, 0 waiting');
is_begun($runs[0]);
my $next = $sql->(q{SELECT flowctl.start('one', '{"seconds": 0}')});
is_waiting($next, 'so the next run waits');
$sql->("SELECT flowctl.stop('$runs[0]')");
is(wait_for_run($node, $next), 'SUCCEEDED', 'until it ends');

# The time of a redriven run counts from its admission.
define_waiting('timed', { max_concurrency => 1 }, TimeoutSeconds => 2);
my $timed = stopped_run('timed', '{"seconds": 3600}');
my $before = $sql->(q{SELECT flowctl.start('timed', '{"seconds": 3600}')});
is_begun($before);
is(redrive($timed), 'done', 'redriven behind a run with a timeout');
is(wait_for_run($node, $timed), 'TIMED_OUT', 'both time out');
is($sql->("SELECT a.ended_at >= b.ended_at + interval '2 s' FROM flowctl.runs a, flowctl.runs b WHERE a.run_id = '$timed' AND b.run_id = '$before'"), 't',
	'the second one two seconds after the first');

# What the other options make of it: no window, an end for want of room, or for want of patience.
define_waiting('late', { debounce => '1 h' });
$sql->(q{SELECT flowctl.alter_flow('late', '{"debounce": null, "max_concurrency": 1}')});
my $late = stopped_run('late', '{"seconds": 3600}');
$sql->(q{SELECT flowctl.alter_flow('late', '{"debounce": "1 h"}')});
is(redrive($late), 'done', 'redriven in a flow with debounce');
is_begun($late);
is($sql->("SELECT count(*) FROM flowctl_catalog.limit_wait WHERE debounce"), '0', 'no window is opened');
define_waiting('strict', { max_concurrency => 1, on_limit => 'refuse' });
my $refused = stopped_run('strict', '{"seconds": 3600}');
$holder = $sql->(q{SELECT flowctl.start('strict', '{"seconds": 3600}')});
is_begun($holder);
redrive($refused);
wait_for_query($node, "SELECT error FROM flowctl.runs WHERE run_id = '$refused' AND status = 'ABORTED'", 'Flowctl.Refused');
pass('it is refused where new runs are');
$sql->("SELECT flowctl.stop('$holder')");
wait_for_run($node, $holder);
is(redrive($refused), 'done', 'and redriven when there is room');
is_begun($refused);
define_waiting('patient', { max_concurrency => 1, queue_timeout => '1 s' });
my $impatient = stopped_run('patient', '{"seconds": 3600}');
$holder = $sql->(q{SELECT flowctl.start('patient', '{"seconds": 3600}')});
is_begun($holder);
redrive($impatient);
wait_for_query($node, "SELECT status || ' ' || error FROM flowctl.runs WHERE run_id = '$impatient' AND redrive_count = 1 AND status <> 'RUNNING'", 'TIMED_OUT Flowctl.QueueTimeout');
pass('it waits no longer than queue_timeout says');

# A key that cannot be had any more is the answer, and the run stays as it has ended.
define_waiting('keyed', { max_concurrency => 1 });
my $keyless = stopped_run('keyed', '{"seconds": 3600}');
$sql->(q{SELECT flowctl.alter_flow('keyed', '{"concurrency_key": "$.key"}')});
redrive($keyless);
wait_for_query($node, "SELECT count(*) FROM flowctl.interventions WHERE run_id = '$keyless' AND outcome LIKE '%concurrency_key%'", '1');
is(run_row($node, $keyless)->{status}, 'ABORTED', 'a run without a key is not redriven');

# A paused flow lets no run go on that is redriven meanwhile.
define_waiting('free', {});
my $free = stopped_run('free', '{"seconds": 3600}');
$sql->(q{SELECT flowctl.pause_flow('free')});
is(redrive($free), 'done', 'redriven in a paused flow');
wait_for_query($node, "SELECT count(*) FROM flowctl_catalog.limit_wait WHERE run_id = '$free'", '1');
is(run_row($node, $free)->{phase}, 'PAUSED', 'it waits');
$sql->(q{SELECT flowctl.resume_flow('free')});
is_begun($free);
is(run_row($node, $free)->{phase}, 'WAITING', 'it goes on when the flow does');

done_testing();
