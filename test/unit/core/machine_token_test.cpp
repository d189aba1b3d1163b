// Tasks that somebody else answers: tokens, activities, heartbeats, and answers that come from outside.
#include <set>

#include "core/machine/task_token.hpp"
#include "machine_support.hpp"

namespace flowctl::test {
namespace {

// Tokens that a test can tell: "T-" and the place.
class PlainTokens : public machine::TaskTokens {
  public:
    std::string token(const std::string& place) const override { return "T-" + place; }
};

std::string callback(const std::string& fields) {
    return states("W", R"("W": {"Type": "Task", "Resource": "flowctl:http:s.waitForTaskToken", "End": true, )" +
                           fields + "}");
}
std::string activity(const std::string& fields = R"("Comment": "")") {
    return states("A", R"("A": {"Type": "Task", "Resource": "flowctl:activity:pack", "End": true, )" + fields +
                           "}");
}

class MachineToken : public testing::TestWithParam<bool> {
  protected:
    void prepare(TestRun& run) const {
        run.run.tokens = &tokens_;
        run.save_between_steps = GetParam();
    }
    static std::string token_of(const machine::Call& call) { return "T-" + call.place; }
    static machine::TaskContinues submitted(const TestRun& run, std::string_view output = "null") {
        machine::TaskContinues event;
        event.call = run.last_call().id;
        event.output = value(output);
        return event;
    }
    // Everything that is stored of the run.
    static std::string stored(const TestRun& run) {
        std::string all = json::dump(run.frame.save());
        for (const machine::HistoryEvent& event : run.history) {
            all += json::dump(event.details);
            if (event.payload) all += json::dump(*event.payload);
        }
        return all;
    }

    PlainTokens tokens_;
};
INSTANTIATE_TEST_SUITE_P(WithAndWithoutSaving, MachineToken, testing::Bool());

TEST_P(MachineToken, LeavesInTheInputAndIsStoredNowhere) {
    TestRun run(callback(R"j("Parameters": {"to.$": "States.Format('{}!', $$.Task.Token)", "mine": "<token>",
        "of.$": "$.text"}, "ResultSelector": {"t.$": "$$.Task.Token", "r.$": "$"})j"),
                R"({"text": "a <token>"})");
    prepare(run);
    run.start();
    const machine::Call first = run.last_call();
    EXPECT_EQ(first.place.size(), 32u);
    const std::string leaves =
        R"({"to":")" + token_of(first) + R"(!","mine":"<token>","of":"a <token>"})";
    EXPECT_EQ(json::dump(first.input), leaves);
    EXPECT_EQ(json::dump(run.payload(3)), R"({"to":"<token>!","mine":"<token>","of":"a <token>"})");

    run.give(machine::Resumed{});  // as after a crash before the answer
    EXPECT_EQ(json::dump(run.last_call().input), leaves);
    EXPECT_EQ(run.last_call().place, first.place);
    run.give(submitted(run, R"({"echo": ")" + token_of(first) + R"("})"));
    EXPECT_EQ(run.types().back(), "TaskSubmitted");
    run.succeed(R"(["ok )" + token_of(first) + R"("])");
    EXPECT_EQ(run.output(), R"({"t":"<token>","r":["ok <token>"]})");
    EXPECT_EQ(stored(run).find("T-"), std::string::npos) << stored(run);
}

TEST_P(MachineToken, IsSeenByExpressionsInJsonata) {
    TestRun run(R"({"QueryLanguage": "JSONata", "StartAt": "W", "States": {"W": {"Type": "Task", "End": true,
        "Resource": "flowctl:http:s.waitForTaskToken",
        "Arguments": "{% {$states.context.Task.Token: $length($states.context.Task.Token)} %}",
        "Catch": [{"ErrorEquals": ["States.ALL"], "Output":
            "{% [$states.errorOutput.Cause, $states.context.Task.Token] %}", "Next": "E"}]}, "E": {"Type": "Succeed"}}})");
    prepare(run);
    run.start();
    EXPECT_EQ(json::dump(run.last_call().input), "{\"" + token_of(run.last_call()) + "\":34}");
    run.fail("E", "no " + token_of(run.last_call()));
    EXPECT_EQ(run.output(), R"(["no <token>","<token>"])");
    EXPECT_EQ(stored(run).find("T-"), std::string::npos) << stored(run);
}

