// Random walks: whatever events come in whatever order, a run that is saved and loaded after each of them goes on
// like one that stays in memory, and what it waits for is exactly what it would ask for again after a crash.
#include <map>
#include <random>
#include <set>

#include "machine_support.hpp"

using namespace flowctl;
using namespace flowctl::test;
using machine::Status;

namespace {

class PlainTokens : public machine::TaskTokens {
  public:
    std::string token(const std::string& place) const override { return "SECRET" + place; }
};

const std::vector<std::string>& flows() {
    static const std::vector<std::string> all = {
        // One state after the other: callbacks, activities, child runs, a wait, retries and catchers.
        R"j({"TimeoutSeconds": 200, "StartAt": "A", "States": {
          "A": {"Type": "Task", "Resource": "flowctl:http:s.waitForTaskToken", "HeartbeatSeconds": 9,
                "Parameters": {"t.$": "$$.Task.Token", "c.$": "$$", "s": "<token>"}, "ResultPath": "$.a",
                "Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 3, "MaxAttempts": 2}], "Next": "B"},
          "B": {"Type": "Task", "Resource": "flowctl:activity:b", "TimeoutSeconds": 30, "HeartbeatSeconds": 5, "ResultPath": null,
                "Catch": [{"ErrorEquals": ["States.Timeout"], "ResultPath": "$.e", "Next": "W"}], "Next": "C"},
          "C": {"Type": "Task", "Resource": "flowctl:flow:f.sync", "ResultPath": "$.c", "Next": "W"},
          "W": {"Type": "Wait", "Seconds": 4, "Next": "D"},
          "D": {"Type": "Task", "Resource": "flowctl:http:s.sync", "Assign": {"v.$": "$"}, "End": true}}})j",
        // Branches within items within branches.
        R"j({"StartAt": "P", "States": {
          "P": {"Type": "Parallel", "Next": "L", "Retry": [{"ErrorEquals": ["R"], "MaxAttempts": 1}], "Branches": [
            {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemsPath": "$.n", "MaxConcurrency": 2, "End": true, "ItemProcessor":
              {"StartAt": "Q", "States": {"Q": {"Type": "Parallel", "End": true, "Branches": [
                {"StartAt": "X", "States": {"X": {"Type": "Task", "Resource": "flowctl:http:s", "Next": "Y"},
                                            "Y": {"Type": "Task", "Resource": "flowctl:activity:y", "End": true}}},
                {"StartAt": "V", "States": {"V": {"Type": "Wait", "Seconds": 2, "End": true}}}]}}}}}},
            {"StartAt": "Z", "States": {"Z": {"Type": "Task", "Resource": "flowctl:http:s.waitForTaskToken", "End": true,
                "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}]}}}]},
          "L": {"Type": "Map", "ItemsPath": "$[0]", "ResultPath": null, "MaxConcurrency": 1, "End": true, "ItemProcessor":
            {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "flowctl:http:s", "End": true}}}}}})j",
        // Map runs beside other work.
        R"j({"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true, "Branches": [
            {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemsPath": "$.n", "End": true,
              "Retry": [{"ErrorEquals": ["R"], "MaxAttempts": 1}], "ItemProcessor":
              {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "I",
               "States": {"I": {"Type": "Pass", "End": true}}}}}},
            {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "flowctl:http:s", "Next": "N"},
              "N": {"Type": "Map", "ItemsPath": "$", "End": true, "ItemProcessor":
              {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, "StartAt": "J",
               "States": {"J": {"Type": "Pass", "End": true}}}}}}]}}})j",
        // JSONata: items that cannot be computed again.
        R"j({"QueryLanguage": "JSONata", "StartAt": "M", "States": {
          "M": {"Type": "Map", "Items": "{% [1..4].{'k': $uuid()} %}", "MaxConcurrency": 2, "Next": "A",
            "ItemSelector": "{% $merge([$states.context.Map.Item.Value, {'i': $states.context.Map.Item.Index}]) %}",
            "ItemProcessor": {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "flowctl:http:s.waitForTaskToken",
              "Arguments": "{% {'t': 'x' & $states.context.Task.Token, 'i': $states.input} %}", "Output": "{% $states.input.k %}", "End": true}}}},
          "A": {"Type": "Task", "Resource": "flowctl:flow:f.sync", "Arguments": "{% $states.input %}", "Assign": {"v": "{% $states.result %}"},
            "Catch": [{"ErrorEquals": ["E"], "Output": "{% $states.errorOutput %}", "Next": "B"}], "End": true},
          "B": {"Type": "Succeed", "Output": "{% $v %}"}}})j"};
    return all;
}

