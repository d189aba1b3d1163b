// Implementation of mailbox.hpp: one spinlock, under which one message at a time is copied.
#include "pg/shared/mailbox.hpp"

#include <utility>

#include "pg/shared/segment.hpp"
#include "pg/shared/shmem.hpp"

namespace flowctl::pg::mailbox {

namespace {

constexpr int kMessages = 128;

struct Box {
    slock_t mutex;
    std::uint32_t first;
    std::uint32_t count;
    std::uint32_t lost;  // denials that found no room, of whatever database
    ConditionVariable answered;
    Message ring[kMessages];  // a message whose database is InvalidOid was taken
};

Box* box = nullptr;

std::size_t size() {
    return sizeof(Box);
}

void attach(void* memory, bool is_new) {
    box = static_cast<Box*>(memory);
    if (!is_new) return;
    SpinLockInit(&box->mutex);
    box->first = box->count = box->lost = 0;
    ConditionVariableInit(&box->answered);
}

constexpr shmem::Segment kSegment{"pg_flowctl mailbox", size, attach};

Message& at(std::uint32_t position) noexcept {
    return box->ring[(box->first + position) % kMessages];
}

}  // namespace

void request_at_load() {
    shmem::request_at_load(kSegment);
}

bool post(const Message& message) noexcept {
    if (box == nullptr) return false;
    {
        const shmem::Locked lock(box->mutex);
        if (box->count == kMessages) {
            if (message.kind == Message::Kind::Denied) box->lost++;
            return false;
        }
        at(box->count) = message;
        box->count++;
    }
    shmem::poke_workers(message.database);
    return true;
}

std::vector<Message> take(std::uint32_t& lost) {
    std::vector<Message> taken;
    lost = 0;
    if (box == nullptr) return taken;
    taken.reserve(kMessages);  // nothing is allocated under the lock
    {
        const shmem::Locked lock(box->mutex);
        lost = std::exchange(box->lost, 0);
    }
    for (std::uint32_t position = 0;; position++) {
        const shmem::Locked lock(box->mutex);
        while (box->count > 0 && at(0).database == InvalidOid) {
            box->first = (box->first + 1) % kMessages;
            box->count--;
            if (position > 0) position--;
        }
        if (position >= box->count || taken.size() == kMessages) return taken;
        Message& message = at(position);
        if (message.database != MyDatabaseId) continue;
        taken.push_back(message);
        message.database = InvalidOid;
    }
}

ConditionVariable* answered() noexcept {
    return box == nullptr ? nullptr : &box->answered;
}

void answer() noexcept {
    if (box != nullptr) ConditionVariableBroadcast(&box->answered);
}

}  // namespace flowctl::pg::mailbox
