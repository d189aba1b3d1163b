// Resolution of an endpoint: catalog, rights, options, secret files.
#include <unistd.h>

#include <map>
#include <memory>
#include <utility>
#include <variant>

#include "net/crypto.hpp"
#include "net/encoding.hpp"
#include "net/secret.hpp"
#include "net/url.hpp"
#include "pg/endpoint.hpp"

#include "pg/bridge.hpp"
#include "pg/endpoint_auth.hpp"
#include "pg/fdw_options.hpp"
#include "pg/guc.hpp"

namespace flowctl::pg {

namespace {

using Failure = EndpointFailure;

// A foreign server as the catalog has it now.
struct Server {
    Oid oid = InvalidOid;
    Oid owner = InvalidOid;
    std::string name;
    Options options;
};

// An endpoint with all that it leans on.
struct Chain {
    Server endpoint;
    std::optional<Server> issuer;
    std::optional<Options> mapping;
    std::string mapping_of;  // who the mapping is for, as messages name it
};

std::string in_quotes(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

std::string identifier(const std::string& name) {
    return guarded([&] { return quote_identifier(name.c_str()); });
}

Err<Failure> permission(std::string cause) {
    return Err{Failure{"States.Permissions", std::move(cause)}};
}
Err<Failure> not_found(std::string cause) {
    return Err{Failure{kEndpointNotFound, std::move(cause)}};
}
Err<Failure> unusable(std::string cause) {
    return Err{Failure{kEndpointConfiguration, std::move(cause)}};
}

// ------------------------------------------------------------------------------------------ catalog

// False: there is no such server, or it belongs to another wrapper.
bool find_server(std::string_view name, std::string_view wrapper, Server& server) {
    if (name.empty() || name.size() >= NAMEDATALEN || name.find('\0') != std::string_view::npos) return false;
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
    if (found.server == nullptr || wrapper != found.wrapper) return false;
    server.oid = found.server->serverid;
    server.owner = found.server->owner;
    server.options = to_options(found.server->options);
    return true;
}

bool role_exists(Oid role) {
    return guarded([&] { return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)); });
}

bool may_use(const Server& server, Oid role) {
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

// ------------------------------------------------------------------------------------------ rights

std::string lacks_usage(const std::string& role, const Server& server) {
    return "role " + in_quotes(role) + " lacks USAGE on foreign server " + in_quotes(server.name) +
           ": GRANT USAGE ON FOREIGN SERVER " + identifier(server.name) + " TO " + identifier(role);
}

// Where `options` name a file, the owner of `server` must be one who may.
std::optional<Failure> check_file_right(const Server& server, const Options& options, const std::string& of) {
    const auto name = file_option(options);
    if (!name || may_name_files(server.owner)) return std::nullopt;
    return Failure{"States.Permissions",
                   "option " + in_quotes(*name) + " of " + of + " is not honoured: foreign server " +
                       in_quotes(server.name) + " belongs to role " + in_quotes(role_name(server.owner)) +
                       ", which is neither superuser nor member of pg_read_server_files"};
}

// Catalog and rights; reads no file.
Result<Chain, Failure> look_up(std::string_view name, std::optional<Oid> role) {
    Chain chain;
    if (!find_server(name, kHttpWrapper, chain.endpoint))
        return not_found("there is no foreign server " + in_quotes(name) + " of wrapper flowctl_http");
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
            return unusable("foreign server " + in_quotes(name) + " names no issuer and has no option auth");
        return chain;
    }
    Server issuer;
    if (!find_server(issuer_name, kOidcWrapper, issuer))
        return not_found("foreign server " + in_quotes(name) + " names as its issuer " +
                         in_quotes(issuer_name) +
                         ", but there is no foreign server of that name of wrapper flowctl_oidc");
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
    chain.issuer = std::move(issuer);
    return chain;
}

// ------------------------------------------------------------------------------------------ files

std::string secrets_dir() {
    return guc::secrets_dir == nullptr ? std::string() : std::string(guc::secrets_dir);
}

std::string no_secrets_dir(std::string_view option_name) {
    return "option " + in_quotes(option_name) + " names a file, but flowctl.secrets_dir is not set";
}

// The path of a CA file, which is public: it need only be readable.
Result<std::string, Failure> ca_path(const Server& server) {
    const std::string name(option(server.options, "ca_file"));
    if (name.empty()) return std::string();
    if (secrets_dir().empty()) return unusable(no_secrets_dir("ca_file"));
    if (!net::is_plain_file_name(name))
        return unusable("ca_file of foreign server " + in_quotes(server.name) + " is not a plain file name");
    std::string path = secrets_dir() + "/" + name;
    if (access(path.c_str(), R_OK) != 0)
        return unusable("file " + in_quotes(name) +
                        " in flowctl.secrets_dir, the ca_file of foreign server " + in_quotes(server.name) +
                        ", cannot be read");
    return path;
}

Result<net::Secret, Failure> secret(const Options& options, std::string_view name) {
    if (secrets_dir().empty()) return unusable(no_secrets_dir(name));
    auto content = net::read_secret_file(secrets_dir(), option(options, name));
    if (auto* wrong = std::get_if<std::string>(&content)) return unusable(std::string(name) + ": " + *wrong);
    return std::get<net::Secret>(std::move(content));
}

// ------------------------------------------------------------------------------------------ options to
// settings

net::Seconds seconds_or(const Options& options, std::string_view name, net::Seconds fallback) {
    const auto value = read_seconds(option(options, name));
    return value ? net::Seconds(*value) : fallback;
}

std::optional<std::string> if_set(const Options& options, std::string_view name) {
    const std::string_view value = option(options, name);
    if (value.empty()) return std::nullopt;
    return std::string(value);
}

Result<net::Issuer, Failure> issuer_of(const Server& server) {
    net::Issuer issuer;
    issuer.url = option(server.options, "issuer");
    issuer.name = server.name;
    const std::string_view discovery = option(server.options, "discovery");
    if (discovery == "oauth") issuer.discovery = net::Discovery::OAuth;
    if (discovery == "none") issuer.discovery = net::Discovery::None;
    issuer.token_endpoint = option(server.options, "token_endpoint");
    issuer.revocation_endpoint = option(server.options, "revocation_endpoint");
    const std::string_view audience = option(server.options, "assertion_audience");
    if (audience == "token_endpoint") {
        issuer.assertion_audience = net::AssertionAudience::TokenEndpoint;
    } else if (!audience.empty() && audience != "issuer") {
        issuer.assertion_audience = net::AssertionAudience::Given;
        issuer.assertion_audience_uri = audience;
    }
    issuer.jwks_uri = option(server.options, "jwks_uri");
    if (auto typ = if_set(server.options, "assertion_typ")) issuer.assertion_typ = *std::move(typ);
    auto path = ca_path(server);
    if (!path) return Err{std::move(path).error()};
    issuer.ca_file = *path;
    issuer.timeout = seconds_or(server.options, "timeout", issuer.timeout);
    return issuer;
}

net::AuthMethod auth_method(std::string_view name) {
    using Method = net::AuthMethod;
    static constexpr std::pair<std::string_view, Method> kMethods[] = {
        {"client_secret_post", Method::ClientSecretPost},
        {"client_secret_jwt", Method::ClientSecretJwt},
        {"private_key_jwt", Method::PrivateKeyJwt},
        {"tls_client_auth", Method::TlsClientAuth},
        {"self_signed_tls_client_auth", Method::SelfSignedTlsClientAuth},
        {"workload_token", Method::AssertionToken},
        {"flowctl", Method::AssertionToken},
        {"none", Method::None},
    };
    for (const auto& [known, method] : kMethods)
        if (known == name) return method;
    return Method::ClientSecretBasic;
}

using Certificate = std::shared_ptr<const net::ClientCertificate>;

// Taking a certificate and its key apart costs more than the rest of a call, so the last ones are kept by
// what the files hold: a file that changes is another certificate at once.
Result<Certificate, Failure> certificate(const Options& mapping) {
    constexpr std::size_t kMaxKept = 64;
    static std::map<std::string, Certificate> kept;
    auto chain = secret(mapping, "certificate_file");
    if (!chain) return Err{std::move(chain).error()};
    auto key = secret(mapping, "certificate_key_file");
    if (!key) return Err{std::move(key).error()};
    const std::string hash = net::sha256(chain->reveal()) + net::sha256(key->reveal());
    if (const auto found = kept.find(hash); found != kept.end()) return found->second;
    auto made = net::ClientCertificate::from_pem(chain->reveal(), key->reveal());
    if (const auto* wrong = std::get_if<std::string>(&made))
        return unusable("certificate_file and certificate_key_file: " + *wrong);
    if (kept.size() >= kMaxKept) kept.clear();
    return kept[hash] = std::get<Certificate>(made);
}

// The step's identity by our own issuer, or why there is none.
Result<net::StepIdentity, Failure> own_identity(const RunTokens& tokens, const OwnTokenTerms& terms,
                                                const std::string& option_text) {
    auto identity = tokens.own ? tokens.own(terms) : "there is no run whose step it could name";
    if (const auto* why = std::get_if<std::string>(&identity))
        return unusable(option_text + " needs a token of this server's own issuer: " + *why);
    return std::get<net::StepIdentity>(std::move(identity));
}

// For handing in at an issuer. It is for that issuer itself, unless its owner may be trusted with one for
// anybody, or whoever owns an issuer could collect tokens that are good somewhere else.
Result<net::StepIdentity, Failure> own_identity_for(const Server& issuer, const RunTokens& tokens,
                                                    const std::string& option_text) {
    OwnTokenTerms terms;
    terms.audiences.any = may_name_files(issuer.owner);
    for (const char* name : {"issuer", "token_endpoint"}) {
        const auto url = net::split_url(option(issuer.options, name));
        if (const auto* parts = std::get_if<net::Url>(&url))
            terms.audiences.origins.push_back(parts->origin());
    }
    return own_identity(tokens, terms, option_text);
}

Result<net::TokenInput, Failure> token_file(const Options& options, std::string_view name) {
    if (secrets_dir().empty()) return unusable(no_secrets_dir(name));
    return net::TokenInput::file(secrets_dir(), std::string(option(options, name)));
}

Result<net::ClientRegistration, Failure> client_of(const Server& issuer, const Options& mapping,
                                                   const RunTokens& tokens) {
    net::ClientRegistration client;
    client.client_id = option(mapping, "client_id");
    const std::string_view method = option(mapping, "auth_method");
    client.method = auth_method(method);
    for (const auto& [name, place] : {std::pair{"client_secret_file", &client.secret},
                                      std::pair{"private_key_file", &client.private_key}}) {
        if (!mapping.contains(name)) continue;
        auto content = secret(mapping, name);
        if (!content) return Err{std::move(content).error()};
        *place = std::move(content).value();
    }
    client.signing_alg = option(mapping, "signing_alg");
    client.key_id = option(mapping, "key_id");
    if (mapping.contains("key_certificate_file")) {
        auto chain = secret(mapping, "key_certificate_file");
        if (!chain) return Err{std::move(chain).error()};
        auto thumbprint = net::certificate_thumbprint(chain->reveal());
        if (thumbprint.index() == 1) return unusable("key_certificate_file: " + std::get<1>(thumbprint));
        client.key_x5t = std::get<0>(std::move(thumbprint));
    }
    if (mapping.contains("certificate_file")) {
        auto shown = certificate(mapping);
        if (!shown) return Err{std::move(shown).error()};
        client.certificate = std::move(shown).value();
    }
    if (client.method == net::AuthMethod::AssertionToken) {
        if (method == "flowctl") {
            auto own = own_identity_for(issuer, tokens, "auth_method 'flowctl'");
            if (!own) return Err{std::move(own).error()};
            client.assertion = own->input();
        } else {
            auto assertion = token_file(mapping, "workload_token_file");
            if (!assertion) return Err{std::move(assertion).error()};
            client.assertion = std::move(assertion).value();
        }
    }
    return client;
}

net::GrantType grant_of(std::string_view name) {
    if (name == "token_exchange") return net::GrantType::TokenExchange;
    if (name == "jwt_bearer") return net::GrantType::JwtBearer;
    if (name == "on_behalf_of") return net::GrantType::OnBehalfOf;
    if (name == "refresh_token") return net::GrantType::RefreshToken;
    return net::GrantType::ClientCredentials;
}

// An option's type of token as the URN of RFC 8693 §3.
std::string token_type(std::string_view name) {
    if (name.empty() || name.find(':') != std::string_view::npos) return std::string(name);
    return "urn:ietf:params:oauth:token-type:" + std::string(name);
}

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

std::string hash_of(const Chain& chain) {
    std::string text;
    append_options(text, "endpoint", chain.endpoint.name, chain.endpoint.options);
    if (chain.issuer) append_options(text, "issuer", chain.issuer->name, chain.issuer->options);
    if (chain.mapping) append_options(text, "mapping", chain.mapping_of, *chain.mapping);
    return net::hex_encode(net::sha256(text));
}

// Whose token is handed in, by the endpoint's options.
Result<net::TokenInput, Failure> subject_token(const Server& server, const Server& issuer,
                                               const RunTokens& tokens) {
    if (server.options.contains("subject_token_file"))
        return token_file(server.options, "subject_token_file");
    if (option(server.options, "subject_token") == "flowctl") {
        auto own = own_identity_for(issuer, tokens, "subject_token 'flowctl'");
        if (!own) return Err{std::move(own).error()};
        return own->input();
    }
    if (tokens.user.empty())
        return Err{
            Failure{kSubjectTokenLost, "endpoint " + in_quotes(server.name) +
                                           " acts for the run's user, but the run has no token of one"}};
    return tokens.user;
}

std::optional<Failure> add_grant(const Chain& chain, const RunTokens& tokens, Endpoint& endpoint,
                                 net::Credential& credential) {
    const Options& options = chain.endpoint.options;
    credential.grant = grant_of(option(options, "grant"));
    if (options.contains("subject_token") || options.contains("subject_token_file")) {
        auto subject = subject_token(chain.endpoint, *chain.issuer, tokens);
        if (!subject) return std::move(subject).error();
        credential.subject = std::move(subject).value();
        endpoint.for_user = option(options, "subject_token") == "user";
    }
    if (options.contains("actor_token")) {
        auto actor = own_identity_for(*chain.issuer, tokens, "actor_token 'flowctl'");
        if (!actor) return std::move(actor).error();
        credential.actor = actor->input();
        endpoint.actor = actor->subject();
    } else if (options.contains("actor_token_file")) {
        auto actor = token_file(options, "actor_token_file");
        if (!actor) return std::move(actor).error();
        credential.actor = std::move(actor).value();
    }
    if (credential.grant == net::GrantType::RefreshToken) {
        if (!chain.mapping->contains("refresh_token_file"))
            return Failure{kEndpointConfiguration,
                           "grant 'refresh_token' of foreign server " + in_quotes(chain.endpoint.name) +
                               " needs option \"refresh_token_file\" of the user mapping for " +
                               in_quotes(chain.mapping_of) + " at foreign server " +
                               in_quotes(chain.issuer->name)};
        if (secrets_dir().empty())
            return Failure{kEndpointConfiguration, no_secrets_dir("refresh_token_file")};
        credential.refresh_file = {secrets_dir(), std::string(option(*chain.mapping, "refresh_token_file"))};
    }
    credential.subject_token_type = token_type(option(options, "subject_token_type"));
    credential.actor_token_type = token_type(option(options, "actor_token_type"));
    credential.requested_token_type = token_type(option(options, "requested_token_type"));
    return std::nullopt;
}

// auth 'flowctl': the call carries a token of our own. It is for the endpoint itself, unless its owner may be
// trusted with one for anybody.
std::optional<Failure> add_own_credential(const Chain& chain, const net::Url& url, const RunTokens& tokens,
                                          Endpoint& endpoint) {
    const Options& options = chain.endpoint.options;
    OwnTokenTerms terms;
    terms.audiences.any = may_name_files(chain.endpoint.owner);
    terms.audiences.origins = {url.origin()};
    terms.timeout = endpoint.timeout;
    terms.scope = option(options, "scope");
    terms.event_keys = read_boolean(option(options, "event_keys")).value_or(false);
    terms.for_one_call = true;
    const auto identity = own_identity(tokens, terms, "auth 'flowctl'");
    if (!identity) return identity.error();
    endpoint.scope = if_set(options, "scope");
    endpoint.audience = if_set(options, "audience").value_or(url.origin());
    endpoint.issuer = identity->issuer();
    endpoint.client_id = identity->subject();
    endpoint.actor = identity->subject();
    endpoint.for_user = true;
    net::Credential credential;
    credential.issuer.url = identity->issuer();
    credential.client.client_id = identity->subject();
    credential.grant = net::GrantType::Direct;
    credential.subject = identity->input();
    credential.audience = *endpoint.audience;
    endpoint.credential = std::make_shared<net::Credential>(std::move(credential));
    return std::nullopt;
}

std::optional<Failure> add_credential(const Chain& chain, const RunTokens& tokens, Endpoint& endpoint) {
    const Options& options = chain.endpoint.options;
    auto issuer = issuer_of(*chain.issuer);
    if (!issuer) return std::move(issuer).error();
    auto client = client_of(*chain.issuer, *chain.mapping, tokens);
    if (!client) {
        Failure failure = std::move(client).error();
        failure.cause = "user mapping for " + in_quotes(chain.mapping_of) + " at foreign server " +
                        in_quotes(chain.issuer->name) + ": " + failure.cause;
        return failure;
    }
    net::Credential credential;
    credential.issuer = std::move(issuer).value();
    credential.client = std::move(client).value();
    if (auto failure = add_grant(chain, tokens, endpoint, credential)) return failure;
    credential.scope = option(options, "scope");
    credential.audience = option(options, "audience");
    credential.resource = option(options, "resource");
    credential.dpop = read_boolean(option(options, "dpop")).value_or(false);
    credential.certificate_bound = read_boolean(option(options, "certificate_bound")).value_or(false);
    if (credential.certificate_bound && !credential.client.certificate)
        return Failure{kEndpointConfiguration,
                       "foreign server " + in_quotes(chain.endpoint.name) +
                           " wants tokens that are bound to a certificate, but the user mapping for " +
                           in_quotes(chain.mapping_of) + " at foreign server " +
                           in_quotes(chain.issuer->name) + " names no certificate_file"};
    endpoint.issuer = credential.issuer.url;
    if (!credential.client.client_id.empty()) endpoint.client_id = credential.client.client_id;
    endpoint.scope = if_set(options, "scope");
    endpoint.audience = if_set(options, "audience");
    if (!endpoint.audience) endpoint.audience = if_set(options, "resource");
    endpoint.credential = std::make_shared<net::Credential>(std::move(credential));
    return std::nullopt;
}

}  // namespace

