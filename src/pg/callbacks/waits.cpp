// Waits in the worker's turn. See waits.hpp.
#include "pg/callbacks/waits.hpp"

#include <algorithm>

#include "core/json.hpp"
#include "net/crypto/crypto.hpp"
#include "pg/callbacks/answer_guard.hpp"
#include "pg/callbacks/token_keys.hpp"
#include "pg/server/timestamps.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kNewsAtOnce = 500;  // fewer than a turn takes
constexpr std::size_t kBytesAtOnce = 8 * 1024 * 1024;
constexpr std::int64_t kTidyEvery = 60'000'000;  // us

machine::Event event_of(std::int32_t call, const store::Answer& answer) {
    if (!answer.output) return machine::TaskFailed{call, answer.error, answer.cause};
    json::ParseLimits limits;
    limits.max_bytes = answer.output->size() + 1;
    auto output = json::parse(*answer.output, limits);
    if (output) return machine::TaskSucceeded{call, std::move(output).value()};
    return machine::TaskFailed{call, "States.Runtime", "the answer is not JSON: " + output.error().message};
}

std::optional<std::int32_t> seconds(std::int64_t number) {
    if (number <= 0) return std::nullopt;
    return static_cast<std::int32_t>(std::min<std::int64_t>(number, INT32_MAX));
}

BusyRun& busy_run(std::vector<BusyRun>& busy, const Uuid& run) {
    for (BusyRun& one : busy)
        if (one.run == run) return one;
    return busy.emplace_back(BusyRun{run, {}});
}

}  // namespace

// ------------------------------------------------------------------------------------- in the transaction

void Waits::begin() {
    staged_.clear();
    done_.clear();
    unlocked_.clear();
    looks_again_ = false;
}

void Waits::stage(const Wait& wait) {
    const machine::Call& call = wait.call;
    store::NewWait& row = staged_.emplace_back();
    row.run_id = wait.run;
    row.place = place_from_text(call.place);
    row.wait_id = store::wait_id_of(wait.run, row.place);
    row.call_id = static_cast<std::int32_t>(call.id);
    row.owner = wait.flow_owner;
    row.kind = wait.kind;
    row.path = call.path;
    row.state = call.state;
    row.visit = call.visit;
    row.attempt = call.attempt;
    row.resource = call.resource.text;
    row.activity = wait.activity;
    row.input = wait.input;
    if (wait.token) row.token_hash = net::sha256(*wait.token);
    row.since = unix_micros_now();
    row.timeout_seconds = seconds(call.timeout_seconds);
    row.heartbeat_seconds = seconds(call.heartbeat_seconds);
    row.again = wait.again;
}

std::int64_t Waits::new_ticket(const Uuid& wait_id, bool ends) {
    tickets_[++last_ticket_] = {wait_id, ends};
    return last_ticket_;
}

std::int64_t Waits::ends_with_item(const Uuid& run, const std::string& place) {
    return new_ticket(store::wait_id_of(run, place_from_text(place)), true);
}

Item Waits::item_of(const Uuid& run, std::int32_t call, const Uuid& wait_id, const store::Answer& answer) {
    return {.run = run,
            .event = event_of(call, answer),
            .load = true,
            .before_timers = true,
            .from = this,
            .ticket = new_ticket(wait_id, true)};
}

// What is queued already is found again until its turn has committed.
void Waits::queue(const store::News& news) {
    if (news.started && queued_.emplace(news.wait_id, false).second) {
        Item item{.run = news.run_id,
                  .event = machine::ActivityStarted{news.call_id, news.worker},
                  .load = true,
                  .before_timers = true,
                  .from = this,
                  .ticket = new_ticket(news.wait_id, false)};
        item.owner = news.owner;
        host_.queue(std::move(item));
    }
    if (news.answer && queued_.emplace(news.wait_id, true).second) {
        Item item = item_of(news.run_id, news.call_id, news.wait_id, *news.answer);
        item.owner = news.owner;
        host_.queue(std::move(item));
    }
}

// A run may end without ever reaching the task to which an answer has come early.
void Waits::tidy(Spi& spi) {
    const std::int64_t now = unix_micros_now();
    if (shard_ != 0 || (now >= tidied_at_ && now - tidied_at_ < kTidyEvery)) return;
    tidied_at_ = now;
    store::delete_late_answers(spi);
}

