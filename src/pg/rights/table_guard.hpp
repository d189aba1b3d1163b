// Nobody but the engine writes to the relations of the extension, and nobody else holds its tables up by a
// lock.
//
// Members of pg_write_all_data may write to every table and view, without a grant. A row of
// flowctl_catalog.flow that names a superuser as its owner would make them one, and a lock that they keep on
// a run would stop the worker. So whoever writes to a relation of the extension, locks its rows or locks it
// as a whole must have the privileges of its owner, which the engine's functions act as.
//
// This is checked by hooks, which see row locks and LOCK TABLE too. A backend that has not loaded the library
// has no hooks; there the tables are closed by row-level security and, where pg_dump reads a table, by the
// trigger only_engine_writes (00_schemas.sql).
#pragma once

#include "pg/server/bridge.hpp"

namespace flowctl::pg::table_guard {

void install_at_load();  // _PG_init

// Whether the extension made the relation.
bool is_of_engine(Oid relation);

// Before LOCK TABLE. Raises an error if it would hold up the engine.
void check_lock(const LockStmt* statement);

// Before ALTER TABLE. True: it would switch all triggers of one of the engine's tables on or off, as the
// restore of a dump does that was taken with --disable-triggers. Then the command is not carried out, and a
// NOTICE says so.
bool keeps_triggers(const AlterTableStmt* statement);

}  // namespace flowctl::pg::table_guard
