// Turns: what is ready, and who is asked for more. See turn.hpp.
#include "pg/engine/turn.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "pg/engine/batch.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/server/transaction.hpp"
#include "pg/shared/drain.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kMaxItems = 512;  // of one turn
// Runs whose call waits for room: more of them only cost time and memory. Of fresh runs a turn begins some
// all the same, since the calls of others may find room.
constexpr std::size_t kEnoughInLine = 512;
constexpr std::size_t kMinBegun = 16;
static_assert(kEnoughInLine + kMinBegun < kMaxInLineLive);
constexpr std::int64_t kDrainedNap = 1'000'000;  // us

bool keeps_from_beginning(const Item& item) {
    return item.event && (std::holds_alternative<machine::Paused>(*item.event) ||
                          std::holds_alternative<machine::Stopped>(*item.event));
}

// A fresh run that is to be stopped or paused must not begin before that.
void put_requests_first(std::vector<Item>& items) {
    if (std::none_of(items.begin(), items.end(), keeps_from_beginning)) return;
    std::set<Uuid> fresh;
    for (const Item& item : items)
        if (!item.event) fresh.insert(item.run);
    std::stable_partition(items.begin(), items.end(), [&](const Item& item) {
        return keeps_from_beginning(item) && fresh.contains(item.run);
    });
}

}  // namespace

bool Engine::turn() {
    drain_ = drain::current();
    closed_ = drain_ != 0 || !guc::run;
    state_.calls.limit(call_limits(), closed_);
    // Also while it pauses: what has come in would keep the loop from sleeping.
    const bool more_answers = collect_answers();
    const bool more_evaluations = state_.evaluations.collect(closed_);
    for (const auto& part : state_.parts)
        part->collect();
    if (state_.pausing.holds()) return false;
    try {
        if (!sweeper_.may_act()) return false;
        sweeper_.sweep();
    } catch (PgError& error) {
        error.report();
        state_.pause();
        return false;
    }
    for (Item& item : state_.deferred.take(unix_micros_now()))
        state_.queue(std::move(item));
    if (!closed_) collect_timers();
    std::vector<Item> items = ready_items();
    if (state_.evaluations.size() > 0)
        std::erase_if(items, [this](Item& item) { return state_.evaluations.hold(item); });
    if (!items.empty()) {
        done_.turns++;
        done_.events += static_cast<std::int64_t>(items.size());
        attempts_.carry_out(items);
        done_.last_turn_at = unix_micros_now();
    }
    state_.intake.forget_flood();
    bool more = more_answers || more_evaluations;
    if (state_.versions.work()) more = true;
    for (const auto& part : state_.parts)
        if (!state_.pausing.holds() && part->work()) more = true;
    const bool waits = closed_ ? state_.intake.queued() > 0 : state_.intake.has_ready();
    return more || waits || sweeper_.is_poked() || state_.calls.has_ready();
}

// True: there are more. An answer waits as it has come where many that have been read wait for a turn
// already.
bool Engine::collect_answers() {
    return state_.intake.queued() >= 2 * kMaxItems || state_.calls.collect();
}

void Engine::collect_timers() {
    const machine::Instant now = unix_micros_now();
    while (state_.intake.queued() < kMaxItems) {
        const auto run = state_.live.take_due(now);
        if (!run) return;
        state_.intake.push({.run = *run, .event = machine::TimerFired{}, .load = true});
    }
}

// Runs whose call has found room and runs that the parts give stand in line with the others. Fewer fresh runs
// begin while all calls are taken.
std::vector<Item> Engine::ready_items() {
    std::vector<Item> items;
    if (closed_) {
        state_.intake.take(kMaxItems, 0, items);
        return items;
    }
    for (Item& item : state_.calls.give())
        state_.queue(std::move(item));
    std::vector<FreshRun> given;
    for (const auto& part : state_.parts)
        part->give(given);
    state_.intake.announce(given);
    const std::size_t in_line = std::min(kEnoughInLine, state_.calls.waiting());
    state_.intake.take(kMaxItems, std::max(kMinBegun, kEnoughInLine - in_line), items);
    put_requests_first(items);
    return items;
}

long Engine::sleep_ms() {
    const machine::Instant now = unix_micros_now();
    if (const machine::Instant until = state_.pausing.until(); until > now)
        return static_cast<long>((until - now) / 1000 + 1);
    machine::Instant until = sweeper_.next_at();
    if (!closed_) {
        if (const auto due = state_.live.next_due()) until = std::min(until, *due);
        if (const auto at = state_.calls.next_at()) until = std::min(until, *at);
    }
    if (const auto at = state_.deferred.next_at()) until = std::min(until, *at);
    if (const auto at = state_.evaluations.next_at()) until = std::min(until, *at);
    for (const auto& part : state_.parts)
        if (const auto at = part->next_at()) until = std::min(until, *at);
    // A part may want to begin something that has to wait. The end of the drain, or a reload, wakes the worker.
    if (closed_) until = std::max(until, now + kDrainedNap);
    return until <= now ? 0 : static_cast<long>(std::min<std::int64_t>((until - now + 999) / 1000, 60'000));
}

void Engine::hear(const std::vector<mailbox::Message>& messages) {
    if (!sweeper_.active() || !guc::run) return;
    for (const auto& part : state_.parts)
        part->hear(messages);
}

void Engine::leave() {
    for (const auto& part : state_.parts)
        part->leave();
}

figures::Figures Engine::figures() const {
    std::int64_t of_parts = 0;
    for (const auto& part : state_.parts)
        of_parts += part->under_way();
    return {.runs_open = static_cast<std::int64_t>(state_.live.size()),
            .calls_open = static_cast<std::int64_t>(state_.calls.under_way()),
            .turns = done_.turns,
            .events = done_.events,
            .last_turn_at = done_.last_turn_at,
            .unfinished = of_parts + static_cast<std::int64_t>(state_.calls.under_way() + state_.intake.queued() +
                                                               state_.evaluations.under_way()),
            .drain = drain_,
            .waits = !sweeper_.active(),
            .off = !guc::run};
}

}  // namespace flowctl::pg
