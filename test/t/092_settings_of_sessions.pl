# What a session, a database or a role has set changes nothing in what runs get and do: rows become JSON in one form, and our
# own processes work with settings of their own.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use Test::More;

my $node = new_node('main');
define_flow($node, 'row', { StartAt => 'P', States => { P => { Type => 'Pass', End => true } } });
$node->safe_psql('postgres', q{
	CREATE SCHEMA shop;
	CREATE TABLE shop."Order" (id int PRIMARY KEY);
	CREATE FUNCTION shop.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
	CREATE DOMAIN amount AS money;
	CREATE TYPE pair AS (object regclass, price amount);
	CREATE TABLE thing (
		at timestamptz, local timestamp, day date, clock timetz, span interval, during tstzrange, times timestamptz[],
		bytes bytea, float8 float8, price money, object regclass, kind regtype,
		procs regproc[], paid amount, both_of pair, many pair[]);
	CREATE TRIGGER row AFTER INSERT ON thing FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('row')});

# Gives the run's `after` for a row that is written under these settings.
sub after_of
{
	my (@settings) = @_;
	my $set = join '', map { "SET $_; " } @settings;
	$node->safe_psql('postgres', $set . q{INSERT INTO thing VALUES (
		'2026-07-01 12:00:00.25+02', '2026-07-01 12:00:00', '2026-07-01', '12:00:00+02', '1 day 02:00:00',
		tstzrange('2026-07-01 00:00+00', '2026-07-02 00:00+00'), ARRAY['2026-07-01 12:00+02'::timestamptz],
		'\x0102', 0.1::float8 + 0.2::float8, '1.50'::numeric::money, 'shop."Order"'::regclass, 'int4'::regtype,
		ARRAY['shop.f'::regproc], '2'::numeric::money, ROW('shop."Order"', '3'::numeric::money), ARRAY[ROW('shop."Order"', '4'::numeric::money)::pair])});
	my $run = $node->safe_psql('postgres', 'SELECT run_id FROM flowctl.runs ORDER BY started_at DESC LIMIT 1');
	is(wait_for_run($node, $run), 'SUCCEEDED', "a row under: @settings");
	return run_row($node, $run)->{input}{after};
}

my $plain = after_of();
is_deeply(
	$plain,
	{
		at     => '2026-07-01T10:00:00.25+00:00',
		local  => '2026-07-01T12:00:00',
		day    => '2026-07-01',
		clock  => '12:00:00+02',
		span   => '1 day 02:00:00',
		during => '["2026-07-01 00:00:00+00","2026-07-02 00:00:00+00")',
		times  => ['2026-07-01T10:00:00+00:00'],
		bytes  => '\x0102',
		float8 => '0.30000000000000004',
		price  => '$1.50',
		object => 'shop."Order"',
		kind   => 'integer',
		procs  => ['shop.f'],
		paid   => '$2.00',
		both_of => { object => 'shop."Order"', price => '$3.00' },
		many   => [ { object => 'shop."Order"', price => '$4.00' } ]
	},
	'times are ISO 8601 in UTC, names carry their schema');
is_deeply(after_of("TimeZone = 'America/New_York'"), $plain, 'whatever the time zone');
is_deeply(after_of("DateStyle = 'German, DMY'", "IntervalStyle = 'iso_8601'", "bytea_output = 'escape'", 'extra_float_digits = -5'),
	$plain, 'whatever the forms of output');
is_deeply(after_of('quote_all_identifiers = on', 'search_path = shop, public'), $plain, 'however names are found and quoted');

# Types that hold others are looked into: here no column but these is written by a setting.
$node->safe_psql('postgres', q{CREATE TABLE nested (procs regproc[], both_of pair);
	CREATE TRIGGER row AFTER INSERT ON nested FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('row');
	SET search_path = shop, public; INSERT INTO nested VALUES (ARRAY['f'::regproc], ROW('"Order"', '3'::numeric::money))});
