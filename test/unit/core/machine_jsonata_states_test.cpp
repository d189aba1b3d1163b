// States in JSONata, but for Map: what they give on, what they assign, and how their queries fail.
#include "machine_support.hpp"

namespace {

using namespace flowctl;
using test::kSecond;
using test::states;
using test::TestRun;

std::string jsonata(const std::string& first, const std::string& body) {
    return R"({"QueryLanguage": "JSONata", "StartAt": ")" + first + R"(", "States": {)" + body + "}}";
}

// One Pass with this Output, run to its end.
TestRun give(const std::string& output, const std::string& input = "{}") {
    TestRun run(jsonata("P", R"("P": {"Type": "Pass", "Output": )" + output + R"(, "End": true})"), input);
    run.start();
    return run;
}

const machine::HistoryEvent& event_of(const TestRun& run, std::string_view type) {
    for (const machine::HistoryEvent& event : run.history) {
        if (event.type == type) return event;
    }
    ADD_FAILURE() << "no " << type;
    return run.history.front();
}

std::string detail(const machine::HistoryEvent& event, std::string_view key) {
    const json::Value* value = event.details.find(key);
    return value != nullptr ? std::string(value->as_string()) : "none";
}

constexpr const char* kPrefix =
    "An error occurred while executing the state 'P' (entered at the event id #2). ";

TEST(JsonataStates, OutputIsATemplateWhoseExpressionsAreWholeStrings) {
    const auto run =
        give(R"(["{% $states.input.n + 1 %}", " {% 1 %} ", "$.n", {"a": {"b": "{%$states.input%}"}}, null])",
             R"({"n": 41})");
    EXPECT_EQ(run.output(), R"([42," {% 1 %} ","$.n",{"a":{"b":{"n":41}}},null])");
    EXPECT_EQ(give("\"{% $states.input %}\"", R"({"n": 1})").step.outcome.output_ref, 0);  // the very input
}

TEST(JsonataStates, WithoutOutputTheInputGoesOn) {
    TestRun run(
        jsonata("P", R"("P": {"Type": "Pass", "Next": "W"}, "W": {"Type": "Wait", "Seconds": 0, "Next": "C"},
      "C": {"Type": "Choice", "Choices": [{"Condition": false, "Next": "S"}], "Default": "S"}, "S": {"Type": "Succeed"})"),
        "[1]");
    run.start();
    EXPECT_EQ(run.output(), "[1]");
}

TEST(JsonataStates, AssignAndOutputSeeTheValuesFromBefore) {
    TestRun run(jsonata("A", R"("A": {"Type": "Pass", "Assign": {"x": 1, "y": 2}, "Next": "B"},
      "B": {"Type": "Pass", "Assign": {"x": "{% $y %}", "y": "{% $x %}"}, "Output": "{% [$x, $y] %}", "Next": "C"},
      "C": {"Type": "Pass", "Output": {"now": "{% [$x, $y] %}", "before": "{% $states.input %}"}, "End": true})"));
    run.save_between_steps = true;
    run.start();
    EXPECT_EQ(run.output(), R"({"now":[2,1],"before":[1,2]})");
}

TEST(JsonataStates, BothLanguagesShareVariables) {
    TestRun run(states("A", R"("A": {"Type": "Pass", "Assign": {"v.$": "$.n"}, "Next": "B"},
      "B": {"Type": "Pass", "QueryLanguage": "JSONata", "Assign": {"w": "{% $v * 2 %}"}, "Next": "C"},
      "C": {"Type": "Pass", "Parameters": {"w.$": "$w"}, "End": true})"),
                R"({"n": 21})");
    run.start();
    EXPECT_EQ(run.output(), R"({"w":42})");
}

TEST(JsonataStates, UndefinedFailsTheStateAndNamesThePlace) {
    const auto run = give(R"({"values": [1, {"b": "{% $states.input.nothing %}"}]})");
    const std::string cause = std::string(kPrefix) +
                              "The JSONata expression '$states.input.nothing' specified for the field "
                              "'Output/values[1]/b' returned nothing (undefined).";
    EXPECT_EQ(run.error(), "States.QueryEvaluationError");
    EXPECT_EQ(run.cause(), cause);
    // It stands in the history as if the state had not been entered.
    EXPECT_EQ(run.story(2), (std::vector<std::string>{"2<0 PassStateEntered :P", "3<0 EvaluationFailed :P",
                                                      "4<3 ExecutionFailed"}));
    const machine::HistoryEvent& failed = event_of(run, "EvaluationFailed");
    EXPECT_EQ(detail(failed, "location"), "Output/values[1]/b");
    EXPECT_EQ(detail(failed, "state"), "P");
    EXPECT_EQ(detail(failed, "error"), "States.QueryEvaluationError");
    EXPECT_EQ(detail(failed, "cause"), cause);
}

TEST(JsonataStates, ErrorsOfTheLanguageCarryTheirCode) {
    EXPECT_EQ(give(R"("{% $sum('a') %}")").cause(),
              std::string(kPrefix) +
                  "The JSONata expression '$sum('a')' specified for the field 'Output' threw an "
                  "error during evaluation. T0412: Argument 1 of function \"sum\" must be an "
                  "array of \"numbers\"");
    EXPECT_NE(give(R"("{% $eval('1') %}")").cause().find("T1006: Attempted to invoke a non-function"),
              std::string::npos);
    EXPECT_NE(give(R"("{% 'a\\u0000b' %}")").cause().find("U+0000"), std::string::npos);
}

TEST(JsonataStates, EvaluationIsBounded) {
    const auto sum = [](int terms) {
        std::string text = "1";
        for (int i = 1; i < terms; ++i)
            text += "+1";
        return give("\"{% " + text + " %}\"");
    };
    EXPECT_EQ(sum(90).output(), "90");
    EXPECT_NE(sum(200).cause().find("threw an error during evaluation: Stack overflow error"),
              std::string::npos);
    EXPECT_EQ(give(R"("{% $count([1..873782]) %}")").output(), "873782");
    EXPECT_NE(give(R"("{% $count([1..873783]) %}")")
                  .cause()
                  .find("threw an error during evaluation: Expression evaluation memory limit exceeded"),
              std::string::npos);
    const auto endless = give(R"("{% ($f := function($x) { $f($x + 1) }; $f(1)) %}")");
    EXPECT_EQ(endless.error(), "States.QueryEvaluationError");
    // The limits are settings.
    TestRun deep(jsonata("P", R"("P": {"Type": "Pass", "Output": "{% 1+(1+(1+1)) %}", "End": true})"));
    deep.limits.queries.depth = 3;
    deep.start();
    EXPECT_EQ(deep.error(), "States.QueryEvaluationError");
}

TEST(JsonataStates, WhatIsTooLargeIsADataLimit) {
    TestRun run(
        jsonata("P", R"("P": {"Type": "Pass", "Output": "{% $pad('', 300000, 'x') %}", "End": true})"));
    run.start();
    EXPECT_EQ(run.error(), "States.DataLimitExceeded");
    EXPECT_EQ(run.count("EvaluationFailed"), 0);
    TestRun variable(jsonata(
        "P", R"("P": {"Type": "Pass", "Assign": {"v": "{% $pad('', 300000, 'x') %}"}, "End": true})"));
    variable.start();
    EXPECT_EQ(variable.error(), "States.DataLimitExceeded");
}

TEST(JsonataStates, ChoiceTakesTheFirstConditionThatIsTrue) {
    const std::string flow =
        jsonata("C", R"("C": {"Type": "Choice", "Output": {"of": "state"}, "Assign": {"v": "state"},
      "Choices": [{"Condition": "{% $states.input.a = 1 %}", "Next": "E"},
                  {"Condition": "{% $exists($states.input.b) %}", "Next": "E", "Output": "{% $states.input.b %}",
                   "Assign": {"v": "rule"}}], "Default": "E"},
      "E": {"Type": "Pass", "Output": {"in": "{% $states.input %}", "v": "{% $exists($v) ? $v : 'none' %}"}, "End": true})");
    const auto after = [&](const std::string& input) {
        TestRun run(flow, input);
        run.start();
        return run.output();
    };
    EXPECT_EQ(after(R"({"a": 1, "b": 2})"), R"({"in":{"a":1,"b":2},"v":"none"})");
    EXPECT_EQ(after(R"({"b": 2})"), R"({"in":2,"v":"rule"})");
    EXPECT_EQ(after("{}"), R"({"in":{"of":"state"},"v":"state"})");
}

TEST(JsonataStates, ChoiceConditionsMustBeBooleans) {
    const auto cause = [](const std::string& choices) {
        TestRun run(jsonata("P", R"("P": {"Type": "Choice", "Choices": [)" + choices +
                                     R"(]}, "E": {"Type": "Succeed"})"),
                    R"({"n": 1})");
        run.start();
        EXPECT_EQ(run.count("ChoiceStateExited"), 0);
        return run.error() + " " + run.cause();
    };
    const std::string failed = "States.QueryEvaluationError " + std::string(kPrefix);
    EXPECT_EQ(cause(R"({"Condition": "{% $states.input.n %}", "Next": "E"})"),
              failed +
                  "The JSONata expression '$states.input.n' specified for the field 'Choices[0]/Condition' "
                  "returned an unexpected result type. Expected 'boolean', but was 'number' for value: 1");
    EXPECT_EQ(
        cause(R"({"Condition": false, "Next": "E"}, {"Condition": "{% $states.input.x %}", "Next": "E"})"),
        failed +
            "The JSONata expression '$states.input.x' specified for the field 'Choices[1]/Condition' "
            "returned nothing (undefined).");
    EXPECT_EQ(
        cause(R"({"Condition": true, "Next": "E", "Output": {"v": "{% $x %}"}})"),
        failed +
            "The JSONata expression '$x' specified for the field 'Choices[0]/Output/v' returned nothing "
            "(undefined).");
    EXPECT_EQ(cause(R"({"Condition": false, "Next": "E"})"),
              "States.Runtime " + std::string(kPrefix) +
                  "Failed to transition out of the state. The state does not point to a next state.");
}

TEST(JsonataStates, WaitsAsLongAsItsExpressionSays) {
    TestRun run(
        jsonata(
            "W",
            R"("W": {"Type": "Wait", "Seconds": "{% $states.input.s * 2 %}", "Assign": {"v": "{% $millis() %}"},
      "Output": "{% $states.input.s %}", "Next": "T"}, "T": {"Type": "Wait", "Timestamp": "{% $states.context.Execution.StartTime %}",
      "Output": "{% $v %}", "End": true})"),
        R"({"s": 2.5})");
    run.save_between_steps = true;
    run.start();
    EXPECT_EQ(run.step.next_due, run.now.at + 5 * kSecond);
    run.tick();
    EXPECT_EQ(run.output(), std::to_string(run.now.at / 1000));
    const auto cause = [](const std::string& field) {
        TestRun wrong(jsonata("P", R"("P": {"Type": "Wait", )" + field + R"(, "End": true})"));
        wrong.start();
        EXPECT_EQ(wrong.story(3).front(), "3<2 EvaluationFailed :P");
        return wrong.cause().substr(std::string(kPrefix).size());
    };
    EXPECT_EQ(cause(R"("Seconds": "{% 0.5 %}")"), "The Seconds field cannot be parsed as a long value: 0.5");
    EXPECT_EQ(cause(R"("Seconds": "{% -1 %}")"), "The Seconds field has a negative value: -1");
    EXPECT_EQ(
        cause(R"("Timestamp": "{% 'soon' %}")"),
        "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: soon");
}

