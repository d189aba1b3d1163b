# Flows that start flows, when the primary is lost: the promoted standby has the runs that wait for one another, and nothing is
# started twice.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;
use PostgreSQL::Test::Cluster;

my $stub    = Parts::start_stub();
my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
FlowctlTest::configure($primary, 'flowctl.sweep_interval' => '1s', 'flowctl.workers' => 2);
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION pg_flowctl');
http_server($primary, 'work', $stub->url('/work'), timeout => 600);
sub task { my ($resource) = @_; return { StartAt => 'T', States => { T => { Type => 'Task', Resource => $resource, End => true } } } }
define_flow($primary, 'call', task('flowctl:http:work'));
define_flow($primary, 'waits', task('flowctl:flow:call.sync:2'));
define_flow($primary, 'hands', { StartAt => 'T', States => { T => { Type => 'Task', Resource => 'flowctl:flow:call.waitForTaskToken', Parameters => { 'for.$' => '$$.Task.Token' }, End => true } } });
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

$stub->script('/work', then => { hold => 'end', body => { done => 1 } });
my @runs = map { start_run($primary, 'waits', { n => $_ }) } 1 .. 10;
my $hands = start_run($primary, 'hands', {});
wait_for_query($primary, q{SELECT count(*) FROM flowctl.waiting_tasks}, '11');
$stub->wait_for(11, path => '/work', outcome => 'held');
$primary->wait_for_catchup($standby);
my ($token) = map { $_->{for} // () } map { from_json($_->{body}) } $stub->calls(path => '/work');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM flowctl.waiting_tasks}), '11', 'the standby shows who waits for whom');

kill_server($primary);
$stub->script('/work', then => { body => { done => 1 } });
$standby->promote;
$stub->release('end');
is(join(' ', map { wait_for_run($standby, $_) } @runs), join(' ', ('SUCCEEDED') x 10), 'the parents succeed after the promotion');
is($standby->safe_psql('postgres', q{SELECT count(*), count(DISTINCT parent_run_id) FROM flowctl.runs WHERE flow = 'call'}), '11|11', 'and each has started one run');
$standby->safe_psql('postgres', qq{SELECT flowctl.send_task_success('$token', '"answered"')});
is(wait_for_run($standby, $hands), 'SUCCEEDED', 'a token that the primary has handed on is good');
is(run_output($standby, $hands), 'answered', 'and brings its answer');
wait_for_query($standby, q{SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'}, '0');
wait_for_query($standby, 'SELECT (SELECT count(*) FROM flowctl_catalog.child_flow) + (SELECT count(*) FROM flowctl_catalog.run_message)', '0');
pass('nothing is left');

$standby->stop;
done_testing();
