# Other extensions and a connection pooler beside us in one server: pg_stat_statements, auto_explain, pgaudit, PostGIS and
# PgBouncer in transaction mode. Everything works together, and what they write to the log holds no payload of a run unless
# the statement of a user held it already.
#
# What is not installed is skipped. FLOWCTL_PGBOUNCER is the path of PgBouncer's program.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use Parts;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($pkglib)  = PostgreSQL::Test::Utils::run_command([ 'pg_config', '--pkglibdir' ]);
my @neighbours = grep { -f "$pkglib/$_.so" } qw(pg_stat_statements auto_explain pgaudit);
my %has        = map { $_ => 1 } @neighbours;
note "beside us: @neighbours";

my $stub = Parts::start_stub();
my $node = PostgreSQL::Test::Cluster->new('beside');
$node->init;
FlowctlTest::configure(
	$node,
	'shared_preload_libraries' => join(',', @neighbours, 'pg_flowctl'),
	'log_line_prefix'          => '%m [%p] <%b> ',
	$has{auto_explain} ? (
		'auto_explain.log_min_duration'      => 0,
		'auto_explain.log_nested_statements' => 'on',
		'auto_explain.log_verbose'           => 'on',
		'auto_explain.log_analyze'           => 'on',
		'auto_explain.log_triggers'          => 'on') : (),
	$has{pg_stat_statements} ? ('pg_stat_statements.track' => 'all') : (),
	$has{pgaudit} ? ('pgaudit.log' => 'all', 'pgaudit.log_parameter' => 'on', 'pgaudit.log_relation' => 'on') : ());
$node->append_conf('postgresql.conf', "auto_explain.log_parameter_max_length = -1\n")
  if $has{auto_explain} && $node->pg_version >= 16;
$node->start;
$node->safe_psql('postgres', "CREATE EXTENSION $_") for grep { $_ ne 'auto_explain' } @neighbours;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_flowctl');

# A row of a table starts a run; its payload goes out, comes back, and goes through a query of a distributed Map.
$node->safe_psql('postgres', 'CREATE ROLE app LOGIN; CREATE TABLE orders (id int PRIMARY KEY, secret text); GRANT ALL ON orders TO app');
$node->safe_psql('postgres', q{SELECT flowctl.grant_author('app')});
http_server($node, 'echo', $stub->url('/echo'));
$node->safe_psql('postgres', 'GRANT USAGE ON FOREIGN SERVER echo TO app');
my %map = (
	Type           => 'Map',
	ItemReader     => { Resource => 'flowctl:sql:query', Parameters => { Query => 'SELECT id FROM orders WHERE secret = $1', 'Args.$' => 'States.Array($.after.secret)' } },
	ItemProcessor  => { ProcessorConfig => { Mode => 'DISTRIBUTED', ExecutionType => 'STANDARD' }, StartAt => 'P', States => { P => { Type => 'Pass', End => true } } },
	End            => true);
my $definition = { StartAt => 'Call', States => { Call => { Type => 'Task', Resource => 'flowctl:http:echo', ResultPath => '$.answer', Next => 'Rows' }, Rows => \%map } };
$node->safe_psql('postgres', 'SET ROLE app; SELECT flowctl.define_flow(' . sql_literal('beside') . ', ' . sql_literal(to_json($definition)) . ')');
$node->safe_psql('postgres', q{SET ROLE app; CREATE TRIGGER beside AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('beside')});

# The payload is never a part of a user's statement or of its plan, because it comes out of a table.
$node->safe_psql('postgres', q{CREATE TABLE half (id int PRIMARY KEY, text text); INSERT INTO half VALUES (1, 'load-of-a-row'), (2, 'load-of-a-start'); GRANT SELECT ON half TO app});
my $offset = -s $node->logfile;
$node->safe_psql('postgres', q{SET ROLE app; INSERT INTO orders SELECT 1, 'pay' || text FROM half WHERE id = 1});
$node->safe_psql('postgres', q{SET ROLE app; SELECT flowctl.start('beside', jsonb_build_object('after', jsonb_build_object('id', 2, 'secret', 'pay' || text))) FROM half WHERE id = 2});
# With a name the input is compared with that of an earlier start.
$node->safe_psql('postgres', q{SET ROLE app; SELECT flowctl.start('beside', jsonb_build_object('after', jsonb_build_object('id', 2, 'secret', 'pay' || text)), 'once') FROM half WHERE id = 2}) for 1, 2;
wait_for_query($node, q{SELECT count(*) || ' ' || count(*) FILTER (WHERE status = 'SUCCEEDED') FROM flowctl.runs WHERE map_run_id IS NULL}, '3 3');
my $log = slurp_file($node->logfile, $offset);
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE input::text LIKE '%payload-of-a-row%'}), '1', 'the payload is in the run');
my @lines = split /\n(?=\d{4}-)/, $log;
my @engine = grep { /<flowctl (?:worker|launcher|housekeeper)/ } @lines;
my @helper = grep { /<flowctl map helper/ } @lines;
is(join("\n", grep { /duration: .* plan:|AUDIT:/ } @engine), '', "the engine's own statements are neither explained nor audited");
is(join("\n", grep { /payload-of-a/ } @engine, @helper), '', 'nothing that our processes do puts a payload into the log');
my @in_sessions = grep { /<client backend>/ && /payload-of-a/ } @lines;
is(join("\n", @in_sessions), '', "nor do the engine's statements in a session");
SKIP:
{
	skip 'auto_explain is not here', 1 unless $has{auto_explain};
	like($log, qr/<client backend> LOG:  duration: .* plan:/, "a user's statements are explained");
}
SKIP:
{
	skip 'pgaudit is not here', 2 unless $has{pgaudit};
	like($log, qr/<client backend> LOG:  AUDIT: SESSION,.*INSERT INTO orders/, 'and audited');
	like(join("\n", @helper), qr/AUDIT: SESSION,.*SELECT id FROM orders WHERE secret/, 'as is the query of a distributed Map');
}
SKIP:
{
	skip 'pg_stat_statements is not here', 1 unless $has{pg_stat_statements};
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_statements WHERE query ~ 'payload-of-a'}), '0', 'no payload is in pg_stat_statements');
}

