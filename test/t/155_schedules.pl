# Schedules, with a clock that the test sets: each time is fired once, over changes of the clocks, what is missed is made up for
# as catch_up says, and overlap, jitter, pauses and failures do what they say.
use strict;
use warnings;
use Test::More;
use FlowctlTest;

my $node = new_node('schedules', 'flowctl.workers' => 2, 'max_worker_processes' => 16, 'flowctl.schedule_clock' => '2026-03-28T12:00:00Z',
	'timezone' => 'UTC', 'flowctl.max_catch_up' => 50);
wait_for_workers($node, 2);
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };
my $now;
# The clock of schedules stands still at this time.
sub set_clock
{
	($now) = @_;
	$sql->("ALTER SYSTEM SET flowctl.schedule_clock = '$now'");
	$sql->('SELECT pg_reload_conf()');
	wait_for_query($node, 'SHOW flowctl.schedule_clock', $now);
	return;
}
# Everything that is due by now has been dealt with.
sub settle
{
	return wait_for_query($node, "SELECT count(*) FROM flowctl_catalog.schedule_state WHERE fire_at <= '$now'", '0');
}
sub go { set_clock(@_); return settle(); }
sub times_of
{
	my ($schedule) = @_;
	return $sql->("SELECT string_agg(event ->> 'scheduledtime', ' ' ORDER BY event ->> 'scheduledtime') FROM flowctl.runs WHERE event ->> 'schedule' = '$schedule'");
}
sub state_of
{
	my ($schedule, $columns) = @_;
	return $sql->("SELECT $columns FROM flowctl.schedules WHERE name = '$schedule'");
}
my $pass = { StartAt => 'A', States => { A => { Type => 'Pass', End => true } } };
my $wait = { StartAt => 'W', States => { W => { Type => 'Wait', Seconds => 100_000, End => true } } };
my $fail = { StartAt => 'F', States => { F => { Type => 'Fail', Error => 'Bad', Cause => 'luck' } } };
define_flow($node, 'pass', $pass);
define_flow($node, 'wait', $wait);
define_flow($node, 'fail', $fail);

# Times of the day, over the night on which the clocks go ahead, and on which they go back.
$sql->(q{SELECT flowctl.create_schedule('nightly', 'pass', '30 2 * * *', time_zone => 'Europe/Berlin')});
go('2026-03-28T12:00:01Z');
is(times_of('nightly'), '', 'nothing is due');
go('2026-03-29T00:59:59Z');
is(times_of('nightly'), '', 'not a second early');
go('2026-03-29T01:00:00Z');
is(times_of('nightly'), '2026-03-29T01:00:00.000Z', 'a time that does not exist comes after the gap');
go('2026-03-29T01:00:01Z');
go('2026-03-29T01:30:00Z');
is(state_of('nightly', 'fired, missed, next'), '1|0|2026-03-30 00:30:00+00', 'once');
go('2026-10-24T12:00:00Z');
$sql->(q{SELECT flowctl.create_schedule('hourly', 'pass', '30 * * * *', time_zone => 'Europe/Berlin')});
$sql->(q{SELECT flowctl.resume_schedule('nightly')});
my $missed = state_of('nightly', 'missed');
cmp_ok($missed, '>', 200, 'times that the clock has jumped over are missed');
go($_) for qw(2026-10-25T00:30:00Z 2026-10-25T01:30:00Z 2026-10-25T02:30:00Z);
is(times_of('hourly'), '2026-10-25T00:30:00.000Z 2026-10-25T01:30:00.000Z 2026-10-25T02:30:00.000Z', 'each hour comes, also the repeated one');
is(times_of('nightly'), '2026-03-29T01:00:00.000Z 2026-10-25T00:30:00.000Z', 'a time that exists twice comes once');
$sql->("SELECT flowctl.drop_schedule('$_')") for qw(hourly nightly);

# The clock goes back: nothing is fired twice.
$sql->(q{SELECT flowctl.create_schedule('back', 'pass', '*/10 * * * *')});
go('2026-10-25T02:40:00Z');
go('2026-10-25T02:50:00Z');
go('2026-10-25T02:35:00Z');
go('2026-10-25T02:40:00Z');
go('2026-10-25T02:50:10Z');
is(times_of('back'), '2026-10-25T02:40:00.000Z 2026-10-25T02:50:00.000Z', 'a clock that is set back fires nothing again');
$sql->(q{SELECT flowctl.pause_schedule('back')});
set_clock('2026-10-25T02:45:00Z');
$sql->(q{SELECT flowctl.resume_schedule('back')});
go('2026-10-25T02:50:00Z');
is($sql->(q{SELECT count(*) FROM flowctl.runs WHERE event ->> 'schedule' = 'back'}), '2', 'not even after it was resumed before a time that was fired');
go('2026-10-25T03:00:00Z');
is($sql->(q{SELECT count(*) FROM flowctl.runs WHERE event ->> 'schedule' = 'back'}), '3', 'and goes on');
$sql->(q{SELECT flowctl.drop_schedule('back')});

