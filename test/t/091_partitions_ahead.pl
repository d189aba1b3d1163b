# Partitions are made for the time that comes, whatever is in the way: partitions of a later time, none at all, runs of the future in
# the default partition. Time passes by asking what is to be done at a later one (flowctl.keep_house).
use strict;
use warnings;
use Test::More;
use FlowctlTest;

my $node = new_node('ahead', 'flowctl.partitions_ahead' => 4);
my $sql  = sub { return $node->safe_psql('postgres', $_[0]) };

# Keeps house as if it were that time; asked again where a turn of the engine is in its way.
sub keep_house
{
	my ($at) = @_;
	for (1 .. 100)
	{
		my ($status, $out, $err) = $node->psql('postgres', "SELECT made FROM flowctl.keep_house($at)");
		return $out if $status == 0;
		die $err if $err !~ /lock timeout/;
	}
	die 'the partitions are never free';
}

# Whether there is a partition for each of these moments.
sub has_partitions { return $sql->('SELECT bool_and(EXISTS (SELECT FROM flowctl.partitions WHERE starts_at <= at AND ends_at > at)) FROM ' . $_[0] . ' AS at') }

# No partition takes a time that another has.
sub apart { return $sql->('SELECT count(*) FROM flowctl.partitions a JOIN flowctl.partitions b ON a.starts_at < b.starts_at AND b.starts_at < a.ends_at') }

my $day = sub { return "(date_trunc('day', now(), 'UTC') + interval '$_[0] days')" };
my $days = sub { return 'generate_series(' . $day->($_[0]) . " + interval '12 hours', " . $day->($_[1]) . " + interval '12 hours', '1 day')" };

define_flow($node, 'pass', { StartAt => 'A', States => { A => { Type => 'Pass', End => true } } });

# ---- partitions of a later time, as a clock leaves them that was ahead

is(has_partitions($days->(1, 4)), 't', 'there are partitions for the days that come');
$sql->('SELECT flowctl.make_partition(' . $day->(9) . ', ' . $day->(10) . ')');
keep_house($day->(5));
is(has_partitions($days->(1, 9)), 't', 'a partition of a later time is not in the way of those before it');
is(apart(), '0', 'none takes the time of another');
keep_house($day->(8));
is(has_partitions($days->(1, 12)), 't', 'they go on behind it');

# ---- runs of the future in the default partition

my $id = "encode(substr(int8send((extract(epoch FROM " . $day->(14) . " + interval '12 hours 30 s') * 1000)::bigint), 3) || '\\x70008000000000000001', 'hex')::uuid";
$sql->(qq{
	INSERT INTO flowctl_catalog.run (run_id, flow_id, flow, version, type, status, input, output_ref, started_at, ended_at, flow_owner, role, starter, session_user_name, start_xid)
	SELECT $id, f.flow_id, f.name, 1, 'STANDARD', 'SUCCEEDED', '{}', 0, now(), now(), f.owner, f.owner, f.owner, 'x', pg_current_xact_id() FROM flowctl_catalog.flow f});
is($sql->("SELECT tableoid::regclass FROM flowctl_catalog.run WHERE run_id = $id"), 'flowctl_catalog.run_default', 'a run that a clock which was ahead has given its id');
keep_house($day->(12));
is(has_partitions($days->(1, 13)), 't', 'partitions before it');
is($sql->('SELECT starts_at - ' . $day->(14) . ' FROM flowctl.partitions WHERE ends_at = ' . $day->(15)), '12:01:00', 'begin behind it on its day');
is(has_partitions($days->(15, 16)), 't', 'and go on');
is(apart(), '0', 'none takes the time of another');

# ---- everything is dropped, the time that comes included

$sql->('SELECT flowctl.drop_runs_before(' . $day->(30) . ')');
$sql->(q{ALTER SYSTEM SET flowctl.retention = '1d'});
$sql->('SELECT pg_reload_conf()');
wait_for_query($node, "SELECT current_setting('flowctl.retention')", '1d');
keep_house('now()');
is(has_partitions($days->(1, 4)), 't', 'partitions of the present and later are emptied, not dropped, when everything is');
my $run = start_run($node, 'pass', {});
is(wait_for_run($node, $run), 'SUCCEEDED', 'a run');
isnt($sql->("SELECT tableoid::regclass FROM flowctl_catalog.run WHERE run_id = '$run'"), 'flowctl_catalog.run_default', 'that has a partition of its own');
keep_house($day->(3)) for 1 .. 2;    # it was to be empty, and is not
is($sql->("SELECT count(*) FROM flowctl_catalog.run WHERE run_id = '$run'"), '0', 'goes when its time is over, like others');

# ---- no partition is left, and runs have gone to the default one

keep_house($day->(40));
for (1 .. 100) { last if $sql->('SELECT count(*) FROM flowctl.partitions WHERE starts_at < ' . $day->(30)) eq '0'; keep_house($day->(40)) }
$sql->("DELETE FROM flowctl_catalog.leaf; DO \$\$ DECLARE t record; BEGIN
	FOR t IN SELECT c.oid::regclass AS name FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid WHERE c.relkind = 'r' AND c.relnamespace = 'flowctl_catalog'::regnamespace AND c.relname !~ '_default\$'
	LOOP EXECUTE 'ALTER EXTENSION pg_flowctl DROP TABLE ' || t.name; EXECUTE 'DROP TABLE ' || t.name; END LOOP; END \$\$");
$run = start_run($node, 'pass', {});
is(wait_for_run($node, $run), 'SUCCEEDED', 'a run where there is no partition');
is($sql->("SELECT tableoid::regclass FROM flowctl_catalog.run WHERE run_id = '$run'"), 'flowctl_catalog.run_default', 'is in the default one');
keep_house('now()');
is($sql->("SELECT count(*) FROM flowctl.partitions WHERE starts_at BETWEEN now() AND now() + interval '2 minutes'"), '1', 'the next partition begins soon');
is(has_partitions($days->(1, 4)), 't', 'and others follow');

$node->stop;
done_testing();
