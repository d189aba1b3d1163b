// The process that keeps house, and the worker's end of it. See housekeeper.hpp.
#include "pg/processes/housekeeper.hpp"

#include <algorithm>
#include <csignal>
#include <optional>
#include <string>

#include "pg/processes/housekeeping.hpp"
#include "pg/server/pinned_settings.hpp"
#include "pg/server/transaction.hpp"
#include "pg/shared/installation.hpp"

extern "C" {
#include "storage/lock.h"
}

namespace flowctl::pg {

namespace {

// Advisory locks of SQL users have 1 or 2 in the fourth field, shards and map runs others.
constexpr std::uint16_t kHouseLockField = 0xF10E;

constexpr std::int64_t kInterval = 600'000'000;
constexpr std::int64_t kAgainWithoutSlot = 60'000'000;

// Of this worker; a plain pointer, since the exit callback reads it.
BackgroundWorkerHandle* under_way = nullptr;

void end_it(int, Datum) {
    if (under_way != nullptr) TerminateBackgroundWorker(under_way);
}

bool is_under_way() {
    if (under_way == nullptr) return false;
    pid_t pid = 0;
    if (guarded([&] { return GetBackgroundWorkerPid(under_way, &pid); }) != BGWH_STOPPED) return true;
    pfree(under_way);
    under_way = nullptr;
    return false;
}

bool start() {
    static bool ends_at_exit = false;
    if (!ends_at_exit) guarded([] { before_shmem_exit(end_it, 0); });
    ends_at_exit = true;
    BackgroundWorker worker{};
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    worker.bgw_notify_pid = MyProcPid;
    worker.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId);
    strlcpy(worker.bgw_library_name, "pg_flowctl", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, "flowctl_housekeeper_main", sizeof worker.bgw_function_name);
    strlcpy(worker.bgw_type, "flowctl housekeeper", sizeof worker.bgw_type);
    strlcpy(worker.bgw_name, "flowctl housekeeper", sizeof worker.bgw_name);
    return guarded([&] {
        MemoryContext const caller = MemoryContextSwitchTo(TopMemoryContext);
        const bool done = RegisterDynamicBackgroundWorker(&worker, &under_way);
        MemoryContextSwitchTo(caller);
        if (!done) under_way = nullptr;
        return done;
    });
}

}  // namespace

void Housekeeper::look(std::int64_t now) {
    if (now < next_at_ && next_at_ <= now + kInterval) return;
    if (is_under_way()) return;
    if (start()) {
        next_at_ = now + kInterval;
        reported_ = false;
        return;
    }
    next_at_ = now + kAgainWithoutSlot;
    if (!reported_)
        guarded([] {
            ereport(WARNING, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
                              errmsg("could not start the process that keeps house for pg_flowctl"),
                              errdetail("All background worker slots are in use."),
                              errhint("Raise max_worker_processes.")));
        });
    reported_ = true;
}

// ---------------------------------------------------------------------------------------------- the process

namespace {

constexpr int kRounds = 10;               // of trying again what could not be locked
constexpr long kBetweenRounds = 1'000;    // ms
constexpr int kTriesToDrop = 20;          // of a leaf in one round: for that nobody may use the tables
constexpr long kBetweenTriesToDrop = 20;  // ms

bool lock_house() {
    return guarded([] {
        LOCKTAG tag;
        SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, 0, kHouseLockField);
        return LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
    });
}

void rest(long milliseconds) {
    guarded([&] {
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds,
                        PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    });
}

// One step in a transaction of its own.
template <class Step>
auto in_transaction(const char* activity, Step&& step) {
    Transaction transaction(activity);
    auto result = [&] {
        const AsExtensionOwner owner;
        Spi spi;
        return step(spi);
    }();
    transaction.commit();
    return result;
}

// One go at everything that is due. What fails is noted and left for the next round.
class Round {
  public:
    Round(const housekeeping::Rules& rules, bool in_place) : rules_(rules), in_place_(in_place) {}

