// The paces of endpoints in shared memory. See endpoint_pace.hpp.
#include "pg/shared/endpoint_pace.hpp"

#include <algorithm>
#include <utility>

#include "pg/shared/segment.hpp"
#include "pg/shared/shmem.hpp"

namespace flowctl::pg::endpoint_pace {

namespace {

constexpr int kMostEndpoints = 1024;
constexpr int kChains = 2048;
constexpr int kMostTried = 32;  // entries that one call looks at for one that nobody needs any more

// An entry is taken when an endpoint with limits is called for the first time, or asks for a pause. It is
// given to another one when nothing of it holds any more.
struct Entry {
    Oid database;
    std::uint64_t name;  // its hash
    std::int64_t full_at;
    std::int64_t held_until;
    bool others_wait;  // a worker has found no room
    std::int16_t next;  // of the entries whose names have the same chain: its number, from 1
};

struct Paces {
    slock_t mutex;
    std::int32_t used;  // entries, from the first on
    std::int32_t tried;  // the entry at which the next search for one to reuse begins
    std::int16_t chains[kChains];  // the first entry of each, from 1; 0: none
    Entry entries[kMostEndpoints];
    // Behind them: how many calls each worker has under way, endpoint by endpoint.
};

Paces* shared = nullptr;
int own_slot = -1;

std::size_t slot_count() {
    return static_cast<std::size_t>(max_worker_processes);
}
std::size_t size() {
    return sizeof(Paces) + sizeof(std::uint16_t) * slot_count() * kMostEndpoints;
}
std::uint16_t* counts_of(int entry) {
    auto* counts = reinterpret_cast<std::uint16_t*>(shared + 1);
    return counts + static_cast<std::size_t>(entry) * slot_count();
}

void attach_memory(void* memory, bool is_new) {
    shared = static_cast<Paces*>(memory);
    if (!is_new) return;
    memset(memory, 0, size());
    SpinLockInit(&shared->mutex);
}

constexpr shmem::Segment kSegment{"pg_flowctl endpoint pace", size, attach_memory};

std::uint64_t hash_of(std::string_view name) {
    std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
    for (const char c : name)
        hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    return hash;
}

std::int64_t under_way(int entry) {
    const std::uint16_t* counts = counts_of(entry);
    std::int64_t all = 0;
    for (std::size_t slot = 0; slot < slot_count(); slot++)
        all += counts[slot];
    return all;
}

std::int16_t& chain_of(std::uint64_t name) {
    return shared->chains[(name ^ MyDatabaseId) % kChains];
}

void take_from_chain(int entry) {
    const Entry& gone = shared->entries[entry];
    std::int16_t* link = &shared->chains[(gone.name ^ gone.database) % kChains];
    while (*link != 0 && *link != entry + 1)
        link = &shared->entries[*link - 1].next;
    if (*link != 0) *link = gone.next;
}

// An entry that was never used, or that nothing holds any more; -1: none was found.
int free_entry(std::int64_t now) {
    if (shared->used < kMostEndpoints) return shared->used++;
    for (int i = 0; i < kMostTried; i++) {
        const int tried = shared->tried;
        shared->tried = (tried + 1) % kMostEndpoints;
        const Entry& entry = shared->entries[tried];
        if (entry.full_at > now || entry.held_until > now || under_way(tried) > 0) continue;
        take_from_chain(tried);
        return tried;
    }
    return -1;
}

// The entry of the endpoint, or -1. `add`: it gets one, if there is one to be had. The lock is held, so this takes a
// few steps however many endpoints there are.
int find(std::string_view endpoint, bool add, std::int64_t now) {
    const std::uint64_t name = hash_of(endpoint);
    for (int at = chain_of(name); at != 0; at = shared->entries[at - 1].next)
        if (shared->entries[at - 1].name == name && shared->entries[at - 1].database == MyDatabaseId) return at - 1;
    if (!add) return -1;
    const int found = free_entry(now);
    if (found < 0) return -1;
    shared->entries[found] = {MyDatabaseId, name, 0, 0, false, chain_of(name)};
    chain_of(name) = static_cast<std::int16_t>(found + 1);
    std::fill_n(counts_of(found), slot_count(), std::uint16_t{0});
    return found;
}

}  // namespace

void request_at_load() {
    shmem::request_at_load(kSegment);
}

void attach(int slot) noexcept {
    own_slot = slot;
    if (shared == nullptr) return;
    const shmem::Locked lock(shared->mutex);
    for (int i = 0; i < shared->used; i++)
        counts_of(i)[slot] = 0;
}

EndpointRoom room(std::string_view endpoint, const EndpointLimits& limits, std::int64_t now) noexcept {
    EndpointRoom room;
    if (shared == nullptr || (shared->used == 0 && !limits.any())) return room;
    const shmem::Locked lock(shared->mutex);
    const int at = find(endpoint, limits.any(), now);
    if (at < 0) return room;
    Entry& entry = shared->entries[at];
    // A clock that was set back makes nobody wait for longer than an endpoint can ask for.
    entry.held_until = std::min(entry.held_until, now + kLongestHold);
    if (entry.held_until > now) return {0, entry.held_until};
    if (limits.max_concurrency) {
        const std::int64_t left = *limits.max_concurrency - under_way(at);
        room.calls = static_cast<std::size_t>(std::max<std::int64_t>(left, 0));
        if (left <= 0) entry.others_wait = true;
    }
    if (limits.rate) {
        const auto tokens = static_cast<std::size_t>(limits.rate->available(entry.full_at, now));
        if (tokens < room.calls) room.opens_at = limits.rate->next(entry.full_at, now);
        room.calls = std::min(room.calls, tokens);
    }
    return room;
}

void begin(std::string_view endpoint, const EndpointLimits& limits, std::int64_t now) noexcept {
    if (shared == nullptr || own_slot < 0 || !limits.any()) return;
    const shmem::Locked lock(shared->mutex);
    const int at = find(endpoint, true, now);
    if (at < 0) return;
    counts_of(at)[own_slot]++;
    if (limits.rate) shared->entries[at].full_at = limits.rate->take(shared->entries[at].full_at, now);
}

void end(std::string_view endpoint) noexcept {
    if (shared == nullptr || own_slot < 0 || shared->used == 0) return;
    bool others_wait = false;
    {
        const shmem::Locked lock(shared->mutex);
        const int at = find(endpoint, false, 0);
        if (at < 0) return;
        if (counts_of(at)[own_slot] > 0) counts_of(at)[own_slot]--;
        others_wait = std::exchange(shared->entries[at].others_wait, false);
    }
    if (others_wait) shmem::wake_workers(MyDatabaseId);
}

std::int64_t calls_under_way(std::string_view endpoint) noexcept {
    if (shared == nullptr) return 0;
    const shmem::Locked lock(shared->mutex);
    const int at = find(endpoint, false, 0);
    return at < 0 ? 0 : under_way(at);
}

void hold(std::string_view endpoint, std::int64_t until) noexcept {
    if (shared == nullptr) return;
    const shmem::Locked lock(shared->mutex);
    const int at = find(endpoint, true, until);
    if (at >= 0) shared->entries[at].held_until = std::max(shared->entries[at].held_until, until);
}

}  // namespace flowctl::pg::endpoint_pace
