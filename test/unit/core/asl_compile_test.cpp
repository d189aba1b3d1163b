// Definitions: what is accepted, and every finding with its place.
#include <algorithm>

#include "core/asl/findings.hpp"
#include "machine_support.hpp"

using namespace flowctl;
using namespace flowctl::test;

namespace {

// "CODE location: message", one a finding.
std::vector<std::string> findings(std::string_view definition) {
    std::vector<std::string> out;
    const asl::Compiled compiled = asl::compile(definition);
    for (const asl::Finding& f : compiled.findings)
        out.push_back(f.code + " " + f.location + ": " + f.message);
    const bool any_error =
        std::any_of(compiled.findings.begin(), compiled.findings.end(),
                    [](const asl::Finding& f) { return f.severity == asl::Finding::Severity::Error; });
    EXPECT_EQ(compiled.flow == nullptr, any_error);
    return out;
}

using Strings = std::vector<std::string>;

std::string pass(const std::string& fields) {
    return states("A", R"("A": {"Type": "Pass", )" + fields + "}");
}
std::string task(const std::string& fields) {
    return states("A", R"("A": {"Type": "Task", "Resource": "flowctl:http:s", "End": true, )" + fields + "}");
}

// The findings of a definition whose single state is A, without the common part of their places.
std::string only(const std::string& definition) {
    const Strings all = findings(definition);
    EXPECT_EQ(all.size(), 1u) << (all.size() > 1 ? all[1] : "");
    if (all.empty()) return "";
    const std::string prefix = "SCHEMA_VALIDATION_FAILED /States/A";
    EXPECT_EQ(all[0].substr(0, prefix.size()), prefix) << all[0];
    return all[0].substr(std::min(prefix.size(), all[0].size()));
}

}  // namespace

TEST(Compile, AcceptsTheSmallestFlow) {
    EXPECT_EQ(findings(pass(R"("End": true)")), Strings{});
    EXPECT_EQ(findings(states("A", R"("A": {"Type": "Succeed"})")), Strings{});
}

TEST(Compile, RefusesWhatIsNoDefinition) {
    EXPECT_EQ(findings(""), Strings{"SCHEMA_VALIDATION_FAILED : Definition must be a valid JSON object"});
    EXPECT_EQ(findings(" \n"), Strings{"SCHEMA_VALIDATION_FAILED : Definition must be a valid JSON object"});
    EXPECT_EQ(findings("[]"), Strings{"SCHEMA_VALIDATION_FAILED : Definition must be a valid JSON object"});
    const Strings not_json = findings("{\n\"StartAt\" 1}");
    ASSERT_EQ(not_json.size(), 1u);
    EXPECT_EQ(not_json[0].substr(0, 26), "INVALID_JSON_DESCRIPTION :");
    EXPECT_NE(not_json[0].find("line 2, column"), std::string::npos) << not_json[0];
    EXPECT_EQ(findings(R"({"a": x})"), Strings{"INVALID_JSON_DESCRIPTION : not a value at line 1, column 7"});
    EXPECT_EQ(findings("{\n \"a\":\n x}"),
              Strings{"INVALID_JSON_DESCRIPTION : not a value at line 3, column 2"});
    EXPECT_EQ(findings(std::string(1'048'577, ' ')).size(), 1u);
    EXPECT_EQ(findings("{}"),
              Strings{"SCHEMA_VALIDATION_FAILED : These fields are required: [StartAt, States]"});
}

