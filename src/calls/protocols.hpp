// All protocols, and which of them a Task's Resource means.
#pragma once

#include "calls/protocol.hpp"

namespace flowctl::calls {

// The kind of service that an endpoint's options declare.
enum class Speech {
    Http,     // any HTTP service
    Aws,      // AWS itself: auth 'aws_sigv4'
    Prefect,  // kind 'prefect'
};

// The protocol for calls of this Resource at such an endpoint. Null if the Resource has the suffix .sync and
// its work cannot be followed, or if the endpoint is AWS and the integration is not supported.
const Protocol* protocol_for(const asl::Resource& resource, Speech speech);

// The ARNs by which an endpoint for this Task is searched: first those of the resources that its input names,
// then the Resource itself.
std::vector<std::string> targets_of(const asl::Resource& resource, const json::Value& input);

// The members of the input that targets_of() reads.
Protocol::Names target_members_of(const asl::Resource& resource);

// Whether calls of this Resource to AWS itself are supported.
bool is_spoken_with_aws(const asl::Resource& resource);

const Protocol& plain();              // plain.cpp
const Protocol& invoke();             // invoke.cpp
const Protocol& aws_http_task();      // aws_http_task.cpp
const Protocol& lambda_convention();  // lambda_convention.cpp
const Protocol& prefect();            // prefect.cpp
const Protocol& prefect_sync();

namespace aws {

const Protocol& lambda_function();  // aws/lambda.cpp
const Protocol& lambda_invoke();
const Protocol& sqs_send_message();   // aws/sqs.cpp
const Protocol& sns_publish();        // aws/sns.cpp
const Protocol& events_put_events();  // aws/event_bridge.cpp
const Protocol& dynamodb_get_item();  // aws/dynamodb.cpp
const Protocol& dynamodb_put_item();
const Protocol& dynamodb_update_item();
const Protocol& dynamodb_delete_item();
const Protocol& start_execution();       // aws/executions.cpp
const Protocol& start_execution_sync();  // its output is text that holds JSON
const Protocol& start_execution_sync_json();

}  // namespace aws

}  // namespace flowctl::calls
