// Messages in shared memory, under one spinlock. See mailbox.hpp.
#include "pg/shared/mailbox.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "pg/server/timestamps.hpp"
#include "pg/shared/segment.hpp"
#include "pg/shared/shmem.hpp"

namespace flowctl::pg::mailbox {

namespace {

constexpr int kMessages = 128;
constexpr int kForRequests = 32;                // places that denials do not take
constexpr int kForDenials = kMessages - kForRequests;
constexpr int kDenialsOfDatabase = 32;          // in the box at once, at most
constexpr int kRequestsOfDatabase = 16;         // in the box at once, at most
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
    std::uint32_t count;
    std::uint64_t posted;  // messages that there ever were
    std::uint32_t losing;  // shares with lost denials
    ConditionVariable answered;
    Message places[kMessages];  // in no order; free where the database is InvalidOid
    Share shares[kShares];      // the last one: of all that find no share of their own
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

void free_place(Message& message) noexcept {
    message.database = InvalidOid;
    box->count--;
}

// Takes away the messages that have waited for too long.
void clear_up(std::int64_t now) noexcept {
    if (box->count == 0) return;
    for (Message& message : box->places) {
        // A clock that was set back makes no message immortal.
        if (message.database == InvalidOid || std::abs(now - message.at) <= kLongest) continue;
        if (message.kind == Message::Kind::Denied) count_lost(share_of(message.database, message.role, now));
        free_place(message);
    }
}

struct Waiting {
    int of_kind = 0;
    int of_database = 0;    // of this kind
    bool is_there = false;  // the same request waits already

    // A database has half of what the others leave, so that there is room for one that comes later.
    bool has_room(int places, int most) const {
        const int left = places - (of_kind - of_database);
        return of_kind < places && of_database < std::min(most, (left + 1) / 2);
    }
};

Waiting look(const Message& message) noexcept {
    Waiting waiting;
    for (const Message& other : box->places) {
        if (other.database == InvalidOid || other.kind != message.kind) continue;
        waiting.of_kind++;
        if (other.database != message.database) continue;
        waiting.of_database++;
        waiting.is_there = waiting.is_there || (message.kind == Message::Kind::KeysWanted &&
                                                other.server == message.server &&
                                                strcmp(other.object, message.object) == 0);
    }
    return waiting;
}

// Whether the role may have one more denial in this minute.
bool take_share(Oid database, Oid role, std::int64_t now) noexcept {
    Share& share = share_of(database, role, now);
    if (now - share.since > kMinute || now < share.since) {
        share.since = now;
        share.used = 0;
    }
    if (share.used < kDenialsOfRole) {
        share.used++;
        return true;
    }
    count_lost(share);
    return false;
}

enum class Posted { Yes, Already, No };

Posted put(const Message& message) noexcept {
    clear_up(message.at);
    const Waiting waiting = look(message);
    if (message.kind == Message::Kind::KeysWanted) {
        if (waiting.is_there) return Posted::Already;
        if (!waiting.has_room(kForRequests, kRequestsOfDatabase)) return Posted::No;
    } else {
        if (!take_share(message.database, message.role, message.at)) return Posted::No;
        if (!waiting.has_room(kForDenials, kDenialsOfDatabase)) {
            Share& share = share_of(message.database, message.role, message.at);
            share.used--;
            count_lost(share);
            return Posted::No;
        }
    }
    Message* const place = std::find_if(box->places, box->places + kMessages,
                                        [](const Message& one) { return one.database == InvalidOid; });
    *place = message;
    place->number = box->posted++;
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
    for (Message& message : box->places) {
        const shmem::Locked lock(box->mutex);
        if (message.database != MyDatabaseId) continue;
        taken.push_back(message);
        free_place(message);
    }
    {
        const shmem::Locked lock(box->mutex);
        clear_up(now);
    }
    std::sort(taken.begin(), taken.end(),
              [](const Message& a, const Message& b) { return a.number < b.number; });
    return taken;
}

bool may_record(Oid role) noexcept {
    if (box == nullptr) return true;
    const std::int64_t now = unix_micros_now();
    const shmem::Locked lock(box->mutex);
    return take_share(MyDatabaseId, role, now);
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
