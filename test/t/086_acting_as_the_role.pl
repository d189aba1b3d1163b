# The SQL of a distributed Map runs as a session of the run's role would: whatever asks who it is gets that role, nothing gets
# back to the superuser that the process was authenticated as, and no function outlasts the time that it has.
use strict;
use warnings;
use Test::More;
use FlowctlTest;

my $node = new_node('main');
my $sql = sub { return $node->safe_psql('postgres', $_[0]) };
$sql->(q{
	CREATE ROLE author; CREATE ROLE victim; CREATE SCHEMA author AUTHORIZATION author; CREATE SCHEMA victim AUTHORIZATION victim;
	SELECT flowctl.grant_author('author');
	CREATE TABLE victim.pay (emp name, amount int); INSERT INTO victim.pay VALUES ('victim', 100000), ('author', 1);
	ALTER TABLE victim.pay OWNER TO victim; ALTER TABLE victim.pay ENABLE ROW LEVEL SECURITY; ALTER TABLE victim.pay FORCE ROW LEVEL SECURITY;
	CREATE POLICY own ON victim.pay USING (emp = session_user OR current_setting('is_superuser') = 'on'
		OR pg_has_role(session_user, 'pg_read_all_data', 'USAGE')
		OR emp = (SELECT usename FROM pg_stat_get_activity(pg_backend_pid()) a JOIN pg_user u ON u.usesysid = a.usesysid));
	GRANT USAGE ON SCHEMA victim TO author; GRANT SELECT ON victim.pay TO author});

# A Map state; %more goes into it.
sub map_flow
{
	my (%more) = @_;
	return to_json({
		StartAt => 'Each',
		States  => {
			Each => {
				Type          => 'Map',
				ItemProcessor => {
					ProcessorConfig => { Mode => 'DISTRIBUTED', ExecutionType => 'STANDARD' },
					StartAt         => 'One',
					States          => { One => { Type => 'Pass', End => true } },
				},
				End => true,
				%more,
			},
		},
	});
}
sub query { return (ItemReader => { Resource => 'flowctl:sql:query', Parameters => { Query => $_[0] } }) }
sub define
{
	my ($name, $definition) = @_;
	$sql->("SET SESSION AUTHORIZATION author; SELECT flowctl.define_flow('$name', " . sql_literal($definition) . ')');
}

# ---- who a query is

my @whoami = (
	'session_user::text AS session', 'current_user::text AS "current"', q{current_setting('is_superuser') AS is_superuser},
	q{current_setting('session_authorization') AS "authorization"}, q{current_setting('role') AS role},
	q{(SELECT usesysid::regrole::text FROM pg_stat_get_activity(pg_backend_pid())) AS activity},
	q{pg_stat_get_backend_userid(b)::regrole::text AS backend});
my %expected = (session => 'author', current => 'author', is_superuser => 'off', authorization => 'author', role => 'none', activity => 'author', backend => 'author');
if ($node->pg_version >= 16)
{
	push @whoami, 'system_user AS system';
	$expected{system} = undef;
}
my $whoami = 'SELECT ' . join(', ', @whoami) . ' FROM (SELECT b FROM pg_stat_get_backend_idset() b WHERE pg_stat_get_backend_pid(b) = pg_backend_pid()) x';
define('who', map_flow(query($whoami)));
my $run = start_run($node, 'who', {});
is(wait_for_run($node, $run), 'SUCCEEDED', 'a query asks who it is') or diag(run_row($node, $run)->{cause});
is_deeply(run_output($node, $run), [ \%expected ], 'and is the role of the run, however it asks');

define('pay', map_flow(query('SELECT * FROM victim.pay')));
$run = start_run($node, 'pay', {});
is(wait_for_run($node, $run), 'SUCCEEDED', 'a query under policies that look at session_user and is_superuser');
is_deeply(run_output($node, $run), [ { emp => 'author', amount => 1 } ], 'sees what a session of the role sees');

