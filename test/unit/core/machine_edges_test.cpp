// What fails at each place of a visit, and histories that are full at each event.
#include "core/machine/evaluate.hpp"
#include "machine_support.hpp"

using namespace flowctl;
using namespace flowctl::test;
using machine::Status;

namespace {

struct Failing {
    const char* state;
    const char* cause;  // behind the place
};

std::string place(const char* name) {
    return "An error occurred while executing the state '" + std::string(name) +
           "' (entered at the event id #2). ";
}

}  // namespace

// A field that cannot be evaluated fails its state with its own cause, whatever stands beside it.
TEST(MachineEdges, EveryFieldOfAPathStateCanFail) {
    const Failing cases[] = {
        {R"("Type": "Parallel", "InputPath": "$.none", "Branches": [{"StartAt": "B", "States": {"B": {"Type": "Succeed"}}}])",
         "Invalid path '$.none'"},
        {R"("Type": "Task", "Resource": "flowctl:http:s.waitForTaskToken", "HeartbeatSecondsPath": "$.none", "TimeoutSeconds": 9)",
         "Invalid path '$.none'"},
        {R"("Type": "Pass", "Parameters": {"v.$": "$.none"})", "The JSONPath '$.none'"},
        {R"("Type": "Task", "Resource": "flowctl:http:s", "InputPath": "$.none")", "Invalid path '$.none'"},
        {R"("Type": "Task", "Resource": "flowctl:http:s", "Parameters": {"v.$": "$.none"})",
         "The JSONPath '$.none'"},
        {R"("Type": "Map", "ItemsPath": "$.list", "ToleratedFailurePercentagePath": "$.none",
            "ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Succeed"}}})",
         "Invalid path '$.none'"},
        {R"("Type": "Map", "ItemsPath": "$.list", "ToleratedFailurePercentagePath": "$.list[0]",
            "ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Succeed"}}})",
         "ToleratedFailurePercentage must be between 0 and 100."},
        {R"("Type": "Map", "ItemsPath": "$.list", "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"b.$": "$.none"}},
            "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "B", "States": {"B": {"Type": "Succeed"}}})",
         "The JSONPath '$.none'"},
        {R"("Type": "Pass", "Assign": {"v.$": "$.none"})", "The JSONPath '$.none'"},
        {R"("Type": "Map", "InputPath": "$.none", "ItemSelector": {"a.$": "$"},
            "ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Succeed"}}})",
         "Invalid path '$.none'"},
        {R"("Type": "Map", "ItemsPath": "$.list", "ItemReader": {"Resource": "arn:aws:states:::s3:getObject",
            "Parameters": {"Bucket": "b", "Key": "k"}, "ReaderConfig": {"InputType": "JSON", "MaxItemsPath": "$.none"}},
            "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "B", "States": {"B": {"Type": "Succeed"}}})",
         "Invalid path '$.none'"},
    };
    for (const Failing& one : cases) {
        TestRun run(states("S", R"("S": {"End": true, )" + std::string(one.state) + "}"),
                    R"({"list": [101]})");
        run.start();
        EXPECT_EQ(run.status(), Status::Failed) << one.state;
        EXPECT_EQ(run.error(), "States.Runtime") << one.state;
        EXPECT_TRUE(run.cause().starts_with(place("S") + one.cause)) << one.state << "\n" << run.cause();
    }
}

TEST(MachineEdges, ACatchersAssignCanFail) {
    TestRun run(states("S", R"("S": {"Type": "Task", "Resource": "flowctl:http:s", "End": true,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Assign": {"v.$": "$.none"}, "Next": "N"}]}, "N": {"Type": "Succeed"})"));
    run.start();
    run.fail("E", "c");
    EXPECT_EQ(run.status(), Status::Failed);
    EXPECT_EQ(run.error(), "States.Runtime");
    EXPECT_TRUE(run.cause().starts_with(place("S") + "The JSONPath '$.none'")) << run.cause();
}

