# Events and rules: whatever ends the server, each event that was committed has started its flow exactly once, whether the command
# started it or the worker; an event of a transaction that rolled back has started nothing. Rules count exactly, too.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('event_crashes', 'flowctl.sweep_interval' => '1s', 'flowctl.workers' => 2, 'restart_after_crash' => 'on');
my $sql  = sub { return $node->safe_psql('postgres', $_[0]) };

define_flow($node, 'pass', { StartAt => 'P', States => { P => { Type => 'Pass', End => true } } });
$sql->(q{SELECT flowctl.create_event_rule('at_once', 'pass', 'work.small', input => '{"rule": "at_once", "n": data.n}')});
# A filter that is too much for one command is left to the worker from some event on.
$sql->(q{SELECT flowctl.create_event_rule('later', 'pass', 'work.large', filter => '$sum([1..2000]) > 0', input => '{"rule": "later", "n": data.n}')});
$sql->(q{SELECT flowctl.create_event_rule('tens', 'pass', 'work.counted', input => '{"rule": "tens", "n": data.n}',
	options => '{"within": "1 d", "threshold": 10}')});
$sql->(q{SELECT flowctl.create_event_rule('ends', 'pass', 'run.succeeded', filter => '$contains($string(data.name), "told-")',
	input => '{"rule": "ends", "n": data.name}')});

my $count = 300;
for my $type (qw(work.small work.large work.counted))
{
	$sql->("SELECT count(flowctl.emit('$type', jsonb_build_object('n', i))) FROM generate_series(1, $count) i");
	$node->psql('postgres', "BEGIN; SELECT count(flowctl.emit('$type', jsonb_build_object('n', -i))) FROM generate_series(1, 20) i; ROLLBACK");
}
$sql->("SELECT count(flowctl.start('pass', name => 'told-' || i)) FROM generate_series(1, $count) i");
cmp_ok($sql->('SELECT count(*) FROM flowctl_catalog.event_pending'), '>=', 0, 'some are left to the worker');
for my $round (1 .. 4)
{
	kill_server($node);
	start_again($node);
	last unless $node->poll_query_until('postgres', 'SELECT true');
}
kill 'KILL', worker_pids($node);
wait_for_query($node, q{SELECT count(*) = 0 FROM flowctl_catalog.event_pending});
wait_for_query($node, q{SELECT count(*) = 0 FROM flowctl.runs WHERE status = 'RUNNING'});
wait_for_query($node, q{SELECT count(*) = 0 FROM flowctl_catalog.event_pending});
my $runs = q{SELECT count(*), count(DISTINCT input ->> 'n') FROM flowctl.runs WHERE input ->> 'rule' = };
wait_for_query($node, "SELECT count(*) >= $count FROM flowctl.runs WHERE input ->> 'rule' = 'ends'");
is($sql->("$runs 'at_once'"), "$count|$count", 'each event has started its flow once');
is($sql->("$runs 'later'"), "$count|$count", 'also those that the worker had to look at');
is($sql->("$runs 'tens'"), $count / 10 . '|' . $count / 10, 'every tenth event has started a flow, and no other');
is($sql->("$runs 'ends'"), "$count|$count", 'each end of a run has started a flow once');
is($sql->(q{SELECT count(*) FROM flowctl.runs WHERE (input ->> 'n') LIKE '-%'}), '0', 'an event that was rolled back has started nothing');
is($sql->('SELECT count(*) FROM flowctl.event_failures'), '0', 'nothing has failed');

# An event of a prepared transaction counts when that is committed.
SKIP:
{
	skip 'no prepared transactions here', 1 if $sql->('SHOW max_prepared_transactions') eq '0';
	$sql->(q{BEGIN; SELECT flowctl.emit('work.counted', '{"n": 1}'); PREPARE TRANSACTION 'emits'});
	$sql->(q{COMMIT PREPARED 'emits'});
	wait_for_query($node, q{SELECT count(*) = 1 FROM flowctl_catalog.event_window});
	pass('a prepared transaction has emitted an event');
}

$node->stop;
done_testing();
