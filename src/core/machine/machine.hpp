// The interpreter of Amazon States Language: a pure function from (flow, frame, event, now) to effects and
// history.
//
// The frame is the whole state of a run. It is a tree, because Parallel and Map run branches inside a state.
// It is stored as JSON, and every later version can load it. Time and randomness come in with `Now`, so equal
// inputs give equal outputs, and unit tests, fuzzing, crash simulation and production run the same code.
// Invariants: nothing in here performs I/O, reads a clock or knows PostgreSQL; and every failure that a
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

// Makes the tokens of tasks that somebody else answers (.waitForTaskToken, activities). A token is a secret, so
// it is not a part of a frame or of the history, which show kTokenMarker instead. It follows from the place of
// its attempt, and the same place always has the same token.
class TaskTokens {
  public:
    TaskTokens() = default;
    TaskTokens(const TaskTokens&) = delete;
    TaskTokens& operator=(const TaskTokens&) = delete;
    virtual ~TaskTokens() = default;
    virtual std::string token(const std::string& place) const = 0;
};
inline constexpr std::string_view kTokenMarker = "<token>";

// The inputs from outside in every call of advance().
struct Now {
    Instant at = 0;
    std::uint64_t seed = 0;  // for jitter, States.UUID, States.MathRandom; a fresh one in every call
};

// The data about the run that the Context Object shows. It stays the same for the whole run, except after a
// redrive.
struct RunContext {
    std::string execution_id;    // see identifiers.hpp
    std::string execution_name;  // the name given at start, else the run id
    std::string role_arn;
    std::string state_machine_id;
    std::string state_machine_name;
    Instant started_at = 0;
    json::Value input;     // Execution.Input: the run's input as given
    json::Value event;     // the CloudEvents envelope of what started the run, or null
    bool express = false;  // an EXPRESS flow, whose Context Object has no RedriveCount
    int redrive_count = 0;
    std::optional<Instant> redriven_at;
    // A Task or distributed Map whose failure nothing retries or catches pauses the run, which fails otherwise.
    bool pauses_when_exhausted = false;
    // Null: the Context Object has no Task.Token, and inputs that were stored keep the marker.
    const TaskTokens* tokens = nullptr;

    // Used only by trials of a single state (trial.hpp): a Context Object that replaces the run's own, and an
    // observer that notes the values of fields.
    std::optional<json::Value> context_object;
    Observed* observed = nullptr;
};

// Settings; the defaults are AWS's quotas.
struct Limits {
    std::size_t max_payload_bytes = 262'144;
    std::int64_t max_history_events = 25'000;
    // How many items of one Map may run at a time, whatever its MaxConcurrency says; 0 = any number.
    std::int64_t max_map_concurrency = 40;
    // Rules for the evaluation of one JSONata expression.
    jsonata::FlowRules queries;
    // What happens to the run when a flag of an InterruptScope is raised. If it is absent, the step is
    // interrupted (Step::interrupted) and can be repeated with more time. If it is given, no more time can be
    // had, and the run fails for this reason.
    std::optional<std::string> out_of_time = std::nullopt;
};

// ---------------------------------------------------------------------------------------------- events

