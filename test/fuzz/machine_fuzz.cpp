// Any definition, input and series of events: advance() never throws, ids only grow, a run that has ended stays
// so until it is redriven, a saved frame is the same frame and holds no token, and a frame from anywhere does
// no harm.
//
// The input is three parts, each ended by a zero byte: events (one byte each), the run's input, the
// definition; what is left is a frame to begin with. Parts that do not parse are replaced by ones that do.
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "core/asl/asl.hpp"
#include "core/machine/machine.hpp"
#include "core/map_run/batcher.hpp"
#include "core/map_run/results.hpp"
#include "core/map_run/tally.hpp"

using namespace flowctl;

namespace {

constexpr const char* kFlow = R"({"TimeoutSeconds": 900, "StartAt": "A", "States": {
  "A": {"Type": "Pass", "Assign": {"v.$": "$"}, "Next": "W"}, "W": {"Type": "Wait", "Seconds": 2, "Next": "T"},
  "T": {"Type": "Task", "Resource": "flowctl:http:s.waitForTaskToken", "TimeoutSeconds": 30, "HeartbeatSeconds": 7,
        "Parameters": {"i.$": "$", "c.$": "$$"}, "ResultPath": "$.out", "Next": "C",
        "Retry": [{"ErrorEquals": ["E"], "JitterStrategy": "FULL"}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "C"}]},
  "C": {"Type": "Choice", "Choices": [{"Variable": "$.error", "IsPresent": true, "Next": "Z"}], "Default": "T"},
  "Z": {"Type": "Pass", "Parameters": {"e.$": "$.error"}, "End": true}}})";

// Branches within items within branches.
constexpr const char* kForks = R"({"TimeoutSeconds": 900, "StartAt": "A", "States": {
  "A": {"Type": "Pass", "Assign": {"v.$": "$"}, "Next": "P"},
  "P": {"Type": "Parallel", "Next": "M", "ResultPath": "$.p", "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 2}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "M"}], "Branches": [
    {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 2, "End": true}}},
    {"StartAt": "N", "States": {"N": {"Type": "Map", "ItemsPath": "$$.Execution.Input.n", "MaxConcurrency": 2, "End": true,
      "Retry": [{"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 1}],
      "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"}, "ItemProcessor": {"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": "flowctl:http:s.waitForTaskToken", "TimeoutSeconds": 30, "HeartbeatSeconds": 7, "Next": "F",
              "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "F"}]},
        "F": {"Type": "Choice", "Choices": [{"Variable": "$.bad", "IsPresent": true, "Next": "X"}], "Default": "Y"},
        "X": {"Type": "Fail"}, "Y": {"Type": "Pass", "Assign": {"w.$": "$v"}, "End": true}}}}}},
    {"StartAt": "Q", "States": {"Q": {"Type": "Task", "Resource": "flowctl:http:s", "End": true}}}]},
  "D": {"Type": "Choice", "Choices": [{"Variable": "$.e", "IsPresent": true, "Next": "Z"}], "Default": "P"},
  "Z": {"Type": "Succeed"},
  "M": {"Type": "Map", "ItemsPath": "$.n", "Next": "D", "ResultPath": null, "ItemProcessor": {"StartAt": "B", "States": {
    "B": {"Type": "Parallel", "End": true, "Branches": [{"StartAt": "C", "States": {"C": {"Type": "Pass", "Parameters":
      {"c.$": "$$"}, "End": true}}}]}}}}}})";

