// Open runs by the index on start_xid. See sweep.hpp.
//
// What runs inside guarded() has no destructors; it allocates in the transaction's memory.
#include "pg/store/sweep.hpp"

#include <algorithm>
#include <set>

#include "core/machine/status.hpp"
#include "pg/server/catalog.hpp"
#include "pg/store/by_key.hpp"

extern "C" {
#include "access/genam.h"
#include "catalog/partition.h"
#include "partitioning/partdesc.h"
#include "utils/xid8.h"
}

namespace flowctl::pg::store {

namespace {

struct Found {
    FreshRun* runs;
    std::size_t count;
    std::size_t capacity;

    void add(const pg_uuid_t* id, Oid owner) {
        if (count == capacity) {
            capacity = capacity == 0 ? 1024 : capacity * 2;
            const std::size_t bytes = capacity * sizeof(FreshRun);
            runs = static_cast<FreshRun*>(runs == nullptr ? palloc(bytes) : repalloc_huge(runs, bytes));
        }
        runs[count++] = {from_pg(id), owner};
    }
};

// The leaf's part of the index flowctl_catalog.run_open.
Relation open_index(Relation leaf) {
    const Oid whole = get_relname_relid("run_open", get_namespace_oid("flowctl_catalog", false));
    const Oid part = OidIsValid(whole) ? index_get_partition(leaf, whole) : InvalidOid;
    if (!OidIsValid(part))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("table flowctl_catalog.%s has no part of index flowctl_catalog.run_open",
                               RelationGetRelationName(leaf)),
                        errhint("Create the index again, as the extension's script defines it.")));
    return index_open(part, AccessShareLock);
}

// A leaf and its index, with one scan that is set to one range of transactions after the other.
class OpenRuns {
  public:
    OpenRuns(Oid oid, Snapshot snapshot) {
        leaf_ = table_open(oid, AccessShareLock);
        index_ = open_index(leaf_);
        TupleDesc shape = RelationGetDescr(leaf_);
        run_id_ = column_number(shape, "run_id", 0);
        status_ = column_number(shape, "status", run_id_);
        map_run_id_ = column_number(shape, "map_run_id", status_);
        flow_owner_ = column_number(shape, "flow_owner", 0);
        scan_ = begin_index_scan(leaf_, index_, snapshot, 1);
        slot_ = table_slot_create(leaf_, nullptr);
    }

    void find(StrategyNumber strategy, RegProcedure comparison, std::uint64_t xid, Found& found) {
        ScanKeyData key;
        ScanKeyInit(&key, 1, strategy, comparison, FullTransactionIdGetDatum(FullTransactionIdFromU64(xid)));
        index_rescan(scan_, &key, 1, nullptr, 0);
        while (index_getnext_slot(scan_, ForwardScanDirection, slot_)) {
            CHECK_FOR_INTERRUPTS();
            bool none = false, is_child_null = false;
            const Datum status = slot_getattr(slot_, status_, &none);
            (void)slot_getattr(slot_, map_run_id_, &is_child_null);
            if (none || !is_child_null || !is_running(status)) continue;
            const Datum owner = slot_getattr(slot_, flow_owner_, &none);
            const Oid flow_owner = none ? InvalidOid : DatumGetObjectId(owner);
            const Datum id = slot_getattr(slot_, run_id_, &none);
            if (!none) found.add(DatumGetUUIDP(id), flow_owner);
        }
    }

    // The locks stay to the end of the transaction.
    void close() {
        index_endscan(scan_);
        ExecDropSingleTupleTableSlot(slot_);
        index_close(index_, NoLock);
        table_close(leaf_, NoLock);
    }

  private:
    static bool is_running(Datum status) {
        static constexpr std::string_view kRunning = machine::name_of(machine::Status::Running);
        text* value = DatumGetTextPP(status);
        return std::string_view(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)) == kRunning;
    }
    Relation leaf_, index_;
    AttrNumber run_id_, status_, map_run_id_, flow_owner_;
    IndexScanDesc scan_;
    TupleTableSlot* slot_;
};

