# flowctl.export() and flowctl.import() between two databases, as a deployment from version control does it.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Utils;
use FlowctlTest;

my $node    = new_node('transfer', 'flowctl.workers' => 1);
my $session = sub { return $node->background_psql('production', on_error_stop => 0) };
$node->safe_psql('postgres', 'CREATE ROLE deployer LOGIN; SELECT flowctl.grant_author(\'deployer\'); CREATE DATABASE production');
$node->safe_psql('production', q{CREATE EXTENSION pg_flowctl; SELECT flowctl.grant_author('deployer')});
my $file = $node->basedir . '/flows.json';

sub define
{
	my ($database, $seconds, $name) = @_;
	define_flow($node, $name // 'orders',
		{ StartAt => 'Wait', States => { Wait => { Type => 'Wait', Seconds => $seconds, Next => 'Done' }, Done => { Type => 'Succeed' } } }, $database);
}

sub export_to_file
{
	my ($database) = @_;
	my $text = $node->safe_psql($database, "SET ROLE deployer; SELECT jsonb_pretty(flowctl.export('orders%'))");
	open my $out, '>', $file or die;
	print $out $text;
	close $out;
	return $text;
}

sub import_file
{
	my ($dry_run) = @_;
	my $document = sql_literal(slurp_file($file));
	return $node->safe_psql('production', "SET ROLE deployer; SELECT flowctl.import($document, $dry_run)");
}

# Development has defined more versions than production ever sees.
define('postgres', $_) for 1 .. 4;
define('postgres', 9, 'other');
$node->safe_psql('postgres', q{SELECT flowctl.alter_flow_owner('orders', 'deployer'); SELECT flowctl.set_alias('orders', 'live', 3)});
my $text = export_to_file('postgres');
unlike($text, qr/other/, 'only what the role owns is exported');
is(import_file('true'), "flow orders: new\nflow orders: alias live: new, version 1", 'a dry run says what would change');
is($node->safe_psql('production', 'SELECT count(*) FROM flowctl.flows'), '0', 'and changes nothing');
is(import_file('false'), "flow orders: new\nflow orders: alias live: new, version 1", 'an import says the same');
is($node->safe_psql('production', q{SELECT string_agg(version || ' ' || author, ', ' ORDER BY version) FROM flowctl.flow_versions}),
	'1 deployer, 2 deployer', 'and has defined the two versions, with numbers of their own');
is($node->safe_psql('production', q{SET ROLE deployer; SELECT jsonb_pretty(flowctl.export())}), $text, 'the other database exports the same text');
is(import_file('false'), '', 'the same import again changes nothing');
my $run = start_run($node, 'orders:live', {}, 'production');
is($node->safe_psql('production', "SELECT version FROM flowctl.runs WHERE run_id = '$run'"), '1', 'the alias starts the version that it led to');

# The next deployment.
define('postgres', 5);
$node->safe_psql('postgres', q{SELECT flowctl.set_alias('orders', 'live', 5)});
export_to_file('postgres');
my $changes = "flow orders: version 2 -> 3\nflow orders: state Wait: Seconds 4 -> 5\nflow orders: alias live: version 1 -> 3";
is(import_file('true'), $changes, 'a dry run says in words what is new');
is(import_file('false'), $changes, 'so does the import');
is($node->safe_psql('production', "SELECT version FROM flowctl.runs WHERE run_id = '$run'"), '1', 'a run under way keeps its version');

# Two deployments at the same time: the second one waits, and finds that there is nothing left to do.
define('postgres', 6);
export_to_file('postgres');
my $document = sql_literal(slurp_file($file) =~ s/\s+/ /gr);
my ($first, $second) = ($session->(), $session->());
$first->query_safe('BEGIN');
like($first->query_safe("SELECT flowctl.import($document, false)"), qr/version 3 -> 4/, 'one session imports');
$second->query_until(qr/^$/, "SELECT 'changes: ' || count(*) FROM flowctl.import($document, false);\n");
ok(wait_for_query($node, q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'}, '1'), 'another waits');
$first->query_safe('COMMIT');
$second->query_safe('SELECT 1');
is($node->safe_psql('production', 'SELECT latest_version FROM flowctl.flows'), '4', 'only one of them has defined a version');
is(import_file('true'), '', 'and nothing is left to do');
$first->quit;
$second->quit;

# An import that fails changes nothing.
my ($status, $out, $err) = $node->psql('production',
	q[SELECT flowctl.import('{"format": 1, "flows": {"a": {"versions": {"1": {"definition": {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}}}},
	  "b": {"versions": {"1": {"definition": {"StartAt": "B"}}}}}}', false)]);
like($err, qr/definition of flow "b" is not valid/, 'a document with a mistake is refused');
is($node->safe_psql('production', 'SELECT string_agg(name, \' \') FROM flowctl.flows'), 'orders', 'as a whole');
# A dry run in which something fails leaves its transaction as every error does.
is($node->safe_psql('production', q[BEGIN; SELECT flowctl.import('{"format": 1, "flows": {"a": {"versions": {"1": {"definition":
	{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}}}}}}'); SELECT name FROM flowctl.flows; COMMIT]),
	"flow a: new\norders", 'a dry run within a transaction leaves it as it was');

done_testing();