is_deeply(run_row($node, $node->safe_psql('postgres', 'SELECT run_id FROM flowctl.runs ORDER BY started_at DESC LIMIT 1'))->{input}{after},
	{ procs => ['shop.f'], both_of => { object => 'shop."Order"', price => '$3.00' } }, 'values within values, too');

# The session's own settings are untouched by what happened in between.
is($node->safe_psql('postgres', q{
		SET TimeZone = 'Asia/Tokyo'; SET quote_all_identifiers = on; SET search_path = shop, public; SET lc_monetary = 'C';
		INSERT INTO public.thing (at, object, price) VALUES (now(), 'shop."Order"', '1');
		SELECT current_setting('TimeZone'), current_setting('quote_all_identifiers'), current_setting('search_path'),
			to_char('2026-07-01 00:00+00'::timestamptz, 'HH24 OF'), '"Order"'::regclass}),
	'Asia/Tokyo|on|"shop", "public"|09 +09|"Order"', 'a session keeps its settings');

# Also where the row cannot be read to its end.
my ($status, undef, $stderr) = $node->psql('postgres', q{
	CREATE TYPE fragile AS ENUM ('x');
	CREATE FUNCTION break(fragile) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken cast'; END $$;
	CREATE CAST (fragile AS json) WITH FUNCTION break(fragile);
	CREATE TABLE brittle (f fragile, price money);
	CREATE TRIGGER row AFTER INSERT ON brittle FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('row');
	SET TimeZone = 'Asia/Tokyo';
	DO $$ BEGIN INSERT INTO brittle VALUES ('x', '1'); EXCEPTION WHEN raise_exception THEN RAISE NOTICE 'in %', current_setting('TimeZone'); END $$;
	SELECT 1 / (to_char('2026-07-01 00:00+00'::timestamptz, 'HH24') = '09')::int});
is($status, 0, 'an error on the way leaves the session as it was');
like($stderr, qr/in Asia\/Tokyo/, 'and can be caught');

# A session keeps nothing of the errors that it has caught.
is($node->safe_psql('postgres', q{
	CREATE FUNCTION break_at_length(fragile) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%', repeat('x', 1000000); END $$;
	DROP CAST (fragile AS json);
	CREATE CAST (fragile AS json) WITH FUNCTION break_at_length(fragile);
	DO $$ BEGIN FOR i IN 1 .. 50 LOOP BEGIN INSERT INTO brittle VALUES ('x', '1'); EXCEPTION WHEN raise_exception THEN NULL; END; END LOOP; END $$;
	SELECT pg_size_pretty(total_bytes) FROM pg_backend_memory_contexts WHERE name LIKE 'pg_flowctl error%' AND total_bytes > 10000}), '', 'a session keeps nothing of errors that it has caught');

# The helper of a distributed Map knows a table's jsonb columns even where the database quotes every name.
my $map = {
	StartAt => 'M',
	States => { M => { Type => 'Map', End => true,
		ItemProcessor => { ProcessorConfig => { Mode => 'DISTRIBUTED', ExecutionType => 'STANDARD' }, StartAt => 'P', States => { P => { Type => 'Pass', End => true } } },
		ResultWriter => { Resource => 'flowctl:sql:table', Parameters => { Table => 'results' } } } } };
define_flow($node, 'map', $map, undef, { run_as_superuser => true });
$node->safe_psql('postgres', q{
	CREATE TABLE results (index int, output jsonb);
	ALTER DATABASE postgres SET quote_all_identifiers = on; ALTER DATABASE postgres SET standard_conforming_strings = off});
my $run = start_run($node, 'map', [ 1, 2, 3 ]);
is(wait_for_run($node, $run), 'SUCCEEDED', 'a writer where quote_all_identifiers is on');
is($node->safe_psql('postgres', 'SELECT string_agg(output::text, $$,$$ ORDER BY index) FROM results'), '1,2,3', 'has written its rows');
is(run_output($node, $run)->{ResultWriterDetails}{Table}, 'results', 'and its details name the table');
$node->stop;
done_testing();
