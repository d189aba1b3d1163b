// The process that reads items or writes results for a map run, and the worker's hold on it. See helper.hpp.
#include "pg/map_runs/helper.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <vector>

#include "core/asl/asl.hpp"
#include "core/json.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/pinned_settings.hpp"
#include "pg/server/quoting.hpp"
#include "pg/server/transaction.hpp"
#include "pg/store/flows.hpp"

extern "C" {
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/timeout.h"
}

namespace flowctl::pg {

namespace {

// Advisory locks of SQL users have 1 or 2 in the fourth field, those of shards another.
constexpr std::uint16_t kMapLockField = 0xF10D;

// What the worker hands to the process: bgw_extra.
struct Order {
    Uuid map_run;
    Oid database;
};
static_assert(sizeof(Order) <= BGW_EXTRALEN);

// The helpers of this worker. These are plain pointers, because the exit callback reads them.
std::vector<BackgroundWorkerHandle*> under_way;

void end_all(int, Datum) {
    for (BackgroundWorkerHandle* handle : under_way)
        TerminateBackgroundWorker(handle);
}

}  // namespace

// ---------------------------------------------------------------------------------------------- the worker's

void end_helpers_at_exit() {
    guarded([] { before_shmem_exit(end_all, 0); });
}

int MapHelper::count() {
    return static_cast<int>(under_way.size());
}

bool MapHelper::start(const Uuid& map_run) {
    BackgroundWorker worker{};
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    worker.bgw_notify_pid = MyProcPid;
    const Order order{map_run, MyDatabaseId};
    memcpy(worker.bgw_extra, &order, sizeof order);
    strlcpy(worker.bgw_library_name, "pg_flowctl", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, "flowctl_map_main", sizeof worker.bgw_function_name);
    strlcpy(worker.bgw_type, "flowctl map helper", sizeof worker.bgw_type);
    strlcpy(worker.bgw_name, "flowctl map helper", sizeof worker.bgw_name);
    under_way.reserve(under_way.size() + 1);
    handle_ = guarded([&]() -> BackgroundWorkerHandle* {
        BackgroundWorkerHandle* registered = nullptr;
        MemoryContext const caller = MemoryContextSwitchTo(TopMemoryContext);
        const bool done = RegisterDynamicBackgroundWorker(&worker, &registered);
        MemoryContextSwitchTo(caller);
        return done ? registered : nullptr;
    });
    static bool reported = false;
    if (handle_ == nullptr) {
        if (!reported)
            guarded([] {
                ereport(WARNING,
                        (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
                         errmsg("could not start a process that reads or writes for a distributed Map"),
                         errdetail("All background worker slots are in use."),
                         errhint("Raise max_worker_processes.")));
            });
        reported = true;
        return false;
    }
    reported = false;
    under_way.push_back(handle_);
    return true;
}

MapHelper::State MapHelper::look() {
    if (handle_ == nullptr) return State::None;
    pid_t pid = 0;
    BackgroundWorkerHandle* const handle = handle_;
    if (guarded([&] { return GetBackgroundWorkerPid(handle, &pid); }) != BGWH_STOPPED) return State::UnderWay;
    std::erase(under_way, handle_);
    pfree(handle_);
    handle_ = nullptr;
    return State::Over;
}

void MapHelper::terminate() {
    BackgroundWorkerHandle* const handle = handle_;
    if (handle != nullptr) guarded([&] { TerminateBackgroundWorker(handle); });
}

// ---------------------------------------------------------------------------------------------- the process

namespace map_helper {

AsRunRole::AsRunRole(Oid role, bool read_only) : read_only_(XactReadOnly) {
    GetUserIdAndSecContext(&user_, &context_);
    nest_level_ = guarded([] { return NewGUCNestLevel(); });
    SetUserIdAndSecContext(role, context_ | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
    guarded([] {
        (void)set_config_option("search_path", "\"$user\", public", PGC_USERSET, PGC_S_SESSION,
                                GUC_ACTION_SAVE, true, 0, false);
    });
    // The variable is set and not the setting, which could not be taken back within this transaction; and the
    // extension's own rows are written in it, too.
    XactReadOnly = XactReadOnly || read_only;
}

AsRunRole::~AsRunRole() {
    XactReadOnly = read_only_;
    AtEOXact_GUC(false, nest_level_);
    SetUserIdAndSecContext(user_, context_);
}

std::shared_ptr<const asl::Flow> flow_of(const Job& job) {
    Spi spi;
    const auto stored = store::find_version(spi, job.map_run.flow_id, job.map_run.version);
    std::shared_ptr<const asl::Flow> flow;
    if (stored) flow = asl::compile(stored->definition).flow;
    if (!flow) throw Failed("States.Runtime", "the flow of the map run is gone");
    return flow;
}

machine::MapRunPlan plan_of(const Job& job) {
    json::ParseLimits limits;
    limits.max_bytes = job.map_run.plan.size() + 1;
    limits.max_depth = machine::kMaxFrameDepth;
    const auto saved = json::parse(job.map_run.plan, limits);
    if (!saved)
        throw Failed("States.Runtime", "the plan of the map run is not JSON: " + saved.error().message);
    auto plan = machine::MapRunPlan::load(*saved);
    if (!plan) throw Failed("States.Runtime", "the plan of the map run cannot be used: " + plan.error());
    return std::move(plan).value();
}

std::string table_argument(const json::Value& arguments, const char* error) {
    std::string name;
    for (const char* part : {"Schema", "Table"}) {
        const json::Value* value = arguments.find(part);
        if (value == nullptr && std::string_view(part) == "Schema") continue;
        if (value == nullptr || !value->is_string() || value->as_string().empty())
            throw Failed(error, std::string(part) + " must be a name");
        name += (name.empty() ? "" : ".") + identifier(std::string(value->as_string()));
    }
    return name;
}

namespace {

bool lock_map_run(const Uuid& id) {
    return guarded([&] {
        std::uint32_t words[2];
        memcpy(words, id.data() + 8, sizeof words);  // the random part
        LOCKTAG tag;
        SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, words[0], words[1], kMapLockField);
        return LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
    });
}

std::optional<Job> find_job(const Uuid& id) {
    Transaction transaction("pg_flowctl: looking for a map run");
    std::optional<Job> job;
    {
        Spi spi;
        std::optional<store::MapRunRow> row = store::find_map_run(spi, id);
        const bool wanted =
            row && (row->phase == store::MapPhase::Reading || row->phase == store::MapPhase::Writing);
        if (wanted) {
            store::LoadedRuns parents = store::load_runs(spi, {row->run_id}, 1);
            if (!parents.runs.empty()) job = Job{std::move(*row), std::move(parents.runs.front())};
        }
    }
    transaction.commit();
    return job;
}

// A map run that has failed keeps its first error.
void record_failure(const Job& job, const Failed& failure) {
    Transaction transaction("pg_flowctl: recording the failure of a map run");
    bool recorded = false;
    {
        Spi spi;
        recorded =
            store::fail_map_run(spi, job.map_run.map_run_id, job.map_run.phase, failure.error, failure.cause);
    }
    transaction.commit();
    if (recorded || job.map_run.phase != store::MapPhase::Writing) return;
    const std::string id = to_string(job.map_run.map_run_id);
    const char* const map_run = id.c_str();
    const char* const cause = failure.cause.c_str();
    guarded([&] {
        ereport(LOG, (errmsg("pg_flowctl: the results of a map run that has failed cannot be written"),
                      errdetail_internal("%s", cause), errcontext("map run %s", map_run)));
    });
}

std::string sqlstate_text(int sqlstate) {
    return guarded([&] { return unpack_sql_state(sqlstate); });
}

// Reads or writes, in one transaction. Returns what the map run fails with, if it fails.
std::optional<Failed> work(const Job& job) {
    const bool reading = job.map_run.phase == store::MapPhase::Reading;
    try {
        Transaction transaction(reading ? "pg_flowctl: reading the items of a map run"
                                        : "pg_flowctl: writing the results of a map run");
        const int timeout = guc::map_helper_timeout;
        if (timeout > 0) guarded([&] { enable_timeout_after(STATEMENT_TIMEOUT, timeout); });
        if (reading)
            read_items(job);
        else
            write_results(job);
        guarded([] { disable_timeout(STATEMENT_TIMEOUT, false); });
        transaction.commit();
        return std::nullopt;
    } catch (const Failed& failure) {
        return failure;
    } catch (const PgError& error) {
        return Failed(reading ? "States.ItemReaderFailed" : "States.ResultWriterFailed",
                      std::string(error.what()) + " (SQLSTATE " + sqlstate_text(error.sqlstate()) + ")");
    }
}

void run() {
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    Order order{};
    memcpy(&order, MyBgworkerEntry->bgw_extra, sizeof order);
    guarded([&] { BackgroundWorkerInitializeConnectionByOid(order.database, InvalidOid, 0); });
    pin_settings(Planner::Default);
    pin_synchronous_commit();
    if (!lock_map_run(order.map_run)) return;
    const std::optional<Job> job = find_job(order.map_run);
    if (!job) return;
    const std::optional<Failed> failure = work(*job);
    guarded([] { disable_timeout(STATEMENT_TIMEOUT, false); });
    if (failure) record_failure(*job, *failure);
}

}  // namespace

}  // namespace map_helper

}  // namespace flowctl::pg

void flowctl_map_main(Datum) {
    using namespace flowctl::pg;
    entry([] { map_helper::run(); });
    proc_exit(0);
}
