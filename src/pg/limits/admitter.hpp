// The admission of runs over the tables: what waits, what is held, and what has been used.
//
// All of it is a copy of the tables and is made anew from them when a worker begins, and when a transaction has
// failed in which it was changed: then nobody knows which of the changes have happened. Within a transaction
// the copy is changed at once, and the rows are staged until write().
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/gates/admission.hpp"
#include "core/machine/machine.hpp"
#include "pg/limits/flow_terms.hpp"
#include "pg/store/limit_rows.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg::limits {

// A run that ends before it has begun, or that another one replaces.
struct Verdict {
    Uuid run{};
    Oid owner = InvalidOid;
    std::string error, cause;
};

// What the run is told of it.
machine::Event event_for(std::string error, std::string cause);

// A part of the limits of a flow.
struct MeasuredBy {
    bool paused = false;
    std::optional<std::int64_t> max_concurrency;
    std::optional<gates::Rate> rate;
    std::int64_t burst = 1;
    std::vector<std::pair<std::string, gates::Terms>> named;
    bool operator==(const MeasuredBy&) const = default;
};

class Admitter {
  public:
    Admitter(int shard, int shards) : shard_(shard), shards_(shards) {}

    // A transaction begins. Whatever was staged and has not been committed has not happened.
    void begin();
    // Nothing of the copy holds any more.
    void forget() { is_known_ = false; }
    // Whether there is anything to admit or to release, as far as the tables' sizes say.
    bool is_in_use();

    // ------------------------------------------------------------------- in a transaction

    // Runs that have come: those that may begin now. The others wait.
    std::vector<Uuid> arrive(Spi& spi, std::vector<store::WaitRow> runs);
    // Runs of other shards that wait again, because they are redriven.
    void come_again(Spi& spi, const std::vector<Uuid>& runs);
    // Whether this run has been admitted in this transaction.
    bool has_admitted(const Uuid& run) const { return admitted_.contains(run); }
    // Runs that have ended, whether they had begun or not.
    void ended(Spi& spi, const std::vector<Uuid>& runs);
    // What waits is measured by the limits as they are now. That is cheap where they have not changed.
    void know(Spi& spi);
    // Windows that are over, and runs that have waited for too long.
    void time_passes(Spi& spi);
    // Admits what may begin, and writes all that is staged.
    void settle(Spi& spi);

    // ------------------------------------------------------------------- after the commit

    struct Outcome {
        std::vector<FreshRun> begin;    // of this shard
        std::vector<FreshRun> elsewhere;
        std::vector<Verdict> verdicts;  // of this shard
        bool decided_elsewhere = false;
    };
    Outcome committed();

    // When it has to be looked at again; nullopt: not because of time.
    std::optional<machine::Instant> next_at() const;
    bool is_ready(machine::Instant now) const;

  private:
    struct Window {
        Uuid run{};
        Oid owner = InvalidOid;
        std::int64_t first_at = 0;
    };
    struct GateName {
        std::optional<Uuid> flow_id;  // none: flows share it
        std::optional<std::string> limit_name, key;
    };

    bool is_ours(const Uuid& run) const { return shard_of(bucket_of(run), shards_) == shard_; }
    void change_terms(Spi& spi);
    void again(Spi& spi, std::vector<store::WaitRow> runs);
    gates::LineFacts facts_of(Spi& spi, const store::WaitRow& run);
    bool join(Spi& spi, const store::WaitRow& run);
    void open_window(Spi& spi, const store::WaitRow& run);
    void end_window(Spi& spi, store::WaitRow run);
    void make_room(Spi& spi);
    bool make_room(Spi& spi, const Uuid& line, const Uuid& flow_id);
    void replace(Spi& spi, const std::vector<store::WaitRow>& runs);
    void stage(const gates::Admission::Admitted& admitted, const Uuid& flow_id, Oid owner);
    void decide(const Uuid& run, Oid owner, const char* error, std::string cause);
    void forget_holds(const std::set<Uuid>& runs);
    void flush_waits(Spi& spi);
    std::vector<gates::Waiter> fetch(Spi& spi, const Uuid& line, std::size_t most,
                                     const std::vector<gates::Admission::Admitted>& admitted);
    void note_tidying();
    void note_due(std::optional<std::int64_t> at);
    void tidy(Spi& spi);

    const int shard_, shards_;
    gates::Admission admission_;
    KnownTerms terms_;
    std::map<Uuid, MeasuredBy> measured_;  // by flow: what its lines have been measured by
    std::set<Uuid> mixed_;                 // flows some of whose lines have been measured by something else
    std::unordered_map<Uuid, GateName, UuidHash> names_;  // of gates
    std::map<Uuid, Window> windows_;                      // by line
    std::map<Uuid, Uuid> contested_;  // lines in which later runs replace earlier ones, and their flows
    std::optional<std::int64_t> next_due_;
    std::int64_t tidy_at_ = 0;
    std::int64_t all_full_at_ = 0;  // when all buckets are full; 0: they are, and have no rows
    bool is_known_ = false;
    bool is_changed_ = false;  // in this transaction
    bool in_use_ = false;

    // Staged.
    std::set<Uuid> admitted_;
    std::vector<Uuid> waits_gone_;
    std::size_t seen_admitted_ = 0;  // of those that admit() has given so far
    std::vector<store::HoldRow> holds_;
    std::vector<store::DecisionRow> decisions_;
    Outcome outcome_;
};

}  // namespace flowctl::pg::limits
