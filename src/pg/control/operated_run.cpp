// Finding runs. See operated_run.hpp.
#include "pg/control/operated_run.hpp"

#include <optional>

#include "pg/rights/run_rights.hpp"
#include "pg/server/acting_role.hpp"

namespace flowctl::pg {

void no_such_run(const Uuid& id) {
    throw UserError(ERRCODE_UNDEFINED_OBJECT, "run " + to_string(id) + " does not exist",
                    "The view flowctl.runs lists the runs that you may see.");
}

store::RunStatus find_visible_run(const Uuid& id, Oid user) {
    std::optional<store::RunStatus> run;
    {
        const AsExtensionOwner owner;
        Spi spi;
        run = store::find_status(spi, id);
    }
    if (!run || !may_see(user, *run)) no_such_run(id);
    return *run;
}

store::OperatedRun get_operated(Spi& spi, const Uuid& id, Oid user, const std::string& kind) {
    const std::optional<store::OperatedRun> run = store::find_operated(spi, id, kind);
    if (!run || !may_see(user, *run)) no_such_run(id);
    require_operate(user, id, *run, kind);
    return *run;
}

}  // namespace flowctl::pg
