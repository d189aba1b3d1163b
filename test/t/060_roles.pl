# Roles that flows depend on, beyond one database: DROP ROLE from another one, a copy, a restored dump, and rows that came in
# without triggers; and a run whose role is gone.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');
my $wait = sql_literal(to_json({ StartAt => 'W', States => { W => { Type => 'Wait', SecondsPath => '$.seconds', Next => 'C' },
	C => { Type => 'Task', Resource => 'flowctl:http:nowhere', End => true } } }));
$node->safe_psql('postgres', qq{
	CREATE ROLE keeper; CREATE ROLE heir; CREATE ROLE late; CREATE ROLE other;
	CREATE SERVER nowhere FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://nowhere.invalid', auth 'none');
	GRANT USAGE ON FOREIGN SERVER nowhere TO keeper;
	SELECT flowctl.grant_author('keeper');
	SET ROLE keeper;
	SELECT flowctl.define_flow('patient', $wait)});

sub refuses
{
	my ($db, $role, $why, $name) = @_;
	my ($status, undef, $stderr) = $node->psql($db, "DROP ROLE $role");
	isnt($status, 0, $name);
	like($stderr, $why, "$name: says why");
}

refuses('template1', 'keeper', qr/3 objects in database postgres/, 'another database');

# A dump of the flows brings the dependencies along.
my $dump = PostgreSQL::Test::Utils::tempdir_short() . '/flows.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $dump ], 'pg_restore');
refuses('postgres', 'keeper', qr/privileges for column owner of table flowctl_catalog\.flow\n.*objects in database restored/s, 'a restored dump');
$node->safe_psql('restored', 'REASSIGN OWNED BY keeper TO heir; DROP OWNED BY keeper');

# So does the dump of a role that may read everything and nothing else, without a word on stderr.
$node->safe_psql('postgres', 'CREATE ROLE backup LOGIN IN ROLE pg_read_all_data');
my ($plain, $complaints) = ('', '');
my $done = IPC::Run::run([ 'pg_dump', '-U', 'backup', '-d', $node->connstr('postgres') ], '>', \$plain, '2>', \$complaints);
ok($done, 'pg_dump as a member of pg_read_all_data');
is($complaints, '', 'has nothing to complain of');
like($plain, qr/^keeper\tpostgres\t/m, 'and dumps the authors');

# Two sessions: the first takes away the last row, the second adds one meanwhile and waits.
my ($one, $two) = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 2;
$node->safe_psql('postgres', q{SELECT flowctl.grant_start('patient', 'other')});
$one->query_safe(q{BEGIN; SELECT flowctl.revoke_start('patient', 'other')});
$two->query_until(qr/asked/, "\\echo asked\nSELECT flowctl.grant_start('patient', 'other');\n");
wait_for_query($node, q{SELECT count(*) > 0 FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0});
$one->query_safe('COMMIT');
$two->query_safe('SELECT 1');
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl_catalog.flow_grant}), '1', 'the second has granted');
refuses('postgres', 'other', qr/privileges for column role of table flowctl_catalog\.flow_grant/, 'what was granted meanwhile counts');

# DROP OWNED waits for who is just granting, and what its snapshot is too old to see stays a dependency.
$one->query_safe(q{BEGIN; SELECT flowctl.grant_author('other')});
$two->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM flowctl.flows');
$two->query_until(qr/asked/, "\\echo asked\nDROP OWNED BY other;\n");
wait_for_query($node, q{SELECT count(*) > 0 FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0});
$one->query_safe('COMMIT');
$two->query_safe('COMMIT');
is($node->safe_psql('postgres', q{SELECT (SELECT count(*) FROM flowctl_catalog.flow_grant), (SELECT count(*) FROM flowctl_catalog.author WHERE role::oid = 'other'::regrole)}),
	'0|1', 'it takes back what it sees');
refuses('postgres', 'other', qr/privileges for column role of table flowctl_catalog\.author/, 'what it does not see counts');
$_->quit for $one, $two;

# Rows that no trigger saw, as after pg_upgrade: the worker records them when it starts.
$node->safe_psql('postgres', q{
	ALTER TABLE flowctl_catalog.author DISABLE TRIGGER ALL;
	INSERT INTO flowctl_catalog.author VALUES ('late', 'postgres');
	ALTER TABLE flowctl_catalog.author ENABLE ALWAYS TRIGGER depend_on_role});
$node->restart;
wait_for_query($node, q{SELECT count(*) FROM pg_shdepend WHERE refobjid = 'late'::regrole}, '1');
refuses('postgres', 'late', qr/privileges for column role of table flowctl_catalog\.author/, 'rows that no trigger saw');

# A run goes on as the role that it began with; when that is gone, its calls fail and nobody else's rights are used.
my $run = start_run($node, 'patient', { seconds => 2 });
$node->safe_psql('postgres', q{REASSIGN OWNED BY keeper TO heir; DROP OWNED BY keeper; DROP ROLE keeper});
is(wait_for_run($node, $run), 'FAILED', 'a run of a role that is gone fails');
my $row = run_row($node, $run);
is($row->{error}, 'States.Permissions', 'for lack of permission');
like($row->{cause}, qr/the run's role no longer exists/, 'and says so');

# Whoever takes a right away does not wait for somebody who leaves a grant of it uncommitted. What that grant left behind is no obstacle
# afterwards.
$node->safe_psql('postgres', q{CREATE ROLE bob; SELECT flowctl.grant_author('bob'), flowctl.grant_author('heir')});
my $granting = $node->background_psql('postgres');
$granting->query_safe(q{SET ROLE heir});
$granting->query_safe(q{BEGIN; SELECT flowctl.grant_start('patient', 'bob')});
is($node->safe_psql('postgres', q{SET statement_timeout = '20 s'; SELECT flowctl.revoke_author('bob')}), '', 'a revoke does not wait for an open grant');
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl_catalog.author a WHERE a.role::text = 'bob'}), '0', 'and takes effect');
$granting->query_safe('COMMIT');
refuses('postgres', 'bob', qr/privileges for column role of table flowctl_catalog\.flow_grant/, 'the grant that has committed');
$granting->query_safe(q{BEGIN; SELECT flowctl.revoke_start('patient', 'bob'); COMMIT});
$granting->quit;
$node->safe_psql('postgres', 'DROP ROLE bob');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_roles WHERE rolname = 'bob'}), '0', 'once the last row has gone the role can be dropped');

$node->stop;
done_testing();
