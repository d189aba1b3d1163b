// The store of waits: rows of flowctl_catalog.waiting_task, as the worker that owns their runs reads and writes
// them. What sessions do with them is in answers.hpp and in the folder activities.
//
// The worker never waits for a session's lock: what is locked is left out, and the caller sees that. Every
// function runs inside the caller's transaction and raises PgError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

// The key of a wait, made of its run and its place.
Uuid wait_id_of(const Uuid& run, const Uuid& place);

struct NewWait {
    Uuid wait_id{};
    Uuid run_id{};
    Uuid place{};
    std::int32_t call_id = 0;
    Oid owner = InvalidOid;
    const char* kind = "";
    std::string path, state;
    std::int32_t visit = 0, attempt = 0;
    std::string resource;
    std::optional<std::string> activity, input;
    std::optional<std::string> token_hash;  // 32 bytes
    std::int64_t since = 0;
    std::optional<std::int32_t> timeout_seconds, heartbeat_seconds;
    // The attempt may have been begun before: there may be a row already, which stays as it is then.
    bool again = false;
};
void insert_waits(Spi& spi, const std::vector<NewWait>& waits);

struct Answer {
    std::optional<std::string> output;  // JSON; nullopt: the task has failed
    std::string error, cause;
};
// There is something for a run to take: an answer, or that a worker has taken the task.
struct News {
    Uuid wait_id{};
    Uuid run_id{};
    std::int32_t call_id = 0;
    Oid owner = InvalidOid;
    bool started = false;  // taken, and the run does not know
    std::optional<std::string> worker;
    std::optional<Answer> answer;
};
// Of each owner of flows the oldest first, the owners in turn. Reading ends at so many bytes.
struct FoundNews {
    std::vector<News> news;
    bool more = false;
};
FoundNews find_news(Spi& spi, int shard, int shards, std::size_t limit, std::size_t max_bytes);

// The rows of waits that are to end without an answer, locked until the end of the transaction.
struct LockedWait {
    Uuid wait_id{};
    Uuid run_id{};
    std::int32_t call_id = 0;
    std::optional<std::int64_t> heartbeat_until;  // the last heartbeat, and HeartbeatSeconds
    std::optional<Answer> answer;
};
std::vector<LockedWait> lock_waits(Spi& spi, const std::vector<Uuid>& ids);
std::vector<Uuid> existing_waits(Spi& spi, const std::vector<Uuid>& ids);
// Leaves out what is locked.
void delete_waits(Spi& spi, const std::vector<Uuid>& ids);
// All waits of runs that have ended without the machine.
void delete_waits_of(Spi& spi, const std::vector<Uuid>& runs);
// The run knows now that a worker has taken the task. Leaves out what is locked; then it is told once more.
void set_told(Spi& spi, const std::vector<Uuid>& ids);

// Rows that were locked when their runs ended. Leaves out what still is.
void delete_orphans(Spi& spi, int shard, int shards);
// Early answers to tasks that their runs have never reached, once these have ended.
void delete_late_answers(Spi& spi);

// Answers that came before their tasks become answers of these; the number of them. Without ids: of all.
std::int64_t take_early_answers(Spi& spi, const std::vector<Uuid>* ids);

}  // namespace flowctl::pg::store
