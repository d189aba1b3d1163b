# Distributed Map: items from the input, a query and a table become runs of their own; results come back in order, failures
# are tolerated as the state says, and a stopped map run stops with all its children.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $stub = Parts::start_stub();
my $node = new_node('dmap', 'flowctl.max_payload_bytes' => 1048576);
http_server($node, 'item', $stub->url('/item'));
$stub->script('/item', then => { echo => 'body', headers => { 'content-type' => 'application/json' } });
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };
my @as_superuser = (undef, { run_as_superuser => true });    # the last arguments of define_flow

# A Map state; %more goes into it.
sub distributed
{
	my ($states, %more) = @_;
	my ($first) = sort keys %$states;
	my $type = delete $more{ExecutionType} // 'STANDARD';
	return {
		StartAt => 'Each',
		States  => {
			Each => {
				Type          => 'Map',
				ItemProcessor => {
					ProcessorConfig => { Mode => 'DISTRIBUTED', ExecutionType => $type },
					StartAt         => $first,
					States          => $states,
				},
				End => true,
				%more,
			},
		},
	};
}
my $pass = { One => { Type => 'Pass', End => true } };
my $call = { One => { Type => 'Task', Resource => 'flowctl:http:item', End => true } };

sub map_run
{
	my ($run) = @_;
	return query_json($node, "SELECT to_json(m) FROM flowctl.map_runs m WHERE run_id = '$run'");
}

# Nothing is left open: no run, no frame, no map run, no call.
sub nothing_open
{
	my ($name) = @_;
	wait_for_query($node, 'SELECT count(*) FROM flowctl.map_runs WHERE phase IS NOT NULL', '0');
	wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'", '0');
	wait_for_query($node, 'SELECT calls_open FROM flowctl.workers', '0');
	is($sql->('SELECT count(*) FROM flowctl_catalog.frame'), '0', "$name: no frame is left");
}

# Items from the input.
define_flow($node, 'each', distributed($pass));
my $run = start_run($node, 'each', [ map { { n => $_ } } 1 .. 25 ]);
is(wait_for_run($node, $run), 'SUCCEEDED', 'a distributed Map over 25 items of the input');
is_deeply(run_output($node, $run), [ map { { n => $_ } } 1 .. 25 ], 'results in the order of the items');
is( history_types($node, $run),
	'ExecutionStarted MapStateEntered MapStateStarted MapRunStarted MapRunSucceeded MapStateSucceeded MapStateExited ExecutionSucceeded',
	'the history of the parent says nothing of the items');
my $map_run = map_run($run);
is("$map_run->{status} $map_run->{items} $map_run->{runs_succeeded} $map_run->{runs_open}", 'SUCCEEDED 25 25 0', 'map_runs counts');
ok(!defined $map_run->{phase} && defined $map_run->{ended_at}, 'and says that it is over');
is( $sql->(qq{
		SELECT count(*), count(DISTINCT map_index), min(map_index), max(map_index), bool_and(map_run_id = '$map_run->{map_run_id}')
		FROM flowctl.runs WHERE parent_run_id = '$run' AND status = 'SUCCEEDED'}),
	'25|25|0|24|t', 'each item is a run');
is($sql->("SELECT DISTINCT c.xid = p.xid FROM flowctl.runs c JOIN flowctl.runs p ON p.run_id = c.parent_run_id WHERE p.run_id = '$run'"),
	't', 'begun by the transaction that started its parent');
is( $sql->(qq{
		SELECT string_agg(DISTINCT types, ',') FROM (
			SELECT string_agg(h.type, ' ' ORDER BY h.event_id) AS types
			FROM flowctl.history h JOIN flowctl.runs r USING (run_id) WHERE r.parent_run_id = '$run' GROUP BY run_id) x}),
	'ExecutionStarted PassStateEntered PassStateExited ExecutionSucceeded', 'with a history of its own');
is(wait_for_run($node, start_run($node, 'each', [])), 'SUCCEEDED', 'a distributed Map over nothing');

