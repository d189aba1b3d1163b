// test_state(): what it answers, for every way out of a state.
#include <gtest/gtest.h>

#include "core/test_state/test_state.hpp"
#include "machine_support.hpp"

namespace flowctl {

namespace {

using test::value;

class TestState : public ::testing::Test {
  protected:
    // The answer as JSON; an API error as "code: message".
    std::string answer() {
        machine::RunContext run;
        run.express = true;
        run.execution_id = "arn:flowctl:states:local:db:express:test_state:1";
        run.execution_name = "1";
        run.role_arn = "arn:flowctl:iam::db:role/r";
        run.state_machine_id = "arn:flowctl:states:local:db:stateMachine:test_state";
        run.state_machine_name = "test_state";
        run.started_at = 1'790'000'000'000'000;
        const auto given = test_state::test_state(request, run, limits, {run.started_at, 1});
        if (!given.ok()) return given.error().code + ": " + given.error().message;
        last = given.value();
        return json::dump(last);
    }
    std::string answer(const std::string& definition, std::string_view input = "{}",
                       std::string_view mock = "null") {
        request.definition = definition;
        request.input = value(input);
        request.mock = value(mock);
        return answer();
    }
    // A member of inspectionData, or "none".
    std::string seen(std::string_view stage) const {
        const json::Value* data = last.find("inspectionData");
        const json::Value* found = data != nullptr ? data->find(stage) : nullptr;
        return found != nullptr ? json::dump(*found) : "none";
    }

    test_state::Request request;
    machine::Limits limits;
    json::Value last;
};

constexpr const char* kProcessor =
    R"("ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Each",
       "States": {"Each": {"Type": "Pass", "End": true}}}, "End": true)";

constexpr const char* kTask = R"({"Type": "Task", "Resource": "flowctl:http:s", "InputPath": "$.in",
    "Parameters": {"p.$": "$.x"}, "ResultSelector": {"r.$": "$.y"}, "ResultPath": "$.out", "OutputPath": "$.out",
    "Retry": [{"ErrorEquals": ["Rare"], "MaxAttempts": 0}, {"ErrorEquals": ["E"], "IntervalSeconds": 2, "MaxAttempts": 3, "BackoffRate": 3}],
    "Catch": [{"ErrorEquals": ["X"], "Next": "OnX"}, {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "OnAny"}],
    "Next": "Then"})";

TEST_F(TestState, ShowsEachStageOfATask) {
    request.inspection_level = "DEBUG";
    EXPECT_NE(answer(kTask, R"({"in": {"x": 1}})", R"({"result": {"y": 2}})").find("\"nextState\":\"Then\""),
              std::string::npos);
    EXPECT_EQ(json::dump(*last.find("status")), "\"SUCCEEDED\"");
    EXPECT_EQ(json::dump(*last.find("output")), R"({"r":2})");
    EXPECT_EQ(seen("input"), R"({"in":{"x":1}})");
    EXPECT_EQ(seen("afterInputPath"), R"({"x":1})");
    EXPECT_EQ(seen("afterParameters"), R"({"p":1})");
    EXPECT_EQ(seen("result"), R"({"y":2})");
    EXPECT_EQ(seen("afterResultSelector"), R"({"r":2})");
    EXPECT_EQ(seen("afterResultPath"), R"({"in":{"x":1},"out":{"r":2}})");
    EXPECT_EQ(seen("errorDetails"), "none");
}

TEST_F(TestState, ShowsOnlyTheStagesThatWereReached) {
    request.inspection_level = "TRACE";
    answer(kTask, R"({"in": {}})", R"({"result": {"y": 2}})");
    EXPECT_EQ(json::dump(*last.find("status")), "\"FAILED\"");
    EXPECT_EQ(json::dump(*last.find("error")), "\"States.Runtime\"");
    EXPECT_EQ(seen("afterInputPath"), "{}");
    EXPECT_EQ(seen("afterParameters"), "none");
    EXPECT_EQ(seen("result"), "none");
}

