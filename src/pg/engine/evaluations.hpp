// Evaluations: what runs compute for so long that it would hold up the others.
//
// A run advances in the worker's loop, where it has some 50 ms for an event (evaluation/watch.hpp). When that
// is not enough, the transaction is rolled back, and the item comes again. Then it is set aside: a copy of
// the process computes what the item gives (evaluation/forked.hpp), with a time of its own,
// flowctl.evaluation_timeout. With the outcome the item comes a third time, and the batch that does it takes
// the steps of the outcome in place of computing them. For some time the items of all runs of this version
// that are in this state are set aside at once.
//
// The stages of a run in here:
//
//   Interrupted  its items are in the intake, and a batch will set them aside; then InLine or Working, or
//                gone when the batch has found nothing to do
//   InLine       its items are held; then Admitted, or gone when the run is stopped
//   Admitted     there is room for it, and its items are in the intake, for only a batch can load the run;
//                then Working, or gone as above
//   Working      a copy computes, and the items are held; then Ready, InLine (the copy has died) or gone
//                (stopped)
//   Ready        the outcome is known, and the items are in the intake; then gone, or Interrupted when the
//                batch has come to other events than the outcome is for
//
// While items are held, what else comes for the run is held behind them, so that the order stays. The copies
// are few, and no owner has more than a part of them.
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

// What an item gives its run, computed already.
struct EvaluationOutcome {
    std::vector<machine::Given> given;
    machine::Transcript transcript;  // of the first of them, as many as there are until the run ends
    std::string failure;             // not empty: there is none, and the run fails for this reason
};

// Whether the two are the same to a run that is in the same state.
bool is_same(const machine::Event& one, const machine::Event& other);

class Evaluations {
  public:
    Evaluations(LiveRuns& live, Intake& intake);
    ~Evaluations();

    // ---- For the turn.

    // Looks at the copies. What is ready goes back to the intake, and others begin. While the worker is
    // drained, only those of items with events do. True: there is more to do at once.
    bool collect(bool drained);
    // True: the item is held in here.
    bool hold(Item& item);
    // The run's evaluation has been interrupted at the last of these events, and the item comes again.
    void interrupted(const Item& item, std::vector<machine::Given>&& given);
    std::size_t size() const { return entries_.size(); }
    // Of these, how many the drain of the worker waits for.
    std::size_t under_way() const;
    // Readable when collect() has something to do.
    int epoll_fd() const { return epoll_; }
    std::optional<machine::Instant> next_at() const;

    // ---- For the batch.

    // Every run is to be computed: nothing is known of any.
    bool idle() const { return entries_.empty() && slow_.empty() && suspects::none(); }
    bool knows(const Uuid& run) const { return find(run) != nullptr; }
    enum class Advice { Compute, SetAside, TakeOutcome };
    Advice advice(const LiveRun& run) const;
    const EvaluationOutcome& outcome(const Uuid& run) const;
    // The version's runs take long in the state in which this run is.
    void note_slow(const LiveRun& run);
    // The events at which the run's evaluation was interrupted the last time; empty: it was not.
    const std::vector<machine::Given>& interrupted_at(const Uuid& run) const;

    // ---- After its commit.

    // A copy is to compute what these events give the run, which is as the tables have it. At once, if there
    // is room.
    void begin(const LiveRun& run, std::vector<Item>&& items, std::vector<machine::Given>&& given);
    // The run has been advanced, or is gone.
    void forget(const Uuid& run);

  private:
    enum class Stage { Interrupted, InLine, Admitted, Working, Ready };
    using Slow = std::tuple<Uuid, std::int32_t, std::string>;  // flow, version and state
    struct Entry {
        Stage stage = Stage::Interrupted;
        Oid owner = InvalidOid;
        bool has_event = false;  // of its first item
        std::vector<Item> items;
        std::vector<machine::Given> given;
        json::Value input;  // of the run
        std::string state;  // in which it began
        std::optional<Slow> slow;
        Forked copy;
        std::int64_t ends_at = 0;  // then the copy is ended, whatever it does
        EvaluationOutcome outcome;
        // An outcome may be large, so it is read slice by slice.
        std::string text;
        std::optional<Result<machine::Transcript, std::string>> read;
        std::unique_ptr<Sliced> reading;
        int interrupted = 0;
        int failures = 0;  // of copies
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
    std::map<Oid, std::deque<Uuid>> lines_;  // of the stage InLine, and some that have left it, by owner
    std::map<Oid, std::size_t> busy_;        // Admitted and Working, by owner
    std::size_t busy_in_all_ = 0;
    Oid last_owner_ = InvalidOid;  // who was admitted last
    std::vector<Uuid> working_;
    bool more_ = false;
    std::map<Slow, std::int64_t> slow_;  // until when
    std::int64_t forget_slow_at_ = 0;
    std::int64_t try_at_ = 0;  // no process could be made, so none is tried before
    int epoll_ = -1;
};

}  // namespace flowctl::pg
