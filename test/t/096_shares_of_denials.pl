# Denials are recorded although their transactions roll back; all databases and roles share the memory in which they wait, and
# none of them can fill it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use PostgreSQL::Test::Cluster;
use Test::More;

# A launcher, a worker for postgres, and no room for another one.
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
FlowctlTest::configure($node, max_worker_processes => 3);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_flowctl');
wait_for_workers($node, 1);
$node->safe_psql('postgres', q{CREATE ROLE mallory LOGIN; CREATE ROLE alice LOGIN; CREATE DATABASE stuck});
define_flow($node, 'closed', { StartAt => 'P', States => { P => { Type => 'Pass', End => true } } });

sub denied
{
	my ($db, $role, $times) = @_;
	$node->safe_psql($db, qq{
		DO \$\$ BEGIN
			FOR i IN 1 .. $times LOOP
				BEGIN PERFORM flowctl.start('closed'); EXCEPTION WHEN insufficient_privilege THEN NULL; END;
			END LOOP;
		END \$\$}, extra_params => [ '-U', $role ]);
}

# One role floods its own database: what is beyond its share is counted, and another role's denial is recorded all the same.
denied('postgres', 'mallory', 3_000);
denied('postgres', 'alice', 1);
wait_for_query($node, q{SELECT count(*) FROM flowctl.denials WHERE role_name = 'alice'}, '1');
my $rows = $node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.denials WHERE role_name = 'mallory' AND action = 'start'});
cmp_ok($rows, '<=', 60, 'a flood of denials leaves few rows');
cmp_ok($rows, '>', 0, 'but some');

# Databases without a worker keep their messages to themselves.
$node->safe_psql('stuck', 'CREATE EXTENSION pg_flowctl');
$node->safe_psql('postgres', q{SELECT pg_stat_clear_snapshot()});
define_flow($node, 'closed', { StartAt => 'P', States => { P => { Type => 'Pass', End => true } } }, 'stuck');
$node->safe_psql('postgres', "CREATE DATABASE $_ TEMPLATE stuck") for qw(stuck2 stuck3);

# One that waits holds up nothing that comes after it, and no place either.
denied('stuck', 'mallory', 1);
for my $i (1 .. 6)
{
	$node->safe_psql('postgres', "CREATE ROLE often$i LOGIN");
	denied('postgres', "often$i", 25);
	wait_for_query($node, "SELECT count(*) FROM flowctl.denials WHERE role_name = 'often$i'", '25');
}
for my $i (1 .. 6)
{
	$node->safe_psql('postgres', "CREATE ROLE flooder$i LOGIN");
	denied($_, "flooder$i", 60) for qw(stuck stuck2 stuck3);
}
$node->safe_psql('postgres', 'CREATE ROLE bob LOGIN');
denied('postgres', 'bob', 1);
wait_for_query($node, q{SELECT count(*) FROM flowctl.denials WHERE role_name = 'bob'}, '1');
pass('databases without a worker do not keep others from being recorded');

# Calls that a policy forbids are denials, too: a flow that tries and tries leaves few rows.
http_server($node, 'forbidden', 'http://127.0.0.1:9/');
$node->safe_psql('postgres', q{CREATE ROLE stubborn; SELECT flowctl.grant_author('stubborn'); GRANT USAGE ON FOREIGN SERVER forbidden TO stubborn});
$node->safe_psql('postgres', 'SET ROLE stubborn; SELECT flowctl.define_flow($$stubborn$$, ' . sql_literal(to_json(http_flow('forbidden'))) . ')');
$node->safe_psql('postgres', q{SELECT flowctl.add_policy('never', 'forbid', 'forbidden')});
$node->safe_psql('postgres', 'SET ROLE stubborn; SELECT count(flowctl.start($$stubborn$$)) FROM generate_series(1, 100)');
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'stubborn' AND error = 'States.Permissions'}, '100');
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.denials WHERE role_name = 'stubborn' AND action = 'call'}), '60', 'of the denied calls of a role 60 are rows');

# What was only counted is recorded as a count, once its minute is over.
wait_for_query($node, q{SELECT count(*) FROM flowctl.denials WHERE action = 'lost' AND role_name = 'mallory' AND reason LIKE '%came too fast%'}, '1');
is($node->safe_psql('postgres', q{SELECT substring(reason FROM '^\d+')::int + (SELECT count(*) FROM flowctl.denials WHERE role_name = 'mallory' AND action = 'start')
		FROM flowctl.denials WHERE action = 'lost' AND role_name = 'mallory'}),
	'3000', 'every denial is there, in a row or in a count');
wait_for_query($node, q{SELECT substring(reason FROM '^\d+') FROM flowctl.denials WHERE action = 'lost' AND role_name = 'stubborn'}, '40');
$node->stop;
done_testing();
