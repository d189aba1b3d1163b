# A SQL step sees the verified end user of its run, by current_run() and by the setting that PostgREST's policies read, and a step of
# another user in the same process sees nothing of it. Parallel workers of a step are its role, too.
use strict;
use warnings;
use Test::More;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use FlowctlTest;
use Parts;
BEGIN { require Cwd; require File::Basename; $ENV{FLOWCTL_TEST_DIR} = Cwd::abs_path(File::Basename::dirname(__FILE__) . '/..') }

my $web   = Parts::start_stub(tls => 1);
my $users = $web->url('/users');
my $keys  = from_json(slurp_file(Parts::pki() . '/clients.json'))->{keys};
my $node  = new_node('sql_identity', 'flowctl.issuer_encryption_keys' => 'ps256.pem', 'flowctl.issuer_keys' => 'es256.pem', 'flowctl.issuer_url' => $web->url('/own'),
	'flowctl.sql_workers' => 1);
my %key = %{ $keys->{rs256} };
delete $key{alg};
$web->script('/users/.well-known/openid-configuration', then => { body => { issuer => $users, jwks_uri => "$users/jwks" } });
$web->script('/users/jwks', then => { body => { keys => [ \%key ] } });
my ($enc) = grep { $_->{use} eq 'enc' } @{ from_json($node->safe_psql('postgres', 'SELECT flowctl.jwks()'))->{keys} };

sub token
{
	my (%claims) = @_;
	my $input = to_json({ header => { alg => 'RS256', kid => 'rs256', typ => 'at+jwt' }, key => 'rs256.pem',
		claims  => { iss => $users, aud => 'https://db.example', exp => time + 300, secret => 'not recorded', %claims },
		encrypt => { jwk => $enc, alg => 'RSA-OAEP-256', enc => 'A256GCM' } });
	my ($out, $err);
	IPC::Run::run([ Parts::node(), "$ENV{FLOWCTL_TEST_DIR}/idp/token.mjs", Parts::pki() . '/secrets' ], '<', \$input, '>', \$out, '2>', \$err) or die $err;
	return $out;
}

