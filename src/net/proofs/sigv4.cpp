// AWS Signature Version 4. See sigv4.hpp.
#include "net/proofs/sigv4.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <map>
#include <utility>

#include "base/ascii.hpp"
#include "base/wipe.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"

namespace flowctl::net {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

// What a proxy, a load balancer or a tracing agent may change on the way.
constexpr std::array<std::string_view, 11> kUnsignedHeaders = {
    "authorization",     "connection", "content-length", "expect",         "tracestate", "traceparent", "te",
    "transfer-encoding", "upgrade",    "user-agent",     "x-amzn-trace-id"};

bool is_s3(const AwsScope& scope) {
    return scope.service == "s3" || scope.service == "s3express" || scope.service == "s3-object-lambda" ||
           scope.service == "s3-outposts";
}

// `again`: what is percent-encoded already is encoded once more.
std::string encode_segments(std::string_view path, bool again) {
    std::string out;
    for (;;) {
        const std::size_t slash = path.find('/');
        const std::string_view segment = path.substr(0, slash);
        out += again ? percent_encode(segment) : percent_encode(percent_decode(segment));
        if (slash == path.npos) return out;
        out += '/';
        path.remove_prefix(slash + 1);
    }
}

// RFC 3986 §6.2.2.3, and empty segments go.
std::string normalise_path(std::string_view path) {
    std::vector<std::string_view> kept;
    const bool ends_with_slash = path.empty() || path.back() == '/';
    while (!path.empty()) {
        const std::size_t slash = std::min(path.find('/'), path.size());
        const std::string_view segment = path.substr(0, slash);
        path.remove_prefix(std::min(slash + 1, path.size()));
        if (segment == "..") {
            if (!kept.empty()) kept.pop_back();
        } else if (!segment.empty() && segment != ".") {
            kept.push_back(segment);
        }
    }
    std::string out;
    for (const std::string_view segment : kept) {
        out += '/';
        out += segment;
    }
    if (ends_with_slash || out.empty()) out += '/';
    return out;
}

std::string canonical_path(const Url& url, const AwsScope& scope) {
    if (is_s3(scope)) return encode_segments(url.path.empty() ? "/" : url.path, false);
    return encode_segments(normalise_path(url.path), true);
}

std::string canonical_query(std::string_view query) {
    std::vector<std::pair<std::string, std::string>> parameters;
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view one = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        if (one.empty()) continue;
        const std::size_t equals = std::min(one.find('='), one.size());
        parameters.emplace_back(percent_encode(percent_decode(one.substr(0, equals))),
                                percent_encode(percent_decode(one.substr(std::min(equals + 1, one.size())))));
    }
    std::sort(parameters.begin(), parameters.end());
    std::string out;
    for (const auto& [name, value] : parameters) {
        if (!out.empty()) out += '&';
        out += name + '=' + value;
    }
    return out;
}

// Without blanks around it, and with one where there were several.
void append_trimmed(std::string& out, std::string_view value) {
    bool gap = false;
    bool begun = false;
    for (const char c : value) {
        if (c == ' ' || c == '\t') {
            gap = begun;
            continue;
        }
        if (gap) out += ' ';
        gap = false;
        begun = true;
        out += c;
    }
}

using CanonicalHeaders = std::map<std::string, std::string>;

void add_headers(CanonicalHeaders& canonical, const std::vector<Header>& headers) {
    for (const auto& [name, value] : headers) {
        std::string key = ascii_lower(name);
        if (std::find(kUnsignedHeaders.begin(), kUnsignedHeaders.end(), key) != kUnsignedHeaders.end())
            continue;
        const auto [place, is_new] = canonical.try_emplace(std::move(key));
        place->second.reserve(place->second.size() + value.size() + 1);
        if (!is_new) place->second += ',';
        append_trimmed(place->second, value);
    }
}

std::string payload_hash(const SignedRequest& request, const AwsScope& scope) {
    if (is_s3(scope) && !scope.signs_payload) return std::string(kUnsignedPayload);
    return hex_encode(sha256(request.body));
}

std::string timestamp(std::chrono::system_clock::time_point now) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    const std::size_t length = std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts);
    return {text.data(), length};
}

std::string signing_key(const AwsKeys& keys, const std::string& date, const AwsScope& scope) {
    std::string secret;
    secret.reserve(4 + keys.secret_access_key.reveal().size());
    secret += "AWS4";
    secret += keys.secret_access_key.reveal();
    std::string key = hmac("SHA256", secret, date);
    wipe(secret);
    for (const std::string_view part : {std::string_view(scope.region), std::string_view(scope.service),
                                        std::string_view("aws4_request")}) {
        std::string next = hmac("SHA256", key, part);
        wipe(key);
        key = std::move(next);
    }
    return key;
}

}  // namespace

std::string aws_canonical_request(const SignedRequest& request, const std::vector<Header>& added,
                                  const AwsScope& scope, std::string* signed_headers) {
    CanonicalHeaders headers;
    add_headers(headers, request.headers);
    add_headers(headers, added);
    headers["host"] = request.url.origin().substr(request.url.scheme.size() + 3);

    std::string names;
    std::size_t bytes = 0;
    for (const auto& [name, value] : headers) {
        if (!names.empty()) names += ';';
        names += name;
        bytes += name.size() + value.size() + 2;
    }
    std::string out;
    const std::string path = canonical_path(request.url, scope);
    const std::string query = canonical_query(request.url.query);
    out.reserve(request.method.size() + path.size() + query.size() + bytes + names.size() + 128);
    out += request.method;
    out += '\n' + path + '\n' + query + '\n';
    for (auto& [name, value] : headers) {
        out += name;
        out += ':';
        out += value;
        out += '\n';
        wipe(value);
    }
    out += '\n' + names + '\n' + payload_hash(request, scope);
    if (signed_headers != nullptr) *signed_headers = std::move(names);
    return out;
}

std::vector<Header> sign_aws_request(const SignedRequest& request, const AwsScope& scope, const AwsKeys& keys,
                                     std::chrono::system_clock::time_point now) {
    const std::string time = timestamp(now);
    const std::string date = time.substr(0, 8);
    std::vector<Header> added{{"X-Amz-Date", time}};
    if (is_s3(scope)) added.emplace_back("X-Amz-Content-Sha256", payload_hash(request, scope));
    if (!keys.session_token.empty())
        added.emplace_back("X-Amz-Security-Token", std::string(keys.session_token.reveal()));

    std::string signed_headers;
    std::string canonical = aws_canonical_request(request, added, scope, &signed_headers);
    const std::string credential_scope = date + '/' + scope.region + '/' + scope.service + "/aws4_request";
    const std::string to_sign = std::string(kAlgorithm) + '\n' + time + '\n' + credential_scope + '\n' +
                                hex_encode(sha256(canonical));
    wipe(canonical);
    std::string key = signing_key(keys, date, scope);
    const std::string signature = hex_encode(hmac("SHA256", key, to_sign));
    wipe(key);
    added.emplace_back("Authorization", std::string(kAlgorithm) + " Credential=" + keys.access_key_id + '/' +
                                            credential_scope + ", SignedHeaders=" + signed_headers +
                                            ", Signature=" + signature);
    return added;
}

}  // namespace flowctl::net
