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

# A database without a worker keeps its messages to itself.
$node->safe_psql('stuck', 'CREATE EXTENSION pg_flowctl');
$node->safe_psql('postgres', q{SELECT pg_stat_clear_snapshot()});
define_flow($node, 'closed', { StartAt => 'P', States => { P => { Type => 'Pass', End => true } } }, 'stuck');
for my $i (1 .. 6)
{
	$node->safe_psql('postgres', "CREATE ROLE flooder$i LOGIN");
	denied('stuck', "flooder$i", 60);
}
$node->safe_psql('postgres', 'CREATE ROLE bob LOGIN');
denied('postgres', 'bob', 1);
wait_for_query($node, q{SELECT count(*) FROM flowctl.denials WHERE role_name = 'bob'}, '1');
pass('a database without a worker does not keep others from being recorded');

# What was only counted is recorded as a count, once its minute is over.
wait_for_query($node, q{SELECT count(*) FROM flowctl.denials WHERE action = 'lost' AND role_name = 'mallory' AND reason LIKE '%came too fast%'}, '1');
is($node->safe_psql('postgres', q{SELECT substring(reason FROM '^\d+')::int + (SELECT count(*) FROM flowctl.denials WHERE role_name = 'mallory' AND action = 'start')
		FROM flowctl.denials WHERE action = 'lost' AND role_name = 'mallory'}),
	'3000', 'every denial is there, in a row or in a count');
$node->stop;
done_testing();
