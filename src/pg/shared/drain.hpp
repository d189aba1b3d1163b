// Draining: a flag for the whole server that says that nothing new may begin, so that a restart repeats no
// call.
//
// A worker looks at the flag at the beginning of each turn and publishes, with its figures, which drain it
// has seen. Only then does the number of its calls say something: before, it may just have been about to
// begin one. The flag is in shared memory, so it ends with the server, and also with a crash that makes the
// server start its processes again. flowctl.run = off keeps a server in the same state, as a setting.
#pragma once

#include <cstdint>

namespace flowctl::pg::drain {

void request_at_load();

// The number of the drain that is on, from 1; 0: none is on, or there is no shared memory.
std::uint32_t current() noexcept;

// Begins a drain, or goes on with the one that is on, and wakes every worker. Returns its number.
std::uint32_t begin() noexcept;
// False: none was on.
bool end() noexcept;

// True: nothing new may begin, because a drain is on or flowctl.run is off.
bool is_closed() noexcept;

}  // namespace flowctl::pg::drain
