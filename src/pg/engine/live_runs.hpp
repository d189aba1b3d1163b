// The runs that a worker holds in memory, and when each is due.
//
// A run is live while something is expected of it soon: a call is under way, or a timer fires within the
// horizon. All others are parked: they cost their row and nothing here, and are loaded again when they are
// due. A live run's frame equals the stored one, since it is replaced only after the commit of the turn that
// changed it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/machine/machine.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/uuid.hpp"
#include "pg/tasks/run_facts.hpp"
#include "pg/turn/version.hpp"

namespace flowctl::pg {

// Runs that are due within it are held in memory. Sweeps, which load the others, come more often.
inline std::int64_t horizon_micros() {
    return 10'000'000 + 2 * static_cast<std::int64_t>(guc::sweep_interval) * 1000;
}

struct LiveRun : RunFacts {
    std::shared_ptr<const CompiledVersion> version;
    machine::Frame frame;
    std::optional<ChildOf> child;
    bool express = false;
    bool in_line = false;  // a call of it waits for room in its lane
    bool resumed = false;  // loaded after a restart: its calls may have been sent before
    std::optional<machine::Instant> due;
    std::set<std::int64_t> calls;  // under way
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
