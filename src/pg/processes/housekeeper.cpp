// The process that keeps house, and the worker's end of it. See housekeeper.hpp.
#include "pg/processes/housekeeper.hpp"

#include <algorithm>
#include <csignal>
#include <optional>
#include <string>

#include "pg/events/event_rows.hpp"
#include "pg/processes/housekeeping.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/catalog_watch.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/pinned_settings.hpp"
#include "pg/server/transaction.hpp"
#include "pg/shared/installation.hpp"
#include "pg/store/expired_rows.hpp"
#include "pg/store/flows.hpp"
#include "pg/store/reopening.hpp"
#include "pg/store/stored_use.hpp"

namespace flowctl::pg {

namespace {

constexpr std::int64_t kInterval = 600'000'000;
constexpr std::int64_t kAgainWithoutSlot = 60'000'000;

}  // namespace

void Housekeeper::look(std::int64_t now) {
    if (now < next_at_ && next_at_ <= now + kInterval) return;
    if (process_.is_registered() && !process_.has_ended()) return;
    const ProcessDescription description{
        .function = "flowctl_housekeeper_main",
        .type = "flowctl housekeeper",
        .name = "flowctl housekeeper",
        .argument = ObjectIdGetDatum(MyDatabaseId),
        .ends_with_us = true,
    };
    if (process_.start(description)) {
        next_at_ = now + kInterval;
        reported_ = false;
        return;
    }
    next_at_ = now + kAgainWithoutSlot;
    if (!reported_) warn_of_no_room("the process that keeps house for pg_flowctl");
    reported_ = true;
}

// ---------------------------------------------------------------------------------------------- the process

namespace {

constexpr int kRounds = 10;               // of trying again what could not be locked
constexpr long kBetweenRounds = 1'000;    // ms
constexpr int kTriesToDrop = 20;          // of a leaf in one round: for that nobody may use the tables
constexpr long kBetweenTriesToDrop = 20;  // ms

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
        const std::int64_t now = unix_micros_now();
        make(now);
        if (in_place_) {
            forget_versions();
            forget_frames(now - rules_.redrive_within);
        }
        // In a copy of the database everything stays as it was until it is activated, and so it does on a
        // server that is kept quiet.
        if (rules_.event_retention && in_place_) forget_events(now - *rules_.event_retention);
        if (rules_.retention && in_place_) {
            const std::int64_t since = now - *rules_.retention;
            empty(since);
            drop(now);
            expire(since);
        }
        if (in_place_) measure();
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

    void forget_events(std::int64_t since) {
        try {
            while (in_transaction("pg_flowctl: forgetting old events",
                                  [&](Spi& spi) { return store::expire_events(spi, since); }) > 0) {
            }
        } catch (PgError& error) {
            failed(error);
        }
    }

    void forget_versions() {
        try {
            in_transaction("pg_flowctl: forgetting versions of dropped flows",
                           store::forget_dropped_versions);
        } catch (PgError& error) {
            failed(error);
        }
    }

    void forget_frames(std::int64_t before) {
        try {
            while (in_transaction("pg_flowctl: forgetting the state of ended runs", [&](Spi& spi) {
                       return store::forget_ended_frames(spi, before);
                   }) > 0) {
            }
        } catch (PgError& error) {
            failed(error);
        }
    }

    static void measure() {
        try {
            in_transaction("pg_flowctl: measuring what runs store", [](Spi& spi) {
                if (store::measure_stored(spi)) catalog_watch::changed();
                return true;
            });
        } catch (PgError& error) {
            error.report();  // the figures stay as they are until the next time
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

    // Failing to get a lock is expected and is not logged: the next round tries again.
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
    if (!lock_for_life(ProcessLock::House, 0, 0)) return;
    Transaction transaction("pg_flowctl: looking for the extension");
    const bool there = OidIsValid(extension_oid());
    const bool in_place = there && guc::run && find_standing() == Standing::Original;
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
