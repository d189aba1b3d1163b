// Limits in the worker's turn: which runs may begin.
//
// A run of a flow with limits has a row in limit_wait, and no worker begins it while the row is there
// (hold_back). The worker of shard 0 admits runs for the whole database (admitter.hpp); so what it counts is
// exact however many workers there are. It does so in the turns in which runs come and end, in their
// transactions, and by itself when a rate lets the next one begin, a window or a run's patience ends, or
// somebody has changed a limit.
//
// The other workers say which runs have come and ended, and hear which of theirs may begin. What they say is
// first a hint and then a row: a hint that is lost is found by their sweep (runs that have not begun), and the
// rows stay until they have been read. A run that is redriven waits like a new one (readmit), but is none that their
// sweep would find, so of its coming there is a row, too.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "pg/limits/admitter.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/turn/host.hpp"
#include "pg/turn/part.hpp"

namespace flowctl::pg {

class Limits final : public Part {
  public:
    Limits(const shmem::Claim& claim, Host& host)
        : shard_(claim.shard), shards_(claim.shards), host_(host), admitter_(shard_, shards_) {}

    void give(std::vector<FreshRun>& runs) override;
    bool work() override;
    std::optional<machine::Instant> next_at() const override;
    void load(Spi& spi) override;
    bool look(Spi& spi) override;
    void begin() override;
    void hold_back(Spi& spi, std::vector<Uuid>& runs) override;
    Readmission readmit(Spi& spi, const RedrivenRun& run) override;
    void write(Spi& spi, const Changes& changes) override;
    void committed(const Changes& changes) override;

  private:
    bool admits() const { return shard_ == 0; }
    bool is_ours(const Uuid& run) const { return shard_of(bucket_of(run), shards_) == shard_; }
    void tell_of_others(Spi& spi, const std::vector<Uuid>& ended);
    void look_at_pauses(Spi& spi);
    void look_at_quotas(Spi& spi);
    void publish();

    const int shard_, shards_;
    Host& host_;
    limits::Admitter admitter_;
    bool wanted_ = true;               // something may have changed that concerns all that waits
    std::vector<FreshRun> to_give_;    // that may begin here
    std::vector<FreshRun> to_forward_; // that wait, for the worker that admits
    std::vector<Uuid> come_again_;     // redriven runs that wait, for the same; staged
    limits::KnownTerms terms_;         // of flows whose runs are redriven
    bool to_poke_ = false;
    std::set<Uuid> refused_;           // of this shard, whose decision is in the table until they have ended
};

}  // namespace flowctl::pg
