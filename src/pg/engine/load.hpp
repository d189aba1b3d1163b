// From a stored row to a live run.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "pg/engine/state.hpp"
#include "pg/store/runs.hpp"

namespace flowctl::pg {

// What the JSON value of this text takes of memory, by estimate: rather more than less.
std::size_t memory_of(std::string_view text);
// The same where only the length of the text is known, for payloads as most are.
constexpr std::size_t kMemoryOfByte = 12;

// In a transaction. A run that cannot be carried on comes back with the reason in `problem`, and is to be
// ended. Null: its version is being compiled.
std::unique_ptr<LiveRun> make_live(Spi& spi, State& state, const store::StoredRun& row, std::string& problem);

}  // namespace flowctl::pg
