// Implementation of statement_change.hpp.
//
// The server collects the rows of an UPDATE in two tables, in the same order, so that the rows of one change have the
// same place in both. A row that moves to another partition is taken out of one and put into the other table, and a
// BEFORE trigger of that partition may keep it out. Then the places do not match any more, and nothing starts.
#include "pg/triggers/statement_change.hpp"

#include <utility>

#include "pg/server/guc.hpp"
#include "pg/server/quoting.hpp"

extern "C" {
#include "executor/executor.h"
#include "utils/tuplestore.h"
}

namespace flowctl::pg {

namespace {

// Memory for one row at a time.
class RowMemory {
  public:
    RowMemory()
        : memory_(guarded([] {
              return AllocSetContextCreate(CurrentMemoryContext, "flowctl changed row", ALLOCSET_DEFAULT_SIZES);
          })),
          caller_(MemoryContextSwitchTo(memory_)) {}
    ~RowMemory() {
        MemoryContextSwitchTo(caller_);
        MemoryContextDelete(memory_);
    }
    RowMemory(const RowMemory&) = delete;
    RowMemory& operator=(const RowMemory&) = delete;

    void next_row() {
        guarded([this] {
            CHECK_FOR_INTERRUPTS();
            MemoryContextReset(memory_);
        });
    }

  private:
    MemoryContext memory_;
    MemoryContext caller_;
};

// A transition table from its first row on. Other triggers of the statement read it, too, each at a place of its own.
class TransitionTable {
  public:
    TransitionTable(Tuplestorestate* rows, Relation table) : rows_(rows) {
        if (rows == nullptr) return;
        guarded([&] {
            place_ = tuplestore_alloc_read_pointer(rows_, EXEC_FLAG_REWIND);
            tuplestore_select_read_pointer(rows_, place_);
            tuplestore_rescan(rows_);
            slot_ = MakeSingleTupleTableSlot(RelationGetDescr(table), &TTSOpsMinimalTuple);
            memory_ = CurrentMemoryContext;
        });
    }
    ~TransitionTable() {
        if (slot_ != nullptr) ExecDropSingleTupleTableSlot(slot_);
    }
    TransitionTable(const TransitionTable&) = delete;
    TransitionTable& operator=(const TransitionTable&) = delete;

    bool exists() const { return rows_ != nullptr; }
    std::int64_t count() const { return rows_ == nullptr ? 0 : tuplestore_tuple_count(rows_); }
    // Null behind the last row, and where there is no table. The row lasts until the next one is asked for, in memory
    // that is not RowMemory: the slot frees a row that was read from a file.
    TupleTableSlot* next() {
        if (rows_ == nullptr) return nullptr;
        return guarded([this] {
            MemoryContext caller = MemoryContextSwitchTo(memory_);
            tuplestore_select_read_pointer(rows_, place_);
            const bool found = tuplestore_gettupleslot(rows_, true, false, slot_);
            MemoryContextSwitchTo(caller);
            return found ? slot_ : nullptr;
        });
    }

  private:
    Tuplestorestate* rows_;
    int place_ = 0;
    TupleTableSlot* slot_ = nullptr;
    MemoryContext memory_ = nullptr;
};

struct StatementRows {
    StatementRows(const TriggerData& data, const TriggerPlan& plan)
        : kind(kind_of(data)),
          old_rows(plan.options().before ? data.tg_oldtable : nullptr, data.tg_relation),
          new_rows(data.tg_newtable, data.tg_relation),
          count(tuplestore_tuple_count(kind == ChangeKind::Delete ? data.tg_oldtable : data.tg_newtable)) {}

    ChangeKind kind;
    TransitionTable old_rows;  // where they are part of the input
    TransitionTable new_rows;
    std::int64_t count;
};

void require_pairs(const StatementRows& rows, const std::string& trigger, Relation table) {
    if (!rows.old_rows.exists() || !rows.new_rows.exists() || rows.old_rows.count() == rows.new_rows.count()) return;
    throw UserError(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION,
                    "trigger " + in_quotes(trigger) + " cannot tell which rows of table " +
                        in_quotes(RelationGetRelationName(table)) + " the UPDATE has changed into which",
                    "Give the trigger the option 'before=no', or make it FOR EACH ROW.",
                    "The UPDATE took away " + std::to_string(rows.old_rows.count()) + " rows and put in " +
                        std::to_string(rows.new_rows.count()) +
                        ", since a BEFORE trigger kept rows from moving to another partition.");
}

void append_row(TransitionTable& rows, const RowJson& json, std::string& out) {
    TupleTableSlot* const row = rows.next();
    if (row == nullptr)
        out += "null";
    else
        json.append(row, out);
}

void start_for_each_row(Relation table, StatementRows& rows, TriggerPlan& plan) {
    RowMemory memory;
    std::size_t size = 0;
    for (std::int64_t i = 0; i < rows.count; i++) {
        memory.next_row();
        Change change{rows.kind, false, {}, plan.rows().is_always_fit()};
        change.input.reserve(size + 32);  // rows are often of one size
        ChangeText::begin(rows.kind, change.input);
        append_row(rows.old_rows, plan.rows(), change.input);
        ChangeText::between(change.input);
        append_row(rows.new_rows, plan.rows(), change.input);
        plan.text().end(change.input);
        size = change.input.size();
        plan.start(table, std::move(change));
    }
}

// False: it became longer than the limit.
bool append_rows(TransitionTable& rows, const RowJson& json, std::size_t limit, std::string& out) {
    if (!rows.exists()) {
        out += "null";
        return true;
    }
    RowMemory memory;
    char before = '[';
    while (TupleTableSlot* const row = rows.next()) {
        memory.next_row();
        out += before;
        before = ',';
        json.append(row, out);
        if (out.size() > limit) return false;
    }
    if (before == '[') out += before;
    out += ']';
    return true;
}

std::string input_of_statement(StatementRows& rows, const TriggerPlan& plan) {
    const auto limit = static_cast<std::size_t>(guc::max_payload_bytes);
    std::string input;
    ChangeText::begin(rows.kind, rows.count, false, input);
    bool fits = append_rows(rows.old_rows, plan.rows(), limit, input);
    if (fits) {
        ChangeText::between(input);
        fits = append_rows(rows.new_rows, plan.rows(), limit, input);
    }
    if (fits) plan.text().end(input);
    if (fits && input.size() <= limit) return input;
    input.clear();
    ChangeText::begin(rows.kind, rows.count, true, input);
    input += "null";
    ChangeText::between(input);
    input += "null";
    plan.text().end(input);
    return input;
}

}  // namespace

void start_for_statement(const TriggerData& data, TriggerPlan& plan) {
    const Relation table = data.tg_relation;
    StatementRows rows(data, plan);
    if (rows.count == 0) return;
    try {
        require_pairs(rows, plan.trigger(), table);
    } catch (const UserError& error) {
        return plan.fail(table, rows.kind, error);
    }
    if (plan.options().per == StartPer::Row) return start_for_each_row(table, rows, plan);
    plan.start(table, Change{rows.kind, true, input_of_statement(rows, plan), plan.rows().is_always_fit()});
}

}  // namespace flowctl::pg