TEST(Compile, FindsEverythingAtOnceInDocumentOrder) {
    EXPECT_EQ(findings(R"({"Version": "2.0", "Extra": 1, "StartAt": "A", "States": {
                  "A": {"Type": "Pass", "InputPath": "no path", "Next": "Nowhere"},
                  "B": {"Type": "Nap"},
                  "C/d": {"Type": "Wait", "Seconds": -1, "Timestamp": "soon", "End": true}}, "TimeoutSeconds": 0})"),
              (Strings{
                  "SCHEMA_VALIDATION_FAILED : Field 'Extra' is not supported",
                  "SCHEMA_VALIDATION_FAILED /Version: Value should be one of the following: [1.0]",
                  findings(pass(R"("InputPath": "no path", "End": true)")).at(0),
                  "MISSING_TRANSITION_TARGET /States/A/Next: Missing 'Next' target: Nowhere",
                  "MISSING_TRANSITION_TARGET /States/B: State \"B\" is not reachable.",
                  "SCHEMA_VALIDATION_FAILED /States/B/Type: The field 'Type' should have one of these "
                  "values: [Task, "
                  "Wait, Pass, Succeed, Fail, Choice, Parallel, Map]",
                  "SCHEMA_VALIDATION_FAILED /States/C~1d: There should only be one of the following fields: "
                  "[SecondsPath, Seconds, TimestampPath, Timestamp]",
                  "MISSING_TRANSITION_TARGET /States/C~1d: State \"C/d\" is not reachable.",
                  "SCHEMA_VALIDATION_FAILED /States/C~1d/Seconds: Minimum value is 0",
                  "SCHEMA_VALIDATION_FAILED /States/C~1d/Timestamp: String does not match RFC3339 timestamp",
                  "SCHEMA_VALIDATION_FAILED /TimeoutSeconds: Minimum value is 1",
              }));
}

TEST(Compile, ChecksTransitions) {
    EXPECT_EQ(only(pass(R"("Comment": "c", "Next": "A", "End": true)")),
              ": There should only be one of the following fields: [Next, End]");
    EXPECT_EQ(findings(states("X", R"("A": {"Type": "Succeed"})")),
              (Strings{"MISSING_TRANSITION_TARGET /StartAt: Missing 'Next' target: X",
                       "MISSING_TRANSITION_TARGET /States/A: State \"A\" is not reachable."}));
    // A loop without an end says only that.
    EXPECT_EQ(findings(states("A", R"("A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"},
                                      "C": {"Type": "Pass", "Next": "A"})")),
              Strings{"MISSING_END_STATE : Workflow has no terminal state"});
    EXPECT_EQ(findings(states("A", R"("A": {"Type": "Pass", "Next": "A"}, "C": {"Type": "Succeed"})")),
              Strings{"MISSING_TRANSITION_TARGET /States/C: State \"C\" is not reachable."});
    // Catch, Default and choice rules reach states.
    EXPECT_EQ(findings(states("A", R"("A": {"Type": "Task", "Resource": "flowctl:http:s", "Next": "B",
                                           "Catch": [{"ErrorEquals": ["x"], "Next": "C"}]},
                                      "B": {"Type": "Choice", "Default": "D", "Choices": [
                                           {"Variable": "$.x", "IsNull": true, "Next": "E"}]},
                                      "C": {"Type": "Fail"}, "D": {"Type": "Fail"}, "E": {"Type": "Fail"})")),
              Strings{});
    EXPECT_EQ(findings(states("A", R"("A": {"Type": "Choice", "Default": "P", "Choices": [
                                           {"Variable": "$.x", "IsNull": true, "Next": "Q"}]},
                                      "B": {"Type": "Fail"})")),
              (Strings{"MISSING_TRANSITION_TARGET /States/A/Default: Missing 'Next' target: P",
                       "MISSING_TRANSITION_TARGET /States/A/Choices/0/Next: Missing 'Next' target: Q",
                       "MISSING_TRANSITION_TARGET /States/B: State \"B\" is not reachable."}));
}

