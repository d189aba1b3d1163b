// The launcher: finds databases, starts their workers, starts them again when they end.
//
// It is connected to the shared catalogs only, so it cannot see whether a database has the extension. It
// starts one worker there, which looks: it serves, or says no_extension() and exits. Words:
//   unknown:  nobody looked yet, or something changed; a first worker is to look (a few databases at a time)
//   lacking:  left alone until poked: CREATE EXTENSION in it, or a command that barred it
//   present:  all its workers, one per shard, are to be there
// A worker that ends although nobody asked it to is started again after 1 s, then 2 s, up to a minute, so
// that a database whose workers fail at once costs nothing.
//
// Invariants: the slots in shared memory are the truth about workers, what the launcher keeps is a cache and
// a memory of failures: it may be killed and started at any time. A slot is given away again only when the
// server has reaped its process, or max_worker_processes would seem exhausted. No transaction is open while
// it waits.
//
// Registered by _PG_init; runs from the end of recovery, so never on a standby, and from promotion on.
#include "pg/processes/launcher.hpp"

#include <algorithm>
#include <csignal>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "pg/server/guc.hpp"
#include "pg/server/process.hpp"
#include "pg/shared/bars.hpp"
#include "pg/shared/pokes.hpp"
#include "pg/shared/shmem.hpp"

namespace flowctl::pg::launcher {

namespace {

constexpr int kProbesAtOnce = 2;             // databases that are being looked at
constexpr std::int64_t kSecond = 1'000'000;  // TimestampTz counts microseconds
constexpr std::int64_t kProbeTime =
    5 * kSecond;  // a look that takes longer (a lock is in its way) holds up no other
constexpr std::int64_t kLongestDelay = 60 * kSecond;
constexpr std::int64_t kProvenAfter = 60 * kSecond;   // a worker that lives so long ends a series of failures
constexpr std::int64_t kRegisterAgain = 5 * kSecond;  // when all of max_worker_processes are taken

enum class Extension { kUnknown, kLacking, kPresent };

struct Database {
    std::string name;
    Extension extension = Extension::kUnknown;
    bool poked = false;   // since its last worker was started
    bool listed = false;  // by the last scan
    bool is_short = false;  // it has no worker because the server has no room for one
    bool shortage_reported = false;
    int failures = 0;
    TimestampTz not_before = 0;
};

// A row of pg_database, as the scan hands it out of the server's memory.
struct Listed {
    Oid oid;
    NameData name;
};
struct Listing {
    Listed* rows;
    int count;
};

// Databases that can be connected to. template0 cannot, nor what an interrupted DROP DATABASE left.
Listing read_pg_database() {
    int capacity = 64;
    Listing listing{static_cast<Listed*>(palloc(sizeof(Listed) * static_cast<std::size_t>(capacity))), 0};
    Relation relation = table_open(DatabaseRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, nullptr, 0, nullptr);
    while (HeapTuple tuple = systable_getnext(scan)) {
        const auto* row = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
        if (!row->datallowconn || row->datconnlimit < -1) continue;
        if (listing.count == capacity) {
            capacity *= 2;
            listing.rows = static_cast<Listed*>(
                repalloc(listing.rows, sizeof(Listed) * static_cast<std::size_t>(capacity)));
        }
        listing.rows[listing.count++] = Listed{row->oid, row->datname};
    }
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    return listing;
}

class Launcher {
  public:
    void run();

  private:
    void adopt();
    void hear_pokes();
    void list_databases();
    void collect(int slot);
    void judge(const shmem::View& worker);
    void start_missing();
    bool start(Oid oid, Database& database, int shard, int shards);
    void note_shortage(const std::unordered_map<Oid, std::vector<int>>& present, Oid failed);
    static void note_room(Oid oid, Database& database);
    void look_again(Database& database);
    long nap() const;