Result<IssuerServer, EndpointFailure> issuer_by_oid(Oid server_oid) {
    const char* name = guarded([&]() -> const char* {
        const ForeignServer* row = GetForeignServerExtended(server_oid, FSV_MISSING_OK);
        return row == nullptr ? nullptr : row->servername;
    });
    Server server;
    if (name == nullptr || !find_server(name, kOidcWrapper, server))
        return not_found("there is no such foreign server of wrapper flowctl_oidc");
    if (auto failure = check_file_right(server, server.options, "foreign server " + in_quotes(server.name)))
        return Err{*failure};
    auto issuer = issuer_of(server);
    if (!issuer) return Err{std::move(issuer).error()};
    return IssuerServer{std::move(issuer).value(), std::move(server.options), role_name(server.owner)};
}

std::string endpoint_scope(std::string_view name) {
    Server server;
    if (!find_server(name, kHttpWrapper, server)) return {};
    return std::string(option(server.options, "scope"));
}

std::optional<lease::Terms> endpoint_lease(std::string_view name) {
    Server server;
    if (!find_server(name, kHttpWrapper, server)) return std::nullopt;
    return lease::terms_of(server.options);
}

std::string lease_is_for_tasks(std::string_view name) {
    return "endpoint " + in_quotes(name) +
           " has a database lease: it is for Tasks, not for the documents of a distributed Map";
}

