# Executors: how many there are, how roles and workers share them, what happens when there is no room for one, and how they leave.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Utils;
use FlowctlTest;

my $node = new_node('sql_processes', 'flowctl.workers' => 2, 'flowctl.max_sql_workers' => 3, 'flowctl.sql_workers' => 2);
wait_for_workers($node, 2);
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };
my @roles = qw(ann ben cid);
for my $role (@roles)
{
	$sql->("CREATE ROLE $role LOGIN; CREATE SCHEMA $role AUTHORIZATION $role; SELECT flowctl.grant_author('$role')");
	$sql->("SET ROLE $role; CREATE FUNCTION $role.who(n int) RETURNS text LANGUAGE sql AS 'SELECT current_user::text';
		CREATE FUNCTION $role.gated(n int) RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN PERFORM pg_advisory_xact_lock_shared(1, n); RETURN current_user; END \$\$;
		CREATE FUNCTION $role.works(n int) RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN PERFORM pg_sleep(0.01); RETURN current_user; END \$\$");
	for my $function (qw(who gated works))
	{
		my $flow = to_json({ StartAt => 'S', States => { S => { Type => 'Task', Resource => "flowctl:sql:$role.$function", End => true } } });
		$sql->("SET ROLE $role; SELECT flowctl.define_flow('${role}_$function', " . sql_literal($flow) . ')');
	}
}
my $executors = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'flowctl SQL executor'};
sub gate { my ($n) = @_; my $session = $node->background_psql('postgres'); $session->query_safe("SELECT pg_advisory_lock(1, $n)"); return $session; }
sub at_gate { my ($n, $count) = @_; return wait_for_query($node, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1 AND objid = $n AND NOT granted", $count); }
sub runs { my ($flow, $count, $n) = @_; return split /\n/, $sql->("SELECT flowctl.start('$flow', jsonb_build_object('n', $n)) FROM generate_series(1, $count)"); }

# More than one role at a time, and more than one worker: all get their turn, although there are two executors for a database.
my @all = map { runs("${_}_works", 100, 0) } @roles;
for my $role (@roles)
{
	wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE flow = '${role}_works' AND status = 'SUCCEEDED' AND output = '\"$role\"'", '100');
}
cmp_ok($sql->($executors), '<=', 2, 'a database has no more executors than it may');

# A role whose functions take all places lets another one in only when one of them ends: nobody is cut off.
my $gate = gate(1);
runs('ann_gated', 4, 1);
at_gate(1, 2);
my ($late) = runs('ben_who', 1, 1);
is($sql->($executors), 2, 'two functions are under way, and a third role waits');
is(run_row($node, $late)->{status}, 'RUNNING', 'its run is open');
$gate->quit;
is(wait_for_run($node, $late), 'SUCCEEDED', 'and goes on when there is a place');
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');

# While a role works without a break, another one gets a place after a moment.
@all = runs('ann_works', 2000, 0);
($late) = runs('cid_who', 1, 1);
is(wait_for_run($node, $late), 'SUCCEEDED', 'a role that works without a break lets another one in');
cmp_ok($sql->(q{SELECT count(*) FROM flowctl.runs WHERE flow = 'ann_works' AND status = 'RUNNING'}), '>', 0, 'before it has done all of its work');
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');

# Fewer, and none.
$sql->('ALTER SYSTEM SET flowctl.sql_workers = 0');
$node->reload;
wait_for_query($node, $executors, '0');
my ($waits) = runs('ann_who', 1, 1);
wait_for_query($node, 'SELECT count(*) FROM flowctl_catalog.sql_order', '1');
ok($node->wait_for_log(qr/could not start an executor for SQL steps.*Raise flowctl\.sql_workers/s), 'the log says why a step waits');
is(run_row($node, $waits)->{status}, 'RUNNING', 'without executors a step waits');
$sql->('ALTER SYSTEM SET flowctl.sql_workers = 1');
$node->reload;
is(wait_for_run($node, $waits), 'SUCCEEDED', 'until there are some');

# A drain waits for what is under way, and nothing else begins.
$gate = gate(2);
my ($under_way) = runs('ann_gated', 1, 2);
at_gate(2, 1);
my ($status, $out, $err) = $node->psql('postgres', q{CALL flowctl.drain('100 ms')});
like($err, qr/under way/, 'a drain says that something is under way') or diag("$out$err");
($late) = runs('ann_who', 1, 1);
$gate->quit;
is($node->psql('postgres', q{CALL flowctl.drain('60 s')}), 0, 'and returns when it is over');
is(run_row($node, $late)->{status}, 'RUNNING', 'nothing new has begun');
$sql->('CALL flowctl.undrain()');
is(wait_for_run($node, $_), 'SUCCEEDED', 'after it all goes on') for $under_way, $late;

# DROP DATABASE and DROP EXTENSION do not wait for executors.
$sql->('CREATE DATABASE other');
$node->safe_psql('other', q{CREATE EXTENSION pg_flowctl; GRANT ALL ON SCHEMA public TO ann; SELECT flowctl.grant_author('ann'); SET ROLE ann;
	CREATE FUNCTION public.gated() RETURNS void LANGUAGE sql AS 'SELECT pg_sleep(600)';
	SELECT flowctl.define_flow('f', '{"StartAt": "S", "States": {"S": {"Type": "Task", "Resource": "flowctl:sql:public.gated", "Parameters": {}, "End": true}}}');
	SELECT flowctl.start('f')});
wait_for_query($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'flowctl SQL executor' AND datname = 'other' AND wait_event = 'PgSleep'}, '1');
is($node->psql('postgres', 'DROP DATABASE other'), 0, 'a database can be dropped while a function is at work');
$gate = gate(3);
runs('ann_gated', 1, 3);
at_gate(3, 1);
is($node->psql('postgres', 'DROP EXTENSION pg_flowctl CASCADE'), 0, 'and so can the extension');
wait_for_query($node, $executors, '0');
$gate->quit;
$node->stop;

# No room for another process: the server's own, the launcher and two workers take all. What waits is executed when there is room.
$node->append_conf('postgresql.conf', "max_worker_processes = 4\n");
$node->start;
$sql->(q{CREATE EXTENSION pg_flowctl; SELECT flowctl.grant_author('ann')});
wait_for_workers($node, 2);
$sql->(q{SET ROLE ann; SELECT flowctl.define_flow('f', '{"StartAt": "S", "States": {"S": {"Type": "Task", "Resource": "flowctl:sql:ann.who", "End": true}}}')});
my @many = runs('f', 3, 1);
ok($node->wait_for_log(qr/could not start an executor for SQL steps.*Raise max_worker_processes/s), 'the log says that there is no room');
is(run_row($node, $_)->{status}, 'RUNNING', 'a step waits') for @many;
$node->append_conf('postgresql.conf', "max_worker_processes = 16\n");
$node->restart;
is(wait_for_run($node, $_), 'SUCCEEDED', 'until there is room') for @many;
done_testing();
