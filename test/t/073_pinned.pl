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

# Each setting that the source pins, where this server knows it: the database has another value for it, and a helper of a
# distributed Map tells which one it works with. So a name that is misspelt, or that a newer server has and that is not set, is seen.
my $text = PostgreSQL::Test::Utils::slurp_file("$FindBin::RealBin/../../src/pg/server/pinned_settings.cpp");
my ($always) = $text =~ /kPinned\[\]\[2\] = \{(.*?)\};/s;
my ($where_known) = $text =~ /kPinnedWhereKnown\[\]\[2\] = \{(.*?)\};/s;
my %pinned = "$always$where_known" =~ /\{"(\w+)", "([^"]*)"\}/g;
cmp_ok(scalar(keys %pinned), '>=', 28, 'the source names the settings');
delete $ENV{PGOPTIONS};
delete $pinned{$_} for qw(role search_path);    # a query has those of its role
my $names = join ', ', map { "'$_'" } sort keys %pinned;
my %of_server = map { my ($name, @rest) = split /\|/, $_, -1; ($name => \@rest) }
  split /\n/, $node->safe_psql('template1', "SELECT name, vartype, setting, array_to_string(enumvals, ',') FROM pg_settings WHERE name IN ($names)");
is_deeply([ grep { $always =~ /"$_"/ && !$of_server{$_} } sort keys %pinned ], [], 'every version has the settings that are pinned without looking');
my @newer = ([ transaction_timeout => 17 ], [ event_triggers => 17 ], [ scram_iterations => 16 ], [ createrole_self_grant => 16 ]);
for (@newer) { ok(exists $pinned{ $_->[0] }, "$_->[0] is pinned"); ok($of_server{ $_->[0] }, "$_->[0] is known by that name") if $node->pg_version >= $_->[1]; }

# A value that is not the pinned one.
my %other = (
	DateStyle => 'German, DMY', TimeZone => 'Asia/Tokyo', lc_monetary => 'POSIX',
	restrict_nonsystem_relation_kind => 'view', createrole_self_grant => 'set');
sub other_value
{
	my ($name) = @_;
	my ($type, undef, $values) = @{ $of_server{$name} };
	return $other{$name} if exists $other{$name};
	return $pinned{$name} eq 'on' ? 'off' : 'on' if $type eq 'bool';
	return (grep { $_ ne $pinned{$name} } split /,/, $values)[0] if $type eq 'enum';
	return $name =~ /timeout/ ? '3600000' : $pinned{$name} + 1;
}
$node->safe_psql('template1', q{CREATE DATABASE pinned; CREATE ROLE pinned});
$node->safe_psql('pinned', q{CREATE EXTENSION pg_flowctl; SELECT flowctl.grant_author('pinned')});
my $query = "SELECT name, setting FROM pg_catalog.pg_settings WHERE name IN ($names)";
$node->safe_psql('pinned', 'SET ROLE pinned; SELECT flowctl.define_flow($$settings$$, ' . sql_literal(to_json({
	StartAt => 'M', States => { M => { Type => 'Map', End => true,
		ItemReader => { Resource => 'flowctl:sql:query', Parameters => { Query => $query } },
		ItemProcessor => { ProcessorConfig => { Mode => 'DISTRIBUTED', ExecutionType => 'STANDARD' }, StartAt => 'P', States => { P => { Type => 'Pass', End => true } } } } } })) . ')');
$run = start_run($node, 'settings', {}, 'pinned');
$node->safe_psql('template1', join '', map { "ALTER DATABASE pinned SET $_ = '@{[ other_value($_) ]}';" } sort keys %of_server);
$ENV{PGOPTIONS} = join ' ', map { my $value = $pinned{$_} =~ s/ /\\ /gr; "-c $_=$value" } sort keys %of_server;
is(wait_for_run($node, $run, 'pinned'), 'SUCCEEDED', 'a helper, before');
$node->restart;
wait_for_workers($node, 1, 'pinned');
$run = start_run($node, 'settings', {}, 'pinned');
is(wait_for_run($node, $run, 'pinned'), 'SUCCEEDED', 'a helper in a database that has other settings') or diag(to_json(run_row($node, $run, 'pinned')));
my %found = map { ($_->{name} => $_->{setting}) } @{ run_output($node, $run, 'pinned') };
is_deeply([ sort keys %found ], [ sort keys %of_server ], 'tells all that the server knows');
like($found{$_}, qr/^\Q$pinned{$_}\E(,|$)/, "$_ is pinned") for sort keys %found;
$node->stop;
done_testing();
