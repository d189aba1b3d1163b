# flowctl.redact(): after it, and after VACUUM (FULL) has written the tables anew, no file of the database has a byte of what the run
# held. It waits for nobody's run, and nobody's run waits for it.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $stub    = Parts::start_stub();
my $node    = new_node('redact', 'flowctl.workers' => 1, 'autovacuum' => 'off');
my $sql     = sub { return $node->safe_psql('postgres', $_[0]) };
my $session = sub { return $node->background_psql('postgres', on_error_stop => 0) };

# The person's data: a word that no row has otherwise, alone and within a text that is stored out of line.
my $word   = 'Xanthippe' . join '', map { chr(97 + int rand 26) } 1 .. 12;
my $long   = $word . join '', map { chr(97 + int rand 26) } 1 .. 20_000;
my $folder = $node->data_dir . '/base/' . $sql->(q{SELECT oid FROM pg_database WHERE datname = 'postgres'});

# The files of the database that have the word, as names of relations.
sub files_with_word
{
	$sql->('CHECKPOINT');
	my %found;
	for my $file (glob "$folder/*")
	{
		open my $in, '<:raw', $file or next;
		local $/;
		$found{ $file =~ s{.*/([0-9]+).*}{$1}r } = 1 if index(scalar <$in>, $word) >= 0;
	}
	return join ' ', sort map { $sql->("SELECT coalesce((SELECT relname FROM pg_class WHERE relfilenode = $_ AND relfilenode <> 0), '$_')") } keys %found;
}

http_server($node, 'echo', $stub->url('/echo'));
http_server($node, 'held', $stub->url('/held'));
$stub->script('/echo', then => { status => 400, body => { no => $word } });
define_flow($node, 'call', {
		StartAt => 'Note',
		States  => {
			Note => { Type => 'Pass', Assign => { 'who.$' => '$.name' }, Next => 'Each' },
			Each => {
				Type          => 'Map',
				ItemsPath     => '$.items',
				ItemProcessor => {
					ProcessorConfig => { Mode => 'DISTRIBUTED', ExecutionType => 'STANDARD' },
					StartAt         => 'One',
					States          => { One => { Type => 'Pass', End => true } } },
				ResultPath => '$.done',
				Next       => 'Call' },
			Call => {
				Type     => 'Task',
				Resource => 'flowctl:http:echo',
				Retry    => [ { ErrorEquals => ['States.ALL'], MaxAttempts => 1, IntervalSeconds => 1 } ],
				Catch    => [ { ErrorEquals => ['States.ALL'], Next => 'Stop', ResultPath => '$.problem' } ],
				End      => true },
			Stop => { Type => 'Fail', 'ErrorPath' => '$.name', 'CausePath' => q{States.Format('{} has failed', $.name)} } } });
define_flow($node, 'held', http_flow('held'));
define_flow($node, 'ordinary', { StartAt => 'A', States => { A => { Type => 'Pass', End => true } } });

my $run = $node->safe_psql('postgres', "SET request.jwt.claims = '{\"sub\": \"$word\"}'; SET application_name = '$word';"
	  . "SELECT flowctl.start('call', " . sql_literal(to_json({ name => $word, text => $long, items => [ $word, $long ] })) . ", 'order-$word')");
is(wait_for_run($node, $run), 'FAILED', 'a run has failed');
is($sql->("SELECT error || '|' || cause FROM flowctl.runs WHERE run_id = '$run'"), "$word|$word has failed", 'with a name and a cause from its data');
my $other = start_run($node, 'ordinary', { name => 'Socrates' });
is(wait_for_run($node, $other), 'SUCCEEDED', 'another one has succeeded');
$sql->('ANALYZE');
like(files_with_word(), qr/history_event_\S+ .*pg_toast.*run_/, 'the files of the database have the word');

my $before = $sql->("SELECT string_agg(event_id || type || previous_event_id || at, ' ' ORDER BY run_id, event_id) FROM flowctl.history");
is($sql->("SELECT flowctl.redact('$run', 'Art. 17')"), 'done', 'the run is redacted');
is($sql->("SELECT runs FROM flowctl.redactions WHERE run_id = '$run'"), '3', 'with both children of its map run');
is($sql->("SELECT string_agg(event_id || type || previous_event_id || at, ' ' ORDER BY run_id, event_id) FROM flowctl.history"), $before,
	'its history has the same events');
