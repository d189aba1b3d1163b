// Tasks that call functions of the database, in the worker.
//
// The turn that begins a Task writes an order, and after its commit the order stands in line for an executor
// (executor.hpp), which stores the result in the order's row. The worker reads it and gives it to the run in a
// turn, which deletes the row. So a function's effects happen exactly once: what the executor has not committed has
// not happened, and what it has committed is found in the row, by this worker or by the next one.
//
// Where a Task is to end without its result (its time is over, the run was stopped, another branch has failed),
// the turn takes the order's lock and deletes the row. If the executor has the lock, its statement is cancelled
// and the run's items come again a little later (RunsBusy); if a result is there, the run gets it before anything
// else. A statement that ignores its cancellation for too long ends with its process.
//
// Orders that wait are kept in memory up to a number for each role. The others are only rows, their runs leave
// memory, and they are read when the line has become short.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "pg/shared/shmem.hpp"
#include "pg/sql_steps/executor_pool.hpp"
#include "pg/sql_steps/order_rows.hpp"
#include "pg/tasks/performer.hpp"
#include "pg/turn/busy.hpp"
#include "pg/turn/host.hpp"

namespace flowctl::pg {

class SqlPerformer final : public Performer {
  public:
    SqlPerformer(Host& host, const shmem::Claim& claim);

    Lanes lanes_of(const RunFacts&, const machine::Call&) const override { return {}; }
    std::optional<Refusal> prepare(Spi& spi, const RunFacts& run, const machine::Call& call,
                                   const Attempt& attempt) override;
    void withdraw(const Uuid& run, std::int64_t call) override;
    bool keeps_run(const machine::Call&) const override { return keeps_last_; }

    void collect() override;
    void load(Spi& spi) override;
    void begin() override;
    void apply(const Item& item) override { done_.push_back(item.ticket); }
    void failed(const Item& item) override { apply(item); }
    void write(Spi& spi, const Changes& changes) override;
    void committed(const Changes& changes) override;
    bool work() override;
    std::optional<machine::Instant> next_at() const override;
    bool look(Spi& spi) override;
    std::int64_t under_way() const override { return static_cast<std::int64_t>(board_.size()); }

  private:
    using CallKey = std::pair<Uuid, std::int64_t>;  // run and call
    struct Order {
        enum class At { Line, Board, Answered };
        CallKey call;
        Oid role = InvalidOid;
        Oid owner = InvalidOid;
        At at = At::Line;
        bool keeps_row = false;  // of an EXPRESS run
        int losses = 0;          // executors that have ended while they had it
        std::int64_t cancelled_since = 0;
    };
    struct Staged {
        store::NewOrder row;
        bool is_stored = false;  // the row is there already
        bool keeps_row = false;
    };
    struct Line {
        std::deque<Uuid> waiting;  // some of them may be over
        std::size_t on_board = 0;
        bool has_more = false;  // orders that are not in memory
        Uuid read_upto{};
    };

    Item item_of(const Uuid& id, const CallKey& call, Oid owner, const store::OrderResult& result);
    void answer(const Uuid& id, Order& order, const store::OrderResult& result);
    void read_results();
    void take_finished();
    void put_back(const Uuid& id, Order& order, std::int64_t wait);
    void forget(const Uuid& id);
    void leave_board(const Uuid& id);
    void add(const Uuid& id, Order&& order);
    void pump(std::int64_t now);
    bool read_more(Oid role, Line& line);
    bool has_more() const;

    std::map<Uuid, Uuid> dropped_orders(Spi& spi, const Changes& changes) const;
    void drop(Spi& spi, const Changes& changes);
    void end_statement(const Uuid& id);
    void collect_rows(const Changes& changes);

    Host& host_;
    const int shard_, shards_;
    ExecutorPool pool_;
    std::map<Uuid, Order> orders_;
    std::map<CallKey, Uuid> by_call_;  // of these
    std::map<Oid, Line> lines_;        // by role
    std::multimap<std::int64_t, Uuid> later_;  // orders that come into line then
    std::map<Uuid, std::vector<Uuid>> kept_rows_;  // of EXPRESS runs, by run
    std::map<Uuid, Oid> board_;  // orders that are on the board, and their roles
    std::vector<Uuid> unread_;  // orders whose results are to be read
    std::map<std::int64_t, Uuid> tickets_;  // of items that are queued
    std::int64_t last_ticket_ = 0;
    std::set<Uuid> left_;  // rows of runs that have ended, which an executor has locked
    bool keeps_last_ = true;

    // Of this transaction.
    std::vector<Staged> staged_;
    std::map<Uuid, Uuid> withdrawn_;  // orders that were stored before, and their runs
    struct Taken {
        Uuid id{};
        Uuid run{};
        bool keeps_row = false;
    };
    std::vector<Taken> taken_;        // orders whose results runs have got at once
    std::vector<std::int64_t> done_;  // tickets
    std::vector<Uuid> over_;          // rows that are deleted
    std::vector<Uuid> left_staged_;
};

}  // namespace flowctl::pg
