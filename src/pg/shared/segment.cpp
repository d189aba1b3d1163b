// The hooks that the server calls for shared memory. See segment.hpp.
#include "pg/shared/segment.hpp"

#include <stdexcept>

namespace flowctl::pg::shmem {

namespace {

constexpr int kMost = 24;
const Segment* segments[kMost];
int count = 0;
shmem_request_hook_type next_request_hook = nullptr;
shmem_startup_hook_type next_startup_hook = nullptr;

void request() {
    if (next_request_hook != nullptr) next_request_hook();
    for (int i = 0; i < count; i++)
        RequestAddinShmemSpace(MAXALIGN(segments[i]->size()));
}

void startup() {
    if (next_startup_hook != nullptr) next_startup_hook();
    for (int i = 0; i < count; i++) {
        bool found = false;
        LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
        void* memory = ShmemInitStruct(segments[i]->name, segments[i]->size(), &found);
        segments[i]->attach(memory, !found);
        LWLockRelease(AddinShmemInitLock);
    }
}

}  // namespace

void request_at_load(const Segment& segment) {
    if (count == kMost) throw std::logic_error("too many pieces of shared memory");
    if (count == 0) {
        next_request_hook = shmem_request_hook;
        shmem_request_hook = request;
        next_startup_hook = shmem_startup_hook;
        shmem_startup_hook = startup;
    }
    segments[count++] = &segment;
}

}  // namespace flowctl::pg::shmem
