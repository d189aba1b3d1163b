// The map runs that a worker carries: what each still has to do, and which of its children are under way.
//
// A map run is in memory from the commit of its parent's turn until nothing is left to do for it, parked
// children or not: a few hundred bytes, its plan, and 16 bytes for each child under way, of which there are
// at most its MaxConcurrency. What waits is in the table. Memory follows the table: every change here comes
// after the commit of what it says, so that a failed transaction needs no undoing. No SQL runs here.
//
// Words:
//   queued:   a child whose row is there and that has not been given to a turn
//   given:    it has been; it counts against the concurrency from then on
//   begun:    a turn that began it has committed
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/items/items.hpp"
#include "core/map_run/batcher.hpp"
#include "core/map_run/results.hpp"
#include "core/map_run/tally.hpp"
#include "pg/engine/live_runs.hpp"
#include "pg/map_runs/helper.hpp"
#include "pg/store/map_runs.hpp"
#include "pg/tasks/http_task.hpp"

namespace flowctl::pg {

// How far a writer over HTTP has come; stored with each file.
struct ResultFiles {
    int kind = 0;           // which results: an index into the kinds of files that the writer has
    int number = 0;         // of the next file of this kind
    std::int64_t next = 0;  // the child that it begins with
    std::vector<map_run::ResultFile> done;

    std::string save() const;
    static ResultFiles load(const std::optional<std::string>& saved);
};

struct MapRun {
    Uuid id{};
    Uuid parent{};
    std::int64_t call_id = 0;
    std::string type;  // of the children
    store::MapPhase phase = store::MapPhase::Reading;
    std::string status = "RUNNING";
    std::optional<std::string> error, cause;
    machine::MapRunPlan plan;
    std::shared_ptr<const CompiledVersion> whole;     // the parent's flow; null `flow`: it cannot be compiled
    std::shared_ptr<const CompiledVersion> children;  // what the children run
    std::unique_ptr<map_run::Tally> tally;            // of the children that end
    bool awaited = true;                              // by its parent

    // READING
    std::unique_ptr<map_run::Batcher> batcher;  // of the items that the worker has itself
    std::string listing;                        // the pages of a bucket's list, until the last has come
    std::optional<std::string> listing_token;   // of the next page
    std::optional<std::string> source;          // a document, where the items are in one
    std::unique_ptr<items::Parser> parser;      // of `source`
    std::size_t parsed_to = 0;
    std::int64_t to_skip = 0;                         // items of which there are children already
    std::int64_t items = 0, written = 0;              // in the table: items, and the children made of them
    std::int32_t attempts = 0;                        // of helpers that left nothing, of this worker's
    std::int32_t starts = 0;                          // of helpers, in the table
    int empty_pages = 0;                              // of the list
    std::uint64_t request = 0;                        // the HTTP call under way; 0: none
    http_task::Pending pending;                       // what its answer will need
    std::optional<http_task::DocumentAnswer> answer;  // what came of it
    MapHelper helper;                                 // the process that reads or writes for it
    std::int64_t not_before = 0;                      // when the next may be started; 0: at once

    // RUNNING
    std::int64_t fetched_to = 0;  // children before it are given or in `queued`
    std::int64_t given_to = 0;    // children before it are given
    bool fetched_all = false;
    std::deque<store::ChildId> queued;
    std::unordered_map<Uuid, store::ChildId, UuidHash> under_way;  // given and not ended
    std::set<std::int64_t> unbegun;  // given, and to be begun again if the worker ends now: their indexes

    // CLOSING
    bool queue_closed = false;
    std::deque<Uuid> to_stop;

    // WRITING
    std::unique_ptr<map_run::Results> results;
    std::int64_t collected_to = 0;
    std::size_t collected_bytes = 0;
    std::int64_t results_written = 0;
    ResultFiles files;                         // of a writer over HTTP
    std::vector<store::ChildResult> gathered;  // of the next file
    std::size_t gathered_bytes = 0;
    std::int64_t gathered_to = 0;
    std::int64_t in_file = 0;  // results in the file that is under way, and where the next begins
    std::int64_t file_next = 0;
    std::int64_t file_bytes = 0;
    std::string file_key;
    bool manifest_sent = false;
    bool files_done = false;
    bool results_given_up = false;
    std::int64_t forgotten_to = 0;
    std::optional<machine::MapRunEnded> verdict;  // what the parent is told
    bool told = false;                            // the event is in the engine's queue

    // What was collected for the next file is collected again.
    void forget_gathered() {
        gathered.clear();
        gathered_bytes = 0;
        gathered_to = files.next;
    }
    // A slice has failed: what memory has beyond the table is made again.
    void begin_again() {
        batcher.reset();
        results.reset();
        forget_gathered();
    }
    bool express() const { return type == "EXPRESS"; }
    // No child with a lower index needs to be begun (again) after a crash.
    std::int64_t begun_to() const { return unbegun.empty() ? given_to : *unbegun.begin(); }
    std::size_t most_under_way() const;
};

// What a child that ended with this status adds to the counts.
store::MapDelta delta_of(const ChildOf& child, std::string_view status);

// Of a run that has ended, as its row says it.
machine::Status status_of(std::string_view status);

// A child that has ended, as the results of its map run describe it.
map_run::ChildEnd child_end(const MapRun& run, const store::ChildResult& child);

class MapRuns {
  public:
    MapRun& add(MapRun run);
    MapRun* find(const Uuid& id);
    const MapRun* find(const Uuid& id) const;
    MapRun* find(const Uuid& parent, std::int64_t call_id);
    void remove(const Uuid& id);
    bool empty() const { return runs_.empty(); }
    MapRun* find_request(std::uint64_t request);  // that waits for the answer of this one
    bool has_parent(const Uuid& parent) const;
    std::vector<MapRun*> of_parent(const Uuid& parent);
    std::vector<Uuid> ids() const;

    // The next children to begin, at most `most`; map runs take turns.
    std::vector<Uuid> give(std::size_t most);
    bool has_queued() const;
    // STANDARD children that have been given and have not begun.
    std::size_t waiting_to_begin() const;
    // When a helper that found no room is to be tried again.
    std::optional<std::int64_t> next_attempt() const;
    // Which child a run is that is under way and not in memory.
    std::optional<ChildOf> child(const Uuid& id) const;

    // A child has begun, or has ended; after the commit.
    void child_begun(const ChildOf& child);
    void child_ended(const Uuid& id, const ChildOf& child, std::string_view status);
    // It had ended before it was given.
    void child_gone(const Uuid& id, const Uuid& map_run);

  private:
    static bool may_give(const MapRun& run);
    std::map<Uuid, MapRun> runs_;
    std::set<std::pair<Uuid, Uuid>> by_parent_;  // parent and map run
    Uuid last_served_{};
};

}  // namespace flowctl::pg
