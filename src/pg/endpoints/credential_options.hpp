// The credential of an endpoint: what its issuer, the user mapping in use and its own options say of the
// token that its calls carry, or the token that our own issuer signs for them (auth 'flowctl').
//
// Secret files are read here; the rights to all of it have been checked (endpoint_chain). No token is asked
// for: that is net's, when the call leaves.
//
// Called by endpoint, within a transaction.
#pragma once

#include <optional>

#include "base/result.hpp"
#include "net/client.hpp"
#include "net/http/url.hpp"
#include "pg/endpoints/chain.hpp"
#include "pg/endpoints/endpoint.hpp"

namespace flowctl::pg {

// As its foreign server describes it.
Result<net::Issuer, EndpointFailure> issuer_of(const NamedServer& server);

// Adds the credential to an endpoint whose url and timeout are there already; none where its options want
// none.
std::optional<EndpointFailure> add_credential(const EndpointChain& chain, const net::Url& url,
                                              const RunTokens& tokens, Endpoint& endpoint);

}  // namespace flowctl::pg
