// Distributed Maps: how a map run begins, what it is told, and how the state goes on when it is over.
#include "core/map_run/map_run.hpp"
#include "machine_support.hpp"

using namespace flowctl;
using namespace flowctl::test;
using machine::MapRunEnded;
using machine::Status;

namespace {

using Strings = std::vector<std::string>;

const std::string kConfig = R"("ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"})";
const std::string kPass =
    "{" + kConfig + R"(, "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}})";

std::string map(const std::string& fields, const std::string& others = "") {
    return states("M", R"("M": {"Type": "Map", "ItemProcessor": )" + kPass + ", " + fields + "}" + others);
}

MapRunEnded ended(const TestRun& run, std::string_view output) {
    return map_run::succeeded(run.map_runs.back().id, value(output));
}
MapRunEnded failed(const TestRun& run, const std::string& error, const std::string& cause = "") {
    return map_run::failed(run.map_runs.back().id, {error, cause});
}

std::string arn_of(const TestRun& run, std::size_t event) {
    return std::string(run.history.at(event).details.find("mapRunArn")->as_string());
}

}  // namespace

TEST(DistributedMap, RunsElsewhereAndGoesOnWithTheResult) {
    TestRun run(map(R"("ItemsPath": "$.list", "Label": "rows", "MaxConcurrency": 7, "ResultPath": "$.r",
                       "ToleratedFailureCount": 2, "ToleratedFailurePercentage": 12.5, "End": true)"),
                R"({"list": [1, 2, 3]})");
    run.save_between_steps = true;
    run.start();
    EXPECT_EQ(run.status(), Status::Running);
    EXPECT_EQ(run.step.phase, machine::Phase::Waiting);
    EXPECT_FALSE(run.step.next_due.has_value());
    ASSERT_EQ(run.map_runs.size(), 1u);
    const machine::MapRunPlan& plan = run.map_runs[0].plan;
    EXPECT_EQ(run.map_runs[0].id, 4);
    EXPECT_EQ(plan.state, "M");
    EXPECT_EQ(plan.label, "rows");
    EXPECT_EQ(plan.arn, "arn:flowctl:states:local:db:mapRun:f/rows:" + plan.uuid);
    EXPECT_EQ(arn_of(run, 3), plan.arn);
    EXPECT_EQ(plan.max_concurrency, 7);
    EXPECT_EQ(plan.tolerated_count, 2);
    EXPECT_EQ(plan.tolerated_percentage, 12.5);
    EXPECT_EQ(json::dump(plan.items), "[1,2,3]");
    EXPECT_TRUE(plan.keeps_outputs);
    run.give(ended(run, "[10, 20, 30]"));
    EXPECT_EQ(run.output(), R"({"list":[1,2,3],"r":[10,20,30]})");
    EXPECT_EQ(run.story(),
              (Strings{"1<0 ExecutionStarted", "2<0 MapStateEntered :M", "3<2 MapStateStarted :M",
                       "4<3 MapRunStarted :M", "5<4 MapRunSucceeded :M", "6<5 MapStateSucceeded :M",
                       "7<5 MapStateExited :M", "8<7 ExecutionSucceeded"}));
}

TEST(DistributedMap, AnEndThatIsNotWaitedForIsDropped) {
    TestRun run(map(R"("End": true)"), "[1]");
    run.start();
    EXPECT_FALSE(run.give(map_run::succeeded(3, value("[]"))).accepted);
    EXPECT_FALSE(run.give(machine::TaskSucceeded{4, value("[]")}).accepted);
    EXPECT_FALSE(run.give(machine::TimerFired{}).accepted);
    const MapRunEnded end = ended(run, "[1]");
    EXPECT_TRUE(run.give(end).accepted);
    EXPECT_FALSE(run.give(end).accepted);
}

TEST(DistributedMap, ResumingAsksForTheMapRunAndStartsNone) {
    TestRun run(map(R"("End": true)"), "[1]");
    run.start();
    run.save_between_steps = true;
    run.give(machine::Resumed{});
    EXPECT_EQ(run.awaited, std::vector<std::int64_t>{4});
    EXPECT_EQ(run.map_runs.size(), 1u);
    run.give(ended(run, "[5]"));
    EXPECT_EQ(run.output(), "[5]");
}

