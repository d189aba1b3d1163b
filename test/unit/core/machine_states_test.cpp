// What states do, and what the history says of it.
#include "machine_support.hpp"

using namespace flowctl;
using namespace flowctl::test;
using machine::Status;
using Strings = std::vector<std::string>;

TEST(MachinePass, GoesThroughThePipeline) {
    TestRun run(
        states("A", R"("A": {"Type": "Pass", "InputPath": "$.in", "Parameters": {"x.$": "$.a", "y": 2},
                                    "ResultPath": "$.out", "OutputPath": "$.out", "Next": "B"},
                               "B": {"Type": "Pass", "Result": [1], "ResultPath": "$.r", "Next": "C"},
                               "C": {"Type": "Pass", "Result": 5, "ResultPath": null, "End": true})"),
        R"({"in": {"a": 1}})");
    run.start();
    EXPECT_EQ(run.status(), Status::Succeeded);
    EXPECT_EQ(run.output(), R"({"x":1,"y":2,"r":[1]})");
    EXPECT_EQ(run.types(),
              (Strings{"ExecutionStarted", "PassStateEntered", "PassStateExited", "PassStateEntered",
                       "PassStateExited", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"}));
}

TEST(MachinePass, NullPathsGiveTheEmptyObject) {
    TestRun in(states("A", R"("A": {"Type": "Pass", "InputPath": null, "End": true})"), R"({"a": 1})");
    in.start();
    EXPECT_EQ(in.output(), "{}");
    TestRun out(states("A", R"("A": {"Type": "Pass", "OutputPath": null, "End": true})"), R"({"a": 1})");
    out.start();
    EXPECT_EQ(out.output(), "{}");
}

TEST(MachineHistory, ChainsEventsAndStoresPayloadsOnce) {
    TestRun run(states("A", R"("A": {"Type": "Pass", "Next": "B"},
                               "B": {"Type": "Pass", "Result": {"n": 1}, "Next": "C"},
                               "C": {"Type": "Succeed"})"),
                R"({"a": 1})");
    run.start();
    ASSERT_EQ(run.history.size(), 8u);
    const std::vector<std::int64_t> previous = {0, 0, 2, 3, 4, 5, 6, 7};
    int held = 0;
    for (std::size_t i = 0; i < 8; ++i) {
        const auto& event = run.history[i];
        EXPECT_EQ(event.id, static_cast<std::int64_t>(i + 1));
        EXPECT_EQ(event.previous_id, previous[i]) << i;
        EXPECT_EQ(event.at, run.now.at);
        ASSERT_NE(event.payload.has_value(), event.payload_ref.has_value());
        held += event.payload ? 1 : 0;
        EXPECT_EQ(json::dump(run.payload(event.id)), i < 4 ? R"({"a":1})" : R"({"n":1})") << i;
    }
    EXPECT_EQ(held, 1);  // the input is the run's, the result is B's exit
    EXPECT_EQ(run.history[0].payload_ref, 0);
    EXPECT_EQ(run.history[7].payload_ref, 5);
    EXPECT_EQ(run.step.outcome.output_ref, 5);
    EXPECT_EQ(run.history[0].state, "");
    EXPECT_EQ(run.history[3].state, "B");
    EXPECT_EQ(run.history[3].visit, 1);
}

TEST(MachineHistory, CountsVisits) {
    TestRun run(states(
        "A", R"("A": {"Type": "Choice", "Choices": [{"Variable": "$.n", "IsPresent": true, "Next": "B"}],
                                    "Default": "P"},
                               "P": {"Type": "Pass", "Result": {"n": 1}, "Next": "A"},
                               "B": {"Type": "Succeed"})"));
    run.start();
    EXPECT_EQ(run.history[1].visit, 1);
    EXPECT_EQ(run.history[5].state, "A");
    EXPECT_EQ(run.history[5].visit, 2);
}

TEST(MachineContext, SaysWhatTheRunIs) {
    TestRun run(
        states("A",
               R"("A": {"Type": "Pass", "Parameters": {"c.$": "$$"}, "OutputPath": "$.c", "End": true})"),
        R"({"i": 1})");
    run.run.event = value(R"({"type": "row"})");
    run.start();
    EXPECT_EQ(
        run.output(),
        R"({"Execution":{"Id":"arn:flowctl:states:local:db:execution:f:1","Input":{"i":1},"Name":"one",)"
        R"("RoleArn":"arn:flowctl:iam::db:role/r","StartTime":"2026-09-21T14:13:20.000Z","RedriveCount":0},)"
        R"("State":{"EnteredTime":"2026-09-21T14:13:20.000Z","Name":"A"},)"
        R"("StateMachine":{"Id":"arn:flowctl:states:local:db:stateMachine:f","Name":"f"},"Event":{"type":"row"}})");
}

TEST(MachineAssign, ReadsTheValuesFromBeforeTheState) {
    TestRun run(states("A", R"("A": {"Type": "Pass", "Assign": {"a": 1, "b": 2}, "Next": "B"},
                               "B": {"Type": "Pass", "Assign": {"a.$": "$b", "b.$": "$a"}, "Next": "C"},
                               "C": {"Type": "Pass", "Parameters": {"a.$": "$a", "b.$": "$b"}, "End": true})"));
    run.save_between_steps = true;
    run.start();
    EXPECT_EQ(run.output(), R"({"a":2,"b":1})");
    EXPECT_EQ(
        json::dump(run.history[2].details),
        R"({"name":"A","assignedVariables":{"a":"1","b":"2"},"assignedVariablesDetails":{"truncated":false}})");
}

TEST(MachineAssign, IsBounded) {
    const std::string big(200'000, 'x');
    TestRun run(states("A", R"("A": {"Type": "Pass", "Assign": {"a": ")" + big + R"(", "b": ")" + big +
                                R"("}, "End": true})"));
    run.start();
    EXPECT_EQ(run.error(), "States.DataLimitExceeded");
}

TEST(MachineWait, WaitsForSecondsAndTimestamps) {
    for (const bool saved : {false, true}) {
        TestRun run(states("A", R"("A": {"Type": "Wait", "Seconds": 5, "Next": "B"},
                                   "B": {"Type": "Wait", "SecondsPath": "$.s", "Next": "C"},
                                   "C": {"Type": "Wait", "TimestampPath": "$.t", "Next": "D"},
                                   "D": {"Type": "Wait", "Timestamp": "2016-03-14T01:59:00Z", "End": true})"),
                    R"({"s": 7.0, "t": "2026-09-21T14:14:20.5Z"})");
        run.save_between_steps = saved;
        const machine::Instant start = run.now.at;
        run.start();
        EXPECT_EQ(run.step.phase, machine::Phase::Waiting);
        EXPECT_EQ(run.step.next_due, start + 5 * kSecond);
        EXPECT_EQ(run.step.current_state, "A");
        // Too early: nothing happens.
        run.after(4 * kSecond);
        EXPECT_FALSE(run.step.accepted);
        EXPECT_TRUE(run.step.history.empty());
        EXPECT_EQ(run.step.next_due, start + 5 * kSecond);
        run.tick();
        EXPECT_EQ(run.step.current_state, "B");
        EXPECT_EQ(run.step.next_due, start + 12 * kSecond);
        run.tick();
        EXPECT_EQ(run.step.next_due, start + 60 * kSecond + kSecond / 2);
        run.tick();
        EXPECT_EQ(run.status(), Status::Succeeded);  // D's time is long past
        EXPECT_EQ(run.history.size(), 10u);
    }
}

TEST(MachineWait, SaysWhatIsWrongWithItsPath) {
    const struct {
        const char* field;
        const char* input;
        const char* cause;
    } cases[] = {
        {"SecondsPath", R"({})", "The SecondsPath parameter does not reference an input value: $.x"},
        {"SecondsPath", R"({"x": 1.5})",
         "The SecondsPath parameter cannot be parsed as a long value: $.x == 1.5"},
        {"SecondsPath", R"({"x": "1"})",
         "The SecondsPath parameter cannot be parsed as a long value: $.x == 1"},
        {"SecondsPath", R"({"x": -1})", "The SecondsPath parameter references a negative value: $.x == -1"},
        {"SecondsPath", R"({"x": 1e15})",
         "The SecondsPath parameter references a value over 99999999: $.x == 1e15"},
        {"TimestampPath", R"({})", "The TimestampPath parameter does not reference an input value: $.x"},
        {"TimestampPath", R"({"x": "2026-09-21"})",
         "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format "
         "string: $.x "
         "== 2026-09-21"},
    };
    for (const auto& each : cases) {
        TestRun run(
            states("A", std::string(R"("A": {"Type": "Wait", ")") + each.field + R"(": "$.x", "End": true})"),
            each.input);
        run.start();
        EXPECT_EQ(run.error(), "States.Runtime");
        EXPECT_EQ(
            run.cause(),
            std::string("An error occurred while executing the state 'A' (entered at the event id #2). ") +
                each.cause);
    }
}

TEST(MachineFail, GivesItsOwnErrorAndCause) {
    TestRun literal(states("A", R"("A": {"Type": "Fail", "Error": "E", "Cause": "C"})"));
    literal.start();
    EXPECT_EQ(literal.status(), Status::Failed);
    EXPECT_EQ(literal.error() + literal.cause(), "EC");
    EXPECT_EQ(literal.types(), (Strings{"ExecutionStarted", "FailStateEntered", "ExecutionFailed"}));
    TestRun empty(states("A", R"("A": {"Type": "Fail"})"));
    empty.start();
    EXPECT_FALSE(empty.step.outcome.error || empty.step.outcome.cause);
    EXPECT_EQ(json::dump(empty.history[2].details), "{}");
    TestRun path(states("A", R"("A": {"Type": "Fail", "ErrorPath": "$.e", "CausePath": "$.c"})"),
                 R"({"e": "x", "c": 1})");
    path.start();
    EXPECT_EQ(path.error(), "States.Runtime");
}

TEST(MachineLimits, RefusesPayloadsThatAreTooLarge) {
    TestRun run(states("S", R"("S": {"Type": "Pass", "Result": {"x": ")" + std::string(300'000, 'x') +
                                R"("}, "End": true})"));
    run.start();
    EXPECT_EQ(run.error(), "States.DataLimitExceeded");
    EXPECT_EQ(run.cause(),
              "The state/task 'S' returned a result with a size exceeding the maximum number of bytes "
              "service limit.");
    EXPECT_EQ(run.types(), (Strings{"ExecutionStarted", "PassStateEntered", "ExecutionFailed"}));
}

TEST(MachineLimits, TheLastEventOfAFullHistoryIsTheFailure) {
    for (const std::int64_t most : {2, 3, 4, 5, 100, 25'000}) {
        TestRun run(states("A", R"("A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Choice", "Default": "A",
                                   "Choices": [{"Variable": "$.x", "IsPresent": true, "Next": "C"}]},
                                   "C": {"Type": "Succeed"})"));
        run.limits.max_history_events = most;
        run.start();
        int calls = 1;
        while (run.status() == Status::Running) {
            EXPECT_EQ(run.step.phase, machine::Phase::Running);
            ASSERT_EQ(run.step.next_due, run.now.at);
            ASSERT_LT(++calls, 50);
            run.tick();
        }
        EXPECT_EQ(run.status(), Status::Failed);
        EXPECT_EQ(static_cast<std::int64_t>(run.history.size()), most);
        EXPECT_EQ(run.history.back().id, most);
        EXPECT_EQ(run.history.back().type, "ExecutionFailed");
        EXPECT_EQ(run.history.back().previous_id, most == 2 ? 0 : most - 1);
        EXPECT_EQ(run.cause(), "The execution reached the maximum number of history events (" +
                                   std::to_string(most) + ").");
        EXPECT_GE(calls, most / 5'000);
    }
}

TEST(MachineLimits, RefusesPayloadsThatGrowTooDeep) {
    for (const char* field :
         {R"("Parameters": {"a.$": "$"})",
          R"("Parameters": {"b": 1}, "ResultPath": "$.a", "Assign": {"v": {"v.$": "$v"}})"}) {
        TestRun run(states("S", R"("S": {"Type": "Pass", "Assign": {"v": 1}, "Next": "A"},
                                   "A": {"Type": "Pass", )" +
                                    std::string(field) + R"(, "Next": "B"},
                                   "B": {"Type": "Choice", "Default": "A", "Choices": [
                                       {"Variable": "$.x", "IsPresent": true, "Next": "C"}]}, "C": {"Type": "Succeed"})"));
        run.save_between_steps = true;
        run.start();
        for (int i = 0; i < 20 && run.status() == Status::Running; ++i)
            run.tick();
        EXPECT_EQ(run.error(), "States.DataLimitExceeded");
        EXPECT_NE(run.cause().find("nested more than 1000 levels"), std::string::npos) << run.cause();
    }
}

TEST(MachineLimits, ALoopHasToComeBackForMore) {
    TestRun run(states("A", R"("A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Choice", "Default": "A",
                               "Choices": [{"Variable": "$.x", "IsPresent": true, "Next": "C"}]},
                               "C": {"Type": "Succeed"})"));
    run.start();
    EXPECT_LE(run.step.history.size(), 2'100u);
    // It can be stopped in between, and continues from storage.
    run.save_between_steps = true;
    run.tick();
    EXPECT_EQ(run.status(), Status::Running);
    run.give(machine::Stopped{"E", std::nullopt});
    EXPECT_EQ(run.status(), Status::Aborted);
}

TEST(MachineLimits, ALoopThatRecordsMuchComesBackSooner) {
    TestRun run(states("A", R"("A": {"Type": "Pass", "Parameters": {"b.$": "$.b"}, "Next": "B"},
                               "B": {"Type": "Choice", "Default": "A", "Choices": [
                                   {"Variable": "$.x", "IsPresent": true, "Next": "C"}]}, "C": {"Type": "Succeed"})"),
                R"({"b": ")" + std::string(200'000, 'y') + R"("})");
    run.start();
    for (int i = 0; i < 5; ++i) {
        std::size_t bytes = 0;
        for (const auto& event : run.step.history)
            bytes += event.payload ? json::dumped_size(*event.payload) : 0;
        EXPECT_LE(bytes, 5'000'000u);
        EXPECT_GT(bytes, 0u);
        EXPECT_EQ(run.step.next_due, run.now.at);
        run.tick();
    }
}

TEST(MachineLimits, ALoopThatEvaluatesMuchComesBackSooner) {
    std::string items = "[0";
    for (int i = 1; i < 20'000; ++i)
        items += "," + std::to_string(i % 10);
    TestRun run(states("A", R"("A": {"Type": "Pass", "Parameters": {"n.$": "$.items[?(@ == 77)]"},
                                     "ResultPath": "$.n", "Next": "B"},
                               "B": {"Type": "Choice", "Default": "A", "Choices": [
                                   {"Variable": "$.x", "IsPresent": true, "Next": "C"}]}, "C": {"Type": "Succeed"})"),
                R"({"items": )" + items + "]}");
    run.start();
    EXPECT_EQ(run.status(), Status::Running);
    EXPECT_EQ(run.step.next_due, run.now.at);
    EXPECT_LT(run.step.history.size(), 200u);
}

TEST(MachineTimeout, OfTheFlow) {
    TestRun run(
        R"({"TimeoutSeconds": 60, "StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 100, "End": true}}})");
    run.save_between_steps = true;
    run.start();
    EXPECT_EQ(run.step.next_due, run.run.started_at + 60 * kSecond);
    run.tick();
    EXPECT_EQ(run.status(), Status::TimedOut);
    EXPECT_FALSE(run.step.outcome.error || run.step.outcome.cause);
    EXPECT_EQ(run.history.back().type, "ExecutionTimedOut");
    EXPECT_EQ(run.history.back().previous_id, 0);
    EXPECT_EQ(json::dump(run.history.back().details), R"({"error":"States.Timeout"})");
}

TEST(MachineTimeout, EndsALoopToo) {
    TestRun run(R"({"TimeoutSeconds": 1, "StartAt": "A", "States": {
                  "A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Choice", "Default": "A", "Choices": [
                      {"Variable": "$.x", "IsPresent": true, "Next": "C"}]}, "C": {"Type": "Succeed"}}})");
    run.start();
    run.after(2 * kSecond);
    EXPECT_EQ(run.status(), Status::TimedOut);
}

