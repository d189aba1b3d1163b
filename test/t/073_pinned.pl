# What ALTER DATABASE and ALTER ROLE set for sessions does not reach the worker.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use Test::More;

my $node = new_node('main');
define_flow($node, 'pass', { StartAt => 'P', States => { P => { Type => 'Pass', End => true } } });
my %setting = (
	session_authorization             => 'pg_monitor',
	role                              => 'pg_monitor',
	search_path                       => 'elsewhere',
	statement_timeout                 => '1ms',
	lock_timeout                      => '1ms',
	idle_session_timeout              => '100ms',
	default_transaction_isolation     => 'serializable',
	default_transaction_read_only     => 'on',
	session_replication_role          => 'replica',
	synchronous_commit                => 'off');
# The sessions of this test are to stay as they are.
$ENV{PGOPTIONS} = join ' ', map { "-c $_->[0]=$_->[1]" }[ session_authorization => $node->safe_psql('postgres', 'SELECT current_user') ], [ role => 'none' ], [ statement_timeout => 0 ], [ lock_timeout => 0 ],
  [ idle_session_timeout => 0 ], [ default_transaction_read_only => 'off' ];
$node->safe_psql('postgres', "ALTER DATABASE postgres SET $_ = '$setting{$_}'") for sort keys %setting;
$node->restart;
wait_for_workers($node, 1);
my ($worker) = worker_pids($node);
my $run = start_run($node, 'pass', {});
is(wait_for_run($node, $run), 'SUCCEEDED', 'the worker works under settings of its own');
is_deeply([ worker_pids($node) ], [$worker], 'and stays');
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/flowctl worker.*(ERROR|permission denied)/, 'without an error');
$node->stop;
done_testing();