# The server is down from 03:00 to 06:30.
$sql->("SELECT flowctl.create_schedule('$_', 'pass', '0 * * * *', catch_up => '$_')") for qw(none last all);
$sql->(q{SELECT flowctl.create_schedule('many', 'pass', '1 minute', catch_up => 'all')});
$node->stop;
$node->append_conf('postgresql.auto.conf', "flowctl.schedule_clock = '2026-10-25T06:30:00Z'\n");
$now = '2026-10-25T06:30:00Z';
$node->start;
settle();
is(times_of('none'), '', 'catch_up none leaves out what was missed');
is(state_of('none', 'missed, next'), '3|2026-10-25 07:00:00+00', 'and counts it');
is(times_of('last'), '2026-10-25T06:00:00.000Z', 'last makes up for the last one');
is(times_of('all'), '2026-10-25T04:00:00.000Z 2026-10-25T05:00:00.000Z 2026-10-25T06:00:00.000Z', 'all for all');
is(state_of('all', 'fired, missed'), '3|0', 'so none is missed');
is($sql->(q{SELECT event -> 'data' ->> 'firing' FROM flowctl.runs WHERE event ->> 'schedule' = 'last'}), 'catch_up', 'the run knows why it was started');
is(state_of('many', 'fired, missed'), '50|160', 'flowctl.max_catch_up bounds it, and the latest count');
is($sql->(q{SELECT min(event ->> 'scheduledtime') FROM flowctl.runs WHERE event ->> 'schedule' = 'many'}), '2026-10-25T05:41:00.000Z', 'these are the latest');
$sql->("SELECT flowctl.drop_schedule('$_')") for qw(none last all many);

# A start in the past.
$sql->(q{SELECT flowctl.create_schedule('past', 'pass', '@daily', starts_at => '2026-10-20', catch_up => 'all')});
settle();
is(state_of('past', 'fired, next'), '6|2026-10-26 00:00:00+00', 'a start in the past is caught up');
$sql->(q{SELECT flowctl.create_schedule('once', 'pass', 'at(2026-10-25T06:00:00)', catch_up => 'last')});
settle();
is(state_of('once', 'status, fired'), 'ENDED|1', 'so is a single time');
$sql->("SELECT flowctl.drop_schedule('$_')") for qw(past once);

# Overlap.
$sql->("SELECT flowctl.create_schedule('$_', 'wait', '* * * * *', overlap => '$_')") for qw(allow skip queue replace);
go('2026-10-25T06:31:00Z');
go('2026-10-25T06:32:00Z');
go('2026-10-25T06:33:00Z');
my $open = q{SELECT string_agg(event ->> 'scheduledtime', ' ' ORDER BY event ->> 'scheduledtime') FROM flowctl.runs WHERE status = 'RUNNING' AND event ->> 'schedule' = };
is($sql->("$open 'allow'"), '2026-10-25T06:31:00.000Z 2026-10-25T06:32:00.000Z 2026-10-25T06:33:00.000Z', 'allow: all are open');
is($sql->("$open 'skip'"), '2026-10-25T06:31:00.000Z', 'skip: the first one is');
is(state_of('skip', 'fired, skipped, missed'), '1|2|0', 'and the others were left out');
is($sql->("$open 'queue'"), '2026-10-25T06:31:00.000Z', 'queue: the first one is');
is(state_of('queue', 'status, next'), 'WAITING|2026-10-25 06:32:00+00', 'and the next waits for it');
wait_for_query($node, "$open 'replace'", '2026-10-25T06:33:00.000Z');
is($sql->(q{SELECT DISTINCT status, error FROM flowctl.runs WHERE event ->> 'schedule' = 'replace' AND status <> 'RUNNING'}), 'ABORTED|Flowctl.Replaced', 'replace: the last one is, the others were stopped');
$sql->(q{SELECT flowctl.stop(run_id) FROM flowctl.runs WHERE status = 'RUNNING' AND event ->> 'schedule' = 'queue'});
wait_for_query($node, "$open 'queue'", '2026-10-25T06:32:00.000Z');
# The server crashes while one waits: the end of the run that it waits for is not lost.
$node->stop('immediate');
$node->start;
$sql->(q{SELECT flowctl.stop(run_id) FROM flowctl.runs WHERE status = 'RUNNING' AND event ->> 'schedule' = 'queue'});
wait_for_query($node, "$open 'queue'", '2026-10-25T06:33:00.000Z');
is(state_of('queue', 'fired, missed, skipped'), '3|0|0', 'queue: every time has its run');
$sql->(q{SELECT flowctl.stop(run_id) FROM flowctl.runs WHERE status = 'RUNNING'});
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');
wait_for_query($node, 'SELECT count(*) FROM flowctl_catalog.schedule_run', '0');
is(state_of('queue', 'status, next'), 'ACTIVE|2026-10-25 06:34:00+00', 'and the schedule goes on');
$sql->("SELECT flowctl.drop_schedule('$_')") for qw(allow skip queue replace);

