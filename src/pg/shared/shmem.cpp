// The shared memory of workers, launcher and sessions; shmem.hpp says what each part means.
//
// There is one spinlock for each slot. Latches are set and signals are sent after it is released: if the
// process has gone meanwhile, another one gets a stray wake-up, which every process must expect anyway.
#include "pg/shared/shmem.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>

#include "pg/shared/bars.hpp"
#include "pg/shared/drain.hpp"
#include "pg/shared/endpoint_pace.hpp"
#include "pg/shared/figures.hpp"
#include "pg/shared/open_run_counts.hpp"
#include "pg/shared/pokes.hpp"
#include "pg/shared/segment.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg::shmem {

namespace {

constexpr std::uint32_t kSignals = 64;
constexpr std::size_t kIdsPerLock = 256;  // 4 KB copied under a spinlock

struct Slot {
    slock_t mutex;
    State state;
    bool leaving;
    bool serving;
    bool no_extension;
    bool overflow;
    bool poked;
    bool deaf;
    std::int32_t shard;
    std::int32_t shards;
    std::int32_t pid;
    std::int32_t process;  // index of its PGPROC
    std::uint32_t ticket;
    TimestampTz started_at;
    std::uint32_t first;  // of the ids in the ring
    std::uint32_t count;
    FreshRun ring[kRingSize];
};

struct Shared {
    ConditionVariableMinimallyPadded ended[kSignals];
    ConditionVariable departed;
    std::int32_t slot_count;
};

Shared* shared = nullptr;
Slot* slot_array = nullptr;
pg_atomic_uint32* databases = nullptr;  // of each slot: read without its lock to pass over others'

std::size_t slots_offset() {
    return MAXALIGN(sizeof(Shared));
}
std::size_t databases_offset() {
    return slots_offset() + MAXALIGN(sizeof(Slot) * static_cast<std::size_t>(max_worker_processes));
}
std::size_t total_size() {
    return databases_offset() + sizeof(pg_atomic_uint32) * static_cast<std::size_t>(max_worker_processes);
}

void attach(void* memory, bool is_new) {
    auto* base = static_cast<char*>(memory);
    shared = reinterpret_cast<Shared*>(base);
    slot_array = reinterpret_cast<Slot*>(base + slots_offset());
    databases = reinterpret_cast<pg_atomic_uint32*>(base + databases_offset());
    if (!is_new) return;
    memset(base, 0, total_size());
    shared->slot_count = max_worker_processes;
    for (ConditionVariableMinimallyPadded& signal : shared->ended)
        ConditionVariableInit(&signal.cv);
    ConditionVariableInit(&shared->departed);
    for (int i = 0; i < shared->slot_count; i++) {
        SpinLockInit(&slot_array[i].mutex);
        pg_atomic_init_u32(&databases[i], InvalidOid);
        slot_array[i].process = kNobody;
    }
}

constexpr Segment kSegment{"pg_flowctl", total_size, attach};

bool is_of(int slot, Oid database) noexcept {
    return pg_atomic_read_u32(&databases[slot]) == database;
}

// Applies `change` to each claimed slot of the database under its lock, and wakes its worker.
template <class Change>
void tell_workers(Oid database, Change&& change) noexcept {
    if (shared == nullptr) return;
    for (int i = 0; i < shared->slot_count; i++) {
        if (!is_of(i, database)) continue;
        Slot& slot = slot_array[i];
        int process = kNobody;
        {
            Locked lock(slot.mutex);
            if (slot.state != State::kClaimed || !is_of(i, database)) continue;
            change(slot);
            process = slot.process;
        }
        wake(process);
    }
}

void clear_ring(Slot& slot) noexcept {
    slot.first = slot.count = 0;
    slot.overflow = slot.poked = false;
}

// Ends the claim of this process at its exit, also after FATAL.
void release_at_exit(int, Datum index) {
    Slot& slot = slot_array[DatumGetInt32(index)];
    {
        Locked lock(slot.mutex);
        if (slot.state != State::kClaimed || slot.pid != MyProcPid) return;
        slot.state = State::kEnded;
        slot.pid = 0;
        slot.process = kNobody;
    }
    ConditionVariableBroadcast(&shared->departed);
    pokes::wake_launcher();
}

}  // namespace