# Parallel workers of the query are the role, too: their session is a copy of the helper's.
my $force = $node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
$sql->(qq{
	CREATE FUNCTION author.who() RETURNS json LANGUAGE plpgsql PARALLEL SAFE AS
	\$\$ BEGIN RETURN json_build_object('leader', pg_backend_pid()::text = current_setting('author.pid'), 'session', session_user, 'super', current_setting('is_superuser')); END \$\$;
	CREATE FUNCTION author.parallel() RETURNS SETOF json LANGUAGE plpgsql SET $force = on AS
	\$\$ BEGIN PERFORM set_config('author.pid', pg_backend_pid()::text, true); RETURN QUERY SELECT author.who(); END \$\$});
define('parallel', map_flow(query('SELECT * FROM author.parallel() AS one')));
$run = start_run($node, 'parallel', {});
is(wait_for_run($node, $run), 'SUCCEEDED', 'a query with a parallel worker') or diag(run_row($node, $run)->{cause});
is_deeply(run_output($node, $run), [ { one => { leader => false, session => 'author', super => 'off' } } ], 'which is the role, too');

# ---- no way back

my %way_back = (
	'RESET SESSION AUTHORIZATION'             => qr/session_authorization/,
	'SET SESSION AUTHORIZATION DEFAULT'       => qr/session_authorization/,
	'SET SESSION AUTHORIZATION postgres'      => qr/session_authorization/,
	'RESET ROLE'                              => qr/"role"/,
	'SET ROLE postgres'                       => qr/"role"/,
	q{PERFORM set_config('session_authorization', 'postgres', true)} => qr/session_authorization/,
	'RESET ALL'                               => qr/session_authorization|is_superuser|author/,
);
my $number = 0;
for my $way (sort keys %way_back)
{
	$number++;
	$sql->("CREATE FUNCTION author.back$number() RETURNS json LANGUAGE plpgsql AS \$\$ BEGIN $way; RETURN json_build_object('session', session_user, 'super', current_setting('is_superuser')); END \$\$");
	define("back$number", map_flow(query("SELECT author.back$number() AS one")));
	$run = start_run($node, "back$number", {});
	wait_for_run($node, $run);
	my $row = run_row($node, $run);
	like($row->{cause} // to_json($row->{output}), $way_back{$way}, "$way leads nowhere");
	unlike($row->{cause} // to_json($row->{output}), qr/postgres"|"on"/, "$way: and to no superuser");
}

# ---- who a writer is

$sql->(q{
	SET SESSION AUTHORIZATION author;
	CREATE TABLE author.result ("index" bigint, session name DEFAULT session_user, super text DEFAULT current_setting('is_superuser'), fired text);
	CREATE FUNCTION author.note() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN NEW.fired := session_user || ' ' || current_setting('is_superuser'); RETURN NEW; END $$;
	CREATE TRIGGER note BEFORE INSERT ON author.result FOR EACH ROW EXECUTE FUNCTION author.note()});
define('writes', map_flow(ResultWriter => { Resource => 'flowctl:sql:table', Parameters => { Schema => 'author', Table => 'result' } }));
$run = start_run($node, 'writes', [ 1, 2 ]);
is(wait_for_run($node, $run), 'SUCCEEDED', 'results into a table');
is($sql->('SELECT "index", session, super, fired FROM author.result ORDER BY 1'), "0|author|off|author off\n1|author|off|author off", 'defaults and triggers see the role');

# What a writer's trigger starts was started by the role's session.
define('next', to_json({ StartAt => 'P', States => { P => { Type => 'Pass', End => true } } }));
$sql->('SET SESSION AUTHORIZATION author; CREATE TRIGGER next AFTER INSERT ON author.result FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow($$next$$)');
$run = start_run($node, 'writes', [1]);
is(wait_for_run($node, $run), 'SUCCEEDED', 'a writer whose rows start a flow');
is($sql->(q{SELECT DISTINCT starter, session_user_name FROM flowctl_catalog.run WHERE flow = 'next'}), 'author|author', 'starts it as the role');

# ---- never a superuser, unless the flow says so

my $reads = map_flow(query(q{SELECT session_user::text AS s, current_setting('is_superuser') AS su}));
my $fills = map_flow(ResultWriter => { Resource => 'flowctl:sql:table', Parameters => { Schema => 'author', Table => 'result' } });
my $as_superuser = q{, options => '{"run_as_superuser": true}'};
my %definition = (super_reads => $reads, super_fills => $fills);
my %error = (super_reads => 'States.ItemReaderFailed', super_fills => 'States.ResultWriterFailed');
for my $flow (sort keys %definition)
{
	my $define = "SELECT flowctl.define_flow('$flow', " . sql_literal($definition{$flow});
	my (undef, undef, $warning) = $node->psql('postgres', "$define)");
	like($warning, qr/WARNING: .*role "postgres" is a superuser, and runs execute no SQL as one/, "$flow: a superuser who defines it is warned");
	$run = start_run($node, $flow, [1]);
	is(wait_for_run($node, $run), 'FAILED', "$flow: and its runs fail");
	my $row = run_row($node, $run);
	is($row->{error}, $error{$flow}, "$flow: the error");
	like($row->{cause}, qr/^role "postgres" is a superuser, and runs execute no SQL as one: .*alter_flow_owner.*run_as_superuser/, "$flow: the cause says what to do");
	(undef, undef, $warning) = $node->psql('postgres', "$define$as_superuser)");
	is($warning, '', "$flow: nothing is wrong with it if the option says so");
	is(wait_for_run($node, start_run($node, $flow, [1])), 'SUCCEEDED', "$flow: and its runs go on");
	is(wait_for_run($node, start_run($node, "$flow:1", [1])), 'FAILED', "$flow: not those of the version without it");
}
is_deeply(run_output($node, wait_and_give(start_run($node, 'super_reads', [1]))), [ { s => 'postgres', su => 'on' } ], 'such a run is a superuser');
sub wait_and_give { wait_for_run($node, $_[0]); return $_[0] }

# Only a superuser sets it, and it gives an ordinary role nothing.
$sql->('CREATE ROLE rising; GRANT rising TO author; GRANT USAGE, CREATE ON SCHEMA author TO rising; SELECT flowctl.grant_author($$rising$$)');
my ($status, undef, $refusal) = $node->psql('postgres', "SET ROLE rising; SELECT flowctl.define_flow('mine', " . sql_literal($reads) . "$as_superuser)");
is($status, 3, 'an author cannot set the option');
like($refusal, qr/permission denied to set option "run_as_superuser"/, 'and is told');
($status, undef, $refusal) = $node->psql('postgres', "SELECT flowctl.define_flow('mine', " . sql_literal($reads) . q{, options => '{"run_as_superuser": true, "run_as": "INVOKER"}')});
like($refusal, qr/contradicts run_as INVOKER/, 'a flow that runs as its invoker cannot have it');
($status, undef, $refusal) = $node->psql('postgres', "SELECT flowctl.define_flow('mine', " . sql_literal($reads) . q{, options => '{"run_as_superuser": "yes"}')});
like($refusal, qr/invalid value for option "run_as_superuser".*true or false/s, 'its values are true and false');
$sql->("SET SESSION AUTHORIZATION rising; SELECT flowctl.define_flow('mine', " . sql_literal($reads) . ')');
$run = start_run($node, 'mine', {});
is(wait_for_run($node, $run), 'SUCCEEDED', 'a flow of an ordinary role');
is_deeply(run_output($node, $run), [ { s => 'rising', su => 'off' } ], 'runs as it');
$sql->('ALTER ROLE rising SUPERUSER');
$run = start_run($node, 'mine', {});
is(wait_for_run($node, $run), 'FAILED', 'but not when the role has become a superuser');
like(run_row($node, $run)->{cause}, qr/role "rising" is a superuser/, 'the cause says so');
$sql->('ALTER ROLE rising NOSUPERUSER; ');
$sql->("SELECT flowctl.define_flow('mine', " . sql_literal($reads) . "$as_superuser)");
$run = start_run($node, 'mine', {});
is(wait_for_run($node, $run), 'SUCCEEDED', 'a superuser may set the option for the flow of another role');
is_deeply(run_output($node, $run), [ { s => 'rising', su => 'off' } ], 'whose runs stay what the role is');

