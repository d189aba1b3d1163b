// Definitions in JSONata: which fields are read, and what is refused.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/asl/asl.hpp"
#include "core/asl/jsonata_query.hpp"

namespace {

using namespace flowctl;
using Findings = std::vector<std::string>;

// "code location: message" of every finding.
Findings findings(const std::string& definition, asl::FlowType type = asl::FlowType::Standard) {
    const asl::Compiled compiled = asl::compile(definition, type);
    EXPECT_EQ(compiled.flow == nullptr, !compiled.findings.empty());
    Findings out;
    for (const asl::Finding& finding : compiled.findings)
        out.push_back(finding.code + " " + finding.location + ": " + finding.message);
    return out;
}

// Of a flow in JSONata with one state, whose fields these are.
Findings of_state(const std::string& fields) {
    return findings(R"({"QueryLanguage": "JSONata", "StartAt": "S", "States": {"S": {)" + fields + "}}}");
}

constexpr const char* kSchema = "SCHEMA_VALIDATION_FAILED ";

TEST(AslJsonata, EveryFieldOfEveryState) {
    EXPECT_EQ(findings(R"({"QueryLanguage": "JSONata", "StartAt": "P", "States": {
      "P": {"Type": "Pass", "Output": {"a": "{% $states.input %}"}, "Assign": {"v": "{% 1 %}"}, "Next": "T"},
      "T": {"Type": "Task", "Resource": "flowctl:http:s", "Arguments": {"v": "{% $v %}"}, "Next": "C",
            "TimeoutSeconds": "{% 60 %}", "HeartbeatSeconds": "{% 5 %}", "Credentials": {"RoleArn": "{% $v %}"},
            "Output": "{% $states.result %}", "Assign": {"r": "{% $states.result.x %}"},
            "Retry": [{"ErrorEquals": ["States.ALL"]}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C", "Output": {"e": "{% $states.errorOutput %}"},
                       "Assign": {"v": "{% $states.errorOutput.Error %}"}}]},
      "C": {"Type": "Choice", "Output": 1, "Assign": {"v": 2}, "Default": "W", "Choices": [
            {"Condition": "{% $v = 1 %}", "Next": "F", "Output": "{% $v %}", "Assign": {"v": 3}},
            {"Condition": true, "Next": "W"}]},
      "W": {"Type": "Wait", "Seconds": "{% 1 %}", "Next": "W2", "Output": null, "Assign": {"v": 1}},
      "W2": {"Type": "Wait", "Timestamp": "{% $now() %}", "Next": "L"},
      "L": {"Type": "Parallel", "Arguments": ["{% 1 %}"], "Output": "{% $states.result[0] %}", "Next": "M",
            "Branches": [{"StartAt": "B", "States": {"B": {"Type": "Succeed", "Output": "{% $v %}"}}}]},
      "M": {"Type": "Map", "Items": "{% [1..3] %}", "ItemSelector": {"v": "{% $states.context.Map.Item.Value %}"},
            "MaxConcurrency": "{% 2 %}", "ToleratedFailureCount": "{% 0 %}",
            "ToleratedFailurePercentage": "{% 0.5 %}", "Next": "F",
            "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}}},
      "F": {"Type": "Fail", "Error": "{% $v %}", "Cause": "as written"}}})"),
              Findings{});
}

TEST(AslJsonata, FieldsOfTheOtherLanguageAreRefusedByName) {
    const std::string of_path = "' is only supported for the 'JSONPath' QueryLanguage";
    const std::string in_jsonata =
        std::string(kSchema) + "/States/S: The QueryLanguage is set to 'JSONata', but field '";
    EXPECT_EQ(
        of_state(
            R"("Type": "Pass", "InputPath": "$", "Parameters": {}, "Result": 1, "ResultPath": "$", "OutputPath": "$", "End": true)"),
        (Findings{in_jsonata + "InputPath" + of_path, in_jsonata + "Parameters" + of_path,
                  in_jsonata + "Result" + of_path, in_jsonata + "ResultPath" + of_path,
                  in_jsonata + "OutputPath" + of_path}));
    EXPECT_EQ(of_state(R"("Type": "Fail", "ErrorPath": "$.e")"),
              Findings{in_jsonata + "ErrorPath" + of_path});
    EXPECT_EQ(findings(R"({"StartAt": "S", "States": {"S": {"Type": "Pass", "Output": 1, "End": true}}})"),
              Findings{std::string(kSchema) +
                       "/States/S: The QueryLanguage is set to 'JSONPath', but field 'Output' "
                       "is only supported for the 'JSONata' QueryLanguage"});
    EXPECT_EQ(
        of_state(
            R"("Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": true, "Condition": true, "Next": "S"}], "Default": "S")")
            .at(1),
        std::string(kSchema) +
            "/States/S/Choices/0: The QueryLanguage is set to 'JSONata', but field 'Variable" + of_path);
    EXPECT_EQ(of_state(R"("Type": "Pass", "Nonsense": 1, "End": true)"),
              Findings{std::string(kSchema) + "/States/S: Field 'Nonsense' is not supported"});
}

TEST(AslJsonata, LanguagesOfMachineAndState) {
    EXPECT_EQ(of_state(R"("Type": "Pass", "QueryLanguage": "JSONPath", "End": true)"),
              Findings{std::string(kSchema) + "/States/S: 'QueryLanguage' can not be 'JSONPath' if set to "
                                              "'JSONata' for whole state machine"});
    // What is in a Map has the machine's language, not the Map's.
    EXPECT_EQ(
        findings(R"({"StartAt": "M", "States": {"M": {"Type": "Map", "QueryLanguage": "JSONata", "End": true,
      "Items": [1], "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "OutputPath": "$", "End": true}}}}}})"),
        Findings{});
}