# EXPRESS children have no history, and calls keep their keys apart.
define_flow($node, 'express', distributed($call, ExecutionType => 'EXPRESS'));
$run = start_run($node, 'express', [ 1 .. 10 ]);
is(wait_for_run($node, $run), 'SUCCEEDED', 'EXPRESS children');
is_deeply(run_output($node, $run), [ 1 .. 10 ], 'give their outputs');
is($sql->("SELECT count(*) FROM flowctl.history JOIN flowctl.runs USING (run_id) WHERE parent_run_id = '$run'"), '0', 'and no history');
my %keys = map { $_->{headers}{'idempotency-key'} => 1 } $stub->calls(path => '/item');
is(scalar(keys %keys), 10, 'a key for each child');

# Batches.
define_flow($node, 'batches', distributed($pass, ItemBatcher => { MaxItemsPerBatch => 4, BatchInput => { 'all.$' => '$[0]' } }));
$run = start_run($node, 'batches', [ 7 .. 16 ]);
is(wait_for_run($node, $run), 'SUCCEEDED', 'batches');
is_deeply(
	run_output($node, $run),
	[ map { { BatchInput => { all => 7 }, Items => $_ } } [ 7 .. 10 ], [ 11 .. 14 ], [ 15, 16 ] ],
	'have so many items');
$map_run = map_run($run);
is("$map_run->{items} $map_run->{runs} $map_run->{items_succeeded}", '10 3 10', 'items and runs are counted apart');

# A query: bound arguments, rows as objects, as the role of the run.
$sql->(q{
	CREATE TABLE customer (id int PRIMARY KEY, name text, region text, secret text);
	INSERT INTO customer SELECT n, 'c' || n, CASE WHEN n % 2 = 0 THEN 'eu' ELSE 'us' END, 's' FROM generate_series(1, 3000) n;
	CREATE TABLE forbidden (id int);
	INSERT INTO forbidden VALUES (1);
	CREATE ROLE app;
	CREATE SCHEMA app AUTHORIZATION app;
	GRANT SELECT (id, name, region) ON customer TO app;
	SELECT flowctl.grant_author('app');
});

sub query
{
	my ($text, @arguments) = @_;
	return (
		ItemReader => {
			Resource   => 'flowctl:sql:query',
			Parameters => { Query => $text, @arguments ? ('Args.$' => $arguments[0]) : () },
		});
}
define_flow(
	$node, 'query',
	distributed(
		$pass,
		query('SELECT id, name FROM customer WHERE region = $1 AND id > $2 ORDER BY id', '$.args'),
		ItemSelector => { 'id.$' => '$$.Map.Item.Value.id', 'at.$' => '$$.Map.Item.Index', 'of.$' => '$.of' }),
	@as_superuser);
$run = start_run($node, 'query', { args => [ "eu", 2990 ], of => 'x' });
is(wait_for_run($node, $run), 'SUCCEEDED', 'items from a query');
is_deeply(run_output($node, $run), [ map { { id => 2992 + 2 * $_, at => $_, of => 'x' } } 0 .. 4 ], 'rows through the ItemSelector');
$run = start_run($node, 'query', { args => [ "' OR true --", 0 ], of => 'x' });
is(wait_for_run($node, $run), 'SUCCEEDED', 'an argument is a value, never a part of the query');
is_deeply(run_output($node, $run), [], 'so nothing is found by it');

define_flow($node, 'table', distributed($pass, ItemReader => { Resource => 'flowctl:sql:table', Parameters => { Schema => 'public', Table => 'customer' } }), @as_superuser);
$run = start_run($node, 'table', {});
is(wait_for_run($node, $run), 'SUCCEEDED', 'items from a table');
is(map_run($run)->{runs_succeeded}, 3000, 'each row is an item');

