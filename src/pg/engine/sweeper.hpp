// Sweeper: finds what nobody has announced.
//
// A start announces its run through shared memory, and what is announced can be lost: the ring is full, the
// worker was not there, the server crashed. So the worker looks into the tables by itself from time to time,
// and more often under load, so that no sweep takes long. Each sweep begins where the one before has stopped.
// It also loads the parked runs that are due soon, and asks the parts what they find (Part::load,
// Part::look).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pg/engine/state.hpp"
#include "pg/shared/installation.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/store/runs.hpp"
#include "pg/store/sweep.hpp"

namespace flowctl::pg {

class Sweeper {
  public:
    Sweeper(const shmem::Claim& claim, State& state) : claim_(claim), state_(state) {}

    void request() { sweep_at_ = 0; }  // something was announced and lost
    void poke() { poked_ = true; }     // somebody has changed flowctl.control or flowctl.installation
    // Runs that were announced.
    void announce(const std::vector<FreshRun>& runs);

    // Whether this database may act: a copy of a database must not do again what the original does. Looked at
    // when the worker starts and when it is poked. In a transaction of its own; raises PgError.
    bool may_act();
    // As may_act() has found.
    bool active() const { return standing_ == Standing::Original; }
    Standing standing() const { return standing_; }

    // Looks, if it is time to; in a transaction of its own; raises PgError.
    void sweep();
    bool is_poked() const { return poked_; }
    machine::Instant next_at() const;

  private:
    // Which frames have been asked for because of their due_at.
    struct Looked {
        std::int64_t upto = 0;      // all that are due until then are in memory, or their timers are
        std::int64_t horizon = 0;   // with which `upto` was reckoned
        std::int64_t whole_at = 0;  // when all frames are asked for again, however long ago they were due
    };
    bool is_ours(const Uuid& run) const;
    std::vector<store::DueRun> find_due(Spi& spi, std::int64_t now, Looked& looked) const;
    std::vector<FreshRun> find_unannounced(Spi& spi) const;

    shmem::Claim claim_;
    State& state_;
    std::optional<store::SweepPosition> position_;  // none before the first sweep
    std::int64_t sweep_at_ = 0;
    Looked looked_;
    std::int64_t load_at_ = 0;   // when parked runs are to be loaded, between sweeps
    std::size_t announced_ = 0;  // runs since the last sweep
    Standing standing_ = Standing::Copy;
    bool poked_ = true;
};

}  // namespace flowctl::pg
