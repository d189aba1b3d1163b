# Endpoints without an identity provider: API keys, passwords, webhook signatures, client certificates; what retries
# send; and that no secret comes back in an answer or is left anywhere.
use strict;
use warnings;
use Test::More;
use Digest::SHA qw(hmac_sha256);
use MIME::Base64 qw(decode_base64 encode_base64);
use FlowctlTest;
use Parts;

my $node = new_node('endpoint_auth', log_min_messages => 'debug5', log_statement => 'all', log_min_duration_statement => 0);
my $stub = Parts::start_stub(tls => 1);
my $key      = 'key-4711-' . 'k' x 30;
my $password = 'pass:wort ' . 'p' x 30;
my $old      = 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
my $new      = encode_base64(join('', map { chr } 1 .. 32), '');
Parts::secret_file('api-key',  "$key\n");
Parts::secret_file('password', "$password\n");
Parts::secret_file('webhook',  "whsec_$new\nwhsec_$old\n");
Parts::secret_file('broken',   "whsec_too-short\n");

sub server { my ($name, %option) = @_; http_server($node, $name, $stub->url("/$name"), ca_file => 'ca.pem', %option); }

sub run_of
{
	my ($server, $input, %more) = @_;
	define_flow($node, $server, http_flow($server, %more));
	my $run = start_run($node, $server, $input // { n => 1 });
	wait_for_run($node, $run);
	return run_row($node, $run);
}

sub seen { my ($name) = @_; return ($stub->calls(path => "/$name"))[-1]; }

# API keys.
server('in_header', auth => 'api_key', api_key_header => 'X-Api-Key', api_key_file => 'api-key');
server('in_query',  auth => 'api_key', api_key_query  => 'token',     api_key_file => 'api-key');
is(run_of('in_header')->{status}, 'SUCCEEDED', 'a key in a header');
is(seen('in_header')->{headers}{'x-api-key'}, $key, 'is sent');
is(run_of('in_query')->{status}, 'SUCCEEDED', 'a key in the query');
is(seen('in_query')->{url}, "/in_query?token=$key", 'is sent');
my $calls = query_json($node, "SELECT json_agg(c) FROM flowctl.calls c");
is_deeply([ sort map { $_->{auth} } @$calls ], [qw(api_key api_key)], 'calls say how');
is_deeply([ grep { defined } map { $_->{issuer} } @$calls ], [], 'and that there was no issuer');
unlike(to_json($calls), qr/\Q$key\E/, 'not with which key');

# A password.
server('login', auth => 'basic', username => 'orders', password_file => 'password');
is(run_of('login')->{status}, 'SUCCEEDED', 'a password');
is(seen('login')->{headers}{authorization}, 'Basic ' . encode_base64("orders:$password", ''), 'is sent as RFC 7617 has it');
is($node->safe_psql('postgres', "SELECT client_id FROM flowctl.calls WHERE endpoint = 'login'"), 'orders', 'calls: the name that goes with it');

# Webhook signatures, made here from the specification: each key signs id, timestamp and body.
server('hook', auth => 'hmac', hmac_secret_file => 'webhook');
$stub->script('/hook', { status => 503 });
my $row = run_of('hook', { order => 'ü' }, Retry => [ { ErrorEquals => ['States.ALL'], IntervalSeconds => 1, MaxAttempts => 2, BackoffRate => 1 } ]);
is($row->{status}, 'SUCCEEDED', 'a webhook, after a retry');
my @sent = $stub->calls(path => '/hook');
is(scalar(@sent), 2, 'two attempts');
for my $call (@sent)
{
	my $headers = $call->{headers};
	my $body    = $call->{body};
	utf8::encode($body);
	my $content = "$headers->{'webhook-id'}.$headers->{'webhook-timestamp'}.$body";
	my @right   = map { 'v1,' . encode_base64(hmac_sha256($content, decode_base64($_)), '') } ($new, $old);
	is($headers->{'webhook-signature'}, "@right", 'both keys have signed');
	cmp_ok(abs($headers->{'webhook-timestamp'} - time), '<', 120, 'just now');
}
is($sent[0]{headers}{'webhook-id'}, $sent[1]{headers}{'webhook-id'}, 'a repetition is the same message');
cmp_ok($sent[1]{headers}{'webhook-timestamp'}, '>', $sent[0]{headers}{'webhook-timestamp'}, 'with a time and a signature of its own');

# Neither the flow nor the row can change any of this.
server('strict', auth => 'api_key', api_key_header => 'X-Api-Key', api_key_file => 'api-key');
for my $name ('x-api-KEY', 'Authorization')
{
	define_flow($node, 'sets', { StartAt => 'T', States => { T => { Type => 'Task', Resource => 'flowctl:http:strict:invoke', End => true,
		Parameters => { Method => 'POST', Headers => { $name => 'mine' }, RequestBody => {} } } } });
	my $run = start_run($node, 'sets');
	is(wait_for_run($node, $run), 'FAILED', "a flow does not set $name");
}
is(scalar($stub->calls(path => '/strict')), 0, 'and nothing is sent');

# An answer that echoes the secrets is redacted.
for my $name (qw(in_header in_query login hook))
{
	$stub->script("/$name", then => { echo => 'request' });
	my $output = to_json(run_of($name)->{output});
	unlike($output, qr/\Q$key\E/, "$name: no key in the output");
	unlike($output, qr/\Q$password\E|\Q@{[ encode_base64("orders:$password", '') ]}\E/, "$name: no password in the output");
}

# An error about a secret that cannot be used does not show the secret.
server('unusable', auth => 'hmac', hmac_secret_file => 'broken');
$row = run_of('unusable');
is($row->{error}, 'Flowctl.EndpointConfiguration', 'a file that holds no key');
like($row->{cause}, qr/foreign server "unusable": hmac_secret_file: /, 'is named');
unlike($row->{cause}, qr/too-short/, 'without its content');
server('absent', auth => 'basic', username => 'u', password_file => 'no-such-file');
is(run_of('absent')->{error}, 'Flowctl.EndpointConfiguration', 'a file that is not there');

# The certificate of the connection. The server names who it saw.
my $mutual = Parts::start('mutual', 'services/mutual.mjs', PKI => Parts::pki());
http_server($node, 'mutual', $mutual->url('/m'), ca_file => 'ca.pem', auth => 'mtls', certificate_file => 'client.pem', certificate_key_file => 'client.key');
$row = run_of('mutual');
is($row->{status}, 'SUCCEEDED', 'mutual TLS') or diag($row->{cause});
is($row->{output}{subject}, 'orders', 'the server sees our certificate');
http_server($node, 'unknown', $mutual->url('/m'), ca_file => 'ca.pem', auth => 'none');
is(run_of('unknown')->{error}, 'States.Http.StatusCode.401', 'another endpoint of the same server shows none, whatever connections are open');
is($node->safe_psql('postgres', "SELECT auth FROM flowctl.calls WHERE endpoint = 'mutual'"), 'mtls', 'calls say so');

$node->safe_psql('postgres', 'CHECKPOINT');
my @words = map { qr/\Q$_\E/ } ($key, $password, $old, $new, 'BEGIN PRIVATE', encode_base64("orders:$password", ''));
is(join(' ', Parts::leaks($node, @words)), '', 'no secret in the log at debug5, in tables or in WAL');

$node->stop;
done_testing();
