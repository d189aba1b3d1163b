// Parallel: branches side by side, and what one of them does to the others.
#include "machine_support.hpp"

using namespace flowctl;
using namespace flowctl::test;
using machine::Status;

namespace {

using Strings = std::vector<std::string>;

std::string parallel(const std::string& branches, const std::string& fields = R"("End": true)",
                     const std::string& others = "") {
    return states("P",
                  R"("P": {"Type": "Parallel", )" + fields + R"(, "Branches": [)" + branches + "]}" + others);
}

std::string branch(const std::string& first, const std::string& body) {
    return R"({"StartAt": ")" + first + R"(", "States": {)" + body + "}}";
}

std::string task(const std::string& name, const std::string& fields = R"("End": true)") {
    return branch(name, "\"" + name + R"(": {"Type": "Task", "Resource": "flowctl:http:s", )" + fields + "}");
}

std::string failing(const std::string& name) {
    return branch(name, "\"" + name + R"(": {"Type": "Fail", "Error": "Boom", "Cause": "why"})");
}

const std::string kWait = branch("W", R"("W": {"Type": "Wait", "Seconds": 60, "End": true})");

}  // namespace

TEST(Parallel, OutputsAreInTheOrderOfTheBranches) {
    TestRun run(parallel(task("A") + "," + task("B")), R"({"n": 1})");
    run.save_between_steps = true;
    run.start();
    ASSERT_EQ(run.calls.size(), 2u);
    EXPECT_EQ(run.calls[0].path, "/P/0");
    EXPECT_EQ(run.calls[1].path, "/P/1");
    EXPECT_EQ(json::dump(run.calls[1].input), R"({"n":1})");
    run.give(machine::TaskSucceeded{run.calls[1].id, value("\"second\"")});
    EXPECT_EQ(run.status(), Status::Running);
    run.give(machine::TaskSucceeded{run.calls[0].id, value("\"first\"")});
    EXPECT_EQ(run.output(), R"(["first","second"])");
    EXPECT_EQ(
        run.story(),
        (Strings{"1<0 ExecutionStarted", "2<0 ParallelStateEntered :P", "3<2 ParallelStateStarted :P",
                 "4<3 TaskStateEntered /P/0:A", "5<3 TaskStateEntered /P/1:B", "6<4 TaskScheduled /P/0:A",
                 "7<5 TaskScheduled /P/1:B", "8<7 TaskStarted /P/1:B", "9<8 TaskSucceeded /P/1:B",
                 "10<9 TaskStateExited /P/1:B", "11<6 TaskStarted /P/0:A", "12<11 TaskSucceeded /P/0:A",
                 "13<12 TaskStateExited /P/0:A", "14<13 ParallelStateSucceeded :P",
                 "15<13 ParallelStateExited :P", "16<15 ExecutionSucceeded"}));
}

TEST(Parallel, InputAndOutputPassThroughAllFields) {
    TestRun run(
        parallel(branch("A", R"("A": {"Type": "Pass", "End": true})") + "," +
                     branch("B", R"("B": {"Type": "Pass", "Result": 2, "End": true})"),
                 R"j("InputPath": "$.in", "Parameters": {"x.$": "$.v"},
                            "ResultSelector": {"a.$": "$[0].x", "b.$": "$[1]"},
                            "Assign": {"sum.$": "States.MathAdd($.a, $.b)"},
                            "ResultPath": "$.out", "OutputPath": "$.out", "Next": "Z")j",
                 R"(, "Z": {"Type": "Pass", "Parameters": {"in.$": "$", "sum.$": "$sum"}, "End": true})"),
        R"({"in": {"v": 5}})");
    run.start();
    EXPECT_EQ(run.output(), R"({"in":{"a":5,"b":2},"sum":7})");
}

TEST(Parallel, TheFirstFailureEndsTheOthers) {
    TestRun run(
        parallel(task("A") + "," + kWait + "," + task("C") + "," +
                 branch("Q", R"("Q": {"Type": "Parallel", "End": true, "Branches": [)" + task("D") + "]}")));
    run.save_between_steps = true;
    run.start();
    ASSERT_EQ(run.calls.size(), 3u);
    const auto a = run.calls[0].id;
    const auto first = static_cast<std::int64_t>(run.history.size()) + 1;
    const std::int64_t d = run.calls[2].id;
    run.give(machine::TaskFailed{run.calls[1].id, "Boom", "why"});
    EXPECT_EQ(run.status(), Status::Failed);
    EXPECT_EQ(run.error(), "Boom");
    EXPECT_EQ(run.cause(), "why");
    EXPECT_EQ(run.cancelled, (std::vector<std::int64_t>{a, d}));
    EXPECT_EQ(first, 13);
    EXPECT_EQ(run.story(first),
              (Strings{"13<9 TaskStarted /P/2:C", "14<13 TaskFailed /P/2:C", "15<14 TaskStateAborted /P/2:C",
                       "16<8 TaskStarted /P/0:A", "17<14 TaskStateAborted /P/0:A",
                       "18<14 WaitStateAborted /P/1:W", "19<14 ParallelStateAborted /P/3:Q",
                       "20<12 TaskStarted /P/3/Q/0:D", "21<14 TaskStateAborted /P/3/Q/0:D",
                       "22<14 ParallelStateFailed :P", "23<22 ExecutionFailed"}));
}

