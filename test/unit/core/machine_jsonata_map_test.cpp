// Map in JSONata: its items are the value of an expression, kept while the Map runs.
#include <set>

#include "core/machine/frame.hpp"
#include "machine_support.hpp"

namespace {

using namespace flowctl;
using test::TestRun;

// A Map with these fields, after a Pass that assigns `list`.
std::string map_of(const std::string& fields,
                   const std::string& processor = R"("P": {"Type": "Pass", "End": true})",
                   const std::string& start = "P") {
    return R"({"QueryLanguage": "JSONata", "StartAt": "A", "States": {
      "A": {"Type": "Pass", "Assign": {"list": ["a", "b", "c"]}, "Next": "M"},
      "M": {"Type": "Map", )" +
           fields + R"(, "ItemProcessor": {"StartAt": ")" + start + R"(", "States": {)" + processor +
           R"(}}, "Next": "E"}, "E": {"Type": "Succeed"}}})";
}

constexpr const char* kTask = R"("P": {"Type": "Task", "Resource": "flowctl:http:s", "End": true})";

std::string run_to_end(const std::string& flow, const std::string& input = "{}") {
    TestRun run(flow, input);
    run.save_between_steps = true;
    run.start();
    while (run.status() == machine::Status::Running && run.step.next_due)
        run.tick();
    return run.output() == "none" ? run.error() + ": " + run.cause() : run.output();
}

const json::Value* saved_items(const TestRun& run) {
    static json::Value saved;
    saved = run.frame.save();
    const json::Value* branch = saved.find("top");
    EXPECT_NE(branch, nullptr);
    const json::Value* fork = branch != nullptr ? branch->find("fork") : nullptr;
    return fork != nullptr ? fork->find("items") : nullptr;
}

TEST(JsonataMap, ItemsAreAnArrayWithExpressionsInIt) {
    EXPECT_EQ(run_to_end(map_of(R"("Items": [1, "{% $number('2') %}", "{% $list %}"])")),
              R"([1,2,["a","b","c"]])");
    EXPECT_EQ(
        run_to_end(map_of(R"("Items": "{% $append($list, $states.input.more) %}")"), R"({"more": "d"})"),
        R"(["a","b","c","d"])");
    EXPECT_EQ(run_to_end(map_of(R"("Items": "{% [] %}")")), "[]");
    EXPECT_EQ(run_to_end(map_of(R"("Comment": "the input itself")"), "[3, 4]"), "[3,4]");
}

TEST(JsonataMap, ItemsWrittenAsAnObjectAreItsMembers) {
    EXPECT_EQ(run_to_end(map_of(R"("Items": {"x": 1, "y": "{% $list[0] %}"}, "MaxConcurrency": 1,
      "ItemSelector": "{% $states.context.Map.Item.Key & ':' & $states.context.Map.Item.Value %}")")),
              R"(["x:1","y:a"])");
}

TEST(JsonataMap, ItemSelectorSeesItemInputAndVariables) {
    EXPECT_EQ(run_to_end(map_of(R"("Items": "{% $list %}", "Output": "{% $states.result[1] %}",
      "ItemSelector": {"i": "{% $states.context.Map.Item.Index %}", "v": "{% $states.context.Map.Item.Value %}",
                       "in": "{% $states.input.n %}", "all": "{% $count($list) %}"})"),
                         R"({"n": 7})"),
              R"({"i":1,"v":"b","in":7,"all":3})");
}

TEST(JsonataMap, TheProcessorSeesItsItemInTheContext) {
    EXPECT_EQ(
        run_to_end(map_of(
            R"("Items": "{% $list %}")",
            R"("P": {"Type": "Pass", "Output": "{% $states.context.Map.Item.Value & $states.input %}", "End": true})")),
        R"(["aa","bb","cc"])");
}

TEST(JsonataMap, WhatIsNoArrayIsRefused) {
    const std::string failed =
        "States.QueryEvaluationError: An error occurred while executing the state 'M' (entered at the event "
        "id #4). ";
    EXPECT_EQ(
        run_to_end(map_of(R"("Items": "{% {'a': 1} %}")")),
        failed +
            "The JSONata expression '{'a': 1}' specified for the field 'Items' returned an unexpected result "
            "type. Expected 'array', but was 'object' for value: {\"a\":1}");
    EXPECT_EQ(run_to_end(map_of(R"("MaxConcurrency": 1)"), "null"),
              failed + "Map state input must be an array but was: null");
    EXPECT_EQ(run_to_end(map_of(R"("Items": "{% $list %}", "MaxConcurrency": "{% -1 %}")")),
              failed + "MaxConcurrency cannot be negative.");
    EXPECT_EQ(run_to_end(map_of(R"("Items": "{% $list %}", "ToleratedFailurePercentage": "{% 101 %}")")),
              failed + "ToleratedFailurePercentage must be between 0 and 100.");
}

TEST(JsonataMap, FailedQueriesOfTheMapFailItAfterThem) {
    TestRun run(map_of(R"("Items": "{% $nothing %}")"));
    run.start();
    EXPECT_EQ(run.story(4), (std::vector<std::string>{"4<3 MapStateEntered :M", "5<3 EvaluationFailed :M",
                                                      "6<5 MapStateFailed :M", "7<6 ExecutionFailed"}));
    TestRun selector(map_of(
        R"("Items": "{% $list %}", "ItemSelector": {"v": "{% $states.context.Map.Item.Value = 'b' ? $nothing : 1 %}"},
      "MaxConcurrency": 1, "Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "E"}])"));
    selector.start();
    EXPECT_EQ(selector.status(), machine::Status::Succeeded);
    EXPECT_EQ(selector.count("MapIterationSucceeded"), 1);
    EXPECT_EQ(selector.count("MapStateFailed"), 1);
}

TEST(JsonataMap, ItemsAreEvaluatedOnceAndOutliveARestart) {
    TestRun run(map_of(R"("Items": "{% [1..6].$random() %}", "MaxConcurrency": 2)", kTask));
    run.save_between_steps = true;
    run.start();
    std::set<std::string> seen;
    while (!run.calls.empty()) {
        seen.insert(json::dump(run.calls.front().input));
        run.answer("null");
    }
    EXPECT_EQ(run.status(), machine::Status::Succeeded);
    EXPECT_EQ(seen.size(), 6U);
}

TEST(JsonataMap, ItemsThatTheFrameHasAnywayAreNotSavedAgain) {
    const auto items = [](const std::string& fields, const std::string& input) {
        TestRun run(map_of(fields + R"(, "MaxConcurrency": 1)", kTask), input);
        run.start();
        const json::Value* saved = saved_items(run);
        return saved != nullptr ? json::dump(*saved) : std::string("none");
    };
    EXPECT_EQ(items(R"("Items": "{% $states.input %}")", "[[1], [2]]"), R"({"of":"input"})");
    EXPECT_EQ(items(R"("Items": "{% $states.input.rows %}")", R"({"rows": [[1], [2]]})"),
              R"({"of":"input","name":"rows"})");
    EXPECT_EQ(items(R"("Items": "{% $list %}")", "{}"), R"({"of":"variable","name":"list"})");
    EXPECT_EQ(items(R"("Items": "{% [$list, 'd'] %}")", "{}"), R"({"rest":["b","c","d"]})");
    EXPECT_EQ(items(R"("Items": "{% ['d'] %}")", "{}"), "none");  // all have begun
}

TEST(JsonataMap, AFrameWhoseItemsDoNotFitIsRefused) {
    TestRun run(map_of(R"("Items": "{% [$list, 'd'] %}", "MaxConcurrency": 1)", kTask));
    run.start();
    const std::string saved = json::dump(run.frame.save());
    const auto load = [&](const std::string& from, const std::string& to) {
        std::string text = saved;
        const std::size_t at = text.find(from);
        EXPECT_NE(at, std::string::npos);
        text.replace(at, from.size(), to);
        return machine::Frame::load(test::value(text)).ok();
    };
    const std::string rest = R"({"rest":["b","c","d"]})";
    EXPECT_TRUE(load(rest, rest));
    EXPECT_FALSE(load(rest, R"({"rest":["b"]})"));
    EXPECT_FALSE(load(rest, R"({"of":"variable","name":"other"})"));
    EXPECT_FALSE(load(rest, R"({"of":"input"})"));
    EXPECT_FALSE(load(rest, "{}"));
    // Without any, the frame loads and its run fails with a reason.
    std::string text = saved;
    text.replace(text.find(R"("items":)" + rest + ","), 9 + rest.size(), "");
    auto loaded = machine::Frame::load(test::value(text));
    ASSERT_TRUE(loaded.ok());
    run.frame = std::move(loaded).value();
    run.answer("null");
    EXPECT_EQ(run.error(), "States.Runtime");
}

TEST(JsonataMap, ManyItemsOfARange) {
    TestRun run(map_of(R"("Items": "{% [1..20000] %}", "Output": "{% $count($states.result) %}")"));
    run.limits.max_history_events = 1'000'000;
    run.start();
    while (run.status() == machine::Status::Running)
        run.tick();
    EXPECT_EQ(run.output(), "20000");
}

TEST(JsonataMap, AFunctionIsNoListOfItems) {
    TestRun run(map_of(R"("Items": "{% function($x){ $x } %}")"));
    run.start();
    EXPECT_EQ(run.error(), "States.QueryEvaluationError");
    EXPECT_EQ(run.cause(), "An error occurred while executing the state 'M' (entered at the event id #4). The JSONata "
                           "expression 'function($x){ $x }' specified for the field 'Items' returned an unsupported "
                           "result type.");
    EXPECT_EQ(run.count("EvaluationFailed"), 1);
    EXPECT_EQ(run.count("MapStateFailed"), 1);
}

}  // namespace
