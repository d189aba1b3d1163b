// Background processes and their locks. See process.hpp.
#include "pg/server/process.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "pg/server/bridge.hpp"

extern "C" {
#include "storage/lock.h"
#include "utils/backend_status.h"
}

namespace flowctl::pg {

namespace {

// The processes that end with this one. The exit callback reads them, so they are plain pointers.
std::vector<BackgroundWorkerHandle*> to_be_ended;

void end_them(int, Datum) {
    for (BackgroundWorkerHandle* handle : to_be_ended)
        TerminateBackgroundWorker(handle);
}

BackgroundWorker worker_of(const ProcessDescription& description, int restart_seconds) {
    BackgroundWorker worker{};
    if (description.extra.size() > sizeof worker.bgw_extra)
        throw std::logic_error("too much is handed to a background process");
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = restart_seconds;
    worker.bgw_main_arg = description.argument;
    std::memcpy(worker.bgw_extra, description.extra.data(), description.extra.size());
    strlcpy(worker.bgw_library_name, "pg_flowctl", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, description.function, sizeof worker.bgw_function_name);
    strlcpy(worker.bgw_type, description.type, sizeof worker.bgw_type);
    strlcpy(worker.bgw_name, description.name.c_str(), sizeof worker.bgw_name);
    return worker;
}

}  // namespace

void register_at_load(const ProcessDescription& description, int restart_seconds) {
    BackgroundWorker worker = worker_of(description, restart_seconds);
    guarded([&] { RegisterBackgroundWorker(&worker); });
}

bool Process::start(const ProcessDescription& description) {
    static bool callback_is_set = false;
    if (description.ends_with_us) {
        if (!callback_is_set) guarded([] { before_shmem_exit(end_them, 0); });
        callback_is_set = true;
        to_be_ended.reserve(to_be_ended.size() + 1);  // nothing may fail once it is registered
    }
    BackgroundWorker worker = worker_of(description, BGW_NEVER_RESTART);
    worker.bgw_notify_pid = MyProcPid;
    handle_ = guarded([&]() -> BackgroundWorkerHandle* {
        BackgroundWorkerHandle* registered = nullptr;
        MemoryContext const caller = MemoryContextSwitchTo(TopMemoryContext);
        const bool done = RegisterDynamicBackgroundWorker(&worker, &registered);
        MemoryContextSwitchTo(caller);
        return done ? registered : nullptr;
    });
    ends_with_us_ = description.ends_with_us && handle_ != nullptr;
    if (ends_with_us_) to_be_ended.push_back(handle_);
    return handle_ != nullptr;
}

bool Process::has_ended() {
    if (handle_ == nullptr) return false;
    pid_t pid = 0;
    if (guarded([&] { return GetBackgroundWorkerPid(handle_, &pid); }) != BGWH_STOPPED) return false;
    if (ends_with_us_) std::erase(to_be_ended, handle_);
    pfree(handle_);
    handle_ = nullptr;
    return true;
}

bool Process::is_running() const {
    pid_t pid = 0;
    return handle_ != nullptr &&
           guarded([&] { return GetBackgroundWorkerPid(handle_, &pid); }) == BGWH_STARTED;
}

void Process::terminate() {
    if (handle_ != nullptr) guarded([&] { TerminateBackgroundWorker(handle_); });
}

void belong_to(Oid role) noexcept {
    MyProc->roleId = role;
    if (MyBEEntry == nullptr) return;
    volatile PgBackendStatus* const entry = MyBEEntry;
    PGSTAT_BEGIN_WRITE_ACTIVITY(entry);
    entry->st_userid = role;
    PGSTAT_END_WRITE_ACTIVITY(entry);
}

void warn_of_no_room(const std::string& what) {
    const char* const text = what.c_str();
    guarded([&] {
        ereport(WARNING, (errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("could not start %s", text),
                          errdetail("All background worker slots are in use."),
                          errhint("Raise max_worker_processes.")));
    });
}

static bool lock_at_once(ProcessLock lock, std::uint32_t key1, std::uint32_t key2, bool for_life) {
    return guarded([&] {
        LOCKTAG tag;
        SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, key1, key2, static_cast<std::uint16_t>(lock));
        return LockAcquire(&tag, ExclusiveLock, for_life, true) != LOCKACQUIRE_NOT_AVAIL;
    });
}

bool lock_for_life(ProcessLock lock, std::uint32_t key1, std::uint32_t key2) {
    return lock_at_once(lock, key1, key2, true);
}

bool lock_for_transaction(ProcessLock lock, std::uint32_t key1, std::uint32_t key2) {
    return lock_at_once(lock, key1, key2, false);
}

}  // namespace flowctl::pg
