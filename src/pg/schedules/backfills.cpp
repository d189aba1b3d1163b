// Backfills that are queued. See backfills.hpp.
#include "pg/schedules/backfills.hpp"

#include "pg/schedules/due_rows.hpp"
#include "pg/schedules/schedule_rows.hpp"
#include "pg/schedules/scheduled_runs.hpp"
#include "pg/server/index_scans.hpp"
#include "pg/shared/wake.hpp"
#include "pg/starts/open_run_quota.hpp"
#include "pg/store/by_key.hpp"
#include "pg/store/new_runs.hpp"

namespace flowctl::pg::schedules {

namespace {

constexpr std::int64_t kMostSchedules = 100;

Statement queue_sql(R"(
    INSERT INTO flowctl_catalog.schedule_backfill (schedule_id, due_at, run_id, bucket)
    SELECT $1, t.due_at, t.run_id, $4 FROM unnest($2::timestamptz[], $3::uuid[]) t (due_at, run_id))",
                    {UUIDOID, TIMESTAMPTZARRAYOID, UUIDARRAYOID, INT4OID});
// The first row of each schedule that has no open run of its own.
Statement first_rows_sql(R"(
    WITH RECURSIVE first AS (
        (SELECT b.schedule_id FROM flowctl_catalog.schedule_backfill b ORDER BY b.schedule_id LIMIT 1)
        UNION ALL
        SELECT (SELECT b.schedule_id FROM flowctl_catalog.schedule_backfill b WHERE b.schedule_id > f.schedule_id
                ORDER BY b.schedule_id LIMIT 1)
        FROM first f WHERE f.schedule_id IS NOT NULL)
    SELECT b.run_id, b.due_at, b.schedule_id
    FROM first f, LATERAL (SELECT o.run_id, o.due_at, o.schedule_id, o.bucket FROM flowctl_catalog.schedule_backfill o
                           WHERE o.schedule_id = f.schedule_id ORDER BY o.due_at, o.run_id LIMIT 1) b
    WHERE b.bucket % $1 = $2
      AND NOT EXISTS (SELECT FROM flowctl_catalog.schedule_run r WHERE r.schedule_id = b.schedule_id)
    LIMIT $3)",
                         {INT4OID, INT4OID, INT8OID});
Statement take_row_sql(R"(
    DELETE FROM flowctl_catalog.schedule_backfill
    WHERE run_id IN (SELECT b.run_id FROM flowctl_catalog.schedule_backfill b WHERE b.run_id = $1 FOR UPDATE SKIP LOCKED))",
                       {UUIDOID});
Statement note_failure_sql(R"(
    UPDATE flowctl_catalog.schedule_state SET missed = missed + 1, last_error = $2
    WHERE schedule_id IN (SELECT s.schedule_id FROM flowctl_catalog.schedule_state s WHERE s.schedule_id = $1
                          FOR UPDATE SKIP LOCKED))",
                           {UUIDOID, TEXTOID});

struct Queued {
    Uuid run{}, schedule{};
    std::int64_t due = 0;
};

// False: the run cannot be started, so the next one is tried.
bool start_queued(Spi& spi, const Queued& one) {
    const auto definition = find_definition(spi, one.schedule);
    if (definition && definition->paused) return true;
    if (spi.run(take_row_sql, std::move(Params().uuid(one.run))).processed() == 0) return true;
    if (!definition) return false;
    try {
        StartRequest request = request_for(*definition, one.run, one.due, Firing::Backfill);
        request.by_worker = true;
        request.only_looks = true;
        const store::NewRun run = make_run(request);
        open_run_quota::take(run.flow_owner);
        store::insert_runs(&run, 1);
        note_runs(spi, {one.run}, {one.schedule});
        wake::note_started_run({run.run_id, run.flow_owner, run.wait.has_value()});
        return true;
    } catch (const UserError& error) {
        spi.run(note_failure_sql, std::move(Params().uuid(one.schedule).text(error.message)));
        return false;
    }
}

}  // namespace

void queue_backfill(Spi& spi, const Definition& definition, const std::vector<schedule::Instant>& times) {
    std::vector<std::optional<std::int64_t>> due;
    std::vector<Uuid> runs;
    for (const schedule::Instant time : times) {
        due.push_back(time * 1'000'000);
        runs.push_back(new_run_id_of(definition.id));
    }
    Params params;
    params.uuid(definition.id).timestamps(due).uuids(runs).int4(bucket_of_schedule(definition.id));
    spi.run(queue_sql, std::move(params));
    wake::note_poke();
}

bool has_backfills() {
    return store::has_rows("schedule_backfill");
}

bool start_backfills(Spi& spi, int shard, int shards) {
    std::vector<Queued> queued;
    {
        const IndexScans index_scans;
        const Rows rows = spi.run(first_rows_sql, std::move(Params().int4(shards).int4(shard).int8(kMostSchedules)));
        for (std::size_t i = 0; i < rows.size(); i++)
            queued.push_back({rows.uuid(i, 0), rows.uuid(i, 2), rows.timestamp(i, 1)});
    }
    bool more = static_cast<std::int64_t>(queued.size()) == kMostSchedules;
    for (const Queued& one : queued)
        if (!start_queued(spi, one)) more = true;
    return more;
}

}  // namespace flowctl::pg::schedules
