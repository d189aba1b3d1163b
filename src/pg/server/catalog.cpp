// Looking up the engine's tables and columns. See catalog.hpp.
#include "pg/server/catalog.hpp"

namespace flowctl::pg {

Oid table_oid(const char* name) {
    const Oid table = get_relname_relid(name, get_namespace_oid("flowctl_catalog", false));
    if (!OidIsValid(table))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table flowctl_catalog.%s does not exist", name),
                 errhint("Install the extension again, or update it.")));
    return table;
}

AttrNumber column_number(TupleDesc shape, const char* column, AttrNumber last) {
    for (int i = 0; i < shape->natts; i++) {
        Form_pg_attribute attribute = TupleDescAttr(shape, (last + i) % shape->natts);
        if (!attribute->attisdropped && strcmp(NameStr(attribute->attname), column) == 0)
            return attribute->attnum;
    }
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                    errmsg("column \"%s\" of the engine's tables does not exist", column),
                    errhint("Run ALTER EXTENSION pg_flowctl UPDATE.")));
    return InvalidAttrNumber;
}

bool has_firing_triggers(Relation table) noexcept {
    if (table->trigdesc == nullptr) return false;
    const bool replica = SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA;
    for (int i = 0; i < table->trigdesc->numtriggers; i++) {
        const char enabled = table->trigdesc->triggers[i].tgenabled;
        if (enabled == TRIGGER_FIRES_ALWAYS ||
            enabled == (replica ? TRIGGER_FIRES_ON_REPLICA : TRIGGER_FIRES_ON_ORIGIN))
            return true;
    }
    return false;
}

}  // namespace flowctl::pg
