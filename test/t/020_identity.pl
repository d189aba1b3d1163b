# Tokens from a real identity provider: every way to authenticate, audience and scope, caching within a run, a refused
# token, an issuer in trouble, revocation; and that no secret or token is left anywhere.
use strict;
use warnings;
use Test::More;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use FlowctlTest;
use Parts;

my $node = new_node('identity', log_min_messages => 'debug5', log_statement => 'all', log_min_duration_statement => 0);
my $idp  = Parts::start_idp();
my $pay  = Parts::start_service('payment', idp => $idp, audience => 'https://payment.example', scope => 'payment:charge');
my $stub = Parts::start_stub(tls => 1);

$node->safe_psql('postgres', "CREATE ROLE app LOGIN; SELECT flowctl.grant_author('app')");

# An issuer with one registration for app, and an endpoint of the same name that uses it.
sub registration
{
	my ($name, $url, $mapping, %option) = @_;
	my %server = (
		issuer => "idp_$name", url => $url, ca_file => 'ca.pem',
		audience => 'https://payment.example', scope => 'payment:charge', %option);
	my $options = sub { my (%all) = @_; join ', ', map { "$_ " . sql_literal($all{$_}) } sort keys %all };
	$node->safe_psql('postgres',
		"CREATE SERVER idp_$name FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer '$idp->{issuer}', ca_file 'ca.pem');"
		  . "CREATE USER MAPPING FOR app SERVER idp_$name OPTIONS (" . $options->(%$mapping) . ');'
		  . "CREATE SERVER $name FOREIGN DATA WRAPPER flowctl_http OPTIONS (" . $options->(%server) . ');'
		  . "GRANT USAGE ON FOREIGN SERVER $name TO app");
	define_as_app($name, http_flow($name));
}

sub define_as_app
{
	my ($name, $definition) = @_;
	$node->safe_psql('postgres', 'SET ROLE app; SELECT flowctl.define_flow(' . sql_literal($name) . ', ' . sql_literal(to_json($definition)) . ')');
}

