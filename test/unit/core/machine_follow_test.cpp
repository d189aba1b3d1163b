// Tasks with .sync: work that is begun by one answer and followed by others until it is over.
#include "machine_support.hpp"

using namespace flowctl;
using namespace flowctl::test;
using machine::Status;
using Strings = std::vector<std::string>;

namespace {

std::string job(const std::string& fields = R"("Comment": "job")") {
    return states("T", R"("T": {"Type": "Task", "Resource": "flowctl:http:nightly.sync", "End": true, )" +
                           fields + "}");
}

machine::TaskContinues continues(const TestRun& run, int seconds,
                                 std::string_view follow = R"({"id":"j1"})") {
    return {run.last_call().id, run.now.at + seconds * kSecond, value(follow),
            value(R"({"id":"j1","state":"PENDING"})")};
}

std::size_t calls_of(const machine::Step& step) {
    std::size_t calls = 0;
    for (const machine::Effect& effect : step.effects)
        calls += std::holds_alternative<machine::Call>(effect) ? 1 : 0;
    return calls;
}

TEST(MachineFollow, AsksUntilTheWorkIsOver) {
    TestRun run(job(), R"({"n": 1})");
    run.save_between_steps = true;
    run.start();
    const std::int64_t id = run.last_call().id;
    EXPECT_TRUE(run.last_call().resource.sync);
    EXPECT_TRUE(run.last_call().follow.is_null());
    run.give(continues(run, 10));
    EXPECT_EQ(calls_of(run.step), 0u);
    EXPECT_EQ(run.step.next_due, run.now.at + 10 * kSecond);
    EXPECT_EQ(run.step.phase, machine::Phase::Waiting);

    run.tick();
    ASSERT_EQ(calls_of(run.step), 1u);
    EXPECT_EQ(run.last_call().id, id);
    EXPECT_EQ(json::dump(run.last_call().follow), R"({"id":"j1"})");
    EXPECT_EQ(json::dump(run.last_call().input), R"({"n":1})");
    EXPECT_EQ(run.step.phase, machine::Phase::Running);
    EXPECT_FALSE(run.step.next_due);
    run.give(continues(run, 10, R"({"id":"j1","failures":1})"));
    EXPECT_TRUE(run.step.history.empty());  // recorded once
    run.tick();
    EXPECT_EQ(json::dump(run.last_call().follow), R"({"id":"j1","failures":1})");
    run.succeed(R"({"state":"COMPLETED"})");
    EXPECT_EQ(run.status(), Status::Succeeded);
    EXPECT_EQ(run.output(), R"({"state":"COMPLETED"})");
    EXPECT_EQ(run.types(),
              (Strings{"ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted",
                       "TaskSubmitted", "TaskSucceeded", "TaskStateExited", "ExecutionSucceeded"}));
    EXPECT_EQ(json::dump(run.payload(5)), R"({"id":"j1","state":"PENDING"})");
    EXPECT_EQ(json::dump(run.history[4].details),
              R"({"resourceType":"flowctl:http","resource":"nightly.sync"})");
}

TEST(MachineFollow, ARunThatIsLoadedAgainAsksWhenItIsTime) {
    TestRun run(job());
    run.start();
    run.give(continues(run, 60));
    run.give(machine::Resumed{});
    EXPECT_EQ(calls_of(run.step), 0u);
    EXPECT_EQ(run.step.next_due, run.now.at + 60 * kSecond);
    run.tick();
    EXPECT_EQ(calls_of(run.step), 1u);
    // It was asking when the server went down: it asks again, and begins nothing anew.
    run.give(machine::Resumed{});
    ASSERT_EQ(calls_of(run.step), 1u);
    EXPECT_EQ(json::dump(run.last_call().follow), R"({"id":"j1"})");
}

TEST(MachineFollow, TheDeadlineHoldsForAllOfIt) {
    TestRun run(job(R"("TimeoutSeconds": 25)"));
    run.start();
    run.give(continues(run, 10));
    run.tick();
    run.give(continues(run, 20));
    run.tick();
    EXPECT_EQ(run.error(), "States.Timeout");
    EXPECT_EQ(run.types(), (Strings{"ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted",
                                    "TaskSubmitted", "TaskTimedOut", "ExecutionFailed"}));
}

TEST(MachineFollow, AFailureIsRetriedAsNewWork) {
    TestRun run(job(R"("Retry": [{"ErrorEquals": ["Job.Failed"], "IntervalSeconds": 1, "MaxAttempts": 1}])"));
    run.start();
    run.give(continues(run, 10));
    run.tick();
    run.fail("Job.Failed");
    EXPECT_EQ(run.step.phase, machine::Phase::Retrying);
    run.tick();
    EXPECT_TRUE(run.last_call().follow.is_null());
    EXPECT_EQ(run.last_call().attempt, 2);
    // What cannot even be asked any more has been started all the same.
    run.give(continues(run, 10));
    run.tick();
    run.give(machine::TaskFailed{run.last_call().id, "States.Permissions", "", true});
    EXPECT_EQ(run.count("TaskStartFailed"), 0);
    EXPECT_EQ(run.count("TaskFailed"), 2);
    EXPECT_EQ(run.count("TaskStarted"), 2);
    EXPECT_EQ(run.error(), "States.Permissions");
}

TEST(MachineFollow, AnAnswerThatIsTooLargeFailsTheTask) {
    TestRun run(job());
    run.limits.max_payload_bytes = 20;
    run.start();
    run.give(continues(run, 10));
    EXPECT_EQ(run.error(), "States.DataLimitExceeded");
}

TEST(MachineFollow, ARunThatIsStoppedRecordsItsStartOnce) {
    TestRun run(job());
    run.start();
    run.give(continues(run, 10));
    run.give(machine::Stopped{});
    EXPECT_EQ(run.status(), Status::Aborted);
    EXPECT_EQ(run.count("TaskStarted"), 1);
}

}  // namespace
