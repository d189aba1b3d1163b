// SQL of the store of leaves. See leaves.hpp.
#include "pg/store/leaves.hpp"

#include <array>
#include <ctime>

#include "pg/store/holds.hpp"
#include "pg/store/run_id.hpp"

extern "C" {
#include "access/heaptoast.h"
#include "access/tableam.h"
#include "access/tupconvert.h"
#include "commands/extension.h"
#include "storage/lmgr.h"
#include "utils/tuplestore.h"
}

namespace flowctl::pg::store {

namespace {

// Locked in this order everywhere.
constexpr std::array<const char*, 6> kTables = {"run",          "history_event",    "call",
                                                "call_outcome", "token_revocation", "run_attribute"};
constexpr std::size_t kMostKept = 10'000;  // runs whose rows are set aside under the lock
constexpr const char* kLockTimeout = "100ms";

std::string table_of(const char* table, const Leaf& leaf) {
    return std::string("flowctl_catalog.") + table + "_" + leaf.suffix;
}

bool is_default(const Leaf& leaf) {
    return leaf.suffix == "default";
}

std::string first_id(std::int64_t unix_micros) {
    return "'" + to_string(first_run_id(unix_micros)) + "'";
}

std::string utc_text(std::int64_t unix_micros, const char* format) {
    const auto seconds = static_cast<std::time_t>(unix_micros / 1'000'000);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[64];
    return std::string(text, std::strftime(text, sizeof text, format, &parts));
}

// As long as the caller acts as the extension's owner.
void lock_shortly() {
    guarded([] {
        (void)set_config_option("lock_timeout", kLockTimeout, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                                true, 0, false);
    });
}

Oid oid_of(const std::string& qualified) {
    const char* const name = qualified.c_str() + std::string_view("flowctl_catalog.").size();
    return guarded([&] { return get_relname_relid(name, get_namespace_oid("flowctl_catalog", false)); });
}

}  // namespace

static Statement find_leaves_sql(R"(
    SELECT starts_at, ends_at, suffix, emptied_at IS NOT NULL, coalesce(kept, 0), problem IS NOT NULL
    FROM flowctl_catalog.leaf ORDER BY starts_at)",
                                 {});

std::vector<Leaf> find_leaves(Spi& spi) {
    Rows rows = spi.run(find_leaves_sql);
    std::vector<Leaf> leaves;
    leaves.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); i++)
        leaves.push_back({rows.timestamp(i, 0), rows.timestamp(i, 1), rows.text(i, 2), rows.boolean(i, 3),
                          rows.int8(i, 4), rows.boolean(i, 5)});
    return leaves;
}

const Leaf& default_leaf() {
    static const Leaf leaf{0, 0, "default", true, 0, false};
    return leaf;
}

static Statement last_in_default_sql(
    "SELECT run_id FROM flowctl_catalog.run_default WHERE run_id >= $1 AND run_id < $2 ORDER BY run_id DESC "
    "LIMIT 1",
    {UUIDOID, UUIDOID});

std::optional<std::int64_t> last_in_default(Spi& spi, std::int64_t starts_at, std::int64_t ends_at) {
    const Rows rows = spi.run(last_in_default_sql,
                              std::move(Params().uuid(first_run_id(starts_at)).uuid(first_run_id(ends_at))));
    if (rows.size() == 0) return std::nullopt;
    return time_of_run_id(rows.uuid(0, 0));
}

// ALTER DEFAULT PRIVILEGES may have granted rights on the new table.
static void close_to_others(Spi& spi, const std::string& name) {
    Rows grantees = spi.command(
        "SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::pg_catalog.regrole::text END"
        " FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a"
        " WHERE c.oid = '" + name + "'::pg_catalog.regclass AND a.grantee <> c.relowner");
    for (std::size_t i = 0; i < grantees.size(); i++)
        spi.command("REVOKE ALL ON " + name + " FROM " + grantees.text(i, 0));
}

// LIKE does not take over that ANALYZE leaves a column out.
static void take_over_statistics(Spi& spi, const char* table, const std::string& name) {
    const Rows columns = spi.command(
        std::string("SELECT pg_catalog.string_agg(pg_catalog.format('ALTER COLUMN %I SET STATISTICS 0', a.attname), ', ')"
                    " FROM pg_catalog.pg_attribute a WHERE a.attnum > 0 AND a.attstattarget = 0"
                    " AND a.attrelid = 'flowctl_catalog.") +
        table + "'::pg_catalog.regclass");
    if (const auto changes = columns.optional_text(0, 0)) spi.command("ALTER TABLE " + name + " " + *changes);
}

