# Quotas of roles: a flood of starts from several sessions is refused at the quota and goes on when runs end, also after
# a crash; calls of all flows of a role wait at its quota, over all workers.
use strict;
use warnings;
use IPC::Run ();
use Test::More;
use FlowctlTest;
use Parts;

my $stub = Parts::start_stub();
my $node = new_node('quotas', 'flowctl.workers' => 3, 'max_worker_processes' => 16, 'restart_after_crash' => 'on', 'flowctl.sweep_interval' => '500ms');
wait_for_workers($node, 3);
$node->safe_psql('postgres', q{CREATE ROLE crowd; CREATE ROLE others; SELECT flowctl.grant_author('crowd'), flowctl.grant_author('others')});
sub define_as
{
	my ($role, $name, $flow) = @_;
	$node->safe_psql('postgres', "SET ROLE $role; SELECT flowctl.define_flow(" . sql_literal($name) . ', ' . sql_literal(to_json($flow)) . ')');
}
my $wait = { StartAt => 'W', States => { W => { Type => 'Wait', Seconds => 100_000, End => true } } };
define_as('crowd', 'waits', $wait);
define_as('others', 'free', $wait);
my $open = q{SELECT count(*) FROM flowctl.runs WHERE flow = 'waits' AND status = 'RUNNING'};

# Each transaction starts one run, so together the sessions may go beyond the quota by one run of each other session.
my $sessions = 4;
$node->safe_psql('postgres', q{SELECT flowctl.set_quota('crowd', open_runs => 100)});
$node->safe_psql('postgres', q{CREATE PROCEDURE flood() LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..60 LOOP CALL one(); COMMIT; END LOOP; END $$;
	CREATE PROCEDURE one() LANGUAGE plpgsql AS $$ BEGIN PERFORM flowctl.start('waits'); EXCEPTION WHEN configuration_limit_exceeded THEN NULL; END $$});
sub flood_and_count
{
	my @handles;
	for (1 .. $sessions)
	{
		my ($in, $out, $err) = ('CALL flood();', '', '');
		my $handle = IPC::Run::start([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$out, '2>', \$err);
		push @handles, $handle;
	}
	ok($_->finish, 'a session with a flood of starts ends') for @handles;
	return $node->safe_psql('postgres', $open);
}
my $count = flood_and_count();
cmp_ok($count, '>=', 100, 'a flood of starts reaches the quota');
cmp_ok($count, '<', 100 + $sessions, 'and is refused there');
my (undef, undef, $error) = $node->psql('postgres', q{SELECT flowctl.start('waits')});
like($error, qr/role "crowd" has reached its quota of open runs.*allows 100/s, 'the error names role and quota');
is($node->safe_psql('postgres', q{SELECT count(flowctl.start('free')) FROM generate_series(1, 110)}), '110', 'other roles are not concerned');

# When runs end, starts go on.
$node->safe_psql('postgres', q{SELECT count(flowctl.stop(run_id)) FROM (SELECT run_id FROM flowctl.runs WHERE flow = 'waits' ORDER BY run_id LIMIT 50) r});
wait_for_query($node, $open, $count - 50);
# A count that has taken long is not repeated at once.
my $end = time + $PostgreSQL::Test::Utils::timeout_default;
do { $count = flood_and_count() } while ($count < 100 && time < $end);
cmp_ok($count, '>=', 100, 'as many as have ended can be started');
cmp_ok($count, '<', 100 + $sessions, 'and no more');

# The counts are lost with shared memory, and are found again.
my $pid = $node->safe_psql('postgres', q{SELECT pid FROM flowctl.workers ORDER BY pid LIMIT 1});
kill 9, $pid;
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid");
wait_for_workers($node, 3);
(undef, undef, $error) = $node->psql('postgres', q{SELECT flowctl.start('waits')});
like($error, qr/role "crowd" has reached its quota/, 'the quota holds after a crash');
is($node->safe_psql('postgres', q{SELECT open_runs_used FROM flowctl.quotas WHERE role = 'crowd'::regrole}), $count, 'the view counts them');

# Calls: two endpoints of one role, and one quota.
for my $name (qw(first second))
{
	http_server($node, $name, $stub->url("/$name"));
	$node->safe_psql('postgres', "GRANT USAGE ON FOREIGN SERVER $name TO crowd, others");
	define_as('crowd', $name, http_flow($name));
	$stub->script("/$name", then => { hold => $name, body => {} });
}
define_as('others', 'other', http_flow('first'));
$node->safe_psql('postgres', q{SELECT flowctl.set_quota('crowd', calls => 3)});
$node->safe_psql('postgres', q{SELECT flowctl.start('first'), flowctl.start('first'), flowctl.start('second')});
$stub->wait_for(3, outcome => 'held');
is($node->safe_psql('postgres', q{SELECT calls_used FROM flowctl.quotas WHERE role = 'crowd'::regrole}), '3', 'the view counts calls of all flows and workers');
$node->safe_psql('postgres', q{SELECT count(flowctl.start(flow)) FROM generate_series(1, 10), (VALUES ('first'), ('second')) f (flow)});
wait_for_query($node, q{SELECT count(*) FROM flowctl_catalog.frame f JOIN flowctl_catalog.run r USING (run_id) WHERE r.flow IN ('first', 'second')}, '23');
$node->safe_psql('postgres', q{SELECT flowctl.start('other')});
$stub->wait_for(4, outcome => 'held');
is(scalar($stub->calls()), 4, "the role's other calls wait, and the call of another role does not");

# A quota that is raised lets more of them go; calls under way from before it count as well.
$node->safe_psql('postgres', q{SELECT flowctl.drop_quota('crowd'); SELECT flowctl.set_quota('crowd', calls => 5)});
$stub->wait_for(6, outcome => 'held');
$stub->script("/$_", then => { body => {} }) for qw(first second);
$stub->release($_) for qw(first second);
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow IN ('first', 'second', 'other') AND status = 'RUNNING'}, '0');
is(scalar($stub->calls()), 24, 'each call is made once');
wait_for_query($node, q{SELECT calls_used FROM flowctl.quotas WHERE role = 'crowd'::regrole}, '0');

# Quotas are dumped. One of a role that is not there counts for nobody until somebody says who is meant.
$node->safe_psql('postgres', q{CREATE ROLE gone; SELECT flowctl.set_quota('gone', 7, 8)});
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'a dump');
$node->safe_psql('postgres', q{SELECT flowctl.drop_quota('gone'); DROP ROLE gone; CREATE DATABASE copy TEMPLATE template0});
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'copy', '-f', $dump ], 'is restored');
my $quotas = q{SELECT role, open_runs, calls FROM flowctl.quotas ORDER BY role::text};
is($node->safe_psql('copy', $quotas), 'crowd||5', 'the quota of a role that is there');
is($node->safe_psql('copy', q{SELECT kind, missing FROM flowctl.unresolved}), 'quota|role gone', 'and the other one is listed');
$node->safe_psql('copy', q{SELECT flowctl.resolve_roles('{"gone": "others"}')});
is($node->safe_psql('copy', $quotas), "crowd||5\nothers|7|8", 'it is given to another role');

done_testing();
