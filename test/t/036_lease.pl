# Database leases. A service connects back with what came with its call, and may do what the leased role may and nothing
# else, as long as the call or the run lasts. The test also looks at what is refused, at what a crash, a stop and a rename
# leave behind, and that no password is anywhere.
use strict;
use warnings;
use Test::More;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IPC::Run ();
use PostgreSQL::Test::Utils;
use FlowctlTest;
use Parts;

my $node = new_node('lease', listen_addresses => '127.0.0.1', restart_after_crash => 'on', log_statement => 'all',
	log_connections => 'on', log_line_prefix => '%m [%p] %b %u %q%a ', log_min_messages => 'debug5', wal_level => 'logical');
unlink $node->data_dir . '/pg_hba.conf';
# What docs/identity.md prints is what this test works with.
my $docs = slurp_file(abs_path(dirname(__FILE__)) . '/../../docs/identity.md');

sub block
{
	my ($beginning) = @_;
	my ($block) = $docs =~ /^(    \Q$beginning\E.*?)^(?=\S)/ms;
	ok($block, "docs/identity.md has a block that begins with $beginning");
	return $block =~ s/^    //mgr;
}
my $line = block('hostssl  shop  +reports');
$line =~ s{^hostssl  shop  \+reports  10\.0\.0\.0/8}{host postgres +reports 127.0.0.1/32} or die $line;
$node->append_conf('pg_hba.conf', "local all all trust\n${line}host all svc,+ledger,+second 127.0.0.1/32 scram-sha-256\n");
$node->reload;
my $service = Parts::start_service('database', issuer => 'none', pgport => $node->port);
my $stub    = Parts::start_stub();
my %seen;    # passwords that were handed out
my ($status, $o, $err);

$node->safe_psql('postgres',
	'CREATE TABLE report (line text); CREATE TABLE secret (line text); INSERT INTO secret VALUES (1);'
	  . "CREATE ROLE app LOGIN; CREATE ROLE ledger; CREATE ROLE strong CREATEROLE; CREATE ROLE files; CREATE ROLE big SUPERUSER;"
	  . "CREATE ROLE under_big; GRANT big TO under_big; GRANT pg_execute_server_program TO files; CREATE ROLE theirs;"
	  . "CREATE ROLE svc LOGIN PASSWORD 'svc-has-its-own'; CREATE TABLE ledger (line text); GRANT ALL ON ledger TO ledger;"
	  . "GRANT ledger, strong, files, under_big, big TO app WITH ADMIN OPTION;" . block('CREATE ROLE reports;')
	  . "CREATE SCHEMA made; GRANT ALL ON SCHEMA made TO reports, ledger; SELECT flowctl.grant_author('app')");

# An endpoint of the service; the role that owns it is the superuser unless `owner` says so.
sub endpoint
{
	my ($name, $part, %option) = @_;
	my $owner = delete $option{owner};
	$option{ca_file} = 'ca.pem' if $part->url =~ /^https/;
	http_server($node, $name, $part->url("/$name"), %option);
	$node->safe_psql('postgres', "GRANT USAGE ON FOREIGN SERVER $name TO app");
	if ($owner) { $node->safe_psql('postgres', "GRANT USAGE ON FOREIGN DATA WRAPPER flowctl_http TO $owner; ALTER SERVER $name OWNER TO $owner") }
}

sub define
{
	my ($name, $definition) = @_;
	return $node->psql('postgres', "SET ROLE app; SELECT flowctl.define_flow('$name', " . sql_literal(to_json($definition)) . ')');
}

sub task { my ($server, %more) = @_; return { Type => 'Task', Resource => "flowctl:http:$server", %more } }

sub work { my ($flow, %input) = @_; my $run = start_run($node, $flow, \%input); wait_for_run($node, $run); return run_row($node, $run) }

sub leases { my ($run) = @_; return @{ query_json($node, "SELECT coalesce(json_agg(l ORDER BY created_at), '[]') FROM flowctl.leases l WHERE run_id = '$run'") } }

sub roles_left { return $node->safe_psql('postgres', q{SELECT count(*) FROM pg_roles WHERE rolname LIKE 'flowctl\_lease\_%'}) }