# Commands that our hooks look at go through theirs, too.
$node->safe_psql('postgres', q{SET ROLE app; SELECT flowctl.define_flow('second', '{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}')});
my ($status, $out, $err) = $node->psql('postgres', 'DROP ROLE app');
like($err, qr/role "app" cannot be dropped/, 'a role that owns flows is kept');
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION pg_flowctl');
wait_for_workers($node, 1, 'other');
$node->safe_psql('postgres', 'DROP DATABASE other');
pass('a database with a worker is dropped');

SKIP:
{
	skip 'PostGIS is not installed', 1 unless $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgis'});
	# PostGIS refuses to be installed while pgaudit logs.
	$node->safe_psql('postgres', ($has{pgaudit} ? q{SET pgaudit.log = 'none'; } : '') . 'CREATE EXTENSION postgis');
	$node->safe_psql('postgres', q{CREATE TABLE places (id int PRIMARY KEY, at geometry(Point, 4326), area geography);
		SELECT flowctl.define_flow('places', '{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}');
		CREATE TRIGGER places AFTER INSERT ON places FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('places');
		INSERT INTO places VALUES (1, 'SRID=4326;POINT(8.5 47.25)', 'POLYGON((0 0, 0 1, 1 1, 0 0))')});
	wait_for_query($node, q{SELECT status FROM flowctl.runs WHERE flow = 'places'}, 'SUCCEEDED');
	is($node->safe_psql('postgres', q{SELECT output->'after'->'at'->>'type', output->'after'->'at'->'coordinates' FROM flowctl.runs WHERE flow = 'places'}),
		'Point|[8.5, 47.25]', 'a geometry arrives as GeoJSON');
}

SKIP:
{
	my $program = $ENV{FLOWCTL_PGBOUNCER};
	skip 'PgBouncer is not here', 6 unless $program && -x $program;
	my $dir  = PostgreSQL::Test::Utils::tempdir_short();
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	PostgreSQL::Test::Utils::append_to_file("$dir/pgbouncer.ini", join "\n",
		'[databases]', "postgres = host=" . $node->host . ' port=' . $node->port, '[pgbouncer]', 'pool_mode = transaction',
		'default_pool_size = 1', 'listen_addr =', "unix_socket_dir = $dir", "listen_port = $port", 'auth_type = trust', "auth_file = $dir/users", '');
	PostgreSQL::Test::Utils::append_to_file("$dir/users", qq("app" ""\n));
	my $bouncer = IPC::Run::start([ $program, '-q', "$dir/pgbouncer.ini" ], '>', "$dir/log", '2>&1');
	my $through = sub { my ($sql) = @_; return $node->psql('postgres', $sql, connstr => "host=$dir port=$port dbname=postgres user=app") };
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;
	until (-S "$dir/.s.PGSQL.$port") { die slurp_file("$dir/log") if time > $end; select undef, undef, undef, 0.05; }

	($status, $out, $err) = $through->(q{SELECT flowctl.wait(flowctl.start('second'), '1 s')});
	like($err, qr/was started by this very transaction/, 'a run cannot be waited for in its own transaction') or diag($out);
	($status, $out, $err) = $through->(q{SELECT flowctl.start('second', '{"by": "pooler"}', 'pooled')});
	is($err, '', 'a run is started through the pooler');
	($status, my $waited, $err) = $through->("SELECT flowctl.wait('$out')");
	is($waited, 'SUCCEEDED', 'and waited for');
	# Two clients share one connection to the server; what belongs to a transaction ends with it.
	($status, $out, $err) = $through->(q{BEGIN; SET LOCAL flowctl.traceparent = '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01'; SELECT flowctl.start('second', '{}', 'traced'); COMMIT});
	is($err, '', 'with a trace context of the transaction');
	($status, $out, $err) = $through->(q{SELECT flowctl.start('second', '{}', 'untraced')});
	is($node->safe_psql('postgres', q{SELECT string_agg(name || ' ' || (traceparent IS NOT NULL), ',' ORDER BY name) FROM flowctl.runs WHERE name LIKE '%traced'}),
		'traced true,untraced false', 'which is not that of the next client');
	is($node->safe_psql('postgres', q{SELECT session_user_name FROM flowctl.runs WHERE name = 'pooled'}), 'app', 'the run knows who started it');
	$bouncer->signal('INT');
	$bouncer->finish;
}

$node->stop;
done_testing();