TEST_P(MachineToken, IsNotInTheCauseOfAFailedExpression) {
    TestRun run(R"({"QueryLanguage": "JSONata", "StartAt": "W", "States": {"W": {"Type": "Task", "End": true,
        "Resource": "flowctl:http:s.waitForTaskToken",
        "TimeoutSeconds": "{% $states.context.Task.Token %}"}}})");
    prepare(run);
    run.start();
    EXPECT_EQ(run.error(), "States.QueryEvaluationError");
    EXPECT_NE(run.cause().find("<token>"), std::string::npos) << run.cause();
    EXPECT_EQ(stored(run).find("T-"), std::string::npos) << stored(run);
}

TEST_P(MachineToken, CannotBeANameTwice) {
    TestRun run(R"({"QueryLanguage": "JSONata", "StartAt": "W", "States": {"W": {"Type": "Task", "End": true,
        "Resource": "flowctl:http:s.waitForTaskToken",
        "Arguments": "{% {$states.context.Task.Token: 1, '<token>': 2} %}"}}})");
    prepare(run);
    run.start();
    EXPECT_EQ(run.error(), "States.Runtime");
}

TEST_P(MachineToken, EachAttemptHasItsOwn) {
    TestRun run(callback(R"("Retry": [{"ErrorEquals": ["E"]}])"));
    prepare(run);
    run.start();
    const std::string first = run.last_call().place;
    run.fail("E");
    run.tick();
    EXPECT_NE(run.last_call().place, first);

    TestRun again(callback(R"("Retry": [{"ErrorEquals": ["E"]}])"));
    prepare(again);
    again.start();
    EXPECT_EQ(again.last_call().place, first);
    again.run.redrive_count = 1;
    again.give(machine::Resumed{});
    EXPECT_NE(again.last_call().place, first);
}

TEST_P(MachineToken, AParkedCallbackIsNotCalledAgain) {
    TestRun run(callback(R"("TimeoutSeconds": 60)"));
    prepare(run);
    run.start();
    EXPECT_EQ(run.step.phase, machine::Phase::Running);
    run.give(submitted(run, "1"));
    EXPECT_EQ(run.step.phase, machine::Phase::Waiting);
    EXPECT_EQ(run.step.next_due, run.now.at + 60 * kSecond);
    EXPECT_TRUE(run.give(machine::Resumed{}).effects.empty());
    EXPECT_FALSE(run.give(submitted(run, "2")).accepted);  // the answer of a call that was repeated
    run.succeed("3");
    EXPECT_EQ(run.output(), "3");
    EXPECT_EQ(run.count("TaskSubmitted"), 1);
    EXPECT_EQ(run.count("TaskStarted"), 1);
}

TEST_P(MachineToken, AnAnswerMayComeBeforeTheCallHas) {
    TestRun run(callback(R"("Comment": "")"));
    prepare(run);
    run.start();
    run.succeed("1");
    EXPECT_EQ(run.output(), "1");
    EXPECT_EQ(run.count("TaskSubmitted"), 0);
    EXPECT_EQ(run.count("TaskStarted"), 1);
    EXPECT_FALSE(run.give(submitted(run)).accepted);
}

TEST_P(MachineToken, AHeartbeatKeepsAParkedCallbackAlive) {
    TestRun run(callback(R"("HeartbeatSeconds": 10, "TimeoutSeconds": 25)"));
    prepare(run);
    run.start();
    run.give(submitted(run));
    run.now.at += 8 * kSecond;
    EXPECT_TRUE(run.give(machine::Heartbeat{run.last_call().id}).history.empty());
    EXPECT_FALSE(run.after(9 * kSecond).accepted);
    run.tick();
    EXPECT_EQ(run.error(), "States.HeartbeatTimeout");
    EXPECT_EQ(run.cancelled.size(), 1u);
    EXPECT_FALSE(run.succeed("1").accepted);
    EXPECT_FALSE(run.give(machine::Heartbeat{run.last_call().id}).accepted);
}