TEST_F(TestState, CountsTheRetriesThatWereUsed) {
    request.inspection_level = "DEBUG";
    const auto with_retries = [&](int n) {
        request.configuration =
            json::ObjectBuilder().add("retrierRetryCount", json::Value::integer(n)).build();
        answer(kTask, R"({"in": {"x": 1}})", R"({"errorOutput": {"error": "E", "cause": "c"}})");
        return std::string(last.find("status")->as_string()) + " " + seen("errorDetails");
    };
    EXPECT_EQ(with_retries(0), R"(RETRIABLE {"retryIndex":1,"retryBackoffIntervalSeconds":2})");
    EXPECT_EQ(with_retries(2), R"(RETRIABLE {"retryIndex":1,"retryBackoffIntervalSeconds":18})");
    EXPECT_EQ(last.find("output"), nullptr);
    EXPECT_EQ(json::dump(*last.find("cause")), "\"c\"");
    EXPECT_EQ(with_retries(3), R"(CAUGHT_ERROR {"catchIndex":1,"retryIndex":1})");
    EXPECT_EQ(with_retries(2'147'483'647), R"(CAUGHT_ERROR {"catchIndex":1,"retryIndex":1})");
}

TEST_F(TestState, SaysWhichCatcherTookTheError) {
    EXPECT_EQ(
        answer(kTask, R"({"in": {"x": 1}})", R"({"errorOutput": {"error": "X", "cause": "c"}})"),
        R"({"status":"CAUGHT_ERROR","output":{"Error":"X","Cause":"c"},"error":"X","cause":"c","nextState":"OnX"})");
    EXPECT_EQ(
        answer(kTask, R"({"in": {"x": 1}})", R"({"errorOutput": {"error": "Rare"}})"),
        R"({"status":"CAUGHT_ERROR","output":{"in":{"x":1},"error":{"Error":"Rare","Cause":""}},"error":"Rare","nextState":"OnAny"})");
}

TEST_F(TestState, EndsWhereTheBlockEnds) {
    EXPECT_EQ(answer(R"({"Type": "Pass", "Result": 1.50, "End": true})"),
              R"({"status":"SUCCEEDED","output":1.50})");
    EXPECT_EQ(answer(R"({"Type": "Succeed"})", "7"), R"({"status":"SUCCEEDED","output":7})");
    EXPECT_EQ(answer(R"({"Type": "Fail"})"), R"({"status":"FAILED"})");
    EXPECT_EQ(answer(R"({"Type": "Fail", "Error": "E", "CausePath": "$.why"})", R"({"why": "so"})"),
              R"({"status":"FAILED","error":"E","cause":"so"})");
}

TEST_F(TestState, WaitsForNothing) {
    EXPECT_EQ(
        answer(R"({"Type": "Wait", "Timestamp": "2999-01-01T00:00:00Z", "OutputPath": "$.a", "Next": "N"})",
               R"({"a": 1})"),
        R"({"status":"SUCCEEDED","output":1,"nextState":"N"})");
}

TEST_F(TestState, TestsAStateWithinAMap) {
    request.definition = test::states(
        "M", R"("M": {"Type": "Map", "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Parallel",
             "Branches": [{"StartAt": "Q", "States": {"Q": {"Type": "Pass", "End": true}}}], "End": true}}}, "End": true})");
    request.state_name = "Q";
    request.input = value("5");
    EXPECT_EQ(answer(), R"({"status":"SUCCEEDED","output":5})");
    request.state_name = "N";
    EXPECT_EQ(answer(), "ValidationException: State not found in definition");
}