bool Waits::look(Spi& spi) {
    tidy(spi);
    const std::int64_t early = store::take_early_answers(spi, nullptr);
    if (!left_.empty()) {
        store::delete_waits(spi, left_);
        left_ = store::existing_waits(spi, left_);
    }
    const store::FoundNews found = store::find_news(spi, shard_, shards_, kNewsAtOnce, kBytesAtOnce);
    const std::int64_t before = last_ticket_;
    for (const store::News& news : found.news)
        queue(news);
    more_ = found.more;
    return early > 0 || (found.more && last_ticket_ > before);
}

void Waits::apply(const Item& item) {
    done_.push_back(item.ticket);
}

void Waits::write(Spi& spi, const Changes& changes) {
    std::vector<Uuid> over, told;
    for (const std::int64_t number : done_)
        if (const auto ticket = tickets_.find(number); ticket != tickets_.end())
            (ticket->second.ends ? over : told).push_back(ticket->second.wait_id);
    std::set<Uuid> gone(over.begin(), over.end());
    for (const Changes::DroppedWait& wait : changes.dropped_waits)
        gone.insert(store::wait_id_of(wait.run, place_from_text(wait.place)));
    if (!staged_.empty()) {
        const std::set<Uuid> ended(changes.ended.begin(), changes.ended.end());
        std::erase_if(staged_, [&](const store::NewWait& wait) {
            return gone.contains(wait.wait_id) || ended.contains(wait.run_id);
        });
    }
    if (!staged_.empty()) {
        store::insert_waits(spi, staged_);
        std::vector<Uuid> ids;
        for (const store::NewWait& wait : staged_)
            ids.push_back(wait.wait_id);
        looks_again_ = store::take_early_answers(spi, &ids) > 0;
    }
    if (!changes.dropped_waits.empty()) end_dropped(spi, changes, over);
    store::delete_waits(spi, over);
    store::set_told(spi, told);
    if (!changes.cut_short.empty()) store::delete_waits_of(spi, changes.cut_short);
}

// Waits that end without an answer: those whose rows nobody has locked or answered.
void Waits::end_dropped(Spi& spi, const Changes& changes, std::vector<Uuid>& over) {
    std::map<Uuid, const Changes::DroppedWait*> dropped;
    for (const Changes::DroppedWait& wait : changes.dropped_waits)
        dropped.emplace(store::wait_id_of(wait.run, place_from_text(wait.place)), &wait);
    for (const Uuid& answered : over)
        dropped.erase(answered);
    std::vector<Uuid> ids;
    for (const auto& [id, wait] : dropped)
        ids.push_back(id);
    if (ids.empty()) return;
    const std::int64_t now = unix_micros_now();
    std::vector<BusyRun> busy;
    for (const store::LockedWait& row : store::lock_waits(spi, ids)) {
        const bool silent = dropped.at(row.wait_id)->silent;
        dropped.erase(row.wait_id);
        locked_since_.erase(row.wait_id);
        if (row.answer)
            busy_run(busy, row.run_id).first.push_back(item_of(row.run_id, row.call_id, row.wait_id, *row.answer));
        else if (silent && row.heartbeat_until && *row.heartbeat_until > now)
            busy_run(busy, row.run_id)
                .first.push_back({.run = row.run_id,
                                  .event = machine::Heartbeat{row.call_id, *row.heartbeat_until},
                                  .load = true,
                                  .before_timers = true});
        else
            over.push_back(row.wait_id);
    }
    ids.clear();
    for (const auto& [id, wait] : dropped)
        ids.push_back(id);
    if (!ids.empty())
        for (const Uuid& id : store::existing_waits(spi, ids)) {
            if (is_patient(id, now))
                busy_run(busy, dropped.at(id)->run);
            else
                unlocked_.push_back(id);
        }
    if (!busy.empty()) throw RunsBusy(std::move(busy));
}

// False: a session has had its time.
bool Waits::is_patient(const Uuid& wait_id, std::int64_t now) {
    const std::int64_t since = locked_since_.try_emplace(wait_id, now).first->second;
    if (now >= since && now - since < answer_guard::kWorkerWaits) return true;
    locked_since_.erase(wait_id);
    return false;
}

// -------------------------------------------------------------------------------------- after the commit

void Waits::committed(const Changes&) {
    for (const std::int64_t number : done_) {
        const auto ticket = tickets_.extract(number);
        if (ticket.empty()) continue;
        queued_.erase({ticket.mapped().wait_id, ticket.mapped().ends});
    }
    left_.insert(left_.end(), unlocked_.begin(), unlocked_.end());
    if (looks_again_ || (more_ && !done_.empty())) shmem::poke_workers(MyDatabaseId);
    done_.clear();
}

}  // namespace flowctl::pg
