# AWS as endpoints: sessions of a role by web identity, requests that AWS's own library verifies, the result of each
# integration and the names of its errors, expiry, and wrong clocks. No key or token is left anywhere.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $role      = 'arn:aws:iam::123456789012:role/orders';
my $web_token = 'eyJhbGciOiJub25lIn0.' . 'workload-token-' . 'x' x 40;
my $secret    = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
my $idp       = Parts::start_idp(ttl => 300);
my $node      = new_node('aws', log_min_messages => 'debug5', log_statement => 'all', log_min_duration_statement => 0);
my $aws       = Parts::start_aws(role_arn => $role, web_token => $web_token, key_id => 'AKIDEXAMPLE', secret_key => $secret);
my $region    = 'eu-central-1';
my $account   = '123456789012';
Parts::secret_file('web-identity', "$web_token\n");
Parts::secret_file('aws-secret',   "$secret\n");
Parts::secret_file('aws-stranger', "not the secret\n");

my %assumed = (
	auth => 'aws_sigv4', aws_region => $region, ca_file => 'ca.pem', role_arn => $role,
	web_identity_token_file => 'web-identity', sts_endpoint => $aws->url('/sts'));

sub server
{
	my ($name, $service, %option) = @_;
	http_server($node, $name, $aws->url, %assumed, aws_service => $service, %option);
}

sub task
{
	my ($resource, $parameters, %more) = @_;
	my $next = delete $more{Next};
	my %way = defined $next ? (Next => $next) : (End => true);
	return { StartAt => 'T', States => { T => { Type => 'Task', Resource => $resource, Parameters => $parameters, %way, %more },
		defined $next ? ($next => { Type => 'Pass', End => true }) : () } };
}

my $flows = 0;

sub run_task
{
	my ($resource, $parameters, %more) = @_;
	my $flow = 'f' . ++$flows;
	define_flow($node, $flow, task($resource, $parameters, %more));
	my $run = start_run($node, $flow, {});
	wait_for_run($node, $run);
	return run_row($node, $run);
}

# Lambda: by the state's parameters, and as a Resource of its own.
my $function = "arn:aws:lambda:$region:$account:function";
server('functions', 'lambda', arn => "$function:*");
my $row = run_task('arn:aws:states:::lambda:invoke', { FunctionName => "$function:charge", Payload => { order => 7 } });
is($row->{status}, 'SUCCEEDED', 'lambda:invoke') or diag($row->{cause});
is_deeply($row->{output}{Payload}, { function => 'charge', qualifier => undef, event => { order => 7 } }, 'its payload');
is($row->{output}{ExecutedVersion}, '$LATEST', 'ExecutedVersion');
is($row->{output}{StatusCode}, 200, 'StatusCode');
is($row->{output}{SdkHttpMetadata}{HttpStatusCode}, 200, 'SdkHttpMetadata');
ok($row->{output}{SdkResponseMetadata}{RequestId}, 'SdkResponseMetadata');
is_deeply($row->{output}{SdkHttpMetadata}{AllHttpHeaders}{'X-Amz-Executed-Version'}, ['$LATEST'], 'headers in the case of AWS');

my ($asked) = $aws->calls(path => '/sts');
is($asked->{form}{RoleSessionName}, $row->{run_id}, 'the session is named after the run');
is($asked->{form}{DurationSeconds}, 900, 'and as short as AWS gives one');
is($asked->{form}{Policy}, undef, 'without a policy where nothing asks for one');
my ($call) = grep { $_->{path} ne '/sts' } $aws->calls;
ok($call->{verified}, 'the signature is right');
is_deeply([ grep { /^(content-type|host|idempotency-key|x-amz-date|x-amz-security-token)$/ } @{ $call->{signed_headers} } ],
	[qw(content-type host idempotency-key x-amz-date x-amz-security-token)], 'it covers the headers');