# What a role may not read, it does not get; nor may a query change anything.
sub fails_with
{
	my ($flow, $cause, $name) = @_;
	my $failed = start_run($node, $flow, { args => [] });
	is(wait_for_run($node, $failed), 'FAILED', $name);
	my $row = run_row($node, $failed);
	is($row->{error}, 'States.ItemReaderFailed', "$name: the error");
	like($row->{cause}, $cause, "$name: the cause");
	is(map_run($failed)->{runs}, 0, "$name: no item");
}
my %refused = (
	rights   => [ 'SELECT * FROM forbidden', qr/permission denied for table forbidden \(SQLSTATE 42501\)/ ],
	column   => [ 'SELECT secret FROM customer', qr/permission denied for table customer/ ],
	syntax   => [ 'SELEC 1', qr/syntax error.*SQLSTATE 42601/ ],
	insert   => [ 'INSERT INTO app.mine VALUES (1) RETURNING *', qr/must be a SELECT/ ],
	cte      => [ 'WITH x AS (DELETE FROM app.mine RETURNING *) SELECT * FROM x', qr/must be a SELECT/ ],
	function => [ 'SELECT app.write()', qr/read-only transaction/ ],
	two      => [ 'SELECT 1; SELECT 2', qr/must be one SELECT/ ],
	become   => [ 'SELECT app.become()', qr/cannot set parameter "session_authorization"/ ],
	engine   => [ 'SELECT * FROM flowctl_catalog.run', qr/permission denied/ ],
	missing  => [ 'SELECT $1::int', qr/1 parameters, Args has 0 values/ ],
	divide   => [ 'SELECT 1 / (id - 1500) FROM customer ORDER BY id', qr/division by zero \(SQLSTATE 22012\)/ ],
);
$node->safe_psql('postgres', q{
	SET SESSION AUTHORIZATION app;
	CREATE TABLE app.mine (id int);
	CREATE FUNCTION app.write() RETURNS int LANGUAGE sql AS 'INSERT INTO app.mine VALUES (1) RETURNING id';
	CREATE FUNCTION app.become() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RESET SESSION AUTHORIZATION; RETURN 1; END $$;
});
for my $name (sort keys %refused)
{
	my ($text, $cause) = @{ $refused{$name} };
	my $definition = to_json(distributed($pass, query($text)));
	$node->safe_psql('postgres', "SET SESSION AUTHORIZATION app; SELECT flowctl.define_flow('$name', " . sql_literal($definition) . ')');
	fails_with($name, $cause, $name);
}
is($sql->('SELECT count(*) FROM app.mine'), '0', 'nothing was written');

# Failures: as many as are tolerated, and one more.
my $fragile = {
	A => { Type => 'Choice', Choices => [ { Variable => '$', NumericLessThan => 3, Next => 'No' } ], Default => 'Yes' },
	No  => { Type => 'Fail', Error => 'TooSmall', Cause => 'below 3' },
	Yes => { Type => 'Succeed' },
};
define_flow($node, 'tolerant', distributed($fragile, ToleratedFailureCount => 2));
$run = start_run($node, 'tolerant', [ 1 .. 6 ]);
is(wait_for_run($node, $run), 'SUCCEEDED', 'two failures are tolerated');
$map_run = map_run($run);
is("$map_run->{runs_failed} $map_run->{runs_succeeded}", '2 4', 'and counted');
$run = start_run($node, 'tolerant', [ 0 .. 6 ]);
is(wait_for_run($node, $run), 'FAILED', 'a third is not');
is(run_row($node, $run)->{error}, 'States.ExceedToleratedFailureThreshold', 'the error');
is(map_run($run)->{status}, 'FAILED', 'of the map run, too');
define_flow($node, 'caught', do {
	my $definition = distributed($fragile, MaxConcurrency => 1, Catch => [ { ErrorEquals => ['States.ExceedToleratedFailureThreshold'], Next => 'Caught' } ]);
	$definition->{States}{Caught} = { Type => 'Succeed' };
	$definition;
});
$run = start_run($node, 'caught', [ 1 .. 5000 ]);
is(wait_for_run($node, $run), 'SUCCEEDED', 'Catch sees it');
is( $sql->("SELECT status, count(*) FROM flowctl.runs WHERE parent_run_id = '$run' GROUP BY 1 ORDER BY 1"),
	"ABORTED|4999\nFAILED|1", 'no other child has begun, and all are closed before the run goes on');
