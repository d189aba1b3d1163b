# Keys of our own issuer in a PKCS#11 token (SoftHSM). A relying party that knows only the published keys believes what it
# signs. The test also looks at which processes load the module, at a wrong PIN, at a token that is gone and comes back,
# and at a public key that is another one's.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Utils;
use FlowctlTest;
use Parts;

my $pin     = '471108150815';
my $secrets = Parts::pki() . '/secrets';
my $tokens  = PostgreSQL::Test::Utils::tempdir_short();
append_to_file("$tokens/softhsm2.conf", "directories.tokendir = $tokens/tokens\nobjectstore.backend = file\nlog.level = ERROR\n");
mkdir "$tokens/tokens" or die;
$ENV{SOFTHSM2_CONF} = "$tokens/softhsm2.conf";
my ($module) = grep { -e } map { "$_/libsofthsm2.so" } '/usr/lib/softhsm', glob('/usr/lib/*/softhsm'), '/usr/lib64/softhsm', '/usr/local/lib/softhsm';
die 'SoftHSM is not installed' unless $module;

sub quietly { my (@command) = @_; my $out = ''; IPC::Run::run(\@command, '>&', \$out) or die "@command: $out"; return $out }
sub make_token
{
	my ($label, @keys) = @_;
	quietly('softhsm2-util', '--init-token', '--free', '--label', $label, '--pin', $pin, '--so-pin', '08150815');
	for my $key (@keys)
	{
		quietly('softhsm2-util', '--import', "$secrets/$key.pem", '--token', $label, '--label', "key $key", '--id', $key eq 'rs256' ? '0a01' : '0a02', '--pin', $pin);
	}
}
# What stands in the file: the key's name, and its public half.
sub key_file
{
	my ($name, $uri, $key) = @_;
	Parts::secret_file($name, "$uri\n" . quietly('openssl', 'pkey', '-in', "$secrets/$key.pem", '-pubout'));
}
make_token('flowctl', 'rs256', 'es256');
Parts::secret_file('hsm-pin', "$pin\n");
key_file('hsm-rs256', 'pkcs11:token=flowctl;object=key%20rs256;type=private?pin-source=hsm-pin', 'rs256');
key_file('hsm-es256', 'pkcs11:token=flowctl;id=%0a%02?pin-source=hsm-pin', 'es256');
key_file('hsm-other', 'pkcs11:token=flowctl;object=key%20rs256?pin-source=hsm-pin', 'ps256');

my $node = new_node('hsm', log_min_messages => 'debug5', log_statement => 'all');
my $web  = Parts::start_stub(tls => 1);
my $base = $web->url('/id');
sub set_settings
{
	my (%setting) = @_;
	$node->safe_psql('postgres', join '', map { "ALTER SYSTEM SET $_ = " . sql_literal($setting{$_}) . ';' } sort keys %setting);
	$node->reload;
	wait_for_query($node, "SELECT current_setting('$_')", $setting{$_}) for sort keys %setting;
}
sub publish
{
	$web->script("/id/postgres/.well-known/$_->[0]", then => { body => from_json($node->safe_psql('postgres', "SELECT flowctl.$_->[1]()")) })
	  for [ 'openid-configuration', 'openid_configuration' ], [ 'jwks.json', 'jwks' ];
}
sub loads { my ($pid) = @_; return slurp_file("/proc/$pid/maps") =~ /softhsm/ ? 'yes' : 'no' }

# What is published is what the same keys' files would give, without the module.
set_settings('flowctl.issuer_url' => $base, 'flowctl.issuer_keys' => 'rs256.pem, es256.pem');
my $of_files = $node->safe_psql('postgres', 'SELECT flowctl.jwks()');
set_settings('flowctl.issuer_keys' => 'hsm-rs256, hsm-es256');
is($node->safe_psql('postgres', 'SELECT flowctl.jwks()'), $of_files, 'the public keys are published');
publish();

my $pay = Parts::start_service('payment', issuer => "$base/postgres", audience => 'https://payment.example', scope => 'payment:charge');
$node->safe_psql('postgres', "CREATE ROLE app LOGIN; SELECT flowctl.grant_author('app');"
	  . 'CREATE SERVER pay FOREIGN DATA WRAPPER flowctl_http OPTIONS (url ' . sql_literal($pay->url) . ", auth 'flowctl', ca_file 'ca.pem', audience 'https://payment.example', scope 'payment:charge');"
	  . 'GRANT USAGE ON FOREIGN SERVER pay TO app');
