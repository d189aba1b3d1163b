// The engine's own tables and columns by name. The functions are for code within guarded(): they raise.
#pragma once

#include "pg/server/prelude.hpp"

namespace flowctl::pg {

// A table of the engine, by its bare name.
Oid table_oid(const char* name);

// The number of a column. The search begins behind `last`, since callers mostly ask in the table's order.
AttrNumber column_number(TupleDesc shape, const char* column, AttrNumber last);

// Whether the table has a trigger that fires in this session. The engine's tables have triggers that fire
// only where session_replication_role is replica; they cost a write nothing that goes straight to the heap.
bool has_firing_triggers(Relation table) noexcept;

}  // namespace flowctl::pg
