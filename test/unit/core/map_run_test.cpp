// The pieces of a map run: inputs of children and batches, tolerance, results.
#include "core/map_run/batcher.hpp"
#include "core/map_run/results.hpp"
#include "core/map_run/tally.hpp"
#include "machine_support.hpp"

using namespace flowctl;
using namespace flowctl::test;
using machine::Status;
using map_run::Batcher;
using map_run::Child;
using map_run::ChildEnd;
using map_run::Item;
using map_run::Results;
using map_run::Tally;

namespace {

using Strings = std::vector<std::string>;

const std::string kProcessor = R"("ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED",
    "ExecutionType": "STANDARD"}, "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}})";
const std::string kQuery =
    R"("ItemReader": {"Resource": "flowctl:sql:query", "Parameters": {"Query": "SELECT"}})";

// A Map state with these fields, and the plan that its map run gets.
class Planned {
  public:
    explicit Planned(const std::string& fields, std::string_view input = "{}")
        : definition_(R"({"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, )" + kProcessor +
                      (fields.empty() ? "" : ", ") + fields + "}}}"),
          flow(flow_of(definition_)) {
        TestRun run(definition_, input);
        run.start();
        EXPECT_EQ(run.map_runs.size(), 1u) << run.cause();
        plan = run.map_runs.at(0).plan;
    }

  private:
    std::string definition_;

  public:
    std::shared_ptr<const asl::Flow> flow;
    machine::MapRunPlan plan;
    machine::Limits limits;
};

// Makes children of items.
class Making : public Planned {
  public:
    explicit Making(const std::string& fields, std::string_view input = "{}") : Planned(fields, input) {
        begin({});
    }
    void begin(const map_run::Made& made) {
        batcher = std::make_unique<Batcher>(*map_run::find_map(*flow, "M"), plan, limits, made);
    }
    // Takes the plan's own items, at most so many; the inputs of the children that came of them.
    Strings take_own(int most = 1'000) {
        Strings inputs;
        for (; most > 0; --most) {
            const auto item = batcher->next_own_item();
            if (!item) break;
            add(batcher->take(*item, now), inputs);
        }
        return inputs;
    }
    Strings give(std::string_view text) {
        Strings inputs;
        add(batcher->take(Item{value(text), std::nullopt, std::nullopt}, now), inputs);
        return inputs;
    }
    Strings end() {
        Strings inputs;
        add(batcher->end_of_items(), inputs);
        return inputs;
    }
    std::string error() const { return batcher->failure() ? batcher->failure()->error : "none"; }

    machine::Now now{1'790'000'000 * kSecond, 3};
    std::unique_ptr<Batcher> batcher;
    std::vector<Child> children;

  private:
    void add(std::vector<Child> made, Strings& inputs) {
        ++now.seed;
        for (Child& child : made) {
            EXPECT_EQ(child.index, static_cast<std::int64_t>(children.size()));
            inputs.push_back(json::dump(child.input));
            children.push_back(std::move(child));
        }
    }
};

// The tally of a map run of so many items, so many of them to a child.
Tally tally_of(const std::string& fields, std::int64_t items, std::int64_t in_a_child = 1) {
    map_run::Counts of_items, of_children;
    of_items.total = items;
    of_children.total = items / in_a_child;
    return {Planned(fields, "[]").plan, of_items, of_children};
}

std::string error_of(const Tally& tally) {
    return tally.failure() ? tally.failure()->error : "none";
}
constexpr const char* kExceeded = "States.ExceedToleratedFailureThreshold";

ChildEnd ended(std::int64_t index, Status status, std::string_view output, std::string_view input = "null") {
    ChildEnd end;
    end.index = index;
    end.status = status;
    end.input = value(input);
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

std::string text_of(const Results& results) {
    const auto result = results.result();
    return result.ok() ? json::dump(result.value()) : result.error().error;
}

}  // namespace

// ------------------------------------------------------------------------------------------------ children

TEST(Batcher, EachItemIsAChild) {
    Making run("", "[1, 2, 3]");
    EXPECT_EQ(run.take_own(2), (Strings{"1", "2"}));
    EXPECT_TRUE(run.batcher->wants_item());
    EXPECT_EQ(run.take_own(), Strings{"3"});
    EXPECT_FALSE(run.batcher->wants_item());
    EXPECT_TRUE(run.batcher->source_ended());
    EXPECT_EQ(run.batcher->made().items, 3);
    EXPECT_EQ(run.batcher->made().children, 3);
}

TEST(Batcher, NoItemsMakeNoChildren) {
    Making run("", "[]");
    EXPECT_FALSE(run.batcher->wants_item());
    EXPECT_TRUE(run.batcher->source_ended());
    Making read(kQuery);
    EXPECT_TRUE(read.batcher->wants_item());
    EXPECT_FALSE(read.batcher->next_own_item().has_value());
    EXPECT_EQ(read.end(), Strings{});
    EXPECT_TRUE(read.batcher->source_ended());
}

TEST(Batcher, MembersOfAnObjectAndWhatASelectorSees) {
    Making plain("", R"({"a": 1})");
    EXPECT_EQ(plain.take_own(), Strings{R"({"Key":"a","Value":1})"});
    Making selected(
        R"("ItemsPath": "$.l", "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value",
        "s.$": "$$.Map.Item.Source", "e.$": "$$.Execution.Name", "st.$": "$$.State.Name", "in.$": "$.k"})",
        R"({"l": ["x", "y"], "k": 5})");
    EXPECT_EQ(selected.take_own(),
              (Strings{R"({"i":0,"v":"x","s":"STATE_DATA","e":"one","st":"M","in":5})",
                       R"({"i":1,"v":"y","s":"STATE_DATA","e":"one","st":"M","in":5})"}));
    Making queried(R"("QueryLanguage": "JSONata", "Items": ["x"],
        "ItemSelector": "{% $states.context.Map.Item.Value & $states.input.k & $string($now() != '') %}")",
                   R"({"k": 5})");
    EXPECT_EQ(queried.take_own(), Strings{R"("x5true")"});
    Making read(kQuery + R"(, "ItemSelector": {"s.$": "$$.Map.Item.Source", "i.$": "$$.Map.Item.Index"})");
    EXPECT_EQ(read.give("1"), Strings{R"({"s":"flowctl:sql:query","i":0})"});
    EXPECT_EQ(read.give("1"), Strings{R"({"s":"flowctl:sql:query","i":1})"});
}

