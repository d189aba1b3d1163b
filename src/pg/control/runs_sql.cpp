// SQL functions about runs: start, wait, stop.
//
// Rights: start asks for the right on the flow (start.cpp). Who may see a run may wait for it; who may start
// the flow's runs as a member of its owner or of the run's role may stop it. A run that someone may not see
// does not exist for him: both cases read the same.
#include <algorithm>

#include "core/json.hpp"
#include "pg/control/requests.hpp"
#include "pg/rights/run_rights.hpp"
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

[[noreturn]] void no_such_run(const Uuid& id) {
    throw UserError(ERRCODE_UNDEFINED_OBJECT, "run " + to_string(id) + " does not exist",
                    "The view flowctl.runs lists the runs that you may see.");
}

std::optional<store::RunStatus> status_of(const Uuid& id) {
    const AsExtensionOwner owner;
    Spi spi;
    return store::find_status(spi, id);
}

Uuid run_id_argument(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(0))
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "run_id must not be null",
                        "Pass the uuid that flowctl.start() returned.");
    return from_pg(PG_GETARG_UUID_P(0));
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
    const Uuid id = run_id_argument(fcinfo);
    const Oid user = GetUserId();
    const std::int64_t budget = micros_argument(fcinfo, 1, 60'000'000);
    const TimestampTz deadline = GetCurrentTimestamp() + budget;
    const auto own_xid = static_cast<std::int64_t>(U64FromFullTransactionId(GetTopFullTransactionIdIfAny()));
    const std::uint32_t event = wait_event("FlowctlWait");
    ConditionVariable* signal = shmem::ended_signal(MyDatabaseId);
    if (signal != nullptr) guarded([&] { ConditionVariablePrepareToSleep(signal); });
    for (;;) {
        const std::optional<store::RunStatus> run = status_of(id);
        if (!run || !may_see(user, *run)) {
            if (signal != nullptr) ConditionVariableCancelSleep();
            no_such_run(id);
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
    const std::optional<store::RunStatus> run = status_of(id);
    if (!run || !may_see(user, *run)) no_such_run(id);
    require_operate(user, id, *run, "stop");
    if (run->status != machine::Status::Running) return Datum(0);
    control::request(control::Stop{id, error, cause, user});
    return Datum(0);
}

}  // namespace flowctl::pg