bool available() noexcept {
    return shared != nullptr;
}

void require(const char* what) {
    if (available()) return;
    throw UserError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                    std::string(what) + " needs pg_flowctl to be loaded when the server starts",
                    kPreloadHint);
}

void request_at_load() {
    request_at_load(kSegment);
    bars::request_at_load();
    drain::request_at_load();
    pokes::request_at_load();
    figures::request_at_load();
    endpoint_pace::request_at_load();
    open_run_counts::request_at_load();
}

// ---- Sessions.

void announce_runs(Oid database, const FreshRun* runs, std::size_t count) noexcept {
    if (shared == nullptr || count == 0) return;
    for (int i = 0; i < shared->slot_count; i++) {
        if (!is_of(i, database)) continue;
        Slot& slot = slot_array[i];
        int process = kNobody;
        for (std::size_t done = 0; done < count;) {
            const std::size_t upto = std::min(count, done + kIdsPerLock);
            Locked lock(slot.mutex);
            if (slot.state != State::kClaimed || !is_of(i, database)) break;
            for (; done < upto; done++) {
                const FreshRun& run = runs[done];
                const int shard = run.waits ? kAdmittingShard : shard_of(bucket_of(run.id), slot.shards);
                if (shard != slot.shard || slot.deaf) continue;
                process = slot.process;
                if (slot.count == kRingSize) {
                    slot.overflow = true;
                    done = count;
                    break;
                }
                slot.ring[(slot.first + slot.count) % kRingSize] = runs[done];
                slot.count++;
            }
        }
        wake(process);
    }
}

void announce_unknown_runs(Oid database) noexcept {
    tell_workers(database, [](Slot& slot) { slot.overflow = true; });
}

void wake_workers(Oid database) noexcept {
    tell_workers(database, [](Slot&) {});
}

void poke_workers(Oid database) noexcept {
    tell_workers(database, [](Slot& slot) { slot.poked = true; });
}

void wake_workers() noexcept {
    if (shared == nullptr) return;
    for (int i = 0; i < shared->slot_count; i++) {
        int process = kNobody;
        {
            const Locked lock(slot_array[i].mutex);
            if (slot_array[i].state == State::kClaimed) process = slot_array[i].process;
        }
        wake(process);
    }
}

void extension_dropped(Oid database) noexcept {
    ask_to_leave(database, false);
    pokes::poke_launcher(database);
}

void runs_ended(Oid database) noexcept {
    if (shared != nullptr) ConditionVariableBroadcast(&shared->ended[database % kSignals].cv);
}

ConditionVariable* ended_signal(Oid database) noexcept {
    return shared != nullptr ? &shared->ended[database % kSignals].cv : nullptr;
}

// ---- Commands that need a database without connections.

void ask_to_leave(Oid database, bool terminate) noexcept {
    if (shared == nullptr) return;
    for (int i = 0; i < shared->slot_count; i++) {
        if (!is_of(i, database)) continue;
        Slot& slot = slot_array[i];
        int process = kNobody;
        int pid = 0;
        {
            Locked lock(slot.mutex);
            if (!is_of(i, database)) continue;
            slot.leaving = true;
            if (slot.state == State::kReserved) slot.state = State::kEnded;
            if (slot.state == State::kClaimed) {
                process = slot.process;
                pid = slot.pid;
            }
        }
        wake(process);
        if (terminate && pid != 0 && pid != MyProcPid) kill(pid, SIGTERM);
    }
}

int workers_present(Oid database) noexcept {
    int present = 0;
    for (int i = 0; i < slots(); i++) {
        const View worker = view(i);
        if (worker.state == State::kClaimed && worker.database == database && worker.pid != MyProcPid)
            present++;
    }
    return present;
}

ConditionVariable* departure_signal() noexcept {
    return shared != nullptr ? &shared->departed : nullptr;
}

// ---- A worker.

