// Rows by key. See by_key.hpp.
//
// The functions in the unnamed namespace run inside guarded(): nothing with a destructor lives in them, and
// an error's clean-up is the transaction's abort.
#include "pg/store/by_key.hpp"

#include <stdexcept>
#include <utility>

#include "pg/server/catalog.hpp"

extern "C" {
#include "access/genam.h"
#include "access/heapam.h"
#include "executor/executor.h"
#include "storage/bufmgr.h"
}

namespace flowctl::pg::store {

namespace {

// A table and its primary key, with one scan that is set to key after key.
struct Keyed {
    Relation table;
    Relation index;
    Snapshot snapshot;
    IndexScanDesc scan;
    TupleTableSlot* slot;
};

Keyed open_keyed(Oid oid, LOCKMODE lock) {
    Keyed keyed;
    keyed.table = table_open(oid, lock);
    const Oid key = primary_key_index(keyed.table);
    if (!OidIsValid(key))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_OBJECT),
                 errmsg("table flowctl_catalog.%s has no primary key", RelationGetRelationName(keyed.table)),
                 errhint("Install the extension again, or make it anew on the same columns.")));
    keyed.index = index_open(key, lock);
    PushActiveSnapshot(GetTransactionSnapshot());
    keyed.snapshot = GetActiveSnapshot();
    keyed.scan = begin_index_scan(keyed.table, keyed.index, keyed.snapshot, 1);
    keyed.slot = table_slot_create(keyed.table, nullptr);
    return keyed;
}

void close_keyed(Keyed& keyed) {
    index_endscan(keyed.scan);
    ExecDropSingleTupleTableSlot(keyed.slot);
    PopActiveSnapshot();
    // The locks stay to the end of the transaction.
    index_close(keyed.index, NoLock);
    table_close(keyed.table, NoLock);
}

// True if there is a row of this id; it is in the slot until the next one is looked for.
bool find(Keyed& keyed, const char* id) {
    ScanKeyData key;
    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_UUID_EQ, PointerGetDatum(id));
    index_rescan(keyed.scan, &key, 1, nullptr, 0);
    return index_getnext_slot(keyed.scan, ForwardScanDirection, keyed.slot);
}

void numbers_of(TupleDesc shape, const char* const* columns, int count, int* numbers) {
    AttrNumber last = 0;
    for (int i = 0; i < count; i++)
        numbers[i] = last = column_number(shape, columns[i], last);
}

SPITupleTable* read(Oid table, const char* const* columns, int count, const Uuid* ids, std::size_t id_count,
                    int* numbers) {
    Keyed keyed = open_keyed(table, AccessShareLock);
    auto* found = static_cast<SPITupleTable*>(palloc0(sizeof(SPITupleTable)));
    found->tupdesc = CreateTupleDescCopy(RelationGetDescr(keyed.table));
    found->vals = static_cast<HeapTuple*>(palloc(sizeof(HeapTuple) * (id_count + 1)));
    numbers_of(found->tupdesc, columns, count, numbers);
    for (std::size_t i = 0; i < id_count; i++)
        if (find(keyed, reinterpret_cast<const char*>(ids[i].data())))
            found->vals[found->numvals++] = ExecCopySlotHeapTuple(keyed.slot);
    close_keyed(keyed);
    return found;
}