TEST(JsonataStates, FailComputesItsErrorAndCause) {
    TestRun run(
        jsonata("F", R"("F": {"Type": "Fail", "Error": "{% 'E' & $states.input %}", "Cause": "literal"})"),
        "7");
    run.start();
    EXPECT_EQ(run.error() + " " + run.cause(), "E7 literal");
    EXPECT_EQ(run.types(),
              (std::vector<std::string>{"ExecutionStarted", "FailStateEntered", "ExecutionFailed"}));
    TestRun wrong(jsonata("P", R"("P": {"Type": "Fail", "Error": "{% 1 %}"})"));
    wrong.start();
    EXPECT_EQ(wrong.error(), "States.QueryEvaluationError");
}

TEST(JsonataStates, TaskGetsArgumentsAndShowsItsResult) {
    TestRun run(
        jsonata(
            "T",
            R"("T": {"Type": "Task", "Resource": "flowctl:http:s", "Arguments": {"id": "{% $states.input.id %}"},
      "TimeoutSeconds": "{% $states.input.t %}", "Credentials": {"RoleArn": "{% $states.context.Execution.Name %}"},
      "Assign": {"n": "{% $states.result.n %}"}, "Output": {"r": "{% $states.result %}", "in": "{% $states.input.id %}"}, "Next": "E"},
      "E": {"Type": "Pass", "Output": "{% $merge([$states.input, {'n': $n}]) %}", "End": true})"),
        R"({"id": 7, "t": 30})");
    run.save_between_steps = true;
    run.start();
    EXPECT_EQ(json::dump(run.last_call().input), R"({"id":7})");
    EXPECT_EQ(json::dump(run.last_call().credentials), R"({"RoleArn":"one"})");
    EXPECT_EQ(run.last_call().deadline, run.now.at + 30 * kSecond);
    run.succeed(R"({"n": 3})");
    EXPECT_EQ(run.output(), R"({"r":{"n":3},"in":7,"n":3})");
}

