// Calls: what runs want done outside of the engine, from the moment a run wants it to the answer.
//
// A call is prepared in the turn's transaction, together with the step of its run that wants it, by the
// performer for its Resource (tasks/performer.hpp); it begins after the commit. PlannedCalls is what one
// transaction stages. How many calls are under way is bounded, each endpoint has its share
// (tasks/call_lanes.hpp), and a run whose call finds no room waits in line. A run keeps its call until the
// answer has been written, so that the call is neither given twice nor the run parked meanwhile.
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
#include "pg/engine/live_runs.hpp"
#include "pg/resources/performers.hpp"
#include "pg/tasks/call_lanes.hpp"
#include "pg/tasks/shared_endpoint_pace.hpp"
#include "pg/turn/changes.hpp"
#include "pg/turn/item.hpp"

namespace flowctl::pg {

class Part;

// What one transaction of the engine does about calls.
struct PlannedCalls {
    using Key = std::pair<Uuid, std::int64_t>;  // run and call
    struct Staged {
        Performer* performer = nullptr;
        Lanes lanes;
        bool keeps_run = true;
    };

    std::map<Key, Staged> staged;  // they begin after the commit
    PlannedPlaces places;          // that they will take
    struct InLine {
        Lane line;
        Uuid run{};
        std::size_t answer_bytes = 0;
        EndpointLimits limits;
    };
    std::vector<InLine> in_line;  // calls that find no room
    std::vector<Key> answered;
    std::vector<store::CallOutcome> outcomes;  // of answers, as flowctl_catalog.call records them

    // The item may be the answer of a call.
    void take(const Item& item);
    // Nobody waits for this call any more: if it was staged in this transaction, it never begins.
    void drop(const Uuid& run, std::int64_t call_id);
};

class Calls {
  public:
    Calls(net::Client& client, LiveRuns& live) : client_(client), live_(live) { lanes_.follow(&pace_); }

    void add(bool (*carries_out)(const asl::Resource& resource, const json::Value& input),
             Performer& performer) {
        performers_.push_back({carries_out, &performer});
    }

    // In the transaction. Prepares a call, puts its run in line, or fails its task at once; a call that is
    // under way is given again after Resumed, and stays as it is.
    void prepare(Spi& spi, const LiveRun& run, machine::Call&& call, PlannedCalls& planned,
                 std::vector<machine::Event>& events);
    static void write(const PlannedCalls& planned);
    // After the commit, before the performers hear of it: which calls the runs in memory have now.
    void committed(const PlannedCalls& planned, const Changes& changes);

    // Calls of runs that have left memory: they go on, and their answers bring the run back.
    void hold(const LiveRun& run) {
        if (!run.calls.empty()) held_[run.id] = run.calls;
    }
    bool holds(const Uuid& run) const { return held_.contains(run); }
    std::set<std::int64_t> held(const Uuid& run) const {
        const auto found = held_.find(run);
        return found == held_.end() ? std::set<std::int64_t>() : found->second;
    }
    // The run is in memory again, or has ended.
    void release(const Uuid& run) { held_.erase(run); }

    // Takes the answers of requests that have come, each to the part that sent the request. To make something of
    // an answer takes time, so only some are taken in one turn; true: there may be more.
    bool collect();
    // For the turn that begins. While it is closed, calls wait in line and none begins.
    void limit(const CallLimits& limits, bool closed) {
        lanes_.limit(limits);
        lanes_.close(closed);
    }
    void pause(std::set<Lane> lanes) { lanes_.pause(std::move(lanes)); }
    void give_quotas(std::map<std::string, std::int64_t> quotas) { lanes_.give_quotas(std::move(quotas)); }
    // Runs in line for whose calls there is room now.
    std::vector<Item> give();
    bool has_ready() const { return lanes_.has_ready(); }
    // When a call in line may begin because of time.
    std::optional<machine::Instant> next_at() const { return lanes_.next_at(); }
    std::size_t waiting() const { return lanes_.waiting(); }    // runs in line
    std::size_t under_way() const { return requests_.size(); }  // requests

    // Requests of parts: see turn/host.hpp.
    std::uint64_t send(net::Request&& request, Part& from, Lanes lanes);
    void cancel(std::uint64_t request);
    bool has_room(const Lanes& lanes) const { return !lanes_.full_lane(lanes); }

  private:
    struct Known {
        bool (*carries_out)(const asl::Resource& resource, const json::Value& input);
        Performer* performer;
    };
    struct Sent {
        Part* from = nullptr;
        Lanes lanes;
    };
    Performer* performer_for(const machine::Call& call) const;
    Part* forget(std::uint64_t request);

    net::Client& client_;
    LiveRuns& live_;
    std::vector<Known> performers_;
    SharedEndpointPace pace_;
    CallLanes lanes_;
    std::unordered_map<std::uint64_t, Sent> requests_;  // by id
    std::uint64_t next_request_ = 1;
    std::unordered_map<Uuid, std::set<std::int64_t>, UuidHash> held_;
};

}  // namespace flowctl::pg
