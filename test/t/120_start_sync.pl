# start_sync and wait_for: what a session holds while it waits, how it is interrupted, and that the run exists whatever becomes of
# the session.
use strict;
use warnings;
use Test::More;
use FlowctlTest;

my $node = new_node('sync', 'restart_after_crash' => 'on', 'flowctl.sweep_interval' => '1h');
wait_for_workers($node, 1);
define_flow($node, 'gate', { StartAt => 'W', States => { W => { Type => 'Wait', Seconds => 36_000, End => true } } });
define_flow($node, 'pass', { StartAt => 'A', States => { A => { Type => 'Pass', End => true } } });
define_flow($node, 'fails', { StartAt => 'F', States => { F => { Type => 'Fail', Error => 'No.Stock', Cause => 'nothing is left' } } });
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };

# A session in the background that waits; returns a handle to finish.
sub begin
{
	my ($statement) = @_;
	my %session = (out => '', err => '');
	$session{run} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('postgres'), '-c', $statement ],
		'<', \undef, '>', \$session{out}, '2>', \$session{err});
	wait_for_query($node, q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Extension' AND backend_type = 'client backend'}, '1');
	return \%session;
}
sub finish { my ($session) = @_; eval { IPC::Run::finish($session->{run}) }; return $session; }

my $waiting = q{pg_stat_activity WHERE query LIKE 'CALL flowctl.%' AND pid <> pg_backend_pid()};
my $open    = q{SELECT run_id FROM flowctl.runs WHERE status = 'RUNNING'};

# A session that waits holds no snapshot, no transaction id and no lock of a table.
my $session = begin(q{CALL flowctl.start_sync('gate', '{"a": 1}', name => 'one')});
is($sql->("SELECT backend_xmin IS NULL, backend_xid IS NULL FROM $waiting"), 't|t', 'start_sync waits without a snapshot');
is($sql->("SELECT count(*) FROM pg_locks WHERE locktype = 'relation' AND pid IN (SELECT pid FROM $waiting)"), '0', 'and without locks');
my $run = $sql->($open);
$sql->("SELECT flowctl.stop('$run', 'Shop.Closed', 'for today')");
finish($session);
like($session->{err}, qr/38000: Shop\.Closed: for today\nDETAIL:  Run $run of flow "gate" ended as ABORTED\./, 'the error of a run that was stopped');

# The interrupts of a session reach it; the run goes on, and the same name finds it.
for my $case ([ 'a cancel', 'pg_cancel_backend', qr/57014: canceling statement due to user request/ ],
	[ 'a termination', 'pg_terminate_backend', qr/terminating connection due to administrator command/ ])
{
	my ($what, $function, $expected) = @$case;
	$session = begin(q{CALL flowctl.start_sync('gate', '{"a": 2}', name => 'two')});
	$sql->("SELECT $function(pid) FROM $waiting");
	finish($session);
	like($session->{err}, $expected, "$what reaches a session that waits");
	is($sql->(q{SELECT status FROM flowctl.runs WHERE name = 'two'}), 'RUNNING', 'its run goes on');
}
my ($status, $out, $err) = $node->psql('postgres', q{SET statement_timeout = '100ms'; CALL flowctl.start_sync('gate', '{"a": 2}', name => 'two')});
like($err, qr/canceling statement due to statement timeout/, 'statement_timeout counts');
is($sql->(q{SELECT count(*) FROM flowctl.runs WHERE name = 'two'}), '1', 'the same name is the same run');
($status, $out, $err) = $node->psql('postgres', q{\set VERBOSITY verbose
	CALL flowctl.start_sync('gate', '{"a": 2}', timeout => '100 ms', name => 'two')});
$run = $sql->(q{SELECT run_id FROM flowctl.runs WHERE name = 'two'});
like($err, qr/55006: the run has not ended within the timeout.*DETAIL:  Run $run\./s, 'the timeout has an error of its own that names the run');

# Two sessions with the same name wait for one run, and hear of its end without a worker's sweep.
my @two = map { begin("CALL flowctl.wait_for('$run', '1 h')") } 1;
push @two, { run => IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', q{CALL flowctl.start_sync('gate', '{"a": 2}', name => 'two')} ],
		'<', \undef, '>', \my $second_out, '2>', \my $second_err) };
wait_for_query($node, "SELECT count(*) FROM $waiting", '2');
is($sql->("SELECT count(*) FROM $waiting AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)"), '0', 'wait_for holds no snapshot either');
$sql->("SELECT flowctl.stop('$run')");
finish($_) for @two;
is($two[0]{out}, "ABORTED\n", 'wait_for gives the status');
like($second_err, qr/the run ended as ABORTED/, 'start_sync raises the end');

# The server dies while a session waits: the run is there, and a repeated call finds it.
$session = begin(q{CALL flowctl.start_sync('gate', '{"a": 3}', name => 'three')});
$node->stop('immediate');
finish($session);
$node->start;
is($sql->(q{SELECT status FROM flowctl.runs WHERE name = 'three'}), 'RUNNING', 'the run survives a crash of the server');
is($sql->(q{CALL flowctl.start_sync('pass', '{"x": [1, "two"]}')}), '{"x": [1, "two"]}', 'the output');
($status, $out, $err) = $node->psql('postgres', q{CALL flowctl.start_sync('fails', '{}')});
like($err, qr/No\.Stock: nothing is left/, 'the failure');

# Many at a time.
$node->pgbench('--no-vacuum --client=8 --transactions=50', 0, [qr{processed: 400/400}], [qr{^$}], 'many sessions start and wait',
	{ '120_start_sync' => q{CALL flowctl.start_sync('pass', '{"n": 1}');} });
is($sql->(q{SELECT count(*) FROM flowctl.runs WHERE flow = 'pass' AND status <> 'SUCCEEDED'}), '0', 'all have succeeded');

# The extension is dropped under a session that waits.
$session = begin(q{CALL flowctl.start_sync('gate', '{"a": 4}')});
$sql->('DROP EXTENSION pg_flowctl CASCADE');
finish($session);
isnt($session->{err}, '', 'a session that waits does not wait for ever: ' . ($session->{err} =~ /ERROR: +(.*)/ ? $1 : ''));

$node->stop;
done_testing();
