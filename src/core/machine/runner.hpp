// Runner: one call of advance(), carried out on a frame.
//
// Its functions stand in several files: advance.cpp (events, time, and the end of the run), work.cpp (visits
// of states), work_query.cpp (JSONata), task.cpp (attempts), fork.cpp (branches), map.cpp (items),
// map_run_state.cpp (map runs), redrive.cpp (pauses, and runs that go on after their end), resolve.cpp (a
// loaded frame) and trial.cpp (the visit of a single state). All of them record events through record(), which
// gives ids and remembers payloads, and change phases through move(). A function that gives a branch something
// to do must file the branch in the index afterwards.
#pragma once

#include <algorithm>

#include "core/machine/errors.hpp"
#include "core/machine/evaluate.hpp"
#include "core/machine/frame.hpp"
#include "core/machine/machine.hpp"
#include "core/machine/transitions.hpp"
#include "core/random.hpp"

namespace flowctl::machine {

struct Trial;
struct Tried;

class Runner {
  public:
    Runner(const asl::Flow& flow, const RunContext& run, const Limits& limits, FrameData& frame,
           const Now& now)
        : flow_(flow),
          run_(run),
          limits_(limits),
          frame_(frame),
          now_(now.at),
          random_(now.seed),
          last_event_before_(frame.last_event) {}

    void handle(const Event& event);
    // Ends the run after an exception.
    void crash(const std::string& reason);
    // Visits one state; called instead of handle(). See trial.hpp.
    void try_state(const Trial& trial, Tried& tried);
    // The step for the caller. The runner cannot be used any more.
    Step finish();

  private:
    // Defined in advance.cpp: the run as a whole.
    bool is_stale(const Event& event) const;
    void start(const std::optional<BeginAt>& from);
    void begin_at(const BeginAt& from);
    void stop(const Stopped& event);
    void time_passed();
    void answer(const Event& event);
    void answer(const MapRunEnded& event);
    void resume();
    void record_cut_short();
    void run_on();
    void succeed_run(BranchFrame& branch, Payload output);
    void fail_run(BranchFrame& branch, const std::optional<std::string>& error,
                  const std::optional<std::string>& cause);
    void time_out_run();
    void time_out_run(const std::string& error, const std::string& cause);
    void end_run(Status status);
    BranchFrame* next_runnable();
    BranchFrame* next_due();
    // Whether this call may do another transition.
    bool may_go_on() const;
    void spend(Evaluator& evaluator);
    bool ended() const { return frame_.status != Status::Running; }

    // Defined in redrive.cpp: pauses, and going on after the end.
    void keep_for_redrive();
    void redrive();
    static void revive(BranchFrame& branch);
    void pause();
    void unpause();
    // Whether the failure pauses the run instead of failing it.
    bool pauses(const BranchFrame& branch, const Failure& failure) const;
    static bool would_be_handled(const BranchFrame& branch, const Failure& failure);
    void exhaust(BranchFrame& branch, const Failure& failure);

    // Defined in resolve.cpp.
    bool resolve();
    std::string unfit() const;
    bool resolve(BranchFrame& branch, const asl::Block& block, BranchFrame* parent);

