# A publication FOR ALL TABLES carries the engine's tables, too. A subscriber that has the extension keeps its own runs and
# flows, carries out nothing of the publisher's, and its subscription works on.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use Parts;
use Test::More;

my $stub = Parts::start_stub();
my $node = new_node('main', wal_level => 'logical', max_wal_senders => 5, max_replication_slots => 5);
$node->safe_psql('postgres', "CREATE DATABASE $_") for qw(pub sub);
for my $db (qw(pub sub))
{
	$node->safe_psql($db, qq{
		CREATE EXTENSION pg_flowctl;
		CREATE SERVER e FOREIGN DATA WRAPPER flowctl_http OPTIONS (url '${\ $stub->url("/from_$db")}', auth 'none');
		CREATE TABLE job (id int PRIMARY KEY)});
	wait_for_workers($node, 1, $db);
}
my (undef, undef, $stderr) = $node->psql('pub', 'CREATE PUBLICATION everything FOR ALL TABLES');
like($stderr, qr/WARNING:  the publication includes the tables of pg_flowctl.*HINT:.*FOR TABLES IN SCHEMA/s, 'CREATE PUBLICATION FOR ALL TABLES warns');
(undef, undef, $stderr) = $node->psql('pub', 'CREATE PUBLICATION jobs FOR TABLE job');
is($stderr, '', 'one that names its tables does not');
define_flow($node, 'later', { StartAt => 'W', States => {
	W => { Type => 'Wait', SecondsPath => '$.seconds', Next => 'D' }, D => { Type => 'Task', Resource => 'flowctl:http:e', End => true } } }, 'pub');
define_flow($node, 'own', { StartAt => 'P', States => { P => { Type => 'Pass', End => true } } }, 'sub');

# Publisher and subscriber share a server here, so the slot is made first.
$node->safe_psql('pub', q{SELECT pg_create_logical_replication_slot('lr', 'pgoutput')});
my $conninfo = $node->connstr('pub');
$conninfo =~ s/'/''/g;
$node->safe_psql('sub', "CREATE SUBSCRIPTION lr CONNECTION '$conninfo' PUBLICATION everything WITH (create_slot = false, slot_name = 'lr')");
wait_for_query($node, q{SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'}, '0', 'sub');

my $run = start_run($node, 'later', { seconds => 1 }, 'pub');
$node->safe_psql('pub', q{INSERT INTO job VALUES (1); SELECT flowctl.grant_author('pg_monitor')});
is(wait_for_run($node, $run, 'pub'), 'SUCCEEDED', 'the publisher carries out its run');
# Rights are taken back in the publication, too.
$node->safe_psql('pub', q{SELECT flowctl.grant_start('later', 'pg_monitor'); SELECT flowctl.revoke_start('later', 'pg_monitor'), flowctl.revoke_author('pg_monitor')});
is($node->safe_psql('pub', 'SELECT (SELECT count(*) FROM flowctl_catalog.author) + (SELECT count(*) FROM flowctl_catalog.flow_grant)'), '0',
	'rights can be taken back');
is($node->safe_psql('pub', q{SELECT string_agg(c.relname, ' ') FROM pg_class c WHERE c.relnamespace = 'flowctl_catalog'::regnamespace AND c.relkind IN ('r', 'p')
		AND c.relname NOT LIKE 'token\_revocation%' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)}),
	'', 'every table whose rows change has a replica identity');
$node->safe_psql('pub', q{INSERT INTO job VALUES (2)});
wait_for_query($node, 'SELECT count(*) FROM job', '2', 'sub');    # what came before has been applied, too
is($node->safe_psql('sub', "SELECT count(*) FROM flowctl_catalog.$_"), '0', "the subscriber has nothing of the publisher's $_")
  for qw(run frame history_event call call_outcome author);
is($node->safe_psql('sub', 'SELECT string_agg(name, $$,$$) FROM flowctl_catalog.flow'), 'own', 'and its own flow alone');
is($node->safe_psql('sub', q{SELECT count(*) FROM pg_stat_subscription WHERE pid IS NOT NULL AND relid IS NULL}), '1', 'the subscription works on');

# The subscriber's worker may look for runs as often as it likes.
$node->safe_psql('sub', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type LIKE 'flowctl worker%' AND datname = 'sub'});
wait_for_workers($node, 1, 'sub');
$run = start_run($node, 'own', {}, 'sub');
is(wait_for_run($node, $run, 'sub'), 'SUCCEEDED', 'the subscriber carries out its own');
my @calls = map { $_->{path} } $stub->calls;
is_deeply(\@calls, ['/from_pub'], 'each call was made once, by the publisher');

