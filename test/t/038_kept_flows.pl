# A session keeps what it has found of a flow, and of the right to start it. Its next start nevertheless sees what another
# session has committed and what it did itself. A transaction that sees the past sees the flows of the past.
use strict;
use warnings;
use Test::More;
use FlowctlTest;

my $node = new_node('kept');
my $version = 0;

# Each version leaves its number behind.
sub next_version
{
	$version++;
	define_flow($node, 'numbered', { StartAt => 'P', States => { P => { Type => 'Pass', Result => $version, End => true } } });
	return $version;
}

next_version();
$node->safe_psql('postgres', q{
	CREATE ROLE keeper; CREATE ROLE writer; CREATE ROLE starters;
	GRANT CREATE ON SCHEMA public TO keeper;
	SELECT flowctl.grant_start('numbered', 'starters');
	GRANT starters TO keeper;
	SET ROLE keeper;
	CREATE TABLE jobs (id int, note text);
	GRANT INSERT ON jobs TO writer;
	CREATE TRIGGER go AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('numbered')});

my $writer = $node->background_psql('postgres', on_error_stop => 0);
$writer->query_safe('SET ROLE writer');
my $id = 0;

# An INSERT of the long session; undef, or the error's message.
sub started
{
	$id++;
	$writer->{stderr} = '';
	$writer->query("INSERT INTO jobs VALUES ($id, 'x')");
	my ($error) = $writer->{stderr} =~ /ERROR: +(.*)/;
	$writer->{stderr} = '';
	return $error;
}

sub version_of { return $node->safe_psql('postgres', "SELECT max(version) FROM flowctl.runs WHERE (input->'after'->>'id')::int = $_[0]"); }

sub is_started
{
	my ($expected, $what) = @_;
	my $error = started();
	is($error // version_of($id), $expected, $what);
}

is_started(1, 'the first start finds the flow');
is_started(1, 'the next one knows it');
next_version();
is_started(2, 'a new version that another session defined is started at once');

$writer->query_safe('BEGIN');
started();
next_version();
started();
$writer->query_safe('COMMIT');
is(version_of($id - 1) . ',' . version_of($id), '2,3', 'also within a transaction that has begun before');

$writer->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
next_version();
started();
started();
$writer->query_safe('COMMIT');
is(version_of($id - 1) . ',' . version_of($id), '3,3', 'a transaction that sees the past starts what there was');
is_started(4, 'and leaves nothing of it behind');

my $denied = 'permission denied to start flow "numbered"';
$node->safe_psql('postgres', q{SELECT flowctl.revoke_start('numbered', 'starters')});
is_started($denied, 'a right that was taken away is gone at once');
$node->safe_psql('postgres', q{SELECT flowctl.grant_start('numbered', 'starters')});
is_started(4, 'and back');
$node->safe_psql('postgres', 'REVOKE starters FROM keeper');
is_started($denied, 'so is one that came with a membership');
$node->safe_psql('postgres', 'GRANT starters TO keeper');
is_started(4, 'and back');
$node->safe_psql('postgres', 'ALTER ROLE keeper SUPERUSER; REVOKE starters FROM keeper');
is_started(4, 'a superuser may');
$node->safe_psql('postgres', 'ALTER ROLE keeper NOSUPERUSER');
is_started($denied, 'until he is none');
$node->safe_psql('postgres', 'GRANT starters TO keeper');

# What the session itself does and takes back.
$writer->query_safe('RESET ROLE; BEGIN');
$version++;
$writer->query_safe(qq{SELECT flowctl.define_flow('numbered', '{"StartAt":"P","States":{"P":{"Type":"Pass","Result":$version,"End":true}}}')});
started();
is($writer->query_safe('SELECT max(version) FROM flowctl_catalog.run'), '5', 'its own new version is started before it is committed');
$writer->query_safe('ROLLBACK');
is_started(4, 'and after a rollback the one before');
$writer->query_safe('BEGIN; SAVEPOINT s');
$writer->query_safe(qq{SELECT flowctl.define_flow('numbered', '{"StartAt":"P","States":{"P":{"Type":"Pass","Result":$version,"End":true}}}')});
started();
$writer->query_safe('ROLLBACK TO s');
started();
$writer->query_safe('COMMIT');
is(version_of($id), '4', 'the same for a subtransaction');

$node->safe_psql('postgres', q{ALTER TABLE jobs DISABLE TRIGGER go; DROP TRIGGER go ON jobs});
$node->safe_psql('postgres', q{SELECT flowctl.define_flow('other', '{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}')});
like($writer->query_safe(q{SELECT flowctl.start('other')}), qr/^[0-9a-f-]{36}$/, 'flowctl.start() finds a flow');
wait_for_query($node, q{SELECT count(*) = 0 FROM flowctl.runs WHERE status = 'RUNNING'});
$node->safe_psql('postgres', q{SELECT flowctl.drop_flow('other')});
$writer->{stderr} = '';
$writer->query(q{SELECT flowctl.start('other')});
like($writer->{stderr}, qr/flow "other" does not exist/, 'and none that another session has dropped');
$writer->{stderr} = '';

# Another owner of the extension's objects, and another extension.
$node->safe_psql('postgres', 'CREATE ROLE heir SUPERUSER; CREATE ROLE first SUPERUSER');
$node->safe_psql('postgres', 'DROP EXTENSION pg_flowctl CASCADE; SET ROLE first; CREATE EXTENSION pg_flowctl');
define_flow($node, 'other', { StartAt => 'P', States => { P => { Type => 'Pass', End => true } } });
like($writer->query_safe(q{SELECT flowctl.start('other')}), qr/^[0-9a-f-]{36}$/, 'a session outlives the extension');
$node->safe_psql('postgres', 'REASSIGN OWNED BY first TO heir; DROP OWNED BY first; DROP ROLE first');
like($writer->query_safe(q{SELECT flowctl.start('other')}), qr/^[0-9a-f-]{36}$/, 'and its owner');
$writer->quit;

# A worker that may not act is not told of runs; what was started meanwhile begins when it may.
$node->append_conf('postgresql.conf', qq{flowctl.installation = 'a copy'\nflowctl.sweep_interval = '5min'});
$node->restart;
my @copied = map { start_run($node, 'other', {}) } 1 .. 3;
wait_for_workers($node, 1);
push @copied, start_run($node, 'other', {});
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}), '4', 'a copy starts nothing');
$node->safe_psql('postgres', 'SELECT flowctl.activate()');
is(wait_for_run($node, $_), 'SUCCEEDED', 'until it is told to') for @copied;
is(wait_for_run($node, start_run($node, 'other', {})), 'SUCCEEDED', 'and from then on at once');

$node->stop;
done_testing();
