// Frames: what is saved continues as if nothing had happened, and nothing that is loaded can do harm.
#include "machine_support.hpp"

using namespace flowctl;
using namespace flowctl::test;
using machine::Frame;

namespace {

const char* const kFlow = R"({"TimeoutSeconds": 900, "StartAt": "A", "States": {
  "A": {"Type": "Pass", "Assign": {"v.$": "$.n", "w": {"x": [1, 2.50]}}, "Next": "W"},
  "W": {"Type": "Wait", "Seconds": 2, "Next": "T"},
  "T": {"Type": "Task", "Resource": "flowctl:http:s", "Parameters": {"in.$": "$.n", "r.$": "$$.State.RetryCount"},
        "TimeoutSeconds": 30, "ResultPath": "$.out", "Next": "C",
        "Retry": [{"ErrorEquals": ["E"], "JitterStrategy": "FULL", "IntervalSeconds": 5}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "C"}]},
  "C": {"Type": "Choice", "Choices": [{"Variable": "$.error", "IsPresent": true, "Next": "Z"}], "Default": "T"},
  "Z": {"Type": "Pass", "Parameters": {"v.$": "$v", "w.$": "$w", "e.$": "$.error.Error"}, "End": true}}})";

std::string describe(const machine::HistoryEvent& event) {
    std::string out = std::to_string(event.id) + "<" + std::to_string(event.previous_id) + " " +
                      std::string(event.type) + " " + std::to_string(event.at) + " " + event.state +
                      std::to_string(event.visit) + "." + std::to_string(event.attempt) + " " +
                      json::dump(event.details);
    if (event.payload) out += " = " + json::dump(*event.payload);
    if (event.payload_ref) out += " -> " + std::to_string(*event.payload_ref);
    return out;
}

// Runs kFlow with failures and successes; everything that it gave, as text.
std::string story(bool saved) {
    TestRun run(kFlow, R"({"n": 123456789012345678901234567890, "s": "\u00e9\u0001"})");
    run.save_between_steps = saved;
    run.start();
    std::string out;
    int answers = 0;
    for (int i = 0; i < 100 && run.status() == machine::Status::Running; ++i) {
        const bool calling = run.step.phase == machine::Phase::Running;
        if (calling && ++answers % 3 != 0) {
            run.fail("E", "again");
        } else if (calling && answers < 7) {
            run.succeed(R"({"ok": [null, true, "x"]})");
        } else if (calling) {
            run.fail("F", "at last");
        } else {
            run.tick();
        }
        for (const machine::Effect& effect : run.step.effects) {
            if (const auto* call = std::get_if<machine::Call>(&effect))
                out += "call " + std::to_string(call->id) + " " + json::dump(call->input) + "\n";
        }
        out += std::to_string(run.step.next_due.value_or(0)) + " " + run.step.current_state + "\n";
    }
    for (const auto& event : run.history)
        out += describe(event) + "\n";
    return out + run.output();
}

}  // namespace

// A failure of the run as a whole is told with the visit of the top level.
TEST(Frame, KnowsItsPlace) {
    TestRun run(states("T", R"("T": {"Type": "Task", "Resource": "flowctl:http:s", "End": true})"));
    EXPECT_EQ(run.frame.place(), "");
    run.start();
    EXPECT_EQ(run.frame.place(),
              "An error occurred while executing the state 'T' (entered at the event id #2). ");
}

TEST(Frame, SavedAndLoadedAtEveryStepItTellsTheSameStory) {
    const std::string straight = story(false);
    EXPECT_EQ(straight, story(true));
    EXPECT_NE(straight.find(R"({"v":123456789012345678901234567890,"w":{"x":[1,2.50]},"e":"F"})"),
              std::string::npos)
        << straight;
}

TEST(Frame, OfARunThatHasNotStarted) {
    const Frame frame;
    EXPECT_EQ(json::dump(frame.save()), R"({"format":1})");
    EXPECT_TRUE(Frame::load(frame.save()).ok());
}

TEST(Frame, LeavesTheRunsInputOutWhereItIsGivenAgain) {
    TestRun run(states("A", R"("A": {"Type": "Wait", "Seconds": 5, "End": true})"));
    run.start();
    const json::Value& input = run.run.input;
    const std::string full = json::dump(run.frame.save());
    const std::string brief = json::dump(run.frame.save(&input));
    EXPECT_NE(full.find(R"("input":{"value":)"), std::string::npos) << full;
    EXPECT_NE(brief.find(R"("input":{"event":0})"), std::string::npos) << brief;
    EXPECT_FALSE(Frame::load(value(brief)).ok());
    auto loaded = Frame::load(value(brief), &input);
    ASSERT_TRUE(loaded.ok());
    EXPECT_EQ(json::dump(loaded.value().save()), full);
    EXPECT_EQ(json::dump(loaded.value().save(&input)), brief);
    auto old = Frame::load(value(full), &input);
    ASSERT_TRUE(old.ok());
    EXPECT_EQ(json::dump(old.value().save()), full);
}

