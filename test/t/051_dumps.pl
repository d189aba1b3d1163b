# Dumps restored in every way that pg_dump and pg_restore have: in parallel, in sections, the schema alone, single tables, over what
# is there, by an owner of the database who is no superuser, and into a server that lacks some of the roles. Nothing is lost: what
# refers to something that is missing is listed, and works when somebody has said what it refers to.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');
my $other = new_node('other');    # has none of the roles but the superuser
my $folder = PostgreSQL::Test::Utils::tempdir_short();
$node->safe_psql('postgres', q{
	CREATE ROLE alice LOGIN; CREATE ROLE "Bob the 2nd" LOGIN; CREATE ROLE carol; CREATE ROLE dbo LOGIN;
	CREATE DATABASE source OWNER dbo});
$node->safe_psql('source', q{
	CREATE EXTENSION pg_flowctl;
	SELECT flowctl.grant_author('alice');
	SELECT flowctl.grant_author('"Bob the 2nd"');
	CREATE SERVER billing FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://billing.invalid', auth 'none', lease 'login');
	SELECT flowctl.add_policy('day', 'permit', 'billing', '{"owner": "alice"}');
	SELECT flowctl.add_lease_rule('reports', 'billing', 'carol', '{"subject": false}');
	CREATE SCHEMA app AUTHORIZATION alice;
	SELECT flowctl.define_flow('super', '{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}', options => '{"run_as_superuser": true}');
	SET ROLE alice;
	SELECT flowctl.define_flow('f' || n, '{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}') FROM generate_series(1, 20) n;
	SELECT flowctl.define_flow('f1', '{"StartAt": "Q", "States": {"Q": {"Type": "Pass", "End": true}}}');
	SELECT flowctl.grant_start('f' || n, '"Bob the 2nd"') FROM generate_series(1, 20) n;
	CREATE TABLE app.t (id int);
	CREATE TRIGGER latest AFTER INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('f2');
	CREATE TRIGGER first AFTER INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('f1:1');
	INSERT INTO app.t VALUES (1)});
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'SUCCEEDED'}, '2', 'source');

# Everything that a dump has of the extension, as text.
my $state = q{
	SELECT 'flow', flow_id::text, name, owner::text, latest_version::text FROM flowctl_catalog.flow
	UNION ALL SELECT 'version', flow_id::text, version::text, definition || options::text, author::text FROM flowctl_catalog.flow_version
	UNION ALL SELECT 'grant', flow_id::text, role::text, granted_by::text, '' FROM flowctl_catalog.flow_grant
	UNION ALL SELECT 'author', role::text, granted_by::text, '', '' FROM flowctl_catalog.author
	UNION ALL SELECT 'policy', name, effect, endpoint, conditions FROM flowctl_catalog.policy
	UNION ALL SELECT 'rule', name, endpoint, role::text, conditions FROM flowctl_catalog.lease_rule
	ORDER BY 1, 2, 3};
