# A dump is restored into a server that lacks a role, and nobody shall have what the role had.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Utils;
use FlowctlTest;

my $node = new_node('missing_roles', 'flowctl.workers' => 1);
my $sql  = sub { return $node->safe_psql($_[1] // 'postgres', $_[0]) };
$sql->(q{CREATE ROLE gone; CREATE ROLE others; SELECT flowctl.grant_author('gone'); SELECT flowctl.grant_author('others');
	SET ROLE gone;
	SELECT flowctl.create_limit('theirs', 5), flowctl.create_activity('theirs'), flowctl.grant_limit('theirs', 'others'), flowctl.grant_activity('theirs', 'others');
	SET ROLE others;
	SELECT flowctl.create_limit('ours', 5), flowctl.create_activity('ours'), flowctl.grant_limit('ours', 'gone'), flowctl.grant_activity('ours', 'gone')});
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'a dump');
$sql->('DROP OWNED BY gone; DROP ROLE gone; CREATE DATABASE copy TEMPLATE template0');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'copy', '-f', $dump ], 'is restored');
is($sql->(q{SELECT string_agg(DISTINCT kind, ', ' ORDER BY kind) FROM flowctl.unresolved WHERE missing = 'role gone'}, 'copy'),
	'activity, activity grant, author, limit, limit grant', 'what the role owned and was granted is listed');
$sql->(q{SELECT flowctl.resolve_roles('{"gone": null}')}, 'copy');
is($sql->('SELECT count(*) FROM flowctl.unresolved', 'copy'), '0', 'all of it is taken away, with what others were granted on it');
my $rest = q{SELECT (SELECT string_agg(name, ' ') FROM flowctl_catalog.named_limit), (SELECT string_agg(name, ' ') FROM flowctl_catalog.activity),
	(SELECT count(*) FROM flowctl_catalog.limit_grant), (SELECT count(*) FROM flowctl_catalog.activity_grant)};
is($sql->($rest, 'copy'), 'ours|ours|0|0', 'and what another role owns stays');
is($sql->($rest), 'ours|ours|0|0', 'DROP OWNED does the same');

# A run that waits at a limit goes on when the limit goes with its owner.
$sql->(q{CREATE ROLE passing; SELECT flowctl.grant_author('passing'); SET ROLE passing; SELECT flowctl.create_limit('narrow', 1)});
define_flow($node, 'waits', { StartAt => 'W', States => { W => { Type => 'Wait', Seconds => 10_000, End => true } } });
$sql->(q{SELECT flowctl.alter_flow('waits', '{"limits": ["narrow"]}'); SELECT flowctl.start('waits') FROM generate_series(1, 2)});
my $phases = q{SELECT string_agg(phase, ' ' ORDER BY phase) = '%s' FROM flowctl.runs WHERE flow = 'waits'};
ok(wait_for_query($node, sprintf $phases, 'QUEUED WAITING'), 'of two runs one waits at a limit');
$sql->('DROP OWNED BY passing');
ok(wait_for_query($node, sprintf $phases, 'WAITING WAITING'), 'it begins when the limit has gone with its owner');

$node->stop;
done_testing();
