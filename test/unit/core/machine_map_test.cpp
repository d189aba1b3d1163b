// Inline Map: its items, how many run at a time, and maps that are large or deep.
#include <algorithm>

#include "machine_support.hpp"

using namespace flowctl;
using namespace flowctl::test;
using machine::Status;

namespace {

using Strings = std::vector<std::string>;

std::string map(const std::string& processor, const std::string& fields = R"("End": true)",
                const std::string& others = "") {
    return states("M",
                  R"("M": {"Type": "Map", )" + fields + R"(, "ItemProcessor": )" + processor + "}" + others);
}

std::string processor(const std::string& first, const std::string& body) {
    return R"({"StartAt": ")" + first + R"(", "States": {)" + body + "}}";
}

const std::string kTask =
    processor("T", R"("T": {"Type": "Task", "Resource": "flowctl:http:s", "End": true})");
const std::string kPass = processor("A", R"("A": {"Type": "Pass", "End": true})");

std::string numbers(int n) {
    std::string out = "[";
    for (int i = 0; i < n; ++i)
        out += (i == 0 ? "" : ",") + std::to_string(i);
    return out + "]";
}

Strings inputs_of(const TestRun& run) {
    Strings out;
    for (const machine::Call& call : run.calls)
        out.push_back(call.path + "=" + json::dump(call.input));
    return out;
}

}  // namespace

TEST(Map, AnEmptyArrayHasAnEmptyResult) {
    TestRun run(map(kTask), "[]");
    run.start();
    EXPECT_EQ(run.output(), "[]");
    EXPECT_EQ(run.story(),
              (Strings{"1<0 ExecutionStarted", "2<0 MapStateEntered :M", "3<2 MapStateStarted :M",
                       "4<3 MapStateSucceeded :M", "5<3 MapStateExited :M", "6<5 ExecutionSucceeded"}));
}

TEST(Map, ItemsSelectorsAndContext) {
    TestRun run(map(kTask, R"("InputPath": "$.in", "ItemsPath": "$.list", "End": true,
                              "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "all.$": "$.k"})"),
                R"({"in": {"list": ["a", {"b": 1}], "k": "c"}})");
    run.start();
    EXPECT_EQ(inputs_of(run),
              (Strings{R"(/M/0={"i":0,"v":"a","all":"c"})", R"(/M/1={"i":1,"v":{"b":1},"all":"c"})"}));
    run.give(machine::TaskSucceeded{run.calls[1].id, value("1")});
    run.give(machine::TaskSucceeded{run.calls[0].id, value("0")});
    EXPECT_EQ(run.output(), "[0,1]");
}

TEST(Map, TheOldNamesMeanTheSame) {
    TestRun run(states("M", R"("M": {"Type": "Map", "End": true, "Parameters": {"v.$": "$$.Map.Item.Value"},
                                     "Iterator": )" +
                                kTask + "}"),
                "[7]");
    run.start();
    EXPECT_EQ(inputs_of(run), Strings{R"(/M/0={"v":7})"});
}

TEST(Map, MembersOfAnObjectAreItems) {
    TestRun plain(map(kTask), R"({"a": 1, "b": [2]})");
    plain.start();
    EXPECT_EQ(inputs_of(plain),
              (Strings{R"(/M/0={"Key":"a","Value":1})", R"(/M/1={"Key":"b","Value":[2]})"}));
    TestRun selected(
        map(kTask, R"("End": true, "ItemSelector": {"k.$": "$$.Map.Item.Key", "v.$": "$$.Map.Item.Value"})"),
        R"({"a": 1})");
    selected.start();
    EXPECT_EQ(inputs_of(selected), Strings{R"(/M/0={"k":"a","v":1})"});
}

