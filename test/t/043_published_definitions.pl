# Forms that published definitions have: what AWS accepts is accepted and does the same, and what cannot be carried out
# here is told when the flow is defined.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use Parts;
use Test::More;

my $node = new_node('main');
my $stub = Parts::start_stub();

sub findings
{
	my ($definition) = @_;
	return $node->safe_psql('postgres',
		q{SELECT string_agg(severity || ' ' || location || ': ' || message, chr(10)) FROM flowctl.validate(} . sql_literal(to_json($definition)) . ')');
}

sub refusal_of
{
	my ($definition) = @_;
	my ($status, undef, $err) = $node->psql('postgres', "SELECT flowctl.define_flow('refused', " . sql_literal(to_json($definition)) . ')');
	return $err;
}

sub run_of
{
	my ($flow, $definition, $input) = @_;
	define_flow($node, $flow, $definition);
	my $run = start_run($node, $flow, $input);
	wait_for_run($node, $run);
	return run_row($node, $run);
}

sub task
{
	my ($resource, $parameters, %more) = @_;
	return { StartAt => 'Call', States => { Call => { Type => 'Task', Resource => $resource, Parameters => $parameters, End => true, %more } } };
}

# A bare word in a filter is a string.
my $filter = { StartAt => 'Pick', States => { Pick => { Type => 'Pass', Parameters => { 'picked.$' => '$.items[?(@.kind==big)].n' }, End => true } } };
is(findings($filter), '', 'a bare word in a filter is valid');
is_deeply(run_of('filter', $filter, { items => [ { kind => 'big', n => 7 }, { kind => 'small', n => 8 } ] })->{output}, { picked => [7] }, 'and is a string');

# What AWS refuses at creation.
like(findings(task('arn:aws:states:::lambda:invok', { FunctionName => 'f' })), qr{^ERROR /States/Call/Resource: .*lambda:invok is not recognized}, 'an action that there is not');
like(findings(task('arn:aws:states:::sqs:sendMessage.sync', { QueueUrl => 'u', MessageBody => 'x' })), qr{^ERROR /States/Call/Resource: .* is not recognized},
	'a suffix that the action does not have');
my $nameless = task('arn:aws:states:::lambda:invoke', { Payload => {} });
like(findings($nameless), qr{^ERROR /States/Call/Parameters: .*'FunctionName'}, 'a function without a name');
like(refusal_of($nameless), qr/is not valid.*FunctionName/s, 'and is not defined');

# No server would help an activity, nor what this version does not carry out, which is called by its name.
my $activity = task('arn:aws:states:us-east-1:123456789012:activity:approve', {});
like(findings($activity), qr{^WARNING .*activity "approve" does not exist$}, 'an activity: validate');
my $refusal = refusal_of($activity);
like($refusal, qr/activity "approve" does not exist.*flowctl\.create_activity/s, 'and define_flow');
unlike($refusal, qr/CREATE SERVER/, 'without a server');
like(findings(task('arn:aws:states:::batch:submitJob.sync', { JobName => 'j', JobQueue => 'q', JobDefinition => 'd' })),
	qr{^WARNING .*does not carry out the suffix \.sync of arn:aws:states:::batch:submitJob$}, 'a job that is not followed is named');
like(findings(task('arn:aws:states:::eks:runJob.waitForTaskToken', { 'token.$' => '$$.Task.Token' })), qr{^WARNING .*option "arn" that covers "arn:aws:states:::eks:runJob"}, 'EKS has callbacks, too');

# Nor is a kind of document that nothing here reads; the bucket needs a server as a Task does.
my $parquet = { StartAt => 'M', States => { M => { Type => 'Map', End => true,
	ItemReader => { Resource => 'arn:aws:states:::s3:getObject', ReaderConfig => { InputType => 'PARQUET' }, Parameters => { Bucket => 'b', Key => 'k' } },
	ItemProcessor => { ProcessorConfig => { Mode => 'DISTRIBUTED', ExecutionType => 'STANDARD' }, StartAt => 'P', States => { P => { Type => 'Pass', End => true } } } } } };
my $of_parquet = findings($parquet);
like($of_parquet, qr{^WARNING /States/M/ItemReader/ReaderConfig/InputType: .*does not carry out the InputType PARQUET$}m, 'a Parquet file');
like($of_parquet, qr{^WARNING /States/M/ItemReader/Resource: .*CREATE SERVER .*aws_service 's3', .*arn 'arn:aws:states:::s3:getObject'\)$}m, 'and its bucket');
my ($defined) = $node->psql('postgres', "SELECT flowctl.define_flow('parquet', " . sql_literal(to_json($parquet)) . ')');
is($defined, 0, 'which can be defined');

# Whom a call acts as is no matter of the flow; a definition that says so is told.
like(findings(task('arn:aws:states:::lambda:invoke', { FunctionName => 'f' }, Credentials => { RoleArn => 'arn:aws:iam::123456789012:role/r' })),
	qr{^WARNING /States/Call/Credentials: .*does not carry out Credentials: the endpoint's option role_arn}m, 'Credentials');

# The server that would help is written with the region and the name that requests are signed by.
like(findings(task('arn:aws:states:::states:startExecution', { StateMachineArn => 'arn:aws:states:eu-west-1:123456789012:stateMachine:child' })),
	qr{auth 'aws_sigv4', aws_region 'eu-west-1', aws_service 'states', }, 'the server of a state machine');
like(findings(task('arn:aws:states:::sqs:sendMessage', { 'QueueUrl.$' => '$.url', MessageBody => 'x' })),
	qr{auth 'aws_sigv4', aws_region '\.\.\.', aws_service 'sqs', }, 'the server of a queue that only the run knows');

# The partition, the region and the account of an integration change nothing.
my %put = (TableName => 't', Item => { id => { S => '1' } });
for my $arn ('arn:aws:states:::dynamodb:putItem', 'arn:aws-us-gov:states:us-gov-west-1:123456789012:dynamodb:putItem')
{
	like(findings(task($arn, \%put)), qr{^WARNING .*arn 'arn:aws:states:::dynamodb:putItem'}, "$arn without an endpoint");
}
http_server($node, 'function', $stub->url('/function'), arn => 'arn:aws-us-gov:lambda:*:*:function:*');
my $govcloud = task('arn:aws-us-gov:states:::lambda:invoke', { FunctionName => 'arn:aws-us-gov:lambda:us-gov-east-1:123456789012:function:g', Payload => { a => 1 } });
is(findings($govcloud), '', 'lambda:invoke in another partition');
$stub->script('/function', { body => { ok => true } });
is(run_of('govcloud', $govcloud)->{status}, 'SUCCEEDED', 'calls the endpoint of the function');
http_server($node, 'any_lambda', $stub->url('/any'), arn => 'arn:aws:states:::lambda:invoke');
my $regional = task('arn:aws:states:us-east-1:123456789012:lambda:invoke', { FunctionName => 'f', Payload => { a => 1 } });
is(findings($regional), '', 'lambda:invoke with region and account');
$stub->script('/any', { body => { ok => true } });
is(run_of('regional', $regional)->{status}, 'SUCCEEDED', 'is lambda:invoke');

$node->stop('fast');
done_testing();
