# Flows in a busy database and through a dump: sessions that define one flow at the same time, a definition or a trigger against
# a drop, and what pg_dump carries over: flows, versions, grants, authors, policies, lease rules, endpoints and triggers.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');
$node->safe_psql('postgres', q{
	CREATE ROLE author LOGIN; CREATE ROLE starter LOGIN; CREATE ROLE team;
	SELECT flowctl.grant_author('author');
	CREATE SCHEMA app AUTHORIZATION author;
	GRANT USAGE ON SCHEMA app TO PUBLIC});

# A definition that says which it is.
sub definition
{
	my ($mark) = @_;
	return sql_literal(to_json({ StartAt => 'A', States => { A => { Type => 'Pass', Comment => $mark, End => true } } }));
}

sub session { return $node->background_psql('postgres', on_error_stop => 0); }

# True as soon as a backend waits for another one.
sub somebody_waits
{
	wait_for_query($node, q{SELECT count(*) > 0 FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0});
}

# Two sessions define a new flow at the same time: the second waits, and is the second version or, without the right, refused.
my ($one, $two) = map { session() } 1 .. 2;
$one->query_safe('SET ROLE author; BEGIN');
is($one->query_safe('SELECT flowctl.define_flow(' . sql_literal('both') . ', ' . definition('one') . ')'), '1', 'the first defines the flow');
$two->query_safe('SET ROLE author');
$two->query_until(qr/asked/, "\\echo asked\nSELECT flowctl.define_flow('both', " . definition('two') . ");\n");
somebody_waits();
$one->query_safe('COMMIT');
is($two->query_safe('SELECT 1'), "2\n1", 'the second gets the next version');
is($node->safe_psql('postgres', q{SELECT string_agg(version || ' ' || (definition #>> '{States,A,Comment}'), ', ' ORDER BY version) FROM flowctl.flow_versions WHERE flow = 'both'}),
	'1 one, 2 two', 'no version is lost');

# The same when the first takes it back.
$one->query_safe('BEGIN');
$one->query_safe("SELECT flowctl.define_flow('undone', " . definition('one') . ')');
$two->query_until(qr/asked/, "\\echo asked\nSELECT flowctl.define_flow('undone', " . definition('two') . ");\n");
somebody_waits();
$one->query_safe('ROLLBACK');
is($two->query_safe('SELECT 1'), "1\n1", 'after a rollback the second is the first');

# Many at once, each with its own definition: versions without gaps.
my @many = map { session() } 1 .. 5;
$_->query_safe('SET ROLE author') for @many;
my $number = 0;
$_->query_until(qr/asked/, "\\echo asked\nDO \$\$ BEGIN FOR i IN 1..10 LOOP PERFORM flowctl.define_flow('many', json_build_object('StartAt', 'A', 'Comment', '"
	  . $number++ . "/' || i, 'States', json_build_object('A', json_build_object('Type', 'Succeed')))); END LOOP; END \$\$;\n") for @many;
$_->query_safe('SELECT 1') for @many;
is($node->safe_psql('postgres', q{SELECT count(*), max(version), max(latest_version) FROM flowctl.flow_versions v JOIN flowctl.flows f ON f.name = v.flow WHERE flow = 'many'}),
	'50|50|50', 'fifty definitions from five sessions are fifty versions');
$_->quit for @many;

# A trigger is being created while the flow is dropped: the drop waits and is refused.
$one->query_safe('CREATE TABLE app.orders (id int); BEGIN; CREATE TRIGGER go AFTER INSERT ON app.orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow(' . "'both')");
$two->query_until(qr/asked/, "\\echo asked\nSELECT flowctl.drop_flow('both');\n");
somebody_waits();
$one->query_safe('COMMIT');
$two->query("SELECT 1");
like($two->{stderr}, qr/cannot drop flow "both" because triggers start it/, 'a flow is not dropped under a new trigger');
$two->{stderr} = '';

# A definition does not wait for a trigger that is being created: who may only start a flow holds nobody up.
$one->query_safe("BEGIN; CREATE TRIGGER again AFTER INSERT ON app.orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('both')");
is($node->safe_psql('postgres', "SET lock_timeout = '30s'; SELECT flowctl.define_flow('both', " . definition('three') . ')'),
	'3', 'a flow is redefined under a new trigger');
$one->query_safe('ROLLBACK');

# And the other way round: the trigger waits and finds no flow.
$one->query_safe("BEGIN; SELECT flowctl.drop_flow('undone')");
$two->query_until(qr/asked/, "\\echo asked\nCREATE TRIGGER undone AFTER INSERT ON app.orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('undone');\n");
somebody_waits();
$one->query_safe('COMMIT');
$two->query("SELECT 1");
like($two->{stderr}, qr/flow "undone" does not exist/, 'a trigger is not created for a flow that is being dropped');
$_->quit for $one, $two;

# pg_dump takes everything that defines flows; pg_restore of it into an empty database works in one go.
$node->safe_psql('postgres', q{
	CREATE SERVER corp FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer 'https://idp.example');
	CREATE USER MAPPING FOR author SERVER corp OPTIONS (client_id 'orders', client_secret_file 'orders.secret');
	CREATE SERVER billing FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://billing.example', issuer 'corp');
	GRANT USAGE ON FOREIGN SERVER billing TO author;
	SET ROLE author;
	SELECT flowctl.define_flow('pay', '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "flowctl:http:billing", "End": true}}}',
		comment => 'pays', options => '{"keep_data": "ERROR"}');
	SELECT flowctl.grant_start('pay', 'starter');
	RESET ROLE;
	SELECT flowctl.add_policy('payments', 'permit', 'billing', '{"owner": "author"}', 'by day');
	SELECT flowctl.add_policy('nothing else', 'forbid', NULL, '{"state": "X"}');
	ALTER SERVER billing OPTIONS (ADD lease 'login');
	SELECT flowctl.add_lease_rule('reports', 'billing', 'team', '{"subject": false}', 'reads');
	GRANT team TO author;
	SET ROLE author;
	SELECT flowctl.alter_flow_owner('both', 'team')});
my $state = q{
	SELECT 'flow', name, owner::text, type, latest_version::text, comment FROM flowctl.flows
	UNION ALL SELECT 'version', flow, version::text, definition::text, options::text, author::text FROM flowctl.flow_versions
	UNION ALL SELECT 'grant', (SELECT name FROM flowctl_catalog.flow f WHERE f.flow_id = g.flow_id), role::text, granted_by::text, granted_at::text, '' FROM flowctl_catalog.flow_grant g
	UNION ALL SELECT 'author', role::text, granted_by::text, granted_at::text, '', '' FROM flowctl_catalog.author
	UNION ALL SELECT 'policy', name, effect, endpoint, conditions::text, concat_ws(' ', comment, created_by, created_at) FROM flowctl.policies
	UNION ALL SELECT 'lease rule', name, endpoint, role::text, conditions::text, concat_ws(' ', comment, created_by, created_at) FROM flowctl.lease_rules
	UNION ALL SELECT 'server', srvname, srvowner::regrole::text, (SELECT string_agg(o, ' ' ORDER BY o) FROM unnest(srvoptions) o), srvacl::text, '' FROM pg_foreign_server
	UNION ALL SELECT 'mapping', srvname, usename, umoptions::text, '', '' FROM pg_user_mappings
	UNION ALL SELECT 'trigger', tgname, tgrelid::regclass::text, encode(tgargs, 'escape'), '', '' FROM pg_trigger WHERE NOT tgisinternal
	ORDER BY 1, 2, 3, 4};
my $before = $node->safe_psql('postgres', $state);
my $dump   = PostgreSQL::Test::Utils::tempdir_short() . '/flows.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $dump ], 'pg_restore');
is($node->safe_psql('restored', $state), $before, 'everything that defines flows is restored');
my (undef, undef, $stderr) = $node->psql('restored', q{SET ROLE starter; SELECT flowctl.define_flow('x', '{}')});
like($stderr, qr/permission denied to define flows/, 'who was no author is none');
is($node->safe_psql('restored', q{SET ROLE starter; SELECT name FROM flowctl.flows}), 'pay', 'who may start a flow still may');
is($node->safe_psql('restored', q{SET ROLE author; SELECT flowctl.define_flow('new', '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}')}), '1', 'who was an author still is');

$node->stop;
done_testing();
