// Starting a run, in the transaction that causes it.
//
// Both ways in, flowctl.start() and the trigger function, end here: check the right and the input, insert one
// row, and note the id so that the commit wakes a worker. Nothing else happens before the commit, so a run
// exists if and only if its transaction commits.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/json.hpp"
#include "pg/server/spi.hpp"
#include "pg/store/flows.hpp"
#include "pg/store/new_runs.hpp"

namespace flowctl::pg {

// The run that starts another one. What it knows of its user goes along.
struct ParentRun {
    Uuid id{};
    std::int32_t depth = 0;
    std::optional<std::string> subject;
    std::optional<std::string> subject_issuer;
    std::optional<std::string> subject_claims;
    std::optional<Uuid> subject_handle;
    std::optional<std::string> traceparent;
};

struct StartRequest {
    std::optional<Uuid> run_id;        // where the caller had to know it before
    std::string flow;                  // 'name', 'name:version' or 'name:alias'
    std::string input;                 // JSON text
    bool input_is_fit = false;         // it is known to hold nothing that cannot be kept
    std::optional<json::Value> input_value;  // the same as `input`, where it has been parsed
    std::optional<std::string> name;   // idempotency
    std::optional<std::string> event;  // CloudEvents envelope, JSON text
    Oid starter = InvalidOid;          // who does it
    Oid must_may_start =
        InvalidOid;  // whose right is asked for: the starter's, or that of a trigger's table's owner
    std::optional<Uuid> forked_from;    // the run that this one continues on another way
    const char* table = nullptr;        // the one whose trigger it is, else null
    const char* rule = nullptr;         // the event rule that it is, else null
    bool only_looks = false;            // nothing is started, so what is denied is not recorded
    const ParentRun* parent = nullptr;  // the run that starts this one, where it is no session
    bool by_worker = false;             // nobody but the worker waits for the start
};

// What the runs have in common that a trigger starts for the rows of one statement: the flow, the rights and the
// session. The first of them finds it out, so that each of the others costs its row alone.
struct StartPattern {
    std::optional<store::FlowRow> flow;
    std::shared_ptr<const store::NewRun> run;
    bool is_all = false;  // nothing else of a run depends on its input
};

// The id of the run: a new one, or the one that has this name and input. Throws UserError, PgError.
Uuid start_run(const StartRequest& request);
// The same for a trigger. `pattern`: empty, or of requests that differ from this one in nothing but id, input, event and
// name.
Uuid start_similar_run(StartRequest request, StartPattern& pattern);

// What a run that starts now would record of its session: the user, whom it has verified, where it comes from.
store::NewRun run_of_session();

// The run that start_run() would write, which has no name yet. Raises what is in the way.
store::NewRun make_run(const StartRequest& request);
// The worker starts the run of this request, whose parent has carried the user's token. Within the transaction
// that writes the run.
void carry_token_of_parent(const store::NewRun& run);
// What would be in the way of a start of this flow, by this role; nullopt: nothing. The
// attempt is not recorded.
std::optional<std::string> objection_to_start(const std::string& flow, Oid role);

// Records a run of the flow that ended before it began; false when there is no such flow to record it with.
bool record_failed_start(const StartRequest& request, const std::string& error, const std::string& cause);

}  // namespace flowctl::pg
