# Test servers for TAP tests: the stub endpoint, the identity provider, the step services.
#
#   my $stub = Parts::start_stub();                         # http; tls => 1 for https with the tests' certificate
#   my $idp  = Parts::start_idp(ttl => 2);
#   my $aws  = Parts::start_aws(role_arn => 'arn:aws:iam::123456789012:role/orders', web_token => 'eyJ...');
#   my $pay  = Parts::start_service('payment', idp => $idp, audience => 'https://payment.example', scope => 'payment:charge');
#
#   $stub->url('/a')                                        # where it listens
#   $stub->script('/a', { status => 503 }, { body => { x => 1 } }, then => { status => 200 });
#   $stub->wait_for(2, path => '/a', outcome => 'held')     # waits until two such calls are there; returns them
#   $stub->calls(path => '/a')    $stub->release('name')    $stub->reset    $stub->stop    $stub->restart
#
# test/services/script.mjs says what an answer may hold. Every server is a Node process of ours on loopback ports that the
# kernel chose. The end of the test ends it by its id. It also ends by itself when the test is killed, because its stdin
# is a pipe from here. Keys and certificates are made once for each test file, by pki().
package Parts;
use strict;
use warnings;
use Carp qw(croak);
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use HTTP::Tiny;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep);

my $test_dir = abs_path(dirname(__FILE__) . '/../..');
my $json     = JSON::PP->new->utf8->canonical->allow_nonref;
my $http     = HTTP::Tiny->new(timeout => 150);
my $pki;
my $started = 0;
my @running;

