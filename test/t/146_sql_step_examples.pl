# The statements of docs/sql-steps.md are carried out, in their order, and do what the page says.
use strict;
use warnings;
use Test::More;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use FlowctlTest;

my $text = slurp_file(abs_path(dirname(__FILE__)) . '/../../docs/sql-steps.md');
my $node = new_node('sql_step_examples');
my @blocks = $text =~ /^```sql\n(.*?)^```/msg;
is(scalar @blocks, 3, 'the page has its examples');
my ($example, $current_run, $policy) = @blocks;
my $out = $node->safe_psql('postgres', $example);
like($out, qr/^\{"left": 1, "what": "lamp", "count": 2\}$/m, 'the first run has what the page says');
like($out, qr/"answer": "sold out"/, 'the second one is sold out');
like($out, qr/^lamp\|1$/m, 'and has no effect');
my ($problem) = $node->safe_psql('postgres', q{SELECT output->'problem'->>'Cause' FROM flowctl.runs WHERE output ? 'problem'});
is_deeply([ sort keys %{ from_json($problem) } ], [qw(constraint detail hint message schema table)], 'its cause has the members that the page names');
is($node->safe_psql('postgres', $current_run), '|||||||', 'outside of a step nobody is there');
is($node->psql('postgres', $policy), 0, 'the policy can be made');
done_testing();
