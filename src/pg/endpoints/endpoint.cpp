// An endpoint from its options. See endpoint.hpp; the catalog and rights: endpoint_chain, secret files:
// endpoint_files, its credential: endpoint_credential and endpoint_auth.
#include <utility>
#include <variant>

#include "pg/endpoints/endpoint.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "pg/endpoints/auth.hpp"
#include "pg/endpoints/chain.hpp"
#include "pg/endpoints/credential.hpp"
#include "pg/endpoints/files.hpp"
#include "pg/server/bridge.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg {

namespace {

using Failure = EndpointFailure;

// Every part is written with its length, so that different options never give the same text.
void append_part(std::string& text, std::string_view part) {
    text += std::to_string(part.size());
    text += ':';
    text += part;
}

void append_options(std::string& text, std::string_view what, const std::string& name,
                    const Options& options) {
    append_part(text, what);
    append_part(text, name);
    append_part(text, std::to_string(options.size()));
    for (const auto& [key, value] : options) {
        append_part(text, key);
        append_part(text, value);
    }
}

std::string hash_of(const EndpointChain& chain) {
    std::string text;
    append_options(text, "endpoint", chain.endpoint.name, chain.endpoint.options);
    if (chain.issuer) append_options(text, "issuer", chain.issuer->name, chain.issuer->options);
    if (chain.mapping) append_options(text, "mapping", chain.mapping_of, *chain.mapping);
    return net::hex_encode(net::sha256(text));
}

}  // namespace

Result<IssuerServer, EndpointFailure> issuer_by_oid(Oid server_oid) {
    const char* name = guarded([&]() -> const char* {
        const ForeignServer* row = GetForeignServerExtended(server_oid, FSV_MISSING_OK);
        return row == nullptr ? nullptr : row->servername;
    });
    std::optional<NamedServer> server;
    if (name != nullptr) server = find_server(name, kOidcWrapper);
    if (!server)
        return Err{Failure{kEndpointNotFound, "there is no such foreign server of wrapper flowctl_oidc"}};
    if (auto failure =
            check_file_right(*server, server->options, "foreign server " + in_quotes(server->name)))
        return Err{*failure};
    auto issuer = issuer_of(*server);
    if (!issuer) return Err{std::move(issuer).error()};
    return IssuerServer{std::move(issuer).value(), std::move(server->options), role_name(server->owner)};
}

std::string endpoint_scope(std::string_view name) {
    const auto server = find_server(name, kHttpWrapper);
    if (!server) return {};
    return std::string(option(server->options, "scope"));
}

std::optional<lease::Terms> endpoint_lease(std::string_view name) {
    const auto server = find_server(name, kHttpWrapper);
    if (!server) return std::nullopt;
    return lease::terms_of(server->options);
}

std::string lease_is_for_tasks(std::string_view name) {
    return "endpoint " + in_quotes(name) +
           " has a database lease: it is for Tasks, not for the documents of a distributed Map";
}

std::optional<Oid> endpoint_owner(std::string_view name) {
    const auto server = find_server(name, kHttpWrapper);
    if (!server) return std::nullopt;
    return server->owner;
}

Result<Endpoint, EndpointFailure> resolve_endpoint(std::string_view server, Oid run_role,
                                                   const RunTokens& tokens) {
    auto found = look_up_chain(server, run_role);
    if (!found) return Err{std::move(found).error()};
    const EndpointChain& chain = *found;
    const Options& options = chain.endpoint.options;

    Endpoint endpoint;
    endpoint.server = chain.endpoint.name;
    endpoint.url = option(options, "url");
    const auto url = net::split_url(endpoint.url);
    if (const auto* wrong = std::get_if<std::string>(&url))
        return Err{
            Failure{kEndpointConfiguration, "foreign server " + in_quotes(server) + ": url: " + *wrong}};
    endpoint.parsed_url = std::get<net::Url>(url);
    auto path = ca_path(chain.endpoint.name, options);
    if (!path) return Err{std::move(path).error()};
    endpoint.ca_file = *path;
    endpoint.connect_timeout = seconds_or(options, "connect_timeout", endpoint.connect_timeout);
    endpoint.timeout = seconds_or(options, "timeout", endpoint.timeout);
    endpoint.max_response_bytes =
        read_bytes(option(options, "max_response_bytes")).value_or(endpoint.max_response_bytes);
    endpoint.follow_redirects = read_boolean(option(options, "follow_redirects")).value_or(false);
    if (option(options, "idempotency") == "attempt") endpoint.idempotency = Idempotency::Attempt;
    endpoint.egress_role = role_name(run_role);
    endpoint.options_hash = hash_of(chain);
    if (auto failure = add_credential(chain, endpoint.parsed_url, tokens, endpoint))
        return Err{std::move(*failure)};
    if (auto failure = add_auth(options, chain.endpoint.owner, tokens, endpoint)) {
        failure->cause = "foreign server " + in_quotes(server) + ": " + failure->cause;
        return Err{std::move(*failure)};
    }
    endpoint.deployment = option(options, "deployment");
    if (!endpoint.deployment.empty()) endpoint.speech = calls::Speech::Prefect;
    endpoint.covers_arns = options.contains("arn");
    endpoint.owner = chain.endpoint.owner;
    endpoint.lease = lease::terms_of(options);
    endpoint.poll_interval = seconds_or(options, "poll_interval", endpoint.poll_interval);
    return endpoint;
}

bool can_follow(std::string_view name) {
    const auto server = find_server(name, kHttpWrapper);
    return server && option(server->options, "kind") == "prefect";
}

std::optional<EndpointFailure> check_endpoint(std::string_view server, std::optional<Oid> run_role) {
    auto found = look_up_chain(server, run_role);
    if (!found) return std::move(found).error();
    return std::nullopt;
}

}  // namespace flowctl::pg
