# Partitions by time and what retention does with them: what has ended goes, what is open stays and goes on, through crashes, held
# locks, prepared transactions and old snapshots. Time passes by asking what is to be done at a later one (flowctl.keep_house), and
# by partitions of years ago.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $stub = Parts::start_stub();
my $node = new_node(
	'retention',
	'flowctl.retention'        => '1d',
	'flowctl.sweep_interval'   => '1s',
	'flowctl.workers'          => 2,
	'max_prepared_transactions' => 5,
	'restart_after_crash'      => 'on');
my $sql     = sub { return $node->safe_psql('postgres', $_[0]) };
my $session = sub { return $node->background_psql('postgres', on_error_stop => 0) };

# Keeps house as if it were so much later, and returns the expression over its result. keep_house() gives up if a turn of
# the engine is in its way for too long, and is then called again. In three days the partitions of today are over and no
# longer kept.
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

http_server($node, 'held', $stub->url('/held'));
define_flow($node, 'call', http_flow('held'));
define_flow($node, 'pass', { StartAt => 'A', States => { A => { Type => 'Pass', End => true } } });
define_flow($node, 'year', { StartAt => 'A', States => { A => { Type => 'Wait', Seconds => 31_536_000, End => true } } });
define_flow(
	$node, 'each',
	{
		StartAt => 'Each',
		States  => {
			Each => {
				Type          => 'Map',
				MaxConcurrency => 2,
				ItemProcessor => {
					ProcessorConfig => { Mode => 'DISTRIBUTED', ExecutionType => 'STANDARD' },
					StartAt         => 'Call',
					States          => { Call => { Type => 'Task', Resource => 'flowctl:http:held', End => true } },
				},
				End => true,
			},
		},
	});

sub status_of { return $sql->("SELECT status FROM flowctl.runs WHERE run_id = '$_[0]'"); }
sub partitions { return $sql->("SELECT count(*) FROM flowctl.partitions WHERE " . $_[0]); }

# How many rows of the run there are in each of the tables.
sub rows_of
{
	my ($run) = @_;
	return $sql->("SELECT concat_ws(' ', " . join(', ', map { "(SELECT count(*) FROM flowctl_catalog.$_ WHERE run_id = '$run')" } qw(run history_event call call_outcome)) . ')');
}

# ---- what has ended goes, what is open stays and goes on

$stub->script('/held', then => { hold => 'first', body => { n => 1 } });
my $done = $sql->(q{SELECT flowctl.start('pass', '{"a": 1}', 'done')});
is(wait_for_run($node, $done), 'SUCCEEDED', 'a run has ended');
my $large  = to_json({ text => join '', map { chr(97 + int rand 26) } 1 .. 50_000 });
my $parked = $sql->(qq{SELECT flowctl.start('year', '$large', 'parked')});
wait_for_query($node, "SELECT phase FROM flowctl.runs WHERE run_id = '$parked'", 'WAITING');
my $called = start_run($node, 'call', { b => 2 });
$stub->wait_for(1, path => '/held', outcome => 'held');
my $mapped = start_run($node, 'each', [ 1 .. 5 ]);
$stub->wait_for(3, path => '/held', outcome => 'held');
my $before = rows_of($called);

my $old_snapshot = $session->();
$old_snapshot->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
$old_snapshot->query_safe('SELECT count(*) FROM flowctl_catalog.flow');

is(keep_house('3 days', 'emptied >= 1'), 't', 'the partition of today is emptied');
is(rows_of($done),   '0 0 0 0', 'nothing is left of the run that had ended');
is(rows_of($called), $before,   'all rows of an open one are');
is($sql->("SELECT sum(runs_kept) FROM flowctl.partitions WHERE emptied_at IS NOT NULL"), '8', 'the view tells how many runs stayed');
is($sql->("SELECT input::text = '" . $large . "'::jsonb::text FROM flowctl.runs WHERE run_id = '$parked'"), 't', 'with large values whole');
is($old_snapshot->query_safe("SELECT status FROM flowctl.runs WHERE run_id = '$parked'"), 'RUNNING', 'a transaction with an older snapshot sees the open run');
is($old_snapshot->query_safe("SELECT count(*) FROM flowctl.runs WHERE run_id = '$done'"), '0', 'and misses the one that has gone');
$old_snapshot->quit;