TEST(Parallel, AnAnswerAfterTheEndIsStale) {
    TestRun run(parallel(task("A") + "," + task("B"), R"("Retry": [{"ErrorEquals": ["E"]}], "End": true)"));
    run.start();
    const auto b = run.calls[1].id;
    run.refuse("E");
    EXPECT_EQ(run.step.phase, machine::Phase::Retrying);
    EXPECT_EQ(run.cancelled, std::vector<std::int64_t>{b});
    EXPECT_FALSE(run.give(machine::TaskSucceeded{b, value("1")}).accepted);
}

TEST(Parallel, RetryBeginsAllBranchesAgain) {
    TestRun run(parallel(task("A") + "," + task("B"),
                         R"("Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}],
                            "Parameters": {"try.$": "$$.State.RetryCount"}, "End": true)"));
    run.save_between_steps = true;
    run.start();
    EXPECT_EQ(json::dump(run.calls[0].input), R"({"try":0})");
    run.refuse("E");
    EXPECT_EQ(run.count("ParallelStateFailed"), 0);
    run.tick();
    ASSERT_EQ(run.calls.size(), 2u);
    EXPECT_EQ(json::dump(run.calls[0].input), R"({"try":1})");
    // Visits count on over the attempts: path, state, visit and attempt name one call only.
    EXPECT_EQ(run.calls[0].visit, 2);
    EXPECT_EQ(run.calls[0].attempt, 1);
    EXPECT_EQ(run.count("ParallelStateStarted"), 2);
    EXPECT_EQ(run.count("ParallelStateEntered"), 1);
    run.refuse("E");
    EXPECT_EQ(run.status(), Status::Failed);
    EXPECT_EQ(run.count("ParallelStateFailed"), 1);
}

TEST(Parallel, VisitsWithinBranchesCountOnToo) {
    const std::string inner =
        branch("I", R"("I": {"Type": "Parallel", "End": true, "Branches": [)" + task("T") + "]}");
    TestRun run(parallel(inner + "," + task("F"), R"("Retry": [{"ErrorEquals": ["E"]}], "End": true)"));
    run.save_between_steps = true;
    run.start();
    for (int attempt = 1; attempt <= 3; ++attempt) {
        ASSERT_EQ(run.calls.size(), 2u);
        for (const machine::Call& call : run.calls)
            EXPECT_EQ(call.visit, attempt) << call.path;
        const bool inner_first = run.calls[0].path == "/P/0/I/0";
        run.give(machine::TaskFailed{run.calls[inner_first ? 1 : 0].id, "E", ""});
        run.calls.clear();
        run.tick();
    }
}

TEST(Parallel, NestsDeeply) {
    for (const bool fails : {false, true}) {
        std::string text = fails ? failing("S") : task("S");
        constexpr int kLevels = 200;
        for (int i = 0; i < kLevels; ++i) {
            const std::string name = "L" + std::to_string(i);
            text = branch(
                name, "\"" + name + R"(": {"Type": "Parallel", "End": true, "Branches": [)" + text + "]}");
        }
        TestRun run(text, "5");
        run.save_between_steps = true;
        run.start();
        if (!fails) run.answer("7");
        EXPECT_EQ(run.status(), fails ? Status::Failed : Status::Succeeded);
        EXPECT_EQ(run.count("ParallelStateEntered"), kLevels);
        EXPECT_EQ(run.count(fails ? "ParallelStateFailed" : "ParallelStateSucceeded"), kLevels);
    }
}

TEST(Parallel, CatchTakesWhatABranchFailedWith) {
    TestRun run(
        parallel(failing("F") + "," + kWait,
                 R"("Next": "Z", "Catch": [{"ErrorEquals": ["Boom"], "ResultPath": "$.e", "Next": "Z",
                                                    "Assign": {"v.$": "$.Cause"}}])",
                 R"(, "Z": {"Type": "Pass", "Parameters": {"e.$": "$.e", "v.$": "$v"}, "End": true})"));
    run.start();
    EXPECT_EQ(run.output(), R"({"e":{"Error":"Boom","Cause":"why"},"v":"why"})");
    EXPECT_EQ(run.count("ParallelStateFailed"), 1);
    EXPECT_EQ(run.count("ParallelStateExited"), 1);
    EXPECT_EQ(run.count("WaitStateAborted"), 1);
}