TEST(MachineEdges, EveryFieldOfAJsonataStateCanFail) {
    const Failing cases[] = {
        {R"("Type": "Wait", "Seconds": "{% $states.input.none %}")",
         "The JSONata expression '$states.input.none' specified for the field 'Seconds' returned nothing"},
        {R"("Type": "Wait", "Seconds": "{% 'x' %}")",
         "The JSONata expression ''x'' specified for the field 'Seconds'"},
        {R"("Type": "Pass", "Assign": {"v": "{% $states.input.none %}"})",
         "specified for the field 'Assign/v'"},
        {R"("Type": "Map", "ToleratedFailureCount": "{% -1 %}", "Items": [1],
            "ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Succeed"}}})",
         "ToleratedFailureCount"},
        {R"("Type": "Map", "ToleratedFailurePercentage": "{% 101 %}", "Items": [1],
            "ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Succeed"}}})",
         "ToleratedFailurePercentage must be between 0 and 100."},
    };
    for (const Failing& one : cases) {
        TestRun run(
            states("S", R"("S": {"QueryLanguage": "JSONata", "End": true, )" + std::string(one.state) + "}"));
        run.start();
        EXPECT_EQ(run.status(), Status::Failed) << one.state;
        EXPECT_EQ(run.error(), "States.QueryEvaluationError") << one.state;
        EXPECT_NE(run.cause().find(one.cause), std::string::npos) << one.state << "\n" << run.cause();
    }
}

TEST(MachineEdges, AnOutputThatIsTooLargeFailsAJsonataState) {
    TestRun run(states(
        "S",
        R"("S": {"QueryLanguage": "JSONata", "Type": "Pass", "Output": "{% $pad('', 2000, 'x') %}", "End": true})"));
    run.limits.max_payload_bytes = 1'024;
    run.start();
    EXPECT_EQ(run.status(), Status::Failed);
    EXPECT_EQ(run.error(), "States.DataLimitExceeded");
    EXPECT_EQ(run.count("PassStateExited"), 0);
}

