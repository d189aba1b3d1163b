// Redrives: a run that has ended without success goes on with what had failed or was cut short.
#include <algorithm>

#include "machine_support.hpp"

using namespace flowctl;
using namespace flowctl::test;
using machine::Status;

namespace {

using Strings = std::vector<std::string>;

std::string task(const std::string& name, const std::string& more = R"("End": true)") {
    return '"' + name + R"(": {"Type": "Task", "Resource": "flowctl:http:s", )" + more + "}";
}
std::string block(const std::string& first, const std::string& body) {
    return states(first, body);
}

class MachineRedrive : public testing::TestWithParam<bool> {
  protected:
    TestRun begin(const std::string& definition, std::string_view input = "{}") const {
        TestRun run(definition, input);
        run.save_between_steps = GetParam();
        run.start();
        return run;
    }
    static const machine::Step& redrive(TestRun& run) {
        EXPECT_TRUE(machine::is_redrivable(run.run, run.limits, run.frame));
        run.now.at += 100 * kSecond;
        ++run.run.redrive_count;
        run.run.redriven_at = run.now.at;
        run.calls.clear();
        const machine::Step& step = run.give(machine::Redriven{});
        EXPECT_TRUE(step.accepted);
        return step;
    }
    // The states that have a call out, as "path:state", in the order of the text.
    static Strings out(const TestRun& run) {
        Strings names;
        for (const machine::Call& call : run.calls)
            names.push_back(call.path + ":" + call.state);
        std::sort(names.begin(), names.end());
        return names;
    }
    // Answers the call of this state, and no other.
    static std::int64_t take(TestRun& run, const std::string& name) {
        for (auto call = run.calls.begin(); call != run.calls.end(); ++call) {
            if (call->path + ":" + call->state != name) continue;
            const std::int64_t id = call->id;
            run.calls.erase(call);
            return id;
        }
        ADD_FAILURE() << name << " has no call out";
        return 0;
    }
    static void succeed(TestRun& run, const std::string& name, std::string_view output) {
        run.give(machine::TaskSucceeded{take(run, name), value(output)});
    }
    static void fail(TestRun& run, const std::string& name) {
        run.give(machine::TaskFailed{take(run, name), "E", ""});
    }
};
INSTANTIATE_TEST_SUITE_P(WithAndWithoutSaving, MachineRedrive, testing::Bool());

TEST_P(MachineRedrive, AFailedTaskIsScheduledAgainAndNotEnteredAgain) {
    TestRun run = begin(states("P", R"("P": {"Type": "Pass", "Result": 7, "Next": "T"}, )" + task("T")));
    run.fail("E", "c");
    EXPECT_EQ(run.status(), Status::Failed);
    redrive(run);
    EXPECT_EQ(run.step.phase, machine::Phase::Running);
    EXPECT_EQ(run.story(7), (Strings{"7<6 TaskFailed :T", "8<7 ExecutionFailed", "9<8 ExecutionRedriven",
                                     "10<4 TaskScheduled :T"}));
    EXPECT_EQ(json::dump(run.history[8].details), R"({"redriveCount":1})");
    EXPECT_EQ(json::dump(run.last_call().input), "7");
    EXPECT_EQ(run.last_call().attempt, 2);
    run.fail("E");
    redrive(run);
    EXPECT_EQ(json::dump(run.history[13].details), R"({"redriveCount":2})");
    EXPECT_EQ(run.history[14].previous_id, 4);
    run.succeed("8");
    EXPECT_EQ(run.output(), "8");
}