TEST(Parallel, AFailWithoutAnErrorIsCaughtByTheWildcardOnly) {
    const std::string fails = branch("F", R"("F": {"Type": "Fail"})");
    TestRun bare(parallel(fails));
    bare.start();
    EXPECT_EQ(bare.status(), Status::Failed);
    EXPECT_FALSE(bare.step.outcome.error.has_value());
    EXPECT_FALSE(bare.step.outcome.cause.has_value());
    TestRun caught(parallel(fails, R"("Next": "Z", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}])",
                            R"(, "Z": {"Type": "Succeed"})"));
    caught.start();
    EXPECT_EQ(caught.output(), R"({"Error":"","Cause":""})");
}

TEST(Parallel, AStateCatchesWithinItsBranch) {
    TestRun run(parallel(branch("A", R"("A": {"Type": "Task", "Resource": "flowctl:http:s", "End": true,
                                 "Catch": [{"ErrorEquals": ["E"], "Next": "B"}]},
                                 "B": {"Type": "Pass", "Result": "caught", "End": true})") +
                         "," + task("C")));
    run.start();
    run.refuse("E");
    EXPECT_EQ(run.status(), Status::Running);
    run.answer("2");
    EXPECT_EQ(run.output(), R"(["caught",2])");
}

TEST(Parallel, NestedFailuresClimbUntilCaught) {
    const std::string inner = R"({"Type": "Parallel", "End": true, "Branches": [)" + failing("F") + "]}";
    TestRun run(parallel(branch("I", "\"I\": " + inner) + "," + kWait,
                         R"("Next": "Z", "Catch": [{"ErrorEquals": ["Boom"], "Next": "Z"}])",
                         R"(, "Z": {"Type": "Succeed"})"));
    run.start();
    EXPECT_EQ(run.status(), Status::Succeeded);
    EXPECT_EQ(run.count("ParallelStateFailed"), 2);
}

TEST(Parallel, TimersOfBranchesFireInTheirOrder) {
    const auto wait = [](const std::string& name, int seconds) {
        return branch(name, "\"" + name + R"(": {"Type": "Wait", "Seconds": )" + std::to_string(seconds) +
                                R"(, "End": true})");
    };
    TestRun run(parallel(wait("A", 30) + "," + wait("B", 10) + "," + wait("C", 20)));
    run.save_between_steps = true;
    run.start();
    EXPECT_EQ(run.step.phase, machine::Phase::Waiting);
    const machine::Instant begin = run.now.at;
    for (const int seconds : {10, 20, 30}) {
        EXPECT_EQ(run.step.next_due, begin + seconds * kSecond);
        run.tick();
    }
    EXPECT_EQ(run.status(), Status::Succeeded);
}

TEST(Parallel, ATimeoutOfOneTaskIsAFailureLikeAnyOther) {
    TestRun run(parallel(task("A", R"("TimeoutSeconds": 5, "End": true)") + "," + task("B"),
                         R"("Next": "Z", "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "Z"}])",
                         R"(, "Z": {"Type": "Succeed"})"));
    run.start();
    run.tick();
    EXPECT_EQ(run.status(), Status::Succeeded);
    EXPECT_EQ(run.cancelled.size(), 2u);
}

TEST(Parallel, StopAndTimeOutEndAllBranches) {
    const std::string inner = branch(
        "I", R"("I": {"Type": "Parallel", "End": true, "Branches": [)" + task("A") + "," + kWait + "]}");
    TestRun stopped(parallel(inner + "," + task("B")));
    stopped.save_between_steps = true;
    stopped.start();
    stopped.give(machine::Stopped{"E", "c"});
    EXPECT_EQ(stopped.status(), Status::Aborted);
    EXPECT_EQ(stopped.cancelled.size(), 2u);
    EXPECT_EQ(stopped.history.back().type, "ExecutionAborted");
    EXPECT_FALSE(stopped.give(machine::TimerFired{}).accepted);
    EXPECT_TRUE(machine::Frame::load(stopped.frame.save()).ok());

    std::string timed = parallel(inner + "," + task("B"));
    timed.insert(1, R"("TimeoutSeconds": 9, )");
    TestRun late(timed);
    late.start();
    late.tick();
    EXPECT_EQ(late.status(), Status::TimedOut);
    EXPECT_EQ(late.cancelled.size(), 2u);
    EXPECT_FALSE(late.step.next_due.has_value());
}

