// The engine: what a worker does in one turn of its loop.
//
// A turn takes what is ready (fresh runs, finished calls, due timers, requests to stop), advances the runs,
// writes everything in one transaction, and only after its commit carries out the effects. While a commit is
// flushed more becomes ready, so batches grow with load by themselves. Invariants:
//   - nothing leaves the server before the intent is durable, and no transaction is open while the network is
//   waited for;
//   - a live run's frame in memory is the stored one: a turn works on copies and keeps them only when it has
//   committed;
//   - a turn is bounded in items and time, so that a flood cannot starve timers or answers;
//   - a turn that fails is repeated item by item, and the item that fails alone fails its run, never the
//   worker; when it
//     is the server that fails, nobody's run does: the worker pauses and comes back to it
//     (engine_failures.cpp).
//
// Called by worker. Knows core (machine), net (Client) and store; transactions are begun and ended in here
// only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/machine/machine.hpp"
#include "net/client.hpp"
#include "pg/engine/live_runs.hpp"
#include "pg/leases/open_leases.hpp"
#include "pg/map_runs/open_map_runs.hpp"
#include "pg/shared/figures.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/store/history.hpp"
#include "pg/store/requests.hpp"
#include "pg/store/runs.hpp"
#include "pg/store/sweep.hpp"
#include "pg/tasks/call_lanes.hpp"
#include "pg/tasks/http_task.hpp"

namespace flowctl::pg {

class MapChildren;

class Engine {
  public:
    Engine(const shmem::Claim& claim, net::Client& client)
        : claim_(claim), client_(client), leases_(claim.shard, claim.shards) {}

    // Something to do with a run; without an event: begin or resume it.
    struct Item {
        Uuid run{};
        std::optional<machine::Event> event;
        std::optional<store::CallOutcome> outcome;
        std::int64_t control_id = 0;
        bool load = false;             // the event is for a run that may be parked
        std::optional<Uuid> map_over;  // the map run that ends with this event
    };

    void note_fresh(const std::vector<Uuid>& runs);  // from the ring: hints
    void request_sweep() { sweep_at_ = 0; }          // the ring overflowed
    void note_poke() { poked_ = true; }  // look at flowctl_catalog.control and flowctl_catalog.installation

    // After the last one, when the worker leaves by itself.
    void leave() { leases_.leave(); }
    // One turn. True when more is ready at once.
    bool turn();
    // How long the loop may sleep, in milliseconds.
    long sleep_ms();
    figures::Figures figures() const;
    // The answer of a request that is not a task's (key_sets).
    std::optional<net::Response> next_other();
    bool active() const { return active_; }
    // True once after a failure of the server: the extension itself may be gone.
    bool take_trouble() { return std::exchange(trouble_, false); }

  private:
    struct Batch;

    bool check_active();
    bool is_ours(const Uuid& run) const;
    std::vector<Uuid> find_unannounced(Spi& spi);
    void sweep();
    void collect_responses();
    void collect_revocations();
    void collect_timers();
    void forget_flood();
    std::vector<Item> take_items();
    // When a turn fails: engine_failures.cpp.
    struct Failure {
        std::string reason;
        int sqlstate;
    };
    void run_items(std::vector<Item>& items);
    bool try_alone(const Item& item);
    bool fail_run(const Item& item, const std::string& reason);
    void write_revocations();
    void pause();
    bool paused();

    std::optional<Failure> try_items(const std::vector<Item>& items, bool alone);
    void load_missing(Spi& spi, const std::vector<Item>& items, Batch& batch);
    void apply(Spi& spi, const Item& item, Batch& batch);
    void call(Spi& spi, LiveRun& run, machine::Call&& call, std::vector<machine::Event>& events,
              Batch& batch);
    std::optional<http_task::Pending> forget_request(std::uint64_t request_id);
    void advance(Spi& spi, LiveRun& run, const machine::Event& event, Batch& batch);
    void write(Spi& spi, Batch& batch);
    void carry_out(Batch& batch);
    void grant_leases(Batch& batch);
    void fail_call(LiveRun& run, const http_task::Prepared& call, const std::string& error,
                   const std::string& cause);
    void park(const Batch& batch);
    std::shared_ptr<const CompiledVersion> version(Spi& spi, const Uuid& flow_id, std::int32_t number,
                                                   const std::string& name);
    const std::string& arn_prefix() const;  // arn:flowctl:<database>:
    std::unique_ptr<LiveRun> make_live(Spi& spi, const store::StoredRun& row, std::string& problem);

