# A token is good for as long as its run, and no longer: the provider's own introspection endpoint (RFC 7662) says so. It is active
# while the run is in a call and while it waits, and not active once the run has ended, however it ended.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Utils;
use FlowctlTest;
use Identity;
use Parts;

my $node  = new_node('introspection');
my $idp   = Parts::start_idp(ttl => 600);
my $stub  = Parts::start_stub(tls => 1);
my $scene = Identity->new($node, $idp);
my %post  = (client_id => 'post', auth_method => 'client_secret_post', client_secret_file => 'client-secret');
$scene->register('opaque', $stub->url('/opaque'), \%post, audience => 'https://opaque.example');
my %call = (Type => 'Task', Resource => 'flowctl:http:opaque');
$scene->define('parked', { StartAt => 'Call', States => { Call => { %call, Next => 'Wait' }, Wait => { Type => 'Wait', Seconds => 600, End => true } } });

# The tokens that the endpoint was shown since the last reset, the first first, each once.
sub shown
{
	my %seen;
	return grep { !$seen{$_}++ } map { $_->{headers}{authorization} =~ /^Bearer (.+)$/ } $stub->calls(path => '/opaque');
}
sub active
{
	my ($token) = @_;
	my $said = $idp->introspect($token);
	return to_json($said) unless $said->{status} == 200 && exists $said->{active};
	return $said->{active} ? 'active' : 'not active';
}
sub is_revoked
{
	my ($run, $name) = @_;
	wait_for_query($node, "SELECT count(*) > 0 AND bool_and(revoked_at IS NOT NULL) FROM flowctl.calls WHERE run_id = '$run'", 't');
	is(active($_), 'not active', $name) for shown();
}

# In a call.
is(active('made-up'), 'not active', 'a token that nobody issued');
$stub->script('/opaque', then => { hold => 'call', body => {} });
my $run = $scene->start('opaque');
$stub->wait_for(1, path => '/opaque', outcome => 'held');
my ($token) = shown();
my $said = $idp->introspect($token);
is($said->{active}, true, 'active while the run is in its call');
is($said->{client_id}, 'post', 'for the client that asked for it');
is($said->{scope}, 'payment:charge', 'and its scope');
$stub->release('call');
is(wait_for_run($node, $run), 'SUCCEEDED', 'the run ends');
is_revoked($run, 'and its token is not active any more');

# While it waits.
$stub->reset;
$run = $scene->start('parked');
wait_for_query($node, "SELECT phase FROM flowctl.runs WHERE run_id = '$run'", 'WAITING');
is(active((shown())[0]), 'active', 'active while the run waits');
$node->safe_psql('postgres', "SELECT flowctl.stop('$run')");
is(wait_for_run($node, $run), 'ABORTED', 'a run that is stopped');
is_revoked($run, 'not active once it was stopped');

# A run that fails, and one whose first token the endpoint refused: both tokens end with it.
$stub->reset;
$stub->script('/opaque', then => { status => 500 });
$run = $scene->start('opaque');
is(wait_for_run($node, $run), 'FAILED', 'a run that fails');
is_revoked($run, 'not active after a failure');
$stub->reset;
$stub->script('/opaque', { status => 401 }, then => { hold => 'second', body => {} });
$run = $scene->start('opaque');
$stub->wait_for(1, path => '/opaque', outcome => 'held');
is(scalar(shown()), 2, 'a second token after a 401');
$stub->release('second');
is(wait_for_run($node, $run), 'SUCCEEDED', 'with which it goes on');
wait_for_query($node, "SELECT revoked_at IS NOT NULL FROM flowctl.calls WHERE run_id = '$run'", 't');
$idp->wait_for(5, path => '/token/revocation', outcome => 'answered');
is(active($_), 'not active', 'neither of them is active after it') for shown();

# One run's end is nobody else's.
$stub->reset;
$stub->script('/opaque', { hold => 'stays', body => {} });
my $stays = $scene->start('opaque');
$stub->wait_for(1, path => '/opaque', outcome => 'held');
($token) = shown();
is(wait_for_run($node, $scene->start('opaque')), 'SUCCEEDED', 'another run of the same flow and user');
my ($first, $second) = shown();
isnt($second, $first, 'has a token of its own');
$idp->wait_for(6, path => '/token/revocation', outcome => 'answered');
is(active($second), 'not active', 'which ends with it');
is(active($first), 'active', 'the other one does not');
$stub->release('stays');
is(wait_for_run($node, $stays), 'SUCCEEDED', 'until its own run ends');
$idp->wait_for(7, path => '/token/revocation', outcome => 'answered');
is(active($first), 'not active', 'then it does');

done_testing();
