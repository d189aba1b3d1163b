# Somebody else changes a row at the very moment when the engine does, or has added triggers to the engine's tables:
# neither change is lost, and the run goes on.
use strict;
use warnings;
use Test::More;
use FlowctlTest;

my $node = new_node('rows');
define_flow($node, 'two_waits', {
	StartAt => 'Wait',
	States => {
		Wait => { Type => 'Wait', SecondsPath => '$.first', Next => 'Again' },
		Again => { Type => 'Wait', SecondsPath => '$.second', Next => 'Done' },
		Done => { Type => 'Pass', Result => { done => true }, End => true } } });

# A transaction holds the row; once the engine waits for it, the transaction commits a change of its own.
sub while_the_engine_waits
{
	my ($run, $table, $change) = @_;
	my $other = $node->background_psql('postgres');
	$other->query_safe("BEGIN; UPDATE flowctl_catalog.$table SET $change WHERE run_id = '$run'");
	wait_for_query($node, "SELECT count(*) > 0 FROM pg_locks l JOIN flowctl.workers w USING (pid) WHERE NOT l.granted AND l.locktype = 'transactionid'");
	$other->query_safe('COMMIT');
	$other->quit;
}

my $run = start_run($node, 'two_waits', { first => 2, second => 0 });
wait_for_query($node, "SELECT count(*) FROM flowctl_catalog.frame WHERE run_id = '$run'", '1');
while_the_engine_waits($run, 'run', "traceparent = '00-11111111111111111111111111111111-2222222222222222-01'");
is(wait_for_run($node, $run), 'SUCCEEDED', 'a run ends although its row is being changed');
is($node->safe_psql('postgres', "SELECT traceparent FROM flowctl.runs WHERE run_id = '$run'"),
	'00-11111111111111111111111111111111-2222222222222222-01', 'and the change is there too');
is_deeply(run_output($node, $run), { done => true }, 'beside the output');

$run = start_run($node, 'two_waits', { first => 2, second => 1 });
wait_for_query($node, "SELECT count(*) FROM flowctl_catalog.frame WHERE run_id = '$run'", '1');
while_the_engine_waits($run, 'frame', 'bucket = bucket');
is(wait_for_run($node, $run), 'SUCCEEDED', 'a run goes on although its frame is being changed');

$run = start_run($node, 'two_waits', { first => 2, second => 0 });
wait_for_query($node, "SELECT count(*) FROM flowctl_catalog.frame WHERE run_id = '$run'", '1');
while_the_engine_waits($run, 'frame', 'bucket = bucket');
is(wait_for_run($node, $run), 'SUCCEEDED', 'and one whose frame is to go');
is($node->safe_psql('postgres', "SELECT count(*) FROM flowctl_catalog.frame"), '0', 'which goes');

# Triggers that a superuser adds see every change.
$node->safe_psql('postgres', q{
	CREATE TABLE seen (what text, run_id uuid);
	CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN INSERT INTO public.seen VALUES (TG_ARGV[0] || ' ' || TG_OP, coalesce(new.run_id, old.run_id)); RETURN NULL; END $$;
	CREATE TRIGGER zz_note AFTER UPDATE ON flowctl_catalog.run FOR EACH ROW EXECUTE FUNCTION note('run');
	CREATE TRIGGER zz_note AFTER INSERT OR UPDATE OR DELETE ON flowctl_catalog.frame FOR EACH ROW EXECUTE FUNCTION note('frame')});
$run = start_run($node, 'two_waits', { first => 0, second => 1 });
is(wait_for_run($node, $run), 'SUCCEEDED', 'a run beside triggers');
is($node->safe_psql('postgres', "SELECT string_agg(DISTINCT what, ', ' ORDER BY what) FROM seen WHERE run_id = '$run'"),
	'frame DELETE, frame INSERT, run UPDATE', 'triggers fire for what the engine writes');
$node->safe_psql('postgres', 'TRUNCATE seen');
$run = start_run($node, 'two_waits', { first => 1, second => 1 });
is(wait_for_run($node, $run), 'SUCCEEDED', 'a run that rests twice');
is($node->safe_psql('postgres', "SELECT string_agg(DISTINCT what, ', ' ORDER BY what) FROM seen WHERE run_id = '$run'"),
	'frame DELETE, frame INSERT, frame UPDATE, run UPDATE', 'triggers fire for a frame that is saved again');

# Indexes of any kind are kept up.
$node->safe_psql('postgres', q{
	DROP TRIGGER zz_note ON flowctl_catalog.run; DROP TRIGGER zz_note ON flowctl_catalog.frame;
	CREATE INDEX by_end ON flowctl_catalog.run (ended_at) WHERE status = 'SUCCEEDED';
	CREATE INDEX by_state ON flowctl_catalog.run (lower(status))});
$run = start_run($node, 'two_waits', { first => 0, second => 0 });
is(wait_for_run($node, $run), 'SUCCEEDED', 'a run beside indexes');
is($node->safe_psql('postgres', q{SET enable_seqscan = off; SELECT count(*) FROM flowctl_catalog.run WHERE lower(status) = 'succeeded' AND ended_at IS NOT NULL}),
	'6', 'an index on an expression finds what the engine wrote');
is($node->safe_psql('postgres', "SET enable_seqscan = off; SELECT count(*) FROM flowctl_catalog.run WHERE status = 'SUCCEEDED' AND ended_at > now() - interval '1 hour'"),
	'6', 'and a partial one');

# A column that has become of another type is an error, not bytes that mean something else.
my $log = -s $node->logfile;
$node->safe_psql('postgres', 'ALTER TABLE flowctl_catalog.frame ALTER COLUMN bucket TYPE int');
$run = start_run($node, 'two_waits', { first => 0, second => 1 });
my $refused = qr/column "bucket" of the engine's tables has type integer, which this library does not write/;
for (1 .. 600)
{
	last if PostgreSQL::Test::Utils::slurp_file($node->logfile, $log) =~ $refused;
	select undef, undef, undef, 0.05;
}
like(PostgreSQL::Test::Utils::slurp_file($node->logfile, $log), $refused, 'a column of another type is refused by its name');
$node->safe_psql('postgres', 'ALTER TABLE flowctl_catalog.frame ALTER COLUMN bucket TYPE smallint');
is(wait_for_run($node, $run), 'SUCCEEDED', 'and when it is mended, the run goes on');
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile, $log), qr/terminated by signal/, 'nothing has crashed');

$node->stop;
done_testing();