my $triggers = q{SELECT string_agg(tgname, ' ' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = 'app.t'::regclass AND NOT tgisinternal};
my $before = $node->safe_psql('source', $state);
cmp_ok(scalar(split /\n/, $before), '==', 21 + 22 + 20 + 2 + 1 + 1, 'what there is to be dumped');

# Runs a program; returns whether it worked, and what it wrote to stderr.
sub tried
{
	my ($target, @command) = @_;
	my ($out, $err) = ('', '');
	local $ENV{PGHOST} = $target->host;
	local $ENV{PGPORT} = $target->port;
	my $done = IPC::Run::run([@command], '>', \$out, '2>', \$err);
	return ($done, $err, $out);
}

sub worked
{
	my ($target, $name, @command) = @_;
	my ($done, $err) = tried($target, @command);
	ok($done, $name) or diag($err);
	is($err, '', "$name: without a complaint");
}

my $count = 0;

# A database made from template0, and its name.
sub empty_database
{
	my ($target) = @_;
	my $name = 'target' . ++$count;
	$target->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE template0");
	return $name;
}

sub same_as_before
{
	my ($db, $name) = @_;
	is($node->safe_psql($db, $state), $before, "$name: everything is there");
	is($node->safe_psql($db, 'SELECT count(*) FROM flowctl.unresolved'), '0', "$name: nothing is unresolved");
}

sub starts_runs
{
	my ($target, $db, $name) = @_;
	$target->safe_psql($db, 'INSERT INTO app.t VALUES (2)');
	ok(wait_for_query($target, q{SELECT count(*) FROM flowctl.runs WHERE status = 'SUCCEEDED'}, '2', $db), "$name: triggers start runs that end");
}

worked($node, 'pg_dump', 'pg_dump', '-Fc', '-f', "$folder/custom", 'source');
worked($node, 'pg_dump -j', 'pg_dump', '-Fd', '-j', '3', '-f', "$folder/directory", 'source');

# In parallel, several times, because the order differs.
for my $try (1 .. 3)
{
	my $db = empty_database($node);
	worked($node, "pg_restore -j, $try", 'pg_restore', '--exit-on-error', '-j', '4', '-d', $db, $try == 2 ? "$folder/directory" : "$folder/custom");
	same_as_before($db, "pg_restore -j, $try");
	is($node->safe_psql($db, $triggers), 'first latest', "pg_restore -j, $try: triggers are there");
	starts_runs($node, $db, "pg_restore -j, $try") if $try == 1;
}

# In sections, by themselves.
my $sections = empty_database($node);
worked($node, "section $_", 'pg_restore', '--exit-on-error', "--section=$_", '-d', $sections, "$folder/custom") for qw(pre-data data post-data);
same_as_before($sections, 'sections');
starts_runs($node, $sections, 'sections');

# The rows in the opposite order.
my $list = (tried($node, 'pg_restore', '-l', "$folder/custom"))[2];
my @lines = split /\n/, $list;
my @data = grep { / TABLE DATA / } @lines;
PostgreSQL::Test::Utils::append_to_file("$folder/list", join("\n", (grep { !/ TABLE DATA | TRIGGER / } @lines), reverse(@data), grep { / TRIGGER / } @lines) . "\n");
my $reverse = empty_database($node);
worked($node, 'rows in the opposite order', 'pg_restore', '--exit-on-error', '-L', "$folder/list", '-d', $reverse, "$folder/custom");
same_as_before($reverse, 'rows in the opposite order');

# Over what is there.
$node->safe_psql($reverse, q{SELECT flowctl.define_flow('later', '{"StartAt": "P", "States": {"P": {"Type": "Succeed"}}}')});
worked($node, 'pg_restore --clean', 'pg_restore', '--exit-on-error', '--clean', '--if-exists', '-d', $reverse, "$folder/custom");
same_as_before($reverse, 'pg_restore --clean');
starts_runs($node, $reverse, 'pg_restore --clean');
my $plain = empty_database($node);
my (undef, undef, $script) = tried($node, 'pg_dump', '--clean', '--if-exists', 'source');
PostgreSQL::Test::Utils::append_to_file("$folder/clean.sql", $script);
worked($node, "pg_dump --clean, $_ time", 'psql', '-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=terse', '-f', "$folder/clean.sql", "dbname=$plain options='-c client_min_messages=warning'")
  for qw(first second);
same_as_before($plain, 'pg_dump --clean');

# The schema alone: triggers are there, and start runs when the data comes.
worked($node, 'pg_dump --schema-only', 'pg_dump', '-Fc', '--schema-only', '-f', "$folder/schema", 'source');
my $schema = empty_database($node);
worked($node, 'the schema alone', 'pg_restore', '--exit-on-error', '-d', $schema, "$folder/schema");
is($node->safe_psql($schema, $triggers), 'first latest', 'the schema alone: triggers are there');
my (undef, undef, $missing) = $node->psql($schema, 'INSERT INTO app.t VALUES (1)');
like($missing, qr/flow "f1" does not exist/, 'the schema alone: a row says which flow is missing');
worked($node, 'the data afterwards', 'pg_restore', '--exit-on-error', '--data-only', '-d', $schema, '-n', 'flowctl_catalog', "$folder/custom");
same_as_before($schema, 'the data afterwards');
starts_runs($node, $schema, 'the data afterwards');

# The data alone, into the schema, with its triggers switched off meanwhile. Those of the engine stay on: they know the roles.
my $quiet = empty_database($node);
worked($node, 'the schema before quiet data', 'pg_restore', '--exit-on-error', '-d', $quiet, "$folder/schema");
my $firing = q{SELECT string_agg(tgrelid::regclass || ' ' || tgname || ' ' || tgenabled::text, ', ' ORDER BY tgrelid::regclass::text, tgname)
	FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'flowctl_catalog'::regnamespace AND NOT relispartition)};
