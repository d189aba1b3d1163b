// CALL flowctl.start_sync() and CALL flowctl.wait_for(): start a run and wait for it in one statement, and
// wait without a snapshot. server/committing.hpp says what such procedures may do.
//
// start_sync() commits the start first, so the run exists whatever becomes of the session afterwards, and a
// second call with the same name waits for the same run.
#include <cstdint>
#include <string>

#include "pg/control/operated_run.hpp"
#include "pg/control/run_arguments.hpp"
#include "pg/control/waiting.hpp"
#include "pg/rights/run_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/committing.hpp"
#include "pg/shared/installation.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/store/run_ends.hpp"

namespace flowctl::pg {

namespace {

constexpr const char* kStartInstead = "Otherwise call flowctl.start(), commit, and then call flowctl.wait().";
constexpr const char* kWaitInstead = "Otherwise call flowctl.wait(), which keeps its caller's snapshot.";

store::RunResult result_of(const Uuid& id) {
    const AsExtensionOwner owner;
    Spi spi;
    auto result = store::find_result(spi, id);
    if (!result)
        throw UserError(ERRCODE_UNDEFINED_OBJECT, "run " + to_string(id) + " is not kept any more",
                        "The setting flowctl.retention says how long runs are kept.");
    return *std::move(result);
}

// A name may lead to a run that somebody else has started, and that the user sees without its payloads.
void require_payload(const Uuid& id, Oid user) {
    const store::RunStatus run = find_visible_run(id, user);
    if (user == run.starter || may_read_payload(user, run)) return;
    throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied to read the output of run " + to_string(id),
                    "Another role has started it under this name. The flow's owner can grant read_payload.");
}

[[noreturn]] void raise_end(const Uuid& id, const store::RunResult& run) {
    const std::string status(machine::name_of(run.status));
    std::string message = run.error.value_or("the run ended as " + status);
    if (run.cause) message += ": " + *run.cause;
    throw UserError(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION, message,
                    "flowctl.steps and flowctl.history show what the run did.",
                    "Run " + to_string(id) + " of flow \"" + run.flow + "\" ended as " + status + ".");
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_start_sync) {
    shmem::require("flowctl.start_sync()");
    Committing procedure(fcinfo, "flowctl.start_sync()", kStartInstead);
    const std::int64_t micros = micros_argument(fcinfo, 3, 300'000'000);
    const Oid user = GetUserId();
    const Uuid id = start_run(start_arguments(fcinfo, 0, 1, 4));
    notice_if_waiting();
    procedure.commit();
    if (wait_for_end(id, user, micros, &procedure) == machine::Status::Running)
        throw UserError(
            ERRCODE_OBJECT_IN_USE, "the run has not ended within the timeout, and goes on",
            "Call flowctl.start_sync() again with the same name, or flowctl.wait_for(), to wait longer; "
            "flowctl.stop() ends the run.",
            "Run " + to_string(id) + ".");
    if (!PG_ARGISNULL(4)) require_payload(id, user);
    const store::RunResult result = result_of(id);
    if (result.status != machine::Status::Succeeded) raise_end(id, result);
    procedure.finish();
    bool is_null = !result.output;  // where the flow does not keep its data
    Datum output = is_null ? Datum(0) : to_jsonb(*result.output);
    return row_of_arguments(fcinfo, &output, &is_null);
}

FLOWCTL_FUNCTION(flowctl_wait_for) {
    shmem::require("flowctl.wait_for()");
    const Uuid id = run_id_argument(fcinfo);
    Committing procedure(fcinfo, "flowctl.wait_for()", kWaitInstead);
    const std::int64_t micros = micros_argument(fcinfo, 1, 60'000'000);
    procedure.commit();
    const machine::Status status = wait_for_end(id, GetUserId(), micros, &procedure);
    procedure.finish();
    Datum text = to_text(machine::name_of(status));
    bool is_null = false;
    return row_of_arguments(fcinfo, &text, &is_null);
}

}  // namespace flowctl::pg