is($sql->(qq{SELECT flowctl.start('year', '$large', 'parked')}), $parked, 'the name of an open run still means it');
my $again = $sql->(q{SELECT flowctl.start('pass', '{"another": "input"}', 'done')});
isnt($again, $done, 'the name of a run that has gone is free');
is(wait_for_run($node, $again), 'SUCCEEDED', 'and its next run works');

# The workers lose what they have in memory: everything comes from the rows.
kill 'KILL', (worker_pids($node))[0];
wait_for_query($node, 'SELECT 1', '1');
wait_for_workers($node, 2);
$stub->wait_for(6, path => '/held');
$stub->script('/held', then => { body => { n => 2 } });
$stub->release('first');
is(wait_for_run($node, $called), 'SUCCEEDED', 'a call that was open at retention is repeated after a crash, and answered');
is(history_types($node, $called),
	'ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSucceeded TaskStateExited ExecutionSucceeded', 'its history is whole');
is($sql->("SELECT max(sending) FROM flowctl_catalog.call WHERE run_id = '$called'"), '2', 'both sendings are on record');
is(wait_for_run($node, $mapped), 'SUCCEEDED', 'a distributed Map goes on');
is(scalar(grep { $_->{n} == 1 || $_->{n} == 2 } @{ run_output($node, $mapped) }), 5, 'with the results of all of its children');
$sql->("SELECT flowctl.stop('$parked')");
is(wait_for_run($node, $parked), 'ABORTED', 'a parked run can be stopped');
is(history_types($node, $parked), 'ExecutionStarted WaitStateEntered ExecutionAborted', 'its history is whole');

# Ended just now, they stay for their own time.
keep_house('12 hours');
is(status_of($parked), 'ABORTED', 'a run that outlived its partition is kept after its end');
keep_house('3 days');
is(status_of($parked), '', 'later it goes');
is($sql->('SELECT count(*) FROM flowctl_catalog.run_name'), '0', 'so are names');
is($sql->('SELECT count(*) FROM flowctl_catalog.map_run'), '0', 'and map runs');
for (1 .. 100) { last if partitions('emptied_at IS NOT NULL') eq '0'; keep_house('3 days') }
is(partitions('starts_at <= now() AND ends_at > now()'), '0', 'and the tables of today, once nobody uses them');

# ---- without a partition of their own, runs are in the default one

my $stray = start_run($node, 'pass', { stray => 1 });
is(wait_for_run($node, $stray), 'SUCCEEDED', 'a run without a partition of its own');
is($sql->("SELECT tableoid::regclass FROM flowctl_catalog.run WHERE run_id = '$stray'"), 'flowctl_catalog.run_default', 'is in the default one');
$parked = start_run($node, 'year', { });
wait_for_query($node, "SELECT phase FROM flowctl.runs WHERE run_id = '$parked'", 'WAITING');
keep_house('3 days');
is(rows_of($stray), '0 0 0 0', 'it is emptied like the others');
is(status_of($parked), 'RUNNING', 'open runs stay there, too');
$sql->("SELECT flowctl.stop('$parked')");
wait_for_run($node, $parked);
keep_house('3 days');

# ---- the housekeeper, on its own: a partition of years ago

