// An endpoint for one call. See endpoint.hpp; the catalog and rights: chain.hpp, secret files: files.hpp, its
// credential: credential.hpp and auth.hpp.
#include "pg/endpoints/endpoint.hpp"

#include <utility>

#include "pg/endpoints/auth.hpp"
#include "pg/endpoints/chain.hpp"
#include "pg/endpoints/credential_options.hpp"
#include "pg/endpoints/files.hpp"
#include "pg/server/bridge.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg {

namespace {

using Failure = EndpointFailure;

}  // namespace

Result<IssuerServer, EndpointFailure> issuer_by_oid(Oid oid) {
    const auto server = find_oidc_server(oid);
    if (!server)
        return Err{Failure{kEndpointNotFound, "there is no such foreign server of wrapper flowctl_oidc"}};
    if (auto failure = check_file_right(*server)) return Err{*failure};
    auto issuer = issuer_of(*server);
    if (!issuer) return Err{std::move(issuer).error()};
    return IssuerServer{std::move(issuer).value(), server->written, role_name(server->owner)};
}

std::string lease_is_for_tasks(std::string_view name) {
    return "endpoint " + in_quotes(name) +
           " has a database lease: it is for Tasks, not for the documents of a distributed Map";
}

std::optional<Oid> endpoint_owner(std::string_view name) {
    const auto server = find_http_server(name);
    if (!server) return std::nullopt;
    return server->owner;
}

Result<Endpoint, EndpointFailure> resolve_endpoint(std::string_view name, Oid run_role,
                                                   const RunTokens& tokens) {
    auto found = look_up_chain(name, run_role);
    if (!found) return Err{std::move(found).error()};
    const EndpointChain& chain = *found;
    const HttpOptions& options = chain.endpoint->options;
    if (!options.url_problem.empty())
        return Err{Failure{kEndpointConfiguration,
                           "foreign server " + in_quotes(name) + ": url: " + options.url_problem}};

    Endpoint endpoint;
    endpoint.server = chain.endpoint;
    auto path = ca_path(chain.endpoint->name, options.ca_file);
    if (!path) return Err{std::move(path).error()};
    endpoint.ca_file = std::move(path).value();
    endpoint.egress_role = role_name(run_role);
    endpoint.options_hash = options_hash(chain.endpoint, chain.issuer, chain.mapping, chain.mapping_of);
    if (auto failure = add_credential(chain, tokens, endpoint)) return Err{std::move(*failure)};
    if (auto failure = add_auth(*chain.endpoint, tokens, endpoint)) {
        failure->cause = "foreign server " + in_quotes(name) + ": " + failure->cause;
        return Err{std::move(*failure)};
    }
    return endpoint;
}

std::optional<EndpointFailure> check_endpoint(std::string_view server, std::optional<Oid> run_role) {
    auto found = look_up_chain(server, run_role);
    if (!found) return std::move(found).error();
    return std::nullopt;
}

}  // namespace flowctl::pg