TEST_P(MachineRedrive, RetriesBeginAnewAndTheContextObjectSaysSo) {
    TestRun run = begin(states("T", task("T", R"("Parameters": {"n.$": "$$.State.RetryCount",
        "r.$": "$$.Execution.RedriveCount", "at.$": "$$.State.EnteredTime"},
        "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}], "End": true)")));
    const std::string entered = json::dump(*run.last_call().input.find("at"));
    run.fail("E");
    run.tick();
    EXPECT_EQ(json::dump(*run.last_call().input.find("n")), "1");
    run.fail("E");
    EXPECT_EQ(run.status(), Status::Failed);
    redrive(run);
    EXPECT_EQ(json::dump(*run.last_call().input.find("n")), "0");
    EXPECT_EQ(json::dump(*run.last_call().input.find("r")), "1");
    EXPECT_EQ(json::dump(*run.last_call().input.find("at")), entered);
    run.fail("E");
    EXPECT_EQ(run.step.phase, machine::Phase::Retrying);
    run.tick();
    EXPECT_EQ(json::dump(*run.last_call().input.find("n")), "1");
    EXPECT_EQ(run.last_call().attempt, 4);
}

TEST_P(MachineRedrive, FinishedBranchesStayAndAbortedOnesGoOn) {
    TestRun run = begin(states("P", R"("P": {"Type": "Parallel", "End": true, "Branches": [)" +
                                        block("A", task("A")) + ", " +
                                        block("B", task("B", R"("Next": "C")") + ", " + task("C")) + ", " +
                                        block("W", R"("W": {"Type": "Wait", "Seconds": 50, "Next": "D"}, )" +
                                                       task("D")) +
                                        "]}"));
    succeed(run, "/P/0:A", "1");
    succeed(run, "/P/1:B", "2");
    fail(run, "/P/1:C");
    EXPECT_EQ(run.status(), Status::Failed);
    const auto before = run.history.size();
    redrive(run);
    EXPECT_EQ(out(run), Strings{"/P/1:C"});
    EXPECT_EQ(run.step.next_due, run.now.at + 50 * kSecond);
    run.answer("3");
    run.tick();
    EXPECT_EQ(out(run), Strings{"/P/2:D"});
    run.answer("4");
    EXPECT_EQ(run.output(), "[1,3,4]");
    const Strings all = run.types();
    const Strings after(all.begin() + static_cast<std::ptrdiff_t>(before), all.end());
    EXPECT_EQ(after, (Strings{"ExecutionRedriven", "TaskScheduled", "TaskStarted", "TaskSucceeded",
                              "TaskStateExited", "WaitStateExited", "TaskStateEntered", "TaskScheduled",
                              "TaskStarted", "TaskSucceeded", "TaskStateExited", "ParallelStateSucceeded",
                              "ParallelStateExited", "ExecutionSucceeded"}));
}

TEST_P(MachineRedrive, AFailureSeveralLevelsDeep) {
    const std::string inner =
        R"("I": {"Type": "Parallel", "End": true, "Branches": [)" + block("X", task("X")) + ", " +
        block("M", R"("M": {"Type": "Map", "End": true, "MaxConcurrency": 1, "ItemProcessor": )" +
                       block("Y", task("Y", R"("Assign": {"v.$": "$"}, "Next": "Z")") + ", " + task("Z")) + "}") +
        "]}";
    TestRun run =
        begin(states("O", R"("O": {"Type": "Map", "ItemsPath": "$.outer", "End": true, "MaxConcurrency": 2,
            "ItemProcessor": )" + block("I", inner) + "}"),
              R"({"outer": [[1, 2], [3], [4]]})");
    EXPECT_EQ(out(run), (Strings{"/O/0/I/0:X", "/O/0/I/1/M/0:Y", "/O/1/I/0:X", "/O/1/I/1/M/0:Y"}));
    succeed(run, "/O/0/I/0:X", "10");
    succeed(run, "/O/0/I/1/M/0:Y", "11");
    succeed(run, "/O/1/I/0:X", "20");
    fail(run, "/O/1/I/1/M/0:Y");
    EXPECT_EQ(run.status(), Status::Failed);
    redrive(run);
    EXPECT_EQ(out(run), (Strings{"/O/0/I/1/M/0:Z", "/O/1/I/1/M/0:Y"}));
    succeed(run, "/O/0/I/1/M/0:Z", "12");
    succeed(run, "/O/1/I/1/M/0:Y", "21");
    EXPECT_EQ(out(run), (Strings{"/O/0/I/1/M/1:Y", "/O/1/I/1/M/0:Z"}));
    fail(run, "/O/1/I/1/M/0:Z");
    EXPECT_EQ(run.status(), Status::Failed);
    redrive(run);
    EXPECT_EQ(out(run), (Strings{"/O/0/I/1/M/1:Y", "/O/1/I/1/M/0:Z"}));
    for (int i = 0; i < 20 && run.status() == Status::Running; ++i)
        run.answer(std::to_string(100 + i));
    EXPECT_EQ(run.status(), Status::Succeeded);
    EXPECT_EQ(run.step.outcome.output->items().size(), 3u);
    EXPECT_EQ(json::dump(run.step.outcome.output->items()[0].items()[0]), "10");
    EXPECT_EQ(json::dump(run.step.outcome.output->items()[0].items()[1].items()[0]), "12");
    EXPECT_EQ(json::dump(run.step.outcome.output->items()[1].items()[0]), "20");
}

