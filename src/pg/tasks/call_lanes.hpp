// Fair shares of the calls that a worker may have under way.
//
// A call takes a place in a lane for its endpoint, one for the endpoint's host, one for the owner of its
// flow, and one for that owner at that host. All calls together are limited (CallLimits), and so are those of
// each lane:
//
//   an endpoint           flowctl.max_calls_per_endpoint
//   a host, an owner      three quarters of the places that all others leave free
//   an owner at a host    two thirds of the host's places that other owners leave free
//
// A quota (flowctl.set_quota) says besides how many calls of an owner all workers together may have under way.
//
// So an endpoint that never answers holds up its own calls, and no owner takes all places, however many names
// one host is given and however many hosts are named; somebody else always finds one, at the same host, too.
//
// A run whose call finds a lane full waits in that line by its id; when there is room it is given its call
// again (machine::Resumed), and may then wait in another line. Ids are hints: a run that has ended meanwhile
// is passed over.
//
// What the answers of all calls under way may take of memory is limited in the same way
// (flowctl.answer_memory): a call counts with the size that its answer may have.
//
// A run in line takes 24 bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/uuid_value.hpp"
#include "pg/tasks/call_limit.hpp"
#include "pg/turn/lane.hpp"

namespace flowctl::pg {

// The calls that one transaction is about to begin, beside those under way.
struct PlannedPlaces {
    std::map<Lane, std::size_t> in_lane;
    std::size_t in_all = 0;
    std::size_t answer_bytes = 0;

    void add(const Lanes& lanes) {
        for (const Lane& lane : lanes)
            in_lane[lane]++;
        if (!lanes.empty()) in_all++;
        answer_bytes += lanes.answer_bytes;
    }
    void remove(const Lanes& lanes) {
        for (const Lane& lane : lanes)
            in_lane[lane]--;
        if (!lanes.empty()) in_all--;
        answer_bytes -= lanes.answer_bytes;
    }
};

// What all workers of the database know of an endpoint together.
class EndpointPace {
  public:
    virtual ~EndpointPace() = default;
    virtual EndpointRoom room(const std::string& endpoint, const EndpointLimits& limits) const = 0;
    virtual void begin(const std::string& endpoint, const EndpointLimits& limits) = 0;
    virtual void end(const std::string& endpoint) = 0;
};

class CallLanes {
  public:
    // Null: every endpoint is this worker's alone and has no limits of its own.
    void follow(EndpointPace* pace) { pace_ = pace; }
    // Calls that are under way already go on, also beyond the limits.
    void limit(const CallLimits& limits) { limits_ = limits; }
    // While the lanes are closed, no call has room: the server is about to restart (shared/drain.hpp).
    void close(bool closed) { closed_ = closed; }
    // No call begins in these lanes. Calls under way go on.
    void pause(std::set<Lane> lanes) { paused_ = std::move(lanes); }
    // How many calls all workers together may have under way, of each owner with a quota. Calls under way go on.
    void give_quotas(std::map<std::string, std::int64_t> quotas) {
        const auto before = std::exchange(quotas_, std::move(quotas));
        if (pace_ == nullptr) return;
        // The calls of an owner are counted while he has a quota.
        for (const auto& [owner, most] : before) {
            const Lane lane(LaneKind::Owner, owner);
            for (std::size_t i = quotas_.contains(owner) ? 0 : under_way_in(lane); i > 0; i--)
                pace_->end(name_for_all(lane));
        }
        for (const auto& [owner, most] : quotas_) {
            const Lane lane(LaneKind::Owner, owner);
            for (std::size_t i = before.contains(owner) ? 0 : under_way_in(lane); i > 0; i--)
                pace_->begin(name_for_all(lane), quota(most));
        }
    }
    bool is_paused(const Lane& lane) const { return !paused_.empty() && paused_.contains(lane); }

