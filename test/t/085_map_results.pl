# Distributed Map: when it has failed, or when nobody takes its results, they are written once or given up, and the state
# ends.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $stub = Parts::start_stub();
my $node = new_node('results', restart_after_crash => 'on', 'flowctl.map_helpers' => 1);
http_server($node, 'sink', $stub->url('/sink'));
http_server($node, 'bucket', $stub->url('/s3'), arn => 'arn:aws:states:::s3:*');
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };

my @as_superuser = (undef, { run_as_superuser => true });    # the last arguments of define_flow

# Items of 1 and 2 fail.
sub fragile
{
	my (%more) = @_;
	return {
		StartAt => 'Each',
		States  => {
			Each => {
				Type          => 'Map',
				ItemProcessor => {
					ProcessorConfig => { Mode => 'DISTRIBUTED', ExecutionType => 'STANDARD' },
					StartAt         => 'A',
					States          => {
						A   => { Type => 'Choice', Choices => [ { Variable => '$', NumericLessThan => 3, Next => 'No' } ], Default => 'Yes' },
						No  => { Type => 'Fail', Error => 'TooSmall' },
						Yes => { Type => 'Succeed' },
					},
				},
				End => true,
				%more,
			},
		},
	};
}
sub into_table { return (ResultWriter => { Resource => 'flowctl:sql:table', Parameters => { Table => $_[0] } }) }
my @into_sink = (ResultWriter => { Resource => 'flowctl:http:sink', WriterConfig => { Transformation => 'NONE', OutputType => 'JSON' } });

sub ends_with
{
	my ($name, $flow, $input, $error) = @_;
	my $run = start_run($node, $flow, $input);
	is(wait_for_run($node, $run), 'FAILED', $name);
	is(run_row($node, $run)->{error}, $error, "$name: with the first error");
	wait_for_query($node, 'SELECT count(*) FROM flowctl.map_runs WHERE phase IS NOT NULL', '0');
	return $run;
}

# The process is killed, which takes the others down.
sub crash
{
	my ($pid) = @_;
	my ($worker) = worker_pids($node);
	kill 'KILL', $pid;
	return wait_for_query($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'flowctl worker%' AND pid <> $worker", '1');
}

# ---- a map run that has failed

$sql->('CREATE TABLE result ("index" bigint, status text); CREATE TABLE closed ("index" bigint CHECK ("index" < 0))');
define_flow($node, 'table', fragile(into_table('result')), @as_superuser);
define_flow($node, 'closed', fragile(into_table('closed')), @as_superuser);
define_flow($node, 'sink', fragile(@into_sink));
ends_with('results of a map run that has failed', 'table', [ 1 .. 4 ], 'States.ExceedToleratedFailureThreshold');
is($sql->('SELECT count(*), count(DISTINCT "index") FROM result'), '4|4', 'are written to the table once');
ends_with('results of one that has failed, which the table does not take', 'closed', [ 1 .. 4 ], 'States.ExceedToleratedFailureThreshold');
ok($node->log_contains(qr/the results of a map run that has failed cannot be written\n.*DETAIL:  .*violates check constraint/), 'the log says why they are not there');
$stub->script('/sink', then => { body => {} });
ends_with('results of one that has failed, to an endpoint', 'sink', [ 1 .. 4 ], 'States.ExceedToleratedFailureThreshold');
is(scalar($stub->calls(path => '/sink')), 1, 'arrive once');
$stub->reset;
$stub->script('/sink', then => { status => 403 });
ends_with('results of one that has failed, which an endpoint refuses', 'sink', [ 1 .. 4 ], 'States.ExceedToleratedFailureThreshold');
is(scalar($stub->calls(path => '/sink')), 1, 'are sent once');
$sql->("ALTER SERVER sink OPTIONS (ADD issuer 'nobody', DROP auth)");
ends_with('results of one that has failed, to an endpoint that cannot be called', 'sink', [ 1 .. 4 ], 'States.ExceedToleratedFailureThreshold');

# ---- a process that dies with the server, each time

# This happens when a query takes all memory and the kernel kills its process: the server restarts and its worker begins again.
$sql->('CREATE FUNCTION lethal(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(3600); RETURN $1; END $$');
define_flow($node, 'lethal', fragile(ItemReader => { Resource => 'flowctl:sql:query', Parameters => { Query => 'SELECT lethal(1) AS one' } }), @as_superuser);
my $run = start_run($node, 'lethal', {});
for my $time (1 .. 2)
{
	my $helper = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'flowctl map helper' AND wait_event = 'PgSleep'};
	wait_for_query($node, "SELECT count(*) FROM ($helper) h", '1');
	wait_for_query($node, "SELECT read_attempts FROM flowctl_catalog.map_run WHERE run_id = '$run'", $time);
	crash($sql->($helper));
}
$sql->("UPDATE flowctl_catalog.map_run SET read_attempts = 20 WHERE run_id = '$run'");
crash(worker_pids($node));
is(wait_for_run($node, $run), 'FAILED', 'a reader that takes the server down each time is not started for ever');
like(run_row($node, $run)->{cause}, qr/^the process that did it has ended 20 times without a result/, 'the cause says so');