TEST_P(MachineRedrive, WhereACatchOrARetryHasGoneOnNothingIsLeftToRedrive) {
    TestRun run = begin(states("P", R"("P": {"Type": "Parallel", "Next": "T", "Branches": [)" +
                                        block("A", task("A")) + ", " + block("B", task("B")) +
                                        R"(], "Catch": [{"ErrorEquals": ["E"], "Next": "T"}]}, )" + task("T")));
    run.refuse("E");
    EXPECT_EQ(run.step.current_state, "T");
    run.fail("F");
    redrive(run);
    EXPECT_EQ(out(run), Strings{":T"});

    TestRun retried = begin(states("P", R"("P": {"Type": "Parallel", "End": true, "Branches": [)" +
                                            block("A", task("A")) + ", " + block("B", task("B")) +
                                            R"(], "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}]})"));
    retried.answer("1");
    retried.refuse("E");
    retried.tick();
    EXPECT_EQ(out(retried), (Strings{"/P/0:A", "/P/1:B"}));  // the retry begins all branches anew
    retried.answer("2");
    retried.refuse("E");
    EXPECT_EQ(retried.status(), Status::Failed);
    redrive(retried);
    EXPECT_EQ(out(retried), Strings{"/P/1:B"});
    retried.answer("3");
    EXPECT_EQ(retried.output(), "[2,3]");
}

TEST_P(MachineRedrive, AfterAStopEverythingUnderWayGoesOn) {
    const std::string definition =
        R"({"TimeoutSeconds": 300, )" +
        states("M", R"("M": {"Type": "Map", "ItemsPath": "$.n", "MaxConcurrency": 2, "End": true,
            "ResultPath": null, "ItemProcessor": )" + block("T", task("T")) + "}").substr(1);
    TestRun run = begin(definition, R"({"n": [1, 2, 3, 4]})");
    run.answer("1");
    run.give(machine::Stopped{"E", "c"});
    EXPECT_EQ(run.status(), Status::Aborted);
    redrive(run);
    EXPECT_EQ(out(run), (Strings{"/M/1:T", "/M/2:T"}));
    for (int i = 0; i < 3; ++i)
        run.answer("1");
    EXPECT_EQ(run.output(), R"({"n":[1,2,3,4]})");
    EXPECT_EQ(run.count("MapIterationStarted"), 4);
    EXPECT_EQ(run.count("MapIterationSucceeded"), 4);
}

TEST_P(MachineRedrive, TheTimeOfTheFlowBeginsAgain) {
    TestRun run = begin(R"({"TimeoutSeconds": 30, )" + states("T", task("T")).substr(1));
    run.tick();
    EXPECT_EQ(run.status(), Status::TimedOut);
    redrive(run);
    EXPECT_EQ(run.step.next_due, run.now.at + 30 * kSecond);
    run.succeed("1");
    EXPECT_EQ(run.output(), "1");
}

TEST_P(MachineRedrive, ARunThatWasStoppedBeforeItBegan) {
    TestRun run(states("T", task("T")));
    run.save_between_steps = GetParam();
    run.give(machine::Stopped{});
    EXPECT_EQ(run.status(), Status::Aborted);
    redrive(run);
    EXPECT_EQ(run.types(), (Strings{"ExecutionStarted", "ExecutionAborted", "ExecutionRedriven",
                                    "TaskStateEntered", "TaskScheduled"}));
}

