// The validators of flowctl_http and flowctl_oidc: which options go together, and who may set them.
//
// The server calls them at every CREATE and ALTER of a foreign server or user mapping. options.hpp says what a
// validator may know.
#include <algorithm>
#include <initializer_list>
#include <vector>

#include "pg/endpoints/auth_rules.hpp"
#include "pg/endpoints/foreign_servers.hpp"
#include "pg/endpoints/lease_rules.hpp"
#include "pg/endpoints/option_rules.hpp"
#include "pg/endpoints/option_table.hpp"

namespace flowctl::pg {

namespace {

void exclude(const Options& options, const char* one, const char* other, const char* hint) {
    if (options.contains(one) && options.contains(other))
        contradict("options " + in_quotes(one) + " and " + in_quotes(other) + " exclude each other", hint);
}

void only_with(const Options& options, std::initializer_list<const char*> names, bool fits,
               const std::string& condition, const char* hint) {
    if (fits) return;
    for (const char* name : names)
        if (options.contains(name)) contradict("option " + in_quotes(name) + " needs " + condition, hint);
}

// Which tokens are handed in depends on the grant. An endpoint's owner who names the user's token consents to
// what is done with it there.
void check_grant(const Options& options) {
    const std::string_view grant = option(options, "grant");
    const bool exchange = grant == "token_exchange";
    const bool with_subject = exchange || grant == "jwt_bearer" || grant == "on_behalf_of";
    only_with(options, {"subject_token", "subject_token_file"}, with_subject,
              "grant 'token_exchange', 'jwt_bearer' or 'on_behalf_of'",
              "With other grants no token of somebody else is handed in.");
    only_with(
        options,
        {"subject_token_type", "actor_token", "actor_token_file", "actor_token_type", "requested_token_type"},
        exchange, "grant 'token_exchange'", "Other grants have no such parameter.");
    exclude(options, "subject_token", "subject_token_file", "Say once where the subject's token comes from.");
    exclude(options, "actor_token", "actor_token_file", "Say once where the actor's token comes from.");
    only_with(options, {"actor_token_type"},
              options.contains("actor_token") || options.contains("actor_token_file"),
              "option \"actor_token\" or \"actor_token_file\"", "Without an actor it has no meaning.");
    if (with_subject && !options.contains("subject_token") && !options.contains("subject_token_file"))
        throw UserError(
            ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED,
            "option \"subject_token\" or \"subject_token_file\" is required for grant '" +
                std::string(grant) + "'",
            "subject_token 'user' allows that the token which a user's session handed over at start "
            "is exchanged for calls of this endpoint.");
}

// Options that say what auth 'flowctl' asks our own issuer for.
bool is_of_own_token(std::string_view name) {
    return name == "scope" || name == "audience";
}

void check_http_server(const Options& options) {
    require(options, "url", "servers of flowctl_http", "It is what the endpoint's calls are sent to.");
    const bool issuer = options.contains("issuer");
    const bool auth = options.contains("auth");
    const bool for_session = option(options, "auth") == "aws_sigv4";
    if (issuer && auth && !for_session)
        contradict("options \"issuer\" and \"auth\" exclude each other",
                   "Name the issuer of the credential, or say auth 'none' for calls without one.");
    if (!issuer && !auth)
        throw UserError(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED,
                        "option \"issuer\" or \"auth\" is required",
                        "Name the flowctl_oidc server that issues the credential, or say auth 'none' for "
                        "calls without one.");
    const bool own = option(options, "auth") == "flowctl";
    const bool own_audience = for_session && !options.contains("web_identity_token_file");
    if (!issuer)
        for (const char* name :
             {"grant", "subject_token", "subject_token_file", "subject_token_type", "actor_token",
              "actor_token_file", "actor_token_type", "requested_token_type", "scope", "audience", "resource",
              "dpop", "certificate_bound"})
            if (options.contains(name) && !(own && is_of_own_token(name)) &&
                !(own_audience && name == std::string_view("audience")))
                contradict(
                    "option " + in_quotes(name) + " needs option \"issuer\"",
                    own ? "With auth 'flowctl' the call carries a token of this installation's own issuer."
                        : "Calls with auth '" + std::string(option(options, "auth")) +
                              "' carry no token of an issuer.");
    check_grant(options);
    if (is_on(options, "dpop") && is_on(options, "follow_redirects"))
        contradict("options \"dpop\" and \"follow_redirects\" exclude each other",
                   "A proof of possession is made for one URL.");
    check_auth_options(options);
    check_lease_options(options);
    if (options.contains("burst"))
        require(options, "rate", "burst", "burst says how many calls may begin at once after a rest of the rate.");
}

// Whoever names an issuer's keys makes tokens that count as its own.
void check_keys(const Options& options) {
    if (!options.contains("jwks_uri") || guarded([] { return superuser(); })) return;
    for (const ListedServer& other : list_servers(kOidcWrapper)) {
        const Oid owner = other.owner;
        if (option(other.options, "issuer") != option(options, "issuer") ||
            guarded([&] { return has_privs_of_role(GetUserId(), owner); }))
            continue;
        throw UserError(
            ERRCODE_INSUFFICIENT_PRIVILEGE,
            "permission denied to name the keys of issuer " + in_quotes(option(options, "issuer")),
            "Foreign server " + in_quotes(other.name) +
                " of another role stands for this issuer. Without the option \"jwks_uri\" the keys "
                "are those that the issuer itself names.");
    }
}

void check_issuer_right(const Options& options) {
    if (!options.contains("subject_audience") || may_declare_issuers(GetUserId())) return;
    throw UserError(
        ERRCODE_INSUFFICIENT_PRIVILEGE,
        "permission denied to set options of an object that has \"subject_audience\"",
        "Only superusers, and roles that have USAGE on foreign-data wrapper flowctl_oidc WITH GRANT "
        "OPTION, may say whose users' tokens are taken.");
}

void check_oidc_server(const Options& options) {
    check_issuer_right(options);
    check_keys(options);
    for (const char* name : {"subject_algorithms", "subject_type", "subject_claims"})
        if (options.contains(name) && !options.contains("subject_audience"))
            contradict("option " + in_quotes(name) + " needs option \"subject_audience\"",
                       "It says whom users' tokens must be for, and that they are taken from this issuer.");
    require(options, "issuer", "servers of flowctl_oidc",
            "It is the URL that the identity provider calls itself by.");
    if (option(options, "discovery") == "none")
        require(options, "token_endpoint", "servers with discovery 'none'",
                "Nothing else says where tokens come from.");
}

// What each method of authentication takes beside client_id.
struct Method {
    std::string_view name;
    std::vector<const char*> required;
    std::vector<const char*> allowed;
    bool needs_client_id = true;
};

const Method& method_of(const Options& options) {
    static const Method kMethods[] = {
        {"client_secret_basic", {"client_secret_file"}, {}},
        {"client_secret_post", {"client_secret_file"}, {}},
        {"client_secret_jwt", {"client_secret_file"}, {"signing_alg"}},
        {"private_key_jwt", {"private_key_file"}, {"signing_alg", "key_id", "key_certificate_file"}},
        {"tls_client_auth", {"certificate_file", "certificate_key_file"}, {}},
        {"self_signed_tls_client_auth", {"certificate_file", "certificate_key_file"}, {}},
        {"workload_token", {"workload_token_file"}, {}, false},
        {"flowctl", {}, {}, false},
        {"none", {}, {}, false},
    };
    const std::string_view name = option(options, "auth_method");
    for (const Method& method : kMethods)
        if (method.name == name) return method;
    return kMethods[0];
}

const char* hint_for(std::string_view option_name) {
    if (option_name == "client_secret_file")
        return "It names a file in flowctl.secrets_dir that holds the secret.";
    if (option_name == "workload_token_file")
        return "It names a file in flowctl.secrets_dir, or a link there, that the platform keeps a token in.";
    return "It names a PEM file in flowctl.secrets_dir.";
}

bool contains(const std::vector<const char*>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

void check_oidc_mapping(const Options& options) {
    const Method& method = method_of(options);
    const std::string spelt = options.contains("auth_method")
                                  ? "auth_method '" + std::string(method.name) + "'"
                                  : "client_secret_basic, which is used without auth_method";
    if (method.needs_client_id)
        require(options, "client_id", "user mappings of flowctl_oidc servers",
                "It is the name under which the issuer knows the client.");
    for (const char* name : {"client_secret_file", "private_key_file", "signing_alg", "key_id",
                             "key_certificate_file", "workload_token_file"})
        if (options.contains(name) && !contains(method.required, name) && !contains(method.allowed, name))
            contradict("option " + in_quotes(name) + " does not go with " + spelt,
                       "Drop it, or choose the auth_method that uses it.");
    for (const char* name : method.required)
        require(options, name, spelt, hint_for(name));
    const bool by_secret = option(options, "signing_alg").starts_with("HS");
    if (options.contains("signing_alg") && by_secret != (method.name == "client_secret_jwt"))
        contradict(
            "signing_alg '" + std::string(option(options, "signing_alg")) + "' does not go with " + spelt,
            "HS256, HS384 and HS512 sign with a secret, all others with a private key.");
    if (options.contains("certificate_file") != options.contains("certificate_key_file"))
        throw UserError(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED,
                        "options \"certificate_file\" and \"certificate_key_file\" need each other",
                        "They are the certificate that connections to the issuer show, and its private key.");
}

void check_files(const Options& options) {
    const auto name = file_option(options);
    if (!name || may_name_files(GetUserId())) return;
    throw UserError(
        ERRCODE_INSUFFICIENT_PRIVILEGE,
        "permission denied to set options of an object that has " + in_quotes(*name),
        "Options ending in _file may be set only by superusers and members of pg_read_server_files.");
}

// An author who writes an ARN has not chosen a server, and the server that claims the ARN gets what the flow
// sends. So not everyone who may create a server may claim one.
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
