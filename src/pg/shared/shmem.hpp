// Shared memory: who works on which database, and the rings that carry fresh run ids from a commit to a
// worker.
//
// Everything here is plain data under spinlocks; no pointer, no std:: object, nothing that outlives a
// process. A ring holds hints: an id whose row is not visible is ignored, a full ring sets `overflow` and the
// worker sweeps.
//
//   slot:  one worker: database, shard, process, ring, figures. Its life:
//            free -> reserved (by the launcher) -> claimed (by the worker) -> ended (by its exit) -> free
//          A reserved slot that is cancelled goes to ended; a worker that comes late finds its claim refused.
//   bar:   "no worker may come to this database", while DROP DATABASE and its like run. Counted by database.
//   poke:  "look again", for a worker (its database) or for the launcher (which databases there are).
//
// Invariant: from bar() to unbar() no worker of that database gets a claim. bar() is followed by a look at
// the slots, reserve() by a look at the bars, so one of the two sees the other.
//
// Called by wake (at commit), hooks (bars), launcher, worker (own slot), the view flowctl.workers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "pg/server/spi.hpp"

namespace flowctl::pg::shmem {

constexpr int kBuckets = 64;
constexpr int kRingSize = 16384;  // ids

// True when the library was loaded by shared_preload_libraries, so that shared memory and workers exist.
bool available() noexcept;
// Raises an error that names `what` ("flowctl.start()") and says in its hint to preload the library.
void require(const char* what);

void request_at_load();  // _PG_init: chains the shared-memory hooks

inline int bucket_of(const Uuid& run) noexcept {
    return run[15] % kBuckets;
}
inline int shard_of(int bucket, int shards) noexcept {
    return bucket % shards;
}

// ---- For sessions. noexcept and free of allocation: used within the commit callback. All do nothing where
// available() is false.

// Puts ids into the rings of the database's workers and wakes them; ids nobody is there for are dropped (a
// worker sweeps when it starts).
void announce_runs(Oid database, const Uuid* runs, std::size_t count) noexcept;
// There are new runs whose ids the caller does not have: the workers are to sweep.
void announce_unknown_runs(Oid database) noexcept;
// Wakes the workers of a database to look at flowctl_catalog.control and flowctl_catalog.installation.
void poke_workers(Oid database) noexcept;
// Tells the launcher that a database may have gained the extension, or, with InvalidOid, that there may be
// new databases.
void poke_launcher(Oid database) noexcept;
// The extension is gone: the database's workers are to leave.
void extension_dropped(Oid database) noexcept;

// ---- Waiting for runs to end (flowctl.wait). Databases may share a signal: who wakes looks again.
void runs_ended(Oid database) noexcept;                  // by the worker, after a commit that ended runs
ConditionVariable* ended_signal(Oid database) noexcept;  // null where available() is false

// ---- For commands that need a database without connections.
void bar(Oid database) noexcept;
void unbar(Oid database) noexcept;
bool barred(Oid database) noexcept;
// Asks the database's workers to leave, by flag and latch, and by SIGTERM if `terminate`; cancels those still
// to come.
void ask_to_leave(Oid database, bool terminate) noexcept;
int workers_present(Oid database) noexcept;      // not counting this process
ConditionVariable* departure_signal() noexcept;  // a worker has left, of whatever database

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
void take(int slot, std::vector<Uuid>& runs, bool& overflow, bool& poked);
// Whether sessions are to announce their runs, as they do at first: who may not act is not woken for nothing.
// Behind the change to true, a sweep finds those that were not announced.
void hear_of_runs(int slot, bool wanted) noexcept;
// A command needs the database, or the extension was dropped. Also the first thing to ask when a turn fails:
// the tables may be gone.
bool asked_to_leave(int slot) noexcept;
struct Figures {
    std::int64_t runs_open, calls_open, turns, events;
    std::int64_t last_turn_at;  // microseconds since 1970 UTC; 0: none yet
};
// For the view flowctl.workers. The first call also tells the launcher that the extension is there, so that
// it starts the database's other workers.
void publish(int slot, const Figures& figures) noexcept;
// What a worker knows of an issuer, for the view flowctl.issuers. Times in microseconds since 1970 UTC, 0:
// none.
constexpr int kIssuers = 32;  // of one worker; of more, those that were asked last
enum class Circuit : std::uint8_t { kClosed, kPaused, kOpen, kHalfOpen };
struct IssuerRow {
    char name[64];  // of the foreign server
    char url[256];
    char last_failure_message[384];
    std::int64_t token_requests, tokens_issued, failures, cached_tokens;
    std::int64_t last_success, last_failure;
    std::int64_t circuit_until;
    Circuit circuit;
};
// Puts these rows in the place of those before; beyond kIssuers they are left out.
void publish_issuers(int slot, const std::vector<IssuerRow>& issuers) noexcept;
bool view_issuer(int slot, int index, IssuerRow& issuer) noexcept;  // false: there are no more

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
    Figures figures{};
};
int slots() noexcept;
View view(int slot) noexcept;

void launcher_is_here() noexcept;  // by the launcher, which pokes then wake until it exits
// What poke_launcher() was told since the last call. True: look at every database.
bool take_pokes(std::vector<Oid>& databases);
// A slot for a worker that is about to be registered, or -1: the database is barred or no slot is free.
// `ticket` goes to the worker in bgw_extra and proves that the slot is still meant for it.
int reserve(Oid database, int shard, int shards, std::uint32_t& ticket) noexcept;
void cancel(int slot) noexcept;   // reserved -> ended
void recycle(int slot) noexcept;  // ended -> free

}  // namespace flowctl::pg::shmem