TEST(Compile, ChecksFieldsOfStates) {
    EXPECT_EQ(only(pass(R"("End": true, "Retry": [])")), ": Field 'Retry' is not supported");
    EXPECT_EQ(only(pass(R"("End": true, "TimeoutSeconds": 1)")), ": Field 'TimeoutSeconds' is not supported");
    EXPECT_EQ(only(pass(R"("End": true, "Comment": 1)")), "/Comment: Expected value of type String");
    EXPECT_EQ(only(pass(R"("End": "true")")), "/End: Expected value of type Boolean");
    EXPECT_EQ(only(task(R"("ResultSelector": "$.x")")), "/ResultSelector: Expected value of type Object");
    EXPECT_EQ(only(task(R"("TimeoutSeconds": 1.5)")), "/TimeoutSeconds: Expected value of type Integer");
    EXPECT_EQ(only(task(R"("TimeoutSeconds": 100000000)")), "/TimeoutSeconds: Maximum value is 99999999");
    EXPECT_EQ(only(task(R"("TimeoutSeconds": 1e30)")), "/TimeoutSeconds: Maximum value is 99999999");
    EXPECT_EQ(only(task(R"("TimeoutSeconds": 5, "TimeoutSecondsPath": "$.t")")),
              ": There should only be one of the following fields: [TimeoutSeconds, TimeoutSecondsPath]");
    EXPECT_EQ(only(task(R"("TimeoutSeconds": 5, "HeartbeatSeconds": 5)")),
              "/HeartbeatSeconds: HeartbeatSeconds must be less than TimeoutSeconds");
    EXPECT_EQ(only(states("A", R"("A": {"Type": "Task", "End": true})")),
              ": These fields are required: [Resource]");
    EXPECT_EQ(only(states("A", R"("A": {"Type": "Task", "Resource": "foo:bar", "End": true})")),
              "/Resource: Value is not a valid resource ARN");
    EXPECT_EQ(
        only(states("A", R"("A": {"Type": "Wait", "End": true})")),
        ": There should be one of the following fields: [SecondsPath, Seconds, TimestampPath, Timestamp]");
    EXPECT_EQ(only(states("A", R"("A": {"Type": "Fail", "Error": "e", "ErrorPath": "$.e"})")),
              ": There should only be one of the following fields: [Error, ErrorPath]");
    EXPECT_EQ(only(states("A", R"("A": {"Type": "Fail", "Next": "A"})")), ": Field 'Next' is not supported");
    EXPECT_EQ(findings(states("A", R"("A": 1, "B": {"Type": "Succeed"})")).at(0),
              "SCHEMA_VALIDATION_FAILED /States/A: Expected value of type Object");
    EXPECT_EQ(findings(task(R"("TimeoutSecondsPath": "$.t", "HeartbeatSecondsPath": "$$.Execution.Input.h",
                              "Credentials": {"RoleArn.$": "$.r"})")),
              Strings{});
}

TEST(Compile, ChecksRetryAndCatch) {
    const auto retry = [](const std::string& one) { return only(task("\"Retry\": [" + one + "]")); };
    EXPECT_EQ(retry("{}"), "/Retry/0: These fields are required: [ErrorEquals]");
    EXPECT_EQ(retry(R"({"ErrorEquals": []})"), "/Retry/0/ErrorEquals: Value cannot be empty");
    EXPECT_EQ(retry(R"({"ErrorEquals": [true]})"), "/Retry/0/ErrorEquals/0: Expected value of type String");
    EXPECT_EQ(retry(R"({"ErrorEquals": ["States.ALL", "x"]})"),
              "/Retry/0/ErrorEquals: States.ALL must appear alone and at end of list");
    EXPECT_EQ(retry(R"({"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["x"]})"),
              "/Retry/0/ErrorEquals: States.ALL must appear alone and at end of list");
    EXPECT_EQ(retry(R"({"ErrorEquals": ["x"], "IntervalSeconds": 0})"),
              "/Retry/0/IntervalSeconds: Minimum value is 1");
    EXPECT_EQ(retry(R"({"ErrorEquals": ["x"], "MaxAttempts": -1})"),
              "/Retry/0/MaxAttempts: Minimum value is 0");
    EXPECT_EQ(retry(R"({"ErrorEquals": ["x"], "BackoffRate": 0.9})"),
              "/Retry/0/BackoffRate: Minimum value is 1.0");
    EXPECT_EQ(retry(R"({"ErrorEquals": ["x"], "BackoffRate": 1e999})"),
              "/Retry/0/BackoffRate: The number is too large");
    EXPECT_EQ(retry(R"({"ErrorEquals": ["x"], "JitterStrategy": "SOME"})"),
              "/Retry/0/JitterStrategy: Value should be one of the following: [NONE, FULL]");
    EXPECT_EQ(retry(R"({"ErrorEquals": ["x"], "MaxDelaySeconds": 3, "IntervalSeconds": 3})"),
              "/Retry/0/MaxDelaySeconds: MaxDelaySeconds must be greater than IntervalSeconds");
    EXPECT_EQ(retry("1"), "/Retry/0: Expected value of type Object");
    EXPECT_EQ(only(task(R"("Catch": {})")), "/Catch: Expected value of type Array");
    EXPECT_EQ(only(task(R"("Catch": [{"ErrorEquals": ["x"]}])")),
              "/Catch/0: These fields are required: [Next]");
    EXPECT_EQ(
        only(task(R"("Catch": [{"ErrorEquals": ["x"], "Next": "A", "Output": 1}])")),
        "/Catch/0: The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the "
        "'JSONata' QueryLanguage");
}

