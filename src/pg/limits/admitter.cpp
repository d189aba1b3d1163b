// Admitting runs. See admitter.hpp.
#include "pg/limits/admitter.hpp"

#include <algorithm>
#include <utility>

#include "pg/server/timestamps.hpp"
#include "pg/store/by_key.hpp"

namespace flowctl::pg::limits {

namespace {

constexpr std::size_t kMostAdmitted = 256;   // in one transaction, beside those that arrive in it
constexpr std::size_t kMostDue = 256;        // of windows and patience, at once
constexpr std::size_t kMostAgain = 10'000;   // runs that are looked at when a worker begins
constexpr std::size_t kMostLines = 1000;     // whose first runs are read by one statement
constexpr std::int64_t kAgain = 1'000'000;   // us: what has been decided is looked at again after it
constexpr std::int64_t kTidy = 60'000'000;   // us

constexpr const char* kDebounced = "Flowctl.Debounced";
constexpr const char* kRefused = "Flowctl.Refused";
constexpr const char* kQueueTimeout = "Flowctl.QueueTimeout";

// What of a flow's limits decides which gates its lines have, and what these let through.
MeasuredBy measure_of(const FlowTerms& terms) {
    const FlowOptions::Limits& limits = terms.limits();
    return {terms.paused, limits.max_concurrency, limits.rate, limits.burst, terms.named};
}

gates::Waiter waiter_of(const store::WaitRow& row) {
    return {row.run_id, row.priority, time_of_run_id(row.run_id)};
}

}  // namespace

machine::Event event_for(std::string error, std::string cause) {
    if (error == kQueueTimeout) return machine::EngineFailed{std::move(error), std::move(cause), true};
    return machine::Stopped{std::move(error), std::move(cause)};
}

void Admitter::begin() {
    if (std::exchange(is_changed_, false)) is_known_ = false;
    admitted_.clear();
    waits_gone_.clear();
    holds_.clear();
    decisions_.clear();
    outcome_ = {};
}

bool Admitter::is_in_use() {
    in_use_ = in_use_ || store::has_rows("limit_wait") || store::has_rows("limit_hold");
    return in_use_;
}

// ---------------------------------------------------------------------------------------------- the copy

void Admitter::know(Spi& spi) {
    is_changed_ = true;
    if (is_known_) {
        if (terms_.changed()) change_terms(spi);
        return;
    }
    admission_ = {};
    names_.clear();
    measured_.clear();
    mixed_.clear();
    windows_.clear();
    contested_.clear();
    (void)terms_.changed();
    for (const auto& [gate, held] : store::count_holds(spi))
        admission_.set_held(gate, held);
    for (const store::RateRow& rate : store::load_rates(spi, unix_micros_now())) {
        admission_.set_full_at(rate.gate, rate.full_at);
        all_full_at_ = std::max(all_full_at_, rate.full_at);
    }
    for (const store::WaitRow& window : store::open_windows(spi)) {
        Window& open = windows_[window.line];
        if (open.run < window.run_id)
            open = {window.run_id, window.flow_owner, window.first_at.value_or(unix_micros_now())};
    }
    is_known_ = true;
    for (const store::WaitRow& first : store::first_of_lines(spi)) {
        if (first.debounce || first.line == store::kNoLine) continue;
        const OnLimit on_limit = terms_.of(spi, first.flow_id).limits().on_limit;
        if (on_limit == OnLimit::Refuse) {
            again(spi, store::first_waits(spi, first.line, kMostAgain));
        } else {
            admission_.add_line(first.line, facts_of(spi, first));
            if (on_limit == OnLimit::Replace) contested_.emplace(first.line, first.flow_id);
        }
    }
    again(spi, store::unopened_windows(spi, kMostAgain));
    next_due_ = store::next_due(spi, 0);
    note_tidying();
}

// Runs that have come before and of which nothing has been decided, as far as anybody knows.
void Admitter::again(Spi& spi, std::vector<store::WaitRow> runs) {
    for (const store::WaitRow& run : runs) {
        if (run.debounce)
            open_window(spi, run);
        else if (!admitted_.contains(run.run_id) && join(spi, run) && is_ours(run.run_id))
            outcome_.begin.push_back({run.run_id, run.flow_owner});
    }
}

// The gates that the run passes have the flow's terms from now on.
gates::LineFacts Admitter::facts_of(Spi& spi, const store::WaitRow& run) {
    const FlowTerms& terms = terms_.of(spi, run.flow_id);
    MeasuredBy measure = measure_of(terms);
    const auto measured = measured_.find(run.flow_id);
    if (measured == measured_.end())
        measured_.emplace(run.flow_id, std::move(measure));
    else if (!(measured->second == measure))
        mixed_.insert(run.flow_id);
    gates::LineFacts facts{static_cast<std::uint32_t>(run.flow_owner), run.flow_id, {}};
    for (NamedGate& gate : gates_of(terms, run)) {
        admission_.set_terms(gate.id, gate.terms);
        const auto [name, is_new] = names_.try_emplace(gate.id);
        if (is_new) {
            if (!gate.limit_name) name->second.flow_id = run.flow_id;
            name->second.limit_name = std::move(gate.limit_name);
            name->second.key = std::move(gate.key);
        }
        facts.gates.push_back(gate.id);
    }
    return facts;
}

// The lines of those flows whose limits are others than before. There may be very many lines, and much that is
// noticed here has nothing to do with limits.
void Admitter::change_terms(Spi& spi) {
    std::map<Uuid, bool> changed;
    admission_.each_line([&](const Uuid&, const gates::LineFacts& facts) { changed.try_emplace(facts.flow, false); });
    std::erase_if(measured_, [&](const auto& one) { return !changed.contains(one.first); });
    for (auto& [flow, is_changed] : changed) {
        MeasuredBy measure = measure_of(terms_.of(spi, flow));
        MeasuredBy& before = measured_[flow];
        is_changed = mixed_.contains(flow) || !(before == measure);
        before = std::move(measure);
    }
    mixed_.clear();
    std::vector<Uuid> lines;
    admission_.each_line([&](const Uuid& line, const gates::LineFacts& facts) {
        if (changed.at(facts.flow)) lines.push_back(line);
    });
    for (std::size_t from = 0; from < lines.size(); from += kMostLines) {
        const auto begin = lines.begin() + static_cast<std::ptrdiff_t>(from);
        const auto end = begin + static_cast<std::ptrdiff_t>(std::min(kMostLines, lines.size() - from));
        for (const store::WaitRow& first : store::first_of_lines(spi, {begin, end}))
            admission_.change_line(first.line, facts_of(spi, first));
    }
}

// Gates that nobody uses any more, and buckets that are full.
void Admitter::tidy(Spi& spi) {
    const std::int64_t now = unix_micros_now();
    if (now < tidy_at_ && tidy_at_ <= now + kTidy) return;
    tidy_at_ = now + kTidy;
    admission_.forget_idle(now);
    std::erase_if(names_, [this](const auto& entry) { return !admission_.has_gate(entry.first); });
    if (store::has_rows("limit_rate") && store::delete_full_rates(spi, now))
        tidy_at_ = now + kAgain;
    else if (all_full_at_ <= now)
        all_full_at_ = 0;
}

// ---------------------------------------------------------------------------------------------- coming

std::vector<Uuid> Admitter::arrive(Spi& spi, std::vector<store::WaitRow> runs) {
    std::vector<Uuid> may_begin;
    if (runs.empty()) return may_begin;
    in_use_ = true;
    know(spi);
    std::sort(runs.begin(), runs.end(), [](const store::WaitRow& a, const store::WaitRow& b) {
        return waiter_of(a).comes_before(waiter_of(b));
    });
    for (const store::WaitRow& run : runs) {
        if (admitted_.contains(run.run_id)) {
            may_begin.push_back(run.run_id);
        } else if (run.debounce) {
            open_window(spi, run);
        } else if (run.line != store::kNoLine && join(spi, run)) {
            may_begin.push_back(run.run_id);
        }
    }
    return may_begin;
}

void Admitter::come_again(Spi& spi, const std::vector<Uuid>& runs) {
    if (runs.empty()) return;
    in_use_ = true;
    know(spi);
    std::vector<store::WaitRow> waits = store::find_limit_waits(runs);
    std::erase_if(waits, [](const store::WaitRow& run) { return run.line == store::kNoLine; });
    again(spi, std::move(waits));
}

// True: it may begin.
bool Admitter::join(Spi& spi, const store::WaitRow& run) {
    const gates::LineFacts facts = facts_of(spi, run);
    const FlowTerms& terms = terms_.of(spi, run.flow_id);
    const std::int64_t now = unix_micros_now();
    if (terms.limits().on_limit == OnLimit::Refuse && !admission_.has_line(run.line) &&
        !admission_.has_room(facts.gates, now, true)) {
        decide(run.run_id, run.flow_owner, kRefused, "a limit of the flow was reached, and its option on_limit is refuse");
        return false;
    }
    if (const auto admitted = admission_.arrive(run.line, facts, waiter_of(run), now)) {
        stage(*admitted, run.flow_id, run.flow_owner);
        waits_gone_.push_back(run.run_id);
        return true;
    }
    if (terms.limits().on_limit == OnLimit::Replace) contested_.emplace(run.line, run.flow_id);
    note_due(run.due_at);
    return false;
}

// ---------------------------------------------------------------------------------------------- windows

// The latest run of a window is the one that begins when it ends.
void Admitter::open_window(Spi& spi, const store::WaitRow& run) {
    const FlowOptions::Limits& limits = terms_.of(spi, run.flow_id).limits();
    if (!limits.debounce) return end_window(spi, run);
    const std::int64_t now = unix_micros_now();
    const auto found = windows_.find(run.line);
    std::int64_t first_at = now;
    if (found != windows_.end()) {
        const Window& open = found->second;
        if (open.run == run.run_id) return;
        const bool is_later = open.run < run.run_id;
        decide(is_later ? open.run : run.run_id, is_later ? open.owner : run.flow_owner, kDebounced,
               "a later run with the same key was started within the window of the flow's option debounce");
        if (!is_later) return;
        first_at = open.first_at;
    }
    const std::int64_t due_at = gates::quiet_until(first_at, now, *limits.debounce, limits.debounce_max);
    store::set_window(spi, run.run_id, first_at, due_at);
    windows_[run.line] = {run.run_id, run.flow_owner, first_at};
    note_due(due_at);
}

void Admitter::end_window(Spi& spi, store::WaitRow run) {
    const auto found = windows_.find(run.line);
    if (found != windows_.end() && found->second.run == run.run_id) windows_.erase(found);
    const FlowTerms& terms = terms_.of(spi, run.flow_id);
    run.debounce = false;
    run.line = gates::line_of(run.flow_id, run.concurrency_key, run.rate_key);
    run.due_at.reset();
    if (terms.limits().queue_timeout) run.due_at = unix_micros_now() + *terms.limits().queue_timeout;
    // It is written first, because make_room() and fetch() read the line.
    store::join_line(spi, run.run_id, run.line, run.due_at);
    if (join(spi, run) && is_ours(run.run_id))
        outcome_.begin.push_back({run.run_id, run.flow_owner});
}

void Admitter::note_due(std::optional<std::int64_t> at) {
    if (at) next_due_ = next_due_ ? std::min(*next_due_, *at) : *at;
}

// A bucket's row has a value of the input, so it goes when the bucket is full, even if nothing else comes.
void Admitter::note_tidying() {
    if (all_full_at_ > 0) note_due(std::max(all_full_at_, tidy_at_));
}

void Admitter::time_passes(Spi& spi) {
    const std::int64_t now = unix_micros_now();
    if (!next_due_ || *next_due_ > now) return;
    know(spi);
    const std::vector<store::WaitRow> due = store::due_waits(spi, now, kMostDue);
    std::vector<store::WaitRow> replaced;
    for (const store::WaitRow& run : due) {
        const auto window = windows_.find(run.line);
        if (run.line == store::kNoLine)
            replaced.push_back(run);
        else if (!run.debounce)
            decide(run.run_id, run.flow_owner, kQueueTimeout,
                   "the run waited longer than the flow's option queue_timeout allows");
        else if (window == windows_.end() || window->second.run == run.run_id)
            end_window(spi, run);
        else
            decide(run.run_id, run.flow_owner, kDebounced, "a later run with the same key was started");
    }
    replace(spi, replaced);
    next_due_ = store::next_due(spi, now);
    note_tidying();
    // What has been decided ends in one of the next turns. It is decided again if that did not happen.
    if (!due.empty()) note_due(due.size() < kMostDue ? now + kAgain : now + kAgain / 100);
}

// ---------------------------------------------------------------------------------------------- going

void Admitter::ended(Spi& spi, const std::vector<Uuid>& runs) {
    if (runs.empty() || !is_in_use()) return;
    std::vector<Uuid> others;  // which were not admitted in this very transaction
    for (const Uuid& run : runs)
        if (!admitted_.contains(run)) others.push_back(run);
    if (others.size() < runs.size()) forget_holds({runs.begin(), runs.end()});
    if (store::has_rows("limit_hold")) {
        const std::vector<Uuid> holders = store::which_hold(others);
        if (!holders.empty()) {
            know(spi);
            for (const Uuid& gate : store::delete_holds(spi, holders))
                admission_.release(gate);
        }
    }
    if (store::has_rows("limit_wait")) {
        const std::vector<store::WaitRow> waits = store::find_limit_waits(others);
        if (waits.empty()) return;
        know(spi);
        for (const store::WaitRow& wait : waits) {
            const auto window = windows_.find(wait.line);
            if (wait.debounce && window != windows_.end() && window->second.run == wait.run_id)
                windows_.erase(window);
            if (!wait.debounce) admission_.leave(wait.line, wait.run_id);
        }
        store::delete_limit_waits(spi, store::ids_of(waits));
    }
}

// What these runs were to hold is given back before it has been written.
void Admitter::forget_holds(const std::set<Uuid>& runs) {
    std::erase_if(holds_, [&](const store::HoldRow& hold) {
        if (!runs.contains(hold.run_id)) return false;
        admission_.release(hold.gate);
        return true;
    });
}

// ---------------------------------------------------------------------------------------------- admitting

void Admitter::stage(const gates::Admission::Admitted& admitted, const Uuid& flow_id, Oid owner) {
    admitted_.insert(admitted.run);
    for (const Uuid& gate : admitted.holds) {
        const GateName& name = names_[gate];
        holds_.push_back({admitted.run, gate, flow_id, name.limit_name, name.key});
    }
    if (is_ours(admitted.run)) return;
    decisions_.push_back({admitted.run, owner, std::nullopt, std::nullopt});
    outcome_.elsewhere.push_back({admitted.run, owner});
}

void Admitter::decide(const Uuid& run, Oid owner, const char* error, std::string cause) {
    if (is_ours(run))
        outcome_.verdicts.push_back({run, owner, error, std::move(cause)});
    else
        decisions_.push_back({run, owner, std::string(error), std::move(cause)});
}

void Admitter::flush_waits(Spi& spi) {
    store::delete_limit_waits(spi, std::exchange(waits_gone_, {}));
}

// Those that have been admitted are deleted first, so that the others come after them.
std::vector<gates::Waiter> Admitter::fetch(Spi& spi, const Uuid& line, std::size_t most,
                                           const std::vector<gates::Admission::Admitted>& admitted) {
    for (; seen_admitted_ < admitted.size(); seen_admitted_++)
        waits_gone_.push_back(admitted[seen_admitted_].run);
    flush_waits(spi);
    std::vector<gates::Waiter> waiters;
    for (const store::WaitRow& row : store::first_waits(spi, line, most))
        waiters.push_back(waiter_of(row));
    return waiters;
}

void Admitter::settle(Spi& spi) {
    const std::int64_t now = unix_micros_now();
    if (is_known_ && !contested_.empty()) make_room(spi);
    if (is_known_ && admission_.is_ready(now)) {
        know(spi);
        seen_admitted_ = 0;
        const std::vector<gates::Admission::Admitted> admitted = admission_.admit(
            now, kMostAdmitted,
            [&](const Uuid& line, std::size_t most, const std::vector<gates::Admission::Admitted>& so_far) {
                return fetch(spi, line, most, so_far);
            });
        for (; seen_admitted_ < admitted.size(); seen_admitted_++)
            waits_gone_.push_back(admitted[seen_admitted_].run);
        for (const auto& one : admitted) {
            stage(one, one.flow, static_cast<Oid>(one.owner));
            if (is_ours(one.run))
                outcome_.begin.push_back({one.run, static_cast<Oid>(one.owner)});
        }
    }
    flush_waits(spi);
    store::insert_holds(std::exchange(holds_, {}));
    std::vector<store::RateRow> rates;
    for (const Uuid& gate : admission_.take_used_rates()) {
        const GateName& name = names_[gate];
        rates.push_back({gate, name.flow_id, name.limit_name, name.key, admission_.full_at(gate),
                         admission_.next_of(gate, now)});
        all_full_at_ = std::max(all_full_at_, rates.back().full_at);
    }
    if (!rates.empty()) note_tidying();
    store::save_rates(spi, rates);
    outcome_.decided_elsewhere = !decisions_.empty();
    store::save_decisions(spi, std::exchange(decisions_, {}));
    if (is_changed_) tidy(spi);
}

Admitter::Outcome Admitter::committed() {
    is_changed_ = false;
    admitted_.clear();
    return std::exchange(outcome_, {});
}

std::optional<machine::Instant> Admitter::next_at() const {
    const auto rate = admission_.next_at();
    if (!rate || !next_due_) return rate ? rate : next_due_;
    return std::min(*rate, *next_due_);
}

bool Admitter::is_ready(machine::Instant now) const {
    return (is_known_ && admission_.is_ready(now)) || (next_due_ && *next_due_ <= now);
}

}  // namespace flowctl::pg::limits
