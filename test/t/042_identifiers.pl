# The identifiers in the Context Object: they have as many parts as those of AWS, with partition, region and account
# from settings, because published definitions split them.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use Test::More;

my $node = new_node('main');
$node->safe_psql('postgres', 'CREATE ROLE "odd:role" NOLOGIN; SELECT flowctl.grant_author(\'"odd:role"\')');

my $context = { StartAt => 'A', States => { A => { Type => 'Pass', Parameters => { 'e.$' => '$$.Execution', 'm.$' => '$$.StateMachine' }, End => true } } };

sub define
{
	my ($name, $definition, $type, $role) = @_;
	my $as = defined $role ? "SET ROLE $role;" : '';
	$node->safe_psql('postgres', "$as SELECT flowctl.define_flow('$name', " . sql_literal(to_json($definition)) . ", '$type')");
}

sub output_of
{
	my ($flow, $name) = @_;
	my $run = $node->safe_psql('postgres', "SELECT flowctl.start('$flow', '{}'" . (defined $name ? ", '$name'" : '') . ')');
	wait_for_run($node, $run);
	my $row = run_row($node, $run);
	is($row->{status}, 'SUCCEEDED', "$flow succeeds") or diag($row->{cause});
	return ($row->{output}, $run);
}

define('plain',   $context, 'STANDARD');
define('express', $context, 'EXPRESS');
define('odd',     $context, 'STANDARD', '"odd:role"');

# By default the partition is our own, and the account is the database.
my ($got, $run) = output_of('plain');
is($got->{e}{Id}, "arn:flowctl:states:local:postgres:execution:plain:$run", 'an execution');
is($got->{e}{Name}, $run, 'its name is its id');
is($got->{m}{Id}, 'arn:flowctl:states:local:postgres:stateMachine:plain', 'its state machine');
my $owner = $node->safe_psql('postgres', 'SELECT current_user');
is($got->{e}{RoleArn}, "arn:flowctl:iam::postgres:role/$owner", 'its role');
($got) = output_of('plain', 'nightly');
is($got->{e}{Id}, 'arn:flowctl:states:local:postgres:execution:plain:nightly', 'an execution with a name');
is($got->{e}{Name}, 'nightly', 'has that name');
($got, $run) = output_of('express', 'quick');
is($got->{e}{Id}, "arn:flowctl:states:local:postgres:express:plain:quick:$run" =~ s/plain/express/r, 'an EXPRESS execution has one part more');
($got) = output_of('odd');
is($got->{e}{RoleArn}, 'arn:flowctl:iam::postgres:role/odd%3Arole', 'a colon in a name makes no part');
like($node->safe_psql('postgres', q{SELECT flowctl.test_state('{"Type": "Pass", "Parameters": {"e.$": "$$.Execution.Id"}, "End": true}', '{}')->'output'->>'e'}),
	qr/^arn:flowctl:states:local:postgres:express:test_state:[0-9a-f-]{36}$/, 'test_state');

# As on AWS: what published definitions do with the identifiers.
$node->append_conf('postgresql.conf', "flowctl.arn_partition = 'aws'\nflowctl.arn_region = 'us-east-1'\nflowctl.arn_account = '123456789012'");
$node->reload;
ok(wait_for_query($node, 'SHOW flowctl.arn_account', '123456789012'), 'the settings are read');
define('machine', { StartAt => 'Split', States => { Split => { Type => 'Pass',
	Parameters => { 'machine.$' => q{States.ArrayGetItem(States.StringSplit($$.Execution.Id, ':'), 6)} }, End => true } } }, 'EXPRESS');
define('region', { StartAt => 'R', QueryLanguage => 'JSONata', States => { R => { Type => 'Pass',
	Output => { region => q<{% $split($states.context.StateMachine.Id, ':')[-4] %}> }, End => true } } }, 'STANDARD');
my $until = time + $PostgreSQL::Test::Utils::timeout_default;
do { ($got, $run) = output_of('plain') } until $got->{m}{Id} =~ /^arn:aws:/ || time > $until;
is($got->{e}{Id}, "arn:aws:states:us-east-1:123456789012:execution:plain:$run", 'an execution as on AWS');
is($got->{e}{RoleArn}, "arn:aws:iam::123456789012:role/$owner", 'a role as on AWS');
is(scalar(split /:/, $got->{e}{Id}), 8, 'of eight parts');
($got) = output_of('express');
is(scalar(split /:/, $got->{e}{Id}), 9, 'an EXPRESS execution has nine');
is((output_of('machine'))[0]{machine}, 'machine', 'a definition that splits Execution.Id');
is((output_of('region'))[0]{region}, 'us-east-1', 'a definition that splits StateMachine.Id');

# A distributed Map and its children.
define('parent', { StartAt => 'M', States => { M => { Type => 'Map', Label => 'rows', ItemsPath => '$.items', End => true,
	ItemProcessor => { ProcessorConfig => { Mode => 'DISTRIBUTED', ExecutionType => 'EXPRESS' }, StartAt => 'C',
		States => { C => { Type => 'Pass', Parameters => { 'e.$' => '$$.Execution.Id', 'm.$' => '$$.StateMachine.Id' }, End => true } } } } } }, 'STANDARD');
$run = start_run($node, 'parent', { items => [1] });
wait_for_run($node, $run);
my ($child) = @{ run_output($node, $run) };
is($child->{m}, 'arn:aws:states:us-east-1:123456789012:stateMachine:parent/rows', 'the state machine of a child');
like($child->{e}, qr{^arn:aws:states:us-east-1:123456789012:express:parent/rows:[0-9a-f-]{36}:[0-9a-f-]{36}$}, 'an EXPRESS child');

# What would be another part, or none, is refused.
for my $bad ([ 'arn_partition', '' ], [ 'arn_partition', 'a:b' ], [ 'arn_region', '' ], [ 'arn_region', 'a b' ], [ 'arn_account', '1/2' ], [ 'arn_account', 'ä' ])
{
	my ($setting, $value) = @$bad;
	my ($status, undef, $err) = $node->psql('postgres', "ALTER SYSTEM SET flowctl.$setting = '$value'");
	like($err, qr/invalid value for parameter "flowctl\.$setting".*\nDETAIL:  "flowctl\.$setting" is a word/s, "$setting is not '$value'");
}

# Whatever a run fails by, its cause says where.
define('lost', { StartAt => 'First', States => { First => { Type => 'Pass', Next => 'Call' },
	Call => { Type => 'Task', Resource => 'arn:aws:states:::sns:publish', Parameters => { 'TopicArn.$' => '$$.StateMachine.Id', Message => 'x' }, End => true } } }, 'STANDARD');
$run = start_run($node, 'lost');
wait_for_run($node, $run);
my $row = run_row($node, $run);
is($row->{error}, 'Flowctl.EndpointNotFound', 'a Task without an endpoint');
like($row->{cause}, qr/^An error occurred while executing the state 'Call' \(entered at the event id #4\)\. no foreign server/, 'its cause names state and event');

$node->stop('fast');
done_testing();
