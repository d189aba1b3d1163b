// Pauses, and runs that begin at a state other than the first.
#include "machine_support.hpp"

using namespace flowctl;
using namespace flowctl::test;
using machine::Phase;
using machine::Status;

namespace {

using Strings = std::vector<std::string>;

std::string task(const std::string& name, const std::string& more = R"("End": true)") {
    return '"' + name + R"(": {"Type": "Task", "Resource": "flowctl:http:s", )" + more + "}";
}

class MachinePause : public testing::TestWithParam<bool> {
  protected:
    TestRun begin(const std::string& definition, std::string_view input = "{}") const {
        TestRun run(definition, input);
        run.save_between_steps = GetParam();
        run.start();
        return run;
    }
};
INSTANTIATE_TEST_SUITE_P(WithAndWithoutSaving, MachinePause, testing::Bool());

TEST_P(MachinePause, TheCallUnderWayIsFinishedAndNothingBegins) {
    TestRun run = begin(states("A", task("A", R"("Next": "B")") + ", " + task("B")));
    EXPECT_TRUE(run.give(machine::Paused{}).history.empty());
    EXPECT_EQ(run.step.phase, Phase::Paused);
    EXPECT_FALSE(run.give(machine::Paused{}).accepted);
    EXPECT_EQ(run.give(machine::Resumed{}).effects.size(), 1u);  // the call of A, after a crash
    EXPECT_EQ(run.step.phase, Phase::Paused);
    run.calls.clear();
    run.succeed("1");
    EXPECT_EQ(run.types().back(), "TaskStateExited");
    EXPECT_TRUE(run.step.effects.empty());
    EXPECT_FALSE(run.step.next_due);
    EXPECT_FALSE(run.after(1'000 * kSecond).accepted);
    run.give(machine::Unpaused{});
    EXPECT_EQ(run.step.phase, Phase::Running);
    EXPECT_EQ(run.last_call().state, "B");
    EXPECT_FALSE(run.give(machine::Unpaused{}).accepted);
    run.succeed("2");
    EXPECT_EQ(run.output(), "2");
}

TEST_P(MachinePause, TheLastCallEndsTheRun) {
    TestRun run = begin(states("A", task("A")));
    run.give(machine::Paused{});
    run.succeed("1");
    EXPECT_EQ(run.status(), Status::Succeeded);
    EXPECT_FALSE(run.give(machine::Unpaused{}).accepted);
}

TEST_P(MachinePause, ATimerThatIsDueMeanwhileWaitsForTheEndOfThePause) {
    TestRun run = begin(states("W", R"("W": {"Type": "Wait", "Seconds": 10, "Next": "B"}, )" + task("B")));
    run.give(machine::Paused{});
    EXPECT_EQ(run.step.phase, Phase::Paused);
    EXPECT_EQ(run.step.next_due, run.now.at + 10 * kSecond);
    run.tick();
    EXPECT_EQ(run.types().back(), "WaitStateExited");
    EXPECT_FALSE(run.step.next_due);
    EXPECT_TRUE(run.calls.empty());
    run.give(machine::Unpaused{});
    EXPECT_EQ(run.calls.size(), 1u);

    TestRun early = begin(states("W", R"("W": {"Type": "Wait", "Seconds": 10, "Next": "B"}, )" + task("B")));
    early.give(machine::Paused{});
    early.give(machine::Unpaused{});
    EXPECT_EQ(early.step.phase, Phase::Waiting);
    early.tick();
    EXPECT_EQ(early.calls.size(), 1u);
}

TEST_P(MachinePause, NoAttemptBegins) {
    TestRun run = begin(states("A", task("A", R"("Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 5}],
        "End": true)")));
    run.give(machine::Paused{});
    run.fail("E");
    run.calls.clear();
    EXPECT_EQ(run.step.phase, Phase::Paused);
    run.tick();
    EXPECT_TRUE(run.calls.empty());
    EXPECT_FALSE(run.step.next_due);
    run.give(machine::Unpaused{});
    EXPECT_EQ(run.last_call().attempt, 2);
}

TEST_P(MachinePause, NoItemBegins) {
    TestRun run = begin(states("M", R"("M": {"Type": "Map", "MaxConcurrency": 1, "ItemsPath": "$.n", "End": true,
        "ItemProcessor": )" + states("A", task("A")) + "}"), R"({"n": [1, 2]})");
    run.give(machine::Paused{});
    run.answer("1");
    EXPECT_TRUE(run.calls.empty());
    EXPECT_EQ(run.count("MapIterationStarted"), 1);
    EXPECT_FALSE(run.step.next_due);
    run.give(machine::Unpaused{});
    run.answer("2");
    EXPECT_EQ(run.output(), "[1,2]");
}

TEST_P(MachinePause, TheTimesOfTheRunAndOfACallGoOn) {
    TestRun run = begin(R"({"TimeoutSeconds": 30, )" + states("A", task("A")).substr(1));
    run.give(machine::Paused{});
    EXPECT_EQ(run.step.next_due, run.now.at + 30 * kSecond);
    run.tick();
    EXPECT_EQ(run.status(), Status::TimedOut);

    TestRun call = begin(states("A", task("A", R"("TimeoutSeconds": 5, "End": true)")));
    call.give(machine::Paused{});
    call.tick();
    EXPECT_EQ(call.error(), "States.Timeout");
}

TEST_P(MachinePause, AStopDuringThePause) {
    TestRun run = begin(states("A", task("A")));
    run.give(machine::Paused{});
    run.give(machine::Stopped{});
    EXPECT_EQ(run.status(), Status::Aborted);
    EXPECT_FALSE(run.give(machine::Unpaused{}).accepted);
    run.run.redrive_count = 1;
    run.give(machine::Redriven{});  // begins without the pause
    EXPECT_EQ(run.step.phase, Phase::Running);
}

TEST_P(MachinePause, ARunThatHasNotBegun) {
    TestRun run(states("A", task("A")));
    run.save_between_steps = GetParam();
    EXPECT_TRUE(run.give(machine::Paused{}).accepted);
    EXPECT_EQ(run.step.phase, Phase::Paused);
    EXPECT_FALSE(run.step.next_due);
    EXPECT_FALSE(run.give(machine::Paused{}).accepted);
    run.start();
    EXPECT_EQ(run.types(), Strings{"ExecutionStarted"});
    EXPECT_EQ(run.step.phase, Phase::Paused);
    run.give(machine::Unpaused{});
    EXPECT_EQ(run.calls.size(), 1u);

    TestRun taken_back(states("A", task("A")));
    taken_back.give(machine::Paused{});
    EXPECT_TRUE(taken_back.give(machine::Unpaused{}).accepted);
    EXPECT_TRUE(taken_back.history.empty());
    taken_back.start();
    EXPECT_EQ(taken_back.calls.size(), 1u);
}

// ------------------------------------------------------------------------------- on_exhausted 'pause'

TEST_P(MachinePause, AFailureThatNothingCatchesPausesTheRun) {
    TestRun run(states("A", task("A", R"("Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}], "End": true)")));
    run.save_between_steps = GetParam();
    run.run.pauses_when_exhausted = true;
    run.start();
    run.fail("E");
    EXPECT_FALSE(run.step.exhausted);
    run.tick();
    run.fail("E", "c");
    EXPECT_EQ(run.status(), Status::Running);
    EXPECT_EQ(run.step.phase, Phase::Paused);
    ASSERT_TRUE(run.step.exhausted);
    EXPECT_EQ(run.step.exhausted->state, "A");
    EXPECT_EQ(run.step.exhausted->error, "E");
    EXPECT_EQ(run.step.exhausted->cause, "c");
    EXPECT_FALSE(run.step.next_due);
    EXPECT_FALSE(run.give(machine::Paused{}).accepted);
    EXPECT_TRUE(run.give(machine::Resumed{}).effects.empty());
    run.give(machine::Unpaused{});
    EXPECT_EQ(run.step.phase, Phase::Running);
    EXPECT_EQ(run.last_call().attempt, 3);
    EXPECT_EQ(run.count("TaskStateEntered"), 1);
    run.fail("E");  // its retries have begun anew
    EXPECT_EQ(run.step.phase, Phase::Retrying);
    run.tick();
    run.succeed("1");
    EXPECT_EQ(run.output(), "1");
}

TEST_P(MachinePause, WhatIsHandledAboveDoesNotPause) {
    const auto definition = [](const std::string& handler) {
        return states("P", R"("P": {"Type": "Parallel", "End": true, )" + handler +
                               R"("Branches": [)" + states("A", task("A")) + ", " + states("B", task("B")) + "]}");
    };
    TestRun caught(definition(R"("Catch": [{"ErrorEquals": ["E"], "Next": "S"}], )").insert(
        definition(R"("Catch": [{"ErrorEquals": ["E"], "Next": "S"}], )").size() - 2,
        R"(, "S": {"Type": "Succeed"})"));
    caught.run.pauses_when_exhausted = true;
    caught.save_between_steps = GetParam();
    caught.start();
    caught.refuse("E");
    EXPECT_EQ(caught.status(), Status::Succeeded);

    TestRun retried(definition(R"("Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}], )"));
    retried.run.pauses_when_exhausted = true;
    retried.save_between_steps = GetParam();
    retried.start();
    retried.refuse("E");
    EXPECT_EQ(retried.step.phase, Phase::Retrying);
    retried.tick();
    EXPECT_EQ(retried.calls.size(), 2u);
    retried.refuse("E");
    EXPECT_EQ(retried.step.phase, Phase::Paused);
    EXPECT_EQ(retried.step.exhausted->path, "/P/0");
    retried.answer("2");  // the other branch finishes its call
    retried.give(machine::Unpaused{});
    retried.answer("1");
    EXPECT_EQ(retried.output(), "[1,2]");
}

TEST_P(MachinePause, AFailStateFails) {
    TestRun run(states("F", R"("F": {"Type": "Fail", "Error": "E"})"));
    run.run.pauses_when_exhausted = true;
    run.start();
    EXPECT_EQ(run.status(), Status::Failed);
}

TEST_P(MachinePause, AMapRunThatHasFailedGoesOnAfterThePause) {
    TestRun run(states("M", R"("M": {"Type": "Map", "ItemsPath": "$.n", "End": true, "ItemProcessor":
        {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "C",
         "States": {"C": {"Type": "Succeed"}}}})"), R"({"n": [1]})");
    run.save_between_steps = GetParam();
    run.run.pauses_when_exhausted = true;
    run.start();
    const std::int64_t id = run.map_runs.at(0).id;
    run.give(machine::MapRunEnded{id, machine::MapRunEnded::Outcome::Failed, {}, "E", ""});
    EXPECT_EQ(run.step.phase, Phase::Paused);
    run.give(machine::Unpaused{});
    EXPECT_EQ(std::get<machine::RedriveMapRun>(run.step.effects.at(0)).id, id);
    EXPECT_EQ(run.types().back(), "MapRunRedriven");
    run.give(machine::MapRunEnded{id, machine::MapRunEnded::Outcome::Succeeded, value("[1]"), "", ""});
    EXPECT_EQ(run.output(), "[1]");
}

TEST_P(MachinePause, AnExhaustedRunCanBeStoppedAndRedriven) {
    TestRun run(states("A", task("A")));
    run.save_between_steps = GetParam();
    run.run.pauses_when_exhausted = true;
    run.start();
    run.fail("E");
    run.give(machine::Stopped{});
    EXPECT_EQ(run.status(), Status::Aborted);
    run.run.redrive_count = 1;
    run.give(machine::Redriven{});
    run.succeed("1");
    EXPECT_EQ(run.output(), "1");
}

// ------------------------------------------------------------------------------------------- forks

TEST_P(MachinePause, AForkBeginsAtItsState) {
    TestRun run(states("A", task("A", R"("Next": "B")") + ", " +
                                task("B", R"("Parameters": {"in.$": "$", "v.$": "$v"}, "End": true)")),
                R"({"first": true})");
    run.save_between_steps = GetParam();
    run.give(machine::Started{machine::BeginAt{"B", value("[7]"), value(R"({"v": 8})")}});
    EXPECT_EQ(run.types(), (Strings{"ExecutionStarted", "TaskStateEntered", "TaskScheduled"}));
    EXPECT_EQ(json::dump(run.payload(1)), R"({"first":true})");
    EXPECT_EQ(json::dump(run.payload(2)), "[7]");
    EXPECT_EQ(json::dump(run.last_call().input), R"({"in":[7],"v":8})");
    run.succeed("1");
    EXPECT_EQ(run.output(), "1");
}

TEST_P(MachinePause, AForkAtAStateThatIsNotThereFails) {
    TestRun run(states("A", task("A")));
    run.save_between_steps = GetParam();
    run.give(machine::Started{machine::BeginAt{"Z", value("1"), json::Value()}});
    EXPECT_EQ(run.status(), Status::Failed);
    EXPECT_EQ(run.cause(), "The flow has no state 'Z' at its top level.");
}

}  // namespace
