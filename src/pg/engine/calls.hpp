// Calls: the requests of one worker, from the moment a run wants one to its answer.
//
// A call is prepared in the turn's transaction, together with the step of its run that wants it; it leaves
// after the commit. PlannedCalls is what one transaction stages. How many calls are under way is bounded,
// each endpoint has its share (tasks/call_lanes.hpp), and a run whose call finds no room waits in line. A run
// keeps its call until the answer has been written, so that the call is neither given twice nor the run
// parked meanwhile.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/machine/machine.hpp"
#include "net/client.hpp"
#include "pg/engine/intake.hpp"
#include "pg/engine/live_runs.hpp"
#include "pg/leases/open_leases.hpp"
#include "pg/tasks/call_lanes.hpp"
#include "pg/tasks/http_task.hpp"
#include "pg/turn/changes.hpp"

namespace flowctl::pg {

class Part;

// The calls that one transaction of the engine prepares.
struct PlannedCalls {
    std::vector<http_task::Prepared> calls;
    http_task::Lookups lookups;
    std::set<std::pair<Uuid, std::int64_t>> begun;      // those in `calls`: run and call
    std::map<std::string, std::size_t> in_lane;         // how many of them are in each lane
    std::vector<std::pair<std::string, Uuid>> in_line;  // lane and run of calls that find no room
    std::vector<store::CallOutcome> outcomes;           // of answers that are written in this transaction

    // Nobody waits for this call any more: if it was prepared in this transaction, it never leaves.
    void drop(const Uuid& run, std::int64_t call_id);
};

class Calls {
  public:
    Calls(net::Client& client, Leases& leases, Intake& intake, LiveRuns& live)
        : client_(client), leases_(leases), intake_(intake), live_(live) {}

    // In the transaction. Prepares a call, puts its run in line, or fails its task at once; a call that is
    // under way is given again after Resumed, and stays as it is.
    void prepare(Spi& spi, const LiveRun& run, machine::Call&& call, PlannedCalls& planned,
                 std::vector<machine::Event>& events);
    static void write(const PlannedCalls& planned);
    // After the commit: answers that were written are no run's any more, calls that were dropped are
    // cancelled, those that were prepared leave.
    void committed(PlannedCalls& planned, const Changes& changes);
    // The run has ended: its calls are cancelled, and so are its tokens.
    void run_ended(const Uuid& id);

    // Takes the answers that have come: each becomes an item of its run, or goes to the part that sent the
    // request.
    void collect();
    // While it is closed, calls wait in line and none begins.
    void close(bool closed) { lanes_.close(closed); }
    // Runs in line for whose calls there is room now.
    void give(std::vector<Item>& items);
    bool has_ready() const { return lanes_.has_ready(); }
    std::size_t waiting() const { return lanes_.waiting(); }  // runs in line
    std::size_t under_way() const { return pending_.size() + of_parts_.size(); }

    // Requests of parts: see turn/host.hpp.
    std::uint64_t send(net::Request&& request, Part& from, const std::string& lane);
    void cancel(std::uint64_t request);
    bool has_room(const std::string& lane) const { return lanes_.has_room(lane, 0, 0); }

  private:
    struct OfPart {
        Part* part = nullptr;
        std::string lane;  // empty: none
    };
    std::optional<http_task::Pending> forget(std::uint64_t request);
    void grant_leases(std::vector<http_task::Prepared>& calls);
    void fail(LiveRun& run, const http_task::Prepared& call, const std::string& error,
              const std::string& cause);

    net::Client& client_;
    Leases& leases_;
    Intake& intake_;
    LiveRuns& live_;
    CallLanes lanes_;
    std::unordered_map<std::uint64_t, http_task::Pending> pending_;  // by request id
    std::unordered_map<std::uint64_t, OfPart> of_parts_;             // by request id
    std::uint64_t next_request_ = 1;
};

}  // namespace flowctl::pg
