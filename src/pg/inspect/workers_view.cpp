// flowctl_catalog.worker_status(): the rows of the view flowctl.workers, one per worker of this database, from
// shared memory; or one row that says why there is none.
//
// Without the library preloaded there are no workers and no rows; that is an answer, not an error.
#include "pg/inspect/view_row.hpp"
#include "pg/shared/figures.hpp"
#include "pg/shared/pokes.hpp"
#include "pg/shared/shmem.hpp"

namespace flowctl::pg {

namespace {

constexpr int kColumns = 11;

void put_worker(const ReturnSetInfo& result, NameData* database, const shmem::View& worker,
                const figures::Figures& figures) {
    guarded([&] {
        ViewRow<kColumns> row;
        row.put(NameGetDatum(database))
            .put(Int32GetDatum(worker.pid))
            .put(Int32GetDatum(worker.shard))
            .put(Int32GetDatum(worker.shards))
            .put(TimestampTzGetDatum(worker.started_at))
            .put(Int64GetDatum(figures.runs_open))
            .put(Int64GetDatum(figures.calls_open))
            .put(Int64GetDatum(figures.turns))
            .put(Int64GetDatum(figures.events))
            .put_time(figures.last_turn_at)
            .put_text(figures.off          ? "off"
                      : figures.waits      ? "waiting for activate()"
                      : figures.drain != 0 ? "drained"
                                           : "working")
            .store(result);
    });
}

void put_absence(const ReturnSetInfo& result, NameData* database, const char* why) {
    guarded([&] {
        ViewRow<kColumns> row;
        row.put(NameGetDatum(database));
        for (int i = 2; i < kColumns; i++)
            row.put_null();
        row.put_text(why).store(result);
    });
}

}  // namespace

// How many transactions have begun since the oldest that may still see rows of the engine's hot table. Rows that
// died since then cannot be cleaned up, whoever holds that snapshot: a session, a slot, a prepared transaction,
// a standby.
FLOWCTL_FUNCTION(flowctl_xmin_age) {
    (void)fcinfo;
    return guarded([]() -> Datum {
        const Oid schema = get_namespace_oid("flowctl_catalog", false);
        Relation frame = table_open(get_relname_relid("frame", schema), AccessShareLock);
        const TransactionId oldest = GetOldestNonRemovableTransactionId(frame);
        table_close(frame, AccessShareLock);
        const TransactionId next = XidFromFullTransactionId(ReadNextFullTransactionId());
        return Int64GetDatum(static_cast<std::int64_t>(static_cast<std::int32_t>(next - oldest)));
    });
}

FLOWCTL_FUNCTION(flowctl_worker_status) {
    guarded([fcinfo] { InitMaterializedSRF(fcinfo, 0); });
    const auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    NameData* database = guarded([] {
        auto* name = static_cast<NameData*>(palloc0(NAMEDATALEN));
        namestrcpy(name, get_database_name(MyDatabaseId));
        return name;
    });
    bool any = false;
    for (int slot = 0; slot < shmem::slots(); slot++) {
        const shmem::View worker = shmem::view(slot);
        if (worker.state != shmem::State::kClaimed || worker.database != MyDatabaseId || !worker.serving)
            continue;
        put_worker(*result, database, worker, figures::view(slot));
        any = true;
    }
    if (any || !shmem::available()) return Datum(0);
    if (guarded([] { return RecoveryInProgress(); }))
        put_absence(*result, database, "standby");
    else if (pokes::is_short(MyDatabaseId))
        put_absence(*result, database, "no room");
    else
        put_absence(*result, database, "starting");
    return Datum(0);
}

}  // namespace flowctl::pg
