# Distributed Map: items from CSV, JSON and JSON Lines that an endpoint has, results to an endpoint, and both in S3's shape; an
# answer is asked for once, whatever crashes.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $stub = Parts::start_stub();
my $node = new_node('documents', 'restart_after_crash' => 'on');
http_server($node, 'files', $stub->url('/files'), max_response_bytes => 4_000_000);
http_server($node, 'sink', $stub->url('/sink'));
http_server($node, 'bucket', $stub->url('/s3'), arn => 'arn:aws:states:::s3:*');
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };
my %keys;

sub reading
{
	my ($reader, %more) = @_;
	my $states = delete $more{States} // { One => { Type => 'Pass', End => true } };
	return {
		StartAt => 'Each',
		States  => {
			Each => {
				Type          => 'Map',
				ItemReader    => $reader,
				ItemProcessor => {
					ProcessorConfig => { Mode => 'DISTRIBUTED', ExecutionType => 'STANDARD' },
					StartAt         => (sort keys %$states)[0],
					States          => $states,
				},
				End => true,
				%more,
			},
		},
	};
}
sub http { my ($path, %config) = @_; return { Resource => 'flowctl:http:files', Parameters => { Path => $path }, ReaderConfig => \%config } }

sub output_of
{
	my ($flow, $input) = @_;
	my $run = start_run($node, $flow, $input // {});
	is(wait_for_run($node, $run), 'SUCCEEDED', $flow) or diag(run_row($node, $run)->{cause});
	return run_output($node, $run);
}

$stub->script('/files/a.csv', then => { headers => { 'content-type' => 'text/csv' }, body => "id,name\n1,\"Ann, B\"\n2,Bob\n" });
define_flow($node, 'csv', reading(http('/a.csv', InputType => 'CSV', CSVHeaderLocation => 'FIRST_ROW')));
is_deeply(output_of('csv'), [ { id => '1', name => 'Ann, B' }, { id => '2', name => 'Bob' } ], 'CSV: an object for each row');
is(scalar($stub->calls(path => '/files/a.csv')), 1, 'one GET');
is(($stub->calls(path => '/files/a.csv'))[0]{method}, 'GET', 'by that method');

$stub->script('/files/a.jsonl', then => { headers => { 'content-type' => 'application/jsonl' }, body => qq({"n":1}\n{"n":2}\n{"n":3}\n) });
define_flow($node, 'jsonl', reading(http('/a.jsonl', InputType => 'JSONL', MaxItems => 2)));
is_deeply(output_of('jsonl'), [ { n => 1 }, { n => 2 } ], 'JSON Lines, and no more than MaxItems');

$stub->script('/files/a.json', then => { body => [ 3, 4, 5 ] });
define_flow($node, 'json', reading(http('/a.json', InputType => 'JSON')));
is_deeply(output_of('json'), [ 3, 4, 5 ], 'a JSON array');
is($sql->("SELECT count(*) FROM flowctl.calls WHERE endpoint = 'files' AND method = 'GET' AND http_status = 200"), '3', 'flowctl.calls shows them');

# What cannot be read.
$stub->script('/files/bad.json', then => { headers => { 'content-type' => 'application/json' }, body => '[1, 2, ' });
define_flow($node, 'bad', reading(http('/bad.json', InputType => 'JSON')));
$stub->script('/files/none.json', then => { status => 404 });
define_flow($node, 'none', reading(http('/none.json', InputType => 'JSON')));
for ([ 'bad', qr/./ ], [ 'none', qr/States\.Http\.StatusCode\.404/ ])
{
	my $run = start_run($node, $_->[0], {});
	is(wait_for_run($node, $run), 'FAILED', "$_->[0]: fails");
	is(run_row($node, $run)->{error}, 'States.ItemReaderFailed', "$_->[0]: the error");
	like(run_row($node, $run)->{cause}, $_->[1], "$_->[0]: the cause");
}
wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'", '0');

# A reader that fails is tried again by the state's own Retry.
$stub->script('/files/later.json', { status => 503 }, then => { body => [1] });
define_flow($node, 'later', reading(http('/later.json', InputType => 'JSON'), Retry => [ { ErrorEquals => ['States.ItemReaderFailed'], IntervalSeconds => 1 } ]));
is_deeply(output_of('later'), [1], 'Retry');

# 20,000 lines, and a crash in the middle: the document is not asked for again, and no item is lost.
my $lines = 20_000;
$stub->script('/files/big.jsonl', { headers => { 'content-type' => 'application/jsonl' }, body => join('', map { "{\"n\":$_}\n" } 1 .. $lines) });
define_flow($node, 'big', reading(http('/big.jsonl', InputType => 'JSONL'), ResultPath => undef));
my $run = start_run($node, 'big', {});
wait_for_query($node, "SELECT count(*) > 2000 FROM flowctl.runs WHERE parent_run_id = '$run'", 't');
$node->stop('immediate');
$node->start;
is(wait_for_run($node, $run), 'SUCCEEDED', 'a document of 20,000 lines, through a crash');
is($sql->("SELECT count(*), count(DISTINCT map_index), sum((input->>'n')::int) FROM flowctl.runs WHERE parent_run_id = '$run' AND status = 'SUCCEEDED'"),
	"$lines|$lines|" . $lines * ($lines + 1) / 2, 'every line is a run, once');
is(scalar($stub->calls(path => '/files/big.jsonl')), 1, 'and was asked for once');

# Results to an endpoint.
$stub->script('/sink', then => { body => {} });
define_flow($node, 'sink', reading(http('/a.json', InputType => 'JSON'), ResultWriter => { Resource => 'flowctl:http:sink', WriterConfig => { Transformation => 'COMPACT', OutputType => 'JSON' } }));
is_deeply(output_of('sink')->{ResultWriterDetails}, { Server => 'sink', Files => 1, Results => 3 }, 'results to an endpoint');
my ($call) = $stub->calls(path => '/sink');
is_deeply(from_json($call->{body}), [ 3, 4, 5 ], 'arrive as an array');
ok($call->{headers}{'idempotency-key'}, 'with a key');
$stub->script('/sink', then => { status => 500 });
$run = start_run($node, 'sink', {});
is(wait_for_run($node, $run), 'FAILED', 'an endpoint that does not take them');
is(run_row($node, $run)->{error}, 'States.ResultWriterFailed', 'fails the state');

# More results than one file takes.
$stub->reset;
$stub->script('/files/many.jsonl', then => { headers => { 'content-type' => 'application/jsonl' }, body => join('', map { "$_\n" } 1 .. 12_000) });
$stub->script('/sink', then => { body => {} });
define_flow($node, 'many', reading(http('/many.jsonl', InputType => 'JSONL'), ResultWriter => { Resource => 'flowctl:http:sink', WriterConfig => { Transformation => 'COMPACT', OutputType => 'JSONL' } }));
is(output_of('many')->{ResultWriterDetails}{Results}, 12_000, '12,000 results');
my @files = map { [ split /\n/, $_->{body} ] } $stub->calls(path => '/sink');
is_deeply([ map { @$_ } @files ], [ 1 .. 12_000 ], 'each once, in the order of the items');
cmp_ok(scalar(@files), '>', 1, 'in several files');
$keys{ $_->{headers}{'idempotency-key'} } = 1 for $stub->calls(path => '/sink');
is(scalar(keys %keys), scalar(@files), 'each with a key of its own');

# S3.
$stub->script('/s3/in/some/items.json', then => { body => [ 1, 2 ] });
$stub->script('*', then => { status => 200, headers => { 'content-type' => 'text/plain' }, body => '' });
define_flow(
	$node, 's3',
	reading(
		{ Resource => 'arn:aws:states:::s3:getObject', Parameters => { Bucket => 'in', Key => 'some/items.json' }, ReaderConfig => { InputType => 'JSON' } },
		States => {
			A => { Type => 'Choice', Choices => [ { Variable => '$', NumericEquals => 1, Next => 'No' } ], Default => 'Yes' },
			No  => { Type => 'Fail', Error => 'One' },
			Yes => { Type => 'Succeed' },
		},
		ToleratedFailureCount => 1,
		ResultWriter          => { Resource => 'arn:aws:states:::s3:putObject', Parameters => { Bucket => 'out', Prefix => 'results' } }));
my $details = output_of('s3')->{ResultWriterDetails};
like($details->{Key}, qr{^results/[0-9a-f-]{36}/manifest\.json$}, 'S3: the key of the manifest');
my @put = grep { $_->{method} eq 'PUT' } $stub->calls;
my ($folder) = $details->{Key} =~ m{^(.*)/};
is_deeply([ map { $_->{path} } @put ], [ map { "/s3/out/$folder/$_" } qw(SUCCEEDED_0.json FAILED_0.json manifest.json) ], 'S3: the files');
is(from_json($put[2]{body})->{ResultFiles}{FAILED}[0]{Key}, "$folder/FAILED_0.json", 'S3: the manifest names them');
is(from_json($put[1]{body})->[0]{Error}, 'One', 'S3: what failed is described');
# A bucket's list, in pages.
my $page = sub {
	my ($more, @keys) = @_;
	my $objects = join '', map { "<Contents><Key>$_</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><Size>7</Size></Contents>" } @keys;
	return { headers => { 'content-type' => 'application/xml' },
		body => qq(<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">$more$objects</ListBucketResult>) };
};
$stub->script('/s3/shelf',
	$page->('<IsTruncated>true</IsTruncated><NextContinuationToken>a/b=</NextContinuationToken>', 'in/1', 'in/a &amp; b'),
	$page->('<IsTruncated>false</IsTruncated>', 'in/&#233;'));
define_flow($node, 'list', reading({ Resource => 'arn:aws:states:::s3:listObjectsV2', Parameters => { Bucket => 'shelf', Prefix => 'in/' } }));
is_deeply(output_of('list'), [ map { { Key => $_, LastModified => 1767323045, Size => 7 } } 'in/1', 'in/a & b', "in/\x{e9}" ], 'S3: the objects of a bucket');
is_deeply(
	[ map { $_->{url} } $stub->calls(path => '/s3/shelf') ],
	[ '/s3/shelf?list-type=2&prefix=in%2F', '/s3/shelf?list-type=2&prefix=in%2F&continuation-token=a%2Fb%3D' ],
	'S3: page by page');
is($sql->('SELECT count(*) FROM flowctl.map_runs WHERE phase IS NOT NULL'), '0', 'nothing is left open');

$node->stop;
done_testing();