TEST(JsonataStates, WithoutOutputTheResultGoesOn) {
    TestRun run(jsonata("T", R"("T": {"Type": "Task", "Resource": "flowctl:http:s", "End": true})"),
                R"({"id": 7})");
    run.start();
    EXPECT_EQ(json::dump(run.last_call().input), R"({"id":7})");
    run.succeed("[1]");
    EXPECT_EQ(run.output(), "[1]");
}

TEST(JsonataStates, CatchSeesInputAndErrorOutput) {
    const auto caught = [](const std::string& fields) {
        TestRun run(
            jsonata("T", R"("T": {"Type": "Task", "Resource": "flowctl:http:s", "End": true, "Catch": [
          {"ErrorEquals": ["Other"], "Next": "E"}, {"ErrorEquals": ["E"], "Next": "E")" +
                             fields + R"(}]},
          "E": {"Type": "Pass", "Assign": {"w": 1}, "Output": ["{% $states.input %}", "{% $exists($v) ? $v : null %}"], "End": true})"),
            R"({"id": 7})");
        run.save_between_steps = true;
        run.start();
        run.fail("E", "c");
        return run;
    };
    EXPECT_EQ(caught("").output(), R"([{"Error":"E","Cause":"c"},null])");
    EXPECT_EQ(caught(R"(, "Output": {"in": "{% $states.input %}", "e": "{% $states.errorOutput.Error %}"},
                        "Assign": {"v": "{% $states.errorOutput.Cause %}"})")
                  .output(),
              R"([{"in":{"id":7},"e":"E"},"c"])");
    const auto wrong = caught(R"(, "Output": {"v": "{% $x %}"})");
    EXPECT_NE(wrong.cause().find("specified for the field 'Catch[1]/Output/v' returned nothing"),
              std::string::npos);
    EXPECT_EQ(wrong.types().back(), "ExecutionFailed");
    EXPECT_EQ(wrong.count("EvaluationFailed"), 1);
}

