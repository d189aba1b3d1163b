# Tokens of our own issuer. A relying party that knows only what flowctl.jwks() and openid_configuration() publish verifies
# them with npm jose. Keys rotate meanwhile, audiences are limited, and nothing private gets out.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Utils;
use FlowctlTest;
use Parts;

my $node = new_node('issuer', log_min_messages => 'debug5', log_statement => 'all', log_min_duration_statement => 0);
my $web  = Parts::start_stub(tls => 1);
my $stub = Parts::start_stub(tls => 1);
my $base = $web->url('/id');
my $issuer = "$base/postgres";

sub set_settings
{
	my (%setting) = @_;
	$node->safe_psql('postgres', join '', map { "ALTER SYSTEM SET $_ = " . sql_literal($setting{$_}) . ';' } sort keys %setting);
	$node->reload;
	for my $name (sort keys %setting)
	{
		wait_for_query($node, "SELECT current_setting('$name')", $setting{$name});
	}
}

# This is what a web server in front of the database would serve.
sub publish
{
	my $configuration = $node->safe_psql('postgres', 'SELECT flowctl.openid_configuration()');
	my $jwks          = $node->safe_psql('postgres', 'SELECT flowctl.jwks()');
	$web->script('/id/postgres/.well-known/openid-configuration', then => { body => from_json($configuration) });
	$web->script('/id/postgres/.well-known/jwks.json', then => { body => from_json($jwks) });
	return from_json($jwks);
}