TEST(MachineStates, WhatErrorPathAndCausePathDoNotFindIsNamedWithItsField) {
    const std::string input = R"({"Error": "E"})";
    TestRun error(states("F", R"("F": {"Type": "Fail", "ErrorPath": "$.x", "CausePath": "$.Error"})"), input);
    error.start();
    EXPECT_EQ(error.error(), "States.Runtime");
    EXPECT_EQ(error.cause(),
              "An error occurred while executing the state 'F' (entered at the event id #2). The JSONPath "
              "'$.x' specified for the field 'ErrorPath' could not be found in the input "
              "'{\"Error\":\"E\"}'");
    TestRun cause(states("F", R"("F": {"Type": "Fail", "ErrorPath": "$.Error", "CausePath": "$.x"})"), input);
    cause.start();
    EXPECT_NE(cause.cause().find("specified for the field 'CausePath'"), std::string::npos) << cause.cause();
}

TEST(MachineStates, ValuesThatAreNoIntegersAreQuoted) {
    const auto cause = [](const char* value) {
        TestRun run(
            states(
                "T",
                R"("T": {"Type": "Task", "Resource": "flowctl:http:s", "TimeoutSecondsPath": "$.t", "End": true})"),
            std::string(R"({"t": )") + value + "}");
        run.start();
        const std::string text = run.cause();
        return text.substr(text.find("The TimeoutSecondsPath"));
    };
    EXPECT_EQ(cause("\"x\""),
              R"(The TimeoutSecondsPath field refers to value "x" which is not a valid integer: $.t)");
    EXPECT_EQ(cause("1.5"),
              R"(The TimeoutSecondsPath field refers to value "1.5" which is not a valid integer: $.t)");
    EXPECT_EQ(cause("{}"),
              R"(The TimeoutSecondsPath field refers to value "{}" which is not a valid integer: $.t)");
    EXPECT_EQ(
        cause("0"),
        R"(The TimeoutSecondsPath field refers to value "0" which is not a valid positive integer: $.t)");
}
