# An ERROR of the server that comes after a C++ exception goes where it would have gone without it: the session lives.
use strict;
use warnings;
use Test::More;
use FindBin;
use FlowctlTest;

my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
my ($include) = map { chomp; $_ } `$pg_config --includedir-server`;
my $source = "$FindBin::RealBin/../../src";
my $library = PostgreSQL::Test::Utils::tempdir_short() . '/bridge.so';
my @command = ($ENV{CXX} // 'g++', qw(-std=c++20 -O1 -fPIC -shared -fvisibility=hidden -D_GNU_SOURCE -Wall -Wno-unused-variable), "-I$source", '-isystem', $include,
	"$FindBin::RealBin/../modules/bridge.cpp", "$source/pg/server/bridge.cpp", '-o', $library);
is(system(@command), 0, 'the library is built') or BAIL_OUT('no library');
chmod 0755, $library;

my $node = PostgreSQL::Test::Cluster->new('bridge');
$node->init;
$node->start;
$node->safe_psql('postgres', join '', map { "CREATE FUNCTION $_->[0]() RETURNS $_->[1] LANGUAGE c AS '$library', '$_->[0]';" }
	  [ 'stacks_after_exception', 'bool' ], [ 'error_after_exception', 'int' ], [ 'error_in_guarded_after_exception', 'text' ], [ 'exception_at_the_edge', 'int' ]);
is($node->safe_psql('postgres', 'SELECT stacks_after_exception()'), 't', 'an exception leaves the stack of handlers and of contexts as it was');
my ($status, $out, $err) = $node->psql('postgres', q{
	DO $$ BEGIN PERFORM error_after_exception(); EXCEPTION WHEN division_by_zero THEN RAISE NOTICE 'caught'; END $$;
	SELECT 'still there'});
is($out, 'still there', 'an ERROR after it reaches the nearest handler');
like($err, qr/NOTICE:  caught/, 'which catches it');
($status, $out, $err) = $node->psql('postgres', 'SELECT error_after_exception()');
is($status, 3, 'without one it is the statement that fails');
like($err, qr/ERROR:  raised after the exception/, 'with its error');
is($node->safe_psql('postgres', 'SELECT error_in_guarded_after_exception()'), 'caught: raised within the outer one', 'an ERROR within an outer guarded() is its own');
($status, $out, $err) = $node->psql('postgres', 'SELECT exception_at_the_edge()');
like($err, qr/ERROR:  pg_flowctl: nobody caught it/, 'an exception that nobody catches becomes an ERROR');
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/a context of a frame that is gone|terminated by signal/, 'nothing has gone wrong');
$node->stop;
done_testing();
