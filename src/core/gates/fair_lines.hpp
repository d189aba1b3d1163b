// Lines that wait at one gate, in a fair order: by owner, then by flow, then by priority, then by age.
//
// Owners take turns, and the flows of an owner take turns among each other, however much each of them has
// waiting. Whoever was served less comes first. An owner or a flow that begins to wait begins beside the
// others, so it neither overtakes them for long nor has to make up for what they had before.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <tuple>

#include "base/uuid_value.hpp"

namespace flowctl::gates {

// A line, and what its first run is ordered by.
struct Place {
    std::uint32_t owner = 0;
    Uuid flow{};
    int priority = 0;        // a greater one comes first
    std::int64_t since = 0;  // when the run was started
    Uuid line{};
    bool operator==(const Place&) const = default;
};

class FairLines {
  public:
    bool empty() const { return owners_.empty(); }
    std::size_t size() const { return size_; }

    void add(const Place& place) {
        const auto [owner, is_new_owner] = owners_.try_emplace(place.owner);
        if (is_new_owner) owner->second.used = time_;
        const auto [flow, is_new_flow] = owner->second.flows.try_emplace(place.flow);
        if (is_new_flow) flow->second.used = owner->second.time;
        if (flow->second.lines.insert(key_of(place)).second) size_++;
    }
    void remove(const Place& place) {
        const auto owner = owners_.find(place.owner);
        if (owner == owners_.end()) return;
        const auto flow = owner->second.flows.find(place.flow);
        if (flow == owner->second.flows.end()) return;
        size_ -= flow->second.lines.erase(key_of(place));
        if (flow->second.lines.empty()) owner->second.flows.erase(flow);
        if (owner->second.flows.empty()) owners_.erase(owner);
    }
    // Whose turn it is. There must be one.
    Place first() const {
        const auto owner = least(owners_);
        const auto flow = least(owner->second.flows);
        const auto& [priority, since, line] = *flow->second.lines.begin();
        return {owner->first, flow->first, -priority, since, line};
    }
    // A run of this line has been admitted; the line is still here.
    void served(const Place& place) {
        const auto owner = owners_.find(place.owner);
        if (owner == owners_.end()) return;
        time_ = std::max(time_, owner->second.used++);
        const auto flow = owner->second.flows.find(place.flow);
        if (flow == owner->second.flows.end()) return;
        owner->second.time = std::max(owner->second.time, flow->second.used++);
    }
    template <class Visit>
    void each(Visit&& visit) const {
        for (const auto& [owner, of_owner] : owners_)
            for (const auto& [flow, of_flow] : of_owner.flows)
                for (const auto& [priority, since, line] : of_flow.lines)
                    visit(Place{owner, flow, -priority, since, line});
    }

  private:
    using Key = std::tuple<int, std::int64_t, Uuid>;  // the priority is negated
    struct OfFlow {
        std::int64_t used = 0;
        std::set<Key> lines;
    };
    struct OfOwner {
        std::int64_t used = 0;
        std::int64_t time = 0;  // the least that a flow of it which waited had used
        std::map<Uuid, OfFlow> flows;
    };
    static Key key_of(const Place& place) { return {-place.priority, place.since, place.line}; }
    template <class Map>
    static typename Map::const_iterator least(const Map& all) {
        auto found = all.begin();
        for (auto one = all.begin(); one != all.end(); ++one)
            if (one->second.used < found->second.used) found = one;
        return found;
    }

    std::map<std::uint32_t, OfOwner> owners_;
    std::int64_t time_ = 0;
    std::size_t size_ = 0;
};

}  // namespace flowctl::gates
