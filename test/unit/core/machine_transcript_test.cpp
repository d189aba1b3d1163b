// Transcripts: what a series of events gives is the same by its text as by advance() itself, and text from
// anywhere does no harm. That every single step survives its text is tested by each test of the machine
// (TestRun::give).
#include <gtest/gtest.h>

#include "machine_support.hpp"

namespace flowctl::machine {
namespace {

using test::kSecond;

const std::string kFlow = R"({"StartAt": "A", "QueryLanguage": "JSONata", "States": {
    "A": {"Type": "Pass", "Assign": {"v": "{% $states.input.a & '\u0001\"' %}"}, "Output": {"r": "{% $random() %}", "n": null}, "Next": "P"},
    "P": {"Type": "Parallel", "Next": "Z", "Branches": [
      {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "flowctl:http:s:invoke", "Arguments": "{% $states.input %}",
        "TimeoutSeconds": 9, "End": true}}},
      {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 2, "End": true}}}]},
    "Z": {"Type": "Pass", "End": true}}})";

RunContext run_of(std::string_view input) {
    RunContext run;
    run.execution_id = "arn:flowctl:db:execution:f:1";
    run.started_at = 1'790'000'000 * kSecond;
    run.input = test::value(input);
    return run;
}

std::vector<Given> events() {
    const Instant now = 1'790'000'000 * kSecond;
    return {{Started{}, {now, 7}},
            {TimerFired{}, {now + kSecond, 8}},
            {Heartbeat{99}, {now + kSecond, 9}},
            {TaskFailed{99, "E", "late"}, {now + kSecond, 10}},
            {TimerFired{}, {now + 3 * kSecond, 11}}};
}

TEST(MachineTranscript, GivesWhatAdvanceGives) {
    const auto flow = test::flow_of(kFlow);
    const RunContext run = run_of(R"({"a": "x", "big": 12345678901234567890.10})");
    const std::vector<Given> given = events();
    const Transcript transcript = advance_by(*flow, run, {}, Frame(), given);
    ASSERT_EQ(transcript.steps.size(), given.size());
    auto loaded = Transcript::load(transcript.save(run.input), run.input);
    ASSERT_TRUE(loaded.ok()) << loaded.error();
    EXPECT_EQ(loaded->save(run.input), transcript.save(run.input));

    // Both frames go on in the same way.
    Frame frame;
    for (const Given& one : given)
        (void)advance(*flow, run, {}, frame, one.event, one.now);
    const std::int64_t call = std::get<Call>(transcript.steps.front().effects.at(0)).id;
    const TaskSucceeded answer{call, test::value("[1]")};
    const Now last{given.back().now.at + kSecond, 12};
    const auto end_of = [&](Frame& from) {
        Transcript end;
        end.steps.push_back(advance(*flow, run, {}, from, answer, last));
        EXPECT_EQ(end.steps.front().outcome.status, Status::Succeeded);
        return end.save(run.input);
    };
    EXPECT_EQ(end_of(frame), end_of(loaded.value().frame));
}

TEST(MachineTranscript, EndsWithTheRun) {
    const auto flow = test::flow_of(test::states("A", R"("A": {"Type": "Pass", "End": true})"));
    const RunContext run = run_of("{}");
    const Transcript transcript = advance_by(*flow, run, {}, Frame(), events());
    ASSERT_EQ(transcript.steps.size(), 1U);
    EXPECT_EQ(transcript.steps.front().outcome.status, Status::Succeeded);
}

TEST(MachineTranscript, EndsWhereItIsInterrupted) {
    const volatile std::sig_atomic_t raised = 1;
    const auto flow = test::flow_of(
        R"({"StartAt": "A", "QueryLanguage": "JSONata", "States": {"A": {"Type": "Pass", "Output": "{% $sum([1..100000]) %}", "End": true}}})");
    const RunContext run = run_of("{}");
    const InterruptScope scope(raised);
    const Transcript transcript = advance_by(*flow, run, {}, Frame(), events());
    ASSERT_EQ(transcript.steps.size(), 1U);
    EXPECT_TRUE(transcript.steps.front().interrupted);
}