TEST(DistributedMap, AFailureIsSeenByRetryAndCatch) {
    TestRun run(
        map(R"("Retry": [{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "MaxAttempts": 1}],
                       "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "Z"}],
                       "Next": "Z")",
            R"(, "Z": {"Type": "Succeed"})"),
        R"({"a": 1})");
    run.start();
    const std::string first = run.map_runs.back().plan.arn;
    run.give(failed(run, "States.ExceedToleratedFailureThreshold", "too many"));
    EXPECT_EQ(run.step.phase, machine::Phase::Retrying);
    run.tick();
    ASSERT_EQ(run.map_runs.size(), 2u);
    EXPECT_EQ(run.map_runs[1].plan.attempt, 2);
    EXPECT_NE(run.map_runs[1].plan.arn, first);
    run.give(failed(run, "States.ExceedToleratedFailureThreshold", "too many"));
    EXPECT_EQ(run.output(),
              R"({"a":1,"e":{"Error":"States.ExceedToleratedFailureThreshold","Cause":"too many"}})");
    EXPECT_EQ(run.story(3),
              (Strings{"3<2 MapStateStarted :M", "4<3 MapRunStarted :M", "5<4 MapRunFailed :M",
                       "6<5 MapStateStarted :M", "7<6 MapRunStarted :M", "8<7 MapRunFailed :M",
                       "9<8 MapStateFailed :M", "10<9 MapStateExited :M", "11<10 SucceedStateEntered :Z",
                       "12<11 SucceedStateExited :Z", "13<12 ExecutionSucceeded"}));
    EXPECT_EQ(json::dump(run.history[7].details),
              R"({"error":"States.ExceedToleratedFailureThreshold","cause":"too many"})");
}

TEST(DistributedMap, AnUncaughtFailureIsTheRuns) {
    TestRun run(map(R"("End": true)"), "[1]");
    run.start();
    run.give(failed(run, "States.ItemReaderFailed", "gone"));
    EXPECT_EQ(run.status(), Status::Failed);
    EXPECT_EQ(run.error() + ": " + run.cause(), "States.ItemReaderFailed: gone");
    EXPECT_EQ(run.story(5), (Strings{"5<4 MapRunFailed :M", "6<5 MapStateFailed :M", "7<6 ExecutionFailed"}));
    EXPECT_TRUE(run.cancelled.empty());
}

TEST(DistributedMap, OneThatIsStoppedFromOutsideFailsItsState) {
    TestRun run(map(R"("End": true)"), "[1]");
    run.start();
    MapRunEnded end;
    end.map_run = run.map_runs.back().id;
    end.outcome = MapRunEnded::Outcome::Aborted;
    run.give(end);
    EXPECT_EQ(run.error(), "States.TaskFailed");
    EXPECT_EQ(run.story(5),
              (Strings{"5<4 MapRunAborted :M", "6<5 MapStateFailed :M", "7<6 ExecutionFailed"}));
}

TEST(DistributedMap, AResultThatIsTooLargeFailsTheMapRun) {
    TestRun run(map(R"("End": true)"), "[1]");
    run.limits.max_payload_bytes = 20;
    run.start();
    run.give(ended(run, R"(["123456789", "123456789"])"));
    EXPECT_EQ(run.error(), "States.DataLimitExceeded");
    EXPECT_EQ(run.count("MapRunFailed"), 1);
}

TEST(DistributedMap, WhateverEndsTheRunCancelsTheMapRun) {
    TestRun stopped(map(R"("End": true)"), "[1]");
    stopped.start();
    stopped.give(machine::Stopped{"E", std::nullopt});
    EXPECT_EQ(stopped.cancelled, std::vector<std::int64_t>{4});
    EXPECT_EQ(stopped.story(5), (Strings{"5<4 MapRunAborted :M", "6<0 ExecutionAborted"}));

    std::string definition = map(R"("End": true)");
    definition.insert(1, R"("TimeoutSeconds": 60, )");
    TestRun late(definition, "[1]");
    late.start();
    late.tick();
    EXPECT_EQ(late.status(), Status::TimedOut);
    EXPECT_EQ(late.cancelled, std::vector<std::int64_t>{4});

    TestRun broken(map(R"("End": true)"), "[1]");
    broken.start();
    broken.give(machine::EngineFailed{"States.Runtime", "no"});
    EXPECT_EQ(broken.cancelled, std::vector<std::int64_t>{4});
}

// What keeps the engine from carrying a map run on says where; what its children or documents say does not.
TEST(DistributedMap, AFailureOfTheEngineNamesTheState) {
    const auto cause_of = [](const char* error) {
        TestRun run(map(R"("End": true)"), "[1]");
        run.start();
        run.give(machine::MapRunEnded{4, machine::MapRunEnded::Outcome::Failed, {}, error, "it is gone"});
        return run.cause();
    };
    EXPECT_EQ(cause_of("States.Runtime"),
              "An error occurred while executing the state 'M' (entered at the event id #2). it is gone");
    EXPECT_EQ(cause_of("States.ItemReaderFailed"), "it is gone");
}