// A state at the top level of the flow, and what it is entered with.
struct BeginAt {
    std::string state;
    json::Value input;
    json::Value variables;  // an object, or null for none
};
struct Started {
    std::optional<BeginAt> from = std::nullopt;  // absent: the flow's first state, with the run's input
};
// The answer of a task attempt. `call` names the attempt (Call::id). The answer of an attempt that nobody
// waits for any more is dropped.
struct TaskSucceeded {
    std::int64_t call = 0;
    json::Value output;
};
struct TaskFailed {
    std::int64_t call = 0;
    std::string error;
    std::string cause;
    // It failed before it was begun, so TaskStartFailed is recorded instead of TaskFailed.
    bool not_started = false;
    std::optional<Instant> retry_not_before = std::nullopt;  // the endpoint's Retry-After
};
// The work of an attempt goes on elsewhere. With `next_at` (.sync) the service must be asked again at that time:
// the call is given again, with `follow`, the data for this question, in Call::follow. Without `next_at` the
// end comes from outside, as TaskSucceeded or TaskFailed: for a token that somebody holds, or for a run that
// this one has started. Then the call is never given again, also not after a reload. The first such answer is
// recorded as TaskSubmitted, except for an activity, which has no such event.
struct TaskContinues {
    std::int64_t call = 0;
    std::optional<Instant> next_at = std::nullopt;
    json::Value follow;  // not null if there is a `next_at`
    json::Value output;  // the output of the answer that says so
};
// A worker has taken the task of an activity. HeartbeatSeconds and TimeoutSeconds count from now on, as on AWS.
struct ActivityStarted {
    std::int64_t call = 0;
    std::optional<std::string> worker = std::nullopt;  // the name that it gives itself
};
// The worker of a waitForTaskToken or activity attempt reports that it is alive, so HeartbeatSeconds begin
// again.
struct Heartbeat {
    std::int64_t call = 0;
    // When the next one must have come; nullopt: in HeartbeatSeconds from now.
    std::optional<Instant> until = std::nullopt;
};
// The map run that this run waits for is over. `map_run` is StartMapRun::id. The end of another map run is
// dropped.
struct MapRunEnded {
    enum class Outcome { Succeeded, Failed, Aborted };
    std::int64_t map_run = 0;
    Outcome outcome = Outcome::Succeeded;
    json::Value output;  // Succeeded: the state's result
    std::string error;   // Failed: States.ExceedToleratedFailureThreshold, States.ItemReaderFailed, ...
    std::string cause;
};
// Time has passed: everything in the frame that is due at Now::at happens.
struct TimerFired {};
// The run must end (flowctl.stop) with the status ABORTED.
struct Stopped {
    std::optional<std::string> error;
    std::optional<std::string> cause;
};
// The engine itself cannot go on with this run, for example because the flow version is gone or a frame
// cannot be stored. The run gets the status FAILED.
struct EngineFailed {
    std::string error;
    std::string cause;
    bool timed_out = false;  // the run waited too long for its beginning: the status is TIMED_OUT
};
// The run has ended without success and goes on with everything that has failed or was cut short. What had
// ended well stays. RunContext already has the new redrive_count and redriven_at.
// Dropped if the run is not redrivable (is_redrivable).
struct Redriven {};
// From now on the run begins nothing: it enters no state and makes no call. Calls under way are finished, and
// timers go on. May also come before Started. Dropped if the run is paused already.
struct Paused {};
// The run begins again what it begins by itself. A state that had paused the run begins its work again, with
// all its retries.
struct Unpaused {};
// The frame was loaded from storage. The effects of everything under way are given again, without history.
struct Resumed {};

using Event = std::variant<Started, TaskSucceeded, TaskFailed, TaskContinues, ActivityStarted, Heartbeat,
                           MapRunEnded, TimerFired, Stopped, EngineFailed, Redriven, Paused, Unpaused, Resumed>;

// ---------------------------------------------------------------------------------------------- effects

// Do the work of a Task attempt, and answer with TaskSucceeded or TaskFailed.
struct Call {
    std::int64_t id = 0;  // unique in the run and increasing; the event id of its TaskScheduled
    asl::Resource resource;
    // The effective input: after InputPath and Parameters. It may hold the task's token, so it must not be
    // stored as it is.
    json::Value input;
    std::string state;
    // Branch and item, "" at the top: "/<state>/<branch>" for a Parallel, "/<state>/<item>" for a Map.
    std::string path;
    int visit = 0;                    // how often this path has entered this state, from 1
    int attempt = 0;                  // from 1, counted over the retries of this visit
    std::optional<Instant> deadline;  // the time at which the machine stops waiting
    std::int64_t timeout_seconds = 0;    // 0: none
    std::int64_t heartbeat_seconds = 0;  // 0: no heartbeat is wanted
    // With .waitForTaskToken and for activities: what the token of this attempt is made of, 32 hexadecimal
    // digits. No two attempts of a run have the same place. Otherwise empty.
    std::string place;
    json::Value credentials;          // the value of the field Credentials, or null
    json::Value follow;  // null to begin the work; otherwise from TaskContinues: ask about the work
};
// Nobody waits for this attempt any more: end it and ignore its answer.
struct CancelCall {
    std::int64_t id = 0;
    std::string place{};  // as in Call
    bool silent = false;  // because no heartbeat has come in time
};
// Begin a map run, and answer with MapRunEnded when it is over. The map run must be stored together with this
// step, because this effect is given only once; after Resumed the effect is AwaitMapRun.
struct StartMapRun {
    std::int64_t id = 0;  // unique in the run and increasing; the event id of its MapRunStarted
    MapRunPlan plan;
};
// The run still waits for this map run, which has been stored. If the map run is over, answer with
// MapRunEnded (again).
struct AwaitMapRun {
    std::int64_t id = 0;
};
// Nobody waits for this map run any more: stop its children, begin no others, and ignore its end.
struct CancelMapRun {
    std::int64_t id = 0;
};
// The run goes on to wait for this map run, which has ended without success: begin its children again that have
// failed or were stopped, and those that have never begun, and answer with MapRunEnded when it is over. After
// Resumed the effect is AwaitMapRun.
struct RedriveMapRun {
    std::int64_t id = 0;  // StartMapRun::id
};
using Effect = std::variant<Call, CancelCall, StartMapRun, AwaitMapRun, CancelMapRun, RedriveMapRun>;