my $fires = $node->safe_psql($quiet, $firing);
worked($node, 'data with triggers disabled', 'pg_restore', '--exit-on-error', '--data-only', '--disable-triggers', '-d', $quiet, "$folder/custom");
same_as_before($quiet, 'data with triggers disabled');
is($node->safe_psql($quiet, $firing), $fires, 'the triggers of the engine fire when they did before');
is($node->safe_psql($quiet, 'SELECT count(*) FROM flowctl.runs'), '0', 'rows that were dumped have started nothing');
my $dependencies = q{SELECT string_agg(refobjid::regrole || ' ' || objsubid, ', ' ORDER BY refobjid::regrole::text, objsubid) FROM pg_shdepend
	WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND deptype = 'a' AND objid IN (SELECT oid FROM pg_class WHERE relnamespace = 'flowctl_catalog'::regnamespace)};
like($node->safe_psql($quiet, $dependencies), qr/alice/, 'the roles have their dependencies');
is($node->safe_psql($quiet, $dependencies), $node->safe_psql('source', $dependencies), 'all of them');

# A schema of the application, into a database that has the extension and not the flows; then the extension's rows alone.
worked($node, 'pg_dump -n app', 'pg_dump', '-Fc', '-n', 'app', '-f', "$folder/app", 'source');
my $app = empty_database($node);
$node->safe_psql($app, 'CREATE EXTENSION pg_flowctl; CREATE SERVER billing FOREIGN DATA WRAPPER flowctl_http OPTIONS (url $$https://billing.invalid$$, auth $$none$$, lease $$login$$)');
worked($node, 'a schema alone', 'pg_restore', '--exit-on-error', '-d', $app, "$folder/app");
is($node->safe_psql($app, $triggers), 'first latest', 'a schema alone: triggers are there');
my @rows = map { ('-t', "flowctl_catalog.$_") } qw(flow flow_version flow_grant author policy lease_rule);
worked($node, 'pg_dump -t', 'pg_dump', '-Fc', @rows, '-f', "$folder/catalog", 'source');
worked($node, 'the rows alone', 'pg_restore', '--exit-on-error', '-d', $app, "$folder/catalog");
same_as_before($app, 'the rows alone');
starts_runs($node, $app, 'the rows alone');

# Single tables, in the order that nobody would choose.
my $single = empty_database($node);
$node->safe_psql($single, 'CREATE EXTENSION pg_flowctl');
my %unresolved = (
	flow_grant   => '20 start grant',
	flow_version => '20 start grant, 22 version',
	lease_rule   => '1 lease rule, 20 start grant, 22 version',
	policy       => '1 lease rule, 1 policy, 20 start grant, 22 version',
	flow         => '1 lease rule, 1 policy',
	author       => '1 lease rule, 1 policy');
