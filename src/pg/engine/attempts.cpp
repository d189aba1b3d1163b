// The transactions of a turn's items, and what happens when one fails. See attempts.hpp.
#include "pg/engine/attempts.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "pg/engine/batch.hpp"
#include "pg/engine/failures.hpp"
#include "pg/evaluation/watch.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/server/transaction.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kEnoughFailures = 3;  // of the server; then the rest of the turn is not tried

}  // namespace

void Attempts::carry_out(std::vector<Item>& items) {
    std::vector<std::pair<Item, std::vector<machine::Given>>> interrupted;
    std::optional<Failure> failure;
    while (!items.empty() && (failure = attempt(items, false))) {
        if (failure->interrupted) {
            interrupted.emplace_back(items[*failure->interrupted], std::move(failure->given));
            give_up(items, *failure);
        } else if (!failure->busy.empty()) {
            put_off(items, *failure);
        } else {
            break;
        }
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
void Attempts::give_up(std::vector<Item>& items, const Failure& failure) {
    const auto first = items.begin() + static_cast<std::ptrdiff_t>(*failure.interrupted);
    state_.intake.charge(*first, failure.micros);
    first->charged = 0;
    state_.intake.put_back({std::make_move_iterator(first), std::make_move_iterator(items.end())});
    items.erase(first, items.end());
}

// Leaves the items of runs that are not busy. What has to be done with a busy run before its items comes first in
// the next turn.
void Attempts::put_off(std::vector<Item>& items, Failure& failure) {
    std::vector<Item> rest, next;
    for (Item& item : items) {
        const auto busy = std::find_if(failure.busy.begin(), failure.busy.end(),
                                       [&](const BusyRun& one) { return one.run == item.run; });
        if (busy == failure.busy.end()) {
            rest.push_back(std::move(item));
            continue;
        }
        if (busy->first.empty() && !busy->served) {
            state_.deferred.add(std::move(item), unix_micros_now());
            continue;
        }
        busy->served = true;
        for (Item& before : busy->first) {
            before.owner = item.owner;
            next.push_back(std::move(before));
        }
        busy->first.clear();
        next.push_back(std::move(item));
    }
    items = std::move(rest);
    state_.intake.put_back(std::move(next));
}

// Why it has failed; nullopt: it has not.
std::optional<Attempts::Failure> Attempts::attempt(const std::vector<Item>& items, bool alone) {
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
    } catch (RunsBusy& error) {
        Failure failure{error.what()};
        failure.busy = std::move(error.runs());
        return failure;
    } catch (const std::exception& error) {
        return Failure{error.what(), ERRCODE_INTERNAL_ERROR};
    }
    batch.carry_out();
    return std::nullopt;
}

Attempts::Alone Attempts::attempt_alone(const Item& item) {
    std::optional<Failure> failure = attempt({item}, true);
    if (!failure) return Alone::Done;
    if (failure->interrupted) {
        state_.evaluations.interrupted(item, std::move(failure->given));
        return Alone::Interrupted;
    }
    if (!failure->busy.empty()) {
        std::vector<Item> items{item};
        put_off(items, *failure);
        return Alone::Done;
    }
    if (is_transient(failure->sqlstate) || !storage_works()) return Alone::NotNow;
    return fail_run(item, failure->reason) ? Alone::Done : Alone::NotNow;
}

// Ends the run as FAILED; without an event of that where history takes none. False: the server cannot do it
// now.
bool Attempts::fail_run(const Item& item, const std::string& reason) {
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
