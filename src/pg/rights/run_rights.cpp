// Implementation of run_rights.hpp.
#include "pg/rights/run_rights.hpp"

#include "pg/rights/denials.hpp"
#include "pg/rights/flow_grants.hpp"
#include "pg/rights/flow_rights.hpp"

namespace flowctl::pg {

namespace {

bool is_own(Oid user, const store::RunStatus& run) {
    return acts_for(user, run.flow_owner) || acts_for(user, run.role);
}

}  // namespace

bool may_see(Oid user, const store::RunStatus& run) {
    return user == run.starter || may_read(user, run);
}

bool may_read(Oid user, const store::RunStatus& run) {
    return is_own(user, run) || sees_all(user) ||
           is_granted(run.flow_id, kMayOperate | kMayRead | kMayReadPayload, user);
}

bool may_read_payload(Oid user, const store::RunStatus& run) {
    return is_own(user, run) || sees_all(user) || is_granted(run.flow_id, kMayReadPayload, user);
}

bool may_operate(Oid user, const store::RunStatus& run) {
    return is_own(user, run) || is_granted(run.flow_id, kMayOperate, user);
}

void require_operate(Oid user, const Uuid& run_id, const store::RunStatus& run, const std::string& what) {
    if (may_operate(user, run)) return;
    denials::report(user, what.c_str(), to_string(run_id), "the role may not operate runs of this flow");
    throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied to " + what + " run " + to_string(run_id),
                    "Members of the flow's owner and of the run's role may " + what +
                        " it, and whom the owner has granted it: flowctl.grant_flow(flow, role, '{operate}').");
}

// For the views.
FLOWCTL_FUNCTION(flowctl_may_read_payload) {
    store::RunStatus run;
    run.flow_id = from_pg(PG_GETARG_UUID_P(0));
    run.flow_owner = PG_GETARG_OID(1);
    run.role = PG_GETARG_OID(2);
    const Oid user = GetUserId();
    PG_RETURN_BOOL(user == PG_GETARG_OID(3) || may_read_payload(user, run));
}

}  // namespace flowctl::pg
