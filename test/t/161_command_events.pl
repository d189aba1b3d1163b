# The examples of docs/command-events.md do what the page says; what is rolled back, prepared, or asked for by nobody.
use strict;
use warnings;
use Test::More;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use FlowctlTest;

my $text = slurp_file(abs_path(dirname(__FILE__)) . '/../../docs/command-events.md');
my $node = new_node('command_events', 'flowctl.workers' => 1, max_prepared_transactions => 2);
my $sql  = sub { return $node->safe_psql('postgres', $_[0]) };

$sql->('CREATE TABLE before_all (id int)');
my @blocks = $text =~ /^```sql\n(.*?)^```/msg;
is(scalar @blocks, 3, 'the page has examples');
for my $block (@blocks)
{
	my ($status, $out, $err) = $node->psql('postgres', $block, on_error_stop => 1);
	is($err, '', 'works: ' . ($block =~ s/\s+/ /gr =~ s/^(.{1,60}).*/$1/r));
}
is($sql->(q{SELECT input - 'from' FROM flowctl.runs WHERE event->>'type' LIKE '%permission.granted'}),
	'{"may": ["SELECT"], "who": "intern"}', 'the grant of one table starts a run');
is($sql->(q{SELECT count(*) FROM flowctl.events WHERE type = 'permission.granted'}), 2, 'each table is an event');
is($sql->(q{SELECT string_agg(subject, ' ') FROM flowctl.events WHERE type = 'schema.create_table'}), 'public.bonuses', 'a table and not its index');
is($sql->(q{SELECT data->>'member' FROM flowctl.events WHERE type = 'role.granted'}), 'intern', 'a member');

# The event has the fate of its transaction.
my $grants = q{SELECT count(*) FROM flowctl.events WHERE type = 'permission.granted' AND data->'privileges' ? 'UPDATE'};
$sql->(q{BEGIN; GRANT UPDATE ON salaries TO intern; ROLLBACK});
is($sql->($grants), 0, 'a rollback leaves no event');
my ($status, $out, $err) = $node->psql('postgres', q{BEGIN; GRANT UPDATE ON salaries TO intern; SELECT 1/0; COMMIT});
is($sql->($grants), 0, 'nor does an error');
$sql->(q{BEGIN; GRANT UPDATE ON salaries TO intern; PREPARE TRANSACTION 'later'});
is($sql->($grants), 0, 'a prepared transaction has not happened yet');
$node->stop('immediate');
$node->start;
is($sql->($grants), 0, 'nor after a crash');
$sql->(q{COMMIT PREPARED 'later'});
is($sql->($grants), 1, 'and then it has');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 2 AND bool_and(status = 'SUCCEEDED') FROM flowctl.runs WHERE event->>'type' LIKE '%permission.granted'}),
	'its run is carried out');

# Another session's changes to the same catalog are not this command's.
my $other = $node->background_psql('postgres');
$other->query_safe('BEGIN');
$other->query_safe('CREATE ROLE temp_member');
$other->query_safe('GRANT pg_monitor TO temp_member');
$sql->('GRANT pg_read_all_stats TO intern');
is($sql->(q{SELECT string_agg(DISTINCT data->>'member', ' ') FROM flowctl.events WHERE type = 'role.granted'}), 'intern', 'what others have not committed is not seen');
$other->query_safe('COMMIT');
$other->quit;
is($sql->(q{SELECT string_agg(DISTINCT data->>'member', ' ' ORDER BY data->>'member') FROM flowctl.events WHERE type = 'role.granted'}), 'intern temp_member', 'and is an event of their own');
$sql->('GRANT pg_signal_backend TO intern');
is($sql->(q{SELECT count(*) FROM flowctl.events WHERE type = 'role.granted'}), 4, 'each change is one event');

# Who has caused it: the session and the role that it has taken on.
$sql->(q{GRANT SELECT ON salaries TO intern WITH GRANT OPTION; CREATE ROLE helper; SET ROLE intern; GRANT SELECT ON salaries TO helper});
is($sql->(q{SELECT emitter, session_user_name = session_user FROM flowctl.events WHERE data->>'grantee' = 'helper'}), 'intern|t', 'the role and the session');

# Nobody asks any more.
my $all = $sql->(q{SELECT flowctl.drop_event_rule(name) FROM flowctl.event_rules; SELECT count(*) FROM flowctl.events});
$all =~ s/\s//g;
$sql->('CREATE TABLE quiet (id int); GRANT SELECT ON quiet TO intern; DROP TABLE quiet');
is($sql->('SELECT count(*) FROM flowctl.events'), $all, 'nothing is recorded that nobody asks for');

# The extension goes although events of its going were asked for.
$sql->(q{SELECT flowctl.create_event_rule('everything', 'tell_security', '*')});
$sql->('DROP EXTENSION pg_flowctl CASCADE');
is($sql->(q{SELECT count(*) FROM pg_extension WHERE extname = 'pg_flowctl'}), 0, 'the extension can be dropped');
$sql->('CREATE TABLE afterwards (id int)');

done_testing();
