// Reading the options of flowctl_http servers. See http_options.hpp.
#include "pg/endpoints/http_options.hpp"

#include <charconv>
#include <utility>

namespace flowctl::pg {

namespace {

constexpr const char* kGoogleScope = "https://www.googleapis.com/auth/cloud-platform";

std::string text_of(const Options& options, std::string_view name) {
    return std::string(option(options, name));
}

bool is_on(const Options& options, std::string_view name) {
    return read_boolean(option(options, name)).value_or(false);
}

int whole_seconds(const Options& options, std::string_view name, int fallback) {
    const std::string_view text = option(options, name);
    int value = fallback;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

ApiKeyOptions api_key(const Options& options) {
    ApiKeyOptions read;
    read.in_query = options.contains("api_key_query");
    read.name = text_of(options, read.in_query ? "api_key_query" : "api_key_header");
    read.key_file = text_of(options, "api_key_file");
    return read;
}

std::string sts_endpoint(const Options& options, const std::string& region) {
    if (auto given = if_set(options, "sts_endpoint")) return *std::move(given);
    return "https://sts." + region + (region.starts_with("cn-") ? ".amazonaws.com.cn/" : ".amazonaws.com/");
}

AwsOptions aws(const Options& options) {
    AwsOptions read;
    read.scope.region = text_of(options, "aws_region");
    read.scope.service = text_of(options, "aws_service");
    read.scope.signs_payload = !is_on(options, "aws_unsigned_payload");
    read.access_key_id = text_of(options, "aws_access_key_id");
    read.secret_key_file = text_of(options, "aws_secret_key_file");
    read.token_file = text_of(options, "web_identity_token_file");
    if (!options.contains("role_arn")) return read;
    net::AwsRole& role = read.role.emplace();
    role.sts_endpoint = sts_endpoint(options, read.scope.region);
    role.role_arn = text_of(options, "role_arn");
    role.duration_seconds = whole_seconds(options, "session_duration", role.duration_seconds);
    if (const auto lifetime = read_seconds(option(options, "session_lifetime")))
        role.session_lifetime = net::Seconds(*lifetime);
    return read;
}

AuthOptions proof(const Options& options) {
    const std::string_view auth = option(options, "auth");
    if (auth == "api_key") return api_key(options);
    if (auth == "basic") return BasicOptions{text_of(options, "username"), text_of(options, "password_file")};
    if (auth == "hmac") return WebhookOptions{text_of(options, "hmac_secret_file")};
    if (auth == "aws_sigv4") return aws(options);
    if (auth == "flowctl") return OwnTokenOptions{is_on(options, "event_keys")};
    return std::monostate{};
}

net::GrantType grant_type(std::string_view name) {
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

net::GcpAccount service_account(const Options& options) {
    net::GcpAccount account;
    account.email = text_of(options, "impersonate");
    if (auto given = if_set(options, "iam_endpoint")) account.iam_endpoint = *std::move(given);
    while (account.iam_endpoint.ends_with('/'))
        account.iam_endpoint.pop_back();
    account.scope = if_set(options, "impersonate_scope").value_or(kGoogleScope);
    account.lifetime_seconds = whole_seconds(options, "impersonate_lifetime", account.lifetime_seconds);
    return account;
}

GrantOptions grant(const Options& options) {
    GrantOptions read;
    read.type = grant_type(option(options, "grant"));
    read.subject_file = text_of(options, "subject_token_file");
    if (!read.subject_file.empty())
        read.subject = TokenOrigin::File;
    else if (options.contains("subject_token"))
        read.subject = option(options, "subject_token") == "flowctl" ? TokenOrigin::Own : TokenOrigin::User;
    read.actor_file = text_of(options, "actor_token_file");
    if (options.contains("actor_token"))
        read.actor = TokenOrigin::Own;
    else if (!read.actor_file.empty())
        read.actor = TokenOrigin::File;
    read.subject_type = token_type(option(options, "subject_token_type"));
    read.actor_type = token_type(option(options, "actor_token_type"));
    read.requested_type = token_type(option(options, "requested_token_type"));
    read.resource = text_of(options, "resource");
    read.dpop = is_on(options, "dpop");
    read.certificate_bound = is_on(options, "certificate_bound");
    if (options.contains("impersonate")) read.impersonate = service_account(options);
    return read;
}

}  // namespace

HttpOptions read_http_options(const Options& options) {
    HttpOptions read;
    read.url_text = text_of(options, "url");
    auto url = net::split_url(read.url_text);
    if (auto* problem = std::get_if<std::string>(&url))
        read.url_problem = std::move(*problem);
    else
        read.url = std::get<net::Url>(std::move(url));
    read.issuer = text_of(options, "issuer");
    read.auth = text_of(options, "auth");
    read.proof = proof(options);
    read.grant = grant(options);
    read.scope = text_of(options, "scope");
    read.audience = text_of(options, "audience");
    read.ca_file = text_of(options, "ca_file");
    read.certificate_file = text_of(options, "certificate_file");
    read.certificate_key_file = text_of(options, "certificate_key_file");
    read.connect_timeout = seconds_or(options, "connect_timeout", read.connect_timeout);
    read.timeout = seconds_or(options, "timeout", read.timeout);
    read.max_response_bytes =
        read_bytes(option(options, "max_response_bytes")).value_or(read.max_response_bytes);
    read.follow_redirects = is_on(options, "follow_redirects");
    if (option(options, "idempotency") == "attempt") read.idempotency = Idempotency::Attempt;
    read.is_prefect = option(options, "kind") == "prefect";
    read.arn = text_of(options, "arn");
    read.deployment = text_of(options, "deployment");
    if (!read.deployment.empty())
        read.speech = calls::Speech::Prefect;
    else if (std::holds_alternative<AwsOptions>(read.proof))
        read.speech = calls::Speech::Aws;
    read.poll_interval = seconds_or(options, "poll_interval", read.poll_interval);
    read.lease = lease::terms_of(options);
    if (options.contains("max_concurrency")) read.max_concurrency = whole_seconds(options, "max_concurrency", 1);
    if (const auto rate = gates::parse_rate(option(options, "rate")))
        read.rate = gates::Bucket(*rate, whole_seconds(options, "burst", 1));
    return read;
}

}  // namespace flowctl::pg
