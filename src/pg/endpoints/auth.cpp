// Proofs and sessions of endpoints. See auth.hpp.
#include "pg/endpoints/auth.hpp"

#include <memory>
#include <utility>
#include <variant>

#include "net/crypto/client_certificate.hpp"
#include "net/http/url.hpp"
#include "net/proofs/call_auth.hpp"
#include "pg/endpoints/files.hpp"

namespace flowctl::pg {

namespace {

using Failure = EndpointFailure;
using Outcome = std::optional<Failure>;

constexpr const char* kStsAudience = "sts.amazonaws.com";

// A token of our own is for the security token service that the endpoint names, unless the endpoint's owner
// may be trusted with one for anybody: AWS takes it for the flow's, wherever it was collected.
Outcome add_own_identity(const HttpServer& server, const net::AwsRole& role, const RunTokens& tokens,
                         Endpoint& endpoint, net::SessionRequest& request) {
    OwnTokenTerms terms;
    terms.audiences.any = may_name_files(server.owner);
    const auto url = net::split_url(role.sts_endpoint);
    if (const auto* parts = std::get_if<net::Url>(&url)) terms.audiences.origins = {parts->origin()};
    terms.timeout = server.options.timeout;
    auto identity =
        tokens.own ? tokens.own(terms) : std::variant<net::StepIdentity, std::string>("there is none");
    if (const auto* why = std::get_if<std::string>(&identity))
        return Failure{kEndpointConfiguration,
                       "web_identity 'flowctl' needs a token of our own issuer: " + *why};
    const auto& step = std::get<net::StepIdentity>(identity);
    endpoint.actor = step.subject();
    request.token = step.input();
    return std::nullopt;
}

// The token that is handed in for a session: the issuer's, one that the platform keeps in a file, or one of
// our own issuer.
Outcome add_subject(const HttpServer& server, const AwsOptions& options, const RunTokens& tokens,
                    Endpoint& endpoint, net::SessionRequest& request) {
    if (endpoint.credential) {
        request.credential = std::move(endpoint.credential);
        endpoint.credential.reset();
        return std::nullopt;
    }
    request.audience = server.options.audience.empty() ? kStsAudience : server.options.audience;
    if (options.token_file.empty()) return add_own_identity(server, *options.role, tokens, endpoint, request);
    auto token = token_file("web_identity_token_file", options.token_file);
    if (!token) return std::move(token).error();
    request.token = std::move(token).value();
    return std::nullopt;
}

// Google's security token service has issued the endpoint's token. It is handed in for one of the service
// account.
void add_impersonation(const net::GcpAccount& options, Endpoint& endpoint) {
    net::GcpAccount account = options;
    account.ca_file = endpoint.ca_file;
    endpoint.client_id = account.email;
    endpoint.scope = account.scope;
    auto request = std::make_shared<net::SessionRequest>();
    request->credential = std::move(endpoint.credential);
    endpoint.credential.reset();
    request->what = std::move(account);
    endpoint.session = std::move(request);
}

struct Adding {
    const HttpServer& server;
    const RunTokens& tokens;
    Endpoint& endpoint;

    Outcome operator()(std::monostate) const {
        if (server.options.grant.impersonate) add_impersonation(*server.options.grant.impersonate, endpoint);
        return std::nullopt;
    }
    Outcome operator()(const OwnTokenOptions&) const {
        return std::nullopt;
    }  // a credential, see credential.cpp
    Outcome operator()(const ApiKeyOptions& options) const {
        auto key = secret_file("api_key_file", options.key_file);
        if (!key) return std::move(key).error();
        endpoint.proof = std::make_shared<net::CallAuth>(
            net::ApiKey{.name = options.name, .in_query = options.in_query, .key = std::move(key).value()});
        return std::nullopt;
    }
    Outcome operator()(const BasicOptions& options) const {
        auto password = secret_file("password_file", options.password_file);
        if (!password) return std::move(password).error();
        endpoint.client_id = options.username;
        endpoint.proof =
            std::make_shared<net::CallAuth>(net::BasicLogin{options.username, std::move(password).value()});
        return std::nullopt;
    }
    Outcome operator()(const WebhookOptions& options) const {
        auto file = secret_file("hmac_secret_file", options.secret_file);
        if (!file) return std::move(file).error();
        auto keys = net::read_webhook_keys(*file);
        if (auto* wrong = std::get_if<std::string>(&keys))
            return Failure{kEndpointConfiguration, "hmac_secret_file: " + *wrong};
        endpoint.proof = std::make_shared<net::CallAuth>(
            net::WebhookKeys{std::get<std::vector<net::Secret>>(std::move(keys))});
        return std::nullopt;
    }
    Outcome operator()(const AwsOptions& options) const {
        net::AwsSigning signing{options.scope, nullptr};
        endpoint.scope = options.scope.region + "/" + options.scope.service;
        if (!options.role) {
            auto key = secret_file("aws_secret_key_file", options.secret_key_file);
            if (!key) return std::move(key).error();
            endpoint.client_id = options.access_key_id;
            signing.keys = std::make_shared<const net::AwsKeys>(
                net::AwsKeys{options.access_key_id, std::move(key).value(), net::Secret()});
            endpoint.proof = std::make_shared<net::CallAuth>(std::move(signing));
            return std::nullopt;
        }
        net::AwsRole role = *options.role;
        role.ca_file = endpoint.ca_file;
        endpoint.issuer = role.sts_endpoint;
        endpoint.client_id = role.role_arn;
        auto request = std::make_shared<net::SessionRequest>();
        if (auto failure = add_subject(server, options, tokens, endpoint, *request)) return failure;
        request->what = std::move(role);
        endpoint.session = std::move(request);
        endpoint.proof = std::make_shared<net::CallAuth>(std::move(signing));
        return std::nullopt;
    }
};

}  // namespace

std::optional<EndpointFailure> add_auth(const HttpServer& server, const RunTokens& tokens,
                                        Endpoint& endpoint) {
    const HttpOptions& options = server.options;
    endpoint.auth = options.auth.empty() ? "bearer" : options.auth;
    if (!options.certificate_file.empty()) {
        auto certificate = certificate_of(options.certificate_file, options.certificate_key_file);
        if (!certificate) return std::move(certificate).error();
        endpoint.certificate = std::move(certificate).value();
    }
    return std::visit(Adding{server, tokens, endpoint}, options.proof);
}

}  // namespace flowctl::pg
