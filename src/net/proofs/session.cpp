// Requests for sessions and their answers. See session.hpp.
#include "net/proofs/session.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "base/ascii.hpp"
#include "base/wipe.hpp"
#include "base/xml.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "net/crypto/json_reader.hpp"
#include "net/http/content_coding.hpp"
#include "net/http/url.hpp"
#include "net/tokens/client_auth.hpp"

namespace flowctl::net {
namespace {

using Time = std::chrono::system_clock::time_point;

constexpr std::size_t kMaxAnswerBytes = 64 * 1024;
constexpr std::size_t kMaxTokenBytes = 16 * 1024;
constexpr std::size_t kMaxQuotedBytes = 300;

// AWS: [\w+=,.@-]{2,64}. A run's id fits; what else may come is made to.
std::string session_name(const std::string& run) {
    std::string name;
    for (const char c : run.substr(0, 64)) {
        const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          std::string_view("_+=,.@-").find(c) != std::string_view::npos;
        name += fits ? c : '-';
    }
    while (name.size() < 2)
        name += '-';
    return name;
}

Exchange assume_role(const AwsRole& role, std::string_view token, const std::string& run, Time now) {
    Exchange exchange;
    std::string& form = exchange.body;
    form.reserve(4096 + 3 * token.size());
    append_form_field(form, "Action", "AssumeRoleWithWebIdentity");
    append_form_field(form, "Version", "2011-06-15");
    append_form_field(form, "RoleArn", role.role_arn);
    append_form_field(form, "RoleSessionName", session_name(run));
    append_form_field(form, "DurationSeconds", std::to_string(role.duration_seconds));
    if (const auto end = policy_end(role, now)) append_form_field(form, "Policy", policy_until(*end));
    append_form_field(form, "WebIdentityToken", token);
    exchange.url = role.sts_endpoint;
    exchange.headers = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "text/xml"}};
    exchange.ca_file = role.ca_file;
    exchange.timeout = exchange.connect_timeout = role.timeout;
    return exchange;
}