TEST_P(MachineToken, AChildRunIsWaitedForLikeACallback) {
    TestRun run(states("C", R"("C": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": "arn:aws:states:local:db:stateMachine:child"}, "End": true})"));
    prepare(run);
    run.start();
    EXPECT_EQ(run.last_call().place, "");
    run.give(submitted(run, R"({"ExecutionArn": "x", "StartDate": 1})"));
    EXPECT_TRUE(run.give(machine::Resumed{}).effects.empty());
    run.succeed(R"({"Status": "SUCCEEDED", "Output": {"a": 1}})");
    EXPECT_EQ(run.types(),
              (std::vector<std::string>{"ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted",
                                        "TaskSubmitted", "TaskSucceeded", "TaskStateExited",
                                        "ExecutionSucceeded"}));
    EXPECT_EQ(json::dump(run.history[4].details), R"({"resourceType":"states","resource":"startExecution.sync:2"})");
}

TEST_P(MachineToken, AStoppedRunCancelsWhatItWaitsFor) {
    TestRun run(callback(R"("Comment": "")"));
    prepare(run);
    run.start();
    run.give(submitted(run));
    run.give(machine::Stopped{});
    EXPECT_EQ(run.cancelled, std::vector<std::int64_t>{run.last_call().id});
    EXPECT_EQ(run.types().back(), "ExecutionAborted");
    EXPECT_EQ(run.count("TaskStarted"), 1);
}

TEST_P(MachineToken, AnActivityHasEventsOfItsOwn) {
    TestRun run(activity(R"("TimeoutSeconds": 60, "HeartbeatSeconds": 20)"), R"({"a": 1})");
    prepare(run);
    run.start();
    EXPECT_EQ(run.last_call().place.size(), 32u);
    EXPECT_EQ(json::dump(run.history[2].details),
              R"({"resource":"flowctl:activity:pack","timeoutInSeconds":60,"heartbeatInSeconds":20})");
    EXPECT_STREQ(run.history[2].payload_key, "input");
    EXPECT_EQ(json::dump(run.payload(3)), R"({"a":1})");
    run.give(submitted(run));  // its performer has stored the task
    EXPECT_TRUE(run.give(machine::Resumed{}).effects.empty());
    run.now.at += kSecond;
    run.give(machine::ActivityStarted{run.last_call().id, "w7"});
    EXPECT_EQ(json::dump(run.history.back().details), R"({"workerName":"w7"})");
    EXPECT_FALSE(run.give(machine::ActivityStarted{run.last_call().id, "w8"}).accepted);
    run.succeed(R"(["done )" + token_of(run.last_call()) + R"("])");
    EXPECT_EQ(run.output(), R"(["done <token>"])");
    EXPECT_EQ(run.types(), (std::vector<std::string>{"ExecutionStarted", "TaskStateEntered", "ActivityScheduled",
                                                     "ActivityStarted", "ActivitySucceeded", "TaskStateExited",
                                                     "ExecutionSucceeded"}));
    EXPECT_TRUE(run.history[4].details.is_null());
}

