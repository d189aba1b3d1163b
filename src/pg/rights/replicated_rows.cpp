// flowctl_catalog.leave_out_replicated(): a row trigger on all of the engine's tables, for
// session_replication_role replica alone.
//
// A publication FOR ALL TABLES carries the engine's tables, too. If their rows came into a subscriber that
// has the extension, its worker would make the publisher's calls a second time, and its own writes would then
// be in the way of the apply worker for ever. So rows that come by replication are left out; what a
// subscription's worker does is not worth a message, but a person who has set session_replication_role, to
// load a dump for example, is told.
#include "pg/server/acting_role.hpp"
#include "pg/server/bridge.hpp"

extern "C" {
#include "replication/logicalworker.h"
}

namespace flowctl::pg {

FLOWCTL_FUNCTION(flowctl_leave_out_replicated) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw UserError(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                        "flowctl_catalog.leave_out_replicated() can only be called by a trigger");
    const auto& data = *reinterpret_cast<const TriggerData*>(fcinfo->context);
    if (!TRIGGER_FIRED_BEFORE(data.tg_event) || !TRIGGER_FIRED_FOR_ROW(data.tg_event))
        throw UserError(
            ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
            "flowctl_catalog.leave_out_replicated() must be fired BEFORE the change, FOR EACH ROW");
    // A session in this role may call our functions, and a replicated row of a user's table may start a flow.
    if (is_acting_as_extension_owner() || SessionReplicationRole != SESSION_REPLICATION_ROLE_REPLICA)
        return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(data.tg_event) ? data.tg_newtuple : data.tg_trigtuple);
    // Once a transaction, since there may be many rows.
    static LocalTransactionId told = InvalidLocalTransactionId;
    if (!IsLogicalWorker() && told != local_transaction()) {
        told = local_transaction();
        const char* const table = RelationGetRelationName(data.tg_relation);
        guarded([&] {
            ereport(WARNING,
                    (errmsg("changes of table flowctl_catalog.%s are left out", table),
                     errdetail("session_replication_role is replica, and rows of pg_flowctl that come by "
                               "replication are not kept."),
                     errhint("SET session_replication_role = origin to load rows that were dumped.")));
        });
    }
    return PointerGetDatum(nullptr);
}

}  // namespace flowctl::pg
