// Implementation of run_rights.hpp.
#include "pg/rights/run_rights.hpp"

#include "pg/rights/denials.hpp"
#include "pg/rights/flow_grants.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/catalog_watch.hpp"

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

namespace {

// The last answer. The views ask for each payload of each row, and the rows of one flow stand together.
struct LastAnswer {
    Uuid flow_id{};
    Oid flow_owner = InvalidOid, role = InvalidOid, user = InvalidOid;
    std::uint64_t generation = 0;
    bool may = false;
};
LastAnswer last_answer;

}  // namespace

// For the views.
FLOWCTL_FUNCTION(flowctl_may_read_payload) {
    store::RunStatus run;
    run.flow_id = from_pg(PG_GETARG_UUID_P(0));
    run.flow_owner = PG_GETARG_OID(1);
    run.role = PG_GETARG_OID(2);
    const Oid user = GetUserId();
    if (user == PG_GETARG_OID(3)) PG_RETURN_BOOL(true);
    // A transaction that sees the tables as they were when it began keeps nothing.
    if (IsolationUsesXactSnapshot()) PG_RETURN_BOOL(may_read_payload(user, run));
    const std::uint64_t generation = catalog_watch::generation();
    LastAnswer& last = last_answer;
    if (last.generation != generation || last.user != user || last.flow_id != run.flow_id ||
        last.flow_owner != run.flow_owner || last.role != run.role)
        last = {run.flow_id, run.flow_owner, run.role, user, generation, may_read_payload(user, run)};
    PG_RETURN_BOOL(last.may);
}

}  // namespace flowctl::pg
