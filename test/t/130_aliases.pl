# Versions by alias, as several sessions see them: a change counts from its commit on, for sessions that have started the flow
# before, for the worker, and not for a transaction that began earlier and sees the older state. What is dropped while another
# session would use it waits for that session. And pg_dump carries aliases, options and privileges.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('aliases');
$node->safe_psql('postgres', q{
	CREATE ROLE author; CREATE ROLE reader; CREATE ROLE starter;
	SELECT flowctl.grant_author('author'); CREATE SCHEMA s AUTHORIZATION author});
my $as_author = sub { return $node->safe_psql('postgres', "SET ROLE author; $_[0]") };
my $session   = sub { my $s = $node->background_psql('postgres', on_error_stop => 0); $s->query('SET ROLE author'); return $s };
# The run is seen by a statement that begins after its start.
my $start = sub { my ($s) = @_; my $run = $s->query_safe("SELECT flowctl.start('greet:live')"); return $s->query_safe("SELECT version FROM flowctl.runs WHERE run_id = '$run'") };

$as_author->(qq{SELECT flowctl.define_flow('greet', '{"StartAt": "S", "States": {"S": {"Type": "Pass", "Result": $_, "End": true}}}')}) for 1 .. 3;
$as_author->(q{SELECT flowctl.set_alias('greet', 'live', 1)});

# Sessions that have the flow in their memory.
my ($one, $two, $old) = map { $session->() } 1 .. 3;
is($start->($_), '1', 'a session starts what the alias leads to') for $one, $two;
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($start->($old), '1', 'a transaction that keeps its snapshot as well');
$one->query_safe('BEGIN');
$one->query_safe(q{SELECT flowctl.set_alias('greet', 'live', 2)});
is($start->($one), '2', 'who changes the alias starts the new version at once');
is($start->($two), '1', 'others do not before the commit');
$one->query_safe('ROLLBACK');
is($start->($one), '1', 'a change that is rolled back has not happened');
$as_author->(q{SELECT flowctl.set_alias('greet', 'live', 2)});
is($start->($one), '2', 'a change counts in a session that has started the flow before');
is($start->($two), '2', 'and in every other');
is($start->($old), '1', 'a transaction that sees the older state starts the older version');
$old->query_safe('COMMIT');
is($start->($old), '2', 'and not after its end');

# Options of the flow follow in the same way: in sessions that start it, and in the worker that ends its runs.
$as_author->(q{SELECT flowctl.alter_flow('greet', '{"attributes": {"n": "$.n"}}')});
$two->query_safe(q{SELECT flowctl.start('greet', '{"n": 5}')});
is($as_author->(q{SELECT count(*) FROM flowctl.find_runs('n', '5')}), '1', 'a session sees new options at once');
$as_author->(q{SELECT flowctl.define_flow('fails', '{"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E"}}}')});
my $failed = sub { my ($status) = split /\n/, $as_author->(q{SELECT flowctl.start('fails')}); wait_for_run($node, $status); return $status };
my $reported = sub { return $as_author->("SELECT count(*) FROM flowctl.runs WHERE flow = 'greet' AND parent_run_id = '$_[0]'") };
is($reported->($failed->()), '0', 'a failure starts nothing');
$as_author->(q{SELECT flowctl.alter_flow('fails', '{"on_failure": "greet:live"}')});
is($reported->($failed->()), '1', 'the worker sees a new option at the next failure');
$as_author->(q{SELECT flowctl.alter_flow('fails', '{"on_failure": null}')});
is($reported->($failed->()), '0', 'and that it is gone');

# An alias and a version are not dropped under a trigger that is being created.
$as_author->('CREATE TABLE s.t (id int)');
$one->query_safe('BEGIN');
$one->query_safe(q{CREATE TRIGGER start AFTER INSERT ON s.t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('greet:live')});
$two->query_until(qr/dropping/, "\\echo dropping\nSELECT flowctl.drop_alias('greet', 'live');\n");
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%drop_alias%' AND wait_event_type = 'Lock'}),
	'dropping an alias waits for a trigger that is being created');