sub run_as_app
{
	my ($name, $input) = @_;
	my $text = sql_literal(to_json($input // { order => $name, amount => 1 }));
	my $run = $node->safe_psql('postgres', "SET ROLE app; SELECT flowctl.start('$name', $text)");
	return ($run, wait_for_run($node, $run));
}

sub tokens_asked { return $idp->calls(path => '/token') }

# Every way to authenticate.
my %key = (es256 => 'ES256', rs256 => 'RS256', ps256 => 'PS256', eddsa => 'EdDSA');
for my $name (sort keys %key)
{
	$idp->reset;
	registration($name, $pay->url,
		{ client_id => $name, auth_method => 'private_key_jwt', private_key_file => "$name.pem", signing_alg => $key{$name} });
	my ($run, $status) = run_as_app($name);
	is($status, 'SUCCEEDED', "private_key_jwt with $key{$name}");
	my ($asked) = tokens_asked();
	is($asked->{assertion}{header}{alg}, $key{$name}, "$name: alg of the assertion");
	is($asked->{assertion}{claims}{iss}, $name, "$name: iss");
	is($asked->{assertion}{claims}{aud}, $idp->{issuer}, "$name: aud is the issuer");
	cmp_ok($asked->{assertion}{claims}{exp} - $asked->{assertion}{claims}{iat}, '<=', 60, "$name: it lives for a minute at most");
}
for my $method ('client_secret_basic', 'client_secret_post')
{
	my ($client) = $method =~ /_([a-z]+)$/;
	$idp->reset;
	registration($client, $pay->url, { client_id => $client, auth_method => $method, client_secret_file => 'client-secret' });
	my ($run, $status) = run_as_app($client);
	is($status, 'SUCCEEDED', $method);
	is((tokens_asked())[0]{auth_method}, $method, 'as the option says');
	my $row = query_json($node, "SELECT to_json(c) FROM flowctl.calls c WHERE run_id = '$run'");
	is($row->{client_id}, $client, 'calls: client_id');
	is($row->{audience}, 'https://payment.example', 'calls: audience');
	is($row->{scope}, 'payment:charge', 'calls: scope');
	ok($row->{token_expires_at}, 'calls: token_expires_at');
}

# Some registrations get no token, or a token that the service refuses.
registration('stranger', $pay->url, { client_id => 'orders', auth_method => 'private_key_jwt', private_key_file => 'stranger.pem' });
my ($run, $status) = run_as_app('stranger');
is($status, 'FAILED', 'a key that is not registered');
like(run_row($node, $run)->{cause}, qr/invalid_client/, 'the cause says so');
registration('wrongaud', $pay->url,
	{ client_id => 'post', auth_method => 'client_secret_post', client_secret_file => 'client-secret' }, audience => 'https://shipping.example');
($run, $status) = run_as_app('wrongaud');
is(run_row($node, $run)->{error}, 'States.Http.StatusCode.401', 'a token for another audience is refused');
registration('wrongscope', $pay->url,
	{ client_id => 'post', auth_method => 'client_secret_post', client_secret_file => 'client-secret' }, scope => 'shipping:create');
$idp->reset;
($run, $status) = run_as_app('wrongscope');
is(run_row($node, $run)->{error}, 'States.Http.StatusCode.403', 'a token without the scope is refused');
is(scalar(tokens_asked()), 1, 'and a 403 asks for no new token');

# One token serves a run; another run gets its own.
registration('twice', $stub->url('/twice'), { client_id => 'post', auth_method => 'client_secret_post', client_secret_file => 'client-secret' });
my %task = (Type => 'Task', Resource => 'flowctl:http:twice');
define_as_app('twice', { StartAt => 'A', States => { A => { %task, Next => 'B' }, B => { %task, End => true } } });
$idp->reset;
$stub->reset;
($run, $status) = run_as_app('twice');
is($status, 'SUCCEEDED', 'a flow with two calls');
is(scalar(tokens_asked()), 1, 'one token for both');
($run, $status) = run_as_app('twice');
is(scalar(tokens_asked()), 2, 'another run, another token');
my %bearer = map { $_->{headers}{authorization} => 1 } $stub->calls(path => '/twice');
is(scalar(keys %bearer), 2, 'as the endpoint saw it');

# A refused token is dropped, replaced once, and the call sent once more.
define_as_app('once', { StartAt => 'A', States => { A => { %task, End => true } } });
$idp->reset;
$stub->reset;
$stub->script('/twice', { status => 401 }, then => { body => { ok => 1 } });
($run, $status) = run_as_app('once');
is($status, 'SUCCEEDED', 'a 401 is answered with a fresh token');
is(scalar(tokens_asked()), 2, 'two tokens');
$stub->reset;
$stub->script('/twice', then => { status => 401 });
($run, $status) = run_as_app('once');
is($status, 'FAILED', 'a second 401 is the answer');
is(scalar($stub->calls(path => '/twice')), 2, 'and nobody asks a third time');

# An answer that echoes the token is redacted.
$stub->reset;
$stub->script('/twice', then => { echo => 'request' });
($run, $status) = run_as_app('once');
unlike($node->safe_psql('postgres', "SELECT output FROM flowctl.runs WHERE run_id = '$run'"), qr/eyJ[\w-]+\./, 'an echoed token is redacted');

# An issuer in trouble.
$stub->reset;
$idp->reset;
$idp->script('/token', { status => 503, headers => { 'retry-after' => '1' }, body => { error => 'temporarily_unavailable' } });
define_as_app('patient', http_flow('twice', Retry => [ { ErrorEquals => ['States.ALL'], IntervalSeconds => 1, MaxAttempts => 3, BackoffRate => 1 } ]));
($run, $status) = run_as_app('patient');
is($status, 'SUCCEEDED', 'an issuer that is down for a moment is asked again');
is(scalar($idp->calls(path => '/token', outcome => 'answered')), 2, 'once more');

# Revocation at the end of the run: opaque tokens can be revoked.
registration('opaque', $stub->url('/opaque'),
	{ client_id => 'post', auth_method => 'client_secret_post', client_secret_file => 'client-secret' }, audience => 'https://opaque.example');
$idp->reset;
($run, $status) = run_as_app('opaque');
is($status, 'SUCCEEDED', 'a run with an opaque token');
my ($revoked) = $idp->wait_for(1, path => '/token/revocation', outcome => 'answered');
is($revoked->{status}, 200, 'its token is revoked');
is($revoked->{revoked}{sha256}, (tokens_asked())[0]{token}{sha256}, 'that very token');
wait_for_query($node, "SELECT revoked_at IS NOT NULL FROM flowctl.calls WHERE run_id = '$run'", 't');

# Flows of other roles may not use the endpoint, and nothing is sent when they try.
$node->safe_psql('postgres', "CREATE ROLE other LOGIN; SELECT flowctl.grant_author('other')");
my ($code, $out, $err) = $node->psql('postgres',
	'SET ROLE other; SELECT flowctl.define_flow(' . sql_literal('theft') . ', ' . sql_literal(to_json(http_flow('opaque'))) . ')');
isnt($code, 0, 'define_flow refuses an endpoint without USAGE');

# No secret or token is left where somebody could read it.
$node->safe_psql('postgres', 'CHECKPOINT');
my @bearers = grep { defined } map { ($_->{headers}{authorization} // '') =~ /^Bearer (.+)$/ } $stub->calls;
my $secret  = PostgreSQL::Test::Utils::slurp_file(Parts::pki() . '/secrets/client-secret') =~ s/\n//r;
my @words   = (qr/eyJ[A-Za-z0-9_-]{10,}\.eyJ/, qr/\Q$secret\E/, map { qr/\Q$_\E/ } @bearers);
my @found;
for my $file (files_below($node->data_dir), $node->logfile)
{
	my $text = PostgreSQL::Test::Utils::slurp_file($file);
	for my $word (@words) { push @found, $file if $text =~ $word; }
}
is(join(' ', @found), '', 'no token and no secret in the server log at debug5, in tables or in WAL');

sub files_below
{
	my ($dir) = @_;
	opendir my $handle, $dir or return ();
	my @names = map { "$dir/$_" } grep { !/^\.\.?$/ } readdir $handle;
	return map { -d $_ ? files_below($_) : -f $_ ? $_ : () } @names;
}

$node->stop;
done_testing();