# What a held call brought to the stub.
sub lease_at_stub
{
	my ($path, $count) = @_;
	$stub->wait_for($count // 1, path => $path);
	my @calls = $stub->wait_for(1, path => $path, outcome => 'held');
	my %h = %{ $calls[-1]{headers} };
	$seen{ $h{'flowctl-database-password'} } = 1 if $h{'flowctl-database-password'};
	return { user => $h{'flowctl-database-user'}, password => $h{'flowctl-database-password'}, name => $h{'flowctl-database-name'}, until => $h{'flowctl-database-valid-until'} };
}

# psql over TCP with a lease: (status, out, err).
sub psql_by
{
	my ($lease, $sql) = @_;
	local $ENV{PGPASSWORD} = $lease->{password};
	local $ENV{PGUSER}     = $lease->{user};
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-h', '127.0.0.1', '-p', $node->port, '-d', 'postgres', '-c', $sql ], '>', \$out, '2>', \$err);
	my $status = $? >> 8;
	chomp $out;
	return ($status, $out, $err);
}

# A session that sleeps until somebody ends it.
sub sleeping_session
{
	my ($lease) = @_;
	my %session = (out => '', err => '');
	{
		local $ENV{PGPASSWORD} = $lease->{password};
		local $ENV{PGUSER}     = $lease->{user};
		$session{handle} = IPC::Run::start([ 'psql', '-XAtq', '-h', '127.0.0.1', '-p', $node->port, '-d', 'postgres', '-c', 'SELECT pg_sleep(3600)' ],
			'>', \$session{out}, '2>', \$session{err}, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	}
	wait_for_query($node, "SELECT count(*) FROM pg_stat_activity WHERE usename = '$lease->{user}' AND query LIKE '%pg_sleep(3600)%'", '1');
	return \%session;
}

# ------------------------------------------------------------------------------------------------ a login

$node->safe_psql('postgres', 'ALTER SERVER books OPTIONS (SET url ' . sql_literal($service->url('/books')) . ", SET auth 'none', ADD ca_file 'ca.pem')");
define('books', http_flow('books'));
my $row = work('books', sql => "INSERT INTO report VALUES ('done'); SELECT current_user || ' ' || session_user || ' ' || count(*) FROM report");
is($row->{status}, 'SUCCEEDED', 'a service works in the database that calls it') or diag($row->{cause});
my $out = $row->{output};
is($out->{status}, 0, 'its statements are carried out') or diag($out->{err});
(my $of_run = $row->{run_id}) =~ s/-//g;
like($out->{user}, qr/^flowctl_lease_${of_run}_[0-9a-f]{8}$/, 'as a role named after the run');
is($out->{out}, "reports $out->{user} 1", 'which acts as the leased role from the beginning');
is($out->{name}, 'postgres', 'the database is named');
like($out->{valid_until}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'and the end');
is(roles_left(), '0', 'when the run has ended, the role is gone');
my ($lease) = leases($row->{run_id});
is($lease->{kind}, 'LOGIN', 'it is recorded');
is_deeply($lease->{roles}, ['reports'], 'with its rights');
is($lease->{role_name}, $out->{user}, 'its name');
is($lease->{state}, 'Call', 'its step');
is($lease->{ended_by}, 'CALL', 'and its end');
ok($lease->{created_at} lt $lease->{ended_at}, 'in time');
is($lease->{problem}, undef, 'without trouble');
is($node->safe_psql('postgres', "SELECT lease FROM flowctl.calls WHERE run_id = '$row->{run_id}'"), $out->{user}, 'the call names it');
ok($node->log_contains(qr/client backend $out->{user} .*INSERT INTO report VALUES/), "and so does the server's log");
is($node->safe_psql('postgres', "SELECT tableowner FROM pg_tables WHERE tablename = 'report'"), $node->safe_psql('postgres', 'SELECT current_user'), 'nothing else has changed');

for my $try ([ 'SELECT * FROM secret', qr/permission denied for table secret/ ], [ 'CREATE ROLE more', qr/permission denied to create role/ ],
	[ 'SET ROLE app', qr/permission denied to set role "app"/ ], [ 'RESET ROLE; SET ROLE NONE; SELECT * FROM report', qr/permission denied for table report/ ],
	[ 'SELECT * FROM flowctl_catalog.lease', qr/permission denied/ ])
{
	$row = work('books', sql => $try->[0]);
	like($row->{output}{err}, $try->[1], "not: $try->[0]");
}

# Objects that the lease makes belong to the leased role, and do not keep the lease's role from being dropped.
$row = work('books', sql => 'CREATE TABLE made.by_service (a int)');
is($row->{output}{status}, 0, 'it may create what the role may') or diag($row->{output}{err});
is($node->safe_psql('postgres', "SELECT tableowner FROM pg_tables WHERE tablename = 'by_service'"), 'reports', 'which is the leased role\'s');
is(roles_left(), '0', 'and does not keep the role');

# Many at once, in a flow that keeps no history either.
define('many', { StartAt => 'Each', States => { Each => { Type => 'Map', ItemsPath => '$.items', End => true,
	ItemProcessor => { StartAt => 'Call', States => { Call => { Type => 'Task', Resource => 'flowctl:http:books', End => true } } } } } });
$row = work('many', items => [ map { { sql => 'SELECT session_user' } } 1 .. 20 ]);
is($row->{status}, 'SUCCEEDED', 'twenty at once') or diag($row->{cause});
my %users = map { $_->{user} => 1 } @{ $row->{output} };
is(scalar(keys %users), 20, 'each has its own');
is($node->safe_psql('postgres', "SELECT count(*) FROM flowctl.leases WHERE run_id = '$row->{run_id}' AND ended_by = 'CALL' AND dropped_at IS NOT NULL"), '20', 'and all are gone');
$node->safe_psql('postgres', "SET ROLE app; SELECT flowctl.define_flow('express', " . sql_literal(to_json(http_flow('books'))) . ", 'EXPRESS')");
is(work('express', sql => 'SELECT current_user')->{output}{out}, 'reports', 'an EXPRESS flow has leases, too');
($status, $o, $err) = define('reads', { StartAt => 'M', States => { M => { Type => 'Map', End => true, ItemReader => { Resource => 'flowctl:http:books', ReaderConfig => { InputType => 'JSON' } },
	ItemProcessor => { ProcessorConfig => { Mode => 'DISTRIBUTED', ExecutionType => 'STANDARD' }, StartAt => 'P', States => { P => { Type => 'Pass', End => true } } } } } });
like($err, qr/endpoint "books" has a database lease: it is for Tasks, not for the documents/, 'the reader of a Map has none');

# A password that comes back in an answer is redacted.
$row = work('books', sql => 'SELECT 1', echo => true);
is($row->{output}{password}, '[redacted]', 'a password that is echoed is taken out');
like($row->{output}{echo}, qr{^postgresql://flowctl_lease_\w+:\[redacted\]\@127}, 'wherever it stands');

# A flow cannot set the headers of a lease.
define('pretends', { StartAt => 'Call', States => { Call => { Type => 'Task', Resource => 'flowctl:http:books:invoke', End => true,
	Parameters => { Method => 'POST', Headers => { 'Flowctl-Database-User' => 'postgres' }, RequestBody => {} } } } });
$row = work('pretends');
like($row->{cause}, qr/the header 'Flowctl-Database-User' may not be set by a flow/, 'a flow sets none of these headers');

# ------------------------------------------------------------------------------------------------ several roles

endpoint('several', $service, lease => 'login', lease_roles => 'reports, ledger', lease_connections => '3');
define('several', http_flow('several'));
$row = work('several', sql => "INSERT INTO ledger VALUES ('x'); SELECT count(*) FROM report; CREATE TABLE made.by_both (a int); GRANT SELECT ON made.by_both TO reports");
is($row->{output}{status}, 0, 'several roles at once') or diag($row->{output}{err});
wait_for_query($node, q{SELECT count(*) FROM pg_roles WHERE rolname LIKE 'flowctl\_lease\_%'}, '0');
is($node->safe_psql('postgres', "SELECT tableowner FROM pg_tables WHERE tablename = 'by_both'"), 'reports', 'what it made goes to the first of them');

# Where the first of them is gone, what it made is nobody's to drop.
$node->safe_psql('postgres', 'CREATE ROLE first; CREATE ROLE second; GRANT first, second TO app WITH ADMIN OPTION; CREATE SCHEMA kept; GRANT ALL ON SCHEMA kept TO second');
endpoint('orphan', $service, lease => 'login', lease_roles => 'first, second');
define('orphan', http_flow('orphan'));
my $run = start_run($node, 'orphan', { sql => 'CREATE TABLE kept.valuable AS SELECT 1 AS a', hold => 'orphan' });
$service->wait_for(1, path => '/orphan', outcome => 'held');
$node->safe_psql('postgres', 'DROP ROLE first');
$service->release('orphan');
is(wait_for_run($node, $run), 'SUCCEEDED', 'a leased role that was dropped meanwhile');
wait_for_query($node, "SELECT problem LIKE '%some objects depend on it' FROM flowctl.leases WHERE run_id = '$run' AND ended_at IS NOT NULL AND dropped_at IS NULL");
is($node->safe_psql('postgres', 'SELECT a FROM kept.valuable'), '1', 'what the service made is kept');
$node->safe_psql('postgres', 'ALTER TABLE kept.valuable OWNER TO second');
wait_for_query($node, "SELECT dropped_at IS NOT NULL FROM flowctl.leases WHERE run_id = '$run'");

# ------------------------------------------------------------------------------------------------ until the call is over

endpoint('held', $stub, lease => 'login', lease_roles => 'reports', timeout => '600');
define('held', { %{ http_flow('held', Retry => [ { ErrorEquals => ['Never'] } ]) } });
$stub->script('/held', then => { hold => 'held', body => {} });
$run = start_run($node, 'held');
my $at = lease_at_stub('/held');
is((psql_by($at, 'SELECT count(*) > 0 FROM report'))[1], 't', 'while the call is under way it works');
is($node->safe_psql('postgres', "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls OR rolinherit FROM pg_roles WHERE rolname = '$at->{user}'"), 'f', 'a role without attributes');
is($node->safe_psql('postgres', "SELECT rolconnlimit FROM pg_roles WHERE rolname = '$at->{user}'"), '10', 'with a limit');
like($node->safe_psql('postgres', "SELECT rolpassword FROM pg_authid WHERE rolname = '$at->{user}'"), qr/^SCRAM-SHA-256\$/, 'with a verifier');
is($node->safe_psql('postgres', "SELECT rolvaliduntil BETWEEN now() + interval '500 s' AND now() + interval '600 s' FROM pg_roles WHERE rolname = '$at->{user}'"), 't', "until the call's timeout");
is($node->safe_psql('postgres', "SET ROLE app; SELECT role_name FROM flowctl.leases WHERE run_id = '$run' AND ended_at IS NULL"), $at->{user}, "the view shows it open, to the flow's owner");
is($node->safe_psql('postgres', "SET ROLE svc; SELECT count(*) FROM flowctl.leases"), '0', 'and not to others');
($status, $o, $err) = psql_by({ %$at, password => 'another' }, 'SELECT 1');
like($err, qr/password authentication failed/, 'another password does not work');

# stop() ends it with its sessions.
my $session = sleeping_session($at);
$node->safe_psql('postgres', "SELECT flowctl.stop('$run')");
$session->{handle}->finish;
like($session->{err}, qr/terminating connection due to administrator command/, 'stop ends its sessions');
wait_for_query($node, "SELECT dropped_at IS NOT NULL AND ended_by IN ('CALL', 'RUN') FROM flowctl.leases WHERE run_id = '$run'");
is(roles_left(), '0', 'and drops the role');
($status, $o, $err) = psql_by($at, 'SELECT 1');
like($err, qr/no pg_hba\.conf entry for host "127\.0\.0\.1", user "$at->{user}"/, 'nobody logs in by it again');
$stub->reset;

# So does the answer.
$stub->script('/held', then => { hold => 'held', body => {} });
$run = start_run($node, 'held');
$at = lease_at_stub('/held');
$session = sleeping_session($at);
$stub->release('held');
is(wait_for_run($node, $run), 'SUCCEEDED', 'a service that answers while it has a session');
$session->{handle}->finish;
like($session->{err}, qr/terminating connection due to administrator command/, 'loses it');
wait_for_query($node, "SELECT dropped_at IS NOT NULL AND problem IS NULL FROM flowctl.leases WHERE run_id = '$run'");
is(roles_left(), '0', 'and the role');
$stub->reset;

# The step's time is over.
$stub->script('/held', then => { hold => 'held', body => {} });
define('short', http_flow('held', TimeoutSeconds => 2));
$run = start_run($node, 'short');
is(wait_for_run($node, $run), 'FAILED', 'a step that is too slow');
is($node->safe_psql('postgres', "SELECT valid_until <= created_at + interval '2 s' FROM flowctl.leases WHERE run_id = '$run'"), 't', 'its lease lasts no longer than the step');
wait_for_query($node, "SELECT dropped_at IS NOT NULL FROM flowctl.leases WHERE run_id = '$run'");
is(roles_left(), '0', 'takes its lease along');
$stub->reset;

# Its own time is over.
$node->safe_psql('postgres', 'ALTER SYSTEM SET flowctl.lease_lifetime = 8');
$node->reload;
wait_for_query($node, "SELECT current_setting('flowctl.lease_lifetime')", '8s');
$stub->script('/held', then => { hold => 'held', body => {} });
$run = start_run($node, 'held');
$at = lease_at_stub('/held');
$session = sleeping_session($at);
$session->{handle}->finish;
like($session->{err}, qr/terminating connection/, 'at its end the sessions end, though the call goes on');
wait_for_query($node, "SELECT ended_by FROM flowctl.leases WHERE run_id = '$run' AND dropped_at IS NOT NULL", 'EXPIRED');
$stub->release('held');
is(wait_for_run($node, $run), 'SUCCEEDED', 'the run goes on');
$stub->reset;
$node->safe_psql('postgres', 'ALTER SYSTEM RESET flowctl.lease_lifetime');
$node->reload;

# ------------------------------------------------------------------------------------------------ until the run is over

endpoint('job', $stub, lease => 'login', lease_roles => 'reports', lease_until => 'run');
endpoint('echo', $stub);
define('job', { StartAt => 'Begin', States => { Begin => task('job', Next => 'Echo', ResultPath => undef), Echo => task('echo', Next => 'Wait', ResultPath => '$.echo'),
	Wait => { Type => 'Wait', Seconds => 3600, End => true } } });
$stub->script('/job', then => { hold => 'job', body => {} });
$run = start_run($node, 'job');
$at = lease_at_stub('/job');
$stub->script('/echo', then => { body => { told => "x $at->{password} y" } });
$stub->release('job');
wait_for_query($node, "SELECT current_state FROM flowctl.runs WHERE run_id = '$run'", 'Wait');
is((psql_by($at, "INSERT INTO report VALUES ('later') RETURNING line"))[1], 'later', 'a job goes on after it has answered');
is($node->safe_psql('postgres', "SELECT output ->> 'echo' FROM flowctl.steps WHERE run_id = '$run' AND state = 'Echo'"), '{"told": "x [redacted] y"}', 'another call that echoes its password is redacted, too');

# A restart of the worker keeps it; its run's end ends it.
my ($pid) = worker_pids($node);
kill 'KILL', $pid;
wait_for_query($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'flowctl worker%' AND pid <> $pid", '1');
is((psql_by($at, 'SELECT 1'))[1], '1', 'after a crash it is still there');
$node->safe_psql('postgres', "SELECT flowctl.stop('$run')");
wait_for_query($node, "SELECT ended_by FROM flowctl.leases WHERE run_id = '$run' AND dropped_at IS NOT NULL", 'RUN');
is(roles_left(), '0', 'until the run ends');
$stub->reset;

# ------------------------------------------------------------------------------------------------ crashes

$stub->script('/held', then => { hold => 'held', body => {} });
$run = start_run($node, 'held');
$at = lease_at_stub('/held');
($pid) = worker_pids($node);
kill 'KILL', $pid;
my $again = lease_at_stub('/held', 2);
isnt($again->{user}, $at->{user}, 'kill -9: the repeated call has a new lease');
is((psql_by($again, 'SELECT 1'))[1], '1', 'that works');
wait_for_query($node, "SELECT count(*) FROM flowctl.leases WHERE run_id = '$run' AND ended_by = 'RESTART' AND dropped_at IS NOT NULL", '1');
($status, $o, $err) = psql_by($at, 'SELECT 1');
like($err, qr/no pg_hba\.conf entry for host "127\.0\.0\.1", user "$at->{user}"/, 'the first one is gone');
is(roles_left(), '1', 'one role is left');
$node->stop('immediate');
$node->start;
$again = lease_at_stub('/held', 3);
$stub->release('held');
is(wait_for_run($node, $run), 'SUCCEEDED', 'the run ends');
is(roles_left(), '0', 'and no role is left');
is(scalar(leases($run)), 3, 'all three are recorded');
$stub->reset;

# A role that somebody else dropped, and one that cannot be dropped yet: neither holds up anything.
$node->safe_psql('postgres', 'CREATE DATABASE elsewhere; GRANT CREATE ON DATABASE elsewhere TO PUBLIC');
$node->safe_psql('elsewhere', 'GRANT CREATE ON SCHEMA public TO PUBLIC');
$stub->script('/held', then => { hold => 'held', body => {} });
$run = start_run($node, 'held');
$at = lease_at_stub('/held');
$node->safe_psql('postgres', "DROP ROLE $at->{user}");
$stub->release('held');
is(wait_for_run($node, $run), 'SUCCEEDED', 'a role that was dropped by hand');
wait_for_query($node, "SELECT dropped_at IS NOT NULL FROM flowctl.leases WHERE run_id = '$run'");
$stub->reset;
$stub->script('/held', then => { hold => 'held', body => {} });
$run = start_run($node, 'held');
$at = lease_at_stub('/held');
$node->safe_psql('elsewhere', "CREATE TABLE kept (a int); ALTER TABLE kept OWNER TO $at->{user}");
$stub->release('held');
is(wait_for_run($node, $run), 'SUCCEEDED', 'a role that owns something elsewhere');
wait_for_query($node, "SELECT problem LIKE '%cannot be dropped because some objects depend on it' FROM flowctl.leases WHERE run_id = '$run' AND ended_by = 'CALL' AND dropped_at IS NULL");
is($node->safe_psql('postgres', "SELECT rolcanlogin FROM pg_roles WHERE rolname = '$at->{user}'"), 'f', 'can log in no more');
is(work('books', sql => 'SELECT 1')->{status}, 'SUCCEEDED', 'others work as ever');
$node->safe_psql('elsewhere', 'DROP TABLE kept');
wait_for_query($node, "SELECT dropped_at IS NOT NULL AND problem IS NULL FROM flowctl.leases WHERE run_id = '$run'");
is(roles_left(), '0', 'and is dropped when it can be');
$stub->reset;

# ------------------------------------------------------------------------------------------------ membership

endpoint('member', $stub, lease => 'member', lease_roles => 'reports', lease_member => 'svc');
define('member', http_flow('member'));
$stub->script('/member', { hold => 'm1', body => {} }, { hold => 'm2', body => {} });
my @svc = ({ user => 'svc', password => 'svc-has-its-own' });
like((psql_by(@svc, 'SELECT count(*) FROM report'))[2], qr/permission denied for table report/, 'the member has no right by itself');
my $first = start_run($node, 'member');
$at = lease_at_stub('/member');
is($at->{user}, 'svc', 'the call names the member');
is($at->{password}, undef, 'and has no password');
is((psql_by(@svc, 'SELECT count(*) > 0 FROM report'))[1], 't', 'while the call is under way it has the right');
my $second = start_run($node, 'member');
lease_at_stub('/member', 2);
is(roles_left(), '2', 'two leases of the same membership');
$stub->release('m1');
wait_for_run($node, $first);
is((psql_by(@svc, 'SELECT count(*) > 0 FROM report'))[1], 't', 'the end of one is not the end of the other');
$stub->release('m2');
wait_for_run($node, $second);
like((psql_by(@svc, 'SELECT count(*) FROM report'))[2], qr/permission denied for table report/, 'after the last the right is gone');
is(roles_left(), '0', 'and nothing is left');
# A crash: the membership goes, and comes again with the repeated call.
$stub->reset;
$stub->script('/member', then => { hold => 'm', body => {} });
$run = start_run($node, 'member');
lease_at_stub('/member');
($pid) = worker_pids($node);
kill 'KILL', $pid;
lease_at_stub('/member', 2);
wait_for_query($node, "SELECT string_agg(coalesce(ended_by, 'open'), ' ' ORDER BY created_at) FROM flowctl.leases WHERE run_id = '$run'", 'RESTART open');
is((psql_by(@svc, 'SELECT count(*) > 0 FROM report'))[1], 't', 'after a crash the repeated call has a membership of its own');

# A lock on the roles: the end is late, and nothing else is.
my $holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN; LOCK TABLE pg_auth_members, pg_authid IN SHARE MODE');
$stub->release('m');
is(wait_for_run($node, $run), 'SUCCEEDED', 'somebody has locked what a lease needs to end: its run ends');
define('unlocked', http_flow('echo'));
is(work('unlocked')->{status}, 'SUCCEEDED', 'and others go on');
is(roles_left(), '1', 'the role is there');
$holder->query_safe('COMMIT');
$holder->quit;
wait_for_query($node, "SELECT dropped_at IS NOT NULL FROM flowctl.leases WHERE run_id = '$run' AND ended_by = 'CALL'");
is(roles_left(), '0', 'until it can be dropped');
$node->safe_psql('postgres', 'GRANT reports TO svc');
$stub->script('/member', then => { body => {} });
is(work('member')->{status}, 'SUCCEEDED', 'a membership that was there before');
is((psql_by(@svc, 'SELECT count(*) > 0 FROM report'))[1], 't', 'stays');
$node->safe_psql('postgres', 'REVOKE reports FROM svc');
$stub->reset;

# ------------------------------------------------------------------------------------------------ refusals

# At the definition, and again at the call when something has changed since.
sub refused
{
	my ($what, $expected, %option) = @_;
	my $name = 'refused';
	$node->safe_psql('postgres', 'DROP SERVER IF EXISTS refused');
	endpoint($name, $stub, lease => 'login', %option);
	my (undef, undef, $error) = define($name, http_flow($name));
	like($error, $expected, "$what: refused when the flow is defined");
}
refused('a superuser', qr/role "big" cannot be leased: it is a superuser/, lease_roles => 'big');
refused('a member of a superuser', qr/role "under_big" cannot be leased: it is a member of "big", a superuser/, lease_roles => 'under_big');
refused('CREATEROLE', qr/role "strong" cannot be leased: it is a role with CREATEROLE/, lease_roles => 'strong');
refused('programs of the server', qr/role "files" cannot be leased: it is a member of "pg_execute_server_program", a predefined role that reaches beyond the database/, lease_roles => 'files');
$node->safe_psql('postgres', 'REVOKE big, under_big, strong, files FROM app');
refused('no ADMIN OPTION', qr/the run's role "app" may not grant role "theirs": GRANT theirs TO app WITH ADMIN OPTION/, lease_roles => 'theirs');
refused('its own role', qr/the run's role "app" may not grant role "app"/, lease_roles => 'app');
refused('no such role', qr/there is no role "nobody"/, lease_roles => 'reports, nobody');
refused('no role at all', qr/its lease has no role: .*flowctl\.add_lease_rule/);
refused('an owner without the right', qr/foreign server "refused" belongs to role "svc", which has not the privileges of role "reports" and so may not lease it: GRANT reports TO svc/,
	lease_roles => 'reports', owner => 'svc');
refused('a member that is not there', qr/there is no role "ghost" \(lease_member\)/, lease => 'member', lease_member => 'ghost', lease_roles => 'reports');
refused('a member without login', qr/role "theirs" \(lease_member\) cannot log in/, lease => 'member', lease_member => 'theirs', lease_roles => 'reports');
$node->safe_psql('postgres', 'REVOKE ADMIN OPTION FOR reports FROM app');
$row = work('books', sql => 'SELECT 1');
is($row->{error}, 'States.Permissions', 'a right that was taken back');
like($row->{cause}, qr/can have no lease: the run's role "app" may not grant role "reports"/, 'is missed at the call');
is($node->safe_psql('postgres', "SELECT object || ' ' || role_name || ' ' || (reason LIKE 'lease: %') FROM flowctl.denials WHERE run_id = '$row->{run_id}'"), 'books app true', 'and recorded');
is(scalar(leases($row->{run_id})), 0, 'no role was made');
$node->safe_psql('postgres', 'GRANT reports TO app WITH ADMIN OPTION; ALTER ROLE reports CREATEDB');
like(work('books', sql => 'SELECT 1')->{cause}, qr/role "reports" cannot be leased/, 'a role that became too strong');
$node->safe_psql('postgres', 'ALTER ROLE reports NOCREATEDB');

# A lease that must not be given fails with an error of its own, which Retry and Catch see.
$node->safe_psql('postgres', 'ALTER SYSTEM SET flowctl.max_leases = 0');
$node->reload;
wait_for_query($node, "SELECT current_setting('flowctl.max_leases')", '0');
define('caught', { StartAt => 'Call', States => { Call => task('books', Catch => [ { ErrorEquals => ['Flowctl.LeaseFailed'], Next => 'Told' } ], End => true), Told => { Type => 'Pass', End => true } } });
$row = work('caught', sql => 'SELECT 1');
is($row->{status}, 'SUCCEEDED', 'Flowctl.LeaseFailed can be caught');
like($row->{output}{Cause}, qr/no lease can be had for endpoint "books": flowctl\.max_leases \(0\) are open/, 'its cause says why');
is($node->safe_psql('postgres', "SELECT error FROM flowctl.calls WHERE run_id = '$row->{run_id}'"), 'Flowctl.LeaseFailed', 'the call has it, too');
is(scalar(grep { ($_->{body} // '') =~ /$row->{run_id}/ } $service->calls), 0, 'and did not leave');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET flowctl.max_leases');
$node->reload;
wait_for_query($node, "SELECT current_setting('flowctl.max_leases')", '100');

# Others' locks on the roles are not waited for.
my $blocker = $node->background_psql('postgres');
$blocker->query_safe('BEGIN; LOCK TABLE pg_authid IN SHARE MODE');
define('retried', http_flow('books', Retry => [ { ErrorEquals => ['Flowctl.LeaseFailed'], IntervalSeconds => 1, BackoffRate => 1, MaxAttempts => 120 } ]));
$run = start_run($node, 'retried', { sql => 'SELECT 1' });
wait_for_query($node, "SELECT count(*) > 0 FROM flowctl.calls WHERE run_id = '$run' AND error = 'Flowctl.LeaseFailed'");
$stub->script('/echo', then => { body => {} });
define('free', http_flow('echo'));
is(work('free')->{status}, 'SUCCEEDED', 'a lock on pg_authid holds up no other flow');
$blocker->query_safe('COMMIT');
$blocker->quit;
is(wait_for_run($node, $run), 'SUCCEEDED', 'and the lease is had when it is gone');

# ------------------------------------------------------------------------------------------------ rules

endpoint('ruled', $service, lease => 'login');
($status, $o, $err) = $node->psql('postgres', "SET ROLE svc; SELECT flowctl.add_lease_rule('r', 'ruled', 'reports')");
like($err, qr/permission denied to add a lease rule for endpoint "ruled"/, 'a rule is for the owner of the endpoint');
$node->safe_psql('postgres', 'GRANT USAGE ON FOREIGN DATA WRAPPER flowctl_http TO app; GRANT pg_read_server_files TO app; ALTER SERVER ruled OWNER TO app');
($status, $o, $err) = $node->psql('postgres', "SET ROLE app; SELECT flowctl.add_lease_rule('r', 'ruled', 'theirs')");
like($err, qr/permission denied to lease role "theirs"/, 'who may grant the role');
($status, $o, $err) = $node->psql('postgres', "SELECT flowctl.add_lease_rule('r', 'ruled', 'big')");
like($err, qr/role "big" cannot be leased: it is a superuser/, 'never a superuser');
$node->safe_psql('postgres', "SET ROLE app; SELECT flowctl.add_lease_rule('finance', 'ruled', 'ledger', "
	  . q{'{"claims": {"groups": "finance"}, "issuer": "https://login.example"}'), flowctl.add_lease_rule('everybody', 'ruled', 'reports', '{"flow": "ruled"}', 'reads reports')});
define('ruled', http_flow('ruled'));
# Verified claims stand in the run's row; set here as the session's verified user is recorded (029_end_user.pl does it with a token).
$row = work('ruled', sql => 'SELECT current_user; SELECT count(*) FROM ledger');
like($row->{output}{err}, qr/permission denied for table ledger/, 'a run without the claim does not get its role');
is_deeply((leases($row->{run_id}))[0]{rules}, ['everybody'], 'but what another rule gives');
is($node->safe_psql('postgres', "SET ROLE app; SELECT string_agg(name || ' ' || role, ', ' ORDER BY name) FROM flowctl.lease_rules"), 'everybody reports, finance ledger', 'rules can be looked at');
$node->safe_psql('postgres', "SET ROLE app; SELECT flowctl.drop_lease_rule('everybody')");
$row = work('ruled', sql => 'SELECT 1');
is($row->{error}, 'States.Permissions', 'no rule, no lease');
like($row->{cause}, qr/its lease has no role: .* no rule applies/, 'and the cause says so');
($status, $o, $err) = $node->psql('postgres', 'DROP ROLE ledger');
like($err, qr/role "ledger" cannot be dropped because some objects depend on it/, 'a role that a rule leases stays');

# The rule needs a user whose token was verified; what a session merely asserts does not count.
my $web   = Parts::start_stub(tls => 1);
my $users = $web->url('/users');
my %key   = %{ from_json(slurp_file(Parts::pki() . '/clients.json'))->{keys}{rs256} };
delete $key{alg};
$web->script('/users/.well-known/openid-configuration', then => { body => { issuer => $users, jwks_uri => "$users/jwks" } });
$web->script('/users/jwks', then => { body => { keys => [ \%key ] } });
$node->safe_psql('postgres', "CREATE SERVER users FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer '$users', subject_audience 'https://db.example', subject_claims 'groups', ca_file 'ca.pem');"
	  . "GRANT USAGE ON FOREIGN SERVER users TO app; SET ROLE app; SELECT flowctl.drop_lease_rule('finance'), flowctl.add_lease_rule('finance', 'ruled', 'ledger', "
	  . sql_literal(to_json({ claims => { groups => 'finance' }, issuer => $users })) . ')');

sub token
{
	my (@groups) = @_;
	my $wanted = to_json({ key => 'rs256.pem', header => { alg => 'RS256', kid => 'rs256', typ => 'at+jwt' },
		claims => { iss => $users, sub => 'alice', aud => 'https://db.example', exp => time + 300, groups => \@groups } });
	my ($jwt, $error);
	IPC::Run::run([ Parts::node(), abs_path(dirname(__FILE__) . '/../idp/token.mjs'), Parts::pki() . '/secrets' ], '<', \$wanted, '>', \$jwt, '2>', \$error) or die $error;
	return $jwt;
}

sub work_for
{
	my ($user) = @_;
	$run = $node->safe_psql('postgres', "SET flowctl.allow_plain_subject_token = on; SET ROLE app; BEGIN; $user\n;"
		  . q(SELECT flowctl.start('ruled', '{"sql": "SELECT current_user"}'); COMMIT));
	wait_for_run($node, $run);
	return run_row($node, $run);
}
$row = work_for('SELECT flowctl.set_subject_token(' . sql_literal(token('staff', 'finance')) . ') \gset ignored_');
is($row->{output}{out}, 'ledger', "the user's verified claims give the role") or diag(to_json($row));
is_deeply((leases($row->{run_id}))[0]{rules}, ['finance'], 'by the rule that is named');
is((leases($row->{run_id}))[0]{subject}, 'alice', 'for the user that is named');
like(work_for('SELECT flowctl.set_subject_token(' . sql_literal(token('staff')) . ') \gset ignored_')->{cause}, qr/no rule applies/, 'other claims do not');
$row = work_for(q(SET LOCAL request.jwt.claims = '{"sub": "alice", "groups": ["finance"], "iss": ") . $users . q("}'));
is($row->{asserted_subject}, 'alice', 'a session that asserts a user');
like($row->{cause}, qr/no rule applies/, 'gets nothing by it');

# ------------------------------------------------------------------------------------------------ databases and extensions that go

$stub->script('/job', then => { body => {} });
define('keeps', { StartAt => 'Begin', States => { Begin => task('job', Next => 'Wait'), Wait => { Type => 'Wait', Seconds => 3600, End => true } } });
sub keep_one { my $id = start_run($node, 'keeps'); wait_for_query($node, "SELECT current_state FROM flowctl.runs WHERE run_id = '$id'", 'Wait'); return $id }
$run = keep_one();
is(roles_left(), '1', 'a lease is open');
$node->safe_psql('template1', 'CREATE DATABASE copied TEMPLATE postgres');
wait_for_query($node, "SELECT ended_by FROM flowctl.leases WHERE run_id = '$run'", 'LEFT');
is(roles_left(), '0', 'a worker that has to leave ends what it has');
wait_for_workers($node, 1);
$run = keep_one();
$node->safe_psql('elsewhere', 'ALTER DATABASE postgres RENAME TO renamed');
$node->safe_psql('elsewhere', 'ALTER DATABASE renamed RENAME TO postgres');
is(roles_left(), '0', 'also when the database is renamed');
wait_for_workers($node, 1);
$run = keep_one();
$node->safe_psql('elsewhere', 'DROP DATABASE copied');
is(roles_left(), '1', "a copy's end is not ours");
$node->safe_psql('elsewhere', 'CREATE EXTENSION pg_flowctl; CREATE SERVER job FOREIGN DATA WRAPPER flowctl_http OPTIONS (url '
	  . sql_literal($stub->url('/job')) . ", auth 'none', lease 'login', lease_roles 'reports', lease_until 'run')");
my $keeps = { StartAt => 'Begin', States => { Begin => task('job', Next => 'Wait'), Wait => { Type => 'Wait', Seconds => 3600, End => true } } };
define_flow($node, 'keeps', $keeps, 'elsewhere');
my $other = start_run($node, 'keeps', {}, 'elsewhere');
wait_for_query($node, "SELECT current_state FROM flowctl.runs WHERE run_id = '$other'", 'Wait', 'elsewhere');
is(roles_left(), '2', 'another database has leases of its own');
$node->safe_psql('postgres', 'DROP DATABASE elsewhere');
is(roles_left(), '1', 'which go with it');

# ------------------------------------------------------------------------------------------------ nothing is left in the clear

$node->safe_psql('postgres', "SELECT flowctl.drop_lease_rule('finance');" . block('CREATE SERVER ledger') . block('CREATE SERVER desk'));
is($node->safe_psql('postgres', block('SELECT state, roles, kind') =~ s/'\.\.\.'/'$run'/r), 
	$node->safe_psql('postgres', "SELECT state, roles, kind, created_at, NULL, NULL, NULL FROM flowctl.leases WHERE run_id = '$run'"), 'the other examples are right, too');
$node->safe_psql('postgres', "SELECT flowctl.add_lease_rule('dumped', 'desk', 'reports')");
my ($dump) = run_command([ 'pg_dump', '-h', $node->host, '-p', $node->port, 'postgres' ]);
like($dump, qr/^dumped\tdesk\treports\t\{\}/m, 'pg_dump takes rules');
unlike($dump, qr/flowctl_lease_/, 'and no lease');

ok(keys %seen > 5, 'passwords were handed out');
is_deeply([ Parts::leaks($node, map { qr/\Q$_\E/ } keys %seen) ], [], 'none is in a table, WAL, statistics or the log');

$node->safe_psql('postgres', 'DROP EXTENSION pg_flowctl CASCADE');
wait_for_query($node, q{SELECT count(*) FROM pg_roles WHERE rolname LIKE 'flowctl\_lease\_%'}, '0');
is(roles_left(), '0', 'the extension takes its roles along');

done_testing();
