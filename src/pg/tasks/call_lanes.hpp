// Fair shares of the calls that a worker may have under way.
//
// A call takes a place in a lane for its endpoint, one for the endpoint's host, one for the owner of its flow,
// and one for that owner at that host. All calls together are limited (call_limit), and so are those of each
// lane:
//
//   an endpoint           flowctl.max_calls_per_endpoint
//   a host, an owner      three quarters of the places that all others leave free
//   an owner at a host    two thirds of the host's places that other owners leave free
//
// So an endpoint that never answers holds up its own calls, and no owner takes all places, however many names
// one host is given and however many hosts are named; somebody else always finds one, at the same host, too.
//
// A run whose call finds a lane full waits in that line by its id; when there is room it is given its call
// again (machine::Resumed), and may then wait in another line. Ids are hints: a run that has ended meanwhile is
// passed over.
//
// A run in line takes 16 bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pg/server/uuid.hpp"
#include "pg/tasks/call_limit.hpp"
#include "pg/turn/lane.hpp"

namespace flowctl::pg {

// The calls that one transaction is about to begin, beside those under way.
struct PlannedPlaces {
    std::map<Lane, std::size_t> in_lane;
    std::size_t in_all = 0;

    void add(const Lanes& lanes) {
        for (const Lane& lane : lanes)
            in_lane[lane]++;
        if (!lanes.empty()) in_all++;
    }
    void remove(const Lanes& lanes) {
        for (const Lane& lane : lanes)
            in_lane[lane]--;
        if (!lanes.empty()) in_all--;
    }
};

class CallLanes {
  public:
    // While the lanes are closed, no call has room: the server is about to restart (shared/drain.hpp).
    void close(bool closed) { closed_ = closed; }

    // The line in which one more call has to wait, since there is no room in it; nothing: it may begin.
    std::optional<Lane> full_lane(const Lanes& lanes, const PlannedPlaces& planned = {}) const {
        if (closed_) return lanes.empty() ? Lane() : lanes.front();
        for (const Lane& lane : lanes)
            if (under_way_ + planned.in_all >= call_limit() || room_in(lane, planned) == 0) return lane;
        return std::nullopt;
    }
    void begin(const Lanes& lanes) {
        for (const Lane& lane : lanes)
            lanes_[lane].under_way++;
        if (!lanes.empty()) under_way_++;
    }
    void end(const Lanes& lanes) {
        for (const Lane& lane : lanes) {
            const auto found = lanes_.find(lane);
            if (found == lanes_.end() || found->second.under_way == 0) continue;
            found->second.under_way--;
            drop_if_empty(found);
        }
        if (!lanes.empty() && under_way_ > 0) under_way_--;
    }
    void wait(const Lane& lane, const Uuid& run) {
        lanes_[lane].waiting.push_back(run);
        waiting_++;
    }
    std::size_t waiting() const { return waiting_; }
    // Whether take_ready() would give something.
    bool has_ready() const {
        if (closed_ || waiting_ == 0 || under_way_ >= call_limit()) return false;
        return std::any_of(lanes_.begin(), lanes_.end(), [this](const auto& lane) {
            return !lane.second.waiting.empty() && room_in(lane.first, {}) > 0;
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
            std::deque<Uuid>& line = lane->second.waiting;
            for (std::size_t here = std::min(room_in(lane->first, {}), room); here > 0 && !line.empty();
                 here--, room--) {
                ready.push_back(line.front());
                line.pop_front();
                waiting_--;
                last_served_ = lane->first;
            }
            const auto served = lane++;
            drop_if_empty(served);
        }
        return ready;
    }

  private:
    struct Line {
        std::size_t under_way = 0;
        std::deque<Uuid> waiting;
    };
    using Lines = std::map<Lane, Line>;

    std::size_t taken_in(const Lane& lane, const PlannedPlaces& planned) const {
        const auto found = lanes_.find(lane);
        const auto more = planned.in_lane.find(lane);
        return (found == lanes_.end() ? 0 : found->second.under_way) +
               (more == planned.in_lane.end() ? 0 : more->second);
    }
    // The part of what others leave of these places, and at least one.
    static std::size_t part_of(std::size_t left, std::size_t of, std::size_t parts) {
        return std::max<std::size_t>(1, (left * of + parts - 1) / parts);
    }
    std::size_t most_in(const Lane& lane, const PlannedPlaces& planned) const {
        const std::size_t taken = taken_in(lane, planned);
        std::size_t places = call_limit();
        std::size_t others = under_way_ + planned.in_all - taken;
        std::size_t parts = 4;
        switch (lane.first) {
            case LaneKind::Endpoint:
                return call_limit_per_endpoint();
            case LaneKind::Host:
            case LaneKind::Owner:
                break;
            case LaneKind::OwnerAtHost: {
                const Lane host(LaneKind::Host, lane.second.substr(lane.second.find('@') + 1));
                places = most_in(host, planned);
                others = taken_in(host, planned) - taken;
                parts = 3;
                break;
            }
        }
        const std::size_t left = places - std::min(places, others);
        const std::size_t part = part_of(left, parts - 1, parts);
        // Where nobody else is there, one endpoint may have what the setting gives it.
        return others == 0 ? std::max(part, std::min(left, call_limit_per_endpoint())) : part;
    }
    std::size_t room_in(const Lane& lane, const PlannedPlaces& planned) const {
        const std::size_t taken = taken_in(lane, planned);
        const std::size_t most = most_in(lane, planned);
        return most > taken ? most - taken : 0;
    }
    void drop_if_empty(Lines::iterator lane) {
        if (lane->second.under_way == 0 && lane->second.waiting.empty()) lanes_.erase(lane);
    }

    Lines lanes_;
    Lane last_served_;
    std::size_t under_way_ = 0;
    std::size_t waiting_ = 0;
    bool closed_ = false;
};

}  // namespace flowctl::pg
