// What the credentials of endpoints are made of. See credential_options.hpp.
#include "pg/endpoints/credential_options.hpp"

#include <memory>
#include <utility>
#include <variant>

#include "net/crypto/client_certificate.hpp"
#include "pg/endpoints/files.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg {

namespace {

using Failure = EndpointFailure;

Err<Failure> unusable(std::string cause) {
    return Err{Failure{kEndpointConfiguration, std::move(cause)}};
}

std::optional<std::string> if_any(const std::string& text) {
    if (text.empty()) return std::nullopt;
    return text;
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
Result<net::StepIdentity, Failure> own_identity_for(const OidcServer& issuer, const RunTokens& tokens,
                                                    const std::string& option_text) {
    OwnTokenTerms terms;
    terms.audiences.any = may_name_files(issuer.owner);
    terms.audiences.origins = issuer.options.origins;
    return own_identity(tokens, terms, option_text);
}

// What is handed in at the token endpoint in the client's name.
Result<net::TokenInput, Failure> client_assertion(const OidcServer& issuer,
                                                  const RegistrationOptions& options,
                                                  const RunTokens& tokens) {
    if (!options.own_assertion) return token_file("workload_token_file", options.workload_token_file);
    auto own = own_identity_for(issuer, tokens, "auth_method 'flowctl'");
    if (!own) return Err{std::move(own).error()};
    return own->input();
}

Result<net::ClientRegistration, Failure> client_of(const OidcServer& issuer,
                                                   const RegistrationOptions& options,
                                                   const RunTokens& tokens) {
    net::ClientRegistration client;
    client.client_id = options.client_id;
    client.method = options.method;
    struct File {
        const char* option;
        const std::string& name;
        net::Secret& place;
    };
    for (const File& file : {File{"client_secret_file", options.client_secret_file, client.secret},
                             File{"private_key_file", options.private_key_file, client.private_key}}) {
        if (file.name.empty()) continue;
        auto content = secret_file(file.option, file.name);
        if (!content) return Err{std::move(content).error()};
        file.place = std::move(content).value();
    }
    client.signing_alg = options.signing_alg;
    client.key_id = options.key_id;
    if (!options.key_certificate_file.empty()) {
        auto chain = secret_file("key_certificate_file", options.key_certificate_file);
        if (!chain) return Err{std::move(chain).error()};
        auto thumbprint = net::certificate_thumbprint(chain->reveal());
        if (thumbprint.index() == 1) return unusable("key_certificate_file: " + std::get<1>(thumbprint));
        client.key_x5t = std::get<0>(std::move(thumbprint));
    }
    if (!options.certificate_file.empty()) {
        auto shown = certificate_of(options.certificate_file, options.certificate_key_file);
        if (!shown) return Err{std::move(shown).error()};
        client.certificate = std::move(shown).value();
    }
    if (client.method == net::AuthMethod::AssertionToken) {
        auto assertion = client_assertion(issuer, options, tokens);
        if (!assertion) return Err{std::move(assertion).error()};
        client.assertion = std::move(assertion).value();
    }
    return client;
}

// Whose token is handed in, by the endpoint's options.
Result<net::TokenInput, Failure> subject_token(const EndpointChain& chain, const RunTokens& tokens) {
    const GrantOptions& grant = chain.endpoint->options.grant;
    if (grant.subject == TokenOrigin::File) return token_file("subject_token_file", grant.subject_file);
    if (grant.subject == TokenOrigin::Own) {
        auto own = own_identity_for(*chain.issuer, tokens, "subject_token 'flowctl'");
        if (!own) return Err{std::move(own).error()};
        return own->input();
    }
    if (tokens.user.empty())
        return Err{
            Failure{kSubjectTokenLost, "endpoint " + in_quotes(chain.endpoint->name) +
                                           " acts for the run's user, but the run has no token of one"}};
    return tokens.user;
}

std::optional<Failure> add_actor(const EndpointChain& chain, const RunTokens& tokens, Endpoint& endpoint,
                                 net::Credential& credential) {
    const GrantOptions& grant = chain.endpoint->options.grant;
    if (grant.actor == TokenOrigin::Own) {
        auto actor = own_identity_for(*chain.issuer, tokens, "actor_token 'flowctl'");
        if (!actor) return std::move(actor).error();
        credential.actor = actor->input();
        endpoint.actor = actor->subject();
    } else if (grant.actor == TokenOrigin::File) {
        auto actor = token_file("actor_token_file", grant.actor_file);
        if (!actor) return std::move(actor).error();
        credential.actor = std::move(actor).value();
    }
    return std::nullopt;
}

std::optional<Failure> add_refresh_file(const EndpointChain& chain, net::Credential& credential) {
    const std::string& file = chain.mapping->options.refresh_token_file;
    if (file.empty())
        return Failure{kEndpointConfiguration,
                       "grant 'refresh_token' of foreign server " + in_quotes(chain.endpoint->name) +
                           " needs option \"refresh_token_file\" of the user mapping for " +
                           in_quotes(chain.mapping_of) + " at foreign server " +
                           in_quotes(chain.issuer->name)};
    if (secrets_dir().empty()) return no_secrets_dir("refresh_token_file");
    credential.refresh_file = {secrets_dir(), file};
    return std::nullopt;
}

std::optional<Failure> add_grant(const EndpointChain& chain, const RunTokens& tokens, Endpoint& endpoint,
                                 net::Credential& credential) {
    const GrantOptions& grant = chain.endpoint->options.grant;
    credential.grant = grant.type;
    if (grant.subject != TokenOrigin::None) {
        auto subject = subject_token(chain, tokens);
        if (!subject) return std::move(subject).error();
        credential.subject = std::move(subject).value();
        endpoint.for_user = grant.subject == TokenOrigin::User;
    }
    if (auto failure = add_actor(chain, tokens, endpoint, credential)) return failure;
    if (grant.type == net::GrantType::RefreshToken)
        if (auto failure = add_refresh_file(chain, credential)) return failure;
    credential.subject_token_type = grant.subject_type;
    credential.actor_token_type = grant.actor_type;
    credential.requested_token_type = grant.requested_type;
    return std::nullopt;
}

// auth 'flowctl': the call carries a token of our own. It is for the endpoint itself, unless its owner may be
// trusted with one for anybody.
std::optional<Failure> add_own_credential(const HttpServer& server, const OwnTokenOptions& own,
                                          const RunTokens& tokens, Endpoint& endpoint) {
    const std::string origin = server.options.url.origin();
    OwnTokenTerms terms;
    terms.audiences.any = may_name_files(server.owner);
    terms.audiences.origins = {origin};
    terms.timeout = server.options.timeout;
    terms.scope = server.options.scope;
    terms.event_keys = own.event_keys;
    terms.for_one_call = true;
    const auto identity = own_identity(tokens, terms, "auth 'flowctl'");
    if (!identity) return identity.error();
    endpoint.scope = if_any(server.options.scope);
    endpoint.audience = if_any(server.options.audience).value_or(origin);
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
    const HttpOptions& options = chain.endpoint->options;
    auto issuer = issuer_of(*chain.issuer);
    if (!issuer) return std::move(issuer).error();
    auto client = client_of(*chain.issuer, chain.mapping->options, tokens);
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
    credential.scope = options.scope;
    credential.audience = options.audience;
    credential.resource = options.grant.resource;
    credential.dpop = options.grant.dpop;
    credential.certificate_bound = options.grant.certificate_bound;
    if (credential.certificate_bound && !credential.client.certificate)
        return Failure{kEndpointConfiguration,
                       "foreign server " + in_quotes(chain.endpoint->name) +
                           " wants tokens that are bound to a certificate, but the user mapping for " +
                           in_quotes(chain.mapping_of) + " at foreign server " +
                           in_quotes(chain.issuer->name) + " names no certificate_file"};
    endpoint.issuer = credential.issuer.url;
    endpoint.client_id = if_any(credential.client.client_id);
    endpoint.scope = if_any(options.scope);
    endpoint.audience = if_any(options.audience);
    if (!endpoint.audience) endpoint.audience = if_any(options.grant.resource);
    endpoint.credential = std::make_shared<net::Credential>(std::move(credential));
    return std::nullopt;
}

}  // namespace

Result<net::Issuer, Failure> issuer_of(const OidcServer& server) {
    auto path = ca_path(server.name, server.options.ca_file);
    if (!path) return Err{std::move(path).error()};
    net::Issuer issuer = server.options.issuer;
    issuer.ca_file = std::move(path).value();
    return issuer;
}

std::optional<Failure> add_credential(const EndpointChain& chain, const RunTokens& tokens,
                                      Endpoint& endpoint) {
    if (const auto* own = std::get_if<OwnTokenOptions>(&chain.endpoint->options.proof))
        if (auto failure = add_own_credential(*chain.endpoint, *own, tokens, endpoint)) return failure;
    if (chain.issuer) return add_issuer_credential(chain, tokens, endpoint);
    return std::nullopt;
}

}  // namespace flowctl::pg
