// Shared memory: who works on which database, and the rings that carry fresh run ids from a commit to a
// worker.
//
// Everything here is plain data under spinlocks; no pointer, no std:: object, nothing that outlives a
// process. A ring holds hints: an id whose row is not visible is ignored, a full ring sets `overflow` and the
// worker sweeps.
//
// A slot is the place of one worker: its database, shard and process, and its ring. Its life:
//   free -> reserved (by the launcher) -> claimed (by the worker) -> ended (by its exit) -> free
// A reserved slot that is cancelled goes to ended; a worker that comes late finds its claim refused.
//
// Bars (bars.hpp), what the launcher is told (pokes.hpp) and what workers show of themselves (figures.hpp)
// have pieces of shared memory of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "pg/server/spi.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg::shmem {

constexpr int kRingSize = 16384;  // ids

// True when the library was loaded by shared_preload_libraries, so that shared memory and workers exist.
bool available() noexcept;
inline constexpr const char* kPreloadHint =
    "Add pg_flowctl to shared_preload_libraries and restart the server.";
// Raises an error that names `what` ("flowctl.start()") and says in its hint to preload the library.
void require(const char* what);

void request_at_load();  // _PG_init; also for bars, pokes and figures

// ---- For sessions. noexcept and free of allocation: used within the commit callback. All do nothing where
// available() is false.

// Puts ids into the rings of the database's workers and wakes them. Where a worker is missing, its ids are
// dropped, because it sweeps when it starts.
void announce_runs(Oid database, const FreshRun* runs, std::size_t count) noexcept;
// There are new runs whose ids the caller does not have: the workers are to sweep.
void announce_unknown_runs(Oid database) noexcept;
// Wakes the workers of a database: there is a message for them (mailbox).
void wake_workers(Oid database) noexcept;
// Wakes the workers of a database to look at flowctl_catalog.control and flowctl_catalog.installation.
void poke_workers(Oid database) noexcept;
// Wakes the workers of all databases.
void wake_workers() noexcept;
// The extension is gone: the database's workers are to leave.
void extension_dropped(Oid database) noexcept;

// ---- Waiting for runs to end (flowctl.wait). Databases may share a signal: who wakes looks again.
void runs_ended(Oid database) noexcept;                  // by the worker, after a commit that ended runs
ConditionVariable* ended_signal(Oid database) noexcept;  // null where available() is false

// ---- For commands that need a database without connections.
// Asks the database's workers to leave, by flag and latch, and by SIGTERM if `terminate`; cancels those still
// to come.
void ask_to_leave(Oid database, bool terminate) noexcept;
int workers_present(Oid database) noexcept;      // not counting this process
ConditionVariable* departure_signal() noexcept;  // a worker of any database has left

// ---- For a worker.
struct Claim {
    int slot = -1;
    Oid database = InvalidOid;
    int shard = 0;
    int shards = 1;
};
// Takes the slot that the launcher prepared (index in bgw_main_arg), and sees to its release at exit, also
// after FATAL; nullopt when it was cancelled meanwhile. To be called first of all, before the worker
// connects: a connection is what DROP DATABASE waits for.
std::optional<Claim> claim(int slot) noexcept;
// Takes everything out of the ring; `overflow`: some did not fit; `poked`: poke_workers() was called.
void take(int slot, std::vector<FreshRun>& runs, bool& overflow, bool& poked);
// Whether sessions are to announce their runs to this worker, as they do at first. A worker that may not act
// says no, so that it is not woken for nothing; after it has said yes again, it sweeps for the runs that were
// not announced.
void hear_of_runs(int slot, bool wanted) noexcept;
// True when a command needs the database or the extension was dropped. A turn that fails asks this first,
// since the tables may be gone.
bool asked_to_leave(int slot) noexcept;
// The worker has found the extension and works; the first time, the launcher hears of it, so that it starts
// the database's other workers.
void note_serving(int slot) noexcept;
// By a worker, before it exits: the extension is not installed here, so nobody need look until poked.
void no_extension(Oid database) noexcept;

// ---- For the launcher and the view.
enum class State : std::uint8_t { kFree, kReserved, kClaimed, kEnded };
struct View {
    State state = State::kFree;
    Oid database = InvalidOid;
    int shard = 0;
    int shards = 1;
    int pid = 0;
    bool leaving = false;       // it was asked to leave
    bool serving = false;       // it found the extension
    bool no_extension = false;  // it did not
    TimestampTz started_at = 0;
};
int slots() noexcept;
View view(int slot) noexcept;

// A slot for a worker that is about to be registered, or -1: the database is barred or no slot is free.
// `ticket` goes to the worker in bgw_extra and proves that the slot is still meant for it.
int reserve(Oid database, int shard, int shards, std::uint32_t& ticket) noexcept;
void cancel(int slot) noexcept;   // reserved -> ended
void recycle(int slot) noexcept;  // ended -> free

}  // namespace flowctl::pg::shmem
