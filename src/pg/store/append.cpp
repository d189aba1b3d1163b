// Rows straight to the heap. See append.hpp.
//
// Everything below write() runs inside guarded(): no object with a destructor lives there, and all memory
// belongs to a context of the call.
#include "pg/store/append.hpp"

#include <utility>

#include "pg/server/acting_role.hpp"
#include "pg/server/catalog.hpp"

extern "C" {
#include "access/heapam.h"
#include "catalog/partition.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/partcache.h"
}

namespace flowctl::pg::store {

namespace {

// Rows of one call of the heap: enough to fill pages. Each takes a slot, which costs as much as its row.
constexpr int kMaxRows = 128;
constexpr std::size_t kMaxBytes = 1024 * 1024;

}  // namespace

// A table that rows go into: a leaf, or the table itself.
class Append::Leaf {
  public:
    static Leaf* open(Oid table, const char* const* columns, std::size_t count) {
        auto* leaf = static_cast<Leaf*>(palloc0(sizeof(Leaf)));
        leaf->oid_ = table;
        leaf->relation_ = table_open(table, RowExclusiveLock);
        leaf->state_ = CreateExecutorState();
        leaf->info_ = makeNode(ResultRelInfo);
        InitResultRelInfo(leaf->info_, leaf->relation_, 0, nullptr, 0);
        if (!has_firing_triggers(leaf->relation_)) leaf->info_->ri_TrigDesc = nullptr;
        ExecOpenIndices(leaf->info_, false);
        if (leaf->runs_other_code()) leaf->path_level_ = pin_search_path();
        if (leaf->info_->ri_TrigDesc != nullptr) AfterTriggerBeginQuery();
        leaf->rows_ = AllocSetContextCreate(CurrentMemoryContext, "flowctl rows", ALLOCSET_DEFAULT_SIZES);
        // A copy: the relation's own is counted by reference, and each slot's is remembered and forgotten.
        leaf->shape_ = CreateTupleDescCopy(RelationGetDescr(leaf->relation_));
        leaf->attributes_ = static_cast<int*>(palloc(sizeof(int) * count));
        leaf->columns_ = static_cast<int>(count);
        AttrNumber number = 0;
        for (std::size_t i = 0; i < count; i++) {
            number = column_number(leaf->shape_, columns[i], number);
            leaf->attributes_[i] = number - 1;
        }
        return leaf;
    }

    Oid oid() const { return oid_; }

    void add(const Field* row) {
        if (used_ == made_) slots_[made_++] = MakeSingleTupleTableSlot(shape_, &TTSOpsVirtual);
        TupleTableSlot* slot = slots_[used_++];
        ExecClearTuple(slot);
        memset(slot->tts_isnull, true,
               sizeof(bool) * static_cast<std::size_t>(slot->tts_tupleDescriptor->natts));
        MemoryContext caller = MemoryContextSwitchTo(rows_);
        for (int i = 0; i < columns_; i++) {
            const int at = attributes_[i];
            slot->tts_values[at] = datum_for(TupleDescAttr(shape_, at), row[i]);
            slot->tts_isnull[at] = row[i].kind == Field::Kind::Null;
            bytes_ += row[i].size;
        }
        MemoryContextSwitchTo(caller);
        ExecStoreVirtualTuple(slot);
        if (used_ == kMaxRows || bytes_ >= kMaxBytes) flush();
    }

    void flush() {
        if (used_ == 0) return;
        MemoryContext caller = MemoryContextSwitchTo(rows_);
        // What a trigger changes or refuses is seen before the heap gets the rows.
        int count = used_;
        if (info_->ri_TrigDesc != nullptr) count = pass_before_triggers();
        if (count > 0) heap_multi_insert(relation_, slots_, count, GetCurrentCommandId(true), 0, nullptr);
        for (int i = 0; i < count; i++) {
            List* recheck =
                info_->ri_NumIndices > 0 ? insert_index_entries(info_, slots_[i], state_) : nullptr;
            if (info_->ri_TrigDesc != nullptr)
                ExecARInsertTriggers(state_, info_, slots_[i], recheck, nullptr);
            list_free(recheck);
            ResetPerTupleExprContext(state_);
        }
        MemoryContextSwitchTo(caller);
        for (int i = 0; i < used_; i++)
            ExecClearTuple(slots_[i]);
        MemoryContextReset(rows_);
        used_ = 0;
        bytes_ = 0;
    }