TEST(DistributedMap, ASiblingsFailureAbortsIt) {
    TestRun run(states("B", R"("B": {"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "ItemProcessor": )" +
                                kPass + R"(}}},
        {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "flowctl:http:s", "End": true}}}]})"),
                "[1]");
    run.save_between_steps = true;
    run.start();
    ASSERT_EQ(run.map_runs.size(), 1u);
    EXPECT_EQ(run.map_runs[0].plan.path, "/B/0");
    EXPECT_EQ(run.step.phase, machine::Phase::Running);
    run.refuse("E");
    EXPECT_EQ(run.error(), "E");
    EXPECT_EQ(run.cancelled, std::vector<std::int64_t>{run.map_runs[0].id});
    EXPECT_EQ(run.count("MapRunAborted"), 1);
    EXPECT_EQ(run.count("MapStateAborted"), 1);
}

// One that is begun and given up in one call of advance() is not begun.
TEST(DistributedMap, NoneIsBegunInAStepThatGivesItUp) {
    TestRun run(states("B", R"("B": {"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "ItemProcessor": )" +
                                kPass + R"(}}},
        {"StartAt": "X", "States": {"X": {"Type": "Pass", "Next": "Y"}, "Y": {"Type": "Pass", "Next": "F"},
                                    "F": {"Type": "Fail"}}}]})"),
                "[1]");
    run.start();
    EXPECT_EQ(run.status(), Status::Failed);
    EXPECT_TRUE(run.map_runs.empty());
    EXPECT_TRUE(run.cancelled.empty());
}

TEST(DistributedMap, ReaderBatcherAndWriterAreEvaluatedOnce) {
    TestRun run(
        map(R"("ItemReader": {"Resource": "flowctl:sql:query", "Parameters": {"Query": "SELECT 1", "Args.$": "$.a"},
                                      "ReaderConfig": {"MaxItemsPath": "$.most"}},
                       "ItemBatcher": {"MaxItemsPerBatchPath": "$.n", "MaxInputBytesPerBatch": 1000, "BatchInput": {"k.$": "$.k"}},
                       "ResultWriter": {"Resource": "flowctl:sql:table", "Parameters": {"Table.$": "$.t"},
                                        "WriterConfig": {"OutputType": "JSONL", "Transformation": "FLATTEN"}},
                       "ItemSelector": {"v.$": "$$.Map.Item.Value", "id.$": "$$.Execution.Id"},
                       "ResultPath": null, "End": true)"),
        R"({"a": [7], "most": 9, "n": 3, "k": "K", "t": "out"})");
    run.start();
    ASSERT_EQ(run.map_runs.size(), 1u);
    const machine::MapRunPlan& plan = run.map_runs[0].plan;
    EXPECT_EQ(json::dump(run.history[2].details), R"({"length":0})");
    EXPECT_TRUE(plan.items.is_null());
    ASSERT_TRUE(plan.reader && plan.batcher && plan.writer);
    EXPECT_EQ(plan.reader->resource.kind, asl::DataResource::Kind::SqlQuery);
    EXPECT_EQ(json::dump(plan.reader->arguments), R"({"Query":"SELECT 1","Args":[7]})");
    EXPECT_EQ(plan.reader->max_items, 9);
    EXPECT_EQ(plan.batcher->max_items, 3);
    EXPECT_EQ(plan.batcher->max_bytes, 1000);
    EXPECT_EQ(json::dump(plan.batcher->input), R"({"k":"K"})");
    EXPECT_EQ(json::dump(plan.writer->arguments), R"({"Table":"out"})");
    EXPECT_EQ(plan.transformation, asl::ResultWriter::Transformation::Flatten);
    EXPECT_EQ(plan.output_type, asl::ResultWriter::OutputType::Jsonl);
    EXPECT_FALSE(plan.keeps_outputs);
    EXPECT_EQ(plan.source(), "flowctl:sql:query");
    EXPECT_EQ(json::dump(*plan.context.find("Execution")->find("Id")),
              R"("arn:flowctl:states:local:db:execution:f:1")");
    // All of it survives being stored.
    const std::string saved = json::dump(plan.save());
    const auto loaded = machine::MapRunPlan::load(value(saved));
    ASSERT_TRUE(loaded.ok()) << loaded.error();
    EXPECT_EQ(json::dump(loaded.value().save()), saved);
}

