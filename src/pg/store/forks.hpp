// The store of forks: what a new run takes over from another one (flowctl.fork).
//
// Every function runs inside the caller's transaction and raises PgError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

// Where a run begins that was forked from another one.
struct ForkPoint {
    std::string state;
    std::string input;      // of the state, JSON
    std::string variables;  // a JSON object
};
void insert_fork(Spi& spi, const Uuid& run_id, const ForkPoint& point);
std::optional<ForkPoint> find_fork(Spi& spi, const Uuid& run_id);

// The run that is to be forked.
struct ForkedRun {
    Uuid flow_id{};
    std::string flow;         // the present name
    bool has_flow = false;    // it has not been dropped
    bool is_express = false;
    bool is_child = false;    // of a distributed Map
    bool is_redacted = false;
    std::string input;
    std::optional<std::string> event;
};
std::optional<ForkedRun> find_forked(Spi& spi, const Uuid& run_id);

// The last visit of a state at the top level. `input` is absent if it is not kept.
struct Visit {
    std::int32_t event_id = 0;
    std::optional<std::string> input;
};
std::optional<Visit> find_visit(Spi& spi, const Uuid& run_id, const std::string& state);
// The variables that states at the top level have assigned before that event: pairs of name and JSON text, in
// the order of time.
std::vector<std::pair<std::string, std::string>> find_assigned(Spi& spi, const Uuid& run_id,
                                                               std::int32_t before);

// Which version a fork would have: the given one or the newest. The state: at the top level.
struct ForkVersion {
    std::int32_t version = 0;
    bool has_state = false;
    bool runs_as_invoker = false;
};
std::optional<ForkVersion> find_fork_version(Spi& spi, const Uuid& flow_id,
                                             std::optional<std::int32_t> version, const std::string& state);

}  // namespace flowctl::pg::store