    // True when nothing is left to do that could not be done.
    bool run() {
        const std::int64_t now = to_unix_micros(GetCurrentTimestamp());
        make(now);
        // In a copy of the database everything stays as it was, until it is activated.
        if (rules_.retention && in_place_) {
            const std::int64_t since = now - *rules_.retention;
            empty(since);
            drop(now);
            expire(since);
        }
        return complete_;
    }

  private:
    static std::vector<store::Leaf> leaves() {
        return in_transaction("pg_flowctl: looking at partitions",
                              [](Spi& spi) { return store::find_leaves(spi); });
    }

    void make(std::int64_t now) {
        try {
            while (in_transaction("pg_flowctl: making a partition", [&](Spi& spi) {
                const auto span = housekeeping::next_leaf(spi, now, rules_);
                if (span) store::make_leaf(spi, span->starts_at, span->ends_at);
                return span.has_value();
            })) {
            }
        } catch (PgError& error) {
            failed(error);
        }
    }

    void empty(std::int64_t since) {
        for (const store::Leaf& leaf : housekeeping::to_empty(leaves(), since)) {
            try {
                in_transaction("pg_flowctl: emptying a partition", [&](Spi& spi) {
                    const store::Emptying done = store::empty_leaf(spi, leaf, since, true);
                    if (done.result == store::Emptying::Result::TooManyOpen)
                        store::note_problem(spi, leaf, housekeeping::too_many_open(done.kept));
                    return true;
                });
            } catch (PgError& error) {
                note(leaf, error.what());
                failed(error);
            }
        }
    }

    void drop(std::int64_t now) {
        for (const store::Leaf& leaf : housekeeping::to_drop(leaves(), now)) {
            try {
                bool dropped = false;
                for (int i = 0; i < kTriesToDrop && !dropped; i++) {
                    if (i > 0) rest(kBetweenTriesToDrop);
                    dropped = in_transaction("pg_flowctl: dropping a partition",
                                             [&](Spi& spi) { return store::drop_leaf(spi, leaf); });
                }
                if (!dropped) complete_ = false;
            } catch (PgError& error) {
                note(leaf, error.what());
                failed(error);
            }
        }
    }

    void expire(std::int64_t since) {
        try {
            while (in_transaction("pg_flowctl: forgetting what is no longer kept",
                                  [&](Spi& spi) { return store::expire_rows(spi, since); }) > 0) {
            }
        } catch (PgError& error) {
            failed(error);
        }
    }

    // For the view flowctl.partitions.
    static void note(const store::Leaf& leaf, const std::string& problem) {
        try {
            in_transaction("pg_flowctl: noting why a partition stays", [&](Spi& spi) {
                store::note_problem(spi, leaf, problem);
                return true;
            });
        } catch (PgError& error) {
            error.report();  // the others have their turn all the same
        }
    }

    // A lock that is not to be had is no news.
    void failed(PgError& error) {
        complete_ = false;
        if (error.sqlstate() != ERRCODE_LOCK_NOT_AVAILABLE) error.report();
    }

    housekeeping::Rules rules_;
    bool in_place_;
    bool complete_ = true;
};

void run(Oid database) {
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    guarded([&] { BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0); });
    pin_settings(Planner::Keys);
    if (!lock_house()) return;
    Transaction transaction("pg_flowctl: looking for the extension");
    const bool there = OidIsValid(extension_oid());
    const bool in_place = there && installation_matches();
    transaction.commit();
    if (!there) return;
    const housekeeping::Rules rules = housekeeping::rules_of_settings();
    for (int round = 0; round < kRounds && !Round(rules, in_place).run(); round++)
        rest(kBetweenRounds);
}

}  // namespace

}  // namespace flowctl::pg

void flowctl_housekeeper_main(Datum database) {
    using namespace flowctl::pg;
    entry([&] { run(DatumGetObjectId(database)); });
    proc_exit(0);
}
