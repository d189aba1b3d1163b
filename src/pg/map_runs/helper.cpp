// The process that reads items or writes results for a map run, and the worker's hold on it. See helper.hpp.
#include "pg/map_runs/helper.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <vector>

#include "core/asl/asl.hpp"
#include "core/json.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/pinned_settings.hpp"
#include "pg/server/quoting.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/server/transaction.hpp"
#include "pg/store/flows.hpp"

extern "C" {
#include "utils/builtins.h"
#include "utils/timeout.h"
}

namespace flowctl::pg {

namespace {

// What the worker hands to the process: bgw_extra.
struct Order {
    Uuid map_run;
    Oid database;
};
static_assert(sizeof(Order) <= BGW_EXTRALEN);

// After the timeout: for the abort of the transaction, and for the row that says why.
constexpr std::int64_t kGraceMicros = 5'000'000;

int under_way = 0;  // of this worker

}  // namespace

// ---------------------------------------------------------------------------------------------- the worker's

int MapHelper::count() {
    return under_way;
}

bool MapHelper::start(const Uuid& map_run) {
    const Order order{map_run, MyDatabaseId};
    const ProcessDescription description{
        .function = "flowctl_map_main",
        .type = "flowctl map helper",
        .name = "flowctl map helper",
        .extra = {reinterpret_cast<const char*>(&order), sizeof order},
        .ends_with_us = true,
    };
    static bool reported = false;
    if (!process_.start(description)) {
        if (!reported) warn_of_no_room("a process that reads or writes for a distributed Map");
        reported = true;
        return false;
    }
    reported = false;
    under_way++;
    most_micros_ = std::int64_t{guc::map_helper_timeout} * 1'000;
    deadline_ = 0;
    overdue_ = false;
    return true;
}

MapHelper::State MapHelper::look() {
    if (!process_.is_registered()) return State::None;
    if (process_.has_ended()) {
        under_way--;
        deadline_ = 0;
        return State::Over;
    }
    if (most_micros_ == 0 || overdue_) return State::UnderWay;
    const std::int64_t now = unix_micros_now();
    if (deadline_ == 0) {
        if (process_.is_running()) deadline_ = now + most_micros_ + kGraceMicros;
    } else if (now >= deadline_) {
        overdue_ = true;
        process_.terminate();
    }
    return State::UnderWay;
}

std::optional<std::int64_t> MapHelper::deadline() const {
    if (deadline_ == 0 || overdue_) return std::nullopt;
    return deadline_;
}

void MapHelper::terminate() {
    process_.terminate();
}

// ---------------------------------------------------------------------------------------------- the process

namespace map_helper {

namespace {

store::VersionRow version_of(const Job& job) {
    Spi spi;
    auto stored = store::find_version(spi, job.map_run.flow_id, job.map_run.version);
    if (!stored) throw Failed("States.Runtime", "the flow of the map run is gone");
    return std::move(*stored);
}

}  // namespace

std::shared_ptr<const asl::Flow> flow_of(const Job& job) {
    std::shared_ptr<const asl::Flow> flow = asl::compile(version_of(job).definition).flow;
    if (!flow) throw Failed("States.Runtime", "the flow of the map run cannot be used");
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

// Taken for the life of the process; false when another process works on the map run.
bool lock_map_run(const Uuid& id) {
    std::uint32_t words[2];
    memcpy(words, id.data() + 8, sizeof words);  // the random part
    return lock_for_life(ProcessLock::MapRun, words[0], words[1]);
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
    const char* const error_name = reading ? "States.ItemReaderFailed" : "States.ResultWriterFailed";
    try {
        Transaction transaction(reading ? "pg_flowctl: reading the items of a map run"
                                        : "pg_flowctl: writing the results of a map run");
        const int timeout = guc::map_helper_timeout;
        if (timeout > 0) guarded([&] { enable_timeout_after(STATEMENT_TIMEOUT, timeout); });
        if (const auto objection = objection_to_sql(job.parent.role, version_of(job).options.run_as_superuser))
            return Failed(error_name, *objection);
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
        return Failed(error_name,
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
    belong_to(job->parent.role);
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