    // Defined in work.cpp: visits of states.
    void enter(BranchFrame& branch);
    void work(BranchFrame& branch);
    void work_as(asl::StateType type, BranchFrame& branch, Evaluator& evaluator);
    void work_pass(BranchFrame& branch, Evaluator& evaluator);
    void work_task(BranchFrame& branch, Evaluator& evaluator);
    // The input for the work of a Task or Parallel.
    static Evaluated<json::Value> work_input(const BranchFrame& branch, Evaluator& evaluator,
                                             const json::Value& selected);
    void work_choice(BranchFrame& branch, Evaluator& evaluator);
    void work_wait(BranchFrame& branch, Evaluator& evaluator);
    void work_succeed(BranchFrame& branch, Evaluator& evaluator);
    void work_fail(BranchFrame& branch, Evaluator& evaluator);
    static Failure no_choice(const Evaluator& evaluator);
    Evaluated<Instant> due_of_wait(const BranchFrame& branch, Evaluator& evaluator) const;
    void wake(BranchFrame& branch);
    // The work of a Pass or a task gave `result`. Applies the pipeline from ResultSelector to OutputPath.
    void complete(BranchFrame& branch, Evaluator& evaluator, const json::Value& result,
                  const std::optional<Payload>& known);
    // The state passes `effective` on through OutputPath.
    void pass_on(BranchFrame& branch, Evaluator& evaluator, const json::Value& effective,
                 const std::optional<path::Template>& assign, asl::StateIndex next);
    void leave(BranchFrame& branch, Payload output, const json::Value& assigned, asl::StateIndex next);
    void fail_state(BranchFrame& branch, const Failure& failure,
                    std::optional<Instant> not_before = std::nullopt);
    bool catch_failure(BranchFrame& branch, const Failure& failure);
    // An error while catching is a failure that nothing catches; it is returned.
    std::optional<Failure> catch_by(BranchFrame& branch, Evaluator& evaluator, const asl::Catcher& catcher,
                                    const json::Value& error_output);
    // The failure of a payload that is too large or too deep to be kept.
    std::optional<Failure> unkeepable(const BranchFrame& branch, const json::Value& output) const;
    // The value as a payload: the visit's input, `known`, or a new one.
    Evaluated<Payload> payload_of(const BranchFrame& branch, json::Value value,
                                  const std::optional<Payload>& known = std::nullopt) const;
    Evaluator evaluator_of(const BranchFrame& branch, const MapItem* item = nullptr) {
        return Evaluator(run_, limits_, now_, branch, random_, item);
    }

    // Defined in work_query.cpp: visits of JSONata states.
    void query_choice(BranchFrame& branch, Evaluator& evaluator);
    Evaluated<Instant> query_due(const BranchFrame& branch, Evaluator& evaluator) const;
    void query_fail(BranchFrame& branch, Evaluator& evaluator);
    std::optional<Failure> query_catch(BranchFrame& branch, Evaluator& evaluator, std::size_t index,
                                       const json::Value& error_output);
    // Assigns and leaves the state with the value of the exit's Output, or with `by_default` if it has none.
    // `place` is where the exit stands in its state: "", "Choices[0]/", "Catch[1]/".
    std::optional<Failure> exit_by(BranchFrame& branch, Evaluator& evaluator, const asl::Exit& exit,
                                   const std::string& place, json::Value by_default, asl::StateIndex next,
                                   const std::optional<Payload>& known = std::nullopt);
    // The same for the state's own exit.
    void exit_state(BranchFrame& branch, Evaluator& evaluator, json::Value by_default, asl::StateIndex next,
                    const std::optional<Payload>& known = std::nullopt);
    void record_query_failure(BranchFrame& branch, const Failure& failure);

    // Defined in fork.cpp: branches of a Parallel, items of a Map.
    void work_parallel(BranchFrame& branch, Evaluator& evaluator);
    void begin_fork(BranchFrame& branch, Fork fork);
    void begin_next(BranchFrame& parent);
    void end_branch(BranchFrame& child, json::Value output);
    void join(BranchFrame& parent);
    // The branch has failed, and with it its Parallel or Map, or the run.
    void fail_branch(BranchFrame& branch, const Failure& failure);
    void fail_fork(BranchFrame& parent, const Failure& failure);
    void fail_fork_state(BranchFrame& branch, Failure failure);
    // Ends all running branches below, and records it after the event `previous`.
    void abort_children(BranchFrame& parent, std::int64_t previous);
    void stop_branch(BranchFrame& branch);
    void retire(BranchFrame& child);
    void bury_fork(BranchFrame& parent);
    static void remember_visits(const BranchFrame& child);

    // Defined in map.cpp.
    void work_map(BranchFrame& branch, Evaluator& evaluator);
    // Gives the branch its item and its input.
    std::optional<Failure> take_item(BranchFrame& parent, BranchFrame& child);

