// The interpreter of Amazon States Language: a pure function from (flow, frame, event, now) to effects and
// history.
//
// The frame is the whole state of a run. It is a tree, because Parallel and Map run branches inside a state;
// it serialises to JSON, is stored as such, and loads in any later version. Time and randomness come in with
// `Now`, so equal inputs give equal outputs: unit tests, fuzzing, crash simulation and production run the
// same code. Invariant: nothing here performs I/O, reads a clock or knows PostgreSQL; every failure that a
// definition, an input or an answer can cause becomes an ASL error of the run, never an exception that leaves
// advance().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/asl/model.hpp"
#include "core/json.hpp"
#include "core/jsonata/jsonata.hpp"
#include "core/machine/map_run_plan.hpp"
#include "core/machine/status.hpp"

namespace flowctl::machine {

struct Observed;  // observed.hpp

// Microseconds since 1970-01-01 00:00:00 UTC.
using Instant = std::int64_t;

// What comes from outside in every call of advance().
struct Now {
    Instant at = 0;
    std::uint64_t seed = 0;  // for jitter, States.UUID, States.MathRandom; a fresh one in every call
};

// What the Context Object says of the run; constant over the run but for redrives.
struct RunContext {
    std::string execution_id;    // see identifiers.hpp
    std::string execution_name;  // the name given at start, else the run id
    std::string role_arn;
    std::string state_machine_id;
    std::string state_machine_name;
    Instant started_at = 0;
    json::Value input;     // Execution.Input: the run's input as given
    json::Value event;     // the CloudEvents envelope of what started the run, or null
    bool express = false;  // an EXPRESS flow: its Context Object has no RedriveCount
    int redrive_count = 0;
    std::optional<Instant> redriven_at;

