// Messages in shared memory, under one spinlock. See mailbox.hpp.
#include "pg/shared/mailbox.hpp"

#include <algorithm>
#include <cstring>

#include "pg/server/timestamps.hpp"
#include "pg/shared/segment.hpp"
#include "pg/shared/shmem.hpp"

namespace flowctl::pg::mailbox {

namespace {

constexpr int kMessages = 128;
constexpr int kForRequests = 32;                // places that denials do not take
constexpr int kDenialsOfDatabase = 32;          // in the box at once
constexpr int kRequestsOfDatabase = 16;         // in the box at once
constexpr std::uint32_t kDenialsOfRole = 60;    // in a minute
constexpr std::int64_t kMinute = 60'000'000;    // microseconds
constexpr std::int64_t kLongest = 30'000'000;   // that a message waits
constexpr std::int64_t kForgotten = 10 * kMinute;  // after which even a count that nobody took goes
constexpr int kShares = 256;

// What a role has denied itself in a database.
struct Share {
    Oid database;  // InvalidOid: free
    Oid role;
    std::int64_t since;  // the beginning of its minute
    std::uint32_t used;  // messages in it
    std::uint32_t lost;  // denials without a message, since they were last taken
};

struct Box {
    slock_t mutex;
    std::uint32_t first;
    std::uint32_t count;
    std::uint64_t removed;  // messages that stood before the first
    std::uint32_t losing;  // shares with lost denials
    ConditionVariable answered;
    Message ring[kMessages];  // a message whose database is InvalidOid was taken
    Share shares[kShares];    // the last one: of all that find no share of their own
};

Box* box = nullptr;

std::size_t size() {
    return sizeof(Box);
}

void attach(void* memory, bool is_new) {
    box = static_cast<Box*>(memory);
    if (!is_new) return;
    memset(memory, 0, sizeof(Box));
    SpinLockInit(&box->mutex);
    ConditionVariableInit(&box->answered);
}

constexpr shmem::Segment kSegment{"pg_flowctl mailbox", size, attach};

// ---- Everything up to the end of the namespace is for who holds the lock.

Message& at(std::uint32_t position) noexcept {
    return box->ring[(box->first + position) % kMessages];
}

Share& share_of(Oid database, Oid role, std::int64_t now) noexcept {
    Share* unused = nullptr;
    for (int i = 0; i < kShares - 1; i++) {
        Share& share = box->shares[i];
        if (share.database == database && share.role == role) return share;
        const bool idle = share.database == InvalidOid || (share.lost == 0 && now - share.since > kMinute) ||
                          now - share.since > kForgotten;
        if (idle && unused == nullptr) unused = &share;
    }
    if (unused == nullptr) return box->shares[kShares - 1];
    if (unused->lost > 0) box->losing--;
    *unused = Share{database, role, now, 0, 0};
    return *unused;
}

void count_lost(Share& share) noexcept {
    if (share.lost++ == 0) box->losing++;
}

// Takes away, from the oldest on, messages that were taken and those that have waited for too long.
void clear_up(std::int64_t now) noexcept {
    while (box->count > 0) {
        Message& oldest = at(0);
        const bool too_old = oldest.database != InvalidOid && now - oldest.at > kLongest;
        if (oldest.database != InvalidOid && !too_old) return;
        if (too_old && oldest.kind == Message::Kind::Denied)
            count_lost(share_of(oldest.database, oldest.role, now));
        oldest.database = InvalidOid;
        box->first = (box->first + 1) % kMessages;
        box->count--;
        box->removed++;
    }
}

struct Waiting {
    int denials = 0;       // of all databases
    int of_database = 0;   // of this kind and database
    bool is_there = false;  // the same request waits already
};

Waiting look(const Message& message) noexcept {
    Waiting waiting;
    for (std::uint32_t i = 0; i < box->count; i++) {
        const Message& other = at(i);
        if (other.database == InvalidOid) continue;
        if (other.kind == Message::Kind::Denied) waiting.denials++;
        if (other.kind != message.kind || other.database != message.database) continue;
        waiting.of_database++;
        waiting.is_there = waiting.is_there || (message.kind == Message::Kind::KeysWanted &&
                                                other.server == message.server &&
                                                strcmp(other.object, message.object) == 0);
    }
    return waiting;
}

enum class Posted { Yes, Already, No };

Posted put(const Message& message) noexcept {
    clear_up(message.at);
    const Waiting waiting = look(message);
    if (message.kind == Message::Kind::KeysWanted) {
        if (waiting.is_there) return Posted::Already;
        if (box->count == kMessages || waiting.of_database >= kRequestsOfDatabase) return Posted::No;
    } else {
        Share& share = share_of(message.database, message.role, message.at);
        if (message.at - share.since > kMinute || message.at < share.since) {
            share.since = message.at;
            share.used = 0;
        }
        if (share.used >= kDenialsOfRole || box->count == kMessages ||
            waiting.denials >= kMessages - kForRequests || waiting.of_database >= kDenialsOfDatabase) {
            count_lost(share);
            return Posted::No;
        }
        share.used++;
    }
    at(box->count) = message;
    box->count++;
    return Posted::Yes;
}

}  // namespace

void request_at_load() {
    shmem::request_at_load(kSegment);
}

bool post(Message message) noexcept {
    if (box == nullptr) return false;
    message.at = unix_micros_now();
    Posted posted;
    {
        const shmem::Locked lock(box->mutex);
        posted = put(message);
    }
    // A denial that was only counted wakes nobody: it would cost the worker as much as one that is recorded.
    if (posted != Posted::No) shmem::wake_workers(message.database);
    return posted != Posted::No;
}

std::vector<Message> take(std::vector<Lost>& lost) {
    std::vector<Message> taken;
    lost.clear();
    if (box == nullptr) return taken;
    {
        const shmem::Locked lock(box->mutex);
        if (box->count == 0 && box->losing == 0) return taken;
    }
    taken.reserve(kMessages);  // nothing is allocated under the lock
    lost.reserve(kShares);
    const std::int64_t now = unix_micros_now();
    {
        const shmem::Locked lock(box->mutex);
        for (int i = 0; box->losing > 0 && i < kShares; i++) {
            Share& share = box->shares[i];
            const bool ours = share.database == MyDatabaseId || i == kShares - 1;
            if (!ours || share.lost == 0 || now - share.since < kMinute) continue;
            lost.push_back({share.role, share.lost});
            share.lost = 0;
            box->losing--;
        }
    }
    // Counted from the first message that there ever was, since others may clear up between two messages.
    for (std::uint64_t number = 0;; number++) {
        const shmem::Locked lock(box->mutex);
        number = std::max(number, box->removed);
        if (number >= box->removed + box->count || taken.size() == kMessages) {
            clear_up(now);
            return taken;
        }
        Message& message = at(static_cast<std::uint32_t>(number - box->removed));
        if (message.database != MyDatabaseId) continue;
        taken.push_back(message);
        message.database = InvalidOid;
    }
}

std::optional<std::int64_t> next_count_at() noexcept {
    std::optional<std::int64_t> due;
    if (box == nullptr) return due;
    const shmem::Locked lock(box->mutex);
    for (int i = 0; box->losing > 0 && i < kShares; i++) {
        const Share& share = box->shares[i];
        if (share.lost == 0 || (share.database != MyDatabaseId && i != kShares - 1)) continue;
        due = std::min(due.value_or(INT64_MAX), share.since + kMinute);
    }
    return due;
}

ConditionVariable* answered() noexcept {
    return box == nullptr ? nullptr : &box->answered;
}

void answer() noexcept {
    if (box != nullptr) ConditionVariableBroadcast(&box->answered);
}

}  // namespace flowctl::pg::mailbox
