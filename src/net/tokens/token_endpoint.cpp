// Implementation of token_endpoint.hpp.
#include "net/tokens/token_endpoint.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>

#include "base/ascii.hpp"
#include "base/wipe.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "net/crypto/jose.hpp"
#include "net/crypto/json_reader.hpp"
#include "net/http/content_coding.hpp"
#include "net/tokens/client_auth.hpp"
#include "net/tokens/token_cache.hpp"

namespace flowctl::net {
namespace {

constexpr std::size_t kMaxTokenBytes = 16 * 1024;
constexpr std::size_t kMaxAnswerBytes = 64 * 1024;
constexpr Seconds kDefaultLifetime{60};  // where expires_in is absent
constexpr Seconds kMaxLifetime{86400};   // a longer one is cut to this
constexpr std::size_t kFingerprintDigits = 16;
constexpr std::size_t kMaxRecordedBytes = 512;
constexpr int kMaxActors = 8;
constexpr std::size_t kRoomForTokens = 8 * kMaxTokenBytes;  // of a form that holds several, percent-encoded
constexpr std::string_view kAccessToken = "urn:ietf:params:oauth:token-type:access_token";
constexpr std::string_view kJwt = "urn:ietf:params:oauth:token-type:jwt";

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
    return {std::nullopt, Trouble{issuer_name(credential.issuer) + ": " + why, remedy, std::nullopt,
                                  CredentialFault::Failed}};
}

// What is wrong with the type of the token, or nothing. N_A is what RFC 8693 gives to a token that is none
// for access; who asks for one of such a type means to send it as it is.
std::optional<std::string> type_fault(const Credential& credential, const JsonObject& object) {
    const auto type = object.string("token_type");
    if (credential.grant == GrantType::TokenExchange) {
        const auto issued = object.string("issued_token_type");
        const std::string& requested = credential.requested_token_type;
        if (!issued) return "its token answer holds no issued_token_type";
        if (requested.empty() ? *issued != kAccessToken && *issued != kJwt : *issued != requested)
            return "it issued another type of token than was asked for: \"" +
                   quote_foreign(*issued, {}, 200) + "\"";
        if (!requested.empty() && type && same_without_case(*type, "n_a")) return std::nullopt;
    }
    if (credential.dpop) {
        if (!type) return "its token answer holds no token_type";
        if (!same_without_case(*type, "dpop")) return "its token is not of type DPoP";
    } else if (!type) {
        return "its token answer holds no token_type";
    } else if (!same_without_case(*type, "bearer")) {
        return "its token is not of type Bearer";
    }
    return std::nullopt;
}

// A JWT says what it is bound to (RFC 7800); of an opaque token only its issuer and the resource know.
std::optional<std::string> binding_fault(const Credential& credential, std::string_view token,
                                         const std::string& dpop_thumbprint) {
    const auto claims = unverified_claims(token);
    if (!claims) return std::nullopt;
    const auto confirmation = claims->object("cnf");
    const auto is = [&](const char* member, const std::string& expected) {
        return confirmation && confirmation->string(member) == expected;
    };
    if (credential.dpop && !is("jkt", dpop_thumbprint)) return "its token is not bound to the run's key";
    if (credential.certificate_bound && credential.client.certificate &&
        !is("x5t#S256", credential.client.certificate->thumbprint())) {
        return "its token is not bound to the client's certificate";
    }
    return std::nullopt;
}

std::string recorded(std::optional<std::string_view> text) {
    if (!text || text->size() > kMaxRecordedBytes || has_control_character(*text)) return {};
    return std::string(*text);
}

// The actors of nested act claims, the latest first (RFC 8693 §4.1).
std::string actors_of(const JsonObject& claims) {
    std::string actors;
    auto act = claims.object("act");
    for (int depth = 0; act && depth < kMaxActors; ++depth) {
        const std::string one = recorded(act->string("sub"));
        if (!actors.empty() && !one.empty()) actors += " < ";
        actors += one;
        act = act->object("act");
    }
    return actors;
}

// For the record: whose token it is, by what it says of itself where it is a JWT.
TokenInfo describe(std::string_view token, std::string_view granted_scope) {
    TokenInfo info;
    info.fingerprint =
        unverified_jti(token).value_or(hex_encode(sha256(token)).substr(0, kFingerprintDigits));
    info.scope = recorded(granted_scope);
    const auto claims = unverified_claims(token);
    if (!claims) return info;
    info.subject = recorded(claims->string("sub"));
    info.actor = actors_of(*claims);
    info.audience = recorded(claims->string("aud"));
    if (const auto many = claims->strings("aud")) {
        for (const std::string_view one : *many) {
            if (!info.audience.empty()) info.audience += ' ';
            info.audience += recorded(one);
            if (info.audience.size() > kMaxRecordedBytes) break;
        }
    }
    if (info.scope.empty()) info.scope = recorded(claims->string("scope"));
    if (info.scope.empty()) info.scope = recorded(claims->string("scp"));
    return info;
}

// Some issuers say 200 and then that they refuse.
bool is_refusal(const Answer& answer) {
    const auto parsed = JsonObject::parse(answer.body, {.bytes = kMaxAnswerBytes, .byte_order_mark = true});
    const auto* object = std::get_if<JsonObject>(&parsed);
    return object != nullptr && object->kind("access_token") == JsonObject::Kind::Absent &&
           object->string("error").value_or("") != "";
}

TokenAnswer read_success(const Credential& credential, const Answer& answer,
                         const std::string& dpop_thumbprint) {
    const auto parsed = JsonObject::parse(answer.body, {.bytes = kMaxAnswerBytes, .byte_order_mark = true});
    if (const auto* fault = std::get_if<std::string>(&parsed)) {
        const std::string encoded = content_coding_fault(answer.headers);
        return refuse(credential, "its token answer " + (encoded.empty() ? *fault : encoded), Remedy::Later);
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
    result.token->info = describe(*access_token, object.string("scope").value_or(""));
    if (const auto refresh = object.string("refresh_token"); refresh && is_visible_ascii(*refresh))
        result.token->refresh_token = Secret(*refresh);
    result.token->lifetime = lifetime.value_or(kDefaultLifetime);

    const auto refuse_token = [&](const std::string& why, Remedy remedy) {
        result.trouble = refuse(credential, why, remedy).trouble;
    };
    if (const auto fault = type_fault(credential, object)) {
        refuse_token(*fault, Remedy::None);
    } else if (const auto unbound = binding_fault(credential, *access_token, dpop_thumbprint)) {
        refuse_token(*unbound, Remedy::None);
    } else if (!lifetime) {
        refuse_token("its token answer has an expires_in that is no positive number", Remedy::Later);
    } else if (const auto scope = missing_scope(credential, object)) {
        refuse_token(
            "it granted less than was asked for: scope \"" + quote_foreign(*scope, {}, 200) + "\" is missing",
            Remedy::None);
    }
    return result;
}

// A token that is handed in, as two fields. The form has room for it already.
std::optional<TokenInputFault> append_token(std::string& form, const char* what, const TokenInput& input,
                                            std::string_view name, const TokenUse& use) {
    auto token = input.get(use);
    if (auto* fault = std::get_if<TokenInputFault>(&token)) {
        fault->message = std::string(what) + ": " + fault->message;
        return std::move(*fault);
    }
    append_form_field(form, name, std::get<Secret>(token).reveal());
    return std::nullopt;
}

std::string_view or_access_token(std::string_view type) {
    return type.empty() ? kAccessToken : type;
}

std::optional<TokenInputFault> append_exchange(std::string& form, const Credential& credential,
                                               const TokenUse& subject) {
    append_form_field(form, "grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
    if (auto fault = append_token(form, "the subject token", credential.subject, "subject_token", subject))
        return fault;
    append_form_field(form, "subject_token_type", or_access_token(credential.subject_token_type));
    if (!credential.actor.empty()) {
        TokenUse actor = subject;
        actor.purpose = TokenUse::Purpose::Actor;
        if (auto fault = append_token(form, "the actor token", credential.actor, "actor_token", actor))
            return fault;
        append_form_field(form, "actor_token_type", or_access_token(credential.actor_token_type));
    }
    if (!credential.requested_token_type.empty())
        append_form_field(form, "requested_token_type", credential.requested_token_type);
    return std::nullopt;
}

// What the grant puts into the form, or why it cannot.
std::optional<TokenInputFault> append_grant(std::string& form, const Credential& credential,
                                            const std::string& token_endpoint,
                                            std::chrono::system_clock::time_point now,
                                            const Secret* refresh_token) {
    const TokenUse subject{TokenUse::Purpose::Subject, assertion_audience(credential.issuer, token_endpoint),
                           credential.client.client_id, now};
    switch (credential.grant) {
        case GrantType::ClientCredentials:
            append_form_field(form, "grant_type", "client_credentials");
            return std::nullopt;
        case GrantType::TokenExchange:
            return append_exchange(form, credential, subject);
        case GrantType::JwtBearer:
        case GrantType::OnBehalfOf:
            append_form_field(form, "grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
            if (credential.grant == GrantType::OnBehalfOf)
                append_form_field(form, "requested_token_use", "on_behalf_of");
            return append_token(form, "the assertion", credential.subject, "assertion", subject);
        case GrantType::RefreshToken:
            if (refresh_token == nullptr) break;
            append_form_field(form, "grant_type", "refresh_token");
            append_form_field(form, "refresh_token", refresh_token->reveal());
            return std::nullopt;
        case GrantType::Direct:
            break;
    }
    throw std::logic_error("a grant without a token request");
}

}  // namespace

std::variant<Exchange, TokenInputFault> token_request(const Credential& credential,
                                                      const std::string& token_endpoint,
                                                      const std::string& egress_role,
                                                      std::chrono::system_clock::time_point now,
                                                      const Secret* refresh_token) {
    const auto at_issuer = [&](TokenInputFault fault) {
        fault.message = issuer_name(credential.issuer) + ": " + fault.message;
        return fault;
    };
    std::string form;
    form.reserve(kRoomForTokens);
    if (auto fault = append_grant(form, credential, token_endpoint, now, refresh_token))
        return at_issuer(std::move(*fault));
    if (!credential.scope.empty()) append_form_field(form, "scope", credential.scope);
    if (!credential.audience.empty()) append_form_field(form, "audience", credential.audience);
    for (const std::string& resource : split_scope(credential.resource))
        append_form_field(form, "resource", resource);

    auto proof = authenticate(credential.issuer, credential.client, token_endpoint, now, std::move(form));
    if (auto* fault = std::get_if<TokenInputFault>(&proof)) return at_issuer(std::move(*fault));
    return form_request(credential, std::get<AuthenticatedForm>(std::move(proof)), token_endpoint,
                        egress_role, credential.issuer.timeout);
}

IssuedToken described_token(Secret token, std::chrono::system_clock::time_point now) {
    IssuedToken issued;
    issued.info = describe(token.reveal(), {});
    issued.lifetime = kDefaultLifetime;
    if (const auto claims = unverified_claims(token.reveal())) {
        if (const auto end = claims->number("exp")) {
            const Seconds left = Seconds(*end) - std::chrono::duration_cast<Seconds>(now.time_since_epoch());
            issued.lifetime = std::min(left, kMaxLifetime);
        }
    }
    issued.access_token = std::move(token);
    return issued;
}

TokenAnswer read_token_answer(const Credential& credential, Answer& answer,
                              const std::string& dpop_thumbprint) {
    constexpr std::string_view kWhat = "token request";
    TokenAnswer result;
    if (answer.failure != Failure::None) {
        result.trouble = failure_trouble(credential.issuer, kWhat, answer);
    } else if ((answer.status == 200 || answer.status == 201) && !is_refusal(answer)) {
        result = read_success(credential, answer, dpop_thumbprint);
    } else {
        std::vector<std::string> confidential = secret_spellings(credential.client);
        Refusal refusal = refusal_trouble(credential.issuer, kWhat, answer, confidential);
        result.trouble = std::move(refusal.trouble);
        result.wants_nonce = answer.status == 400 && refusal.code == "use_dpop_nonce";
        if (refusal.code == "interaction_required") {
            result.trouble->remedy = Remedy::None;
            result.trouble->fault = CredentialFault::InteractionRequired;
        }
        for (std::string& spelling : confidential)
            wipe(spelling);
    }
    wipe(answer.body);
    return result;
}

}  // namespace flowctl::net