TEST_P(MachineRedrive, AParallelThatHasFailedByItselfIsDoneAgain) {
    TestRun run = begin(states("P", R"("P": {"Type": "Parallel", "End": true,
        "ResultSelector": {"a.$": "$[0].a"}, "Branches": [)" + block("A", task("A")) + "]}"));
    run.answer("{}");
    EXPECT_EQ(run.error(), "States.Runtime");
    redrive(run);
    EXPECT_EQ(out(run), Strings{"/P/0:A"});
    EXPECT_EQ(run.count("ParallelStateStarted"), 2);
    run.answer(R"({"a": 5})");
    EXPECT_EQ(run.output(), R"({"a":5})");
}

TEST_P(MachineRedrive, AfterDataLimitExceeded) {
    TestRun run(states("T", task("T")));
    run.save_between_steps = GetParam();
    run.limits.max_payload_bytes = 100;
    run.start();
    run.succeed('"' + std::string(200, 'x') + '"');
    EXPECT_EQ(run.error(), "States.DataLimitExceeded");
    redrive(run);
    run.succeed("1");
    EXPECT_EQ(run.output(), "1");
}

TEST_P(MachineRedrive, AfterAFailureOfTheEngine) {
    TestRun run = begin(states("P", R"("P": {"Type": "Parallel", "End": true, "Branches": [)" +
                                        block("A", task("A")) + ", " + block("B", task("B")) + "]}"));
    run.answer("1");
    run.give(machine::EngineFailed{"States.Runtime", "no"});
    redrive(run);
    EXPECT_EQ(out(run), Strings{"/P/1:B"});
    run.answer("2");
    EXPECT_EQ(run.output(), "[1,2]");
}

TEST_P(MachineRedrive, FailAndChoiceAreWorkedAgain) {
    TestRun run = begin(states("C", R"("C": {"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericEquals": 1,
        "Next": "F"}]}, "F": {"Type": "Fail", "Error": "E"})"), R"({"a": 2})");
    EXPECT_EQ(run.error(), "States.Runtime");
    redrive(run);
    EXPECT_EQ(run.status(), Status::Failed);
    EXPECT_EQ(run.count("ChoiceStateEntered"), 1);
    EXPECT_EQ(run.count("ExecutionFailed"), 2);

    TestRun fail = begin(states("F", R"("F": {"Type": "Fail", "Error": "E"})"));
    redrive(fail);
    EXPECT_EQ(fail.error(), "E");
    EXPECT_EQ(fail.count("FailStateEntered"), 1);
}

TEST_P(MachineRedrive, AWaitUntilATimeThatHasPassedIsLeftAtOnce) {
    TestRun run = begin(states("W", R"("W": {"Type": "Wait", "TimestampPath": "$.t", "End": true})"),
                        R"({"t": "2026-09-21T14:14:00Z"})");
    run.give(machine::Stopped{});
    run.now.at += 1'000'000 * kSecond;
    redrive(run);
    EXPECT_EQ(run.status(), Status::Succeeded);
}

std::string distributed(const std::string& more) {
    return R"("M": {"Type": "Map", "ItemsPath": "$.n", "End": true, )" + more +
           R"("ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "C", "States": {"C": {"Type": "Succeed"}}}})";
}
machine::MapRunEnded map_end(const TestRun& run, machine::MapRunEnded::Outcome outcome,
                             const std::string& error = "") {
    return {run.map_runs.back().id, outcome, value("[1]"), error, ""};
}

