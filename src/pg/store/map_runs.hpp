// The store of map runs: rows of flowctl_catalog.map_run. Their children: map_children.hpp.
//
// The counts of a map run change in the transaction that ends the children they count, so they need no
// mending after a crash. The row belongs to the worker that owns the parent's bucket; but for the reader
// process, which writes children and moves the row out of phase READING, nobody else writes it. Every
// function runs inside the caller's transaction and raises PgError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/machine/status.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

struct MapCounts {
    std::int64_t succeeded = 0, failed = 0, timed_out = 0, aborted = 0;

    std::int64_t ended() const { return succeeded + failed + timed_out + aborted; }
    MapCounts& operator+=(const MapCounts& more) {
        succeeded += more.succeeded;
        failed += more.failed;
        timed_out += more.timed_out;
        aborted += more.aborted;
        return *this;
    }
    // Adds `count` to what counts runs of this status.
    void add(machine::Status status, std::int64_t count);
    MapCounts negated() const { return {-succeeded, -failed, -timed_out, -aborted}; }
};

// What a map run is doing.
//   Reading   items become children
//   Running   children run
//   Closing   the map run has failed, or nobody waits for it any more; its open children are aborted
//   Writing   all children have ended, and their results are collected
//   Over      nothing is left to do (the column is null)
//   Redriving the map run is open again; its children that had not succeeded are made ready to begin again
enum class MapPhase { Reading, Running, Closing, Writing, Redriving, Over };

struct MapRunRow {
    Uuid map_run_id{};
    Uuid run_id{};
    Oid flow_owner = InvalidOid;  // of the run; not part of the row
    std::int64_t call_id = 0;
    Uuid flow_id{};
    std::string flow;
    std::int32_t version = 0;
    std::string path, state, label;
    std::string type;  // of the children: STANDARD | EXPRESS
    machine::Status status = machine::Status::Running;
    MapPhase phase = MapPhase::Reading;
    std::string plan;  // machine::MapRunPlan, JSON
    std::optional<std::string> source;
    std::int64_t max_concurrency = 0;
    std::optional<std::int64_t> tolerated_count;
    std::optional<double> tolerated_percentage;
    std::optional<std::string> error, cause;
    std::int64_t started_at = 0;
    std::int32_t read_attempts = 0;
    std::int64_t items = 0, children = 0, begun = 0;
    MapCounts runs, of_items;
    std::int64_t results_written = 0;
    std::optional<std::string> writer_state;
    bool all_read = false;  // all children have been written
};
void insert_map_run(Spi& spi, const MapRunRow& row);
// The map runs of a shard that are not over.
std::vector<MapRunRow> find_open_map_runs(Spi& spi, int shard, int shards);
std::optional<MapRunRow> find_map_run(Spi& spi, const Uuid& id);

// What came of READING, as the reader or a slice of the worker leaves it.
struct MapProgress {
    MapPhase phase = MapPhase::Reading;
    machine::Status status = machine::Status::Running;
    std::int64_t items = 0, children = 0, results_written = 0;
    std::optional<std::string> error, cause;
};
std::optional<MapProgress> find_map_progress(Spi& spi, const Uuid& id);

void set_map_source(Spi& spi, const Uuid& id, const std::string& source);
// Children and items are there; `done`: all of them, the children may begin. False: it is not READING any
// more.
bool add_map_children(Spi& spi, const Uuid& id, std::int64_t items, std::int64_t children, bool done);
void note_map_helper(Spi& spi, const Uuid& id);  // one more has been started
void set_map_phase(Spi& spi, const Uuid& id, MapPhase phase);
// The map run has failed in this phase, and its open children are to be aborted; in Writing there are none.
// False: it has left the phase, or has failed before.
bool fail_map_run(Spi& spi, const Uuid& id, MapPhase in_phase, const std::string& error,
                  const std::string& cause);
// Nobody waits for the map run any more, and its open children are to be aborted. Nothing happens to one that
// is over.
void cancel_map_run(Spi& spi, const Uuid& parent, std::int64_t call_id);
// The same for all map runs of runs that end.
void close_map_runs_of(Spi& spi, const std::vector<Uuid>& parents);
// `keeps_plan`: it may be redriven.
void end_map_run(Spi& spi, const Uuid& id, machine::Status status, std::int64_t at, bool keeps_plan);
// Opens a map run that has ended, in phase REDRIVING; nullopt: it cannot be redriven.
std::optional<MapRunRow> reopen_map_run(Spi& spi, const Uuid& parent, std::int64_t call_id,
                                        std::int64_t at);
// Which of these runs have a map run that is not over.
std::vector<Uuid> with_open_map_runs(Spi& spi, const std::vector<Uuid>& parents);
void add_results_written(Spi& spi, const Uuid& id, std::int64_t count);
// How far a writer has come, as it says itself.
void set_writer_state(Spi& spi, const Uuid& id, const std::string& state);

struct MapDelta {
    Uuid map_run_id{};
    MapCounts runs, of_items;
    std::int64_t begun = 0;
};
void add_map_counts(Spi& spi, const std::vector<MapDelta>& deltas);

}  // namespace flowctl::pg::store