my $said = query_json($node, "SELECT to_json(c) FROM flowctl.calls c WHERE run_id = '$row->{run_id}'");
is($said->{auth}, 'aws_sigv4', 'calls: how');
is($said->{client_id}, $role, 'calls: as which role');
is($said->{issuer}, $aws->url('/sts'), 'calls: whose session');
is($said->{scope}, "$region/lambda", 'calls: region and service');
is($said->{token_id}, $call->{access_key}, 'calls: the access key, as CloudTrail has it');
ok($said->{token_expires_at}, 'calls: its end');

$row = run_task("$function:charge", { a => 1 });
is_deeply($row->{output}, { function => 'charge', qualifier => undef, event => { a => 1 } }, 'a function as Resource');
$row = run_task('arn:aws:states:::lambda:invoke', { FunctionName => "$function:charge", Qualifier => 'prod', InvocationType => 'RequestResponse' });
is($row->{output}{Payload}{qualifier}, 'prod', 'Qualifier');
$row = run_task('arn:aws:states:::lambda:invoke', { FunctionName => "$function:charge", InvocationType => 'Event' });
is($row->{output}{StatusCode}, 202, 'InvocationType Event');

for my $case (
	[ 'fails',   'CustomError',                        qr/"errorMessage":"no"/ ],
	[ 'missing', 'Lambda.ResourceNotFoundException',   qr/Function not found.*Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException/ ],
	[ 'busy',    'Lambda.TooManyRequestsException',    qr/Rate Exceeded/ ])
{
	my ($name, $error, $cause) = @$case;
	$row = run_task('arn:aws:states:::lambda:invoke', { FunctionName => "$function:$name" });
	is($row->{error}, $error, "a function that is called $name: $error");
	like($row->{cause}, $cause, 'with its cause');
}
my $stranger = 'arn:aws:lambda:us-east-1:999999999999:function';
$row = run_task('arn:aws:states:::lambda:invoke', { 'FunctionName.$' => "States.Format('$stranger:{}', 'charge')" });
is($row->{error}, 'Flowctl.EndpointNotFound', 'a function that no endpoint covers');
my ($status, undef, $refusal) = $node->psql('postgres', "SELECT flowctl.define_flow('stranger', "
	  . sql_literal(to_json(task('arn:aws:states:::lambda:invoke', { FunctionName => "$stranger:charge" }))) . ')');
isnt($status, 0, 'where it is written out, the flow is not defined');
like($refusal, qr/CREATE SERVER .* arn '\Q$stranger\E:charge'/, 'and the server that would help is named');
$row = run_task('arn:aws:states:::lambda:invoke', { FunctionName => "$function:a/../../../x" });
isnt($row->{status}, 'SUCCEEDED', 'a name that is none');
$row = run_task('arn:aws:states:::lambda:invoke', { FunctionName => "$function:charge", ClientContext => "a\r\nX-Amz-Date: now" });
is($row->{error}, 'States.Runtime', 'what is no header stays out of the headers');

is(run_task('flowctl:http:functions:invoke', { Method => 'POST', Path => "/2015-03-31/functions/other/invocations" })->{error},
	'States.Permissions', 'an endpoint for certain functions signs nothing else');

# SQS, SNS, EventBridge.
server('queues', 'sqs', arn => "arn:aws:sqs:$region:$account:*");
my $queue = "https://sqs.$region.amazonaws.com/$account";
$row = run_task('arn:aws:states:::sqs:sendMessage', { QueueUrl => "$queue/orders", MessageBody => { order => 7 } });
is($row->{status}, 'SUCCEEDED', 'sqs:sendMessage') or diag($row->{cause});
is($row->{output}{MD5OfMessageBody}, '4db405096ca2c297ffb21aeada277352', 'what was sent is the body as JSON') or diag(to_json($row->{output}));
is(run_task('arn:aws:states:::sqs:sendMessage', { QueueUrl => "$queue/none", MessageBody => 'x' })->{error}, 'SQS.QueueDoesNotExistException', 'no such queue');
is(run_task('arn:aws:states:::sqs:sendMessage', { QueueUrl => "$queue/closed", MessageBody => 'x' })->{error}, 'SQS.AmazonSQSException', 'an error that the SDK has no name for');
is(run_task('arn:aws:states:::sqs:sendMessage', { QueueUrl => 'https://sqs.eu-central-1.amazonaws.com.example/123456789012/orders', MessageBody => 'x' })->{error},
	'Flowctl.EndpointNotFound', 'a queue elsewhere');
