# What a run computes for long holds up nobody: a copy of the worker computes it, with a deadline. A copy that dies is
# tried again, a stop ends it, it ends with the worker, and a run that ends its worker again and again is given up.
#
# To be independent of how fast the machine is, the copies are stopped by a signal where something has to happen while
# they are there. A copy is a process whose parent is a worker, so the postmaster is its parent's parent.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(usleep time);

plan skip_all => 'no /proc' unless -r '/proc/self/stat';

my $node = new_node('evaluations', restart_after_crash => 'on', fsync => 'off', 'flowctl.evaluation_timeout' => '10min');
my $doubles = join '+', ('$i*2') x 60;
my $long = { Type => 'Pass', QueryLanguage => 'JSONata', Output => "{% (\$f := function(\$i){ \$i = 0 ? 'done' : (\$x := $doubles; \$f(\$i-1)) }; \$f(\$states.input.n)) %}" };
my $wait = { Type => 'Wait', SecondsPath => '$.seconds', Next => 'Long' };
define_flow($node, 'long', { StartAt => 'Long', States => { Long => { %$long, End => true } } });
define_flow($node, 'later', { StartAt => 'Wait', States => { Wait => $wait, Long => { %$long, Next => 'Again' }, Again => { Type => 'Wait', Seconds => 1, End => true } } });
define_flow($node, 'short', { StartAt => 'P', States => { P => { Type => 'Pass', End => true } } });
wait_for_workers($node, 1);
my $heavy = { n => 25_000, seconds => 1 };    # nearly as many steps as a state may take

# The processes whose parents are children of the postmaster: [pid, state].
sub copies
{
	my $postmaster = $node->{_pid};
	my %process;
	for my $stat (glob '/proc/[0-9]*/stat')
	{
		open my $in, '<', $stat or next;
		my $line = <$in> // next;
		$process{$1} = { state => $2, parent => $3 } if $line =~ /^(\d+) \(.*\) (\S) (\d+) /;
	}
	return map { [ $_, $process{$_}{state} ] }
	  grep { my $parent = $process{ $process{$_}{parent} }; defined $parent && $parent->{parent} == $postmaster && $process{$_}{state} ne 'Z' } keys %process;
}

# Starts a run and sends the signal to the copy that evaluates it. It is tried again where the copy was too fast.
sub with_copy
{
	my ($signal, $flow) = @_;
	for my $try (1 .. 20)
	{
		my $run = start_run($node, $flow // 'long', $heavy);
		return $run if signal_copy($signal, $run);
	}
	die 'no copy was seen';
}

# True when a copy was there. One that has got a signal may be seen for some time after it, and is passed over.
my %signalled;
sub signal_copy
{
	my ($signal, $run) = @_;
	my $until = time + 60;
	while (time < $until)
	{
		for my $copy (copies())
		{
			next if $signalled{ $copy->[0] };
			$signalled{ $copy->[0] } = 1;
			return 1 if kill $signal, $copy->[0];
		}
		usleep(2_000);
		state_of($run) or next;
		return 0;
	}
	return 0;
}

# The run's status when it has ended. Asked for seldom, since the copies are to be seen.
my $asked = 0;
sub state_of
{
	my ($run) = @_;
	return '' if time < $asked + 0.5;
	$asked = time;
	my ($ret, $status) = $node->psql('postgres', "SELECT status FROM flowctl.runs WHERE run_id = '$run'");
	return $ret == 0 && $status ne 'RUNNING' ? $status : '';
}

sub no_copies
{
	my ($name) = @_;
	my $until = time + 30;
	usleep(50_000) while copies() && time < $until;
	is(scalar(copies()), 0, $name);
	return;
}

# It has its outcome, in the right place.
my $run = start_run($node, 'later', $heavy);
is(wait_for_run($node, $run), 'SUCCEEDED', 'a long evaluation ends');
is(history_types($node, $run), 'ExecutionStarted WaitStateEntered WaitStateExited PassStateEntered PassStateExited WaitStateEntered WaitStateExited ExecutionSucceeded',
	'and its history is that of a short one');
is_deeply(run_output($node, $run), 'done', 'with its output');
no_copies('its copy has left');

# While it computes, others go on.
$run = with_copy('STOP');
my $other = start_run($node, 'short', {});
is(wait_for_run($node, $other), 'SUCCEEDED', 'another run ends while one is evaluated');
is(run_row($node, $run)->{status}, 'RUNNING', 'which is not over');
kill 'CONT', $_->[0] for copies();
is(wait_for_run($node, $run), 'SUCCEEDED', 'then it ends');

# Many of one owner: no more than his part at a time, and all end.
my @many = map { start_run($node, 'long', $heavy) } 1 .. 8;
my $most = 0;
until ($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}) eq '0')
{
	my $now = scalar copies();
	$most = $now if $now > $most;
}
cmp_ok($most, '<=', 2, 'one owner has two copies at most');
is(scalar(grep { run_row($node, $_)->{status} eq 'SUCCEEDED' } @many), 8, 'and all runs end');

