// Counts of open runs in shared memory. See open_run_counts.hpp.
#include "pg/shared/open_run_counts.hpp"

#include "pg/shared/segment.hpp"

namespace flowctl::pg::open_run_counts {

namespace {

constexpr int kMostRoles = 1024;

struct Entry {
    Oid database;
    Oid role;
    std::int64_t counted;
    std::uint64_t started;  // runs, since the entry is there
    std::uint64_t started_before_count;
    std::int64_t counted_at;
    std::int64_t took;
    std::int64_t up_to;
};

struct Counts {
    slock_t mutex;
    std::int32_t used;  // entries, from the first on
    Entry entries[kMostRoles];
};

Counts* shared = nullptr;

std::size_t size() {
    return sizeof(Counts);
}

void attach(void* memory, bool is_new) {
    shared = static_cast<Counts*>(memory);
    if (!is_new) return;
    memset(memory, 0, size());
    SpinLockInit(&shared->mutex);
}

constexpr shmem::Segment kSegment{"pg_flowctl open runs", size, attach};

// Null: there is none.
Entry* entry_of(Oid role) {
    for (int i = 0; i < shared->used; i++)
        if (shared->entries[i].role == role && shared->entries[i].database == MyDatabaseId)
            return &shared->entries[i];
    return nullptr;
}

Entry* new_entry(Oid role) {
    Entry* entry = &shared->entries[0];
    if (shared->used < kMostRoles)
        entry = &shared->entries[shared->used++];
    else
        for (Entry& one : shared->entries)
            if (one.counted_at < entry->counted_at) entry = &one;
    *entry = {};
    entry->database = MyDatabaseId;
    entry->role = role;
    return entry;
}

}  // namespace

void request_at_load() {
    shmem::request_at_load(kSegment);
}

std::optional<Count> find(Oid role) noexcept {
    if (shared == nullptr) return std::nullopt;
    const shmem::Locked lock(shared->mutex);
    const Entry* entry = entry_of(role);
    if (entry == nullptr) return std::nullopt;
    return Count{entry->counted + static_cast<std::int64_t>(entry->started - entry->started_before_count),
                 entry->counted_at, entry->took, entry->up_to};
}

std::uint64_t started(Oid role) noexcept {
    if (shared == nullptr) return 0;
    const shmem::Locked lock(shared->mutex);
    const Entry* entry = entry_of(role);
    return entry == nullptr ? 0 : entry->started;
}

void publish(Oid role, const Count& count, std::uint64_t started_before) noexcept {
    if (shared == nullptr) return;
    const shmem::Locked lock(shared->mutex);
    Entry* entry = entry_of(role);
    if (entry == nullptr) entry = new_entry(role);
    // Of two counts at the same time, the one that began later is right; an entry that is new again has
    // started fewer than the count knows of.
    if (started_before < entry->started_before_count) return;
    entry->started = started_before > entry->started ? started_before : entry->started;
    entry->started_before_count = started_before;
    entry->counted = count.open;
    entry->counted_at = count.counted_at;
    entry->took = count.took;
    entry->up_to = count.up_to;
}

void add(Oid role, std::int64_t runs) noexcept {
    if (shared == nullptr) return;
    const shmem::Locked lock(shared->mutex);
    if (Entry* entry = entry_of(role)) entry->started += static_cast<std::uint64_t>(runs);
}

}  // namespace flowctl::pg::open_run_counts
