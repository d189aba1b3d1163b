// Which protocol a Resource means at which kind of endpoint, and where AWS's integrations are looked for.
#include "calls_support.hpp"

namespace flowctl::calls {
namespace {

const Protocol* chosen(std::string_view text, Speech speech) {
    return protocol_for(resource(text), speech);
}

TEST(Protocols, OfPlainEndpoints) {
    EXPECT_EQ(chosen("flowctl:http:a", Speech::Http), &plain());
    EXPECT_EQ(chosen("flowctl:http:a:invoke", Speech::Http), &invoke());
    EXPECT_EQ(chosen("arn:aws:states:::http:invoke", Speech::Http), &aws_http_task());
    EXPECT_EQ(chosen("arn:aws:lambda:eu-west-1:123456789012:function:f", Speech::Http), &lambda_convention());
    EXPECT_EQ(chosen("arn:aws:states:::lambda:invoke", Speech::Http), &lambda_convention());
    EXPECT_EQ(chosen("arn:aws:states:::sqs:sendMessage", Speech::Http), &plain());
    EXPECT_EQ(chosen("arn:aws:states:::states:startExecution", Speech::Http), &plain());
}

TEST(Protocols, OfAws) {
    EXPECT_EQ(chosen("arn:aws:lambda:eu-west-1:123456789012:function:f", Speech::Aws),
              &aws::lambda_function());
    EXPECT_EQ(chosen("arn:aws:lambda:eu-west-1:123456789012:function:f:7", Speech::Aws),
              &aws::lambda_function());
    EXPECT_EQ(chosen("arn:aws:states:::lambda:invoke", Speech::Aws), &aws::lambda_invoke());
    EXPECT_EQ(chosen("arn:aws:states:::sqs:sendMessage", Speech::Aws), &aws::sqs_send_message());
    EXPECT_EQ(chosen("arn:aws-us-gov:states:::sqs:sendMessage", Speech::Aws), &aws::sqs_send_message());
    EXPECT_EQ(chosen("arn:aws:states:us-east-1:123456789012:lambda:invoke", Speech::Aws),
              &aws::lambda_invoke());
    EXPECT_EQ(chosen("arn:aws:states:::sns:publish", Speech::Aws), &aws::sns_publish());
    EXPECT_EQ(chosen("arn:aws:states:::events:putEvents", Speech::Aws), &aws::events_put_events());
    EXPECT_EQ(chosen("arn:aws:states:::dynamodb:getItem", Speech::Aws), &aws::dynamodb_get_item());
    EXPECT_EQ(chosen("arn:aws:states:::dynamodb:putItem", Speech::Aws), &aws::dynamodb_put_item());
    EXPECT_EQ(chosen("arn:aws:states:::dynamodb:updateItem", Speech::Aws), &aws::dynamodb_update_item());
    EXPECT_EQ(chosen("arn:aws:states:::dynamodb:deleteItem", Speech::Aws), &aws::dynamodb_delete_item());
    EXPECT_EQ(chosen("arn:aws:states:::states:startExecution", Speech::Aws), &aws::start_execution());
    EXPECT_EQ(chosen("arn:aws:states:::states:startExecution.sync", Speech::Aws),
              &aws::start_execution_sync());
    EXPECT_EQ(chosen("arn:aws:states:::states:startExecution.sync:2", Speech::Aws),
              &aws::start_execution_sync_json());
}

TEST(Protocols, WhatAwsHasNoActionForIsPlainHttp) {
    EXPECT_EQ(chosen("flowctl:http:a", Speech::Aws), &plain());
    EXPECT_EQ(chosen("flowctl:http:a:invoke", Speech::Aws), &invoke());
    EXPECT_EQ(chosen("arn:aws:sns:eu-west-1:123456789012:topic", Speech::Aws), &plain());
}

// AWS would answer plain HTTP with an error that explains nothing.
TEST(Protocols, AnIntegrationThatNobodyHereSpeaksWithAwsHasNone) {
    for (const char* text :
         {"arn:aws:states:::aws-sdk:sqs:sendMessageBatch", "arn:aws:states:::aws-sdk:dynamodb:putItem",
          "arn:aws:states:::glue:startJobRun", "arn:aws-cn:states:::athena:getQueryResults"}) {
        EXPECT_EQ(chosen(text, Speech::Aws), nullptr) << text;
        EXPECT_EQ(chosen(text, Speech::Http), &plain()) << text;
        EXPECT_FALSE(is_spoken_with_aws(resource(text))) << text;
    }
    EXPECT_TRUE(is_spoken_with_aws(resource("arn:aws:states:::dynamodb:putItem")));
    EXPECT_TRUE(is_spoken_with_aws(resource("arn:aws:lambda:eu-west-1:123456789012:function:f")));
}

TEST(Protocols, TheMembersThatTargetsAreReadFrom) {
    const auto members = [](std::string_view text) {
        const auto names = target_members_of(resource(text));
        return std::vector<std::string>(names.begin(), names.end());
    };
    using Names = std::vector<std::string>;
    EXPECT_EQ(members("arn:aws:states:::lambda:invoke"), (Names{"FunctionName", "Qualifier"}));
    EXPECT_EQ(members("arn:aws:states:::sqs:sendMessage"), Names{"QueueUrl"});
    EXPECT_EQ(members("arn:aws:states:::sns:publish"), (Names{"TopicArn", "TargetArn"}));
    EXPECT_EQ(members("arn:aws:states:::events:putEvents"), Names{"Entries"});
    EXPECT_EQ(members("arn:aws:states:::states:startExecution"), Names{"StateMachineArn"});
    EXPECT_EQ(members("arn:aws:states:::dynamodb:getItem"), Names{"TableName"});
    EXPECT_EQ(members("arn:aws:lambda:eu-west-1:123456789012:function:f"), Names{});
    EXPECT_EQ(members("arn:aws:states:::aws-sdk:s3:getObject"), Names{});
}

TEST(Protocols, OfPrefect) {
    EXPECT_EQ(chosen("flowctl:http:a", Speech::Prefect), &prefect());
    EXPECT_EQ(chosen("flowctl:http:a.sync", Speech::Prefect), &prefect_sync());
    EXPECT_EQ(chosen("flowctl:http:a:invoke", Speech::Prefect), &invoke());
}

TEST(Protocols, WorkThatCannotBeFollowedHasNone) {
    EXPECT_EQ(chosen("flowctl:http:a.sync", Speech::Http), nullptr);
    EXPECT_EQ(chosen("flowctl:http:a.sync", Speech::Aws), nullptr);
    EXPECT_EQ(chosen("arn:aws:states:::states:startExecution.sync", Speech::Http), nullptr);
    EXPECT_EQ(chosen("arn:aws:states:::glue:startJobRun.sync", Speech::Aws), nullptr);
}

std::vector<std::string> targets(std::string_view text, std::string_view input) {
    return targets_of(resource(text), parsed(input));
}

using Arns = std::vector<std::string>;

TEST(Targets, AResourceThatNamesAFunction) {
    EXPECT_EQ(targets("arn:aws:lambda:eu-west-1:123456789012:function:f:prod", "{}"),
              (Arns{"arn:aws:lambda:eu-west-1:123456789012:function:f:prod",
                    "arn:aws:lambda:eu-west-1:123456789012:function:f",
                    "arn:aws:lambda:eu-west-1:123456789012:function:f:prod"}));
}

TEST(Targets, AFunctionOfTheInput) {
    constexpr const char* kInvoke = "arn:aws:states:::lambda:invoke";
    const std::string function = "arn:aws:lambda:eu-west-1:123456789012:function:f";
    EXPECT_EQ(targets(kInvoke, R"({"FunctionName": ")" + function + R"(", "Qualifier": "prod"})"),
              (Arns{function + ":prod", function, kInvoke}));
    EXPECT_EQ(targets(kInvoke, R"({"FunctionName": "f"})"), Arns{kInvoke}) << "a name is no ARN";
    EXPECT_EQ(targets(kInvoke, R"({"FunctionName": "arn:aws:sqs:eu-west-1:123456789012:function:f"})"),
              Arns{kInvoke})
        << "an ARN of another service";
    EXPECT_EQ(targets(kInvoke, "[]"), Arns{kInvoke});
    EXPECT_EQ(targets(kInvoke, R"({"FunctionName": ")" + function + std::string(3'000, 'f') + R"("})"),
              Arns{kInvoke});
}

TEST(Targets, AQueueByItsUrl) {
    constexpr const char* kSend = "arn:aws:states:::sqs:sendMessage";
    const auto queue = [&](std::string_view url) {
        return targets(kSend, R"({"QueueUrl": ")" + std::string(url) + R"("})");
    };
    EXPECT_EQ(queue("https://sqs.eu-west-1.amazonaws.com/123456789012/jobs.fifo"),
              (Arns{"arn:aws:sqs:eu-west-1:123456789012:jobs.fifo", kSend}));
    EXPECT_EQ(queue("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/jobs"),
              (Arns{"arn:aws-cn:sqs:cn-north-1:123456789012:jobs", kSend}));
    EXPECT_EQ(queue("https://sqs.us-gov-west-1.amazonaws.com/123456789012/jobs"),
              (Arns{"arn:aws-us-gov:sqs:us-gov-west-1:123456789012:jobs", kSend}));
    for (const char* url : {"https://sqs.eu-west-1.amazonaws.com.evil.example/123456789012/jobs",
                            "https://evil.example/123456789012/jobs",
                            "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs?x=1",
                            "https://sqs.eu-west-1.amazonaws.com/12345678901/jobs",
                            "https://sqs.eu-west-1.amazonaws.com/123456789012/a/b",
                            "https://sqs.eu-west-1.amazonaws.com/123456789012/",
                            "https://sqs.eu-west-1.amazonaws.com/", "not a url", ""})
        EXPECT_EQ(queue(url), Arns{kSend}) << url;
}

TEST(Targets, ATableByItsArn) {
    constexpr const char* kGet = "arn:aws:states:::dynamodb:getItem";
    EXPECT_EQ(targets(kGet, R"({"TableName": "t"})"), Arns{kGet});
    EXPECT_EQ(targets(kGet, R"({"TableName": "arn:aws:dynamodb:r:1:table/t"})"),
              (Arns{"arn:aws:dynamodb:r:1:table/t", kGet}));
}

TEST(Targets, TopicsBusesAndStateMachines) {
    EXPECT_EQ(targets("arn:aws:states:::sns:publish", R"({"TopicArn": "arn:aws:sns:r:1:t"})"),
              (Arns{"arn:aws:sns:r:1:t", "arn:aws:states:::sns:publish"}));
    EXPECT_EQ(targets("arn:aws:states:::sns:publish", R"({"TargetArn": "arn:aws:sns:r:1:e"})"),
              (Arns{"arn:aws:sns:r:1:e", "arn:aws:states:::sns:publish"}));
    EXPECT_EQ(targets("arn:aws:states:::states:startExecution",
                      R"({"StateMachineArn": "arn:aws:states:r:1:stateMachine:m"})"),
              (Arns{"arn:aws:states:r:1:stateMachine:m", "arn:aws:states:::states:startExecution"}));
    constexpr const char* kPut = "arn:aws:states:::events:putEvents";
    EXPECT_EQ(targets(kPut, R"({"Entries": [{"EventBusName": "arn:aws:events:r:1:event-bus/b"},
                                            {"EventBusName": "arn:aws:events:r:1:event-bus/b"}]})"),
              (Arns{"arn:aws:events:r:1:event-bus/b", kPut}));
    EXPECT_EQ(targets(kPut, R"({"Entries": [{"EventBusName": "arn:aws:events:r:1:event-bus/b"},
                                            {"EventBusName": "arn:aws:events:r:1:event-bus/c"}]})"),
              Arns{kPut})
        << "entries for two buses have no one target";
    EXPECT_EQ(targets(kPut, R"({"Entries": []})"), Arns{kPut});
}

}  // namespace
}  // namespace flowctl::calls
