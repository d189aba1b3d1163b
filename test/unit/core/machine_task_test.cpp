// Tasks: calls, answers, retries, catchers, timeouts, and what happens to answers that nobody waits for.
#include "machine_support.hpp"

using namespace flowctl;
using namespace flowctl::test;
using machine::Status;
using Strings = std::vector<std::string>;

namespace {

std::string task(const std::string& fields, const std::string& more = "") {
    return states(
        "T", R"("T": {"Type": "Task", "Resource": "flowctl:http:s", "End": true, )" + fields + "}" + more);
}
const char* const kPlain = R"("Comment": "plain")";

std::int64_t seconds_to_due(const TestRun& run) {
    return (run.step.next_due.value() - run.now.at) / kSecond;
}

bool cancels(const machine::Step& step, std::int64_t id) {
    for (const machine::Effect& effect : step.effects) {
        const auto* cancel = std::get_if<machine::CancelCall>(&effect);
        if (cancel != nullptr && cancel->id == id) return true;
    }
    return false;
}

}  // namespace

TEST(MachineTask, CallsAndContinuesWithTheAnswer) {
    TestRun run(
        task(R"("Parameters": {"p.$": "$.a"}, "ResultSelector": {"r.$": "$.answer"}, "ResultPath": "$.out",
                        "Credentials": {"RoleArn.$": "$.a"}, "TimeoutSeconds": 10)"),
        R"({"a": 1})");
    run.start();
    const machine::Call call = run.last_call();
    EXPECT_EQ(call.id, 3);
    EXPECT_EQ(call.resource.name, "s");
    EXPECT_EQ(json::dump(call.input), R"({"p":1})");
    EXPECT_EQ(json::dump(call.credentials), R"({"RoleArn":1})");
    EXPECT_EQ(call.state, "T");
    EXPECT_EQ(call.path, "");
    EXPECT_EQ(call.visit, 1);
    EXPECT_EQ(call.attempt, 1);
    EXPECT_EQ(call.deadline, run.now.at + 10 * kSecond);
    EXPECT_EQ(run.step.next_due, call.deadline);
    EXPECT_EQ(run.step.phase, machine::Phase::Running);
    EXPECT_EQ(run.types(), (Strings{"ExecutionStarted", "TaskStateEntered", "TaskScheduled"}));
    const machine::Instant called = run.now.at;
    run.now.at += 2 * kSecond;
    run.succeed(R"({"answer": 42})");
    EXPECT_EQ(run.output(), R"({"a":1,"out":{"r":42}})");
    EXPECT_EQ(run.types(), (Strings{"ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted",
                                    "TaskSucceeded", "TaskStateExited", "ExecutionSucceeded"}));
    EXPECT_EQ(run.history[3].at, called);
    EXPECT_EQ(json::dump(run.history[2].details),
              R"({"resourceType":"flowctl:http","resource":"s","timeoutInSeconds":10})");
    EXPECT_STREQ(run.history[2].payload_key, "parameters");
    EXPECT_EQ(json::dump(run.payload(5)), R"({"answer":42})");
}

TEST(MachineTask, SharesPayloadsWithTheHistory) {
    TestRun run(task(kPlain), R"({"a": 1})");
    run.start();
    EXPECT_EQ(run.history[2].payload_ref, 0);
    run.succeed(R"({"b": 2})");
    EXPECT_TRUE(run.history[4].payload);
    EXPECT_EQ(run.history[5].payload_ref, 5);
    EXPECT_EQ(run.step.outcome.output_ref, 5);
}

TEST(MachineTask, HasEventsOfItsOwnForLambdaFunctions) {
    TestRun run(states("T", R"("T": {"Type": "Task", "Resource": "arn:aws:lambda:r:1:function:f", "End": true,
                               "Retry": [{"ErrorEquals": ["States.ALL"]}]})"));
    run.start();
    run.fail("E", "C");
    run.tick();
    run.succeed("1");
    EXPECT_EQ(run.types(), (Strings{"ExecutionStarted", "TaskStateEntered", "LambdaFunctionScheduled",
                                    "LambdaFunctionStarted", "LambdaFunctionFailed",
                                    "LambdaFunctionScheduled", "LambdaFunctionStarted",
                                    "LambdaFunctionSucceeded", "TaskStateExited", "ExecutionSucceeded"}));
    EXPECT_EQ(json::dump(run.history[2].details), R"({"resource":"arn:aws:lambda:r:1:function:f"})");
    EXPECT_STREQ(run.history[2].payload_key, "input");
    EXPECT_EQ(json::dump(run.history[4].details), R"({"error":"E","cause":"C"})");
}

