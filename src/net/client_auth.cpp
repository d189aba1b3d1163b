// Implementation of client_auth.hpp.
#include "net/client_auth.hpp"

#include "net/crypto.hpp"
#include "net/encoding.hpp"
#include "net/jose.hpp"

namespace flowctl::net {
namespace {

constexpr std::int64_t kAssertionSeconds = 60;
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

// The assertion of RFC 7523 §2.2 with RFC 10070's type, or a message.
std::variant<std::string, std::string> client_assertion(const Issuer& issuer,
                                                        const ClientRegistration& client,
                                                        const std::string& token_endpoint,
                                                        std::chrono::system_clock::time_point now) {
    using Result = std::variant<std::string, std::string>;
    const auto loaded = SigningKey::from_pem(client.private_key.reveal(), client.signing_alg);
    if (const auto* fault = std::get_if<std::string>(&loaded)) return Result(std::in_place_index<1>, *fault);

    const std::int64_t issued =
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    JsonWriter claims;
    claims.add("iss", client.client_id)
        .add("sub", client.client_id)
        .add("aud", assertion_audience(issuer, token_endpoint))
        .add("jti", random_id())
        .add("iat", issued)
        .add("exp", issued + kAssertionSeconds);
    auto signed_jwt =
        std::get<SigningKey>(loaded).sign_jwt("client-authentication+jwt", client.key_id, claims);
    if (!signed_jwt) return Result(std::in_place_index<1>, "signing with the private key failed");
    return Result(std::in_place_index<0>, std::move(*signed_jwt));
}

}  // namespace

std::variant<AuthenticatedForm, std::string> authenticate(const Issuer& issuer,
                                                          const ClientRegistration& client,
                                                          const std::string& token_endpoint,
                                                          std::chrono::system_clock::time_point now,
                                                          std::string form) {
    if (client.client_id.empty()) return std::string("the client has no client_id");
    AuthenticatedForm result{{}, std::move(form)};
    switch (client.method) {
        case AuthMethod::ClientSecretBasic: {
            if (client.secret.empty()) return std::string("the client's secret is empty");
            std::string basic = basic_credentials(client);
            std::string value;
            value.reserve(6 + basic.size());
            value.append("Basic ").append(basic);
            wipe(basic);
            result.headers.emplace_back("Authorization", std::move(value));
            break;
        }
        case AuthMethod::ClientSecretPost:
            if (client.secret.empty()) return std::string("the client's secret is empty");
            append_form_field(result.form, "client_id", client.client_id);
            result.form.reserve(result.form.size() + 16 + 3 * client.secret.reveal().size());
            append_form_field(result.form, "client_secret", client.secret.reveal());
            break;
        case AuthMethod::PrivateKeyJwt: {
            auto assertion = client_assertion(issuer, client, token_endpoint, now);
            if (assertion.index() == 1) return "the client's key: " + std::get<1>(assertion);
            append_form_field(result.form, "client_id", client.client_id);
            append_form_field(result.form, "client_assertion_type", kAssertionType);
            append_form_field(result.form, "client_assertion", std::get<0>(assertion));
            wipe(std::get<0>(assertion));
            break;
        }
    }
    return result;
}

std::vector<std::string> secret_spellings(const ClientRegistration& client) {
    if (client.secret.empty()) return {};
    return {basic_credentials(client), form_encode(client.secret.reveal()),
            std::string(client.secret.reveal())};
}

}  // namespace flowctl::net