TEST(JsonataStates, FailedQueriesAreRetriedAndCaught) {
    TestRun run(jsonata(
        "T",
        R"("T": {"Type": "Task", "Resource": "flowctl:http:s", "Output": "{% $states.result.x %}", "End": true,
      "Retry": [{"ErrorEquals": ["States.QueryEvaluationError"], "MaxAttempts": 1}],
      "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput.Error %}", "Next": "E"}]},
      "E": {"Type": "Succeed"})"));
    run.save_between_steps = true;
    run.start();
    run.succeed("{}");
    EXPECT_EQ(run.step.phase, machine::Phase::Retrying);
    run.tick();
    run.succeed("{}");
    EXPECT_EQ(run.output(), "\"States.QueryEvaluationError\"");
    EXPECT_EQ(run.count("EvaluationFailed"), 2);
    EXPECT_EQ(run.count("TaskSucceeded"), 2);
}

TEST(JsonataStates, ArgumentsThatFailLeaveNoCall) {
    TestRun run(jsonata(
        "T",
        R"("T": {"Type": "Task", "Resource": "flowctl:http:s", "Arguments": {"a": "{% $x %}"}, "End": true,
      "Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "E"}]}, "E": {"Type": "Succeed"})"));
    run.start();
    EXPECT_TRUE(run.calls.empty());
    EXPECT_EQ(run.story(2),
              (std::vector<std::string>{"2<0 TaskStateEntered :T", "3<0 EvaluationFailed :T",
                                        "4<3 TaskStateExited :T", "5<4 SucceedStateEntered :E",
                                        "6<5 SucceedStateExited :E", "7<6 ExecutionSucceeded"}));
}