// ---------------------------------------------------------------------------------------------- history

// One event of AWS's execution history. Each payload is given once: if an earlier event holds the very same
// payload, `payload_ref` is the id of that event (0: the run's input) and `payload` is empty.
struct HistoryEvent {
    std::int64_t id = 0;
    std::int64_t previous_id = 0;
    Instant at = 0;
    std::string_view type;  // AWS's event type, a literal
    json::Value details;    // the content of AWS's ...EventDetails without the payload; null if there is none
    // The member of details that the payload is: "input", "output" or "parameters".
    const char* payload_key = nullptr;
    std::optional<json::Value> payload;
    std::optional<std::int64_t> payload_ref;
    // The place of the event, for the view `steps`. Empty for events of the run as a whole.
    std::string path;
    std::string state;
    int visit = 0;
    int attempt = 0;
};

struct Outcome {
    Status status = Status::Running;
    // With Status::Succeeded: the output, and the id of the event that already holds it (0: the run's input).
    std::optional<json::Value> output;
    std::optional<std::int64_t> output_ref;
    // With Failed and Aborted: error and cause as AWS reports them. Either may be absent.
    std::optional<std::string> error;
    std::optional<std::string> cause;
};

struct Step {
    std::vector<HistoryEvent> history;
    std::vector<Effect> effects;
    Outcome outcome;
    // While the run is open: when TimerFired must come next, if at all, what the run is doing, and its state.
    std::optional<Instant> next_due;
    Phase phase = Phase::Running;
    std::string current_state;  // at the top level
    // With RunContext::pauses_when_exhausted: the failure for which this step has paused the run.
    struct Exhausted {
        std::string path;
        std::string state;
        std::string error;
        std::string cause;
    };
    std::optional<Exhausted> exhausted;
    bool accepted = true;       // false if the event was stale and nothing has changed
    // A flag of an InterruptScope was raised while Limits::out_of_time was absent. Then the rest of the step
    // has no meaning, and the frame is undefined. The caller returns to the frame from before the call. It
    // may give the same event, time and seed again with more time; the outcome is the one that this call
    // would have had.
    bool interrupted = false;
};

// ---------------------------------------------------------------------------------------------- frame

struct FrameData;

// The greatest depth of a saved frame's JSON, which is more than that of any payload in it. A parser of saved
// frames must allow this depth.
inline constexpr std::size_t kMaxPayloadDepth = 1'000;
inline constexpr std::size_t kMaxFrameDepth = kMaxPayloadDepth + 2'000;

// The state of a run. A Frame is a value: a copy is independent (payloads are shared), so a caller can
// advance a copy and keep it only when its transaction has committed. After advance() a frame points into the
// Flow that it was advanced with. It must go on with that very Flow, or be copied, or be saved and loaded.
class Frame {
  public:
    Frame();  // the frame of a run that has not been started
    Frame(const Frame&);
    Frame(Frame&&) noexcept;
    Frame& operator=(const Frame&);
    Frame& operator=(Frame&&) noexcept;
    ~Frame();

    // JSON with a format number. All payloads are written out, also those that the history holds, so that
    // load() needs no database. Only if `run_input` (RunContext::input) is given, the run's input is left
    // out, and load() must be given it again.
    json::Value save(const json::Value* run_input = nullptr) const;
    // Fails with a reason when the JSON is not a frame that this version knows.
    static Result<Frame, std::string> load(const json::Value& saved, const json::Value* run_input = nullptr);

    // The place to name in front of the cause when the run as a whole fails: the visit at the top level.
    // Empty for a run that has not been started.
    std::string place() const;

    FrameData& data() noexcept { return *data_; }
    const FrameData& data() const noexcept { return *data_; }

  private:
    std::unique_ptr<FrameData> data_;
};

// Whether Redriven is more than dropped: the run has ended without success, it is not EXPRESS, and its history
// has room. What else may be in the way of a redrive, such as the age of the run, the machine does not know.
bool is_redrivable(const RunContext& run, const Limits& limits, const Frame& frame);

// Advances `frame` by one event. It never throws for anything that flow, input or answer can cause. A caller
// that wants to bound the time of a call holds an InterruptScope (core/interrupt.hpp) and checks
// Step::interrupted.
Step advance(const asl::Flow& flow, const RunContext& run, const Limits& limits, Frame& frame,
             const Event& event, const Now& now);

}  // namespace flowctl::machine