TEST(MachineRetry, BacksOffExponentially) {
    for (const bool saved : {false, true}) {
        TestRun run(
            task(R"("Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3, "BackoffRate": 1.5,
                                       "MaxAttempts": 4, "MaxDelaySeconds": 8}])"));
        run.save_between_steps = saved;
        run.start();
        const double delays[] = {3, 4.5, 6.75, 8};
        for (int i = 0; i < 4; ++i) {
            EXPECT_EQ(run.last_call().attempt, i + 1);
            run.fail("E");
            EXPECT_EQ(run.step.phase, machine::Phase::Retrying);
            EXPECT_EQ(*run.step.next_due - run.now.at, static_cast<machine::Instant>(delays[i] * 1e6)) << i;
            run.tick();
        }
        EXPECT_EQ(run.last_call().attempt, 5);
        EXPECT_EQ(run.last_call().visit, 1);
        run.fail("E", "last");
        EXPECT_EQ(run.status(), Status::Failed);
        EXPECT_EQ(run.error() + run.cause(), "Elast");
    }
}

TEST(MachineRetry, WaitsAsTheEndpointAsksAndNoLongerThanTheAuthorAllows) {
    const auto delay = [](const std::string& more, double asked) {
        TestRun run(task(R"("Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 2)" + more + "}]"));
        run.start();
        machine::TaskFailed failed{run.last_call().id, "E", ""};
        failed.retry_not_before = run.now.at + static_cast<machine::Instant>(asked * 1e6);
        run.give(failed);
        return seconds_to_due(run);
    };
    EXPECT_EQ(delay("", 7200), 7200);
    EXPECT_EQ(delay("", 1), 2) << "shorter than the retrier waits by itself";
    EXPECT_EQ(delay(R"(, "MaxDelaySeconds": 5)", 7200), 5);
    EXPECT_EQ(delay(R"(, "MaxDelaySeconds": 5)", 6), 5);
    EXPECT_EQ(delay(R"(, "MaxDelaySeconds": 5)", 4), 4);
    EXPECT_EQ(delay(R"(, "MaxDelaySeconds": 5)", 1), 2);
}

TEST(MachineRetry, HasDefaults) {
    TestRun run(task(R"("Retry": [{"ErrorEquals": ["E"]}])"));
    run.start();
    for (const int delay : {1, 2, 4}) {
        run.fail("E");
        EXPECT_EQ(seconds_to_due(run), delay);
        run.tick();
    }
    run.fail("E");
    EXPECT_EQ(run.status(), Status::Failed);
}

TEST(MachineRetry, CountsForEachRetrierAndForgetsWhenTheStateIsLeft) {
    TestRun run(states("T", R"("T": {"Type": "Task", "Resource": "flowctl:http:s", "Next": "C", "Retry": [
                                   {"ErrorEquals": ["A"], "MaxAttempts": 1}, {"ErrorEquals": ["B"], "MaxAttempts": 1},
                                   {"ErrorEquals": ["Never"], "MaxAttempts": 0}]},
                               "C": {"Type": "Choice", "Choices": [{"Variable": "$", "IsNull": true, "Next": "E"}],
                                   "Default": "T"},
                               "E": {"Type": "Succeed"})"));
    run.save_between_steps = true;
    run.start();
    run.fail("A");
    run.tick();
    run.fail("B");
    run.tick();
    run.succeed("1");
    EXPECT_EQ(run.last_call().visit, 2);
    EXPECT_EQ(run.last_call().attempt, 1);
    run.fail("A");
    EXPECT_EQ(run.step.phase, machine::Phase::Retrying);
    run.tick();
    run.fail("A");
    EXPECT_EQ(run.error(), "A");
    TestRun never(task(R"("Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 0}])"));
    never.start();
    never.fail("E");
    EXPECT_EQ(never.status(), Status::Failed);
}

