// What waits for a turn; see intake.hpp.
#include "pg/engine/intake.hpp"

#include <malloc.h>

#include <algorithm>
#include <queue>
#include <utility>

namespace flowctl::pg {

namespace {

constexpr std::size_t kFlood = 100'000;  // runs that wait for their beginning
constexpr std::size_t kManyLines = 64;   // then those of owners who have nothing to do are dropped
constexpr std::int64_t kLongest =
    60'000'000;  // what one item may count; a clock that jumps is no owner's fault

}  // namespace

Intake::Line& Intake::line_of(Oid owner) {
    Line& line = lines_[owner];
    if (line.empty()) line.used = std::max(line.used, time_);
    return line;
}

void Intake::announce(const std::vector<FreshRun>& runs) {
    for (const FreshRun& run : runs)
        if (live_.find(run.id) == nullptr && known_.insert(run.id).second)
            line_of(run.owner).fresh.push_back(run.id);
    flood_ = flood_ || known_.size() > kFlood;
}

void Intake::push(Item&& item) {
    const LiveRun* run = live_.find(item.run);
    if (run != nullptr) item.owner = run->flow_owner;
    if (!item.event) return announce({{item.run, item.owner}});
    line_of(item.owner).queue.push_back(std::move(item));
    queued_++;
}

void Intake::take(std::size_t most, std::size_t most_begin, std::vector<Item>& items) {
    using Next = std::pair<std::int64_t, Oid>;  // used, owner
    std::priority_queue<Next, std::vector<Next>, std::greater<>> next;
    for (const auto& [owner, line] : lines_)
        if (!line.empty()) next.emplace(line.used, owner);
    // All that was taken before is charged by now. In the midst of this, the lines hold estimates: with an
    // estimate as the common time, whoever begins next would stand behind the work of others for as long as
    // it was wrong.
    if (!next.empty()) time_ = std::max(time_, next.top().first);
    const std::size_t limit = items.size() + most;
    while (!next.empty() && items.size() < limit) {
        const Oid owner = next.top().second;
        next.pop();
        Line& line = lines_.at(owner);
        if (!take_from(line, owner, most_begin, items)) continue;
        if (!line.empty()) next.emplace(line.used, owner);
    }
    if (lines_.size() > kManyLines) drop_idle();
}

// False: there are only fresh runs in this line, and no more may begin.
bool Intake::take_from(Line& line, Oid owner, std::size_t& most_begin, std::vector<Item>& items) {
    const bool can_begin = most_begin > 0 && may_begin(line, owner);
    if (line.queue.empty() && !can_begin) return false;
    if (line.queue.empty() || (can_begin && line.fresh_first)) {
        items.push_back({.run = line.fresh.front()});
        known_.erase(line.fresh.front());
        line.fresh.pop_front();
        if (line.returned > 0) line.returned--;
        most_begin--;
        line.fresh_first = false;
    } else {
        items.push_back(std::move(line.queue.front()));
        line.queue.pop_front();
        queued_--;
        line.fresh_first = true;
    }
    items.back().owner = owner;
    items.back().charged = line.cost;
    line.used += line.cost;
    return true;
}

void Intake::charge(const Item& item, std::int64_t micros) {
    const auto found = lines_.find(item.owner);
    if (found == lines_.end()) return;
    Line& line = found->second;
    micros = std::clamp<std::int64_t>(micros, 1, kLongest);
    line.used += micros - item.charged;
    line.cost = std::max<std::int64_t>(1, (line.cost * 7 + micros) / 8);
}

void Intake::put_back(std::vector<Item>&& items) {
    for (auto item = items.rbegin(); item != items.rend(); ++item) {
        Line& line = line_of(item->owner);
        line.used -= item->charged;
        line.fresh_first = !item->event;
        if (item->event) {
            line.queue.push_front(std::move(*item));
            queued_++;
        } else if (known_.insert(item->run).second) {
            line.fresh.push_front(item->run);
            line.returned++;
        }
    }
}

void Intake::hold_fresh(Oid owner, bool held) {
    if (held)
        held_.insert(owner);
    else
        held_.erase(owner);
}

bool Intake::has_ready() const {
    if (queued_ > 0 || held_.empty()) return queued_ > 0 || !known_.empty();
    return std::any_of(lines_.begin(), lines_.end(), [this](const auto& entry) {
        return may_begin(entry.second, entry.first);
    });
}

void Intake::drop_idle() {
    std::erase_if(lines_,
                  [this](const auto& entry) { return entry.second.empty() && entry.second.used <= time_; });
}

void Intake::forget_flood() {
    if (!flood_ || !known_.empty()) return;
    flood_ = false;
    for (auto& [owner, line] : lines_)
        line.fresh = {}, line.returned = 0;
    known_ = {};
    malloc_trim(0);
}

}  // namespace flowctl::pg
