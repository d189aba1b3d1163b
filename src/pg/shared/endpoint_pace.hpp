// How many calls of an endpoint the workers of a database have under way, and when it may be called again.
//
// An endpoint's options max_concurrency and rate count for all workers of its database, and a Retry-After of
// one answer holds for all of them. Each worker asks here before it begins a call, and says when it has begun
// and ended. The counts are kept by worker, so those of one that has died go with its slot. All of it is in
// shared memory: after a restart of the server nothing is under way, and rates begin anew.
//
// Two workers that ask at the same moment may both be told of the same room. So an endpoint may have one call
// more under way than its limit for each further worker, for as long as these calls take.
//
// The calls of an owner with a quota are counted in the same way (turn/lane.hpp, name_of_owner).
//
// There is room for 1,024 endpoints. One more has no limits over several workers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/gates/endpoint_limits.hpp"

namespace flowctl::pg::endpoint_pace {

// The longest pause that an endpoint can ask for.
constexpr std::int64_t kLongestHold = 3'600'000'000;  // us

void request_at_load();  // _PG_init
// The worker begins: nothing of it is under way.
void attach(int slot) noexcept;

// What may begin now, and when more may if it is a matter of time.
EndpointRoom room(std::string_view endpoint, const EndpointLimits& limits, std::int64_t now) noexcept;
void begin(std::string_view endpoint, const EndpointLimits& limits, std::int64_t now) noexcept;
void end(std::string_view endpoint) noexcept;
// How many calls are counted, of all workers.
std::int64_t calls_under_way(std::string_view endpoint) noexcept;
// The endpoint has said that it is not to be called before this moment.
void hold(std::string_view endpoint, std::int64_t until) noexcept;

}  // namespace flowctl::pg::endpoint_pace
