// Implementation of kept_run.hpp.
#include "pg/records/kept_run.hpp"

#include "pg/rights/flow_rights.hpp"
#include "pg/rights/run_rights.hpp"
#include "pg/server/arguments.hpp"

namespace flowctl::pg::records {

namespace {

constexpr std::size_t kMaxReasonBytes = 4096;

bool may_see_recorded(Oid user, const store::RecordedRun& run) {
    store::RunStatus status;
    status.flow_id = run.flow_id;
    status.flow_owner = run.flow_owner;
    status.role = run.role;
    status.starter = run.starter;
    return may_see(user, status);
}

}  // namespace

Uuid run_id_argument(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(0))
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "run_id must not be null",
                        "The view flowctl.runs lists the runs that you may see.");
    return from_pg(PG_GETARG_UUID_P(0));
}

std::string reason_argument(FunctionCallInfo fcinfo, int index) {
    constexpr const char* kHint = "Say why; the reason stays on record.";
    std::string reason = required_argument(fcinfo, index, "reason", kHint);
    if (reason.find_first_not_of(" \t\r\n") == std::string::npos)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "reason must not be empty", kHint);
    if (reason.size() > kMaxReasonBytes)
        throw UserError(ERRCODE_STRING_DATA_RIGHT_TRUNCATION, "reason is longer than 4096 bytes", "Shorten it.");
    return reason;
}

store::RecordedRun get_kept_run(Spi& spi, const Uuid& id, Oid user, const char* what) {
    auto run = store::find_recorded(spi, id);
    if (run && may_keep(user, *run)) return std::move(*run);
    if (!run || !may_see_recorded(user, *run))
        throw UserError(ERRCODE_UNDEFINED_OBJECT, "run " + to_string(id) + " does not exist",
                        "The view flowctl.runs lists the runs that you may see.");
    throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                    std::string("permission denied to ") + what + " run " + to_string(id),
                    "Members of the flow's owner may do it.");
}

bool may_keep(Oid user, const store::RecordedRun& run) {
    // The owner of a flow that is gone may be gone, too.
    return acts_for(user, run.flow_owner) || guarded([&] { return superuser_arg(user); });
}

bool is_open(machine::Status status) {
    using machine::Status;
    return status != Status::Succeeded && status != Status::Failed && status != Status::TimedOut &&
           status != Status::Aborted;
}

}  // namespace flowctl::pg::records