sub claims_of
{
	my ($bearer) = @_;
	my ($header, $claims) = map { from_json(decode_base64url($_)) } (split /\./, $bearer =~ s/^Bearer //r)[ 0, 1 ];
	return ($header, $claims);
}

sub decode_base64url
{
	my ($text) = @_;
	require MIME::Base64;
	return MIME::Base64::decode_base64($text =~ tr{-_}{+/}r);
}

$node->safe_psql('postgres', "CREATE ROLE app LOGIN; CREATE ROLE \"Some Role\" LOGIN; SELECT flowctl.grant_author('app'), flowctl.grant_author('\"Some Role\"')");

# Without the settings there is no issuer, and the error says what is missing.
my ($status, $out, $err) = $node->psql('postgres', 'SELECT flowctl.openid_configuration()');
like($err, qr/there is no issuer of our own: flowctl.issuer_url is not set/, 'no issuer without a URL');
($status, $out, $err) = $node->psql('postgres', 'SELECT flowctl.jwks()');
like($err, qr/there are no keys to publish: flowctl.issuer_keys names no key/, 'no key set without keys');

set_settings('flowctl.issuer_url' => $base, 'flowctl.issuer_keys' => 'rs256.pem');
my $jwks = publish();
is(scalar(@{ $jwks->{keys} }), 1, 'one key is published');
ok(!(grep { exists $jwks->{keys}[0]{$_} } qw(d p q dp dq qi)), 'its public half');
is($node->safe_psql('postgres', "SET ROLE app; SELECT flowctl.jwks()::text = (SELECT flowctl.jwks()::text)"), 't', 'for everybody to read');

my $pay = Parts::start_service('payment', issuer => $issuer, audience => 'https://payment.example', scope => 'payment:charge');
sub endpoint
{
	my ($name, %option) = @_;
	my %all = (auth => 'flowctl', ca_file => 'ca.pem', %option);
	delete $all{$_} for grep { !defined $all{$_} } keys %all;
	my $options = join ', ', map { "$_ " . sql_literal($all{$_}) } sort keys %all;
	$node->safe_psql('postgres', "CREATE SERVER $name FOREIGN DATA WRAPPER flowctl_http OPTIONS ($options); GRANT USAGE ON FOREIGN SERVER $name TO app, \"Some Role\"");
}
endpoint('pay', url => $pay->url, audience => 'https://payment.example', scope => 'payment:charge');
endpoint('echo', url => $stub->url('/echo'), timeout => 20);
endpoint('keyed', url => $stub->url('/echo'), event_keys => 'true');

sub define_as
{
	my ($role, $name, $definition) = @_;
	$node->safe_psql('postgres', "SET ROLE \"$role\"; SELECT flowctl.define_flow(" . sql_literal($name) . ', ' . sql_literal(to_json($definition)) . ')');
}
define_as('app', 'charge', http_flow('pay'));
define_as('app', 'echo', http_flow('echo'));
define_as('Some Role', 'odd-name', http_flow('echo'));

sub run_as
{
	my ($role, $flow, $input) = @_;
	my $run = $node->safe_psql('postgres', "SET ROLE \"$role\"; SELECT flowctl.start('$flow', " . sql_literal(to_json($input // {})) . ')');
	return ($run, wait_for_run($node, $run));
}

# A relying party believes the token, by the published documents alone.
my ($run, $end) = run_as('app', 'charge', { order => 'a1', amount => 5 });
is($end, 'SUCCEEDED', 'a relying party takes our token') or diag(to_json(run_row($node, $run)));
is(run_output($node, $run)->{status}, 'paid', 'and does its work');
my $row = query_json($node, "SELECT to_json(c) FROM flowctl.calls c WHERE run_id = '$run'");
is($row->{issuer}, $issuer, 'calls: issuer is ours');
is($row->{client_id}, 'flow:app:charge', 'calls: the flow');
is($row->{audience}, 'https://payment.example', 'calls: audience');
ok($row->{token_id}, 'calls: jti');

# What it says.
$stub->reset;
($run, $end) = run_as('app', 'echo');
my ($header, $claims) = claims_of(($stub->calls(path => '/echo'))[0]{headers}{authorization});
is($header->{typ}, 'at+jwt', 'an access token (RFC 9068)');
is($header->{alg}, 'RS256', 'alg');
is($header->{kid}, $jwks->{keys}[0]{kid}, 'kid is one that is published');
is($claims->{iss}, $issuer, 'iss: the setting and the database');
is($claims->{sub}, 'flow:app:echo', 'sub: owner and flow');
is($claims->{client_id}, 'flow:app:echo', 'client_id');
is($claims->{aud}, $stub->url, "aud: the url's origin");
is($claims->{version}, 1, 'version');
is($claims->{state}, 'Call', 'state');
is($claims->{run}, $run, 'run');
is($claims->{role}, 'app', 'role');
is($claims->{attempt}, 1, 'attempt');
is($claims->{nbf}, $claims->{iat}, 'valid from now');
cmp_ok($claims->{exp} - $claims->{iat}, '<=', 20, 'until the call is over at the latest');
ok(!exists $claims->{event} && !exists $claims->{act}, 'no event and no user where there is none');
define_as('app', 'echo', { StartAt => 'Call', States => { Call => { Type => 'Task', Resource => 'flowctl:http:echo', TimeoutSeconds => 5, End => true } } });
$stub->reset;
run_as('app', 'echo');
($header, my $second) = claims_of(($stub->calls(path => '/echo'))[0]{headers}{authorization});
is($second->{version}, 2, 'a new version');
is($second->{sub}, $claims->{sub}, 'has the same subject');
isnt($second->{jti}, $claims->{jti}, 'every token is another');
cmp_ok($second->{exp} - $second->{iat}, '<=', 5, 'and ends with the step');
$stub->reset;
run_as('Some Role', 'odd-name');
($header, $claims) = claims_of(($stub->calls(path => '/echo'))[0]{headers}{authorization});
is($claims->{sub}, 'flow:Some%20Role:odd-name', 'names are percent-encoded');

# The event, and keys of the row only where the endpoint asks for them.
define_as('app', 'on_order', { StartAt => 'A', States => {
	A => { Type => 'Task', Resource => 'flowctl:http:echo', ResultPath => undef, Next => 'B' },
	B => { Type => 'Task', Resource => 'flowctl:http:keyed', End => true } } });
$node->safe_psql('postgres',
	"CREATE TABLE orders (shop int, id numeric, note text, PRIMARY KEY (shop, id)); ALTER TABLE orders OWNER TO app; SET ROLE app;"
	  . "CREATE TRIGGER t AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('on_order')");
$stub->reset;
$node->safe_psql('postgres', "INSERT INTO orders VALUES (7, 12345678901234567890.10, 'private')");
my @calls = $stub->wait_for(2, path => '/echo', outcome => 'answered');
($header, $claims) = claims_of($calls[0]{headers}{authorization});
is($claims->{event}{type}, 'flowctl.row.insert', 'the event that caused the run');
is($claims->{event}{source}, '/postgres/public/orders', 'and where');
ok(!exists $claims->{event}{keys}, 'without the row');
($header, $claims) = claims_of($calls[1]{headers}{authorization});
is_deeply($claims->{event}{keys}, { shop => '7', id => '12345678901234567890.10' }, 'the primary key where the endpoint asks for it');
unlike(to_json($claims), qr/private/, 'and nothing else of the row');

# Rotation: the next key is published, then it signs, then the old one goes. Nothing is restarted.
my $worker = join ',', worker_pids($node);
set_settings('flowctl.issuer_keys' => 'rs256.pem, es256.pem');
$jwks = publish();
is(scalar(@{ $jwks->{keys} }), 2, 'the next key is published before it signs');
($run, $end) = run_as('app', 'charge', { order => 'a2', amount => 5 });
is($end, 'SUCCEEDED', 'the old one still does');
set_settings('flowctl.issuer_keys' => 'es256.pem, rs256.pem');
$stub->reset;
run_as('app', 'echo');
($header) = claims_of(($stub->calls(path => '/echo'))[0]{headers}{authorization});
is($header->{alg}, 'ES256', 'now the new one does');
# jose asks for the key set again when it meets a key that it does not know.
$pay->restart;
($run, $end) = run_as('app', 'charge', { order => 'a3', amount => 5 });
is($end, 'SUCCEEDED', 'and is believed');
set_settings('flowctl.issuer_keys' => 'es256.pem');
is(scalar(@{ publish()->{keys} }), 1, 'the old one is gone');
is(join(',', worker_pids($node)), $worker, 'the worker is the same');

# A key that cannot be used fails the step and says why.
set_settings('flowctl.issuer_keys' => 'nothere.pem');
($run, $end) = run_as('app', 'echo');
is(run_row($node, $run)->{error}, 'Flowctl.EndpointConfiguration', 'a missing key');
like(run_row($node, $run)->{cause}, qr/flowctl.issuer_keys: secret file "nothere.pem" cannot be opened/, 'is named');
set_settings('flowctl.issuer_keys' => 'es256.pem');

# Whoever owns an endpoint must not collect tokens that are good elsewhere.
$node->safe_psql('postgres', "GRANT USAGE ON FOREIGN DATA WRAPPER flowctl_http TO \"Some Role\"; GRANT ALL ON SCHEMA public TO \"Some Role\"");
$node->safe_psql('postgres', "SET ROLE \"Some Role\"; CREATE SERVER trap FOREIGN DATA WRAPPER flowctl_http OPTIONS (url "
	  . sql_literal($stub->url('/echo')) . ", auth 'flowctl', audience 'https://payment.example', scope 'payment:charge'); GRANT USAGE ON FOREIGN SERVER trap TO app");
define_as('app', 'trapped', http_flow('trap'));
$stub->reset;
($run, $end) = run_as('app', 'trapped');
is($end, 'FAILED', 'an audience elsewhere');
like(run_row($node, $run)->{cause}, qr/audience "https:\/\/payment.example" is not of the server's own origin/, 'needs an owner who is trusted');
is(scalar($stub->calls(path => '/echo')), 0, 'and nothing was sent');

# Handed in elsewhere: a token endpoint that trusts our issuer takes it as client_assertion, as assertion, as subject and as
# actor, for itself alone and each only once.
my $sts = Parts::start_service('federation', issuer => $issuer, subject => 'flow:app:federated');
$node->safe_psql('postgres', "CREATE SERVER sts FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer " . sql_literal($sts->url) . ", ca_file 'ca.pem');"
	  . "CREATE USER MAPPING FOR app SERVER sts OPTIONS (auth_method 'flowctl')");
my %traded = (
	client_credentials => [ {}, 'client' ],
	jwt_bearer         => [ { grant => 'jwt_bearer', subject_token => 'flowctl' }, 'assertion' ],
	exchange           => [ { grant => 'token_exchange', subject_token => 'flowctl', actor_token => 'flowctl' }, 'subject', 'actor' ]);
for my $name (sort keys %traded)
{
	my ($option, @places) = @{ $traded{$name} };
	endpoint("traded_$name", url => $stub->url('/traded'), auth => undef, issuer => 'sts', audience => 'https://traded.example', %$option);
	$sts->reset;
	$stub->reset;
	define_as('app', 'federated', http_flow("traded_$name"));
	($run, $end) = run_as('app', 'federated');
	is($end, 'SUCCEEDED', "traded by $name") or diag(to_json(run_row($node, $run)), to_json([ $sts->calls(path => '/token') ]));
	my ($asked) = $sts->calls(path => '/token');
	is($asked->{$_}{run}, $run, "$name: our token as $_, for this run") for @places;
	like(($stub->calls(path => '/traded'))[0]{headers}{authorization}, qr/^Bearer federated-\d+$/, "$name: what it was traded for is sent");
}
$row = query_json($node, "SELECT to_json(c) FROM flowctl.calls c WHERE run_id = '$run'");
is($row->{issuer}, $sts->url, 'calls: who issued it');
define_as('app', 'stranger', http_flow('traded_client_credentials'));
($run, $end) = run_as('app', 'stranger');
is(run_row($node, $run)->{error}, 'Flowctl.CredentialFailed', 'another flow is not believed');
$node->safe_psql('postgres', "GRANT USAGE ON FOREIGN DATA WRAPPER flowctl_oidc TO \"Some Role\"; ALTER SERVER sts OPTIONS (DROP ca_file, ADD assertion_audience 'api://elsewhere');"
	  . 'ALTER SERVER sts OWNER TO "Some Role"');
$sts->reset;
($run, $end) = run_as('app', 'federated');
like(run_row($node, $run)->{cause}, qr/audience "api:\/\/elsewhere" is not of the server's own origin|certificate/, 'an audience elsewhere');
is(scalar($sts->calls(path => '/token')), 0, 'is not for an issuer whose owner is not trusted');

# Settings are checked.
for my $bad ([ 'flowctl.issuer_url', 'http://id.example' ], [ 'flowctl.issuer_url', 'https://id.example/' ], [ 'flowctl.issuer_keys', '../key.pem' ],
	[ 'flowctl.issuer_token_lifetime', '0' ])
{
	($status, $out, $err) = $node->psql('postgres', "ALTER SYSTEM SET $bad->[0] = '$bad->[1]'");
	isnt($status, 0, "$bad->[0] = $bad->[1] is refused");
}

# Tokens and keys are nowhere but with the stub that was sent them.
my @tokens = map { $_->{headers}{authorization} =~ s/^Bearer //r } grep { $_->{headers}{authorization} } $stub->calls(path => '/echo');
$node->safe_psql('postgres', 'CHECKPOINT');
$node->stop;
is(found_in($node->data_dir, 'eyJ[A-Za-z0-9_-]{20,}\.eyJ'), '', 'no token in the data directory');
is(found_in($node->logfile, 'eyJ[A-Za-z0-9_-]{20,}\.eyJ'), '', 'nor in the log');

sub found_in
{
	my ($where, $pattern) = @_;
	return scalar qx{LC_ALL=C grep -rlaE '$pattern' '$where'};
}

done_testing();