$node->safe_psql('postgres', "CREATE ROLE app LOGIN; SELECT flowctl.grant_author('app'); CREATE SCHEMA app AUTHORIZATION app;
	CREATE SERVER users FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer '$users', subject_audience 'https://db.example', subject_claims 'groups email', ca_file 'ca.pem');
	GRANT USAGE ON FOREIGN SERVER users TO app;" . q{
	CREATE TABLE public.notes (owner text, note text);
	INSERT INTO public.notes VALUES ('alice', 'of alice'), ('bob', 'of bob');
	ALTER TABLE public.notes ENABLE ROW LEVEL SECURITY;
	CREATE POLICY own ON public.notes USING (owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
	GRANT SELECT ON public.notes TO app;
	SET ROLE app;
	CREATE FUNCTION app.notes() RETURNS SETOF text LANGUAGE sql AS 'SELECT note FROM public.notes ORDER BY note';
	CREATE FUNCTION app.user() RETURNS json LANGUAGE sql AS $$ SELECT json_build_object('subject', subject, 'claims', subject_claims, 'jwt', current_setting('request.jwt.claims')::json)
		FROM flowctl.current_run() $$;
	CREATE FUNCTION app.starts() RETURNS uuid LANGUAGE sql AS $$ SELECT flowctl.start('user') $$;
	CREATE FUNCTION app.takes(token text) RETURNS text LANGUAGE sql AS $$ SELECT flowctl.set_subject_token(token, is_local => false) $$;
	CREATE FUNCTION app.who() RETURNS json LANGUAGE plpgsql PARALLEL SAFE AS
	$$ BEGIN RETURN json_build_object('leader', pg_backend_pid()::text = current_setting('app.pid'), 'session', session_user, 'super', current_setting('is_superuser')); END $$;
});
my $force = $node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
$node->safe_psql('postgres', "SET ROLE app; CREATE FUNCTION app.parallel() RETURNS SETOF json LANGUAGE plpgsql SET $force = on AS
	\$\$ BEGIN PERFORM set_config('app.pid', pg_backend_pid()::text, true); RETURN QUERY SELECT app.who(); END \$\$;");
for my $name (qw(notes user parallel starts takes))
{
	my $flow = to_json({ StartAt => 'S', States => { S => { Type => 'Task', Resource => "flowctl:sql:app.$name", $name eq 'takes' ? () : (Parameters => {}), End => true } } });
	$node->safe_psql('postgres', "SET ROLE app; SELECT flowctl.define_flow('$name', " . sql_literal($flow) . ')');
}

sub start_for
{
	my ($token, $flow) = @_;
	return $node->safe_psql('postgres', 'SET ROLE app; BEGIN; SELECT flowctl.set_subject_token(' . sql_literal($token) . ") \\gset ignored_\nSELECT flowctl.start('$flow'); COMMIT");
}
my ($alice, $bob) = (token(sub => 'alice', groups => ['finance']), token(sub => 'bob', email => 'bob@example.com'));
my @runs = map { start_for($_, 'notes') } $alice, $bob;
push @runs, $node->safe_psql('postgres', "SET ROLE app; SELECT flowctl.start('notes')");
is(wait_for_run($node, $_), 'SUCCEEDED', 'a step under policies') or diag(run_row($node, $_)->{cause}) for @runs;
is_deeply(run_output($node, $runs[0]), ['of alice'], 'sees what its user may see');
is_deeply(run_output($node, $runs[1]), ['of bob'],   'another user something else');
is_deeply(run_output($node, $runs[2]), [],           'and a run without a user nothing');
my $run = start_for($alice, 'user');
is(wait_for_run($node, $run), 'SUCCEEDED', 'a step asks for its user');
is_deeply(run_output($node, $run), { subject => 'alice', claims => { groups => ['finance'] }, jwt => { iss => $users, sub => 'alice', groups => ['finance'] } },
	'and is told what the issuer said, as far as it is recorded');
$run = start_run($node, 'parallel', {});
is(wait_for_run($node, $run), 'SUCCEEDED', 'a step with a parallel worker') or diag(run_row($node, $run)->{cause});
is_deeply(run_output($node, $run), [ { leader => false, session => 'app', super => 'off' } ], 'which is the role, too');

# What a step starts, it starts for the user of its run, and for no user of another step.
$run = start_for($alice, 'starts');
is(wait_for_run($node, $run), 'SUCCEEDED', 'a step starts a run');
my $started = run_output($node, $run);
is(wait_for_run($node, $started), 'SUCCEEDED', 'which goes on by itself');
is(run_output($node, $started)->{subject}, 'alice', 'for the same user');
is(run_row($node, $started)->{asserted_subject}, undef, 'who is verified, and not only asserted');
$run = start_run($node, 'takes', { token => $bob });
is(wait_for_run($node, $run), 'SUCCEEDED', 'a step hands a token over') or diag(run_row($node, $run)->{cause});
is(run_output($node, $run), 'bob', 'of another user');
$run = start_run($node, 'starts', {});
is(wait_for_run($node, $run), 'SUCCEEDED', 'the next step in the same process');
is(run_row($node, run_output($node, $run))->{subject}, undef, 'has nothing of it');

# Within the step the role may have got another name.
$node->safe_psql('postgres', 'ALTER ROLE app RENAME TO renamed');
$run = start_run($node, 'parallel', {});
is(wait_for_run($node, $run), 'SUCCEEDED', 'a role that was renamed') or diag(run_row($node, $run)->{cause});
is_deeply(run_output($node, $run), [ { leader => false, session => 'renamed', super => 'off' } ], 'has its new name at the next step');
unlike(slurp_file($node->logfile), qr/not recorded/, 'the log has no claim of the token');
done_testing();