TEST_P(MachineRedrive, AFailedMapRunGoesOn) {
    TestRun run = begin(states("P", R"("P": {"Type": "Parallel", "End": true, "Branches": [)" +
                                        block("M", distributed("")) + "]}"),
                        R"({"n": [1, 2]})");
    using Outcome = machine::MapRunEnded::Outcome;
    const std::int64_t id = run.map_runs.at(0).id;
    run.give(map_end(run, Outcome::Failed, "States.ExceedToleratedFailureThreshold"));
    EXPECT_EQ(run.status(), Status::Failed);
    for (int i = 1; i <= 2; ++i) {
        redrive(run);
        ASSERT_EQ(run.step.effects.size(), 1u);
        EXPECT_EQ(std::get<machine::RedriveMapRun>(run.step.effects[0]).id, id);
        const machine::HistoryEvent& event = run.history.back();
        EXPECT_EQ(event.type, "MapRunRedriven");
        EXPECT_EQ(run.history[static_cast<std::size_t>(event.previous_id - 1)].type, "MapStateStarted");
        EXPECT_EQ(json::dump(event.details), R"({"mapRunArn":")" + run.map_runs[0].plan.arn +
                                                 R"(","redriveCount":)" + std::to_string(i) + "}");
        EXPECT_EQ(run.step.phase, machine::Phase::Waiting);
        run.give(machine::Resumed{});
        EXPECT_EQ(run.awaited.back(), id);
        if (i == 1) run.give(map_end(run, Outcome::Failed, "E"));
    }
    run.give(map_end(run, Outcome::Succeeded));
    EXPECT_EQ(run.output(), "[[1]]");
    EXPECT_EQ(run.map_runs.size(), 1u);
}

TEST_P(MachineRedrive, AMapRunThatWasCutShortGoesOn) {
    TestRun run = begin(states("M", distributed("")), R"({"n": [1, 2]})");
    run.give(machine::Stopped{});
    EXPECT_EQ(run.cancelled, std::vector<std::int64_t>{run.map_runs[0].id});
    redrive(run);
    EXPECT_EQ(std::get<machine::RedriveMapRun>(run.step.effects.at(0)).id, run.map_runs[0].id);
}

TEST_P(MachineRedrive, AMapRunThatHadSucceededBeginsAnew) {
    TestRun run = begin(states("M", distributed(R"("ResultSelector": {"a.$": "$[0].a"}, )")), R"({"n": [1]})");
    run.give(map_end(run, machine::MapRunEnded::Outcome::Succeeded));
    EXPECT_EQ(run.error(), "States.Runtime");
    redrive(run);
    EXPECT_EQ(run.map_runs.size(), 2u);
    EXPECT_NE(run.map_runs[0].id, run.map_runs[1].id);
}

TEST_P(MachineRedrive, ARetryOfAMapBeginsAnotherMapRun) {
    TestRun run = begin(states("M", distributed(R"("Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}], )")),
                        R"({"n": [1]})");
    run.give(map_end(run, machine::MapRunEnded::Outcome::Failed, "E"));
    run.tick();
    ASSERT_EQ(run.map_runs.size(), 2u);
    run.give(map_end(run, machine::MapRunEnded::Outcome::Failed, "E"));
    redrive(run);
    EXPECT_EQ(std::get<machine::RedriveMapRun>(run.step.effects.at(0)).id, run.map_runs[1].id);
    EXPECT_EQ(json::dump(*run.history.back().details.find("redriveCount")), "1");
}

TEST_P(MachineRedrive, RefusesWhatCannotGoOn) {
    TestRun run = begin(states("T", task("T")));
    const auto expect_refusal = [](TestRun& of) {
        EXPECT_FALSE(machine::is_redrivable(of.run, of.limits, of.frame));
        EXPECT_FALSE(of.give(machine::Redriven{}).accepted);
    };
    expect_refusal(run);
    run.succeed("1");
    expect_refusal(run);

    TestRun failed = begin(states("T", task("T")));
    failed.fail("E");
    EXPECT_EQ(failed.history.size(), 6u);
    failed.limits.max_history_events = 7;
    expect_refusal(failed);
    failed.limits.max_history_events = 8;
    redrive(failed);
    EXPECT_EQ(failed.status(), Status::Failed);  // there is no room for TaskScheduled
    EXPECT_EQ(failed.history.size(), 8u);

    TestRun express = begin(states("T", task("T")));
    express.run.express = true;
    express.fail("E");
    expect_refusal(express);
}

}  // namespace
