# Certificates against a real provider: as the client's proof, tokens bound to them, and their rotation.
use strict;
use warnings;
use File::Copy qw(copy);
use Test::More;
use PostgreSQL::Test::Utils;
use FlowctlTest;
use Identity;
use Parts;

my $node  = new_node('mtls');
my $idp   = Parts::start_idp();
my $pay   = Parts::start_service('payment', idp => $idp, audience => 'https://payment.example', scope => 'payment:charge');
my $scene = Identity->new($node, $idp);
my $files = Parts::pki() . '/secrets';
my %worker = (client_id => 'mtls', auth_method => 'tls_client_auth', certificate_file => 'client.pem', certificate_key_file => 'client.key');

sub use_certificate
{
	my ($name) = @_;
	for my $kind ('pem', 'key')
	{
		copy("$files/$name.$kind", "$files/client.$kind.new") or die;
		chmod 0600, "$files/client.$kind.new" or die;
		rename "$files/client.$kind.new", "$files/client.$kind" or die;
	}
}

use_certificate('worker');
$scene->register('bound', $pay->url, \%worker, certificate_bound => 'true');
my ($run, $status) = $scene->run('bound');
is($status, 'SUCCEEDED', 'tls_client_auth with a bound token') or diag(run_row($node, $run)->{cause});
my ($call) = $pay->calls;
is($call->{certificate}, $call->{token}{cnf}{'x5t#S256'}, 'the call shows the certificate that the token is bound to');

$scene->register('selfsigned', $pay->url,
	{ client_id => 'selfsigned', auth_method => 'self_signed_tls_client_auth', certificate_file => 'self-signed.pem', certificate_key_file => 'self-signed.key' },
	certificate_bound => 'true');
($run, $status) = $scene->run('selfsigned');
is($status, 'SUCCEEDED', 'self_signed_tls_client_auth') or diag(run_row($node, $run)->{cause});

# A client that does not show the certificate cannot use the token, although it has it.
$scene->register('unshown', $pay->url, \%worker);
($run, $status) = $scene->run('unshown');
is(run_row($node, $run)->{error}, 'States.Http.StatusCode.401', 'the bound token alone is refused');

# Certificates are read at each use: a replaced file is another client, without a restart.
use_certificate('other-worker');
($run, $status) = $scene->run('bound');
is(run_row($node, $run)->{error}, 'Flowctl.CredentialFailed', 'a certificate of somebody else');
like(run_row($node, $run)->{cause}, qr/invalid_client/, 'is refused by the issuer');
use_certificate('worker');
($run, $status) = $scene->run('bound');
is($status, 'SUCCEEDED', 'the right one is back') or diag(run_row($node, $run)->{cause});

# A certificate and a key that do not fit are reported before anything is sent.
copy("$files/other-worker.key", "$files/client.key") or die;
$idp->reset;
($run, $status) = $scene->run('bound');
is(run_row($node, $run)->{error}, 'Flowctl.EndpointConfiguration', 'key and certificate of two');
like(run_row($node, $run)->{cause}, qr/the private key is not the certificate's/, 'the cause says so');
is(scalar($idp->calls(path => '/token')), 0, 'nothing was sent');

# A binding without a certificate to bind to.
$scene->register('nothing', $pay->url, { client_id => 'basic', client_secret_file => 'client-secret' }, certificate_bound => 'true');
($run, $status) = $scene->run('nothing');
like(run_row($node, $run)->{cause}, qr/names no certificate_file/, 'certificate_bound needs a certificate');

$node->stop;
done_testing();
