// The frame taken apart: what a run consists of between two calls of advance().
//
// A run is a tree of branches. A branch walks through the states of one block of the flow (the flow's top
// level, a branch of a Parallel, one item of a Map) and is in one state at a time; this is its visit. A visit
// that runs other branches owns them in its Fork. A running branch is kept as a frame, a finished one as its
// output, and the branches that have not begun are only counted. So a Map over many items needs memory for
// the running items only. Everything in here is saved and loaded, except for members that follow from the
// flow and the tree (the State of a name, parents, the index); resolve.cpp makes them again after a load or a
// copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/asl/model.hpp"
#include "core/json.hpp"
#include "core/machine/index.hpp"
#include "core/machine/machine.hpp"
#include "core/machine/outputs.hpp"
#include "core/machine/task_token.hpp"
#include "core/path/path.hpp"

namespace flowctl::machine {

// A value, and the id of the history event that already holds it: 0 means the run's input, kNoEvent no event.
inline constexpr std::int64_t kNoEvent = -1;
struct Payload {
    json::Value value;
    std::int64_t event = kNoEvent;
};

// The phase of a visit. Only move() in transitions.hpp changes it.
enum class VisitPhase : std::uint8_t {
    Entering,  // the state is chosen and not yet entered; then Working
    Working,   // its work is to begin now, first or again; then Calling, Sleeping, Forked, Retrying, Entering
               // (next state) or Ended
    Calling,   // an attempt of a task is out; then Retrying, Entering or Ended
    Sleeping,  // a Wait waits until `due`; then Entering or Ended
    Retrying,  // the next attempt is to begin at `due`; then Working
    Forked,    // the branches of a Parallel or the items of a Map run; then Retrying, Entering or Ended
    MapRunning,  // the map run of a distributed Map is under way; then Retrying, Entering or Ended
    Exhausted,   // nothing retries or catches its failure, and the run is paused; then Working, MapRunning or
                 // Ended
    Ended,       // the branch is over; only after a redrive of the run it is Entering, Working, Forked or
                 // MapRunning again
};

// An attempt whose answer is waited for.
struct PendingCall {
    std::int64_t id = 0;
    Instant began_at = 0;
    Payload input;  // with kTokenMarker in place of the token
    Markers markers;
    json::Value credentials;
    std::optional<Instant> deadline;
    std::optional<Instant> heartbeat_due;
    std::int64_t heartbeat_seconds = 0;
    std::int64_t timeout_seconds = 0;  // of an activity that no worker has taken yet
    bool taken = false;                // by a worker, which ActivityStarted has recorded
    // The end comes from outside (TaskContinues without next_at), so the call is not given again.
    bool outside = false;
    bool submitted = false;  // its work goes on elsewhere; recorded as TaskSubmitted, except for an activity
    // For work that goes on elsewhere (TaskContinues): the data for the next question about it, and its time.
    // There is no time while an answer is waited for.
    json::Value follow;
    std::optional<Instant> follow_due;

    // Whether its performer is at work, so that the call has to be given again after a load.
    bool is_out() const noexcept { return !outside && !follow_due; }
    // HeartbeatSeconds begin, first or again.
    void beat(Instant now) noexcept {
        if (heartbeat_seconds > 0) heartbeat_due = now + heartbeat_seconds * 1'000'000;
    }
};

// A map run that a visit of a distributed Map has begun. It is kept until the state is left, because a redrive
// goes on with the same map run.
struct BegunMapRun {
    std::int64_t id = 0;     // the event id of its MapRunStarted
    std::int64_t after = 0;  // the event before that one
    std::string arn;
    std::int64_t redrives = 0;
};

struct Fork;

// A pointer that owns a Fork or nothing. Copying it copies the Fork.
class ForkPointer {
  public:
    ForkPointer() noexcept = default;
    explicit ForkPointer(Fork fork);
    ForkPointer(const ForkPointer& other);
    ForkPointer(ForkPointer&& other) noexcept;
    ForkPointer& operator=(const ForkPointer& other);
    ForkPointer& operator=(ForkPointer&& other) noexcept;
    ~ForkPointer();

    explicit operator bool() const noexcept { return fork_ != nullptr; }
    Fork& operator*() const noexcept { return *fork_; }
    Fork* operator->() const noexcept { return fork_.get(); }

