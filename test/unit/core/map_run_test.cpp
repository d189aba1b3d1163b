// The logic of a map run: inputs of children, batches, limits, tolerance, results.
#include "core/map_run/map_run.hpp"

#include "core/map_run/results.hpp"
#include "machine_support.hpp"

using namespace flowctl;
using namespace flowctl::test;
using machine::Status;
using map_run::Child;
using map_run::ChildEnd;
using map_run::Item;
using map_run::MapRun;
using map_run::Progress;

namespace {

using Strings = std::vector<std::string>;

const std::string kProcessor = R"("ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED",
    "ExecutionType": "STANDARD"}, "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}})";
const std::string kQuery =
    R"("ItemReader": {"Resource": "flowctl:sql:query", "Parameters": {"Query": "SELECT"}})";

// A map run of a Map state with these fields.
class Running {
  public:
    explicit Running(const std::string& fields, std::string_view input = "{}", std::int64_t most = 0,
                     const std::string& top = "")
        : definition_("{" + top + R"("StartAt": "M", "States": {"M": {"Type": "Map", "End": true, )" +
                      kProcessor + (fields.empty() ? "" : ", ") + fields + "}}}"),
          flow(flow_of(definition_)),
          most_(most) {
        TestRun run(definition_, input);
        run.start();
        EXPECT_EQ(run.map_runs.size(), 1u) << run.cause();
        plan = run.map_runs.at(0).plan;
        begin({});
    }
    void begin(const Progress& progress) {
        map_run = std::make_unique<MapRun>(*MapRun::find_map(*flow, "M"), plan, limits, most_, progress);
    }
    // Takes items for as long as it wants them; the inputs of the children that began.
    Strings take_own() {
        Strings inputs;
        while (map_run->wants_item()) {
            const auto item = map_run->next_own_item();
            if (!item) break;
            add(map_run->take(*item, now), inputs);
        }
        return inputs;
    }
    Strings give(std::string_view text) {
        Strings inputs;
        add(map_run->take(Item{value(text), std::nullopt, std::nullopt}, now), inputs);
        return inputs;
    }
    Strings end() {
        Strings inputs;
        add(map_run->end_of_items(), inputs);
        return inputs;
    }
    void succeed(std::int64_t index, std::string_view output = "null") {
        finish(index, Status::Succeeded, output);
    }
    void finish(std::int64_t index, Status status, std::string_view output = "null") {
        map_run->child_ended(ended(index, status, output));
    }
    ChildEnd ended(std::int64_t index, Status status, std::string_view output) const {
        ChildEnd end;
        end.index = index;
        end.items = children.at(static_cast<std::size_t>(index)).items;
        end.status = status;
        end.input = children.at(static_cast<std::size_t>(index)).input;
        end.arn = "arn:" + std::to_string(index);
        end.name = std::to_string(index);
        if (status == Status::Succeeded) {
            end.output = value(output);
        } else {
            end.error = "E";
            end.cause = "c";
        }
        return end;
    }
    std::string error() const { return map_run->failure() ? map_run->failure()->error : "none"; }
    std::string result() const {
        const auto result = map_run->result();
        return result.ok() ? json::dump(result.value()) : result.error().error;
    }

  private:
    std::string definition_;

  public:
    std::shared_ptr<const asl::Flow> flow;
    machine::MapRunPlan plan;
    machine::Limits limits;
    machine::Now now{1'790'000'000 * kSecond, 3};
    std::unique_ptr<MapRun> map_run;
    std::vector<Child> children;

  private:
    void add(std::vector<Child> begun, Strings& inputs) {
        ++now.seed;
        for (Child& child : begun) {
            EXPECT_EQ(child.index, static_cast<std::int64_t>(children.size()));
            inputs.push_back(json::dump(child.input));
            children.push_back(std::move(child));
        }
    }
    std::int64_t most_;
};

}  // namespace

TEST(MapRun, EachItemIsAChildAndTheResultIsInOrder) {
    Running run("", "[1, 2, 3]");
    EXPECT_EQ(run.take_own(), (Strings{"1", "2", "3"}));
    EXPECT_FALSE(run.map_run->done());
    run.succeed(2, "30");
    run.succeed(0, "10");
    EXPECT_FALSE(run.map_run->done());
    run.succeed(1, "20");
    EXPECT_TRUE(run.map_run->done());
    EXPECT_EQ(run.result(), "[10,20,30]");
    EXPECT_EQ(run.map_run->progress().items.succeeded, 3);
    EXPECT_EQ(run.map_run->progress().children.total, 3);
}

