# Issuers, registrations and endpoints for the identity tests: one of each under one name, for the role app.
#
#   my $scene = Identity->new($node, $idp);
#   $scene->register('exchange', $pay->url, { client_id => 'post', ... mapping ... }, grant => 'token_exchange', ... endpoint ...);
#   my ($run, $status) = $scene->run('exchange');
package Identity;
use strict;
use warnings;
use FlowctlTest;

sub new
{
	my ($class, $node, $idp) = @_;
	$node->safe_psql('postgres', "CREATE ROLE app LOGIN; SELECT flowctl.grant_author('app')");
	return bless { node => $node, idp => $idp }, $class;
}

# Makes an endpoint, an issuer server idp_<name> with the mapping, and a flow of that name. `issuer_options` in %option
# are the options of the issuer server.
sub register
{
	my ($self, $name, $url, $mapping, %option) = @_;
	my %issuer = (issuer => $self->{idp}{issuer}, ca_file => 'ca.pem', %{ delete $option{issuer_options} // {} });
	my %server = (issuer => "idp_$name", url => $url, ca_file => 'ca.pem', audience => 'https://payment.example', scope => 'payment:charge', %option);
	delete $server{$_} for grep { !defined $server{$_} } keys %server;
	$self->{node}->safe_psql('postgres',
		"CREATE SERVER idp_$name FOREIGN DATA WRAPPER flowctl_oidc OPTIONS (" . options(%issuer) . ');'
		  . "CREATE USER MAPPING FOR app SERVER idp_$name OPTIONS (" . options(%$mapping) . ');'
		  . "CREATE SERVER $name FOREIGN DATA WRAPPER flowctl_http OPTIONS (" . options(%server) . ');'
		  . "GRANT USAGE ON FOREIGN SERVER $name TO app");
	$self->define($name, http_flow($name));
}

sub options
{
	my (%all) = @_;
	return join ', ', map { "\"$_\" " . sql_literal($all{$_}) } sort keys %all;
}

sub define
{
	my ($self, $name, $definition) = @_;
	$self->{node}->safe_psql('postgres',
		'SET ROLE app; SELECT flowctl.define_flow(' . sql_literal($name) . ', ' . sql_literal(to_json($definition)) . ')');
}

sub start
{
	my ($self, $name, $input) = @_;
	my $text = sql_literal(to_json($input // { order => $name, amount => 1 }));
	return $self->{node}->safe_psql('postgres', "SET ROLE app; SELECT flowctl.start('$name', $text)");
}

sub run
{
	my ($self, @args) = @_;
	my $run = $self->start(@args);
	return ($run, wait_for_run($self->{node}, $run));
}

sub calls
{
	my ($self, $run) = @_;
	return @{ query_json($self->{node}, "SELECT json_agg(c ORDER BY started_at) FROM flowctl.calls c WHERE run_id = '$run'") };
}

1;
