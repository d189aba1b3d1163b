// SQL of schedules that are due. See due_rows.hpp.
#include "pg/schedules/due_rows.hpp"

#include "pg/schedules/schedule_rows.hpp"
#include "pg/server/index_scans.hpp"
#include "pg/store/by_key.hpp"
#include "pg/store/by_leaf.hpp"

namespace flowctl::pg::schedules {

namespace {

// unnest() of several arrays has no schema in front of it: that is syntax of FROM, not a function.
//
// A state whose revision is not that of the definition was changed in between: it is looked at again.
Statement lock_due_sql("SELECT " FLOWCTL_SCHEDULE_COLUMNS R"(, s.armed_at, s.next_due, s.behind
    FROM flowctl_catalog.schedule_state s JOIN flowctl_catalog.schedule d ON d.schedule_id = s.schedule_id
    WHERE s.fire_at <= $1 AND s.bucket % $2 = $3 AND s.revision = d.revision AND s.next_due IS NOT NULL
    ORDER BY s.fire_at LIMIT $4 FOR UPDATE OF s SKIP LOCKED)",
                       {TIMESTAMPTZOID, INT4OID, INT4OID, INT8OID});
Statement earliest_sql(R"(
    SELECT s.fire_at FROM flowctl_catalog.schedule_state s
    WHERE s.fire_at IS NOT NULL AND s.bucket % $1 = $2 ORDER BY s.fire_at LIMIT 1)",
                       {INT4OID, INT4OID});
Statement missing_sql("SELECT " FLOWCTL_SCHEDULE_COLUMNS R"(
    FROM flowctl_catalog.schedule d
    WHERE NOT EXISTS (SELECT FROM flowctl_catalog.schedule_state s WHERE s.schedule_id = d.schedule_id))",
                      {});
Statement save_sql(R"(
    UPDATE flowctl_catalog.schedule_state s
    SET next_due = o.next_due, fire_at = o.fire_at, waits_for = o.waits_for, behind = o.flags & 1 = 1,
        last_due = coalesce(o.last_due, s.last_due), last_run_id = coalesce(o.last_run, s.last_run_id),
        last_fired_at = CASE WHEN o.last_due IS NULL THEN s.last_fired_at ELSE pg_catalog.now() END,
        fired = s.fired + o.fired, missed = s.missed + o.missed, skipped = s.skipped + o.skipped,
        last_error = CASE WHEN o.flags & 2 = 2 THEN s.last_error ELSE o.error END
    FROM (SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::text[], $5::timestamptz[],
                               $6::text[], $7::int8[], $8::int8[], $9::int8[], $10::int4[], $11::text[])) r
         (id, next_due, fire_at, waits_for_text, last_due, last_run_text, fired, missed, skipped, flags, error),
         LATERAL (SELECT r.id, r.next_due, r.fire_at, r.waits_for_text::uuid AS waits_for, r.last_due,
                         r.last_run_text::uuid AS last_run, r.fired, r.missed, r.skipped, r.flags, r.error) o
    WHERE s.schedule_id = o.id)",
                   {UUIDARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID,
                    TEXTARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT4ARRAYOID, TEXTARRAYOID});
Statement postpone_sql(R"(
    UPDATE flowctl_catalog.schedule_state SET fire_at = $2, last_error = $3
    WHERE schedule_id IN (SELECT s.schedule_id FROM flowctl_catalog.schedule_state s WHERE s.schedule_id = $1
                          FOR UPDATE SKIP LOCKED))",
                       {UUIDOID, TIMESTAMPTZOID, TEXTOID});
Statement pause_failed_sql(R"(
    UPDATE flowctl_catalog.schedule SET paused_at = now(), paused_by = NULL, pause_reason = $2
    WHERE schedule_id IN (SELECT d.schedule_id FROM flowctl_catalog.schedule d
                          WHERE d.schedule_id = $1 AND d.paused_at IS NULL FOR UPDATE SKIP LOCKED))",
                           {UUIDOID, TEXTOID});
Statement runs_of_sql("SELECT run_id, schedule_id FROM flowctl_catalog.schedule_run WHERE schedule_id = ANY ($1)",
                      {UUIDARRAYOID});
Statement note_runs_sql(R"(
    INSERT INTO flowctl_catalog.schedule_run (run_id, schedule_id)
    SELECT * FROM unnest($1::uuid[], $2::uuid[]) ON CONFLICT DO NOTHING)",
                        {UUIDARRAYOID, UUIDARRAYOID});
Statement mark_replaced_sql("UPDATE flowctl_catalog.schedule_run SET replaced = true WHERE run_id = ANY ($1)",
                            {UUIDARRAYOID});
Statement followed_sql("SELECT run_id, schedule_id, replaced FROM flowctl_catalog.schedule_run WHERE run_id = ANY ($1)",
                       {UUIDARRAYOID});
