# Events and rules, when the primary is lost: the promoted standby has what was emitted, gives it to the runs that wait, and counts on;
# nothing starts twice. On a standby itself nothing can be emitted.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use PostgreSQL::Test::Cluster;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
FlowctlTest::configure($primary, 'flowctl.sweep_interval' => '1s', 'flowctl.workers' => 2);
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION pg_flowctl');
define_flow($primary, 'pass', { StartAt => 'P', States => { P => { Type => 'Pass', End => true } } });
define_flow($primary, 'waits', { StartAt => 'W', States => { W => { Type => 'Task', Resource => 'flowctl:event', Parameters => { Type => 'word', 'Subject.$' => '$.s' }, End => true } } });
$primary->safe_psql('postgres', q{SELECT flowctl.create_event_rule('third', 'pass', 'counted', input => '{"n": data.n}', options => '{"within": "1 d", "threshold": 3}'),
	flowctl.create_event_rule('unanswered', 'pass', 'asked', input => '{"asked": subject}', options => '{"within": "15 s", "unless": "answered", "key": "subject"}')});
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

my @runs = map { start_run($primary, 'waits', { s => "s$_" }) } 1 .. 10;
wait_for_query($primary, q{SELECT count(*) FROM flowctl.waiting_tasks}, '10');
$primary->safe_psql('postgres', q{SELECT flowctl.emit('counted', '{"n": 1}'), flowctl.emit('counted', '{"n": 2}'),
	flowctl.emit('asked', subject => 'a'), flowctl.emit('asked', subject => 'b')});
wait_for_query($primary, q{SELECT count(*) FROM flowctl_catalog.event_window}, '4');
# Nothing acts on the primary any more, but events are recorded.
$primary->safe_psql('postgres', q{CALL flowctl.drain()});
$primary->safe_psql('postgres', q{SELECT flowctl.emit('word', subject => 's' || i) FROM generate_series(1, 10) i; SELECT flowctl.emit('answered', subject => 'a')});
$primary->wait_for_catchup($standby);
my ($status, $out, $err) = $standby->psql('postgres', q{SELECT flowctl.emit('counted', '{"n": 3}')});
like($err, qr/cannot emit an event/, 'nothing is emitted on a standby');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM flowctl.events WHERE type = 'word'}), '10', 'which shows the events');

kill_server($primary);
$standby->promote;
is(join(' ', map { wait_for_run($standby, $_) } @runs), join(' ', ('SUCCEEDED') x 10), 'the runs that wait get their events after the promotion');
$standby->safe_psql('postgres', q{SELECT flowctl.emit('counted', '{"n": 3}')});
wait_for_query($standby, q{SELECT count(*) FROM flowctl.runs WHERE input ? 'n'}, '1');
is($standby->safe_psql('postgres', q{SELECT input FROM flowctl.runs WHERE input ? 'n'}), '{"n": 3}', 'a rule goes on to count');
wait_for_query($standby, q{SELECT count(*) FROM flowctl.runs WHERE input ? 'asked'}, '1');
is($standby->safe_psql('postgres', q{SELECT input FROM flowctl.runs WHERE input ? 'asked'}), '{"asked": "b"}', 'what was answered before is not unanswered now');
wait_for_query($standby, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');
is($standby->safe_psql('postgres', q{SELECT (SELECT count(*) FROM flowctl_catalog.event_wait) + (SELECT count(*) FROM flowctl_catalog.event_pending)
	+ (SELECT count(*) FROM flowctl_catalog.event_window)}), '0', 'nothing is left');

$standby->stop;
done_testing();
