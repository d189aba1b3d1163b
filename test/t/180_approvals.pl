# Approvals: who may decide, that nobody decides twice or in his own run, what a decision does, and that it is neither lost nor
# made twice.
use strict;
use warnings;
use Test::More;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use FlowctlTest;
use Parts;
BEGIN { require Cwd; require File::Basename; $ENV{FLOWCTL_TEST_DIR} = Cwd::abs_path(File::Basename::dirname(__FILE__) . '/..') }

my $node = new_node('approvals', 'flowctl.issuer_encryption_keys' => 'ps256.pem', 'flowctl.issuer_keys' => 'es256.pem');
$node->safe_psql('postgres', q{
	CREATE ROLE author LOGIN; CREATE ROLE starter LOGIN; CREATE ROLE finance NOLOGIN; CREATE ROLE board NOLOGIN;
	CREATE ROLE ann LOGIN IN ROLE finance; CREATE ROLE bob LOGIN IN ROLE finance; CREATE ROLE carol LOGIN IN ROLE board; CREATE ROLE dave LOGIN;
	SELECT flowctl.grant_author('author')});

sub as { my ($role, $sql) = @_; return $node->safe_psql('postgres', $sql, extra_params => [ '-U', $role ]); }
sub error_as { my ($role, $sql) = @_; return ($node->psql('postgres', "\\set VERBOSITY verbose\n$sql", extra_params => [ '-U', $role ]))[2]; }
sub define
{
	my ($name, $terms, %more) = @_;
	as('author', 'SELECT flowctl.define_flow(' . sql_literal($name) . ', ' . sql_literal(to_json({ StartAt => 'Ask', States => { Ask => {
		Type => 'Task', Resource => 'flowctl:approval', Parameters => { Title => 'Pay?', %$terms }, End => true, %more } } })) . ')');
	as('author', "SELECT flowctl.grant_start('$name', 'starter')");
}
sub start { my ($name, $input) = @_; return as('starter', "SELECT flowctl.start('$name', " . sql_literal(to_json($input // {})) . ')'); }
sub approval_of
{
	my ($run) = @_;
	wait_for_query($node, "SELECT count(*) FROM flowctl.approvals WHERE run_id = '$run' AND status = 'WAITING'", '1');
	return $node->safe_psql('postgres', "SELECT approval FROM flowctl.approvals WHERE run_id = '$run' AND status = 'WAITING'");
}
sub decisions { my ($run) = @_; return query_json($node, "SELECT jsonb_path_query_array(decisions, '\$[*].decision') FROM flowctl.approvals WHERE run_id = '$run'"); }

# One of several approves.
define('pay', { Approvers => ['finance'], 'Message.$' => '$.text' });
my $run = start('pay', { text => '1,000 EUR' });
my $approval = approval_of($run);
is(as('ann', 'SELECT title, message, approvers, stage, status FROM flowctl.approvals'), 'Pay?|1,000 EUR|{finance}|1|WAITING', 'an approver sees it');
is(as('dave', 'SELECT count(*) FROM flowctl.approvals'), '0', 'a stranger does not');
is(as('author', 'SELECT kind, waiting_for FROM flowctl.waiting_tasks'), 'approval|a decision (flowctl.approvals)', 'the run waits for a decision');
for my $who (qw(dave starter author))
{
	like(error_as($who, "SELECT flowctl.approve('$approval')"), qr/42501: permission denied to approve \Q$approval\E/, "$who may not decide");
}
my ($there) = error_as('dave', "SELECT flowctl.approve('$approval')") =~ /(DETAIL.*?)\n/;
my ($not_there) = error_as('dave', q{SELECT flowctl.approve('00000000-0000-7000-8000-000000000000')}) =~ /(DETAIL.*?)\n/;
is($there, $not_there, 'a stranger does not learn whether an approval exists');
like(error_as('postgres', "SELECT flowctl.approve('$approval')"), qr/42501/, 'to be a superuser is not enough');
as('ann', "BEGIN; SELECT flowctl.approve('$approval', 'never said'); ROLLBACK");
is_deeply(decisions($run), [], 'a decision that rolls back was not made');
as('ann', "SELECT flowctl.approve('$approval', 'looks right')");
is(wait_for_run($node, $run), 'SUCCEEDED', 'one approves, and the run goes on');
my $output = run_output($node, $run);
is($output->{Decision}, 'approved', 'its result');
like($output->{Decisions}[0]{At}, qr/^\d{4}-\d\d-\d\dT[\d:.]+Z$/, 'says when');
delete $output->{Decisions}[0]{At};
is_deeply($output->{Decisions}, [ { By => 'ann', Subject => undef, Decision => 'approved', Reason => 'looks right', Answer => undef } ], 'who and why');
like(error_as('bob', "SELECT flowctl.approve('$approval')"), qr/55000: approval \Q$approval\E is over: it is APPROVED/, 'then it is over');
is($node->safe_psql('postgres', "SELECT count(DISTINCT h) FROM flowctl.approvals, LATERAL (VALUES (input_hash), (decisions->0->>'input_hash')) v (h) WHERE run_id = '$run'"), '1', 'the decision names what was decided');
is(history_types($node, $run), 'ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSubmitted TaskSucceeded TaskStateExited ExecutionSucceeded', 'its history');

# Two of them, a reason and an answer.
define('two', { Approvers => ['finance'], Approve => 2, ReasonRequired => true, Schema => { type => 'object', required => ['amount'], properties => { amount => { type => 'integer' } } } });
$run = start('two');
$approval = approval_of($run);
like(error_as('ann', "SELECT flowctl.approve('$approval')"), qr/22004: this approval asks for a reason/, 'a reason is needed');
like(error_as('ann', "SELECT flowctl.approve('$approval', 'r')"), qr/22004: this approval asks for an answer/, 'and an answer');
like(error_as('ann', "SELECT flowctl.approve('$approval', 'r', '{\"amount\": \"much\"}')"), qr{22023: the answer does not fit the approval's Schema: /amount is not of type integer}, 'that fits');
as('ann', "SELECT flowctl.approve('$approval', 'r', '{\"amount\": 7}')");
like(error_as('ann', "SELECT flowctl.approve('$approval', 'r', '{\"amount\": 8}')"), qr/55000: you have decided approval \Q$approval\E already/, 'nobody decides twice');
is(run_row($node, $run)->{status}, 'RUNNING', 'one is not enough');
as('bob', "SELECT flowctl.approve('$approval', 's', '{\"amount\": 9}')");
is(wait_for_run($node, $run), 'SUCCEEDED', 'two are');
is_deeply([ map { $_->{Answer}{amount} } @{ run_output($node, $run)->{Decisions} } ], [ 7, 9 ], 'with both answers');

# Denied.
$run = start('pay', { text => 'x' });
as('bob', "SELECT flowctl.deny('" . approval_of($run) . "', 'too much')");
is(wait_for_run($node, $run), 'FAILED', 'a denial fails the Task');
is(run_row($node, $run)->{error}, 'Flowctl.Denied', 'by its name');
is(from_json(run_row($node, $run)->{cause})->{Decisions}[0]{Reason}, 'too much', 'and the cause says why');

# Stages, and a membership that is lost.
define('stages', { Stages => [ { Approvers => ['finance'] }, { Approvers => ['board'] } ] });
$run = start('stages');
$approval = approval_of($run);
like(error_as('carol', "SELECT flowctl.approve('$approval')"), qr/42501/, 'the second stage has not begun');
as('ann', "SELECT flowctl.approve('$approval')");
is(as('carol', "SELECT stage, approvers FROM flowctl.approvals WHERE status = 'WAITING'"), '2|{board}', 'now it has');
like(error_as('bob', "SELECT flowctl.approve('$approval')"), qr/42501/, 'and the first is over');
$node->safe_psql('postgres', 'REVOKE board FROM carol');
like(error_as('carol', "SELECT flowctl.approve('$approval')"), qr/42501/, 'who has lost the role decides nothing');
$node->safe_psql('postgres', 'GRANT board TO carol');
as('carol', "SELECT flowctl.approve('$approval')");
is(wait_for_run($node, $run), 'SUCCEEDED', 'both stages are satisfied');

# Escalation, and a decision that has become too old. The clock is moved by hand, in the rows.
define('late', { Approvers => ['finance'], Approve => 2, EscalateAfter => 3600, EscalateTo => ['board'], ValidFor => 3600 });
$run = start('late');
$approval = approval_of($run);
like(error_as('carol', "SELECT flowctl.approve('$approval')"), qr/42501/, 'not before the time of escalation');
is(as('carol', "SELECT count(*) FROM flowctl.approvals WHERE run_id = '$run'"), '0', 'nor is it seen');
$node->safe_psql('postgres', "UPDATE flowctl_catalog.approval SET escalates_at = now() - interval '1 s' WHERE approval_id = '$approval'");
as('carol', "SELECT flowctl.approve('$approval')");
$node->safe_psql('postgres', "UPDATE flowctl_catalog.approval_decision SET at = at - interval '2 h' WHERE approval_id = '$approval'");
as('ann', "SELECT flowctl.approve('$approval')");
is(run_row($node, $run)->{status}, 'RUNNING', 'an old decision does not count');
as('carol', "SELECT flowctl.approve('$approval')");
is(wait_for_run($node, $run), 'SUCCEEDED', 'but is made again');

# Delegation.
$run = start('pay', { text => 'x' });
$approval = approval_of($run);
like(error_as('bob', q{SELECT flowctl.delegate_approvals('dave', now() - interval '1 s')}), qr/22023: until must not be in the past/, 'a delegation ends later');
as('bob', q{SELECT flowctl.delegate_approvals('dave', now() + interval '1 h')});
is(as('dave', "SELECT count(*) FROM flowctl.approvals WHERE run_id = '$run'"), '1', 'a delegate sees it');
as('bob', q{SELECT flowctl.delegate_approvals('dave', NULL)});
like(error_as('dave', "SELECT flowctl.approve('$approval')"), qr/42501/, 'not after its end');
as('bob', q{SELECT flowctl.delegate_approvals('dave', now() + interval '1 h')});
as('dave', "SELECT flowctl.approve('$approval')");
is(wait_for_run($node, $run), 'SUCCEEDED', 'a delegate decides');
is(run_output($node, $run)->{Decisions}[0]{OnBehalfOf}, 'bob', 'for whom, is recorded');

# The owner withdraws; a timeout; a stop.
$run = start('pay', { text => 'x' });
$approval = approval_of($run);
like(error_as('ann', "SELECT flowctl.withdraw_approval('$approval')"), qr/42501/, 'an approver does not withdraw');
as('author', "SELECT flowctl.withdraw_approval('$approval', 'a mistake')");
is(wait_for_run($node, $run), 'FAILED', 'the owner does');
is(run_row($node, $run)->{error} . ': ' . run_row($node, $run)->{cause}, 'Flowctl.Withdrawn: a mistake', 'with a name and a reason');
define('short', { Approvers => ['finance'] }, TimeoutSeconds => 1);
$run = start('short');
is(wait_for_run($node, $run), 'FAILED', 'nobody decides in time');
is(run_row($node, $run)->{error}, 'States.Timeout', 'which is a timeout');
is($node->safe_psql('postgres', "SELECT status FROM flowctl.approvals WHERE run_id = '$run'"), 'EXPIRED', 'the view says so');
$run = start('pay', { text => 'x' });
$approval = approval_of($run);
as('author', "SELECT flowctl.stop('$run')");
is(wait_for_run($node, $run), 'ABORTED', 'a run that waits is stopped');
like(error_as('ann', "SELECT flowctl.approve('$approval')"), qr/55000: approval \Q$approval\E is over: the run does not wait for it any more/, 'and is not decided any more');
as('author', "SELECT flowctl.redrive('$run')");
isnt(approval_of($run), $approval, 'a redrive asks again');

# At definition and at run time, what is wrong is told.
like(error_as('author', q[SELECT flowctl.define_flow('bad', '{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"flowctl:approval","Parameters":{"Title":"T","Approvers":["nobody"]},"End":true}}}')]),
	qr/names role "nobody", which does not exist/, 'a role that does not exist');
like(error_as('author', q[SELECT flowctl.define_flow('bad', '{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"flowctl:approval","Parameters":{"Title":"T","Approvers":["finance"]},"End":true}}}', 'EXPRESS')]),
	qr/Express state machine does not support approvals/, 'EXPRESS flows wait for nobody');
define('open', { 'Approvers.$' => '$.who' });
$run = start('open', { who => ['nobody'] });
is(wait_for_run($node, $run), 'FAILED', 'the same from data');
is(run_row($node, $run)->{error}, 'Flowctl.InvalidApproval', 'by a name of its own');

# Approvals are events. A reminder is due again after RemindEvery; the clock is moved by hand, in the row.
as('author', q[SELECT flowctl.define_flow('note', '{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}'), flowctl.create_event_rule('notes', 'note', 'approval.*')]);
define('remind', { Approvers => ['finance'], RemindEvery => 3600 });
$run = start('remind');
$approval = approval_of($run);
sub events { return $node->safe_psql('postgres', "SELECT string_agg(type, ' ' ORDER BY at) FROM flowctl.events WHERE subject = '$approval'"); }
wait_for_query($node, "SELECT count(*) FROM flowctl.events WHERE subject = '$approval'", '1');
$node->safe_psql('postgres', "UPDATE flowctl_catalog.approval SET reminds_at = now() - interval '1 s' WHERE approval_id = '$approval'; ALTER SYSTEM SET flowctl.sweep_interval = '100ms'; SELECT pg_reload_conf()");
wait_for_query($node, "SELECT count(*) FROM flowctl.events WHERE subject = '$approval' AND type = 'approval.waiting'", '1');
is($node->safe_psql('postgres', "SELECT reminds_at > now() + interval '50 min' FROM flowctl_catalog.approval WHERE approval_id = '$approval'"), 't', 'the next reminder is due later');
as('ann', "SELECT flowctl.approve('$approval')");
is(events(), 'approval.requested approval.waiting approval.decided', 'what happens to an approval is an event');
is($node->safe_psql('postgres', "SELECT data->>'title', data->>'decision', data->>'status' FROM flowctl.events WHERE subject = '$approval' AND type = 'approval.decided'"), 'Pay?|approved|APPROVED', 'which says what was decided');
wait_for_query($node, q{SELECT count(*) FROM flowctl.runs WHERE flow = 'note' AND status = 'SUCCEEDED'}, '3');
as('author', q{SELECT flowctl.drop_event_rule('notes')});

# Who may see the run, but not its payloads, sees that it waits, and not for what.
$node->safe_psql('postgres', q{CREATE ROLE oncall LOGIN});
as('author', q{SELECT flowctl.grant_flow('pay', 'oncall', '{operate}')});
$run = start('pay', { text => 'secret' });
$approval = approval_of($run);
is(as('oncall', "SELECT status, title IS NULL, message IS NULL, terms IS NULL FROM flowctl.approvals WHERE run_id = '$run'"), 'WAITING|t|t|t', 'payloads are for those who decide or may read them');
is(as('ann', "SELECT message FROM flowctl.approvals WHERE run_id = '$run'"), 'secret', 'such as an approver');

# A role has a bounded number of delegations.
$node->safe_psql('postgres', q{DO $$ BEGIN FOR i IN 1 .. 101 LOOP EXECUTE 'CREATE ROLE d' || i; END LOOP; END $$});
like(error_as('carol', q{SELECT flowctl.delegate_approvals(('d' || i)::regrole, now() + interval '1 h') FROM generate_series(1, 101) i}),
	qr/54000: a role cannot have more than 100 delegations/, 'a role cannot fill the list that every decision reads');

# Two at the same time: the second sees what the first has decided.
define('race', { Approvers => ['finance'], Approve => 2 });
$run = start('race');
$approval = approval_of($run);
my $first = $node->background_psql('postgres', extra_params => [ '-U', 'ann' ]);
$first->query_safe("BEGIN; SELECT flowctl.approve('$approval')");
my $second = $node->background_psql('postgres', extra_params => [ '-U', 'bob' ]);
$second->query_until(qr/sent/, "\\echo sent\nSELECT flowctl.approve('$approval');\n");
wait_for_query($node, q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%approve%'}, '1');
$first->query_safe('COMMIT');
$second->query_safe('SELECT 1');
is(wait_for_run($node, $run), 'SUCCEEDED', 'two at the same time are two');
$_->quit for $first, $second;

# A crash after the decision: it is taken once.
$run = start('pay', { text => 'x' });
$approval = approval_of($run);
my @stopped = worker_pids($node);
kill 'STOP', @stopped;
as('ann', "SELECT flowctl.approve('$approval')");
kill_server($node);
kill 'KILL', @stopped;
start_again($node);
is(wait_for_run($node, $run), 'SUCCEEDED', 'a decision outlives a crash');
is($node->safe_psql('postgres', "SELECT count(*) FROM flowctl.history WHERE run_id = '$run' AND type = 'TaskSucceeded'"), '1', 'and is taken once');

# One database role and many end users: the verified user decides.
my $web   = Parts::start_stub(tls => 1);
my $users = $web->url('/users');
my %key   = %{ from_json(slurp_file(Parts::pki() . '/clients.json'))->{keys}{rs256} };
delete $key{alg};
$web->script('/users/.well-known/openid-configuration', then => { body => { issuer => $users, jwks_uri => "$users/jwks" } });
$web->script('/users/jwks', then => { body => { keys => [ \%key ] } });
$node->safe_psql('postgres', 'ALTER SYSTEM SET flowctl.issuer_url = ' . sql_literal($web->url('/own')));
$node->reload;
wait_for_query($node, q{SELECT current_setting('flowctl.issuer_url')}, $web->url('/own'));
my ($enc) = grep { $_->{use} eq 'enc' } @{ from_json($node->safe_psql('postgres', 'SELECT flowctl.jwks()'))->{keys} };
sub token
{
	my ($who, @groups) = @_;
	my $input = to_json({ key => 'rs256.pem', header => { alg => 'RS256', kid => 'rs256', typ => 'at+jwt' }, encrypt => { jwk => $enc, alg => 'RSA-OAEP-256', enc => 'A256GCM' },
		claims => { iss => $users, sub => $who, aud => 'https://db.example', exp => time + 300, groups => \@groups } });
	my ($out, $err);
	IPC::Run::run([ Parts::node(), "$ENV{FLOWCTL_TEST_DIR}/idp/token.mjs", Parts::pki() . '/secrets' ], '<', \$input, '>', \$out, '2>', \$err) or die $err;
	return $out;
}
$node->safe_psql('postgres', "CREATE ROLE app LOGIN; CREATE SERVER corp FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer '$users', subject_audience 'https://db.example', subject_claims 'groups', ca_file 'ca.pem');"
	. 'GRANT USAGE ON FOREIGN SERVER corp TO app');
define('group', { Approvers => ['group:corp/leads'], Approve => 2 });
$node->safe_psql('postgres', q{SELECT flowctl.grant_start('group', 'app')});
sub with_token { my ($token, $sql) = @_; return 'BEGIN; SELECT flowctl.set_subject_token(' . sql_literal($token) . ") \\gset ignored_\n$sql; COMMIT"; }
$run = as('app', with_token(token('erin', 'leads'), q{SELECT flowctl.start('group')}));
$approval = approval_of($run);
like(error_as('app', with_token(token('erin', 'leads'), "SELECT flowctl.approve('$approval')")), qr/42501.*\n?.*lacks AllowStarter/s, 'the user who has started it does not decide');
like(error_as('app', with_token(token('frank', 'staff'), "SELECT flowctl.approve('$approval')")), qr/42501/, 'nor one who is not in the group');
like(error_as('app', "SELECT flowctl.approve('$approval')"), qr/42501/, 'nor the application by itself');
is(as('app', with_token(token('gina', 'leads'), "SELECT count(*) FROM flowctl.approvals WHERE run_id = '$run'")), '1', 'one in the group sees it');
as('app', with_token(token('gina', 'leads'), "SELECT flowctl.approve('$approval')"));
like(error_as('app', with_token(token('gina', 'leads'), "SELECT flowctl.approve('$approval')")), qr/you have decided approval/, 'and decides once');
as('app', with_token(token('hugo', 'leads', 'staff'), "SELECT flowctl.approve('$approval')"));
is(wait_for_run($node, $run), 'SUCCEEDED', 'two users of one database role are two people');
is_deeply([ map { $_->{Subject} } @{ run_output($node, $run)->{Decisions} } ], [ 'gina', 'hugo' ], 'who they are, is recorded');

# Erasure.
as('author', "SELECT flowctl.redact('$run', 'asked for')");
is($node->safe_psql('postgres', "SELECT count(*) FROM flowctl_catalog.approval_decision d JOIN flowctl_catalog.approval a USING (approval_id) WHERE a.run_id = '$run' AND (d.subject ~ 'gina|hugo' OR a.title ~ 'Pay')"), '0', 'a redaction takes the decisions along');
is($node->safe_psql('postgres', "SELECT count(*) FROM flowctl.approvals WHERE run_id = '$run'"), '1', 'the view goes on to work');

$node->stop;
done_testing();
