# The examples of docs/triggers.md do what the page says: each statement of it is executed, in the order of the page.
use strict;
use warnings;
use Test::More;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use FlowctlTest;

my $text = slurp_file(abs_path(dirname(__FILE__)) . '/../../docs/triggers.md');
my $node = new_node('trigger_examples', 'flowctl.workers' => 1);
my $sql  = sub { return $node->safe_psql('postgres', $_[0]) };

my @blocks = $text =~ /^```sql\n(.*?)^```/msg;
cmp_ok(scalar @blocks, '>', 7, 'the page has examples');
my %started;
for my $block (@blocks)
{
	my $before = $sql->("SELECT to_regclass('flowctl.runs') IS NOT NULL") eq 't' ? $sql->('SELECT count(*) FROM flowctl.runs') : 0;
	my ($status, $out, $err) = $node->psql('postgres', $block, on_error_stop => 1);
	my ($title) = $block =~ /(?|(INSERT INTO .*?)[;\n]|(CREATE TRIGGER \w+)|(\w+ \w+ \w+))/;
	is($err, '', "works: $title");
	$started{$block} = $sql->('SELECT count(*) FROM flowctl.runs') - $before;
}
my ($first, $bulk, $statement, $large) = map { my $start = $_; (grep { /\Q$start\E/ } keys %started)[0] }
  ("(1, 'Ada'", 'generate_series(2', "(1001, 'Bea'", "(1003, 'Dee'");
is($started{$first}, 1, 'a row starts a run');
is($started{$bulk}, 999, 'a bulk statement starts a run for each row');
is($started{$statement}, 3, 'and one for all of them, beside those of the other trigger');
is($sql->(q{SELECT input FROM flowctl.runs WHERE event->>'trigger' = 'imported' ORDER BY run_id LIMIT 1}), '{"orders": 2, "turnover": 7}', 'with the input that the expression makes');
is($sql->(q{SELECT name, input FROM flowctl.runs WHERE event->>'trigger' = 'large'}), 'large-1003|{"order": 1003}', 'a run with a name');
$sql->("UPDATE orders SET total = 6 WHERE id = 1003");
is($sql->(q{SELECT input->'before', input->'after' FROM flowctl.runs WHERE event->>'trigger' = 'changed'}),
	'null|{"id": 1003, "total": 6, "customer": "Dee"}', 'a run does not see what is left out');
$sql->('TRUNCATE orders');
is($sql->(q{SELECT input->>'op', input->'source'->>'table' FROM flowctl.runs WHERE event->>'trigger' = 'emptied'}), 't|orders', 'an emptied table');

done_testing();
