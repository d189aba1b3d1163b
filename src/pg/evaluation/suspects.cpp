// The file of suspects; see suspects.hpp.
//
// Every worker maps the same file, and each writes only its own slot. After a start of the server the first
// worker reads all slots and makes a suspect of every run that it finds in them, while a lock on the file
// holds off the other workers. Shared memory gets a random number when it is made, and the file holds the
// number of the start that has been read; so a new start is noticed.
#include "pg/evaluation/suspects.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <unordered_map>

#include "pg/shared/segment.hpp"

namespace flowctl::pg::suspects {

namespace {

constexpr const char* kPath = "pg_stat_tmp/pg_flowctl.suspects";
constexpr std::uint64_t kMagic = 0x666C6F7763746C31;
constexpr int kSlots = 1'024;  // a worker with a higher slot remembers nothing
constexpr std::size_t kSuspects = 64;
constexpr int kTries = 100;
constexpr long kTryMicros = 10'000;
constexpr Uuid kNobody{};

struct Place {
    Uuid loop;
    Uuid copies[kCopies];
};
struct Suspect {
    Uuid run;
    std::uint32_t times;
    std::uint32_t unused;
};
struct File {
    std::uint64_t magic;
    std::uint64_t start;  // the number of the server's start after which the slots were read
    Place places[kSlots];
    Suspect suspects[kSuspects];
};

struct Start {
    std::uint64_t number;
};
const Start* start = nullptr;

std::size_t size() {
    return sizeof(Start);
}
void attach_start(void* memory, bool is_new) {
    auto* shared = static_cast<Start*>(memory);
    if (is_new) shared->number = static_cast<std::uint64_t>(GetCurrentTimestamp());
    start = shared;
}
constexpr shmem::Segment kSegment{"pg_flowctl suspects", size, attach_start};

Uuid nowhere{};
File* file = nullptr;
Place* place = nullptr;
// A copy of the entries in the file. Other workers change only the entries of their own runs, so it does not
// go stale.
std::unordered_map<Uuid, int, UuidHash>& known() {
    static auto* const runs = new std::unordered_map<Uuid, int, UuidHash>;
    return *runs;
}

void suspect(const Uuid& run) {
    Suspect* entry = std::find_if(std::begin(file->suspects), std::end(file->suspects),
                                  [&run](const Suspect& one) { return one.run == run; });
    if (entry == std::end(file->suspects)) {
        entry = std::min_element(std::begin(file->suspects), std::end(file->suspects),
                                 [](const Suspect& a, const Suspect& b) { return a.times < b.times; });
        *entry = {run, 0, 0};
    }
    entry->times++;
}

void read_places() {
    if (file->magic != kMagic) *file = {};
    if (file->magic == kMagic && file->start == start->number) return;
    file->magic = kMagic;
    file->start = start->number;
    for (Place& one : file->places) {
        if (one.loop != kNobody) suspect(one.loop);
        for (const Uuid& run : one.copies)
            if (run != kNobody) suspect(run);
        one = {};
    }
}

// A worker holds the lock only while it reads the file, so the wait for it is short.
bool lock(int descriptor) {
    for (int tries = 0; flock(descriptor, LOCK_EX | LOCK_NB) != 0; tries++) {
        if (errno != EWOULDBLOCK || tries == kTries) return false;
        pg_usleep(kTryMicros);
    }
    return true;
}

// Null, with errno set, when the file cannot be mapped.
File* map_file(int& descriptor) {
    descriptor = open(kPath, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) return nullptr;
    struct stat status {};
    if (!lock(descriptor) || fstat(descriptor, &status) != 0) return nullptr;
    if (status.st_size != static_cast<off_t>(sizeof(File)) && ftruncate(descriptor, 0) != 0) return nullptr;
    // The file must not be sparse: if the disk is full, writing to a hole of mapped memory ends the process
    // with a signal.
    if (const int error = posix_fallocate(descriptor, 0, sizeof(File)); error != 0) {
        errno = error;
        return nullptr;
    }
    void* memory = mmap(nullptr, sizeof(File), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<File*>(memory);
}

void leave_place(int, Datum) {
    if (place != nullptr) *place = {};
}

}  // namespace

namespace detail {
Uuid* loop = &nowhere;
}

void request_at_load() {
    shmem::request_at_load(kSegment);
}

void attach(int slot) {
    if (start == nullptr || slot < 0 || slot >= kSlots || file != nullptr) return;
    int descriptor = -1;
    file = map_file(descriptor);
    if (file == nullptr) {
        guarded([] {
            ereport(LOG,
                    (errcode_for_file_access(), errmsg("pg_flowctl: could not use file \"%s\": %m", kPath),
                     errdetail("A run that ends its worker again and again will not be found out.")));
        });
    } else {
        read_places();
        for (const Suspect& one : file->suspects)
            if (one.times > 0) known()[one.run] = static_cast<int>(one.times);
        place = &file->places[slot];
        *place = {};
        detail::loop = &place->loop;
        guarded([] { before_shmem_exit(leave_place, 0); });
    }
    if (descriptor < 0) return;
    flock(descriptor, LOCK_UN);  // The mapped file would keep the lock after close().
    close(descriptor);
}

bool none() noexcept {
    return known().empty();
}

int times(const Uuid& run) {
    if (known().empty()) return 0;
    const auto found = known().find(run);
    return found == known().end() ? 0 : found->second;
}

void clear(const Uuid& run) {
    if (known().erase(run) == 0) return;
    for (Suspect& one : file->suspects)
        if (one.run == run) one = {};
}

void mark_copy(const Uuid& run) noexcept {
    if (place == nullptr) return;
    Uuid* free = std::find(std::begin(place->copies), std::end(place->copies), kNobody);
    if (free != std::end(place->copies)) *free = run;
}

void unmark_copy(const Uuid& run) noexcept {
    if (place == nullptr) return;
    std::replace(std::begin(place->copies), std::end(place->copies), run, kNobody);
}

}  // namespace flowctl::pg::suspects
