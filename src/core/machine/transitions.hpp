// The table of all changes of a visit's phase, {from, event, to}, and the only function that makes them.
#pragma once

#include <array>
#include <stdexcept>

#include "core/machine/frame.hpp"

namespace flowctl::machine {

enum class VisitEvent : std::uint8_t {
    Enter,     // the state is entered
    Dispatch,  // an attempt goes out
    Sleep,     // a Wait begins to wait
    Fork,      // the branches of a Parallel or the items of a Map may begin
    RunMap,    // a map run begins
    Backoff,   // the attempt failed, and a retrier matched
    Exhaust,   // the attempt failed, and the run pauses because of it
    Wake,      // the time for the next attempt has come, or the run goes on after a pause or a redrive
    Leave,     // the state is left for another one, after success or a caught failure
    End,       // the branch is over: it succeeded, failed, was stopped or ran out of time
};

struct Transition {
    VisitPhase from;
    VisitEvent event;
    VisitPhase to;
};

inline constexpr std::array<Transition, 33> kTransitions = {{
    {VisitPhase::Entering, VisitEvent::Enter, VisitPhase::Working},
    {VisitPhase::Entering, VisitEvent::End, VisitPhase::Ended},
    {VisitPhase::Working, VisitEvent::Dispatch, VisitPhase::Calling},
    {VisitPhase::Working, VisitEvent::Sleep, VisitPhase::Sleeping},
    {VisitPhase::Working, VisitEvent::Fork, VisitPhase::Forked},
    {VisitPhase::Working, VisitEvent::RunMap, VisitPhase::MapRunning},
    {VisitPhase::Working, VisitEvent::Backoff, VisitPhase::Retrying},
    {VisitPhase::Working, VisitEvent::Leave, VisitPhase::Entering},
    {VisitPhase::Working, VisitEvent::End, VisitPhase::Ended},
    {VisitPhase::Calling, VisitEvent::Backoff, VisitPhase::Retrying},
    {VisitPhase::Calling, VisitEvent::Leave, VisitPhase::Entering},
    {VisitPhase::Calling, VisitEvent::End, VisitPhase::Ended},
    {VisitPhase::Sleeping, VisitEvent::Leave, VisitPhase::Entering},
    {VisitPhase::Sleeping, VisitEvent::End, VisitPhase::Ended},
    {VisitPhase::Forked, VisitEvent::Backoff, VisitPhase::Retrying},
    {VisitPhase::Forked, VisitEvent::Leave, VisitPhase::Entering},
    {VisitPhase::Forked, VisitEvent::End, VisitPhase::Ended},
    {VisitPhase::MapRunning, VisitEvent::Backoff, VisitPhase::Retrying},
    {VisitPhase::MapRunning, VisitEvent::Leave, VisitPhase::Entering},
    {VisitPhase::MapRunning, VisitEvent::End, VisitPhase::Ended},
    {VisitPhase::Retrying, VisitEvent::Wake, VisitPhase::Working},
    {VisitPhase::Retrying, VisitEvent::End, VisitPhase::Ended},
    {VisitPhase::Working, VisitEvent::Exhaust, VisitPhase::Exhausted},
    {VisitPhase::Calling, VisitEvent::Exhaust, VisitPhase::Exhausted},
    {VisitPhase::MapRunning, VisitEvent::Exhaust, VisitPhase::Exhausted},
    {VisitPhase::Exhausted, VisitEvent::Wake, VisitPhase::Working},
    {VisitPhase::Exhausted, VisitEvent::RunMap, VisitPhase::MapRunning},
    {VisitPhase::Exhausted, VisitEvent::End, VisitPhase::Ended},
    {VisitPhase::Ended, VisitEvent::Leave, VisitPhase::Entering},
    {VisitPhase::Ended, VisitEvent::Wake, VisitPhase::Working},
    {VisitPhase::Ended, VisitEvent::Fork, VisitPhase::Forked},
    {VisitPhase::Ended, VisitEvent::RunMap, VisitPhase::MapRunning},
    {VisitPhase::Ended, VisitEvent::End, VisitPhase::Ended},
}};

inline constexpr std::size_t kPhases = 9;
inline constexpr std::size_t kEvents = 10;
inline constexpr std::uint8_t kNoTransition = 0xff;

// The same table, indexed by phase and event.
inline constexpr auto kNextPhase = [] {
    std::array<std::array<std::uint8_t, kEvents>, kPhases> next{};
    for (auto& row : next)
        row.fill(kNoTransition);
    for (const Transition& t : kTransitions)
        next[static_cast<std::size_t>(t.from)][static_cast<std::size_t>(t.event)] =
            static_cast<std::uint8_t>(t.to);
    return next;
}();

// Moves the visit on. Throws for a transition that is not in the table; this is a bug, and the run fails.
inline void move(BranchFrame& branch, VisitEvent event) {
    const std::uint8_t to =
        kNextPhase[static_cast<std::size_t>(branch.phase)][static_cast<std::size_t>(event)];
    if (to == kNoTransition) throw std::logic_error("a state visit cannot make this transition");
    branch.phase = static_cast<VisitPhase>(to);
}

}  // namespace flowctl::machine
