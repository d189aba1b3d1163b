// SQL functions that ask something of a run: stop.
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
constexpr std::size_t kMaxReason = 1'024;

std::optional<std::string> bounded_argument(FunctionCallInfo fcinfo, int index, const char* name,
                                            std::size_t most, const char* hint) {
    std::optional<std::string> text = text_argument(fcinfo, index);
    if (text && text->size() > most)
        throw UserError(ERRCODE_STRING_DATA_RIGHT_TRUNCATION,
                        std::string(name) + " is longer than " + std::to_string(most) + " bytes", hint);
    return text;
}

std::string has_ended(machine::Status status) {
    return "the run has ended as " + std::string(machine::name_of(status));
}

// What is in the way of the request, as far as it can be known here; nullopt: nothing.
using Objection = std::optional<std::string> (*)(const store::OperatedRun& run);

std::optional<std::string> objection_to_stop(const store::OperatedRun& run) {
    if (run.status != machine::Status::Running) return has_ended(run.status);
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

FLOWCTL_FUNCTION(flowctl_stop) {
    shmem::require("flowctl.stop()");
    require_writable("stop a run");
    store::Request request{run_id_argument(fcinfo), "stop", GetUserId(), {}, {}, {}};
    request.error = bounded_argument(fcinfo, 1, "error", kMaxError, "Say it in cause.");
    request.cause = bounded_argument(fcinfo, 2, "cause", kMaxCause, "Shorten it.");
    request.reason = bounded_argument(fcinfo, 3, "reason", kMaxReason, "Shorten it.");
    return to_text(ask(request, objection_to_stop));
}

}  // namespace flowctl::pg
