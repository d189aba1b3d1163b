// Turns of the engine: what is ready, and one transaction for it. See engine.hpp.
//
// The parts of a turn: engine_load.cpp (runs from the store), engine_advance.cpp (events and effects),
// engine_write.cpp (tables, then effects), engine_failures.cpp (what happens when it fails).
#include "pg/engine/turn.hpp"

#include <malloc.h>

#include <algorithm>
#include <chrono>

#include "pg/engine/batch.hpp"
#include "pg/identity/key_sets.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/transaction.hpp"
#include "pg/shared/installation.hpp"
#include "pg/store/run_id.hpp"
#include "pg/tasks/call_limit.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kMaxItems = 512;           // of one turn
constexpr std::int64_t kMaxTurnMicros = 50'000;  // of advancing; what is left waits for the next turn
constexpr std::size_t kMaxDueLoaded = 10'000;    // parked runs, at once
constexpr std::size_t kMaxControls = 500;        // fewer than a turn takes
constexpr std::int64_t kNever = INT64_MAX;
// Runs whose call waits for room: more only cost time and memory. Of new ones a turn begins some all the
// same, since others' calls may find room.
constexpr std::size_t kEnoughInLine = 512;
constexpr std::size_t kMinBegun = 16;
// A sweep goes through what has started since the one before, a microsecond for each run: often under load,
// so that none takes long.
constexpr std::size_t kEnoughHeard = 4'000;
constexpr std::size_t kFlood = 100'000;  // runs that wait for their beginning
static_assert(kEnoughInLine + kMinBegun < kMaxInLineLive);

}  // namespace

// ---------------------------------------------------------------------------------------------- what is
// ready

void Engine::note_fresh(const std::vector<Uuid>& runs) {
    if (!active_) return;  // the sweep at activation finds them
    heard_ += runs.size();
    for (const Uuid& id : runs)
        if (live_.find(id) == nullptr && fresh_known_.insert(id).second) fresh_.push_back(id);
    flood_ = flood_ || fresh_.size() > kFlood;
}

// After a flood of starts, what it took goes back to the system: the allocator would keep it.
void Engine::forget_flood() {
    if (!flood_ || !fresh_.empty()) return;
    flood_ = false;
    fresh_ = {};
    fresh_known_ = {};
    malloc_trim(0);
}

// Whether this database may act (promise 10). Looked at when the worker starts and when it is poked.
bool Engine::check_active() {
    if (!poked_) return active_;
    Transaction transaction("pg_flowctl: looking at flowctl_catalog.installation");
    {
        Spi spi;
        const bool matches = installation_matches();
        shmem::hear_of_runs(claim_.slot, matches);
        if (matches && !active_) sweep_at_ = 0;
        active_ = matches;
    }
    transaction.commit();
    return active_;
}

bool Engine::is_ours(const Uuid& run) const {
    return shard_of(bucket_of(run), claim_.shards) == claim_.shard;
}

// Nearly all that a sweep finds the worker has heard of already.
std::vector<Uuid> Engine::find_unannounced(Spi& spi) {
    std::vector<Uuid> found = position_ ? store::find_open_since(*position_) : store::find_unbegun(spi);
    std::erase_if(found, [this](const Uuid& id) {
        return !is_ours(id) || live_.find(id) != nullptr || fresh_known_.contains(id);
    });
    return position_ ? store::without_frame(found) : found;
}

