// How a client proves at its issuer who it is: by a secret, by a JWT that it signs with a secret or key, by
// the certificate of the connection, or by a token that somebody else vouches with for it.
//
// Every call makes a new proof: an assertion carries a fresh jti and lives 60 s, because issuers refuse a
// replay also when it is our own retry; a workload token is read anew. The secret or assertion goes into the
// header or form that is returned and nowhere else. A certificate is shown by the connection (http/transfer).
#pragma once

#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "net/call/request.hpp"
#include "net/http/dispatcher.hpp"

namespace flowctl::net {

// The form with what the method adds to it, and the header it needs.
struct AuthenticatedForm {
    std::vector<Header> headers;
    std::string form;
};

// The authenticated form, or why the registration cannot be used. `token_endpoint` is an audience of
// assertions.
std::variant<AuthenticatedForm, TokenInputFault> authenticate(const Issuer& issuer,
                                                              const ClientRegistration& client,
                                                              const std::string& token_endpoint,
                                                              std::chrono::system_clock::time_point now,
                                                              std::string form);

// The request that carries it to the issuer.
Exchange form_request(const Credential& credential, AuthenticatedForm&& authenticated, std::string url,
                      std::string egress_role, Seconds timeout);

// What tells connections for this credential from those for another one: the issuer and the client. Tokens of
// different subjects may share a connection.
std::string partition_of(const Credential& credential);

// Who an assertion for the issuer is meant for, as its option says.
std::string assertion_audience(const Issuer& issuer, const std::string& token_endpoint);

// True where the connection to the issuer must show the client's certificate.
bool authenticates_by_certificate(const ClientRegistration& client) noexcept;

// Every spelling in which an issuer could echo the client's secret, for quote_foreign. The caller wipes them.
std::vector<std::string> secret_spellings(const ClientRegistration& client);

}  // namespace flowctl::net