# ---- a list without end

my $page = '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">%s</ListBucketResult>';
$stub->script('/s3/shelf', then => { headers => { 'content-type' => 'application/xml' }, body => sprintf($page, '<IsTruncated>true</IsTruncated><NextContinuationToken>a</NextContinuationToken>') });
define_flow($node, 'list', fragile(ItemReader => { Resource => 'arn:aws:states:::s3:listObjectsV2', Parameters => { Bucket => 'shelf' } }));
$run = start_run($node, 'list', {});
is(wait_for_run($node, $run), 'FAILED', 'a list of which each page has a next one');
like(run_row($node, $run)->{cause}, qr/the list of the bucket has more than 100 pages without an object/, 'is not read for ever');

# ---- a list whose last page cannot be kept at first

sub listing_page { return { headers => { 'content-type' => 'application/xml' }, body => sprintf($page, join '', @_) } }
sub object { return "<Contents><Key>$_[0]</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><Size>7</Size></Contents>" }
$stub->reset;
$stub->script('/s3/shelf',
	listing_page('<IsTruncated>true</IsTruncated><NextContinuationToken>a</NextContinuationToken>', object('1'), object('2')),
	listing_page('<IsTruncated>false</IsTruncated>', object('3')));
$sql->(q{
	CREATE TABLE full_disk ();
	CREATE FUNCTION cannot_write() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN IF to_regclass('public.full_disk') IS NOT NULL THEN RAISE 'no room' USING ERRCODE = 'disk_full'; END IF; RETURN NEW; END $$;
	CREATE TRIGGER cannot_write BEFORE UPDATE OF source ON flowctl_catalog.map_run FOR EACH ROW WHEN (NEW.source IS NOT NULL) EXECUTE FUNCTION cannot_write();
});
$sql->(q{SELECT flowctl.define_flow('shelf', '} . to_json({ StartAt => 'Each', States => { Each => { Type => 'Map', End => true,
	ItemReader => { Resource => 'arn:aws:states:::s3:listObjectsV2', Parameters => { Bucket => 'shelf' } }, ItemSelector => { 'key.$' => '$$.Map.Item.Value.Key' },
	ItemProcessor => { ProcessorConfig => { Mode => 'DISTRIBUTED', ExecutionType => 'STANDARD' }, StartAt => 'A', States => { A => { Type => 'Pass', End => true } } } } } }) . q{')});
my $offset = -s $node->logfile;
$run = start_run($node, 'shelf', {});
ok($node->wait_for_log(qr/no room/, $offset), 'the last page of a list cannot be kept');
$sql->('DROP TABLE full_disk');
is(wait_for_run($node, $run), 'SUCCEEDED', 'until there is room');
is_deeply(run_output($node, $run), [ map { { key => $_ } } 1 .. 3 ], 'each object is an item once');
is(scalar($stub->calls(path => '/s3/shelf')), 2, 'and no page is asked for again');

$node->stop;
done_testing();
