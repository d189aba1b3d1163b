# Policies. An endpoint that a policy names is denied what none permits, and forbid wins over permit. Conditions of every
# kind are checked at each call, and at the definition as far as the answer is known then. Denied attempts are recorded
# although their transaction rolls back.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Utils;
use FlowctlTest;
use Parts;

my $node = new_node('policy');
my $stub = Parts::start_stub();
http_server($node, 'pay',  $stub->url('/pay'), auth => 'none');
http_server($node, 'free', $stub->url('/free'), auth => 'none');
$node->safe_psql('postgres', "CREATE ROLE app LOGIN; CREATE ROLE batch LOGIN; CREATE ROLE keeper; GRANT app TO keeper; SELECT flowctl.grant_author('app'), flowctl.grant_author('batch');"
	  . 'GRANT USAGE ON FOREIGN SERVER pay, free TO app, batch');

sub define_as
{
	my ($role, $name, $definition) = @_;
	return $node->psql('postgres', "SET ROLE $role; SELECT flowctl.define_flow(" . sql_literal($name) . ', ' . sql_literal(to_json($definition)) . ')');
}

sub policy
{
	my ($name, $effect, $endpoint, $conditions, $role) = @_;
	return $node->psql('postgres', ($role ? "SET ROLE $role; " : '') . "SELECT flowctl.add_policy('$name', '$effect', " . sql_literal($endpoint) . ', ' . sql_literal(to_json($conditions // {})) . ')');
}

sub drop { $node->safe_psql('postgres', join '', map { "SELECT flowctl.drop_policy('$_');" } @_) }

sub run_of
{
	my ($flow) = @_;
	my $run = start_run($node, $flow);
	wait_for_run($node, $run);
	return run_row($node, $run);
}

sub decision { my ($row) = @_; return $node->safe_psql('postgres', "SELECT decision FROM flowctl.calls WHERE run_id = '$row->{run_id}'") }

define_as('app', 'charge', http_flow('pay'));
define_as('app', 'caught', http_flow('pay', Catch => [ { ErrorEquals => ['States.Permissions'], Next => 'Told' } ]));
define_as('app', 'caught', { StartAt => 'Call', States => {
	Call => { Type => 'Task', Resource => 'flowctl:http:pay', Catch => [ { ErrorEquals => ['States.Permissions'], Next => 'Told' } ], End => true },
	Told => { Type => 'Pass', Result => 'told', End => true } } });
define_as('batch', 'nightly', http_flow('pay'));

# Without a policy USAGE is enough.
my $row = run_of('charge');
is($row->{status}, 'SUCCEEDED', 'no policy, no question');
is(decision($row), '', 'and no decision');

# Once a policy names the endpoint, what none permits is denied.
policy('app_only', 'permit', 'pay', { role => 'app' });
$row = run_of('charge');
is($row->{status}, 'SUCCEEDED', 'what a policy permits');
is(decision($row), 'permitted by policy "app_only"', 'and it says which');
$stub->reset;
$row = run_of('nightly');
is($row->{error}, 'States.Permissions', 'what none permits');
like($row->{cause}, qr/the call of endpoint "pay" is denied: no policy permits it/, 'says so');
is(scalar($stub->calls(path => '/pay')), 0, 'and nothing is sent');
my $denial = query_json($node, "SELECT to_json(d) FROM flowctl.denials d WHERE run_id = '$row->{run_id}'");
is($denial->{action}, 'call', 'it is recorded');
is($denial->{object}, 'pay', 'which endpoint');
is($denial->{role_name}, 'batch', 'whose run');
is($denial->{reason}, 'no policy permits it', 'and why');
define_as('app', 'elsewhere', http_flow('free'));
is(run_of('elsewhere')->{status}, 'SUCCEEDED', 'other endpoints are as they were');

# Forbid wins.
policy('not_now', 'forbid', 'pay', { flow => 'char*' });
$row = run_of('charge');
like($row->{cause}, qr/is denied: forbidden by policy "not_now"/, 'what is forbidden stays so');
is(run_of('caught')->{status}, 'SUCCEEDED', 'another flow is not concerned');
drop('not_now');
policy('everywhere', 'forbid', undef, { role => 'app' });
is(run_of('elsewhere')->{error}, 'States.Permissions', 'a policy for all endpoints');
is(run_output($node, run_of('caught')->{run_id}), 'told', 'Catch sees it');
drop('everywhere');

# Each condition is tried first with a value that does not hold, then with one that does.
sub holds
{
	my ($conditions, $expected, $name) = @_;
	my ($status, $out, $err) = policy('probe', 'permit', 'pay', $conditions);
	is($status, 0, "$name is valid") or diag($err);
	is(run_of('charge')->{status}, $expected ? 'SUCCEEDED' : 'FAILED', $name);
	drop('probe');
}
drop('app_only');
policy('closed', 'permit', 'pay', { role => 'nobody' });
my ($now, $day, $hour) = split /\|/, $node->safe_psql('postgres', "SELECT now() AT TIME ZONE 'UTC', extract(isodow FROM now() AT TIME ZONE 'UTC'), to_char(now() AT TIME ZONE 'UTC', 'HH24')");
my %time = map { $_ => $node->safe_psql('postgres', "SELECT to_char((now() + interval '$_') AT TIME ZONE 'UTC', 'HH24:MI')") } ('-2 h', '2 h', '4 h');
holds({ role => [ 'x', 'app' ] }, 1, 'role, any of several');
holds({ owner => 'app', flow => 'charge', state => 'Call' }, 1, 'owner, flow and state');
holds({ owner => 'app', flow => 'charge', state => 'Other' }, 0, 'another state');
holds({ flow => 'chargeback' }, 0, 'a longer name');
holds({ flow => 'ch*' }, 1, 'a beginning');
holds({ subject => true }, 0, 'a verified user where there is none');
holds({ subject => false }, 1, 'no user');
holds({ claims => { groups => 'finance' } }, 0, 'a claim of nobody');
holds({ time => { from => $time{'-2 h'}, until => $time{'2 h'} } }, 1, 'a time of day');
holds({ time => { from => $time{'2 h'}, until => $time{'4 h'} } }, 0, 'another');
holds({ time => { days => [ 1 .. 7 ], zone => 'Europe/Berlin' } }, 1, 'any day');
holds({ time => { days => [ $day % 7 + 1, ($day + 1) % 7 + 1 ] } }, 0, 'other days')
  if $hour < 23;
holds({ after => '2020-01-01T00:00:00Z', before => '2120-01-01T00:00:00Z' }, 1, 'within two instants');
holds({ before => '2020-01-01T00:00:00Z' }, 0, 'over');
holds({ scope => 'charge:write' }, 1, 'a scope where none is asked for');

# Wrong arguments are refused with a reason.
for my $bad ([ { colour => 'x' }, qr/there is no condition/ ], [ { role => 1 }, qr/"role" must be a string or an array of strings/ ], [ { role => [] }, qr/"role" must be/ ],
	[ { time => { from => '8' } }, qr/"from" must be a time like "08:00"/ ], [ { time => { zone => 'Nowhere/At_all' } }, qr/"zone" must be the name of a time zone/ ],
	[ { before => 'tomorrow' }, qr/"before" must be a time like/ ], [ { claims => 'x' }, qr/"claims" must be an object/ ], [ [], qr/they must be a JSON object/ ])
{
	my ($status, $out, $err) = policy('bad', 'permit', 'pay', $bad->[0]);
	like($err, $bad->[1], "refused: " . to_json($bad->[0]));
}

# At the definition: what no user and no time could change is refused there, and recorded.
my ($status, $out, $err) = define_as('batch', 'more', http_flow('pay'));
like($err, qr/the call of endpoint "pay" is denied: no policy permits it/, 'a definition that no policy permits');
wait_for_query($node, "SELECT count(*) FROM flowctl.denials WHERE action = 'define_flow' AND object = 'more' AND role_name = 'batch'", '1');
is($node->safe_psql('postgres', "SELECT count(*) FROM flowctl.flows WHERE name = 'more'"), '0', 'although nothing else of its transaction is there');
policy('users', 'permit', 'pay', { subject => true });
($status, $out, $err) = define_as('batch', 'more', http_flow('pay'));
is($status, 0, 'what depends on the user is decided when it runs');
is(run_of('more')->{error}, 'States.Permissions', 'as it is');

# Other denied attempts.
($status, $out, $err) = $node->psql('postgres', "SET ROLE batch; BEGIN; SELECT flowctl.start('charge'); COMMIT");
like($err, qr/permission denied to start flow "charge"/, 'a start without the right');
wait_for_query($node, "SELECT object || ' ' || role_name FROM flowctl.denials WHERE action = 'start'", 'charge batch');

# Who sees and who may.
is($node->safe_psql('postgres', "SET ROLE app; SELECT count(*) FROM flowctl.denials WHERE role_name = 'batch'"), '0', "others' denials are not shown");
is($node->safe_psql('postgres', "SET ROLE batch; SELECT count(*) > 0 FROM flowctl.denials WHERE action = 'define_flow'"), 't', "one's own are");
is($node->safe_psql('postgres', 'SET ROLE batch; SELECT count(*) FROM flowctl.policies'), '2', 'policies of endpoints that one may use');
$node->safe_psql('postgres', 'REVOKE USAGE ON FOREIGN SERVER pay FROM batch');
is($node->safe_psql('postgres', 'SET ROLE batch; SELECT count(*) FROM flowctl.policies'), '0', 'of others not');
($status, $out, $err) = policy('mine', 'permit', 'pay', {}, 'app');
like($err, qr/permission denied to add a policy for endpoint "pay"/, 'only the owner of the endpoint adds one');
($status, $out, $err) = policy('mine', 'permit', undef, {}, 'app');
like($err, qr/permission denied to add a policy for all endpoints/, 'and only a superuser one for all');
$node->safe_psql('postgres', 'GRANT USAGE ON FOREIGN DATA WRAPPER flowctl_http TO app; SET ROLE app; '
	  . "CREATE SERVER mine FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'http://127.0.0.1/', auth 'none')");
($status, $out, $err) = policy('mine', 'permit', 'mine', {}, 'app');
is($status, 0, 'the owner may');
($status, $out, $err) = policy('mine', 'permit', 'mine', {}, 'app');
like($err, qr/policy "mine" already exists/, 'a name once');
($status, $out, $err) = $node->psql('postgres', "SET ROLE app; SELECT flowctl.drop_policy('closed')");
like($err, qr/permission denied to drop a policy for endpoint "pay"/, 'nor take away');

# Deny by default.
drop('closed', 'users', 'mine');
is(run_of('charge')->{status}, 'SUCCEEDED', 'no policy is left');
$node->safe_psql('postgres', "ALTER SYSTEM SET flowctl.policy_default = 'deny'");
$node->reload;
wait_for_query($node, "SELECT current_setting('flowctl.policy_default')", 'deny');
is(run_of('charge')->{error}, 'States.Permissions', 'where the default is to deny');
policy('all', 'permit', undef, { role => 'app' });
is(run_of('charge')->{status}, 'SUCCEEDED', 'a policy for all endpoints permits');

done_testing();