TEST(AslJsonata, WrongExpressionsAreFindings) {
    const std::string bad = "INVALID_JSONATA_EXPRESSION /States/S/Output";
    EXPECT_EQ(of_state(R"("Type": "Pass", "Output": {"v": ["{% 1 + %}"]}, "End": true)"),
              Findings{bad + "/v/0: Unexpected end of expression"});
    EXPECT_EQ(of_state(R"("Type": "Pass", "Output": "{% 1", "End": true)").size(), 1U);
    EXPECT_EQ(of_state(R"("Type": "Pass", "Output": "1 %}", "End": true)").size(), 1U);
    EXPECT_EQ(of_state(R"("Type": "Pass", "Output": "{%}", "End": true)").size(), 1U);
    EXPECT_EQ(
        of_state(R"("Type": "Pass", "Output": " {% $states.input %} ", "Comment": "{% x", "End": true)"),
        Findings{});
}

TEST(AslJsonata, WhatIsNotThereCannotBeReferredTo) {
    const std::string at = "UNSUPPORTED_JSONATA_EXPRESSION /States/S/";
    EXPECT_EQ(of_state(R"("Type": "Pass", "Output": {"v": "{% phone %}"}, "End": true)"),
              Findings{at + "Output/v: Reference to 'phone' at the top level is not supported."});
    EXPECT_EQ(of_state(R"("Type": "Pass", "Assign": {"v": "{% $states.errorOutput %}"}, "End": true)"),
              Findings{at + "Assign/v: Field '$states.errorOutput' does not exist."});
    EXPECT_EQ(
        of_state(
            R"("Type": "Task", "Resource": "flowctl:http:s", "Arguments": "{% $states.result %}", "End": true)"),
        Findings{at + "Arguments: Field '$states.result' does not exist."});
}

TEST(AslJsonata, ValuesOfTheWrongType) {
    EXPECT_EQ(of_state(R"("Type": "Wait", "Seconds": "1", "End": true)"),
              Findings{std::string(kSchema) + "/States/S/Seconds: Expected value of type Integer"});
    EXPECT_EQ(of_state(R"("Type": "Wait", "SecondsPath": "$.s", "End": true)").size(), 2U);
    EXPECT_EQ(of_state(R"("Type": "Wait", "Seconds": 1, "Timestamp": "{% $now() %}", "End": true)"),
              Findings{std::string(kSchema) +
                       "/States/S: There should only be one of the following fields: [Seconds, Timestamp]"});
    EXPECT_EQ(of_state(R"("Type": "Choice", "Choices": [{"Condition": "true", "Next": "S"}])").size(), 2U);
    EXPECT_EQ(
        of_state(
            R"("Type": "Map", "Items": 1, "End": true, "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Succeed"}}})"),
        Findings{std::string(kSchema) +
                 "/States/S/Items: Expected value of type Array or Object or a JSONata expression"});
    EXPECT_EQ(of_state(R"("Type": "Pass", "Assign": {"a.$": 1}, "End": true)"),
              Findings{std::string(kSchema) +
                       "/States/S/Assign/a.$: The variable name 'a.$' is not a valid identifier"});
}

TEST(AslJsonata, InnerScopesMayUseTheNamesThatTheirOwnStateAssignsAfterThem) {
    const auto with = [](const std::string& before) {
        return findings(R"({"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Pass", )" +
                        before +
                        R"("Next": "P"}, "P": {"Type": "Parallel", "Assign": {"v": 1}, "End": true,
          "Catch": [{"ErrorEquals": ["States.ALL"], "Assign": {"v": 2}, "Next": "A"}],
          "Branches": [{"StartAt": "B", "States": {"B": {"Type": "Pass", "Assign": {"v": 3}, "End": true}}}]}}})");
    };
    EXPECT_EQ(with(""), Findings{});
    EXPECT_EQ(with(R"("Assign": {"v": 0}, )").size(), 1U);
}

TEST(AslJsonata, WhatExpressFlowsCannotDo) {
    const auto with = [](const std::string& resource) {
        return findings(R"({"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true, "Branches": [
          {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": ")" +
                            resource + R"(", "Parameters": {"t.$": "$$.Task.Token"}, "End": true}}}]}}})",
                        asl::FlowType::Express);
    };
    const std::string at = std::string(kSchema) +
                           "/States/P/Branches/0/States/T/Resource: Express state machine does not support ";
    EXPECT_EQ(with("flowctl:http:s"), Findings{});
    EXPECT_EQ(with("flowctl:flow:f.sync"), Findings{at + "'.sync' service integration"});
    EXPECT_EQ(with("flowctl:http:s.waitForTaskToken"),
              Findings{at + "'.waitForTaskToken' service integration"});
    EXPECT_EQ(with("flowctl:activity:a"), Findings{at + "activities"});
}

TEST(AslJsonata, WhichExpressionsMayReadTheContext) {
    EXPECT_TRUE(asl::may_read_context("$states.context.Execution.Id"));
    EXPECT_TRUE(asl::may_read_context("$states"));
    EXPECT_TRUE(asl::may_read_context("$states.input & $states.*"));
    EXPECT_TRUE(asl::may_read_context("$states.inputs"));
    EXPECT_FALSE(asl::may_read_context("$states.input.context & $states.result"));
    EXPECT_FALSE(asl::may_read_context("$v"));
}

}  // namespace
