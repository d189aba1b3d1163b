# Runs TAP tests side by side, as prove does, and closes with "N passed, N failed", which run.sh adds up.
#
#   perl tap.pl JOBS FILE...       output of each file goes to $TAP_LOGS/<file>.log, its verdict to stdout
#
# Each file writes into a log of its own, so that none waits for another's output. A file that dies or does not keep its
# plan counts as one more failure. If a file is killed, run.sh ends the servers that it leaves behind.
use strict;
use warnings;
use File::Basename qw(basename);
use TAP::Parser;

my ($jobs, @files) = @ARGV;
my ($passed, $failed) = (0, 0);
my %running;

sub start
{
	my ($file) = @_;
	my $name   = basename($file, '.pl');
	my $log    = "$ENV{TAP_LOGS}/$name.log";
	my $pid    = fork() // die "fork: $!";
	if ($pid == 0)
	{
		open STDOUT, '>',  $log     or die "$log: $!";
		open STDERR, '>&', \*STDOUT or die;
		exec $^X, $file or die "$file: $!";
	}
	$running{$pid} = { name => $name, log => $log, started => time };
}

sub finish
{
	my ($about, $exit) = @_;
	open my $log, '+<', $about->{log} or die "$about->{log}: $!";
	# A file may die before it says anything.
	my $parser = TAP::Parser->new({ tap => join('', <$log>) || "# no output\n" });
	$parser->run;
	my $bad = $parser->failed + ($parser->parse_errors || ($exit && !$parser->failed) ? 1 : 0);
	$passed += $parser->passed;
	$failed += $bad;
	printf "  %-32s %4d tests %4d s  %s\n", $about->{name}, scalar($parser->passed) + $parser->failed,
	  time - $about->{started}, $bad ? 'FAILED' : $parser->skip_all ? 'skipped: ' . $parser->skip_all : 'ok';
	print {$log} "# exit $exit\n", map { "# $_\n" } $parser->parse_errors;
}

$| = 1;
while (@files || %running)
{
	start(shift @files) while @files && keys %running < $jobs;
	my $pid = wait();
	finish(delete $running{$pid}, $? >> 8 || $? & 127) if $running{$pid};
}
print "$passed passed, $failed failed\n";
exit($failed ? 1 : 0);