TEST(DistributedMap, NumbersThatMakeNoSenseFailTheState) {
    TestRun batch(map(R"("ItemBatcher": {"MaxItemsPerBatchPath": "$.n"}, "ItemsPath": "$.i", "End": true)"),
                  R"({"n": 0, "i": [1]})");
    batch.start();
    EXPECT_EQ(
        batch.cause(),
        "An error occurred while executing the state 'M' (entered at the event id #2). MaxItemsPerBatch "
        "must be greater than 0.");
    EXPECT_TRUE(batch.map_runs.empty());
    TestRun reader(
        map(R"("ItemReader": {"Resource": "flowctl:sql:query", "Parameters": {"Query.$": "$.none"}},
                          "End": true)"));
    reader.start();
    EXPECT_EQ(reader.error(), "States.Runtime");
    EXPECT_EQ(reader.count("MapRunStarted"), 0);
}

TEST(DistributedMap, InJsonata) {
    TestRun run(R"({"QueryLanguage": "JSONata", "StartAt": "A", "States": {
      "A": {"Type": "Pass", "Assign": {"n": 2, "sql": "SELECT"}, "Next": "M"},
      "M": {"Type": "Map", "End": true, "ItemProcessor": )" +
                    kPass + R"(,
        "ItemReader": {"Resource": "flowctl:sql:query", "Arguments": {"Query": "{% $sql & ' 1' %}"},
                       "ReaderConfig": {"MaxItems": "{% $n * 5 %}"}},
        "ItemBatcher": {"MaxItemsPerBatch": "{% $n %}", "BatchInput": {"b": "{% $states.input.b %}"}},
        "ToleratedFailurePercentage": "{% $n + 0.5 %}",
        "ItemSelector": {"v": "{% $states.context.Map.Item.Value %}"},
        "Output": "{% $states.input.b %}"}}})",
                R"({"b": "B"})");
    run.save_between_steps = true;
    run.start();
    ASSERT_EQ(run.map_runs.size(), 1u);
    const machine::MapRunPlan& plan = run.map_runs[0].plan;
    EXPECT_EQ(json::dump(plan.reader->arguments), R"({"Query":"SELECT 1"})");
    EXPECT_EQ(plan.reader->max_items, 10);
    EXPECT_EQ(plan.batcher->max_items, 2);
    EXPECT_EQ(json::dump(plan.batcher->input), R"({"b":"B"})");
    EXPECT_EQ(plan.tolerated_percentage, 2.5);
    EXPECT_EQ(json::dump(plan.variables), R"({"n":2,"sql":"SELECT"})");
    EXPECT_FALSE(plan.keeps_outputs);
    run.give(ended(run, "[]"));
    EXPECT_EQ(run.output(), R"("B")");

    TestRun bad(R"({"QueryLanguage": "JSONata", "StartAt": "M", "States": {
      "M": {"Type": "Map", "End": true, "Items": [1], "ItemProcessor": )" +
                kPass + R"(, "ItemBatcher": {"MaxItemsPerBatch": "{% 0 %}"}}}})");
    bad.start();
    EXPECT_EQ(bad.error(), "States.QueryEvaluationError");
}

TEST(DistributedMap, AFrameThatDoesNotFitItsFlowFails) {
    TestRun run(map(R"("End": true)"), "[1]");
    run.start();
    const std::string saved = json::dump(run.frame.save());
    ASSERT_NE(saved.find(R"("mapRun":4)"), std::string::npos);
    for (const char* wrong : {R"("mapRun":0)", R"("mapRun":"x")", R"("mapRun":5)", R"("more":1)"}) {
        std::string text = saved;
        text.replace(text.find(R"("mapRun":4)"), 10, wrong);
        EXPECT_FALSE(machine::Frame::load(value(text)).ok()) << wrong;
    }
    // The same state, inline.
    TestRun inline_run(states("M", R"("M": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "P",
        "States": {"P": {"Type": "Pass", "End": true}}}})"),
                       "[1]");
    auto loaded = machine::Frame::load(value(saved));
    ASSERT_TRUE(loaded.ok());
    inline_run.frame = std::move(loaded).value();
    inline_run.give(machine::Resumed{});
    EXPECT_EQ(inline_run.status(), Status::Failed);
}

TEST(MapRunPlan, LoadsNothingThatItDoesNotKnow) {
    TestRun run(map(R"("End": true)"), "[1]");
    run.start();
    const json::Value saved = run.map_runs.back().plan.save();
    const auto wrong = [&saved](std::string_view key, std::string_view text) {
        const auto loaded = machine::MapRunPlan::load(json::with_member(saved, key, value(text)));
        return loaded.ok() ? std::string("fine") : loaded.error();
    };
    EXPECT_EQ(wrong("extra", "1"), "fine");
    EXPECT_EQ(wrong("format", "2"),
              "the stored plan of the map run has a format that this version does not know");
    for (const char* key : {"state", "items", "visit", "arn", "toleratedCount", "toleratedPercentage",
                            "reader", "batcher", "writer", "transformation", "variables", "express"}) {
        const std::string problem = wrong(key, key == std::string("items") ? "1" : "[-1]");
        EXPECT_EQ(problem, "the stored plan of the map run is wrong at '" + std::string(key) + "'") << key;
    }
    EXPECT_EQ(wrong("reader", R"({"resource": "flowctl:sql:nothing"})"),
              "the stored plan of the map run is wrong at 'resource'");
    EXPECT_FALSE(machine::MapRunPlan::load(value("[]")).ok());
}
