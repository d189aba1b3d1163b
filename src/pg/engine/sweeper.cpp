// Sweeps; see sweeper.hpp.
#include "pg/engine/sweeper.hpp"

#include <algorithm>

#include "pg/server/guc.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/server/transaction.hpp"
#include "pg/store/run_id.hpp"
#include "pg/store/runs.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kMaxDueLoaded = 10'000;  // parked runs, at once
// A sweep goes through what has started since the one before, a microsecond for each run: often under load,
// so that none takes long.
constexpr std::size_t kEnoughAnnounced = 4'000;
constexpr std::size_t kEnoughQueued = 512;  // then a poke waits
constexpr std::int64_t kNever = INT64_MAX;
// Looking at all frames may take one part in so many of the worker's time.
constexpr std::int64_t kWholeShare = 1'000;
constexpr std::int64_t kWholeAtLeast = 600'000'000;  // us: it is done so often all the same

}  // namespace

void Sweeper::announce(const std::vector<FreshRun>& runs) {
    if (!active()) return;  // the sweep at activation finds them
    announced_ += runs.size();
    state_.intake.announce(runs);
}

bool Sweeper::may_act() {
    if (!poked_) return active();
    Transaction transaction("pg_flowctl: looking at flowctl.installation");
    {
        Spi spi;
        const bool was_active = active();
        standing_ = find_standing();
        shmem::hear_of_runs(claim_.slot, active());
        if (active() && !was_active) {
            sweep_at_ = 0;
            looked_ = {};
        }
    }
    transaction.commit();
    if (!active()) poked_ = false;
    return active();
}

bool Sweeper::is_ours(const Uuid& run) const {
    return shard_of(bucket_of(run), claim_.shards) == claim_.shard;
}

// Nearly all that a sweep finds has been announced already.
std::vector<FreshRun> Sweeper::find_unannounced(Spi& spi) const {
    std::vector<FreshRun> found = position_ ? store::find_open_since(*position_) : store::find_unbegun(spi);
    std::erase_if(found, [this](const FreshRun& run) {
        return !is_ours(run.id) || state_.live.find(run.id) != nullptr || state_.intake.is_announced(run.id);
    });
    return position_ ? store::without_frame(found) : found;
}

// Parked runs that are due soon. The frames of runs that were due before, and have gone on, are dead rows, and
// an old snapshot may keep thousands of them in the table and its index. So a look begins where the one before
// has ended, unless looking at everything takes hardly any time, as it does while there is no such snapshot.
std::vector<store::DueRun> Sweeper::find_due(Spi& spi, std::int64_t now, Looked& looked) const {
    const std::int64_t horizon = horizon_micros();
    const bool whole = now >= looked.whole_at || looked.whole_at > now + kWholeAtLeast ||
                       looked.horizon != horizon || looked.upto > now + horizon;
    std::optional<std::int64_t> since;
    if (!whole) since = looked.upto;
    const std::int64_t begun = unix_micros_now();
    std::vector<store::DueRun> soon =
        store::find_due(spi, claim_.shard, claim_.shards, since, now + horizon, kMaxDueLoaded);
    const std::int64_t took = std::max<std::int64_t>(unix_micros_now() - begun, 0);
    if (whole) looked.whole_at = now + std::min(took * kWholeShare, kWholeAtLeast);
    looked.horizon = horizon;
    looked.upto = soon.size() < kMaxDueLoaded ? now + horizon : soon.back().due_at;
    return soon;
}

void Sweeper::sweep() {
    const std::int64_t now = unix_micros_now();
    const std::int64_t interval = static_cast<std::int64_t>(guc::sweep_interval) * 1000;
    sweep_at_ = std::min(sweep_at_, now + interval);  // the setting has changed, or the clock was set back
    const std::size_t enough = kEnoughAnnounced / static_cast<std::size_t>(claim_.shards);
    const bool due = now >= sweep_at_ || announced_ >= enough;
    const bool load = due || (now >= load_at_ && state_.intake.fresh() == 0);
    const bool look = due || (poked_ && state_.intake.queued() < kEnoughQueued);
    if (!load && !look) return;
    Transaction transaction("pg_flowctl: looking for runs");
    std::vector<FreshRun> fresh;
    std::vector<Uuid> parked;  // whose owners their frames do not say
    store::SweepPosition next;
    std::int64_t load_at = load_at_;
    Looked looked = looked_;
    bool more = false;
    {
        Spi spi;
        if (due) {
            next = store::current_position(spi);
            fresh = find_unannounced(spi);
            if (!position_) {
                for (const auto& part : state_.parts)
                    part->load(spi);
                parked = store::find_interrupted(spi);
            }
        }
        if (load) {
            const std::vector<store::DueRun> soon = find_due(spi, now, looked);
            for (const store::DueRun& run : soon)
                parked.push_back(run.run_id);
            // The others are due after these, and are looked for then.
            load_at = soon.size() < kMaxDueLoaded ? kNever : soon.back().due_at;
        }
        if (look)
            for (const auto& part : state_.parts)
                if (part->look(spi)) more = true;
    }
    transaction.commit();

    load_at_ = load_at;
    looked_ = looked;
    std::erase_if(parked, [this](const Uuid& id) { return !is_ours(id); });
    announce(fresh);
    for (const Uuid& id : parked)
        announce({{id, InvalidOid}});
    if (due) {
        position_ = std::move(next);
        sweep_at_ = now + interval;
        announced_ = 0;
    }
    if (look) poked_ = more;
}

machine::Instant Sweeper::next_at() const {
    if (!active()) return unix_micros_now() + 60'000'000;
    return state_.intake.fresh() > 0 ? sweep_at_ : std::min(sweep_at_, load_at_);
}

}  // namespace flowctl::pg
