// The credential of an endpoint: what its issuer, the user mapping in use and its own options say of the
// token that its calls carry, or the token that our own issuer signs for them (auth 'flowctl').
//
// Secret files are read here; the rights to all of it have been checked (chain.hpp). No token is asked for:
// src/net does that when the call leaves.
#pragma once

#include <optional>

#include "base/result.hpp"
#include "net/client.hpp"
#include "pg/endpoints/chain.hpp"
#include "pg/endpoints/endpoint.hpp"

namespace flowctl::pg {

// The issuer as its foreign server describes it, with the path of its CA file.
Result<net::Issuer, EndpointFailure> issuer_of(const OidcServer& server);

// Adds the credential to an endpoint whose url and timeout are there already; none where its options want
// none. Within a transaction.
std::optional<EndpointFailure> add_credential(const EndpointChain& chain, const RunTokens& tokens,
                                              Endpoint& endpoint);

}  // namespace flowctl::pg