// What a step has done, without who holds which payload: a loaded frame may write a payload once more.
std::string told(const machine::Step& step) {
    std::string out = step.accepted ? "" : "stale ";
    for (const machine::HistoryEvent& event : step.history)
        out += std::to_string(event.id) + "<" + std::to_string(event.previous_id) + std::string(event.type) + "@" +
               event.path + event.state + std::to_string(event.visit) + "." + std::to_string(event.attempt) +
               json::dump(event.details) + ";";
    for (const machine::Effect& effect : step.effects) {
        out += std::to_string(effect.index()) + "#";
        std::visit([&out](const auto& one) { out += std::to_string(one.id); }, effect);
        if (const auto* call = std::get_if<machine::Call>(&effect))
            out += call->path + call->state + call->place + json::dump(call->input) + json::dump(call->follow);
    }
    out += std::string(name_of(step.outcome.status)) + std::string(name_of(step.phase));
    if (step.next_due) out += std::to_string(*step.next_due);
    if (step.outcome.output) out += json::dump(*step.outcome.output);
    return out + step.outcome.error.value_or("") + step.outcome.cause.value_or("");
}

// A run, what it waits for, and the dice.
class Walk {
  public:
    Walk(const asl::Flow& flow, unsigned seed) : flow_(flow), dice_(seed) {
        run_.input = value(R"({"n": [1, 2, 3], "text": "<token>"})");
        run_.started_at = now_.at;
        run_.tokens = &tokens_;
        run_.pauses_when_exhausted = seed % 4 == 0;
    }

