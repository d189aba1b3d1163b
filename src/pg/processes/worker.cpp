// A worker: one process, one database, one shard of its runs, one event loop.
//
// It claims the slot that the launcher prepared, connects as the bootstrap superuser, pins what ALTER
// DATABASE or ALTER ROLE could change, and loops: take hints from shared memory, let the network client work,
// run a turn of the engine, sleep in one WaitEventSet over latch, the client's epoll fd and postmaster death.
// Invariants: no transaction is open while it sleeps; SIGTERM ends it from every wait (die); a second worker
// of the same shard cannot work, because each holds an advisory lock that no SQL user can take; the process
// is not dumpable, since tokens live in its memory.
//
// It leaves when its slot is asked to (DROP DATABASE and its like), when the extension is gone, and on
// SIGTERM. Started by launcher; owns Engine and net::Client for the life of the process.
#include "pg/processes/worker.hpp"

#include <algorithm>
#include <csignal>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/prctl.h>

#include "net/client.hpp"
#include "pg/engine/turn.hpp"
#include "pg/flows/role_dependency.hpp"
#include "pg/identity/key_sets.hpp"
#include "pg/processes/housekeeper.hpp"
#include "pg/rights/denials.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/process.hpp"
#include "pg/server/pinned_settings.hpp"
#include "pg/server/transaction.hpp"
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

// How long a token of a user stays in memory after it has ended, at most, while anything happens.
constexpr std::int64_t kWipeInterval = 10'000'000;

net::Settings client_settings() {
    net::Settings settings;
    settings.egress_allow = guc::egress_allow != nullptr ? guc::egress_allow : "";
    settings.proxy = guc::proxy != nullptr ? guc::proxy : "";
    settings.max_connections = call_limit();
    settings.max_connections_per_host = call_limit();
    return settings;
}

class Worker {
  public:
    explicit Worker(const shmem::Claim& claim)
        : claim_(claim),
          client_(client_settings()),
          engine_(claim, client_),
          key_sets_(client_),
          event_(wait_event("FlowctlWorker")) {
        guarded([&] {
            set_ = create_wait_event_set(3);
            AddWaitEventToSet(set_, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
            AddWaitEventToSet(set_, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
            AddWaitEventToSet(set_, WL_SOCKET_READABLE, client_.epoll_fd(), nullptr, nullptr);
        });
    }

    void loop() {
        bool more = true;
        while (!shmem::asked_to_leave(claim_.slot)) {
            const bool network = sleep(more ? 0 : engine_.sleep_ms());
            // A cancel means a statement, and none is under way; it must not end the worker.
            guarded([] {
                QueryCancelPending = false;
                CHECK_FOR_INTERRUPTS();
            });
            if (ConfigReloadPending) reload();
            take_hints();
            if (network || client_.timeout_ms() == 0) client_.run_ready();
            more = engine_.turn();
            // What the turn has started leaves at once.
            if (client_.timeout_ms() == 0) client_.run_ready();
            serve_sessions();
            figures::publish(claim_.slot, engine_.figures());
            shmem::note_serving(claim_.slot);
            publish_issuers();
            if (!extension_is_there()) {
                shmem::no_extension(claim_.database);
                break;
            }
        }
        engine_.leave();
    }

  private:
    // True when the network has something.
    bool sleep(long timeout) {
        const int network = client_.timeout_ms();
        if (network >= 0) timeout = std::min<long>(timeout, network);
        return guarded([&] {
            WaitEvent events[3];
            const int count = WaitEventSetWait(set_, timeout, events, 3, event_);
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
        engine_.note_poke();
        housekeeper_.soon();
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
        engine_.note_fresh(hints_);
        if (overflow) engine_.request_sweep();
        if (poked) engine_.note_poke();
    }

    // What sessions ask for or tell outside of their transactions. One worker of the database does it.
    void serve_sessions() {
        try {
            while (auto response = engine_.next_other())
                key_sets_.take(std::move(*response));
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
        std::uint32_t lost = 0;
        std::vector<mailbox::Message> denials = mailbox::take(lost);
        for (const mailbox::Message& message : denials)
            if (message.kind == mailbox::Message::Kind::KeysWanted && engine_.active())
                key_sets_.want(message.server, message.object);
        std::erase_if(denials, [](const mailbox::Message& message) {
            return message.kind != mailbox::Message::Kind::Denied;
        });
        if (denials.empty() && lost == 0) return;
        Transaction transaction("pg_flowctl: recording denied attempts");
        {
            Spi spi;
            denials::record(spi, denials, lost);
        }
        transaction.commit();
    }

    // The engine's failures are looked into once: tables that are gone are no failure of a run.
    bool extension_is_there() {
        if (!engine_.take_trouble()) return true;
        Transaction transaction("pg_flowctl: looking for the extension");
        const bool there = OidIsValid(extension_oid());
        transaction.commit();
        return there;
    }

    shmem::Claim claim_;
    net::Client client_;
    Engine engine_;
    key_sets::Fetcher key_sets_;
    Housekeeper housekeeper_;
    std::int64_t wipe_at_ = 0;
    std::uint32_t event_;
    std::uint64_t issuer_changes_ = 0;
    WaitEventSet* set_ = nullptr;
    std::vector<Uuid> hints_;
};

bool extension_is_installed() {
    Transaction transaction("pg_flowctl: looking for the extension");
    const bool installed = OidIsValid(extension_oid());
    transaction.commit();
    return installed;
}

// After pg_upgrade the tables have rows that no trigger saw.
void record_missing_roles() {
    try {
        Transaction transaction("pg_flowctl: recording dependencies on roles");
        role_dependency::record_missing();
        transaction.commit();
    } catch (PgError& error) {
        error.report();
    } catch (const UserError&) {
        // A role went meanwhile: nothing is left to depend on.
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
    if (!extension_is_installed()) {
        shmem::no_extension(claim->database);
        return;
    }
    if (!lock_for_life(ProcessLock::Shard, 0, static_cast<std::uint32_t>(claim->shard))) {
        const int shard = claim->shard;
        guarded([&] {
            ereport(LOG, (errmsg("pg_flowctl: another process works on shard %d of database \"%s\"", shard,
                                 get_database_name(MyDatabaseId))));
        });
        return;
    }
    if (claim->shard == 0) record_missing_roles();
    raise_descriptor_limit();
    // Never destroyed: the process ends by proc_exit, from whatever depth.
    auto* worker = new Worker(*claim);
    worker->loop();
}

}  // namespace

}  // namespace flowctl::pg

void flowctl_worker_main(Datum slot) {
    using namespace flowctl::pg;
    entry([&] { run(DatumGetInt32(slot)); });
    proc_exit(0);
}