TEST(Compile, ChecksChoiceRules) {
    const auto rule = [](const std::string& one) {
        return only(states("A", R"("A": {"Type": "Choice", "Choices": [)" + one + R"(], "Default": "B"},
                                   "B": {"Type": "Succeed"})"));
    };
    EXPECT_EQ(rule(""), "/Choices: Value cannot be empty");
    EXPECT_EQ(rule(R"({"Variable": "$.x", "IsNull": true})"),
              "/Choices/0: These fields are required: [Next]");
    EXPECT_EQ(rule(R"({"IsNull": true, "Next": "B"})"), "/Choices/0: These fields are required: [Variable]");
    EXPECT_EQ(rule(R"({"Variable": "$.x", "Next": "B"})"),
              "/Choices/0: A choice rule needs a comparison operator, And, Or or Not");
    EXPECT_EQ(rule(R"({"Variable": "$.x", "IsNull": true, "IsString": true, "Next": "B"})"),
              "/Choices/0: There should only be one of the following fields: [IsNull, IsString]");
    EXPECT_EQ(rule(R"({"Variable": "$.x", "NumericEquals": "1", "Next": "B"})"),
              "/Choices/0/NumericEquals: Expected value of type Number");
    EXPECT_EQ(rule(R"({"Variable": "$.x", "TimestampEquals": "now", "Next": "B"})"),
              "/Choices/0/TimestampEquals: String does not match RFC3339 timestamp");
    EXPECT_EQ(rule(R"({"Variable": "$.x", "Unknown": 1, "IsNull": true, "Next": "B"})"),
              "/Choices/0: Field 'Unknown' is not supported");
    EXPECT_EQ(rule(R"({"And": [], "Next": "B"})"), "/Choices/0/And: Value cannot be empty");
    EXPECT_EQ(rule(R"({"Not": {"Variable": "$.x", "IsNull": true, "Next": "B"}, "Next": "B"})"),
              "/Choices/0/Not: Field 'Next' is not supported");
    EXPECT_EQ(rule(R"({"Or": [{"And": [1]}], "Next": "B"})"),
              "/Choices/0/Or/0/And/0: Expected value of type Object");
    EXPECT_EQ(rule(R"({"And": [{"Variable": "$.x", "IsNull": true}], "IsNull": true, "Next": "B"})"),
              "/Choices/0: Field 'IsNull' is not supported");
}

TEST(Compile, ChecksNames) {
    const std::string name(81, 'x');
    EXPECT_EQ(findings(states(name, "\"" + name + R"(": {"Type": "Succeed"})")),
              Strings{"SCHEMA_VALIDATION_FAILED /States/" + name +
                      ": State name must be at most 80 characters long"});
    std::string wide;
    for (int i = 0; i < 80; ++i)
        wide += "\xc3\xa9";
    EXPECT_EQ(findings(states(wide, "\"" + wide + R"(": {"Type": "Succeed"})")), Strings{});
    EXPECT_EQ(findings(states("A", R"("A": {"Type": "Succeed"}, "A": {"Type": "Fail"})")),
              Strings{"INVALID_JSON_DESCRIPTION /States: Duplicate field 'A'"});
    EXPECT_EQ(only(pass(R"("End": true, "Assign": {"1a": 1})")),
              "/Assign/1a: The variable name '1a' is not a valid identifier");
    EXPECT_EQ(only(pass(R"("End": true, "Assign": {"a.b": 1})")),
              "/Assign/a.b: The variable name 'a.b' is not a valid identifier");
    EXPECT_EQ(only(pass(R"("End": true, "Assign": {"a": 1, "a.$": "$"})")),
              "/Assign/a.$: The variable 'a' is assigned twice");
}

TEST(Compile, ChecksWhatIsInside) {
    EXPECT_EQ(
        findings(states("A", R"("A": {"Type": "Parallel", "End": true, "Branches": [
                                        {"StartAt": "B", "States": {"B": {"Type": "Pass", "Next": "A"},
                                                                    "C": {"Type": "Succeed"}}}]})")),
        (Strings{"MISSING_TRANSITION_TARGET /States/A/Branches/0/States/B/Next: Missing 'Next' target: A",
                 "MISSING_TRANSITION_TARGET /States/A/Branches/0/States/C: State \"C\" is not reachable."}));
    EXPECT_EQ(findings(states("M", R"("M": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "M",
                                        "States": {"M": {"Type": "Succeed"}}}})")),
              Strings{"DUPLICATE_STATE_NAME /States/M/ItemProcessor/States/M: Duplicate State name: M"});
    // Only a processor has a ProcessorConfig.
    EXPECT_EQ(
        findings(states("A", R"("A": {"Type": "Parallel", "End": true, "Branches": [
                                        {"StartAt": "B", "States": {"B": {"Type": "Succeed"}},
                                         "ProcessorConfig": {}}]})")),
        Strings{"SCHEMA_VALIDATION_FAILED /States/A/Branches/0: Field 'ProcessorConfig' is not supported"});
    const auto map = [](const std::string& fields) {
        return findings(states("M", R"("M": {"Type": "Map", "End": true, )" + fields +
                                        R"(, "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"},
                                            "StartAt": "S", "States": {"S": {"Type": "Succeed"}}}})"));
    };
    EXPECT_EQ(map(R"("MaxConcurrency": -1)"),
              Strings{"SCHEMA_VALIDATION_FAILED /States/M/MaxConcurrency: Minimum value is 0"});
    EXPECT_EQ(
        map(R"("ToleratedFailurePercentage": 100.5)"),
        Strings{"SCHEMA_VALIDATION_FAILED /States/M/ToleratedFailurePercentage: Maximum value is 100.0"});
    EXPECT_EQ(map(R"("MaxConcurrency": 1, "MaxConcurrencyPath": "$.n")"),
              Strings{"SCHEMA_VALIDATION_FAILED /States/M: There should only be one of the following fields: "
                      "[MaxConcurrency, MaxConcurrencyPath]"});
    EXPECT_EQ(map(R"("ItemSelector": {}, "Parameters": {})"),
              Strings{"SCHEMA_VALIDATION_FAILED /States/M: There should only be one of the following fields: "
                      "[ItemSelector, Parameters]"});
    EXPECT_EQ(map(R"("ItemsPath": "$.a[*]")"),
              Strings{"SCHEMA_VALIDATION_FAILED /States/M/ItemsPath: Value is not a Reference Path"});
}

