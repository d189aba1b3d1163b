// AWS's services: the requests that Step Functions' integrations become, and the results and errors that come
// of their answers.
#include "calls_support.hpp"

namespace flowctl::calls {
namespace {

constexpr const char* kFunction = "arn:aws:lambda:eu-west-1:123456789012:function:charge";
constexpr const char* kInvoke = "arn:aws:states:::lambda:invoke";
constexpr const char* kSend = "arn:aws:states:::sqs:sendMessage";
constexpr const char* kPublish = "arn:aws:states:::sns:publish";
constexpr const char* kPut = "arn:aws:states:::events:putEvents";
constexpr const char* kStart = "arn:aws:states:::states:startExecution";

const json::Value& value_of(const TaskResult& result) {
    static const json::Value none;
    if (const auto* refusal = std::get_if<Refusal>(&result)) {
        ADD_FAILURE() << refusal->error << ": " << refusal->cause;
        return none;
    }
    return std::get<json::Value>(result);
}

std::string member(const TaskResult& result, std::string_view name) {
    const json::Value* found = value_of(result).find(name);
    return found == nullptr ? "(none)" : json::dump(*found);
}

// ---------------------------------------------------------------------------------------------- Lambda

TEST(AwsLambda, AFunctionTakesTheInputAsItsPayload) {
    const RequestParts parts = accepted(TaskOf(kFunction, R"({"n":1})").request(aws::lambda_function()));
    EXPECT_EQ(parts.method, "POST");
    EXPECT_EQ(parts.url,
              "https://api.example.com/v1/2015-03-31/functions/"
              "arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Acharge/invocations");
    EXPECT_EQ(parts.body, R"({"n":1})");
    EXPECT_EQ(text_of(aws::lambda_function().result(answered(200, R"({"ok":true})"), "a")), R"({"ok":true})");
    EXPECT_EQ(text_of(aws::lambda_function().result(answered(200, ""), "a")), R"("")");
    EXPECT_EQ(failure(aws::lambda_function().result(answered(200, "{"), "a")).error,
              "Flowctl.InvalidResponse");
}

TEST(AwsLambda, InvokeByItsArguments) {
    const RequestParts parts =
        accepted(TaskOf(kInvoke, R"({"FunctionName": "charge", "Qualifier": "prod", "InvocationType": "Event",
                            "LogType": "Tail", "ClientContext": "e30=", "Payload": {"n": 1}})")
                     .request(aws::lambda_invoke()));
    EXPECT_TRUE(parts.url.ends_with("/2015-03-31/functions/charge/invocations?Qualifier=prod")) << parts.url;
    EXPECT_EQ(header(parts, "X-Amz-Invocation-Type"), "Event");
    EXPECT_EQ(header(parts, "X-Amz-Log-Type"), "Tail");
    EXPECT_EQ(header(parts, "X-Amz-Client-Context"), "e30=");
    EXPECT_EQ(parts.body, R"({"n":1})");
    const auto payload = [](std::string_view text) {
        return accepted(TaskOf(kInvoke, R"({"FunctionName": "f", "Payload": )" + std::string(text) + "}")
                            .request(aws::lambda_invoke()))
            .body;
    };
    EXPECT_EQ(payload(R"("as it is")"), "as it is");
    EXPECT_EQ(payload("null"), "");
}

TEST(AwsLambda, ArgumentsThatDoNotFit) {
    for (const char* input :
         {"[]", "{}", R"({"FunctionName": ""})", R"({"FunctionName": "a b"})",
          R"({"FunctionName": "a/../b"})", R"({"FunctionName": ".."})", R"({"FunctionName": "."})",
          R"({"FunctionName": "f", "Qualifier": "a/b"})", R"({"FunctionName": "f", "LogType": "a\r\nX: y"})",
          R"({"FunctionName": "f", "InvocationType": 1})", R"({"FunctionName": "f", "ClientContext": ""})",
          R"({"FunctionName": "arn:aws:lambda:eu-west-1:123456789012:function:f:1", "Qualifier": "2"})"})
        EXPECT_EQ(refused(TaskOf(kInvoke, input).request(aws::lambda_invoke())).error, "States.Runtime")
            << input;
}

TEST(AwsLambda, ResultWithMetadata) {
    const TaskResult result = aws::lambda_invoke().result(answered(200, R"({"n":1})",
                                                                   {{"x-amz-executed-version", "7"},
                                                                    {"x-amz-log-result", "bG9n"},
                                                                    {"x-amzn-requestid", "id-1"},
                                                                    {"set-cookie", "a"},
                                                                    {"set-cookie", "b"}}),
                                                          "a");
    EXPECT_EQ(member(result, "Payload"), R"({"n":1})");
    EXPECT_EQ(member(result, "ExecutedVersion"), R"("7")");
    EXPECT_EQ(member(result, "LogResult"), R"("bG9n")");
    EXPECT_EQ(member(result, "StatusCode"), "200");
    EXPECT_EQ(member(result, "SdkResponseMetadata"), R"({"RequestId":"id-1"})");
    EXPECT_EQ(member(result, "SdkHttpMetadata"),
              R"({"AllHttpHeaders":{"X-Amz-Executed-Version":["7"],"X-Amz-Log-Result":["bG9n"],)"
              R"("x-amzn-RequestId":["id-1"],"set-cookie":["a","b"]},)"
              R"("HttpHeaders":{"X-Amz-Executed-Version":"7","X-Amz-Log-Result":"bG9n",)"
              R"("x-amzn-RequestId":"id-1","set-cookie":"a"},"HttpStatusCode":200})");
}

TEST(AwsLambda, TheFunctionsOwnError) {
    const std::vector<net::Header> error = {{"x-amz-function-error", "Unhandled"}};
    for (const Protocol* protocol : {&aws::lambda_function(), &aws::lambda_invoke()}) {
        EXPECT_EQ(text_of(protocol->result(answered(200, R"({"errorType":"Declined"})", error), "a")),
                  R"(Declined: {"errorType":"Declined"})");
        EXPECT_EQ(failure(protocol->result(answered(200, "null", error), "a")).error, "Lambda.Unknown");
    }
}

TEST(AwsLambda, TheServicesErrors) {
    const Refusal known = failure(aws::lambda_invoke().result(
        answered(429, R"({"Message": "Rate exceeded"})",
                 {{"x-amzn-errortype", "TooManyRequestsException:http://x"}, {"x-amzn-requestid", "id"}}),
        "a"));
    EXPECT_EQ(known.error, "Lambda.TooManyRequestsException");
    EXPECT_EQ(known.cause,
              "Rate exceeded (Service: AWSLambda; Status Code: 429; Error Code: TooManyRequestsException; "
              "Request ID: id; Proxy: null)");
    EXPECT_EQ(failure(aws::lambda_invoke().result(
                          answered(400, "{}", {{"x-amzn-errortype", "SomethingNewException"}}), "a"))
                  .error,
              "Lambda.AWSLambdaException");
    EXPECT_EQ(failure(aws::lambda_invoke().result(answered(502, "<html>"), "a")).cause,
              "Trouble (Service: AWSLambda; Status Code: 502; Error Code: null; Request ID: ; Proxy: null)");
    EXPECT_EQ(text_of(aws::lambda_invoke().result(failed(net::Failure::Connect), "a")),
              "Lambda.SdkClientException: it failed");
    EXPECT_EQ(failure(aws::lambda_invoke().result(failed(net::Failure::Refused), "a")).error,
              "States.Permissions")
        << "our own refusal is not the service's";
    EXPECT_EQ(failure(aws::lambda_invoke().result(failed(net::Failure::TooLarge), "a")).error,
              "Flowctl.InvalidResponse");
}

TEST(AwsLambda, ACodeIsNoPartOfAnother) {
    for (const char* code : {"", " ", "Exception", "Service", "ServiceException TooManyRequestsException",
                             "TooManyRequestsException ServiceException"})
        EXPECT_EQ(failure(aws::lambda_invoke().result(answered(400, "", {{"x-amzn-errortype", code}}), "a"))
                      .error.find(' '),
                  std::string::npos)
            << code;
}

// ------------------------------------------------------------------------------------- SQS, SNS, EventBridge

TEST(AwsSqs, SendMessage) {
    const RequestParts parts =
        accepted(TaskOf(kSend, R"({"QueueUrl": "https://sqs/q", "MessageBody": {"n": 1}, "DelaySeconds": 5,
                                   "MessageGroupId": null, "Unknown": 1})")
                     .request(aws::sqs_send_message()));
    EXPECT_EQ(header(parts, "X-Amz-Target"), "AmazonSQS.SendMessage");
    EXPECT_EQ(header(parts, "Content-Type"), "application/x-amz-json-1.0");
    EXPECT_EQ(parts.body, R"({"MessageBody":"{\"n\":1}","QueueUrl":"https://sqs/q","DelaySeconds":5})");
    EXPECT_EQ(refused(TaskOf(kSend, "7").request(aws::sqs_send_message())).error, "States.Runtime");
    const TaskResult result = aws::sqs_send_message().result(answered(200, R"({"MessageId":"m"})"), "a");
    EXPECT_EQ(member(result, "MessageId"), R"("m")");
    EXPECT_EQ(failure(aws::sqs_send_message().result(answered(200, "[]"), "a")).error,
              "Flowctl.InvalidResponse");
    EXPECT_EQ(
        failure(aws::sqs_send_message().result(
                    answered(400, R"({"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no"})"), "a"))
            .error,
        "SQS.QueueDoesNotExistException");
}

