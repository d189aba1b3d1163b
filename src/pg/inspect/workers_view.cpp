// flowctl_catalog.worker_status(): the rows of the view flowctl.workers, one per worker of this database,
// from shared memory.
//
// Without the library preloaded there are no workers and no rows; that is an answer, not an error.
#include "pg/shared/shmem.hpp"

using namespace flowctl::pg;

namespace {

// The columns of a row, put in their order.
class Row {
  public:
    Row& put(Datum value) {
        values[count++] = value;
        return *this;
    }
    Row& put_time(std::int64_t unix_micros) {
        nulls[count] = unix_micros == 0;
        return put(TimestampTzGetDatum(to_timestamp(unix_micros)));
    }
    Datum values[10] = {};
    bool nulls[10] = {};

  private:
    int count = 0;
};

}  // namespace

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
        guarded([&] {
            Row row;
            row.put(NameGetDatum(database))
                .put(Int32GetDatum(worker.pid))
                .put(Int32GetDatum(worker.shard))
                .put(Int32GetDatum(worker.shards))
                .put(TimestampTzGetDatum(worker.started_at))
                .put(Int64GetDatum(worker.figures.runs_open))
                .put(Int64GetDatum(worker.figures.calls_open))
                .put(Int64GetDatum(worker.figures.turns))
                .put(Int64GetDatum(worker.figures.events))
                .put_time(worker.figures.last_turn_at);
            tuplestore_putvalues(result->setResult, result->setDesc, row.values, row.nulls);
        });
    }
    return Datum(0);
}