static Statement insert_leaf_sql(
    "INSERT INTO flowctl_catalog.leaf (starts_at, ends_at, suffix) VALUES ($1, $2, $3)",
    {TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID});

std::string make_leaf(Spi& spi, std::int64_t starts_at, std::int64_t ends_at) {
    Leaf leaf;
    leaf.suffix = utc_text(starts_at, "%Y%m%d_%H%M");
    lock_shortly();
    spi.run(insert_leaf_sql, std::move(Params().timestamp(starts_at).timestamp(ends_at).text(leaf.suffix)));
    const std::string span =
        utc_text(starts_at, "%Y-%m-%d %H:%M") + " to " + utc_text(ends_at, "%Y-%m-%d %H:%M") + " UTC";
    for (const char* table : kTables) {
        const std::string name = table_of(table, leaf);
        spi.command("CREATE TABLE " + name + " (LIKE flowctl_catalog." + table + " INCLUDING ALL)");
        spi.command("ALTER TABLE " + name + " ENABLE ROW LEVEL SECURITY");
        close_to_others(spi, name);
        take_over_statistics(spi, table, name);
        spi.command("COMMENT ON TABLE " + name + " IS 'the leaf of runs that start from " + span + "'");
        // In the extension's script they are members by themselves.
        if (!creating_extension) spi.command("ALTER EXTENSION pg_flowctl ADD TABLE " + name);
    }
    // Last, and together: this waits until nobody reads the default leaf.
    for (const char* table : kTables)
        spi.command(std::string("ALTER TABLE flowctl_catalog.") + table + " ATTACH PARTITION " +
                    table_of(table, leaf) + " FOR VALUES FROM (" + first_id(starts_at) + ") TO (" +
                    first_id(ends_at) + ")");
    return leaf.suffix;
}

// ---------------------------------------------------------------------------------------------- dropping

namespace {

// All of them, without waiting, or none.
bool lock_at_once(const std::vector<Oid>& tables) {
    const std::size_t count = tables.size();
    const Oid* const oids = tables.data();
    return guarded([=] {
        for (std::size_t i = 0; i < count; i++) {
            if (ConditionalLockRelationOid(oids[i], AccessExclusiveLock)) continue;
            while (i > 0)
                UnlockRelationOid(oids[--i], AccessExclusiveLock);
            return false;
        }
        return true;
    });
}

}  // namespace

static Statement note_stragglers_sql("UPDATE flowctl_catalog.leaf SET kept = 1 WHERE suffix = $1", {TEXTOID});
static Statement forget_leaf_sql("DELETE FROM flowctl_catalog.leaf WHERE suffix = $1", {TEXTOID});

namespace {

// The leaf and what it is a part of.
bool lock_all_at_once(const Leaf& leaf) {
    std::vector<Oid> tables;
    for (const char* table : kTables)
        tables.push_back(oid_of(std::string("flowctl_catalog.") + table));
    for (const char* table : kTables)
        tables.push_back(oid_of(table_of(table, leaf)));
    return lock_at_once(tables);
}

void drop_tables(Spi& spi, const Leaf& leaf) {
    lock_shortly();
    for (const char* table : kTables) {
        spi.command("ALTER EXTENSION pg_flowctl DROP TABLE " + table_of(table, leaf));
        spi.command("DROP TABLE " + table_of(table, leaf));
    }
    spi.run(forget_leaf_sql, std::move(Params().text(leaf.suffix)));
}

}  // namespace

bool drop_leaf(Spi& spi, const Leaf& leaf) {
    if (!lock_all_at_once(leaf)) return false;
    if (spi.command("SELECT FROM " + table_of("run", leaf) + " LIMIT 1").size() != 0) {
        // A transaction that took long has started runs of that time since; it is to be emptied again.
        spi.run(note_stragglers_sql, std::move(Params().text(leaf.suffix)));
        return false;
    }
    drop_tables(spi, leaf);
    return true;
}

// ---------------------------------------------------------------------------------------------- emptying