TEST_F(TestState, GivesEachItemItsInput) {
    request.inspection_level = "DEBUG";
    answer(
        R"({"Type": "Map", "ItemsPath": "$.l", "ItemSelector": {"v.$": "$$.Map.Item.Value", "n.$": "$$.State.Name"},
              "MaxConcurrency": 3, "ToleratedFailurePercentage": 50,
              "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "End": true})",
        R"({"l": [1, 2]})", R"({"result": []})");
    EXPECT_EQ(seen("afterItemsPath"), "[1,2]");
    EXPECT_EQ(seen("afterItemSelector"), R"([{"v":1,"n":"StateName"},{"v":2,"n":"StateName"}])");
    EXPECT_EQ(seen("maxConcurrency"), "3");
    EXPECT_EQ(seen("toleratedFailurePercentage"), "50");
    EXPECT_EQ(seen("result"), "none");
}

TEST_F(TestState, FailsAMapOfWhichTooMuchHasFailed) {
    const auto with = [&](const char* tolerated, int failed) {
        request.configuration =
            json::ObjectBuilder().add("mapIterationFailureCount", json::Value::integer(failed)).build();
        answer(
            std::string(
                R"({"Type": "Map", "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}},
               "End": true)") +
                tolerated + "}",
            "[1, 2, 3, 4]", R"({"result": [1, 2, 3, 4]})");
        const json::Value* error = last.find("error");
        return error == nullptr ? std::string("none") : std::string(error->as_string());
    };
    EXPECT_EQ(with("", 4), "none");
    EXPECT_EQ(with(R"(, "ToleratedFailureCount": 2)", 2), "none");
    EXPECT_EQ(with(R"(, "ToleratedFailureCount": 2)", 3), "States.ExceedToleratedFailureThreshold");
    EXPECT_EQ(with(R"(, "ToleratedFailurePercentage": 50)", 2), "none");
    EXPECT_EQ(with(R"(, "ToleratedFailurePercentage": 50)", 3), "States.ExceedToleratedFailureThreshold");
}

TEST_F(TestState, AnEmptyMapHasTheMockedResultToo) {
    const std::string map =
        R"({"Type": "Map", "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}},
        "End": true})";
    EXPECT_EQ(answer(map, "[]", R"({"result": [1]})"), R"({"status":"SUCCEEDED","output":[1]})");
    EXPECT_EQ(answer(map, "[]", R"({"errorOutput": {"error": "E"}})"), R"({"status":"FAILED","error":"E"})");
}

TEST_F(TestState, VariablesAreReadAndAssigned) {
    request.inspection_level = "DEBUG";
    request.variables = value(R"({"n": 1})");
    answer(R"({"Type": "Pass", "Parameters": {"n.$": "$n"}, "Assign": {"m.$": "$.n"}, "End": true})");
    EXPECT_EQ(json::dump(*last.find("output")), R"({"n":1})");
    EXPECT_EQ(seen("variables"), R"({"m":1,"n":1})");
}

TEST_F(TestState, TheContextIsTheGivenOneOrThatOfARun) {
    const std::string state = R"({"Type": "Pass", "Parameters": {"c.$": "$$"}, "End": true})";
    EXPECT_NE(
        answer(state).find(R"("StateMachine":{"Id":"arn:flowctl:states:local:db:stateMachine:test_state")"),
        std::string::npos);
    request.context = value("{}");
    EXPECT_EQ(answer(state), R"({"status":"SUCCEEDED","output":{"c":{}}})");
}

