# What a role learns of flows and runs that it may not see: no names from errors and denials, no counts from EXPLAIN.
use strict;
use warnings;
use Test::More;
use FlowctlTest;

my $node = new_node('main');
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };
$sql->(q{
	CREATE ROLE alice; CREATE ROLE mallory; CREATE ROLE reader IN ROLE pg_read_all_data; CREATE DATABASE other;
	CREATE SCHEMA alice AUTHORIZATION alice; CREATE SCHEMA mallory AUTHORIZATION mallory; GRANT USAGE ON SCHEMA mallory TO PUBLIC;
	SELECT flowctl.grant_author('alice');
	SET SESSION AUTHORIZATION alice;
	SELECT flowctl.define_flow('secret', '{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}');
	SELECT count(flowctl.start('secret')) FROM generate_series(1, 137)});
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'SUCCEEDED'}, '137');
$sql->('ANALYZE');

# ---- names, from errors and denials

sub as_mallory { return ($node->psql('postgres', "SET SESSION AUTHORIZATION mallory; $_[0]"))[2] }
$sql->('CREATE TABLE mallory.fires (id int); ALTER TABLE mallory.fires OWNER TO mallory; GRANT INSERT ON mallory.fires TO alice');
for my $flow (qw(secret nowhere))
{
	as_mallory("SELECT flowctl.start('$flow')");
	as_mallory("SELECT flowctl.start('$flow:7')");
	as_mallory("SET check_function_bodies = off; CREATE TRIGGER $flow AFTER INSERT ON mallory.fires FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('$flow'); INSERT INTO mallory.fires VALUES (1)");
	$sql->("DROP TRIGGER $flow ON mallory.fires");
}
wait_for_query($node, 'SELECT count(*) FROM flowctl.denials', '6');
is( $sql->(q{SET SESSION AUTHORIZATION mallory; SELECT object, count(*), string_agg(DISTINCT reason, '; ' ORDER BY reason) FROM flowctl.denials GROUP BY 1 ORDER BY 1}),
	join("\n", map { qq{$_|3|owner of table "fires", "mallory", may start no flow of this name; role "mallory" may start no flow of this name} } qw(nowhere secret)),
	'denials tell nothing of which flows there are');

# A trigger that records its errors does so in nobody else's runs, whatever the error is.
my $runs = $sql->('SELECT count(*) FROM flowctl.runs');
$sql->('CREATE TABLE mallory.large (text text); ALTER TABLE mallory.large OWNER TO mallory');
my @warnings = map {
	my $flow = $_;
	my $warning = as_mallory("SET check_function_bodies = off; CREATE TRIGGER $flow AFTER INSERT ON mallory.large FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('$flow', 'on_error=record'); "
		  . "INSERT INTO mallory.large VALUES (repeat('x', 2000000)); DROP TRIGGER $flow ON mallory.large");
	$warning =~ s/$flow/*/gr
} qw(secret nowhere);
like($warnings[0], qr/WARNING:  trigger "\*" started no flow: input of flow "\*" has \d+ bytes, more than the limit/, 'an input that is too large, for a flow of others');
is($warnings[0], $warnings[1], 'as for one that does not exist');
is($sql->('SELECT count(*) FROM flowctl.runs'), $runs, 'and the flow has no run of it');

my $run = $sql->('SELECT run_id FROM flowctl.runs LIMIT 1');
my $none = '01900000-0000-7000-8000-000000000001';
for my $call ("flowctl.wait('*')", "flowctl.stop('*')")
{
	my ($there, $missing) = map { my ($id, $c) = ($_, $call); $c =~ s/\*/$id/; my $e = as_mallory("SELECT $c"); $e =~ s/$id/*/g; $e } ($run, $none);
	like($there, qr/run \* does not exist/, "$call of a run of others");
	is($there, $missing, "$call: as of one that does not exist");
}

# ---- counts, from EXPLAIN

my $refused = qr/permission denied to show counts of pg_flowctl's rows/;
$sql->(q{
	CREATE VIEW mallory.over AS SELECT * FROM flowctl.runs; ALTER VIEW mallory.over OWNER TO mallory;
	SET SESSION AUTHORIZATION mallory;
	CREATE FUNCTION mallory.inlined() RETURNS SETOF uuid LANGUAGE sql STABLE AS 'SELECT run_id FROM flowctl.runs';
	CREATE FUNCTION mallory.explained(command text) RETURNS SETOF text LANGUAGE plpgsql AS
	$$ BEGIN RETURN QUERY EXECUTE command; END $$;
	CREATE FUNCTION mallory.counted() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM flowctl.runs); END $$});
my %leak = (
	'estimates'             => "EXPLAIN SELECT * FROM flowctl.runs WHERE flow = 'secret'",
	'counts'                => "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM flowctl.runs WHERE flow = 'secret'",
	'as JSON'               => 'EXPLAIN (FORMAT JSON) SELECT * FROM flowctl.history',
	'of calls'              => 'EXPLAIN ANALYZE SELECT * FROM flowctl.calls',
	'of flows'              => 'EXPLAIN ANALYZE SELECT * FROM flowctl.flows',
	'a view over it'        => 'EXPLAIN SELECT * FROM mallory.over',
	'a function'            => 'EXPLAIN SELECT * FROM mallory.inlined()',
	'a prepared statement'  => 'PREPARE p AS SELECT * FROM flowctl.runs; EXPLAIN EXECUTE p',
	'CREATE TABLE AS'       => 'EXPLAIN ANALYZE CREATE TABLE mallory.copy AS SELECT * FROM flowctl.runs',
	'a cursor'              => 'EXPLAIN DECLARE c CURSOR FOR SELECT * FROM flowctl.runs',
	'INSERT'                => 'EXPLAIN INSERT INTO mallory.fires SELECT 1 FROM flowctl.runs',
	'by a function'         => "SELECT mallory.explained('EXPLAIN SELECT * FROM flowctl.runs')",
	'within another'        => "EXPLAIN ANALYZE SELECT * FROM mallory.explained('EXPLAIN SELECT * FROM flowctl.runs')",
	'after one that failed' => "DO \$\$ BEGIN EXECUTE 'EXPLAIN SELECT 1 / 0'; EXCEPTION WHEN division_by_zero THEN NULL; END \$\$; EXPLAIN SELECT * FROM flowctl.runs",
);
like(as_mallory($leak{$_}), $refused, "EXPLAIN shows no counts: $_") for sort keys %leak;
my %fine = (
	'the plan alone'                     => 'EXPLAIN (COSTS OFF) SELECT * FROM flowctl.runs',
	'a table of his own'                 => 'EXPLAIN ANALYZE SELECT * FROM mallory.fires',
	'a function that reads by itself'    => 'EXPLAIN ANALYZE SELECT mallory.counted()',
	'a query, after a refused EXPLAIN'   => "DO \$\$ BEGIN EXECUTE 'EXPLAIN SELECT * FROM flowctl.runs'; EXCEPTION WHEN insufficient_privilege THEN NULL; END \$\$; SELECT * FROM flowctl.runs",
);
is(as_mallory($fine{$_}), '', "it shows $_") for sort keys %fine;
is(($node->psql('postgres', "SET SESSION AUTHORIZATION $_; EXPLAIN ANALYZE SELECT * FROM flowctl.runs"))[0], 0, "$_ sees all rows, and their counts") for qw(reader postgres);
is(($node->psql('other', 'SET SESSION AUTHORIZATION mallory; EXPLAIN ANALYZE SELECT * FROM pg_class'))[0], 0, 'a database without the extension');
$node->stop;
done_testing();