namespace {

// Rows set aside: until the end of the SPI connection.
struct Aside {
    Tuplestorestate* rows;
    TupleDesc shape;
};

constexpr long kFetched = 500;

Aside set_aside(const char* sql, Datum ids) {
    Oid types[] = {UUIDARRAYOID};
    Datum values[] = {ids};
    Portal portal = SPI_cursor_open_with_args(nullptr, sql, 1, types, values, nullptr, false, 0);
    Aside aside{tuplestore_begin_heap(false, false, work_mem), CreateTupleDescCopy(portal->tupDesc)};
    for (;;) {
        SPI_cursor_fetch(portal, true, kFetched);
        const std::uint64_t count = SPI_processed;
        for (std::uint64_t i = 0; i < count; i++) {
            // Values that are stored out of line would go with the table.
            HeapTuple whole = toast_flatten_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
            tuplestore_puttuple(aside.rows, whole);
            heap_freetuple(whole);
        }
        SPI_freetuptable(SPI_tuptable);
        if (count == 0) break;
    }
    SPI_cursor_close(portal);
    return aside;
}

void put_back(Oid table, const Aside& aside) {
    Relation relation = table_open(table, RowExclusiveLock);
    TupleConversionMap* map = convert_tuples_by_name(aside.shape, RelationGetDescr(relation));
    EState* state = CreateExecutorState();
    ResultRelInfo* info = makeNode(ResultRelInfo);
    InitResultRelInfo(info, relation, 0, nullptr, 0);
    ExecOpenIndices(info, false);
    TupleTableSlot* from = MakeSingleTupleTableSlot(aside.shape, &TTSOpsMinimalTuple);
    TupleTableSlot* to = table_slot_create(relation, nullptr);
    MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "flowctl row", ALLOCSET_DEFAULT_SIZES);
    const CommandId command = GetCurrentCommandId(true);
    while (tuplestore_gettupleslot(aside.rows, true, false, from)) {
        MemoryContext caller = MemoryContextSwitchTo(row);
        HeapTuple tuple = ExecCopySlotHeapTuple(from);
        if (map != nullptr) tuple = execute_attr_map_tuple(tuple, map);
        ExecForceStoreHeapTuple(tuple, to, false);
        table_tuple_insert(relation, to, command, TABLE_INSERT_SKIP_FSM | TABLE_INSERT_FROZEN, nullptr);
        if (info->ri_NumIndices > 0) list_free(insert_index_entries(info, to, state));
        ResetPerTupleExprContext(state);
        ExecClearTuple(to);
        MemoryContextSwitchTo(caller);
        MemoryContextReset(row);
    }
    ExecDropSingleTupleTableSlot(from);
    ExecDropSingleTupleTableSlot(to);
    ExecCloseIndices(info);
    FreeExecutorState(state);
    MemoryContextDelete(row);
    table_close(relation, NoLock);
    tuplestore_end(aside.rows);
}

// The runs that stay whether or not they are held. The first time they are found by indexes, however many
// others there are: open runs, those with a frame, and children that their map run has yet to look at. Later
// all are looked at.
std::string still_needed(const Leaf& leaf, std::int64_t since) {
    const std::string run = table_of("run", leaf);
    const std::string map_runs =
        "(SELECT m.map_run_id FROM flowctl_catalog.map_run m WHERE m.phase IS NOT NULL)";
    if (!leaf.emptied)
        return "SELECT run_id FROM " + run +
               " WHERE status = 'RUNNING' AND map_run_id IS NULL"
               " UNION SELECT run_id FROM " +
               run + " WHERE map_run_id IN " + map_runs +
               " UNION SELECT r.run_id FROM flowctl_catalog.frame f JOIN " + run +
               " r ON r.run_id = f.run_id WHERE f.run_id >= " + first_id(leaf.starts_at) +
               " AND f.run_id < " + first_id(leaf.ends_at);
    const std::string moment =
        "pg_catalog.to_timestamp(" + std::to_string(static_cast<double>(since) / 1e6) + ")";
    return "SELECT run_id FROM " + run + " WHERE status = 'RUNNING' OR map_run_id IN " + map_runs +
           " OR ended_at >= " + moment + " OR run_id >= " + first_id(since);
}

std::string staying(Spi& spi, const Leaf& leaf, std::int64_t since) {
    return still_needed(leaf, since) + union_of_held_runs(spi, table_of("run", leaf));
}

std::vector<Uuid> find_staying(Spi& spi, const std::string& sql) {
    Rows rows = spi.command(sql);
    std::vector<Uuid> ids;
    ids.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); i++)
        ids.push_back(rows.uuid(i, 0));
    return ids;
}