    // The line in which one more call has to wait, since there is no room in it; nothing: it may begin.
    std::optional<Lane> full_lane(const Lanes& lanes, const PlannedPlaces& planned = {}) const {
        if (closed_) return lanes.empty() ? Lane() : lanes.front();
        for (const Lane& lane : lanes)
            if (is_paused(lane)) return lane;
        if (pace_ != nullptr)
            for (const Lane& lane : lanes)
                if (const auto shared = shared_limits(lane, lanes.limits);
                    shared && pace_->room(name_for_all(lane), *shared).calls <= planned_in(lane, planned))
                    return lane;
        for (const Lane& lane : lanes)
            if (under_way_ + planned.in_all >= limits_.calls || room_in(lane, planned) == 0) return lane;
        const std::string owner = owner_of(lanes);
        if (!answer_fits(owner, lanes.answer_bytes, planned.answer_bytes))
            return Lane(LaneKind::Answers, owner);
        return std::nullopt;
    }
    void begin(const Lanes& lanes) {
        for (const Lane& lane : lanes) {
            lanes_[lane].under_way++;
            if (pace_ == nullptr) continue;
            if (const auto shared = shared_limits(lane, lanes.limits)) pace_->begin(name_for_all(lane), *shared);
        }
        if (!lanes.empty()) under_way_++;
        answer_bytes_ += lanes.answer_bytes;
        bytes_of_owner_[owner_of(lanes)] += lanes.answer_bytes;
    }
    void end(const Lanes& lanes) {
        for (const Lane& lane : lanes) {
            const auto found = lanes_.find(lane);
            if (found == lanes_.end() || found->second.under_way == 0) continue;
            found->second.under_way--;
            if (pace_ != nullptr)
                if (const auto shared = shared_limits(lane, lanes.limits); shared && shared->any())
                    pace_->end(name_for_all(lane));
            drop_if_empty(found);
        }
        if (!lanes.empty() && under_way_ > 0) under_way_--;
        answer_bytes_ -= lanes.answer_bytes;
        const auto own = bytes_of_owner_.find(owner_of(lanes));
        if (own != bytes_of_owner_.end() && (own->second -= lanes.answer_bytes) == 0)
            bytes_of_owner_.erase(own);
    }
    // In the line that full_lane() has named.
    void wait(const Lane& lane, const Uuid& run, std::size_t answer_bytes, const EndpointLimits& limits = {}) {
        Line& line = lanes_[lane];
        line.waiting.push_back({run, answer_bytes});
        line.limits = limits;
        waiting_++;
    }
    // When a run may leave its line because of time; nullopt: none.
    std::optional<std::int64_t> next_at() const {
        std::optional<std::int64_t> next;
        if (pace_ == nullptr || closed_ || waiting_ == 0) return next;
        for (const auto& [lane, line] : lanes_) {
            if (lane.first != LaneKind::Endpoint || line.waiting.empty() || is_paused(lane)) continue;
            const auto at = pace_->room(lane.second, line.limits).opens_at;
            if (at) next = next ? std::min(*next, *at) : *at;
        }
        return next;
    }
    std::size_t waiting() const { return waiting_; }
    // Whether take_ready() would give something.
    bool has_ready() const {
        if (closed_ || waiting_ == 0 || under_way_ >= limits_.calls) return false;
        return std::any_of(lanes_.begin(), lanes_.end(), [this](const auto& lane) {
            return !lane.second.waiting.empty() && has_room_for_next(lane, 0, 0);
        });
    }
    // The runs for whose calls there is room now, taken out of line; lanes take turns at being first.
    std::vector<Uuid> take_ready() {
        std::vector<Uuid> ready;
        if (closed_) return ready;
        std::size_t room = limits_.calls - std::min(limits_.calls, under_way_);
        ready.reserve(std::min(room, waiting_));
        std::size_t answer_bytes = 0;
        auto lane = lanes_.upper_bound(last_served_);
        for (std::size_t left = lanes_.size(); left > 0 && room > 0 && waiting_ > 0; left--) {
            if (lane == lanes_.end()) lane = lanes_.begin();
            std::deque<Waiting>& line = lane->second.waiting;
            for (std::size_t taken = 0;
                 room > 0 && !line.empty() && has_room_for_next(*lane, taken, answer_bytes);
                 taken++, room--) {
                ready.push_back(line.front().run);
                answer_bytes += line.front().answer_bytes;
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
    struct Waiting {
        Uuid run{};
        std::size_t answer_bytes = 0;
    };
    struct Line {
        std::size_t under_way = 0;
        std::deque<Waiting> waiting;
        EndpointLimits limits;  // of an endpoint at which runs wait, as the last of them has had them
    };
    using Lines = std::map<Lane, Line>;

    static EndpointLimits quota(std::int64_t most) {
        EndpointLimits limits;
        limits.max_concurrency = most;
        return limits;
    }
    // What all workers together keep to in this lane; nullopt: it is each worker's own business.
    std::optional<EndpointLimits> shared_limits(const Lane& lane, const EndpointLimits& of_endpoint) const {
        if (lane.first == LaneKind::Endpoint) return of_endpoint;
        if (lane.first != LaneKind::Owner || quotas_.empty()) return std::nullopt;
        const auto found = quotas_.find(lane.second);
        return found == quotas_.end() ? std::nullopt : std::optional(quota(found->second));
    }
    static std::string name_for_all(const Lane& lane) {
        return lane.first == LaneKind::Owner ? name_of_owner(lane.second) : lane.second;
    }
    std::size_t under_way_in(const Lane& lane) const {
        const auto found = lanes_.find(lane);
        return found == lanes_.end() ? 0 : found->second.under_way;
    }
    static std::size_t planned_in(const Lane& lane, const PlannedPlaces& planned) {
        const auto found = planned.in_lane.find(lane);
        return found == planned.in_lane.end() ? 0 : found->second;
    }
    std::size_t taken_in(const Lane& lane, const PlannedPlaces& planned) const {
        return under_way_in(lane) + planned_in(lane, planned);
    }
    // The part of what others leave of these places, and at least one.
    static std::size_t part_of(std::size_t left, std::size_t of, std::size_t parts) {
        return std::max<std::size_t>(1, (left * of + parts - 1) / parts);
    }
    std::size_t most_in(const Lane& lane, const PlannedPlaces& planned) const {
        const std::size_t taken = taken_in(lane, planned);
        std::size_t places = limits_.calls;
        std::size_t others = under_way_ + planned.in_all - taken;
        std::size_t parts = 4;
        switch (lane.first) {
            case LaneKind::Endpoint:
                return limits_.calls_per_endpoint;
            case LaneKind::Host:
            case LaneKind::Owner:
            case LaneKind::Flow:
            case LaneKind::Answers:  // no call takes a place there
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
        return others == 0 ? std::max(part, std::min(left, limits_.calls_per_endpoint)) : part;
    }
    std::size_t room_in(const Lane& lane, const PlannedPlaces& planned) const {
        const std::size_t taken = taken_in(lane, planned);
        const std::size_t most = most_in(lane, planned);
        return most > taken ? most - taken : 0;
    }
    // Whether the first in this line may leave it, after so many others of it and of all lines.
    bool has_room_for_next(const Lines::value_type& lane, std::size_t taken, std::size_t answer_bytes) const {
        if (is_paused(lane.first)) return false;
        if (lane.first.first == LaneKind::Flow) return true;
        if (lane.first.first == LaneKind::Answers)
            return answer_fits(lane.first.second, lane.second.waiting.front().answer_bytes, answer_bytes);
        if (pace_ != nullptr)
            if (const auto shared = shared_limits(lane.first, lane.second.limits);
                shared && pace_->room(name_for_all(lane.first), *shared).calls <= taken)
                return false;
        return taken < room_in(lane.first, {});
    }
    // Whether an answer of this size fits beside those of the calls under way, and `planned` bytes more. An
    // owner may have three quarters of what everybody else leaves free. One answer always fits where there is
    // no other.
    bool answer_fits(const std::string& owner, std::size_t bytes, std::size_t planned) const {
        const std::size_t all = answer_bytes_ + planned, most = limits_.answer_bytes;
        if (all == 0 || bytes == 0) return true;
        const auto found = bytes_of_owner_.find(owner);
        const std::size_t own = found == bytes_of_owner_.end() ? planned : found->second + planned;
        const std::size_t left = most - std::min(most, all - std::min(all, own));
        return all + bytes <= most && (own == 0 || own + bytes <= left - left / 4);
    }
    static std::string owner_of(const Lanes& lanes) {
        for (const Lane& lane : lanes)
            if (lane.first == LaneKind::Owner) return lane.second;
        return {};
    }
    void drop_if_empty(Lines::iterator lane) {
        if (lane->second.under_way == 0 && lane->second.waiting.empty()) lanes_.erase(lane);
    }

    CallLimits limits_;
    Lines lanes_;
    Lane last_served_;
    std::size_t under_way_ = 0;
    std::size_t answer_bytes_ = 0;
    std::map<std::string, std::size_t> bytes_of_owner_;
    std::size_t waiting_ = 0;
    bool closed_ = false;
    std::set<Lane> paused_;
    std::map<std::string, std::int64_t> quotas_;
    EndpointPace* pace_ = nullptr;
};

}  // namespace flowctl::pg
