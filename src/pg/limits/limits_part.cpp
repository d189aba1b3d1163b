// Limits in the worker's turn. See limits_part.hpp.
#include "pg/limits/limits_part.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "pg/server/timestamps.hpp"
#include "pg/server/transaction.hpp"
#include "pg/starts/wait_at_start.hpp"
#include "pg/store/by_key.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kMostAtOnce = 500;  // decisions and releases

}  // namespace

// -------------------------------------------------------------------------------- outside of transactions

void Limits::give(std::vector<FreshRun>& runs) {
    runs.insert(runs.end(), to_give_.begin(), to_give_.end());
    to_give_.clear();
}

std::optional<machine::Instant> Limits::next_at() const {
    if (!to_give_.empty()) return 0;
    return admits() ? admitter_.next_at() : std::nullopt;
}

bool Limits::work() {
    if (!admits() || !(wanted_ || admitter_.is_ready(unix_micros_now()))) return !to_give_.empty();
    bool more = false;
    try {
        Transaction transaction("pg_flowctl: admitting runs");
        {
            Spi spi;
            begin();
            if (admitter_.is_in_use()) {
                if (std::exchange(wanted_, false)) admitter_.know(spi);
                if (shards_ > 1 || store::has_rows("limit_release")) {
                    const store::Releases taken = store::take_releases(spi, kMostAtOnce);
                    admitter_.ended(spi, taken.ended);
                    admitter_.come_again(spi, taken.come_again);
                    more = wanted_ = taken.ended.size() + taken.come_again.size() == kMostAtOnce;
                }
                admitter_.time_passes(spi);
                admitter_.settle(spi);
            }
            wanted_ = more;
        }
        transaction.commit();
    } catch (PgError& error) {
        error.report();
        admitter_.forget();
        wanted_ = true;
        host_.pause();
        return false;
    } catch (const UserError&) {
        admitter_.forget();
        host_.pause();
        return false;
    }
    publish();
    return more || !to_give_.empty() || admitter_.is_ready(unix_micros_now());
}

// What the transaction has decided leaves.
void Limits::publish() {
    limits::Admitter::Outcome outcome = admitter_.committed();
    std::move(outcome.begin.begin(), outcome.begin.end(), std::back_inserter(to_give_));
    for (limits::Verdict& one : outcome.verdicts)
        host_.queue({.run = one.run,
                     .event = limits::event_for(std::move(one.error), std::move(one.cause)),
                     .load = true,
                     .owner = one.owner});
    if (!outcome.elsewhere.empty())
        shmem::announce_runs(MyDatabaseId, outcome.elsewhere.data(), outcome.elsewhere.size());
    if (outcome.decided_elsewhere) shmem::poke_workers(MyDatabaseId);
}

// --------------------------------------------------------------------------- in the transaction of a sweep

void Limits::load(Spi&) {
    admitter_.forget();
    wanted_ = true;
}

void Limits::look_at_pauses(Spi& spi) {
    std::set<Lane> paused;
    if (store::has_rows("pause"))
        for (auto& [kind, name] : store::find_pauses(spi))
            paused.emplace(kind == "flow" ? LaneKind::Flow : LaneKind::Endpoint, std::move(name));
    host_.pause_lanes(std::move(paused));
}

void Limits::look_at_quotas(Spi& spi) {
    std::map<std::string, std::int64_t> quotas;
    if (store::has_rows("quota"))
        for (const auto& [owner, calls] : store::find_call_quotas(spi))
            quotas.emplace(std::to_string(owner), calls);
    host_.give_quotas(std::move(quotas));
}

bool Limits::look(Spi& spi) {
    // Most databases have no limits, and a transaction that finds none would follow every look.
    if (admitter_.is_in_use() || store::has_rows("limit_release")) wanted_ = true;
    look_at_pauses(spi);
    look_at_quotas(spi);
    if (!store::has_rows("limit_decision")) return false;
    std::vector<Uuid> taken;
    std::vector<store::DecisionRow> found = store::find_decisions(spi, shard_, shards_, kMostAtOnce);
    for (store::DecisionRow& one : found) {
        if (!one.error) {
            to_give_.push_back({one.run_id, one.flow_owner});
            taken.push_back(one.run_id);
        } else if (refused_.insert(one.run_id).second) {
            host_.queue({.run = one.run_id,
                         .event = limits::event_for(*std::move(one.error), one.cause.value_or("")),
                         .load = true,
                         .owner = one.flow_owner});
        }
    }
    store::delete_decisions(spi, taken);
    return found.size() == kMostAtOnce && !taken.empty();
}

