// Which endpoint an integration means, and its request. See aws_task.hpp; the answers are aws_answer.cpp's.
#include "calls/aws_request.hpp"

#include <algorithm>
#include <string_view>

#include "net/http/url.hpp"

namespace flowctl::pg::aws_task {

namespace {

using Members = std::vector<json::Member>;

Refusal runtime_error(std::string cause) {
    return {"States.Runtime", std::move(cause)};
}

// A member that AWS wants as a string; what is JSON is written out, as Step Functions does.
std::string as_text(const json::Value& value) {
    return value.is_string() ? std::string(value.as_string()) : json::dump(value);
}

std::string partition_of(std::string_view region) {
    if (region.starts_with("cn-")) return "aws-cn";
    if (region.starts_with("us-gov-")) return "aws-us-gov";
    return "aws";
}

// https://sqs.<region>.amazonaws.com/<account>/<name>, and nothing else, as an ARN.
std::optional<std::string> arn_of_queue(std::string_view queue_url) {
    const auto split = net::split_url(queue_url);
    const auto* url = std::get_if<net::Url>(&split);
    if (url == nullptr || !url->query.empty()) return std::nullopt;
    std::string_view host = url->host;
    if (!host.starts_with("sqs.")) return std::nullopt;
    host.remove_prefix(4);
    const std::size_t dot = host.find('.');
    if (dot == host.npos || (host.substr(dot) != ".amazonaws.com" && host.substr(dot) != ".amazonaws.com.cn"))
        return std::nullopt;
    const std::string_view region = host.substr(0, dot);
    const std::string_view path = std::string_view(url->path).substr(1);
    const std::size_t slash = path.find('/');
    if (slash == path.npos) return std::nullopt;
    const std::string_view account = path.substr(0, slash);
    const std::string_view name = path.substr(slash + 1);
    const auto is_name = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_' || c == '.';
    };
    if (account.size() != 12 || account.find_first_not_of("0123456789") != account.npos || name.empty() ||
        !std::all_of(name.begin(), name.end(), is_name))
        return std::nullopt;
    return "arn:" + partition_of(region) + ":sqs:" + std::string(region) + ":" + std::string(account) + ":" +
           std::string(name);
}

// An ARN of this service: a queue's is no name for a function.
void add_arn(std::vector<std::string>& targets, std::string_view service, std::string_view arn) {
    const std::size_t partition = arn.find(':', 4);
    if (!arn.starts_with("arn:") || arn.size() > 2'048 || partition == arn.npos) return;
    if (!arn.substr(partition + 1).starts_with(std::string(service) + ":")) return;
    targets.emplace_back(arn);
}

// A function, then with its qualifier, and without one.
void add_function(std::vector<std::string>& targets, std::string_view name, std::string_view qualifier) {
    const auto colons = std::count(name.begin(), name.end(), ':');
    if (colons == 6 && !qualifier.empty())
        add_arn(targets, "lambda", std::string(name) + ":" + std::string(qualifier));
    add_arn(targets, "lambda", name);
    if (colons == 7) add_arn(targets, "lambda", name.substr(0, name.rfind(':')));
}

// The bus of all entries, when they have one and name it by its ARN.
void add_bus(std::vector<std::string>& targets, const json::Value& input) {
    const json::Value* entries = input.find("Entries");
    if (entries == nullptr || !entries->is_array() || entries->items().empty()) return;
    const std::string_view bus = string_member(entries->items().front(), "EventBusName");
    const bool same =
        std::all_of(entries->items().begin(), entries->items().end(),
                    [&](const json::Value& entry) { return string_member(entry, "EventBusName") == bus; });
    if (same) add_arn(targets, "events", bus);
}

// ---------------------------------------------------------------------------------------------- requests

RequestResult post(const std::string& base_url, std::string_view path) {
    auto split = net::split_url(base_url);
    if (auto* problem = std::get_if<std::string>(&split))
        return Refusal{"Flowctl.EndpointConfiguration", "the endpoint's url is not valid: " + *problem};
    net::Url& url = std::get<net::Url>(split);
    if (url.path.ends_with('/') && path.starts_with('/')) url.path.pop_back();
    url.path += path;
    RequestParts parts;
    parts.method = "POST";
    parts.url = url.text();
    return parts;
}

RequestResult json_request(const std::string& base_url, std::string_view version, std::string_view target,
                           const json::Value& body) {
    auto made = post(base_url, "");
    if (auto* parts = std::get_if<RequestParts>(&made)) {
        parts->headers = {{"Content-Type", "application/x-amz-json-" + std::string(version)},
                          {"X-Amz-Target", std::string(target)}};
        parts->body = json::dump(body);
    }
    return made;
}

// The members of these names, each as it is or, for the first, as a string.
Members take(const json::Value& input, std::string_view as_string,
             std::initializer_list<std::string_view> others) {
    Members members;
    if (const json::Value* value = input.find(as_string); value != nullptr && !value->is_null())
        members.push_back({std::string(as_string), json::Value::string(as_text(*value))});
    for (const std::string_view name : others)
        if (const json::Value* value = input.find(name); value != nullptr && !value->is_null())
            members.push_back({std::string(name), *value});
    return members;
}

bool is_header_text(std::string_view text) {
    return !text.empty() && text.size() <= 3'600 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

RequestResult lambda_request(const std::string& base_url, std::string_view function,
                             std::string_view qualifier, const json::Value& input,
                             const json::Value* payload) {
    const auto is_name = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("-_:.$").find(c) != std::string_view::npos;
    };
    if (function.empty() || function.size() > 300 || !std::all_of(function.begin(), function.end(), is_name))
        return runtime_error("FunctionName must be the name or ARN of a function");
    if (!std::all_of(qualifier.begin(), qualifier.end(), is_name))
        return runtime_error("Qualifier must be a version or alias");
    const bool names_its_own = std::count(function.begin(), function.end(), ':') == 7;
    if (names_its_own && !qualifier.empty() && !function.ends_with(":" + std::string(qualifier)))
        return runtime_error("FunctionName and Qualifier name different versions");
    auto made = post(base_url, "/2015-03-31/functions/" + net::percent_encode(function) + "/invocations" +
                                   (qualifier.empty() ? "" : "?Qualifier=" + net::percent_encode(qualifier)));
    auto* parts = std::get_if<RequestParts>(&made);
    if (parts == nullptr) return made;
    parts->headers = {{"Content-Type", "application/json"}};
    constexpr std::pair<std::string_view, std::string_view> kHeaders[] = {
        {"InvocationType", "X-Amz-Invocation-Type"},
        {"LogType", "X-Amz-Log-Type"},
        {"ClientContext", "X-Amz-Client-Context"}};
    for (const auto& [member, name] : kHeaders) {
        const json::Value* value = input.find(member);
        if (payload == &input || value == nullptr || value->is_null()) continue;
        if (!value->is_string() || !is_header_text(value->as_string()))
            return runtime_error(std::string(member) + " must be a string that a header can hold");
        parts->headers.emplace_back(name, value->as_string());
    }
    // In lambda:invoke a Payload that is text is the request's body as it is, and null is none.
    if (payload == nullptr || (payload != &input && payload->is_null())) return made;
    parts->body =
        payload != &input && payload->is_string() ? std::string(payload->as_string()) : json::dump(*payload);
    return made;
}

void add_field(std::string& form, std::string_view name, std::string_view value) {
    if (!form.empty()) form += '&';
    form += net::percent_encode(name) + '=' + net::percent_encode(value);
}

// SNS speaks AWS's query protocol.
RequestResult sns_request(const std::string& base_url, const json::Value& input) {
    auto made = post(base_url, "");
    auto* parts = std::get_if<RequestParts>(&made);
    if (parts == nullptr) return made;
    std::string& form = parts->body;
    add_field(form, "Action", "Publish");
    add_field(form, "Version", "2010-03-31");
    for (const std::string_view name : {"TopicArn", "TargetArn", "PhoneNumber", "Message", "Subject",
                                        "MessageStructure", "MessageDeduplicationId", "MessageGroupId"})
        if (const json::Value* value = input.find(name); value != nullptr && !value->is_null())
            add_field(form, name, as_text(*value));
    if (const json::Value* attributes = input.find("MessageAttributes");
        attributes != nullptr && !attributes->is_null()) {
        if (!attributes->is_object()) return runtime_error("MessageAttributes must be an object");
        int number = 0;
        for (const json::Member& member : attributes->members()) {
            const std::string at = "MessageAttributes.entry." + std::to_string(++number);
            add_field(form, at + ".Name", member.key);
            for (const std::string_view part : {"DataType", "StringValue", "BinaryValue"})
                if (const json::Value* value = member.value.find(part); value != nullptr && !value->is_null())
                    add_field(form, at + ".Value." + std::string(part), as_text(*value));
        }
    }
    parts->headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
    return made;
}

RequestResult events_request(const std::string& base_url, const json::Value& input, const Origin& origin) {
    const json::Value* entries = input.find("Entries");
    if (entries == nullptr || !entries->is_array()) return runtime_error("Entries must be an array");
    std::vector<json::Value> sent;
    for (const json::Value& entry : entries->items()) {
        if (!entry.is_object()) return runtime_error("each of Entries must be an object");
        Members members =
            take(entry, "Detail", {"DetailType", "EventBusName", "Source", "Time", "TraceHeader"});
        std::vector<json::Value> resources;
        if (const json::Value* given = entry.find("Resources"); given != nullptr && given->is_array())
            resources = given->items();
        resources.push_back(json::Value::string(origin.state_machine_id));
        resources.push_back(json::Value::string(origin.execution_id));
        members.push_back({"Resources", json::Value::array(std::move(resources))});
        sent.push_back(json::Value::object(std::move(members)));
    }
    json::ObjectBuilder body;
    body.add("Entries", json::Value::array(std::move(sent)));
    if (const json::Value* endpoint = input.find("EndpointId")) body.add("EndpointId", *endpoint);
    return json_request(base_url, "1.1", "AWSEvents.PutEvents", body.build());
}

// A repetition of this call must not start another execution, so an execution without name gets the call's
// key.
RequestResult start_execution(const std::string& base_url, const json::Value& input, const Origin& origin) {
    json::ObjectBuilder body;
    body.add("stateMachineArn", string_member(input, "StateMachineArn"));
    const json::Value* execution_input = input.find("Input");
    body.add("input",
             execution_input != nullptr && !execution_input->is_null() ? as_text(*execution_input) : "{}");
    const std::string_view name = string_member(input, "Name");
    body.add("name", name.empty() ? std::string_view(origin.idempotency_key) : name);
    if (const std::string_view trace = string_member(input, "TraceHeader"); !trace.empty())
        body.add("traceHeader", trace);
    return json_request(base_url, "1.0", "AWSStepFunctions.StartExecution", body.build());
}

}  // namespace

std::optional<Integration> integration_of(const asl::Resource& resource) {
    using Kind = asl::Resource::Kind;
    if (resource.kind == Kind::Lambda)
        return resource.name.empty() ? Integration::LambdaInvoke : Integration::LambdaFunction;
    if (resource.kind == Kind::Flow && resource.name.empty()) return Integration::StartExecution;
    if (resource.kind != Kind::OtherArn) return std::nullopt;
    const std::string_view action = resource.text;
    const std::size_t at = action.find(":states:::");
    if (at == action.npos) return std::nullopt;
    const std::string_view what = action.substr(at + 10);
    if (what == "sqs:sendMessage") return Integration::SqsSendMessage;
    if (what == "sns:publish") return Integration::SnsPublish;
    if (what == "events:putEvents") return Integration::EventsPutEvents;
    return std::nullopt;
}

std::vector<std::string> targets_of(const asl::Resource& resource, const json::Value& input) {
    std::vector<std::string> targets;
    if (const auto integration = integration_of(resource)) {
        switch (*integration) {
            case Integration::LambdaFunction:
                add_function(targets, resource.text, {});
                return targets;
            case Integration::LambdaInvoke:
                add_function(targets, string_member(input, "FunctionName"),
                             string_member(input, "Qualifier"));
                break;
            case Integration::SqsSendMessage:
                if (const auto arn = arn_of_queue(string_member(input, "QueueUrl"))) targets.push_back(*arn);
                break;
            case Integration::SnsPublish:
                add_arn(targets, "sns", string_member(input, "TopicArn"));
                if (targets.empty()) add_arn(targets, "sns", string_member(input, "TargetArn"));
                break;
            case Integration::EventsPutEvents:
                add_bus(targets, input);
                break;
            case Integration::StartExecution:
                add_arn(targets, "states", string_member(input, "StateMachineArn"));
                break;
        }
    }
    targets.push_back(resource.text);
    return targets;
}

RequestResult request(Integration integration, const asl::Resource& resource, const std::string& base_url,
                      const json::Value& input, const Origin& origin) {
    if (integration == Integration::LambdaFunction)
        return lambda_request(base_url, resource.text, {}, input, &input);
    if (!input.is_object()) return runtime_error("the input of " + resource.text + " must be an object");
    switch (integration) {
        case Integration::SqsSendMessage:
            return json_request(base_url, "1.0", "AmazonSQS.SendMessage",
                                json::Value::object(take(input, "MessageBody",
                                                         {"QueueUrl", "DelaySeconds", "MessageAttributes",
                                                          "MessageSystemAttributes", "MessageDeduplicationId",
                                                          "MessageGroupId"})));
        case Integration::SnsPublish:
            return sns_request(base_url, input);
        case Integration::EventsPutEvents:
            return events_request(base_url, input, origin);
        case Integration::StartExecution:
            return start_execution(base_url, input, origin);
        default:
            return lambda_request(base_url, string_member(input, "FunctionName"),
                                  string_member(input, "Qualifier"), input, input.find("Payload"));
    }
}

RequestResult describe_request(const std::string& base_url, const std::string& execution_arn) {
    return json_request(base_url, "1.0", "AWSStepFunctions.DescribeExecution",
                        json::ObjectBuilder().add("executionArn", execution_arn).build());
}

}  // namespace flowctl::pg::aws_task
