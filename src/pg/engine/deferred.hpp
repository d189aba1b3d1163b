// Deferred: items of runs that a session holds up for a moment (turn/busy.hpp).
//
// Each comes again after a pause that grows with every attempt, so that a session which takes its time costs
// little.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "pg/server/uuid.hpp"
#include "pg/turn/item.hpp"

namespace flowctl::pg {

class Deferred {
  public:
    void add(Item&& item, machine::Instant now) {
        auto& tries = tries_[item.run];
        const std::int64_t pause = std::min(kLongest, kShortest << std::min(tries, 10));
        tries++;
        items_.emplace(now + pause, std::move(item));
    }
    // The items whose time has come.
    std::vector<Item> take(machine::Instant now) {
        std::vector<Item> due;
        // The clock may have been set back.
        while (!items_.empty() &&
               (items_.begin()->first <= now || items_.begin()->first > now + 2 * kLongest)) {
            due.push_back(std::move(items_.begin()->second));
            items_.erase(items_.begin());
        }
        if (items_.empty() && due.empty()) tries_.clear();
        return due;
    }
    std::optional<machine::Instant> next_at() const {
        if (items_.empty()) return std::nullopt;
        return items_.begin()->first;
    }

  private:
    static constexpr std::int64_t kShortest = 10'000, kLongest = 1'000'000;  // microseconds

    std::multimap<machine::Instant, Item> items_;
    std::map<Uuid, int> tries_;
};

}  // namespace flowctl::pg
