// Shared memory: who works on which database, and the rings that carry fresh run ids from a commit to a worker.
//
// Everything here is plain data under one spinlock a slot; no pointer, no std::, nothing that outlives a process. A ring holds
// hints: an id whose row is not visible is ignored, a full ring sets `overflow` and the worker sweeps.
//
//   database: the launcher's notes on one database: bars (while DROP DATABASE and its like run), whether the
//             extension is there, when to look again.
//   slot:     one worker: database, shard, latch, ring.
//
// Called by wake (push), launcher and hooks (databases), worker (own slot), the view flowctl.workers.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pg/spi.hpp"

namespace flowctl::pg::shmem {

constexpr int kBuckets = 64;
constexpr int kRingSize = 16384;  // ids

// True when the library was loaded by shared_preload_libraries, so that shared memory and workers exist.
bool available() noexcept;
// Raises an error that names `what` and says in its hint to preload the library.
void require(const char* what);

void request_at_load();  // _PG_init: chains the shared-memory hooks

inline int bucket_of(const Uuid& run) noexcept { return run[15] % kBuckets; }
inline int shard_of(int bucket, int shards) noexcept { return bucket % shards; }

// ---- for sessions. noexcept and allocation-free: used within the commit callback.

// Puts ids into the rings of the database's workers and wakes them; ids nobody is there for are dropped (a worker
// sweeps when it starts).
void announce_runs(Oid database, const Uuid* runs, std::size_t count) noexcept;
// Wakes the workers of a database to look at flowctl.control and flowctl.installation.
void poke_workers(Oid database) noexcept;
// Tells the launcher that a database may have gained the extension.
void poke_launcher(Oid database) noexcept;
// The workers of a database are to look whether the extension is still there, and to leave if it is not.
void extension_dropped(Oid database) noexcept;

// ---- waiting for runs to end (flowctl.wait): a counter and a condition variable a database.
void runs_ended(Oid database) noexcept;             // by the worker, after a commit that ended runs
ConditionVariable* ended_signal(Oid database) noexcept;  // null when no worker is there

// ---- for a worker.
struct Claim {
    int slot = -1;
    int shard = 0;
    int shards = 1;
};
// Takes the slot that the launcher prepared (index in bgw_main_arg); nullopt when it was cancelled meanwhile.
std::optional<Claim> claim(int slot) noexcept;
void release(int slot) noexcept;  // at exit, also after FATAL
// Takes everything out of the ring; `overflow`: some did not fit; `poked`: poke_workers() was called.
void take(int slot, std::vector<Uuid>& runs, bool& overflow, bool& poked);
bool asked_to_leave(int slot) noexcept;  // bars, drops
struct Figures {
    std::int64_t runs_open, calls_open, turns, events, last_turn_at;
};
void publish(int slot, const Figures& figures) noexcept;  // for the view flowctl.workers
// Ends this database's claim to be worked on: the extension is not installed here.
void no_extension(Oid database) noexcept;

}  // namespace flowctl::pg::shmem