TEST(Map, TheItemIsKnownAllThroughItsProcessor) {
    const std::string inner = processor("A", R"("A": {"Type": "Pass", "Result": 0, "Next": "P"},
        "P": {"Type": "Parallel", "End": true, "Branches": [{"StartAt": "T", "States": {
          "T": {"Type": "Task", "Resource": "flowctl:http:s", "End": true, "Parameters": {"item.$": "$$.Map.Item.Value"}}}}]})");
    TestRun run(map(inner), R"(["x", "y"])");
    run.save_between_steps = true;
    run.start();
    EXPECT_EQ(inputs_of(run), (Strings{R"(/M/0/P/0={"item":"x"})", R"(/M/1/P/0={"item":"y"})"}));
    run.give(machine::Resumed{});
    EXPECT_EQ(std::get<machine::Call>(run.step.effects[1]).path, "/M/1/P/0");
}

TEST(Map, WhatIsNoArrayFails) {
    for (const auto& [fields, input, cause] :
         {std::tuple{R"("End": true)", "5", R"(Reference path "$" must point to array.)"},
          std::tuple{R"("ItemsPath": "$.x", "End": true)", R"({"x": null})",
                     R"(Reference path "$.x" must point to array.)"}}) {
        TestRun run(map(kTask, fields), input);
        run.start();
        EXPECT_EQ(run.error(), "States.Runtime");
        EXPECT_EQ(
            run.cause(),
            std::string("An error occurred while executing the state 'M' (entered at the event id #2). ") +
                cause);
        EXPECT_EQ(run.types(), (Strings{"ExecutionStarted", "MapStateEntered", "ExecutionFailed"}));
    }
}

TEST(Map, NumbersFromPathsAreChecked) {
    const std::string prefix =
        "An error occurred while executing the state 'M' (entered at the event id #2). ";
    for (
        const auto& [field, given, cause] :
        {std::tuple{"MaxConcurrency", "\"x\"",
                    R"(The MaxConcurrencyPath field refers to value "x" which is not a valid integer: $.n)"},
         std::tuple{"MaxConcurrency", "-1", "MaxConcurrency cannot be negative."},
         std::tuple{
             "ToleratedFailureCount", "1.5",
             R"(The ToleratedFailureCountPath field refers to value "1.5" which is not a valid integer: $.n)"},
         std::tuple{"ToleratedFailureCount", "-1", "ToleratedFailureCount cannot be negative."},
         std::tuple{"ToleratedFailurePercentage", "100.1",
                    "ToleratedFailurePercentage must be between 0 and 100."},
         std::tuple{"ToleratedFailurePercentage", "[]",
                    R"(The ToleratedFailurePercentagePath field refers to value "[]" which is not a valid )"
                    "float: $.n"}}) {
        TestRun run(
            map(kPass, std::string(R"("ItemsPath": "$.v", "End": true, ")") + field + R"(Path": "$.n")"),
            std::string(R"({"v": [1], "n": )") + given + "}");
        run.start();
        EXPECT_EQ(run.error(), "States.Runtime");
        EXPECT_EQ(run.cause(), prefix + cause);
    }
    TestRun run(map(kPass, R"("ItemsPath": "$.v", "End": true, "MaxConcurrencyPath": "$.n")"),
                R"({"v": [1], "n": "2"})");
    run.start();
    EXPECT_EQ(run.output(), "[1]");
}

TEST(Map, NoMoreThanMaxConcurrencyRunAtATime) {
    for (const std::size_t most : {1u, 3u}) {
        TestRun run(map(kTask, R"("End": true, "MaxConcurrency": )" + std::to_string(most)), numbers(7));
        run.save_between_steps = true;
        run.start();
        std::size_t answers = 0;
        while (run.status() == Status::Running) {
            EXPECT_EQ(run.calls.size(), std::min<std::size_t>(most, 7 - answers));
            EXPECT_EQ(run.calls.front().path, "/M/" + std::to_string(answers));
            run.answer(json::dump(run.calls.front().input));
            ++answers;
        }
        EXPECT_EQ(run.output(), numbers(7));
    }
    // The limit of the settings counts, too, whatever the state says.
    for (const char* fields : {R"("End": true)", R"("End": true, "MaxConcurrency": 1000)"}) {
        TestRun run(map(kTask, fields), numbers(50));
        run.start();
        EXPECT_EQ(run.calls.size(), 40u);
        run.answer("0");
        EXPECT_EQ(run.calls.size(), 40u);
    }
    TestRun unlimited(map(kTask), numbers(50));
    unlimited.limits.max_map_concurrency = 0;
    unlimited.start();
    EXPECT_EQ(unlimited.calls.size(), 50u);
}

TEST(Map, AFailedItemCutsTheOthers) {
    TestRun run(map(processor("C", R"("C": {"Type": "Choice", "Default": "Long",
                        "Choices": [{"Variable": "$", "StringEquals": "fail", "Next": "Pause"}]},
                        "Long": {"Type": "Wait", "Seconds": 15, "End": true},
                        "Pause": {"Type": "Wait", "Seconds": 1, "Next": "Boom"},
                        "Boom": {"Type": "Fail", "Error": "Boom", "Cause": "c"})")),
                R"(["long", "fail"])");
    run.save_between_steps = true;
    run.start();
    run.tick();
    EXPECT_EQ(run.error(), "Boom");
    // As measured on AWS.
    EXPECT_EQ(run.story(13), (Strings{"13<12 FailStateEntered /M/1:Boom", "14<13 MapIterationAborted :M",
                                      "15<13 WaitStateAborted /M/0:Long", "16<13 MapIterationFailed :M",
                                      "17<13 MapStateFailed :M", "18<17 ExecutionFailed"}))
        << testing::PrintToString(run.story());
    EXPECT_EQ(json::dump(run.history[13].details), R"({"name":"M","index":0})");
    EXPECT_EQ(json::dump(run.history[15].details), R"({"name":"M","index":1})");
}

TEST(Map, RetryGoesOverAllItemsAgain) {
    TestRun run(map(kTask, R"("End": true, "Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 3}])"),
                "[1,2]");
    run.save_between_steps = true;
    run.start();
    run.answer("10");
    run.refuse("E");
    EXPECT_EQ(run.step.phase, machine::Phase::Retrying);
    EXPECT_EQ(run.step.next_due, run.now.at + 3 * kSecond);
    run.tick();
    EXPECT_EQ(inputs_of(run), (Strings{"/M/0=1", "/M/1=2"}));
    EXPECT_EQ(run.calls[0].visit, 2);
    run.answer("11");
    run.answer("12");
    EXPECT_EQ(run.output(), "[11,12]");
    EXPECT_EQ(run.count("MapStateStarted"), 2);
    EXPECT_EQ(run.count("MapStateFailed"), 0);
}