# A line of them holds up no other run of their owner.
my $count = 60;
$node->safe_psql('postgres', "SELECT count(flowctl.start('long', '{\"n\": 2000}')) FROM generate_series(1, $count)");
$other = start_run($node, 'short', {});
is(wait_for_run($node, $other), 'SUCCEEDED', 'another run of their owner ends');
cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}), '>', 0, 'before they do');
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE flow = 'long' AND status = 'SUCCEEDED' AND input ->> 'n' = '2000'}), $count, 'all of many end');

# A stop ends it.
$run = with_copy('STOP');
$node->safe_psql('postgres', "SELECT flowctl.stop('$run')");
is(wait_for_run($node, $run), 'ABORTED', 'a run can be stopped while it is evaluated');
no_copies('that ends the copy');
my $second = with_copy('STOP', 'later');
$node->safe_psql('postgres', "SELECT flowctl.stop('$second')");
is(wait_for_run($node, $second), 'ABORTED', 'also one that had begun before');
is(history_types($node, $second), 'ExecutionStarted WaitStateEntered ExecutionAborted', 'at the last step that is known');

# So does the end of the worker. The run is evaluated by the next one.
$run = with_copy('STOP');
my ($worker) = worker_pids($node);
is($node->safe_psql('postgres', "SELECT pg_terminate_backend($worker, 10000)"), 't', 'a worker that evaluates can be ended');
is(wait_for_run($node, $run), 'SUCCEEDED', 'and the next one carries on');
$run = with_copy('STOP');
my $began = time;
$node->stop('fast');
cmp_ok(time - $began, '<', 30, 'a fast shutdown does not wait');
$node->start;
is(wait_for_run($node, $run), 'SUCCEEDED', 'after the start it is evaluated');
no_copies('no copy is left');

# A copy that dies is made again, not for ever.
$run = with_copy('KILL');
is(wait_for_run($node, $run), 'SUCCEEDED', 'a copy that was killed is made again');
for my $try (1 .. 10)
{
	$run = with_copy('KILL');
	last if signal_copy('KILL', $run) && signal_copy('KILL', $run);
}
is(wait_for_run($node, $run), 'FAILED', 'not after the third time');
is(run_row($node, $run)->{error}, 'States.Runtime', 'then the run fails');
like(run_row($node, $run)->{cause}, qr/^An error occurred while evaluating the start of the run\. It failed 3 times; the last time its process was ended by signal 9\.$/, 'with the reason');

