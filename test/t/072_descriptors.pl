# Fewer file descriptors than flowctl.max_calls: calls wait in line instead of failing.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use FlowctlTest;
use Parts;
use Test::More;

my $stub = Parts::start_stub();
$stub->script('/held', then => { hold => 'all', body => {} });

# The limit is this process's from here on, and so the server's.
plan skip_all => 'no prlimit' if system("prlimit --pid $$ --nofile=400:400 2>/dev/null") != 0;
my $node = new_node('main');
http_server($node, 'ep', $stub->url('/held'));
define_flow($node, 'call', http_flow('ep'));
$node->safe_psql('postgres', q{SELECT count(flowctl.start('call')) FROM generate_series(1, 600)});
$stub->wait_for(100, path => '/held', outcome => 'held');
my $released = 0;
until ($released == 600)
{
	$stub->wait_for(1, path => '/held', outcome => 'held');
	$released += $stub->release('all');
}
wait_for_query($node, q{SELECT count(*) FROM flowctl_catalog.run WHERE status <> 'RUNNING'}, '600');
is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT status || coalesce(' ' || cause, ''), ', ') FROM flowctl.runs}), 'SUCCEEDED', 'every call got its turn');
is(scalar($stub->calls(path => '/held')), 600, 'each was sent once');
$node->stop;
done_testing();