TEST(Map, CatchSeesTheItemsError) {
    TestRun run(
        map(kTask, R"("Next": "Z", "Catch": [{"ErrorEquals": ["E"], "Next": "Z", "ResultPath": "$.e"}],
                              "ItemsPath": "$.v")",
            R"(, "Z": {"Type": "Succeed"})"),
        R"({"v": [1, 2, 3]})");
    run.start();
    run.answer("0");
    run.refuse("E");
    EXPECT_EQ(run.output(), R"({"v":[1,2,3],"e":{"Error":"E","Cause":""}})");
    EXPECT_EQ(run.cancelled.size(), 1u);
    EXPECT_EQ(run.count("MapStateFailed"), 1);
    EXPECT_EQ(run.count("MapStateExited"), 1);
}

TEST(Map, ASelectorThatFailsEndsWhatRuns) {
    TestRun run(map(kTask, R"("End": true, "ItemSelector": {"v.$": "$$.Map.Item.Value.x"})"),
                R"([{"x": 1}, {}])");
    run.start();
    EXPECT_EQ(run.error(), "States.Runtime");
    EXPECT_EQ(run.count("MapIterationAborted"), 1);
    EXPECT_TRUE(run.calls.empty());
}

TEST(Map, NestedMapsKeepTheirItemsApart) {
    const std::string inner =
        R"("N": {"Type": "Map", "End": true, "MaxConcurrency": 2, "ItemProcessor": )" +
        processor("T", R"("T": {"Type": "Task", "Resource": "flowctl:http:s", "End": true,
                                 "Parameters": {"v.$": "$", "i.$": "$$.Map.Item.Index"}})") +
        "}";
    TestRun run(map(processor("N", inner), R"("End": true, "MaxConcurrency": 2)"), "[[1,2,3],[],[4]]");
    run.save_between_steps = true;
    run.start();
    EXPECT_EQ(inputs_of(run), (Strings{R"(/M/0/N/0={"v":1,"i":0})", R"(/M/0/N/1={"v":2,"i":1})",
                                       R"(/M/2/N/0={"v":4,"i":0})"}));
    while (run.status() == Status::Running)
        run.answer(json::dump(*run.calls.front().input.find("v")));
    EXPECT_EQ(run.output(), "[[1,2,3],[],[4]]");
}

