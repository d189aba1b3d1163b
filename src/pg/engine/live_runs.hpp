// The runs that a worker holds in memory, and when each is due.
//
// Live are runs that something is expected of soon: a call is under way, or a timer fires within the horizon.
// All others are parked: they cost their row and nothing here, and are loaded again when they are due
// (promise 7). A live run's frame equals the stored one, since it is replaced only after the commit of the
// turn that changed it.
//
// Called by engine. Memory: owned by the worker, for its life.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/machine/machine.hpp"
#include "pg/server/spi.hpp"
#include "pg/tasks/run_facts.hpp"

namespace flowctl::pg {

enum class KeepData { All, Error, None };

// A flow version, compiled once per worker; what the children of a distributed Map run is another.
struct CompiledVersion {
    std::shared_ptr<const asl::Flow> flow;   // null: `problem` says why
    std::shared_ptr<const asl::Flow> whole;  // as defined; `flow`, but for children
    std::string problem;
    Uuid flow_id{};
    std::string name;
    std::int32_t version = 0;
    KeepData keep_data = KeepData::All;
};

// Which child of which map run a run is.
struct ChildOf {
    Uuid map_run{};
    std::int64_t index = 0;
    std::int32_t items = 1;
};

struct LiveRun : RunFacts {
    std::shared_ptr<const CompiledVersion> version;
    machine::Frame frame;
    std::optional<ChildOf> child;
    bool express = false;
    bool in_line = false;  // a call of it waits for room in its lane
    bool resumed = false;  // loaded after a restart: its calls may have been sent before
    std::optional<machine::Instant> due;
    std::map<std::int64_t, std::uint64_t> calls;  // call id -> request id of net::Client
};

class LiveRuns {
  public:
    LiveRun* find(const Uuid& id) {
        const auto found = runs_.find(id);
        return found == runs_.end() ? nullptr : found->second.get();
    }
    LiveRun& add(std::unique_ptr<LiveRun> run) {
        const Uuid id = run->id;
        if (run->child) children_++;
        return *(runs_[id] = std::move(run));
    }
    void remove(const Uuid& id) {
        const auto found = runs_.find(id);
        if (found == runs_.end()) return;
        if (found->second->child) children_--;
        runs_.erase(found);
    }
    std::size_t size() const { return runs_.size(); }
    std::size_t children() const { return children_; }  // of map runs

    // Sets or clears when the run is due.
    void set_due(LiveRun& run, std::optional<machine::Instant> due) {
        if (run.due == due) return;
        run.due = due;
        if (due) timers_.push({*due, run.id});
    }
    // Takes the next run that is due at `now`; nullopt when none is.
    std::optional<Uuid> take_due(machine::Instant now) {
        while (!timers_.empty() && timers_.top().at <= now) {
            const Timer timer = timers_.top();
            timers_.pop();
            LiveRun* run = find(timer.run);
            if (run != nullptr && run->due == timer.at) {
                run->due.reset();
                return timer.run;
            }
        }
        return std::nullopt;
    }
    std::optional<machine::Instant> next_due() {
        while (!timers_.empty()) {
            LiveRun* run = find(timers_.top().run);
            if (run != nullptr && run->due == timers_.top().at) return timers_.top().at;
            timers_.pop();
        }
        return std::nullopt;
    }

  private:
    struct Timer {
        machine::Instant at;
        Uuid run;
        bool operator<(const Timer& other) const { return at > other.at; }  // the earliest on top
    };
    std::unordered_map<Uuid, std::unique_ptr<LiveRun>, UuidHash> runs_;
    std::priority_queue<Timer> timers_;
    std::size_t children_ = 0;
};

}  // namespace flowctl::pg