// The same in JSONata: queries that fail, that cannot be repeated, and that read everything they may.
constexpr const char* kQueries =
    R"({"QueryLanguage": "JSONata", "TimeoutSeconds": 900, "StartAt": "A", "States": {
  "A": {"Type": "Pass", "Assign": {"v": "{% $states.input %}", "s": "{% $string($states.input) %}"}, "Next": "T"},
  "T": {"Type": "Task", "Resource": "flowctl:http:s", "Arguments": {"i": "{% $states.input %}", "r": "{% $random() %}"},
        "TimeoutSeconds": "{% $count($states.input) + 1 %}", "Output": "{% $states.result.out %}", "Assign": {"v": "{% $states.result %}"},
        "Retry": [{"ErrorEquals": ["E", "States.QueryEvaluationError"], "MaxAttempts": 2}], "Next": "C",
        "Catch": [{"ErrorEquals": ["States.Timeout"], "Output": "{% $states.errorOutput.Nothing %}", "Next": "C"},
                  {"ErrorEquals": ["States.ALL"], "Output": ["{% $states %}"], "Assign": {"e": "{% $states.errorOutput %}"}, "Next": "C"}]},
  "C": {"Type": "Choice", "Choices": [{"Condition": "{% $exists($e) and $length($s) > 8 %}", "Output": "{% $v %}", "Next": "W"},
        {"Condition": "{% $states.input.n %}", "Next": "M"}], "Default": "M"},
  "W": {"Type": "Wait", "Seconds": "{% $count($v) %}", "Next": "L"},
  "L": {"Type": "Parallel", "Arguments": "{% [$v] %}", "Output": "{% $states.result[0] %}", "Next": "M",
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "F"}], "Branches": [
    {"StartAt": "P", "States": {"P": {"Type": "Pass", "Output": "{% $states.context.Execution.Input.n[0] %}", "End": true}}},
    {"StartAt": "Q", "States": {"Q": {"Type": "Task", "Resource": "flowctl:http:s.waitForTaskToken", "End": true}}}]},
  "M": {"Type": "Map", "Items": "{% [1..3].{'k': $uuid(), 'of': $string($v)} %}", "MaxConcurrency": 2, "Next": "N",
        "ItemSelector": "{% $merge([$states.context.Map.Item.Value, {'i': $states.context.Map.Item.Index}]) %}",
        "Retry": [{"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 1}], "Output": "{% $append($states.result, $v) %}",
        "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Task", "Resource": "flowctl:http:s", "End": true}}}},
  "N": {"Type": "Map", "MaxConcurrency": 1, "Next": "T", "Assign": {"v": null},
        "ItemProcessor": {"StartAt": "J", "States": {"J": {"Type": "Wait", "Seconds": 1, "End": true}}}},
  "F": {"Type": "Fail", "Error": "{% $v.n %}", "Cause": "{% $string($states.input) %}"}}})";

// Map runs beside others and one after another.
constexpr const char* kMaps = R"({"TimeoutSeconds": 900, "StartAt": "P", "States": {
  "P": {"Type": "Parallel", "Next": "M", "ResultPath": "$.p", "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 2}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "M"}], "Branches": [
    {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "flowctl:http:s", "End": true}}},
    {"StartAt": "N", "States": {"N": {"Type": "Map", "ItemsPath": "$.n", "MaxConcurrency": 2, "End": true,
      "ItemSelector": {"v.$": "$$.Map.Item.Value.x", "c.$": "$$"},
      "ToleratedFailureCount": 1, "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"i.$": "$"}},
      "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, "StartAt": "X",
        "States": {"X": {"Type": "Pass", "End": true}}}}}}]},
  "D": {"Type": "Choice", "Choices": [{"Variable": "$.e", "IsPresent": true, "Next": "Z"}], "Default": "P"},
  "Z": {"Type": "Succeed"},
  "M": {"Type": "Map", "Next": "D", "ToleratedFailurePercentagePath": "$.n", "ResultPath": "$.n",
      "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2}], "ResultSelector": {"r.$": "$[0]"},
      "ResultWriter": {"WriterConfig": {"OutputType": "JSON", "Transformation": "FLATTEN"}}, "ItemProcessor": {
      "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Y",
      "States": {"Y": {"Type": "Pass", "End": true}}}}}})";