Found find_since(std::uint64_t next, const std::uint64_t* in_progress, std::size_t count) {
    Found found = {nullptr, 0, 0};
    Relation root = table_open(table_oid("run"), AccessShareLock);
    PartitionDesc leaves = RelationGetPartitionDesc(root, true);
    PushActiveSnapshot(GetTransactionSnapshot());
    for (int i = 0; i < leaves->nparts; i++) {
        OpenRuns runs(leaves->oids[i], GetActiveSnapshot());
        runs.find(BTGreaterEqualStrategyNumber, F_XID8GE, next, found);
        for (std::size_t one = 0; one < count; one++)
            runs.find(BTEqualStrategyNumber, F_XID8EQ, in_progress[one], found);
        runs.close();
    }
    PopActiveSnapshot();
    table_close(root, NoLock);
    return found;
}

Statement position_sql(R"(
    SELECT true, pg_catalog.pg_snapshot_xmax(s)::text::bigint FROM pg_catalog.pg_current_snapshot() AS s
    UNION ALL
    SELECT false, pg_catalog.pg_snapshot_xip(s)::text::bigint FROM pg_catalog.pg_current_snapshot() AS s)",
                       {});
Statement find_unbegun_sql(R"(
    SELECT r.run_id, r.flow_owner::oid FROM flowctl_catalog.run r
    WHERE r.status = 'RUNNING' AND r.map_run_id IS NULL AND NOT EXISTS (SELECT FROM flowctl_catalog.frame f WHERE f.run_id = r.run_id)
    ORDER BY r.run_id)",
                           {});
Statement find_interrupted_sql(
    "SELECT run_id FROM flowctl_catalog.frame WHERE phase = 'RUNNING' ORDER BY run_id", {});

// The worker's statements look rows up by key, and the planner is told so (pinned_settings). Statements that
// a worker begins with look at all open runs: with a million of them parked, key by key takes seconds.
class WholeTables {
  public:
    WholeTables() : level_(guarded([] { return NewGUCNestLevel(); })) {
        guarded([] {
            for (const char* name : {"enable_seqscan", "enable_hashjoin", "enable_mergejoin"})
                (void)set_config_option(name, "on", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                                        false);
        });
    }
    ~WholeTables() { AtEOXact_GUC(true, level_); }
    WholeTables(const WholeTables&) = delete;
    WholeTables& operator=(const WholeTables&) = delete;

  private:
    int level_;
};

std::vector<Uuid> first_column(const Rows& rows) {
    std::vector<Uuid> ids;
    ids.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); i++)
        ids.push_back(rows.uuid(i, 0));
    return ids;
}

}  // namespace

SweepPosition current_position(Spi& spi) {
    const Rows rows = spi.run(position_sql);
    SweepPosition position;
    for (std::size_t i = 0; i < rows.size(); i++)
        if (rows.boolean(i, 0))
            position.next = static_cast<std::uint64_t>(rows.int8(i, 1));
        else
            position.in_progress.push_back(static_cast<std::uint64_t>(rows.int8(i, 1)));
    return position;
}

std::vector<FreshRun> find_unbegun(Spi& spi) {
    const WholeTables plans;
    const Rows rows = spi.run(find_unbegun_sql);
    std::vector<FreshRun> runs;
    runs.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); i++)
        runs.push_back({rows.uuid(i, 0), rows.oid(i, 1)});
    return runs;
}

std::vector<FreshRun> find_open_since(const SweepPosition& position) {
    const Found found = guarded(
        [&] { return find_since(position.next, position.in_progress.data(), position.in_progress.size()); });
    return {found.runs, found.runs + found.count};
}

std::vector<FreshRun> without_frame(const std::vector<FreshRun>& runs) {
    if (runs.empty()) return {};
    std::vector<Uuid> ids;
    ids.reserve(runs.size());
    for (const FreshRun& run : runs)
        ids.push_back(run.id);
    const std::vector<Uuid> framed = first_column(find_by_key(table_named("frame"), {"run_id"}, ids));
    const std::set<Uuid> begun(framed.begin(), framed.end());
    std::vector<FreshRun> unbegun;
    std::copy_if(runs.begin(), runs.end(), std::back_inserter(unbegun),
                 [&](const FreshRun& run) { return !begun.contains(run.id); });
    return unbegun;
}

std::vector<Uuid> find_interrupted(Spi& spi) {
    const WholeTables plans;
    return first_column(spi.run(find_interrupted_sql));
}

}  // namespace flowctl::pg::store