TEST(MapRun, NoItemsIsDoneAtOnce) {
    Running run("", "[]");
    EXPECT_FALSE(run.map_run->wants_item());
    EXPECT_TRUE(run.map_run->done());
    EXPECT_EQ(run.result(), "[]");
    Running read(kQuery);
    EXPECT_TRUE(read.map_run->wants_item());
    EXPECT_EQ(read.end(), Strings{});
    EXPECT_TRUE(read.map_run->done());
}

TEST(MapRun, MembersOfAnObjectAndWhatASelectorSees) {
    Running plain("", R"({"a": 1})");
    EXPECT_EQ(plain.take_own(), Strings{R"({"Key":"a","Value":1})"});
    Running selected(
        R"("ItemsPath": "$.l", "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value",
        "s.$": "$$.Map.Item.Source", "e.$": "$$.Execution.Name", "st.$": "$$.State.Name", "in.$": "$.k"})",
        R"({"l": ["x", "y"], "k": 5})");
    EXPECT_EQ(selected.take_own(),
              (Strings{R"({"i":0,"v":"x","s":"STATE_DATA","e":"one","st":"M","in":5})",
                       R"({"i":1,"v":"y","s":"STATE_DATA","e":"one","st":"M","in":5})"}));
    Running queried(R"("QueryLanguage": "JSONata", "Items": ["x"],
        "ItemSelector": "{% $states.context.Map.Item.Value & $states.input.k & $string($now() != '') %}")",
                    R"({"k": 5})");
    EXPECT_EQ(queried.take_own(), Strings{R"("x5true")"});
    Running read(kQuery + R"(, "ItemSelector": {"s.$": "$$.Map.Item.Source", "i.$": "$$.Map.Item.Index"})");
    EXPECT_EQ(read.give("1"), Strings{R"({"s":"flowctl:sql:query","i":0})"});
    EXPECT_EQ(read.give("1"), Strings{R"({"s":"flowctl:sql:query","i":1})"});
}

TEST(MapRun, AnItemWithoutAnInputFailsIt) {
    Running run(R"("ItemSelector": {"v.$": "$$.Map.Item.Value.none"})", "[1, 2]");
    EXPECT_EQ(run.take_own(), Strings{});
    EXPECT_EQ(run.error(), "States.Runtime");
    EXPECT_NE(run.map_run->failure()->cause.find("executing the state 'M' (entered at the event id #2)"),
              std::string::npos);
    EXPECT_FALSE(run.map_run->wants_item());
    EXPECT_FALSE(run.map_run->done());
}

TEST(MapRun, AsManyChildrenAsAreAllowed) {
    Running run(R"("MaxConcurrency": 2)", "[1, 2, 3, 4]", 10);
    EXPECT_EQ(run.take_own().size(), 2u);
    run.succeed(1);
    EXPECT_EQ(run.take_own(), Strings{"3"});
    EXPECT_EQ(run.take_own(), Strings{});
    Running few(R"("MaxConcurrency": 5)", "[1, 2, 3, 4]", 3);
    EXPECT_EQ(few.take_own().size(), 3u);
    Running any("", "[1, 2, 3, 4]", 0);
    EXPECT_EQ(any.take_own().size(), 4u);
}

TEST(MapRun, BatchesByNumber) {
    Running run(R"("ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"b": 1}})", "[1, 2, 3]");
    EXPECT_EQ(run.take_own(),
              (Strings{R"({"BatchInput":{"b":1},"Items":[1,2]})", R"({"BatchInput":{"b":1},"Items":[3]})"}));
    EXPECT_EQ(run.children[0].items, 2);
    EXPECT_EQ(run.children[1].items, 1);
    run.succeed(0, R"("a")");
    run.finish(1, Status::Failed);
    EXPECT_EQ(run.error(), "States.ExceedToleratedFailureThreshold");
    EXPECT_EQ(run.map_run->progress().items.failed, 1);
    Running read(kQuery + R"(, "ItemBatcher": {"MaxItemsPerBatch": 2})");
    EXPECT_EQ(read.give("1"), Strings{});
    EXPECT_EQ(read.map_run->progress().items_begun(), 0);
    EXPECT_EQ(read.give("2"), Strings{R"({"Items":[1,2]})"});
    EXPECT_EQ(read.give("3"), Strings{});
    EXPECT_EQ(read.map_run->progress().items_begun(), 2);
    EXPECT_EQ(read.end(), Strings{R"({"Items":[3]})"});
    EXPECT_EQ(read.end(), Strings{});
}

