// The store of map runs: rows of flowctl_catalog.map_run, and the children of a distributed Map among the
// rows of flowctl_catalog.run.
//
// A child is written once, when its item is read, as an open run without a frame; the worker begins it later.
// So nothing but the table holds the items, and "the next children" are an index scan. The counts of a map
// run change in the transaction that ends the children they count, so they need no mending after a crash. The
// row belongs to the worker that owns the parent's bucket; but for the reader process, which writes children
// and moves the row out of phase READING, nobody else writes it. Every function runs inside the caller's
// transaction and raises PgError.
//
// Called by engine (engine_maps) and map_reader.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

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
    void add(std::string_view status, std::int64_t count);
};

// READING: items become children. RUNNING: children run. CLOSING: it has failed or nobody waits for it any
// more; what is open is aborted. WRITING: all children have ended, their results are collected. None: over.
enum class MapPhase { Reading, Running, Closing, Writing, Over };

struct MapRunRow {
    Uuid map_run_id{};
    Uuid run_id{};
    std::int64_t call_id = 0;
    Uuid flow_id{};
    std::string flow;
    std::int32_t version = 0;
    std::string path, state, label;
    std::string type;    // of the children: STANDARD | EXPRESS
    std::string status;  // RUNNING | SUCCEEDED | FAILED | ABORTED
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
};
void insert_map_run(Spi& spi, const MapRunRow& row);
// Those of a shard that are not over.
std::vector<MapRunRow> find_open_map_runs(Spi& spi, int shard, int shards);
std::optional<MapRunRow> find_map_run(Spi& spi, const Uuid& id);

// What came of READING, as the reader or a slice of the worker leaves it.
struct MapProgress {
    MapPhase phase = MapPhase::Reading;
    std::string status;
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
// It has failed in this phase: what is open of it is aborted; in WRITING nothing is. False: it has left the
// phase, or has failed before.
bool fail_map_run(Spi& spi, const Uuid& id, MapPhase in_phase, const std::string& error,
                  const std::string& cause);
// Nobody waits for it any more: what is open of it is aborted. Nothing happens to one that is over.
void cancel_map_run(Spi& spi, const Uuid& parent, std::int64_t call_id);
// The same for all those of runs that end.
void close_map_runs_of(Spi& spi, const std::vector<Uuid>& parents);
void end_map_run(Spi& spi, const Uuid& id, const std::string& status, std::int64_t at);
void add_results_written(Spi& spi, const Uuid& id, std::int64_t count);
// How far a writer has come, as it says itself.
void set_writer_state(Spi& spi, const Uuid& id, const std::string& state);

struct MapDelta {
    Uuid map_run_id{};
    MapCounts runs, of_items;
    std::int64_t begun = 0;
};
void add_map_counts(Spi& spi, const std::vector<MapDelta>& deltas);

// ---------------------------------------------------------------------------------------------- children

struct NewChild {
    Uuid run_id{};
    std::int64_t index = 0;
    std::int32_t items = 1;
    std::string input;
};
// Rows like that of the parent, whose flow, role and origin they share.
void insert_children(Spi& spi, const Uuid& map_run_id, const Uuid& parent, const std::string& type,
                     const std::vector<NewChild>& children);

struct ChildId {
    Uuid run_id{};
    std::int64_t index = 0;
    std::int32_t items = 1;
};
// What follows looks at a window of children, from one index to before another, so that its work is bounded
// whatever plan the server chooses: rows of a bulk load have no statistics yet.

// Open children that have not begun, in order.
std::vector<ChildId> find_queued_children(Spi& spi, const Uuid& map_run_id, std::int64_t from,
                                          std::int64_t to);
// Open children that have begun: of all map runs, since a frame does not say whose child it is.
struct BegunChild {
    Uuid map_run_id{};
    ChildId child;
};
std::vector<BegunChild> find_begun_children(Spi& spi);
// Ends queued children without letting them begin.
struct AbortedChildren {
    MapCounts runs, of_items;
};
AbortedChildren abort_queued_children(Spi& spi, const Uuid& map_run_id, std::int64_t from, std::int64_t to,
                                      std::int64_t at);

struct ChildResult {
    Uuid run_id{};
    std::int64_t index = 0;
    std::int64_t items = 1;
    std::string status;
    std::string input;
    std::optional<std::string> output, error, cause;
    std::int64_t started_at = 0;
    std::optional<std::int64_t> ended_at;
};
// Ended children of these statuses, or of all, in order, up to so many bytes (but at least one).
struct ChildResults {
    std::vector<ChildResult> children;
    std::int64_t next = 0;  // go on from here
};
ChildResults find_results(Spi& spi, const Uuid& map_run_id, std::int64_t from, std::int64_t to,
                          std::size_t max_bytes, const std::vector<std::string_view>& statuses = {});
// Forgets the payloads of children whose flow does not keep them: of those that have succeeded, or of all.
void forget_children(Spi& spi, const Uuid& map_run_id, std::int64_t from, std::int64_t to,
                     bool succeeded_only);

}  // namespace flowctl::pg::store