TEST(Map, AnyCrashIsSurvived) {
    // The same story whether or not every step begins from what was stored.
    const auto story = [](bool saved) {
        TestRun run(map(processor("W", R"j("W": {"Type": "Wait", "SecondsPath": "$.s", "Next": "T"},
            "T": {"Type": "Task", "Resource": "flowctl:http:s", "TimeoutSeconds": 20, "Next": "V", "ResultPath": "$.r",
                  "Retry": [{"ErrorEquals": ["E"], "JitterStrategy": "FULL"}]},
            "V": {"Type": "Pass", "Assign": {"v.$": "$.r"}, "Next": "P"},
            "P": {"Type": "Parallel", "End": true, "Branches": [
               {"StartAt": "X", "States": {"X": {"Type": "Pass", "Parameters": {"v.$": "$v", "u.$": "States.UUID()"}, "End": true}}},
               {"StartAt": "Y", "States": {"Y": {"Type": "Wait", "Seconds": 1, "End": true}}}]})j"),
                        R"("End": true, "MaxConcurrency": 3, "Retry": [{"ErrorEquals": ["F"]}])"),
                    R"([{"s": 3}, {"s": 1}, {"s": 2}, {"s": 1}, {"s": 0}])");
        run.save_between_steps = saved;
        run.start();
        Strings out;
        int answers = 0;
        for (int i = 0; i < 200 && run.status() == Status::Running; ++i) {
            if (run.calls.empty()) {
                run.tick();
            } else if (++answers % 3 == 0) {
                run.refuse(answers == 6 ? "F" : "E");
            } else {
                run.answer("\"ok\"");
            }
            out.push_back(std::to_string(run.step.next_due.value_or(0)) + " " +
                          std::to_string(static_cast<int>(run.step.phase)) + " " +
                          std::to_string(run.step.effects.size()));
        }
        for (const std::string& line : run.story())
            out.push_back(line);
        out.push_back(run.output() + run.error() + run.cause());
        return out;
    };
    const Strings straight = story(false);
    EXPECT_EQ(straight, story(true));
    EXPECT_EQ(straight.back().substr(0, 17), R"([[{"v":"ok","u":")") << straight.back();
    EXPECT_GT(straight.size(), 60u);
}

TEST(Map, StopEndsAllItems) {
    TestRun run(map(kTask), numbers(10));
    run.save_between_steps = true;
    run.start();
    run.give(machine::Stopped{std::nullopt, std::nullopt});
    EXPECT_EQ(run.status(), Status::Aborted);
    EXPECT_EQ(run.cancelled.size(), 10u);
    EXPECT_TRUE(run.calls.empty());
}

