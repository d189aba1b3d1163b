# flowctl.drain(): nothing new begins in any database, and what is under way comes to its end, so that a restart repeats no
# call. It ends at flowctl.undrain() and with the server.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use Parts;
use Test::More;

my $stub = Parts::start_stub();
my $node = new_node('main', 'flowctl.sweep_interval' => '1s', 'flowctl.workers' => 2);
$node->safe_psql('postgres', 'CREATE DATABASE second');
$node->safe_psql('second', 'CREATE EXTENSION pg_flowctl');
wait_for_workers($node, 2, $_) for qw(postgres second);

# Two calls, one after the other, at two paths of the stub.
my %states = (
	First  => { Type => 'Task', Resource => 'flowctl:http:first', ResultPath => undef, Next => 'Second' },
	Second => { Type => 'Task', Resource => 'flowctl:http:second', End => true });
for my $database (qw(postgres second))
{
	$node->safe_psql($database, "CREATE SERVER $_ FOREIGN DATA WRAPPER flowctl_http OPTIONS (url '" . $stub->url("/$database/$_") . "', auth 'none')")
	  for qw(first second);
	define_flow($node, 'two', { StartAt => 'First', States => \%states }, $database);
	define_flow($node, 'timer', { StartAt => 'W', States => { W => { Type => 'Wait', Seconds => 1, Next => 'P' }, P => { Type => 'Pass', End => true } } }, $database);
	$stub->script("/$database/first", then => { hold => $database, echo => 'body' });
}

sub drain
{
	my ($timeout, $database) = @_;
	my ($status, $out, $err) = $node->psql($database // 'postgres', "\\set VERBOSITY verbose\nCALL flowctl.drain('$timeout')");
	return $err;
}

sub phases
{
	my ($database) = @_;
	return $node->safe_psql($database, q{SELECT string_agg(name || ' ' || coalesce(phase, status), ', ' ORDER BY name) FROM flowctl.runs});
}

is(drain('10 s'), '', 'where nothing is under way it returns at once');
$node->safe_psql('postgres', 'CALL flowctl.undrain()');

# Calls are under way in both databases, and a timer is set.
$node->safe_psql('postgres', q{SELECT flowctl.start('two', '{}', 'a')});
$node->safe_psql('postgres', q{SELECT flowctl.start('two', '{}', 'b')});
$node->safe_psql('second',   q{SELECT flowctl.start('two', '{}', 'c')});
$stub->wait_for(2, path => '/postgres/first', outcome => 'held');
$stub->wait_for(1, path => '/second/first',   outcome => 'held');
$node->safe_psql('second', q{SELECT flowctl.start('timer', '{}', 't')});
wait_for_query($node, q{SELECT phase FROM flowctl.runs WHERE name = 't'}, 'WAITING', 'second');

my $err = drain('100 ms', 'second');
like($err, qr/ERROR:  55006: something is still under way/, 'at the timeout it says so');
like($err, qr/database "postgres": 2 calls/, 'and what is under way, in every database');
like($err, qr/database "second": 1 call$/m,  'with the number of calls');

# What is asked for meanwhile is accepted, and waits.
$node->safe_psql('postgres', q{SELECT flowctl.start('two', '{}', 'd')});
$stub->release('postgres');
$stub->release('second');
is(drain('60 s'), '', 'when the answers have come it returns');
is(phases('postgres'), 'a RUNNING, b RUNNING, d QUEUED', 'a run that was started meanwhile has not begun');
is(scalar(my @next = $stub->calls(path => "/$_/second")), 0, "no next call of database $_ has left") for qw(postgres second);
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.calls WHERE http_status IS NULL}), '0', 'every answer is recorded');
wait_for_query($node, q{SELECT due_at < now() FROM flowctl.runs WHERE name = 't'}, 't', 'second');
$node->safe_psql('second', 'SELECT pg_sleep(1.5)');    # longer than a sweep; a timer that fired would have had its time
is(phases('second'), 'c RUNNING, t WAITING', 'no timer has fired');
my $cpu = sub { my ($pid) = @_; open my $in, '<', "/proc/$pid/stat" or return 0; my @f = split ' ', <$in>; return $f[13] + $f[14] };
my ($pid) = worker_pids($node, 'second');
my $before = $cpu->($pid);
$node->safe_psql('second', 'SELECT pg_sleep(1)');
cmp_ok($cpu->($pid) - $before, '<', 30, 'and a drained worker does not spin');
$node->safe_psql('postgres', q{SELECT flowctl.stop(run_id) FROM flowctl.runs WHERE name = 'd'});
wait_for_query($node, q{SELECT status FROM flowctl.runs WHERE name = 'd'}, 'ABORTED');
pass('a run can be stopped');

