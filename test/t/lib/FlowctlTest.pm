# What TAP tests of the worker share: a node with the extension, short ways to make flows and endpoints, and waiting.
#
#   use FlowctlTest;
#   my $node = new_node('main', 'flowctl.workers' => 2);       # initdb, preload, started, extension created in postgres
#   define_flow($node, 'greet', { StartAt => 'A', States => { A => { Type => 'Pass', End => true } } });
#   my $run = start_run($node, 'greet', { x => 1 });
#   is(wait_for_run($node, $run), 'SUCCEEDED');
#   is_deeply(run_output($node, $run), { x => 1 });
#   wait_for_query($node, 'SELECT count(*) FROM ...', '3');
#
# Parts.pm has servers that flows can call. No result depends on how long something here sleeps.
package FlowctlTest;
use strict;
use warnings;
use Carp qw(croak);
use Exporter 'import';
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use Parts;

our @EXPORT = qw(
  new_node kill_server start_again wait_for_query wait_for_workers worker_pids
  define_flow http_flow start_run wait_for_run run_output run_row history_types
  http_server query_json to_json from_json sql_literal true false
);

my $json = JSON::PP->new->utf8->canonical->allow_nonref->allow_bignum;

sub true { return JSON::PP::true; }

sub false { return JSON::PP::false; }

sub to_json { my ($value) = @_; return $json->encode($value); }

sub from_json { my ($text) = @_; return $json->decode($text); }

sub sql_literal { my ($text) = @_; return 'NULL' unless defined $text; return "'" . ($text =~ s/'/''/gr) . "'"; }

# A started node with the extension in database postgres. Settings are name => value; a setting that is undef is left out.
sub new_node
{
	my ($name, %setting) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	configure($node, %setting);
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_flowctl');
	return $node;
}

sub configure
{
	my ($node, %setting) = @_;
	my %all = (
		'shared_preload_libraries' => 'pg_flowctl',
		'max_worker_processes'     => 32,
		'log_line_prefix'          => '%m [%p] %b %q%a ',
		'flowctl.egress_allow'     => '127.0.0.1/32',
		'flowctl.secrets_dir'      => Parts::pki() . '/secrets',
		%setting);
	delete $all{$_} for grep { !defined $all{$_} } keys %all;
	$node->append_conf('postgresql.conf', join('', map { "$_ = '" . ($all{$_} =~ s/'/''/gr) . "'\n" } sort keys %all));
}

# Kills the postmaster; returns when it is gone. Its children live on for a moment.
sub kill_server
{
	my ($node) = @_;
	my $postmaster = $node->{_pid};
	$node->kill9;
	sleep 0.01 while kill 0, $postmaster;
}

# Starts a server that was killed, as soon as its children have left its shared memory.
sub start_again
{
	my ($node) = @_;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return if $node->start(fail_ok => 1);
		sleep 0.1;
	}
	croak 'the server does not start again';
}

# Polls until the query's result is the expected text ('t' when none is given). Fails the test, showing what came last.
sub wait_for_query
{
	my ($node, $sql, $expected, $dbname) = @_;
	$expected //= 't';
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;
	my ($status, $out, $err);
	do
	{
		# While a server restarts, psql may be gone before it has read the query: IPC::Run dies of that.
		eval { ($status, $out, $err) = $node->psql($dbname // 'postgres', $sql); 1 } or ($status, $out, $err) = (-1, '', $@);
		return 1 if $status == 0 && $out eq $expected;
		sleep 0.05;
	} while (time < $end);
	fail("waited for: $sql");
	diag("expected:\n$expected\nlast result:\n$out\n$err");
	return 0;
}

# The worker processes of a database, as the server sees them.
sub worker_pids
{
	my ($node, $dbname) = @_;
	$dbname //= 'postgres';
	return split /\n/, $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'flowctl worker%' AND datname = " . sql_literal($dbname) . ' ORDER BY pid');
}

sub wait_for_workers
{
	my ($node, $count, $dbname) = @_;
	$dbname //= 'postgres';
	return wait_for_query($node,
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'flowctl worker%' AND datname = " . sql_literal($dbname), $count);
}

# Defines a flow from a Perl structure or JSON text; returns its version.
sub define_flow
{
	my ($node, $name, $definition, $dbname, $options) = @_;
	my $text = ref $definition ? to_json($definition) : $definition;
	my $more = $options ? ', options => ' . sql_literal(to_json($options)) : '';
	return $node->safe_psql($dbname // 'postgres', 'SELECT flowctl.define_flow(' . sql_literal($name) . ', ' . sql_literal($text) . "$more)");
}

# The definition of a flow with one task that calls an endpoint; %more goes into the task.
sub http_flow
{
	my ($server, %more) = @_;
	return { StartAt => 'Call', States => { Call => { Type => 'Task', Resource => "flowctl:http:$server", End => true, %more } } };
}

# An endpoint at a stub without identity provider; %option are further server options.
sub http_server
{
	my ($node, $name, $url, %option) = @_;
	my %all = (url => $url, auth => 'none', %option);
	delete $all{$_} for grep { !defined $all{$_} } keys %all;
	my $options = join ', ', map { "$_ " . sql_literal($all{$_}) } sort keys %all;
	$node->safe_psql('postgres', "CREATE SERVER $name FOREIGN DATA WRAPPER flowctl_http OPTIONS ($options)");
}

# Starts a run in a transaction of its own; returns its id.
sub start_run
{
	my ($node, $flow, $input, $dbname) = @_;
	my $text = to_json($input // {});
	return $node->safe_psql($dbname // 'postgres', 'SELECT flowctl.start(' . sql_literal($flow) . ', ' . sql_literal($text) . ')');
}

# The status of a run once it is final, or at the timeout.
sub wait_for_run
{
	my ($node, $run, $dbname) = @_;
	my $timeout = $PostgreSQL::Test::Utils::timeout_default;
	return $node->safe_psql($dbname // 'postgres', "SELECT flowctl.wait('$run', '$timeout s')");
}

# The row of flowctl.runs as a hash.
sub run_row
{
	my ($node, $run, $dbname) = @_;
	return query_json($node, "SELECT to_json(r) FROM flowctl.runs r WHERE run_id = '$run'", $dbname);
}

sub run_output { my (@args) = @_; return run_row(@args)->{output}; }

# The types of a run's history events, in order, joined by spaces.
sub history_types
{
	my ($node, $run, $dbname) = @_;
	return $node->safe_psql($dbname // 'postgres',
		"SELECT string_agg(type, ' ' ORDER BY event_id) FROM flowctl.history WHERE run_id = '$run'");
}

# The decoded value of a query that returns one JSON value.
sub query_json
{
	my ($node, $sql, $dbname) = @_;
	my $text = $node->safe_psql($dbname // 'postgres', $sql);
	croak "no row: $sql" if $text eq '';
	return from_json($text);
}

1;
