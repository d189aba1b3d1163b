// The store of flows, as starting and running need it. Defining them: define_flow.
//
// Everything runs inside the caller's transaction and raises PgError.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "pg/flow_options/flow_options.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

struct FlowRow {
    Uuid flow_id{};
    std::string name;
    Oid owner = InvalidOid;
    std::string type;
    std::int32_t version = 0;
    VersionOptions version_options;
    std::shared_ptr<const FlowOptions> options;
    std::optional<std::string> alias;  // that led to the version
    bool paused = false;               // flowctl.pause_flow()
    bool awaits_events = false;        // a Task of the version waits for an event
};
// The flow and its version (the newest when none is asked for); nullopt when either is not there.
std::optional<FlowRow> find_flow(Spi& spi, const std::string& name, std::optional<std::int32_t> version);

// The versions that an alias leads to.
struct AliasedFlow {
    FlowRow first;
    std::optional<FlowRow> second;
    std::int32_t second_weight = 0;  // percent of the starts
};
std::optional<AliasedFlow> find_aliased(Spi& spi, const std::string& name, const std::string& alias);

struct VersionRow {
    std::string definition;
    VersionOptions options;
};
std::optional<VersionRow> find_version(Spi& spi, const Uuid& flow_id, std::int32_t version);

// Forgets dropped versions, and those of dropped flows, once no run can need them. drop_flow() and drop_version() do
// not wait for transactions that have started a run and not committed, since each start would have to lock the
// flow's row. So versions stay, in three steps, until
//   1. every snapshot that shows the flow is gone: nobody can start it any more;
//   2. every transaction that was open then is over: each run of it is there for all to see;
//   3. no run of it is open.
// Gives how many were forgotten.
std::int64_t forget_dropped_versions(Spi& spi);

}  // namespace flowctl::pg::store
