// Turns: what is ready, one transaction for it, and what happens when that fails. See turn.hpp.
#include "pg/engine/turn.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "pg/engine/batch.hpp"
#include "pg/engine/failures.hpp"
#include "pg/evaluation/watch.hpp"
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
constexpr std::size_t kEnoughFailures = 3;       // of the server; then the rest of the turn is not tried

}  // namespace

// ---------------------------------------------------------------------------------------------- the turn

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
    if (!closed_) collect_timers();
    std::vector<Item> items = ready_items();
    if (state_.evaluations.size() > 0)
        std::erase_if(items, [this](Item& item) { return state_.evaluations.hold(item); });
    if (!items.empty()) {
        do_items(items);
        done_.turns++;
        done_.events += static_cast<std::int64_t>(items.size());
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
    return items;
}

long Engine::sleep_ms() {
    const machine::Instant now = unix_micros_now();
    if (const machine::Instant until = state_.pausing.until(); until > now)
        return static_cast<long>((until - now) / 1000 + 1);
    machine::Instant until = sweeper_.next_at();
    if (!closed_) {
        if (const auto due = state_.live.next_due()) until = std::min(until, *due);
    }
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
    return {.runs_open = static_cast<std::int64_t>(state_.live.size()),
            .calls_open = static_cast<std::int64_t>(state_.calls.under_way()),
            .turns = done_.turns,
            .events = done_.events,
            .last_turn_at = done_.last_turn_at,
            .unfinished = static_cast<std::int64_t>(state_.calls.under_way() + state_.intake.queued() +
                                                    state_.evaluations.under_way()),
            .drain = drain_,
            .waits = !sweeper_.active(),
            .off = !guc::run};
}

// ------------------------------------------------------------------------------------------- its transaction

// All items in one transaction. Where an evaluation takes too long, those before it are done at once, for
// their time is known; it and the others go back to the intake. If the transaction fails for another reason,
// each item is done in its own. An item that fails by itself is either the fault of its run, which then ends
// as FAILED with the reason, or the server's. What the server cannot do now comes again after a pause, behind
// what has not been tried, so that it holds up nobody; no failure makes the worker spin.
void Engine::do_items(std::vector<Item>& items) {
    std::vector<std::pair<Item, std::vector<machine::Given>>> interrupted;
    std::optional<Failure> failure;
    while (!items.empty() && (failure = attempt(items, false)) && failure->interrupted) {
        interrupted.emplace_back(items[*failure->interrupted], std::move(failure->given));
        give_up(items, *failure);
    }
    if (items.empty() || !failure) {
        for (auto& [item, given] : interrupted)
            state_.evaluations.interrupted(item, std::move(given));
        return;
    }
    std::vector<Item> failed;
    std::size_t tried = 0;
    Alone last = Alone::Done;
    for (; tried < items.size() && failed.size() < kEnoughFailures && last != Alone::Interrupted; tried++) {
        last = attempt_alone(items[tried]);
        if (last == Alone::NotNow) failed.push_back(std::move(items[tried]));
    }
    state_.intake.put_back({std::make_move_iterator(items.begin() + static_cast<std::ptrdiff_t>(tried)),
                            std::make_move_iterator(items.end())});
    if (last == Alone::Interrupted) state_.intake.put_back({std::move(items[tried - 1])});
    if (failed.empty()) return;
    for (Item& item : failed)
        state_.queue(std::move(item));
    state_.pause();
}

// Leaves the items before the one whose evaluation was interrupted. Its owner is charged for all that was in
// vain.
void Engine::give_up(std::vector<Item>& items, const Failure& failure) {
    const auto first = items.begin() + static_cast<std::ptrdiff_t>(*failure.interrupted);
    state_.intake.charge(*first, failure.micros);
    first->charged = 0;
    state_.intake.put_back({std::make_move_iterator(first), std::make_move_iterator(items.end())});
    items.erase(first, items.end());
}

// Why it has failed; nullopt: it has not.
std::optional<Engine::Failure> Engine::attempt(const std::vector<Item>& items, bool alone) {
    Batch batch(state_, alone);
    const std::int64_t began_at = unix_micros_now();
    try {
        const watch::Ticking ticking;
        Transaction transaction("pg_flowctl: advancing runs");
        {
            Spi spi;
            batch.run(spi, items);
        }
        transaction.commit();
    } catch (PgError& error) {
        Failure failure{error.what(), error.sqlstate()};
        if (alone) error.report();
        return failure;
    } catch (const EvaluationInterrupted& error) {
        Failure failure{error.what()};
        std::tie(failure.interrupted, failure.given) = batch.interrupted();
        failure.micros = unix_micros_now() - began_at;
        return failure;
    } catch (const std::exception& error) {
        return Failure{error.what(), ERRCODE_INTERNAL_ERROR};
    }
    batch.carry_out();
    return std::nullopt;
}

Engine::Alone Engine::attempt_alone(const Item& item) {
    std::optional<Failure> failure = attempt({item}, true);
    if (!failure) return Alone::Done;
    if (failure->interrupted) {
        state_.evaluations.interrupted(item, std::move(failure->given));
        return Alone::Interrupted;
    }
    if (is_transient(failure->sqlstate) || !storage_works()) return Alone::NotNow;
    return fail_run(item, failure->reason) ? Alone::Done : Alone::NotNow;
}

// Ends the run as FAILED; without an event of that where history takes none. False: the server cannot do it
// now.
bool Engine::fail_run(const Item& item, const std::string& reason) {
    for (const bool with_history : {true, false}) {
        try {
            Batch batch(state_, true);
            Transaction transaction("pg_flowctl: failing a run");
            {
                Spi spi;
                batch.fail(spi, item, reason, with_history);
            }
            transaction.commit();
            batch.carry_out();
            return true;
        } catch (PgError& error) {
            error.report();
        }
    }
    return false;
}

}  // namespace flowctl::pg