my $again = { ErrorEquals => ['States.ALL'], IntervalSeconds => 1, BackoffRate => 1, MaxAttempts => 60 };
for my $flow ([ 'charge', http_flow('pay') ], [ 'patient', http_flow('pay', Retry => [$again]) ])
{
	$node->safe_psql('postgres', "SET ROLE app; SELECT flowctl.define_flow('$flow->[0]', " . sql_literal(to_json($flow->[1])) . ')');
}
my $orders = 0;
sub start { my ($flow) = @_; return $node->safe_psql('postgres', "SET ROLE app; SELECT flowctl.start('$flow', " . sql_literal(to_json({ order => 'o' . ++$orders, amount => 1 })) . ')') }
sub charged
{
	my ($name, $flow) = @_;
	my $run = start($flow // 'charge');
	is(wait_for_run($node, $run), 'SUCCEEDED', $name) or diag(to_json(run_row($node, $run)));
}
sub refused
{
	my ($why, $name) = @_;
	my $run = start('charge');
	is(wait_for_run($node, $run), 'FAILED', $name);
	like(run_row($node, $run)->{cause}, $why, "$name: why");
}

refused(qr/its key is in a PKCS#11 token, and flowctl.pkcs11_module is not set/, 'without a module');
my ($status, $out, $err) = $node->psql('postgres', "ALTER SYSTEM SET flowctl.pkcs11_module = 'libsofthsm2.so'");
like($err, qr/must be an absolute path/, 'a module has a whole path');
set_settings('flowctl.pkcs11_module' => "$tokens/softhsm2.conf");
refused(qr/the PKCS#11 module cannot be loaded: /, 'with something that is no library');
set_settings('flowctl.pkcs11_module' => $module);
charged('RSA: a relying party believes what the token signed');
set_settings('flowctl.issuer_keys' => 'hsm-es256, hsm-rs256');
charged('P-256: too');
charged('and again') for 1 .. 3;

# Who has not loaded the module. (The worker that has lets nobody look.)
is(loads(slurp_file($node->data_dir . '/postmaster.pid') =~ s/\n.*//sr), 'no', 'the postmaster does not load the module');
is($node->safe_psql('postgres', "SELECT length(flowctl.jwks()::text) > 0; SELECT pg_read_file('/proc/self/maps') ~ 'softhsm'"), "t\nf", 'nor does a session that publishes');
is($node->safe_psql('postgres', "CREATE ROLE guest; SET ROLE guest; SELECT count(*) FROM pg_settings WHERE name = 'flowctl.pkcs11_module'"), '0', 'nobody else sees which one it is');

# The public half in the file is not that of the key.
set_settings('flowctl.issuer_keys' => 'hsm-other');
refused(qr/signs with another key than the public one/, 'a signature that does not fit what is published');
set_settings('flowctl.issuer_keys' => 'hsm-es256, hsm-rs256');

# The token goes while its session is open, and comes back.
quietly('softhsm2-util', '--delete-token', '--token', 'flowctl');
refused(qr/PKCS#11/, 'a token that is gone');
make_token('flowctl', 'rs256', 'es256');
charged('once it is back, it is used again', 'patient');

# A PIN that is wrong is tried once, whatever runs come, and the next one counts at once.
$node->stop;
Parts::secret_file('hsm-pin', "0000000000\n");
$node->start;
refused(qr/the PKCS#11 token refuses the PIN in "hsm-pin"; it is not tried again until the file holds another one/, "a wrong PIN ($_)") for 1 .. 3;
Parts::secret_file('hsm-pin', "$pin\n");
charged('the right one', 'patient');

# A key that is not there.
key_file('hsm-nokey', 'pkcs11:token=flowctl;object=nobody?pin-source=hsm-pin', 'es256');
set_settings('flowctl.issuer_keys' => 'hsm-nokey');
refused(qr/the PKCS#11 token has no private key of this name/, 'a key that is not in the token');
key_file('hsm-notoken', 'pkcs11:token=nobody;object=x?pin-source=hsm-pin', 'es256');
set_settings('flowctl.issuer_keys' => 'hsm-notoken');
refused(qr/the PKCS#11 module has no token "nobody"/, 'a token that is not there');

# Nothing is left of the PIN, and processes that had the module end in peace.
$node->stop('fast');
is(join(' ', Parts::leaks($node, qr/\Q$pin\E/)), '', 'the PIN is nowhere in tables, WAL or the log');
unlike(slurp_file($node->logfile), qr/was terminated by signal/, 'no process crashed');

done_testing();