// However the last event that fits comes about, the run ends with it: the history is as long as the limit says,
// and nothing is called any more.
TEST(MachineEdges, AHistoryThatIsFullAtAnyEvent) {
    const std::string map =
        R"("M": {"Type": "Map", "ItemsPath": "$.list", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "P"}],
        "ItemProcessor": {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "flowctl:http:s",
            "Retry": [{"ErrorEquals": ["Again"], "MaxAttempts": 1}], "End": true}}}, "Next": "P"})";
    const std::string parallel = R"(, "P": {"Type": "Parallel", "Branches": [
        {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:lambda:r:1:function:f", "End": true}}},
        {"StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "D"}], "Next": "D"})";
    const std::string distributed =
        R"(, "D": {"Type": "Map", "ItemsPath": "$$.Execution.Input.list", "End": true,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "C", "States": {"C": {"Type": "Succeed"}}}})";
    const std::string definition = states("M", map + parallel + distributed);
    // What services answer: all goes well, or much fails.
    for (const bool failing : {false, true}) {
        std::int64_t whole = 0;
        for (std::int64_t most = 1'000; most >= 3; most = most == 1'000 ? whole : most - 1) {
            TestRun run(definition, R"({"list": [1, 2]})");
            run.limits.max_history_events = most;
            run.start();
            for (int i = 0; i < 100 && run.status() == Status::Running; ++i) {
                if (!run.calls.empty()) {
                    if (failing && i % 3 == 0) {
                        run.refuse("Again");
                    } else if (failing && i % 3 == 2) {
                        run.refuse("Other");
                    } else {
                        run.answer("7");
                    }
                } else if (!run.map_runs.empty()) {
                    run.give(machine::MapRunEnded{run.map_runs.back().id,
                                                  failing ? machine::MapRunEnded::Outcome::Failed
                                                          : machine::MapRunEnded::Outcome::Succeeded,
                                                  value("[1]"), "E", "c"});
                } else {
                    run.tick();
                }
            }
            ASSERT_NE(run.status(), Status::Running) << most;
            if (most == 1'000) {
                whole = static_cast<std::int64_t>(run.history.size());
                ASSERT_GT(whole, 20);
                continue;
            }
            const auto length = static_cast<std::int64_t>(run.history.size());
            ASSERT_LE(length, most);
            for (std::size_t i = 0; i < run.history.size(); ++i)
                EXPECT_EQ(run.history[i].id, static_cast<std::int64_t>(i) + 1);
            if (most == whole) {
                // The last event of the whole run would be the one too many, unless it ends the run by itself.
                EXPECT_EQ(length, most) << run.cause();
                continue;
            }
            EXPECT_EQ(length, most);
            EXPECT_EQ(run.status(), Status::Failed) << most;
            EXPECT_EQ(run.history.back().type, "ExecutionFailed") << most;
            EXPECT_EQ(run.error(), "States.Runtime") << most;
            EXPECT_EQ(run.cause(), "The execution reached the maximum number of history events (" +
                                       std::to_string(most) + ").");
            EXPECT_TRUE(std::none_of(run.step.effects.begin(), run.step.effects.end(),
                                     [](const machine::Effect& effect) {
                                         return std::holds_alternative<machine::Call>(effect) ||
                                                std::holds_alternative<machine::StartMapRun>(effect);
                                     }))
                << most;
        }
    }
}

// A value that comes back as it was sent stands in the history once.
TEST(MachineEdges, AnAnswerThatIsTheInputIsKeptOnce) {
    TestRun run(states("T", R"("T": {"Type": "Task", "Resource": "flowctl:http:s", "End": true})"),
                R"({"a": 1})");
    run.start();
    run.give(machine::TaskSucceeded{run.last_call().id, run.last_call().input});
    EXPECT_EQ(run.output(), R"({"a":1})");
    EXPECT_EQ(run.step.outcome.output_ref, 0);
}

// The numbers of a stored plan, its texts and where its items come from.
TEST(MachineEdges, APlanIsStoredWhole) {
    TestRun run(
        states(
            "M",
            R"("M": {"Type": "Map", "Label": "rows", "MaxConcurrency": 7, "ToleratedFailureCount": 2, "End": true,
        "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key.$": "$.key"},
            "ReaderConfig": {"InputType": "JSON", "MaxItems": 5}},
        "ItemBatcher": {"MaxItemsPerBatch": 3, "MaxInputBytesPerBatch": 1000},
        "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "r", "Prefix": "p"}},
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, "StartAt": "C",
            "States": {"C": {"Type": "Succeed"}}}})"),
        R"({"key": "k"})");
    run.start();
    ASSERT_EQ(run.map_runs.size(), 1u) << run.cause();
    const machine::MapRunPlan& plan = run.map_runs[0].plan;
    const json::Value saved = plan.save();
    const auto loaded = machine::MapRunPlan::load(saved);
    ASSERT_TRUE(loaded.ok()) << loaded.error();
    EXPECT_EQ(json::dump(loaded->save()), json::dump(saved));
    EXPECT_EQ(loaded->arn, plan.arn);
    EXPECT_EQ(loaded->label, "rows");
    EXPECT_EQ(loaded->state, "M");
    EXPECT_EQ(loaded->visit, 1);
    EXPECT_EQ(loaded->attempt, plan.attempt);
    EXPECT_EQ(loaded->entered_event, 2);
    EXPECT_EQ(loaded->max_concurrency, 7);
    EXPECT_EQ(loaded->tolerated_count, 2);
    EXPECT_TRUE(loaded->express);
    EXPECT_EQ(loaded->source(), "S3://b/k");
    machine::MapRunPlan nameless = *loaded;
    nameless.reader->arguments = value(R"({"Key": "k"})");
    EXPECT_EQ(nameless.source(), "arn:aws:states:::s3:getObject");
    nameless.reader->arguments = value(R"({"Bucket": "b"})");
    EXPECT_EQ(nameless.source(), "S3://b");
}

TEST(MachineEdges, AFrameOfAnotherStatusIsNone) {
    const std::string frame =
        R"({"format":1,"status":"ASLEEP","lastEvent":2,"top":{"state":"A","phase":"Sleeping","input":{"value":1},"due":5}})";
    const auto loaded = machine::Frame::load(value(frame));
    ASSERT_FALSE(loaded.ok());
    EXPECT_NE(loaded.error().find("status"), std::string::npos) << loaded.error();
}