is($sql->("SELECT count(*) FROM flowctl.history WHERE details::text LIKE '%$word%'"), '0', 'without the word');
is($sql->("SELECT count(*) FROM flowctl.runs r WHERE r::text LIKE '%$word%'"), '0', 'as have the runs');
is($sql->("SELECT count(*) FROM flowctl.steps s WHERE s::text LIKE '%$word%'"), '0', 'and the steps');
is($sql->("SELECT output ->> 'name' FROM flowctl.runs WHERE run_id = '$other'"), 'Socrates', 'the other run is as it was');
$sql->("VACUUM (FULL) $_")
  for split /\n/, $sql->(q{SELECT oid::regclass FROM pg_class WHERE relnamespace = 'flowctl_catalog'::regnamespace AND relkind = 'r'});
$sql->('VACUUM (FULL, ANALYZE) pg_catalog.pg_statistic');
is(files_with_word(), '', 'no file of the database has the word any more');
my $again = $sql->("SELECT flowctl.start('ordinary', '{}', 'order-$word')");
is(wait_for_run($node, $again), 'SUCCEEDED', 'and the flows go on');

# ---- what rolls back is not redacted
$sql->("BEGIN; SELECT flowctl.redact('$other', 'x'); ROLLBACK");
is($sql->("SELECT output ->> 'name' FROM flowctl.runs WHERE run_id = '$other'"), 'Socrates', 'a redaction that rolls back changes nothing');

# ---- an open run, and its worker
$stub->script('/held', then => { hold => 'gate', body => { ok => true } });
my $open = start_run($node, 'held', {});
$stub->wait_for(1, path => '/held', outcome => 'held');
my $first = $session->();
$first->query_safe('BEGIN');
like($first->query_safe("SELECT flowctl.redact('$open', 'x')"), qr/^the run is open/, 'an open run is not redacted');
is($first->query_safe("SELECT flowctl.hold('$open'::uuid, 'case 1')"), 'done', 'and can be held');
$stub->release('gate');
is(wait_for_run($node, $open), 'SUCCEEDED', 'its worker does not wait for the transaction that asked');
$first->query_safe('ROLLBACK');

# ---- two of them, and a hold, at the same time
my $second = $session->();
my $waits  = sub { wait_for_query($node, q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'}, '1') };
$first->query_safe('BEGIN');
is($first->query_safe("SELECT flowctl.redact('$open', 'first')"), 'done', 'one session redacts a run');
like($second->query_safe("SELECT flowctl.redact('$open', 'second')"), qr/^another transaction is changing the run/, 'another is told');
$first->query_safe('COMMIT');
like($second->query_safe("SELECT flowctl.redact('$open', 'second')"), qr/the run is redacted already/, 'and what it was, afterwards');
$first->query_safe('BEGIN');
is($first->query_safe("SELECT flowctl.hold('$other'::uuid, 'case 2')"), 'done', 'one session holds a run');
$second->query_until(qr/^$/, "SELECT flowctl.redact('$other', 'second');\n");
ok($waits->(), 'another waits to redact it');
$first->query_safe('COMMIT');
like($second->query_safe('SELECT 1'), qr/the run is held: case 2/, 'and is told');
$sql->("SELECT flowctl.release('$other'::uuid)");
$first->query_safe('BEGIN');
is($first->query_safe("SELECT flowctl.redact('$other', 'first')"), 'done', 'one session redacts a run');
$second->query_until(qr/^$/, "SELECT flowctl.hold('ordinary', 'case 3');\n");
ok($waits->(), 'another waits to hold its flow');
$first->query_safe('COMMIT');
like($second->query_safe('SELECT 1'), qr/done/, 'and holds what is left');
$first->quit;
$second->quit;

# ---- a person's runs are found and redacted by one statement
$sql->(q[SELECT flowctl.release('ordinary'), flowctl.alter_flow('ordinary', '{"subject_key": "$.customer"}')]);
start_run($node, 'ordinary', { customer => $_ }) for 4711, '4711', 42;
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');
is($sql->(q{SELECT flowctl.redact(run_id, 'Art. 17') FROM flowctl.runs_of_subject('4711')}), "done\ndone", 'the runs of a person are redacted');
is($sql->(q{SELECT count(*) FROM flowctl.runs_of_subject('4711')}), '0', 'and no longer found');
is($sql->(q{SELECT count(*) FROM flowctl.runs_of_subject('42')}), '1', 'as others are');

# ---- many at once
$sql->("SELECT count(flowctl.start('ordinary', jsonb_build_object('name', '$word', 'n', n))) FROM generate_series(1, 3000) n");
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');
is($sql->("SELECT flowctl.redact(run_id, 'all') AS answer, count(*) FROM flowctl.runs WHERE flow = 'ordinary' AND redacted_at IS NULL GROUP BY 1"),
	"done|3002", 'thousands of runs are redacted by one statement');
is($sql->("SELECT count(*) FROM flowctl.runs r WHERE r::text LIKE '%$word%'"), '0', 'and nothing is left of them');

done_testing();