# A replicated row of a user's table may start a flow of the subscriber, and so may a session in that role.
$node->safe_psql('sub', q{
	CREATE TRIGGER own AFTER INSERT ON job FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('own');
	ALTER TABLE job ENABLE ALWAYS TRIGGER own});
$node->safe_psql('pub', q{INSERT INTO job VALUES (3)});
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE input -> 'after' ->> 'id' = '3' AND status = 'SUCCEEDED'}, '1', 'sub');
pass('a row that comes by replication starts a flow of the subscriber');
$run = $node->safe_psql('sub', q{SET session_replication_role = replica; SELECT flowctl.start('own')});
is(wait_for_run($node, $run, 'sub'), 'SUCCEEDED', 'so does a session whose role is replica');

# Emptying a partition of the publisher leaves the subscriber's of the same name alone.
$node->safe_psql($_, q{SELECT flowctl.make_partition('2020-01-01', '2020-01-02')}) for qw(pub sub);
$node->safe_psql('sub', q{
	INSERT INTO flowctl_catalog.run (run_id, flow_id, flow, version, type, status, input, started_at, ended_at, flow_owner, role, starter, session_user_name, start_xid)
	SELECT flowctl.run_id_at('2020-01-01 12:00'), flow_id, 'own', 1, 'STANDARD', 'SUCCEEDED', '{}', '2020-01-01 12:00', '2020-01-01 12:00', flow_owner, role, starter, 'x', start_xid
	FROM flowctl_catalog.run LIMIT 1;
	ALTER SUBSCRIPTION lr REFRESH PUBLICATION});
wait_for_query($node, q{SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'}, '0', 'sub');
is($node->safe_psql('pub', q{SELECT flowctl.drop_runs_before('2020-01-03')}), '1', 'the publisher empties a partition');
$node->safe_psql('pub', q{INSERT INTO job VALUES (4)});
wait_for_query($node, q{SELECT count(*) FROM job WHERE id = 4}, '1', 'sub');
is($node->safe_psql('sub', q{SELECT count(*) FROM flowctl.runs WHERE run_id = flowctl.run_id_at('2020-01-01 12:00')}), '1', 'the subscriber keeps its own');

# A person who loads rows under session_replication_role = replica is told that they are left out.
(undef, undef, $stderr) = $node->psql('sub', q{
	SET session_replication_role = replica;
	INSERT INTO flowctl_catalog.author (role, granted_by) VALUES ('pg_monitor', 'x'), ('pg_read_all_data', 'x')});
like($stderr, qr/WARNING:  changes of table flowctl_catalog\.author are left out/, 'with a warning');
is(() = ($stderr =~ /WARNING/g), 1, 'once');
is($node->safe_psql('sub', 'SELECT count(*) FROM flowctl_catalog.author'), '0', 'and they are');

# What goes straight to the heap costs no more for these triggers, in leaves that are made later, too.
is($node->safe_psql('sub', q{SELECT count(*) FROM pg_class c WHERE c.relnamespace = 'flowctl_catalog'::regnamespace AND c.relkind IN ('r', 'p')
		AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'leave_out_replicated' AND t.tgenabled = 'R')}),
	'0', 'every table and leaf has the trigger');
$node->safe_psql('sub', 'ALTER SUBSCRIPTION lr DISABLE; ALTER SUBSCRIPTION lr SET (slot_name = NONE)');
$node->safe_psql('sub', 'DROP SUBSCRIPTION lr');
$node->stop;
done_testing();
