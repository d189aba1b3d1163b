// Appending rows to the engine's own tables, straight to the heap.
//
// The tables that only grow take a handful of rows a run, tens of thousands a second. An INSERT from arrays
// spends more on unnest(), tuple stores and the executor than on the rows; this writes many rows by one call
// of the heap and adds their index entries itself. Columns are named, so a table that has more of them (a
// newer script, an older library) gets nulls there; a partitioned table's rows go to the leaf that their
// first column, the run's id, belongs to. Invariant: row triggers and indexes of any kind, which a superuser
// may have added, are kept; what it skips of an INSERT (statement triggers, CHECK and NOT NULL constraints,
// generated columns, row security) these tables do not have for the engine.
//
// It runs inside the caller's transaction and raises PgError.
#pragma once

#include <utility>
#include <vector>

#include "pg/store/row_fields.hpp"

namespace flowctl::pg::store {

// Rows for one table: its fields are given one after the other, in the order of the columns.
class Append : public RowFields {
  public:
    // `table`: in schema flowctl. `rows`: how many there will be.
    Append(const char* table, std::vector<const char*> columns, std::size_t rows)
        : table_(table), columns_(std::move(columns)) {
        reserve(rows * columns_.size());
    }

    void write();

  private:
    class Leaf;
    void write_rows(Oid table) const;

    const char* table_;
    std::vector<const char*> columns_;
};

}  // namespace flowctl::pg::store