TEST(MapRun, BatchesByBytes) {
    // {"Items":["aaaa","aaaa"]} is 25 bytes.
    Running run(kQuery + R"(, "ItemBatcher": {"MaxInputBytesPerBatch": 60})");
    Strings inputs;
    for (int i = 0; i < 12; ++i) {
        for (std::string& input : run.give(R"("aaaa")"))
            inputs.push_back(input);
    }
    for (std::string& input : run.end())
        inputs.push_back(input);
    ASSERT_GT(inputs.size(), 1u);
    std::size_t items = 0;
    for (const std::string& input : inputs) {
        EXPECT_LE(input.size(), 60u);
        items += value(input).find("Items")->size();
    }
    EXPECT_EQ(items, 12u);
    Running large(kQuery + R"(, "ItemBatcher": {"MaxInputBytesPerBatch": 60})");
    large.give("1");
    EXPECT_EQ(large.give("\"" + std::string(60, 'a') + "\""), Strings{});
    EXPECT_EQ(large.error(), "States.DataLimitExceeded");
    EXPECT_EQ(large.map_run->progress().children.total, 0);
}

TEST(MapRun, AnInputOverThePayloadLimitFailsIt) {
    Running run(kQuery);
    run.limits.max_payload_bytes = 10;
    run.begin({});
    EXPECT_EQ(run.give(R"("12345678")"), Strings{R"("12345678")"});
    EXPECT_EQ(run.give(R"("123456789")"), Strings{});
    EXPECT_EQ(run.error(), "States.DataLimitExceeded");
}

TEST(MapRun, MaxItemsEndsTheSource) {
    Running run(
        R"("ItemReader": {"Resource": "flowctl:sql:query", "ReaderConfig": {"MaxItems": 3}}, "ItemBatcher": {"MaxItemsPerBatch": 2})");
    run.give("1");
    EXPECT_EQ(run.give("2"), Strings{R"({"Items":[1,2]})"});
    EXPECT_EQ(run.give("3"), Strings{R"({"Items":[3]})"});
    EXPECT_FALSE(run.map_run->wants_item());
    EXPECT_EQ(run.give("4"), Strings{});
    EXPECT_EQ(run.map_run->progress().items.total, 3);
    EXPECT_TRUE(run.map_run->progress().source_ended);
}

TEST(MapRun, NothingIsToleratedUnlessItIsSaid) {
    for (const Status status : {Status::Failed, Status::TimedOut, Status::Aborted}) {
        Running run("", "[1, 2]");
        run.take_own();
        run.finish(0, status);
        EXPECT_EQ(run.error(), "States.ExceedToleratedFailureThreshold");
        EXPECT_EQ(run.map_run->failure()->cause, "The specified tolerated failure threshold was exceeded");
        // The first reason stays.
        run.map_run->fail(map_run::kResultWriterFailed, "late");
        EXPECT_EQ(run.error(), "States.ExceedToleratedFailureThreshold");
    }
}

TEST(MapRun, ToleratesACount) {
    Running run(R"("ToleratedFailureCount": 2)", "[1, 2, 3, 4]");
    run.take_own();
    run.finish(0, Status::Failed);
    run.finish(1, Status::TimedOut);
    EXPECT_EQ(run.error(), "none");
    run.finish(2, Status::Failed);
    EXPECT_EQ(run.error(), "States.ExceedToleratedFailureThreshold");
    Running batched(R"("ToleratedFailureCount": 1, "ItemBatcher": {"MaxItemsPerBatch": 2})", "[1, 2, 3, 4]");
    batched.take_own();
    batched.finish(0, Status::Failed);
    EXPECT_EQ(batched.error(), "States.ExceedToleratedFailureThreshold");
}