# A worker that dies while it evaluates: the third time the run fails.
for my $try (1 .. 10)
{
	$run = with_copy('STOP');
	my $died = 0;
	for my $time (1 .. 3)
	{
		if ($time > 1)
		{
			last unless signal_copy('STOP', $run);
		}
		my @stopped = map { $_->[0] } copies();
		($worker) = grep { defined } map { parent_of($_) } @stopped;
		last unless defined $worker && kill 'KILL', $worker;
		$died++;
		usleep(10_000) while -e "/proc/$worker";
		# A copy may have been stopped before it had asked to end with its worker. It leaves when it goes on.
		kill 'CONT', @stopped;
	}
	last if $died == 3;
	$node->poll_query_until('postgres', 'SELECT true');
}
sub parent_of
{
	my ($pid) = @_;
	return slurp_file("/proc/$pid/stat") =~ /\) \S (\d+) / ? $1 : undef;
}
$node->poll_query_until('postgres', 'SELECT true');
is(wait_for_run($node, $run), 'FAILED', 'a run that has ended its worker three times is given up');
like(run_row($node, $run)->{cause}, qr/^the engine cannot carry this run on: a worker has ended abnormally 3 times while it evaluated the run; the server's log says how$/, 'with the reason');
$other = start_run($node, 'long', $heavy);
is(wait_for_run($node, $other), 'SUCCEEDED', 'its flow goes on');
no_copies('no copy is left after a crash');
my $file = $node->data_dir . '/pg_stat_tmp/pg_flowctl.suspects';
is(sprintf('%o', (stat $file)[2] & 07777), '600', 'the file of suspects is private');

# A file that is damaged does no harm.
$node->stop;
open my $out, '>', $file or die $!;
print {$out} 'nonsense' x 100;
close $out;
$node->start;
$run = start_run($node, 'long', $heavy);
is(wait_for_run($node, $run), 'SUCCEEDED', 'a damaged file of suspects does no harm');

# What is computed in slices: a definition that is nearly as large as one may be, and the inputs of a Map's items.
my $states = 9_000;
my %large = map { ("S$_" => { Type => 'Pass', Next => $_ < $states ? 'S' . ($_ + 1) : 'Z' }) } 1 .. $states;
define_flow($node, 'large', { StartAt => 'C', States => { %large, Z => { Type => 'Succeed' },
	C => { Type => 'Choice', Choices => [ { Variable => '$.all', IsPresent => true, Next => 'S1' } ], Default => 'Z' } } });
my @large = map { start_run($node, 'large', {}) } 1 .. 3;
$other = start_run($node, 'short', {});
is(wait_for_run($node, $_), 'SUCCEEDED', 'a run of a large definition, or beside it, ends') for $other, @large;
define_flow($node, 'items', { StartAt => 'M', QueryLanguage => 'JSONata', States => { M => { Type => 'Map', End => true,
	Items => '{% [1..4] %}', ItemSelector => { item => '{% $states.context.Map.Item.Value %}', long => $long->{Output} },
	ItemProcessor => { ProcessorConfig => { Mode => 'DISTRIBUTED', ExecutionType => 'STANDARD' }, StartAt => 'P', States => { P => { Type => 'Pass', End => true } } } } } });
$run = start_run($node, 'items', { n => 15_000 });
$other = start_run($node, 'short', {});
is(wait_for_run($node, $other), 'SUCCEEDED', 'a run ends beside a Map whose items are computed');
is(wait_for_run($node, $run), 'SUCCEEDED', 'so does the Map');
is_deeply(run_output($node, $run), [ map { { item => $_, long => 'done' } } 1 .. 4 ], 'with all items');
$run = start_run($node, 'items', { n => 25_000 });
$node->safe_psql('postgres', "SELECT flowctl.stop('$run')");
is(wait_for_run($node, $run), 'ABORTED', 'it can be stopped while they are computed');

# The deadline.
$node->safe_psql('postgres', q{ALTER SYSTEM SET flowctl.evaluation_timeout = '10ms'});
$node->restart;
$run = start_run($node, 'later', $heavy);
is(wait_for_run($node, $run), 'FAILED', 'an evaluation has a deadline');
is(run_row($node, $run)->{error}, 'States.Runtime', 'and fails its run');
is(run_row($node, $run)->{cause}, q{An error occurred while executing the state 'Long' (entered at the event id #4). The evaluation took longer than }
	. q{flowctl.evaluation_timeout (10 ms). Let the state compute less, or let an administrator raise flowctl.evaluation_timeout.}, 'with a cause that says where and what to do');
is(history_types($node, $run), 'ExecutionStarted WaitStateEntered WaitStateExited PassStateEntered ExecutionFailed', 'and what came before in its history');

$node->stop;
done_testing();
