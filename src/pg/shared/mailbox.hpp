// What sessions tell the worker of their database at once, not at commit: shared memory, 128 messages.
//
// Two things cannot wait for a commit: a session that needs an issuer's keys waits for them inside its
// transaction, and an attempt that was denied is to be recorded although the transaction that made it rolls
// back. Sessions post; the worker of shard 0 takes.
//
// All databases and roles share the box, so none may fill it. Denials never take the places that are kept for
// requests, a database has at most half of the places that the others leave, and a role a share of the
// denials of a minute; denials beyond these are counted, and the counts are recorded. A message that nobody
// takes (its database has no worker) goes after half a minute.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "pg/server/bridge.hpp"

namespace flowctl::pg::mailbox {

struct Message {
    enum class Kind : std::uint8_t { KeysWanted, Denied };
    Kind kind = Kind::KeysWanted;
    Oid database = InvalidOid;
    Oid server = InvalidOid;  // KeysWanted
    // Denied:
    Oid role = InvalidOid;
    Oid session_role = InvalidOid;
    std::int64_t at = 0;       // microseconds since 1970; of all messages, set by post()
    std::uint64_t number = 0;  // grows; of all messages, set by post()
    char action[32] = {};
    char object[256] = {};
    char subject[256] = {};
    char reason[512] = {};
};

// Copies as much as fits, to the end of a character.
template <std::size_t N>
void set(char (&field)[N], std::string_view value) {
    const std::string_view fitting = first_bytes(value, N - 1);
    fitting.copy(field, fitting.size());
    field[fitting.size()] = '\0';
}

void request_at_load();  // _PG_init, while the server starts

// Wakes the database's workers. False: no room, or no shared memory.
bool post(Message message) noexcept;
// Denials of a role that were only counted. InvalidOid: of several roles.
struct Lost {
    Oid role = InvalidOid;
    std::uint32_t count = 0;
};
// The messages for this database, oldest first, and at most once a minute for each role how many of its
// denials were only counted.
std::vector<Message> take(std::vector<Lost>& lost);

// A denial that needs no message, because a run of this database makes it: whether it is within its role's
// share of the minute. If not, it has been counted.
bool may_record(Oid role) noexcept;

// When the next of these counts is due, if there is one; microseconds since 1970.
std::optional<std::int64_t> next_count_at() noexcept;

// Where a session waits for what the worker does about its message; it looks again whenever it is signalled.
ConditionVariable* answered() noexcept;  // null without shared memory
void answer() noexcept;

}  // namespace flowctl::pg::mailbox
