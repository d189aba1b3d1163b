// A procedure that commits, and then waits while no transaction holds anything.
//
// A function keeps its caller's transaction and snapshot, so a session that waits in one for an hour keeps
// VACUUM from removing what died within this hour. A procedure may commit. What it does afterwards happens in
// short transactions of their own, and while it waits, there is neither a snapshot nor a lock nor an xid.
//
// Only CALL outside of a transaction block lets a procedure commit, and a procedure with a SET clause may not
// commit at all. So such a procedure has no pinned search_path; its SQL runs within AsExtensionOwner, which pins
// the path by itself. Nothing of the server that belongs to a transaction may be kept over a commit(): no
// Spi, no AsExtensionOwner, no snapshot. C++ objects may be kept, since every call of the server is guarded.
#pragma once

#include "pg/server/bridge.hpp"

namespace flowctl::pg {

class Committing {
  public:
    // Raises 2D000 where the caller does not allow a commit. `what` is the command in messages, and `instead`
    // says in the hint what else can be done.
    Committing(FunctionCallInfo fcinfo, const char* what, const char* instead);
    Committing(const Committing&) = delete;
    Committing& operator=(const Committing&) = delete;

    // Commits, and begins the next transaction, which has no snapshot yet.
    void commit();
    // The procedure ends well. Otherwise the abort of the transaction cleans up.
    void finish();
};

// The row of the INOUT arguments that a procedure returns, of which there are as many as `values` has.
Datum row_of_arguments(FunctionCallInfo fcinfo, Datum* values, bool* nulls);

}  // namespace flowctl::pg