TEST(Map, AFrameThatLiesFailsTheRun) {
    const std::string child =
        R"({"index":0,"state":"T","phase":"Working","input":{"value":1},"lastEvent":4,"path":"/M/0","item":{}})";
    const auto frame = [&](const std::string& fork) {
        return R"({"format":1,"status":"RUNNING","lastEvent":5,"top":{"state":"M","phase":"Forked","input":{"value":[1,2]},"fork":)" +
               fork + "}}";
    };
    const auto with = [&](const std::string& begun, const std::string& outputs, const std::string& children) {
        return frame(R"({"length":2,"begun":)" + begun + R"(,"outputs":)" + outputs + R"(,"children":[)" +
                     children + "]}");
    };
    ASSERT_TRUE(machine::Frame::load(value(with("1", "[]", child))).ok());
    for (const std::string& bad :
         {with("2", "[]", child), with("0", "[]", child), with("1", "[]", child + "," + child),
          with("1", "[[1,2]]", child), with("2", "[[1,2]]", ""), with("1", R"([{"open":[[0,1]]}])", child),
          with("1", R"([{"open":[[2,1]]}])", child), with("1", R"([{"open":[[-1,1]]}])", child),
          with("1", "[null,null]", child), with("1", "[7]", child), with("3", "[]", child),
          with("1", R"([{"open":[[1,1],[1,1]]}])", "")})
        EXPECT_FALSE(machine::Frame::load(value(bad)).ok()) << bad;
    // Fits itself, but neither the input nor the flow.
    for (const std::string& bad :
         {frame(R"({"length":9,"begun":0,"outputs":[]})"),
          with("1", "[]", R"({"index":0,"state":"Gone","phase":"Working","input":{"value":1},"item":{}})"),
          with("1", "[]", R"({"index":0,"state":"T","phase":"Working","input":{"value":1}})"),
          with("1", "[]", R"({"index":0,"state":"T","phase":"Ended","input":{"value":1},"item":{}})")}) {
        auto loaded = machine::Frame::load(value(bad));
        ASSERT_TRUE(loaded.ok()) << loaded.error();
        TestRun run(map(kTask), "[1,2]");
        run.frame = std::move(loaded).value();
        run.give(machine::TimerFired{});
        EXPECT_EQ(run.status(), Status::Failed) << bad;
        EXPECT_EQ(run.error(), "States.Runtime");
    }
}

TEST(Map, ManyItemsTakeTurns) {
    constexpr int kItems = 20'000;
    TestRun run(map(kPass, R"("End": true, "ResultPath": null)"), numbers(kItems));
    run.limits.max_history_events = 1'000'000;
    run.start();
    int turns = 1;
    while (run.status() == Status::Running) {
        EXPECT_EQ(run.step.next_due, run.now.at);
        EXPECT_LE(run.step.history.size(), 10'000u);
        run.give(machine::TimerFired{});
        ++turns;
    }
    EXPECT_EQ(run.status(), Status::Succeeded);
    EXPECT_EQ(run.count("MapIterationSucceeded"), kItems);
    EXPECT_GT(turns, 20);
}

TEST(Map, ItemsThatAreOverLeaveOnlyTheirOutput) {
    TestRun run(map(kTask, R"("End": true, "MaxConcurrency": 2, "ItemsPath": "$$.Execution.Input")"),
                numbers(2'000));
    run.limits.max_history_events = 1'000'000;
    run.start();
    const std::size_t before = json::dump(run.frame.save()).size();
    for (int i = 0; i < 1'000; ++i)
        run.answer("7");
    const std::size_t after = json::dump(run.frame.save()).size();
    EXPECT_LT(after, before + 1'000 * 2 + 256 * 8 + 300);
    // And nothing at all where nobody reads the result.
    TestRun mute(map(kTask, R"("End": true, "MaxConcurrency": 2, "ResultPath": null)"), numbers(2'000));
    mute.limits.max_history_events = 1'000'000;
    mute.start();
    const std::size_t begun = json::dump(mute.frame.save()).size();
    for (int i = 0; i < 1'000; ++i)
        mute.answer("\"long long long\"");
    EXPECT_LT(json::dump(mute.frame.save()).size(), begun + 100);
}

TEST(Map, OutputsArriveInAnyOrderAndAreStoredInBlocks) {
    constexpr int kItems = 600;
    TestRun run(map(kTask), numbers(kItems));
    run.limits.max_map_concurrency = 0;
    run.save_between_steps = true;
    run.start();
    while (run.step.next_due && *run.step.next_due <= run.now.at)
        run.give(machine::TimerFired{});
    ASSERT_EQ(run.calls.size(), 600u);
    // The last first, then every seventh, so that blocks fill up out of order and with holes.
    std::reverse(run.calls.begin(), run.calls.end());
    std::stable_partition(run.calls.begin() + 300, run.calls.end(),
                          [](const machine::Call& call) { return call.id % 7 == 0; });
    while (run.status() == Status::Running)
        run.answer(json::dump(run.calls.front().input));
    EXPECT_EQ(run.output(), numbers(kItems));
}
