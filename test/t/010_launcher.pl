# The launcher: every database that has the extension gets its workers and keeps them, and nobody has to do anything.
#
# Databases are found right after CREATE EXTENSION commits, when they are made from a template, several at once, and with
# several workers each. A standby has no workers until it is promoted. A worker or launcher that is ended comes back.
# discovery_interval is an hour everywhere, so the periodic look finds nothing here unless a test says so.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @patient = ('flowctl.discovery_interval' => '1h');

sub launchers
{
	my ($node) = @_;
	return $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'flowctl launcher'");
}

my $node = new_node('main', @patient, 'flowctl.workers' => 2);

# A database is found when the transaction that created the extension commits.
wait_for_workers($node, 2);
pass('workers come after CREATE EXTENSION');
ok(wait_for_query($node, q{SELECT string_agg(shard || '/' || shards, ' ' ORDER BY shard) FROM flowctl.workers}, '0/2 1/2'),
	'one for each shard, in the view');
is($node->safe_psql('postgres', 'SELECT bool_and(w.pid = a.pid AND started_at <= now()) FROM flowctl.workers w JOIN pg_stat_activity a USING (pid)'),
	't', 'the view names the processes');

# It is not found before that commit, and not if the transaction rolls back.
$node->safe_psql('postgres', 'CREATE DATABASE second');
$node->safe_psql('second', 'BEGIN; CREATE EXTENSION pg_flowctl; ROLLBACK');
$node->safe_psql('second', 'CREATE EXTENSION pg_flowctl');
wait_for_workers($node, 2, 'second');
pass('a second database gets workers of its own');
is($node->safe_psql('second', 'SELECT count(*) FROM flowctl.workers WHERE database <> current_database()'),
	'0', 'the view shows the workers of its database');

$node->safe_psql('postgres', 'CREATE DATABASE copied TEMPLATE second');
wait_for_workers($node, 2, 'copied');
wait_for_workers($node, 2, 'second');
pass('a copy of a template gets workers, the template gets its own back');

# A database without the extension is left alone.
$node->safe_psql('postgres', 'CREATE DATABASE bare');
wait_for_query($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'flowctl worker' AND datname NOT IN ('postgres', 'second', 'copied')}, '0');
$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
is(join(',', worker_pids($node, 'bare')), '', 'no worker where there is no extension');

# A worker that is terminated comes back, and so does a launcher. Workers outlive the launcher.
my ($first, $other) = worker_pids($node);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($first)");
ok(wait_for_query($node, qq{SELECT count(*) FILTER (WHERE pid = $other) || ' ' || count(*) FILTER (WHERE pid = $first) || ' ' || count(*)
	FROM pg_stat_activity WHERE backend_type = 'flowctl worker' AND datname = 'postgres'}, '1 0 2'), 'a terminated worker comes back');

my $launcher = launchers($node);
my @before   = worker_pids($node);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($launcher)");
ok(wait_for_query($node, qq{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'flowctl launcher' AND pid <> $launcher}, '1'),
	'a terminated launcher comes back');
is_deeply([ worker_pids($node) ], \@before, 'the workers did not notice');
# The new launcher takes care of workers that the old one started.
$node->safe_psql('postgres', "SELECT pg_terminate_backend($before[0])");
ok(wait_for_query($node, qq{SELECT count(*) FILTER (WHERE pid = $before[0]) || ' ' || count(*)
	FROM pg_stat_activity WHERE backend_type = 'flowctl worker' AND datname = 'postgres'}, '0 2'), 'and takes over the workers');

# At SIGHUP the interval is read. A database that got the extension without telling the launcher is found by the next look.
$node->append_conf('postgresql.conf', "flowctl.discovery_interval = '100ms'");
$node->safe_psql('postgres', 'ALTER DATABASE second ALLOW_CONNECTIONS false');
$node->reload;
ok(wait_for_query($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'flowctl worker' AND datname = 'second'}, '0'),
	'after a reload the launcher looks at the new interval: a closed database loses its workers');
$node->safe_psql('postgres', 'ALTER DATABASE second ALLOW_CONNECTIONS true');
wait_for_workers($node, 2, 'second');
pass('and gets them back when it is open again');

