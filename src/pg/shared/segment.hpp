// Pieces of the server's shared memory: each file that has one names it, says how large it is and fills it.
// Beside that, what all of them need: spinlocks and wake-ups.
#pragma once

#include <cstddef>

#include "pg/server/prelude.hpp"

namespace flowctl::pg::shmem {

struct Segment {
    const char* name;
    std::size_t (*size)();
    // `is_new`: nobody has filled the memory since the server started (or started again after a crash).
    // Called by the postmaster, while AddinShmemInitLock is held; may not raise.
    void (*attach)(void* memory, bool is_new);
};

// In _PG_init, while the server loads its libraries. The segment is kept by reference.
void request_at_load(const Segment& segment);

// The index of a process (my_process_number) where there is none.
constexpr int kNobody = -1;
// Sets the latch of that process. Not under a spinlock; a process that has gone meanwhile makes it a stray
// wake-up of another, which every process must expect anyway.
inline void wake(int process) noexcept {
    if (process != kNobody) SetLatch(&GetPGProcByNumber(process)->procLatch);
}

// Holds a spinlock while it lives. Nothing under it may allocate, raise, or copy more than a few KB.
class Locked {
  public:
    explicit Locked(slock_t& mutex) noexcept : mutex_(mutex) { SpinLockAcquire(&mutex_); }
    ~Locked() { SpinLockRelease(&mutex_); }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;

  private:
    slock_t& mutex_;
};

}  // namespace flowctl::pg::shmem
