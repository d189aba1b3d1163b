// What an issuer's credential is made of. See credential_options.hpp.
#include <memory>
#include <utility>
#include <variant>

#include "pg/endpoints/credential_options.hpp"
#include "pg/endpoints/files.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg {

namespace {

using Failure = EndpointFailure;

Err<Failure> unusable(std::string cause) {
    return Err{Failure{kEndpointConfiguration, std::move(cause)}};
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
Result<net::StepIdentity, Failure> own_identity_for(const NamedServer& issuer, const RunTokens& tokens,
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

Result<net::ClientRegistration, Failure> client_of(const NamedServer& issuer, const Options& mapping,
                                                   const RunTokens& tokens) {
    net::ClientRegistration client;
    client.client_id = option(mapping, "client_id");
    const std::string_view method = option(mapping, "auth_method");
    client.method = auth_method(method);
    for (const auto& [name, place] : {std::pair{"client_secret_file", &client.secret},
                                      std::pair{"private_key_file", &client.private_key}}) {
        if (!mapping.contains(name)) continue;
        auto content = secret_file(mapping, name);
        if (!content) return Err{std::move(content).error()};
        *place = std::move(content).value();
    }
    client.signing_alg = option(mapping, "signing_alg");
    client.key_id = option(mapping, "key_id");
    if (mapping.contains("key_certificate_file")) {
        auto chain = secret_file(mapping, "key_certificate_file");
        if (!chain) return Err{std::move(chain).error()};
        auto thumbprint = net::certificate_thumbprint(chain->reveal());
        if (thumbprint.index() == 1) return unusable("key_certificate_file: " + std::get<1>(thumbprint));
        client.key_x5t = std::get<0>(std::move(thumbprint));
    }
    if (mapping.contains("certificate_file")) {
        auto shown = certificate_of(mapping);
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

// Whose token is handed in, by the endpoint's options.
Result<net::TokenInput, Failure> subject_token(const NamedServer& server, const NamedServer& issuer,
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

std::optional<Failure> add_grant(const EndpointChain& chain, const RunTokens& tokens, Endpoint& endpoint,
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
        if (secrets_dir().empty()) return no_secrets_dir("refresh_token_file");
        credential.refresh_file = {secrets_dir(), std::string(option(*chain.mapping, "refresh_token_file"))};
    }
    credential.subject_token_type = token_type(option(options, "subject_token_type"));
    credential.actor_token_type = token_type(option(options, "actor_token_type"));
    credential.requested_token_type = token_type(option(options, "requested_token_type"));
    return std::nullopt;
}

// auth 'flowctl': the call carries a token of our own. It is for the endpoint itself, unless its owner may be
// trusted with one for anybody.
std::optional<Failure> add_own_credential(const EndpointChain& chain, const net::Url& url,
                                          const RunTokens& tokens, Endpoint& endpoint) {
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

std::optional<Failure> add_issuer_credential(const EndpointChain& chain, const RunTokens& tokens,
                                             Endpoint& endpoint) {
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

Result<net::Issuer, Failure> issuer_of(const NamedServer& server) {
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
    auto path = ca_path(server.name, server.options);
    if (!path) return Err{std::move(path).error()};
    issuer.ca_file = *path;
    issuer.timeout = seconds_or(server.options, "timeout", issuer.timeout);
    return issuer;
}

std::optional<Failure> add_credential(const EndpointChain& chain, const net::Url& url,
                                      const RunTokens& tokens, Endpoint& endpoint) {
    if (option(chain.endpoint.options, "auth") == "flowctl")
        if (auto failure = add_own_credential(chain, url, tokens, endpoint)) return failure;
    if (chain.issuer) return add_issuer_credential(chain, tokens, endpoint);
    return std::nullopt;
}

}  // namespace flowctl::pg