# Makes a partition of the day and puts runs that have ended into it, and an open one that waits for a year if asked to.
sub fill
{
	my ($day, $open) = @_;
	my $suffix = $sql->("SELECT flowctl.make_partition('$day 00:00 UTC', '$day 00:00 UTC'::timestamptz + '1 day')");
	$sql->(qq{
		INSERT INTO flowctl_catalog.run (run_id, flow_id, flow, version, type, status, input, output_ref, started_at, ended_at, flow_owner, role, starter,
		                         session_user_name, start_xid)
		SELECT encode(substr(int8send((extract(epoch FROM timestamptz '$day 12:00 UTC') * 1000)::bigint + n), 3) || '\\x7000800000000000' || substr(int4send(n), 3), 'hex')::uuid,
		       f.flow_id, f.name, 1, 'STANDARD', CASE WHEN n <= $open THEN 'RUNNING' ELSE 'SUCCEEDED' END, '{}', 0,
		       '$day 12:00 UTC', CASE WHEN n <= $open THEN NULL ELSE timestamptz '$day 12:01 UTC' END, f.owner, f.owner, f.owner, 'x', pg_current_xact_id()
		FROM generate_series(1, 500) n JOIN flowctl_catalog.flow f ON f.name = CASE WHEN n <= $open THEN 'year' ELSE 'pass' END});
	$sql->(qq{
		INSERT INTO flowctl_catalog.history_event (run_id, event_id, previous_event_id, at, type)
		SELECT run_id, e, e - 1, started_at, 'PassStateEntered' FROM flowctl_catalog.run_$suffix, generate_series(1, 3) e WHERE status <> 'RUNNING'});
	return $suffix;
}

sub wake_housekeeper { $sql->('SELECT pg_reload_conf()'); }

my $suffix = fill('2020-05-01', 0);
wake_housekeeper();
wait_for_query($node, "SELECT count(*) FROM flowctl.partitions WHERE suffix = '$suffix'", '0');
is($sql->("SELECT to_regclass('flowctl_catalog.run_$suffix') IS NULL AND to_regclass('flowctl_catalog.history_event_$suffix') IS NULL"), 't', 'the housekeeper drops a partition whose time is over');

# Somebody reads it: the housekeeper waits for a moment at a time, and nobody has to wait for it.
$suffix = fill('2020-05-02', 0);
my $reader = $session->();
$reader->query_safe('BEGIN');
$reader->query_safe("SELECT count(*) FROM flowctl_catalog.call_$suffix");
wake_housekeeper();
wait_for_query($node, "SELECT problem LIKE '%lock timeout%' FROM flowctl.partitions WHERE suffix = '$suffix'", 't');
is(wait_for_run($node, start_run($node, 'pass', {})), 'SUCCEEDED', 'runs go on beside a reader that is in its way');
is($sql->("SELECT count(*) FROM flowctl_catalog.run_$suffix"), '500', 'what it could not lock is untouched');
my ($status, $out, $err) = $node->psql('postgres', q{SELECT flowctl.drop_runs_before('2021-01-01')});
like($err, qr/lock timeout/, 'whoever asks for it is told');
$reader->query_safe('COMMIT');
wake_housekeeper();
wait_for_query($node, "SELECT count(*) FROM flowctl.partitions WHERE suffix = '$suffix'", '0');
pass('it comes back when the reader has gone');
$reader->quit;