    void close() {
        flush();
        if (info_->ri_TrigDesc != nullptr) AfterTriggerEndQuery(state_);
        if (path_level_ != 0) AtEOXact_GUC(false, path_level_);
        for (int i = 0; i < made_; i++)
            ExecDropSingleTupleTableSlot(slots_[i]);
        ExecCloseIndices(info_);
        FreeExecutorState(state_);
        table_close(relation_, NoLock);
        MemoryContextDelete(rows_);
    }

  private:
    // Triggers and index expressions that were added to the table.
    bool runs_other_code() const {
        if (info_->ri_TrigDesc != nullptr) return true;
        for (int i = 0; i < info_->ri_NumIndices; i++)
            if (info_->ri_IndexRelationInfo[i]->ii_Expressions != NIL) return true;
        return false;
    }

    // Fires the BEFORE ROW triggers; the rows that they let pass come first. Gives their number.
    int pass_before_triggers() {
        if (!info_->ri_TrigDesc->trig_insert_before_row) return used_;
        int count = 0;
        for (int i = 0; i < used_; i++)
            if (ExecBRInsertTriggers(state_, info_, slots_[i])) std::swap(slots_[count++], slots_[i]);
        return count;
    }

    Oid oid_;
    Relation relation_;
    TupleDesc shape_;
    EState* state_;
    ResultRelInfo* info_;
    MemoryContext rows_;
    int* attributes_;
    int columns_;
    TupleTableSlot* slots_[kMaxRows];
    int made_;
    int used_;
    std::size_t bytes_;
    int path_level_;  // 0: as it was
};

void Append::write_rows(Oid table) const {
    const std::size_t count = columns_.size();
    Relation root = table_open(table, RowExclusiveLock);
    const bool partitioned = root->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
    PartitionKey key = partitioned ? RelationGetPartitionKey(root) : nullptr;
    PartitionDesc leaves = partitioned ? RelationGetPartitionDesc(root, false) : nullptr;
    Leaf* leaf = partitioned ? nullptr : Leaf::open(table, columns_.data(), count);
    for (std::size_t at = 0; at + count <= fields().size(); at += count) {
        const Field* row = fields().data() + at;
        if (partitioned) {
            Datum id = datum_of(row[0]);
            bool equal = false;
            const int bound = partition_range_datum_bsearch(key->partsupfunc, key->partcollation,
                                                            leaves->boundinfo, 1, &id, &equal);
            int index = leaves->boundinfo->indexes[bound + 1];
            if (index < 0) index = leaves->boundinfo->default_index;
            if (index < 0)
                ereport(ERROR, (errcode(ERRCODE_CHECK_VIOLATION),
                                errmsg("no partition of relation \"%s\" found for row",
                                       RelationGetRelationName(root)),
                                errhint("Attach a default partition.")));
            if (leaf == nullptr || leaf->oid() != leaves->oids[index]) {
                if (leaf != nullptr) leaf->close();
                leaf = Leaf::open(leaves->oids[index], columns_.data(), count);
            }
        }
        leaf->add(row);
    }
    if (leaf != nullptr) leaf->close();
    table_close(root, NoLock);
}

void Append::write() {
    if (fields().empty()) return;
    guarded([this] {
        MemoryContext rows =
            AllocSetContextCreate(CurrentMemoryContext, "flowctl append", ALLOCSET_DEFAULT_SIZES);
        MemoryContext caller = MemoryContextSwitchTo(rows);
        write_rows(table_oid(table_));
        MemoryContextSwitchTo(caller);
        MemoryContextDelete(rows);
        CommandCounterIncrement();
    });
    clear();
}

}  // namespace flowctl::pg::store