Statement all_followed_sql(R"(
    SELECT run_id, schedule_id, replaced FROM flowctl_catalog.schedule_run
    WHERE pg_catalog.get_byte(pg_catalog.uuid_send(run_id), 15) % 64 % $1 = $2)",
                           {INT4OID, INT4OID});
Statement lock_state_sql(
    "SELECT FROM flowctl_catalog.schedule_state WHERE schedule_id = $1 FOR UPDATE SKIP LOCKED", {UUIDOID});
Statement has_state_sql("SELECT FROM flowctl_catalog.schedule_state WHERE schedule_id = $1", {UUIDOID});
Statement end_wait_sql(R"(
    UPDATE flowctl_catalog.schedule_state SET waits_for = NULL, behind = true, fire_at = coalesce(next_due, $3)
    WHERE schedule_id = $1 AND waits_for = $2)",
                       {UUIDOID, UUIDOID, TIMESTAMPTZOID});
Statement stop_firing_sql("UPDATE flowctl_catalog.schedule_state SET fire_at = NULL, waits_for = NULL WHERE schedule_id = $1",
                          {UUIDOID});
Statement forget_run_sql("DELETE FROM flowctl_catalog.schedule_run WHERE run_id = $1", {UUIDOID});
Statement dropping_sql("SELECT name FROM flowctl_catalog.pause WHERE kind = 'flow' AND schedules = 'drop'", {});

// What has become of these runs. A run that is not kept has ended.
std::vector<FollowedRun> with_status(const Rows& rows) {
    std::vector<FollowedRun> found(rows.size());
    std::vector<Uuid> ids;
    std::map<Uuid, FollowedRun*> by_run;
    for (std::size_t i = 0; i < rows.size(); i++) {
        found[i].run = rows.uuid(i, 0);
        found[i].schedule = rows.uuid(i, 1);
        found[i].replaced = rows.boolean(i, 2);
        ids.push_back(found[i].run);
        by_run[found[i].run] = &found[i];
    }
    for (const store::LeafGroup& group : store::by_leaf("run", ids)) {
        const Rows runs = store::find_by_key(group.leaf, {"run_id", "status", "flow_owner"}, store::pick(ids, group));
        for (std::size_t i = 0; i < runs.size(); i++) {
            FollowedRun& one = *by_run.at(runs.uuid(i, 0));
            const std::string status = runs.text(i, 1);
            one.is_open = status == "RUNNING";
            one.has_failed = status == "FAILED" || status == "TIMED_OUT";
            one.owner = runs.oid(i, 2);
        }
    }
    return found;
}

}  // namespace

std::vector<DueSchedule> lock_due(Spi& spi, int shard, int shards, std::int64_t now, std::size_t most) {
    const IndexScans index_scans;
    Params params;
    params.timestamp(now).int4(shards).int4(shard).int8(static_cast<std::int64_t>(most));
    const Rows rows = spi.run(lock_due_sql, std::move(params));
    std::vector<DueSchedule> due(rows.size());
    for (std::size_t i = 0; i < rows.size(); i++) {
        due[i].definition = read_definition(rows, i);
        due[i].armed_at = rows.timestamp(i, kScheduleColumns);
        due[i].next_due = rows.timestamp(i, kScheduleColumns + 1) / 1'000'000;
        due[i].behind = rows.boolean(i, kScheduleColumns + 2);
    }
    return due;
}

std::optional<std::int64_t> earliest(Spi& spi, int shard, int shards) {
    const IndexScans index_scans;
    const Rows rows = spi.run(earliest_sql, std::move(Params().int4(shards).int4(shard)));
    if (rows.size() == 0) return std::nullopt;
    return rows.timestamp(0, 0);
}

void arm_missing(Spi& spi, std::int64_t now) {
    const Rows rows = spi.run(missing_sql);
    for (std::size_t i = 0; i < rows.size(); i++)
        arm(spi, read_definition(rows, i), now, now);
}

void save_outcomes(Spi& spi, const std::vector<Outcome>& outcomes) {
    if (outcomes.empty()) return;
    constexpr std::int64_t kMicros = 1'000'000;
    std::vector<Uuid> ids;
    std::vector<std::optional<std::int64_t>> next_due, fire_at, last_due;
    std::vector<std::string> uuids;  // to which the texts point
    uuids.reserve(2 * outcomes.size());
    std::vector<std::optional<std::string_view>> waits_for, last_run, errors;
    std::vector<std::int64_t> fired, missed, skipped;
    std::vector<std::int32_t> flags;
    const auto text_of = [&](const std::optional<Uuid>& id) -> std::optional<std::string_view> {
        if (!id) return std::nullopt;
        return uuids.emplace_back(to_string(*id));
    };
    const auto micros = [](const std::optional<schedule::Instant>& time) -> std::optional<std::int64_t> {
        if (!time) return std::nullopt;
        return *time * kMicros;
    };
    for (const Outcome& one : outcomes) {
        ids.push_back(one.id);
        next_due.push_back(micros(one.next_due));
        fire_at.push_back(one.fire_at);
        waits_for.push_back(text_of(one.waits_for));
        last_due.push_back(micros(one.last_due));
        last_run.push_back(text_of(one.last_run));
        fired.push_back(one.fired);
        missed.push_back(one.missed);
        skipped.push_back(one.skipped);
        flags.push_back((one.behind ? 1 : 0) | (one.keeps_error ? 2 : 0));
        errors.push_back(one.error ? std::optional<std::string_view>(*one.error) : std::nullopt);
    }
    Params params;
    params.uuids(ids).timestamps(next_due).timestamps(fire_at).texts(waits_for).timestamps(last_due).texts(last_run);
    params.int8s(fired).int8s(missed).int8s(skipped).int4s(flags).texts(errors);
    const IndexScans index_scans;
    spi.run(save_sql, std::move(params));
}

