# The statements of docs/control.md name functions, arguments, views and columns that exist: each SELECT is planned, not executed.
# What the functions do is tested where they are; the sections on erasing, keeping and documents are carried out here.
use strict;
use warnings;
use Test::More;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use FlowctlTest;

my $text = slurp_file(abs_path(dirname(__FILE__)) . '/../../docs/control.md');
my $node = new_node('control_examples', 'flowctl.workers' => 1);
my $sql  = sub { return $node->safe_psql('postgres', $_[0]) };

# The code of the page: indented, or within fences.
my $code = '';
my $fenced = 0;
for my $line (split /\n/, $text)
{
	if ($line =~ /^\s*```/) { $fenced = !$fenced; $code .= "\n"; next; }
	$code .= $fenced ? "$line\n" : $line =~ /^ {4}(.*)/ ? "$1\n" : "\n";
}
$sql->('CREATE TABLE orders (id bigint, customer text, amount numeric)');    # the application's
my @statements = $code =~ /^\s*(SELECT\b.*?)(?:;|\\gset)/msg;
cmp_ok(scalar @statements, '>', 20, 'the page has statements');
for my $statement (@statements)
{
	my $planned = $statement =~ s/--.*$//mgr;
	$planned =~ s/(?<!:):'?([a-z_]+)'?/NULL/g;    # variables of psql
	my ($status, $out, $err) = $node->psql('postgres', "EXPLAIN $planned");
	# Roles that the page names are not made there.
	while ($err =~ /role "(\w+)" does not exist/)
	{
		$sql->("CREATE ROLE $1");
		($status, $out, $err) = $node->psql('postgres', "EXPLAIN $planned");
	}
	is($err, '', 'can be planned: ' . ($statement =~ s/\s+/ /gr =~ s/^(.{1,70}).*/$1/r));
}

# Erasing a person's data, and keeping records.
define_flow($node, 'fulfil', { StartAt => 'A', States => { A => { Type => 'Pass', End => true } } });
my @of_page = grep { /subject_key|runs_of_subject/ } @statements;
$sql->($_) for grep { /alter_flow/ } @of_page;
my $run = start_run($node, 'fulfil', { customer => { id => 4711 } });
is(wait_for_run($node, $run), 'SUCCEEDED', 'a run about a person');
my ($hold) = grep { /flowctl\.hold\('fulfil'/ } @statements;
is($sql->($hold), 'done', 'the flow is held');
my ($redact) = grep { /runs_of_subject\('4711'\)/ } @of_page;
like($sql->($redact), qr/^$run\|its flow is held/, 'so the run is not redacted');
my ($release) = grep { /flowctl\.release\('fulfil'/ } @statements;
is($sql->($release), 'done', 'the flow is released');
is($sql->($redact), "$run|done", 'and the run redacted');
like($sql->("SELECT input FROM flowctl.runs WHERE run_id = '$run'"), qr/^\{"redacted": "[0-9a-f]{64}"\}$/, 'as the page shows it');

done_testing();