    std::unordered_map<Oid, Database> databases_;
    std::vector<Process> processes_;  // by slot; without one: none, or started by an earlier launcher
    TimestampTz now_ = 0;
    TimestampTz next_listing_ = 0;
    TimestampTz next_registration_ = 0;
    bool waiting_for_probes_ = false;
};

void Launcher::look_again(Database& database) {
    database.poked = true;
    database.failures = 0;
    database.not_before = 0;
    if (database.extension == Extension::kLacking) database.extension = Extension::kUnknown;
}

// Workers that an earlier launcher registered but that have not come yet are turned away: this one has no
// handle to tell whether they ever will.
void Launcher::adopt() {
    processes_.assign(static_cast<std::size_t>(shmem::slots()), Process());
    for (int slot = 0; slot < shmem::slots(); slot++) {
        shmem::cancel(slot);
        shmem::recycle(slot);
    }
}

void Launcher::hear_pokes() {
    std::vector<Oid> poked;
    const bool everywhere = pokes::take(poked);
    if (poked.empty() && !everywhere) return;
    next_listing_ = 0;  // what was poked may be new, or gone
    for (auto& [oid, database] : databases_)
        if (everywhere || std::find(poked.begin(), poked.end(), oid) != poked.end()) look_again(database);
}

void Launcher::list_databases() {
    guarded([] {
        SetCurrentStatementStartTimestamp();
        StartTransactionCommand();
        pgstat_report_activity(STATE_RUNNING, "looking for databases");
    });
    const Listing listing = guarded(read_pg_database);
    for (auto& [oid, database] : databases_)
        database.listed = false;
    for (int i = 0; i < listing.count; i++) {
        Database& database = databases_[listing.rows[i].oid];
        database.listed = true;
        database.name = NameStr(listing.rows[i].name);
    }
    guarded([] {
        CommitTransactionCommand();
        pgstat_report_stat(false);
        pgstat_report_activity(STATE_IDLE, nullptr);
    });
    for (auto it = databases_.begin(); it != databases_.end();) {
        if (it->second.listed) {
            ++it;
            continue;
        }
        shmem::ask_to_leave(it->first, true);
        note_room(it->first, it->second);
        it = databases_.erase(it);
    }
    next_listing_ = now_ + guc::discovery_interval * std::int64_t{1000};
}

// Takes back the slot of a worker that has gone, or notes that one is in service.
void Launcher::collect(int slot) {
    Process& process = processes_[static_cast<std::size_t>(slot)];
    shmem::View worker = shmem::view(slot);
    if (worker.state == shmem::State::kFree) return;
    if (worker.state == shmem::State::kClaimed) {
        auto found = databases_.find(worker.database);
        if (found == databases_.end()) return;
        Database& database = found->second;
        if (worker.serving) database.extension = Extension::kPresent;
        if (worker.serving && now_ - worker.started_at > kProvenAfter) database.failures = 0;
        return;
    }
    if (process.is_registered()) {
        if (!process.has_ended()) return;
        // It may have come and gone since the view was taken; if not, it never came.
        shmem::cancel(slot);
        worker = shmem::view(slot);
    }
    shmem::recycle(slot);
    next_registration_ = 0;  // a process has gone, so there is room for one
    judge(worker);
}

void Launcher::judge(const shmem::View& worker) {
    auto found = databases_.find(worker.database);
    if (found == databases_.end()) return;
    Database& database = found->second;
    if (worker.no_extension) {
        database.extension = database.poked ? Extension::kUnknown : Extension::kLacking;
        return;
    }
    if (worker.leaving) {
        database.extension = Extension::kUnknown;
        return;
    }
    // A worker of several may have failed for all of them; who looks first tells.
    const std::int64_t delay = std::min(kLongestDelay, kSecond << std::min(database.failures, 6));
    database.failures++;
    database.not_before = now_ + delay;
    next_listing_ = 0;  // it may be gone
    const char* const name = database.name.c_str();
    const int seconds = static_cast<int>(delay / kSecond);
    guarded([&] {
        ereport(LOG, (errmsg("flowctl worker for database \"%s\" ended unexpectedly", name),
                      errdetail("It is started again in %d s.", seconds)));
    });
}

void Launcher::start_missing() {
    std::unordered_map<Oid, std::vector<int>> present;  // shards, of databases with any worker
    int probes = 0;
    waiting_for_probes_ = false;
    for (int slot = 0; slot < shmem::slots(); slot++) {
        const shmem::View worker = shmem::view(slot);
        if (worker.state == shmem::State::kFree) continue;
        std::vector<int>& shards = present[worker.database];
        auto found = databases_.find(worker.database);
        if (shards.empty() && found != databases_.end() && found->second.extension == Extension::kUnknown &&
            (worker.state == shmem::State::kReserved || now_ - worker.started_at < kProbeTime))
            probes++;
        shards.push_back(worker.shard);
    }
    if (now_ < next_registration_) return;
    for (auto& [oid, database] : databases_) {
        if (database.extension == Extension::kLacking || database.not_before > now_ || bars::are_up(oid))
            continue;
        const std::vector<int>& shards = present[oid];
        const bool unknown = database.extension == Extension::kUnknown;
        if (unknown && !shards.empty()) continue;
        if (unknown && probes >= kProbesAtOnce) {
            waiting_for_probes_ = true;
            continue;
        }
        for (int shard = 0; shard < (unknown ? 1 : guc::workers); shard++) {
            if (std::find(shards.begin(), shards.end(), shard) != shards.end()) continue;
            if (!start(oid, database, shard, guc::workers)) {
                if (now_ < next_registration_) return note_shortage(present, oid);
                break;
            }
            if (unknown) probes++;
        }
    }
}

// There was no room for a worker, so there is none for any other that is missing: each database is told of
// once.
void Launcher::note_shortage(const std::unordered_map<Oid, std::vector<int>>& present, Oid failed) {
    for (auto& [oid, database] : databases_) {
        const auto workers = present.find(oid);
        const bool has_worker = workers != present.end() && !workers->second.empty();
        if (database.extension == Extension::kLacking || has_worker) continue;
        if (!database.is_short) pokes::note_shortage(oid, true);
        database.is_short = true;
        // Of the others it is not known whether they have the extension.
        const bool is_wanted =
            oid == failed || database.poked || database.extension == Extension::kPresent;
        if (is_wanted && !database.shortage_reported)
            warn_of_no_room("a flowctl worker for database \"" + database.name + "\"");
        database.shortage_reported = database.shortage_reported || is_wanted;
    }
}

void Launcher::note_room(Oid oid, Database& database) {
    if (database.is_short) pokes::note_shortage(oid, false);
    database.is_short = database.shortage_reported = false;
}

bool Launcher::start(Oid oid, Database& database, int shard, int shards) {
    std::uint32_t ticket = 0;
    const int slot = shmem::reserve(oid, shard, shards, ticket);
    if (slot < 0) return false;

    std::string name = "flowctl worker " + std::to_string(shard + 1) + "/" + std::to_string(shards) + " for ";
    const ProcessDescription description{
        .function = "flowctl_worker_main",
        .type = "flowctl worker",
        .name = std::move(name) + database.name,
        .argument = Int32GetDatum(slot),
        .extra = {reinterpret_cast<const char*>(&ticket), sizeof ticket},
    };
    if (!processes_[static_cast<std::size_t>(slot)].start(description)) {
        shmem::cancel(slot);
        shmem::recycle(slot);
        next_registration_ = now_ + kRegisterAgain;
        return false;
    }
    database.poked = false;
    note_room(oid, database);
    return true;
}

// Milliseconds until something is due of its own accord.
long Launcher::nap() const {
    TimestampTz due = next_listing_;
    if (waiting_for_probes_) due = std::min(due, now_ + kSecond);
    if (next_registration_ > now_) due = std::min(due, next_registration_);
    for (const auto& [oid, database] : databases_)
        if (database.not_before > now_) due = std::min(due, database.not_before);
    return std::clamp<long>(static_cast<long>((due - now_) / 1000 + 1), 1, 24 * 3'600'000);
}

void Launcher::run() {
    adopt();
    const uint32 waiting = guarded([] { return wait_event("FlowctlLauncher"); });
    while (!ShutdownRequestPending) {
        now_ = GetCurrentTimestamp();
        hear_pokes();
        for (int slot = 0; slot < shmem::slots(); slot++)
            collect(slot);
        if (now_ >= next_listing_) list_databases();
        start_missing();

        const long milliseconds = nap();
        guarded([&] {
            WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds, waiting);
            ResetLatch(MyLatch);
            CHECK_FOR_INTERRUPTS();
            if (ConfigReloadPending) {
                ConfigReloadPending = false;
                ProcessConfigFile(PGC_SIGHUP);
            }
        });
        // The interval may have been shortened.
        next_listing_ = std::min(next_listing_, now_ + guc::discovery_interval * std::int64_t{1000});
    }
}

}  // namespace

void register_at_load() {
    pg::register_at_load({.function = "flowctl_launcher_main",
                          .type = "flowctl launcher",
                          .name = "flowctl launcher"},
                         1);
}

}  // namespace flowctl::pg::launcher

extern "C" __attribute__((visibility("default"))) void flowctl_launcher_main(Datum) {
    using namespace flowctl::pg;
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    pokes::launcher_is_here();
    entry([] { launcher::Launcher().run(); });
    // Not 0, which would tell the server never to start the launcher again.
    proc_exit(1);
}
