// Implementation of event_performer.hpp.
#include "pg/events/event_performer.hpp"

#include <algorithm>
#include <utility>

#include "core/asl/timestamp.hpp"
#include "core/json.hpp"
#include "pg/events/event_task.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/timestamps.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kWaitsAtOnce = 200;      // of one statement
constexpr std::size_t kDeliveredAtOnce = 300;  // fewer than a turn takes
constexpr std::int64_t kLookMicros = 20'000;
constexpr Budget::Limits kOfMatch{50'000, 8 * 1024 * 1024, 200};
constexpr std::size_t kMostExpressions = 1'000;
// When it is looked again after a wait has begun.
constexpr std::int64_t kLooksAfter[] = {200'000, 1'000'000, 5'000'000};  // us

}  // namespace

// How much of a look is left.
class EventPerformer::Portion {
  public:
    bool is_left() const { return delivered < kDeliveredAtOnce && unix_micros_now() - begun_ < kLookMicros; }
    std::size_t delivered = 0;

  private:
    std::int64_t begun_ = unix_micros_now();
};

// ------------------------------------------------------------------------------------- in the turn's transaction

void EventPerformer::begin() {
    staged_.clear();
    done_.clear();
    waiting_change_ = 0;
    first_seen_.reset();
}

std::optional<Performer::Refusal> EventPerformer::prepare(Spi&, const RunFacts& run, const machine::Call& call,
                                                          const Attempt& attempt) {
    const auto read = event_tasks::read(call.input);
    if (!read) return Refusal{event_tasks::kInvalid, read.error()};
    store::EventWait& wait = staged_.emplace_back();
    wait.key = {run.id, call.id};
    wait.role = run.role;
    wait.type = read->type;
    wait.subject = read->subject;
    wait.match = read->match;
    wait.is_since_start = !read->since && !read->since_event;
    wait.since = read->since_event ? 0 : read->since.value_or(run.context.started_at);
    wait.since_event = read->since_event;
    wait.path = call.path;
    wait.state = call.state;
    wait.resource = call.resource.text;
    wait.attempt = call.attempt;
    wait.began_at = attempt.now;
    wait.due_at = call.deadline;
    json::ObjectBuilder output;
    output.add("Type", wait.type);
    if (wait.subject) output.add("Subject", *wait.subject);
    attempt.events.push_back(machine::TaskContinues{call.id, std::nullopt, json::Value(), output.build()});
    return std::nullopt;
}

void EventPerformer::withdraw(const Uuid& run, std::int64_t call) {
    std::erase_if(staged_, [&](const store::EventWait& wait) { return wait.key == store::WaitKey(run, call); });
}

void EventPerformer::write(Spi& spi, const Changes& changes) {
    if (!staged_.empty()) {
        const std::set<Uuid> ended(changes.ended.begin(), changes.ended.end());
        const std::set<store::WaitKey> dropped(changes.dropped_calls.begin(), changes.dropped_calls.end());
        std::erase_if(staged_, [&](const store::EventWait& wait) {
            return ended.contains(wait.key.first) || dropped.contains(wait.key);
        });
        for (const store::EventWait& wait : staged_)
            store::insert_event_wait(spi, wait);
        if (!seen_ && !staged_.empty()) first_seen_ = store::current_snapshot(spi);
    }
    waiting_change_ = static_cast<std::int64_t>(staged_.size());
    std::vector<store::WaitKey> over;
    for (const std::int64_t ticket : done_)
        if (const auto found = queued_.find(ticket); found != queued_.end()) over.push_back(found->second);
    if (waiting_ > 0) {
        over.insert(over.end(), changes.dropped_calls.begin(), changes.dropped_calls.end());
        waiting_change_ -= store::delete_event_waits_of(spi, changes.ended);
    }
    waiting_change_ -= store::delete_event_waits(spi, over);
    store::delete_event_starts(spi, changes.ended);
}

void EventPerformer::committed(const Changes&) {
    waiting_ += waiting_change_;
    waiting_change_ = 0;
    if (!seen_) seen_ = std::move(first_seen_);
    first_seen_.reset();
    for (const std::int64_t ticket : done_)
        if (const auto item = queued_.extract(ticket)) known_.erase(item.mapped());
    done_.clear();
    if (staged_.empty()) return;
    for (const store::EventWait& wait : staged_)
        searches_.push_back({wait.key, {}});
    staged_.clear();
    const machine::Instant now = unix_micros_now();
    look_at_.clear();
    for (const std::int64_t after : kLooksAfter)
        look_at_.push_back(now + after);
    shmem::poke_workers(MyDatabaseId);
}

// ------------------------------------------------------------------------------------- in a sweep

void EventPerformer::load(Spi& spi) {
    waiting_ = store::count_event_waits(spi, shard_, shards_);
    rounds_.clear();
    searches_.clear();
    seen_.reset();
    loading_.reset();
    if (waiting_ == 0) return;
    seen_ = store::current_snapshot(spi);
    loading_ = store::WaitKey{};
}

bool EventPerformer::look(Spi& spi) {
    if (waiting_ == 0) {
        seen_.reset();
        rounds_.clear();
        searches_.clear();
        loading_.reset();
        return false;
    }
    if (seen_ && rounds_.empty()) {
        const std::string now = store::current_snapshot(spi);
        for (const Uuid& event : store::new_awaited_events(spi, *seen_)) {
            rounds_.push_back({event, false, {}});
            rounds_.push_back({event, true, {}});
        }
        seen_ = now;
    }
    if (loading_ && searches_.empty()) {
        const auto page = store::page_of_event_waits(spi, shard_, shards_, *loading_, kWaitsAtOnce);
        for (const store::WaitKey& key : page)
            searches_.push_back({key, {}});
        loading_ = page.size() == kWaitsAtOnce ? std::optional(page.back()) : std::nullopt;
    }
    Portion portion;
    search(spi, portion);
    go_round(spi, portion);
    return !searches_.empty() || !rounds_.empty() || loading_;
}

// What a wait finds among the events from before it comes first.
void EventPerformer::search(Spi& spi, Portion& portion) {
    while (!searches_.empty() && portion.is_left()) {
        const std::size_t count = std::min(searches_.size(), kWaitsAtOnce);
        std::vector<store::WaitKey> keys;
        for (std::size_t i = 0; i < count; i++)
            keys.push_back(searches_[i].key);
        std::map<store::WaitKey, store::EventWait> waits;
        for (store::EventWait& wait : store::find_event_waits(spi, keys))
            waits.emplace(wait.key, std::move(wait));
        for (std::size_t i = 0; i < count && portion.is_left(); i++) {
            Search one = searches_.front();
            searches_.pop_front();
            const auto wait = waits.find(one.key);
            if (wait == waits.end() || known_.contains(one.key)) continue;
            const bool is_new = one.after == Uuid{};
            auto ids = store::events_for_wait(spi, wait->second, one.after, kWaitsAtOnce);
            const std::size_t count_of_page = ids.size();
            if (is_new) {
                const auto late = store::late_events_for_wait(spi, wait->second, kWaitsAtOnce);
                ids.insert(ids.begin(), late.begin(), late.end());
            }
            bool found = false;
            for (const Uuid& id : ids) {
                const auto event = store::find_event(spi, id);
                if (!event || !matches(wait->second, *event)) continue;
                deliver(one.key, *event);
                portion.delivered++;
                found = true;
                break;
            }
            if (found || count_of_page < kWaitsAtOnce) continue;
            one.after = ids.back();
            searches_.push_back(one);
        }
    }
}

void EventPerformer::go_round(Spi& spi, Portion& portion) {
    while (!rounds_.empty() && portion.is_left()) {
        Round& round = rounds_.front();
        const auto event = store::find_event(spi, round.event);
        std::vector<store::EventWait> waits;
        if (event)
            waits = store::waits_for_event(spi, shard_, shards_, round.event, round.any_subject, round.after, kWaitsAtOnce);
        for (const store::EventWait& wait : waits) {
            round.after = wait.key;
            if (known_.contains(wait.key) || !matches(wait, *event)) continue;
            deliver(wait.key, *event);
            portion.delivered++;
        }
        if (waits.size() < kWaitsAtOnce) rounds_.pop_front();
    }
}

// An expression that has no value for an event, or cannot be evaluated for it, does not match.
bool EventPerformer::matches(const store::EventWait& wait, const store::EventRow& event) {
    if (OidIsValid(event.reader) && !acts_for(wait.role, event.reader) && !sees_all(wait.role)) return false;
    if (!wait.match) return true;
    auto known = expressions_.find(*wait.match);
    if (known == expressions_.end()) {
        if (expressions_.size() >= kMostExpressions) expressions_.clear();
        auto compiled = FlowExpression::compile(*wait.match);
        std::optional<FlowExpression> expression;
        if (compiled) expression = std::move(compiled).value();
        known = expressions_.emplace(*wait.match, std::move(expression)).first;
    }
    if (!known->second) return false;
    Budget budget(kOfMatch);
    const auto result = known->second->evaluate(store::cloud_event(event, true), budget);
    return result && *result && (*result)->is_bool() && (*result)->as_bool();
}

void EventPerformer::deliver(const store::WaitKey& key, const store::EventRow& event) {
    known_.insert(key);
    queued_.emplace(++last_ticket_, key);
    host_.queue({.run = key.first,
                 .event = machine::TaskSucceeded{key.second, store::cloud_event(event, true)},
                 .load = true,
                 .before_timers = true,
                 .from = this,
                 .ticket = last_ticket_});
}

// ------------------------------------------------------------------------------------- outside of transactions

bool EventPerformer::work() {
    if (look_at_.empty() || unix_micros_now() < look_at_.front()) return false;
    look_at_.erase(look_at_.begin());
    shmem::poke_workers(MyDatabaseId);
    return false;
}

std::optional<machine::Instant> EventPerformer::next_at() const {
    if (look_at_.empty()) return std::nullopt;
    return look_at_.front();
}

}  // namespace flowctl::pg
