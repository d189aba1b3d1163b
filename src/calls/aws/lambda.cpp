// AWS Lambda.
//
//   arn:aws:lambda:...:function:<name>         the input is the payload, the function's answer the result
//   arn:aws:states:::lambda:invoke             {FunctionName, Payload, ...}; the result has metadata around it
#include <algorithm>
#include <utility>

#include "base/ascii.hpp"
#include "calls/aws/arns.hpp"
#include "calls/aws/service.hpp"
#include "calls/http_answer.hpp"
#include "calls/http_request.hpp"
#include "calls/protocols.hpp"

namespace flowctl::calls::aws {

namespace {

constexpr Service kLambda = {
    "Lambda", "AWSLambda", "AWSLambdaException",
    " CodeArtifactUserDeletedException CodeArtifactUserFailedException CodeArtifactUserPendingException "
    "EC2AccessDeniedException EC2ThrottledException EC2UnexpectedException EFSIOException "
    "EFSMountConnectivityException EFSMountFailureException EFSMountTimeoutException "
    "ENILimitReachedException InvalidParameterValueException InvalidRequestContentException "
    "InvalidRuntimeException InvalidSecurityGroupIDException InvalidSubnetIDException "
    "InvalidZipFileException KMSAccessDeniedException KMSDisabledException KMSInvalidStateException "
    "KMSNotFoundException RecursiveInvocationException RequestTooLargeException ResourceConflictException "
    "ResourceNotFoundException ResourceNotReadyException ServiceException SnapStartException "
    "SnapStartNotReadyException SnapStartTimeoutException SubnetIPAddressLimitReachedException "
    "TooManyRequestsException UnsupportedMediaTypeException "};

bool is_name(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return is_ascii_alphanumeric(c) || std::string_view("-_:.$").find(c) != std::string_view::npos;
    });
}

bool is_header_text(std::string_view text) {
    return !text.empty() && text.size() <= 3'600 && is_visible_ascii(text);
}

RequestResult invocation(const Task& task, std::string_view function, std::string_view qualifier) {
    // The name becomes a segment of the URL's path, so it must not be "." or "..".
    const bool only_dots = function.find_first_not_of('.') == function.npos;
    if (only_dots || function.size() > 300 || !is_name(function))
        return runtime_error("FunctionName must be the name or ARN of a function");
    if (!is_name(qualifier)) return runtime_error("Qualifier must be a version or alias");
    const bool names_its_own = std::count(function.begin(), function.end(), ':') == 7;
    if (names_its_own && !qualifier.empty() && !function.ends_with(":" + std::string(qualifier)))
        return runtime_error("FunctionName and Qualifier name different versions");
    auto made = post(task, "/2015-03-31/functions/" + net::percent_encode(function) + "/invocations" +
                               (qualifier.empty() ? "" : "?Qualifier=" + net::percent_encode(qualifier)));
    if (auto* parts = std::get_if<RequestParts>(&made))
        parts->headers = {{"Content-Type", "application/json"}};
    return made;
}

std::optional<Refusal> add_headers(const json::Value& input, RequestParts& parts) {
    constexpr std::pair<std::string_view, std::string_view> kHeaders[] = {
        {"InvocationType", "X-Amz-Invocation-Type"},
        {"LogType", "X-Amz-Log-Type"},
        {"ClientContext", "X-Amz-Client-Context"}};
    for (const auto& [member, name] : kHeaders) {
        const json::Value* value = input.find(member);
        if (value == nullptr || value->is_null()) continue;
        if (!value->is_string() || !is_header_text(value->as_string()))
            return runtime_error(std::string(member) + " must be a string that a header can hold");
        parts.headers.emplace_back(name, value->as_string());
    }
    return std::nullopt;
}

RequestResult invoke_by_input(const Task& task) {
    if (auto refusal = objection_to_input(task)) return *refusal;
    auto made =
        invocation(task, string_member(task.input, "FunctionName"), string_member(task.input, "Qualifier"));
    auto* parts = std::get_if<RequestParts>(&made);
    if (parts == nullptr) return made;
    if (auto refusal = add_headers(task.input, *parts)) return *refusal;
    // A Payload that is a string is the request's body as it is; with null there is no body.
    const json::Value* payload = task.input.find("Payload");
    if (payload != nullptr && !payload->is_null()) parts->body = as_text(*payload);
    return made;
}

// Adds the ARN of a function: first as it is given, with its qualifier, and then without the qualifier.
void add_function(std::vector<std::string>& targets, std::string_view name, std::string_view qualifier) {
    const auto colons = std::count(name.begin(), name.end(), ':');
    if (colons == 6 && !qualifier.empty())
        add_arn(targets, "lambda", std::string(name) + ":" + std::string(qualifier));
    add_arn(targets, "lambda", name);
    if (colons == 7) add_arn(targets, "lambda", name.substr(0, name.rfind(':')));
}

class Lambda : public ServiceProtocol {
  public:
    constexpr Lambda() : ServiceProtocol(kLambda) {}

  protected:
    ~Lambda() = default;

    // The value that the function returned, or its failure.
    TaskResult payload_of(const net::Response& response) const {
        const auto payload = response.body.empty() ? json::Value::string("") : parsed_body(response.body);
        if (!payload) return unreadable();
        if (find_header(response, "x-amz-function-error") != nullptr) {
            const std::string_view type = string_member(*payload, "errorType");
            return Refusal{type.empty() ? "Lambda.Unknown" : std::string(type), json::dump(*payload)};
        }
        return *payload;
    }
};

class Function final : public Lambda {
    RequestResult request(const Task& task) const override {
        auto made = invocation(task, task.resource.text, {});
        if (auto* parts = std::get_if<RequestParts>(&made)) parts->body = json::dump(task.input);
        return made;
    }
    TaskResult read(const net::Response& response) const override { return payload_of(response); }
    std::vector<std::string> targets(const asl::Resource& resource, const json::Value&) const override {
        std::vector<std::string> targets;
        add_function(targets, resource.text, {});
        return targets;
    }
};

class Invoke final : public Lambda {
    RequestResult request(const Task& task) const override { return invoke_by_input(task); }
    TaskResult read(const net::Response& response) const override {
        TaskResult payload = payload_of(response);
        if (std::holds_alternative<Refusal>(payload)) return payload;
        json::ObjectBuilder result;
        if (const std::string* version = find_header(response, "x-amz-executed-version"))
            result.add("ExecutedVersion", storable(*version));
        if (const std::string* log = find_header(response, "x-amz-log-result"))
            result.add("LogResult", storable(*log));
        result.add("Payload", std::get<json::Value>(std::move(payload)));
        add_metadata(result, response);
        result.add("StatusCode", json::Value::integer(response.status));
        return result.build();
    }
    std::vector<std::string> targets(const asl::Resource&, const json::Value& input) const override {
        std::vector<std::string> targets;
        add_function(targets, string_member(input, "FunctionName"), string_member(input, "Qualifier"));
        return targets;
    }
    Names target_members() const override {
        static constexpr std::string_view kMembers[] = {"FunctionName", "Qualifier"};
        return kMembers;
    }
};

}  // namespace

const Protocol& lambda_function() {
    static const Function object;
    return object;
}

const Protocol& lambda_invoke() {
    static const Invoke object;
    return object;
}

}  // namespace flowctl::calls::aws
