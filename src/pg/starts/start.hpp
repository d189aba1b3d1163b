// Starting a run, in the transaction that causes it.
//
// Both ways in, flowctl.start() and the trigger function, end here: check the right and the input, insert one
// row, and note the id so that the commit wakes a worker. Nothing else happens before the commit, so a run
// exists if and only if its transaction commits.
#pragma once

#include <optional>
#include <string>

#include "pg/server/spi.hpp"

namespace flowctl::pg {

struct StartRequest {
    std::optional<Uuid> run_id;        // where the caller had to know it before
    std::string flow;                  // 'name', 'name:version' or 'name:alias'
    std::string input;                 // JSON text
    bool input_is_fit = false;         // it is known to hold nothing that cannot be kept
    std::optional<std::string> name;   // idempotency
    std::optional<std::string> event;  // CloudEvents envelope, JSON text
    Oid starter = InvalidOid;          // who does it
    Oid must_may_start =
        InvalidOid;  // whose right is asked for: the starter's, or that of a trigger's table's owner
    std::optional<Uuid> forked_from;  // the run that this one continues on another way
    const char* table = nullptr;  // the one whose trigger it is, else null
};

// The id of the run: a new one, or the one that has this name and input. Throws UserError, PgError.
Uuid start_run(const StartRequest& request);

// Records a run of the flow that ended before it began; false when there is no such flow to record it with.
bool record_failed_start(const StartRequest& request, const std::string& error, const std::string& cause);

}  // namespace flowctl::pg
