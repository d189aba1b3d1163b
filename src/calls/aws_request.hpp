// AWS's optimized integrations, spoken to AWS itself: what a Task's effective input says becomes the
// service's own request, and its answer the result that Step Functions gives.
//
//   arn:aws:lambda:...:function:<name>         the input is the payload, the function's answer the result
//   arn:aws:states:::lambda:invoke             {FunctionName, Payload, ...}
//   arn:aws:states:::sqs:sendMessage           {QueueUrl, MessageBody, ...}
//   arn:aws:states:::sns:publish               {TopicArn, Message, ...}
//   arn:aws:states:::events:putEvents          {Entries}
//   arn:aws:states:::states:startExecution     {StateMachineArn, Input, Name}; with .sync its end is followed
//
// For endpoints with auth 'aws_sigv4'. Where a request goes, in which region and with which role is the
// endpoint's to say; the input names a resource, and the endpoint whose option `arn` covers that resource's
// ARN, or else the integration's, is the one that is called. Errors have AWS's names
// (Lambda.TooManyRequestsException, ...). Uses no PostgreSQL and needs no transaction; called by http_task.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "calls/http_request.hpp"
#include "core/asl/resource.hpp"
#include "core/json.hpp"
#include "core/machine/machine.hpp"
#include "net/client.hpp"

namespace flowctl::pg::aws_task {

using http_task::Refusal;
using http_task::RequestParts;
using http_task::RequestResult;

enum class Integration {
    LambdaFunction,
    LambdaInvoke,
    SqsSendMessage,
    SnsPublish,
    EventsPutEvents,
    StartExecution
};

// Nothing: this resource is not one of them.
std::optional<Integration> integration_of(const asl::Resource& resource);

// The ARNs that an endpoint may cover to be called, the most telling first.
std::vector<std::string> targets_of(const asl::Resource& resource, const json::Value& input);

// What the request needs to know of its run.
struct Origin {
    std::string execution_id;
    std::string state_machine_id;
    std::string idempotency_key;
};

RequestResult request(Integration integration, const asl::Resource& resource, const std::string& base_url,
                      const json::Value& input, const Origin& origin);

// The Task's result, or its failure.
std::variant<json::Value, Refusal> result(Integration integration, const net::Response& response);

// A member that is a string, or "".
std::string_view string_member(const json::Value& object, std::string_view name);

// .sync of StartExecution: asking how an execution is, and what the answer means.
RequestResult describe_request(const std::string& base_url, const std::string& execution_arn);

}  // namespace flowctl::pg::aws_task
