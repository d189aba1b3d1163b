// The map runs that a worker carries: what each still has to do, and which of its children are under way.
//
// A map run is in memory from the commit of its parent's turn until nothing is left to do for it. It takes a
// few hundred bytes, its plan, and 16 bytes for each child under way, of which there are at most
// MaxConcurrency; children that wait are in the table only. Memory follows the table: it changes after the
// commit of the transaction that says so, and a failed transaction needs no undoing. No SQL runs here.
//
// The states of a child:
//   queued    its row is there, and no turn has been given it
//   given     a turn has it; from now on it counts against the concurrency
//   begun     the turn that began it has committed
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
#include "pg/map_runs/children.hpp"
#include "pg/map_runs/helper.hpp"
#include "pg/store/map_children.hpp"
#include "pg/store/map_runs.hpp"
#include "pg/store/run_id.hpp"
#include "pg/tasks/http_task.hpp"

namespace flowctl::pg {

// How far a writer over HTTP has come; this is stored with each file.
struct ResultFiles {
    int kind = 0;           // of the files: those of successful children come first, and so on
    int number = 0;         // of the next file of this kind
    std::int64_t next = 0;  // the child that it begins with
    std::vector<map_run::ResultFile> done;

    std::string save() const;
    static ResultFiles load(const std::optional<std::string>& saved);
};

struct MapRun {
    Uuid id{};
    Uuid parent{};
    Oid owner = InvalidOid;  // of the flow
    std::int64_t call_id = 0;
    std::string type;  // of the children
    store::MapPhase phase = store::MapPhase::Reading;
    machine::Status status = machine::Status::Running;
    std::optional<std::string> error, cause;
    machine::MapRunPlan plan;
    std::shared_ptr<const CompiledVersion> whole;     // the flow of the parent
    std::shared_ptr<const CompiledVersion> children;  // what the children run
    std::unique_ptr<map_run::Tally> tally;            // how its children end; from phase RUNNING on
    bool awaited = true;                              // its parent waits for it

    // READING
    std::unique_ptr<map_run::Batcher> batcher;  // where the worker itself has the items
    std::string listing;                        // the pages of a bucket's list, until the last has come
    std::optional<std::string> listing_token;   // asks for the next page of the list
    std::optional<std::string> source;          // a document, where the items are in one
    std::unique_ptr<items::Parser> parser;      // of `source`
    std::size_t parsed_to = 0;
    std::unique_ptr<MakingChildren> making;  // from what stands above
    std::int64_t to_skip = 0;                         // items that are in children already
    std::int64_t items = 0, written = 0;              // items in the table, and the children made of them
    std::int32_t attempts = 0;                        // helpers of this worker that left nothing
    std::int32_t starts = 0;                          // helpers that were started, by any worker
    int empty_pages = 0;                              // pages of the list without an object
    std::uint64_t request = 0;                        // the HTTP call under way; 0: none
    http_task::Pending pending;                       // what its answer will need
    std::optional<http_task::DocumentAnswer> answer;  // what came of it
    MapHelper helper;                                 // the process that reads or writes for it
    std::int64_t not_before = 0;                      // the next helper starts then at the earliest

    // RUNNING
    std::int64_t fetched_to = 0;  // children with a lower index are given, or in `queued`
    std::int64_t given_to = 0;    // children with a lower index are given
    bool fetched_all = false;
    std::deque<store::ChildId> queued;
    std::unordered_map<Uuid, store::ChildId, UuidHash> under_way;  // given and not ended
    // The indexes of given children that would have to begin again if the worker ended now.
    std::set<std::int64_t> unbegun;

    // REDRIVING
    std::int64_t redriven_to = 0;  // children with a lower index are ready
    bool all_read = false;         // all children were written before; otherwise READING follows

    // CLOSING
    bool queue_closed = false;
    std::deque<Uuid> to_stop;

    // WRITING
    std::unique_ptr<map_run::Results> results;
    std::int64_t collected_to = 0;
    std::size_t collected_bytes = 0;
    std::int64_t results_written = 0;
    ResultFiles files;                         // where the writer is an endpoint
    std::vector<store::ChildResult> gathered;  // for the next file
    std::size_t gathered_bytes = 0;
    std::int64_t gathered_to = 0;
    std::int64_t in_file = 0;  // results in the file that is under way; the next begins at `file_next`
    std::int64_t file_next = 0;
    std::int64_t file_bytes = 0;
    std::string file_key;
    bool manifest_sent = false;
    bool files_done = false;
    bool results_given_up = false;
    std::int64_t forgotten_to = 0;
    std::optional<machine::MapRunEnded> verdict;  // what the parent is told
    bool told = false;                            // the event is in the engine's queue

    // The results for the next file are collected once more.
    void forget_gathered() {
        gathered.clear();
        gathered_bytes = 0;
        gathered_to = files.next;
    }
    // A slice has failed, and memory is ahead of the table: what it has beyond the table is made once more.
    void begin_again() {
        making.reset();
        batcher.reset();
        results.reset();
        forget_gathered();
    }
    // Whether it may be redriven after it has ended like this: the results of its children are still there.
    bool keeps_plan(machine::Status ended_as) const {
        return ended_as != machine::Status::Succeeded && whole->options.keep_data == KeepData::All;
    }
    bool express() const { return type == "EXPRESS"; }
    // No child with a lower index needs to be begun (again) after a crash.
    std::int64_t begun_to() const { return unbegun.empty() ? given_to : *unbegun.begin(); }
    std::size_t most_under_way() const;
};

// What a child that ended with this status adds to the counts.
store::MapDelta delta_of(const ChildOf& child, machine::Status status);

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
    MapRun* find_request(std::uint64_t request);  // the one that waits for this answer
    bool has_parent(const Uuid& parent) const;
    std::vector<MapRun*> of_parent(const Uuid& parent);
    std::vector<Uuid> ids() const;

    // The next children to begin, at most `most`; map runs take turns.
    std::vector<FreshRun> give(std::size_t most);
    bool has_queued() const;
    // How many STANDARD children have been given and have not begun.
    std::size_t waiting_to_begin() const;
    // When a map run that has to wait for a helper tries again, or a helper has had its time; nullopt: nothing
    // is waited for.
    std::optional<std::int64_t> next_attempt() const;
    // Which child this run is, if it is under way.
    std::optional<ChildOf> child(const Uuid& id) const;

    // A child has begun, or has ended. Told after the commit.
    void child_begun(const ChildOf& child);
    void child_ended(const Uuid& id, const ChildOf& child, machine::Status status);
    // It turned out to have ended before it was given.
    void child_gone(const Uuid& id, const Uuid& map_run);

  private:
    static bool may_give(const MapRun& run);
    std::map<Uuid, MapRun> runs_;
    std::set<std::pair<Uuid, Uuid>> by_parent_;  // parent and map run
    Uuid last_served_{};
};

}  // namespace flowctl::pg