server('topics', 'sns', arn => "arn:aws:sns:$region:$account:*");
$row = run_task('arn:aws:states:::sns:publish',
	{ TopicArn => "arn:aws:sns:$region:$account:orders", Message => { a => 'ü & =' }, MessageAttributes => { k => { DataType => 'String', StringValue => 'v' } } });
is($row->{status}, 'SUCCEEDED', 'sns:publish') or diag($row->{cause});
ok($row->{output}{MessageId}, 'its MessageId');
is(run_task('arn:aws:states:::sns:publish', { TopicArn => "arn:aws:sns:$region:$account:none", Message => 'x' })->{error}, 'SNS.NotFoundException', 'no such topic');
server('buses', 'events', arn => 'arn:aws:states:::events:putEvents');
$row = run_task('arn:aws:states:::events:putEvents', { Entries => [ { Detail => { a => 1 }, DetailType => 'd', Source => 's' } ] });
is($row->{output}{FailedEntryCount}, 0, 'events:putEvents');
$row = run_task('arn:aws:states:::events:putEvents', { Entries => [ { Detail => { a => 1 }, DetailType => 'd' } ] });
is($row->{error}, 'EventBridge.FailedEntry', 'an entry that failed');

# DynamoDB.
server('items', 'dynamodb', arn => 'arn:aws:states:::dynamodb:*');
$row = run_task('arn:aws:states:::dynamodb:putItem', { TableName => 't', Item => { id => { S => '1' } } });
is($row->{status}, 'SUCCEEDED', 'dynamodb:putItem') or diag($row->{cause});
is($row->{output}{SdkHttpMetadata}{HttpStatusCode}, 200, 'its metadata');
is_deeply(run_task('arn:aws:states:::dynamodb:getItem', { TableName => 't', Key => { id => { S => '1' } } })->{output}{Item}, { id => { S => '1' } }, 'dynamodb:getItem');
$row = run_task('arn:aws:states:::dynamodb:updateItem', { TableName => 't', Key => { id => { S => 'taken' } }, ConditionExpression => 'attribute_not_exists(id)' },
	Catch => [ { ErrorEquals => ['DynamoDB.ConditionalCheckFailedException'], Next => 'Taken' } ], Next => 'Taken');
is($row->{error}, undef, 'a failed condition is caught by its name') or diag($row->{cause});
is($row->{output}{Error}, 'DynamoDB.ConditionalCheckFailedException', 'which AWS gives it');
is(run_task('arn:aws:states:::dynamodb:deleteItem', { TableName => 'none', Key => { id => { S => '1' } } })->{error}, 'DynamoDB.ResourceNotFoundException', 'no such table');

# Executions of an AWS account: started, and followed to their end.
my $machine = "arn:aws:states:$region:$account:stateMachine";
server('machines', 'states', arn => "$machine:*", poll_interval => 1);
$row = run_task('arn:aws:states:::states:startExecution', { StateMachineArn => "$machine:nightly", Input => { n => 1 }, Name => 'one' });
is($row->{output}{ExecutionArn}, "arn:aws:states:$region:$account:execution:nightly:one", 'startExecution') or diag($row->{cause});
$row = run_task('arn:aws:states:::states:startExecution.sync:2', { StateMachineArn => "$machine:nightly", Input => { n => 1 } });
is($row->{status}, 'SUCCEEDED', 'with .sync:2 its end is waited for') or diag($row->{cause});
is_deeply($row->{output}{Output}, { done => true }, 'its output is JSON');
is(history_types($node, $row->{run_id}), 'ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSubmitted TaskSucceeded TaskStateExited ExecutionSucceeded', 'as AWS records it');
is(run_task('arn:aws:states:::states:startExecution.sync', { StateMachineArn => "$machine:fails" })->{error}, 'States.TaskFailed', 'an execution that failed');

