// SQL functions about runs: start and wait.
//
// Rights: start asks for the right on the flow (start.cpp). Who may see a run may wait for it.
#include "pg/control/run_arguments.hpp"
#include "pg/control/waiting.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/current_step.hpp"
#include "pg/shared/installation.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/starts/start.hpp"

namespace flowctl::pg {

FLOWCTL_FUNCTION(flowctl_start) {
    const Uuid id = start_run(start_arguments(fcinfo, 0, 1, 2));
    notice_if_waiting();
    return UUIDPGetDatum(to_pg(id));
}

FLOWCTL_FUNCTION(flowctl_wait) {
    shmem::require("flowctl.wait()");
    if (current_step != nullptr)
        throw UserError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "flowctl.wait() cannot be called in a SQL step",
                        "The run that it waits for may need the process that the step occupies. Let the flow wait: "
                        "start the other flow by a Task with the resource flowctl:flow:<name>.sync.");
    const Uuid id = run_id_argument(fcinfo);
    const std::int64_t budget = micros_argument(fcinfo, 1, 60'000'000);
    return to_text(machine::name_of(wait_for_end(id, GetUserId(), budget, nullptr)));
}

}  // namespace flowctl::pg