TEST(AwsSqs, AnAnswerCannotForgeMetadata) {
    const TaskResult result = aws::sqs_send_message().result(
        answered(200, R"({"SdkHttpMetadata": 1, "sdkHttpMetadata": 2, "MessageId": "a", "messageId": "b"})"),
        "a");
    EXPECT_EQ(member(result, "MessageId"), R"("a")");
    EXPECT_EQ(value_of(result).size(), 3u);
    EXPECT_TRUE(value_of(result).find("SdkHttpMetadata")->is_object());
}

TEST(AwsSqs, ManyMembersTakeLinearTime) {
    std::string body = "{";
    for (int i = 0; i < 100'000; i++)
        body += (i == 0 ? "\"m" : ",\"m") + std::to_string(i) + "\":1";
    const TaskResult result = aws::sqs_send_message().result(answered(200, body + "}"), "a");
    EXPECT_EQ(value_of(result).size(), 100'002u);
}

TEST(AwsDynamoDb, AnItemActionSendsItsInputAsItIs) {
    constexpr const char* kPutItem = "arn:aws:states:::dynamodb:putItem";
    const RequestParts parts = accepted(
        TaskOf(kPutItem, R"({"TableName":"t","Item":{"id":{"S":"1"}}})").request(aws::dynamodb_put_item()));
    EXPECT_EQ(parts.method, "POST");
    EXPECT_EQ(parts.url, "https://api.example.com/v1");
    EXPECT_EQ(header(parts, "X-Amz-Target"), "DynamoDB_20120810.PutItem");
    EXPECT_EQ(header(parts, "Content-Type"), "application/x-amz-json-1.0");
    EXPECT_EQ(parts.body, R"({"TableName":"t","Item":{"id":{"S":"1"}}})");
    EXPECT_EQ(refused(TaskOf(kPutItem, "[]").request(aws::dynamodb_put_item())).error, "States.Runtime");
    const auto target = [](const Protocol& protocol) {
        return header(accepted(TaskOf(kPutItem).request(protocol)), "X-Amz-Target");
    };
    EXPECT_EQ(target(aws::dynamodb_get_item()), "DynamoDB_20120810.GetItem");
    EXPECT_EQ(target(aws::dynamodb_update_item()), "DynamoDB_20120810.UpdateItem");
    EXPECT_EQ(target(aws::dynamodb_delete_item()), "DynamoDB_20120810.DeleteItem");
}

TEST(AwsDynamoDb, ResultsAndErrors) {
    const TaskResult result =
        aws::dynamodb_get_item().result(answered(200, R"({"Item":{"id":{"S":"1"}}})"), "a");
    EXPECT_EQ(member(result, "Item"), R"({"id":{"S":"1"}})");
    EXPECT_TRUE(value_of(result).find("SdkHttpMetadata")->is_object());
    const auto error = [](int status, const char* type) {
        return failure(
                   aws::dynamodb_update_item().result(
                       answered(status, std::string(R"({"__type":")") + type + R"(","message":"no"})"), "a"))
            .error;
    };
    EXPECT_EQ(error(400, "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"),
              "DynamoDB.ConditionalCheckFailedException");
    EXPECT_EQ(error(400, "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"),
              "DynamoDB.ResourceNotFoundException");
    EXPECT_EQ(error(500, "com.amazonaws.dynamodb.v20120810#InternalServerError"),
              "DynamoDB.InternalServerErrorException");
    EXPECT_EQ(error(400, "com.amazon.coral.validate#ValidationException"),
              "DynamoDB.AmazonDynamoDBException");
    EXPECT_EQ(failure(aws::dynamodb_get_item().result(answered(200, "[]"), "a")).error,
              "Flowctl.InvalidResponse");
}

TEST(AwsSns, Publish) {
    const RequestParts parts = accepted(
        TaskOf(kPublish, R"({"TopicArn": "arn:aws:sns:r:1:t", "Message": {"a": "b&c"}, "Subject": null,
                             "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v w"}}})")
            .request(aws::sns_publish()));
    EXPECT_EQ(parts.body,
              "Action=Publish&Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3Ar%3A1%3At&"
              "Message=%7B%22a%22%3A%22b%26c%22%7D&MessageAttributes.entry.1.Name=k&"
              "MessageAttributes.entry.1.Value.DataType=String&"
              "MessageAttributes.entry.1.Value.StringValue=v%20w");
    EXPECT_EQ(refused(TaskOf(kPublish, R"({"MessageAttributes": []})").request(aws::sns_publish())).error,
              "States.Runtime");
    const TaskResult result = aws::sns_publish().result(
        answered(
            200,
            "<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>"),
        "a");
    EXPECT_EQ(member(result, "MessageId"), R"("m")");
    EXPECT_EQ(member(result, "SequenceNumber"), "(none)");
    const Refusal refusal = failure(aws::sns_publish().result(
        answered(
            404,
            "<ErrorResponse><Error><Code>NotFound</Code><Message>no topic</Message></Error></ErrorResponse>"),
        "a"));
    EXPECT_EQ(refusal.error, "SNS.NotFoundException");
    EXPECT_EQ(refusal.cause.substr(0, 8), "no topic");
}