TEST(Compile, InnerScopesDoNotAssignOuterNames) {
    const auto nested = [](const std::string& inner, const std::string& config = "") {
        return findings(states("A", R"("A": {"Type": "Pass", "Assign": {"x.$": "$"}, "Next": "M"},
            "M": {"Type": "Map", "Next": "Z", "Catch": [{"ErrorEquals": ["E"], "Next": "Z", "Assign": {"y": 1}}],
                  "ItemProcessor": {)" + config +
                                        R"("StartAt": "S", "States": {
                      "S": {"Type": "Pass", "End": true, "Assign": {)" +
                                        inner + R"(}}}}},
            "Z": {"Type": "Pass", "End": true, "Assign": {"z": 1}})"));
    };
    EXPECT_EQ(nested(R"("own": 1)"), Strings{});
    EXPECT_EQ(nested(R"("y": 1)"), Strings{});  // assigned when the inner scope is gone
    for (const char* name : {"x", "z"}) {
        EXPECT_EQ(nested("\"" + std::string(name) + ".$\": \"$\""),
                  Strings{"SCHEMA_VALIDATION_FAILED /States/M/ItemProcessor/States/S/Assign/" +
                          std::string(name) + ".$: The variable '" + name +
                          "' belongs to an outer scope and cannot be assigned in an inner one"});
    }
    EXPECT_EQ(
        nested(R"("x": 1)", R"("ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, )"),
        Strings{});
}

std::string integration(const std::string& resource, const std::string& fields) {
    return states("A", R"("A": {"Type": "Task", "End": true, "Resource": "arn:aws:states:::)" + resource +
                           R"(", )" + fields + "}");
}

TEST(Compile, IntegrationsHaveFieldsThatTheyCannotDoWithout) {
    EXPECT_EQ(only(integration("lambda:invoke", R"("Parameters": {"Payload": {}})")),
              "/Parameters: The field 'FunctionName' is required but was missing");
    EXPECT_EQ(only(integration("lambda:invoke",
                               R"("QueryLanguage": "JSONata", "Arguments": {"FunctionName.$": "x"})")),
              "/Arguments: The field 'FunctionName' is required but was missing");
    EXPECT_EQ(only(integration("http:invoke", R"("Parameters": {"ApiEndpoint.$": "$.u", "Method": "GET"})")),
              "/Parameters: There should be one of the following fields: [Authentication, InvocationConfig]");
    EXPECT_EQ(only(integration("sqs:sendMessage", R"("Parameters": {"QueueUrl": "u"})")),
              "/Parameters: The field 'MessageBody' is required but was missing");
    // What is a path's, is given by an expression as a whole, or is the state's input.
    for (const char* fields :
         {R"("Parameters": {"FunctionName.$": "$.f"})", R"("Comment": "the input has it")",
          R"("QueryLanguage": "JSONata", "Arguments": "{% $states.input %}")",
          R"("QueryLanguage": "JSONata", "Arguments": {"FunctionName": "{% 'f' %}"})"})
        EXPECT_EQ(findings(integration("lambda:invoke", fields)), Strings{}) << fields;
    EXPECT_EQ(findings(integration("sns:publish", R"("Parameters": {"Message": "m", "TargetArn": "a"})")),
              Strings{});
}

TEST(Compile, CredentialsNameARole) {
    EXPECT_EQ(only(task(R"("Credentials": {})")),
              "/Credentials: The field 'RoleArn' is required but was missing");
    EXPECT_EQ(only(task(R"("Credentials": {"roleArn": "arn:x"})")),
              "/Credentials: The field 'RoleArn' is required but was missing");
    EXPECT_EQ(findings(task(R"("Credentials": {"RoleArn": "arn:x"})")), Strings{});
    EXPECT_EQ(findings(task(R"("Credentials": {"RoleArn.$": "$.role"})")), Strings{});
    EXPECT_EQ(only(task(R"("QueryLanguage": "JSONata", "Credentials": {"RoleArn.$": "$.role"})")),
              "/Credentials: The field 'RoleArn' is required but was missing");
    EXPECT_EQ(findings(task(R"("QueryLanguage": "JSONata", "Credentials": "{% $c %}")")), Strings{});
}

TEST(Compile, TheContextObjectIsNoListOfItems) {
    const auto map = [](const std::string& path) {
        return states(
            "A",
            R"("A": {"Type": "Map", "End": true, "ItemsPath": ")" + path +
                R"(", "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}}})");
    };
    EXPECT_EQ(only(map("$$")), "/ItemsPath: The Context Object is no array of items");
    EXPECT_EQ(findings(map("$$.Execution.Input.values")), Strings{});
}

