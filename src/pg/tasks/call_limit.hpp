// How many calls a worker has under way at once, and how much their answers may take.
//
// An open connection is a descriptor. A worker that took all of them would fail calls that it could make
// later, and the server could not open its own files in it. So a part of the limit stays free for tables, WAL
// and name resolution.
#pragma once

#include <cstddef>

namespace flowctl::pg {

struct CallLimits {
    std::size_t calls = 1;               // under way, at least 1
    std::size_t calls_per_endpoint = 1;  // at least 1, at most `calls`
    std::size_t answer_bytes = 0;        // that the answers of all calls under way may have
};

// Raises the process's limit as far as the system lets it. Before the first call_limits().
void raise_descriptor_limit() noexcept;

CallLimits call_limits() noexcept;  // follow SIGHUP

}  // namespace flowctl::pg