    // Only of trials of a single state (trial.hpp): a Context Object that takes the place of the run's, and
    // who notes what is evaluated.
    std::optional<json::Value> context_object;
    Observed* observed = nullptr;
};

// Settings; the defaults are AWS's quotas.
struct Limits {
    std::size_t max_payload_bytes = 262'144;
    std::int64_t max_history_events = 25'000;
    // Items of one Map under way at a time, whatever its MaxConcurrency says; 0: any number.
    std::int64_t max_map_concurrency = 40;
    // Of the evaluation of one JSONata expression.
    jsonata::FlowRules queries;
    // What a raised flag of an InterruptScope means to the run. Absent: nothing, the step is interrupted
    // (Step::interrupted). Else the run fails for this reason: there will not be more time for it.
    std::optional<std::string> out_of_time = std::nullopt;
};

// ---------------------------------------------------------------------------------------------- events

struct Started {};
// The answer of a task attempt. `call` names the attempt (Call::id); the answer of an attempt that is no
// longer waited for is dropped.
struct TaskSucceeded {
    std::int64_t call = 0;
    json::Value output;
};
struct TaskFailed {
    std::int64_t call = 0;
    std::string error;
    std::string cause;
    bool not_started = false;  // it failed before it was begun: recorded as TaskStartFailed, not TaskFailed
    std::optional<Instant> retry_not_before = std::nullopt;  // the endpoint's Retry-After
};
// The work of an attempt with .sync goes on where it was begun: ask for it again at `next_at`. `follow` is
// what asking needs to know; it comes back in Call::follow. The first such answer is recorded as
// TaskSubmitted.
struct TaskContinues {
    std::int64_t call = 0;
    Instant next_at = 0;
    json::Value follow;  // not null
    json::Value output;  // of the answer that says so
};
// The worker of a waitForTaskToken or activity attempt says that it is alive: its HeartbeatSeconds begin
// again.
struct Heartbeat {
    std::int64_t call = 0;
};
// The map run that this run waits for is over. `map_run` is StartMapRun::id; what is not waited for is
// dropped.
struct MapRunEnded {
    enum class Outcome { Succeeded, Failed, Aborted };
    std::int64_t map_run = 0;
    Outcome outcome = Outcome::Succeeded;
    json::Value output;  // Succeeded: the state's result
    std::string error;   // Failed: States.ExceedToleratedFailureThreshold, States.ItemReaderFailed, ...
    std::string cause;
};
// Time has passed: everything in the frame that is due at Now::at fires.
struct TimerFired {};
// The run is to end (flowctl.stop): ABORTED.
struct Stopped {
    std::optional<std::string> error;
    std::optional<std::string> cause;
};
// The engine itself cannot go on with this run (a flow version that is gone, a frame that cannot be stored,
// ...): FAILED.
struct EngineFailed {
    std::string error;
    std::string cause;
};
// The frame was loaded from storage: effects of everything that was under way are given again, without
// history.
struct Resumed {};

using Event = std::variant<Started, TaskSucceeded, TaskFailed, TaskContinues, Heartbeat, MapRunEnded,
                           TimerFired, Stopped, EngineFailed, Resumed>;

// ---------------------------------------------------------------------------------------------- effects

// Do the work of a Task attempt and answer with TaskSucceeded or TaskFailed.
struct Call {
    std::int64_t id = 0;  // unique in the run and increasing; the event id of its TaskScheduled
    asl::Resource resource;
    json::Value input;  // the effective input: after InputPath and Parameters
    std::string state;
    std::string
        path;  // branch and item, "" at the top: "/<state>/<branch>" of Parallel, "/<state>/<item>" of Map
    int visit = 0;                    // how often this path has entered this state, from 1
    int attempt = 0;                  // from 1, over retries of this visit
    std::optional<Instant> deadline;  // when the machine will stop waiting
    json::Value credentials;          // evaluated Credentials field, or null
    json::Value follow;               // of TaskContinues: ask how the work is; null: begin it
};
// Nobody waits for this attempt any more: end it, ignore its answer.
struct CancelCall {
    std::int64_t id = 0;
};
// Begin a map run, and answer with MapRunEnded when it is over. It is to be stored with this step, for it is
// given once: after Resumed comes AwaitMapRun.
struct StartMapRun {
    std::int64_t id = 0;  // unique in the run and increasing; the event id of its MapRunStarted
    MapRunPlan plan;
};
// The run still waits for this map run, which has been stored: if it is over, say so (again).
struct AwaitMapRun {
    std::int64_t id = 0;
};
// Nobody waits for this map run any more: stop its children, begin none, ignore its end.
struct CancelMapRun {
    std::int64_t id = 0;
};
using Effect = std::variant<Call, CancelCall, StartMapRun, AwaitMapRun, CancelMapRun>;

// ---------------------------------------------------------------------------------------------- history

// One event of AWS's execution history. A payload is given once: when it is the very payload of an earlier
// event, `payload_ref` names that event (0: the run's input) and `payload` is empty.
struct HistoryEvent {
    std::int64_t id = 0;
    std::int64_t previous_id = 0;
    Instant at = 0;
    std::string_view type;  // AWS's event type, a literal
    json::Value details;    // the content of AWS's ...EventDetails but for the payload; null if there is none
    const char* payload_key =
        nullptr;  // "input", "output" or "parameters": the member of details that the payload is
    std::optional<json::Value> payload;
    std::optional<std::int64_t> payload_ref;
    // Where it happened, for the view `steps`; empty for events of the run as a whole.
    std::string path;
    std::string state;
    int visit = 0;
    int attempt = 0;
};

struct Outcome {
    Status status = Status::Running;
    // Status::Succeeded: the output, and the history event or run input (0) that already holds it.
    std::optional<json::Value> output;
    std::optional<std::int64_t> output_ref;
    // Failed, Aborted: as AWS reports them; either may be absent.
    std::optional<std::string> error;
    std::optional<std::string> cause;
};

struct Step {
    std::vector<HistoryEvent> history;
    std::vector<Effect> effects;
    Outcome outcome;
    // While running: when TimerFired must come next, if ever; what the run does; where it is.
    std::optional<Instant> next_due;
    Phase phase = Phase::Running;
    std::string current_state;  // of the top level
    bool accepted = true;       // false: the event was stale and nothing has changed
    // A flag of an InterruptScope was raised (and Limits::out_of_time is absent): nothing else of the step
    // means anything, and the frame is undefined.
    // The caller goes back to the frame from before, and may give the same event, time and seed again with more
    // time: the outcome will be the one that this call would have had.
    bool interrupted = false;
};

// ---------------------------------------------------------------------------------------------- frame

struct FrameData;

// How deep the JSON of a saved frame can be: deeper than any payload in it. Whoever parses one allows this
// much.
inline constexpr std::size_t kMaxPayloadDepth = 1'000;
inline constexpr std::size_t kMaxFrameDepth = kMaxPayloadDepth + 2'000;

// A value type: copying gives an independent frame (payloads are shared), so a caller can advance a copy and
// keep it only when its transaction has committed. A frame that has been advanced points into the Flow that
// it was advanced with: it goes on with that very Flow, or is copied, or saved and loaded.
class Frame {
  public:
    Frame();  // of a run that has not been started
    Frame(const Frame&);
    Frame(Frame&&) noexcept;
    Frame& operator=(const Frame&);
    Frame& operator=(Frame&&) noexcept;
    ~Frame();

    // JSON with a format number. Payloads are written out, whether history holds them or not, so that load()
    // needs no database; but where `run_input` is given (RunContext::input), what is the run's input itself
    // is left out, and load() must be given it again.
    json::Value save(const json::Value* run_input = nullptr) const;
    // Fails with a reason when the JSON is not a frame that this version knows.
    static Result<Frame, std::string> load(const json::Value& saved, const json::Value* run_input = nullptr);

    // The place where a failure of the run as a whole came up, in front of its cause: the visit of the top
    // level. Empty for a run that has not been started.
    std::string place() const;

    FrameData& data() noexcept { return *data_; }
    const FrameData& data() const noexcept { return *data_; }

  private:
    std::unique_ptr<FrameData> data_;
};

// Advances `frame` by one event. Never throws for anything that flow, input or answer can cause. Where the caller
// wants it back early, it holds an InterruptScope (core/interrupt.hpp) and looks at Step::interrupted.
Step advance(const asl::Flow& flow, const RunContext& run, const Limits& limits, Frame& frame,
             const Event& event, const Now& now);

}  // namespace flowctl::machine
