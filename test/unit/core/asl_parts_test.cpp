// Timestamps and resources: the texts that a definition is made of.
#include <gtest/gtest.h>

#include "core/asl/resource.hpp"
#include "core/asl/timestamp.hpp"

using namespace flowctl::asl;

TEST(Timestamp, ReadsZonesAndFractions) {
    EXPECT_EQ(parse_timestamp("1970-01-01T00:00:00Z")->micros(), 0);
    EXPECT_EQ(parse_timestamp("2016-03-14T01:59:00Z")->seconds, 1457920740);
    EXPECT_EQ(parse_timestamp("2016-03-14T01:59:00.5Z")->nanos, 500'000'000);
    EXPECT_EQ(parse_timestamp("2016-03-05T21:29:29.243167252Z")->nanos, 243'167'252);
    EXPECT_EQ(parse_timestamp("2016-03-05T21:29:29.2431672529999Z")->nanos, 243'167'252);
    EXPECT_EQ(*parse_timestamp("2016-03-14T03:59:00+02:00"), *parse_timestamp("2016-03-14T01:59:00Z"));
    EXPECT_EQ(*parse_timestamp("2016-03-13T20:29:00-05:30"), *parse_timestamp("2016-03-14T01:59:00Z"));
    EXPECT_EQ(*parse_timestamp("2016-03-14T23:59:00+23:59"), *parse_timestamp("2016-03-14T00:00:00Z"));
    EXPECT_EQ(parse_timestamp("1969-12-31T23:59:59.999999Z")->micros(), -1);
    EXPECT_TRUE(parse_timestamp("2024-02-29T00:00:00Z"));
    EXPECT_TRUE(parse_timestamp("2000-02-29T00:00:00Z"));
}

TEST(Timestamp, RefusesWhatIsNoTimestamp) {
    for (const char* text : {"",
                             "2016",
                             "2016-03-14",
                             "2016-03-14 01:59:00Z",
                             "2016-03-14T01:59:00",
                             "2016-03-14t01:59:00Z",
                             "2016-03-14T01:59:00z",
                             "2016-13-14T01:59:00Z",
                             "2016-00-14T01:59:00Z",
                             "2016-02-30T01:59:00Z",
                             "2023-02-29T00:00:00Z",
                             "1900-02-29T00:00:00Z",
                             "2016-03-14T24:00:00Z",
                             "2016-03-14T01:60:00Z",
                             "2016-03-14T01:59:60Z",
                             "2016-03-14T01:59Z",
                             "2016-03-14T01:59:00.Z",
                             "2016-03-14T01:59:00+2:00",
                             "2016-03-14T01:59:00+24:00",
                             "2016-03-14T01:59:00+02:60",
                             "2016-03-14T01:59:00Zx",
                             " 2016-03-14T01:59:00Z",
                             "+016-03-14T01:59:00Z",
                             "2016-03-14T01:59:00+02:00Z",
                             "2016-03-14T01:59:0\xc3\xa9Z"})
        EXPECT_FALSE(parse_timestamp(text)) << text;
}