void Engine::sweep() {
    const std::int64_t now = now_micros();
    const std::int64_t interval = static_cast<std::int64_t>(guc::sweep_interval) * 1000;
    sweep_at_ = std::min(sweep_at_, now + interval);  // the setting has changed, or the clock was set back
    const std::size_t enough = kEnoughHeard / static_cast<std::size_t>(claim_.shards);
    const bool due = now >= sweep_at_ || heard_ >= enough;
    const bool load = due || (now >= load_at_ && fresh_.empty());
    const bool look = poked_ && queue_.size() < kMaxItems;
    if (!load && !look) return;
    Transaction transaction("pg_flowctl: looking for runs");
    std::vector<Uuid> fresh, parked;
    std::vector<store::Control> controls;
    store::SweepPosition next;
    std::int64_t load_at = load_at_;
    {
        Spi spi;
        if (due) {
            next = store::current_position(spi);
            fresh = find_unannounced(spi);
            if (!position_) {
                load_map_runs(spi);
                parked = store::find_interrupted(spi);
            }
        }
        if (load) {
            const std::vector<store::DueRun> soon =
                store::find_due(spi, claim_.shard, claim_.shards, now + horizon_micros(), kMaxDueLoaded);
            for (const store::DueRun& run : soon)
                parked.push_back(run.run_id);
            // Those that are due after them are looked for when they are.
            load_at = soon.size() < kMaxDueLoaded ? kNever : soon.back().due_at;
        }
        if (due || look) controls = store::find_controls(spi, claim_.shard, claim_.shards, kMaxControls);
    }
    transaction.commit();

    load_at_ = load_at;
    std::erase_if(parked, [this](const Uuid& id) { return !is_ours(id); });
    note_fresh(fresh);
    note_fresh(parked);
    if (due) {
        position_ = std::move(next);
        sweep_at_ = now + interval;
        heard_ = 0;
    }
    for (store::Control& control : controls)
        queue_.push_back({control.run_id,
                          machine::Stopped{std::move(control.error), std::move(control.cause)}, std::nullopt,
                          control.control_id, true, std::nullopt});
    // Those found are deleted by this turn or the next ones; then the others are found.
    if (due || look) poked_ = controls.size() == kMaxControls;
}

std::optional<http_task::Pending> Engine::forget_request(std::uint64_t request_id) {
    auto request = pending_.extract(request_id);
    if (request.empty()) return std::nullopt;
    lanes_.end(request.mapped().lane);
    return std::move(request.mapped());
}

void Engine::collect_responses() {
    while (auto response = client_.next_completed()) {
        if ((response->id & key_sets::kRequestBit) != 0) {
            others_.push_back(std::move(*response));
            continue;
        }
        const std::optional<http_task::Pending> pending = forget_request(response->id);
        if (!pending) continue;
        leases_.call_over(pending->run_id, pending->call_id);
        if (pending->map_run) {
            take_document(*pending, std::move(*response));
            continue;
        }
        http_task::Interpreted result = http_task::interpret(*pending, std::move(*response), now_micros());
        queue_.push_back(
            {pending->run_id, std::move(result.event), std::move(result.outcome), 0, false, std::nullopt});
    }
}

std::optional<net::Response> Engine::next_other() {
    if (others_.empty()) return std::nullopt;
    net::Response response = std::move(others_.front());
    others_.pop_front();
    return response;
}

void Engine::collect_revocations() {
    while (auto receipt = client_.next_revocation()) {
        store::RevocationRow& row = revocations_.emplace_back();
        row.run_id = uuid_from_text(receipt->run);
        row.token_id = receipt->fingerprint;
        row.at =
            std::chrono::duration_cast<std::chrono::microseconds>(receipt->at.time_since_epoch()).count();
        row.revoked = receipt->revoked;
        if (!receipt->message.empty()) row.message = receipt->message;
    }
}

void Engine::collect_timers() {
    const machine::Instant now = now_micros();
    while (queue_.size() < kMaxItems) {
        const auto run = live_.take_due(now);
        if (!run) return;
        queue_.push_back({*run, machine::TimerFired{}, std::nullopt, 0, false, std::nullopt});
    }
}

