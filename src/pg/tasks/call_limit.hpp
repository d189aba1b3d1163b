// How many calls a worker has under way at once, and how much their answers may take.
//
// An open connection is a descriptor. A worker that took all of them would fail calls that it could make
// later, and the server could not open its own files in it. So a part of the limit stays free for tables, WAL
// and name resolution.
#pragma once

#include <cstddef>

namespace flowctl::pg {

// Raises the process's limit as far as the system lets it. Before the first call_limit().
void raise_descriptor_limit() noexcept;

std::size_t call_limit() noexcept;               // at least 1; follows SIGHUP
std::size_t call_limit_per_endpoint() noexcept;  // at least 1, at most call_limit()
std::size_t answer_memory() noexcept;            // bytes that the answers of all calls under way may have

}  // namespace flowctl::pg