TEST(Batcher, AnItemWithoutAnInputFailsIt) {
    Making run(R"("ItemSelector": {"v.$": "$$.Map.Item.Value.none"})", "[1, 2]");
    EXPECT_EQ(run.take_own(), Strings{});
    EXPECT_EQ(run.error(), "States.Runtime");
    EXPECT_NE(run.batcher->failure()->cause.find("executing the state 'M' (entered at the event id #2)"),
              std::string::npos);
    EXPECT_FALSE(run.batcher->wants_item());
    EXPECT_FALSE(run.batcher->source_ended());
}

TEST(Batcher, BatchesByNumber) {
    Making run(R"("ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"b": 1}})", "[1, 2, 3]");
    EXPECT_EQ(run.take_own(),
              (Strings{R"({"BatchInput":{"b":1},"Items":[1,2]})", R"({"BatchInput":{"b":1},"Items":[3]})"}));
    EXPECT_EQ(run.children[0].items, 2);
    EXPECT_EQ(run.children[1].items, 1);
    Making read(kQuery + R"(, "ItemBatcher": {"MaxItemsPerBatch": 2})");
    EXPECT_EQ(read.give("1"), Strings{});
    EXPECT_EQ(read.batcher->made().items, 0);
    EXPECT_EQ(read.give("2"), Strings{R"({"Items":[1,2]})"});
    EXPECT_EQ(read.give("3"), Strings{});
    EXPECT_EQ(read.batcher->made().items, 2);
    EXPECT_EQ(read.end(), Strings{R"({"Items":[3]})"});
    EXPECT_EQ(read.end(), Strings{});
}

TEST(Batcher, BatchesByBytes) {
    // {"Items":["aaaa","aaaa"]} is 25 bytes.
    Making run(kQuery + R"(, "ItemBatcher": {"MaxInputBytesPerBatch": 60})");
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
    Making large(kQuery + R"(, "ItemBatcher": {"MaxInputBytesPerBatch": 60})");
    large.give("1");
    EXPECT_EQ(large.give("\"" + std::string(60, 'a') + "\""), Strings{});
    EXPECT_EQ(large.error(), "States.DataLimitExceeded");
    EXPECT_EQ(large.batcher->made().children, 0);
}

TEST(Batcher, AnInputOverThePayloadLimitFailsIt) {
    Making run(kQuery);
    run.limits.max_payload_bytes = 10;
    run.begin({});
    EXPECT_EQ(run.give(R"("12345678")"), Strings{R"("12345678")"});
    EXPECT_EQ(run.give(R"("123456789")"), Strings{});
    EXPECT_EQ(run.error(), "States.DataLimitExceeded");
}

TEST(Batcher, MaxItemsEndsTheSource) {
    Making run(
        R"("ItemReader": {"Resource": "flowctl:sql:query", "ReaderConfig": {"MaxItems": 3}}, "ItemBatcher": {"MaxItemsPerBatch": 2})");
    run.give("1");
    EXPECT_EQ(run.give("2"), Strings{R"({"Items":[1,2]})"});
    EXPECT_EQ(run.give("3"), Strings{R"({"Items":[3]})"});
    EXPECT_FALSE(run.batcher->wants_item());
    EXPECT_EQ(run.give("4"), Strings{});
    EXPECT_EQ(run.batcher->made().items, 3);
    EXPECT_TRUE(run.batcher->source_ended());
}

