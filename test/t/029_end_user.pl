# The end user. A token made by npm jose is handed over encrypted, is verified against its issuer's published keys, and is
# carried by the runs of the session. Wrong tokens are refused, rollbacks take it back, and no token leaves memory.
use strict;
use warnings;
use Test::More;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use FlowctlTest;
use Parts;

my $node = new_node('user', log_min_messages => 'debug5', log_statement => 'all', log_min_duration_statement => 0,
	'flowctl.issuer_encryption_keys' => 'ps256.pem', 'flowctl.issuer_keys' => 'es256.pem', 'flowctl.max_subject_tokens' => 2);
my $web     = Parts::start_stub(tls => 1);
my $stub    = Parts::start_stub(tls => 1);
my $users   = $web->url('/users');
my $clients = from_json(slurp_file(Parts::pki() . '/clients.json'));
my %public  = %{ $clients->{keys} };
my $secrets = Parts::pki() . '/secrets';

sub settings
{
	my (%setting) = @_;
	$node->safe_psql('postgres', join '', map { "ALTER SYSTEM SET $_ = " . sql_literal($setting{$_}) . ';' } sort keys %setting);
	$node->reload;
	wait_for_query($node, "SELECT current_setting('$_')", $setting{$_}) for sort keys %setting;
}

# The documents that the users' issuer publishes.
sub publish
{
	my (@keys) = @_;
	$web->script('/users/.well-known/openid-configuration', then => { body => { issuer => $users, jwks_uri => "$users/jwks" } });
	$web->script('/users/jwks', then => { body => { keys => \@keys } });
}
my %any_alg = %{ $public{rs256} };
delete $any_alg{alg};
publish(\%any_alg);
settings('flowctl.issuer_url' => $web->url('/own'));

my $own = from_json($node->safe_psql('postgres', 'SELECT flowctl.jwks()'));
my ($enc) = grep { $_->{use} eq 'enc' } @{ $own->{keys} };
is($enc->{alg}, 'RSA-OAEP-256', 'the key to encrypt to is published');
ok(!exists $enc->{d}, 'its public half');