Exchange generate_access_token(const GcpAccount& account, std::string_view token) {
    Exchange exchange;
    exchange.url = account.iam_endpoint + "/v1/projects/-/serviceAccounts/" + percent_encode(account.email) +
                   ":generateAccessToken";
    JsonWriter body;
    std::vector<std::string> scopes;
    for (std::string_view rest = account.scope; !rest.empty();) {
        const std::size_t end = std::min(rest.find(' '), rest.size());
        if (end > 0) scopes.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    body.add("scope", scopes);
    body.add("lifetime", std::to_string(account.lifetime_seconds) + "s");
    exchange.body = body.text();
    exchange.headers = {
        {"Content-Type", "application/json"}, {"Accept", "application/json"}, {"Authorization", ""}};
    std::string& value = exchange.headers.back().second;
    value.reserve(7 + token.size());
    value += "Bearer ";
    value += token;
    exchange.ca_file = account.ca_file;
    exchange.timeout = exchange.connect_timeout = account.timeout;
    return exchange;
}

std::string name_of(const SessionRequest& what) {
    if (const auto* role = std::get_if<AwsRole>(&what.what))
        return "role " + role->role_arn + " at " + role->sts_endpoint;
    const auto& account = std::get<GcpAccount>(what.what);
    return "service account " + account.email + " at " + account.iam_endpoint;
}

SessionAnswer trouble(const SessionRequest& what, const std::string& message, Remedy remedy,
                      std::optional<Seconds> retry_after = std::nullopt) {
    return {std::nullopt, Trouble{name_of(what) + ": " + message, remedy, retry_after}};
}

// What the status says of another attempt, whatever the code.
Remedy remedy_of(int status) {
    if (status == 429 || status == 503) return Remedy::BackOff;
    if (status == 408 || status == 425 || status >= 500) return Remedy::Retry;
    return Remedy::None;
}

struct Refusal {
    std::string code;
    std::string message;
};

Refusal aws_refusal(const Answer& answer) {
    const auto parsed = XmlText::parse(answer.body);
    const auto* document = std::get_if<XmlText>(&parsed);
    if (document == nullptr) return {};
    return {std::string(document->find("Error/Code").value_or("")),
            std::string(document->find("Error/Message").value_or(""))};
}

Refusal google_refusal(const Answer& answer) {
    const auto parsed = JsonObject::parse(answer.body, {.bytes = kMaxAnswerBytes, .byte_order_mark = true});
    const auto* object = std::get_if<JsonObject>(&parsed);
    if (object == nullptr) return {};
    const auto error = object->object("error");
    if (!error) return {};
    return {std::string(error->string("status").value_or("")),
            std::string(error->string("message").value_or(""))};
}

SessionAnswer refused(const SessionRequest& what, std::string_view token, const Answer& answer) {
    const bool aws = std::holds_alternative<AwsRole>(what.what);
    const Refusal refusal = aws ? aws_refusal(answer) : google_refusal(answer);
    std::string message = "HTTP " + std::to_string(answer.status);
    std::vector<std::string> confidential{std::string(token)};
    if (!refusal.code.empty()) message += ": " + quote_foreign(refusal.code, confidential, 100);
    if (!refusal.message.empty())
        message += " (" + quote_foreign(refusal.message, confidential, kMaxQuotedBytes) + ")";
    wipe(confidential.front());
    Remedy remedy = remedy_of(answer.status);
    if (refusal.code == "IDPCommunicationError") remedy = Remedy::Retry;
    if (refusal.code == "Throttling" || refusal.code == "ThrottlingException") remedy = Remedy::BackOff;
    return trouble(what, message, remedy, answer.retry_after());
}

bool is_usable(std::string_view credential) {
    return !credential.empty() && credential.size() <= kMaxTokenBytes && is_visible_ascii(credential);
}

SessionAnswer unreadable(const SessionRequest& what, const Answer& answer, const std::string& fault) {
    const std::string encoded = content_coding_fault(answer.headers);
    return trouble(what, "the answer " + (encoded.empty() ? fault : encoded), Remedy::Later);
}

SessionAnswer read_keys(const SessionRequest& what, const Answer& answer, Time now) {
    const auto parsed = XmlText::parse(answer.body);
    if (const auto* fault = std::get_if<std::string>(&parsed)) return unreadable(what, answer, *fault);
    const auto& document = std::get<XmlText>(parsed);
    const auto id = document.find("Credentials/AccessKeyId");
    const auto secret = document.find("Credentials/SecretAccessKey");
    const auto token = document.find("Credentials/SessionToken");
    const auto expires = read_utc_time(document.find("Credentials/Expiration").value_or(""));
    if (!id || !secret || !token || !expires || !is_usable(*id) || !is_usable(*secret) ||
        !is_usable(*token) || id->size() > 128)
        return trouble(what, "the answer holds no usable credentials", Remedy::Later);
    if (*expires <= now)
        return trouble(what, "the credentials have ended before they came; is the clock right?",
                       Remedy::Later);
    Session session;
    session.keys =
        std::make_shared<const AwsKeys>(AwsKeys{std::string(*id), Secret(*secret), Secret(*token)});
    session.info.fingerprint = *id;
    session.info.expires_at = *expires;
    if (const auto end = policy_end(std::get<AwsRole>(what.what), now))
        session.info.expires_at = std::min(session.info.expires_at, *end);
    return {std::move(session), std::nullopt};
}

SessionAnswer read_access_token(const SessionRequest& what, const Answer& answer, Time now) {
    const auto parsed = JsonObject::parse(answer.body, {.bytes = kMaxAnswerBytes, .byte_order_mark = true});
    if (const auto* fault = std::get_if<std::string>(&parsed)) return unreadable(what, answer, *fault);
    const auto& object = std::get<JsonObject>(parsed);
    const auto token = object.string("accessToken");
    const auto expires = read_utc_time(object.string("expireTime").value_or(""));
    if (!token || !is_usable(*token) || !expires || *expires <= now)
        return trouble(what, "the answer holds no usable access token", Remedy::Later);
    Session session;
    session.bearer = std::make_shared<const Secret>(*token);
    session.info.fingerprint = hex_encode(sha256(*token)).substr(0, 16);
    session.info.expires_at = *expires;
    return {std::move(session), std::nullopt};
}

int digits(std::string_view text) {
    int value = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && value >= 0 ? value : -1;
}

}  // namespace