TEST(Batcher, GoesOnBehindTheChildrenThatAreThere) {
    Making run(kQuery + R"(, "ItemBatcher": {"MaxItemsPerBatch": 2})");
    run.give("1");
    run.give("2");
    run.give("3");  // in a batch that is lost
    run.begin(run.batcher->made());
    EXPECT_EQ(run.give("3"), Strings{});
    EXPECT_EQ(run.end(), Strings{R"({"Items":[3]})"});
    EXPECT_EQ(run.batcher->made().items, 3);

    Making own("", "[1, 2, 3]");
    EXPECT_EQ(own.take_own(1), Strings{"1"});
    own.begin(own.batcher->made());
    EXPECT_EQ(own.take_own(), (Strings{"2", "3"}));
    own.begin(own.batcher->made());
    EXPECT_FALSE(own.batcher->wants_item());
}

// Many items need no more memory than the batch that fills.
TEST(Batcher, AMillionItems) {
    Making run(kQuery + R"(, "ItemBatcher": {"MaxItemsPerBatch": 100})");
    const Item item{value(R"({"id": 1})"), std::nullopt, std::nullopt};
    std::int64_t children = 0;
    for (int i = 0; i < 1'000'000; ++i) {
        ASSERT_TRUE(run.batcher->wants_item());
        children += static_cast<std::int64_t>(run.batcher->take(item, run.now).size());
    }
    run.end();
    EXPECT_EQ(children, 10'000);
    EXPECT_EQ(run.batcher->made().items, 1'000'000);
}

// ------------------------------------------------------------------------------------------------ tolerance

TEST(Tally, IsDoneWhenAllHaveEnded) {
    Tally tally = tally_of("", 3);
    EXPECT_FALSE(tally.done());
    for (int i = 0; i < 2; ++i)
        tally.child_ended(Status::Succeeded, 1);
    EXPECT_FALSE(tally.done());
    tally.child_ended(Status::Succeeded, 1);
    EXPECT_TRUE(tally.done());
    EXPECT_EQ(tally.items().succeeded, 3);
    EXPECT_TRUE(tally_of("", 0).done());
}

TEST(Tally, NothingIsToleratedUnlessItIsSaid) {
    for (const Status status : {Status::Failed, Status::TimedOut, Status::Aborted}) {
        Tally tally = tally_of("", 2);
        tally.child_ended(status, 1);
        EXPECT_EQ(error_of(tally), kExceeded);
        EXPECT_EQ(tally.failure()->cause, "The specified tolerated failure threshold was exceeded");
        tally.child_ended(Status::Succeeded, 1);
        EXPECT_FALSE(tally.done());
    }
}

TEST(Tally, ToleratesACount) {
    Tally tally = tally_of(R"("ToleratedFailureCount": 2)", 4);
    tally.child_ended(Status::Failed, 1);
    tally.child_ended(Status::TimedOut, 1);
    EXPECT_EQ(error_of(tally), "none");
    tally.child_ended(Status::Failed, 1);
    EXPECT_EQ(error_of(tally), kExceeded);
    // A child that fails counts for all items in it.
    Tally batched = tally_of(R"("ToleratedFailureCount": 1, "ItemBatcher": {"MaxItemsPerBatch": 2})", 4, 2);
    batched.child_ended(Status::Failed, 2);
    EXPECT_EQ(error_of(batched), kExceeded);
    EXPECT_EQ(batched.items().failed, 2);
    EXPECT_EQ(batched.children().failed, 1);
}

TEST(Tally, ToleratesAPercentageOfAllItems) {
    Tally tally = tally_of(R"("ToleratedFailurePercentage": 50)", 4);
    tally.child_ended(Status::Failed, 1);
    tally.child_ended(Status::Failed, 1);
    EXPECT_EQ(error_of(tally), "none");
    tally.child_ended(Status::Failed, 1);
    EXPECT_EQ(error_of(tally), kExceeded);
    Tally none = tally_of(R"("ToleratedFailurePercentage": 0)", 1);
    none.child_ended(Status::Failed, 1);
    EXPECT_EQ(error_of(none), kExceeded);
    Tally hundred = tally_of(R"("ToleratedFailurePercentage": 100)", 1);
    hundred.child_ended(Status::Failed, 1);
    EXPECT_TRUE(hundred.done());
    Tally both = tally_of(R"("ToleratedFailurePercentage": 100, "ToleratedFailureCount": 0)", 1);
    both.child_ended(Status::Failed, 1);
    EXPECT_EQ(error_of(both), kExceeded);
}

TEST(Tally, GoesOnWithTheCountsThatAreStored) {
    const machine::MapRunPlan plan = Planned(R"("ToleratedFailureCount": 1)", "[1, 2, 3]").plan;
    map_run::Counts counts;
    counts.total = 3;
    counts.failed = 1;
    Tally tally(plan, counts, counts);
    EXPECT_EQ(error_of(tally), "none");
    tally.child_ended(Status::Succeeded, 1);
    EXPECT_FALSE(tally.done());
    tally.child_ended(Status::Failed, 1);
    EXPECT_EQ(error_of(tally), kExceeded);
    counts.failed = 2;
    EXPECT_EQ(error_of(Tally(plan, counts, counts)), kExceeded);
}

// ------------------------------------------------------------------------------------------------ results

TEST(Results, AreInTheOrderOfTheItems) {
    Results results(Planned("", "[1, 2, 3]").plan, {});
    EXPECT_TRUE(results.wants());
    results.recall(ended(2, Status::Succeeded, "30"));
    results.recall(ended(0, Status::Succeeded, "10"));
    results.recall(ended(1, Status::Succeeded, "20"));
    EXPECT_EQ(text_of(results), "[10,20,30]");
    EXPECT_EQ(text_of(Results(Planned("", "[]").plan, {})), "[]");
}

TEST(Results, AToleratedFailureIsDescribed) {
    Results results(Planned(R"("ToleratedFailureCount": 1)", R"(["a", "b"])").plan, {});
    results.recall(ended(0, Status::Failed, "", R"("a")"));
    results.recall(ended(1, Status::Succeeded, "7", R"("b")"));
    const json::Value result = results.result().value();
    ASSERT_EQ(result.size(), 2u);
    const json::Value& failed = result.items()[0];
    EXPECT_EQ(failed.find("Status")->as_string(), "FAILED");
    EXPECT_EQ(failed.find("Error")->as_string(), "E");
    EXPECT_EQ(failed.find("Input")->as_string(), R"("a")");
    EXPECT_EQ(failed.find("Output"), nullptr);
    EXPECT_EQ(json::dump(result.items()[1]), "7");
}

TEST(Results, AreTransformed) {
    const auto with = [](const std::string& transformation, const std::string& type = "JSON") {
        Results results(Planned(R"("ResultWriter": {"WriterConfig": {"Transformation": ")" + transformation +
                                    R"(", "OutputType": ")" + type + "\"}}",
                                "[1, 2]")
                            .plan,
                        {});
        results.recall(ended(1, Status::Succeeded, "3"));
        results.recall(ended(0, Status::Succeeded, "[1, [2]]"));
        return text_of(results);
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

TEST(Results, TooLargeOnesAreDroppedAndFailTheEnd) {
    machine::Limits limits;
    limits.max_payload_bytes = 20;
    Results results(Planned("", "[1, 2, 3]").plan, limits);
    results.recall(ended(0, Status::Succeeded, R"("12345678")"));
    EXPECT_TRUE(results.wants());
    results.recall(ended(1, Status::Succeeded, R"("12345678")"));
    EXPECT_FALSE(results.wants());
    results.recall(ended(2, Status::Succeeded, "1"));
    EXPECT_EQ(text_of(results), "States.DataLimitExceeded");
    // Unless nobody sees them.
    limits.max_payload_bytes = 4;
    Results unseen(Planned(R"("ResultPath": null)", "[1]").plan, limits);
    unseen.recall(ended(0, Status::Succeeded, R"("12345678")"));
    EXPECT_EQ(text_of(unseen), "[]");
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

    Planned run("", "[1]");
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

// ------------------------------------------------------------------------------------------------ children as runs

TEST(MapRun, ChildrenKnowThemselves) {
    const Planned run(R"("Label": "rows")", "[1]");
    machine::RunContext parent;
    parent.execution_id = "arn:flowctl:states:local:db:execution:f:1";
    parent.state_machine_id = "arn:flowctl:states:local:db:stateMachine:f";
    parent.state_machine_name = "f";
    parent.role_arn = "arn:flowctl:iam::db:role/r";
    parent.redrive_count = 2;
    const machine::RunContext child = map_run::child_context(parent, run.plan, "u-1", 5, value("7"));
    EXPECT_EQ(child.execution_id, "arn:flowctl:states:local:db:execution:f/rows:u-1");
    EXPECT_EQ(child.execution_name, "u-1");
    EXPECT_EQ(child.state_machine_id, "arn:flowctl:states:local:db:stateMachine:f/rows");
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
    ASSERT_NE(map_run::find_map(*flow, "N"), nullptr);
    EXPECT_EQ(map_run::find_map(*flow, "N"), map_run::find_map(outer, "N"));
    EXPECT_EQ(map_run::find_map(*flow, "B"), nullptr);

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
