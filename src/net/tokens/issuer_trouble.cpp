// Implementation of issuer_trouble.hpp.
#include "net/tokens/issuer_trouble.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdint>

#include "net/crypto/json_reader.hpp"
#include "net/http/dispatcher.hpp"

namespace flowctl::net {
namespace {

constexpr std::size_t kMaxIssuerBytes = 200;
constexpr std::size_t kMaxCodeBytes = 64;
constexpr std::size_t kMaxDescriptionBytes = 300;
constexpr std::size_t kTokenLike = 32;  // a run of this many token characters is taken for a secret
constexpr std::string_view kRedacted = "[redacted]";

bool is_token_character(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '+' || c == '/' || c == '=' || c == '~' || c == '%';
}

// Trace identifiers are what an issuer's support asks for; they have this shape and tokens do not.
bool is_uuid(std::string_view run) {
    if (run.size() != 36) return false;
    for (std::size_t i = 0; i < run.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        const bool hex = std::isxdigit(static_cast<unsigned char>(run[i])) != 0;
        if (dash ? run[i] != '-' : !hex) return false;
    }
    return true;
}

void replace_all(std::string& text, std::string_view what) {
    if (what.empty()) return;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
        text.replace(at, what.size(), kRedacted);
        at += kRedacted.size();
    }
}

std::string without_long_runs(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        std::size_t end = i;
        while (end < text.size() && is_token_character(text[end]))
            ++end;
        if (end == i) {
            out += text[i++];
            continue;
        }
        std::string_view run = text.substr(i, end - i);
        std::string_view core = run;
        while (!core.empty() && core.back() == '.')
            core.remove_suffix(1);
        out += run.size() >= kTokenLike && !is_uuid(core) ? kRedacted : run;
        i = end;
    }
    return out;
}

Remedy remedy_of_code(std::string_view code) {
    constexpr std::array<std::string_view, 2> kTransient{"temporarily_unavailable", "server_error"};
    if (code == "slow_down") return Remedy::BackOff;
    return std::find(kTransient.begin(), kTransient.end(), code) != kTransient.end() ? Remedy::Retry
                                                                                     : Remedy::None;
}

Remedy remedy_of(int status, std::string_view code) {
    switch (status) {
        case 429:
        case 503:
            return Remedy::BackOff;
        case 408:
        case 425:
        case 500:
        case 502:
        case 504:
            return Remedy::Retry;
        case 200:  // some issuers answer an error with it
        case 201:
        case 400:
        case 401:
        case 403:
            return remedy_of_code(code);
        default:
            break;
    }
    if (status >= 300 && status < 400) return Remedy::None;
    return Remedy::Later;
}

// How long to pause: Retry-After, or the time that Okta and others name in seconds since 1970.
std::optional<Seconds> pause_asked(const Answer& answer) {
    if (const auto pause = answer.retry_after()) return pause;
    for (const std::string_view name : {"x-rate-limit-reset", "x-ratelimit-reset"}) {
        const std::string* value = answer.header(name);
        if (value == nullptr) continue;
        std::int64_t reset = 0;
        const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), reset);
        if (error != std::errc() || end != value->data() + value->size()) continue;
        const Seconds now = std::chrono::system_clock::now().time_since_epoch();
        const Seconds pause = Seconds(static_cast<double>(reset)) - now;
        if (pause > Seconds(0) && pause < Seconds(86400)) return pause;
    }
    return std::nullopt;
}

}  // namespace

std::string quote_foreign(std::string_view text, const std::vector<std::string>& confidential,
                          std::size_t max) {
    std::string plain;
    for (const char c : text) {
        if (c >= ' ' && c <= '~') plain += c;
        if (c == '\n' || c == '\r' || c == '\t') plain += ' ';
    }
    for (const std::string& secret : confidential)
        replace_all(plain, secret);
    plain = without_long_runs(plain);
    if (plain.size() > max) plain = plain.substr(0, max) + "...";
    return plain;
}

std::string issuer_name(const Issuer& issuer) {
    std::string name = "issuer ";
    for (const char c : std::string_view(issuer.url).substr(0, kMaxIssuerBytes)) {
        name += c > ' ' && c <= '~' ? c : '?';
    }
    return name;
}

Trouble failure_trouble(const Issuer& issuer, std::string_view what, const Answer& answer) {
    Trouble trouble;
    trouble.message = issuer_name(issuer) + ": " + std::string(what) + " failed: " + answer.message;
    switch (answer.failure) {
        case Failure::Refused:
            trouble.remedy = Remedy::None;
            break;
        case Failure::TooLarge:
            trouble.remedy = Remedy::Later;
            break;
        default:
            trouble.remedy = Remedy::Retry;
            trouble.no_answer = true;
            break;
    }
    return trouble;
}

Refusal refusal_trouble(const Issuer& issuer, std::string_view what, const Answer& answer,
                        const std::vector<std::string>& confidential) {
    Refusal refusal;
    std::string& message = refusal.trouble.message;
    message =
        issuer_name(issuer) + ": " + std::string(what) + " answered HTTP " + std::to_string(answer.status);
    if (answer.status >= 300 && answer.status < 400) message += ", a redirect, which is not followed";

    const auto parsed = JsonObject::parse(answer.body, {.byte_order_mark = true});
    if (const auto* object = std::get_if<JsonObject>(&parsed)) {
        const auto code = object->string("error");
        if (code && !code->empty()) {
            refusal.code = code->substr(0, kMaxCodeBytes);
            message += ": " + quote_foreign(*code, confidential, kMaxCodeBytes);
            const auto description = object->string("error_description");
            if (description && !description->empty()) {
                message += " (" + quote_foreign(*description, confidential, kMaxDescriptionBytes) + ")";
            }
        }
    }
    refusal.trouble.remedy = remedy_of(answer.status, refusal.code);
    if (refusal.trouble.remedy == Remedy::BackOff) refusal.trouble.retry_after = pause_asked(answer);
    return refusal;
}

}  // namespace flowctl::net
