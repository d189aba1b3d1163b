# Every grant and way to authenticate, against a real provider and against one that behaves differently; issuers in trouble.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Utils;
use FlowctlTest;
use Identity;
use Parts;

my $node  = new_node('grants');
my $idp   = Parts::start_idp();
my $pay   = Parts::start_service('payment', idp => $idp, audience => 'https://payment.example', scope => 'payment:charge');
my $scene = Identity->new($node, $idp);
my $files = Parts::pki() . '/secrets';
my %post  = (client_id => 'post', auth_method => 'client_secret_post', client_secret_file => 'client-secret');

sub put
{
	my ($name, $content) = @_;
	open my $file, '>', "$files/$name.tmp" or die;
	print $file "$content\n";
	close $file or die;
	chmod 0600, "$files/$name.tmp" or die;
	rename "$files/$name.tmp", "$files/$name" or die;
}
sub asked { return grep { ($_->{grant_type} // '') ne '' } $idp->calls(path => '/token') }

# Client authentication.
my ($run, $status);
put('workload-token', $idp->mint(iss => 'workload', sub => 'workload'));
my %method = (
	csjwt    => { client_id => 'csjwt', auth_method => 'client_secret_jwt', client_secret_file => 'client-secret' },
	workload => { client_id => 'workload', auth_method => 'workload_token', workload_token_file => 'workload-token' });
for my $name (sort keys %method)
{
	$scene->register($name, $pay->url, $method{$name});
	($run, $status) = $scene->run($name);
	is($status, 'SUCCEEDED', $method{$name}{auth_method}) or diag(run_row($node, $run)->{cause});
}
put('workload-token', $idp->mint(iss => 'workload', sub => 'workload', seen => 'later'));
$idp->reset;
($run, $status) = $scene->run('workload');
is($status, 'SUCCEEDED', 'with the next token of the platform');
is((asked())[0]{assertion}{claims}{seen}, 'later', 'the file is read again at each use');

# Token exchange: impersonation and delegation.
put('alice', $idp->mint(sub => 'alice'));
put('robot', $idp->mint(sub => 'robot'));
my %exchange = (grant => 'token_exchange', subject_token_file => 'alice', subject_token_type => 'jwt');
$scene->register('impersonate', $pay->url, \%post, %exchange);
$scene->register('delegate', $pay->url, \%post, %exchange, actor_token_file => 'robot', actor_token_type => 'jwt');
$idp->reset;
$pay->reset;
($run, $status) = $scene->run('impersonate');
is($status, 'SUCCEEDED', 'impersonation') or diag(run_row($node, $run)->{cause});
my ($call) = $scene->calls($run);
is($call->{subject}, 'alice', 'calls: whose token it was');
is($call->{actor}, undef, 'calls: nobody acts for her');
is(($pay->calls)[0]{token}{sub}, 'alice', 'the service sees the user');
($run, $status) = $scene->run('delegate');
is($status, 'SUCCEEDED', 'delegation') or diag(run_row($node, $run)->{cause});
($call) = $scene->calls($run);
is("$call->{subject} by $call->{actor}", 'alice by robot', 'calls: who acts for whom');
is(($pay->calls)[-1]{token}{act}{sub}, 'robot', 'and the service sees it');
is((asked())[0]{grant_type}, 'urn:ietf:params:oauth:grant-type:token-exchange', 'as RFC 8693 says');

# A run that has no user's token does not call in somebody else's name.
$scene->register('for_user', $pay->url, \%post, grant => 'token_exchange', subject_token => 'user');
$idp->reset;
($run, $status) = $scene->run('for_user');
is(run_row($node, $run)->{error}, 'Flowctl.SubjectTokenLost', 'no token of a user to exchange');
is(scalar(asked()), 0, 'and nobody is asked for one');

# Assertions.
$scene->register('bearer', $pay->url, \%post, grant => 'jwt_bearer', subject_token_file => 'alice');
($run, $status) = $scene->run('bearer');
is($status, 'SUCCEEDED', 'jwt_bearer') or diag(run_row($node, $run)->{cause});
$scene->register('behalf', $pay->url, \%post, grant => 'on_behalf_of', subject_token_file => 'alice');
$idp->reset;
($run, $status) = $scene->run('behalf');
is($status, 'SUCCEEDED', 'on_behalf_of') or diag(run_row($node, $run)->{cause});
is((asked())[0]{requested_token_use}, 'on_behalf_of', 'says so');
$idp->script('/token', then => { status => 400, body => { error => 'interaction_required' } });
($run, $status) = $scene->run('behalf');
is(run_row($node, $run)->{error}, 'Flowctl.InteractionRequired', 'an issuer that wants the user herself');
$idp->reset;

# Two-second tokens in the middle of a run: renewed, and each renewal is the same user's.
$scene->register('short', $pay->url, \%post, %exchange);
my %task = (Type => 'Task', Resource => 'flowctl:http:short');
$scene->define('short', { StartAt => 'A', States => {
	A => { %task, ResultPath => undef, Next => 'W1' }, W1 => { Type => 'Wait', Seconds => 2, Next => 'B' },
	B => { %task, ResultPath => undef, Next => 'W2' }, W2 => { Type => 'Wait', Seconds => 2, Next => 'C' },
	C => { %task, End => true } } });
$idp->settings(ttl => 2);
($run, $status) = $scene->run('short');
is($status, 'SUCCEEDED', 'a run that outlives its tokens') or diag(run_row($node, $run)->{cause});
is(scalar(asked()), 3, 'one for each call');
is(join(' ', map { $_->{subject} } $scene->calls($run)), 'alice alice alice', 'all hers');
$idp->settings(ttl => 60);

# A refresh token that is replaced at each use, wanted by several runs at once.
my $login = $idp->login('post', 'alice');
put('refresh', $login);
$scene->register('refreshed', $pay->url, { %post, refresh_token_file => 'refresh' }, grant => 'refresh_token', audience => undef, scope => undef,
	resource => 'https://payment.example');
my @runs = map { $scene->start('refreshed') } 1 .. 5;
is(join(' ', map { wait_for_run($node, $_) } @runs), join(' ', ('SUCCEEDED') x 5), 'five runs share a refresh token that rotates')
  or diag(run_row($node, $runs[0])->{cause});
isnt(PostgreSQL::Test::Utils::slurp_file("$files/refresh") =~ s/\n//r, $login, 'the file holds the latest');
is(sprintf('%04o', (stat "$files/refresh")[2] & 07777), '0600', 'for the server alone');

# The second provider.
my $plain = Parts::start_plain_idp();
my $other = Parts::start_service('payment', issuer => $plain->{issuer}, audience => 'https://payment.example/charge', scope => 'https://payment.example/charge');
my %plain = (issuer_options => { issuer => $plain->{issuer} }, audience => undef, scope => 'https://payment.example/charge');
my %orders = (client_id => 'orders', auth_method => 'private_key_jwt', private_key_file => 'es256.pem');
$scene->register('plain_basic', $other->url, { client_id => 'basic', client_secret_file => 'client-secret' }, %plain);
$scene->register('plain_key', $other->url, \%orders, %plain,
	issuer_options => { issuer => $plain->{issuer}, assertion_audience => 'token_endpoint', assertion_typ => 'JWT' });
$scene->register('plain_issuer', $other->url, \%orders, %plain);
$scene->register('plain_wrong', $other->url, { client_id => 'nobody', client_secret_file => 'client-secret' }, %plain);
for my $name ('plain_basic', 'plain_key')
{
	($run, $status) = $scene->run($name);
	is($status, 'SUCCEEDED', "second provider: $name") or diag(run_row($node, $run)->{cause});
}
for my $name ('plain_issuer', 'plain_wrong')
{
	($run, $status) = $scene->run($name);
	is(run_row($node, $run)->{error}, 'Flowctl.CredentialFailed', "second provider: $name is refused with an empty body");
	like(run_row($node, $run)->{cause}, qr/answered HTTP 40[03]/, 'and the cause says what came');
}

# An issuer that is dead holds up its own steps only, and its circuit opens.
my $dead = Parts::start_plain_idp();
my $dead_url = $dead->{issuer};
$dead->stop;
$scene->register('dead', $other->url, \%orders, %plain, issuer_options => { issuer => $dead_url });
@runs = map { $scene->start('dead') } 1 .. 20;
($run, $status) = $scene->run('impersonate');
is($status, 'SUCCEEDED', 'another issuer works meanwhile');
is(join(' ', map { wait_for_run($node, $_) } @runs), join(' ', ('FAILED') x 20), 'the dead one fails its own');
$scene->run('dead') for 1 .. 2;
my $row = query_json($node, "SELECT to_json(i) FROM flowctl.issuers i WHERE server = 'idp_dead'");
cmp_ok($row->{failures}, '>=', 5, 'flowctl.issuers counts its failures');
like($row->{circuit}, qr/^(open|half-open)$/, 'its circuit is open');
like($row->{last_failure_message}, qr/^issuer \Q$dead_url\E: /, 'and why is told');
$row = query_json($node, "SELECT to_json(i) FROM flowctl.issuers i WHERE server = 'idp_impersonate'");
is($row->{circuit}, 'closed', 'of the other it is not');
cmp_ok($row->{tokens_issued}, '>=', 2, 'its tokens are counted');
is($node->safe_psql('postgres', 'CREATE ROLE guest; SET ROLE guest; SELECT count(*) FROM flowctl.issuers'), '0', 'who may use no issuer sees none');
$node->safe_psql('postgres', 'GRANT USAGE ON FOREIGN SERVER idp_dead TO guest');
is($node->safe_psql('postgres', 'SET ROLE guest; SELECT server FROM flowctl.issuers'), 'idp_dead', 'USAGE shows it');

# 429 makes all runs of the issuer pause; the answer after the pause is used.
$idp->reset;
$idp->script('/token', { status => 429, headers => { 'retry-after' => '1' }, body => {} });
@runs = map { $scene->start('impersonate') } 1 .. 3;
is(join(' ', map { wait_for_run($node, $_) } @runs), 'SUCCEEDED SUCCEEDED SUCCEEDED', 'runs wait out a pause');

$node->stop;
done_testing();
