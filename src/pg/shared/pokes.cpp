// The launcher's pokes in shared memory. See pokes.hpp.
#include "pg/shared/pokes.hpp"

#include <cstdint>

#include "pg/shared/segment.hpp"

namespace flowctl::pg::pokes {

namespace {

constexpr int kMost = 64;  // more at once: the launcher looks everywhere

struct Pokes {
    slock_t mutex;
    std::int32_t launcher_process;  // or kNobody
    std::int32_t count;
    bool everywhere;
    Oid databases[kMost];
    Oid short_ones[kMost];  // databases without room for a worker; of more, some
};

Pokes* shared = nullptr;

std::size_t size() {
    return sizeof(Pokes);
}

void attach(void* memory, bool is_new) {
    shared = static_cast<Pokes*>(memory);
    if (!is_new) return;
    memset(memory, 0, sizeof(Pokes));
    SpinLockInit(&shared->mutex);
    shared->launcher_process = shmem::kNobody;
}

constexpr shmem::Segment kSegment{"pg_flowctl pokes", size, attach};

void launcher_leaves(int, Datum) {
    const shmem::Locked lock(shared->mutex);
    shared->launcher_process = shmem::kNobody;
}

}  // namespace

void request_at_load() {
    shmem::request_at_load(kSegment);
}

void poke_launcher(Oid database) noexcept {
    if (shared == nullptr) return;
    int process;
    {
        const shmem::Locked lock(shared->mutex);
        if (database == InvalidOid || shared->count == kMost)
            shared->everywhere = true;
        else
            shared->databases[shared->count++] = database;
        process = shared->launcher_process;
    }
    shmem::wake(process);
}

void wake_launcher() noexcept {
    if (shared == nullptr) return;
    int process;
    {
        const shmem::Locked lock(shared->mutex);
        process = shared->launcher_process;
    }
    shmem::wake(process);
}

void launcher_is_here() noexcept {
    on_shmem_exit(launcher_leaves, 0);
    const shmem::Locked lock(shared->mutex);
    shared->launcher_process = my_process_number();
}

bool take(std::vector<Oid>& databases) {
    Oid pokes[kMost];
    int count = 0;
    bool everywhere = false;
    {
        const shmem::Locked lock(shared->mutex);
        count = shared->count;
        memcpy(pokes, shared->databases, sizeof pokes);
        everywhere = shared->everywhere;
        shared->count = 0;
        shared->everywhere = false;
    }
    databases.assign(pokes, pokes + count);
    return everywhere;
}

void note_shortage(Oid database, bool is_short) noexcept {
    const shmem::Locked lock(shared->mutex);
    Oid* place = nullptr;
    for (Oid& one : shared->short_ones) {
        if (one == database) {
            if (!is_short) one = InvalidOid;
            return;
        }
        if (one == InvalidOid && place == nullptr) place = &one;
    }
    if (is_short && place != nullptr) *place = database;
}

bool is_short(Oid database) noexcept {
    if (shared == nullptr) return false;
    const shmem::Locked lock(shared->mutex);
    for (const Oid one : shared->short_ones)
        if (one == database) return true;
    return false;
}

}  // namespace flowctl::pg::pokes