# A failure pauses the schedule, if it is told to.
$sql->(q{SELECT flowctl.create_schedule('fails', 'fail', '* * * * *', pause_on_failure => true)});
$sql->(q{SELECT flowctl.create_schedule('fails_on', 'fail', '* * * * *')});
go('2026-10-25T06:34:00Z');
wait_for_query($node, q{SELECT status FROM flowctl.schedules WHERE name = 'fails'}, 'PAUSED');
like(state_of('fails', "pause_reason || coalesce(paused_by, '')"), qr/^run [0-9a-f-]{36} has failed$/, 'with the reason');
go('2026-10-25T06:35:00Z');
is(state_of('fails', 'fired'), '1', 'it fires no more');
is(state_of('fails_on', 'fired'), '2', 'the other one does');
$sql->(q{SELECT flowctl.resume_schedule('fails')});
go('2026-10-25T06:36:00Z');
is(state_of('fails', 'fired'), '2', 'until it is resumed');
$sql->("SELECT flowctl.drop_schedule('$_')") for qw(fails fails_on);

# A flow that is paused, with its schedules or without.
$sql->(q{SELECT flowctl.create_schedule('paused', 'pass', '* * * * *')});
$sql->(q{SELECT flowctl.pause_flow('pass', 'drop')});
go('2026-10-25T06:37:00Z');
is(state_of('paused', 'fired, skipped'), '0|1', 'a paused flow leaves its schedules out with drop');
$sql->(q{SELECT flowctl.pause_flow('pass', 'queue')});
go('2026-10-25T06:38:00Z');
is(state_of('paused', 'fired, skipped'), '1|1', 'and has their runs wait with queue');
$sql->(q{SELECT flowctl.resume_flow('pass')});
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');
$sql->(q{SELECT flowctl.drop_schedule('paused')});

# Whoever may not start the flow any more starts nothing, and is told.
$sql->('CREATE ROLE somebody');
$sql->(q{SELECT flowctl.grant_start('pass', 'somebody')});
$sql->(q{SET ROLE somebody; SELECT flowctl.create_schedule('strangers', 'pass', '* * * * *')});
go('2026-10-25T06:39:00Z');
is($sql->(q{SELECT starter, session_user_name FROM flowctl.runs WHERE event ->> 'schedule' = 'strangers'}), 'somebody|somebody', 'the owner of a schedule is the starter');
$sql->(q{SELECT flowctl.revoke_start('pass', 'somebody')});
go('2026-10-25T06:40:00Z');
is(state_of('strangers', 'status, fired, missed'), 'PAUSED|1|1', 'a schedule whose owner has lost the right is paused');
like(state_of('strangers', 'pause_reason'), qr/permission denied to start flow "pass"/, 'and says why');
$sql->(q{SELECT flowctl.drop_schedule('strangers')});

# An input that the flow does not take any more is a missed time, and the schedule goes on.
define_flow($node, 'strict', $pass);
$sql->(q{SELECT flowctl.create_schedule('strict', 'strict', '* * * * *')});
define_flow($node, 'strict', $pass, 'postgres', { input_schema => { required => ['n'] } });
go('2026-10-25T06:41:00Z');
is(state_of('strict', 'status, fired, missed, last_error IS NOT NULL'), 'ACTIVE|0|1|t', 'a start that fails is told by the view');
$sql->(q{SELECT flowctl.alter_schedule('strict', input => '{"n": 1}')});
go('2026-10-25T06:42:00Z');
is(state_of('strict', 'status, fired, missed, last_error'), 'ACTIVE|1|1|', 'until one succeeds');
$sql->(q{SELECT flowctl.drop_schedule('strict')});