void postpone(Spi& spi, const Uuid& id, std::int64_t until, const std::string& error) {
    spi.run(postpone_sql, std::move(Params().uuid(id).timestamp(until).text(error)));
}

void pause_failed(Spi& spi, const Uuid& id, const std::string& reason) {
    spi.run(pause_failed_sql, std::move(Params().uuid(id).text(reason)));
}

std::map<Uuid, std::vector<Uuid>> find_open_runs(Spi& spi, const std::vector<Uuid>& schedules) {
    std::map<Uuid, std::vector<Uuid>> open;
    if (schedules.empty() || !store::has_rows("schedule_run")) return open;
    const IndexScans index_scans;
    const Rows rows = spi.run(runs_of_sql, std::move(Params().uuids(schedules)));
    std::vector<Uuid> ids;
    std::map<Uuid, Uuid> schedule_of;
    for (std::size_t i = 0; i < rows.size(); i++) {
        ids.push_back(rows.uuid(i, 0));
        schedule_of[rows.uuid(i, 0)] = rows.uuid(i, 1);
    }
    for (const store::LeafGroup& group : store::by_leaf("run", ids)) {
        const Rows runs = store::find_by_key(group.leaf, {"run_id", "status"}, store::pick(ids, group));
        for (std::size_t i = 0; i < runs.size(); i++)
            if (runs.text(i, 1) == "RUNNING") open[schedule_of.at(runs.uuid(i, 0))].push_back(runs.uuid(i, 0));
    }
    return open;
}

void note_runs(Spi& spi, const std::vector<Uuid>& runs, const std::vector<Uuid>& schedules) {
    if (runs.empty()) return;
    spi.run(note_runs_sql, std::move(Params().uuids(runs).uuids(schedules)));
}

void mark_replaced(Spi& spi, const std::vector<Uuid>& runs) {
    if (runs.empty()) return;
    const IndexScans index_scans;
    spi.run(mark_replaced_sql, std::move(Params().uuids(runs)));
}

std::vector<FollowedRun> find_followed(Spi& spi, const std::vector<Uuid>& runs) {
    if (runs.empty()) return {};
    const IndexScans index_scans;
    return with_status(spi.run(followed_sql, std::move(Params().uuids(runs))));
}

std::vector<FollowedRun> find_all_to_tell(Spi& spi, int shard, int shards) {
    if (!store::has_rows("schedule_run")) return {};
    std::vector<FollowedRun> found = with_status(spi.run(all_followed_sql, std::move(Params().int4(shards).int4(shard))));
    std::erase_if(found, [](const FollowedRun& run) { return run.is_open && !run.replaced; });
    return found;
}

bool tell_end(Spi& spi, const FollowedRun& run, std::int64_t now) {
    if (spi.run(lock_state_sql, std::move(Params().uuid(run.schedule))).size() == 0 &&
        spi.run(has_state_sql, std::move(Params().uuid(run.schedule))).size() > 0)
        return false;
    const auto definition = find_definition(spi, run.schedule);
    if (definition && definition->pause_on_failure && run.has_failed && !definition->paused) {
        pause_failed(spi, run.schedule, "run " + to_string(run.run) + " has failed");
        spi.run(stop_firing_sql, std::move(Params().uuid(run.schedule)));
    } else {
        spi.run(end_wait_sql, std::move(Params().uuid(run.schedule).uuid(run.run).timestamp(now)));
    }
    spi.run(forget_run_sql, std::move(Params().uuid(run.run)));
    return true;
}

std::set<std::string> find_dropping_flows(Spi& spi) {
    std::set<std::string> flows;
    if (!store::has_rows("pause")) return flows;
    const Rows rows = spi.run(dropping_sql);
    for (std::size_t i = 0; i < rows.size(); i++)
        flows.insert(rows.text(i, 0));
    return flows;
}

std::set<Uuid> find_existing(const std::vector<Uuid>& runs) {
    std::set<Uuid> found;
    for (const store::LeafGroup& group : store::by_leaf("run", runs)) {
        const Rows rows = store::find_by_key(group.leaf, {"run_id"}, store::pick(runs, group));
        for (std::size_t i = 0; i < rows.size(); i++)
            found.insert(rows.uuid(i, 0));
    }
    return found;
}

}  // namespace flowctl::pg::schedules
