// Implementation of subject_tokens.hpp. One spinlock a place; nothing under it allocates, raises or copies
// more than a token.
#include "pg/shared/subject_tokens.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <openssl/crypto.h>

#include "pg/server/guc.hpp"
#include "pg/shared/segment.hpp"

namespace flowctl::pg::subject_tokens {

namespace {

struct Place {
    slock_t mutex;
    bool taken;
    std::uint8_t handle[16];
    std::uint64_t user;       // a hash of who it is
    std::int32_t runs;        // that carry it, those of transactions under way included
    std::int64_t expires_at;  // microseconds since 1970
    std::uint32_t length;
    char token[kMaxBytes];
};

Place* places = nullptr;
shmem_startup_hook_type next_startup_hook = nullptr;

std::size_t count() noexcept {
    return places == nullptr ? 0 : static_cast<std::size_t>(guc::max_subject_tokens);
}
std::size_t total_size() noexcept {
    return sizeof(Place) * static_cast<std::size_t>(guc::max_subject_tokens);
}

void wipe(Place& place) noexcept {
    OPENSSL_cleanse(place.token, sizeof place.token);
    OPENSSL_cleanse(place.handle, sizeof place.handle);
    place.taken = false;
    place.runs = 0;
    place.length = 0;
}

// At the start of the server and after a crash of it.
void startup() {
    if (next_startup_hook != nullptr) next_startup_hook();
    for (std::size_t i = 0; i < count(); i++) {
        SpinLockInit(&places[i].mutex);
        wipe(places[i]);
    }
}

bool is(const Place& place, const Uuid& handle) noexcept {
    return place.taken && memcmp(place.handle, handle.data(), handle.size()) == 0;
}

// What this transaction's runs carry: which place, and which subtransaction started the run.
struct Note {
    std::size_t place;
    Uuid handle;
    SubTransactionId noted_by;
};
Note* notes = nullptr;
std::size_t note_count = 0;
std::size_t note_room = 0;

void make_room_for_note() {
    if (note_count < note_room) return;
    const std::size_t wanted = note_room == 0 ? 16 : note_room * 2;
    notes = guarded([&] {
        return static_cast<Note*>(notes == nullptr
                                      ? MemoryContextAlloc(TopMemoryContext, wanted * sizeof(Note))
                                      : repalloc(notes, wanted * sizeof(Note)));
    });
    note_room = wanted;
}

void give_back(std::size_t index, const Uuid& handle) noexcept {
    Place& place = places[index];
    const shmem::Locked lock(place.mutex);
    if (is(place, handle) && --place.runs <= 0) wipe(place);
}

void give_back_from(std::size_t first) noexcept {
    while (note_count > first) {
        note_count--;
        give_back(notes[note_count].place, notes[note_count].handle);
    }
}

void at_end_of_transaction(XactEvent event, void*) noexcept {
    if (event == XACT_EVENT_COMMIT) note_count = 0;
    if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE) give_back_from(0);
}

void at_end_of_subtransaction(SubXactEvent event, SubTransactionId subtransaction, SubTransactionId,
                              void*) noexcept {
    if (event != SUBXACT_EVENT_ABORT_SUB) return;
    std::size_t first = note_count;
    while (first > 0 && notes[first - 1].noted_by >= subtransaction)
        first--;
    give_back_from(first);
}

// Who has places: what the user may have of them is a part of what the others leave.
struct Shares {
    std::size_t own = 0;
    std::size_t others = 0;

