# Database leases end after kill -9 at each commit of their life, and although others hold locks on their roles.
# Synchronous replication to a standby that does not exist holds a commit that is durable and that nobody has seen.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $node = new_node('ends', restart_after_crash => 'on', synchronous_commit => 'local', wal_level => 'replica', max_wal_senders => 2);
my $stub = Parts::start_stub();
my $sql  = sub { return $node->safe_psql('postgres', $_[0]) };

$sql->(q{
	CREATE ROLE reports; CREATE TABLE report (line text); GRANT ALL ON report TO reports;
	CREATE ROLE svc LOGIN; CREATE ROLE mallory LOGIN; CREATE SCHEMA hers AUTHORIZATION mallory; CREATE TABLE hers.own (a int); ALTER TABLE hers.own OWNER TO mallory;
	CREATE TABLE hold (a int);
	CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN FOR i IN 1 .. 6000 LOOP EXIT WHEN NOT EXISTS (SELECT FROM public.hold); PERFORM pg_sleep(0.01); END LOOP; RETURN NULL; END $$;
	CREATE TRIGGER hold AFTER INSERT ON flowctl_catalog.lease FOR EACH ROW EXECUTE FUNCTION hold();
});
my %kinds = (
	login  => { lease => 'login',  lease_roles => 'reports' },
	job    => { lease => 'login',  lease_roles => 'reports', lease_until  => 'run' },
	member => { lease => 'member', lease_roles => 'reports', lease_member => 'svc' });
for my $kind (sort keys %kinds)
{
	http_server($node, $kind, $stub->url("/$kind"), %{ $kinds{$kind} }, timeout => '600');
	define_flow($node, $kind, http_flow($kind));
}