TEST(Compile, SurvivesHostileDefinitions) {
    // Deep nesting of what recurses.
    std::string deep;
    for (int i = 0; i < 490; ++i)
        deep += "{\"Not\": ";
    deep += R"({"Variable": "$.x", "IsNull": true})";
    for (int i = 0; i < 490; ++i)
        deep += "}";
    deep.back() = ',';
    EXPECT_EQ(findings(states(
                  "A", R"("A": {"Type": "Choice", "Choices": [)" + deep + R"("Next": "B"}], "Default": "B"},
                                      "B": {"Type": "Succeed"})")),
              Strings{});
    std::string branches = R"({"StartAt": "x", "States": {}})";
    for (int i = 0; i < 200; ++i)
        branches =
            R"({"StartAt": "x", "States": {"x": {"Type": "Parallel", "Branches": [)" + branches + "]}}}";
    EXPECT_EQ(findings(branches).size(), 100u);
    EXPECT_EQ(findings(std::string(5'000, '[')).size(), 1u);
    // Thousands of mistakes give a hundred findings, and soon.
    std::string many = R"({"StartAt": "s", "States": {)";
    for (int i = 0; i < 20'000; ++i)
        many += (i > 0 ? ",\"s" : "\"s") + std::to_string(i) + R"(": {"Type":"Pass","Nxt":1})";
    const Strings of_many = findings(many + "}}");
    ASSERT_EQ(of_many.size(), 100u);
    EXPECT_TRUE(of_many.back().starts_with("FINDINGS_LEFT_OUT : ")) << of_many.back();
    EXPECT_TRUE(of_many.back().ends_with(" more findings are left out")) << of_many.back();
}

// At most a hundred, and the last of them says how many others there are.
TEST(Compile, FindingsBeyondTheHundredthAreCounted) {
    const auto with_mistakes = [](int count) {
        std::string text = R"({"StartAt": "s0", "States": {"s0": {"Type": "Succeed"})";
        for (int i = 0; i < count; ++i)
            text += ", \"x" + std::to_string(i) + R"(": {"Type": "Succeed", "Comment": 1})";
        return findings(text + "}}");
    };
    const Strings one = with_mistakes(1);
    const std::size_t each = one.size();  // what is wrong with one such state
    ASSERT_EQ(each, 2u);
    EXPECT_EQ(with_mistakes(50).size(), 100u);
    EXPECT_FALSE(with_mistakes(50).back().starts_with("FINDINGS_LEFT_OUT"));
    ASSERT_EQ(with_mistakes(51).size(), 100u);
    EXPECT_EQ(with_mistakes(51).back(), "FINDINGS_LEFT_OUT : 3 more findings are left out");
    EXPECT_EQ(with_mistakes(51).front(), with_mistakes(50).front());
}

TEST(Compile, BoundedFindings) {
    const asl::Finding warning{asl::Finding::Severity::Warning, "C", "/x", "m"};
    std::vector<asl::Finding> list(asl::kMostFindings, warning);
    asl::bound_findings(list);
    EXPECT_EQ(list.size(), asl::kMostFindings);
    EXPECT_EQ(list.back().code, "C");
    list.push_back(warning);
    asl::bound_findings(list);
    ASSERT_EQ(list.size(), asl::kMostFindings);
    EXPECT_EQ(list.back().code, asl::kLeftOut);
    EXPECT_EQ(list.back().message, "2 more findings are left out");
    EXPECT_EQ(list.back().severity, asl::Finding::Severity::Warning);
    list.assign(3, warning);
    list.back().severity = asl::Finding::Severity::Error;
    asl::bound_findings(list, 1);
    ASSERT_EQ(list.size(), 4u);
    EXPECT_EQ(list.back().message, "1 more finding is left out");
    EXPECT_EQ(list.back().severity, asl::Finding::Severity::Error);
}

TEST(Compile, SaysWhatAPathWouldHaveToBe) {
    const std::string rest = ": neither a name, an index, a slice, a filter nor * in the brackets";
    EXPECT_EQ(only(pass(R"("ResultPath": "$.[", "End": true)")),
              "/ResultPath: Value is not a Reference Path" + rest);
    EXPECT_EQ(only(pass(R"("InputPath": "$.[", "End": true)")),
              "/InputPath: Value is not a valid JSONPath" + rest);
    EXPECT_EQ(
        only(states("A", R"("A": {"Type": "Fail", "CausePath": "$.["})")),
        "/CausePath: Value must be a Reference Path or an intrinsic function that returns a string" + rest);
}

TEST(Compile, ALanguageThatThereIsNot) {
    EXPECT_EQ(only(pass(R"("QueryLanguage": "XQuery", "End": true)")),
              "/QueryLanguage: Value should be one of the following: [JSONPath, JSONata]");
}

// Of actions that the table of integrations does not have, nothing is required.
TEST(Compile, AnSdkIntegrationRequiresNothing) {
    EXPECT_EQ(findings(states("A", R"("A": {"Type": "Task", "End": true,
                  "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets"})")),
              Strings{});
}

TEST(Compile, AnExpressFlowCanHaveAnUnknownResource) {
    const std::string definition =
        states("A", R"("A": {"Type": "Task", "Resource": "nonsense", "End": true})");
    const auto compiled = asl::compile(definition, asl::FlowType::Express);
    ASSERT_EQ(compiled.findings.size(), 1u);
    EXPECT_EQ(compiled.findings[0].location, "/States/A/Resource");
}

// What the second check finds in the first rule stands before what the first check finds in the second.
TEST(Compile, FindingsWithinAnArrayAreInItsOrder) {
    const Strings all = findings(states("A", R"("A": {"Type": "Choice", "Default": "B", "Choices": [
        {"Variable": "$.x", "IsNull": true, "Next": "nowhere"},
        {"Variable": "$.x", "IsNull": 1, "Next": "B"}]}, "B": {"Type": "Succeed"})"));
    ASSERT_EQ(all.size(), 2u);
    EXPECT_NE(all[0].find("/States/A/Choices/0/Next"), std::string::npos) << all[0];
    EXPECT_NE(all[1].find("/States/A/Choices/1/IsNull"), std::string::npos) << all[1];
}

TEST(Compile, AStateThatIsNoObject) {
    const Strings all = findings(R"({"StartAt": "A", "States": {"A": 5}})");
    ASSERT_EQ(all.size(), 2u);
    EXPECT_NE(all[0].find("MISSING_END_STATE : "), std::string::npos) << all[0];
    EXPECT_NE(all[1].find(" /States/A: "), std::string::npos) << all[1];
}

TEST(Compile, ADefinitionAsLongAsItMayBe) {
    const std::string small = pass(R"("End": true)");
    EXPECT_EQ(findings(small + std::string(1'048'576 - small.size(), ' ')), Strings{});
    EXPECT_EQ(findings(small + std::string(1'048'577 - small.size(), ' ')),
              Strings{"SCHEMA_VALIDATION_FAILED : Definition must be at most 1048576 bytes long"});
}

TEST(Compile, PlacesOfDuplicatesAndOfOddNames) {
    EXPECT_EQ(findings(R"({"StartAt": "A", "States": {"A": {"Type": "Choice", "Default": "B", "Choices": [
        {"Variable": "$.x", "IsNull": true, "Next": "B"},
        {"Variable": "$.x", "IsNull": true, "Next": "B", "Next": "B"}]}, "B": {"Type": "Succeed"}}})"),
              Strings{"INVALID_JSON_DESCRIPTION /States/A/Choices/1: Duplicate field 'Next'"});
    const Strings odd =
        findings(R"({"StartAt": "a~b/c", "States": {"a~b/c": {"Type": "Succeed", "Comment": 1}}})");
    ASSERT_EQ(odd.size(), 1u);
    EXPECT_NE(odd[0].find(" /States/a~0b~1c/Comment: "), std::string::npos) << odd[0];
}

TEST(Compile, ABranchThatIsNoObject) {
    const Strings all = findings(states("A", R"("A": {"Type": "Parallel", "Branches": [7], "End": true})"));
    ASSERT_FALSE(all.empty());
    EXPECT_EQ(all[0], "SCHEMA_VALIDATION_FAILED /States/A/Branches/0: Expected value of type Object");
}

TEST(Compile, IntegrationsWithoutAnAction) {
    for (const char* arn :
         {"arn:aws:states:::lambda", "arn:aws:states:::lambda:", "arn:aws:states::::invoke"})
        EXPECT_EQ(only(states(
                      "A", R"("A": {"Type": "Task", "End": true, "Resource": ")" + std::string(arn) + "\"}")),
                  "/Resource: Value is not a valid resource ARN")
            << arn;
}
