// Catalog and rights of an endpoint. See endpoint_chain.hpp.
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

bool may_use(const NamedServer& server, Oid role) {
    return guarded([&] { return server_aclcheck(server.oid, role, ACL_USAGE) == ACLCHECK_OK; });
}

// The options of the mapping of exactly this role (InvalidOid: PUBLIC).
std::optional<Options> find_mapping(Oid role, Oid server) {
    struct Found {
        bool exists;
        List* options;
    };
    const Found found = guarded([&]() -> Found {
        HeapTuple tuple =
            SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(role), ObjectIdGetDatum(server));
        if (!HeapTupleIsValid(tuple)) return {false, NIL};
        bool is_null = false;
        Datum options =
            SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple, Anum_pg_user_mapping_umoptions, &is_null);
        List* list = is_null ? NIL : untransformRelOptions(PointerGetDatum(DatumGetArrayTypePCopy(options)));
        ReleaseSysCache(tuple);
        return {true, list};
    });
    if (!found.exists) return std::nullopt;
    return to_options(found.options);
}

std::string lacks_usage(const std::string& role, const NamedServer& server) {
    return "role " + in_quotes(role) + " lacks USAGE on foreign server " + in_quotes(server.name) +
           ": GRANT USAGE ON FOREIGN SERVER " + identifier(server.name) + " TO " + identifier(role);
}

}  // namespace

std::optional<NamedServer> find_server(std::string_view name, std::string_view wrapper) {
    if (name.empty() || name.size() >= NAMEDATALEN || name.find('\0') != std::string_view::npos)
        return std::nullopt;
    NamedServer server;
    server.name = std::string(name);
    const char* text = server.name.c_str();
    struct Found {
        ForeignServer* server;
        const char* wrapper;
    };
    const Found found = guarded([&]() -> Found {
        ForeignServer* row = GetForeignServerByName(text, true);
        if (row == nullptr) return {nullptr, nullptr};
        return {row, GetForeignDataWrapper(row->fdwid)->fdwname};
    });
    if (found.server == nullptr || wrapper != found.wrapper) return std::nullopt;
    server.oid = found.server->serverid;
    server.owner = found.server->owner;
    server.options = to_options(found.server->options);
    return server;
}

std::optional<Failure> check_file_right(const NamedServer& server, const Options& options,
                                        const std::string& of) {
    const auto name = file_option(options);
    if (!name || may_name_files(server.owner)) return std::nullopt;
    return Failure{"States.Permissions",
                   "option " + in_quotes(*name) + " of " + of + " is not honoured: foreign server " +
                       in_quotes(server.name) + " belongs to role " + in_quotes(role_name(server.owner)) +
                       ", which is neither superuser nor member of pg_read_server_files"};
}

Result<EndpointChain, Failure> look_up_chain(std::string_view name, std::optional<Oid> role) {
    EndpointChain chain;
    auto endpoint = find_server(name, kHttpWrapper);
    if (!endpoint)
        return not_found("there is no foreign server " + in_quotes(name) + " of wrapper flowctl_http");
    chain.endpoint = *std::move(endpoint);
    if (role) {
        if (!role_exists(*role)) return permission("the run's role no longer exists");
        if (!may_use(chain.endpoint, *role)) return permission(lacks_usage(role_name(*role), chain.endpoint));
    }
    if (auto failure =
            check_file_right(chain.endpoint, chain.endpoint.options, "foreign server " + in_quotes(name)))
        return Err{*failure};

    const std::string_view issuer_name = option(chain.endpoint.options, "issuer");
    if (issuer_name.empty()) {
        if (option(chain.endpoint.options, "auth").empty())
            return Err{Failure{kEndpointConfiguration, "foreign server " + in_quotes(name) +
                                                           " names no issuer and has no option auth"}};
        return chain;
    }
    auto found = find_server(issuer_name, kOidcWrapper);
    if (!found)
        return not_found("foreign server " + in_quotes(name) + " names as its issuer " +
                         in_quotes(issuer_name) +
                         ", but there is no foreign server of that name of wrapper flowctl_oidc");
    NamedServer& issuer = chain.issuer.emplace(*std::move(found));
    if (!may_use(issuer, chain.endpoint.owner))
        return permission("the owner of foreign server " + in_quotes(name) +
                          " may not use its issuer: " + lacks_usage(role_name(chain.endpoint.owner), issuer));
    if (auto failure = check_file_right(issuer, issuer.options, "foreign server " + in_quotes(issuer_name)))
        return Err{*failure};

    if (role) {
        chain.mapping_of = role_name(*role);
        chain.mapping = find_mapping(*role, issuer.oid);
        if (!chain.mapping) {
            chain.mapping_of = "public";
            chain.mapping = find_mapping(InvalidOid, issuer.oid);
        }
        if (!chain.mapping)
            return permission("role " + in_quotes(role_name(*role)) +
                              " has no user mapping for foreign server " + in_quotes(issuer_name) +
                              ": CREATE USER MAPPING FOR " + identifier(role_name(*role)) + " SERVER " +
                              identifier(issuer.name) + " OPTIONS (client_id '...', ...)");
        if (auto failure = check_file_right(issuer, *chain.mapping,
                                            "the user mapping for " + in_quotes(chain.mapping_of)))
            return Err{*failure};
    }
    return chain;
}

}  // namespace flowctl::pg