# Makes a token with npm jose; options: key, header, claims, encrypt.
sub token
{
	my (%option) = @_;
	my %claims = (iss => $users, sub => 'alice', aud => 'https://db.example', exp => time + 300, groups => ['finance'], secret => 'not recorded',
		%{ $option{claims} // {} });
	delete $claims{$_} for grep { !defined $claims{$_} } keys %claims;
	my %header = (alg => 'RS256', kid => 'rs256', typ => 'at+jwt', %{ $option{header} // {} });
	delete $header{$_} for grep { !defined $header{$_} } keys %header;
	my %wanted = (header => \%header, claims => \%claims);
	$wanted{key} = exists $option{key} ? $option{key} : 'rs256.pem';
	delete $wanted{key} unless defined $wanted{key};
	$wanted{raw} = $option{raw} if exists $option{raw};
	$wanted{encrypt} = exists $option{encrypt} ? $option{encrypt} : { jwk => $enc, alg => 'RSA-OAEP-256', enc => 'A256GCM' };
	delete $wanted{encrypt} unless defined $wanted{encrypt};
	my $input = to_json(\%wanted);
	my ($out, $err);
	IPC::Run::run([ Parts::node(), "$ENV{FLOWCTL_TEST_DIR}/idp/token.mjs", $secrets ], '<', \$input, '>', \$out, '2>', \$err) or die $err;
	return $out;
}
BEGIN { require Cwd; require File::Basename; $ENV{FLOWCTL_TEST_DIR} = Cwd::abs_path(File::Basename::dirname(__FILE__) . '/..') }

$node->safe_psql('postgres',
	"CREATE ROLE app LOGIN; CREATE ROLE other LOGIN; SELECT flowctl.grant_author('app');"
	  . "CREATE SERVER users FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer '$users', subject_audience 'https://db.example', "
	  . "subject_claims 'groups email', ca_file 'ca.pem'); GRANT USAGE ON FOREIGN SERVER users TO app;"
	  . "CREATE SERVER echo FOREIGN DATA WRAPPER flowctl_http OPTIONS (url " . sql_literal($stub->url('/echo')) . ", auth 'flowctl', ca_file 'ca.pem');"
	  . 'GRANT USAGE ON FOREIGN SERVER echo TO app');
$node->safe_psql('postgres', "SET ROLE app; SELECT flowctl.define_flow('echo', " . sql_literal(to_json(http_flow('echo'))) . "), flowctl.define_flow('sleep', "
	  . sql_literal('{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":600,"End":true}}}') . ')');

sub handing_over
{
	my ($token, $sql, $local) = @_;
	return 'SET ROLE app; BEGIN; SELECT flowctl.set_subject_token(' . sql_literal($token) . ') \gset ignored_' . "\n; $sql; COMMIT";
}

sub start_for
{
	my ($token, $flow) = @_;
	return $node->safe_psql('postgres', handing_over($token, "SELECT flowctl.start('" . ($flow // 'echo') . "')"));
}

# It arrives.
is($node->safe_psql('postgres', 'SET ROLE app; SELECT flowctl.set_subject_token(' . sql_literal(token()) . ')'), 'alice', 'the user is known');

# No part of a session's memory that a core file would have holds the token that the session keeps. What is looked for is the
# signature, since the claims are kept as text.
my $kept = token(claims => { sub => 'kept' }, encrypt => undef);
my ($signature) = $kept =~ /\.([^.]+)\z/;
my $keeper = $node->background_psql('postgres');
my $keeper_pid = $keeper->query_safe('SELECT pg_backend_pid()');
$keeper->query_safe('SET ROLE app; SELECT flowctl.set_subject_token(' . sql_literal(token(raw => $kept)) . ', is_local => false)');

# Which of a process's mappings hold a text: {dumped} and {hidden} count them.
sub mappings_with
{
	my ($pid, $text) = @_;
	my %count = (dumped => 0, hidden => 0);
	open my $maps, '<', "/proc/$pid/smaps" or die "smaps: $!";
	open my $memory, '<:raw', "/proc/$pid/mem" or die "mem: $!";
	my ($from, $to, $readable);
	while (my $line = <$maps>)
	{
		($from, $to, $readable) = (hex $1, hex $2, $3 eq 'r') if $line =~ /^([0-9a-f]+)-([0-9a-f]+) (.)/;
		next unless $line =~ /^VmFlags:(.*)/ && $readable;
		my $hidden = $1 =~ /\bdd\b/;
		sysseek $memory, $from, 0 or next;
		my $bytes = '';
		for (my $left = $to - $from; $left > 0;)
		{
			my $got = sysread($memory, $bytes, $left < 16_777_216 ? $left : 16_777_216, length $bytes) or last;
			$left -= $got;
			$count{ $hidden ? 'hidden' : 'dumped' }++ if index($bytes, $text) >= 0;
			$bytes = substr($bytes, -length $text);
		}
	}
	return \%count;
}
is_deeply(mappings_with($keeper_pid, $signature), { dumped => 0, hidden => 1 }, 'a session keeps the token where no core file has it');
$keeper->query_safe(q{BEGIN; SELECT flowctl.start('echo')});
is_deeply(mappings_with($keeper_pid, $signature), { dumped => 0, hidden => 2 }, 'and so do its runs');
$keeper->query_safe('ROLLBACK; RESET ROLE');
$keeper->query_safe('DISCARD ALL');
is_deeply(mappings_with($keeper_pid, $signature), { dumped => 0, hidden => 0 }, 'until it is taken away');
$keeper->quit;

my $run = start_for(token(claims => { act => { sub => 'portal', act => { sub => 'gateway' } } }));
is(wait_for_run($node, $run), 'SUCCEEDED', 'a run for a user') or diag(to_json(run_row($node, $run)));
my $row = run_row($node, $run);
is($row->{subject}, 'alice', 'runs: subject');
is($row->{subject_issuer}, $users, 'runs: who vouched for it');
is_deeply($row->{subject_claims}, { groups => ['finance'], act => { sub => 'portal', act => { sub => 'gateway' } } }, 'runs: the claims that were asked for');
my $call = query_json($node, "SELECT to_json(c) FROM flowctl.calls c WHERE run_id = '$run'");
is($call->{subject}, 'alice', 'calls: subject');
is($call->{actor}, 'flow:app:echo', 'calls: who acts');
my ($payload) = (split /\./, ($stub->calls(path => '/echo'))[0]{headers}{authorization})[1];
require MIME::Base64;
my $claims = from_json(MIME::Base64::decode_base64($payload =~ tr{-_}{+/}r));
is_deeply($claims->{act}, { sub => 'alice', iss => $users, act => { sub => 'portal', act => { sub => 'gateway' } } }, 'our token names the user and who acted before');

# Also with an elliptic key, and by either of two keys.
settings('flowctl.issuer_encryption_keys' => 'es256.pem, ps256.pem');
my ($ec) = grep { $_->{use} eq 'enc' } @{ from_json($node->safe_psql('postgres', 'SELECT flowctl.jwks()'))->{keys} };
is($node->safe_psql('postgres', 'SET ROLE app; SELECT flowctl.set_subject_token('
	  . sql_literal(token(encrypt => { jwk => $ec, alg => 'ECDH-ES+A256KW', enc => 'A256GCM' })) . ')'), 'alice', 'ECDH-ES');
is($node->safe_psql('postgres', 'SET ROLE app; SELECT flowctl.set_subject_token(' . sql_literal(token()) . ')'), 'alice', 'what was encrypted to the key before');

# An audience is one text or several.
is($node->safe_psql('postgres', 'SET ROLE app; SELECT flowctl.set_subject_token(' . sql_literal(token(claims => { aud => [ 'https://x.example', 'https://db.example' ] })) . ')'), 'alice',
	'one of several audiences');
is(scalar($web->calls(path => '/users/jwks')), 1, 'for all of these the issuer was asked for its keys once');

# How long it holds.
sub subject_of { my ($sql) = @_; return $node->safe_psql('postgres', "SELECT coalesce(subject, '-') FROM flowctl.runs WHERE run_id = '" . ($node->safe_psql('postgres', $sql) =~ /([0-9a-f-]{36})\s*$/)[0] . "'") }
my $t = sql_literal(token());
my $set = 'SELECT flowctl.set_subject_token(' . $t;
is(subject_of("SET ROLE app; BEGIN; $set); COMMIT; SELECT flowctl.start('echo')"), '-', 'it ends with its transaction');
is(subject_of("SET ROLE app; $set, is_local => false); SELECT flowctl.start('echo')"), 'alice', 'or with the session');
is(subject_of("SET ROLE app; BEGIN; $set, is_local => false); ROLLBACK; SELECT flowctl.start('echo')"), '-', 'not where the transaction rolled back');
is(subject_of("SET ROLE app; BEGIN; SAVEPOINT s; $set); ROLLBACK TO s; SELECT flowctl.start('echo'); COMMIT"), '-', 'nor the savepoint');
is(subject_of("SET ROLE app; BEGIN; SAVEPOINT s; $set); RELEASE s; SELECT flowctl.start('echo'); COMMIT"), 'alice', 'a released savepoint keeps it');
is(subject_of("SET ROLE app; $set, is_local => false); BEGIN; SELECT flowctl.set_subject_token(NULL); SELECT flowctl.start('echo'); COMMIT"), '-', 'NULL ends it');
is(subject_of("SET ROLE app; $set, is_local => false); DISCARD ALL; SET ROLE app; SELECT flowctl.start('echo')"), '-', 'so does DISCARD ALL');

# A trigger's run carries it; what the session merely claims is kept apart.
$node->safe_psql('postgres', "CREATE TABLE orders (id int PRIMARY KEY); ALTER TABLE orders OWNER TO app; SET ROLE app; "
	  . "CREATE TRIGGER t AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('echo')");
$node->safe_psql('postgres', handing_over(token(), 'INSERT INTO orders VALUES (1)'));
is($node->safe_psql('postgres', "SELECT subject FROM flowctl.runs WHERE event IS NOT NULL"), 'alice', 'a run that a trigger started');
$run = $node->safe_psql('postgres', "SET ROLE app; SET request.jwt.claims = '{\"sub\":\"mallory\"}'; SELECT flowctl.start('echo')");
$row = run_row($node, $run);
is($row->{subject}, undef, 'a claim of the session is no subject');
is($row->{asserted_subject}, 'mallory', 'but kept as what it is');

# What is refused.
my $hour = 3600;
my %bad = (
	'other audiences'        => [ token(claims => { aud => [ 'https://other.example', 'https://db.example/' ] }), qr/token is for another audience/ ],
	'another audience'       => [ token(claims => { aud => 'https://other.example' }), qr/token is for another audience/ ],
	'another issuer'         => [ token(claims => { iss => 'https://evil.example' }),  qr/its issuer is not one whose users' tokens are taken/ ],
	'no issuer'              => [ token(claims => { iss => undef }),                   qr/not a JWT that names its issuer/ ],
	'ended'                  => [ token(claims => { exp => time - $hour }),            qr/token has ended/ ],
	'without an end'         => [ token(claims => { exp => undef }),                   qr/token has no exp/ ],
	'not valid yet'          => [ token(claims => { nbf => time + $hour }),            qr/token is not valid yet/ ],
	'alg none'               => [ token(key => undef, header => { alg => 'none' }),    qr/token's algorithm is not allowed/ ],
	'an algorithm not listed' => [ token(key => 'rs256.pem', header => { alg => 'RS512' }), qr/token's algorithm is not allowed/ ],
	'a stranger\'s signature' => [ token(key => 'ps256.pem'),                          qr/token's signature is wrong/ ],
	'another key id'         => [ token(header => { kid => 'nobody' }),                qr/no key of the issuer fits/ ],
	'an ID token'            => [ token(claims => { at_hash => 'x' }),                 qr/token is an ID token/ ],
	'another type'           => [ token(header => { typ => 'JWT' }),                   qr/token is of another type/ ],
	'a critical header'      => [ token(header => { crit => ['b64'], b64 => true }),   qr/critical headers|not accepted/ ],
	'no subject'             => [ token(claims => { sub => undef }),                   qr/it names no subject/ ],
	'a huge one'             => [ token(claims => { x => 'y' x 9000 }),                qr/longer than 8 kB|not a JWT/ ],
	'one in the clear'       => [ token(encrypt => undef),                             qr/it is not encrypted/ ],
	'one for another key'    => [ token(encrypt => { jwk => { %{ $public{rs256} }, kid => 'x' }, alg => 'RSA-OAEP-256', enc => 'A256GCM' }), qr/not accepted/ ],
	'no JWT inside'          => [ token(raw => 'hello'),                               qr/not a JWT that names its issuer/ ],
	'no token at all'        => [ 'hello',                                             qr/neither a JWE nor a JWT/ ],
	'something enormous'     => [ 'a' x 40_000,                                        qr/longer than 32 kB/ ],
);
for my $name (sort keys %bad)
{
	my ($token, $message) = @{ $bad{$name} };
	my ($status, $out, $err) = $node->psql('postgres', 'SET ROLE app; SELECT flowctl.set_subject_token(' . sql_literal($token) . ')');
	isnt($status, 0, "refused: $name");
	like($err, $message, "$name: the reason");
	my $inner = $token =~ /\.(?=eyJ)/ ? (split /\./, $token)[1] : '';
	unlike($err =~ s/^.*?(?=ERROR)//sr =~ s/LINE 1:.*//sr, qr/\Q$inner\E/, "$name: not quoted") if $inner;
}
wait_for_query($node, "SELECT count(*) >= " . scalar(keys %bad) . " FROM flowctl.denials WHERE action = 'set_subject_token' AND role_name = 'app'", 't');
my ($status, $out, $err) = $node->psql('postgres', 'SET ROLE other; SELECT flowctl.set_subject_token(' . sql_literal(token()) . ')');
like($err, qr/its issuer is not one whose users' tokens are taken/, 'who has no USAGE on the issuer may not');
# Whose users are believed is not for everybody who may create servers: a second server for the same issuer, with keys or an audience of
# one's own, would let one's own tokens pass for its users, and conditions of policies would hold for them.
$node->safe_psql('postgres', 'CREATE ROLE epo LOGIN; GRANT USAGE ON FOREIGN DATA WRAPPER flowctl_oidc TO epo; GRANT pg_read_server_files TO epo');
sub as_epo { my (undef, undef, $message) = $node->psql('postgres', "SET ROLE epo; $_[0]"); return $message; }
sub told_by_fake { my (undef, $user, $message) = $node->psql('postgres', 'SET ROLE epo; SELECT flowctl.set_subject_token(' . sql_literal(token(claims => { aud => 'mine' })) . ", 'fake')"); return $user || $message; }
my $fake = "CREATE SERVER fake FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer '$users', ca_file 'ca.pem'";
like(as_epo("$fake, subject_audience 'mine')"), qr/permission denied to set options of an object that has "subject_audience"/, 'with USAGE on the wrapper nobody says whose users are believed');
like(as_epo("$fake, jwks_uri '$users/jwks')"), qr/permission denied to name the keys of issuer "\Q$users\E"/, 'nor what the keys of an issuer are that another role\'s server stands for');
$node->safe_psql('postgres', "$fake, subject_audience 'mine'); ALTER SERVER fake OWNER TO epo");
like(told_by_fake(), qr/its issuer is not one whose users' tokens are taken/, 'a server that came into other hands is believed no more');
$node->safe_psql('postgres', 'GRANT USAGE ON FOREIGN DATA WRAPPER flowctl_oidc TO epo WITH GRANT OPTION');
is(told_by_fake(), 'alice', 'one who may hand on the right to name issuers is believed');
like(as_epo("ALTER SERVER fake OPTIONS (ADD jwks_uri '$users/jwks')"), qr/permission denied to name the keys of issuer/, 'but does not name the keys of an issuer that is a superuser\'s');
$node->safe_psql('postgres', "ALTER SERVER fake OPTIONS (ADD jwks_uri '$users/jwks')");
like(told_by_fake(), qr/its issuer is not one whose users' tokens are taken/, 'whoever wrote them down');
$node->safe_psql('postgres', 'DROP SERVER fake; REVOKE USAGE ON FOREIGN DATA WRAPPER flowctl_oidc FROM epo CASCADE; DROP ROLE epo');
($status, $out, $err) = $node->psql('postgres', 'SET ROLE app; SET flowctl.allow_plain_subject_token = on');
like($err, qr/permission denied to set parameter/, 'only a superuser allows plain tokens');
is($node->safe_psql('postgres', "SET flowctl.allow_plain_subject_token = on; SET ROLE app; SELECT flowctl.set_subject_token(" . sql_literal(token(encrypt => undef, claims => { sub => 'plain' })) . ')'), 'plain', 'and then they are taken');

# Options of the issuer.
$node->safe_psql('postgres', "ALTER SERVER users OPTIONS (ADD subject_type 'any', ADD subject_algorithms 'RS512')");
is($node->safe_psql('postgres', 'SET ROLE app; SELECT flowctl.set_subject_token(' . sql_literal(token(header => { alg => 'RS512', typ => undef })) . ')'), 'alice', 'type and algorithms as the options say');
$node->safe_psql('postgres', "ALTER SERVER users OPTIONS (DROP subject_type, DROP subject_algorithms)");

# The issuer changes its keys. It is asked again for a key that is not known, but not twice within 30 s.
sub tried_just_now { $node->safe_psql('postgres', "UPDATE flowctl_catalog.key_set SET tried_at = clock_timestamp() + interval '5 min'") }
tried_just_now();
publish($public{es256});
my $new = token(key => 'es256.pem', header => { alg => 'ES256', kid => 'es256' });
my $asked = scalar($web->calls(path => '/users/jwks'));
($status, $out, $err) = $node->psql('postgres', 'SET ROLE app; SELECT flowctl.set_subject_token(' . sql_literal($new) . ')');
like($err, qr/no key of the issuer fits the token.*fetched again at most every 30 s/s, 'a key that is not known yet');
is(scalar($web->calls(path => '/users/jwks')), $asked, 'is not asked for at once');
$node->safe_psql('postgres', "UPDATE flowctl_catalog.key_set SET tried_at = clock_timestamp() - interval '31 s'");
is($node->safe_psql('postgres', 'SET ROLE app; SELECT flowctl.set_subject_token(' . sql_literal($new) . ')'), 'alice', 'but after 30 s');
is(scalar($web->calls(path => '/users/jwks')), $asked + 1, 'once');
tried_just_now();
for my $number (1 .. 5)
{
	my $forged = token(key => 'es256.pem', header => { alg => 'ES256', kid => "made-up-$number" });
	($status, $out, $err) = $node->psql('postgres', 'SET ROLE app; SELECT flowctl.set_subject_token(' . sql_literal($forged) . ')');
	like($err, qr/no key of the issuer fits the token/, "a key id that somebody made up ($number)");
}
is(scalar($web->calls(path => '/users/jwks')), $asked + 1, 'and nobody makes us ask more often');
($status, $out, $err) = $node->psql('postgres', 'SET ROLE app; SELECT flowctl.set_subject_token(' . sql_literal(token()) . ')');
like($err, qr/no key of the issuer fits/, 'and the key that was withdrawn is not believed any more');

# An issuer in trouble: the keys that are there serve until they are too old, then nothing is believed.
$web->script('/users/jwks', then => { status => 500 });
$node->safe_psql('postgres', "UPDATE flowctl_catalog.key_set SET tried_at = clock_timestamp() - interval '31 s', fetched_at = fetched_at - interval '59 min'");
is($node->safe_psql('postgres', 'SET ROLE app; SELECT flowctl.set_subject_token(' . sql_literal($new) . ')'), 'alice', 'keys are kept for an hour');
$node->safe_psql('postgres', "UPDATE flowctl_catalog.key_set SET fetched_at = fetched_at - interval '2 min'");
($status, $out, $err) = $node->psql('postgres', 'SET ROLE app; SELECT flowctl.set_subject_token(' . sql_literal($new) . ')');
like($err, qr/the keys of issuer "users" are not there: it answered with status 500/, 'and not longer');
publish($public{es256});
$node->safe_psql('postgres', "UPDATE flowctl_catalog.key_set SET tried_at = clock_timestamp() - interval '31 s'");
is($node->safe_psql('postgres', 'SET ROLE app; SELECT flowctl.set_subject_token(' . sql_literal($new) . ')'), 'alice', 'until it answers again');

# Sessions that miss the same key wait for the same answer.
$web->script('/users/jwks', then => { hold => 'jwks', body => { keys => [ $public{es256}, $public{ps256} ] } });
my $newest = token(key => 'ps256.pem', header => { alg => 'PS256', kid => 'ps256' });
$asked = scalar($web->calls(path => '/users/jwks'));
$node->safe_psql('postgres', "UPDATE flowctl_catalog.key_set SET tried_at = clock_timestamp() - interval '31 s'");
my @sessions = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 4;
$_->query_until(qr/^begun$/m, "SET ROLE app;\n\\echo begun\nSELECT flowctl.set_subject_token(" . sql_literal($newest) . ");\n\\echo done\n") for @sessions;
wait_for_query($node, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT flowctl.set_subject_token%' AND wait_event_type = 'Extension'", 4);
is(scalar($web->calls(path => '/users/jwks')), $asked + 1, 'four sessions make one request');
$web->release('jwks');
for my $session (@sessions)
{
	like($session->query_until(qr/^done$/m, "\n"), qr/^alice$/m, 'which answers each of them');
	$session->quit;
}
publish($public{es256});

# The memory for tokens is bounded, shared by the runs of a session, and free when they have ended.
sub fresh { return token(key => 'es256.pem', header => { alg => 'ES256', kid => 'es256' }, claims => { sub => $_[0] }) }
my @sleepers = map { start_for(fresh("sleeper$_"), 'sleep') } 1 .. 2;
($status, $out, $err) = $node->psql('postgres', handing_over(fresh('third'), "SELECT flowctl.start('sleep')"));
like($err, qr/there are already 2 subject tokens in memory/, 'no place for a third');
$node->safe_psql('postgres', "SELECT flowctl.stop('$sleepers[0]')");
is(wait_for_run($node, $sleepers[0]), 'ABORTED', 'when one has ended');
$node->psql('postgres', handing_over(fresh('gone'), "SELECT flowctl.start('sleep'); ROLLBACK; BEGIN"));
my $many = $node->safe_psql('postgres', handing_over(fresh('third'), "SELECT count(flowctl.start('sleep')) FROM generate_series(1, 20)"));
is($many, 20, 'there is one, for twenty runs of a session, and a rollback took none');

# One user does not take all places.
$node->safe_psql('postgres', q{SELECT flowctl.stop(run_id) FROM flowctl.runs WHERE status = 'RUNNING'});
wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'", '0');
$node->safe_psql('postgres', 'ALTER SYSTEM SET flowctl.max_subject_tokens = 8');
$node->restart;
start_for(fresh('greedy'), 'sleep') for 1 .. 6;
($status, $out, $err) = $node->psql('postgres', handing_over(fresh('greedy'), "SELECT flowctl.start('sleep')"));
like($err, qr/there are already 6 subject tokens of this user in memory/, 'one user has six of eight');
like(start_for(fresh('modest'), 'sleep'), qr/^[0-9a-f-]{36}$/, 'another one finds a place');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET flowctl.max_subject_tokens');
$node->safe_psql('postgres', q{SELECT flowctl.stop(run_id) FROM flowctl.runs WHERE status = 'RUNNING'});
wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'", '0');
$node->restart;

# The user's own token is exchanged where the endpoint's owner said so. The token endpoint trusts both issuers.
$web->script('/own/postgres/.well-known/openid-configuration', then => { body => from_json($node->safe_psql('postgres', 'SELECT flowctl.openid_configuration()')) });
$web->script('/own/postgres/.well-known/jwks.json', then => { body => from_json($node->safe_psql('postgres', 'SELECT flowctl.jwks()')) });
$node->safe_psql('postgres', 'SELECT flowctl.stop(run_id) FROM flowctl.runs WHERE status = \'RUNNING\'');
wait_for_query($node, "SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'", '0');
my $sts = Parts::start_service('federation', issuer => $web->url('/own/postgres'), subject => 'flow:app:for_user', users => $users);
$node->safe_psql('postgres', 'CREATE SERVER sts FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (issuer ' . sql_literal($sts->url) . ", ca_file 'ca.pem');"
	  . "CREATE USER MAPPING FOR app SERVER sts OPTIONS (auth_method 'flowctl');"
	  . 'CREATE SERVER for_user FOREIGN DATA WRAPPER flowctl_http OPTIONS (url ' . sql_literal($stub->url('/for_user')) . ", issuer 'sts', ca_file 'ca.pem', "
	  . "\"grant\" 'token_exchange', subject_token 'user', actor_token 'flowctl', audience 'https://api.example'); GRANT USAGE ON FOREIGN SERVER for_user TO app");
my %exchange = (Type => 'Task', Resource => 'flowctl:http:for_user', Catch => [ { ErrorEquals => ['Flowctl.SubjectTokenLost'], Next => 'Lost' } ], End => true);
my %lost = (Lost => { Type => 'Pass', Result => 'lost', End => true });
$node->safe_psql('postgres', "SET ROLE app; SELECT flowctl.define_flow('for_user', " . sql_literal(to_json({ StartAt => 'Call', States => { Call => \%exchange, %lost } })) . ');'
	  . "SELECT flowctl.define_flow('later', " . sql_literal(to_json({ StartAt => 'Wait', States => { Wait => { Type => 'Wait', SecondsPath => '$.seconds', Next => 'Call' }, Call => \%exchange, %lost } })) . ')');
$stub->reset;
$run = start_for(fresh('bob'), 'for_user');
is(wait_for_run($node, $run), 'SUCCEEDED', 'the token is exchanged') or diag(to_json(run_row($node, $run)), to_json([ $sts->calls ]));
my ($asked_for) = $sts->calls(path => '/token');
is($asked_for->{subject}{sub}, 'bob', 'the subject token was the one that was handed over');
is($asked_for->{actor}{sub}, 'flow:app:for_user', 'the actor is the flow');
is($asked_for->{actor}{act}{sub}, 'bob', 'for this user');
like(($stub->calls(path => '/for_user'))[0]{headers}{authorization}, qr/^Bearer federated-/, 'what came of it was sent');
$call = query_json($node, "SELECT to_json(c) FROM flowctl.calls c WHERE run_id = '$run'");
is($call->{subject}, 'bob', 'calls: for whom');
is($call->{actor}, 'flow:app:for_user', 'calls: who acted');
$run = $node->safe_psql('postgres', "SET ROLE app; SELECT flowctl.start('for_user')");
is(wait_for_run($node, $run) . run_output($node, $run), 'SUCCEEDEDlost', 'without a user there is nothing to exchange, and Catch sees it');

# What is lost with a restart.
$run = $node->safe_psql('postgres', handing_over(fresh('carol'), "SELECT flowctl.start('later', '{\"seconds\": 3}')"));
$node->restart;
is(wait_for_run($node, $run) . run_output($node, $run), 'SUCCEEDEDlost', 'a token that a restart lost');
is(run_row($node, $run)->{subject}, 'carol', 'who it was is still known');
# And what ends before it is needed.
$run = $node->safe_psql('postgres', handing_over(token(key => 'es256.pem', header => { alg => 'ES256', kid => 'es256' }, claims => { sub => 'dave', exp => time + 2 }), "SELECT flowctl.start('later', '{\"seconds\": 4}')"));
is(wait_for_run($node, $run) . run_output($node, $run), 'SUCCEEDEDlost', 'a token that ended first');

# It is in memory only.
like($node->safe_psql('postgres', "SELECT flowctl.set_subject_token(NULL) IS NULL"), qr/t/, 'nobody');
$node->safe_psql('postgres', 'CHECKPOINT');
my $jwt = 'eyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.';
$node->stop;
my @found = split /\n/, qx{LC_ALL=C grep -rlaE '$jwt' '@{[ $node->data_dir ]}'};
is("@found", '', 'no token in tables or WAL');
my $log = slurp_file($node->logfile);
$log =~ s/^.*plain.*$//mg;
my @in_log = grep { !/allow_plain_subject_token|eyJhbGciOiJub25l/ } ($log =~ /^(.*eyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\..*)$/mg);
is(scalar(grep { !/set_subject_token/ } @in_log), 0, 'and none in the log but those that were given in the clear');

done_testing();
