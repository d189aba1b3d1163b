// SQL of the store of holds. See holds.hpp.
#include "pg/store/holds.hpp"

#include "pg/server/catalog.hpp"

extern "C" {
#include "common/hashfn.h"
#include "storage/lmgr.h"
}

namespace flowctl::pg::store {

namespace {

Statement find_hold_sql(R"(
    SELECT flow_id IS NOT NULL, by_superuser, reason FROM flowctl_catalog.hold
    WHERE released_at IS NULL AND run_id = ANY ($1)
    UNION ALL
    SELECT flow_id IS NOT NULL, by_superuser, reason FROM flowctl_catalog.hold
    WHERE released_at IS NULL AND flow_id = ANY ($2)
    LIMIT 1)",
                        {UUIDARRAYOID, UUIDARRAYOID});
Statement insert_hold_sql(R"(
    INSERT INTO flowctl_catalog.hold (run_id, flow_id, reason, held_by, by_superuser)
    VALUES ($1, $2, $3, pg_catalog.pg_get_userbyid($4), $5) ON CONFLICT DO NOTHING)",
                          {UUIDOID, UUIDOID, TEXTOID, OIDOID, BOOLOID});
Statement release_run_sql(R"(
    UPDATE flowctl_catalog.hold
    SET released_at = pg_catalog.now(), released_by = pg_catalog.pg_get_userbyid($2), release_reason = $3
    WHERE released_at IS NULL AND run_id = $1)",
                          {UUIDOID, OIDOID, TEXTOID});
Statement release_flow_sql(R"(
    UPDATE flowctl_catalog.hold
    SET released_at = pg_catalog.now(), released_by = pg_catalog.pg_get_userbyid($2), release_reason = $3
    WHERE released_at IS NULL AND flow_id = $1)",
                           {UUIDOID, OIDOID, TEXTOID});
Statement any_sql(R"(
    SELECT EXISTS (SELECT FROM flowctl_catalog.hold WHERE released_at IS NULL AND run_id IS NOT NULL),
           EXISTS (SELECT FROM flowctl_catalog.hold WHERE released_at IS NULL AND flow_id IS NOT NULL))",
                  {});

}  // namespace

std::optional<Hold> find_hold(Spi& spi, const std::vector<Uuid>& runs, const std::vector<Uuid>& flows) {
    const Rows rows = spi.run_latest(find_hold_sql, std::move(Params().uuids(runs).uuids(flows)));
    if (rows.size() == 0) return std::nullopt;
    return Hold{rows.boolean(0, 0), rows.boolean(0, 1), rows.text(0, 2)};
}

std::optional<Hold> find_hold_of_run(Spi& spi, const Uuid& run_id) {
    return find_hold(spi, {run_id}, {});
}

std::optional<Hold> find_hold_of_flow(Spi& spi, const Uuid& flow_id) {
    return find_hold(spi, {}, {flow_id});
}

namespace {

// Two flows may share a lock. They then wait for each other without need, and nothing else happens.
void lock_flow(const Uuid& flow_id, LOCKMODE mode) {
    const unsigned char* const bytes = flow_id.data();
    const auto length = static_cast<int>(flow_id.size());
    guarded([=] { LockDatabaseObject(table_oid("hold"), hash_bytes(bytes, length), 0, mode); });
}

}  // namespace

void bar_holds_of(const Uuid& flow_id) {
    lock_flow(flow_id, ShareLock);
}

bool insert_hold(Spi& spi, const NewHold& hold, const Uuid& flow_id) {
    lock_flow(flow_id, RowExclusiveLock);
    Params params;
    hold.run_id ? params.uuid(*hold.run_id) : params.null();
    hold.flow_id ? params.uuid(*hold.flow_id) : params.null();
    params.text(hold.reason).oid(hold.held_by).boolean(hold.by_superuser);
    return spi.run(insert_hold_sql, std::move(params)).processed() == 1;
}

bool release_run(Spi& spi, const Uuid& run_id, Oid released_by, const std::optional<std::string>& reason) {
    return spi.run(release_run_sql, std::move(Params().uuid(run_id).oid(released_by).text(reason))).processed() == 1;
}

bool release_flow(Spi& spi, const Uuid& flow_id, Oid released_by, const std::optional<std::string>& reason) {
    return spi.run(release_flow_sql, std::move(Params().uuid(flow_id).oid(released_by).text(reason))).processed() ==
           1;
}

void bar_new_holds(Spi& spi) {
    spi.command("LOCK TABLE flowctl_catalog.hold IN SHARE MODE");
}

std::string union_of_held_runs(Spi& spi, const std::string& run_table) {
    const Rows any = spi.run(any_sql);
    std::string sql;
    // What a held run has started is later than the run, and may be in another leaf.
    if (any.boolean(0, 0))
        sql += " UNION (WITH RECURSIVE family (run_id) AS ("
               "SELECT h.run_id FROM flowctl_catalog.hold h WHERE h.released_at IS NULL AND h.run_id IS NOT NULL"
               " UNION SELECT c.run_id FROM family f CROSS JOIN LATERAL ("
               "SELECT c.run_id FROM flowctl_catalog.map_run m"
               " JOIN flowctl_catalog.run c ON c.map_run_id = m.map_run_id WHERE m.run_id = f.run_id"
               " UNION ALL SELECT c.run_id FROM flowctl_catalog.run c WHERE c.parent_run_id = f.run_id"
               " AND c.parent_run_id IS NOT NULL AND c.map_run_id IS NULL) c)"
               " SELECT r.run_id FROM family f JOIN " +
               run_table + " r ON r.run_id = f.run_id)";
    if (any.boolean(0, 1))
        sql += " UNION SELECT run_id FROM " + run_table +
               " WHERE flow_id IN (SELECT h.flow_id FROM flowctl_catalog.hold h"
               " WHERE h.released_at IS NULL AND h.flow_id IS NOT NULL)";
    return sql;
}

}  // namespace flowctl::pg::store
