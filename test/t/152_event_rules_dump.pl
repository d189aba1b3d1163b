# Event rules in a dump: they work in the copy, and a rule whose owner is missing starts nothing until somebody says whose it is.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Utils;
use FlowctlTest;

my $node = new_node('event_dump', 'flowctl.workers' => 1);
my $sql  = sub { return $node->safe_psql($_[1] // 'postgres', $_[0]) };
$sql->(q{CREATE ROLE gone; CREATE ROLE heir; CREATE ROLE shop; SELECT flowctl.grant_author('gone');
	GRANT EXECUTE ON FUNCTION flowctl.emit(text, jsonb, text, text) TO shop});
my $pass = q{'{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}'};
$sql->("SELECT flowctl.define_flow('ours', $pass); SELECT flowctl.grant_start('ours', 'gone');
	SELECT flowctl.define_flow('waits', '{\"StartAt\": \"W\", \"States\": {\"W\": {\"Type\": \"Task\", \"Resource\": \"flowctl:event\", \"Parameters\": {\"Type\": \"run.failed\"}, \"End\": true}}}');
	SELECT flowctl.create_event_rule('ours', 'ours', 'order.paid', 'data.n > 1', 'data', 'large', '{\"emitters\": [\"shop\"]}')");
$sql->(q{SET ROLE gone; SELECT flowctl.create_event_rule('theirs', 'ours', 'order.*', input => '{"theirs": 1}')});
my $rules = q{SELECT name, flow, event, filter, input, options, owner, enabled, comment FROM flowctl.event_rules ORDER BY name};
my $before = $sql->($rules);
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'a dump');
$sql->(q{SELECT flowctl.drop_event_rule('theirs'); DROP OWNED BY gone; DROP ROLE gone; CREATE DATABASE copy TEMPLATE template0});
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'copy', '-f', $dump ], 'is restored');
is($sql->($rules, 'copy'), $before =~ s/\|gone\|/||/r, 'the rules are there as they were');
is($sql->(q{SELECT string_agg(name || ': ' || effect, ', ') FROM flowctl.unresolved WHERE kind = 'event rule'}, 'copy'), 'theirs: it starts nothing',
	'a rule without its owner is listed');
is($sql->(q{SELECT event_types FROM flowctl_catalog.flow_version WHERE event_types IS NOT NULL}, 'copy'), '{run.failed}', 'what flows wait for is there, too');
my $emit = q{SET ROLE shop; SELECT flowctl.emit('order.paid', '{"n": 2}')};
$sql->($emit, 'copy');
is($sql->(q{SELECT input FROM flowctl.runs}, 'copy'), '{"n": 2}', 'the other rule starts its flow, for its emitter');
is($sql->(q{SELECT count(*) FROM (SELECT flowctl.emit('order.paid', '{"n": 3}')) e}, 'copy'), '1', 'a superuser is a member of every role');
$sql->(q{SELECT flowctl.grant_start('ours', 'heir'); SELECT flowctl.resolve_roles('{"gone": "heir"}')}, 'copy');
is($sql->(q{SELECT owner FROM flowctl.event_rules WHERE name = 'theirs'}, 'copy'), 'heir', 'the rule is given to another role');
$sql->($emit, 'copy');
is($sql->(q{SELECT count(*), min(starter::text) FROM flowctl.runs WHERE input ? 'theirs'}, 'copy'), '1|heir', 'and starts its flow for it');
# DROP OWNED and REASSIGN OWNED.
$sql->('CREATE ROLE next; REASSIGN OWNED BY heir TO next; DROP OWNED BY heir; DROP ROLE heir', 'copy');
is($sql->(q{SELECT owner FROM flowctl.event_rules WHERE name = 'theirs'}, 'copy'), 'next', 'REASSIGN OWNED gives it on');
$sql->($emit, 'copy');
ok(wait_for_query_in($node, 'copy', q{SELECT NOT enabled FROM flowctl.event_rules WHERE name = 'theirs'}), 'an owner who may not start the flow cannot use it');

$node->stop;
done_testing();

sub wait_for_query_in
{
	my ($where, $database, $query) = @_;
	return $where->poll_query_until($database, $query);
}
