// From a stored row to a live run.
#pragma once

#include <memory>
#include <string>

#include "pg/engine/state.hpp"
#include "pg/store/runs.hpp"

namespace flowctl::pg {

// What a JSON value takes of memory for each byte of its text, roughly.
constexpr std::size_t kValueBytes = 4;

// In a transaction. A run that cannot be carried on comes back with the reason in `problem`, and is to be
// ended. Null: its version is being compiled.
std::unique_ptr<LiveRun> make_live(Spi& spi, State& state, const store::StoredRun& row, std::string& problem);

// "arn:flowctl:<database>:", with which the ARNs of this database begin.
const std::string& arn_prefix();

}  // namespace flowctl::pg
