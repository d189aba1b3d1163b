// Fair shares of the calls that a worker may have under way.
//
// Each endpoint has a lane. A lane takes so many calls and no more (flowctl.max_calls_per_endpoint), and all
// lanes together so many (call_limit), so that an endpoint that never answers holds up its own calls only. A
// run whose call finds its lane full waits in line by its id; it is given its call again (machine::Resumed)
// when there is room. Ids are hints: a run that has ended meanwhile is passed over.
//
// A run in line takes 16 bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "pg/server/spi.hpp"
#include "pg/tasks/call_limit.hpp"

namespace flowctl::pg {

class CallLanes {
  public:
    // While the lanes are closed, no call has room: the server is about to restart (shared/drain.hpp).
    void close(bool closed) { closed_ = closed; }
    bool closed() const { return closed_; }
    // Whether a call may begin in a lane in which `planned` more are about to, of `planned_total` in all
    // lanes.
    bool has_room(const std::string& lane, std::size_t planned, std::size_t planned_total) const {
        if (closed_) return false;
        const auto found = lanes_.find(lane);
        const std::size_t taken = found == lanes_.end() ? 0 : found->second.under_way;
        return taken + planned < call_limit_per_endpoint() && under_way_ + planned_total < call_limit();
    }
    void begin(const std::string& lane) {
        lanes_[lane].under_way++;
        under_way_++;
    }
    void end(const std::string& lane) {
        const auto found = lanes_.find(lane);
        if (found == lanes_.end() || found->second.under_way == 0) return;
        found->second.under_way--;
        under_way_--;
        drop_if_empty(found);
    }
    void wait(const std::string& lane, const Uuid& run) {
        lanes_[lane].waiting.push_back(run);
        waiting_++;
    }
    std::size_t waiting() const { return waiting_; }
    // Whether take_ready() would give something.
    bool has_ready() const {
        if (closed_ || waiting_ == 0 || under_way_ >= call_limit()) return false;
        return std::any_of(lanes_.begin(), lanes_.end(), [](const auto& lane) {
            return !lane.second.waiting.empty() && lane.second.under_way < call_limit_per_endpoint();
        });
    }
    // The runs for whose calls there is room now, taken out of line; lanes take turns at being first.
    std::vector<Uuid> take_ready() {
        std::vector<Uuid> ready;
        if (closed_) return ready;
        std::size_t room = under_way_ < call_limit() ? call_limit() - under_way_ : 0;
        auto lane = lanes_.upper_bound(last_served_);
        for (std::size_t left = lanes_.size(); left > 0 && room > 0 && waiting_ > 0; left--) {
            if (lane == lanes_.end()) lane = lanes_.begin();
            Lane& here = lane->second;
            std::size_t share =
                here.under_way < call_limit_per_endpoint() ? call_limit_per_endpoint() - here.under_way : 0;
            for (share = std::min(share, room); share > 0 && !here.waiting.empty(); share--, room--) {
                ready.push_back(here.waiting.front());
                here.waiting.pop_front();
                waiting_--;
                last_served_ = lane->first;
            }
            const auto served = lane++;
            drop_if_empty(served);
        }
        return ready;
    }

  private:
    struct Lane {
        std::size_t under_way = 0;
        std::deque<Uuid> waiting;
    };
    using Lanes = std::map<std::string, Lane>;
    void drop_if_empty(Lanes::iterator lane) {
        if (lane->second.under_way == 0 && lane->second.waiting.empty()) lanes_.erase(lane);
    }

    Lanes lanes_;
    std::string last_served_;
    std::size_t under_way_ = 0;
    std::size_t waiting_ = 0;
    bool closed_ = false;
};

}  // namespace flowctl::pg