# The restart repeats nothing, and ends the drain.
$node->restart;
wait_for_query($node, q{SELECT string_agg(name || ' ' || status, ', ' ORDER BY name) FROM flowctl.runs}, 'a SUCCEEDED, b SUCCEEDED, d ABORTED');
wait_for_query($node, q{SELECT string_agg(name || ' ' || status, ', ' ORDER BY name) FROM flowctl.runs}, 'c SUCCEEDED, t SUCCEEDED', 'second');
my %times;
$times{ $_->{headers}{'idempotency-key'} }++ for map { $stub->calls(path => "/$_") } qw(postgres/first postgres/second second/first second/second);
is(join(' ', map { $times{$_} } sort keys %times), '1 1 1 1 1 1', 'six calls were made, each once');

# undrain() lets everything go on, also while somebody waits in drain().
is(drain('10 s'), '', 'a second drain');
my $run = $node->safe_psql('second', q{SELECT flowctl.start('timer', '{}', 'u')});
$node->safe_psql('second', 'SELECT pg_sleep(0.3)');
is($node->safe_psql('second', q{SELECT phase FROM flowctl.runs WHERE name = 'u'}), 'QUEUED', 'holds back a new run');
$node->safe_psql('postgres', 'CALL flowctl.undrain()');
is(wait_for_run($node, $run, 'second'), 'SUCCEEDED', 'which begins at undrain()');
$stub->script('/postgres/first', then => { hold => 'again', echo => 'body' });
$node->safe_psql('postgres', q{SELECT flowctl.start('two', '{}', 'e')});
$stub->wait_for(1, path => '/postgres/first', outcome => 'held');
my $waiting = $node->background_psql('postgres', on_error_stop => 0);
$waiting->query_until(qr/begun/, "\\echo begun\nCALL flowctl.drain('60 s');\n");
wait_for_query($node, q{SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CALL flowctl.drain%' AND wait_event_type = 'Extension'}, '1');
$node->safe_psql('postgres', 'CALL flowctl.undrain()');
wait_for_query($node, q{SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'CALL flowctl.drain%'}, '0');
pass('undrain() ends a drain that waits');
$waiting->quit;
$stub->release('again');
wait_for_query($node, q{SELECT status FROM flowctl.runs WHERE name = 'e'}, 'SUCCEEDED');

# A crash of a backend makes the server start its processes again, without the drain.
is(drain('10 s'), '', 'a third drain');
$node->safe_psql('postgres', q{CREATE ROLE nobody});
my ($status, $out, $refused) = $node->psql('postgres', 'SET ROLE nobody; CALL flowctl.drain()');
like($refused, qr/permission denied for procedure drain/, 'not everybody may drain');
($status, $out, $refused) = $node->psql('postgres', 'SET ROLE nobody; CALL flowctl.undrain()');
like($refused, qr/permission denied for procedure undrain/, 'nor undrain');
$node->restart('immediate');
$run = start_run($node, 'timer', {}, 'second');
is(wait_for_run($node, $run, 'second'), 'SUCCEEDED', 'a drain does not outlive the server');

$node->stop;
done_testing();
