// SQL and rows of what a redrive needs. See reopening.hpp.
#include "pg/store/reopening.hpp"

#include "core/machine/status.hpp"
#include "pg/store/append.hpp"
#include "pg/store/by_key.hpp"
#include "pg/store/by_leaf.hpp"

namespace flowctl::pg::store {

void keep_ended_frames(const std::vector<EndedFrame>& frames) {
    if (frames.empty()) return;
    Append added("ended_frame", {"run_id", "ended_at", "events", "frame"}, frames.size());
    for (const EndedFrame& row : frames)
        added.uuid(row.run_id)
            .timestamp(row.ended_at)
            .int4(static_cast<std::int32_t>(row.events))
            .text(row.frame);
    added.write();
}

static LeafStatement reopen_run_sql(R"(
    UPDATE {leaf} SET status = 'RUNNING', ended_at = NULL, error = NULL, cause = NULL, output = NULL, output_ref = NULL,
                      stopped_by = NULL, redrive_count = $2, redriven_at = $3
    WHERE run_id = $1)",
                                    {UUIDOID, INT4OID, TIMESTAMPTZOID});
static Statement delete_ended_frames_sql("DELETE FROM flowctl_catalog.ended_frame WHERE run_id = ANY ($1)",
                                         {UUIDARRAYOID});

static std::vector<Uuid> ids_of(const std::vector<Reopened>& runs) {
    std::vector<Uuid> ids;
    ids.reserve(runs.size());
    for (const Reopened& run : runs)
        ids.push_back(run.run_id);
    return ids;
}

void reopen_to_wait(Spi& spi, const std::vector<Reopened>& runs) {
    if (runs.empty()) return;
    const std::vector<Uuid> ids = ids_of(runs);
    for (const LeafGroup& group : by_leaf("run", ids)) {
        RowFields rows;
        for (const std::size_t i : group.members) {
            rows.uuid(runs[i].run_id).text(machine::name_of(machine::Status::Running));
            rows.null().null().null().null().null().null();
            rows.int4(runs[i].redrive_count).timestamp(runs[i].redriven_at);
        }
        for (const std::size_t left :
             update_by_key(group.leaf,
                           {"run_id", "status", "ended_at", "error", "cause", "output", "output_ref",
                            "stopped_by", "redrive_count", "redriven_at"},
                           rows)) {
            const Reopened& run = runs[group.members[left]];
            reopen_run_sql.run(
                spi, group.leaf,
                std::move(
                    Params().uuid(run.run_id).int4(run.redrive_count).timestamp(run.redriven_at)));
        }
    }
}

void reopen_runs(Spi& spi, const std::vector<Reopened>& runs) {
    if (runs.empty()) return;
    reopen_to_wait(spi, runs);
    const std::vector<Uuid> ids = ids_of(runs);
    const std::vector<Uuid> left = delete_by_key(table_named("ended_frame"), ids);
    if (!left.empty()) spi.run(delete_ended_frames_sql, std::move(Params().uuids(left)));
}

static LeafStatement lock_runs_sql(
    "SELECT run_id FROM {leaf} WHERE run_id = ANY ($1) FOR NO KEY UPDATE SKIP LOCKED", {UUIDARRAYOID});

std::vector<Uuid> lock_runs(Spi& spi, const std::vector<Uuid>& ids) {
    std::vector<Uuid> locked;
    for (const LeafGroup& group : by_leaf("run", ids)) {
        const Rows rows = lock_runs_sql.run(spi, group.leaf, std::move(Params().uuids(pick(ids, group))));
        for (std::size_t i = 0; i < rows.size(); i++)
            locked.push_back(rows.uuid(i, 0));
    }
    return locked;
}

static Statement hold_flow_sql(
    "SELECT FROM flowctl_catalog.flow WHERE flow_id = $1 FOR KEY SHARE SKIP LOCKED", {UUIDOID});
static Statement see_flow_sql("SELECT FROM flowctl_catalog.flow WHERE flow_id = $1", {UUIDOID});

FlowPresence hold_flow(Spi& spi, const Uuid& flow_id) {
    if (spi.run(hold_flow_sql, std::move(Params().uuid(flow_id))).processed() > 0)
        return FlowPresence::Present;
    return spi.run(see_flow_sql, std::move(Params().uuid(flow_id))).processed() > 0 ? FlowPresence::Busy
                                                                                    : FlowPresence::Gone;
}

std::optional<std::string> find_ended_frame(const Uuid& run_id) {
    const Rows rows = find_by_key(table_named("ended_frame"), {"frame"}, {run_id});
    if (rows.size() == 0) return std::nullopt;
    return rows.text(0, 0);
}

static Statement forget_plans_sql(R"(
    UPDATE flowctl_catalog.map_run SET plan = NULL WHERE map_run_id IN (
        SELECT m.map_run_id FROM flowctl_catalog.map_run m
        WHERE m.phase IS NULL AND m.plan IS NOT NULL AND m.ended_at < $1 ORDER BY m.ended_at LIMIT 2000))",
                                  {TIMESTAMPTZOID});
// A run that is open has been redriven, and has not come to its frame yet.
static Statement forget_ended_frames_sql(R"(
    DELETE FROM flowctl_catalog.ended_frame WHERE run_id IN (
        SELECT e.run_id FROM flowctl_catalog.ended_frame e
        WHERE e.ended_at < $1
              AND NOT EXISTS (SELECT FROM flowctl_catalog.run r WHERE r.run_id = e.run_id AND r.status = 'RUNNING')
        ORDER BY e.ended_at LIMIT 2000))",
                                         {TIMESTAMPTZOID});

std::int64_t forget_ended_frames(Spi& spi, std::int64_t before) {
    std::uint64_t gone = spi.run(forget_plans_sql, std::move(Params().timestamp(before))).processed();
    gone += spi.run(forget_ended_frames_sql, std::move(Params().timestamp(before))).processed();
    return static_cast<std::int64_t>(gone);
}

}  // namespace flowctl::pg::store
