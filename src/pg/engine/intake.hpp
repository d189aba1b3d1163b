// Intake: what is ready for a turn and waits to be taken.
//
// Two lines: items that open runs wait for (answers, timers, requests to stop), and fresh runs, which have
// been announced and not begun. A turn takes from both in turns, so that neither a flood of starts nor runs
// that never rest hold up the other. A run stands in the line of fresh ones once, however often it is
// announced.
#pragma once

#include <cstddef>
#include <deque>
#include <unordered_set>
#include <vector>

#include "pg/engine/live_runs.hpp"
#include "pg/turn/item.hpp"

namespace flowctl::pg {

class Intake {
  public:
    // Runs that may have to begin, or to be loaded. An announcement is a hint: it may come twice, or for a
    // run that is over.
    void announce(const std::vector<Uuid>& runs, LiveRuns& live);
    bool is_announced(const Uuid& run) const { return fresh_known_.contains(run); }
    void push(Item&& item) { queue_.push_back(std::move(item)); }

    // At most `most` items, of them at most `may_begin` fresh runs.
    void take(std::size_t most, std::size_t may_begin, std::vector<Item>& items);
    // What a turn could not do after all comes first in the next, in the same order.
    void put_back(std::vector<Item>&& items);
    // After a flood of starts the memory that it took goes back to the system; the allocator would keep it.
    void forget_flood();

    bool has_fresh() const { return !fresh_.empty(); }
    std::size_t queued() const { return queue_.size(); }
    bool empty() const { return queue_.empty() && fresh_.empty(); }

  private:
    std::deque<Item> queue_;
    std::deque<Uuid> fresh_;
    std::unordered_set<Uuid, UuidHash> fresh_known_;
    bool flood_ = false;  // of fresh runs
};

}  // namespace flowctl::pg