// Both sides of the bounds of variables.
TEST(MachineEdges, VariablesAsLargeAsTheyMayBe) {
    const auto status_of = [](std::size_t bytes) {
        TestRun run(states("S", R"("S": {"Type": "Pass", "Assign": {"v.$": "$.x"}, "End": true})"),
                    R"({"x": ")" + std::string(bytes - 2, 'x') + "\"}");
        run.limits.max_payload_bytes = 1'000'000;
        run.start();
        return run.status() == Status::Succeeded ? "succeeded" : run.error();
    };
    EXPECT_EQ(status_of(machine::kMaxVariableBytes), "succeeded");
    EXPECT_EQ(status_of(machine::kMaxVariableBytes + 1), "States.DataLimitExceeded");
}

// A variable that is assigned again counts once, however often.
TEST(MachineEdges, AllVariablesTogether) {
    constexpr int kFull = 40;  // variables of the largest size that fit
    std::string body;
    const auto assign = [&](const std::string& state, const std::string& name, const std::string& next) {
        body += (body.empty() ? "\"" : ", \"") + state + R"(": {"Type": "Pass", "Assign": {")" + name +
                R"(.$": "$.x"}, "Next": ")" + next + "\"}";
    };
    for (int i = 0; i < kFull; ++i)
        assign("s" + std::to_string(i), "v" + std::to_string(i), "s" + std::to_string(i + 1));
    assign("s" + std::to_string(kFull), "v0", "more");
    assign("more", "w", "end");
    TestRun run(states("s0", body + R"(, "end": {"Type": "Succeed"})"),
                R"({"x": ")" + std::string(machine::kMaxVariableBytes - 2, 'x') + "\"}");
    run.limits.max_payload_bytes = 1'000'000;
    static_assert(kFull * machine::kMaxVariableBytes == machine::kMaxAllVariablesBytes);
    run.start();
    for (int i = 0; i < 100 && run.status() == Status::Running; ++i)
        run.tick();
    EXPECT_EQ(run.error(), "States.DataLimitExceeded");
    EXPECT_EQ(run.step.current_state, "more");
}

TEST(MachineEdges, APercentageAtItsBounds) {
    for (const char* percentage : {"0", "100"}) {
        TestRun run(
            states(
                "M",
                R"("M": {"Type": "Map", "ItemsPath": "$.list", "ToleratedFailurePercentagePath": "$.p", "End": true,
            "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "B", "States": {"B": {"Type": "Succeed"}}}})"),
            R"({"list": [1], "p": )" + std::string(percentage) + "}");
        run.start();
        ASSERT_EQ(run.map_runs.size(), 1u) << run.cause();
        EXPECT_EQ(run.map_runs[0].plan.tolerated_percentage, std::stod(percentage));
    }
}

TEST(MachineEdges, AnOutputThatIsTooLargeFailsAPathState) {
    TestRun run(states("S", R"("S": {"Type": "Pass", "Parameters": {"a.$": "$", "b.$": "$"}, "End": true})"),
                R"({"x": ")" + std::string(600, 'x') + "\"}");
    run.limits.max_payload_bytes = 1'024;
    run.start();
    EXPECT_EQ(run.error(), "States.DataLimitExceeded");
    EXPECT_EQ(run.count("PassStateExited"), 0);
}

// The items of a Map that are a variable's are found there again, or the frame is none.
TEST(MachineEdges, ItemsOfAVariable) {
    const std::string definition =
        states("A", R"("A": {"Type": "Pass", "Assign": {"list.$": "$.list"}, "Next": "E"}, "E": {"Type": "Pass", "Result": {}, "Next": "M"},
        "M": {"Type": "Map", "QueryLanguage": "JSONata", "Items": "{% $list %}", "MaxConcurrency": 1, "End": true,
            "ItemProcessor": {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "flowctl:http:s", "End": true}}}})");
    TestRun run(definition, R"({"list": [1, 2, 3]})");
    run.save_between_steps = true;
    run.start();
    std::string saved = json::dump(run.frame.save());
    while (run.status() == Status::Running && !run.calls.empty())
        run.answer("7");
    EXPECT_EQ(run.output(), "[7,7,7]") << run.cause();
    const std::string name = R"("of":"variable","name":"list")";
    const std::size_t at = saved.find(name);
    ASSERT_NE(at, std::string::npos) << saved;
    EXPECT_TRUE(machine::Frame::load(value(saved)).ok());
    saved.replace(at, name.size(), R"("of":"variable","name":"gone")");
    EXPECT_FALSE(machine::Frame::load(value(saved)).ok());
}