sub roles_left { return $sql->(q{SELECT count(*) FROM pg_roles WHERE rolname LIKE 'flowctl\_lease\_%'}) }
sub endings { return $sql->("SELECT string_agg(coalesce(ended_by, 'open'), ' ' ORDER BY created_at) FROM flowctl.leases WHERE run_id = '$_[0]'") }
sub worker_waits { return wait_for_query($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'flowctl worker%' AND wait_event = '$_[0]'", '1') }

# From now on no commit of a worker is acknowledged.
sub hold_commits
{
	$sql->(q{ALTER SYSTEM SET synchronous_standby_names = 'nobody'});
	$node->reload;
	my $probe = $node->background_psql('postgres');
	$probe->{stdin} .= "SET synchronous_commit = on; CREATE TABLE IF NOT EXISTS probe (a int); INSERT INTO probe VALUES (1);\n";
	$probe->{run}->pump_nb;
	wait_for_query($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND wait_event = 'SyncRep'}, '1');
	$sql->('ALTER SYSTEM RESET synchronous_standby_names');    # for the server that restarts
	return $probe;
}

sub crash
{
	my ($probe) = @_;
	my ($worker) = worker_pids($node);
	kill 'KILL', $worker;
	wait_for_query($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'flowctl worker%' AND pid <> $worker", '1');
	$node->reload;
	eval { $probe->quit } if $probe;
}

for my $kind (sort keys %kinds)
{
	my $then = $kind eq 'job' ? 'RUN' : 'CALL';
	my $left = $kind eq 'job' ? 2 : 1;    # roles, when the call is repeated

	# Before the lease's commit: the call's intent is there, and nothing else.
	$stub->reset;
	$stub->script("/$kind", then => { hold => 'call', body => {} });
	$sql->('INSERT INTO hold VALUES (1)');
	my $run = start_run($node, $kind);
	worker_waits('PgSleep');
	is($sql->("SELECT count(*) FROM flowctl.calls WHERE run_id = '$run'"), '1', "$kind: the call's intent is durable before the lease");
	crash();
	$sql->('DELETE FROM hold');
	$stub->wait_for(1, path => "/$kind", outcome => 'held');
	is(endings($run), 'open', "$kind, killed before the lease's commit: the repeated call has the only lease");
	is(roles_left(), '1', "$kind: with its role");

	# The answer has come. The call's lease has ended but its run does not know; the other run has ended but its lease has not.
	my $probe = hold_commits();
	$stub->release('call');
	worker_waits('SyncRep');
	$stub->reset;
	$stub->script("/$kind", then => { hold => 'call', body => {} });
	crash($probe);
	if ($kind ne 'job')
	{
		$stub->wait_for(1, path => "/$kind", outcome => 'held');
		is(endings($run), 'CALL open', "$kind, killed when it had ended: the repeated call has another lease");
		$stub->release('call');
	}
	is(wait_for_run($node, $run), 'SUCCEEDED', "$kind: the run ends");
	wait_for_query($node, q{SELECT count(*) FROM pg_roles WHERE rolname LIKE 'flowctl\_lease\_%'}, '0');

	# After the lease's commit, before the call: a role that nobody has heard of.
	$stub->reset;
	$stub->script("/$kind", then => { hold => 'call', body => {} });
	$sql->('INSERT INTO hold VALUES (1)');
	$run = start_run($node, $kind);
	worker_waits('PgSleep');
	$probe = hold_commits();
	$sql->('DELETE FROM hold');
	worker_waits('SyncRep');
	is(scalar($stub->calls(path => "/$kind")), 0, "$kind: no call leaves before its lease is durable");
	crash($probe);
	$stub->wait_for(1, path => "/$kind", outcome => 'held');
	wait_for_query($node, "SELECT string_agg(coalesce(ended_by, 'open'), ' ' ORDER BY created_at) FROM flowctl.leases WHERE run_id = '$run'",
		$kind eq 'job' ? 'open open' : 'RESTART open');
	wait_for_query($node, q{SELECT count(*) FROM pg_roles WHERE rolname LIKE 'flowctl\_lease\_%'}, $left);
	pass("$kind, killed between the lease's commit and its call: the repeated call has a new one");
	is(scalar($stub->calls(path => "/$kind")), 1, "$kind: it is called once");
	$stub->release('call');
	is(wait_for_run($node, $run), 'SUCCEEDED', "$kind: the run ends");
	wait_for_query($node, q{SELECT count(*) FROM pg_roles WHERE rolname LIKE 'flowctl\_lease\_%'}, '0');
	wait_for_query($node, "SELECT count(*) FROM flowctl.leases WHERE run_id = '$run' AND dropped_at IS NOT NULL AND ended_by IN ('RESTART', '$then')", '2');
	pass("$kind: and no role is left behind");
	is($sql->(q{SELECT count(*) FROM pg_auth_members WHERE member = 'svc'::regrole}), '0', "$kind: nor a membership");
}

# ---- locks on a role, which anybody can hold who owns something

for my $kind (qw(login member))
{
	$stub->reset;
	$stub->script("/$kind", then => { hold => 'call', body => {} });
	my @runs = map { start_run($node, $kind) } 1 .. 2;
	$stub->wait_for(2, path => "/$kind", outcome => 'held');
	my @roles = map { $sql->("SELECT role_name FROM flowctl.leases WHERE run_id = '$_'") } @runs;
	my $holder = $node->background_psql('postgres');
	$holder->query_safe("SET SESSION AUTHORIZATION mallory; BEGIN; GRANT SELECT ON hers.own TO $roles[0]");
	$stub->release('call');
	is(wait_for_run($node, $_), 'SUCCEEDED', "$kind: its run ends though somebody holds a lock on the role") for @runs;
	wait_for_query($node, "SELECT dropped_at IS NOT NULL FROM flowctl.leases WHERE run_id = '$runs[1]'");
	pass("$kind: another lease that ends with it is not held up");
	wait_for_query($node, "SELECT problem LIKE '%lock timeout%' FROM flowctl.leases WHERE run_id = '$runs[0]' AND ended_by = 'CALL' AND dropped_at IS NULL");
	is($sql->("SELECT rolcanlogin FROM pg_roles WHERE rolname = '$roles[0]'"), 'f', "$kind: nobody can log in by the role");
	is($sql->(q{SELECT count(*) FROM pg_auth_members WHERE member = 'svc'::regrole}), '0', "$kind: nobody is a member of it");
	$holder->query_safe('COMMIT');
	$holder->quit;
	wait_for_query($node, "SELECT dropped_at IS NOT NULL AND problem IS NULL FROM flowctl.leases WHERE run_id = '$runs[0]'");
	is(roles_left(), '0', "$kind: it is dropped when it can be, with what it was granted");
}

$node->stop;
done_testing();
