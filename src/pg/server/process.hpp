// Background processes of our own: how they are registered, watched and ended, and the locks that keep two of
// a kind from working at once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pg/server/prelude.hpp"

namespace flowctl::pg {

// What a process is and does.
struct ProcessDescription {
    const char* function;       // of this library: the process's main
    const char* type;           // as pg_stat_activity.backend_type shows it
    std::string name;           // as messages of the server name it
    Datum argument = 0;         // of the function
    std::string_view extra{};   // bytes for bgw_extra, at most BGW_EXTRALEN
    bool ends_with_us = false;  // it is told to end when the process that registered it exits
};

// By _PG_init: a process that the server starts when recovery has ended, and again after `restart_seconds`
// whenever it exits.
void register_at_load(const ProcessDescription& description, int restart_seconds);

// A process that this process has the server start, once. An object without one can start another.
class Process {
  public:
    // False: the server has no room for another process (max_worker_processes). What is registered is started
    // soon, and stays the object's until has_ended().
    bool start(const ProcessDescription& description);
    bool is_registered() const { return handle_ != nullptr; }
    // True when the process is over and the server has cleared up after it. It is said once: the object is
    // without a process from then on. False for one without.
    bool has_ended();
    // Whether the server has started the process and it has not ended.
    bool is_running() const;
    // The process is to end at once; has_ended() tells when it has.
    void terminate();

  private:
    BackgroundWorkerHandle* handle_ = nullptr;
    bool ends_with_us_ = false;
};

// Whose process this one is for others: pg_stat_activity names the role, and its members may cancel or terminate
// the process. A background process is nobody's before.
void belong_to(Oid role) noexcept;

// Logs, as a WARNING, that there was no room for `what`: "a flowctl worker for database ...".
void warn_of_no_room(const std::string& what);

// Whose an advisory lock is. It stands in the fourth field of the lock's tag, where the functions for SQL
// users have 1 or 2; so no user can take or see one of these as his own.
enum class ProcessLock : std::uint16_t { Shard = 0xF10C, MapRun = 0xF10D, House = 0xF10E, SqlOrder = 0xF11A };

// Takes the lock in this database for the life of the process, without waiting. False: another process has
// it.
bool lock_for_life(ProcessLock lock, std::uint32_t key1, std::uint32_t key2);
// The same until the transaction ends.
bool lock_for_transaction(ProcessLock lock, std::uint32_t key1, std::uint32_t key2);

}  // namespace flowctl::pg