std::optional<Claim> claim(int index) noexcept {
    if (shared == nullptr || index < 0 || index >= shared->slot_count) return std::nullopt;
    std::uint32_t ticket = 0;
    memcpy(&ticket, MyBgworkerEntry->bgw_extra, sizeof ticket);
    // Registered before the process enters the list of backends, so it runs after the process has left that
    // list.
    on_shmem_exit(release_at_exit, Int32GetDatum(index));
    const TimestampTz now = GetCurrentTimestamp();

    Slot& slot = slot_array[index];
    Locked lock(slot.mutex);
    if (slot.state != State::kReserved || slot.ticket != ticket) return std::nullopt;
    slot.state = State::kClaimed;
    slot.pid = MyProcPid;
    slot.process = my_process_number();
    slot.started_at = now;
    return Claim{index, pg_atomic_read_u32(&databases[index]), slot.shard, slot.shards};
}

void take(int index, std::vector<FreshRun>& runs, bool& overflow, bool& poked) {
    Slot& slot = slot_array[index];
    FreshRun chunk[kIdsPerLock];
    bool first_chunk = true;
    for (;;) {
        std::uint32_t taken = 0;
        {
            Locked lock(slot.mutex);
            if (first_chunk) {
                overflow = slot.overflow;
                poked = slot.poked;
                slot.overflow = slot.poked = false;
            }
            // Up to the end of the array; what wrapped round comes with the next chunk.
            taken = std::min({slot.count, static_cast<std::uint32_t>(kIdsPerLock), kRingSize - slot.first});
            std::copy_n(slot.ring + slot.first, taken, chunk);
            slot.first = (slot.first + taken) % kRingSize;
            slot.count -= taken;
        }
        if (taken == 0) return;
        first_chunk = false;
        runs.insert(runs.end(), chunk, chunk + taken);
    }
}

void hear_of_runs(int index, bool wanted) noexcept {
    Slot& slot = slot_array[index];
    Locked lock(slot.mutex);
    slot.deaf = !wanted;
}

bool asked_to_leave(int index) noexcept {
    Slot& slot = slot_array[index];
    Locked lock(slot.mutex);
    return slot.leaving;
}

void note_serving(int index) noexcept {
    Slot& slot = slot_array[index];
    bool first = false;
    {
        Locked lock(slot.mutex);
        first = !slot.serving;
        slot.serving = true;
    }
    if (first) pokes::wake_launcher();
}

void no_extension(Oid database) noexcept {
    tell_workers(database, [](Slot& slot) {
        if (slot.pid == MyProcPid) slot.no_extension = true;
    });
}

// ---- The launcher and the view.

int slots() noexcept {
    return shared != nullptr ? shared->slot_count : 0;
}

View view(int index) noexcept {
    Slot& slot = slot_array[index];
    Locked lock(slot.mutex);
    return View{.state = slot.state,
                .database = pg_atomic_read_u32(&databases[index]),
                .shard = slot.shard,
                .shards = slot.shards,
                .pid = slot.pid,
                .leaving = slot.leaving,
                .serving = slot.serving,
                .no_extension = slot.no_extension,
                .started_at = slot.started_at};
}

int reserve(Oid database, int shard, int shards, std::uint32_t& ticket) noexcept {
    for (int i = 0; i < shared->slot_count; i++) {
        Slot& slot = slot_array[i];
        {
            Locked lock(slot.mutex);
            if (slot.state != State::kFree) continue;
            slot.state = State::kReserved;
            pg_atomic_write_u32(&databases[i], database);
            slot.shard = shard;
            slot.shards = shards;
            slot.leaving = slot.serving = slot.no_extension = slot.deaf = false;
            slot.started_at = 0;
            clear_ring(slot);
            ticket = ++slot.ticket;
        }
        figures::clear(i);
        pg_memory_barrier();
        if (!bars::are_up(database)) return i;
        cancel(i);
        recycle(i);
        return -1;
    }
    return -1;
}

void cancel(int index) noexcept {
    Slot& slot = slot_array[index];
    Locked lock(slot.mutex);
    if (slot.state == State::kReserved) slot.state = State::kEnded;
}

void recycle(int index) noexcept {
    Slot& slot = slot_array[index];
    Locked lock(slot.mutex);
    if (slot.state != State::kEnded) return;
    slot.state = State::kFree;
    pg_atomic_write_u32(&databases[index], InvalidOid);
}

}  // namespace flowctl::pg::shmem
