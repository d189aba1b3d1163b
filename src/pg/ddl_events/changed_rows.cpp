// Implementation of changed_rows.hpp.
#include "pg/ddl_events/changed_rows.hpp"

#include <algorithm>
#include <map>

extern "C" {
#include "access/heapam.h"
}

namespace flowctl::pg::ddl_events {

namespace {

bool was_made_by(HeapTupleHeader row, const CommandIds& command) {
    if (HeapTupleHeaderXminInvalid(row) || HeapTupleHeaderXminFrozen(row)) return false;
    return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(row)) &&
           command.contains(HeapTupleHeaderGetCmin(row));
}

bool was_removed_by(HeapTupleHeader row, const CommandIds& command) {
    if ((row->t_infomask & HEAP_XMAX_INVALID) != 0 || HEAP_XMAX_IS_LOCKED_ONLY(row->t_infomask)) return false;
    return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(row)) &&
           command.contains(HeapTupleHeaderGetCmax(row));
}

}  // namespace

CommandIds::CommandIds()
    : first_(guarded([] {
          CommandCounterIncrement();
          return GetCurrentCommandId(false);
      })) {}

void CommandIds::end() {
    end_ = guarded([] {
        CommandCounterIncrement();
        return GetCurrentCommandId(false);
    });
}

bool CommandIds::contains(CommandId id) const {
    return id >= first_ && id < end_ && std::none_of(inner_.begin(), inner_.end(), [id](const auto& inner) {
               return id >= inner.first && id < inner.second;
           });
}

ChangedRows::ChangedRows(Oid catalog, const CommandIds& command, const std::vector<AttrNumber>& key) {
    List* before = NIL;
    List* after = NIL;
    guarded([&] {
        Relation table = table_open(catalog, AccessShareLock);
        shape_ = CreateTupleDescCopy(RelationGetDescr(table));
        SysScanDesc scan = systable_beginscan(table, InvalidOid, false, SnapshotAny, 0, nullptr);
        while (HeapTuple row = systable_getnext(scan)) {
            const bool made = was_made_by(row->t_data, command);
            const bool removed = was_removed_by(row->t_data, command);
            // A version that has both is one that only the command itself has seen.
            if (made && !removed) after = lappend(after, heap_copytuple(row));
            if (removed && !made) before = lappend(before, heap_copytuple(row));
        }
        systable_endscan(scan);
        table_close(table, AccessShareLock);
    });
    std::map<std::string, RowChange> by_key;
    for (int i = 0; i < list_length(before); i++) {
        auto* const row = static_cast<HeapTuple>(list_nth(before, i));
        by_key[key_of(row, key)].before = row;
    }
    for (int i = 0; i < list_length(after); i++) {
        auto* const row = static_cast<HeapTuple>(list_nth(after, i));
        by_key[key_of(row, key)].after = row;
    }
    for (const auto& [text, change] : by_key)
        changes_.push_back(change);
}

bool ChangedRows::is_null(HeapTuple row, AttrNumber column) const {
    return guarded([&] { return heap_attisnull(row, column, shape_); });
}

Datum ChangedRows::get(HeapTuple row, AttrNumber column) const {
    return guarded([&] {
        bool null = false;
        const Datum value = heap_getattr(row, column, shape_, &null);
        return null ? static_cast<Datum>(0) : value;
    });
}

std::string ChangedRows::key_of(HeapTuple row, const std::vector<AttrNumber>& key) const {
    std::string text;
    for (const AttrNumber column : key) {
        const Datum value = get(row, column);
        switch (TupleDescAttr(shape_, column - 1)->atttypid) {
            case TEXTOID:
                text += from_text(value);
                break;
            case INT2OID:
                text += std::to_string(DatumGetInt16(value));
                break;
            default:
                text += std::to_string(DatumGetUInt32(value));
                break;
        }
        text += '/';
    }
    return text;
}

}  // namespace flowctl::pg::ddl_events
