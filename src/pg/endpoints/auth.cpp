// What an endpoint's options say of its proofs and sessions. See endpoint_auth.hpp.
#include <charconv>
#include <memory>
#include <variant>

#include "pg/endpoints/auth.hpp"
#include "net/crypto/client_certificate.hpp"
#include "net/http/url.hpp"
#include "net/proofs/call_auth.hpp"
#include "pg/endpoints/files.hpp"

namespace flowctl::pg {

namespace {

using Failure = EndpointFailure;

constexpr const char* kStsAudience = "sts.amazonaws.com";
constexpr const char* kGoogleScope = "https://www.googleapis.com/auth/cloud-platform";

int seconds_of(const Options& options, std::string_view name, int fallback) {
    const std::string_view text = option(options, name);
    int value = fallback;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::optional<Failure> add_api_key(const Options& options, Endpoint& endpoint) {
    auto key = secret_file(options, "api_key_file");
    if (!key) return std::move(key).error();
    net::ApiKey auth;
    auth.in_query = options.contains("api_key_query");
    auth.name = option(options, auth.in_query ? "api_key_query" : "api_key_header");
    auth.key = std::move(key).value();
    endpoint.proof = std::make_shared<net::CallAuth>(std::move(auth));
    return std::nullopt;
}

std::optional<Failure> add_basic(const Options& options, Endpoint& endpoint) {
    auto password = secret_file(options, "password_file");
    if (!password) return std::move(password).error();
    endpoint.client_id = option(options, "username");
    endpoint.proof =
        std::make_shared<net::CallAuth>(net::BasicLogin{*endpoint.client_id, std::move(password).value()});
    return std::nullopt;
}

std::optional<Failure> add_webhook(const Options& options, Endpoint& endpoint) {
    auto file = secret_file(options, "hmac_secret_file");
    if (!file) return std::move(file).error();
    auto keys = net::read_webhook_keys(*file);
    if (auto* wrong = std::get_if<std::string>(&keys))
        return Failure{kEndpointConfiguration, "hmac_secret_file: " + *wrong};
    endpoint.proof = std::make_shared<net::CallAuth>(
        net::WebhookKeys{std::get<std::vector<net::Secret>>(std::move(keys))});
    return std::nullopt;
}

std::optional<Failure> add_certificate(const Options& options, Endpoint& endpoint) {
    auto certificate = certificate_of(options);
    if (!certificate) return std::move(certificate).error();
    endpoint.certificate = std::move(certificate).value();
    return std::nullopt;
}

std::string sts_endpoint(const Options& options) {
    if (const std::string_view given = option(options, "sts_endpoint"); !given.empty())
        return std::string(given);
    const std::string region(option(options, "aws_region"));
    return "https://sts." + region + (region.starts_with("cn-") ? ".amazonaws.com.cn/" : ".amazonaws.com/");
}

// A token of our own is for the security token service that the endpoint names, unless the endpoint's owner
// may be trusted with one for anybody: AWS takes it for the flow's, wherever it was collected.
std::optional<Failure> add_own_identity(const Options& options, Oid owner, const RunTokens& tokens,
                                        Endpoint& endpoint, net::SessionRequest& request) {
    OwnTokenTerms terms;
    terms.audiences.any = may_name_files(owner);
    const auto url = net::split_url(sts_endpoint(options));
    if (const auto* parts = std::get_if<net::Url>(&url)) terms.audiences.origins = {parts->origin()};
    terms.timeout = endpoint.timeout;
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

// The token that is handed in for a session: of the issuer, of a file that the platform keeps, or of our own
// issuer.
std::optional<Failure> add_subject(const Options& options, Oid owner, const RunTokens& tokens,
                                   Endpoint& endpoint, net::SessionRequest& request) {
    if (endpoint.credential) {
        request.credential = std::move(endpoint.credential);
        endpoint.credential.reset();
        return std::nullopt;
    }
    request.audience = option(options, "audience");
    if (request.audience.empty()) request.audience = kStsAudience;
    if (options.contains("web_identity_token_file")) {
        auto token = token_file(options, "web_identity_token_file");
        if (!token) return std::move(token).error();
        request.token = std::move(token).value();
        return std::nullopt;
    }
    return add_own_identity(options, owner, tokens, endpoint, request);
}

std::optional<Failure> add_aws(const Options& options, Oid owner, const RunTokens& tokens,
                               Endpoint& endpoint) {
    net::AwsSigning signing;
    signing.scope.region = option(options, "aws_region");
    signing.scope.service = option(options, "aws_service");
    signing.scope.signs_payload = !read_boolean(option(options, "aws_unsigned_payload")).value_or(false);
    endpoint.speech = calls::Speech::Aws;
    endpoint.scope = signing.scope.region + "/" + signing.scope.service;
    if (!options.contains("role_arn")) {
        auto key = secret_file(options, "aws_secret_key_file");
        if (!key) return std::move(key).error();
        endpoint.client_id = option(options, "aws_access_key_id");
        signing.keys = std::make_shared<const net::AwsKeys>(
            net::AwsKeys{*endpoint.client_id, std::move(key).value(), net::Secret()});
        endpoint.proof = std::make_shared<net::CallAuth>(std::move(signing));
        return std::nullopt;
    }
    net::AwsRole role;
    role.sts_endpoint = sts_endpoint(options);
    role.role_arn = option(options, "role_arn");
    role.duration_seconds = seconds_of(options, "session_duration", role.duration_seconds);
    if (const auto lifetime = read_seconds(option(options, "session_lifetime")))
        role.session_lifetime = net::Seconds(*lifetime);
    role.ca_file = endpoint.ca_file;
    endpoint.issuer = role.sts_endpoint;
    endpoint.client_id = role.role_arn;
    auto request = std::make_shared<net::SessionRequest>();
    if (auto failure = add_subject(options, owner, tokens, endpoint, *request)) return failure;
    request->what = std::move(role);
    endpoint.session = std::move(request);
    endpoint.proof = std::make_shared<net::CallAuth>(std::move(signing));
    return std::nullopt;
}

// The token of the issuer (Google's security token service) is handed in for one of the service account.
void add_impersonation(const Options& options, Endpoint& endpoint) {
    net::GcpAccount account;
    account.email = option(options, "impersonate");
    if (const std::string_view given = option(options, "iam_endpoint"); !given.empty())
        account.iam_endpoint = given;
    while (account.iam_endpoint.ends_with('/'))
        account.iam_endpoint.pop_back();
    const std::string_view scope = option(options, "impersonate_scope");
    account.scope = scope.empty() ? kGoogleScope : scope;
    account.lifetime_seconds = seconds_of(options, "impersonate_lifetime", account.lifetime_seconds);
    account.ca_file = endpoint.ca_file;
    endpoint.client_id = account.email;
    endpoint.scope = account.scope;
    auto request = std::make_shared<net::SessionRequest>();
    request->credential = std::move(endpoint.credential);
    endpoint.credential.reset();
    request->what = std::move(account);
    endpoint.session = std::move(request);
}

}  // namespace

std::optional<EndpointFailure> add_auth(const Options& options, Oid owner, const RunTokens& tokens,
                                        Endpoint& endpoint) {
    const std::string_view auth = option(options, "auth");
    endpoint.auth = !auth.empty() ? std::string(auth) : "bearer";
    if (options.contains("certificate_file"))
        if (auto failure = add_certificate(options, endpoint)) return failure;
    if (auth == "api_key") return add_api_key(options, endpoint);
    if (auth == "basic") return add_basic(options, endpoint);
    if (auth == "hmac") return add_webhook(options, endpoint);
    if (auth == "aws_sigv4") return add_aws(options, owner, tokens, endpoint);
    if (options.contains("impersonate")) add_impersonation(options, endpoint);
    return std::nullopt;
}

}  // namespace flowctl::pg