// Tasks that somebody else answers, beside and after each other.
constexpr const char* kOutside = R"j({"StartAt": "P", "States": {
  "P": {"Type": "Parallel", "Next": "F", "ResultPath": "$.p", "Branches": [
    {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "flowctl:activity:a", "TimeoutSeconds": 20,
      "HeartbeatSeconds": 4, "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}], "End": true}}},
    {"StartAt": "W", "States": {"W": {"Type": "Task", "Resource": "flowctl:http:s.waitForTaskToken",
      "Parameters": {"t.$": "States.Format('<{}>', $$.Task.Token)", "m": "<token>", "c.$": "$$"},
      "HeartbeatSeconds": 9, "Next": "C"}, "C": {"Type": "Task", "Resource": "flowctl:flow:f.sync", "End": true}}}]},
  "F": {"Type": "Task", "Resource": "flowctl:http:s.sync", "ResultPath": "$.f", "End": true,
      "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "P"}]}}})j";

class Tokens : public machine::TaskTokens {
  public:
    std::string token(const std::string& place) const override { return "SECRET" + place; }
};

// The events of sessions and of work that goes on elsewhere; `kind` is from 0 to 7.
machine::Event event_from_outside(unsigned kind, std::int64_t id, const json::Value& output,
                                  const machine::Now& now) {
    machine::TaskContinues continues;
    continues.call = id;
    continues.output = output;
    switch (kind) {
        case 0:
            return machine::Redriven{};
        case 1:
            return machine::Paused{};
        case 2:
            return machine::Unpaused{};
        case 3:
            return machine::ActivityStarted{id, "w"};
        case 4:
            return continues;
        case 5:
            continues.next_at = now.at + 1'000'000;
            continues.follow = output.is_null() ? json::Value::string("f") : output;
            return continues;
        case 6:
            return machine::Started{machine::BeginAt{"P", output, output}};
        default:
            return machine::Heartbeat{id};
    }
}

std::string_view take_part(std::string_view& rest) {
    const std::size_t end = rest.find('\0');
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return part;
}

void require(bool condition) {
    if (!condition) std::abort();
}

// Goes through a map run: its plan survives being stored, its children have the items that were taken, what is counted
// fits, and the results end as a value or a failure.
void check_map_run(const asl::Flow& flow, const machine::MapRunPlan& plan, const machine::Limits& limits,
                   std::uint8_t code, const machine::Now& now) {
    const std::string saved = json::dump(plan.save());
    auto text = json::parse(saved, {.max_bytes = 64 << 20, .max_depth = machine::kMaxFrameDepth});
    require(text.ok());
    const auto loaded = machine::MapRunPlan::load(text.value());
    require(loaded.ok() && json::dump(loaded.value().save()) == saved);
    const asl::State* map = map_run::find_map(flow, plan.state);
    require(map != nullptr && flow.processors.count(plan.state) == 1);
    map_run::Batcher batcher(*map, loaded.value(), limits);
    std::vector<map_run::Child> children;
    const auto keep = [&](std::vector<map_run::Child> made) {
        for (map_run::Child& child : made) {
            require(child.index == static_cast<std::int64_t>(children.size()));
            children.push_back(std::move(child));
        }
    };
    std::int64_t taken = 0;
    while (taken < 100 && batcher.wants_item()) {
        const auto item = batcher.next_own_item();
        if (!item) break;
        keep(batcher.take(*item, now));
        ++taken;
        // Another one goes on where this one was, as after a restart.
        if ((code & 1) != 0) batcher = map_run::Batcher(*map, loaded.value(), limits, batcher.made());
    }
    keep(batcher.end_of_items());
    if (batcher.failure()) return;
    std::int64_t items = 0;
    for (const map_run::Child& child : children)
        items += child.items;
    require(items == batcher.made().items &&
            static_cast<std::int64_t>(children.size()) == batcher.made().children);
    map_run::Counts of_items, of_children;
    of_items.total = items;
    of_children.total = batcher.made().children;
    map_run::Tally tally(loaded.value(), of_items, of_children);
    map_run::Results results(loaded.value(), limits);
    for (std::size_t i = children.size(); i > 0 && !tally.failure(); --i) {
        const map_run::Child& child = children[i - 1];
        map_run::ChildEnd end;
        end.index = child.index;
        end.input = child.input;
        end.output = child.input;
        const bool fails = (code >> (i & 7) & 1) != 0 && (i & 1) != 0;
        end.status = fails ? machine::Status::Failed : machine::Status::Succeeded;
        tally.child_ended(end.status, child.items);
        results.recall(end);
        require(tally.items().ended() <= tally.items().total);
    }
    require(tally.done() == (!tally.failure() && tally.children().ended() == tally.children().total));
    const auto result = results.result();
    require(result.ok() || result.error().error == "States.DataLimitExceeded");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    const std::string_view events = take_part(rest);
    auto input = json::parse(take_part(rest));
    static const asl::Compiled fallback = asl::compile(kFlow);
    asl::Compiled compiled = asl::compile(take_part(rest));
    static const asl::Compiled forks = asl::compile(kForks);
    static const asl::Compiled queries = asl::compile(kQueries);
    static const asl::Compiled maps = asl::compile(kMaps);
    static const asl::Compiled outside = asl::compile(kOutside);
    require(fallback.flow != nullptr && forks.flow != nullptr && queries.flow != nullptr &&
            maps.flow != nullptr && outside.flow != nullptr);
    const asl::Compiled* const ready[] = {&fallback, &forks, &queries, &maps, &outside};
    const bool own = compiled.flow != nullptr;
    if (!own) compiled = *ready[size % std::size(ready)];

    machine::RunContext run;
    if (input.ok()) run.input = input.value();
    run.started_at = 1'790'000'000'000'000;
    static const Tokens tokens;
    run.tokens = &tokens;
    run.pauses_when_exhausted = (size & 8) != 0;
    machine::Limits limits;
    limits.max_history_events = 400;
    limits.max_map_concurrency = static_cast<std::int64_t>(size & 3);
    machine::Frame frame;
    if (auto saved = json::parse(rest); saved.ok()) {
        auto loaded = machine::Frame::load(saved.value());
        if (loaded.ok()) frame = std::move(loaded).value();
    }

    machine::Now now{run.started_at, 0};
    std::int64_t last_id = 0;
    std::vector<std::int64_t> calls{3};
    bool ended = false;
    for (std::size_t i = 0; i < events.size() && i < 100; ++i) {
        const auto code = static_cast<std::uint8_t>(events[i]);
        const std::int64_t id =
            (code & 0x40) != 0 ? calls[calls.size() - 1 - (code & 7) % calls.size()] : code & 7;
        now.seed += code;
        machine::Event event = machine::TimerFired{};
        switch (code >> 3 & 7) {
            case 0:
                event = machine::Started{};
                break;
            case 1:
                event = machine::TaskSucceeded{id, run.input};
                break;
            case 2:
                event = machine::TaskFailed{id, (code & 1) != 0 ? "E" : "States.Timeout", "c",
                                            (code & 2) != 0, now.at};
                break;
            case 3:
                event = event_from_outside((code + i) & 7, id, run.input, now);
                break;
            case 4:
                event = machine::Resumed{};
                break;
            case 5:
                if ((code & 0x80) != 0) {
                    event = machine::Stopped{"E", std::nullopt};
                } else {
                    event = machine::MapRunEnded{
                        id, static_cast<machine::MapRunEnded::Outcome>((code & 7) % 3), run.input, "E", "c"};
                }
                break;
            default:
                now.at += std::int64_t{code} * 100'000;
        }
        const bool redrives = std::holds_alternative<machine::Redriven>(event);
        const bool redrivable = machine::is_redrivable(run, limits, frame);
        if (redrives && redrivable) ++run.redrive_count;
        const machine::Step step = machine::advance(*compiled.flow, run, limits, frame, event, now);
        for (const machine::HistoryEvent& each : step.history) {
            require(last_id == 0 || each.id == last_id + 1);
            require(each.previous_id < each.id || each.previous_id == 0 || last_id == 0);
            last_id = each.id;
        }
        for (const machine::Effect& effect : step.effects) {
            if (const auto* made = std::get_if<machine::Call>(&effect)) calls.push_back(made->id);
            if (const auto* again = std::get_if<machine::RedriveMapRun>(&effect)) calls.push_back(again->id);
            if (const auto* begun = std::get_if<machine::StartMapRun>(&effect)) {
                calls.push_back(begun->id);
                check_map_run(*compiled.flow, begun->plan, limits, code, now);
            }
        }
        require(step.accepted || (step.history.empty() && step.effects.empty()));
        require(!redrives || step.accepted == redrivable);
        require(!ended || !step.accepted || redrives);
        ended = step.outcome.status != machine::Status::Running;
        require(!ended || !step.next_due);

        const std::string saved = json::dump(frame.save(&run.input));
        auto text = json::parse(saved, {.max_bytes = 64 << 20, .max_depth = machine::kMaxFrameDepth});
        require(text.ok());
        auto loaded = machine::Frame::load(text.value(), &run.input);
        require(loaded.ok() && json::dump(loaded.value().save(&run.input)) == saved);
        // A definition of the input's own may take a token apart.
        require(own || saved.find("SECRET") == std::string::npos);
        if ((code & 0x80) != 0) frame = std::move(loaded).value();
        if ((code & 0x20) != 0) {
            const machine::Frame copy = frame;
            frame = copy;
        }
    }
    return 0;
}
