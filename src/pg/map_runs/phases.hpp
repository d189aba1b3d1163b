// Phases: how a map run goes from one phase to the next, in its row and in memory.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "pg/map_runs/children.hpp"
#include "pg/map_runs/open_map_runs.hpp"
#include "pg/server/transaction.hpp"
#include "pg/turn/host.hpp"

namespace flowctl::pg {

class Phases {
  public:
    explicit Phases(Host& host) : host_(host) {}

    // The map run fails, in a transaction of its own. What is open of it is aborted next. In phase WRITING
    // nothing is open, and the results that cannot be written are given up, whether it has failed before or
    // fails by that.
    void fail(MapRun& run, const std::string& error, const std::string& cause);
    // In memory, after its row says so: nothing of it begins any more, and what is open is to be aborted.
    void close(MapRun& run, machine::Status status, const std::optional<std::string>& error = {},
               const std::optional<std::string>& cause = {});
    // A slice of making children. `make` makes some of what is known of the map run, and does nothing but
    // compute; when it is over, they go into the table. When they are all there, they may begin.
    using Make = std::function<void(MapRun& run, MakingChildren& making)>;
    void make_children(MapRun& run, const Make& make);
    // All children are there: from now on those that end are counted, beginning with these counts.
    static void begin_running(MapRun& run, const store::MapCounts& of_items = {},
                              const store::MapCounts& of_runs = {});

  private:
    void keep_children(MapRun& run, MapChildren& children, bool all);

    Host& host_;
};

// The transaction of a slice.
template <class Body>
void in_transaction(const char* activity, Body&& body) {
    Transaction transaction(activity);
    {
        Spi spi;
        body(spi);
    }
    transaction.commit();
}

}  // namespace flowctl::pg
