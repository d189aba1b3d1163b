// Intake: what is ready for a turn and waits to be taken, dealt out fairly.
//
// Turns are shared between the owners of flows, and within an owner's share between its runs. Each owner has
// a line of its own, and the next item is that of the owner who has used the least time. A worker can measure
// the time of an item only afterwards, so an item is charged at first what the owner's items take on average,
// and then what it has taken. An owner who had nothing to do begins beside the others and does not make up
// for it.
//
// A line holds two kinds, which take turns: items that open runs wait for (answers, timers, requests to
// stop), and fresh runs, which have been announced and not begun. So neither a flood of starts nor runs that
// never rest hold up the other. A run that computes stands at the end of its line again with each event. A
// fresh run stands in line once, however often it is announced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <unordered_set>
#include <vector>

#include "pg/engine/live_runs.hpp"
#include "pg/store/run_id.hpp"
#include "pg/turn/item.hpp"

namespace flowctl::pg {

class Intake {
  public:
    explicit Intake(LiveRuns& live) : live_(live) {}

    // Runs that may have to begin, or to be loaded. An announcement is a hint: it may come twice, or for a
    // run that is over.
    void announce(const std::vector<FreshRun>& runs);
    bool is_announced(const Uuid& run) const { return known_.contains(run); }
    // The owner is looked up where the run is in memory and the item does not say it.
    void push(Item&& item);

    // At most `most` items, of them at most `most_begin` fresh runs.
    void take(std::size_t most, std::size_t most_begin, std::vector<Item>& items);
    // An item that was taken has been done, and it took so long.
    void charge(const Item& item, std::int64_t micros);
    // What a turn could not do after all comes first in the next, in the same order. Nothing is charged for
    // it.
    void put_back(std::vector<Item>&& items);
    // No fresh run of this owner begins, until it is said again that they may; but those that are put back
    // do.
    void hold_fresh(Oid owner, bool held);
    // After a flood of starts the memory that it took goes back to the system; the allocator would keep it.
    void forget_flood();

    std::size_t fresh() const { return known_.size(); }
    std::size_t queued() const { return queued_; }  // items of open runs
    // Whether there is something that can be taken.
    bool has_ready() const;

  private:
    struct Line {
        std::deque<Item> queue;
        std::deque<Uuid> fresh;
        std::size_t returned = 0;  // of the fresh runs, those in front that were put back
        bool fresh_first = false;  // of the two kinds, whose turn it is
        std::int64_t used = 0;     // microseconds of turns, as the common time counts
        std::int64_t cost = 100;   // of an item, on average

        bool empty() const { return queue.empty() && fresh.empty(); }
    };
    Line& line_of(Oid owner);
    bool may_begin(const Line& line, Oid owner) const {
        return !line.fresh.empty() && (line.returned > 0 || !held_.contains(owner));
    }
    bool take_from(Line& line, Oid owner, std::size_t& most_begin, std::vector<Item>& items);
    void drop_idle();

    LiveRuns& live_;
    std::map<Oid, Line> lines_;
    std::int64_t time_ = 0;  // the least that an owner who waits had used; whoever begins again begins here
    std::size_t queued_ = 0;
    std::unordered_set<Uuid, UuidHash> known_;  // fresh runs in all lines
    std::set<Oid> held_;                        // owners of whom no fresh run begins
    bool flood_ = false;                        // of fresh runs
};

}  // namespace flowctl::pg
