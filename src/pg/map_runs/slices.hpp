// Slices: what map runs have to do between their beginning and their end, a piece at a time.
//
// After the items of a turn, each map run that has something to do gets a slice of bounded work in a
// transaction of its own: children from items, the ids of the next children, queued children to abort,
// results to collect. What can take long (a user's query, a user's table) a helper process does; what waits
// for the network does so without a transaction. A slice that fails fails its map run, unless it is the
// server that fails. Memory changes after the commit of what it says.
#pragma once

#include <string>

#include "pg/map_runs/item_documents.hpp"
#include "pg/map_runs/result_files.hpp"

namespace flowctl::pg {

class Slices {
  public:
    Slices(MapRuns& maps, State& state, Phases& phases, Exchange& exchange, Part& part)
        : maps_(maps),
          state_(state),
          phases_(phases),
          documents_(exchange, phases),
          files_(exchange, phases),
          part_(part) {}

    // Slices for as long as a turn has time for them. True: there is more to do at once.
    bool work();

  private:
    bool work_on(MapRun& run);
    bool go_on_after(MapRun& run, bool transient, const std::string& reason);
    bool read(MapRun& run);
    bool read_own_items(MapRun& run);
    bool use_helper(MapRun& run);
    bool start_helper(MapRun& run);
    bool helper_ended(MapRun& run);
    void fail_helped(MapRun& run, std::int32_t times);
    void fail_overdue(MapRun& run);
    bool run_children(MapRun& run);
    bool close(MapRun& run);
    bool redrive(MapRun& run);
    bool abort_queued(MapRun& run);
    bool write(MapRun& run);
    bool collect(MapRun& run);
    bool end(MapRun& run);

    MapRuns& maps_;
    State& state_;
    Phases& phases_;
    ItemDocuments documents_;
    ResultFileWriter files_;
    Part& part_;   // that the end of a map run comes back to
    Uuid last_{};  // the map run that had a slice last
};

}  // namespace flowctl::pg
