// The helper of a map run: a process of its own that reads the items by SQL, or writes the results.
//
// A user's query may take hours, and a user's table may have triggers; neither may hold up the worker's loop.
// So the worker registers a short-lived background process, which does the whole work in one transaction, as
// the role of the run: either all children are there and the map run is RUNNING, or nothing has happened. A
// failure goes into the row of the map run, by a second transaction. A process that dies leaves nothing, and
// another is started. An advisory lock keeps two processes from working on one map run at the same time. A
// process that finds its map run in another phase than it expected does nothing.
//
// MapHelper is the worker's end; the functions of map_helper are the process's own.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>

#include "core/asl/model.hpp"
#include "core/machine/machine.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/process.hpp"
#include "pg/server/spi.hpp"
#include "pg/store/map_runs.hpp"
#include "pg/store/runs.hpp"

namespace flowctl::pg {

class MapHelper {
  public:
    enum class State { None, UnderWay, Over };

    // False: the server has no room for another process.
    bool start(const Uuid& map_run);
    State look();        // Over is returned once
    void terminate();    // it is to end at once; look() says when it has
    static int count();  // helpers of this worker that are under way

    // A helper that is still there some seconds after flowctl.map_helper_timeout is terminated by look(): the
    // timeout cancels its statement, and a user's function may catch that and go on. When look() must do so;
    // nullopt where there is nothing to do.
    std::optional<std::int64_t> deadline() const;
    // Whether the helper of now, or the last one, was terminated by look().
    bool is_overdue() const { return overdue_; }

  private:
    Process process_;
    std::int64_t most_micros_ = 0;  // that it may take; 0: any time
    std::int64_t deadline_ = 0;     // 0: it has not begun, or may take any time
    bool overdue_ = false;
};

namespace map_helper {

// What the work needs of the map run and of the run whose Map it is.
struct Job {
    store::MapRunRow map_run;
    store::StoredRun parent;
};

// What the map run fails with.
struct Failed : std::exception {
    Failed(std::string name, std::string reason) : error(std::move(name)), cause(std::move(reason)) {}
    const char* what() const noexcept override { return cause.c_str(); }
    std::string error;
    std::string cause;
};

std::shared_ptr<const asl::Flow> flow_of(const Job& job);
machine::MapRunPlan plan_of(const Job& job);
// The table that {Schema, Table} name, as SQL; throws Failed(error, ...).
std::string table_argument(const json::Value& arguments, const char* error);

// In the caller's transaction; throws Failed or PgError.
void read_items(const Job& job);
void write_results(const Job& job);

}  // namespace map_helper

}  // namespace flowctl::pg

extern "C" __attribute__((visibility("default"))) void flowctl_map_main(Datum);