// The token of a task is in the Context Object of the states that have one, and of no other.
TEST_F(TestState, OnlyATaskWithATokenHasTaskInItsContext) {
    request.context = value(R"({"Task": {"Token": "t"}})");
    const std::string refused = "ValidationException: The Context object of this state has no field 'Task'.";
    const auto task = [&](const char* resource) {
        return answer(std::string(R"({"Type": "Task", "Resource": ")") + resource + R"(", "End": true})",
                      "{}", R"({"result": 1})");
    };
    EXPECT_EQ(task("flowctl:http:s"), refused);
    EXPECT_EQ(task("flowctl:http:s.waitForTaskToken"), R"({"status":"SUCCEEDED","output":1})");
    EXPECT_EQ(task("flowctl:activity:a"), R"({"status":"SUCCEEDED","output":1})");
    EXPECT_EQ(answer(R"({"Type": "Pass", "End": true})"), refused);
    request.context = value(R"({"State": {"Name": "A"}})");
    EXPECT_EQ(task("flowctl:http:s"), R"({"status":"SUCCEEDED","output":1})");
}

TEST_F(TestState, ATokenThatIsNotGivenIsAPlaceholder) {
    request.inspection_level = "DEBUG";
    const auto shown = [&](const std::string& state) {
        return answer(state, "{}", R"({"result": 1})");
    };
    EXPECT_NE(shown(R"({"Type": "Task", "Resource": "flowctl:http:s.waitForTaskToken", "End": true,
        "Parameters": {"t.$": "$$.Task.Token"}})").find(R"("afterParameters":{"t":"<token>"})"), std::string::npos);
    EXPECT_NE(shown(R"({"QueryLanguage": "JSONata", "Type": "Task", "Resource": "flowctl:flow:f.waitForTaskToken",
        "End": true, "Arguments": {"t": "{% $states.context.Task.Token & '!' %}"}})")
                  .find(R"("afterArguments":{"t":"<token>!"})"),
              std::string::npos);
    request.context = value(R"({"Task": {"Token": "t1"}})");
    EXPECT_NE(shown(R"({"Type": "Task", "Resource": "flowctl:http:s.waitForTaskToken", "End": true,
        "Parameters": {"t.$": "$$.Task.Token"}})").find(R"("afterParameters":{"t":"t1"})"), std::string::npos);
    request.context = value(R"({"State": {}})");
    EXPECT_NE(shown(R"({"Type": "Task", "Resource": "flowctl:http:s.waitForTaskToken", "End": true,
        "Parameters": {"t.$": "$$.Task.Token"}})").find(R"("status":"FAILED")"), std::string::npos);
}

TEST_F(TestState, SecretsAreNotRevealedBesideAMock) {
    const std::string task = R"({"Type": "Task", "Resource": "flowctl:http:s", "End": true})";
    request.configuration = value(R"({"revealSecrets": true})");
    EXPECT_EQ(answer(task, "{}", R"({"result": 1})"),
              "ValidationException: TestState does not support RevealSecrets when a mock is specified.");
    EXPECT_EQ(answer(R"({"Type": "Pass", "End": true})"), R"({"status":"SUCCEEDED","output":{}})");
    request.configuration = value(R"({"revealSecrets": false})");
    EXPECT_EQ(answer(task, "{}", R"({"result": 1})"), R"({"status":"SUCCEEDED","output":1})");
    request.configuration = value(R"({"revealSecrets": 1})");
    EXPECT_EQ(answer(task, "{}", R"({"result": 1})"),
              "ValidationException: 'revealSecrets' must be true or false.");
}

