# Runs TAP tests and closes with "N passed, N failed": prove, with the counts that run.sh adds up.
#
#   perl tap.pl JOBS FILE...       output of each file goes to $TAP_LOGS/<file>.log, its verdict to stdout
#
# A file that dies, times out or does not keep its plan counts as one more failure.
use strict;
use warnings;
use File::Basename qw(basename);
use TAP::Parser;
use TAP::Parser::Multiplexer;

my ($jobs, @files) = @ARGV;
my ($passed, $failed) = (0, 0);
my $running = TAP::Parser::Multiplexer->new;
my $count   = 0;

sub start_next
{
	my $file = shift @files or return;
	my $name = basename($file, '.pl');
	open my $log, '>', "$ENV{TAP_LOGS}/$name.log" or die "$ENV{TAP_LOGS}/$name.log: $!";
	$log->autoflush(1);
	my $parser = TAP::Parser->new({ exec => [ 'sh', '-c', 'exec "$0" "$@" 2>&1', $^X, $file ], merge => 0 });
	$running->add($parser, { name => $name, log => $log, started => time });
	$count++;
}

sub finish
{
	my ($parser, $about) = @_;
	my $bad = $parser->failed + ($parser->parse_errors || ($parser->exit && !$parser->failed) ? 1 : 0);
	$passed += $parser->passed;
	$failed += $bad;
	my $verdict = $bad ? 'FAILED' : $parser->skip_all ? 'skipped: ' . $parser->skip_all : 'ok';
	printf "  %-32s %4d tests %4d s  %s\n", $about->{name}, scalar $parser->passed + $parser->failed,
	  time - $about->{started}, $verdict;
	print {$about->{log}} "# exit $parser->{exit}\n", map { "# $_\n" } $parser->parse_errors;
	close $about->{log};
	$count--;
}

$| = 1;
start_next() for 1 .. $jobs;
while ($count)
{
	my ($parser, $about, $result) = $running->next or last;
	if (defined $result) { print { $about->{log} } $result->raw, "\n"; }
	else { finish($parser, $about); start_next(); }
}
print "$passed passed, $failed failed\n";
exit($failed ? 1 : 0);