TEST(MachineRetry, JitterStaysBelowTheDelay) {
    machine::Instant least = 100 * kSecond;
    machine::Instant most = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        TestRun run(
            task(R"("Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 10, "JitterStrategy": "FULL"}])"));
        run.now.seed = seed * 1'000;
        run.start();
        run.fail("E");
        const machine::Instant delay = *run.step.next_due - run.now.at;
        least = std::min(least, delay);
        most = std::max(most, delay);
    }
    EXPECT_GE(least, 0);
    EXPECT_LT(least, 1 * kSecond);
    EXPECT_GT(most, 9 * kSecond);
    EXPECT_LE(most, 10 * kSecond);
}

TEST(MachineRetry, WaitsAsLongAsTheEndpointAsks) {
    TestRun run(task(R"("Retry": [{"ErrorEquals": ["E"]}])"));
    run.start();
    run.give(machine::TaskFailed{3, "E", "", false, run.now.at + 90 * kSecond});
    EXPECT_EQ(seconds_to_due(run), 90);
    run.tick();
    run.give(machine::TaskFailed{run.last_call().id, "E", "", false, run.now.at});
    EXPECT_EQ(seconds_to_due(run), 2);
}

TEST(MachineErrors, MatchesNamesAndWildcards) {
    const struct {
        const char* equals;
        const char* error;
        bool caught;
    } cases[] = {
        {"E", "E", true},
        {"E", "F", false},
        {"States.ALL", "E", true},
        {"States.ALL", "States.Timeout", true},
        {"States.ALL", "States.Runtime", false},
        {"States.Runtime", "States.Runtime", true},
        {"States.TaskFailed", "E", true},
        {"States.TaskFailed", "States.TaskFailed", true},
        {"States.TaskFailed", "States.Timeout", false},
        {"States.TaskFailed", "States.Runtime", false},
        {"States.Timeout", "States.HeartbeatTimeout", true},
        {"States.HeartbeatTimeout", "States.Timeout", false},
    };
    for (const auto& each : cases) {
        TestRun run(
            task(std::string(R"("Catch": [{"ErrorEquals": [")") + each.equals + R"("], "Next": "C"}])",
                 R"(, "C": {"Type": "Succeed"})"));
        run.start();
        run.fail(each.error);
        EXPECT_EQ(run.status() == Status::Succeeded, each.caught) << each.equals << " " << each.error;
    }
}

TEST(MachineErrors, TheFlowsOwnFaultsAreNotCaughtByWildcards) {
    TestRun run(
        task(R"("Parameters": {"x.$": "$.missing"}, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}])",
             R"(, "C": {"Type": "Succeed"})"));
    run.start();
    EXPECT_EQ(run.error(), "States.Runtime");
    EXPECT_EQ(run.types(), (Strings{"ExecutionStarted", "TaskStateEntered", "ExecutionFailed"}));
}

TEST(MachineErrors, AnAnswerThatIsTooLargeIsTheTasksFailure) {
    TestRun run(
        task(R"("Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}])", R"(, "C": {"Type": "Succeed"})"));
    run.start();
    run.give(machine::TaskSucceeded{3, json::Value::string(std::string(300'000, 'x'))});
    EXPECT_EQ(run.output(),
              R"({"Error":"States.DataLimitExceeded","Cause":"The state/task 'flowctl:http:s' returned a )"
              R"(result with a size exceeding the maximum number of bytes service limit."})");
    EXPECT_EQ(run.history[4].type, "TaskFailed");
}

TEST(MachineCatch, PutsTheErrorWhereItSays) {
    TestRun run(
        task(
            R"("OutputPath": "$.nothing", "Assign": {"who": "state"}, "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}],
                        "Catch": [{"ErrorEquals": ["F"], "Next": "D"},
                                  {"ErrorEquals": ["E", "G"], "ResultPath": "$.error", "Assign": {"what.$": "$.Error"}, "Next": "C"}])",
            R"(, "C": {"Type": "Pass", "Parameters": {"in.$": "$", "what.$": "$what"}, "End": true},
                        "D": {"Type": "Fail"})"),
        R"({"a": 1})");
    run.save_between_steps = true;
    run.start();
    run.fail("E");
    run.tick();
    run.fail("E", "why");
    EXPECT_EQ(run.output(), R"({"in":{"a":1,"error":{"Error":"E","Cause":"why"}},"what":"E"})");
    EXPECT_EQ(
        json::dump(run.history[8].details),
        R"({"name":"T","assignedVariables":{"what":"\"E\""},"assignedVariablesDetails":{"truncated":false}})");
}

