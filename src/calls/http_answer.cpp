// Reading answers. See http_answer.hpp.
#include "calls/http_answer.hpp"

#include <map>
#include <utility>

#include "base/ascii.hpp"
#include "base/utf8.hpp"
#include "calls/error_names.hpp"
#include "net/http/content_coding.hpp"

namespace flowctl::calls {

namespace {

constexpr std::size_t kMaxShownBytes = 4'096;  // how much a cause shows of a body that is not valid JSON

std::string about(std::string_view endpoint, const std::string& problem) {
    return "endpoint \"" + std::string(endpoint) + "\": " + problem;
}

constexpr std::string_view kBlanks = " \t";

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(kBlanks);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// Whether the media type is JSON: application/json, text/json, application/vnd.api+json,
// application/x-amz-json-1.1. It is when "json" is one of the words of the subtype. Neither case nor
// parameters matter (RFC 9110). Sequences of JSON texts (application/json-seq, application/x-ndjson) are not
// JSON.
bool is_json_type(std::string_view content_type) {
    const std::string type = ascii_lower(trimmed(content_type.substr(0, content_type.find(';'))));
    const std::size_t slash = type.find('/');
    std::string_view rest =
        slash == type.npos ? std::string_view(type) : std::string_view(type).substr(slash + 1);
    bool json = false;
    for (;;) {
        const std::size_t end = rest.find_first_of("+-.");
        const std::string_view word = rest.substr(0, end);
        if (word == "seq") return false;
        if (word == "json") json = true;
        if (end == rest.npos) return json;
        rest.remove_prefix(end + 1);
    }
}

bool says_json(const net::Response& response) {
    const std::string* type = find_header(response, "content-type");
    return type == nullptr || trimmed(*type).empty() || is_json_type(*type);
}

std::string coded(const std::string& coding) {
    return "the answer is encoded (Content-Encoding: " + coding + "), which nobody asked for";
}

// A JSON text may begin with a byte order mark, which a reader may ignore (RFC 8259).
std::string_view without_mark(std::string_view text) {
    constexpr std::string_view kMark = "\xef\xbb\xbf";
    return text.starts_with(kMark) ? text.substr(kMark.size()) : text;
}

struct Body {
    json::Value value;
    std::string problem;  // if not empty, why the answer cannot be used
};

Body read_body(const net::Response& response) {
    if (response.body.empty()) return {};
    if (const std::string coding = net::content_coding(response.headers); !coding.empty())
        return {{}, coded(coding)};
    if (!is_storable(response.body)) return {{}, "the answer is not valid UTF-8"};
    if (!says_json(response)) return {json::Value::string(response.body), {}};
    const std::string_view text = without_mark(response.body);
    if (text.empty()) return {};
    json::ParseLimits limits;
    limits.max_bytes = text.size() + 1;
    auto parsed = json::parse(text, limits);
    if (parsed) return {std::move(parsed).value(), {}};
    return {{},
            "the answer is not usable JSON: " + parsed.error().message + " at byte " +
                std::to_string(parsed.error().offset + 1) + " of " + std::to_string(text.size())};
}

bool is_success(const net::Response& response) {
    return response.status >= 200 && response.status <= 299;
}

std::string status_error(const net::Response& response) {
    return "States.Http.StatusCode." + std::to_string(response.status);
}

// AWS's HTTP Task has the whole answer in the cause.
Refusal status_failure(const net::Response& response, Body body) {
    json::Value shown = body.problem.empty()
                            ? std::move(body.value)
                            : json::Value::string(shortened(storable(response.body), kMaxShownBytes));
    return {status_error(response), json::dump(json::ObjectBuilder()
                                                   .add("StatusCode", json::Value::integer(response.status))
                                                   .add("StatusText", storable(response.status_text))
                                                   .add("ResponseBody", std::move(shown))
                                                   .build())};
}

const char* credential_error(net::CredentialFault fault) {
    switch (fault) {
        case net::CredentialFault::SubjectTokenLost:
            return kSubjectTokenLost;
        case net::CredentialFault::InteractionRequired:
            return kInteractionRequired;
        case net::CredentialFault::Failed:
            break;
    }
    return kCredentialFailed;
}

const char* failure_error(net::Failure failure, net::CredentialFault fault) {
    switch (failure) {
        case net::Failure::Refused:
            return "States.Permissions";
        case net::Failure::TooLarge:
            return kInvalidResponse;
        case net::Failure::Credential:
            return credential_error(fault);
        default:
            return "States.Http.Socket";
    }
}

}  // namespace

const std::string* find_header(const net::Response& response, std::string_view lower_case_name) {
    for (const net::Header& field : response.headers)
        if (field.first == lower_case_name) return &field.second;
    return nullptr;
}

std::string_view string_member(const json::Value& object, std::string_view name) {
    const json::Value* value = object.find(name);
    return value != nullptr && value->is_string() ? value->as_string() : std::string_view{};
}

bool is_storable(std::string_view text) {
    return text.find('\0') == text.npos && is_utf8(text);
}

std::string storable(std::string_view text) {
    if (is_storable(text)) return std::string(text);
    std::string result(text);
    for (char& c : result)
        if (static_cast<unsigned char>(c) >= 0x80 || c == '\0') c = '?';
    return result;
}

std::string shortened(std::string text, std::size_t limit) {
    if (text.size() <= limit) return text;
    std::size_t end = limit;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
        end--;
    text.resize(end);
    return text + "...";
}

std::optional<json::Value> parsed_body(std::string_view body) {
    const std::string_view text = without_mark(body);
    json::ParseLimits limits;
    limits.max_bytes = text.size() + 1;
    auto value = json::parse(text, limits);
    if (!value) return std::nullopt;
    return std::move(value).value();
}

bool is_of_the_network(net::Failure failure) {
    using net::Failure;
    return failure == Failure::Resolve || failure == Failure::Connect || failure == Failure::Tls ||
           failure == Failure::Timeout || failure == Failure::Protocol;
}

Refusal transport_failure(const net::Response& response) {
    return {failure_error(response.failure, response.credential_fault), storable(response.message)};
}

TaskResult successful_body(const net::Response& response, std::string_view endpoint) {
    if (response.failure != net::Failure::None) return transport_failure(response);
    Body body = read_body(response);
    if (!is_success(response)) return status_failure(response, std::move(body));
    if (!body.problem.empty()) return Refusal{kInvalidResponse, about(endpoint, body.problem)};
    return std::move(body.value);
}

TaskResult successful_exchange(const net::Response& response, std::string_view endpoint) {
    TaskResult body = successful_body(response, endpoint);
    if (std::holds_alternative<Refusal>(body)) return body;
    return json::ObjectBuilder()
        .add("Headers", headers_object(response, [](const std::string& name) { return storable(name); }))
        .add("ResponseBody", std::get<json::Value>(std::move(body)))
        .add("StatusCode", json::Value::integer(response.status))
        .add("StatusText", storable(response.status_text))
        .build();
}

std::variant<std::string, Refusal> successful_text(net::Response&& response, std::string_view endpoint) {
    if (response.failure != net::Failure::None) return transport_failure(response);
    if (!is_success(response))
        return Refusal{status_error(response), "endpoint \"" + std::string(endpoint) + "\" answered " +
                                                   std::to_string(response.status) + " " +
                                                   storable(response.status_text)};
    if (const std::string coding = net::content_coding(response.headers); !coding.empty())
        return Refusal{kInvalidResponse, about(endpoint, coded(coding))};
    if (!is_storable(response.body))
        return Refusal{kInvalidResponse, about(endpoint, "the answer is not valid UTF-8")};
    return std::move(response.body);
}

json::Value headers_object(const net::Response& response, std::string (*spelling)(const std::string& name)) {
    std::map<std::string, std::size_t> places;
    std::vector<std::pair<std::string, std::vector<json::Value>>> fields;  // in the order of the answer
    for (const net::Header& field : response.headers) {
        std::string name = spelling(field.first);
        const auto place = places.emplace(name, fields.size());
        if (place.second) fields.emplace_back(std::move(name), std::vector<json::Value>());
        fields[place.first->second].second.push_back(json::Value::string(storable(field.second)));
    }
    std::vector<json::Member> headers;
    for (auto& [name, values] : fields)
        headers.push_back({std::move(name), json::Value::array(std::move(values))});
    return json::Value::object(std::move(headers));
}

}  // namespace flowctl::calls
