// Proofs of calls. See call_auth.hpp.
#include "net/proofs/call_auth.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/base64.hpp"
#include "base/wipe.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "net/http/header_rules.hpp"
#include "net/http/url.hpp"

namespace flowctl::net {
namespace {

constexpr std::string_view kKeyPrefix = "whsec_";
constexpr std::size_t kMinKeyBytes = 24;
constexpr std::size_t kMaxKeyBytes = 64;
constexpr std::size_t kMostKeys = 4;

std::string joined(std::string_view a, std::string_view b) {
    std::string out;
    out.reserve(a.size() + b.size());
    out += a;
    out += b;
    return out;
}

void add_api_key(const ApiKey& key, Exchange& exchange, Redactor& sent) {
    sent.add(key.key.reveal());
    if (!key.in_query) {
        exchange.headers.emplace_back(key.name, std::string(key.key.reveal()));
        return;
    }
    std::string encoded = percent_encode(key.key.reveal());
    std::string parameter = joined(percent_encode(key.name) + "=", encoded);
    sent.add(encoded);
    wipe(encoded);
    exchange.url += exchange.url.find('?') == std::string::npos ? '?' : '&';
    exchange.url += parameter;
    wipe(parameter);
}

void add_basic(const BasicLogin& login, Exchange& exchange, Redactor& sent) {
    std::string plain = joined(login.user + ":", login.password.reveal());
    std::string encoded = base64_encode(plain);
    sent.add(login.password.reveal());
    sent.add(encoded);
    exchange.headers.emplace_back("Authorization", joined("Basic ", encoded));
    wipe(plain);
    wipe(encoded);
}

// One signature for each key, so that the receiver can go from one to the next.
void add_webhook(const WebhookKeys& keys, std::string_view id, std::chrono::system_clock::time_point now,
                 Exchange& exchange) {
    const std::string time =
        std::to_string(std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
    std::string content;
    content.reserve(id.size() + time.size() + exchange.body.size() + 2);
    content += id;
    content += '.' + time + '.';
    content += exchange.body;
    std::string signatures;
    for (const Secret& key : keys.keys) {
        if (!signatures.empty()) signatures += ' ';
        signatures += "v1," + base64_encode(hmac("SHA256", key.reveal(), content));
    }
    wipe(content);
    exchange.headers.emplace_back("webhook-id", std::string(id));
    exchange.headers.emplace_back("webhook-timestamp", time);
    exchange.headers.emplace_back("webhook-signature", std::move(signatures));
}

void sign(const AwsSigning& signing, const AwsKeys& keys, std::chrono::system_clock::time_point now,
          Exchange& exchange, Redactor& sent) {
    if (!keys.session_token.empty()) sent.add(keys.session_token.reveal());
    const auto url = split_url(exchange.url);
    for (Header& header :
         sign_aws_request({exchange.method, std::get<Url>(url), exchange.headers, exchange.body},
                          signing.scope, keys, now))
        exchange.headers.push_back(std::move(header));
}

// Headers that belong to the proof.
bool is_of(const CallAuth& auth, std::string_view name) {
    if (reads_as(name, "authorization")) return true;
    if (const auto* key = std::get_if<ApiKey>(&auth)) return !key->in_query && reads_as(name, key->name);
    if (std::holds_alternative<WebhookKeys>(auth)) return begins_as(name, "webhook-");
    if (std::holds_alternative<AwsSigning>(auth))
        return reads_as(name, "x-amz-date") || reads_as(name, "x-amz-security-token") ||
               reads_as(name, "x-amz-content-sha256");
    return false;
}

int base64_value(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    if (c == '/' || c == '_') return 63;
    return -1;
}

std::optional<std::string> base64_decode(std::string_view text) {
    while (text.ends_with('='))
        text.remove_suffix(1);
    if (text.size() % 4 == 1) return std::nullopt;
    std::string out;
    out.reserve(text.size() / 4 * 3 + 3);
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        const int value = base64_value(c);
        if (value < 0) return std::nullopt;
        bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xffff;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out += static_cast<char>(bits >> count & 0xff);
    }
    return out;
}

}  // namespace

std::optional<std::string> objection_to_headers_beside(const CallAuth& auth,
                                                       const std::vector<Header>& headers) {
    for (const auto& [name, value] : headers)
        if (is_of(auth, name)) return "the header " + name + " may not be set";
    return std::nullopt;
}

void prove(const CallAuth& auth, const AwsKeys* session, std::string_view message_id,
           std::chrono::system_clock::time_point now, Exchange& exchange, Redactor& sent) {
    if (const auto* key = std::get_if<ApiKey>(&auth)) add_api_key(*key, exchange, sent);
    if (const auto* login = std::get_if<BasicLogin>(&auth)) add_basic(*login, exchange, sent);
    if (const auto* keys = std::get_if<WebhookKeys>(&auth)) add_webhook(*keys, message_id, now, exchange);
    if (const auto* signing = std::get_if<AwsSigning>(&auth)) {
        const AwsKeys* with = signing->keys ? signing->keys.get() : session;
        if (with != nullptr) sign(*signing, *with, now, exchange, sent);
    }
}

std::variant<std::vector<Secret>, std::string> read_webhook_keys(const Secret& file) {
    std::vector<Secret> keys;
    std::string_view rest = file.reveal();
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        std::string_view line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        while (!line.empty() && (line.back() == '\r' || line.back() == ' '))
            line.remove_suffix(1);
        if (line.empty()) continue;
        if (!line.starts_with(kKeyPrefix)) return "a line does not begin with whsec_";
        auto bytes = base64_decode(line.substr(kKeyPrefix.size()));
        if (!bytes) return "what follows whsec_ is not base64";
        const std::size_t size = bytes->size();
        if (size >= kMinKeyBytes && size <= kMaxKeyBytes) keys.emplace_back(*bytes);
        wipe(*bytes);
        if (size < kMinKeyBytes || size > kMaxKeyBytes) return "a key must have 24 to 64 bytes";
        if (keys.size() > kMostKeys) return "it holds more than 4 keys";
    }
    if (keys.empty()) return "it holds no key";
    return keys;
}

bool may_carry_api_key(std::string_view header) noexcept {
    constexpr std::array<std::string_view, 6> kTaken = {"idempotency-key", "traceparent", "content-type",
                                                        "cookie",          "accept",      "user-agent"};
    if (std::any_of(kTaken.begin(), kTaken.end(),
                    [&](std::string_view taken) { return reads_as(header, taken); }))
        return false;
    if (begins_as(header, "flowctl-")) return false;  // of database leases
    return !objection_to_headers({{std::string(header), "x"}});
}

}  // namespace flowctl::net
