// SQL functions that ask something of a run: stop, redrive, pause, resume.
//
// Each of them is called for many runs by one statement, so it looks the run up once, writes one row, and says
// by its result what is in the way.
#include "core/machine/status.hpp"
#include "pg/control/operated_run.hpp"
#include "pg/control/requests.hpp"
#include "pg/control/run_arguments.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/arguments.hpp"
#include "pg/shared/shmem.hpp"

namespace flowctl::pg {

namespace {

// The limits of AWS's StopExecution.
constexpr std::size_t kMaxError = 256;
constexpr std::size_t kMaxCause = 32'768;

std::string has_ended(machine::Status status) {
    return "the run has ended as " + std::string(machine::name_of(status));
}

// What is in the way of the request, as far as it can be known here; nullopt: nothing.
using Objection = std::optional<std::string> (*)(const store::OperatedRun& run);

std::optional<std::string> objection_to_stop(const store::OperatedRun& run) {
    if (run.status != machine::Status::Running) return has_ended(run.status);
    return std::nullopt;
}

std::optional<std::string> objection_to_redrive(const store::OperatedRun& run) {
    return run.objection_to_redrive;
}

std::optional<std::string> objection_to_pause(const store::OperatedRun& run) {
    if (run.status != machine::Status::Running) return has_ended(run.status);
    if (run.is_paused) return "the run is paused already";
    if (run.waits_to_begin) return store::kWaitsToBegin;
    return std::nullopt;
}

std::optional<std::string> objection_to_resume(const store::OperatedRun& run) {
    if (run.status != machine::Status::Running) return has_ended(run.status);
    if (!run.is_paused) return "the run is not paused";
    return std::nullopt;
}

// Nothing of what SPI allocates is left when this returns.
std::string ask(const store::Request& request, Objection objection) {
    const AsExtensionOwner owner;
    Spi spi;
    const store::OperatedRun run =
        get_operated(spi, request.run_id, request.requested_by, request.kind);
    if (const auto why_not = objection(run)) return *why_not;
    if (run.is_requested) return control::requested_already(request.kind);
    return control::request(spi, request);
}

}  // namespace

namespace {

// A function whose second argument is the reason.
Datum ask_with_reason(FunctionCallInfo fcinfo, const char* kind, Objection objection) {
    const std::string function = std::string("flowctl.") + kind + "()";
    shmem::require(function.c_str());
    require_writable(std::string(kind) + " a run");
    store::Request request{run_id_argument(fcinfo), kind, GetUserId(), {}, {}, {}};
    request.reason = reason_argument(fcinfo, 1);
    return to_text(ask(request, objection));
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_redrive) {
    return ask_with_reason(fcinfo, "redrive", objection_to_redrive);
}

FLOWCTL_FUNCTION(flowctl_pause) {
    return ask_with_reason(fcinfo, "pause", objection_to_pause);
}

FLOWCTL_FUNCTION(flowctl_resume) {
    return ask_with_reason(fcinfo, "resume", objection_to_resume);
}

FLOWCTL_FUNCTION(flowctl_stop) {
    shmem::require("flowctl.stop()");
    require_writable("stop a run");
    store::Request request{run_id_argument(fcinfo), "stop", GetUserId(), {}, {}, {}};
    request.error = bounded_argument(fcinfo, 1, "error", kMaxError, "Say it in cause.");
    request.cause = bounded_argument(fcinfo, 2, "cause", kMaxCause, "Shorten it.");
    request.reason = reason_argument(fcinfo, 3);
    return to_text(ask(request, objection_to_stop));
}

}  // namespace flowctl::pg
