// What a worker and its executors tell each other: which statements of SQL steps are to be executed, and by whom.
//
// An executor is a process that executes the statements of one role for one worker (sql_steps/executor.hpp). A
// worker has a board in shared memory. It puts the ids of orders on it, and each executor takes the oldest order
// of its role, so that a slow statement holds up only the executor that executes it. The board holds hints: an
// order's row in flowctl_catalog.sql_order decides what is to be done, and its lock decides who does it.
//
// An order on the board: free -> waiting (put) -> taken (by an executor) -> finished -> free (collect).
//
// All executors of the server share one table of places (flowctl.max_sql_workers). The life of a place:
//   free -> reserved (by the worker) -> joined (by the executor) -> free (when the process has gone)
// A worker that finds no place for an executor says that it is hungry, and the others give up one of theirs.
#pragma once

#include <cstdint>
#include <vector>

#include "pg/server/spi.hpp"

namespace flowctl::pg::sql_board {

constexpr int kOrders = 256;  // of one worker

void request_at_load();  // _PG_init

enum class Outcome : std::uint8_t {
    Stored,     // the result is in the order's row
    Gone,       // there is no such order
    Held,       // another process has the order's lock
    Cancelled,  // by the worker, or since its time is over
    Failed,     // nothing could be stored
    Lost,       // the executor has ended
};

// ---- For a worker. `worker` is its slot (shmem).

// The worker begins: its board is empty. When the process ends, places that no executor has joined become free.
void open(int worker) noexcept;
bool put(const Uuid& order, Oid role) noexcept;  // false: the board is full
bool take_back(const Uuid& order) noexcept;      // false: an executor has it
// The executor that has the order cancels its statement. Gives the executor's place; -1: none has it.
int cancel(const Uuid& order) noexcept;
struct Finished {
    Uuid order{};
    Outcome outcome = Outcome::Lost;
};
std::vector<Finished> collect();
void wake_executors(Oid role) noexcept;  // those that have nothing to do

enum class NoPlace : std::uint8_t { None, Database, Server };
struct Place {
    int index = -1;
    std::uint32_t ticket = 0;
    NoPlace why = NoPlace::None;
};
// A place for an executor that is about to be registered, of at most so many in this database.
Place reserve(Oid role, int most_in_database) noexcept;
void release(const Place& place) noexcept;  // the process is over; what it had taken is Lost
struct Executor {
    bool joined = false;
    bool busy = false;
    std::int64_t since = 0;  // when it became busy or idle
    int pid = 0;
};
Executor view(const Place& place) noexcept;
// The executor ends when it has nothing to do; with `now_or_later` also when it is busy: after this order.
void retire(const Place& place, bool now_or_later) noexcept;
// Wakes the workers that have executors. None: not any more.
void say_hungry(NoPlace why, std::int64_t since) noexcept;
// Whether a worker of this database, or of another one if the server has no place left, has been hungry since
// before that time.
bool others_are_hungry(std::int64_t before) noexcept;

// ---- For an executor.

bool join(int place, std::uint32_t ticket) noexcept;  // false: it is not wanted any more
bool take(Uuid& order) noexcept;                      // false: there is none
void finish(Outcome outcome) noexcept;                // of the order that it has taken
// The worker has cancelled the order that this executor has.
bool is_cancelled() noexcept;
bool asked_to_end() noexcept;

}  // namespace flowctl::pg::sql_board