sub node { return $ENV{FLOWCTL_NODE} // 'node'; }

# The folder of keys and certificates; its `secrets` fits flowctl.secrets_dir.
sub pki
{
	return $pki if $pki;
	$pki = PostgreSQL::Test::Utils::tempdir_short();
	system(node(), "$test_dir/idp/pki.mjs", $pki) == 0 or croak 'cannot make keys and certificates';
	return $pki;
}

sub start_stub
{
	my (%option) = @_;
	return start('stub', 'services/stub.mjs', $option{tls} ? (PKI => pki()) : (), environment(%option));
}

# Options: ttl (seconds), alg, issuer_path, port.
sub start_idp
{
	my (%option) = @_;
	my $part = start('idp', 'idp/idp.mjs', PKI => pki(), environment(%option));
	$part->{issuer} = $part->url . ($option{issuer_path} // '');
	return $part;
}

# Starts the second provider, which behaves differently where the standards allow it. Options: ttl, port.
sub start_plain_idp
{
	my (%option) = @_;
	my $part = start('plain', 'idp/plain.mjs', PKI => pki(), environment(%option));
	$part->{issuer} = $part->url . '/realms/one';
	return $part;
}

# Options: idp or issuer, audience, scope, port, dpop_nonce.
sub start_service
{
	my ($name, %option) = @_;
	my $idp = delete $option{idp};
	$option{issuer} //= $idp->{issuer};
	return start($name, "services/$name.mjs", PKI => pki(), environment(%option));
}

# Starts a server that answers as AWS does. Options: role_arn, region, issuer and audience or web_token, key_id and secret_key.
sub start_aws { my (%option) = @_; return start('aws', 'services/aws.mjs', PKI => pki(), environment(%option)); }

# Prefect's API, over https. Options: deployment, api_key.
sub start_prefect { my (%option) = @_; return start('prefect', 'services/prefect.mjs', PKI => pki(), environment(%option)); }

# Writes a file into flowctl.secrets_dir.
sub secret_file
{
	my ($name, $content) = @_;
	my $path = pki() . "/secrets/$name";
	open my $file, '>', $path or croak "$path: $!";
	print $file $content;
	close $file;
	chmod 0600, $path or croak "$path: $!";
}

# Returns the places where one of the words (regular expressions) is in the cluster's files or the server's log.
sub leaks
{
	my ($node, @words) = @_;
	my @found;
	for my $file (files_below($node->data_dir), $node->logfile)
	{
		my $text = PostgreSQL::Test::Utils::slurp_file($file);
		for my $word (@words) { push @found, $file if $text =~ $word; }
	}
	return @found;
}

sub files_below
{
	my ($dir) = @_;
	opendir my $handle, $dir or return ();
	my @names = map { "$dir/$_" } grep { !/^\.\.?$/ } readdir $handle;
	return map { -d $_ ? files_below($_) : -f $_ ? $_ : () } @names;
}

sub environment
{
	my (%option) = @_;
	return map { uc($_) => $option{$_} } grep { $_ ne 'tls' } keys %option;
}

sub start
{
	my ($name, $script, %environment) = @_;
	my $self = bless { name => $name, script => $script, environment => \%environment }, __PACKAGE__;
	$self->launch;
	return $self;
}

sub launch
{
	my ($self) = @_;
	my $number = ++$started;
	my $base   = "$PostgreSQL::Test::Utils::log_path/" . $PostgreSQL::Test::Utils::test_logfile =~ s{.*/|\.log$}{}gr;
	my $ready  = PostgreSQL::Test::Utils::tempdir_short() . '/ready.json';
	my $log    = "${base}_$self->{name}_$number.log";
	pipe(my $stdin, my $lifeline) or croak "pipe: $!";
	my $pid = fork() // croak "fork: $!";
	if ($pid == 0)
	{
		$ENV{$_} = $self->{environment}{$_} for keys %{ $self->{environment} };
		$ENV{READY_FILE}          = $ready;
		$ENV{LIFELINE}            = 1;
		$ENV{NODE_EXTRA_CA_CERTS} = "$pki/ca.pem" if $pki;
		open STDIN,  '<&', $stdin or die;
		open STDOUT, '>',  $log   or die;
		open STDERR, '>&', \*STDOUT or die;
		exec node(), "$test_dir/$self->{script}" or die;
	}
	close $stdin;
	$self->{pid}      = $pid;
	$self->{lifeline} = $lifeline;
	push @running, $self;
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;
	until (-s $ready)
	{
		croak "$self->{name} ended at its start; see $log" if waitpid($pid, 1) == $pid;
		croak "$self->{name} is not ready; see $log"       if time > $end;
		sleep 0.02;
	}
	$self->{ready} = $json->decode(PostgreSQL::Test::Utils::slurp_file($ready));
}

sub url { my ($self, $path) = @_; return $self->{ready}{url} . ($path // ''); }

sub port { my ($self) = @_; return $self->url =~ /:(\d+)$/ ? $1 : undef; }

# Answers for the next calls of a path, in order; `then => {...}` at the end for all calls after them.
sub script
{
	my ($self, $path, @answers) = @_;
	my $then;
	if (@answers >= 2 && !ref $answers[-2] && $answers[-2] eq 'then')
	{
		$then = pop @answers;
		pop @answers;
	}
	$self->control('POST', '/__script', { path => $path, answers => \@answers, then => $then });
}

sub release { my ($self, $hold) = @_; return $self->control('POST', '/__release', { hold => $hold })->{released}; }

sub reset { my ($self) = @_; $self->control('POST', '/__reset', {}); }

sub calls { my ($self, %filter) = @_; return @{ $self->control('GET', '/__calls' . query(%filter)) }; }

# Waits for `count` calls that fit the filter and returns them. At the timeout it dies and names the calls that came.
sub wait_for
{
	my ($self, $count, %filter) = @_;
	my $ms = 1000 * $PostgreSQL::Test::Utils::timeout_default;
	return @{ $self->control('GET', '/__wait' . query(%filter, calls => $count, ms => $ms)) };
}

# Fails the next calls of a step service for an order.
sub fail_order
{
	my ($self, $order, $times, $status) = @_;
	$self->control('POST', '/__fail', { order => $order, times => $times, status => $status // 503 });
}

# Returns a token of the tests' workload authority for this provider; claims: sub, lifetime (s), others.
sub mint { my ($self, %claims) = @_; return $self->control('POST', '/__mint', \%claims)->{token}; }

# Returns what the provider's introspection endpoint says of a token: { active, client_id, scope, ... }.
sub introspect { my ($self, $token) = @_; return $self->control('POST', '/__introspect', { token => $token }); }

# Returns a refresh token of a user for a client.
sub login
{
	my ($self, $client, $username) = @_;
	return $self->control('POST', '/__login', { client => $client, username => $username })->{refresh_token};
}

# Changes what the identity provider issues from now on: ttl, alg, nonce.
sub settings { my ($self, %changes) = @_; return $self->control('POST', '/__settings', \%changes); }

sub query
{
	my (%filter) = @_;
	return '?' . $http->www_form_urlencode(\%filter);
}

sub control
{
	my ($self, $method, $path, $body) = @_;
	my $response = $http->request($method, $self->{ready}{control} . $path, defined $body ? { content => $json->encode($body) } : {});
	croak "$self->{name}: $method $path: $response->{status} $response->{content}" unless $response->{success};
	return $json->decode($response->{content});
}

sub stop
{
	my ($self) = @_;
	return unless $self->{pid};
	kill 'TERM', $self->{pid};
	close $self->{lifeline};
	waitpid($self->{pid}, 0);
	delete $self->{pid};
	@running = grep { $_ != $self } @running;
}

# Starts the server again on the same port. It has forgotten everything.
sub restart
{
	my ($self) = @_;
	$self->{environment}{PORT} = $self->port;
	$self->stop;
	$self->launch;
}

END
{
	my $status = $?;
	$_->stop for @running;
	$? = $status;
}

1;
