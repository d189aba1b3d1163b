# DPoP against a real provider and a service that checks proofs. Each run has its own key, nonces are kept, and a token is
# worth nothing without its key.
use strict;
use warnings;
use JSON::PP ();
use Test::More;
use PostgreSQL::Test::Utils;
use FlowctlTest;
use Identity;
use Parts;

my $node    = new_node('dpop');
my $idp     = Parts::start_idp();
my @service = (idp => $idp, audience => 'https://payment.example', scope => 'payment:charge');
my $pay     = Parts::start_service('payment', @service);
my $strict  = Parts::start_service('payment', @service, dpop_nonce => 1);
my $scene   = Identity->new($node, $idp);
my %client  = (client_id => 'dpop', client_secret_file => 'client-secret');

# The issuer asks for a nonce with 400, once; it is known afterwards.
sub statuses { return join ' ', map { $_->{status} } grep { ($_->{grant_type} // '') ne '' } $idp->calls(path => '/token') }
$idp->settings(nonce => JSON::PP::true());
$scene->register('bound', $pay->url('/charges?via=flow'), \%client, dpop => 'true');
my ($run, $status) = $scene->run('bound');
is($status, 'SUCCEEDED', 'a token bound to the run\'s key') or diag(run_row($node, $run)->{cause});
is(statuses(), '400 200', 'the issuer is asked again with its nonce');
my ($call) = $pay->calls;
ok($call->{token}{cnf}{jkt}, 'the token says so');
is($call->{proof}{htm}, 'POST', 'the proof: method');
is($call->{proof}{htu}, $pay->url('/charges'), 'the proof: url without query');
ok($call->{proof}{ath}, 'the proof: hash of the token');
($run, $status) = $scene->run('bound');
is($status, 'SUCCEEDED', 'another run');
is(statuses(), '400 200 200', 'knows the nonce');
$idp->settings(nonce => JSON::PP::false());
isnt(($pay->calls)[1]{token}{cnf}{jkt}, $call->{token}{cnf}{jkt}, 'has another key');

# Two calls of one run: one token, two proofs.
my %task = (Type => 'Task', Resource => 'flowctl:http:bound');
$scene->define('twice', { StartAt => 'A', States => { A => { %task, ResultPath => undef, Next => 'B' }, B => { %task, End => true } } });
$pay->reset;
$idp->reset;
($run, $status) = $scene->run('twice');
is($status, 'SUCCEEDED', 'two calls');
my @calls = $pay->calls;
is($calls[0]{token}{jti}, $calls[1]{token}{jti}, 'share the token');
isnt($calls[0]{proof}{jti}, $calls[1]{proof}{jti}, 'and not the proof');

# A resource asks for a nonce with 401.
$scene->register('strict', $strict->url, \%client, dpop => 'true');
($run, $status) = $scene->run('strict');
is($status, 'SUCCEEDED', 'a service that wants a nonce') or diag(run_row($node, $run)->{cause});
is(join(' ', map { $_->{status} } $strict->calls), '401 200', 'is called again with it');
is($calls[0]{token}{jti} ? 1 : 0, 1, 'and the token is the same: it was not refused');
my ($row) = $scene->calls($run);
is($row->{http_status}, 200, 'calls: one call');
$strict->reset;
($run, $status) = $scene->run('strict');
is(join(' ', map { $_->{status} } $strict->calls), '200', 'known by the next run');

# An issuer that gives a bearer token instead is refused, because whoever finds such a token could use it.
$idp->script('/token', then => { body => { access_token => 'a-bearer-token-instead', token_type => 'Bearer', expires_in => 60 } });
($run, $status) = $scene->run('bound');
is(run_row($node, $run)->{error}, 'Flowctl.CredentialFailed', 'a token that is bound to nothing is refused');
like(run_row($node, $run)->{cause}, qr/not of type DPoP/, 'and the cause says so');

$node->stop;
done_testing();