TEST(AwsSns, HostileXml) {
    for (const char* body : {"", "<", "<a>", "{}", "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
                             "<PublishResult><MessageId></PublishResult>"})
        EXPECT_EQ(failure(aws::sns_publish().result(answered(200, body), "a")).error,
                  "Flowctl.InvalidResponse")
            << body;
    for (const char* body : {"<", "<!DOCTYPE a>", "<Error><Code>"})
        EXPECT_EQ(failure(aws::sns_publish().result(answered(500, body), "a")).error,
                  "SNS.AmazonSNSException");
}

TEST(AwsEventBridge, PutEvents) {
    const RequestParts parts = accepted(
        TaskOf(kPut, R"({"Entries": [{"Detail": {"a": 1}, "DetailType": "t", "Resources": ["r"], "X": 1}]})")
            .request(aws::events_put_events()));
    EXPECT_EQ(header(parts, "X-Amz-Target"), "AWSEvents.PutEvents");
    EXPECT_EQ(
        parts.body,
        R"({"Entries":[{"Detail":"{\"a\":1}","DetailType":"t","Resources":["r",)"
        R"("arn:flowctl:states:local:db:stateMachine:pay","arn:flowctl:states:local:db:execution:pay:1"]}]})");
    for (const char* input : {"[]", "{}", R"({"Entries": {}})", R"({"Entries": [1]})"})
        EXPECT_EQ(refused(TaskOf(kPut, input).request(aws::events_put_events())).error, "States.Runtime")
            << input;
}

TEST(AwsEventBridge, OneEntryThatWasNotTakenFailsTheTask) {
    const auto result = [](std::string_view body) {
        return aws::events_put_events().result(answered(200, std::string(body)), "a");
    };
    EXPECT_EQ(text_of(result(R"({"FailedEntryCount":0,"Entries":[]})")),
              R"({"FailedEntryCount":0,"Entries":[]})");
    EXPECT_EQ(failure(result(R"({"FailedEntryCount":1})")).error, "EventBridge.FailedEntry");
    EXPECT_EQ(failure(result(R"({"FailedEntryCount":0.5})")).error, "EventBridge.FailedEntry");
    EXPECT_EQ(failure(result("[]")).error, "Flowctl.InvalidResponse");
}

// ------------------------------------------------------------------------------------------ Step Functions

TEST(AwsExecutions, Starts) {
    const auto body = [](std::string_view input) {
        return accepted(TaskOf(kStart, input).request(aws::start_execution())).body;
    };
    EXPECT_EQ(body(R"({"StateMachineArn": "arn:m", "Input": {"n": 1}, "Name": "mine"})"),
              R"({"stateMachineArn":"arn:m","input":"{\"n\":1}","name":"mine"})");
    EXPECT_EQ(body(R"({"StateMachineArn": "arn:m", "TraceHeader": "t"})"),
              R"({"stateMachineArn":"arn:m","input":"{}","name":"the-key","traceHeader":"t"})")
        << "a repeated call starts no second execution";
    EXPECT_EQ(member(aws::start_execution().result(
                         answered(200, R"({"executionArn":"arn:e","startDate":1.5})"), "a"),
                     "ExecutionArn"),
              R"("arn:e")");
    EXPECT_EQ(
        failure(aws::start_execution().result(answered(400, R"({"__type":"ExecutionAlreadyExists"})"), "a"))
            .error,
        "StepFunctions.ExecutionAlreadyExistsException");
}

TEST(AwsExecutions, IsAskedFor) {
    const RequestParts parts =
        accepted(TaskOf("arn:aws:states:::states:startExecution.sync", "{}", R"({"executionArn":"arn:e"})")
                     .request(aws::start_execution_sync()));
    EXPECT_EQ(header(parts, "X-Amz-Target"), "AWSStepFunctions.DescribeExecution");
    EXPECT_EQ(parts.body, R"({"executionArn":"arn:e"})");
}

Meaning followed(const Protocol& protocol, std::string_view answer) {
    return meaning_of(protocol, parsed(R"({"executionArn":"arn:e","failures":2})"),
                      answered(200, std::string(answer)), "a");
}

TEST(AwsExecutions, Progress) {
    const Protocol& sync = aws::start_execution_sync();
    const Meaning begun = meaning_of(sync, json::Value(), answered(200, R"({"executionArn":"arn:e"})"), "a");
    ASSERT_TRUE(std::holds_alternative<Continues>(begun.what));
    EXPECT_EQ(json::dump(std::get<Continues>(begun.what).follow), R"({"executionArn":"arn:e"})");
    EXPECT_FALSE(std::get<Continues>(begun.what).output.is_null());
    for (const char* status : {"RUNNING", "PENDING_REDRIVE"}) {
        const Meaning running =
            followed(sync, R"({"executionArn":"arn:other","status":")" + std::string(status) + R"("})");
        ASSERT_TRUE(std::holds_alternative<Continues>(running.what)) << status;
        EXPECT_EQ(json::dump(std::get<Continues>(running.what).follow), R"({"executionArn":"arn:e"})")
            << "which execution is asked for next is not the answer's to say";
    }
    constexpr const char* kEnded =
        R"({"executionArn":"arn:e","status":"SUCCEEDED","output":"{\"n\": 1}","input":"nonsense"})";
    EXPECT_EQ(json::dump(std::get<json::Value>(followed(sync, kEnded).what)),
              R"({"ExecutionArn":"arn:e","Status":"SUCCEEDED","Output":"{\"n\": 1}","Input":"nonsense"})");
    EXPECT_EQ(json::dump(std::get<json::Value>(followed(aws::start_execution_sync_json(), kEnded).what)),
              R"({"ExecutionArn":"arn:e","Status":"SUCCEEDED","Output":{"n":1},"Input":"nonsense"})");
    const Meaning aborted = followed(sync, R"({"executionArn":"arn:e","status":"ABORTED","cause":"c"})");
    EXPECT_EQ(std::get<Refusal>(aborted.what).error, "States.TaskFailed");
    EXPECT_EQ(std::get<Refusal>(aborted.what).cause,
              R"({"ExecutionArn":"arn:e","Status":"ABORTED","Cause":"c"})");
}

TEST(AwsExecutions, HostileAnswers) {
    const Protocol& sync = aws::start_execution_sync();
    for (const char* body : {"{}", R"({"executionArn":7})", R"({"executionArn":"http://x"})"})
        EXPECT_EQ(std::get<Refusal>(meaning_of(sync, json::Value(), answered(200, body), "a").what).error,
                  "Flowctl.InvalidResponse")
            << body;
    EXPECT_EQ(std::get<Refusal>(followed(sync, "{}").what).error, "States.TaskFailed");
    EXPECT_EQ(std::get<Refusal>(followed(sync, "nonsense").what).error, "Flowctl.InvalidResponse");
}

}  // namespace
}  // namespace flowctl::calls