# It is killed in the middle, with locks held; the server recovers, and nothing is half gone.
$suffix = fill('2020-05-03', 1);
$reader = $session->();
$reader->query_safe('BEGIN');
$reader->query_safe("SELECT count(*) FROM flowctl_catalog.token_revocation_$suffix");
wake_housekeeper();
wait_for_query($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'flowctl housekeeper' AND wait_event_type = 'Lock'", '1');
kill 'KILL', $sql->("SELECT pid FROM pg_stat_activity WHERE backend_type = 'flowctl housekeeper'");
eval { $reader->quit };
wait_for_query($node, 'SELECT 1', '1');
wait_for_query($node, "SELECT count(*) FROM flowctl.partitions WHERE suffix = '$suffix' AND emptied_at IS NULL", '0');
is($sql->("SELECT string_agg(status, ' ') FROM flowctl_catalog.run WHERE run_id < '01800000-0000-0000-0000-000000000000'"), 'RUNNING', 'the open run is the one that stayed');
wait_for_query($node, "SELECT phase FROM flowctl.runs WHERE run_id < '01800000-0000-0000-0000-000000000000'", 'WAITING');
pass('and has begun since');
$sql->("SELECT flowctl.stop(run_id) FROM flowctl_catalog.run WHERE run_id < '01800000-0000-0000-0000-000000000000'");

# A crash between the TRUNCATE and the commit.
$suffix = fill('2020-05-04', 0);
$sql->(q{ALTER SYSTEM SET flowctl.retention = -1});
wake_housekeeper();
my $middle = $session->();
$middle->query_safe('BEGIN');
is($middle->query_safe(q{SELECT flowctl.drop_runs_before('2020-05-05 UTC')}), '1', 'runs are dropped by hand');
$node->stop('immediate');
eval { $middle->quit };
$node->start;
is($sql->("SELECT count(*) FROM flowctl_catalog.history_event_$suffix"), '1500', 'a crash before the commit: everything is there');
is($sql->("SELECT count(*) FROM flowctl_catalog.run_$suffix"), '500', 'in every table');
is($sql->(q{BEGIN; SELECT flowctl.drop_runs_before('2020-05-05 UTC'); COMMIT}), '1', 'once more');
$node->stop('immediate');
$node->start;
is($sql->("SELECT count(*) FROM flowctl_catalog.run_$suffix"), '0', 'a crash after it: gone');

# What comes into an emptied partition, late, is not in the way of dropping it for long.
$sql->("INSERT INTO flowctl_catalog.run SELECT (jsonb_populate_record(r, jsonb_build_object('run_id', o.first, 'name', NULL, 'ended_at', '2020-05-04', 'status', 'SUCCEEDED'))).*
        FROM flowctl_catalog.run r, (SELECT (regexp_match(pg_get_expr(relpartbound, oid), 'FROM \\(''([^'']+)'))[1] AS first
                             FROM pg_class WHERE oid = 'flowctl_catalog.run_$suffix'::regclass) o LIMIT 1");
is($sql->("SELECT count(*) FROM flowctl_catalog.run_$suffix"), '1', 'a late run of that time');

# ---- prepared transactions hold what they wrote to

$sql->(q{ALTER SYSTEM SET flowctl.retention = '1d'});
$sql->('SELECT pg_reload_conf()');
wait_for_query($node, "SELECT count(*) FROM flowctl.partitions WHERE suffix = '$suffix'", '0');
keep_house('3 days');
$sql->(q{SELECT flowctl.make_partition(date_trunc('minute', now()) - interval '1 hour', 
	least(date_trunc('minute', now()) + interval '5 minutes', (SELECT min(starts_at) FROM flowctl.partitions WHERE starts_at > now())))});
$sql->(q{BEGIN; SELECT flowctl.start('pass', '{"who": "prepared"}'); PREPARE TRANSACTION 'p'});
($status, $out, $err) = $node->psql('postgres', q{SELECT flowctl.keep_house(now() + '3 days')});
like($err, qr/lock timeout/, 'a partition that a prepared transaction has written to is left alone');
$sql->(q{COMMIT PREPARED 'p'});
wait_for_query($node, q{SELECT status FROM flowctl.runs WHERE input->>'who' = 'prepared'}, 'SUCCEEDED');
pass('its run works when it commits');

# ---- dumps have no partitions, and a restored database makes its own

keep_house('3 days');
my ($dump, $stderr);
IPC::Run::run([ 'pg_dump', '-d', $node->connstr('postgres') ], '>', \$dump, '2>', \$stderr) or die "pg_dump: $stderr";
unlike($dump, qr/CREATE TABLE flowctl|COPY flowctl_catalog\.(run|history|leaf)/, 'a dump has neither partitions nor runs');
$sql->('CREATE DATABASE restored');
my $file = PostgreSQL::Test::Utils::tempdir_short() . '/dump.sql';
PostgreSQL::Test::Utils::append_to_file($file, $dump);
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $file ], 'it can be restored');
is($node->safe_psql('restored', 'SELECT count(*) FROM flowctl.partitions WHERE starts_at <= now() AND ends_at > now()'), '1', 'and has a partition for today');

$node->stop;
done_testing();
