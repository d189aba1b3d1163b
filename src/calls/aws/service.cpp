// Errors, metadata and requests of AWS's services. See service.hpp.
#include "calls/aws/service.hpp"

#include <functional>
#include <set>
#include <utility>

#include "base/xml.hpp"
#include "calls/error_names.hpp"
#include "calls/http_answer.hpp"
#include "calls/http_request.hpp"
#include "net/http/header_rules.hpp"

namespace flowctl::calls::aws {

namespace {

constexpr const char* kHttpMetadata = "SdkHttpMetadata";
constexpr const char* kResponseMetadata = "SdkResponseMetadata";

// The spelling in which AWS's SDK shows header names. The names in a Response are in lower case.
std::string header_spelling(const std::string& name) {
    constexpr std::string_view kSpellings[] = {
        "Content-Length",   "Content-Type",           "Date",
        "Connection",       "X-Amz-Executed-Version", "x-amzn-Remapped-Content-Length",
        "x-amzn-RequestId", "X-Amzn-Trace-Id",        "X-Amz-Function-Error",
        "X-Amz-Log-Result"};
    for (const std::string_view spelling : kSpellings)
        if (net::same_name(spelling, name)) return std::string(spelling);
    return storable(name);
}

std::string request_id(const net::Response& response) {
    for (const std::string_view name : {"x-amzn-requestid", "x-amz-request-id"})
        if (const std::string* id = find_header(response, name)) return storable(*id);
    return {};
}

struct Problem {
    std::string code;
    std::string message;
};

// Some services answer with XML, some with JSON, and some send the code in a header.
Problem problem_of(const net::Response& response) {
    Problem problem;
    if (response.body.find('<') < response.body.find('{')) {
        const auto read = XmlText::parse(response.body);
        if (const auto* document = std::get_if<XmlText>(&read)) {
            problem.code = document->find("Error/Code").value_or("");
            problem.message = document->find("Error/Message").value_or("");
        }
    } else if (const auto body = parsed_body(response.body)) {
        problem.code = string_member(*body, "__type");
        problem.message = string_member(*body, "message");
        if (problem.message.empty()) problem.message = string_member(*body, "Message");
    }
    if (const std::string* type = find_header(response, "x-amzn-errortype")) problem.code = *type;
    problem.code = problem.code.substr(0, problem.code.find(':'));   // "Code:http://..."
    problem.code = problem.code.substr(problem.code.find('#') + 1);  // "com.amazonaws.sqs#Code"
    return problem;
}

Refusal refused(const Service& service, const net::Response& response) {
    const Problem problem = problem_of(response);
    std::string name(service.general);
    if (!problem.code.empty() && service.known.find(" " + problem.code + " ") != std::string_view::npos) {
        name = problem.code;
        if (!name.ends_with("Exception")) name += "Exception";
    }
    std::string cause = problem.message.empty() ? response.status_text : problem.message;
    cause += " (Service: " + std::string(service.name) + "; Status Code: " + std::to_string(response.status) +
             "; Error Code: " + (problem.code.empty() ? "null" : problem.code) +
             "; Request ID: " + request_id(response) + "; Proxy: null)";
    return {std::string(service.prefix) + "." + name, storable(cause)};
}

std::string pascal_case(std::string name) {
    if (!name.empty() && name[0] >= 'a' && name[0] <= 'z') name[0] = static_cast<char>(name[0] - 'a' + 'A');
    return name;
}

}  // namespace

TaskResult ServiceProtocol::result(const net::Response& response, std::string_view) const {
    // If the request does not reach the service, AWS's SDK reports an error name of its own.
    if (is_of_the_network(response.failure))
        return Refusal{std::string(service_.prefix) + ".SdkClientException", storable(response.message)};
    if (response.failure != net::Failure::None) return transport_failure(response);
    if (response.status < 200 || response.status > 299) return refused(service_, response);
    return read(response);
}

TaskResult ServiceProtocol::read(const net::Response& response) const {
    auto result = members_with_metadata(response);
    if (!result) return unreadable();
    return *std::move(result);
}

Refusal ServiceProtocol::unreadable() const {
    return {kInvalidResponse, "the answer of " + std::string(service_.name) + " cannot be read"};
}

RequestResult post(const Task& task, std::string_view path) {
    auto split = endpoint_url(task);
    if (auto* refusal = std::get_if<Refusal>(&split)) return *refusal;
    net::Url& url = std::get<net::Url>(split);
    if (url.path.ends_with('/') && path.starts_with('/')) url.path.pop_back();
    url.path += path;
    RequestParts parts;
    parts.method = "POST";
    parts.url = url.text();
    return parts;
}

RequestResult post_json(const Task& task, std::string_view version, std::string_view target,
                        const json::Value& body) {
    auto made = post(task, "");
    if (auto* parts = std::get_if<RequestParts>(&made)) {
        parts->headers = {{"Content-Type", "application/x-amz-json-" + std::string(version)},
                          {"X-Amz-Target", std::string(target)}};
        parts->body = json::dump(body);
    }
    return made;
}

std::string as_text(const json::Value& value) {
    return value.is_string() ? std::string(value.as_string()) : json::dump(value);
}

std::vector<json::Member> take(const json::Value& input, std::string_view as_string,
                               std::initializer_list<std::string_view> others) {
    std::vector<json::Member> members;
    if (const json::Value* value = input.find(as_string); value != nullptr && !value->is_null())
        members.push_back({std::string(as_string), json::Value::string(as_text(*value))});
    for (const std::string_view name : others)
        if (const json::Value* value = input.find(name); value != nullptr && !value->is_null())
            members.push_back({std::string(name), *value});
    return members;
}

std::optional<Refusal> objection_to_input(const Task& task) {
    if (task.input.is_object()) return std::nullopt;
    return runtime_error("the input of " + task.resource.text + " must be an object");
}

void add_metadata(json::ObjectBuilder& result, const net::Response& response) {
    json::Value all = headers_object(response, header_spelling);
    std::vector<json::Member> first;
    for (const json::Member& header : all.members())
        first.push_back({header.key, header.value.items().front()});
    result.add(kHttpMetadata, json::ObjectBuilder()
                                  .add("AllHttpHeaders", std::move(all))
                                  .add("HttpHeaders", json::Value::object(std::move(first)))
                                  .add("HttpStatusCode", json::Value::integer(response.status))
                                  .build());
    result.add(kResponseMetadata, json::ObjectBuilder().add("RequestId", request_id(response)).build());
}

std::optional<json::Value> members_with_metadata(const net::Response& response) {
    const auto body = parsed_body(response.body);
    if (!body || !body->is_object()) return std::nullopt;
    json::ObjectBuilder result;
    // A member of the service's answer must not replace the metadata. If the names of two members differ only
    // in the case of their first letter, the first member counts.
    std::set<std::string, std::less<>> names = {kHttpMetadata, kResponseMetadata};
    for (const json::Member& member : body->members()) {
        std::string name = pascal_case(member.key);
        if (names.insert(name).second) result.add(name, member.value);
    }
    add_metadata(result, response);
    return result.build();
}

}  // namespace flowctl::calls::aws
