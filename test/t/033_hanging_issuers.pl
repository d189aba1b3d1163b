# Issuers that hang, under load: one that accepts connections and never says a word, one that never answers a token request, one
# whose answer drips in byte by byte. Runs with another issuer end while all of these are still open; then the circuit of each
# hanging one opens, the view flowctl.issuers shows it, and it closes when the issuer answers again.
use strict;
use warnings;
use IO::Socket::INET;
use Test::More;
use PostgreSQL::Test::Utils;
use FlowctlTest;
use Identity;
use Parts;

my $node  = new_node('hanging', fsync => 'off');
my $idp   = Parts::start_idp();
my $web   = Parts::start_stub(tls => 1);
my $stub  = Parts::start_stub(tls => 1);
my $scene = Identity->new($node, $idp);
my %post  = (client_id => 'post', auth_method => 'client_secret_post', client_secret_file => 'client-secret');

# The kernel completes the connections of a socket that nobody accepts from.
my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1024) or die "no socket: $@";
my %issuer = (silent => 'https://127.0.0.1:' . $silent->sockport, mute => $web->url('/mute'), drip => $web->url('/drip'));
for my $name ('mute', 'drip')
{
	$web->script("/$name/.well-known/openid-configuration", then => { body => { issuer => $issuer{$name}, token_endpoint => "$issuer{$name}/token" } });
}
my %hangs = (mute => { hold => 'mute', body => {} }, drip => { body_size => 30_000, drip_ms => 100 });
$web->script("/$_/token", then => $hangs{$_}) for keys %hangs;

# The endpoint of one issuer has a long timeout, the other's is a second.
sub register
{
	my ($name, $at, $seconds) = @_;
	$scene->register($name, $stub->url("/$name"), \%post, timeout => 3600,
		issuer_options => { issuer => $issuer{$at}, timeout => $seconds });
}
register($_, $_, 3600) for sort keys %issuer;
register("${_}_short", $_, 1) for sort keys %issuer;
$scene->register('good', $stub->url('/good'), \%post);

sub start_many
{
	my ($name, $count) = @_;
	$node->safe_psql('postgres', "SET ROLE app; SELECT count(flowctl.start('$name')) FROM generate_series(1, $count)");
}
sub statuses { my ($name) = @_; return $node->safe_psql('postgres', "SELECT string_agg(DISTINCT status, ' ') || ' ' || count(*) FROM flowctl.runs WHERE flow = '$name'") }

# One owner's calls to one host have two thirds of three quarters of all places. They must hold all that hang here.
$node->safe_psql('postgres', 'ALTER SYSTEM SET flowctl.max_calls = 1000');
$node->reload;

# As many of each as an endpoint may have under way, or nearly.
start_many('mute', 150);
start_many('drip', 120);
start_many('silent', 120);
$web->wait_for(100, path => '/mute/token', outcome => 'held');
$web->wait_for(100, path => '/drip/token', outcome => 'open');
start_many('good', 100);
wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE flow = 'good' AND status <> 'RUNNING'", '100');
is(statuses('good'), 'SUCCEEDED 100', 'runs with another issuer end');
is(statuses('mute'), 'RUNNING 150', 'while an issuer does not answer any of its own');
is(statuses('drip'), 'RUNNING 120', 'while another one drips');
is(statuses('silent'), 'RUNNING 120', 'and a third one does not say a word');
cmp_ok(scalar($web->calls(path => '/mute/token', outcome => 'held')), '>=', 100, 'these requests are still open');
cmp_ok(scalar($web->calls(path => '/drip/token', outcome => 'open')), '>=', 100, 'and these');
is($node->safe_psql('postgres', "SELECT circuit FROM flowctl.issuers WHERE server = 'idp_good'"), 'closed', 'the other one is in order');

# Such runs can be stopped, and nothing else is affected.
$node->safe_psql('postgres', "SELECT count(flowctl.stop(run_id)) FROM flowctl.runs WHERE status = 'RUNNING'");
wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'", '0');
is(statuses('mute') . ' ' . statuses('drip') . ' ' . statuses('silent'), 'ABORTED 150 ABORTED 120 ABORTED 120', 'the hanging ones can be stopped');

# After some timeouts of a second the circuit opens. Until then the runs go on asking, because they have the time.
for my $name (map { "${_}_short" } sort keys %issuer)
{
	my $bursts = 0;
	until ($node->safe_psql('postgres', "SELECT count(*) FROM flowctl.issuers WHERE server = 'idp_$name' AND circuit IN ('open', 'half-open')"))
	{
		die "no circuit opens at $name" if ++$bursts > 10;
		start_many($name, 20);
		wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE flow = '$name' AND status = 'RUNNING'", '0');
	}
	my $row = query_json($node, "SELECT to_json(i) FROM flowctl.issuers i WHERE server = 'idp_$name'");
	cmp_ok($row->{failures}, '>=', 5, "$name: failures are counted");
	is($row->{tokens_issued}, 0, "$name: no token came");
	like($row->{last_failure_message}, qr/^issuer \Q$issuer{$name =~ s{_short}{}r}\E: .*(?:no answer within 1 s|(?i:connection time(?:out|d out)))/, "$name: why is told");
	like(statuses($name), qr/^FAILED \d+$/, "$name: its runs are told that it does not answer");
	is($node->safe_psql('postgres', "SELECT DISTINCT error FROM flowctl.runs WHERE flow = '$name'"), 'Flowctl.CredentialFailed', "$name: by the error for that");
	my ($run, $status) = $scene->run('good');
	is($status, 'SUCCEEDED', "$name: others go on");
}

# One that answers again.
$web->script('/mute/token', then => { body => { access_token => 'late-but-there', token_type => 'Bearer', expires_in => 60 } });
$web->release('mute');
my $again = { ErrorEquals => ['Flowctl.CredentialFailed'], IntervalSeconds => 1, BackoffRate => 1, MaxAttempts => 120 };
$scene->define('mute_short', http_flow('mute_short', Retry => [$again]));
my ($run, $status) = $scene->run('mute_short');
is($status, 'SUCCEEDED', 'an issuer that answers again') or diag(run_row($node, $run)->{cause});
is($node->safe_psql('postgres', "SELECT circuit FROM flowctl.issuers WHERE server = 'idp_mute_short'"), 'closed', 'closes its circuit');

$node->stop;
done_testing();