// What open runs wait for and new work take turns, so that neither a flood of starts nor runs that never rest
// hold up the other; new work waits while all calls are taken.
std::vector<Engine::Item> Engine::take_items() {
    std::vector<Item> items;
    for (const Uuid& id : lanes_.take_ready()) {
        if (live_.find(id) != nullptr)
            items.push_back({id, machine::Resumed{}, std::nullopt, 0, false, std::nullopt});
        else
            items.push_back({id, std::nullopt, std::nullopt, 0, false, std::nullopt});
    }
    const std::size_t most = items.size() + kMaxItems;
    std::size_t may_begin = std::max(kMinBegun, kEnoughInLine - std::min(kEnoughInLine, lanes_.waiting()));
    while (items.size() < most && (!queue_.empty() || (!fresh_.empty() && may_begin > 0))) {
        if (!queue_.empty()) {
            items.push_back(std::move(queue_.front()));
            queue_.pop_front();
        }
        if (!fresh_.empty() && may_begin > 0) {
            may_begin--;
            items.push_back({fresh_.front(), std::nullopt, std::nullopt, 0, false, std::nullopt});
            fresh_known_.erase(fresh_.front());
            fresh_.pop_front();
        }
    }
    for (const Uuid& id : maps_.give(room_for_children()))
        items.push_back({id, std::nullopt, std::nullopt, 0, false, std::nullopt});
    return items;
}

bool Engine::turn() {
    // Also while it pauses: what has come in would keep the loop from sleeping.
    collect_responses();
    collect_revocations();
    leases_.work();
    if (paused()) return false;
    try {
        if (!check_active()) {
            poked_ = false;
            return false;
        }
        sweep();
    } catch (PgError& error) {
        error.report();
        pause();
        return false;
    }
    collect_timers();
    std::vector<Item> items = take_items();
    if (!items.empty() || !revocations_.empty()) {
        run_items(items);
        turns_++;
        events_ += static_cast<std::int64_t>(items.size());
        last_turn_at_ = now_micros();
    }
    forget_flood();
    const bool maps_go_on = !paused() && work_on_maps();
    return maps_go_on || !queue_.empty() || poked_ || !fresh_.empty() || lanes_.has_ready() ||
           (maps_.has_queued() && room_for_children() > 0);
}

long Engine::sleep_ms() {
    const machine::Instant now = now_micros();
    machine::Instant until = !active_         ? now + 60'000'000
                             : fresh_.empty() ? std::min(sweep_at_, load_at_)
                                              : sweep_at_;
    if (pause_until_ > now) return static_cast<long>((pause_until_ - now) / 1000 + 1);
    if (const auto at = leases_.next_at()) until = std::min(until, *at);
    if (const auto at = maps_.next_attempt()) until = std::min(until, std::max(*at, now));
    if (const auto due = live_.next_due()) until = std::min(until, *due);
    return until <= now ? 0 : static_cast<long>(std::min<std::int64_t>((until - now + 999) / 1000, 60'000));
}

figures::Figures Engine::figures() const {
    return {static_cast<std::int64_t>(live_.size()), static_cast<std::int64_t>(pending_.size()), turns_,
            events_, last_turn_at_};
}

// ---------------------------------------------------------------------------------------------- one turn

std::optional<Engine::Failure> Engine::try_items(const std::vector<Item>& items, bool alone) {
    Batch batch;
    batch.with_revocations = !alone;
    std::optional<Failure> failure;
    try {
        Transaction transaction("pg_flowctl: advancing runs");
        {
            Spi spi;
            load_missing(spi, items, batch);
            const std::int64_t until = now_micros() + kMaxTurnMicros;
            std::size_t done = 0;
            for (; done < items.size() && (done == 0 || (now_micros() < until && !batch.full())); done++)
                if (batch.later.contains(items[done].run))
                    batch.left_over.push_back(items[done]);
                else
                    apply(spi, items[done], batch);
            batch.left_over.insert(batch.left_over.end(), items.begin() + static_cast<std::ptrdiff_t>(done),
                                   items.end());
            write(spi, batch);
        }
        transaction.commit();
    } catch (PgError& error) {
        failure = Failure{error.what(), error.sqlstate()};
        if (alone) error.report();
    } catch (const std::exception& error) {
        failure = Failure{error.what(), ERRCODE_INTERNAL_ERROR};
    }
    if (!failure) carry_out(batch);
    return failure;
}

}  // namespace flowctl::pg