TEST(Parallel, ResumedGivesAllCallsAgain) {
    TestRun run(parallel(task("A") + "," + task("B")));
    run.start();
    run.save_between_steps = true;
    run.give(machine::Resumed{});
    ASSERT_EQ(run.step.effects.size(), 2u);
    EXPECT_TRUE(run.step.history.empty());
    EXPECT_EQ(std::get<machine::Call>(run.step.effects[1]).path, "/P/1");
}

TEST(Parallel, VariablesAreSeenInsideAndDieThere) {
    TestRun run(states("A", R"("A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "P"},
      "P": {"Type": "Parallel", "Next": "Z", "ResultPath": "$.r", "Branches": [
        {"StartAt": "B", "States": {"B": {"Type": "Pass", "Assign": {"y.$": "$x"}, "Next": "T"},
          "T": {"Type": "Task", "Resource": "flowctl:http:s", "Parameters": {"y.$": "$y", "x.$": "$x"}, "End": true}}}]},
      "Z": {"Type": "Pass", "Parameters": {"y.$": "$y"}, "End": true})"));
    run.save_between_steps = true;
    run.start();
    EXPECT_EQ(json::dump(run.calls[0].input), R"({"y":1,"x":1})");
    EXPECT_EQ(json::dump(run.frame.save()).find(R"("variables":{"x":1}},)"), std::string::npos);
    run.answer("{}");
    EXPECT_EQ(run.status(), Status::Failed);
    EXPECT_EQ(run.error(), "States.Runtime");
}

TEST(Parallel, TheLastEventOfAFullHistoryIsTheFailure) {
    for (std::int64_t most = 3; most < 20; ++most) {
        TestRun run(parallel(branch("A", R"("A": {"Type": "Pass", "End": true})") + "," + failing("F") + "," +
                             kWait));
        run.limits.max_history_events = most;
        run.start();
        EXPECT_EQ(run.status(), Status::Failed) << most;
        EXPECT_LE(run.history.back().id, most);
        EXPECT_EQ(run.history.back().type, "ExecutionFailed");
    }
}

TEST(Parallel, ATaskWhoseFailureEndsItsBranchIsAborted) {
    TestRun run(parallel(task("A"), R"("Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}], "End": true)",
                         R"(, "Z": {"Type": "Pass", "End": true})"));
    run.start();
    run.fail("Boom", "why");
    EXPECT_EQ(run.story(),
              (Strings{"1<0 ExecutionStarted", "2<0 ParallelStateEntered :P", "3<2 ParallelStateStarted :P",
                       "4<3 TaskStateEntered /P/0:A", "5<4 TaskScheduled /P/0:A", "6<5 TaskStarted /P/0:A",
                       "7<6 TaskFailed /P/0:A", "8<7 TaskStateAborted /P/0:A", "9<7 ParallelStateFailed :P",
                       "10<9 ParallelStateExited :P", "11<10 PassStateEntered :Z", "12<11 PassStateExited :Z",
                       "13<12 ExecutionSucceeded"}));
}

TEST(Parallel, AFaultOfTheFlowEndsTheRunAtOnce) {
    const std::string bad =
        branch("B", R"("B": {"Type": "Pass", "Parameters": {"m.$": "$.nope"}, "End": true})");
    const Strings story = {"1<0 ExecutionStarted", "2<0 ParallelStateEntered :P",
                           "3<2 ParallelStateStarted :P", "4<3 PassStateEntered /P/0:B",
                           "5<4 ExecutionFailed"};
    TestRun run(parallel(bad, R"("Retry": [{"ErrorEquals": ["States.ALL"]}], "End": true)"));
    run.start();
    EXPECT_EQ(run.story(), story);
    EXPECT_EQ(run.error(), "States.Runtime");
    EXPECT_EQ(run.cause(),
              "An error occurred while executing the state 'B' (entered at the event id #4). The JSONPath "
              "'$.nope' specified for the field 'm.$' could not be found in the input '{}'");
    // What a Fail state calls so is an error like any other, and a Catch that names it gets it.
    TestRun named(parallel(branch("F", R"("F": {"Type": "Fail", "Error": "States.Runtime"})")));
    named.start();
    EXPECT_EQ(named.count("ParallelStateFailed"), 1);
    TestRun caught(parallel(bad,
                            R"("Catch": [{"ErrorEquals": ["States.Runtime"], "Next": "Z"}], "End": true)",
                            R"(, "Z": {"Type": "Pass", "End": true})"));
    caught.start();
    EXPECT_EQ(caught.status(), Status::Succeeded);
}