$one->query_safe('COMMIT');
$two->query('SELECT 1');
like($two->{stderr}, qr/cannot drop alias "live" of flow "greet" because triggers start it/, 'and is then refused');
$two->{stderr} = '';
# A version is not dropped under an alias that is being set.
$one->query_safe('BEGIN');
$one->query_safe(q{SELECT flowctl.set_alias('greet', 'beta', 1)});
$two->query_until(qr/dropping/, "\\echo dropping\nSELECT flowctl.drop_version('greet', 1);\n");
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%drop_version%' AND wait_event_type = 'Lock'}),
	'dropping a version waits for an alias that is being set');
$one->query_safe('COMMIT');
$two->query('SELECT 1');
like($two->{stderr}, qr/cannot drop version 1 of flow "greet" because alias "beta" leads to it/, 'and is then refused');
# A run that has started and not committed keeps a version that is dropped meanwhile.
$as_author->(q{SELECT flowctl.drop_alias('greet', 'beta')});
$one->query_safe('BEGIN');
my $uncommitted = $one->query_safe(q{SELECT flowctl.start('greet:1')});
$as_author->(q{SELECT flowctl.drop_version('greet', 1)});
$one->query_safe('COMMIT');
wait_for_run($node, $uncommitted);
is(run_output($node, $uncommitted), 1, 'a run keeps a version that was dropped before its transaction ended');
$_->quit for $one, $two, $old;

# pg_dump and pg_restore.
$as_author->(q{
	SELECT flowctl.set_alias('greet', 'canary', 2, 3, 25), flowctl.grant_flow('greet', 'reader', '{read,operate}'), flowctl.grant_start('greet', 'starter');
	SELECT flowctl.alter_flow('greet', '{"tags": {"team": "shop"}, "expect": {"finish_within": "1 h"}}');
	SELECT flowctl.define_flow('checked', '{"StartAt": "S", "States": {"S": {"Type": "Pass", "End": true}}}', options => '{"input_schema": {"required": ["id"]}, "on_exhausted": "pause", "on_failure": "greet:live"}')});
my $state = q{
	SELECT 'flow', name, options::text, tags::text, latest_version::text FROM flowctl.flows
	UNION ALL SELECT 'version', flow, version::text, options::text, '' FROM flowctl.flow_versions
	UNION ALL SELECT 'alias', flow, alias, concat_ws(' ', version, second_version, second_weight), set_by || set_at::text FROM flowctl.aliases
	UNION ALL SELECT 'grant', flow, role::text, privileges::text, granted_by FROM flowctl.flow_grants
	ORDER BY 1, 2, 3};
my $before = $node->safe_psql('postgres', $state);
like($before, qr/^alias\|greet\|canary\|2 3 25\|author/m, 'there is something to dump');
my $dump = PostgreSQL::Test::Utils::tempdir_short() . '/aliases.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $dump ], 'pg_restore');
is($node->safe_psql('restored', $state), $before, 'options, aliases and privileges are restored');
is($node->safe_psql('restored', 'SELECT count(*) FROM flowctl.unresolved'), '0', 'and nothing is missing');
my (undef, undef, $stderr) = $node->psql('restored', q{SET ROLE author; SELECT flowctl.start('checked')});
like($stderr, qr/does not fit its input_schema/, 'a restored schema is checked');
# A dump without the versions: the alias stays, and is listed.
$node->safe_psql('restored', q{DELETE FROM flowctl_catalog.flow_version WHERE version = 2});
like($node->safe_psql('restored', q{SELECT kind, name, missing FROM flowctl.unresolved}), qr/^alias\|greet:canary\|version 2$/m, 'an alias whose version is missing is listed');

$node->stop;
done_testing();
