// The flag of a drain in shared memory. See drain.hpp.
#include "pg/shared/drain.hpp"

#include "pg/server/guc.hpp"
#include "pg/shared/segment.hpp"
#include "pg/shared/shmem.hpp"

namespace flowctl::pg::drain {

namespace {

struct Drain {
    slock_t mutex;
    bool on;
    std::uint32_t number;  // of the drain that is on, or was last
};

Drain* shared = nullptr;

std::size_t size() {
    return sizeof(Drain);
}

void attach(void* memory, bool is_new) {
    shared = static_cast<Drain*>(memory);
    if (!is_new) return;
    memset(memory, 0, sizeof(Drain));
    SpinLockInit(&shared->mutex);
}

constexpr shmem::Segment kSegment{"pg_flowctl drain", size, attach};

}  // namespace

void request_at_load() {
    shmem::request_at_load(kSegment);
}

std::uint32_t current() noexcept {
    if (shared == nullptr) return 0;
    const shmem::Locked lock(shared->mutex);
    return shared->on ? shared->number : 0;
}

std::uint32_t begin() noexcept {
    if (shared == nullptr) return 0;
    std::uint32_t number;
    {
        const shmem::Locked lock(shared->mutex);
        if (!shared->on) shared->number++;
        shared->on = true;
        number = shared->number;
    }
    shmem::wake_workers();
    return number;
}

bool end() noexcept {
    if (shared == nullptr) return false;
    bool was_on;
    {
        const shmem::Locked lock(shared->mutex);
        was_on = shared->on;
        shared->on = false;
    }
    shmem::wake_workers();
    return was_on;
}

bool is_closed() noexcept {
    return !guc::run || current() != 0;
}

}  // namespace flowctl::pg::drain