// As many items of a Map can have failed as there are, and only where a mock says what the Map gives.
TEST_F(TestState, FailedItemsAreThoseThatThereAre) {
    const std::string inline_map =
        R"({"Type": "Map", "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}},
        "End": true})";
    const std::string too_many =
        "ValidationException: 'stateConfiguration.mapIterationFailureCount' must not be greater than the "
        "number of items.";
    const auto with = [&](const std::string& map, int failed, const char* input, const char* mock) {
        request.configuration =
            json::ObjectBuilder().add("mapIterationFailureCount", json::Value::integer(failed)).build();
        return answer(map, input, mock);
    };
    constexpr const char* kMock = R"({"result": [1]})";
    const std::string done = R"({"status":"SUCCEEDED","output":[1]})";
    const std::string distributed = std::string(R"({"Type": "Map", )") + kProcessor + "}";
    for (const std::string& map : {inline_map, distributed}) {
        EXPECT_EQ(with(map, 2, "[1, 2]", kMock), done) << map;
        EXPECT_EQ(with(map, 3, "[1, 2]", kMock), too_many) << map;
        EXPECT_EQ(with(map, 0, "[]", kMock), done) << map;
        EXPECT_EQ(with(map, 1, "[]", kMock), too_many) << map;
        EXPECT_EQ(with(map, 3, "[1, 2]", R"({"errorOutput": {"error": "E"}})"), too_many) << map;
    }
    EXPECT_EQ(with(inline_map, 0, "[1]", "null"),
              "ValidationException: 'stateConfiguration.mapIterationFailureCount' is used with a mock only.");
    // What an ItemReader would find is not known unless the test says so.
    const std::string reading =
        std::string(R"({"Type": "Map", "ItemReader": {"Resource": "arn:aws:states:::s3:getObject",
            "Parameters": {"Bucket": "b", "Key": "k"}, "ReaderConfig": {"InputType": "JSON"}}, )") +
        kProcessor + "}";
    EXPECT_EQ(with(reading, 7, "{}", kMock), done);
    request.configuration = value(R"({"mapIterationFailureCount": 2, "mapItemReaderData": "[1, 2]"})");
    EXPECT_EQ(answer(), done);
    request.configuration = value(R"({"mapIterationFailureCount": 3, "mapItemReaderData": "[1, 2]"})");
    EXPECT_EQ(answer(), too_many);
}

TEST_F(TestState, OneStateIsOneState) {
    // Text that would add a state if it were pasted into a machine.
    EXPECT_EQ(answer(R"({"Type": "Pass", "End": true}, "Other": {"Type": "Succeed"})")
                  .rfind("InvalidDefinition: ", 0),
              0u);
    EXPECT_EQ(answer(R"({"Type": "Pass", "End": true, "End": true})").rfind("InvalidDefinition: ", 0), 0u);
    EXPECT_EQ(answer("").rfind("InvalidDefinition: ", 0), 0u);
    EXPECT_EQ(answer("[]").rfind("InvalidDefinition: ", 0), 0u);
    EXPECT_EQ(
        answer(R"({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})").rfind("InvalidDefinition: ", 0),
        0u);
}

TEST_F(TestState, DefinitionsAreReportedAsAwsDoes) {
    EXPECT_EQ(
        answer(R"({"Type": "Parallel", "Branches": [], "End": true})", "{}", R"({"result": []})"),
        "InvalidDefinition: Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Value cannot be "
        "empty at /States/StateName/Branches'");
}