nothing_open('tolerance');

# Stopping the parent stops those under way and those that have not begun.
$stub->script('/item', then => { hold => 'item', body => {} });
define_flow($node, 'calls', distributed($call, MaxConcurrency => 20));
$stub->reset;
$stub->script('/item', then => { hold => 'item', body => {} });
$run = start_run($node, 'calls', [ 1 .. 5000 ]);
$stub->wait_for(20, path => '/item', outcome => 'held');
is($sql->("SELECT count(*) FROM flowctl.runs WHERE parent_run_id = '$run' AND phase <> 'QUEUED'"), '20', 'MaxConcurrency children are under way');
my ($refusal) = ($node->psql('postgres', "SELECT flowctl.drop_flow('calls')"))[2];
like($refusal, qr/open runs/, 'the flow cannot be dropped');
my $child = $sql->("SELECT run_id FROM flowctl.runs WHERE parent_run_id = '$run' AND map_index = 4321");
$sql->("SELECT flowctl.stop('$child', 'Gone', 'by hand')");
is(wait_for_run($node, $child), 'ABORTED', 'a child that has not begun can be stopped, and is over');
is(wait_for_run($node, $run), 'FAILED', 'which is a failure of the map run');
nothing_open('a child was stopped');
$stub->reset;
$stub->script('/item', then => { hold => 'item', body => {} });
$run = start_run($node, 'calls', [ 1 .. 5000 ]);
$stub->wait_for(20, path => '/item', outcome => 'held');
$sql->("SELECT flowctl.stop('$run')");
is(wait_for_run($node, $run), 'ABORTED', 'the parent is stopped');
nothing_open('stop');
is($sql->("SELECT status, count(*) FROM flowctl.runs WHERE parent_run_id = '$run' GROUP BY 1"), 'ABORTED|5000', 'and all children with it');
is(map_run($run)->{status}, 'ABORTED', 'and the map run');
is(scalar($stub->calls(path => '/item')), 20, 'nothing was called after it');
$stub->release('item');

# However many may run, a worker holds only so many.
$node->append_conf('postgresql.conf', 'flowctl.map_children = 7');
$node->reload;
$stub->reset;
$stub->script('/item', then => { hold => 'seven', body => {} });
define_flow($node, 'many', distributed($call));
wait_for_query($node, 'SHOW flowctl.map_children', '7');
$run = start_run($node, 'many', [ 1 .. 100 ]);
$stub->wait_for(7, path => '/item', outcome => 'held');
is($sql->("SELECT count(*) FROM flowctl.runs WHERE parent_run_id = '$run' AND phase <> 'QUEUED'"), '7', 'flowctl.map_children');
is($sql->("SELECT waiting_for FROM flowctl.runs WHERE run_id = '$run'"), 'map run', 'the parent waits for its map run');
$stub->script('/item', then => { body => {} });
$stub->release('seven');
is(wait_for_run($node, $run), 'SUCCEEDED', 'the others come after them');
$node->append_conf('postgresql.conf', 'flowctl.map_children = 1000');
$node->reload;

# The time of the parent, too.
define_flow($node, 'late', { %{ distributed($call, MaxConcurrency => 3) }, TimeoutSeconds => 2 });
$stub->reset;
$stub->script('/item', then => { hold => 'late', body => {} });
$run = start_run($node, 'late', [ 1 .. 100 ]);
is(wait_for_run($node, $run), 'TIMED_OUT', 'the parent times out');
nothing_open('timeout');
is($sql->("SELECT status, count(*) FROM flowctl.runs WHERE parent_run_id = '$run' GROUP BY 1"), 'ABORTED|100', 'its children end');
$stub->release('late');