TEST(MapRun, ToleratesAPercentageOfAllItems) {
    Running run(R"("ToleratedFailurePercentage": 50)", "[1, 2, 3, 4]");
    run.take_own();
    run.finish(0, Status::Failed);
    run.finish(1, Status::Failed);
    EXPECT_EQ(run.error(), "none");
    run.finish(2, Status::Failed);
    EXPECT_EQ(run.error(), "States.ExceedToleratedFailureThreshold");
    // How many there are is known at the end of the source.
    Running read(kQuery + R"(, "ToleratedFailurePercentage": 50)");
    read.give("1");
    read.give("2");
    read.finish(0, Status::Failed);
    read.finish(1, Status::Failed);
    EXPECT_EQ(read.error(), "none");
    read.give("3");
    read.give("4");
    EXPECT_EQ(read.end(), Strings{});
    EXPECT_EQ(read.error(), "none");
    Running all(kQuery + R"(, "ToleratedFailurePercentage": 50)");
    all.give("1");
    all.finish(0, Status::Failed);
    all.end();
    EXPECT_EQ(all.error(), "States.ExceedToleratedFailureThreshold");
    Running none(kQuery + R"(, "ToleratedFailurePercentage": 0)");
    none.give("1");
    none.finish(0, Status::Failed);
    EXPECT_EQ(none.error(), "States.ExceedToleratedFailureThreshold");
    Running hundred(R"("ToleratedFailurePercentage": 100)", "[1]");
    hundred.take_own();
    hundred.finish(0, Status::Failed);
    EXPECT_TRUE(hundred.map_run->done());
    Running both(R"("ToleratedFailurePercentage": 100, "ToleratedFailureCount": 0)", "[1]");
    both.take_own();
    both.finish(0, Status::Failed);
    EXPECT_EQ(both.error(), "States.ExceedToleratedFailureThreshold");
}

TEST(MapRun, AToleratedFailureIsDescribedInTheResult) {
    Running run(R"("ToleratedFailureCount": 1)", R"(["a", "b"])");
    run.take_own();
    run.finish(0, Status::Failed);
    run.succeed(1, "7");
    ASSERT_TRUE(run.map_run->done());
    const json::Value result = run.map_run->result().value();
    ASSERT_EQ(result.size(), 2u);
    const json::Value& failed = result.items()[0];
    EXPECT_EQ(failed.find("Status")->as_string(), "FAILED");
    EXPECT_EQ(failed.find("Error")->as_string(), "E");
    EXPECT_EQ(failed.find("Input")->as_string(), R"("a")");
    EXPECT_EQ(failed.find("Output"), nullptr);
    EXPECT_EQ(json::dump(result.items()[1]), "7");
}

TEST(MapRun, ResultsAreTransformed) {
    const auto with = [](const std::string& transformation, const std::string& type = "JSON") {
        Running run(R"("ResultWriter": {"WriterConfig": {"Transformation": ")" + transformation +
                        R"(", "OutputType": ")" + type + "\"}}",
                    "[1, 2]");
        run.take_own();
        run.succeed(1, "3");
        run.succeed(0, "[1, [2]]");
        return run.result();
    };
    EXPECT_EQ(with("COMPACT"), "[[1,[2]],3]");
    EXPECT_EQ(with("FLATTEN"), "[1,[2],3]");
    EXPECT_EQ(with("FLATTEN", "JSONL"), R"("1\n[2]\n3\n")");
    const json::Value all = value(with("NONE"));
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all.items()[0].find("Output")->as_string(), "[1,[2]]");
    EXPECT_EQ(all.items()[0].find("Status")->as_string(), "SUCCEEDED");
    EXPECT_EQ(all.items()[0].find("ExecutionArn")->as_string(), "arn:0");
}

