// The runs that a worker holds in memory, and when each is due.
//
// A run is live while something is expected of it soon: a call is under way, or a timer fires within the
// horizon, and while there is memory for it (flowctl.run_memory). All others are parked: they cost their row
// and next to nothing here, and are loaded again when something happens to them. A live run's frame equals
// the stored one, since it is replaced only after the commit of the turn that changed it.
//
// An EXPRESS run has no stored frame as long as memory is plentiful. Without one it cannot be parked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
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
    bool awaitable = false;  // another run may wait for its end (Changes::awaitable_ended)
    std::optional<machine::BeginAt> begins_at;  // of a fork that has not begun
    bool express = false;
    bool stored = false;   // its frame is in the table
    bool in_line = false;  // a call of it waits for room in its lane
    std::unique_ptr<machine::TaskTokens> tokens;  // that `context` makes use of
    bool resumed = false;  // loaded after it had begun: its calls may have been sent before
    std::optional<machine::Instant> due;
    std::set<std::int64_t> calls;  // under way

    // What it takes of memory beside its version, by estimate: what never changes, and all.
    std::size_t fixed_bytes = 0;
    std::size_t bytes = 0;

  private:
    friend class LiveRuns;
    bool may_rest() const { return stored && !pinned_; }
    bool pinned_ = false;
    std::list<LiveRun*>::iterator rested_;
};

class LiveRuns {
  public:
    LiveRun* find(const Uuid& id) {
        const auto found = runs_.find(id);
        return found == runs_.end() ? nullptr : found->second.get();
    }
    LiveRun& add(std::unique_ptr<LiveRun> run) {
        remove(run->id);
        LiveRun& added = *run;
        if (added.child) children_++;
        if (added.may_rest()) added.rested_ = rested_.insert(rested_.end(), &added);
        bytes_ += added.bytes;
        if (users_[added.version.get()]++ == 0) bytes_ += added.version->bytes;
        runs_[added.id] = std::move(run);
        return added;
    }
    void remove(const Uuid& id) {
        const auto found = runs_.find(id);
        if (found == runs_.end()) return;
        LiveRun& run = *found->second;
        if (run.child) children_--;
        if (run.may_rest()) rested_.erase(run.rested_);
        bytes_ -= run.bytes;
        if (const auto users = users_.find(run.version.get()); --users->second == 0) {
            bytes_ -= run.version->bytes;
            users_.erase(users);
        }
        runs_.erase(found);
    }
    std::size_t size() const { return runs_.size(); }
    std::size_t children() const { return children_; }  // of map runs

    // What all of them take of memory, with their versions, by estimate.
    std::size_t bytes() const { return bytes_; }
    // Something has happened to the run; it takes so much now.
    void touch(LiveRun& run, std::size_t bytes) {
        bytes_ = bytes_ - run.bytes + bytes;
        run.bytes = bytes;
        if (run.may_rest()) rested_.splice(rested_.end(), rested_, run.rested_);
    }
    // The run's frame is in the table from now on.
    void set_stored(LiveRun& run) {
        if (std::exchange(run.stored, true)) return;
        if (run.may_rest()) run.rested_ = rested_.insert(rested_.end(), &run);
    }
    // The run to which nothing has happened for the longest time, of those that have a stored frame to come
    // back from; null: there is none.
    LiveRun* longest_rested() const { return rested_.empty() ? nullptr : rested_.front(); }
    // A run that is pinned does not leave memory for want of it.
    void pin(LiveRun& run, bool pinned) {
        if (run.pinned_ == pinned) return;
        if (run.may_rest()) rested_.erase(run.rested_);
        run.pinned_ = pinned;
        if (run.may_rest()) run.rested_ = rested_.insert(rested_.end(), &run);
    }
    // The run leaves memory. When it is due it is said all the same.
    void park(LiveRun& run) {
        if (run.due) timers_.push({*run.due, run.id, true});
        remove(run.id);
    }

    // Sets or clears when the run is due.
    void set_due(LiveRun& run, std::optional<machine::Instant> due) {
        if (run.due == due) return;
        run.due = due;
        if (due) timers_.push({*due, run.id, false});
    }
    // Takes the next run that is due at `now`, in memory or parked; nullopt when none is.
    std::optional<Uuid> take_due(machine::Instant now) {
        while (!timers_.empty() && timers_.top().at <= now) {
            const Timer timer = timers_.top();
            timers_.pop();
            if (!is_meant(timer)) continue;
            if (LiveRun* run = find(timer.run)) run->due.reset();
            return timer.run;
        }
        return std::nullopt;
    }
    std::optional<machine::Instant> next_due() {
        while (!timers_.empty() && !is_meant(timers_.top()))
            timers_.pop();
        if (timers_.empty()) return std::nullopt;
        return timers_.top().at;
    }

  private:
    struct Timer {
        machine::Instant at;
        Uuid run;
        bool parked;
        bool operator<(const Timer& other) const { return at > other.at; }  // the earliest on top
    };
    bool is_meant(const Timer& timer) {
        const LiveRun* run = find(timer.run);
        return run != nullptr ? run->due == timer.at : timer.parked;
    }

    std::unordered_map<Uuid, std::unique_ptr<LiveRun>, UuidHash> runs_;
    std::list<LiveRun*> rested_;  // that may leave memory; the one that has rested longest comes first
    std::unordered_map<const CompiledVersion*, std::size_t> users_;
    std::priority_queue<Timer> timers_;
    std::size_t children_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace flowctl::pg
