// What waits for a turn; see intake.hpp.
#include "pg/engine/intake.hpp"

#include <malloc.h>

#include <utility>

namespace flowctl::pg {

namespace {

constexpr std::size_t kFlood = 100'000;  // runs that wait for their beginning

}  // namespace

void Intake::announce(const std::vector<Uuid>& runs, LiveRuns& live) {
    for (const Uuid& id : runs)
        if (live.find(id) == nullptr && fresh_known_.insert(id).second) fresh_.push_back(id);
    flood_ = flood_ || fresh_.size() > kFlood;
}

void Intake::take(std::size_t most, std::size_t may_begin, std::vector<Item>& items) {
    const std::size_t limit = items.size() + most;
    while (items.size() < limit && (!queue_.empty() || (!fresh_.empty() && may_begin > 0))) {
        if (!queue_.empty()) {
            items.push_back(std::move(queue_.front()));
            queue_.pop_front();
        }
        if (!fresh_.empty() && may_begin > 0) {
            may_begin--;
            items.push_back({.run = fresh_.front()});
            fresh_known_.erase(fresh_.front());
            fresh_.pop_front();
        }
    }
}

void Intake::put_back(std::vector<Item>&& items) {
    for (auto item = items.rbegin(); item != items.rend(); ++item) {
        if (item->event) {
            queue_.push_front(std::move(*item));
        } else {
            fresh_known_.insert(item->run);
            fresh_.push_front(item->run);
        }
    }
}

void Intake::forget_flood() {
    if (!flood_ || !fresh_.empty()) return;
    flood_ = false;
    fresh_ = {};
    fresh_known_ = {};
    malloc_trim(0);
}

}  // namespace flowctl::pg