std::optional<Oid> endpoint_owner(std::string_view name) {
    Server server;
    if (!find_server(name, kHttpWrapper, server)) return std::nullopt;
    return server.owner;
}

Result<Endpoint, EndpointFailure> resolve_endpoint(std::string_view server, Oid run_role,
                                                   const RunTokens& tokens) {
    auto found = look_up(server, run_role);
    if (!found) return Err{std::move(found).error()};
    const Chain& chain = *found;
    const Options& options = chain.endpoint.options;

    Endpoint endpoint;
    endpoint.server = chain.endpoint.name;
    endpoint.url = option(options, "url");
    const auto url = net::split_url(endpoint.url);
    if (const auto* wrong = std::get_if<std::string>(&url))
        return unusable("foreign server " + in_quotes(server) + ": url: " + *wrong);
    endpoint.parsed_url = std::get<net::Url>(url);
    auto path = ca_path(chain.endpoint);
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
    if (option(options, "auth") == "flowctl")
        if (auto failure = add_own_credential(chain, std::get<net::Url>(url), tokens, endpoint))
            return Err{std::move(*failure)};
    if (chain.issuer)
        if (auto failure = add_credential(chain, tokens, endpoint)) return Err{std::move(*failure)};
    if (auto failure = add_auth(options, chain.endpoint.owner, tokens, endpoint)) {
        failure->cause = "foreign server " + in_quotes(server) + ": " + failure->cause;
        return Err{std::move(*failure)};
    }
    endpoint.deployment = option(options, "deployment");
    endpoint.covers_arns = options.contains("arn");
    endpoint.owner = chain.endpoint.owner;
    endpoint.lease = lease::terms_of(options);
    endpoint.poll_interval = seconds_or(options, "poll_interval", endpoint.poll_interval);
    return endpoint;
}

bool can_follow(std::string_view name) {
    Server server;
    return find_server(name, kHttpWrapper, server) && option(server.options, "kind") == "prefect";
}

std::optional<EndpointFailure> check_endpoint(std::string_view server, std::optional<Oid> run_role) {
    auto found = look_up(server, run_role);
    if (!found) return std::move(found).error();
    return std::nullopt;
}

}  // namespace flowctl::pg
