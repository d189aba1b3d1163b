// Endpoints that want something else than a bearer token: an API key, a password, a webhook signature, a
// client certificate, AWS's signature, a session of AWS's or Google's.
//
// Read from the endpoint's options alone (and secret files, as they are now), so that what a flow or a row
// says cannot change who is shown, which role is asked for, or in which region. See fdw_auth_rules for what
// the options must be together; endpoint.hpp for whose files are honoured.
//
// Called by endpoint, within a transaction.
#pragma once

#include <optional>

#include "net/client.hpp"
#include "pg/endpoints/endpoint.hpp"
#include "pg/endpoints/options.hpp"

namespace flowctl::pg {

// Adds what the option `auth` and its companions say to the endpoint, whose url, ca_file and credential (of
// option `issuer`) are there already.
std::optional<EndpointFailure> add_auth(const Options& options, Oid owner, const RunTokens& tokens,
                                        Endpoint& endpoint);

}  // namespace flowctl::pg