# A session that holds a schedule holds up no other one.
$sql->("SELECT flowctl.create_schedule('$_', 'pass', '* * * * *')") for qw(held free);
my $session = $node->background_psql('postgres', on_error_stop => 1);
$session->query_safe(q{BEGIN; SELECT flowctl.alter_schedule('held', schedule => '*/2 * * * *')});
set_clock('2026-10-25T06:43:00Z');
wait_for_query($node, q{SELECT fired FROM flowctl.schedules WHERE name = 'free'}, '1');
is(state_of('held', 'fired'), '0', 'the worker waits for nobody');
$session->query_safe('ROLLBACK');
$session->quit;
settle();
is(state_of('held', 'fired'), '1', 'and comes back to it');
$sql->("SELECT flowctl.drop_schedule('$_')") for qw(held free);

# Jitter.
$sql->("SELECT flowctl.create_schedule('jitter_$_', 'pass', '0 7 * * *', jitter => '10 min')") for 1 .. 30;
go('2026-10-25T07:00:00Z');
my $early = $sql->(q{SELECT count(*) FROM flowctl.schedules WHERE fired > 0});
go("2026-10-25T07:0$_:00Z") for 1 .. 5;
my $half = $sql->(q{SELECT count(*) FROM flowctl.schedules WHERE fired > 0});
go("2026-10-25T07:0$_:00Z") for 6 .. 9;
go('2026-10-25T07:10:00Z');
is($sql->(q{SELECT count(*) FROM flowctl.schedules WHERE fired = 1 AND missed = 0}), '30', 'jitter delays, and nothing is lost');
cmp_ok($early, '<', 5, 'hardly one comes at once');
cmp_ok($half, '>', 5, 'some have come after half of the time');
cmp_ok($half, '<', 25, 'and some have not');

$sql->("SELECT flowctl.drop_schedule('jitter_$_')") for 1 .. 30;

# A backfill whose runs come one after the other, over a crash.
$sql->(q{SELECT flowctl.create_schedule('filled', 'wait', '@daily')});
is($sql->(q{SELECT flowctl.backfill_schedule('filled', '2026-10-01', '2026-10-03', 'queue')}), '3', 'a backfill is queued');
for my $day (1 .. 3)
{
	wait_for_query($node, "$open 'filled'", "2026-10-0${day}T00:00:00.000Z");
	if ($day == 2) { $node->stop('immediate'); $node->start; }
	$sql->(q{SELECT flowctl.stop(run_id) FROM flowctl.runs WHERE status = 'RUNNING' AND event ->> 'schedule' = 'filled'});
}
wait_for_query($node, q{SELECT count(*) FROM flowctl_catalog.schedule_run}, '0');
is($sql->(q{SELECT count(*) FROM flowctl.runs WHERE event ->> 'schedule' = 'filled'}), '3', 'each of its times has one run');
is($sql->(q{SELECT count(*) FROM flowctl_catalog.schedule_backfill}), '0', 'and nothing is left');
$sql->(q{SELECT flowctl.drop_schedule('filled')});

# What is missed is an event.
$sql->(q{SELECT flowctl.create_event_rule('told', 'wait', 'schedule.missed')});
$sql->(q{SELECT flowctl.create_schedule('missed', 'pass', '* * * * *', comment => 'goes along')});
go('2026-10-25T08:10:30Z');
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'wait' AND status = 'RUNNING'}, '1');
is($sql->(q{SELECT input -> 'data' ->> 'schedule', input -> 'data' ->> 'missed', input -> 'data' ->> 'first' FROM flowctl.runs WHERE flow = 'wait' AND status = 'RUNNING'}),
	'missed|59|2026-10-25T07:11:00.000Z', 'what is missed is an event');

# A dump has the schedule. Where it is restored, it goes on from then, and does nothing again.
$sql->('CREATE DATABASE other');
my $file = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $file, '-d', $node->connstr('postgres') ], 'the database is dumped');
set_clock('2026-10-25T08:20:30Z');
settle();
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('other'), '-f', $file ], 'and restored');
is($node->safe_psql('other', 'SELECT name, comment, status, next, fired, missed FROM flowctl.schedules'), 'missed|goes along|ACTIVE|2026-10-25 08:21:00+00|0|0', 'the restored schedule goes on from then');
set_clock('2026-10-25T08:21:00Z');
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'pass'}, '1', 'other');

$node->stop;
done_testing();
