# HTTP tasks against an endpoint that behaves as the test says: what is sent, what is recorded, and how each kind of
# failure comes out as an error name that Retry and Catch can match. A failure is its own run's alone.
use strict;
use warnings;
use Test::More;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use FlowctlTest;
use Parts;

my $node = new_node('http');
my $stub = Parts::start_stub();
my @retry = (Retry => [ { ErrorEquals => ['States.ALL'], IntervalSeconds => 1, MaxAttempts => 3, BackoffRate => 1 } ]);

# Each case has a path of its own at the stub, so an endpoint and a flow of its own.
sub endpoint
{
	my ($name, %option) = @_;
	my $task = delete $option{task} // {};
	http_server($node, $name, $stub->url("/$name"), %option);
	define_flow($node, $name, http_flow($name, %$task));
}

sub run_flow
{
	my ($name, $input) = @_;
	my $run = start_run($node, $name, $input);
	return ($run, wait_for_run($node, $run));
}

# Runs a flow whose endpoint fails; checks status, error and cause.
sub fails_with
{
	my ($name, $error, $cause, $about) = @_;
	my ($run, $status) = run_flow($name, {});
	is($status, 'FAILED', "$about: FAILED");
	my $row = run_row($node, $run);
	is($row->{error}, $error, "$about: error");
	like($row->{cause}, $cause, "$about: cause");
	return $run;
}

# What a good call looks like from both sides.
endpoint('echo');
my ($run, $status) = run_flow('echo', { greeting => "h\x{e9}llo \x{1f600}", n => 1 });
is($status, 'SUCCEEDED', 'a call to an endpoint without identity');
is_deeply(run_output($node, $run), { greeting => "h\x{e9}llo \x{1f600}", n => 1 }, 'its answer is the result');
my ($call) = $stub->calls(path => '/echo');
is($call->{method}, 'POST', 'POST');
is($call->{headers}{'content-type'}, 'application/json', 'of JSON');
like($call->{headers}{'idempotency-key'}, qr/^[A-Za-z0-9_-]{16,}$/, 'with an Idempotency-Key');
like($call->{headers}{traceparent}, qr/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/, 'with a traceparent');
ok(!exists $call->{headers}{authorization}, 'without Authorization');
my $row = query_json($node, "SELECT to_json(c) FROM flowctl.calls c WHERE run_id = '$run'");
is($row->{endpoint}, 'echo', 'calls: endpoint');
is($row->{http_status}, 200, 'calls: http_status');
is($row->{address}, '127.0.0.1', 'calls: address');
is($row->{idempotency_key}, $call->{headers}{'idempotency-key'}, 'calls: idempotency_key');
is($row->{method} . ' ' . $row->{url_path}, 'POST /echo', 'calls: method and url_path');
is($row->{client_id}, undef, 'calls: no client');

# Retries. The 503 ends its connection: one that is reused and then found dead is replaced below HTTP, within one attempt.
endpoint('flaky', task => {@retry});
$stub->script('/flaky', { status => 503, headers => { connection => 'close' } }, { close => 'before' }, then => { body => { ok => true } });
($run, $status) = run_flow('flaky', {});
is($status, 'SUCCEEDED', 'a 503 and a lost connection are retried');
my @calls = $stub->calls(path => '/flaky');
is(scalar(@calls), 3, 'three calls');
is(scalar(keys %{ { map { $_->{headers}{'idempotency-key'} => 1 } @calls } }), 1, 'with one key');
is( $node->safe_psql('postgres',
		"SELECT string_agg(coalesce(http_status::text, error), ' ' ORDER BY started_at) FROM flowctl.calls WHERE run_id = '$run'"),
	'503 States.Http.Socket 200',
	'calls: a row for each');
is($node->safe_psql('postgres', "SELECT attempts FROM flowctl.steps WHERE run_id = '$run'"), '3', 'steps: attempts');
my @failures = history_types($node, $run) =~ /\bTaskFailed\b/g;
is(scalar(@failures), 2, 'history: two failures');

# Failures by HTTP status and below HTTP.
endpoint('missing');
$stub->script('/missing', then => { status => 404, body => { why => 'gone' } });
fails_with('missing', 'States.Http.StatusCode.404', qr/gone/, 'a 404');
endpoint('redirect');
$stub->script('/redirect', then => { status => 302, headers => { location => $stub->url('/echo') } });
fails_with('redirect', 'States.Http.StatusCode.302', qr/302/, 'a redirect that the endpoint does not allow');
endpoint('hangup');
$stub->script('/hangup', then => { close => 'before' });
fails_with('hangup', 'States.Http.Socket', qr/./, 'a connection that is closed');
# A kept connection that is lost without an answer: the request is sent once more by itself, and calls says so.
endpoint('resent');
$stub->script('/resent', { body => { n => 1 } }, { close => 'before' }, then => { body => { n => 2 } });
my ($kept) = run_flow('resent', {});
my ($lost, $lost_status) = run_flow('resent', {});
is($lost_status, 'SUCCEEDED', 'a request whose kept connection was lost');
is($node->safe_psql('postgres', "SELECT string_agg(sends::text, ',' ORDER BY started_at) FROM flowctl.calls WHERE run_id IN ('$kept', '$lost')"), '1,2', 'was sent twice');
is(scalar($stub->calls(path => '/resent')), 3, 'as the endpoint knows');
endpoint('half');
$stub->script('/half', then => { close => 'middle', body_size => 1000 });
fails_with('half', 'States.Http.Socket', qr/./, 'an answer that ends in the middle');
endpoint('nothttp');
$stub->script('/nothttp', then => { raw => "SSH-2.0-OpenSSH\r\n\r\n" });
fails_with('nothttp', 'States.Http.Socket', qr/./, 'an answer that is no HTTP');
http_server($node, 'nobody', 'http://127.0.0.1:1/');
define_flow($node, 'nobody', http_flow('nobody'));
fails_with('nobody', 'States.Http.Socket', qr/./, 'nobody listens');
http_server($node, 'notallowed', 'http://127.0.0.2:1/');
define_flow($node, 'notallowed', http_flow('notallowed'));
fails_with('notallowed', 'States.Permissions', qr/127\.0\.0\.2|egress/, 'an address outside flowctl.egress_allow');