// Writes to `left` the positions of the rows that were not changed; gives their number.
int change(Oid oid, const char* const* columns, int count, const Field* fields, int rows, int* left) {
    Keyed keyed = open_keyed(oid, RowExclusiveLock);
    TupleDesc shape = RelationGetDescr(keyed.table);
    auto* numbers = static_cast<int*>(palloc(sizeof(int) * static_cast<std::size_t>(count)));
    numbers_of(shape, columns, count, numbers);
    const auto width = static_cast<std::size_t>(shape->natts);
    auto* values = static_cast<Datum*>(palloc0(sizeof(Datum) * width));
    auto* nulls = static_cast<bool*>(palloc0(sizeof(bool) * width));
    auto* replaced = static_cast<bool*>(palloc0(sizeof(bool) * width));
    EState* state = CreateExecutorState();
    ResultRelInfo* info = makeNode(ResultRelInfo);
    InitResultRelInfo(info, keyed.table, 0, nullptr, 0);
    ExecOpenIndices(info, false);
    TupleTableSlot* changed = MakeSingleTupleTableSlot(shape, &TTSOpsHeapTuple);
    const bool only_sql = has_firing_triggers(keyed.table);
    MemoryContext work =
        AllocSetContextCreate(CurrentMemoryContext, "flowctl change", ALLOCSET_DEFAULT_SIZES);
    int left_count = 0;
    for (int row = 0; row < rows; row++) {
        const Field* field = fields + static_cast<std::ptrdiff_t>(row) * count;
        bool done = false;
        if (!only_sql && find(keyed, field[0].bytes)) {
            MemoryContext caller = MemoryContextSwitchTo(work);
            for (int i = 1; i < count; i++) {
                const int at = numbers[i] - 1;
                values[at] = datum_for(TupleDescAttr(shape, at), field[i]);
                nulls[at] = field[i].kind == Field::Kind::Null;
                replaced[at] = true;
            }
            bool should_free = false;
            HeapTuple old = ExecFetchSlotHeapTuple(keyed.slot, false, &should_free);
            ItemPointerData place = old->t_self;
            ExecForceStoreHeapTuple(heap_modify_tuple(old, shape, values, nulls, replaced), changed, false);
            IndexesToUpdate indexes = IndexesToUpdate::None;
            done = update_tuple(keyed.table, &place, changed, keyed.snapshot, indexes);
            if (done && indexes != IndexesToUpdate::None)
                update_index_entries(info, changed, state, indexes == IndexesToUpdate::Summarizing);
            ResetPerTupleExprContext(state);
            ExecClearTuple(changed);
            MemoryContextSwitchTo(caller);
            MemoryContextReset(work);
        }
        if (!done) left[left_count++] = row;
    }
    MemoryContextDelete(work);
    ExecDropSingleTupleTableSlot(changed);
    ExecCloseIndices(info);
    FreeExecutorState(state);
    close_keyed(keyed);
    CommandCounterIncrement();
    return left_count;
}

// The same for removing.
int remove(Oid oid, const Uuid* ids, int count, int* left) {
    Keyed keyed = open_keyed(oid, RowExclusiveLock);
    const bool only_sql = has_firing_triggers(keyed.table);
    int left_count = 0;
    for (int i = 0; i < count; i++) {
        bool done = false;
        if (!only_sql && find(keyed, reinterpret_cast<const char*>(ids[i].data()))) {
            TM_FailureData failure;
            done = table_tuple_delete(keyed.table, &keyed.slot->tts_tid, GetCurrentCommandId(true),
                                      keyed.snapshot, InvalidSnapshot, true, &failure, false) == TM_Ok;
        }
        if (!done) left[left_count++] = i;
    }
    close_keyed(keyed);
    CommandCounterIncrement();
    return left_count;
}

}  // namespace

Oid table_named(const char* name) {
    return guarded([name] { return table_oid(name); });
}

bool has_rows(const char* table) {
    return guarded([table] {
        Relation relation = table_open(table_oid(table), AccessShareLock);
        const BlockNumber blocks = RelationGetNumberOfBlocks(relation);
        table_close(relation, NoLock);
        return blocks > 0;
    });
}

Rows find_by_key(Oid table, std::initializer_list<const char*> columns, const std::vector<Uuid>& ids) {
    const int count = static_cast<int>(columns.size());
    int* numbers = guarded([&] { return static_cast<int*>(palloc(sizeof(int) * columns.size())); });
    SPITupleTable* found =
        guarded([&] { return read(table, columns.begin(), count, ids.data(), ids.size(), numbers); });
    return Rows(found, 0, numbers);
}

std::vector<std::size_t> update_by_key(Oid table, std::initializer_list<const char*> columns,
                                       const RowFields& rows) {
    const std::vector<Field>& fields = rows.fields();
    if (fields.size() % columns.size() != 0) throw std::logic_error("a row to be changed is incomplete");
    const int count = static_cast<int>(fields.size() / columns.size());
    std::vector<int> left(static_cast<std::size_t>(count));
    const int left_count = guarded([&] {
        return change(table, columns.begin(), static_cast<int>(columns.size()), fields.data(), count,
                      left.data());
    });
    return {left.begin(), left.begin() + left_count};
}

std::vector<Uuid> delete_by_key(Oid table, const std::vector<Uuid>& ids) {
    std::vector<int> left(ids.size());
    const int left_count =
        guarded([&] { return remove(table, ids.data(), static_cast<int>(ids.size()), left.data()); });
    std::vector<Uuid> out;
    for (int i = 0; i < left_count; i++)
        out.push_back(ids[static_cast<std::size_t>(left[static_cast<std::size_t>(i)])]);
    return out;
}

}  // namespace flowctl::pg::store
