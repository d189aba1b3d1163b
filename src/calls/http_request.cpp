// Building requests of HTTP Tasks. See http_request.hpp.
#include "calls/http_request.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/ascii.hpp"
#include "calls/error_names.hpp"
#include "net/http/header_rules.hpp"

namespace flowctl::calls {

namespace {

constexpr std::array<std::string_view, 7> kMethods = {"GET",   "POST",    "PUT", "DELETE",
                                                      "PATCH", "OPTIONS", "HEAD"};

// The headers that a definition may not set. First those that AWS lists ("Call HTTPS APIs in Step Functions
// workflows"), then those that this engine sets itself or that carry credentials.
constexpr std::array<std::string_view, 37> kForbiddenHeaders = {"a-im",
                                                                "accept-charset",
                                                                "accept-datetime",
                                                                "accept-encoding",
                                                                "cache-control",
                                                                "connection",
                                                                "content-encoding",
                                                                "content-md5",
                                                                "date",
                                                                "expect",
                                                                "forwarded",
                                                                "from",
                                                                "host",
                                                                "http2-settings",
                                                                "if-match",
                                                                "if-modified-since",
                                                                "if-none-match",
                                                                "if-range",
                                                                "if-unmodified-since",
                                                                "max-forwards",
                                                                "origin",
                                                                "pragma",
                                                                "referer",
                                                                "server",
                                                                "te",
                                                                "trailer",
                                                                "transfer-encoding",
                                                                "upgrade",
                                                                "via",
                                                                "warning",
                                                                "authorization",
                                                                "cookie",
                                                                "idempotency-key",
                                                                "content-length",
                                                                "traceparent",
                                                                "keep-alive",
                                                                "dpop"};
constexpr std::array<std::string_view, 5> kForbiddenPrefixes = {"proxy-", "x-forwarded-", "x-amz-", "x-amzn-",
                                                                "flowctl-"};

// A name is forbidden also if a server could take it for a forbidden one, such as X_Amz_Target.
bool is_forbidden(std::string_view name) {
    return std::any_of(kForbiddenHeaders.begin(), kForbiddenHeaders.end(),
                       [&](std::string_view forbidden) { return net::reads_as(name, forbidden); }) ||
           std::any_of(kForbiddenPrefixes.begin(), kForbiddenPrefixes.end(),
                       [&](std::string_view prefix) { return net::begins_as(name, prefix); });
}

// The text of a scalar in a query, header or form; nullopt for arrays and objects.
std::optional<std::string> scalar_text(const json::Value& value) {
    switch (value.kind()) {
        case json::Kind::Null:
            return "null";
        case json::Kind::Bool:
            return value.as_bool() ? "true" : "false";
        case json::Kind::Number:
            return value.number_as_text();
        case json::Kind::String:
            return std::string(value.as_string());
        default:
            return std::nullopt;
    }
}

using Parameters = std::vector<std::pair<std::string, std::string>>;

// Reads QueryParameters. A member may be a scalar, or an array of scalars, for which the name is repeated.
std::optional<Refusal> read_query(const json::Value& query, Parameters& out) {
    if (!query.is_object()) return runtime_error("QueryParameters must be an object");
    for (const json::Member& member : query.members()) {
        if (const auto text = scalar_text(member.value)) {
            out.emplace_back(member.key, *text);
            continue;
        }
        if (!member.value.is_array())
            return runtime_error("the query parameter '" + member.key +
                                 "' must be a string or an array of strings");
        for (const json::Value& item : member.value.items()) {
            const auto text = scalar_text(item);
            if (!text)
                return runtime_error("the query parameter '" + member.key + "' must hold strings only");
            out.emplace_back(member.key, *text);
        }
    }
    return std::nullopt;
}

std::optional<Refusal> read_headers(const json::Value& headers, std::vector<net::Header>& out) {
    if (!headers.is_object()) return runtime_error("Headers must be an object");
    for (const json::Member& member : headers.members()) {
        if (is_forbidden(member.key))
            return runtime_error("the header '" + member.key + "' may not be set by a flow");
        std::string value;
        if (const auto text = scalar_text(member.value)) {
            value = *text;
        } else if (member.value.is_array()) {
            for (const json::Value& item : member.value.items()) {
                const auto part = scalar_text(item);
                if (!part) return runtime_error("the header '" + member.key + "' must hold strings only");
                if (!value.empty()) value += ", ";
                value += *part;
            }
        } else {
            return runtime_error("the header '" + member.key + "' must be a string");
        }
        if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
            return runtime_error("the header '" + member.key + "' holds a line break or a NUL");
        out.emplace_back(member.key, std::move(value));
    }
    return std::nullopt;
}

const std::string* find_header(const std::vector<net::Header>& headers, std::string_view name) {
    for (const net::Header& header : headers)
        if (net::same_name(header.first, name)) return &header.second;
    return nullptr;
}

// Transform.RequestEncodingOptions.ArrayFormat of AWS's HTTP Task.
enum class ArrayFormat { Indices, Repeat, Commas, Brackets, None };

constexpr int kMaxFormDepth = 32;

bool append_form(Parameters& out, const std::string& name, const json::Value& value, ArrayFormat format,
                 int depth) {
    if (depth > kMaxFormDepth) return false;
    if (value.is_object()) {
        for (const json::Member& member : value.members()) {
            const std::string inner = name.empty() ? member.key : name + "[" + member.key + "]";
            if (!append_form(out, inner, member.value, format, depth + 1)) return false;
        }
        return true;
    }
    if (!value.is_array()) {
        out.emplace_back(name, *scalar_text(value));
        return true;
    }
    if (format == ArrayFormat::None) {
        out.emplace_back(name, json::dump(value));
        return true;
    }
    if (format == ArrayFormat::Commas) {
        std::string joined;
        for (const json::Value& item : value.items()) {
            if (!joined.empty()) joined += ',';
            joined += scalar_text(item).value_or(json::dump(item));
        }
        out.emplace_back(name, std::move(joined));
        return true;
    }
    std::size_t index = 0;
    for (const json::Value& item : value.items()) {
        std::string inner = name;
        if (format == ArrayFormat::Indices) inner += "[" + std::to_string(index) + "]";
        if (format == ArrayFormat::Brackets) inner += "[]";
        if (!append_form(out, inner, item, format, depth + 1)) return false;
        index++;
    }
    return true;
}

std::variant<std::optional<ArrayFormat>, Refusal> read_transform(const json::Value* transform) {
    if (transform == nullptr) return std::optional<ArrayFormat>();
    const json::Value* encoding = transform->find("RequestBodyEncoding");
    if (encoding == nullptr || (encoding->is_string() && encoding->as_string() == "NONE"))
        return std::optional<ArrayFormat>();
    if (!encoding->is_string() || encoding->as_string() != "URL_ENCODED")
        return runtime_error("Transform.RequestBodyEncoding must be NONE or URL_ENCODED");
    const json::Value* options = transform->find("RequestEncodingOptions");
    const json::Value* format = options != nullptr ? options->find("ArrayFormat") : nullptr;
    if (format == nullptr) return std::optional(ArrayFormat::Indices);
    static constexpr std::array<std::pair<std::string_view, ArrayFormat>, 5> kFormats = {{
        {"INDICES", ArrayFormat::Indices},
        {"REPEAT", ArrayFormat::Repeat},
        {"COMMAS", ArrayFormat::Commas},
        {"BRACKETS", ArrayFormat::Brackets},
        {"NONE", ArrayFormat::None},
    }};
    for (const auto& [name, value] : kFormats)
        if (format->is_string() && format->as_string() == name) return std::optional(value);
    return runtime_error("ArrayFormat must be INDICES, REPEAT, COMMAS, BRACKETS or NONE");
}

std::optional<Refusal> set_body(RequestParts& parts, const json::Value& input) {
    const json::Value* body = input.find("RequestBody");
    auto transform = read_transform(input.find("Transform"));
    if (auto* refusal = std::get_if<Refusal>(&transform)) return *refusal;
    const auto form = std::get<std::optional<ArrayFormat>>(transform);
    if (body == nullptr) return std::nullopt;
    const std::string* content_type = find_header(parts.headers, "content-type");
    if (form) {
        if (!body->is_object()) return runtime_error("a URL_ENCODED RequestBody must be an object");
        Parameters fields;
        if (!append_form(fields, "", *body, *form, 0))
            return runtime_error("the RequestBody is nested too deeply");
        parts.body = net::encode_query(fields);
        if (content_type == nullptr)
            parts.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
        return std::nullopt;
    }
    if (body->is_string() && content_type != nullptr &&
        ascii_lower(*content_type).find("json") == std::string::npos) {
        parts.body = body->as_string();
        return std::nullopt;
    }
    parts.body = json::dump(*body);
    if (content_type == nullptr) parts.headers.emplace_back("Content-Type", "application/json");
    return std::nullopt;
}

}  // namespace

Refusal runtime_error(std::string cause) {
    return {"States.Runtime", std::move(cause)};
}

Refusal not_permitted(std::string cause) {
    return {"States.Permissions", std::move(cause)};
}

RequestResult post_json(const Task& task) {
    return RequestParts{
        "POST", std::string(task.base_url), {{"Content-Type", "application/json"}}, json::dump(task.input)};
}

std::variant<net::Url, Refusal> endpoint_url(const Task& task) {
    auto url = net::split_url(task.base_url);
    if (auto* problem = std::get_if<std::string>(&url))
        return Refusal{kEndpointConfiguration, "the endpoint's url is not valid: " + *problem};
    return std::get<net::Url>(std::move(url));
}

RequestResult described_request(net::Url url, const json::Value& input) {
    RequestParts parts;
    const json::Value* method = input.find("Method");
    if (method == nullptr || !method->is_string() ||
        std::find(kMethods.begin(), kMethods.end(), method->as_string()) == kMethods.end())
        return runtime_error("Method must be one of GET, POST, PUT, DELETE, PATCH, OPTIONS and HEAD");
    parts.method = method->as_string();
    if (const json::Value* query = input.find("QueryParameters"); query != nullptr && !query->is_null()) {
        Parameters parameters;
        if (auto refusal = read_query(*query, parameters)) return *refusal;
        net::add_query(url, net::encode_query(parameters));
    }
    if (const json::Value* headers = input.find("Headers"); headers != nullptr && !headers->is_null())
        if (auto refusal = read_headers(*headers, parts.headers)) return *refusal;
    if (auto refusal = set_body(parts, input)) return *refusal;
    parts.url = url.text();
    return parts;
}

}  // namespace flowctl::calls
