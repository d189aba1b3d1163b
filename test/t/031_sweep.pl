# Runs that no commit announced: prepared transactions, and starts while no worker was there. The sweep finds them.
use strict;
use warnings;
use Test::More;
use FlowctlTest;
use Parts;

my $stub = Parts::start_stub();
my $node = new_node('sweep', 'max_prepared_transactions' => 5);
http_server($node, 'first',  $stub->url('/first'));
define_flow($node, 'one_call', http_flow('first'));

# A run whose transaction never committed does not exist after the crash; one that was prepared does when it commits.
$stub->script('/first',  then => { body => { n => 1 } });
$node->safe_psql('postgres', q{BEGIN; SELECT flowctl.start('one_call', '{"who": "prepared"}'); PREPARE TRANSACTION 'p'});
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE input->>'who' = 'prepared'}), '0', 'a prepared run is not there yet');
$node->safe_psql('postgres', q{COMMIT PREPARED 'p'});
wait_for_query($node, q{SELECT status FROM flowctl.runs WHERE input->>'who' = 'prepared'}, 'SUCCEEDED');
is(scalar($stub->calls(path => '/first')), 1, 'a prepared run starts at COMMIT PREPARED, also after a crash');

# Runs that wait for a worker: started while none was there.
$node->stop('immediate');
$node->start;
my $late = start_run($node, 'one_call', {});
is(wait_for_run($node, $late), 'SUCCEEDED', 'a run that started before the worker did');

is($node->safe_psql('postgres', 'SELECT count(*) FROM flowctl.frame'), '0', 'no frame is left of a run that has ended');
is($node->safe_psql('postgres', q{SELECT count(*) FROM flowctl.runs WHERE status <> 'SUCCEEDED'}), '0', 'every run has ended well');

$node->stop;
done_testing();