TEST(MachineTranscript, EndsTheRunWhereThereWillNotBeMoreTime) {
    const volatile std::sig_atomic_t raised = 1;
    const auto flow = test::flow_of(
        R"({"StartAt": "A", "QueryLanguage": "JSONata", "States": {"A": {"Type": "Pass", "Output": "{% $sum([1..100000]) %}", "End": true}}})");
    const RunContext run = run_of("{}");
    Limits limits;
    limits.out_of_time = "It took too long.";
    Transcript transcript;
    {
        const InterruptScope scope(raised);
        transcript = advance_by(*flow, run, limits, Frame(), events());
    }
    ASSERT_EQ(transcript.steps.size(), 1U);
    const Step& step = transcript.steps.front();
    EXPECT_FALSE(step.interrupted);
    EXPECT_EQ(step.outcome.status, Status::Failed);
    EXPECT_EQ(step.outcome.error.value_or(""), "States.Runtime");
    EXPECT_EQ(step.outcome.cause.value_or(""),
              "An error occurred while executing the state 'A' (entered at the event id #2). It took too long.");
    EXPECT_EQ(step.history.size(), 3U);
    EXPECT_TRUE(Transcript::load(transcript.save(run.input), run.input).ok());
}

TEST(MachineTranscript, RefusesWhatIsNone) {
    const json::Value input = test::value("{}");
    const std::vector<std::pair<std::string, std::string>> texts = {
        {"", "the outcome of the evaluation is not JSON: "},
        {"{\"steps\":[", "the outcome of the evaluation is not JSON: "},
        {"[]", "the outcome of the evaluation is not an object"},
        {R"({"frame":{"format":1},"steps":1})", "'steps'"},
        {R"({"frame":{"format":1},"steps":[1]})", "'steps'"},
        {R"({"frame":{"format":1},"steps":[{"history":[{"type":"Nonsense"}]}]})", "'type'"},
        {R"({"frame":{"format":1},"steps":[{"history":[{"id":1}]}]})", "'type'"},
        {R"({"frame":{"format":1},"steps":[{"history":[{"type":"TaskFailed","payloadKey":"x"}]}]})",
         "'payloadKey'"},
        {R"({"frame":{"format":1},"steps":[{"history":[{"type":"TaskFailed","visit":-1}]}]})", "'visit'"},
        {R"({"frame":{"format":1},"steps":[{"history":[{"type":"TaskFailed","id":1e300}]}]})", "'id'"},
        {R"({"frame":{"format":1},"steps":[{"history":[{"type":"TaskFailed","state":7}]}]})", "'state'"},
        {R"({"frame":{"format":1},"steps":[{"effects":[{"is":"Other"}]}]})", "'is'"},
        {R"({"frame":{"format":1},"steps":[{"effects":[{"is":"Call","resource":{"kind":1000}}]}]})", "'kind'"},
        {R"({"frame":{"format":1},"steps":[{"effects":[{"is":"StartMapRun","plan":{}}]}]})", "'plan'"},
        {R"({"frame":{"format":1},"steps":[{"status":5}]})", "'status'"},
        {R"({"frame":{"format":1},"steps":[{"phase":4}]})", "'phase'"},
        {R"({"frame":{"format":1},"steps":[{"error":null}]})", "'error'"},
        {R"({"frame":{"format":2},"steps":[]})", "the stored frame has a format"},
        {R"({"steps":[]})", "the stored frame is not an object"},
    };
    for (const auto& [text, reason] : texts) {
        const auto loaded = Transcript::load(text, input);
        ASSERT_FALSE(loaded.ok()) << text;
        EXPECT_NE(loaded.error().find(reason), std::string::npos) << text << ": " << loaded.error();
    }
    EXPECT_TRUE(Transcript::load(R"({"frame":{"format":1}})", input).ok());
}

}  // namespace
}  // namespace flowctl::machine
