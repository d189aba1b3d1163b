// The validators of flowctl_http and flowctl_oidc: what options must be together, and who may set them.
//
// Called by the server at every CREATE and ALTER of a foreign server or user mapping; see fdw_options.hpp for
// what a validator may know.
#include "pg/fdw_option_check.hpp"
#include "pg/fdw_options.hpp"

#include "pg/bridge.hpp"

namespace flowctl::pg {

namespace {

std::string in_quotes(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

void require(const Options& options, std::string_view name, const char* where, std::string hint) {
    if (options.contains(name)) return;
    throw UserError(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED,
                    "option " + in_quotes(name) + " is required for " + where, std::move(hint));
}

[[noreturn]] void contradict(const std::string& message, std::string hint) {
    throw UserError(ERRCODE_FDW_INVALID_OPTION_NAME, message, std::move(hint));
}

void check_http_server(const Options& options) {
    require(options, "url", "servers of flowctl_http", "It is what the endpoint's calls are sent to.");
    const bool issuer = options.contains("issuer");
    const bool auth = options.contains("auth");
    if (issuer && auth)
        contradict("options \"issuer\" and \"auth\" exclude each other",
                   "Name the issuer of the credential, or say auth 'none' for calls without one.");
    if (!issuer && !auth)
        throw UserError(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED,
                        "option \"issuer\" or \"auth\" is required",
                        "Name the flowctl_oidc server that issues the credential, or say auth 'none' for "
                        "calls without one.");
    if (!issuer)
        for (const char* name : {"grant", "scope", "audience", "resource"})
            if (options.contains(name))
                contradict("option " + in_quotes(name) + " needs option \"issuer\"",
                           "Calls with auth 'none' carry no credential.");
}

void check_oidc_server(const Options& options) {
    require(options, "issuer", "servers of flowctl_oidc",
            "It is the URL that the identity provider calls itself by.");
    if (option(options, "discovery") == "none")
        require(options, "token_endpoint", "servers with discovery 'none'",
                "Nothing else says where tokens come from.");
}

void check_oidc_mapping(const Options& options) {
    require(options, "client_id", "user mappings of flowctl_oidc servers",
            "It is the name under which the issuer knows the client.");
    const bool by_key = option(options, "auth_method") == "private_key_jwt";
    if (by_key) {
        if (options.contains("client_secret_file"))
            contradict("option \"client_secret_file\" does not go with auth_method 'private_key_jwt'",
                       "Drop it, or use auth_method 'client_secret_basic'.");
        require(options, "private_key_file", "auth_method 'private_key_jwt'",
                "It names a PEM file in flowctl.secrets_dir.");
        return;
    }
    for (const char* name : {"private_key_file", "signing_alg", "key_id"})
        if (options.contains(name))
            contradict("option " + in_quotes(name) + " needs auth_method 'private_key_jwt'",
                       "Without auth_method, client_secret_basic is used.");
    require(options, "client_secret_file",
            options.contains("auth_method") ? "client_secret_basic and client_secret_post"
                                            : "client_secret_basic, which is used without auth_method",
            "It names a file in flowctl.secrets_dir that holds the secret.");
}

void check_files(const Options& options) {
    const auto name = file_option(options);
    if (!name || may_name_files(GetUserId())) return;
    throw UserError(
        ERRCODE_INSUFFICIENT_PRIVILEGE,
        "permission denied to set options of an object that has " + in_quotes(*name),
        "Options ending in _file may be set only by superusers and members of pg_read_server_files.");
}

// An ARN in a flow is a name that its author did not choose among servers, and whoever claims it gets what
// the flow sends: that is not for everyone who may create a server.
void check_arn(const Options& options) {
    if (!options.contains("arn") || guarded([] { return superuser(); })) return;
    throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                    "permission denied to set options of an object that has \"arn\"",
                    "Only superusers may say which ARNs a server covers.");
}

void validate(Place place, const Options& options) {
    for (const auto& [name, value] : options)
        check_option(place, name, value);
    check_files(options);
    check_arn(options);
    switch (place) {
        case Place::HttpServer:
            return check_http_server(options);
        case Place::OidcServer:
            return check_oidc_server(options);
        case Place::OidcMapping:
            return check_oidc_mapping(options);
    }
}

void refuse_any(const Options& options, const char* hint) {
    if (!options.empty())
        throw UserError(ERRCODE_FDW_INVALID_OPTION_NAME,
                        "invalid option " + in_quotes(options.begin()->first), hint);
}

Options argument(FunctionCallInfo fcinfo) {
    List* list = guarded([&] { return untransformRelOptions(fcinfo->args[0].value); });
    return to_options(list);
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_http_validator) {
    const Options options = argument(fcinfo);
    switch (PG_GETARG_OID(1)) {
        case ForeignServerRelationId:
            validate(Place::HttpServer, options);
            break;
        case UserMappingRelationId:
            refuse_any(options,
                       "User mappings of flowctl_http servers have no options: the credential is that of a "
                       "user mapping of "
                       "the issuer.");
            break;
        default:
            refuse_any(options, "There are no valid options in this context.");
    }
    PG_RETURN_VOID();
}

FLOWCTL_FUNCTION(flowctl_oidc_validator) {
    const Options options = argument(fcinfo);
    switch (PG_GETARG_OID(1)) {
        case ForeignServerRelationId:
            validate(Place::OidcServer, options);
            break;
        case UserMappingRelationId:
            validate(Place::OidcMapping, options);
            break;
        default:
            refuse_any(options, "There are no valid options in this context.");
    }
    PG_RETURN_VOID();
}

}  // namespace flowctl::pg
