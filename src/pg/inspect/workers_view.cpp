// flowctl_catalog.worker_status(): the rows of the view flowctl.workers, one per worker of this database,
// from shared memory.
//
// Without the library preloaded there are no workers and no rows; that is an answer, not an error.
#include "pg/inspect/view_row.hpp"
#include "pg/shared/figures.hpp"
#include "pg/shared/shmem.hpp"

namespace flowctl::pg {

FLOWCTL_FUNCTION(flowctl_worker_status) {
    guarded([fcinfo] { InitMaterializedSRF(fcinfo, 0); });
    const auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    NameData* database = guarded([] {
        auto* name = static_cast<NameData*>(palloc0(NAMEDATALEN));
        namestrcpy(name, get_database_name(MyDatabaseId));
        return name;
    });
    for (int slot = 0; slot < shmem::slots(); slot++) {
        const shmem::View worker = shmem::view(slot);
        if (worker.state != shmem::State::kClaimed || worker.database != MyDatabaseId || !worker.serving)
            continue;
        const figures::Figures figures = figures::view(slot);
        guarded([&] {
            ViewRow<10> row;
            row.put(NameGetDatum(database))
                .put(Int32GetDatum(worker.pid))
                .put(Int32GetDatum(worker.shard))
                .put(Int32GetDatum(worker.shards))
                .put(TimestampTzGetDatum(worker.started_at))
                .put(Int64GetDatum(figures.runs_open))
                .put(Int64GetDatum(figures.calls_open))
                .put(Int64GetDatum(figures.turns))
                .put(Int64GetDatum(figures.events))
                .put_time(figures.last_turn_at);
            row.store(*result);
        });
    }
    return Datum(0);
}

}  // namespace flowctl::pg