TEST(MachineCatch, AMissingCauseIsEmpty) {
    TestRun run(task(R"("TimeoutSeconds": 5, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}])",
                     R"(, "C": {"Type": "Succeed"})"));
    run.start();
    run.tick();
    EXPECT_EQ(run.output(), R"({"Error":"States.Timeout","Cause":""})");
}

TEST(MachineTimeout, OfATaskCancelsItsCall) {
    for (const bool saved : {false, true}) {
        TestRun run(task(R"("TimeoutSecondsPath": "$.t")"), R"({"t": 5})");
        run.save_between_steps = saved;
        run.start();
        EXPECT_EQ(seconds_to_due(run), 5);
        run.tick();
        EXPECT_TRUE(cancels(run.step, 3));
        EXPECT_EQ(run.status(), Status::Failed);
        EXPECT_EQ(run.error() + " " + run.cause(), "States.Timeout none");
        EXPECT_EQ(run.types(), (Strings{"ExecutionStarted", "TaskStateEntered", "TaskScheduled",
                                        "TaskStarted", "TaskTimedOut", "ExecutionFailed"}));
        EXPECT_EQ(json::dump(run.history[4].details),
                  R"({"resourceType":"flowctl:http","resource":"s","error":"States.Timeout"})");
    }
}

TEST(MachineTimeout, OfATaskNeedsAPositiveInteger) {
    for (const char* t : {"0", "-1", "1.5", R"("5")", "null", "1e12"}) {
        TestRun run(task(R"("TimeoutSecondsPath": "$.t")"), std::string(R"({"t": )") + t + "}");
        run.start();
        EXPECT_EQ(run.error(), "States.Runtime") << t;
    }
}

TEST(MachineTimeout, OfTheFlowCancelsCalls) {
    TestRun run(
        R"({"TimeoutSeconds": 3, "StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "flowctl:http:s",
                   "TimeoutSeconds": 9, "End": true}}})");
    run.start();
    run.tick();
    EXPECT_EQ(run.status(), Status::TimedOut);
    EXPECT_TRUE(cancels(run.step, 3));
}

TEST(MachineTimeout, OfHeartbeats) {
    TestRun run(
        states("T", R"("T": {"Type": "Task", "Resource": "flowctl:http:s.waitForTaskToken", "End": true,
                               "HeartbeatSeconds": 4, "TimeoutSeconds": 10})"));
    run.save_between_steps = true;
    run.start();
    EXPECT_EQ(seconds_to_due(run), 4);
    run.now.at += 3 * kSecond;
    run.give(machine::Heartbeat{3});
    EXPECT_TRUE(run.step.accepted);
    EXPECT_EQ(seconds_to_due(run), 4);
    run.give(machine::Heartbeat{2});
    EXPECT_FALSE(run.step.accepted);
    run.tick();
    EXPECT_EQ(run.error(), "States.HeartbeatTimeout");
    // A plain call sends none.
    TestRun plain(task(R"("HeartbeatSeconds": 4)"));
    plain.start();
    EXPECT_FALSE(plain.step.next_due);
}

TEST(MachineAnswers, StaleOnesAreDropped) {
    TestRun run(task(R"("Retry": [{"ErrorEquals": ["States.ALL"]}])"));
    run.start();
    for (const std::int64_t id : {0, 1, 2, 4, -3}) {
        run.give(machine::TaskSucceeded{id, value("1")});
        EXPECT_FALSE(run.step.accepted) << id;
        EXPECT_TRUE(run.step.history.empty() && run.step.effects.empty());
    }
    run.give(machine::Started{});
    EXPECT_FALSE(run.step.accepted);
    run.fail("E");
    run.give(machine::TaskSucceeded{3, value("1")});
    EXPECT_FALSE(run.step.accepted);
    EXPECT_EQ(run.step.phase, machine::Phase::Retrying);
    run.tick();
    run.give(machine::TaskSucceeded{3, value("1")});
    EXPECT_FALSE(run.step.accepted);
    run.succeed("1");
    EXPECT_EQ(run.status(), Status::Succeeded);
    run.give(machine::TaskSucceeded{run.last_call().id, value("1")});
    EXPECT_FALSE(run.step.accepted);
    EXPECT_EQ(run.status(), Status::Succeeded);
    run.give(machine::Stopped{});
    EXPECT_FALSE(run.step.accepted);
    TestRun unborn(task(kPlain));
    unborn.give(machine::TaskSucceeded{1, value("1")});
    EXPECT_FALSE(unborn.step.accepted);
}

