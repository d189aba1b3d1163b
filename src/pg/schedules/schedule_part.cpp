// Schedules in the worker's turn. See schedule_part.hpp.
#include "pg/schedules/schedule_part.hpp"

#include <algorithm>
#include <utility>

#include "pg/schedules/backfills.hpp"
#include "pg/server/transaction.hpp"
#include "pg/shared/drain.hpp"
#include "pg/store/by_key.hpp"

namespace flowctl::pg {

using schedules::DueSchedule;

namespace {

constexpr std::int64_t kGrace = 60'000'000;       // us: an absence that counts for nothing
constexpr std::int64_t kRetry = 100'000;          // us
constexpr std::int64_t kPutOff = 60'000'000;      // us
constexpr std::size_t kMostAtOnce = 500;          // schedules
constexpr std::size_t kMostEnds = 500;

constexpr const char* kReplaced = "Flowctl.Replaced";

}  // namespace

// --------------------------------------------------------------------------- in the transaction of a sweep

void SchedulePart::load(Spi& spi) {
    const std::int64_t now = schedules::clock_now();
    alive_since_ = now;
    if (store::has_rows("schedule")) schedules::arm_missing(spi, now);
    tell_all_ = store::has_rows("schedule_run");
}

bool SchedulePart::look(Spi& spi) {
    earliest_.reset();
    if (store::has_rows("schedule_state")) earliest_ = schedules::earliest(spi, shard_, shards_);
    backfills_ = schedules::has_backfills();
    return false;
}

// -------------------------------------------------------------------------------- outside of transactions

std::optional<machine::Instant> SchedulePart::next_at() const {
    if (tell_all_ || backfills_ || !ended_.empty()) return retry_at_;
    if (!earliest_) return std::nullopt;
    if (!schedules::clock_stands_still()) return std::max(*earliest_, retry_at_);
    // The next reload sets it, and wakes the worker.
    if (*earliest_ > schedules::clock_now()) return std::nullopt;
    return retry_at_;
}

void SchedulePart::watch_clock(std::int64_t now) {
    const bool reopened = std::exchange(was_closed_, false);
    if (clock_.has_jumped() || reopened) alive_since_ = now;
    alive_since_ = std::min(alive_since_, now);
}

schedules::Moment SchedulePart::moment(std::int64_t now) const {
    std::int64_t grace = kGrace;
    // The server's start is no time of a clock that stands still.
    if (!schedules::clock_stands_still())
        grace = std::clamp<std::int64_t>(unix_micros_now() - to_unix_micros(PgStartTime), 0, kGrace);
    return {now, std::min(alive_since_, now - grace)};
}

bool SchedulePart::work() {
    if (!earliest_ && ended_.empty() && !tell_all_ && !backfills_) return false;
    if (drain::is_closed()) {
        was_closed_ = true;
        return false;
    }
    const std::int64_t now = schedules::clock_now();
    watch_clock(now);
    if (unix_micros_now() < retry_at_ && retry_at_ - unix_micros_now() <= kRetry) return false;
    try {
        bool more = (tell_all_ || !ended_.empty()) && tell_ends(now);
        if (earliest_ && *earliest_ <= now && fire(now)) more = true;
        if (backfills_) start_backfills();
        return more || backfills_;
    } catch (PgError& error) {
        error.report();
        host_.pause();
    } catch (const UserError&) {
        host_.pause();
    }
    return false;
}

bool SchedulePart::fire(std::int64_t now) {
    std::vector<DueSchedule> due;
    try {
        Transaction transaction("pg_flowctl: firing schedules");
        std::vector<schedules::Replaced> replaced;
        std::optional<std::int64_t> next;
        {
            Spi spi;
            due = schedules::lock_due(spi, shard_, shards_, now, alone_ > 0 ? 1 : kMostAtOnce);
            if (!due.empty()) replaced = schedules::fire(spi, due, moment(now));
            next = schedules::earliest(spi, shard_, shards_);
        }
        transaction.commit();
        earliest_ = next;
        stop(replaced);
    } catch (PgError& error) {
        error.report();
        fire_one_by_one_after(due);
        return alone_ > 0;
    } catch (const UserError&) {  // an event rule that says raise
        fire_one_by_one_after(due);
        return alone_ > 0;
    }
    if (alone_ > 0) alone_--;
    const bool more = earliest_ && *earliest_ <= now;
    // What is due and cannot be had is locked by a session.
    if (more && due.empty()) retry_at_ = unix_micros_now() + kRetry;
    return more && !due.empty();
}

// One schedule that fails must not keep the others from being fired.
void SchedulePart::fire_one_by_one_after(const std::vector<DueSchedule>& failed) {
    if (failed.empty()) {
        host_.pause();  // it is the server that fails
        return;
    }
    if (failed.size() > 1) {
        alone_ = failed.size();
        return;
    }
    if (alone_ > 0) alone_--;
    tried_ = failed.front().definition.id;
    put_off(schedules::clock_now());
}

void SchedulePart::put_off(std::int64_t now) {
    Transaction transaction("pg_flowctl: putting off a schedule");
    {
        Spi spi;
        schedules::postpone(spi, *tried_, now + kPutOff, "the run could not be started; the server's log says why");
        earliest_ = schedules::earliest(spi, shard_, shards_);
    }
    transaction.commit();
}

// The ends of runs that schedules wait for, or that may pause them.
bool SchedulePart::tell_ends(std::int64_t now) {
    std::vector<schedules::Replaced> again;
    std::vector<Uuid> later;
    const std::size_t taken = std::min(ended_.size(), kMostEnds);
    const std::vector<Uuid> ids(ended_.begin(), ended_.begin() + static_cast<std::ptrdiff_t>(taken));
    std::optional<std::int64_t> next;
    {
        Transaction transaction("pg_flowctl: telling schedules of runs");
        {
            Spi spi;
            const auto runs = tell_all_ ? schedules::find_all_to_tell(spi, shard_, shards_)
                                        : schedules::find_followed(spi, ids);
            for (const schedules::FollowedRun& run : runs) {
                if (run.is_open && run.replaced)
                    again.push_back({run.run, ""});
                else if (!run.is_open && !schedules::tell_end(spi, run, now))
                    later.push_back(run.run);
            }
            next = schedules::earliest(spi, shard_, shards_);
            if (!runs.empty() && schedules::has_backfills()) backfills_ = true;
        }
        transaction.commit();
    }
    earliest_ = next;
    if (!std::exchange(tell_all_, false)) ended_.erase(ended_.begin(), ended_.begin() + static_cast<std::ptrdiff_t>(taken));
    if (!later.empty()) retry_at_ = unix_micros_now() + kRetry;
    const bool more = !ended_.empty();
    ended_.insert(ended_.end(), later.begin(), later.end());
    stop(again);
    return more;
}

// One that fails is left to the next look, since there is no telling whose fault it is.
void SchedulePart::start_backfills() {
    backfills_ = false;
    try {
        Transaction transaction("pg_flowctl: starting runs of backfills");
        bool more = false;
        {
            Spi spi;
            more = schedules::start_backfills(spi, shard_, shards_);
        }
        transaction.commit();
        backfills_ = more;
    } catch (PgError& error) {
        error.report();
    }
}

void SchedulePart::stop(const std::vector<schedules::Replaced>& runs) {
    for (const schedules::Replaced& one : runs)
        host_.queue({.run = one.run,
                     .event = machine::Stopped{kReplaced, one.schedule.empty()
                                                              ? "a later run of its schedule was started"
                                                              : "a later run of schedule \"" + one.schedule +
                                                                    "\" was started, and its overlap is replace"},
                     .load = true});
}

// ------------------------------------------------------------------------------- in the turn's transaction

void SchedulePart::write(Spi&, const Changes& changes) {
    if (changes.ended.empty() || !store::has_rows("schedule_run")) return;
    const Rows rows = store::find_by_key(store::table_named("schedule_run"), {"run_id"}, changes.ended);
    for (std::size_t i = 0; i < rows.size(); i++)
        ended_now_.push_back(rows.uuid(i, 0));
}

void SchedulePart::committed(const Changes&) {
    ended_.insert(ended_.end(), ended_now_.begin(), ended_now_.end());
    ended_now_.clear();
}

}  // namespace flowctl::pg
