// The store of holds: runs and flows whose records must stay (flowctl.hold).
//
// A hold on a run covers the run and everything that it started: the children of its map runs, and the runs
// of child flows. A hold on a flow covers the runs of that flow. A hold wins over whatever deletes or
// redacts, and two locks make this certain. Whoever comes second waits for the first, and then sees what it
// has committed.
//   hold, redaction   a lock of the flow that only these two take (bar_holds_of). No row is locked, since
//                     the row of an open run belongs to its worker, which must not wait for a session.
//   hold, retention   retention locks the table of holds against writing while it empties a leaf
//
// Every function runs inside the caller's transaction, as the extension's owner, and raises PgError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

struct Hold {
    bool of_flow = false;
    bool by_superuser = false;
    std::string reason;
};
std::optional<Hold> find_hold_of_run(Spi& spi, const Uuid& run_id);
std::optional<Hold> find_hold_of_flow(Spi& spi, const Uuid& flow_id);

// A hold on one of these runs or flows. It is one look into the index for each.
std::optional<Hold> find_hold(Spi& spi, const std::vector<Uuid>& runs, const std::vector<Uuid>& flows);

// Until the transaction ends, nobody can hold a run of this flow, nor the flow.
void bar_holds_of(const Uuid& flow_id);

struct NewHold {
    std::optional<Uuid> run_id;   // either this
    std::optional<Uuid> flow_id;  // or this
    std::string reason;
    Oid held_by = InvalidOid;
    bool by_superuser = false;
};
// `flow_id`: of the flow, or of the run's. False: another session has been faster.
bool insert_hold(Spi& spi, const NewHold& hold, const Uuid& flow_id);
bool release_run(Spi& spi, const Uuid& run_id, Oid released_by, const std::optional<std::string>& reason);
bool release_flow(Spi& spi, const Uuid& flow_id, Oid released_by, const std::optional<std::string>& reason);

// Until the transaction ends, nobody can add a hold. It waits as long as lock_timeout says.
void bar_new_holds(Spi& spi);
// SQL that selects the held runs of a table of runs, as ` UNION SELECT run_id ...`; empty if nothing is held.
std::string union_of_held_runs(Spi& spi, const std::string& run_table);

}  // namespace flowctl::pg::store