TEST_F(TestState, SizesAreBounded) {
    limits.max_payload_bytes = 1'000;
    const std::string large = "\"" + std::string(2'000, 'x') + "\"";
    const std::string state = R"({"Type": "Pass", "End": true})";
    EXPECT_EQ(
        answer(state, large),
        "ValidationException: 1 validation error detected: Value at 'input' failed to satisfy constraint: "
        "Member must have length less than or equal to 1000");
    EXPECT_EQ(answer(kTask, "{}", "{\"result\": " + large + "}")
                  .rfind("ValidationException: 1 validation error", 0),
              0u);
    EXPECT_NE(answer(R"({"Type": "Pass", "Parameters": {"a.$": "$", "b.$": "$", "c.$": "$"}, "End": true})",
                     "\"" + std::string(600, 'x') + "\"")
                  .find("States.DataLimitExceeded"),
              std::string::npos);
}

TEST_F(TestState, MocksAreCheckedAgainstWhatAServiceAnswers) {
    const auto check = [&](const char* resource, const char* result, const char* mode) {
        const std::string said =
            answer(std::string(R"({"Type": "Task", "Resource": ")") + resource + R"(", "End": true})", "{}",
                   std::string(R"({"result": )") + result + R"(, "fieldValidationMode": ")" + mode + "\"}");
        return said.rfind("{\"status\":\"SUCCEEDED\"", 0) == 0 ? std::string("fine") : said;
    };
    const std::string error = "ValidationException: Mock result schema validation error: ";
    EXPECT_EQ(check("arn:aws:states:::lambda:invoke",
                    R"({"Payload": {"a": 1}, "StatusCode": 200, "More": 1})", "STRICT"),
              "fine");
    EXPECT_EQ(check("arn:aws:states:::lambda:invoke", R"({"ExecutedVersion": 1})", "PRESENT"),
              error + "Field 'ExecutedVersion' must be a string");
    EXPECT_EQ(check("arn:aws:states:::lambda:invoke", R"({"ExecutedVersion": 1})", "NONE"), "fine");
    EXPECT_EQ(check("arn:aws:states:::lambda:invoke", "[1]", "STRICT"),
              "ValidationException: Mocked result must be a JSON object.");
    EXPECT_EQ(check("arn:aws:states:::states:startExecution", "{}", "PRESENT"), "fine");
    EXPECT_EQ(check("arn:aws:states:::states:startExecution", R"({"ExecutionArn": "a"})", "STRICT"),
              error + "Required field 'StartDate' is missing");
    EXPECT_EQ(check("arn:aws:states:::states:startExecution.sync:2", "{}", "STRICT"),
              error + "Required field 'ExecutionArn' is missing");
    EXPECT_EQ(check("flowctl:flow:f", R"({"ExecutionArn": "a"})", "STRICT"),
              error + "Required field 'StartDate' is missing");
    EXPECT_EQ(check("flowctl:flow:f.sync", R"({"ExecutionArn": 1})", "PRESENT"),
              error + "Field 'ExecutionArn' must be a string");
    EXPECT_EQ(check("arn:aws:states:::events:putEvents", R"({"Entries": [{}, {"EventId": 1}]})", "STRICT"),
              error + "Field 'EventId' must be a string");
    EXPECT_EQ(check("arn:aws:states:::dynamodb:getItem", R"({"ConsumedCapacity": {"CapacityUnits": "1"}})",
                    "STRICT"),
              error + "Field 'CapacityUnits' must be a number");
    EXPECT_EQ(check("arn:aws:states:::lambda:invoke.waitForTaskToken", "7", "STRICT"), "fine");
    EXPECT_EQ(check("flowctl:http:s", "7", "STRICT"), "fine");
}

TEST_F(TestState, QueriesShowLess) {
    request.inspection_level = "DEBUG";
    answer(
        R"({"Type": "Task", "QueryLanguage": "JSONata", "Resource": "flowctl:http:s", "Arguments": {"a": "{% $states.input.x %}"},
              "Assign": {"seen": "{% $states.result.y %}"}, "Output": "{% $states.result.y + $before %}", "Next": "N"})",
        R"({"x": 1})", R"({"result": {"y": 2}})");
    EXPECT_EQ(json::dump(*last.find("status")), "\"FAILED\"");
    EXPECT_EQ(json::dump(*last.find("error")), "\"States.QueryEvaluationError\"");
    request.variables = value(R"({"before": 40})");
    EXPECT_NE(answer().find("\"output\":42"), std::string::npos);
    EXPECT_EQ(seen("afterArguments"), R"({"a":1})");
    EXPECT_EQ(seen("result"), R"({"y":2})");
    EXPECT_EQ(seen("variables"), R"({"before":40,"seen":2})");
    EXPECT_EQ(seen("afterInputPath"), "none");
    EXPECT_EQ(seen("afterResultPath"), "none");

    answer(
        R"({"Type": "Choice", "QueryLanguage": "JSONata", "Choices": [{"Condition": "{% $states.input > 1 %}", "Next": "A",
              "Output": "{% $states.context.State.Name %}"}], "Default": "B"})",
        "2");
    EXPECT_EQ(json::dump(*last.find("output")), "\"StateName\"");
    EXPECT_EQ(json::dump(*last.find("nextState")), "\"A\"");
    EXPECT_EQ(json::dump(*last.find("inspectionData")), R"({"input":2,"variables":{"before":40}})");
}

