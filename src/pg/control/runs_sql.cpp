// SQL functions about runs: start, wait, stop.
//
// Rights: start asks for the right on the flow (start.cpp). Who may see a run may wait for it; who may start
// the flow's runs as a member of its owner or of the run's role may stop it. A run that someone may not see
// does not exist for him: both cases read the same.
#include "pg/control/requests.hpp"
#include "pg/control/run_arguments.hpp"
#include "pg/control/waiting.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/arguments.hpp"
#include "pg/shared/installation.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/starts/start.hpp"
#include "pg/store/runs.hpp"

namespace flowctl::pg {

FLOWCTL_FUNCTION(flowctl_start) {
    const Uuid id = start_run(start_arguments(fcinfo, 0, 1, 2));
    notice_if_waiting();
    return UUIDPGetDatum(to_pg(id));
}

FLOWCTL_FUNCTION(flowctl_wait) {
    shmem::require("flowctl.wait()");
    const Uuid id = run_id_argument(fcinfo);
    const std::int64_t budget = micros_argument(fcinfo, 1, 60'000'000);
    return to_text(machine::name_of(wait_for_end(id, GetUserId(), budget, nullptr)));
}

FLOWCTL_FUNCTION(flowctl_stop) {
    shmem::require("flowctl.stop()");
    require_writable("stop a run");
    const Uuid id = run_id_argument(fcinfo);
    const Oid user = GetUserId();
    const std::optional<std::string> error = text_argument(fcinfo, 1);
    const std::optional<std::string> cause = text_argument(fcinfo, 2);
    // AWS's StopExecution has the same limits.
    if (error && error->size() > 256)
        throw UserError(ERRCODE_STRING_DATA_RIGHT_TRUNCATION, "error is longer than 256 bytes",
                        "Say it in cause.");
    if (cause && cause->size() > 32768)
        throw UserError(ERRCODE_STRING_DATA_RIGHT_TRUNCATION, "cause is longer than 32768 bytes",
                        "Shorten it.");
    const store::RunStatus run = find_visible_run(id, user);
    if (!acts_for(user, run.flow_owner) && !acts_for(user, run.role))
        throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied to stop run " + to_string(id),
                        "Members of the flow's owner and of the run's role may stop it.");
    if (run.status != machine::Status::Running) return Datum(0);
    control::request(control::Stop{id, error, cause, user});
    return Datum(0);
}

}  // namespace flowctl::pg