    // Map runs: engine_maps.cpp.
    std::size_t room_for_children() const;
    void load_map_runs(Spi& spi);
    MapRun make_map_run(const store::MapRunRow& row, std::shared_ptr<const CompiledVersion> whole);
    MapRun unusable_map_run(const store::MapRunRow& row, const CompiledVersion& whole, const char* problem);
    void map_effect(LiveRun& run, machine::Effect&& effect, std::vector<machine::Event>& events,
                    Batch& batch);
    void start_map_run(LiveRun& run, machine::StartMapRun&& start, Batch& batch);
    void write_maps(Spi& spi, Batch& batch);
    void carry_out_maps(Batch& batch);
    bool work_on_maps();
    bool work_on(MapRun& run);
    bool read_slice(MapRun& run);
    bool read_own_items(MapRun& run);
    bool read_document(MapRun& run);
    bool write_documents(MapRun& run);
    bool exchange(MapRun& run, const std::string& path, const asl::DataResource& resource,
                  const http_task::Document& document);
    bool take_answer(MapRun& run);
    bool parse_slice(MapRun& run);
    bool gather_results(MapRun& run, const std::vector<std::string_view>& statuses);
    bool send_file(MapRun& run);
    void take_document(const http_task::Pending& pending, net::Response&& response);
    json::Value writer_details(const MapRun& run) const;
    bool keep_children(MapRun& run, MapChildren& children, bool all);
    map_run::ChildEnd child_end(const MapRun& run, const store::ChildResult& child) const;
    bool run_slice(MapRun& run);
    bool close_slice(MapRun& run);
    bool write_slice(MapRun& run);
    bool collect_slice(MapRun& run);
    bool end_slice(MapRun& run);
    bool use_helper(MapRun& run);
    void fail_helped(MapRun& run, std::int32_t times);
    void judge_children(MapRun& run, const store::MapCounts& of_items, const store::MapCounts& of_runs);
    void close_in_memory(MapRun& run, const std::string& status, const std::optional<std::string>& error = {},
                         const std::optional<std::string>& cause = {});
    void fail_map_run(MapRun& run, const std::string& error, const std::string& cause);

    shmem::Claim claim_;
    net::Client& client_;
    LiveRuns live_;
    MapRuns maps_;
    std::deque<Item> queue_;
    std::deque<net::Response> others_;
    std::deque<Uuid> fresh_;
    std::unordered_set<Uuid, UuidHash> fresh_known_;
    bool flood_ = false;                                             // of them
    std::unordered_map<std::uint64_t, http_task::Pending> pending_;  // by request id
    CallLanes lanes_;
    Leases leases_;
    std::vector<store::RevocationRow> revocations_;
    std::map<std::pair<Uuid, std::int32_t>, std::shared_ptr<const CompiledVersion>> versions_;
    std::optional<store::SweepPosition> position_;  // none before the first sweep
    std::uint64_t next_request_ = 1;
    std::int64_t sweep_at_ = 0;
    std::size_t heard_ = 0;         // of how many runs since the last sweep
    std::int64_t load_at_ = 0;      // when parked runs are to be loaded, between sweeps
    std::int64_t pause_until_ = 0;  // after a failure of the server, not of a run
    bool active_ = false;
    bool poked_ = true;
    bool trouble_ = false;
    Uuid last_map_{};  // that had a slice
    mutable std::string arn_prefix_;
    std::int64_t turns_ = 0, events_ = 0, last_turn_at_ = 0;
};

}  // namespace flowctl::pg