# An extension that is dropped and created again.
$node->safe_psql('second', 'DROP EXTENSION pg_flowctl');
wait_for_workers($node, 0, 'second');
$node->safe_psql('second', 'BEGIN; CREATE EXTENSION pg_flowctl; DROP EXTENSION pg_flowctl; CREATE EXTENSION pg_flowctl; COMMIT');
wait_for_workers($node, 2, 'second');
pass('workers follow DROP EXTENSION and CREATE EXTENSION');

# A restart finds all databases; a fast stop ends.
$node->restart;
wait_for_workers($node, 2, $_) for qw(postgres second copied);
pass('a restart brings back the workers of all databases');
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal/, 'nothing crashed');

# With too few worker slots the log says so once, and what to do.
$node->adjust_conf('postgresql.conf', 'max_worker_processes', '3');
$node->adjust_conf('postgresql.conf', 'flowctl.discovery_interval', "'1h'");
my $end_of_log = -s $node->logfile;
$node->start;
$node->wait_for_log(qr/WARNING:.*could not start a flowctl worker for database/, $end_of_log);
my $log = substr(slurp_file($node->logfile), $end_of_log);
like($log, qr/HINT:  Raise max_worker_processes\./, 'a shortage of worker slots is explained');
is(() = $log =~ /could not start a flowctl worker/g, 1, 'once');
$node->stop('fast');

# A standby has no launcher; promotion brings it.
my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
FlowctlTest::configure($primary, @patient);
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION pg_flowctl');
wait_for_workers($primary, 1);
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'flowctl%'}), '0',
	'no launcher and no worker on a standby');
is($standby->safe_psql('postgres', 'SELECT pid IS NULL, state FROM flowctl.workers'), 't|standby', 'the view works there');
$primary->stop('fast');
$standby->promote;
wait_for_workers($standby, 1);
pass('promotion brings launcher and worker');
$standby->stop('fast');

# Without preload the extension can be created, and says so; a function that needs a worker says what is missing.
my $plain = PostgreSQL::Test::Cluster->new('plain');
$plain->init;
$plain->start;
my ($status, $out, $err) = $plain->psql('postgres', 'BEGIN; SAVEPOINT s; CREATE EXTENSION pg_flowctl; ROLLBACK TO s; COMMIT');
is($err, '', 'an extension that is not created says nothing');
($status, $out, $err) = $plain->psql('postgres', 'SET client_min_messages = warning; CREATE EXTENSION pg_flowctl; DROP EXTENSION pg_flowctl');
is($err, '', 'nor one in a session that wants no notices');
($status, $out, $err) = $plain->psql('postgres', 'CREATE EXTENSION pg_flowctl');
like($err, qr/NOTICE:  pg_flowctl is not preloaded.*\n.*HINT:  Add pg_flowctl to shared_preload_libraries/, 'without preload CREATE EXTENSION says so');
is($plain->safe_psql('postgres', 'SELECT count(*) FROM flowctl.workers'), '0', 'and the view is empty');
is(define_flow($plain, 'greet', { StartAt => 'A', States => { A => { Type => 'Pass', End => true } } }), '1', 'flows can be defined');
($status, $out, $err) = $plain->psql('postgres', q{\set VERBOSITY verbose
SELECT flowctl.start('greet')});
like($err, qr/ERROR:  55000: starting a flow needs pg_flowctl/, 'start() needs the library');
like($err, qr/HINT:  Add pg_flowctl to shared_preload_libraries and restart the server\./, 'and says how');
($status, $out, $err) = $plain->psql('postgres', q{SELECT flowctl.wait('018f0000-0000-7000-8000-000000000000', '1 s')});
like($err, qr/flowctl\.wait\(\) needs pg_flowctl/, 'so does wait()');
$plain->safe_psql('postgres', q{CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0});
($status, $out, $err) = $plain->psql('latin', 'CREATE EXTENSION pg_flowctl');
like($err, qr/needs a database whose encoding is UTF8.*DETAIL:  This database has encoding LATIN1/s, 'another encoding is refused');
$plain->stop('fast');

done_testing();
