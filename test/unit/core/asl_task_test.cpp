// What a Task's Resource asks of its other fields: the token of a callback, the parameters of a child run, what
// EXPRESS flows cannot have.
#include "machine_support.hpp"

using namespace flowctl;
using namespace flowctl::test;

namespace {

using Strings = std::vector<std::string>;

// "severity location: message", one a finding.
Strings findings(const std::string& definition, asl::FlowType type = asl::FlowType::Standard) {
    Strings out;
    for (const asl::Finding& one : asl::compile(definition, type).findings)
        out.push_back((one.severity == asl::Finding::Severity::Warning ? one.code + " " : "") + one.location + ": " +
                      one.message);
    return out;
}
std::string task(const std::string& resource, const std::string& fields, const std::string& more = "") {
    return "{" + more + R"("StartAt": "A", "States": {"A": {"Type": "Task", "End": true, "Resource": ")" + resource +
           '"' + (fields.empty() ? "" : ", ") + fields + "}}}";
}
const std::string kJsonata = R"("QueryLanguage": "JSONata", )";
const std::string kCallback = "flowctl:http:s.waitForTaskToken";

TEST(AslTask, ACallbackWithoutItsTokenIsWarnedOf) {
    const Strings warning{
        "TASK_TOKEN_NOT_USED /States/A/Resource: The task waits for an answer with its token, and Parameters does "
        "not pass the token on. It is Task.Token of the Context Object"};
    EXPECT_EQ(findings(task(kCallback, "")), warning);
    for (const char* none : {R"({})", R"({"a.$": "$"})", R"({"a.$": "$$.Execution.Id"})", R"({"a": "Task.Token"})",
                             R"({"a.$": "$$.StateMachine.Name"})"})
        EXPECT_EQ(findings(task(kCallback, std::string(R"("Parameters": )") + none)), warning) << none;
    for (const char* some : {R"({"a": {"b.$": "$$.Task.Token"}})", R"({"a.$": "$$"})", R"({"a.$": "$$['Task']['Token']"})",
                             R"j({"a.$": "States.Format('{} {}', $$.State.Name, $$.Task.Token)"})j",
                             R"({"a.$": "$$..Token"})"})
        EXPECT_EQ(findings(task(kCallback, std::string(R"("Parameters": )") + some)), Strings{}) << some;
    EXPECT_EQ(findings(task("flowctl:http:s", "")), Strings{});
    EXPECT_NE(asl::compile(task(kCallback, "")).flow, nullptr);
}

TEST(AslTask, ACallbackWithoutItsTokenIsWarnedOfInJsonata) {
    const Strings warning{
        "TASK_TOKEN_NOT_USED /States/A/Resource: The task waits for an answer with its token, and Arguments does "
        "not pass the token on. It is Task.Token of the Context Object"};
    EXPECT_EQ(findings(task(kCallback, "", kJsonata)), warning);
    for (const char* none : {R"("{% $states.input %}")", R"({"a": "{% $states.context.Execution.Id %}"})",
                             R"({"a": "$states.context.Task.Token"})"})
        EXPECT_EQ(findings(task(kCallback, std::string(R"("Arguments": )") + none, kJsonata)), warning) << none;
    for (const char* some : {R"({"a": ["{% $states.context.Task.Token %}"]})", R"("{% $states.context %}")",
                             R"j("{% ($c := $states; $c.context.Task.Token) %}")j"})
        EXPECT_EQ(findings(task(kCallback, std::string(R"("Arguments": )") + some, kJsonata)), Strings{}) << some;
}

TEST(AslTask, TheParametersOfStartExecution) {
    const std::string start = "arn:aws:states:::states:startExecution";
    for (const char* suffix : {"", ".sync", ".sync:2"})
        EXPECT_EQ(findings(task(start + suffix, R"("Parameters": {"StateMachineArn.$": "$.a", "Input": {"a": [1]},
            "Name": "n"})")), Strings{});
    EXPECT_EQ(findings(task(start, R"("Parameters": {"Input.$": "$"})")),
              Strings{"/States/A/Parameters: The field 'StateMachineArn' is required but was missing"});
    EXPECT_EQ(findings(task(start, R"("Parameters": {"StateMachineArn": "a", "input": {}, "Nmae.$": "$.n"})")),
              (Strings{"/States/A/Parameters: The field 'input' is not supported by Step Functions",
                       "/States/A/Parameters: The field 'Nmae.$' is not supported by Step Functions"}));
    EXPECT_EQ(findings(task(start, R"("Parameters": {"StateMachineArn": 7, "Name": ""})")),
              (Strings{"/States/A/Parameters/StateMachineArn: Expected value of type String",
                       "/States/A/Parameters/Name: Name must be between 1 and 80 characters long"}));
    EXPECT_EQ(findings(task(start, R"("Arguments": {"StateMachineArn": "{% $states.input.a %}", "Name": "{% 'x' %}",
        "Input": "{% $states.input %}"})", kJsonata)), Strings{});
    EXPECT_EQ(findings(task(start, R"("Arguments": {"Input": 1, "Name": "n.$", "Name.$": "$.n"})", kJsonata)),
              (Strings{"/States/A/Arguments: The field 'StateMachineArn' is required but was missing",
                       "/States/A/Arguments: The field 'Name.$' is not supported by Step Functions"}));
    // A flow that is named in the Resource takes any input.
    EXPECT_EQ(findings(task("flowctl:flow:f.sync", R"("Parameters": {"anything": 1})")), Strings{});
}

TEST(AslTask, ATimeOfAnActivityThatCannotBe) {
    EXPECT_EQ(findings(task("flowctl:activity:a", R"("TimeoutSeconds": 60, "HeartbeatSeconds": 60)")),
              Strings{"/States/A/HeartbeatSeconds: HeartbeatSeconds must be less than TimeoutSeconds"});
    EXPECT_EQ(findings(task("flowctl:activity:a", R"("TimeoutSeconds": 60, "HeartbeatSeconds": 59)")), Strings{});
    EXPECT_EQ(findings(task("flowctl:activity:a.waitForTaskToken", "")).size(), 1u);
}

TEST(AslTask, WhatAnExpressFlowCannotHave) {
    const auto express = [](const std::string& resource) {
        const Strings all = findings(task(resource, R"("Parameters": {"t.$": "$$.Task.Token", "StateMachineArn": "a",
            "QueueUrl": "q", "MessageBody": "m"})"), asl::FlowType::Express);
        return all.empty() ? "" : all.back();
    };
    const std::string here = "/States/A/Resource: Express state machine does not support ";
    EXPECT_EQ(express("flowctl:http:s"), "");
    EXPECT_EQ(express("flowctl:flow:f"), "");
    EXPECT_EQ(express(kCallback), here + "'.waitForTaskToken' service integration");
    EXPECT_EQ(express("flowctl:flow:f.sync"), here + "'.sync' service integration");
    EXPECT_EQ(express("flowctl:flow:f.sync:2"), here + "'.sync' service integration");
    EXPECT_EQ(express("flowctl:activity:a"), here + "activities");
    EXPECT_EQ(express("arn:aws:states:eu-west-1:1:activity:a"), here + "activities");
    // The same holds for what the children of a distributed Map run if they are EXPRESS.
    const std::string map = R"({"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, "StartAt": "A", "States": {"A":
        {"Type": "Task", "Resource": "flowctl:activity:a", "End": true}}}}}})";
    EXPECT_EQ(findings(map),
              Strings{"/States/M/ItemProcessor/States/A/Resource: Express state machine does not support activities"});
}

}  // namespace