# Any other API: signed and sent below the endpoint's url. The query, an odd path and a body are covered.
server('api', 'execute-api');
$row = run_task('flowctl:http:api:invoke', { Method => 'PUT', Path => '/a b/ü+c', QueryParameters => { b => '1 2', a => [ 'ö', '/' ] }, RequestBody => { x => 1 } });
is($row->{status}, 'SUCCEEDED', 'a request with spaces, umlauts and a repeated parameter') or diag($row->{cause});
$row = run_task('flowctl:http:api:invoke', { Method => 'GET', Path => '/a', Headers => { 'x-amz-date' => '20150830T123600Z' } });
is($row->{error}, 'States.Runtime', 'a flow sets no x-amz header');

# Keys of a user, and keys that do not fit.
http_server($node, 'key_user', $aws->url, auth => 'aws_sigv4', aws_region => $region, aws_service => 'execute-api', ca_file => 'ca.pem',
	aws_access_key_id => 'AKIDEXAMPLE', aws_secret_key_file => 'aws-secret');
is(run_task('flowctl:http:key_user', { a => 1 })->{status}, 'SUCCEEDED', 'keys of a user');
$node->safe_psql('postgres', "ALTER SERVER key_user OPTIONS (SET aws_secret_key_file 'aws-stranger')");
$row = run_task('flowctl:http:key_user', { a => 1 });
is($row->{error}, 'States.Http.StatusCode.403', 'another secret');
like($row->{cause}, qr/SignatureDoesNotMatch|does not match/, 'is what AWS says of it');

# One session serves a run, another run gets its own; an expired one is replaced once.
define_flow($node, 'twice', { StartAt => 'A', States => {
	A => { Type => 'Task', Resource => "$function:charge", Next => 'B' }, B => { Type => 'Task', Resource => "$function:charge", End => true } } });
$aws->reset;
is(wait_for_run($node, start_run($node, 'twice')), 'SUCCEEDED', 'two calls');
is(scalar($aws->calls(path => '/sts')), 1, 'one session');
is(wait_for_run($node, start_run($node, 'twice')), 'SUCCEEDED', 'another run');
is(scalar($aws->calls(path => '/sts')), 2, 'another session');
$aws->reset;
define_flow($node, 'slow', { StartAt => 'A', States => {
	A => { Type => 'Task', Resource => "$function:charge", Next => 'W' }, W => { Type => 'Task', Resource => "$function:wait", Next => 'B' },
	B => { Type => 'Task', Resource => "$function:charge", End => true } } });
$aws->script("/2015-03-31/functions/" . "$function:wait" =~ s/:/%3A/gr . '/invocations', { hold => 'h', body => {} });
my $run = start_run($node, 'slow');
$aws->wait_for(1, outcome => 'held');
$aws->control('POST', '/__expire', {});
$aws->release('h');
is(wait_for_run($node, $run), 'SUCCEEDED', 'a session that ends in the middle of a run');
is(scalar($aws->calls(path => '/sts')), 2, 'is asked for again');

