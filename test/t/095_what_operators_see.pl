# What an operator is told: copies that wait, databases without a worker, who stopped a run, in which order a run went, what
# drop_runs_before() has left; and a dump by a database's owner who is no superuser.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');
sub log_text { return PostgreSQL::Test::Utils::slurp_file($node->logfile); }
my $wait = { StartAt => 'A', States => { A => { Type => 'Pass', Next => 'B' }, B => { Type => 'Wait', Seconds => 1000, End => true } } };
define_flow($node, 'patient', $wait);
wait_for_query($node, q{SELECT state FROM flowctl.workers}, 'working');

# Open runs count although they wait, and are not in memory.
my @waiting = map { start_run($node, 'patient') } 1 .. 3;
wait_for_query($node, q{SELECT runs_open, runs_in_memory FROM flowctl.workers}, '3|0');
pass('flowctl.workers counts what waits');
$node->safe_psql('postgres', "SELECT flowctl.stop('$_')") for @waiting;
wait_for_query($node, q{SELECT runs_open FROM flowctl.workers}, '0');

# Who stopped it, and the order of steps.
$node->safe_psql('postgres', q{CREATE ROLE "On Call" LOGIN IN ROLE pg_read_all_data; CREATE ROLE owner LOGIN; GRANT owner TO "On Call";
	SELECT flowctl.alter_flow_owner('patient', 'owner')});
my $run = start_run($node, 'patient');
my $other = start_run($node, 'patient');
wait_for_query($node, "SELECT count(*) FROM flowctl.steps WHERE run_id = '$run'", '2');
$node->safe_psql('postgres', "SELECT flowctl.stop('$run', 'enough')", extra_params => [ '-U', 'On Call' ]);
is(wait_for_run($node, $run), 'ABORTED', 'a run is stopped');
is($node->safe_psql('postgres', "SELECT stopped_by FROM flowctl.runs WHERE run_id = '$run'"), 'On Call', 'and says by whom');
is($node->safe_psql('postgres', "SELECT stopped_by IS NULL, status FROM flowctl.runs WHERE run_id = '$other'"), 't|RUNNING', 'another was stopped by nobody');
is($node->safe_psql('postgres', "SELECT string_agg(state, ',' ORDER BY event_id) FROM flowctl.steps WHERE run_id = '$run'"), 'A,B', 'steps have an order');

# Who monitors the server sees counts and nothing of what runs are about.
$node->safe_psql('postgres', 'CREATE ROLE mon LOGIN IN ROLE pg_monitor; CREATE ROLE nobody LOGIN');
is($node->safe_psql('postgres', 'SELECT flow, open, waiting, failed_1d FROM flowctl.run_counts', extra_params => [ '-U', 'mon' ]),
	'patient|1|1|4', 'pg_monitor sees how many runs are open or have failed');
is($node->safe_psql('postgres', 'SELECT count(*) FROM flowctl.runs', extra_params => [ '-U', 'mon' ]), '0', 'but no run');
is($node->safe_psql('postgres', 'SELECT count(*) FROM flowctl.run_counts', extra_params => [ '-U', 'nobody' ]), '0', 'others see none');

# Failed runs in the log, once it is asked for.
define_flow($node, 'fails', { StartAt => 'F', States => { F => { Type => 'Fail', Error => 'Shop.Closed', Cause => 'it is Sunday' } } });
my $quiet = start_run($node, 'fails');
is(wait_for_run($node, $quiet), 'FAILED', 'a run that fails');
$node->safe_psql('postgres', q{ALTER SYSTEM SET flowctl.log_failures = 'warning'});
$node->reload;
my $failed;
for (1 .. 100)
{
	$failed = start_run($node, 'fails');
	wait_for_run($node, $failed);
	last if log_text() =~ /run $failed/;
	select undef, undef, undef, 0.1;
}
like(log_text(), qr/WARNING:  run $failed of flow "fails" ended as FAILED: Shop\.Closed\n.*DETAIL:  it is Sunday/, 'is in the log where flowctl.log_failures says so');
unlike(log_text(), qr/run $quiet/, 'and not before');

