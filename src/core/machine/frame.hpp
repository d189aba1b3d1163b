// The frame taken apart: what a run is, between two calls of advance().
//
// A run is a tree of branches. A branch walks through the states of one block of the flow (the flow's top
// level, a branch of a Parallel, one item of a Map) and is in one state at a time: its visit. A visit that
// runs other branches owns them as `children`. Everything here is saved and loaded; what is derived from the
// flow (which State a name means) is looked up again in each call of advance(). Internal to core/machine.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/asl/model.hpp"
#include "core/json.hpp"
#include "core/machine/machine.hpp"
#include "core/path/path.hpp"

namespace flowctl::machine {

// A value, and the history event that already holds it (0: the run's input; kNoEvent: none does).
inline constexpr std::int64_t kNoEvent = -1;
struct Payload {
    json::Value value;
    std::int64_t event = kNoEvent;
};

// What a visit is doing. Changed by move() in transitions.hpp and nowhere else.
enum class VisitPhase : std::uint8_t {
    Entering,  // the state is chosen and not yet entered; then Working
    Working,   // its work is to begin now, first or again; then Calling, Sleeping, Retrying, Entering (next
               // state) or Ended
    Calling,   // an attempt of a task is out; then Retrying, Entering or Ended
    Sleeping,  // a Wait waits until `due`; then Entering or Ended
    Retrying,  // the next attempt is to begin at `due`; then Working
    Ended,     // the branch is over; nothing follows
};

// An attempt that is out.
struct PendingCall {
    std::int64_t id = 0;
    Instant began_at = 0;
    Payload input;
    json::Value credentials;
    std::optional<Instant> deadline;
    std::optional<Instant> heartbeat_due;
    std::int64_t heartbeat_seconds = 0;
};

struct BranchFrame {
    std::string path;   // "" at the top; see Call::path
    std::string state;  // the name of the state that is visited
    VisitPhase phase = VisitPhase::Entering;
    Payload input;                   // of the visit, raw
    std::int64_t last_event = 0;     // the previousEventId of the branch's next event
    std::int64_t entered_event = 0;  // of this visit
    Instant entered_at = 0;
    int visit = 0;                                   // which visit of the state this is, from 1
    int attempt = 0;                                 // of this visit's work, from 1
    std::vector<std::int64_t> retries;               // used up, for each retrier of the state
    std::optional<Instant> due;                      // Sleeping, Retrying
    std::optional<PendingCall> call;                 // Calling
    std::map<std::string, int, std::less<>> visits;  // how often each state has been entered
    path::Variables variables;
    std::vector<BranchFrame> children;

    const asl::State* definition = nullptr;  // of `state`; valid within one call of advance()
};

struct FrameData {
    bool started = false;
    Status status = Status::Running;
    std::int64_t last_event = 0;      // the highest event id given out
    std::optional<Instant> deadline;  // the flow's TimeoutSeconds
    BranchFrame top;
};

// Visits a branch and those below it, parents first.
template <class Branch, class Visit>
void for_each_branch(Branch& branch, const Visit& visit) {
    visit(branch);
    for (auto& child : branch.children)
        for_each_branch(child, visit);
}

}  // namespace flowctl::machine