# A policy ends the session, with the run or a while after it began.
server('short', 'lambda', arn => "$function:short", session_lifetime => 60);
$aws->reset;
is(run_task("$function:short", {})->{status}, 'SUCCEEDED', 'session_lifetime');
like(($aws->calls(path => '/sts'))[0]{form}{Policy}, qr/"DateLessThan":\{"aws:CurrentTime":"20\d\d-/, 'is a policy of the session');
$aws->reset;
define_flow($node, 'timed', { TimeoutSeconds => 300, %{ task("$function:charge", {}) } });
is(wait_for_run($node, start_run($node, 'timed')), 'SUCCEEDED', 'a flow that must end');
like(($aws->calls(path => '/sts'))[0]{form}{Policy}, qr/aws:CurrentTime/, 'so must its session');

# Clocks that differ, and what the security token service refuses.
$aws->control('POST', '/__clock', { offset => 3600 });
$row = run_task("$function:charge", {});
is($row->{error}, 'Lambda.AWSLambdaException', 'a clock that is an hour off');
like($row->{cause}, qr/RequestTimeTooSkewed/, 'is named');
$aws->control('POST', '/__clock', { offset => -7200 });
$row = run_task("$function:charge", {});
is($row->{error}, 'Flowctl.CredentialFailed', 'a session that has ended when it comes');
like($row->{cause}, qr/is the clock right/, 'points at the clock');
$aws->control('POST', '/__clock', { offset => 0 });
server('other', 'lambda', arn => "$function:other", role_arn => 'arn:aws:iam::123456789012:role/admin');
$row = run_task("$function:other", {});
is($row->{error}, 'Flowctl.CredentialFailed', 'a role that trusts somebody else');
like($row->{cause}, qr/AccessDenied/, 'with the reason');
Parts::secret_file('web-identity', "another-token\n");
$row = run_task("$function:charge", {});
like($row->{cause}, qr/InvalidIdentityToken/, 'the file is read at each use');
Parts::secret_file('web-identity', "$web_token\n");
$aws->script('/sts', { status => 503 });
is(run_task("$function:charge", {})->{status}, 'SUCCEEDED', 'a service that is down for a moment is asked again');

# The web identity may be an issuer's token.
my $federated = Parts::start_aws(role_arn => $role, issuer => $idp->{issuer}, audience => 'https://payment.example');
$node->safe_psql('postgres', "CREATE SERVER corp FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer '$idp->{issuer}', ca_file 'ca.pem');"
	  . "CREATE USER MAPPING FOR PUBLIC SERVER corp OPTIONS (client_id 'es256', auth_method 'private_key_jwt', private_key_file 'es256.pem')");
http_server($node, 'federated', $federated->url, %assumed, aws_service => 'execute-api', issuer => 'corp', audience => 'https://payment.example',
	sts_endpoint => $federated->url('/sts'), web_identity_token_file => undef);
$row = run_task('flowctl:http:federated', { a => 1 });
is($row->{status}, 'SUCCEEDED', 'a role that trusts an issuer') or diag($row->{cause});
is(($federated->calls(path => '/sts'))[0]{subject}, 'es256', 'which vouched for us');

# Or one of our own issuer, which a role can trust by what is published; then there is no secret anywhere.
my $web = Parts::start_stub(tls => 1);
my $own = $web->url('/id/postgres');
$node->safe_psql('postgres', 'ALTER SYSTEM SET flowctl.issuer_url = ' . sql_literal($web->url('/id')) . "; ALTER SYSTEM SET flowctl.issuer_keys = 'rs256.pem'");
$node->reload;
wait_for_query($node, "SELECT current_setting('flowctl.issuer_keys')", 'rs256.pem');
$web->script('/id/postgres/.well-known/openid-configuration', then => { body => from_json($node->safe_psql('postgres', 'SELECT flowctl.openid_configuration()')) });
$web->script('/id/postgres/.well-known/jwks.json', then => { body => from_json($node->safe_psql('postgres', 'SELECT flowctl.jwks()')) });
my $keyless = Parts::start_aws(role_arn => $role, issuer => $own, audience => 'sts.amazonaws.com');
my %keyless = (%assumed, aws_service => 'execute-api', web_identity => 'flowctl', web_identity_token_file => undef, sts_endpoint => $keyless->url('/sts'));
http_server($node, 'keyless', $keyless->url, %keyless);
$row = run_task('flowctl:http:keyless', { a => 1 });
is($row->{status}, 'SUCCEEDED', 'a role that trusts our own issuer') or diag($row->{cause});
my ($believed) = $keyless->calls(path => '/sts');
like($believed->{subject}, qr/^flow:[^:]+:f\d+$/, 'for the flow');
is($node->safe_psql('postgres', "SELECT actor FROM flowctl.calls WHERE run_id = '$row->{run_id}'"), $believed->{subject}, 'calls: whose token it was');

# An endpoint's owner does not get tokens for AWS by naming another security token service.
$node->safe_psql('postgres', 'CREATE ROLE petty; GRANT USAGE ON FOREIGN DATA WRAPPER flowctl_http TO petty; SET ROLE petty;'
	  . "CREATE SERVER collects FOREIGN DATA WRAPPER flowctl_http OPTIONS (url '" . $keyless->url . "', auth 'aws_sigv4', aws_region '$region', aws_service 's',"
	  . " role_arn '$role', web_identity 'flowctl', sts_endpoint '" . $keyless->url('/sts') . "')");
$row = run_task('flowctl:http:collects', { a => 1 });
is($row->{error}, 'Flowctl.CredentialFailed', 'a token for AWS is not for an owner whom nobody trusts with files');
like($row->{cause}, qr/audience/, 'and the cause names the audience');

# Google: a federated token for a token of somebody it trusts, and for that one of the service account.
my $google   = Parts::start_stub(tls => 1);
my $email    = 'orders@project.iam.gserviceaccount.com';
my $generate = '/v1/projects/-/serviceAccounts/orders%40project.iam.gserviceaccount.com:generateAccessToken';
my ($federated_token, $account_token) = map { "ya29.$_-" . 'g' x 40 } qw(federated account);
$google->script('/v1/token', then => { body => {
	access_token => $federated_token, token_type => 'Bearer', expires_in => 3600,
	issued_token_type => 'urn:ietf:params:oauth:token-type:access_token' } });
$google->script($generate, then => { body => { accessToken => $account_token, expireTime => '2099-01-01T00:00:00Z' } });
$google->script('/run', then => { echo => 'request' });
my $provider = '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/us';
$node->safe_psql('postgres', "CREATE SERVER google_sts FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer 'https://sts.googleapis.com', discovery 'none',"
	  . " token_endpoint '" . $google->url('/v1/token') . "', ca_file 'ca.pem');"
	  . "CREATE USER MAPPING FOR PUBLIC SERVER google_sts OPTIONS (auth_method 'none')");
http_server($node, 'run_app', $google->url('/run'), auth => undef, ca_file => 'ca.pem', issuer => 'google_sts', '"grant"' => 'token_exchange',
	subject_token_file => 'web-identity', subject_token_type => 'urn:ietf:params:oauth:token-type:jwt', audience => $provider,
	scope => 'https://www.googleapis.com/auth/cloud-platform', impersonate => $email, impersonate_lifetime => 300, iam_endpoint => $google->url);
$row = run_task('flowctl:http:run_app', { a => 1 });
is($row->{status}, 'SUCCEEDED', 'a service account of Google') or diag($row->{cause});
my ($exchange) = $google->calls(path => '/v1/token');
is($exchange->{headers}{authorization}, undef, 'the exchange is not authenticated otherwise');
like($exchange->{body}, qr/subject_token=\Q$web_token\E/, 'it hands in the token');
my ($generated) = $google->calls(path => $generate);
is($generated->{headers}{authorization}, "Bearer $federated_token", 'the federated token asks for the account\'s');
is_deeply(from_json($generated->{body}), { scope => ['https://www.googleapis.com/auth/cloud-platform'], lifetime => '300s' }, 'for as long as the option says');
my ($called) = $google->calls(path => '/run');
is($called->{headers}{authorization}, "Bearer $account_token", 'which the call carries');
unlike(to_json($row->{output}), qr/\Q$account_token\E/, 'an echo of it is redacted');
is($node->safe_psql('postgres', "SELECT client_id FROM flowctl.calls WHERE run_id = '$row->{run_id}'"), $email, 'calls: as which account');

$node->safe_psql('postgres', 'CHECKPOINT');
my @words = map { qr/\Q$_\E/ } ($web_token, $federated_token, $account_token, $secret, 'wJalrXUtnFEMI', 'AWS4-HMAC-SHA256 Credential');
is(join(' ', Parts::leaks($node, @words, qr/eyJ[A-Za-z0-9_-]{10,}\.eyJ/)), '', 'no token, key or signature in the log at debug5, in tables or in WAL');

$node->stop;
done_testing();
