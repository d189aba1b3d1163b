// SQL functions about runs: start and wait.
//
// Rights: start asks for the right on the flow (start.cpp). Who may see a run may wait for it.
#include <algorithm>

#include "core/json.hpp"
#include "pg/control/operated_run.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/guc.hpp"
#include "pg/shared/installation.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/starts/start.hpp"
#include "pg/store/runs.hpp"

extern "C" {
#include "storage/condition_variable.h"
}

namespace flowctl::pg {

namespace {

std::optional<store::RunStatus> status_of(const Uuid& id) {
    const AsExtensionOwner owner;
    Spi spi;
    return store::find_status(spi, id);
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_start) {
    if (PG_ARGISNULL(0))
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "flow must not be null", "Name the flow to start.");
    StartRequest request;
    request.flow = from_text(PG_GETARG_DATUM(0));
    const std::optional<std::string> input = jsonb_argument_text(fcinfo, 1);
    if (!input) {
        request.input = "{}";
    } else {
        // jsonb prints a blank after colons and commas; payloads are kept compact. That takes less than half
        // of the bytes away, so what is more than twice too large is refused (start_run) without being read.
        json::ParseLimits limits;
        limits.max_bytes = 2 * static_cast<std::size_t>(guc::max_payload_bytes);
        const auto parsed = json::parse(*input, limits);
        request.input = parsed ? json::dump(*parsed) : *input;
        request.input_is_fit = parsed.ok();
    }
    request.name = text_argument(fcinfo, 2);
    request.starter = GetUserId();
    request.must_may_start = GetUserId();
    const Uuid id = start_run(request);
    notice_if_waiting();
    return UUIDPGetDatum(to_pg(id));
}

FLOWCTL_FUNCTION(flowctl_wait) {
    shmem::require("flowctl.wait()");
    const Uuid id = control::run_id_argument(fcinfo);
    const Oid user = GetUserId();
    const std::int64_t budget = micros_argument(fcinfo, 1, 60'000'000);
    const TimestampTz deadline = GetCurrentTimestamp() + budget;
    const auto own_xid = static_cast<std::int64_t>(U64FromFullTransactionId(GetTopFullTransactionIdIfAny()));
    const std::uint32_t event = wait_event("FlowctlWait");
    ConditionVariable* signal = shmem::ended_signal(MyDatabaseId);
    if (signal != nullptr) guarded([&] { ConditionVariablePrepareToSleep(signal); });
    for (;;) {
        const std::optional<store::RunStatus> run = status_of(id);
        if (!run || !control::may_see(user, *run)) {
            if (signal != nullptr) ConditionVariableCancelSleep();
            control::no_such_run(id);
        }
        if (run->start_xid == own_xid) {
            if (signal != nullptr) ConditionVariableCancelSleep();
            throw UserError(
                ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                "run " + to_string(id) + " was started by this very transaction and begins when it commits",
                "Commit first, then call flowctl.wait().");
        }
        const TimestampTz now = GetCurrentTimestamp();
        if (run->status != machine::Status::Running || now >= deadline) {
            if (signal != nullptr) ConditionVariableCancelSleep();
            return to_text(machine::name_of(run->status));
        }
        // The signal may be missing (no worker yet) or belong to a worker that has gone: look again now and
        // then.
        const long left = static_cast<long>(std::min<std::int64_t>((deadline - now) / 1000 + 1, 1000));
        guarded([&] {
            if (signal != nullptr) {
                (void)ConditionVariableTimedSleep(signal, left, event);
            } else {
                (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
                                std::min(left, 100L), event);
                ResetLatch(MyLatch);
            }
            CHECK_FOR_INTERRUPTS();
        });
        if (signal == nullptr) {
            signal = shmem::ended_signal(MyDatabaseId);
            if (signal != nullptr) guarded([&] { ConditionVariablePrepareToSleep(signal); });
        }
    }
}

}  // namespace flowctl::pg