TEST(Frame, CopiesAreIndependent) {
    TestRun run(states("A", R"("A": {"Type": "Wait", "Seconds": 5, "End": true})"));
    run.start();
    const Frame before = run.frame;
    const std::string saved = json::dump(before.save());
    run.tick();
    EXPECT_EQ(run.status(), machine::Status::Succeeded);
    EXPECT_EQ(json::dump(before.save()), saved);
    run.frame = before;
    run.give(machine::TimerFired{});
    EXPECT_EQ(run.status(), machine::Status::Succeeded);
}

TEST(Frame, RefusesWhatIsNoFrame) {
    const std::string good =
        R"({"format":1,"status":"RUNNING","lastEvent":2,"top":{"state":"A","phase":"Sleeping","input":{"value":1},"due":5}})";
    ASSERT_TRUE(Frame::load(value(good)).ok());
    const auto with = [&](const std::string& from, const std::string& to) {
        std::string text = good;
        text.replace(text.find(from), from.size(), to);
        return text;
    };
    for (const std::string& text : {std::string("null"),
                                    std::string("[]"),
                                    std::string("{}"),
                                    with("\"format\":1", "\"format\":2"),
                                    with("\"format\":1", "\"format\":\"1\""),
                                    with("RUNNING", "running"),
                                    with("\"RUNNING\"", "0"),
                                    with("\"lastEvent\":2", "\"lastEvent\":-1"),
                                    with("\"lastEvent\":2", "\"lastEvent\":1e30"),
                                    with("\"lastEvent\":2", "\"lastEvent\":1.5"),
                                    with("\"state\":\"A\",", ""),
                                    with("\"A\"", "1"),
                                    with("Sleeping", "Dreaming"),
                                    with("{\"value\":1}", "1"),
                                    with("{\"value\":1}", "{}"),
                                    with("\"due\":5", "\"due\":\"5\""),
                                    with("\"due\":5", "\"due\":9223372036854775807"),
                                    with("\"due\":5", "\"call\":{}"),
                                    with("Sleeping", "Calling"),
                                    with("\"due\":5", "\"visits\":{\"A\":-1}"),
                                    with("\"due\":5", "\"retries\":[null]"),
                                    with("\"due\":5", "\"variables\":[]"),
                                    with("\"due\":5", "\"fork\":[1]"),
                                    with("\"due\":5", "\"fork\":{\"length\":1,\"begun\":0,\"outputs\":[]}"),
                                    with("Sleeping", "Forked"),
                                    with("\"due\":5", "\"attempt\":5000000000")}) {
        auto loaded = Frame::load(value(text));
        EXPECT_FALSE(loaded.ok()) << text;
        const std::string reason = loaded.ok() ? "" : loaded.error();
        EXPECT_FALSE(reason.empty());
    }
}

TEST(Frame, ThatDoesNotFitItsFlowFailsTheRun) {
    const std::string head = R"({"format":1,"status":"RUNNING","lastEvent":2,"top":{"input":{"value":1},)";
    for (const std::string& rest :
         {std::string(R"("state":"Gone","phase":"Sleeping","due":5}})"),
          std::string(R"("state":"A","phase":"Sleeping"}})"),
          std::string(R"("state":"A","phase":"Calling","call":{"id":2}}})"),
          std::string(R"("state":"T","phase":"Sleeping","due":5}})"),
          std::string(R"("state":"T","phase":"Retrying"}})"),
          std::string(R"("state":"A","phase":"Forked","fork":{"length":1,"begun":0,"outputs":[]}}})"),
          std::string(R"("state":"A","phase":"Ended"}})"),
          std::string(R"("state":"A","phase":"Entering","item":{"value":1}}})")}) {
        TestRun run(states("A", R"("A": {"Type": "Wait", "Seconds": 5, "Next": "T"},
                                   "T": {"Type": "Task", "Resource": "flowctl:http:s", "End": true})"));
        auto loaded = Frame::load(value(head + rest));
        ASSERT_TRUE(loaded.ok()) << loaded.error();
        run.frame = std::move(loaded).value();
        run.give(machine::TimerFired{});
        EXPECT_EQ(run.status(), machine::Status::Failed) << rest;
        EXPECT_EQ(run.error(), "States.Runtime");
        EXPECT_EQ(run.history.back().id, 3);
    }
}

TEST(Frame, WithMoreOrFewerRetriersThanTheStateStillRuns) {
    for (const char* retries : {"[]", "[1]", "[1,2,3,4]"}) {
        TestRun run(states("T", R"("T": {"Type": "Task", "Resource": "flowctl:http:s", "End": true, "Retry": [
                                   {"ErrorEquals": ["D"]}, {"ErrorEquals": ["E"], "MaxAttempts": 3}]})"));
        auto loaded = Frame::load(value(
            std::string(R"({"format":1,"status":"RUNNING","lastEvent":3,"top":{"state":"T","phase":"Calling",
                                 "input":{"value":1},"call":{"id":3},"retries":)") +
            retries + "}}"));
        ASSERT_TRUE(loaded.ok()) << loaded.error();
        run.frame = std::move(loaded).value();
        run.give(machine::TaskFailed{3, "E", ""});
        EXPECT_EQ(run.step.phase, machine::Phase::Retrying) << retries;
    }
}
