# The examples of docs/approvals.md do what the page says: each statement of it is executed, in the order of the page.
use strict;
use warnings;
use Test::More;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use FlowctlTest;

my $text = slurp_file(abs_path(dirname(__FILE__)) . '/../../docs/approvals.md');
my $node = new_node('approval_examples', 'flowctl.workers' => 1);

my @blocks = $text =~ /^```sql\n(.*?)^```/msg;
is(scalar @blocks, 3, 'the page has examples');
for my $block (@blocks)
{
	my ($status, $out, $err) = $node->psql('postgres', $block, on_error_stop => 1);
	is($err, '', 'works: ' . substr($block, 0, 30));
	wait_for_query($node, q{SELECT count(*) > 0 FROM flowctl.approvals});
}
my $run = $node->safe_psql('postgres', q{SELECT run_id FROM flowctl.runs WHERE flow = 'pay' ORDER BY run_id LIMIT 1});
is(wait_for_run($node, $run), 'SUCCEEDED', 'the approval lets the run go on');
is($node->safe_psql('postgres', q{SELECT message, status, decisions->0->>'reason' FROM flowctl.approvals ORDER BY requested_at LIMIT 1}), '120 EUR to ACME|APPROVED|the goods have come', 'as the page says');

wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'tell' AND status = 'SUCCEEDED'}, '1');

$node->stop;
done_testing();
