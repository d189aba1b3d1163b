# SQL steps when the primary is lost: the promoted standby executes what the primary had not, and nothing twice.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use PostgreSQL::Test::Cluster;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
FlowctlTest::configure($primary, 'flowctl.sweep_interval' => '1s');
$primary->start;
$primary->safe_psql('postgres', q{CREATE EXTENSION pg_flowctl; CREATE ROLE app LOGIN; CREATE SCHEMA app AUTHORIZATION app; SELECT flowctl.grant_author('app');
	SET ROLE app;
	CREATE TABLE app.done (run uuid, state text);
	CREATE FUNCTION app.once(n int) RETURNS int LANGUAGE sql AS 'INSERT INTO app.done SELECT run_id, state FROM flowctl.current_run(); SELECT n';
	CREATE FUNCTION app.gated(n int) RETURNS int LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO app.done SELECT run_id, state FROM flowctl.current_run(); PERFORM pg_advisory_xact_lock_shared(1, n); RETURN n; END $$});
sub step { my ($function, %more) = @_; return { Type => 'Task', Resource => "flowctl:sql:app.$function", Parameters => { 'n.$' => '$.n' }, ResultPath => undef, %more } }
my $flow = to_json({ StartAt => 'A', States => { A => step('once', Next => 'B'), B => step('gated', Next => 'C'), C => step('once', End => true) } });
$primary->safe_psql('postgres', "SET ROLE app; SELECT flowctl.define_flow('f', '$flow')");
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

my $gate = $primary->background_psql('postgres');
$gate->query_safe('SELECT pg_advisory_lock(1, 1)');
my @runs = map { start_run($primary, 'f', { n => 1 }) } 1 .. 10;
wait_for_query($primary, q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1 AND objid = 1 AND NOT granted}, '2');
wait_for_query($primary, q{SELECT count(*) FROM flowctl_catalog.sql_order}, '10');
$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'flowctl SQL%'}), '0', 'a standby executes nothing');
kill_server($primary);
$standby->promote;
is(join(' ', map { wait_for_run($standby, $_) } @runs), join(' ', ('SUCCEEDED') x 10), 'the runs go on after the promotion');
is($standby->safe_psql('postgres', q{SELECT state, count(*), count(DISTINCT run) FROM app.done GROUP BY 1 ORDER BY 1}), "A|10|10\nB|10|10\nC|10|10", 'and each step has happened once');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM flowctl_catalog.sql_order}), '0', 'no order is left');
$standby->stop;
done_testing();