// Whether emptying is worth its while: whether there is anything, and of a leaf in which runs are to stay
// for their own time, as much to go as to stay.
bool is_worth(Spi& spi, const Leaf& leaf, std::int64_t since, std::size_t stay) {
    const std::string run = table_of("run", leaf);
    if (!leaf.emptied) return true;
    if (is_default(leaf) && spi.command("SELECT FROM (SELECT run_id FROM " + run +
                                        " ORDER BY run_id LIMIT 1) f WHERE f.run_id < " + first_id(since))
                                    .size() == 0)
        return false;
    const std::int64_t all = spi.command("SELECT pg_catalog.count(*) FROM " + run).int8(0, 0);
    const std::int64_t gone = all - static_cast<std::int64_t>(stay);
    return gone > 0 && gone >= static_cast<std::int64_t>(stay);
}

}  // namespace

static Statement note_emptied_sql(R"(
    UPDATE flowctl_catalog.leaf SET emptied_at = pg_catalog.clock_timestamp(), kept = $2, problem = NULL WHERE suffix = $1)",
                                  {TEXTOID, INT8OID});

// The caller has locked the tables. TRUNCATE would be carried to subscribers, whose leaves of the same time have
// the same names and hold runs of their own.
static void truncate(const Leaf& leaf) {
    std::array<Oid, kTables.size()> ids;
    for (std::size_t i = 0; i < kTables.size(); i++)
        ids[i] = oid_of(table_of(kTables[i], leaf));
    guarded([&] {
        List* tables = NIL;
        List* oids = NIL;
        for (const Oid id : ids) {
            Relation table = table_open(id, NoLock);
            CheckTableNotInUse(table, "TRUNCATE");
            tables = lappend(tables, table);
            oids = lappend_oid(oids, id);
        }
        truncate_unlogged(tables, oids);
        ListCell* cell;
        foreach (cell, tables)
            table_close(static_cast<Relation>(lfirst(cell)), NoLock);
        CommandCounterIncrement();
    });
}

Emptying empty_leaf(Spi& spi, const Leaf& leaf, std::int64_t since, bool may_drop) {
    std::string which = staying(spi, leaf, since);
    const std::size_t open = find_staying(spi, which + " LIMIT " + std::to_string(kMostKept + 1)).size();
    if (!is_worth(spi, leaf, since, open)) return {};
    if (open > kMostKept) return {Emptying::Result::TooManyOpen, static_cast<std::int64_t>(open)};

    lock_shortly();
    bar_new_holds(spi);
    which = staying(spi, leaf, since);
    // TRUNCATE makes new files and flushes each; nothing is faster than to drop the old ones.
    if (open == 0 && may_drop && !is_default(leaf) && lock_all_at_once(leaf) &&
        find_staying(spi, which).empty()) {
        drop_tables(spi, leaf);
        return {Emptying::Result::Done, 0};
    }

    std::string names;
    for (const char* table : kTables)
        names += (names.empty() ? "" : ", ") + table_of(table, leaf);
    spi.command("LOCK TABLE " + names + " IN ACCESS EXCLUSIVE MODE");
    // Nobody can change anything in them from here on.
    const std::vector<Uuid> ids = find_staying(spi, which);
    std::array<Aside, kTables.size()> aside{};
    if (!ids.empty()) {
        Params wanted;
        wanted.uuids(ids);
        for (std::size_t i = 0; i < kTables.size(); i++) {
            const std::string sql =
                "SELECT * FROM ONLY " + table_of(kTables[i], leaf) + " WHERE run_id = ANY ($1)";
            const char* const text = sql.c_str();
            aside[i] = guarded([&] { return set_aside(text, wanted.values()[0]); });
        }
    }
    truncate(leaf);
    if (!ids.empty()) {
        for (std::size_t i = 0; i < kTables.size(); i++) {
            const Oid table = oid_of(table_of(kTables[i], leaf));
            guarded([&] { put_back(table, aside[i]); });
        }
        guarded([] { CommandCounterIncrement(); });
    }
    const auto kept = static_cast<std::int64_t>(ids.size());
    spi.run(note_emptied_sql, std::move(Params().text(leaf.suffix).int8(kept)));
    return {Emptying::Result::Done, kept};
}

static Statement note_problem_sql("UPDATE flowctl_catalog.leaf SET problem = $2 WHERE suffix = $1",
                                  {TEXTOID, TEXTOID});

void note_problem(Spi& spi, const Leaf& leaf, const std::optional<std::string>& problem) {
    spi.run(note_problem_sql, std::move(Params().text(leaf.suffix).text(problem)));
}

}  // namespace flowctl::pg::store