    // Defined in map_run_state.cpp: map runs of distributed Maps. `input` is the state's effective input. The
    // plan already holds the values that inline Maps have, too.
    void begin_map_run(BranchFrame& branch, Evaluator& evaluator, const json::Value& input, MapRunPlan plan);
    void map_run_ended(BranchFrame& branch, const MapRunEnded& event);
    void map_run_failed(BranchFrame& branch, Failure failure);
    void cancel_map_run(BranchFrame& branch);
    void redrive_map_run(BranchFrame& branch);

    // Defined in task.cpp: attempts.
    Call call_of(const BranchFrame& branch) const;
    std::string attempt_place(const BranchFrame& branch) const;
    std::string token_of(const BranchFrame& branch) const;
    json::Value without_token(const BranchFrame& branch, const json::Value& answer) const;
    static json::Value without_token(const json::Value& answer, std::string_view token);
    void record_started(BranchFrame& branch);
    void record_task_failure(BranchFrame& branch, const Failure& failure, bool not_started);
    void task_succeeded(BranchFrame& branch, const json::Value& answer);
    void task_failed(BranchFrame& branch, const TaskFailed& event);
    void task_continues(BranchFrame& branch, const TaskContinues& event);
    void activity_started(BranchFrame& branch, const ActivityStarted& event);
    void task_timed_out(BranchFrame& branch, std::string_view error);
    // The attempt's deadline or its heartbeat's has come, or the time to ask about its work.
    void call_due(BranchFrame& branch);
    void cancel(BranchFrame& branch, bool silent = false);
    // Takes back an effect that was made in this very step. False if there is none with this id.
    template <class Made>
    bool withdraw(std::int64_t id) {
        const auto found =
            std::find_if(step_.effects.begin(), step_.effects.end(), [id](const Effect& effect) {
                const auto* made = std::get_if<Made>(&effect);
                return made != nullptr && made->id == id;
            });
        if (found == step_.effects.end()) return false;
        step_.effects.erase(found);
        return true;
    }

    // Defined in trial.cpp.
    void answer_fork(const Trial& trial, Tried& tried);
    void answer_map_run(const Trial& trial, Tried& tried);

    // Defined in record.cpp. Adds an event of `branch` to the history and returns its id, or 0 when the
    // history is full. `payload` gets the id of the event that holds it.
    std::int64_t record(BranchFrame& branch, std::string_view type, json::Value details,
                        const char* payload_key = nullptr, Payload* payload = nullptr,
                        std::optional<Instant> at = std::nullopt);
    // The same for a side event: it follows `previous`, and the branch's next event does not follow it.
    std::int64_t record_aside(BranchFrame& branch, std::int64_t previous, std::string_view type,
                              json::Value details);
    void record_end(std::int64_t previous, std::string_view type, json::Value details,
                    Payload* payload = nullptr);
    HistoryEvent& append(std::int64_t previous, std::string_view type, json::Value details,
                         const char* payload_key, Payload* payload, Instant at);

    const asl::Flow& flow_;
    const RunContext& run_;
    const Limits& limits_;
    FrameData& frame_;
    const Instant now_;
    Random random_;
    const std::int64_t last_event_before_;  // when this call began; calls with later ids were made in it
    Step step_;
    BranchFrame* current_ = nullptr;  // the branch whose state is worked on, for crash()
    bool history_full_ = false;
    // The use of this call so far, which is bounded.
    std::uint64_t steps_ = 0;
    std::size_t bytes_ = 0;
    // Branches that are over, kept until this call ends.
    std::vector<std::map<std::size_t, BranchFrame>::node_type> dead_branches_;
    std::vector<ForkPointer> dead_forks_;
};

// Whether the state is a Map whose items a map run works on.
bool is_distributed(const asl::State& state);
// The block that a branch of a Parallel or an item of a Map runs.
const asl::Block& block_of(const asl::State& state, std::size_t index);

}  // namespace flowctl::machine
