// Who may write to the extension's relations and lock them. See table_guard.hpp.
//
// The hooks are C in style: they call the server directly, so nothing with a destructor is alive in them.
#include "pg/rights/table_guard.hpp"

#include <string>

#include "pg/server/catalog_watch.hpp"

extern "C" {
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_rewrite.h"
#include "rewrite/rewriteSupport.h"
}

namespace flowctl::pg {

namespace {

constexpr const char* kHint =
    "Only the engine writes here. The functions of schema flowctl change flows and rights.";

struct Names {
    Oid schema = InvalidOid;
    Oid owner = InvalidOid;
    char kind = 0;
};

Names names_of(Oid relation) {
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple)) return {};
    const auto* row = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
    const Names names{row->relnamespace, row->relowner, row->relkind};
    ReleaseSysCache(tuple);
    return names;
}

// Most relations stand in other schemas, and one look-up tells.
bool is_our_schema(Oid schema) {
    HeapTuple tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
    if (!HeapTupleIsValid(tuple)) return false;
    const char* const name = NameStr(reinterpret_cast<Form_pg_namespace>(GETSTRUCT(tuple))->nspname);
    const bool ours = strcmp(name, "flowctl_catalog") == 0 || strcmp(name, "flowctl") == 0;
    ReleaseSysCache(tuple);
    return ours;
}

// Somebody else's schema may have the name where the extension is not installed.
bool is_member(Oid relation) {
    const Oid extension = getExtensionOfObject(RelationRelationId, relation);
    return OidIsValid(extension) && extension == get_extension_oid("pg_flowctl", true);
}

// Whether the current role must leave the relation alone.
bool is_closed(Oid relation) {
    const Names names = names_of(relation);
    if (!OidIsValid(names.schema) || !is_our_schema(names.schema)) return false;
    return !has_privs_of_role(GetUserId(), names.owner) && is_member(relation);
}

void refuse(Oid relation, const char* what, const char* hint) {
    ereport(ERROR,
            (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
             errmsg("permission denied to %s %s %s", what,
                    get_rel_relkind(relation) == RELKIND_VIEW ? "view" : "table", get_rel_name(relation)),
             errhint("%s", hint)));
}

bool check_permissions(List* wanted, bool may_raise) {
    constexpr AclMode kWrites = ACL_INSERT | ACL_UPDATE | ACL_DELETE | ACL_TRUNCATE;
    ListCell* cell;
    foreach (cell, wanted) {
        const auto* permission = static_cast<WantedPermission*>(lfirst(cell));
        if ((permission->requiredPerms & kWrites) == 0 || !OidIsValid(permission->relid)) continue;
        if (!is_closed(permission->relid)) continue;
        if (may_raise) refuse(permission->relid, "write to", kHint);
        return false;
    }
    return true;
}

// ------------------------------------------------------------------------------------------ LOCK TABLE

// The relation itself, or one that a view rests on: LOCK TABLE locks them all. `seen` has the views on the way, so
// that views which refer to each other come to an end.
Oid find_closed(Oid relation, List** seen) {
    check_stack_depth();
    if (is_closed(relation)) return relation;
    if (get_rel_relkind(relation) != RELKIND_VIEW || list_member_oid(*seen, relation)) return InvalidOid;
    *seen = lappend_oid(*seen, relation);
    Oid found = InvalidOid;
    Relation dependencies = table_open(DependRelationId, AccessShareLock);
    ScanKeyData key[2];
    ScanKeyInit(&key[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(RewriteRelationId));
    ScanKeyInit(&key[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(get_rewrite_oid(relation, ViewSelectRuleName, false)));
    SysScanDesc scan = systable_beginscan(dependencies, DependDependerIndexId, true, nullptr, 2, key);
    while (HeapTuple tuple = systable_getnext(scan)) {
        const auto* row = reinterpret_cast<Form_pg_depend>(GETSTRUCT(tuple));
        if (row->refclassid == RelationRelationId && row->refobjid != relation)
            found = find_closed(row->refobjid, seen);
        if (OidIsValid(found)) break;
    }
    systable_endscan(scan);
    table_close(dependencies, AccessShareLock);
    return found;
}

}  // namespace

namespace table_guard {

bool is_of_engine(Oid relation) {
    const Names names = names_of(relation);
    return OidIsValid(names.schema) && is_our_schema(names.schema) && is_member(relation);
}

void install_at_load() {
    install_permission_check(check_permissions);
}

void check_lock(const LockStmt* statement) {
    // Every query takes an ACCESS SHARE lock, so whoever may read may take one.
    if (statement->mode <= AccessShareLock || superuser()) return;
    ListCell* cell;
    foreach (cell, statement->relations) {
        const Oid relation = RangeVarGetRelid(static_cast<RangeVar*>(lfirst(cell)), NoLock, true);
        if (!OidIsValid(relation)) continue;
        List* seen = NIL;
        const Oid closed = find_closed(relation, &seen);
        if (OidIsValid(closed))
            refuse(closed, "lock",
                   "The only mode that roles without the engine's privileges may use is ACCESS SHARE.");
    }
}

bool keeps_triggers(const AlterTableStmt* statement) {
    ListCell* cell;
    foreach (cell, statement->cmds) {
        switch (static_cast<AlterTableCmd*>(lfirst(cell))->subtype) {
            case AT_DisableTrigAll:
            case AT_DisableTrigUser:
            case AT_EnableTrigAll:
            case AT_EnableTrigUser:
                break;
            default:
                return false;
        }
    }
    const Oid relation = RangeVarGetRelid(statement->relation, NoLock, true);
    if (!OidIsValid(relation)) return false;
    const Names names = names_of(relation);
    if (names.kind != RELKIND_RELATION && names.kind != RELKIND_PARTITIONED_TABLE) return false;
    if (!is_our_schema(names.schema) || !has_privs_of_role(GetUserId(), names.owner)) return false;
    const Oid extension = getExtensionOfObject(RelationRelationId, relation);
    if (!OidIsValid(extension) || extension != get_extension_oid("pg_flowctl", true)) return false;
    ereport(NOTICE,
            (errmsg("the triggers of table %s stay as they are", get_rel_name(relation)),
             errdetail("They keep the rights of roles and leave out rows that come by replication.")));
    return true;
}

}  // namespace table_guard

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
            kHint);
    // Sessions keep what they have read of these tables, and look again after this.
    catalog_watch::changed();
    return PointerGetDatum(nullptr);
}

}  // namespace flowctl::pg
