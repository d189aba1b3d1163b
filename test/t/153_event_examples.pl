# The statements of docs/events.md work as the page says, one after the other, and so do its Tasks.
use strict;
use warnings;
use Test::More;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use FlowctlTest;

my $text = slurp_file(abs_path(dirname(__FILE__)) . '/../../docs/events.md');
my $node = new_node('event_examples', 'flowctl.workers' => 1);
my $sql  = sub { return $node->safe_psql('postgres', $_[0]) };
$sql->('CREATE ROLE shop');

my @statements = map { split /;\s*\n/ } $text =~ /^```sql\n(.*?)^```/msg;
cmp_ok(scalar @statements, '>', 10, 'the page has statements');
for my $statement (@statements)
{
	my ($status, $out, $err) = $node->psql('postgres', $statement);
	is($err, '', 'works: ' . ($statement =~ s/\s+/ /gr =~ s/^(.{1,70}).*/$1/r));
}
is($sql->(q{SELECT input FROM flowctl.runs WHERE flow = 'check_order'}), '{"order": "orders/7", "total": 250}', 'the first example has started its run, and no other has');

my @tasks = $text =~ /^```json\n(\{"Type": "Task".*?)^```/msg;
is(scalar @tasks, 2, 'the page has two Tasks');
for my $task (@tasks)
{
	my $state = from_json($task);
	my $next  = $state->{Next};
	my $flow  = { StartAt => 'S', States => { S => $state, $next => { Type => 'Pass', End => true } } };
	$flow->{States}{S}{Arguments}{Since} = '{% $states.context.Execution.StartTime %}' if $state->{Arguments};
	define_flow($node, "of_page_$next", $flow);
}
my $run = start_run($node, 'of_page_Unpack', { parcel => 'p1' });
$sql->(q{SELECT flowctl.emit('parcel.arrived', '{"ok": true}', 'p1')});
is(wait_for_run($node, $run), 'SUCCEEDED', 'a parcel arrives');
$run = start_run($node, 'of_page_More', {});
$sql->(q{SELECT flowctl.emit('step.done')});
is(wait_for_run($node, $run), 'SUCCEEDED', 'a step is done');

$node->stop;
done_testing();