TEST(MapRun, ResultsThatAreTooLargeAreDroppedAndFailTheEnd) {
    Running run("", "[1, 2, 3]");
    run.limits.max_payload_bytes = 20;
    run.begin({});
    run.take_own();
    run.succeed(0, R"("12345678")");
    EXPECT_TRUE(run.map_run->keeps_results());
    run.succeed(1, R"("12345678")");
    EXPECT_FALSE(run.map_run->keeps_results());
    EXPECT_EQ(run.error(), "none");
    run.succeed(2, "1");
    ASSERT_TRUE(run.map_run->done());
    EXPECT_EQ(run.result(), "States.DataLimitExceeded");
    // Unless nobody sees them.
    Running unseen(R"("ResultPath": null)", "[1]");
    unseen.limits.max_payload_bytes = 4;
    unseen.begin({});
    unseen.take_own();
    unseen.succeed(0, R"("12345678")");
    EXPECT_EQ(unseen.result(), "[]");
}

TEST(MapRun, GoesOnAfterARestart) {
    Running run(kQuery + R"(, "ItemBatcher": {"MaxItemsPerBatch": 2}, "ToleratedFailureCount": 2)");
    run.give("1");
    run.give("2");
    run.give("3");  // in a batch that is lost
    run.succeed(0, "10");
    const auto saved = Progress::load(value(json::dump(run.map_run->progress().save())));
    ASSERT_TRUE(saved.ok());
    EXPECT_EQ(saved.value().items_begun(), 2);
    EXPECT_EQ(saved.value().children_begun(), 1);
    run.begin(saved.value());
    ASSERT_TRUE(run.map_run->keeps_results());
    run.map_run->recall(run.ended(0, Status::Succeeded, "10"));
    EXPECT_EQ(run.give("3"), Strings{});
    EXPECT_EQ(run.end(), Strings{R"({"Items":[3]})"});
    run.finish(1, Status::Failed);
    ASSERT_TRUE(run.map_run->done());
    EXPECT_EQ(run.map_run->result().value().size(), 2u);
    EXPECT_EQ(json::dump(run.map_run->result().value().items()[0]), "10");
    EXPECT_EQ(run.map_run->progress().items.failed, 1);

    Running own("", "[1, 2, 3]", 1);
    EXPECT_EQ(own.take_own(), Strings{"1"});
    own.begin(own.map_run->progress());
    own.succeed(0, "10");
    EXPECT_EQ(own.take_own(), Strings{"2"});

    for (const char* wrong : {"{}", "[]", R"({"items": {"total": -1}, "children": {}})",
                              R"({"items": {}, "children": {"failed": "1"}})"})
        EXPECT_FALSE(Progress::load(value(wrong)).ok()) << wrong;
}