TEST_F(TestState, ACatcherOfAQueryStateSeesTheError) {
    EXPECT_EQ(answer(R"({"Type": "Parallel", "QueryLanguage": "JSONata", "End": true, "Branches": [
                  {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}],
                  "Catch": [{"ErrorEquals": ["E"], "Output": "{% $states.errorOutput.Cause %}", "Next": "N"}]})",
                     "{}", R"({"errorOutput": {"error": "E", "cause": "c"}})"),
              R"({"status":"CAUGHT_ERROR","output":"c","error":"E","cause":"c","nextState":"N"})");
}

TEST_F(TestState, ADistributedMapTakesItsItems) {
    request.inspection_level = "DEBUG";
    const std::string map =
        std::string(R"({"Type": "Map", "ItemsPath": "$.l", "ItemSelector": {"v.$": "$$.Map.Item.Value"},
        "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"of.$": "$.of"}}, "ToleratedFailurePercentage": 40, )") +
        kProcessor + "}";
    request.configuration = value(R"({"mapIterationFailureCount": 1})");
    answer(map, R"({"l": [1, 2, 3], "of": "x"})", R"({"result": ["done"]})");
    EXPECT_EQ(json::dump(*last.find("output")), R"(["done"])");
    EXPECT_EQ(seen("afterItemsPath"), "[1,2,3]");
    EXPECT_EQ(seen("afterItemSelector"), R"([{"v":1},{"v":2},{"v":3}])");
    EXPECT_EQ(
        seen("afterItemBatcher"),
        R"([{"BatchInput":{"of":"x"},"Items":[{"v":1},{"v":2}]},{"BatchInput":{"of":"x"},"Items":[{"v":3}]}])");
    request.configuration = value(R"({"mapIterationFailureCount": 2})");
    answer();
    EXPECT_EQ(json::dump(*last.find("error")), "\"States.ExceedToleratedFailureThreshold\"");
}

TEST_F(TestState, AnItemReaderReadsWhatItIsGiven) {
    request.inspection_level = "DEBUG";
    const auto with = [&](const char* config, const char* data) {
        request.configuration = json::ObjectBuilder().add("mapItemReaderData", data).build();
        answer(
            std::string(
                R"({"Type": "Map", "QueryLanguage": "JSONata", "ItemSelector": {"i": "{% $states.context.Map.Item.Value %}"},
            "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "Arguments": {"Bucket": "b", "Key": "k"}, "ReaderConfig": )") +
                config + "}, " + kProcessor + "}",
            "{}", R"({"result": []})");
        const json::Value* error = last.find("error");
        return error == nullptr ? seen("afterItemSelector") : std::string(error->as_string());
    };
    EXPECT_EQ(with(R"({"InputType": "JSON"})", "[1, 2]"), R"([{"i":1},{"i":2}])");
    EXPECT_EQ(with(R"({"InputType": "JSONL"})", "{\"a\": 1}\n2\n"), R"([{"i":{"a":1}},{"i":2}])");
    EXPECT_EQ(with(R"({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"})", "a,b\n1,2\n"),
              R"([{"i":{"a":"1","b":"2"}}])");
    EXPECT_EQ(with(R"({"InputType": "JSON", "MaxItems": 1})", "[1, 2]"), R"([{"i":1}])");
    EXPECT_EQ(with(R"({"InputType": "JSON"})", "[1, "), "States.ItemReaderFailed");
}

TEST_F(TestState, WhoeverWaitsCanEndATestOfManyItems) {
    int asked = 0;
    request.interrupted = [&asked] { return ++asked > 3; };
    const std::string selector = R"({"Type": "Map", "ItemSelector": {"i.$": "$$.Map.Item.Index"}, )";
    answer(selector + kProcessor + "}", "[1, 2, 3, 4, 5, 6]", R"({"result": []})");
    EXPECT_EQ(asked, 4);
    asked = 0;
    answer(
        selector +
            R"("ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "End": true})",
        "[1, 2, 3, 4, 5, 6]", R"({"result": []})");
    EXPECT_EQ(asked, 4);
}

