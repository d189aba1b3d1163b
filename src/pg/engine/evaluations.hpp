// Evaluations: computations that take so long that they would hold up other runs.
//
// The worker's loop has about 50 ms for the evaluation of one event (evaluation/watch.hpp). When that is not
// enough, the transaction is rolled back and the item comes again. The second time it is set aside: a copy of
// the process (evaluation/forked.hpp) computes the steps, with the time limit flowctl.evaluation_timeout.
// When the outcome is known, the item comes a third time, and the batch takes the steps from the outcome
// instead of computing them. For some time after that, all runs of this version that are in the same state
// are set aside without a first attempt in the loop.
//
// A run passes through these stages:
//
//   Interrupted  The run's items are in the intake, and a batch will set them aside. Next: InLine or Working,
//                or gone if the batch finds nothing to do.
//   InLine       The items are held. Next: Admitted, or gone if the run is stopped.
//   Admitted     There is room for a copy. The items are in the intake, because only a batch can load the
//                run. Next: Working, or gone as above.
//   Working      A copy computes, and the items are held. Next: Ready, InLine if the copy has died, or gone
//                if the run is stopped.
//   Ready        The outcome is known, and the items are in the intake. Next: gone, or Interrupted if the
//                batch has other events than the outcome was computed for.
//
// While a run's items are held, later items of the run are held behind them, so that their order is kept.
// There are few copies, and one owner can have only some of them.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "core/machine/transcript.hpp"
#include "core/sliced.hpp"
#include "pg/engine/intake.hpp"
#include "pg/engine/live_runs.hpp"
#include "pg/evaluation/forked.hpp"
#include "pg/evaluation/suspects.hpp"

namespace flowctl::pg {

// The computed effect of an item on its run.
struct EvaluationOutcome {
    std::vector<machine::Given> given;
    machine::Transcript transcript;  // the steps that `given` leads to, until the run ends
    std::string failure;  // If it is not empty, there is no transcript, and the run fails for this reason.
};

// Whether the two events have the same effect on a run.
bool is_same(const machine::Event& one, const machine::Event& other);

class Evaluations {
  public:
    Evaluations(LiveRuns& live, Intake& intake);
    ~Evaluations();

    // ---- Used by the turn.

    // Looks at the copies. Runs whose outcome is known go back to the intake, and copies for waiting runs
    // begin. While the worker is drained, copies begin only for items that have an event. True when more can
    // be done at once.
    bool collect(bool drained);
    // True when the item is now held in here.
    bool hold(Item& item);
    // The run's evaluation was interrupted at the last of these events, and the item will come again.
    void interrupted(const Item& item, std::vector<machine::Given>&& given);
    std::size_t size() const { return entries_.size(); }
    // How many of the runs counted by size() the drain of the worker waits for.
    std::size_t under_way() const;
    // The descriptor is readable when collect() has something to do.
    int epoll_fd() const { return epoll_; }
    std::optional<machine::Instant> next_at() const;

    // ---- Used by the batch.

    // True when nothing is known of any run, so that every run is evaluated in the loop.
    bool idle() const { return entries_.empty() && slow_.empty() && suspects::none(); }
    bool knows(const Uuid& run) const { return find(run) != nullptr; }
    enum class Advice { Compute, SetAside, TakeOutcome };
    Advice advice(const LiveRun& run) const;
    const EvaluationOutcome& outcome(const Uuid& run) const;
    // Runs of this version are slow in the state in which this run is.
    void note_slow(const LiveRun& run);
    // The events at which the run's evaluation was interrupted the last time. Empty if it was not
    // interrupted.
    const std::vector<machine::Given>& interrupted_at(const Uuid& run) const;

    // ---- Used after the batch's commit.

    // A copy is to compute what these events give the run. The run must be as the tables have it. The copy
    // begins at once if there is room, and later otherwise.
    void begin(const LiveRun& run, std::vector<Item>&& items, std::vector<machine::Given>&& given);
    // The run has advanced or is gone, so everything known of its evaluation is dropped.
    void forget(const Uuid& run);

  private:
    enum class Stage { Interrupted, InLine, Admitted, Working, Ready };
    using Slow = std::tuple<Uuid, std::int32_t, std::string>;  // flow, version and state
    struct Entry {
        Stage stage = Stage::Interrupted;
        Oid owner = InvalidOid;
        bool has_event = false;  // whether its first item has an event
        std::vector<Item> items;
        std::vector<machine::Given> given;
        json::Value input;  // the run's input
        std::string state;  // the state in which the run began
        std::optional<Slow> slow;
        Forked copy;
        std::int64_t ends_at = 0;  // the latest time at which the copy is ended
        EvaluationOutcome outcome;
        // The text of an outcome may be large, so it is read in slices.
        std::string text;
        std::optional<Result<machine::Transcript, std::string>> read;
        std::unique_ptr<Sliced> reading;
        int interrupted = 0;
        int failures = 0;  // how many copies have failed
    };
    Entry* find(const Uuid& run) const;
    Entry& enter(const Uuid& run, Oid owner);
    void move(const Uuid& run, Entry& entry, Stage to);
    bool has_room(Oid owner) const;
    void admit(bool drained);
    bool admit_next(std::deque<Uuid>& line, bool drained);
    bool start(const LiveRun& run, Entry& entry);
    void look(const Uuid& run, Entry& entry);
    void read(const Uuid& run, Entry& entry);
    void failed(const Uuid& run, Entry& entry, const std::string& problem);
    void fail(const Uuid& run, Entry& entry, std::string&& reason);
    void stop(const Uuid& run, Item&& request);
    void remember(const Slow& slow);

    LiveRuns& live_;
    Intake& intake_;
    std::unordered_map<Uuid, std::unique_ptr<Entry>, UuidHash> entries_;
    // Runs in the stage InLine by owner. Runs that have left the stage may still be in here.
    std::map<Oid, std::deque<Uuid>> lines_;
    std::map<Oid, std::size_t> busy_;  // how many runs are Admitted or Working, by owner
    std::size_t busy_in_all_ = 0;
    Oid last_owner_ = InvalidOid;  // the owner of the run that was admitted last
    std::vector<Uuid> working_;
    bool more_ = false;
    std::map<Slow, std::int64_t> slow_;  // until when the runs count as slow
    std::int64_t forget_slow_at_ = 0;
    std::int64_t try_at_ = 0;  // After a process could not be made, none is tried before this time.
    int epoll_ = -1;
};

}  // namespace flowctl::pg