TEST(MachineAnswers, OfWhatWasNotBegun) {
    TestRun run(task(kPlain));
    run.start();
    run.give(machine::TaskFailed{3, "States.Permissions", "no", true});
    EXPECT_EQ(run.types(), (Strings{"ExecutionStarted", "TaskStateEntered", "TaskScheduled",
                                    "TaskStartFailed", "ExecutionFailed"}));
    EXPECT_EQ(run.error(), "States.Permissions");
    EXPECT_EQ(run.cause(),
              "An error occurred while executing the state 'T' (entered at the event id #2). no");
    EXPECT_EQ(run.history[3].details.find("cause")->as_string(), run.cause());
}

// What a service says is its own sentence.
TEST(MachineAnswers, OfServicesKeepTheirCauses) {
    TestRun run(task(kPlain));
    run.start();
    run.fail("States.Runtime", "no");
    EXPECT_EQ(run.cause(), "no");
}

TEST(MachineAnswers, AreBounded) {
    TestRun run(task(kPlain));
    run.start();
    run.fail(std::string(1'000, 'e'), std::string(32'767, 'c') + "\xc3\xa9" + "rest");
    EXPECT_EQ(run.error().size(), 256u);
    EXPECT_EQ(run.cause(), std::string(32'767, 'c'));
}

TEST(MachineStop, EndsARunAtAnyTime) {
    TestRun run(task(kPlain));
    run.start();
    run.give(machine::Stopped{"E", "C"});
    EXPECT_EQ(run.status(), Status::Aborted);
    EXPECT_TRUE(cancels(run.step, 3));
    EXPECT_EQ(run.history.back().type, "ExecutionAborted");
    EXPECT_EQ(json::dump(run.history.back().details), R"({"error":"E","cause":"C"})");
    EXPECT_EQ(run.error() + run.cause(), "EC");
    TestRun unborn(task(kPlain));
    unborn.give(machine::Stopped{});
    EXPECT_EQ(unborn.types(), (Strings{"ExecutionStarted", "ExecutionAborted"}));
    TestRun broken(task(kPlain));
    broken.start();
    broken.give(machine::EngineFailed{"States.Runtime", "the flow is gone"});
    EXPECT_EQ(broken.status(), Status::Failed);
    EXPECT_EQ(broken.cause(), "the flow is gone");
    EXPECT_TRUE(cancels(broken.step, 3));
}

TEST(MachineContext, CountsRetries) {
    TestRun run(
        task(R"("Parameters": {"n.$": "$$.State.RetryCount"}, "Retry": [{"ErrorEquals": ["States.ALL"]}])"));
    run.save_between_steps = true;
    run.start();
    EXPECT_EQ(json::dump(run.last_call().input), R"({"n":0})");
    run.fail("E");
    run.tick();
    EXPECT_EQ(json::dump(run.last_call().input), R"({"n":1})");
}

TEST(MachineResume, GivesPendingCallsAgain) {
    TestRun run(
        task(R"("Parameters": {"id.$": "$.a"}, "TimeoutSeconds": 10, "Retry": [{"ErrorEquals": ["E"]}])"),
        R"({"a": 1})");
    run.save_between_steps = true;
    run.start();
    const machine::Call first = run.last_call();
    run.now.at += kSecond;
    run.give(machine::Resumed{});
    ASSERT_EQ(run.step.effects.size(), 1u);
    const machine::Call again = run.last_call();
    EXPECT_EQ(again.id, first.id);
    EXPECT_EQ(again.attempt, first.attempt);
    EXPECT_EQ(again.deadline, first.deadline);
    EXPECT_EQ(json::dump(again.input), json::dump(first.input));
    EXPECT_EQ(run.step.next_due, first.deadline);
    EXPECT_TRUE(run.step.history.empty());
    run.fail("E");
    run.give(machine::Resumed{});
    EXPECT_TRUE(run.step.effects.empty());
    EXPECT_EQ(seconds_to_due(run), 1);
    EXPECT_EQ(run.step.phase, machine::Phase::Retrying);
}
