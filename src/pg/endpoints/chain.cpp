// Catalog and rights of an endpoint. See chain.hpp.
#include "pg/endpoints/chain.hpp"

#include "pg/server/bridge.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg {

namespace {

using Failure = EndpointFailure;

Err<Failure> permission(std::string cause) {
    return Err{Failure{"States.Permissions", std::move(cause)}};
}
Err<Failure> not_found(std::string cause) {
    return Err{Failure{kEndpointNotFound, std::move(cause)}};
}

bool role_exists(Oid role) {
    return guarded([&] { return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)); });
}

bool may_use(Oid server, Oid role) {
    return guarded([&] { return server_aclcheck(server, role, ACL_USAGE) == ACLCHECK_OK; });
}

std::string lacks_usage(const std::string& role, const std::string& server) {
    return "role " + in_quotes(role) + " lacks USAGE on foreign server " + in_quotes(server) +
           ": GRANT USAGE ON FOREIGN SERVER " + identifier(server) + " TO " + identifier(role);
}

// `options` are those of the server or of a mapping at it, and `of` names which in messages.
std::optional<Failure> check_file_right(const std::string& server, Oid owner, const Options& options,
                                        const std::string& of) {
    const auto name = file_option(options);
    if (!name || may_name_files(owner)) return std::nullopt;
    return Failure{"States.Permissions",
                   "option " + in_quotes(*name) + " of " + of + " is not honoured: foreign server " +
                       in_quotes(server) + " belongs to role " + in_quotes(role_name(owner)) +
                       ", which is neither superuser nor member of pg_read_server_files"};
}

// The mapping of the role, or else that of PUBLIC.
std::optional<Failure> add_mapping(EndpointChain& chain, Oid role) {
    const OidcServer& issuer = *chain.issuer;
    chain.mapping_of = role_name(role);
    chain.mapping = find_mapping(role, issuer.oid);
    if (!chain.mapping) {
        chain.mapping_of = "public";
        chain.mapping = find_mapping(InvalidOid, issuer.oid);
    }
    if (!chain.mapping)
        return Failure{"States.Permissions", "role " + in_quotes(role_name(role)) +
                                                 " has no user mapping for foreign server " +
                                                 in_quotes(issuer.name) + ": CREATE USER MAPPING FOR " +
                                                 identifier(role_name(role)) + " SERVER " +
                                                 identifier(issuer.name) + " OPTIONS (client_id '...', ...)"};
    return check_file_right(issuer.name, issuer.owner, chain.mapping->written,
                            "the user mapping for " + in_quotes(chain.mapping_of));
}

}  // namespace

std::optional<Failure> check_file_right(const OidcServer& server) {
    return check_file_right(server.name, server.owner, server.written,
                            "foreign server " + in_quotes(server.name));
}

Result<EndpointChain, Failure> look_up_chain(std::string_view name, std::optional<Oid> role) {
    EndpointChain chain;
    chain.endpoint = find_http_server(name);
    if (!chain.endpoint)
        return not_found("there is no foreign server " + in_quotes(name) + " of wrapper flowctl_http");
    const HttpServer& endpoint = *chain.endpoint;
    if (role) {
        if (!role_exists(*role)) return permission("the run's role no longer exists");
        if (!may_use(endpoint.oid, *role)) return permission(lacks_usage(role_name(*role), endpoint.name));
    }
    if (auto failure = check_file_right(endpoint.name, endpoint.owner, endpoint.written,
                                        "foreign server " + in_quotes(name)))
        return Err{*failure};

    const std::string& issuer_name = endpoint.options.issuer;
    if (issuer_name.empty()) {
        if (endpoint.options.auth.empty())
            return Err{Failure{kEndpointConfiguration, "foreign server " + in_quotes(name) +
                                                           " names no issuer and has no option auth"}};
        return chain;
    }
    chain.issuer = find_oidc_server(issuer_name);
    if (!chain.issuer)
        return not_found("foreign server " + in_quotes(name) + " names as its issuer " +
                         in_quotes(issuer_name) +
                         ", but there is no foreign server of that name of wrapper flowctl_oidc");
    if (!may_use(chain.issuer->oid, endpoint.owner))
        return permission("the owner of foreign server " + in_quotes(name) + " may not use its issuer: " +
                          lacks_usage(role_name(endpoint.owner), chain.issuer->name));
    if (auto failure = check_file_right(*chain.issuer)) return Err{*failure};
    if (role)
        if (auto failure = add_mapping(chain, *role)) return Err{*failure};
    return chain;
}

}  // namespace flowctl::pg
