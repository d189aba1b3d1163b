// flowctl_catalog.only_engine_writes(): a statement trigger on the tables that hold flows and rights.
//
// Members of pg_write_all_data may write to every table that a GRANT could open, and a row of
// flowctl_catalog.flow that names a superuser as the owner would make them one. So who writes must have the
// privileges of the table's owner, which the engine's functions act as. The tables that no dump holds are
// closed by row-level security instead (80_grants.sql); these cannot be, because pg_dump of a role without
// BYPASSRLS would fail.
//
// What sessions keep of these tables is taken back by the same trigger (catalog_watch).
//
// Called by triggers that 10_tables.sql makes.
#include <string>

#include "pg/server/bridge.hpp"
#include "pg/server/catalog_watch.hpp"

namespace flowctl::pg {

FLOWCTL_FUNCTION(flowctl_only_engine_writes) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw UserError(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                        "flowctl_catalog.only_engine_writes() can only be called by a trigger");
    const auto& data = *reinterpret_cast<const TriggerData*>(fcinfo->context);
    const Oid owner = data.tg_relation->rd_rel->relowner;
    if (!guarded([&] { return has_privs_of_role(GetUserId(), owner); }))
        throw UserError(
            ERRCODE_INSUFFICIENT_PRIVILEGE,
            "permission denied to write to table " + std::string(RelationGetRelationName(data.tg_relation)),
            "Flows are changed by flowctl.define_flow() and the other functions of pg_flowctl.");
    catalog_watch::changed();
    return PointerGetDatum(nullptr);
}

}  // namespace flowctl::pg