# Children that wait for long leave memory and are found again; the Map begins others meanwhile.
define_flow($node, 'waits', distributed({ One => { Type => 'Wait', SecondsPath => '$', End => true } }, MaxConcurrency => 50));
$run = start_run($node, 'waits', [ (3600) x 30 ]);
wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE parent_run_id = '$run' AND phase = 'WAITING'", '30');
wait_for_query($node, 'SELECT runs_in_memory FROM flowctl.workers', '0');
$sql->("SELECT flowctl.stop('$run')");
nothing_open('parked children');
is($sql->("SELECT status, count(*) FROM flowctl.runs WHERE parent_run_id = '$run' GROUP BY 1"), 'ABORTED|30', 'parked children are stopped');

# A child whose flow has a distributed Map of its own.
my $inner = distributed($pass);
$inner->{States}{Inner} = delete $inner->{States}{Each};
define_flow($node, 'nested', distributed($inner->{States}));
$run = start_run($node, 'nested', [ [ 1, 2 ], [ 3 ], [] ]);
is(wait_for_run($node, $run), 'SUCCEEDED', 'a distributed Map in a distributed Map');
is_deeply(run_output($node, $run), [ [ 1, 2 ], [3], [] ], 'gives the results of its children');
is($sql->("SELECT count(*) FROM flowctl.map_runs m JOIN flowctl.runs r USING (run_id) WHERE r.parent_run_id = '$run'"), '3', 'with map runs of their own');

# Results into a table, as the role of the run.
sub into { return (ResultWriter => { Resource => 'flowctl:sql:table', Parameters => { Schema => 'app', Table => $_[0] } }) }
$sql->(q{
	CREATE TABLE app.result (id bigint GENERATED ALWAYS AS IDENTITY, "index" bigint, status text, input jsonb, output jsonb, error text, cause text, who text DEFAULT current_user);
	ALTER TABLE app.result OWNER TO app;
	CREATE TABLE app.closed ("index" bigint);
});
for my $table (qw(result closed absent))
{
	my $definition = to_json(distributed($fragile, into($table), ToleratedFailurePercentage => 50));
	$node->safe_psql('postgres', "SET SESSION AUTHORIZATION app; SELECT flowctl.define_flow('into_$table', " . sql_literal($definition) . ')');
}
$run = start_run($node, 'into_result', [ 1 .. 6 ]);
is(wait_for_run($node, $run), 'SUCCEEDED', 'results into a table') or diag(run_row($node, $run)->{cause});
is( $sql->('SELECT "index", status, input, output, error, who FROM app.result ORDER BY "index"'),
	"0|FAILED|1||TooSmall|app\n1|FAILED|2||TooSmall|app\n2|SUCCEEDED|3|3||app\n3|SUCCEEDED|4|4||app\n4|SUCCEEDED|5|5||app\n5|SUCCEEDED|6|6||app",
	'one row for each child');
is(run_output($node, $run)->{ResultWriterDetails}{Results}, 6, 'the output says where they are');
is(map_run($run)->{results_written}, 6, 'and how many');
for ([ 'closed', qr/permission denied for table closed/ ], [ 'absent', qr/relation "app.absent" does not exist/ ])
{
	$run = start_run($node, "into_$_->[0]", [ 3, 4 ]);
	is(wait_for_run($node, $run), 'FAILED', "$_->[0]: the results cannot be written");
	my $row = run_row($node, $run);
	is($row->{error}, 'States.ResultWriterFailed', "$_->[0]: the error");
	like($row->{cause}, $_->[1], "$_->[0]: the cause");
}

# What the flow does not keep is forgotten when the map run is over, and not before its result is made.
$sql->("SELECT flowctl.define_flow('forgets', " . sql_literal(to_json(distributed($pass))) . q{, options => '{"keep_data": "NONE"}')});
$sql->('CREATE TABLE seen (output jsonb)');
$run = start_run($node, 'forgets', [ 1 .. 3 ]);
is(wait_for_run($node, $run), 'SUCCEEDED', 'a flow that keeps no data');
is($sql->("SELECT count(*) FROM flowctl.runs WHERE parent_run_id = '$run' AND (input <> 'null' OR output IS NOT NULL)"), '0', 'keeps none of its children');
nothing_open('the end');

$node->stop;
done_testing();