TEST_P(MachineToken, TheTimesOfAnActivityCountFromWhenAWorkerHasTakenIt) {
    TestRun run(activity(R"("TimeoutSeconds": 60, "HeartbeatSeconds": 20, "Retry": [{"ErrorEquals":
        ["States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 1}])"));
    prepare(run);
    run.start();
    run.give(submitted(run));
    EXPECT_FALSE(run.step.next_due);
    EXPECT_FALSE(run.give(machine::Heartbeat{run.last_call().id}).next_due);
    run.after(1'000 * kSecond);
    run.give(machine::ActivityStarted{run.last_call().id});
    EXPECT_EQ(run.step.next_due, run.now.at + 20 * kSecond);
    const auto began = run.now.at;
    for (int i = 0; i < 3; ++i) {
        run.now.at += 19 * kSecond;
        run.give(machine::Heartbeat{run.last_call().id});
    }
    run.tick();
    EXPECT_EQ(run.now.at, began + 60 * kSecond);
    EXPECT_EQ(run.types().back(), "ActivityTimedOut");
    EXPECT_EQ(json::dump(run.history.back().details), R"({"error":"States.Timeout"})");
    run.tick();
    EXPECT_EQ(run.count("ActivityScheduled"), 2);
    EXPECT_FALSE(run.step.next_due);
    run.give(machine::ActivityStarted{run.last_call().id});
    run.tick();
    EXPECT_EQ(run.error(), "States.HeartbeatTimeout");
}

TEST_P(MachineToken, AnActivityThatFails) {
    TestRun run(activity());
    prepare(run);
    run.start();
    run.give(machine::ActivityStarted{run.last_call().id});
    EXPECT_TRUE(run.history.back().details.is_object());
    run.fail("E", "c");
    EXPECT_EQ(run.types()[4], "ActivityFailed");
    EXPECT_EQ(json::dump(run.history[4].details), R"({"error":"E","cause":"c"})");

    TestRun refused(activity());
    prepare(refused);
    refused.start();
    refused.give(machine::TaskFailed{refused.last_call().id, "States.Runtime", "there is no such activity", true});
    EXPECT_EQ(refused.types()[3], "ActivityScheduleFailed");
}

// A frame comes from a table, so its call may be one of a state that is not there, or is no Task.
TEST(TaskToken, AFrameThatDoesNotFitItsFlowEndsWithItsCall) {
    for (const char* state : {"Gone", "P"}) {
        TestRun run(states("P", R"("P": {"Type": "Pass", "End": true})"));
        auto frame = machine::Frame::load(value(R"({"format": 1, "status": "RUNNING", "lastEvent": 3, "top":
            {"state": ")" + std::string(state) + R"(", "phase": "Calling", "input": {"value": 1, "event": 0},
             "lastEvent": 3, "enteredEvent": 2, "visit": 1, "attempt": 1, "call": {"id": 3}}})"));
        ASSERT_TRUE(frame.ok()) << frame.error();
        run.frame = std::move(frame).value();
        run.give(machine::Resumed{});
        EXPECT_EQ(run.status(), machine::Status::Failed);
        EXPECT_EQ(run.cancelled, std::vector<std::int64_t>{3});
    }
}

TEST(TaskToken, UnmaskingIsExact) {
    const std::string token = "TTOK";
    for (const std::string_view text :
         {R"("TTOK")", R"("<token>")", R"("<tokenTTOK>")", R"(["<token>TTOK<token>", {"TTOK": "a", "b": 1}])",
          R"({"a": ["x", 1, null], "b": "TTOKTTOK", "<token>": "TTO<token>K"})", "17"}) {
        machine::Markers markers;
        const auto masked = machine::mask_token(value(text), token, markers);
        ASSERT_TRUE(masked);
        EXPECT_EQ(json::dump(*masked).find("TTOK"), std::string::npos);
        EXPECT_EQ(json::dump(machine::unmask_token(*masked, token, markers)), json::dump(value(text)));
    }
    machine::Markers markers;
    const json::Value same = value(R"({"a": ["<token>"]})");
    EXPECT_TRUE(machine::mask_token(same, token, markers)->same(same));
    EXPECT_FALSE(markers.any);
    EXPECT_FALSE(machine::mask_token(value(R"({"TTOK": 1, "<token>": 2})"), token, markers));
    EXPECT_EQ(machine::mask_token("a TTOK b", token), "a <token> b");
    EXPECT_TRUE(machine::mask_token(same, "", markers)->same(same));
}

TEST(TaskToken, NoTwoAttemptsHaveOnePlace) {
    std::set<std::string> places;
    for (const char* path : {"", "/M/1", "/M/11"})
        for (const char* state : {"S", "1S"})
            for (int visit : {1, 11})
                for (int attempt : {1, 11})
                    for (int redrives : {0, 1})
                        places.insert(machine::place_of_attempt(path, state, visit, attempt, redrives));
    EXPECT_EQ(places.size(), 48u);
}

}  // namespace
}  // namespace flowctl::test