std::optional<Time> read_utc_time(std::string_view text) {
    // YYYY-MM-DDTHH:MM:SS[.fraction]Z
    if (text.size() < 20 || text.back() != 'Z' || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
        text[13] != ':' || text[16] != ':' || (text.size() > 20 && text[19] != '.'))
        return std::nullopt;
    std::tm parts{};
    parts.tm_year = digits(text.substr(0, 4)) - 1900;
    parts.tm_mon = digits(text.substr(5, 2)) - 1;
    parts.tm_mday = digits(text.substr(8, 2));
    parts.tm_hour = digits(text.substr(11, 2));
    parts.tm_min = digits(text.substr(14, 2));
    parts.tm_sec = digits(text.substr(17, 2));
    if (parts.tm_year < 70 || parts.tm_mon < 0 || parts.tm_mon > 11 || parts.tm_mday < 1 ||
        parts.tm_mday > 31 || parts.tm_hour < 0 || parts.tm_hour > 23 || parts.tm_min < 0 ||
        parts.tm_min > 59 || parts.tm_sec < 0 || parts.tm_sec > 60)
        return std::nullopt;
    // The clock counts nanoseconds and ends in the year 2262.
    constexpr std::time_t kLatest = 9'000'000'000;
    return std::chrono::system_clock::from_time_t(std::min(timegm(&parts), kLatest));
}

std::string utc_time(Time time) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string policy_until(Time end) {
    return R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":)"
           R"({"DateLessThan":{"aws:CurrentTime":")" +
           utc_time(end) + R"("}}}]})";
}

std::optional<Time> policy_end(const AwsRole& role, Time now) {
    std::optional<Time> end = role.run_ends_at;
    if (role.session_lifetime) {
        const Time by_lifetime =
            now + std::chrono::duration_cast<std::chrono::seconds>(*role.session_lifetime);
        if (!end || by_lifetime < *end) end = by_lifetime;
    }
    return end;
}

std::string partition_of(const SessionRequest& what) {
    std::string partition;
    append_part(partition, name_of(what));
    if (what.credential) append_part(partition, partition_of(*what.credential));
    return partition;
}

Exchange session_request(const SessionRequest& what, std::string_view token, const std::string& run,
                         const std::string& egress_role, Time now) {
    const auto* role = std::get_if<AwsRole>(&what.what);
    Exchange exchange = role != nullptr ? assume_role(*role, token, run, now)
                                        : generate_access_token(std::get<GcpAccount>(what.what), token);
    exchange.method = "POST";
    exchange.egress_role = egress_role;
    append_part(exchange.partition, "session");
    append_part(exchange.partition, partition_of(what));
    exchange.max_response_bytes = kMaxAnswerBytes;
    return exchange;
}

SessionAnswer read_session_answer(const SessionRequest& what, std::string_view token, Answer& answer,
                                  Time now) {
    SessionAnswer result;
    if (answer.failure != Failure::None) {
        result = trouble(what, answer.message,
                         answer.failure == Failure::Refused    ? Remedy::None
                         : answer.failure == Failure::TooLarge ? Remedy::Later
                                                               : Remedy::Retry);
    } else if (answer.status != 200) {
        result = refused(what, token, answer);
    } else {
        result = std::holds_alternative<AwsRole>(what.what) ? read_keys(what, answer, now)
                                                            : read_access_token(what, answer, now);
    }
    wipe(answer.body);
    return result;
}

}  // namespace flowctl::net