# ---- who may see and end it

$sql->('CREATE FUNCTION author.sleep() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(3600); RETURN 1; END $$');
define('sleeps', map_flow(query('SELECT author.sleep() AS one')));
$run = start_run($node, 'sleeps', {});
my $helper = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'flowctl map helper' AND usename = 'author' AND wait_event = 'PgSleep'};
wait_for_query($node, "SELECT count(*) FROM ($helper) x", '1');
my $pid = $sql->($helper);
(undef, undef, $refusal) = $node->psql('postgres', "SET ROLE victim; SELECT pg_cancel_backend($pid)");
like($refusal, qr/permission denied|must be a member/, 'a stranger cannot cancel the process');
is($sql->("SET ROLE author; SELECT pg_cancel_backend($pid)"), 't', 'its role can');
is(wait_for_run($node, $run), 'FAILED', 'and the run fails');
like(run_row($node, $run)->{cause}, qr/57014/, 'by that');

# ---- a function that catches its cancel

$node->append_conf('postgresql.conf', 'flowctl.map_helper_timeout = 1s');
$node->reload;
wait_for_query($node, 'SHOW flowctl.map_helper_timeout', '1s');
$sql->(q{
	CREATE FUNCTION author.forever() RETURNS SETOF int LANGUAGE plpgsql AS
	$$ BEGIN LOOP BEGIN PERFORM pg_sleep(3600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$;
	CREATE FUNCTION author.endless() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM author.forever(); RETURN NEW; END $$;
	CREATE TABLE author.slow ("index" bigint);
	ALTER TABLE author.slow OWNER TO author;
	CREATE TRIGGER endless BEFORE INSERT ON author.slow FOR EACH ROW EXECUTE FUNCTION author.endless()});
define('reads', map_flow(query('SELECT * FROM author.forever()')));
define('fills', map_flow(ResultWriter => { Resource => 'flowctl:sql:table', Parameters => { Schema => 'author', Table => 'slow' } }));
my %late = (reads => 'States.ItemReaderFailed', fills => 'States.ResultWriterFailed');
my %run = map { $_ => start_run($node, $_, [1]) } sort keys %late;
for my $flow (sort keys %late)
{
	is(wait_for_run($node, $run{$flow}), 'FAILED', "$flow: a helper that catches its cancel is ended");
	my $row = run_row($node, $run{$flow});
	is($row->{error}, $late{$flow}, "$flow: the error");
	like($row->{cause}, qr/^the process that did it went on after flowctl.map_helper_timeout and was terminated/, "$flow: the cause");
	is($sql->("SELECT read_attempts FROM flowctl_catalog.map_run WHERE run_id = '$run{$flow}'"), '1', "$flow: it was not tried again");
}
wait_for_query($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'flowctl map helper'}, '0');
define('honest', map_flow(query('SELECT pg_sleep(3600)')));
$run = start_run($node, 'honest', {});
is(wait_for_run($node, $run), 'FAILED', 'a helper that ends by its cancel');
like(run_row($node, $run)->{cause}, qr/statement timeout.*57014/, 'says so itself');
is(wait_for_run($node, start_run($node, 'who', {})), 'SUCCEEDED', 'others have their turn');

$node->stop;
done_testing();