TEST_F(TestState, WhereResultsAreWrittenElsewhereTheResultIsAnObject) {
    const std::string writer =
        R"("ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "p"}}, )";
    EXPECT_EQ(answer(R"({"Type": "Map", )" + writer + kProcessor + "}", "[1]", R"({"result": [1]})"),
              "ValidationException: Mocked result must be a JSON object.");
    EXPECT_EQ(answer(R"({"Type": "Map", )" + writer + kProcessor + "}", "[1]",
                     R"({"result": {"ResultWriterDetails": {}}})"),
              R"({"status":"SUCCEEDED","output":{"ResultWriterDetails":{}}})");
}

}  // namespace

// What a stage did not have is not shown as an empty one.
TEST_F(TestState, WhatIsEmptyIsNotShown) {
    request.inspection_level = "DEBUG";
    answer(R"({"Type": "Map", "ItemSelector": {"v.$": "$$.Map.Item.Value"},
        "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "End": true})",
           "[]", R"({"result": []})");
    EXPECT_EQ(seen("afterItemSelector"), "none");
    EXPECT_EQ(seen("variables"), "none");
    request.variables = value(R"({"x": 1})");
    answer();
    EXPECT_EQ(seen("variables"), R"({"x":1})");
}

TEST_F(TestState, ADistributedMapCanFailAsTheMockSays) {
    answer(std::string(R"({"Type": "Map", )") + kProcessor + "}", "[1]",
           R"({"errorOutput": {"error": "E", "cause": "c"}})");
    EXPECT_EQ(json::dump(last), R"({"status":"FAILED","error":"E","cause":"c"})");
}

TEST_F(TestState, ItemsThatCannotBeBatchedFail) {
    answer(
        std::string(R"({"Type": "Map", "ItemBatcher": {"MaxInputBytesPerBatch": 10}, )") + kProcessor + "}",
        R"(["this item is longer than a batch may be"])", R"({"result": [1]})");
    EXPECT_EQ(json::dump(*last.find("status")), "\"FAILED\"");
}

// Of input types that have no parser here, the data is what their items are.
TEST_F(TestState, ReaderDataOfOtherTypesIsJson) {
    request.inspection_level = "DEBUG";
    request.configuration = value(R"({"mapItemReaderData": "[1, 2]"})");
    answer(std::string(R"({"Type": "Map", "ItemSelector": {"i.$": "$$.Map.Item.Value"},
        "ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "b"}}, )") +
               kProcessor + "}",
           "{}", R"({"result": []})");
    EXPECT_EQ(seen("afterItemSelector"), R"([{"i":1},{"i":2}])");
}

// The worker that answers by a task token says what it likes.
TEST_F(TestState, AnAnswerByTokenIsNotCheckedAgainstTheService) {
    const auto with = [&](const char* resource) {
        return answer(std::string(R"({"Type": "Task", "Resource": ")") + resource +
                          R"(", "Parameters": {"QueueUrl": "u", "MessageBody": "x"}, "End": true})",
                      "{}", R"({"result": {"MessageId": 5}})");
    };
    EXPECT_EQ(with("arn:aws:states:::sqs:sendMessage.waitForTaskToken"),
              R"({"status":"SUCCEEDED","output":{"MessageId":5}})");
    EXPECT_EQ(with("arn:aws:states:::sqs:sendMessage"),
              "ValidationException: Mock result schema validation error: Field 'MessageId' must be a string");
    EXPECT_EQ(with("arn:aws:states:::sns:publish").substr(0, 17), "InvalidDefinition");
}

}  // namespace flowctl
