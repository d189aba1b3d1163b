// What one turn of the engine collects between reading its items and carrying out the effects.
//
// Everything in here is a copy or new: when the transaction fails, dropping the batch is all that undoing
// takes. Called by engine only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "pg/engine/turn.hpp"
#include "pg/server/guc.hpp"

namespace flowctl::pg {

constexpr std::size_t kMaxInLineLive = 1'000;  // runs in memory whose call waits for room; more are parked

inline machine::Instant now_micros() {
    return to_unix_micros(GetCurrentTimestamp());
}

// Runs that are due within it are held in memory; sweeps, which load the others, come more often.
inline std::int64_t horizon_micros() {
    return 10'000'000 + 2 * static_cast<std::int64_t>(guc::sweep_interval) * 1000;
}

// engine_failures.cpp: whether a failure says nothing about the run, and whether the tables take rows at all.
bool is_transient(int sqlstate);
bool storage_works();

struct Engine::Batch {
    // A run that this turn advances, on a copy of its frame.
    struct Working {
        LiveRun* run = nullptr;
        std::unique_ptr<LiveRun> loaded;  // where it was not live before
        bool begun = false;               // a frame is stored
        bool entered = false;             // loaded, and its Started or Resumed has been given
        bool changed = false;
        machine::Frame frame;
        machine::Outcome outcome;
        std::optional<machine::Instant> next_due;
        machine::Phase phase = machine::Phase::Running;
        std::string current_state;

        bool ended() const { return outcome.status != machine::Status::Running; }
    };

    std::map<Uuid, Working> working;
    std::vector<store::HistoryRow> history;
    std::vector<store::CallOutcome> outcomes;
    std::vector<http_task::Prepared> calls;
    http_task::Lookups lookups;
    std::set<std::pair<Uuid, std::int64_t>> begun_calls;  // those in `calls`
    std::map<std::string, std::size_t> planned;           // how many of them in each lane
    std::vector<std::pair<std::string, Uuid>> in_line;    // lane and run of calls that find no room
    std::vector<std::pair<Uuid, std::int64_t>> dropped_calls;
    std::vector<std::int64_t> controls_done;
    std::vector<Uuid> ended;
    std::set<Uuid> later;         // runs that are too much to load in this turn
    std::vector<Item> left_over;  // for want of time, or because the batch is full
    std::size_t bytes = 0;        // of payloads in history
    // Of map runs; see engine_maps.cpp.
    struct StartedMap {
        store::MapRunRow row;
        std::shared_ptr<const CompiledVersion> whole;
    };
    struct EndedChild {
        Uuid id{};
        ChildOf child;
        std::string status;
    };
    std::vector<StartedMap> maps_started;
    std::vector<std::pair<Uuid, std::int64_t>> maps_cancelled;  // parent and call id
    std::vector<std::pair<Uuid, std::string>> maps_over;        // and the status
    std::vector<ChildOf> children_begun;
    std::vector<EndedChild> children_ended;
    std::vector<std::pair<Uuid, Uuid>> children_gone;  // that had ended before; and their map run
    bool with_revocations = true;
    std::size_t revocations_written = 0;

    // Writing takes time and memory, too: a turn is bounded in rows and bytes.
    static constexpr std::size_t kMaxBytes = 16 * 1024 * 1024;
    bool full() const { return history.size() >= 4'000 || bytes >= kMaxBytes; }

    void end_child(const Uuid& id, const ChildOf& child, std::string status) {
        children_ended.push_back({id, child, std::move(status)});
    }

    // A call that nobody waits for any more: one of this turn never leaves, an earlier one is cancelled.
    void drop_call(const Uuid& run, std::int64_t call_id) {
        std::erase_if(calls, [&](const http_task::Prepared& call) {
            if (call.pending.run_id != run || call.pending.call_id != call_id) return false;
            planned[call.pending.lane]--;
            return true;
        });
        dropped_calls.emplace_back(run, call_id);
    }
};

}  // namespace flowctl::pg
