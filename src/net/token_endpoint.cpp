// Implementation of token_endpoint.hpp.
#include "net/token_endpoint.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "net/client_auth.hpp"
#include "net/crypto.hpp"
#include "net/encoding.hpp"
#include "net/jose.hpp"
#include "net/json_reader.hpp"
#include "net/token_cache.hpp"

namespace flowctl::net {
namespace {

constexpr std::size_t kMaxTokenBytes = 16 * 1024;
constexpr std::size_t kMaxAnswerBytes = 64 * 1024;
constexpr Seconds kDefaultLifetime{60};  // where expires_in is absent
constexpr Seconds kMaxLifetime{86400};   // a longer one is cut to this
constexpr std::size_t kFingerprintDigits = 16;

bool is_visible_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

bool equal_ignoring_case(std::string_view a, std::string_view lower) {
    return std::equal(a.begin(), a.end(), lower.begin(), lower.end(), [](char x, char y) {
        return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
    });
}

// expires_in as a number or, as some issuers send it, a string of digits. Nothing where it is not readable.
std::optional<Seconds> lifetime_of(const JsonObject& object) {
    double value = 0;
    switch (object.kind("expires_in")) {
        case JsonObject::Kind::Absent:
        case JsonObject::Kind::Null:
            return kDefaultLifetime;
        case JsonObject::Kind::Number:
            value = *object.number("expires_in");
            break;
        case JsonObject::Kind::String: {
            const std::string_view text = *object.string("expires_in");
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
            if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
            break;
        }
        default:
            return std::nullopt;
    }
    if (!std::isfinite(value) || value <= 0) return std::nullopt;
    return std::min(Seconds(value), kMaxLifetime);
}

// What was granted, or nothing where the answer does not say (then it is what was asked for, RFC 6749 §5.1).
std::optional<std::vector<std::string>> granted_scopes(const JsonObject& object) {
    if (const auto text = object.string("scope")) return split_scope(*text);
    if (const auto list = object.strings("scope")) {
        std::vector<std::string> scopes;
        for (const std::string_view one : *list)
            scopes.emplace_back(one);
        return scopes;
    }
    return std::nullopt;
}

// "<app>/.default" stands for whatever the application was given; the answer never names it.
bool is_placeholder(const std::string& scope) {
    return scope.ends_with("/.default");
}

std::optional<std::string> missing_scope(const Credential& credential, const JsonObject& object) {
    const auto granted = granted_scopes(object);
    if (!granted) return std::nullopt;
    for (const std::string& wanted : split_scope(credential.scope)) {
        if (is_placeholder(wanted)) continue;
        if (std::find(granted->begin(), granted->end(), wanted) == granted->end()) return wanted;
    }
    return std::nullopt;
}

TokenAnswer refuse(const Credential& credential, const std::string& why, Remedy remedy) {
    return {std::nullopt, Trouble{issuer_name(credential.issuer) + ": " + why, remedy, std::nullopt}};
}

TokenAnswer read_success(const Credential& credential, const Answer& answer) {
    const auto parsed = JsonObject::parse(answer.body, {.bytes = kMaxAnswerBytes});
    if (const auto* fault = std::get_if<std::string>(&parsed)) {
        return refuse(credential, "its token answer " + *fault, Remedy::Later);
    }
    const auto& object = std::get<JsonObject>(parsed);
    const auto access_token = object.string("access_token");
    if (!access_token || access_token->empty()) {
        return refuse(credential, "its token answer holds no access_token", Remedy::Later);
    }
    if (access_token->size() > kMaxTokenBytes || !is_visible_ascii(*access_token)) {
        return refuse(credential, "its access_token is too long or not printable", Remedy::Later);
    }
    const auto lifetime = lifetime_of(object);
    TokenAnswer result;
    result.token.emplace();
    result.token->access_token = Secret(*access_token);
    result.token->fingerprint =
        unverified_jti(*access_token)
            .value_or(hex_encode(sha256(*access_token)).substr(0, kFingerprintDigits));
    result.token->lifetime = lifetime.value_or(kDefaultLifetime);

    const auto refuse_token = [&](const std::string& why, Remedy remedy) {
        result.trouble = refuse(credential, why, remedy).trouble;
    };
    const auto type = object.string("token_type");
    if (!type || !equal_ignoring_case(*type, "bearer")) {
        refuse_token("its token is not of type Bearer", Remedy::None);
    } else if (!lifetime) {
        refuse_token("its token answer has an expires_in that is no positive number", Remedy::Later);
    } else if (const auto scope = missing_scope(credential, object)) {
        refuse_token(
            "it granted less than was asked for: scope \"" + quote_foreign(*scope, {}, 200) + "\" is missing",
            Remedy::None);
    }
    return result;
}

}  // namespace

std::variant<Exchange, std::string> token_request(const Credential& credential,
                                                  const std::string& token_endpoint,
                                                  const std::string& egress_role,
                                                  std::chrono::system_clock::time_point now) {
    std::string form;
    append_form_field(form, "grant_type", "client_credentials");
    if (!credential.scope.empty()) append_form_field(form, "scope", credential.scope);
    if (!credential.audience.empty()) append_form_field(form, "audience", credential.audience);
    if (!credential.resource.empty()) append_form_field(form, "resource", credential.resource);

    auto proof = authenticate(credential.issuer, credential.client, token_endpoint, now, std::move(form));
    if (auto* fault = std::get_if<std::string>(&proof)) return issuer_name(credential.issuer) + ": " + *fault;
    auto& authenticated = std::get<AuthenticatedForm>(proof);

    Exchange exchange;
    exchange.method = "POST";
    exchange.url = token_endpoint;
    exchange.headers = std::move(authenticated.headers);
    exchange.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    exchange.headers.emplace_back("Accept", "application/json");
    exchange.body = std::move(authenticated.form);
    exchange.ca_file = credential.issuer.ca_file;
    exchange.egress_role = egress_role;
    exchange.connect_timeout = credential.issuer.timeout;
    exchange.timeout = credential.issuer.timeout;
    exchange.max_response_bytes = kMaxAnswerBytes;
    return exchange;
}

TokenAnswer read_token_answer(const Credential& credential, Answer& answer) {
    constexpr std::string_view kWhat = "token request";
    TokenAnswer result;
    if (answer.failure != Failure::None) {
        result.trouble = failure_trouble(credential.issuer, kWhat, answer);
    } else if (answer.status == 200) {
        result = read_success(credential, answer);
    } else {
        std::vector<std::string> confidential = secret_spellings(credential.client);
        result.trouble = refusal_trouble(credential.issuer, kWhat, answer, confidential).trouble;
        for (std::string& spelling : confidential)
            wipe(spelling);
    }
    wipe(answer.body);
    return result;
}

}  // namespace flowctl::net
