// A worker: one process, one database, one shard of its runs, one event loop.
//
// It claims the slot that the launcher prepared, connects as the bootstrap superuser, pins what ALTER
// DATABASE or ALTER ROLE could change, and loops: take hints from shared memory, let the network client work,
// run a turn of the engine, sleep in one WaitEventSet over latch, the client's epoll fd, that of
// evaluations, and postmaster death.
// Invariants: no transaction is open while it sleeps; SIGTERM ends it from every wait (die); a second worker
// of the same shard cannot work, because each holds an advisory lock that no SQL user can take; the process
// is not dumpable, since tokens live in its memory.
//
// It leaves when its slot is asked to (DROP DATABASE and the like), when the extension is gone, and on
// SIGTERM.
#include "pg/processes/worker.hpp"

#include <malloc.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/prctl.h>

#include "net/client.hpp"
#include "pg/engine/turn.hpp"
#include "pg/evaluation/suspects.hpp"
#include "pg/flows/role_dependency.hpp"
#include "pg/processes/housekeeper.hpp"
#include "pg/processes/part_list.hpp"
#include "pg/rights/denials.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/process.hpp"
#include "pg/server/pinned_settings.hpp"
#include "pg/server/transaction.hpp"
#include "pg/shared/endpoint_pace.hpp"
#include "pg/shared/figures.hpp"
#include "pg/shared/mailbox.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/shared/subject_tokens.hpp"
#include "pg/tasks/call_limit.hpp"

extern "C" {
#include "storage/pmsignal.h"
}

