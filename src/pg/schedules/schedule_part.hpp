// Schedules in the worker's turn: the worker that has a schedule's bucket fires it.
//
// The worker remembers only when the first schedule is due; the index of that table finds it. So a schedule that is
// not due costs its row and nothing else. Firing is a slice of work between turns: in one transaction runs are
// inserted and the schedules moved on, for up to 500 schedules at once. If it fails, they are tried one by one, and
// the schedule that fails alone is put off for a minute, so none holds up another.
//
// A time is late if nobody was there to fire it: it has passed before this worker began to look, or while the clock
// was set ahead. Late times are made up for as the schedule's catch_up says. A worker that was away for less than a
// minute while the server was up has missed nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pg/schedules/clock.hpp"
#include "pg/schedules/firing.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/turn/host.hpp"
#include "pg/turn/part.hpp"

namespace flowctl::pg {

class SchedulePart final : public Part {
  public:
    SchedulePart(const shmem::Claim& claim, Host& host) : shard_(claim.shard), shards_(claim.shards), host_(host) {}

    void load(Spi& spi) override;
    bool look(Spi& spi) override;
    bool work() override;
    std::optional<machine::Instant> next_at() const override;
    void begin() override { ended_now_.clear(); }
    void write(Spi& spi, const Changes& changes) override;
    void committed(const Changes& changes) override;

  private:
    void watch_clock(std::int64_t now);
    schedules::Moment moment(std::int64_t now) const;
    bool fire(std::int64_t now);
    void fire_one_by_one_after(const std::vector<schedules::DueSchedule>& failed);
    void put_off(std::int64_t now);
    bool tell_ends(std::int64_t now);
    void start_backfills();
    void stop(const std::vector<schedules::Replaced>& runs);

    const int shard_, shards_;
    Host& host_;
    schedules::ClockWatch clock_;
    std::int64_t alive_since_ = 0;  // by the clock of schedules
    bool was_closed_ = false;       // nothing could be fired when it was last tried
    std::optional<std::int64_t> earliest_;  // when a schedule is to be looked at
    std::int64_t retry_at_ = 0;             // by the server's clock: not before, since sessions hold what is due
    std::size_t alone_ = 0;                 // so many schedules are fired each by itself, since one of them fails
    std::optional<Uuid> tried_;             // the last one that was
    std::vector<Uuid> ended_now_;           // runs of schedules, in this turn
    std::vector<Uuid> ended_;               // runs whose schedules are to hear of their end
    bool tell_all_ = false;                 // there may be others
    bool backfills_ = false;                // a run of one may be about to start
};

}  // namespace flowctl::pg
