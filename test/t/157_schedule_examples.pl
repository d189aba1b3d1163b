# The statements of docs/schedules.md can be executed as they stand there.
use strict;
use warnings;
use Test::More;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use FlowctlTest;

my $text = slurp_file(abs_path(dirname(__FILE__)) . '/../../docs/schedules.md');
my $node = new_node('schedule_examples', 'flowctl.workers' => 1, 'flowctl.schedule_clock' => '2026-04-01T12:00:00Z', 'timezone' => 'UTC');
my @statements = map { /(SELECT\b.*?);/msg } $text =~ /^```sql\n(.*?)^```/msg;
cmp_ok(scalar @statements, '>=', 10, 'the page has statements');
my $out = '';
for my $statement (@statements)
{
	my ($status, $result, $err) = $node->psql('postgres', $statement);
	is($err, '', 'can be executed: ' . ($statement =~ s/\s+/ /gr =~ s/^(.{1,70}).*/$1/r));
	$out .= "$result\n";
}
like($out, qr/^nightly\|30 2 \* \* \*\|ACTIVE\|2026-04-02 00:30:00\+00\|\|0$/m, 'the view shows the schedule of the page');
like($out, qr/^30$/m, 'the backfill starts a run for each day');
is($node->safe_psql('postgres', q{SELECT count(flowctl.wait(run_id)) FROM flowctl.runs}), '31', 'and all of them run');

$node->stop;
done_testing();