// Many items need no more memory than those under way.
TEST(MapRun, AMillionItems) {
    Running run(kQuery +
                R"(, "MaxConcurrency": 1, "ItemBatcher": {"MaxItemsPerBatch": 100}, "ResultPath": null)");
    const Item item{value(R"({"id": 1})"), std::nullopt, std::nullopt};
    std::int64_t children = 0;
    for (int i = 0; i < 1'000'000; ++i) {
        ASSERT_TRUE(run.map_run->wants_item());
        for (const Child& child : run.map_run->take(item, run.now)) {
            ++children;
            ChildEnd end;
            end.index = child.index;
            end.items = child.items;
            run.map_run->child_ended(end);
        }
    }
    run.end();
    EXPECT_TRUE(run.map_run->done());
    EXPECT_EQ(children, 10'000);
    EXPECT_EQ(run.map_run->progress().items.succeeded, 1'000'000);
}

TEST(MapRun, ChildrenKnowThemselves) {
    Running run(R"("Label": "rows")", "[1]");
    machine::RunContext parent;
    parent.execution_id = "arn:flowctl:db:execution:f:1";
    parent.state_machine_id = "arn:flowctl:db:stateMachine:f";
    parent.state_machine_name = "f";
    parent.role_arn = "arn:flowctl:db:role/r";
    parent.redrive_count = 2;
    const machine::RunContext child = map_run::child_context(parent, run.plan, "u-1", 5, value("7"));
    EXPECT_EQ(child.execution_id, "arn:flowctl:db:execution:f/rows:u-1");
    EXPECT_EQ(child.execution_name, "u-1");
    EXPECT_EQ(child.state_machine_id, "arn:flowctl:db:stateMachine:f/rows");
    EXPECT_EQ(child.state_machine_name, "f/rows");
    EXPECT_EQ(child.role_arn, parent.role_arn);
    EXPECT_EQ(json::dump(child.input), "7");
    EXPECT_EQ(child.redrive_count, 0);
    EXPECT_FALSE(child.express);
}

// A child is an ordinary run of the processor, wherever its Map stands; so are the children of a child.
TEST(MapRun, ChildrenRunTheProcessor) {
    const std::string inner = R"("N": {"Type": "Map", "End": true, "ItemProcessor": {"ProcessorConfig":
        {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, "StartAt": "Q", "States": {
            "Q": {"Type": "Pass", "Assign": {"v": 1}, "Parameters": {"q.$": "$", "m.$": "$$.StateMachine.Name"}, "End": true}}}})";
    const auto flow =
        flow_of(R"({"StartAt": "B", "States": {"B": {"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "ItemProcessor": {"ProcessorConfig":
            {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "N", "States": {)" +
                inner + "}}}}}]}}}");
    ASSERT_NE(flow, nullptr);
    EXPECT_EQ(flow->processors.size(), 2u);
    const asl::Flow& outer = *flow->processors.at("M");
    EXPECT_EQ(outer.processors.at("N"), flow->processors.at("N"));
    EXPECT_EQ(outer.top.states[0].name, "N");
    ASSERT_NE(MapRun::find_map(*flow, "N"), nullptr);
    EXPECT_EQ(MapRun::find_map(*flow, "N"), MapRun::find_map(outer, "N"));
    EXPECT_EQ(MapRun::find_map(*flow, "B"), nullptr);

    machine::RunContext context;
    context.input = value("[4]");
    machine::Frame frame;
    const machine::Now now{kSecond, 1};
    machine::Step step = machine::advance(outer, context, {}, frame, machine::Started{}, now);
    ASSERT_EQ(step.effects.size(), 1u);
    const auto& start = std::get<machine::StartMapRun>(step.effects[0]);
    EXPECT_TRUE(start.plan.express);
    context.state_machine_name = "f/M";
    const machine::RunContext child = map_run::child_context(context, start.plan, "c", kSecond, value("4"));
    EXPECT_TRUE(child.express);
    machine::Frame child_frame;
    step = machine::advance(*flow->processors.at("N"), child, {}, child_frame, machine::Started{}, now);
    ASSERT_TRUE(step.outcome.output.has_value());
    EXPECT_EQ(json::dump(*step.outcome.output), R"({"q":4,"m":"f/M/N"})");
}

TEST(Results, FilesAndManifest) {
    map_run::ResultText array(asl::ResultWriter::OutputType::Json);
    std::string text;
    array.append(value("1"), text);
    array.append(value(R"({"a": 2})"), text);
    array.finish(text);
    EXPECT_EQ(text, R"([1,{"a":2}])");
    map_run::ResultText none(asl::ResultWriter::OutputType::Json);
    text.clear();
    none.finish(text);
    EXPECT_EQ(text, "[]");
    map_run::ResultText lines(asl::ResultWriter::OutputType::Jsonl);
    text.clear();
    lines.append(value("1"), text);
    lines.append(value("[2]"), text);
    lines.finish(text);
    EXPECT_EQ(text, "1\n[2]\n");

    Running run("", "[1]");
    run.plan.arn = "arn:m";
    EXPECT_EQ(
        json::dump(map_run::manifest_of(run.plan, "bucket",
                                        {{"p/SUCCEEDED_0.json", 10, Status::Succeeded},
                                         {"p/FAILED_0.json", 4, Status::TimedOut},
                                         {"p/PENDING_0.json", 2, Status::Running}})),
        R"({"DestinationBucket":"bucket","MapRunArn":"arn:m","ResultFiles":{"FAILED":[{"Key":"p/FAILED_0.json","Size":4}],)"
        R"("PENDING":[{"Key":"p/PENDING_0.json","Size":2}],"SUCCEEDED":[{"Key":"p/SUCCEEDED_0.json","Size":10}]}})");
    EXPECT_EQ(json::dump(map_run::writer_output(run.plan, value(R"({"Bucket": "b", "Key": "k"})"))),
              R"({"MapRunArn":"arn:m","ResultWriterDetails":{"Bucket":"b","Key":"k"}})");
}