  private:
    std::unique_ptr<Fork> fork_;
};

// The item of a Map that a branch works on, as `$$.Map.Item` shows it.
struct MapItem {
    std::size_t index = 0;
    std::optional<std::string> key;  // the name of the member, if the Map goes over an object
    json::Value value;
    std::optional<std::string> source;  // where the item comes from, if not from the state's data
};

struct BranchFrame {
    std::string path;   // "" at the top; see Call::path
    std::string state;  // the name of the state that is visited
    VisitPhase phase = VisitPhase::Entering;
    Payload input;                   // the input of the visit, before InputPath
    std::int64_t last_event = 0;     // the previousEventId of the branch's next event
    std::int64_t entered_event = 0;  // the event that entered the state
    std::int64_t entered_after = 0;  // the last event before the state was entered
    Instant entered_at = 0;
    int visit = 0;                                   // which visit of the state this is, from 1
    int attempt = 0;                                 // the number of the attempt within this visit, from 1
    std::vector<std::int64_t> retries;               // retries used up, for each retrier of the state
    std::optional<Instant> due;                      // Sleeping, Retrying
    std::optional<PendingCall> call;                 // Calling
    std::map<std::string, int, std::less<>> visits;  // how often each state has been entered
    path::Variables variables;            // the branch's own variables and those of the branches around it
    std::optional<MapItem> item;          // for a branch that a Map began
    ForkPointer fork;                     // Forked, and afterwards if the branch has ended without success
    std::optional<std::int64_t> map_run;  // MapRunning: the event id of its MapRunStarted
    std::shared_ptr<const BegunMapRun> begun_map_run;
    int attempts_before = 0;  // those before the latest redrive, which RetryCount does not count
    bool unentered = false;   // Ended: it was Entering

    // The following members are derived; see resolve.cpp.
    const asl::State* definition = nullptr;  // the state that `state` names
    const asl::Block* block = nullptr;       // the block that the state is in
    BranchFrame* parent = nullptr;           // nullptr at the top
    std::size_t index = 0;                   // which branch or item of the parent it is
    std::int64_t level = 0;                  // how many parents are above it
    Filed filed;                             // where it stands in the index
};

// The branches of a visit of a Parallel or Map. They are numbered from 0 to length-1 and begin in this order.
struct Fork {
    std::size_t length = 0;
    std::size_t begun = 0;
    std::size_t most = 0;  // how many may run at a time; 0: any number
    Payload input;         // for a Parallel: the input of its branches, kept until all have begun
    // For a Map in JSONata: its items, either an array (from the item `items_from` on) or an object, kept
    // until all have begun. Null in JSONPath, where the items are read again from the data of the state.
    json::Value items;
    std::size_t items_from = 0;
    bool keeps_outputs = true;
    Outputs outputs;
    std::map<std::size_t, BranchFrame> children;  // the branches that run now, or have ended without success

    // False after an exception in the middle of a transition, if that has made the numbers wrong.
    bool is_whole() const noexcept {
        const bool all_known = !keeps_outputs || outputs.count() + children.size() == begun;
        return all_known && (begun < length || !children.empty());
    }
    bool may_begin() const noexcept { return begun < length && (most == 0 || children.size() < most); }
};

// Whether the branch's current state is written in JSONata.
inline bool is_jsonata(const BranchFrame& branch) {
    return branch.definition->language == asl::QueryLanguage::Jsonata;
}
// Whether the branch has something to do now.
bool is_runnable(const BranchFrame& branch);
// The time at which the branch needs TimerFired, if it does.
std::optional<Instant> due_of(const BranchFrame& branch);

struct FrameData {
    bool started = false;
    Status status = Status::Running;
    std::int64_t last_event = 0;      // the highest event id given out
    std::optional<Instant> deadline;  // the flow's TimeoutSeconds
    bool paused = false;              // nothing new begins
    BranchFrame top;

    BranchIndex index;  // derived
};

// Visits a branch and the branches below it, parents first.
template <class Branch, class Visit>
void for_each_branch(Branch& branch, const Visit& visit) {
    visit(branch);
    if (!branch.fork) return;
    for (auto& [index, child] : branch.fork->children)
        for_each_branch(child, visit);
}

}  // namespace flowctl::machine
