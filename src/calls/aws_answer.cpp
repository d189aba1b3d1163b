// What AWS's services answer: results, errors and their names. See aws_task.hpp.
#include <algorithm>
#include <string_view>

#include "base/xml.hpp"
#include "calls/aws_request.hpp"
#include "net/http/header_rules.hpp"

namespace flowctl::pg::aws_task {

namespace {

using Members = std::vector<json::Member>;

// How errors of a service are called, and which of them its SDK has a name for; others bear its general one.
struct Service {
    std::string_view prefix;
    std::string_view name;
    std::string_view general;
    std::string_view known;  // between blanks
};

const Service& service_of(Integration integration) {
    static constexpr Service kLambda = {
        "Lambda", "AWSLambda", "AWSLambdaException",
        " CodeArtifactUserDeletedException CodeArtifactUserFailedException CodeArtifactUserPendingException "
        "EC2AccessDeniedException EC2ThrottledException EC2UnexpectedException EFSIOException "
        "EFSMountConnectivityException EFSMountFailureException EFSMountTimeoutException "
        "ENILimitReachedException "
        "InvalidParameterValueException InvalidRequestContentException InvalidRuntimeException "
        "InvalidSecurityGroupIDException InvalidSubnetIDException InvalidZipFileException "
        "KMSAccessDeniedException "
        "KMSDisabledException KMSInvalidStateException KMSNotFoundException RecursiveInvocationException "
        "RequestTooLargeException ResourceConflictException ResourceNotFoundException "
        "ResourceNotReadyException "
        "ServiceException SnapStartException SnapStartNotReadyException SnapStartTimeoutException "
        "SubnetIPAddressLimitReachedException TooManyRequestsException UnsupportedMediaTypeException "};
    static constexpr Service kSqs = {"SQS", "AmazonSQS", "AmazonSQSException",
                                     " InvalidAddress InvalidMessageContents InvalidSecurity KmsAccessDenied "
                                     "KmsDisabled KmsInvalidKeyUsage "
                                     "KmsInvalidState KmsNotFound KmsOptInRequired KmsThrottled OverLimit "
                                     "QueueDoesNotExist RequestThrottled "
                                     "UnsupportedOperation "};
    static constexpr Service kSns = {
        "SNS", "AmazonSNS", "AmazonSNSException",
        " AuthorizationError EndpointDisabled InternalError InvalidParameter InvalidParameterValue "
        "InvalidSecurity "
        "KMSAccessDenied KMSDisabled KMSInvalidState KMSNotFound KMSOptInRequired KMSThrottling NotFound "
        "PlatformApplicationDisabled Throttled ValidationException "};
    static constexpr Service kEvents = {"EventBridge", "AmazonEventBridge", "AmazonEventBridgeException",
                                        " InternalException ResourceNotFoundException "};
    static constexpr Service kStates = {
        "StepFunctions", "AWSStepFunctions", "AWSStepFunctionsException",
        " ExecutionAlreadyExists ExecutionDoesNotExist ExecutionLimitExceeded InvalidArn "
        "InvalidExecutionInput "
        "InvalidName KmsAccessDeniedException KmsInvalidStateException KmsThrottlingException "
        "StateMachineDeleting StateMachineDoesNotExist ValidationException "};
    switch (integration) {
        case Integration::SqsSendMessage:
            return kSqs;
        case Integration::SnsPublish:
            return kSns;
        case Integration::EventsPutEvents:
            return kEvents;
        case Integration::StartExecution:
            return kStates;
        default:
            return kLambda;
    }
}

const std::string* header(const net::Response& response, std::string_view name) {
    for (const net::Header& field : response.headers)
        if (field.first == name) return &field.second;
    return nullptr;
}

// The spelling in which AWS's SDK shows them; what we read is in lower case.
std::string header_spelling(const std::string& name) {
    constexpr std::string_view kSpellings[] = {
        "Content-Length",   "Content-Type",           "Date",
        "Connection",       "X-Amz-Executed-Version", "x-amzn-Remapped-Content-Length",
        "x-amzn-RequestId", "X-Amzn-Trace-Id",        "X-Amz-Function-Error",
        "X-Amz-Log-Result"};
    for (const std::string_view spelling : kSpellings)
        if (net::same_name(spelling, name)) return std::string(spelling);
    return name;
}

std::string request_id(const net::Response& response) {
    for (const std::string_view name : {"x-amzn-requestid", "x-amz-request-id"})
        if (const std::string* id = header(response, name)) return *id;
    return {};
}

json::Value text_value(const std::string& text) {
    std::string plain = text;
    for (char& c : plain)
        if (static_cast<unsigned char>(c) >= 0x80 || c == '\0') c = '?';
    return json::Value::string(plain);
}

void add_metadata(json::ObjectBuilder& result, const net::Response& response) {
    Members all, first;
    for (const net::Header& field : response.headers) {
        const std::string name = header_spelling(field.first);
        const auto same =
            std::find_if(all.begin(), all.end(), [&](const auto& member) { return member.key == name; });
        if (same == all.end()) {
            all.push_back({name, json::Value::array({text_value(field.second)})});
            first.push_back({name, text_value(field.second)});
        } else {
            std::vector<json::Value> values = same->value.items();
            values.push_back(text_value(field.second));
            same->value = json::Value::array(std::move(values));
        }
    }
    result.add("SdkHttpMetadata", json::ObjectBuilder()
                                      .add("AllHttpHeaders", json::Value::object(std::move(all)))
                                      .add("HttpHeaders", json::Value::object(std::move(first)))
                                      .add("HttpStatusCode", json::Value::integer(response.status))
                                      .build());
    result.add("SdkResponseMetadata",
               json::ObjectBuilder().add("RequestId", text_value(request_id(response))).build());
}

std::optional<json::Value> parsed(const std::string& body) {
    json::ParseLimits limits;
    limits.max_bytes = body.size() + 1;
    auto value = json::parse(body, limits);
    if (!value) return std::nullopt;
    return std::move(value).value();
}

Refusal unreadable(const Service& service) {
    return {"Flowctl.InvalidResponse", "the answer of " + std::string(service.name) + " cannot be read"};
}

struct Problem {
    std::string code;
    std::string message;
};

Problem problem_of(const net::Response& response) {
    Problem problem;
    if (response.body.find('<') < response.body.find('{')) {
        const auto read = XmlText::parse(response.body);
        if (const auto* document = std::get_if<XmlText>(&read)) {
            problem.code = document->find("Error/Code").value_or("");
            problem.message = document->find("Error/Message").value_or("");
        }
    } else if (const auto body = parsed(response.body)) {
        problem.code = string_member(*body, "__type");
        problem.message = string_member(*body, "message");
        if (problem.message.empty()) problem.message = string_member(*body, "Message");
    }
    if (const std::string* type = header(response, "x-amzn-errortype")) problem.code = *type;
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
    return {std::string(service.prefix) + "." + name, std::string(text_value(cause).as_string())};
}

std::variant<json::Value, Refusal> lambda_result(bool bare, const net::Response& response) {
    const bool has_body = !response.body.empty();
    const auto payload = has_body ? parsed(response.body) : json::Value::string("");
    if (!payload) return unreadable(service_of(Integration::LambdaInvoke));
    if (header(response, "x-amz-function-error") != nullptr) {
        const std::string_view type = string_member(*payload, "errorType");
        return Refusal{type.empty() ? "Lambda.Unknown" : std::string(type), json::dump(*payload)};
    }
    if (bare) return *payload;
    json::ObjectBuilder result;
    if (const std::string* version = header(response, "x-amz-executed-version"))
        result.add("ExecutedVersion", text_value(*version));
    if (const std::string* log = header(response, "x-amz-log-result"))
        result.add("LogResult", text_value(*log));
    result.add("Payload", *payload);
    add_metadata(result, response);
    result.add("StatusCode", json::Value::integer(response.status));
    return result.build();
}

std::variant<json::Value, Refusal> sns_result(const net::Response& response) {
    const auto read = XmlText::parse(response.body);
    const auto* document = std::get_if<XmlText>(&read);
    const auto id = document != nullptr ? document->find("PublishResult/MessageId") : std::nullopt;
    if (!id) return unreadable(service_of(Integration::SnsPublish));
    json::ObjectBuilder result;
    result.add("MessageId", text_value(std::string(*id)));
    if (const auto number = document->find("PublishResult/SequenceNumber"))
        result.add("SequenceNumber", text_value(std::string(*number)));
    add_metadata(result, response);
    return result.build();
}

std::variant<json::Value, Refusal> events_result(const json::Value& body) {
    const json::Value* failed = body.find("FailedEntryCount");
    const bool any = failed != nullptr && failed->is_number() && failed->as_integer().value_or(1) != 0;
    if (any) return Refusal{"EventBridge.FailedEntry", json::dump(body)};
    return body;
}

// "executionArn" as "ExecutionArn": in Step Functions every API has its names in this case.
std::string pascal_case(std::string name) {
    if (!name.empty() && name[0] >= 'a' && name[0] <= 'z') name[0] = static_cast<char>(name[0] - 'a' + 'A');
    return name;
}

}  // namespace

std::string_view string_member(const json::Value& object, std::string_view name) {
    const json::Value* value = object.find(name);
    return value != nullptr && value->is_string() ? value->as_string() : std::string_view{};
}

std::variant<json::Value, Refusal> result(Integration integration, const net::Response& response) {
    const Service& service = service_of(integration);
    if (response.failure != net::Failure::None)
        return Refusal{std::string(service.prefix) + ".SdkClientException", response.message};
    if (response.status < 200 || response.status > 299) return refused(service, response);
    if (integration == Integration::LambdaFunction || integration == Integration::LambdaInvoke)
        return lambda_result(integration == Integration::LambdaFunction, response);
    if (integration == Integration::SnsPublish) return sns_result(response);
    const auto body = parsed(response.body);
    if (!body || !body->is_object()) return unreadable(service);
    if (integration == Integration::EventsPutEvents) return events_result(*body);
    json::ObjectBuilder result;
    for (const json::Member& member : body->members())
        result.add(pascal_case(member.key), member.value);
    add_metadata(result, response);
    return result.build();
}

}  // namespace flowctl::pg::aws_task