for my $table (qw(flow_grant flow_version lease_rule policy flow author))
{
	worked($node, "pg_dump -t $table", 'pg_dump', '-Fc', '-t', "flowctl_catalog.$table", '-f', "$folder/$table", 'source');
	worked($node, "table $table alone", 'pg_restore', '--exit-on-error', '-d', $single, "$folder/$table");
	is($node->safe_psql($single, q{SELECT string_agg(count || ' ' || kind, ', ' ORDER BY kind) FROM (SELECT kind, count(*) FROM flowctl.unresolved GROUP BY 1) s}),
		$unresolved{$table}, "table $table alone: what is missing is listed");
}
is($node->safe_psql($single, $state), $before, 'single tables: everything is there');

# Who sets check_function_bodies prepares no trigger on somebody else's table.
$node->safe_psql('source', 'GRANT USAGE ON SCHEMA app TO carol; GRANT TRIGGER ON app.t TO carol');
my (undef, undef, $refused) = $node->psql('source', q{SET ROLE carol; SET check_function_bodies = off;
	CREATE TRIGGER later AFTER INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('later')});
like($refused, qr/flow "later" does not exist/, 'a stranger cannot name a flow that is to come');
(undef, undef, $refused) = $node->psql('source', q{SET ROLE carol; SET check_function_bodies = off;
	CREATE TRIGGER now AFTER INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('f3')});
like($refused, qr/permission denied to start flow "f3"/, 'nor one that he may not start');

# The database's owner, who is no superuser, takes a dump.
worked($node, 'pg_dump by the owner', 'pg_dump', '-Fc', '-U', 'dbo', @rows, '-f', "$folder/owner", 'source');
my $owners = empty_database($node);
$node->safe_psql($owners, 'CREATE EXTENSION pg_flowctl');
worked($node, 'his dump', 'pg_restore', '--exit-on-error', '-d', $owners, "$folder/owner");
is($node->safe_psql($owners, $state), $before, 'his dump has everything');
$node->safe_psql('postgres', 'CREATE DATABASE small OWNER dbo');
$node->safe_psql('small', 'CREATE EXTENSION pg_flowctl');
worked($node, 'pg_dump of all by the owner', 'pg_dump', '-U', 'dbo', '-f', "$folder/small.sql", 'small');

# A renamed role is dumped by the name that it has.
$node->safe_psql('postgres', 'ALTER ROLE carol RENAME TO caroline');
like((tried($node, 'pg_dump', '--data-only', '-t', 'flowctl_catalog.lease_rule', 'source'))[2], qr/^reports\tbilling\tcaroline\t/m, 'a renamed role');
$node->safe_psql('postgres', 'ALTER ROLE caroline RENAME TO carol');

# Into a server that lacks the roles: nothing is lost, and nothing works until somebody says which roles are meant.
my $db = empty_database($other);
my ($done, $complaints) = tried($other, 'pg_restore', '--verbose', '--no-owner', '--no-acl', '-j', '4', '-d', $db, "$folder/custom");
ok($done, 'missing roles are no errors') or diag($complaints);
like($complaints, qr/role "alice", which a row of table flowctl_catalog.flow names, does not exist/, 'the restore warns');
is($other->safe_psql($db, $state), $before, 'without the roles nothing is lost');
is($other->safe_psql($db, q{SELECT string_agg(count || ' ' || kind || ' ' || missing, ', ' ORDER BY kind, missing)
	FROM (SELECT kind, missing, count(*) FROM flowctl.unresolved GROUP BY 1, 2) s}),
	'1 author role Bob the 2nd, 1 author role alice, 20 flow role alice, 1 lease rule role carol, 20 start grant role Bob the 2nd', 'and is listed');