    void go(int steps) {
        give(machine::Started{});
        for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i)
            give(next_event());
    }
    const std::set<std::string_view>& types() const { return types_; }

  private:
    std::size_t roll(std::size_t sides) { return dice_() % sides; }
    std::int64_t any_call() {
        if (open_.empty() || roll(20) == 0) return static_cast<std::int64_t>(roll(60));
        return *std::next(open_.begin(), static_cast<std::ptrdiff_t>(roll(open_.size())));
    }
    std::int64_t any_map_run() {
        if (map_runs_.empty()) return 5;
        return *std::next(map_runs_.begin(), static_cast<std::ptrdiff_t>(roll(map_runs_.size())));
    }

    machine::Event next_event() {
        now_.at += static_cast<std::int64_t>(roll(2'000'000));
        if (ended_) {
            ++run_.redrive_count;
            return machine::Redriven{};
        }
        static const char* kErrors[] = {"E", "R", "Other", "States.Timeout"};
        switch (roll(24)) {
            case 0:
                return machine::Stopped{"Stop", std::nullopt};
            case 1:
                return machine::Paused{};
            case 2:
            case 3:
                return machine::Unpaused{};
            case 4:
            case 5:
                return machine::TaskFailed{any_call(), kErrors[roll(4)], "c", roll(2) == 0};
            case 6:
                return machine::Heartbeat{any_call()};
            case 7:
            case 8:
                return machine::ActivityStarted{any_call(), "w"};
            case 9:
            case 10: {
                machine::TaskContinues event;
                event.call = any_call();
                if (roll(3) == 0) {
                    event.next_at = now_.at + 3 * kSecond;
                    event.follow = value("{}");
                }
                event.output = value(R"({"a": "b"})");
                return event;
            }
            case 11:
            case 12:
                return machine::MapRunEnded{any_map_run(), static_cast<machine::MapRunEnded::Outcome>(roll(3)),
                                            value("[1]"), kErrors[roll(4)], "c"};
            case 13:
            case 14:
            case 15:
                now_.at = std::max(now_.at, next_due_.value_or(now_.at));
                return machine::TimerFired{};
            case 16:
                return machine::Redriven{};
            default: {
                const std::int64_t id = any_call();
                const auto token = tokens_of_.find(id);
                const std::string echo = token == tokens_of_.end() ? "none" : token->second;
                return machine::TaskSucceeded{id, value(R"({"k": ["echo )" + echo + R"("]})")};
            }
        }
    }

    machine::Frame loaded(const machine::Frame& frame) {
        const std::string saved = json::dump(frame.save(&run_.input));
        EXPECT_EQ(saved.find("SECRET"), std::string::npos) << saved;
        auto text = json::parse(saved, {.max_depth = machine::kMaxFrameDepth});
        auto again = machine::Frame::load(text.value(), &run_.input);
        EXPECT_TRUE(again.ok()) << again.error() << saved;
        if (!again.ok()) return frame;
        EXPECT_EQ(json::dump(again->save(&run_.input)), saved);
        return std::move(again).value();
    }

    void give(const machine::Event& event) {
        ++now_.seed;
        const bool redrives = std::holds_alternative<machine::Redriven>(event);
        const bool may = machine::is_redrivable(run_, limits_, kept_);
        // A step that is not committed happens once more, with the same outcome.
        stored_ = loaded(stored_);
        machine::Frame dropped = stored_;
        const machine::Step lost = machine::advance(flow_, run_, limits_, dropped, event, now_);
        const machine::Step step = machine::advance(flow_, run_, limits_, stored_, event, now_);
        const machine::Step kept = machine::advance(flow_, run_, limits_, kept_, event, now_);
        EXPECT_EQ(told(lost), told(step));
        ASSERT_EQ(told(kept), told(step)) << "event " << event.index() << " of " << told_ << json::dump(kept_.save());
        told_ += told(step) + "\n";
        if (redrives) {
            EXPECT_EQ(step.accepted, may);
        }
        follow(event, step);
        check_that_nothing_is_lost();
    }

    // Keeps the books of what is out.
    void follow(const machine::Event& event, const machine::Step& step) {
        for (const machine::HistoryEvent& each : step.history) {
            EXPECT_EQ(each.id, ++last_id_);
            EXPECT_LT(each.previous_id, each.id);
            types_.insert(each.type);
            const std::string payload = each.payload ? json::dump(*each.payload) : "";
            EXPECT_EQ(payload.find("SECRET"), std::string::npos) << payload;
        }
        if (step.accepted) {
            std::visit(
                [this](const auto& one) {
                    using Kind = std::decay_t<decltype(one)>;
                    if constexpr (std::is_same_v<Kind, machine::TaskContinues>) out_.erase(one.call);
                    if constexpr (std::is_same_v<Kind, machine::TaskSucceeded> ||
                                  std::is_same_v<Kind, machine::TaskFailed>) {
                        out_.erase(one.call);
                        open_.erase(one.call);
                    }
                    if constexpr (std::is_same_v<Kind, machine::MapRunEnded>) map_runs_.erase(one.map_run);
                },
                event);
        }
        for (const machine::Effect& effect : step.effects) {
            if (const auto* call = std::get_if<machine::Call>(&effect)) {
                EXPECT_TRUE(out_.insert(call->id).second);
                open_.insert(call->id);
                if (!call->place.empty()) tokens_of_[call->id] = tokens_.token(call->place);
                const std::string input = json::dump(call->input);
                if (call->resource.wait_for_token && call->input.find("t") != nullptr) {
                    EXPECT_NE(input.find(tokens_.token(call->place)), std::string::npos) << input;
                }
            } else if (const auto* cancel = std::get_if<machine::CancelCall>(&effect)) {
                EXPECT_EQ(open_.erase(cancel->id), 1u);
                out_.erase(cancel->id);
            } else if (const auto* start = std::get_if<machine::StartMapRun>(&effect)) {
                EXPECT_TRUE(map_runs_.insert(start->id).second);
            } else if (const auto* again = std::get_if<machine::RedriveMapRun>(&effect)) {
                EXPECT_TRUE(map_runs_.insert(again->id).second);
            } else if (const auto* stop = std::get_if<machine::CancelMapRun>(&effect)) {
                EXPECT_EQ(map_runs_.erase(stop->id), 1u);
            }
        }
        ended_ = step.outcome.status != Status::Running;
        next_due_ = step.next_due;
        if (!ended_) return;
        EXPECT_TRUE(open_.empty()) << "a call has outlived its run";
        EXPECT_TRUE(map_runs_.empty()) << "a map run has outlived its run";
    }

    // After a crash the run asks again for what is out, and for nothing else.
    void check_that_nothing_is_lost() {
        if (ended_) return;
        machine::Frame copy = loaded(stored_);
        const machine::Step again = machine::advance(flow_, run_, limits_, copy, machine::Resumed{}, now_);
        EXPECT_TRUE(again.history.empty());
        std::set<std::int64_t> calls, map_runs;
        for (const machine::Effect& effect : again.effects) {
            if (const auto* call = std::get_if<machine::Call>(&effect)) calls.insert(call->id);
            if (const auto* await = std::get_if<machine::AwaitMapRun>(&effect)) map_runs.insert(await->id);
        }
        EXPECT_EQ(calls, out_);
        EXPECT_EQ(map_runs, map_runs_);
    }

    const asl::Flow& flow_;
    std::mt19937 dice_;
    PlainTokens tokens_;
    machine::RunContext run_;
    machine::Limits limits_;
    machine::Now now_{1'790'000'000 * kSecond, 7};
    machine::Frame kept_, stored_;
    std::set<std::int64_t> out_;   // calls whose performer is at work
    std::set<std::int64_t> open_;  // these, and calls whose end comes from outside or later
    std::set<std::int64_t> map_runs_;
    std::map<std::int64_t, std::string> tokens_of_;
    std::set<std::string_view> types_;
    std::int64_t last_id_ = 0;
    std::string told_;
    std::optional<machine::Instant> next_due_;
    bool ended_ = false;
};

TEST(MachineWalk, GoesOnAfterACrashAtAnyPoint) {
    std::set<std::string_view> types;
    for (std::size_t i = 0; i < flows().size(); ++i) {
        const auto flow = flow_of(flows()[i]);
        for (unsigned seed = 0; seed < 25; ++seed) {
            SCOPED_TRACE("flow " + std::to_string(i) + " seed " + std::to_string(seed));
            Walk walk(*flow, seed);
            walk.go(70);
            if (HasFailure()) return;
            types.insert(walk.types().begin(), walk.types().end());
        }
    }
    // The walks have been everywhere.
    for (const std::string_view type :
         {"ExecutionRedriven", "MapRunRedriven", "ActivityStarted", "ActivityTimedOut", "ActivitySucceeded",
          "TaskSubmitted", "TaskTimedOut", "ExecutionTimedOut", "ExecutionAborted", "ExecutionSucceeded",
          "MapIterationAborted", "MapRunAborted", "ParallelStateSucceeded", "ParallelStateFailed"})
        EXPECT_EQ(types.count(type), 1u) << type;
}

}  // namespace
