# Odd answers and rows. An answer that cannot be kept fails its step with a cause that says so, and never the view or the
# worker. The settings of a session do not show in the JSON of its rows.
use strict;
use warnings;
use Test::More;
use MIME::Base64 qw(encode_base64);
use FlowctlTest;
use Parts;

my $stub = Parts::start_stub();
my $node = new_node('answers', 'flowctl.max_payload_bytes' => 1048576);
http_server($node, 'echo', $stub->url('/echo'));
http_server($node, 'bad',  $stub->url('/bad'), max_response_bytes => 1000);
$stub->script('/echo', then => { echo => 'body', headers => { 'content-type' => 'application/json' } });

define_flow($node, 'echo', { StartAt => 'Call', States => { Call => { Type => 'Task', Resource => 'flowctl:http:echo', InputPath => '$.after', End => true } } });
define_flow($node, 'bad', http_flow('bad'));
$node->safe_psql(
	'postgres', q{
	CREATE TABLE kinds (id int PRIMARY KEY, n numeric, i int8, f float8, b bytea, t text, j json, k jsonb, ts timestamptz, a int[], u uuid, d interval);
	CREATE TRIGGER echo AFTER INSERT ON kinds FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('echo');
});

# The session's settings do not show in the row's JSON.
$stub->reset;
$stub->script('/echo', then => { echo => 'body', headers => { 'content-type' => 'application/json' } });
$node->safe_psql('postgres', q{
	SET bytea_output = 'escape'; SET extra_float_digits = -10; SET intervalstyle = 'sql_standard'; SET datestyle = 'German';
	INSERT INTO kinds (id, b, f, d) VALUES (1000, '\x00ff', 0.1::float8 + 0.2, '1 day 2 hours')});
my ($plain) = $stub->wait_for(1, path => '/echo');
like($plain->{body}, qr/\\\\x00ff/, 'bytea_output does not show');
like($plain->{body}, qr/0\.30000000000000004/, 'extra_float_digits does not show');
like($plain->{body}, qr/1 day 02:00:00/, 'intervalstyle does not show');

# What jsonb cannot hold is refused in the writer's transaction.
for my $case (
	[ 'a \u0000', q{j}, q{'{"a": "\u0000"}'}, qr/cannot be kept as JSON/ ],
	[ 'a lone surrogate', q{j}, q{'["\ud800"]'}, qr/cannot be kept as JSON/ ],
	[ 'a number of many digits', q{j}, q{'[1e131071]'}, qr/cannot be kept as JSON/ ],
	[ 'an input over the limit', q{t}, q{repeat('x', 1100000)}, qr/more than the limit of 1048576/ ])
{
	my ($name, $column, $value, $message) = @$case;
	my ($status, $out, $err) = $node->psql('postgres', "INSERT INTO kinds (id, $column) VALUES (2000, $value)");
	isnt($status, 0, "$name is refused");
	like($err, $message, "$name: the error says so");
	like($err, qr/HINT/, "$name: and what to do");
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM kinds WHERE id = 2000'), '0', 'the writer has written nothing');

# An answer that cannot be kept fails the step, with a cause, and nothing else.
for my $case (
	[ 'truncated JSON', { body => '{"a": [1, 2', headers => { 'content-type' => 'application/json' } }, 'Flowctl.InvalidResponse', qr/not usable JSON/ ],
	[ 'an answer that is too large', { body_size => 5000 }, 'Flowctl.InvalidResponse', qr/1000/ ],
	[ 'bytes that are not UTF-8', { body_base64 => encode_base64("{\"a\": \"\xff\xfe\"}", ''), headers => { 'content-type' => 'application/json' } }, 'Flowctl.InvalidResponse', qr/UTF-8/ ],
	[ 'a \u0000', { body => '{"a": "\u0000"}', headers => { 'content-type' => 'application/json' } }, 'Flowctl.InvalidResponse', qr/not usable JSON/ ],
	[ 'a number of many digits', { body => '[1e131071]', headers => { 'content-type' => 'application/json' } }, 'Flowctl.InvalidResponse', qr/not usable JSON/ ],
	[ 'nesting without end', { body => '[' x 900, headers => { 'content-type' => 'application/json' } }, 'Flowctl.InvalidResponse', qr/not usable JSON/ ],
	[ 'a connection that ends in the middle', { body => { a => 'x' x 500 }, close => 'middle' }, 'States.Http.Socket', qr/./ ],
	[ 'something that is not HTTP', { raw => "nonsense\r\n\r\n" }, 'States.Http.Socket', qr/./ ],
	[ 'a status with a body that is not text', { status => 500, body_base64 => encode_base64("\x00\xff\x01", '') }, 'States.Http.StatusCode.500', qr/500/ ])
{
	my ($name, $answer, $error, $cause) = @$case;
	$stub->script('/bad', then => $answer);
	my $run = start_run($node, 'bad', { x => 1 });
	is(wait_for_run($node, $run), 'FAILED', "$name fails the run");
	my $row = run_row($node, $run);
	is($row->{error}, $error, "$name: the error");
	like($row->{cause}, $cause, "$name: the cause");
	my ($status) = $node->psql('postgres', "SELECT * FROM flowctl.history WHERE run_id = '$run'; SELECT * FROM flowctl.calls; SELECT * FROM flowctl.steps");
	is($status, 0, "$name: the views can be read");
}

# Answers that are not JSON, empty, or scalar are results too.
for my $case (
	[ 'no content', { status => 204 }, 'null' ],
	[ 'text', { body => 'hello', headers => { 'content-type' => 'text/plain' } }, '"hello"' ],
	[ 'a scalar', { body => '12.50', headers => { 'content-type' => 'application/json' } }, '12.50' ])
{
	my ($name, $answer, $output) = @$case;
	$stub->script('/bad', then => $answer);
	my $run = start_run($node, 'bad', {});
	is(wait_for_run($node, $run), 'SUCCEEDED', "$name is a result");
	is($node->safe_psql('postgres', "SELECT output FROM flowctl.runs WHERE run_id = '$run'"), $output, "$name: the output");
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM flowctl.workers'), '1', 'the worker is there');

$node->stop;
done_testing();
