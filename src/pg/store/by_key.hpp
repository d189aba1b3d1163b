// Rows of runs by their id, straight from the heap: read, changed and removed.
//
// A turn touches the rows of hundreds of runs whose ids it has. A statement over them spends more on
// unnest(), join nodes and per-statement set-up than on the rows, and its plan is made when the tables are
// small; this looks each id up in the primary key and goes on from there. Invariants: a row is seen as of the
// statement's snapshot, and one that somebody else changes at the same moment is left to SQL, which waits and
// looks again; tables with triggers that a superuser added are left to SQL altogether. What it skips of an
// UPDATE (constraints, generated columns, row security) these tables do not have for the engine.
//
// Everything runs inside the caller's transaction and raises PgError.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <vector>

#include "pg/store/row_fields.hpp"

namespace flowctl::pg::store {

// The rows of `table` whose primary key is one of `ids`, in the order of the ids; an id without a row is left
// out. The rows last as long as the transaction.
Rows find_by_key(Oid table, std::initializer_list<const char*> columns, const std::vector<Uuid>& ids);

// Changes rows, whose first column is the primary key. Returns which rows are left to SQL, as positions among
// `rows`.
std::vector<std::size_t> update_by_key(Oid table, std::initializer_list<const char*> columns,
                                       const RowFields& rows);

// Removes rows; returns the ids of the rows that are left to SQL.
std::vector<Uuid> delete_by_key(Oid table, const std::vector<Uuid>& ids);

Oid table_named(const char* name);

// Whether the table has had rows since it was made or a vacuum last emptied it. It costs hardly anything, so a
// turn asks it before it executes statements about rows that most databases do not have.
bool has_rows(const char* table);

}  // namespace flowctl::pg::store