    std::size_t most() const {
        const std::size_t left = count() - std::min(count(), others);
        return (left * 3 + 3) / 4;
    }
};

Shares shares_of(std::uint64_t user, std::int64_t now) noexcept {
    Shares shares;
    for (std::size_t i = 0; i < count(); i++) {
        const shmem::Locked lock(places[i].mutex);
        if (!places[i].taken || places[i].expires_at <= now) continue;
        (places[i].user == user ? shares.own : shares.others)++;
    }
    return shares;
}

// Where a token of this handle is, for one run more; or count().
std::size_t share_place(const Uuid& handle) noexcept {
    for (std::size_t i = 0; i < count(); i++) {
        const shmem::Locked lock(places[i].mutex);
        if (!is(places[i], handle)) continue;
        places[i].runs++;
        return i;
    }
    return count();
}

// Where the token is from now on, or count().
std::size_t take_place(const Uuid& handle, std::string_view token, std::int64_t expires_at,
                       std::uint64_t user) noexcept {
    if (const std::size_t known = share_place(handle); known < count()) return known;
    const std::int64_t now = unix_micros_now();
    // Sessions of one user that come at the same moment may go over the share by one place each.
    if (const Shares shares = shares_of(user, now); shares.own >= shares.most()) return count();
    for (std::size_t i = 0; i < count(); i++) {
        Place& place = places[i];
        const shmem::Locked lock(place.mutex);
        if (place.taken && place.expires_at > now) continue;
        wipe(place);
        memcpy(place.token, token.data(), token.size());
        memcpy(place.handle, handle.data(), handle.size());
        place.length = static_cast<std::uint32_t>(token.size());
        place.expires_at = expires_at;
        place.user = user;
        place.runs = 1;
        place.taken = true;
        return i;
    }
    return count();
}

}  // namespace

void request_at_load() {
    RegisterXactCallback(at_end_of_transaction, nullptr);
    RegisterSubXactCallback(at_end_of_subtransaction, nullptr);
    if (guc::max_subject_tokens == 0) return;
    void* memory = mmap(nullptr, total_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || madvise(memory, total_size(), MADV_DONTDUMP) != 0)
        ereport(FATAL, (errcode(ERRCODE_OUT_OF_MEMORY),
                        errmsg("could not map %zu bytes for flowctl.max_subject_tokens", total_size())));
    (void)mlock(memory, total_size());
    places = static_cast<Place*>(memory);
    next_startup_hook = shmem_startup_hook;
    shmem_startup_hook = startup;
}

void carry(const Uuid& handle, std::string_view token, std::int64_t expires_at, std::string_view issuer,
           std::string_view name) {
    if (token.size() > kMaxBytes) throw std::logic_error("a subject token is too long to be carried");
    make_room_for_note();
    const std::uint64_t user = std::hash<std::string>()(std::to_string(issuer.size()) + ':' +
                                                        std::string(issuer) + std::string(name));
    const std::size_t place = take_place(handle, token, expires_at, user);
    if (place == count()) {
        const Shares shares = shares_of(user, unix_micros_now());
        const bool full = shares.own + shares.others >= count();
        throw UserError(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
                        full ? "there are already " + std::to_string(guc::max_subject_tokens) +
                                   " subject tokens in memory"
                             : "there are already " + std::to_string(shares.own) +
                                   " subject tokens of this user in memory",
                        "Wait until runs that carry one have ended, or raise flowctl.max_subject_tokens and "
                        "restart the server.");
    }
    notes[note_count++] = {place, handle, GetCurrentSubTransactionId()};
}

void carry_too(const Uuid& handle) {
    make_room_for_note();
    const std::size_t place = share_place(handle);
    if (place < count()) notes[note_count++] = {place, handle, GetCurrentSubTransactionId()};
}

std::optional<net::Secret> read(const Uuid& handle) {
    struct Copy {
        char bytes[kMaxBytes];
        std::size_t length = 0;
        ~Copy() { OPENSSL_cleanse(bytes, length); }
    } copy;
    const std::int64_t now = unix_micros_now();
    for (std::size_t i = 0; i < count() && copy.length == 0; i++) {
        Place& place = places[i];
        const shmem::Locked lock(place.mutex);
        if (!is(place, handle)) continue;
        if (place.expires_at <= now) {
            wipe(place);
            return std::nullopt;
        }
        copy.length = place.length;
        memcpy(copy.bytes, place.token, copy.length);
    }
    if (copy.length == 0) return std::nullopt;
    return net::Secret({copy.bytes, copy.length});
}

void release(const Uuid& handle) noexcept {
    for (std::size_t i = 0; i < count(); i++)
        give_back(i, handle);
}

void wipe_ended() noexcept {
    const std::int64_t now = unix_micros_now();
    for (std::size_t i = 0; i < count(); i++) {
        const shmem::Locked lock(places[i].mutex);
        if (places[i].taken && places[i].expires_at <= now) wipe(places[i]);
    }
}

}  // namespace flowctl::pg::subject_tokens
