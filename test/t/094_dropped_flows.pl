# drop_flow() does not wait for transactions that have started a run and not committed: their runs keep their version, which
# goes when no run can need it any more.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use Test::More;

my $node = new_node('main', max_prepared_transactions => 5);
my $wait = { StartAt => 'W', States => { W => { Type => 'Wait', SecondsPath => '$.seconds', End => true } } };
my $versions = 'SELECT count(*) FROM flowctl_catalog.flow_version';

# What the housekeeper does about versions takes two of its rounds.
sub keep_house { $node->safe_psql('postgres', 'SELECT flowctl.keep_house()') for 1 .. 3; }

# A start that has not committed.
define_flow($node, 'gone', $wait);
my $one = $node->background_psql('postgres');
my $run = $one->query_safe(q{BEGIN; SELECT flowctl.start('gone', '{"seconds": 1}')});
$node->safe_psql('postgres', q{SELECT flowctl.drop_flow('gone')});
is($node->safe_psql('postgres', 'SELECT count(*) FROM flowctl.flow_versions'), '0', 'the flow is gone at once');
my ($status, undef, $stderr) = $node->psql('postgres', q{SELECT flowctl.start('gone')});
like($stderr, qr/flow "gone" does not exist/, 'nobody can start it any more');
keep_house();
is($node->safe_psql('postgres', $versions), '1', 'its version stays while a transaction is open that may need it');
$one->query_safe('COMMIT');
is(wait_for_run($node, $run), 'SUCCEEDED', 'the run that was started before goes on');
keep_house();
is($node->safe_psql('postgres', $versions), '0', 'then the version goes, too');

# One whose start is prepared, and one that reads an old state and starts only after the drop.
define_flow($node, 'gone', $wait);
$run = $node->safe_psql('postgres', q{BEGIN; SELECT flowctl.start('gone', '{"seconds": 1}'); PREPARE TRANSACTION 'later'});
$one->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
$node->safe_psql('postgres', q{SELECT flowctl.drop_flow('gone')});
keep_house();
is($node->safe_psql('postgres', $versions), '1', 'a snapshot and a prepared transaction keep it');
my $late = $one->query_safe(q{SELECT flowctl.start('gone', '{"seconds": 3}')});
$one->query_safe('COMMIT');
$node->safe_psql('postgres', q{COMMIT PREPARED 'later'});
keep_house();
is(wait_for_run($node, $_), 'SUCCEEDED', 'a run of it goes on') for $run, $late;
keep_house();
is($node->safe_psql('postgres', $versions), '0', 'the version goes at last');

# The name is free at once, and a dump has no version of a dropped flow.
define_flow($node, 'gone', $wait);
$one->query_safe(q{BEGIN; SELECT flowctl.start('gone', '{"seconds": 0}')});
$node->safe_psql('postgres', q{SELECT flowctl.drop_flow('gone')});
is(define_flow($node, 'gone', { StartAt => 'P', States => { P => { Type => 'Pass', Result => 'new', End => true } } }), '1', 'the name can be used again');
$run = start_run($node, 'gone');
is(wait_for_run($node, $run), 'SUCCEEDED', 'by another flow');
is(run_output($node, $run), 'new', 'which is what runs');
my $dump = '';
IPC::Run::run([ 'pg_dump', '--data-only', '-d', $node->connstr('postgres') ], '>', \$dump);
is(() = ($dump =~ /SecondsPath/g), 0, 'a dump has nothing of the dropped one');
$one->query_safe('ROLLBACK');
$one->quit;
$node->stop;
done_testing();
