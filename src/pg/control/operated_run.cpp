// Rights on runs. See operated_run.hpp.
#include "pg/control/operated_run.hpp"

#include "pg/rights/flow_rights.hpp"

namespace flowctl::pg::control {

void no_such_run(const Uuid& id) {
    throw UserError(ERRCODE_UNDEFINED_OBJECT, "run " + to_string(id) + " does not exist",
                    "The view flowctl.runs lists the runs that you may see.");
}

Uuid run_id_argument(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(0))
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "run_id must not be null",
                        "Pass the uuid that flowctl.start() returned.");
    return from_pg(PG_GETARG_UUID_P(0));
}

bool may_see(Oid user, const store::RunStatus& run) {
    return acts_for(user, run.flow_owner) || acts_for(user, run.role) || user == run.starter ||
           acts_for(user, ROLE_PG_READ_ALL_DATA);
}

bool may_operate(Oid user, const store::RunStatus& run) {
    return acts_for(user, run.flow_owner) || acts_for(user, run.role);
}

store::OperatedRun get_operated(Spi& spi, const Uuid& id, Oid user, const std::string& kind) {
    const std::optional<store::OperatedRun> run = store::find_operated(spi, id, kind);
    if (!run || !may_see(user, *run)) no_such_run(id);
    if (!may_operate(user, *run))
        throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                        "permission denied to " + kind + " run " + to_string(id),
                        "Members of the flow's owner and of the run's role may " + kind + " it.");
    return *run;
}

}  // namespace flowctl::pg::control