TEST(Timestamp, WritesWhatItReads) {
    EXPECT_EQ(format_instant(0), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(format_instant(-1), "1969-12-31T23:59:59.999Z");
    EXPECT_EQ(format_instant(1457920740'123'456), "2016-03-14T01:59:00.123Z");
    for (std::int64_t day = -719'000; day < 2'932'000; day += 97) {
        const std::int64_t instant = day * 86'400'000'000 + 12'345'678'000;
        const std::string text = format_instant(instant);
        EXPECT_EQ(parse_timestamp(text).value().micros(), instant) << text;
    }
}

namespace {

Resource good(const std::string& text) {
    auto resource = Resource::parse(text);
    EXPECT_TRUE(resource.ok()) << text << ": " << (resource.ok() ? "" : resource.error());
    return resource.ok() ? resource.value() : Resource();
}

}  // namespace

TEST(Resource, TakesApartEveryForm) {
    using Kind = Resource::Kind;
    const struct {
        const char* text;
        Kind kind;
        const char* name;
        const char* type;
        const char* action;
    } cases[] = {
        {"flowctl:http:billing", Kind::Http, "billing", "flowctl:http", "billing"},
        {"flowctl:http:billing.waitForTaskToken", Kind::Http, "billing", "flowctl:http",
         "billing.waitForTaskToken"},
        {"flowctl:http:billing:invoke", Kind::HttpInvoke, "billing", "flowctl:http", "billing:invoke"},
        {"flowctl:sql:jobs.sync", Kind::Sql, "jobs.sync", "flowctl:sql", "jobs.sync"},
        {"flowctl:flow:child:3.sync:2", Kind::Flow, "child:3", "flowctl:flow", "child:3.sync:2"},
        {"flowctl:activity:paint", Kind::Activity, "paint", "flowctl:activity", "paint"},
        {"arn:aws:states:::http:invoke", Kind::AwsHttp, "", "http", "invoke"},
        {"arn:aws:lambda:eu-west-1:1:function:f", Kind::Lambda, "f", "lambda", "f"},
        {"arn:aws:lambda:eu-west-1:1:function:f:$LATEST", Kind::Lambda, "f", "lambda", "f"},
        {"arn:aws:states:::lambda:invoke.waitForTaskToken", Kind::Lambda, "", "lambda",
         "invoke.waitForTaskToken"},
        {"arn:aws:states:::states:startExecution.sync", Kind::Flow, "", "states", "startExecution.sync"},
        {"arn:aws:states:::dynamodb:putItem", Kind::OtherArn, "arn:aws:states:::dynamodb:putItem", "dynamodb",
         "putItem"},
        {"arn:aws:states:::aws-sdk:s3:getObject", Kind::OtherArn, "arn:aws:states:::aws-sdk:s3:getObject",
         "aws-sdk:s3", "getObject"},
        {"arn:aws:swf:us-east-1:1:task:X", Kind::OtherArn, "arn:aws:swf:us-east-1:1:task:X", "swf", "X"},
    };
    for (const auto& each : cases) {
        const Resource resource = good(each.text);
        EXPECT_EQ(resource.kind, each.kind) << each.text;
        EXPECT_EQ(resource.name, each.name);
        EXPECT_EQ(resource.resource_type(), each.type) << each.text;
        EXPECT_EQ(resource.resource_action(), each.action) << each.text;
    }
    EXPECT_TRUE(good("flowctl:flow:child.sync").sync);
    EXPECT_TRUE(good("flowctl:http:billing.waitForTaskToken").wait_for_token);
    EXPECT_EQ(good("flowctl:http:billing.waitForTaskToken").text, "flowctl:http:billing");
}

TEST(Resource, AnIntegrationIsTheSameInEveryPartitionRegionAndAccount) {
    for (const char* prefix : {"arn:aws:states:::", "arn:aws:states:us-east-1:123456789012:",
                               "arn:aws-us-gov:states:::", "arn:aws-cn:states:cn-north-1::"}) {
        const auto lambda = Resource::parse(prefix + std::string("lambda:invoke.waitForTaskToken"));
        ASSERT_TRUE(lambda.ok()) << prefix << lambda.error();
        EXPECT_EQ(lambda->kind, Resource::Kind::Lambda);
        EXPECT_EQ(lambda->text, "arn:aws:states:::lambda:invoke");
        EXPECT_EQ(lambda->resource_type(), "lambda");
        EXPECT_EQ(lambda->short_name(), "lambda");
        const auto item = Resource::parse(prefix + std::string("dynamodb:putItem"));
        ASSERT_TRUE(item.ok());
        EXPECT_EQ(item->kind, Resource::Kind::OtherArn);
        EXPECT_EQ(item->name, "arn:aws:states:::dynamodb:putItem");
        EXPECT_EQ(item->short_name(), "dynamodb");
        const auto sdk = Resource::parse(prefix + std::string("aws-sdk:s3:listBuckets"));
        ASSERT_TRUE(sdk.ok());
        EXPECT_EQ(sdk->resource_type(), "aws-sdk:s3");
    }
    const auto function = Resource::parse("arn:aws-us-gov:lambda:us-gov-east-1:123456789012:function:g");
    ASSERT_TRUE(function.ok());
    EXPECT_EQ(function->short_name(), "arn:aws-us-gov:lambda:us-gov-east-1:123456789012:function:g");
    const auto activity = Resource::parse("arn:aws:states:us-east-1:123456789012:activity:approve");
    ASSERT_TRUE(activity.ok());
    EXPECT_EQ(activity->kind, Resource::Kind::Activity);
    EXPECT_EQ(activity->name, "approve");
}

TEST(Resource, RefusesIntegrationsThatThereAreNot) {
    for (const char* integration :
         {"lambda:invok", "dynamodb:query", "sqs:sendMessage.sync", "dynamodb:putItem.waitForTaskToken",
          "lambda:invoke.sync", "http:invoke.waitForTaskToken", "batch:submitJob.sync:2", "lamda:invoke",
          "aws-sdk:s3:listBuckets.sync", "aws-sdk:s3", "s3:getObject", "lambda:invoke:x"}) {
        const auto resource = Resource::parse("arn:aws:states:::" + std::string(integration));
        ASSERT_FALSE(resource.ok()) << integration;
        EXPECT_NE(resource.error().find("arn:aws:states:::" + std::string(integration) + " is not recognized"),
                  std::string::npos)
            << resource.error();
    }
    for (const char* integration : {"states:startExecution.sync:2", "states:startExecution.sync", "glue:startJobRun.sync",
                                    "sns:publish.waitForTaskToken", "aws-sdk:sfn:sendTaskFailure.waitForTaskToken",
                                    "emr-serverless:startJobRun.sync"})
        EXPECT_TRUE(Resource::parse("arn:aws:states:::" + std::string(integration)).ok()) << integration;
    for (const char* text : {"arn:aws:states:::", "arn:aws:states:::lambda", "arn:aws:states:us-east-1:1:activity:",
                             "arn:aws:states:us-east-1:1:activity:a.sync", "arn:other:states:::lambda:invoke"})
        EXPECT_FALSE(Resource::parse(text).ok() &&
                     Resource::parse(text)->kind == Resource::Kind::Lambda)
            << text;
}

TEST(Resource, RefusesWhatNamesNothing) {
    for (const char* text : {"",
                             "foo:bar",
                             "billing",
                             "InvalidArn",
                             "${variable}",
                             "flowctl:",
                             "flowctl:http",
                             "flowctl:http:",
                             "flowctl:http:a:b",
                             "flowctl:http::invoke",
                             "flowctl:http:a:invoke.sync",
                             "flowctl:sql:",
                             "flowctl:flow:",
                             "flowctl:flow:a b",
                             "flowctl:flow:a:",
                             "flowctl:flow:a:b:c",
                             "flowctl:activity:a.sync",
                             "flowctl:nothing:a",
                             "arn:",
                             "arn:aws",
                             "arn:aws:lambda:r:1:function:",
                             "arn:aws:lambda:r:1:function:f:",
                             "arn:aws:lambda:r:1:function:f:$*#",
                             "arn:aws:lambda:r:1:layer:f",
                             "arn:aws:states:::http",
                             "arn:aws:states:::http:invoke.sync",
                             "arn:aws:lambda:r:1:function:f.waitForTaskToken",
                             "flowctl:http:a\nb"})
        EXPECT_FALSE(Resource::parse(text).ok()) << text;
    EXPECT_FALSE(Resource::parse(std::string("flowctl:http:") + std::string(3000, 'a')).ok());
}
