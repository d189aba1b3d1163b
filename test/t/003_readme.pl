# The SQL in the README is what a new user types first: it is run as it stands there.
use strict;
use warnings;
use Test::More;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use FlowctlTest;
use Parts;

my $readme = PostgreSQL::Test::Utils::slurp_file(abs_path(dirname(__FILE__)) . '/../../README.md');
my $node   = new_node('readme');
my $stub   = Parts::start_stub();

# The indented block with the given beginning, up to the next line that is not indented.
sub block
{
	my ($beginning) = @_;
	my ($block) = $readme =~ /^(    \Q$beginning\E.*?)^(?=\S)/ms;
	ok($block, "the README has a block that begins with $beginning");
	return $block =~ s/^    //mgr;
}

my $first = block('CREATE SERVER echo');
is(scalar(() = $first =~ /^\S/mg), 8, 'eight statements');
my $address = $stub->url =~ s{^http://}{}r;
$first =~ s/127\.0\.0\.1:8080/$address/ or die 'no address in the block';
my $out = $node->safe_psql('postgres', $first);
like($out, qr/^SUCCEEDED\|.*"after".*\|\{"order": 1, "amount": 12\.50\}$/m, 'the first flow succeeds');
like($out, qr/ExecutionSucceeded/, 'and shows its history');

is($node->safe_psql('postgres', block(q[SELECT flowctl.test_state('{ "Type": "Task"])),
	'{"output": {"id": 7, "payment": {"paid": true}}, "status": "SUCCEEDED", "nextState": "Ship"}', 'a state is tested with a mock');
my $caught = $node->safe_psql('postgres', block('SELECT jsonb_pretty(flowctl.test_state('));
like($caught, qr/"nextState": "Ask"/, 'and with an error that is caught');
like($caught, qr/"catchIndex": 0,\s+"retryIndex": 0/, 'which shows Retry and Catch');
is($node->safe_psql('postgres', block('SELECT flowctl.test_state((SELECT definition')),
	'{"output": "ok", "status": "SUCCEEDED"}', 'so is a state of a flow that is there');

$node->safe_psql('postgres', 'CREATE ROLE app');
$node->safe_psql('postgres', block('CREATE SERVER corp'));
is($node->safe_psql('postgres', q{SELECT has_server_privilege('app', 'billing', 'USAGE')}), 't', 'the same with an identity provider is accepted');

$node->stop;
done_testing();
