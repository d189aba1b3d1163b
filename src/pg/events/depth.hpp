// How deep an event is: how many events have led to it, each by a run that it started.
//
// A run that an event started has the event's depth in its Context Object, Event.depth. What the run causes is one
// deeper. An event at kMostDepth starts nothing any more, so a rule that starts itself comes to an end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace flowctl::pg::events {

inline constexpr std::int32_t kMostDepth = 8;

// The depth of the events that a run causes; `event`: its Context Object's Event, JSON text.
std::int32_t depth_below(const std::optional<std::string>& event);

}  // namespace flowctl::pg::events