my (undef, undef, $why) = $other->psql($db, "SELECT flowctl.start('f1')");
like($why, qr/the owner of flow "f1" does not exist.*HINT:.*flowctl\.unresolved/s, 'a flow without owner cannot be started');
(undef, undef, $why) = $other->psql($db, q{SELECT flowctl.define_flow('f1', '{"StartAt": "Z", "States": {"Z": {"Type": "Succeed"}}}')});
like($why, qr/the owner of flow "f1" does not exist/, 'nor redefined');
(undef, undef, $why) = $other->psql($db, 'INSERT INTO app.t VALUES (3)');
like($why, qr/the owner of flow "f1" does not exist/, 'and its trigger says so');
# Rights of missing roles that are there twice, as from two dumps, are resolved once.
my $twice = (tried($other, 'pg_restore', '-a', '-t', 'author', '-t', 'flow_grant', '-f', '-', "$folder/custom"))[2];
$twice =~ s/\t[0-9a-f]{8}(?=-[0-9a-f-]{27}(?:\t\{[a-z_,]+\})?$)/\t12345678/mg;    # their keys differ
$other->safe_psql($db, $twice);
is($other->safe_psql($db, q{SELECT count(*) FROM flowctl.unresolved WHERE kind = 'author'}), '4', 'they are there twice');
# Whoever is created under the name is not meant by that.
$other->safe_psql('postgres', 'CREATE ROLE alice; CREATE ROLE "Bob the 2nd"; CREATE ROLE dave; CREATE ROLE creator CREATEROLE; CREATE ROLE root SUPERUSER');
(undef, undef, $why) = $other->psql($db, q{SET ROLE alice; SELECT flowctl.start('f1')});
like($why, qr/permission denied to start flow "f1"/, 'a role of that name has no right by itself');
(undef, undef, $why) = $other->psql($db, 'SET ROLE alice; SELECT flowctl.resolve_roles()');
like($why, qr/permission denied to resolve roles/, 'nor may it say that it is meant');
for my $bad ([ '[]', qr/map must be a JSON object/ ], [ '{"carol": 1}', qr/what map says of role "carol" is not the name of a role/ ],
	[ '{"carol": "nobody"}', qr/role "nobody" does not exist/ ], [ '{"alice": null}', qr/role "alice" owns flow/ ],
	[ '{"alice": "root"}', qr/cannot give flow "f1" to superuser "root" because "alice" has written a version of it/ ])
{
	(undef, undef, $why) = $other->psql($db, 'SELECT flowctl.resolve_roles(' . sql_literal($bad->[0]) . ')');
	like($why, $bad->[1], "resolve_roles($bad->[0])");
}
$other->safe_psql($db, q{SELECT flowctl.alter_flow_owner('f20', 'dave'); SELECT flowctl.grant_start('f20', '"Bob the 2nd"')});
is($other->safe_psql($db, q{SELECT flowctl.resolve_roles('{"carol": "dave"}')}), '41', 'a superuser says which roles are meant');
is($other->safe_psql($db, 'SELECT count(*) FROM flowctl.unresolved'), '0', 'then nothing is unresolved');
is($other->safe_psql($db, q{SELECT string_agg(DISTINCT owner::text, ' ') FROM flowctl.flows}), 'alice dave postgres', 'flows have owners');
is($other->safe_psql($db, q{SELECT role FROM flowctl.lease_rules}), 'dave', 'the rule has the other role');
$other->safe_psql($db, 'ALTER TABLE app.t OWNER TO alice');
starts_runs($other, $db, 'with the roles');
my (undef, undef, $kept) = $other->psql('postgres', 'DROP ROLE "Bob the 2nd"');
like($kept, qr/cannot be dropped/, 'the roles have dependencies now');

# What nobody should have can be taken away.
$db = empty_database($other);
$other->safe_psql($db, 'CREATE EXTENSION pg_flowctl');
tried($other, 'pg_restore', '-d', $db, "$folder/lease_rule");
is($other->safe_psql($db, q{SELECT flowctl.resolve_roles('{"carol": null}')}), '1', 'a rule whose role is not meant to come back');
is($other->safe_psql($db, 'SELECT count(*) FROM flowctl.lease_rules'), '0', 'is gone');

$_->stop for $node, $other;
done_testing();