namespace flowctl::pg {

namespace {

// How often the tokens of users that have expired are wiped from shared memory.
constexpr std::int64_t kWipeInterval = 10'000'000;

constexpr std::int64_t kWarnInterval = 3'600'000'000;

net::Settings client_settings() {
    net::Settings settings;
    settings.egress_allow = guc::egress_allow != nullptr ? guc::egress_allow : "";
    settings.proxy = guc::proxy != nullptr ? guc::proxy : "";
    settings.max_connections = call_limits().calls;
    settings.max_connections_per_host = call_limits().calls;
    return settings;
}

class Worker {
  public:
    Worker(const shmem::Claim& claim, std::string database)
        : claim_(claim),
          database_(std::move(database)),
          client_(client_settings()),
          engine_(make_engine(claim, client_)),
          event_(wait_event("FlowctlWorker")) {
        guarded([&] {
            set_ = create_wait_event_set(4);
            AddWaitEventToSet(set_, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
            AddWaitEventToSet(set_, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
            AddWaitEventToSet(set_, WL_SOCKET_READABLE, client_.epoll_fd(), nullptr, nullptr);
            AddWaitEventToSet(set_, WL_SOCKET_READABLE, engine_->evaluations_fd(), nullptr, nullptr);
        });
    }

    void loop() {
        bool more = true;
        while (!shmem::asked_to_leave(claim_.slot)) {
            const bool network = sleep(more ? 0 : patience());
            // A cancel is meant for a statement, and none is under way, so it must not end the worker.
            guarded([] {
                QueryCancelPending = false;
                CHECK_FOR_INTERRUPTS();
            });
            if (ConfigReloadPending) reload();
            take_hints();
            if (network || client_.timeout_ms() == 0) client_.run_ready();
            more = engine_->turn();
            // What the turn has started leaves at once.
            if (client_.timeout_ms() == 0) client_.run_ready();
            serve_sessions();
            publish_figures();
            shmem::note_serving(claim_.slot);
            publish_issuers();
            if (!extension_is_there()) {
                shmem::no_extension(claim_.database);
                break;
            }
        }
        engine_->leave();
    }

  private:
    // How long nothing of our own is due; milliseconds.
    long patience() {
        long milliseconds = engine_->sleep_ms();
        if (claim_.shard != 0) return milliseconds;
        if (const auto at = mailbox::next_count_at())
            milliseconds = std::min(milliseconds, static_cast<long>(std::max<std::int64_t>(
                                                      (*at - unix_micros_now()) / 1000 + 1, 1)));
        return milliseconds;
    }

    // True when the network has something.
    bool sleep(long timeout) {
        const int network = client_.timeout_ms();
        if (network >= 0) timeout = std::min<long>(timeout, network);
        return guarded([&] {
            WaitEvent events[4];
            const int count = WaitEventSetWait(set_, timeout, events, 4, event_);
            ResetLatch(MyLatch);
            bool readable = false;
            for (int i = 0; i < count; i++)
                readable = readable || (events[i].events & WL_SOCKET_READABLE) != 0;
            return readable;
        });
    }

    void reload() {
        guarded([] {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
        });
        pin_synchronous_commit();
        client_.configure(client_settings());
        engine_->sweeper().poke();
        housekeeper_.soon();
    }

    void publish_figures() {
        figures::Figures figures = engine_->figures();
        figures.waits = !engine_->sweeper().active();
        figures::publish(claim_.slot, figures);
        if (claim_.shard == 0) warn_of_waiting();
    }

    // A database whose flows wait looks like one whose flows are stuck, so the log says it again and again.
    void warn_of_waiting() {
        const Standing standing = engine_->sweeper().standing();
        const bool waits = !guc::run || standing != Standing::Original;
        const std::int64_t now = unix_micros_now();
        if (!waits || warned_of_off_ != !guc::run) warn_at_ = 0;
        if (!waits || now < warn_at_) return;
        warn_at_ = now + kWarnInterval;
        warned_of_off_ = !guc::run;
        const char* const name = database_.c_str();
        guarded([&] {
            if (!guc::run)
                ereport(WARNING, (errmsg("flows of database \"%s\" wait while flowctl.run is off", name)));
            else
                ereport(
                    WARNING,
                    (errmsg("flows of database \"%s\" wait for flowctl.activate()", name),
                     standing == Standing::Restored
                         ? errdetail("The server was restored from a backup, so what was done after the "
                                     "backup would be done again.")
                         : errdetail("They were last allowed to act in another database, on another server "
                                     "or under another flowctl.installation."),
                     errhint("If this is a copy, leave it so; if it takes the original's place, let the "
                             "extension's owner run SELECT flowctl.activate().")));
        });
    }

    void publish_issuers() {
        const std::uint64_t changes = client_.issuer_changes();
        if (changes == issuer_changes_) return;
        issuer_changes_ = changes;
        figures::publish_issuers(claim_.slot, client_.issuers());
    }

    void take_hints() {
        hints_.clear();
        bool overflow = false, poked = false;
        shmem::take(claim_.slot, hints_, overflow, poked);
        engine_->sweeper().announce(hints_);
        if (overflow) engine_->sweeper().request();
        if (poked) engine_->sweeper().poke();
    }

    // Messages of sessions are for one worker of the database, the one of shard 0.
    void serve_sessions() {
        try {
            if (claim_.shard == 0) take_messages();
        } catch (PgError& error) {
            error.report();
        }
        const std::int64_t now = unix_micros_now();
        if (claim_.shard == 0) housekeeper_.look(now);
        if (now < wipe_at_ && wipe_at_ <= now + kWipeInterval) return;
        subject_tokens::wipe_ended();
        wipe_at_ = now + kWipeInterval;
    }

    void take_messages() {
        std::vector<mailbox::Lost> lost;
        std::vector<mailbox::Message> denials = mailbox::take(lost);
        if (!denials.empty()) engine_->hear(denials);
        std::erase_if(denials, [](const mailbox::Message& message) {
            return message.kind != mailbox::Message::Kind::Denied;
        });
        if (denials.empty() && lost.empty()) return;
        Transaction transaction("pg_flowctl: recording denied attempts");
        {
            Spi spi;
            denials::record(spi, denials, lost);
        }
        transaction.commit();
    }

    // False: the tables are gone, which explains the failures that the engine has just seen.
    bool extension_is_there() {
        if (!engine_->take_trouble()) return true;
        Transaction transaction("pg_flowctl: looking for the extension");
        const bool there = OidIsValid(extension_oid());
        transaction.commit();
        return there;
    }

    shmem::Claim claim_;
    std::string database_;
    net::Client client_;
    std::unique_ptr<Engine> engine_;
    Housekeeper housekeeper_;
    std::int64_t wipe_at_ = 0;
    std::int64_t warn_at_ = 0;
    bool warned_of_off_ = false;
    std::uint32_t event_;
    std::uint64_t issuer_changes_ = 0;
    WaitEventSet* set_ = nullptr;
    std::vector<FreshRun> hints_;
};

// The name of this database, if it has the extension. Nobody renames a database that a worker is connected
// to.
std::optional<std::string> name_of_database_with_extension() {
    Transaction transaction("pg_flowctl: looking for the extension");
    std::optional<std::string> name;
    if (OidIsValid(extension_oid())) name = guarded([] { return get_database_name(MyDatabaseId); });
    transaction.commit();
    return name;
}

// pg_upgrade fills the tables without firing the triggers that record dependencies on roles.
void record_missing_roles() {
    try {
        Transaction transaction("pg_flowctl: recording dependencies on roles");
        role_dependency::record_missing();
        role_dependency::forget_superfluous();
        transaction.commit();
    } catch (PgError& error) {
        error.report();
    } catch (const UserError&) {
        // A role has been dropped meanwhile, so there is nothing left to depend on.
    }
}

void run(int slot) {
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();

    const std::optional<shmem::Claim> claim = shmem::claim(slot);
    if (!claim) return;
    (void)prctl(PR_SET_DUMPABLE, 0);
    guarded([&] { BackgroundWorkerInitializeConnectionByOid(claim->database, InvalidOid, 0); });
    pin_settings(Planner::Keys);
    pin_synchronous_commit();
    std::optional<std::string> database = name_of_database_with_extension();
    if (!database) {
        shmem::no_extension(claim->database);
        return;
    }
    if (!lock_for_life(ProcessLock::Shard, 0, static_cast<std::uint32_t>(claim->shard))) {
        const int shard = claim->shard;
        const char* const name = database->c_str();
        guarded([&] {
            ereport(LOG, (errmsg("pg_flowctl: another process works on shard %d of database \"%s\"", shard,
                                 name)));
        });
        return;
    }
    if (claim->shard == 0) record_missing_roles();
    raise_descriptor_limit();
    suspects::attach(claim->slot);
    endpoint_pace::attach(claim->slot);
    // Never destroyed: the process ends by proc_exit, from any depth.
    auto* worker = new Worker(*claim, *std::move(database));
    worker->loop();
}

}  // namespace

namespace {

// A turn takes memory and gives it back. The allocator would return its end to the system each time, and the
// next turn would pay for fresh pages; what a flood has taken goes back by Intake::forget_flood.
void keep_free_memory() {
    mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024);
    mallopt(M_TOP_PAD, 1024 * 1024);
    mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024);
}

}  // namespace

}  // namespace flowctl::pg

void flowctl_worker_main(Datum slot) {
    using namespace flowctl::pg;
    keep_free_memory();
    entry([&] { run(DatumGetInt32(slot)); });
    proc_exit(0);
}
