// Endpoints that want something else than a bearer token: an API key, a password, a webhook signature, a
// client certificate, AWS's signature, a session of AWS's or Google's.
//
// All of it comes from the endpoint's options (and secret files, as they are now). So what a flow or a row
// says cannot change which proof is shown, which role is asked for, or in which region. auth_rules.hpp says
// which options go together; endpoint.hpp says whose files are honoured.
#pragma once

#include <optional>

#include "pg/endpoints/chain.hpp"
#include "pg/endpoints/endpoint.hpp"

namespace flowctl::pg {

// Adds the endpoint's proof, certificate or session. Its url, ca_file, timeout and the credential of its
// option `issuer` are there already. Within a transaction.
std::optional<EndpointFailure> add_auth(const HttpServer& server, const RunTokens& tokens,
                                        Endpoint& endpoint);

}  // namespace flowctl::pg