# Answers that cannot be a result fail the step with a cause that says so, and no view breaks over them.
my %bad = (
	truncated => [ { body        => '{"a": [1, 2' },          qr/JSON/ ],
	notutf8   => [ { body_base64 => 'eyJhIjoi/yJ9' },         qr/UTF-8/ ],
	nul       => [ { body        => '{"a": "x\u0000y"}' },    qr/0000|NUL|null character/i ],
	surrogate => [ { body        => '{"a": "\ud800"}' },      qr/surrogate/i ],
	digits    => [ { body        => '[1e131071]' },           qr/number|digits/i ],
	deep      => [ { body        => '[' x 5000 . ']' x 5000 }, qr/deep|depth|nest/i ],
);
for my $name (sort keys %bad)
{
	my ($answer, $cause) = @{ $bad{$name} };
	endpoint($name);
	$stub->script("/$name", then => $answer);
	my ($run, $status) = run_flow($name, {});
	is($status, 'FAILED', "$name: FAILED");
	like(run_row($node, $run)->{cause}, $cause, "$name: the cause says so");
}
endpoint('large', max_response_bytes => 1000);
$stub->script('/large', then => { body_size => 100_000 });
($run, $status) = run_flow('large', {});
is($status, 'FAILED', 'an answer over max_response_bytes: FAILED');
like(run_row($node, $run)->{cause}, qr/1000|large|max_response_bytes/, 'the cause says so');

# What no result may be is refused while it arrives, however much the endpoint allows.
endpoint('huge', max_response_bytes => 67_108_864);
$stub->script('/huge', then => { body_size => 3_000_000 });
($run, $status) = run_flow('huge', {});
is($status, 'FAILED', 'an answer far over flowctl.max_payload_bytes: FAILED');
my $huge = run_row($node, $run);
is($huge->{error}, 'States.DataLimitExceeded', 'by its name');
like($huge->{cause}, qr/^the answer is larger than 1048576 bytes, 4 times flowctl.max_payload_bytes$/, 'and with its limit');
is($node->safe_psql('postgres', "SELECT response_bytes FROM flowctl.calls WHERE run_id = '$run'"), '0', 'nothing of it is kept');
is($node->psql('postgres', "SELECT * FROM flowctl.$_"), 0, "flowctl.$_ can be read") for qw(runs history steps calls);

# A call under way: the intent is durable, no transaction is open, nobody else waits, and it can be stopped.
endpoint('held');
$stub->script('/held', then => { hold => 'gate', body => {} });
my $held = start_run($node, 'held', {});
$stub->wait_for(1, path => '/held', outcome => 'held');
is( $node->safe_psql('postgres', "SELECT endpoint, http_status IS NULL FROM flowctl.calls WHERE run_id = '$held'"),
	'held|t', 'the intent stands before the answer is there');
wait_for_query($node, q{SELECT bool_and(xact_start IS NULL AND backend_xmin IS NULL) FROM pg_stat_activity
	WHERE backend_type LIKE 'flowctl worker%'}, 't');
pass('no transaction is open while the network is waited for');
($run, $status) = run_flow('echo', {});
is($status, 'SUCCEEDED', 'another run goes on meanwhile');
$node->safe_psql('postgres', "SELECT flowctl.stop('$held', 'Enough', 'we waited long enough')");
is(wait_for_run($node, $held), 'ABORTED', 'stop ends the run');
$stub->wait_for(1, path => '/held', outcome => 'aborted');
pass('and closes its call');
$stub->release('gate');

# Timeouts.
endpoint('slow', task => { TimeoutSeconds => 1 });
$stub->script('/slow', then => { hold => 'slow' });
fails_with('slow', 'States.Timeout', qr/^/, 'TimeoutSeconds');
endpoint('slower', timeout => 1);
$stub->script('/slower', then => { hold => 'slow' });
fails_with('slower', 'States.Http.Socket', qr/./, "the endpoint's own timeout");
$stub->release('slow');

# SIGTERM with a call in flight.
$stub->reset;
$stub->script('/held', then => { hold => 'gate', body => { late => 1 } });
$held = start_run($node, 'held', {});
$stub->wait_for(1, path => '/held', outcome => 'held');
my $before = time;
$node->restart;
cmp_ok(time - $before, '<', 10, 'a restart does not wait for calls');
$stub->wait_for(2, path => '/held');
$stub->wait_for(1, path => '/held', outcome => 'held');
$stub->release('gate');
is(wait_for_run($node, $held), 'SUCCEEDED', 'the call is repeated after the restart');
@calls = $stub->calls(path => '/held');
is($calls[0]{headers}{'idempotency-key'}, $calls[1]{headers}{'idempotency-key'}, 'with the same key');

$node->stop;
done_testing();
