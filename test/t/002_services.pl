# The test servers themselves: what the identity provider issues is good at the step services, and nothing else is.
#
# The other tests and the demo stand on these; a service that let everything in would make them worthless.
use strict;
use warnings;
use HTTP::Tiny;
use JSON::PP;
use Test::More;
use PostgreSQL::Test::Utils;
use Parts;
use Cwd qw(abs_path);
use File::Basename qw(dirname);

my $idp      = Parts::start_idp();
my %payment  = (audience => 'https://payment.example',  scope => 'payment:charge');
my %shipping = (audience => 'https://shipping.example', scope => 'shipping:create');
my $service  = Parts::start_service('payment', idp => $idp, %payment);

sub refusals
{
	local %ENV = (
		%ENV,
		NODE_EXTRA_CA_CERTS => Parts::pki() . '/ca.pem',
		PKI                 => Parts::pki(),
		ISSUER              => $idp->{issuer},
		IDP_CONTROL         => $idp->{ready}{control},
		SERVICE             => $service->url,
		AUDIENCE            => $payment{audience},
		SCOPE               => $payment{scope},
		OTHER_AUDIENCE      => $shipping{audience},
		OTHER_SCOPE         => $shipping{scope});
	return run_command([ Parts::node(), abs_path(dirname(__FILE__)) . '/../services/refusals.mjs' ]);
}

my ($out, $err) = refusals();
is($err, '', 'nothing went wrong');
my @line = split /\n/, $out;
like($line[0], qr/^ *a good token .* 200 /, 'a good token is accepted');
like($_, qr/ (401|403) /, "refused: $_") for @line[ 1 .. $#line ];
is(scalar(@line), 7, 'every kind was tried');

my @calls = $service->calls;
is(scalar(@calls), 7, 'the service recorded each of them');
is(scalar(grep { exists $_->{refused} } @calls), 6, 'and why it refused all but one');
unlike(JSON::PP->new->encode(\@calls), qr/eyJ/, 'but no token');

# Scripted answers and holds, which the worker tests stand on.
my $stub = Parts::start_stub();
$stub->script('/a', { status => 503, headers => { 'retry-after' => '1' } }, then => { body => { ok => 1 } });
my $http = HTTP::Tiny->new;
is($http->get($stub->url('/a'))->{status},  503,          'the first scripted answer');
is($http->get($stub->url('/a'))->{content}, '{"ok":1}',   'the answers after it');
is($http->post($stub->url('/b'), { content => 'echo me' })->{content}, 'echo me', 'a path without a script echoes');
is(scalar($stub->calls(path => '/a')), 2, 'calls are recorded by path');
$stub->restart;
is(scalar($stub->calls), 0, 'a restarted stub remembers nothing');

done_testing();
