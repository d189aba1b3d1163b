// A run for tests: a flow, a frame, a clock that the test moves, and everything that advance() gave so far.
// Each step goes through its text and back, as one does that another process has computed.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/asl/asl.hpp"
#include "core/json.hpp"
#include "core/machine/machine.hpp"
#include "core/machine/transcript.hpp"

namespace flowctl::test {

constexpr machine::Instant kSecond = 1'000'000;

inline json::Value value(std::string_view text) {
    auto parsed = json::parse(text);
    EXPECT_TRUE(parsed.ok()) << text;
    return parsed.ok() ? parsed.value() : json::Value();
}

inline std::shared_ptr<const asl::Flow> flow_of(std::string_view definition) {
    asl::Compiled compiled = asl::compile(definition);
    for (const asl::Finding& finding : compiled.findings)
        if (finding.severity == asl::Finding::Severity::Error) ADD_FAILURE() << finding.location << ": " << finding.message;
    return compiled.flow;
}

class TestRun {
  public:
    explicit TestRun(std::string_view definition, std::string_view input = "{}")
        : flow_(flow_of(definition)) {
        run.execution_id = "arn:flowctl:states:local:db:execution:f:1";
        run.execution_name = "one";
        run.role_arn = "arn:flowctl:iam::db:role/r";
        run.state_machine_id = "arn:flowctl:states:local:db:stateMachine:f";
        run.state_machine_name = "f";
        run.started_at = now.at;
        run.input = value(input);
    }

    const machine::Step& start() { return give(machine::Started{}); }
    const machine::Step& give(const machine::Event& event) {
        if (save_between_steps) {
            auto text =
                json::parse(json::dump(frame.save(&run.input)), {.max_depth = machine::kMaxFrameDepth});
            EXPECT_TRUE(text.ok());
            auto loaded = machine::Frame::load(text.value(), &run.input);
            EXPECT_TRUE(loaded.ok()) << (loaded.ok() ? "" : loaded.error());
            frame = std::move(loaded).value();
        }
        ++now.seed;
        step = through_text(machine::advance(*flow_, run, limits, frame, event, now));
        for (const machine::HistoryEvent& each : step.history)
            history.push_back(each);
        for (const machine::Effect& effect : step.effects) {
            if (const auto* call = std::get_if<machine::Call>(&effect)) {
                call_ = *call;
                calls.push_back(*call);
            } else if (const auto* dropped = std::get_if<machine::CancelCall>(&effect)) {
                const std::int64_t id = dropped->id;
                cancelled.push_back(id);
                std::erase_if(calls, [id](const machine::Call& made) { return made.id == id; });
            } else if (const auto* start = std::get_if<machine::StartMapRun>(&effect)) {
                map_runs.push_back(*start);
            } else if (const auto* await = std::get_if<machine::AwaitMapRun>(&effect)) {
                awaited.push_back(await->id);
            } else if (const auto* stopped = std::get_if<machine::CancelMapRun>(&effect)) {
                cancelled.push_back(stopped->id);
            }
        }
        return step;
    }
    const machine::Step& succeed(std::string_view output) {
        return give(machine::TaskSucceeded{last_call().id, value(output)});
    }
    const machine::Step& fail(const std::string& error, const std::string& cause = "") {
        return give(machine::TaskFailed{last_call().id, error, cause});
    }
    // Answers the oldest call that is out.
    const machine::Step& answer(std::string_view output) {
        const std::int64_t id = take_call();
        return give(machine::TaskSucceeded{id, value(output)});
    }
    const machine::Step& refuse(const std::string& error) {
        const std::int64_t id = take_call();
        return give(machine::TaskFailed{id, error, ""});
    }
    // Lets the clock reach the next deadline.
    const machine::Step& tick() {
        EXPECT_TRUE(step.next_due.has_value());
        now.at = std::max(now.at, step.next_due.value_or(now.at));
        return give(machine::TimerFired{});
    }
    const machine::Step& after(machine::Instant delay) {
        now.at += delay;
        return give(machine::TimerFired{});
    }

    const machine::Call& last_call() const { return call_; }
    std::vector<std::string> types() const {
        std::vector<std::string> out;
        for (const auto& event : history)
            out.emplace_back(event.type);
        return out;
    }
    // "id<previous type path/state", for each event from `first` on.
    std::vector<std::string> story(std::int64_t first = 1) const {
        std::vector<std::string> out;
        for (const auto& event : history) {
            if (event.id < first) continue;
            std::string line = std::to_string(event.id) + "<" + std::to_string(event.previous_id) + " " +
                               std::string(event.type);
            if (!event.path.empty() || !event.state.empty()) line += " " + event.path + ":" + event.state;
            out.push_back(std::move(line));
        }
        return out;
    }
    int count(std::string_view type) const {
        int n = 0;
        for (const auto& event : history)
            n += event.type == type;
        return n;
    }
    // The payload of an event, wherever it is held.
    json::Value payload(std::int64_t id) const {
        if (id == 0) return run.input;
        const machine::HistoryEvent& event = history.at(static_cast<std::size_t>(id - 1));
        return event.payload ? *event.payload : payload(event.payload_ref.value());
    }
    std::string output() const { return step.outcome.output ? json::dump(*step.outcome.output) : "none"; }
    std::string error() const { return step.outcome.error.value_or("none"); }
    std::string cause() const { return step.outcome.cause.value_or("none"); }
    machine::Status status() const { return step.outcome.status; }

    machine::RunContext run;
    machine::Limits limits;
    machine::Now now{1'790'000'000 * kSecond, 7};
    machine::Frame frame;
    machine::Step step;
    std::vector<machine::HistoryEvent> history;
    std::vector<machine::Call> calls;     // made, and neither cancelled nor taken by answer() and refuse()
    std::vector<std::int64_t> cancelled;  // calls and map runs
    std::vector<machine::StartMapRun> map_runs;  // all that have begun
    std::vector<std::int64_t> awaited;           // map runs that a resumed run asks for
    bool save_between_steps = false;

  private:
    machine::Step through_text(machine::Step&& given) {
        const bool interrupted = given.interrupted;
        if (interrupted) return std::move(given);
        machine::Transcript transcript;
        transcript.steps.push_back(std::move(given));
        transcript.frame = frame;
        const std::string text = transcript.save(run.input);
        auto loaded = machine::Transcript::load(text, run.input);
        if (!loaded.ok() || loaded->steps.size() != 1) {
            ADD_FAILURE() << (loaded.ok() ? "not one step" : loaded.error()) << " in " << text;
            return std::move(transcript.steps.front());
        }
        EXPECT_EQ(loaded->save(run.input), text);
        if (save_between_steps) return std::move(loaded.value().steps.front());
        return std::move(transcript.steps.front());  // whose payloads are still the frame's own
    }

    std::int64_t take_call() {
        if (calls.empty()) {
            ADD_FAILURE() << "no call is out";
            return 0;
        }
        const std::int64_t id = calls.front().id;
        calls.erase(calls.begin());
        return id;
    }

    std::shared_ptr<const asl::Flow> flow_;
    machine::Call call_;
};

// {"StartAt": <first>, "States": {...}}
inline std::string states(const std::string& first, const std::string& body) {
    return "{\"StartAt\": \"" + first + "\", \"States\": {" + body + "}}";
}

}  // namespace flowctl::test
