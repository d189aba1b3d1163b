// Batch: one transaction of the engine, and what follows from it.
//
// It takes items, loads their runs, advances them by the machine and writes what came of it; after the commit
// memory follows the tables and the effects leave. Everything in here is a copy or new until then: when the
// transaction fails, dropping the batch is all that undoing takes.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "pg/engine/state.hpp"
#include "pg/store/history.hpp"
#include "pg/store/reopening.hpp"
#include "pg/store/runs.hpp"

namespace flowctl::pg {

// Runs in memory whose call waits for room; beyond that many they are parked.
constexpr std::size_t kMaxInLineLive = 1'000;

// An evaluation has taken too long, so nothing of the batch may happen. Batch::interrupted() says which.
class EvaluationInterrupted : public std::runtime_error {
  public:
    EvaluationInterrupted() : std::runtime_error("an evaluation was interrupted") {}
};

class Batch {
  public:
    // `alone`: an item is tried by itself, since the transaction with all of them has failed.
    Batch(State& state, bool alone) : state_(state) { changes_.alone = alone; }

    // In a transaction: as many of the items as fit into its time and size, but at least one. The others come
    // again in the next turn. Throws EvaluationInterrupted, too.
    void run(Spi& spi, const std::vector<Item>& items);
    // After EvaluationInterrupted: the index of the item, and what its run had been given for it.
    std::pair<std::size_t, std::vector<machine::Given>> interrupted() {
        return {done_, std::move(given_)};
    }
    // In a transaction: ends the run of this item as FAILED, because the engine cannot carry it on. Without
    // history where its rows are what cannot be written.
    void fail(Spi& spi, const Item& item, const std::string& reason, bool with_history);
    // After the commit.
    void carry_out();

  private:
    // A run that this batch advances, on a copy of its frame.
    struct Working {
        LiveRun* run = nullptr;
        std::unique_ptr<LiveRun> loaded;  // where it was not live before
        bool begun = false;               // a frame is stored
        bool ended_before = false;        // loaded to be redriven; the run is open when it is entered
        bool has_waited = false;          // it is redriven, is open already, and has waited at a limit
        bool entered = false;             // loaded, and its Started or Resumed has been given
        bool advanced = false;            // in this batch
        bool changed = false;
        bool saved = false;  // this batch has stored its frame
        machine::Frame frame;
        machine::Outcome outcome;
        std::optional<machine::Instant> next_due;
        machine::Phase phase = machine::Phase::Running;
        std::string current_state;
        std::size_t frame_bytes = 0;   // of memory, by estimate
        std::int64_t load_micros = 0;  // what loading has taken, until it is charged

        bool ended() const { return outcome.status != machine::Status::Running; }
        // So its flow may want another one started (Changes::failed).
        bool has_failed() const {
            return !run->child &&
                   (outcome.status == machine::Status::Failed || outcome.status == machine::Status::TimedOut);
        }
    };

    void begin_parts();
    void load(Spi& spi, const std::vector<Item>& items);
    void hold_back(Spi& spi, const std::vector<Item>& items, std::vector<Uuid>& missing);
    void hold_back_loaded(Spi& spi);
    std::set<Uuid> held_back(Spi& spi, const std::set<Uuid>& runs) const;
    void load_run(Spi& spi, const store::StoredRun& row);
    void fail_loaded(Spi& spi, const store::StoredRun& row, const LiveRun& run, const std::string& problem,
                     bool with_history);
    void add_loaded(const store::StoredRun& row, std::unique_ptr<LiveRun> run);
    // reopen.cpp
    void load_ended(Spi& spi, const std::vector<Item>& items);
    void load_redriven(Spi& spi, store::StoredRun row, std::string frame);
    void refuse_redriven_child(Spi& spi, const Working& working);
    void load_ended_run(Spi& spi, const store::StoredRun& row);
    bool reopen(Spi& spi, Working& working, const Item& item);
    bool go_on_after_wait(Spi& spi, Working& working, const Item& item);
    bool begin_redrive(Spi& spi, Working& working, const Item& item);
    Part::Readmission readmission(Spi& spi, const LiveRun& run);
    Part::Told told(const Item& item, bool is_told, std::string& why_not) const;
    // Writing takes time and memory, too: a batch is bounded in rows and bytes.
    static constexpr std::size_t kMaxBytes = 16 * 1024 * 1024;
    static constexpr std::int64_t kMaxMicros = 50'000;  // of loading, and of advancing
    // Runs whose failure may start another run (option on_failure) while the batch is written.
    static constexpr std::size_t kMaxFailed = 64;
    bool full() const {
        return history_.size() >= 4'000 || changes_.bytes >= kMaxBytes || failed_ >= kMaxFailed;
    }

    // step.cpp, evaluate_item.cpp
    void apply(Spi& spi, const Item& item);
    Working* working_for(const Item& item);
    bool sets_aside(Working& working, const Item& item);
    std::vector<machine::Given> given_for(const Working& working, const Item& item) const;
    bool tell(Spi& spi, Working& working, const Item& item);
    // What the run is told. It must not see a token that it was handed, which an answer may echo.
    static machine::Event event_for(const Working& working, const Item& item) {
        return working.run->handed ? working.run->handed->with_marker(*item.event) : *item.event;
    }
    bool advance(Spi& spi, Working& working, machine::Event first);
    machine::Step next_step(Working& working);
    machine::Step compute(Working& working, const machine::Given& given);
    void repeat(Working& working, std::size_t count);
    void carry_out_step(Spi& spi, Working& working, machine::Step&& step,
                        std::vector<machine::Event>& events);
    void carry_out_evaluations();

    // write.cpp
    void write(Spi& spi);
    bool is_memory_short() const;
    void write_end(const Working& working, const Uuid& id);
    void park();

    State& state_;
    Changes changes_;
    std::map<Uuid, Working> working_;
    std::vector<store::HistoryRow> history_;
    PlannedCalls planned_;
    std::size_t unstored_bytes_ = 0;  // of memory: what this batch adds for runs without a stored frame
    std::set<Uuid> fresh_;  // runs of which nothing is known but that they may begin
    std::set<Uuid> later_;  // runs that are too much for this batch, or wait for their version
    std::vector<Item> left_over_;  // for want of time, or because the batch is full
    std::size_t done_ = 0;         // items
    std::size_t failed_ = 0;       // runs that have ended so, and are no children of map runs

    // What the item that is being applied has given its run, and what is known of the outcome.
    std::vector<machine::Given> given_;
    bool watched_ = true;  // whether computing it may be interrupted
    const EvaluationOutcome* outcome_ = nullptr;
    // Runs whose items a copy of the process is to compute.
    struct Aside {
        LiveRun* run = nullptr;
        std::unique_ptr<LiveRun> loaded;
        std::vector<Item> items;
        std::vector<machine::Given> given;  // empty: the items are for the next batch
    };
    std::map<Uuid, Aside> aside_;
    std::vector<Uuid> evaluated_;  // runs of which the engine's evaluations know, and that are advanced

    // What write() collects for the tables.
    std::vector<store::RunEnd> ends_;
    std::vector<store::EndedFrame> ended_frames_;
    std::vector<store::Reopened> reopened_, waiting_again_;
    std::map<Uuid, std::string> refusals_;  // runs that cannot be redriven
    std::set<Uuid> not_now_;                // nor be refused now
    std::map<Uuid, store::FlowPresence> flows_held_;
    std::vector<Uuid> frames_gone_, forget_payloads_, forget_events_;
};

}  // namespace flowctl::pg