# A copy.
unlike(log_text(), qr/wait for flowctl\.activate/, 'the original does not wait');
$node->safe_psql('template1', 'CREATE DATABASE copy TEMPLATE postgres');
wait_for_query($node, q{SELECT state FROM flowctl.workers}, 'waiting for activate()', 'copy');
like(log_text(), qr/WARNING:  flows of database "copy" wait for flowctl\.activate\(\)/, 'the log says that a copy waits');
my (undef, undef, $stderr) = $node->psql('copy', q{BEGIN; SELECT flowctl.start('patient'), flowctl.start('patient'); SELECT flowctl.start('patient'); COMMIT});
is(() = ($stderr =~ /NOTICE:  runs of this database wait for flowctl\.activate\(\)/g), 1, 'so does start(), once a transaction');
(undef, undef, $stderr) = $node->psql('copy', q{SELECT flowctl.define_flow('here', '{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}')});
like($stderr, qr/NOTICE:  runs of this database wait for flowctl\.activate\(\)/, 'and define_flow()');
# No worker can have looked at this one yet.
$node->safe_psql('template1', 'CREATE DATABASE fresh TEMPLATE copy');
(undef, undef, $stderr) = $node->psql('fresh', q{SELECT flowctl.start('patient')});
like($stderr, qr/NOTICE:  runs of this database wait for flowctl\.activate\(\)/, 'start() says so before a worker has seen the copy');
$node->safe_psql('copy', 'SELECT flowctl.activate()');
wait_for_query($node, q{SELECT state FROM flowctl.workers}, 'working', 'copy');
(undef, undef, $stderr) = $node->psql('copy', q{SELECT flowctl.start('patient')});
is($stderr, '', 'no more once it is activated');

# drop_runs_before() has more to say than a number.
$node->safe_psql('postgres', "SELECT flowctl.make_partition('2020-01-01', '2020-01-02'), flowctl.make_partition('2020-01-02', '2020-01-03')");
(undef, undef, $stderr) = $node->psql('postgres', q{SELECT flowctl.drop_runs_before('2020-01-02 12:00')});
like($stderr, qr/NOTICE:  partition "\S+" was not emptied: it has runs from before and after that time/, 'drop_runs_before() says what it left');

# A dump by the database's owner.
$node->safe_psql('postgres', 'CREATE ROLE dbo LOGIN; CREATE DATABASE owned OWNER dbo');
$node->safe_psql('owned', 'CREATE EXTENSION pg_flowctl');
define_flow($node, 'kept', $wait, 'owned');
my ($dump, $complaints) = ('', '');
ok(IPC::Run::run([ 'pg_dump', '-U', 'dbo', '-d', $node->connstr('owned') ], '>', \$dump, '2>', \$complaints), 'pg_dump by the owner of the database');
is($complaints, '', 'has nothing to complain of');
like($dump, qr/COPY flowctl_catalog\.flow .*\tkept\t/s, 'and takes the flows');
my ($status) = $node->psql('owned', q{INSERT INTO flowctl_catalog.author (role, granted_by) VALUES ('dbo', 'dbo')}, extra_params => [ '-U', 'dbo' ]);
isnt($status, 0, 'but writes nothing');

# A database whose worker has yet to come says so.
$node->safe_psql('postgres', 'CREATE DATABASE young');
is($node->safe_psql('young', 'BEGIN; CREATE EXTENSION pg_flowctl; SELECT state FROM flowctl.workers; COMMIT'), 'starting', 'before there is a worker');
wait_for_query($node, q{SELECT state FROM flowctl.workers}, 'working', 'young');
$node->stop;

# Databases without a worker are told of, each of them.
my $full = PostgreSQL::Test::Cluster->new('full');
$full->init;
FlowctlTest::configure($full, max_worker_processes => 3);
$full->start;
$full->safe_psql('postgres', 'CREATE EXTENSION pg_flowctl');
wait_for_workers($full, 1);
for my $db (qw(one two three))
{
	$full->safe_psql('postgres', "CREATE DATABASE $db");
	$full->safe_psql($db, 'CREATE EXTENSION pg_flowctl');
}
my @short;
for (1 .. 600)
{
	@short = grep { $full->safe_psql($_, 'SELECT coalesce(max(state), $$$$) FROM flowctl.workers') eq 'no room' } qw(one two three);
	last if @short >= 2;
	select undef, undef, undef, 0.1;
}
cmp_ok(scalar @short, '>=', 2, 'flowctl.workers says that there is no room');
my $log = PostgreSQL::Test::Utils::slurp_file($full->logfile);
like($log, qr/could not start a flowctl worker for database "$_"/, "and the log does of $_") for @short;
$full->stop;
done_testing();