TEST(JsonataStates, ParallelGivesItsArgumentsToEachBranch) {
    TestRun run(jsonata("A", R"("A": {"Type": "Pass", "Assign": {"v": 5}, "Next": "P"},
      "P": {"Type": "Parallel", "Arguments": {"n": "{% $states.input.n + $v %}"}, "Output": "{% $sum($states.result) %}",
      "Assign": {"all": "{% $states.result %}"}, "Next": "E", "Branches": [
        {"StartAt": "X", "States": {"X": {"Type": "Pass", "Output": "{% $states.input.n %}", "End": true}}},
        {"StartAt": "Y", "States": {"Y": {"Type": "Pass", "Output": "{% $states.input.n * $v %}", "End": true}}}]},
      "E": {"Type": "Pass", "Output": ["{% $states.input %}", "{% $all %}"], "End": true})"),
                R"({"n": 1})");
    run.save_between_steps = true;
    run.start();
    EXPECT_EQ(run.output(), "[36,[6,30]]");
    TestRun wrong(jsonata("P", R"("P": {"Type": "Parallel", "Arguments": "{% $x %}", "End": true,
      "Branches": [{"StartAt": "X", "States": {"X": {"Type": "Succeed"}}}]})"));
    wrong.start();
    EXPECT_EQ(wrong.story(2),
              (std::vector<std::string>{"2<0 ParallelStateEntered :P", "3<0 EvaluationFailed :P",
                                        "4<3 ParallelStateFailed :P", "5<4 ExecutionFailed"}));
}

TEST(JsonataStates, ABranchThatFailsToEvaluateFailsTheParallel) {
    TestRun run(jsonata("P", R"("P": {"Type": "Parallel", "End": true,
      "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput.Error %}", "Next": "E"}],
      "Branches": [{"StartAt": "X", "States": {"X": {"Type": "Pass", "Output": "{% $x %}", "End": true}}}]},
      "E": {"Type": "Succeed"})"));
    run.start();
    EXPECT_EQ(run.output(), "\"States.QueryEvaluationError\"");
    EXPECT_EQ(run.count("ParallelStateFailed"), 1);
}

TEST(JsonataStates, TheContextIsThatOfTheRun) {
    const auto run = give(R"("{% $states %}")", "[1]");
    ASSERT_TRUE(run.step.outcome.output);
    const json::Value& seen = *run.step.outcome.output;
    EXPECT_EQ(json::dump(*seen.find("input")), "[1]");
    const json::Value& context = *seen.find("context");
    EXPECT_EQ(context.find("Execution")->find("Name")->as_string(), "one");
    EXPECT_EQ(context.find("State")->find("Name")->as_string(), "P");
    EXPECT_EQ(context.find("StateMachine")->find("Name")->as_string(), "f");
    EXPECT_EQ(seen.find("result"), nullptr);
    EXPECT_EQ(seen.find("errorOutput"), nullptr);
}

}  // namespace
