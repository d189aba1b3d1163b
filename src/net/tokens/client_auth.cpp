// Implementation of client_auth.hpp.
#include "net/tokens/client_auth.hpp"

#include "base/base64.hpp"
#include "base/wipe.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "net/crypto/jose.hpp"

namespace flowctl::net {
namespace {

constexpr std::int64_t kAssertionSeconds = 60;
constexpr std::size_t kMaxAnswerBytes = 64 * 1024;
constexpr std::string_view kAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

// RFC 6749 §2.3.1: id and secret are form-encoded before base64, so that a ':' in the id stays readable.
std::string basic_credentials(const ClientRegistration& client) {
    const std::string id = form_encode(client.client_id);
    std::string secret = form_encode(client.secret.reveal());
    std::string pair;
    pair.reserve(id.size() + 1 + secret.size());
    pair.append(id).append(":").append(secret);
    std::string basic = base64_encode(pair);
    wipe(secret);
    wipe(pair);
    return basic;
}

// The assertion of RFC 7523 §2.2 with RFC 10070's type, or a message.
std::variant<std::string, std::string> client_assertion(const Issuer& issuer,
                                                        const ClientRegistration& client,
                                                        const std::string& token_endpoint,
                                                        std::chrono::system_clock::time_point now) {
    using Result = std::variant<std::string, std::string>;
    const std::int64_t issued =
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    JsonWriter claims;
    claims.add("iss", client.client_id)
        .add("sub", client.client_id)
        .add("aud", assertion_audience(issuer, token_endpoint))
        .add("jti", random_id())
        .add("iat", issued)
        .add("exp", issued + kAssertionSeconds);
    if (client.method == AuthMethod::ClientSecretJwt) {
        return sign_jwt_with_secret(client.secret, client.signing_alg, issuer.assertion_typ, claims);
    }
    const auto loaded = SigningKey::from_pem(client.private_key.reveal(), client.signing_alg);
    if (const auto* fault = std::get_if<std::string>(&loaded)) return Result(std::in_place_index<1>, *fault);
    JsonWriter header;
    if (!client.key_x5t.empty()) header.add("x5t#S256", client.key_x5t);
    auto signed_jwt =
        std::get<SigningKey>(loaded).sign_jwt(issuer.assertion_typ, client.key_id, claims, header);
    if (!signed_jwt) return Result(std::in_place_index<1>, "signing with the private key failed");
    return Result(std::in_place_index<0>, std::move(*signed_jwt));
}

// The form's capacity is made first, so that no piece of the assertion stays behind in a smaller buffer.
void append_assertion(std::string& form, const std::string& client_id, std::string_view assertion) {
    form.reserve(form.size() + 256 + 3 * (client_id.size() + assertion.size()));
    if (!client_id.empty()) append_form_field(form, "client_id", client_id);
    append_form_field(form, "client_assertion_type", kAssertionType);
    append_form_field(form, "client_assertion", assertion);
}

}  // namespace

Exchange form_request(const Credential& credential, AuthenticatedForm&& authenticated, std::string url,
                      std::string egress_role, Seconds timeout) {
    Exchange exchange;
    exchange.method = "POST";
    exchange.url = std::move(url);
    exchange.headers = std::move(authenticated.headers);
    exchange.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    exchange.headers.emplace_back("Accept", "application/json");
    exchange.body = std::move(authenticated.form);
    exchange.ca_file = credential.issuer.ca_file;
    exchange.certificate = credential.client.certificate;
    exchange.egress_role = std::move(egress_role);
    append_part(exchange.partition, "issuer");
    append_part(exchange.partition, partition_of(credential));
    exchange.timeout = exchange.connect_timeout = timeout;
    exchange.max_response_bytes = kMaxAnswerBytes;
    return exchange;
}

std::string partition_of(const Credential& credential) {
    std::string partition;
    append_part(partition, credential.issuer.url);
    append_part(partition, credential.issuer.name);
    append_part(partition, credential.issuer.token_endpoint);
    append_part(partition, credential.client.client_id);
    append_part(partition, std::to_string(static_cast<int>(credential.client.method)));
    append_part(partition, std::to_string(static_cast<int>(credential.grant)));
    return partition;
}

std::string assertion_audience(const Issuer& issuer, const std::string& token_endpoint) {
    switch (issuer.assertion_audience) {
        case AssertionAudience::Issuer:
            return issuer.url;
        case AssertionAudience::TokenEndpoint:
            return token_endpoint;
        case AssertionAudience::Given:
            return issuer.assertion_audience_uri;
    }
    return issuer.url;
}

bool authenticates_by_certificate(const ClientRegistration& client) noexcept {
    return client.method == AuthMethod::TlsClientAuth || client.method == AuthMethod::SelfSignedTlsClientAuth;
}

std::variant<AuthenticatedForm, TokenInputFault> authenticate(const Issuer& issuer,
                                                              const ClientRegistration& client,
                                                              const std::string& token_endpoint,
                                                              std::chrono::system_clock::time_point now,
                                                              std::string form) {
    const bool needs_id = client.method != AuthMethod::AssertionToken && client.method != AuthMethod::None;
    if (needs_id && client.client_id.empty()) return TokenInputFault{"the client has no client_id"};
    AuthenticatedForm result{{}, std::move(form)};
    switch (client.method) {
        case AuthMethod::ClientSecretBasic: {
            if (client.secret.empty()) return TokenInputFault{"the client's secret is empty"};
            std::string basic = basic_credentials(client);
            std::string value;
            value.reserve(6 + basic.size());
            value.append("Basic ").append(basic);
            wipe(basic);
            result.headers.emplace_back("Authorization", std::move(value));
            break;
        }
        case AuthMethod::ClientSecretPost:
            if (client.secret.empty()) return TokenInputFault{"the client's secret is empty"};
            append_form_field(result.form, "client_id", client.client_id);
            result.form.reserve(result.form.size() + 16 + 3 * client.secret.reveal().size());
            append_form_field(result.form, "client_secret", client.secret.reveal());
            break;
        case AuthMethod::ClientSecretJwt:
        case AuthMethod::PrivateKeyJwt: {
            auto assertion = client_assertion(issuer, client, token_endpoint, now);
            if (assertion.index() == 1) {
                const bool by_key = client.method == AuthMethod::PrivateKeyJwt;
                return TokenInputFault{(by_key ? "the client's key: " : "the client's secret: ") +
                                       std::get<1>(assertion)};
            }
            append_assertion(result.form, client.client_id, std::get<0>(assertion));
            wipe(std::get<0>(assertion));
            break;
        }
        case AuthMethod::TlsClientAuth:
        case AuthMethod::SelfSignedTlsClientAuth:
            if (!client.certificate) return TokenInputFault{"the client has no certificate"};
            append_form_field(result.form, "client_id", client.client_id);
            break;
        case AuthMethod::AssertionToken: {
            auto token =
                client.assertion.get({TokenUse::Purpose::ClientAssertion,
                                      assertion_audience(issuer, token_endpoint), client.client_id, now});
            if (auto* fault = std::get_if<TokenInputFault>(&token)) {
                fault->message = "the client's assertion: " + fault->message;
                return std::move(*fault);
            }
            append_assertion(result.form, client.client_id, std::get<Secret>(token).reveal());
            break;
        }
        case AuthMethod::None:
            if (!client.client_id.empty()) append_form_field(result.form, "client_id", client.client_id);
            break;
    }
    return result;
}

std::vector<std::string> secret_spellings(const ClientRegistration& client) {
    if (client.secret.empty()) return {};
    return {basic_credentials(client), form_encode(client.secret.reveal()),
            std::string(client.secret.reveal())};
}

}  // namespace flowctl::net
