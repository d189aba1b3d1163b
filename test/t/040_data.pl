# Data arrives as it left: from a row through the trigger, the flow and an endpoint that echoes, back into the run's output.
#
# Values are compared as text, because a JSON parser on the way would hide a loss: what the endpoint received, byte by
# byte, and what the view prints. A row that jsonb could not hold is refused in the writer's transaction.
use strict;
use warnings;
use Encode qw(encode_utf8);
use Test::More;
use FlowctlTest;
use Parts;

my $node = new_node('data', 'flowctl.max_payload_bytes' => '16MB');
my $stub = Parts::start_stub();
http_server($node, 'echo', $stub->url('/echo'), max_response_bytes => 33554432);
define_flow($node, 'echo', http_flow('echo', InputPath => '$.after'));

# A table with one column of the type, a row with the value; what the endpoint gets for it and what the view shows.
my $number = 0;
sub travels
{
	my ($type, $literal, $json, $about) = @_;
	my $table = 't' . ++$number;
	$stub->reset;
	$node->safe_psql('postgres', "CREATE TABLE $table (v $type);"
		  . "CREATE TRIGGER go AFTER INSERT ON $table FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('echo')");
	$node->safe_psql('postgres', "INSERT INTO $table VALUES ($literal)");
	my ($call) = $stub->wait_for(1, path => '/echo', outcome => 'answered');
	my ($sent) = $call->{body} =~ /^\s*\{\s*"v"\s*:\s*(.*?)\s*\}\s*$/s;
	is($sent, $json, "$about: as the endpoint got it");
	my $run = $node->safe_psql('postgres', "SELECT run_id FROM flowctl.runs ORDER BY started_at DESC LIMIT 1");
	is(wait_for_run($node, $run), 'SUCCEEDED', "$about: the run succeeds");
	is($node->safe_psql('postgres', "SELECT output->'v' = '" . encode_utf8($json) . "'::jsonb, output = input->'after' FROM flowctl.runs WHERE run_id = '$run'"),
		't|t', "$about: as it came back");
}

my $long_numeric = '1234567890123456789012345678901234567890.123456789012345678901234567890';
travels('numeric', $long_numeric, $long_numeric, 'a numeric beyond a double');
travels('numeric', '0.10', '0.10', 'a numeric with a trailing zero');
travels('numeric', "'NaN'", '"NaN"', 'a numeric that is no number');
travels('numeric', "'-Infinity'", '"-Infinity"', 'an infinite numeric');
travels('int8', '9223372036854775807', '9223372036854775807', 'the largest int8');
travels('int8', "'-9223372036854775808'", '-9223372036854775808', 'the smallest int8');
travels('float8', '1e-300', '1e-300', 'a small double');
travels('float8', "'Infinity'", '"Infinity"', 'an infinite double');
travels('bytea', q{'\x00ff5c22'}, q{"\\\\x00ff5c22"}, 'bytea');
travels('text', "''", '""', 'the empty string');
travels('text', 'NULL', 'null', 'NULL');
travels('text', q{U&'\+01F600 \00E9 e\0301 \202E'}, qq{"\x{1f600} \x{e9} e\x{301} \x{202e}"}, 'unicode');
travels('text', q{E'"\\\\ \n\t\u0001/'}, q{"\"\\\\ \n\t\u0001/"}, 'characters that JSON escapes');
travels('timestamptz', "'2026-01-02 03:04:05.123456+00'", '"2026-01-02T03:04:05.123456+00:00"', 'a timestamp');
travels('int[]', "'{1,2,NULL}'", '[1,2,null]', 'an array');
travels('json', q{'{"b":1,"a":[1.0,2e5]}'}, '{"b":1,"a":[1.0,2e5]}', 'json keeps order and spelling');
travels('boolean', 'false', 'false', 'a boolean');

# Big and deep.
$stub->reset;
$node->safe_psql('postgres', "CREATE TABLE big (v text);"
	  . "CREATE TRIGGER go AFTER INSERT ON big FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('echo')");
$node->safe_psql('postgres', "INSERT INTO big SELECT repeat('0123456789', 1000000)");
my ($call) = $stub->wait_for(1, path => '/echo', outcome => 'answered');
cmp_ok(length $call->{body}, '>=', 10_000_000, 'ten megabytes arrive');
my $run = $node->safe_psql('postgres', "SELECT run_id FROM flowctl.runs ORDER BY started_at DESC LIMIT 1");
is(wait_for_run($node, $run), 'SUCCEEDED', 'and come back');
is($node->safe_psql('postgres', "SELECT md5(output->>'v') = md5(repeat('0123456789', 1000000)) FROM flowctl.runs WHERE run_id = '$run'"), 't', 'unchanged');

# Over the limits: the writer's transaction fails, with a reason; nothing is left of the row.
for my $case (
	[ 'text', "repeat('x', 20000000)",                               qr/max_payload_bytes|limit|large/i, 'an input over the limit' ],
	[ 'json', q{'"\u0000"'},                                         qr/0000|null|NUL/i,                 'a NUL escape in a json column' ],
	[ 'json', q{(repeat('[', 1500) || repeat(']', 1500))::json},     qr/deep|depth|nest/i,               'json deeper than a view can show' ])
{
	my ($type, $value, $reason, $about) = @$case;
	my $table = 't' . ++$number;
	$node->safe_psql('postgres', "CREATE TABLE $table (v $type);"
		  . "CREATE TRIGGER go AFTER INSERT ON $table FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('echo')");
	my ($status, $out, $err) = $node->psql('postgres', "INSERT INTO $table VALUES ($value)");
	isnt($status, 0, "$about is refused");
	like($err, $reason, 'with the reason');
	is($node->safe_psql('postgres', "SELECT count(*) FROM $table"), '0', 'in the transaction');
}
is($node->psql('postgres', "SELECT * FROM flowctl.$_"), 0, "flowctl.$_ can be read") for qw(runs history steps calls);

$node->stop;
done_testing();