// ------------------------------------------------------------------------------- in the turn's transaction

void Limits::begin() {
    admitter_.begin();
    to_forward_.clear();
    come_again_.clear();
    to_poke_ = false;
}

void Limits::hold_back(Spi& spi, std::vector<Uuid>& runs) {
    std::set<Uuid> held;
    std::vector<Uuid> unknown;
    for (const Uuid& run : runs)
        if (!admitter_.has_admitted(run)) unknown.push_back(run);
    if (!unknown.empty() && store::has_rows("limit_wait")) {
        const std::vector<store::WaitRow> waits = store::find_limit_waits(unknown);
        for (const store::WaitRow& wait : waits)
            held.insert(wait.run_id);
        if (admits()) {
            for (const Uuid& run : admitter_.arrive(spi, waits))
                held.erase(run);
        } else {
            for (const store::WaitRow& wait : waits)
                to_forward_.push_back({wait.run_id, wait.flow_owner, true});
        }
    }
    if (held.empty() && shards_ == 1) return;
    std::erase_if(runs, [&](const Uuid& run) { return held.contains(run) || !is_ours(run); });
}

// What the tables say of the run's life before must be gone, since it would be taken for something about this one.
Part::Readmission Limits::readmit(Spi& spi, const RedrivenRun& run) {
    (void)terms_.changed();
    const limits::FlowTerms& terms = terms_.of(spi, run.flow_id);
    if (store::has_rows("limit_decision")) store::delete_decisions(spi, {run.run});
    if (store::is_known_to_limits(run.run)) return Readmission::Later;
    if (!terms.limits().any() && !terms.paused) return Readmission::Now;
    store::FlowRow flow;
    flow.flow_id = run.flow_id;
    flow.name = run.flow;
    flow.owner = run.flow_owner;
    flow.options = terms.options;
    flow.paused = terms.paused;
    const ParentRun worker;  // so it has as little time as for a run that another one starts
    StartRequest request;
    request.input_value = run.input;
    request.parent = &worker;
    StartInput input(request);
    const auto wait = wait_at_redrive(flow, run.run, unix_micros_now(), input);
    store::insert_limit_waits({&*wait});
    if (admits()) return admitter_.arrive(spi, {*wait}).empty() ? Readmission::Waits : Readmission::Now;
    come_again_.push_back(run.run);
    return Readmission::Waits;
}

void Limits::write(Spi& spi, const Changes& changes) {
    if (admits()) {
        admitter_.ended(spi, changes.ended);
        admitter_.settle(spi);
    } else {
        tell_of_others(spi, changes.ended);
    }
    if (refused_.empty()) return;
    std::vector<Uuid> over;
    for (const Uuid& run : changes.ended)
        if (refused_.contains(run)) over.push_back(run);
    store::delete_decisions(spi, over);
}

// The worker that admits runs hears which of those that have ended were its business, and which wait again.
void Limits::tell_of_others(Spi& spi, const std::vector<Uuid>& ended) {
    if (ended.empty() && come_again_.empty()) return;
    store::Releases concerned;
    if (!ended.empty() && store::has_rows("limit_hold")) concerned.ended = store::which_hold(ended);
    if (!ended.empty() && store::has_rows("limit_wait"))
        for (const Uuid& run : store::which_wait(ended))
            concerned.ended.push_back(run);
    concerned.come_again = std::exchange(come_again_, {});
    store::save_releases(spi, concerned);
    to_poke_ = to_poke_ || !concerned.ended.empty() || !concerned.come_again.empty();
}

void Limits::committed(const Changes& changes) {
    publish();
    for (const Uuid& run : changes.ended)
        refused_.erase(run);
    if (!to_forward_.empty()) shmem::announce_runs(MyDatabaseId, to_forward_.data(), to_forward_.size());
    to_forward_.clear();
    if (std::exchange(to_poke_, false)) shmem::poke_workers(MyDatabaseId);
}

}  // namespace flowctl::pg
