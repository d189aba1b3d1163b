// Implementation of the dependencies on roles. See role_dependency.hpp.
//
// Any number of rows with one role are one entry in pg_shdepend, of the column that holds the role. Who adds
// a row locks the role against who removes one, until the end of the transaction: so the entry never goes before
// the last row. It goes with the last row, unless a row is being added at that moment; then it is removed later.
// The code that touches the catalog is C in style, in bodies given to guarded().
#include "pg/flows/role_dependency.hpp"

#include "pg/flows/flow_admin.hpp"
#include "pg/flows/role_columns.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/rights/role_ref.hpp"
#include "pg/schedules/flow_schedules.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/quoting.hpp"
#include "pg/server/spi.hpp"
#include "pg/shared/wake.hpp"

extern "C" {
#include "catalog/catalog.h"
#include "catalog/indexing.h"
#include "catalog/pg_shdepend.h"
#include "storage/lmgr.h"
}

namespace flowctl::pg {

namespace {

// A column that holds roles.
struct Place {
    const char* table;
    const char* column;
    Statement remaining;  // a row with this role
    Statement roles;      // that exist
};

#define PLACE(table, column)                                                                                \
    {table,                                                                                                 \
     column,                                                                                                \
     {"SELECT FROM flowctl_catalog." table " WHERE " column "::oid = $1 LIMIT 1", {OIDOID}},                \
     {"SELECT DISTINCT t." column "::oid FROM flowctl_catalog." table                                       \
      " t JOIN pg_catalog.pg_roles r ON r.oid = t." column "::oid",                                         \
      {}}},
Place places[] = {FLOWCTL_ROLE_COLUMNS(PLACE)};
#undef PLACE

Statement delete_author("DELETE FROM flowctl_catalog.author WHERE role::oid = $1", {OIDOID});
Statement delete_grants("DELETE FROM flowctl_catalog.flow_grant WHERE role::oid = $1", {OIDOID});
Statement delete_lease_rules("DELETE FROM flowctl_catalog.lease_rule WHERE role::oid = $1", {OIDOID});
Statement delete_quota("DELETE FROM flowctl_catalog.quota WHERE role::oid = $1", {OIDOID});
Statement delete_limit_grants(R"(
    DELETE FROM flowctl_catalog.limit_grant g
    WHERE g.role::oid = $1
       OR g.limit_id IN (SELECT n.limit_id FROM flowctl_catalog.named_limit n WHERE n.owner::oid = $1))",
                              {OIDOID});
Statement delete_limits("DELETE FROM flowctl_catalog.named_limit WHERE owner::oid = $1", {OIDOID});
Statement reassign_limits("UPDATE flowctl_catalog.named_limit SET owner = $2 WHERE owner::oid = $1",
                          {OIDOID, OIDOID});
Statement delete_activity_grants("DELETE FROM flowctl_catalog.activity_grant WHERE role::oid = $1", {OIDOID});
// A task of an activity that is gone waits for its timeout.
Statement delete_activities(R"(
    WITH gone AS (DELETE FROM flowctl_catalog.activity WHERE owner::oid = $1 RETURNING name)
    DELETE FROM flowctl_catalog.activity_grant g USING gone a WHERE g.activity = a.name)",
                            {OIDOID});
Statement reassign_activities("UPDATE flowctl_catalog.activity SET owner = $2 WHERE owner::oid = $1", {OIDOID, OIDOID});
Statement delete_event_rules("DELETE FROM flowctl_catalog.event_rule WHERE owner::oid = $1", {OIDOID});
Statement reassign_event_rules("UPDATE flowctl_catalog.event_rule SET owner = $2 WHERE owner::oid = $1", {OIDOID, OIDOID});
Statement flows_of("SELECT name FROM flowctl_catalog.flow WHERE owner::oid = $1 ORDER BY name", {OIDOID});
Statement reassign_flows("UPDATE flowctl_catalog.flow SET owner = $2 WHERE owner::oid = $1",
                         {OIDOID, OIDOID});

// ------------------------------------------------------------------------------------------ pg_shdepend

struct Column {
    Oid table;
    AttrNumber number;
};

Column column_of(const Place& place) {
    return guarded([&] {
        const Oid table = get_relname_relid(place.table, get_namespace_oid("flowctl_catalog", false));
        return Column{table, get_attnum(table, place.column)};
    });
}

// Looks for the column's entries for a role, and removes them where asked to.
bool find_entries(Column column, Oid role, bool remove) {
    return guarded([&] {
        bool found = false;
        Relation catalog = table_open(SharedDependRelationId, remove ? RowExclusiveLock : AccessShareLock);
        ScanKeyData key[4];
        ScanKeyInit(&key[0], Anum_pg_shdepend_dbid, BTEqualStrategyNumber, F_OIDEQ,
                    ObjectIdGetDatum(MyDatabaseId));
        ScanKeyInit(&key[1], Anum_pg_shdepend_classid, BTEqualStrategyNumber, F_OIDEQ,
                    ObjectIdGetDatum(RelationRelationId));
        ScanKeyInit(&key[2], Anum_pg_shdepend_objid, BTEqualStrategyNumber, F_OIDEQ,
                    ObjectIdGetDatum(column.table));
        ScanKeyInit(&key[3], Anum_pg_shdepend_objsubid, BTEqualStrategyNumber, F_INT4EQ,
                    Int32GetDatum(column.number));
        SysScanDesc scan = systable_beginscan(catalog, SharedDependDependerIndexId, true, nullptr, 4, key);
        while (HeapTuple tuple = systable_getnext(scan)) {
            auto* entry = reinterpret_cast<Form_pg_shdepend>(GETSTRUCT(tuple));
            if (entry->refclassid != AuthIdRelationId || entry->refobjid != role) continue;
            found = true;
            if (remove) CatalogTupleDelete(catalog, &tuple->t_self);
        }
        systable_endscan(scan);
        table_close(catalog, remove ? RowExclusiveLock : AccessShareLock);
        if (found && remove) CommandCounterIncrement();
        return found;
    });
}

void insert_entry(Column column, Oid role) {
    guarded([&] {
        Datum values[Natts_pg_shdepend] = {};
        bool nulls[Natts_pg_shdepend] = {};
        values[Anum_pg_shdepend_dbid - 1] = ObjectIdGetDatum(MyDatabaseId);
        values[Anum_pg_shdepend_classid - 1] = ObjectIdGetDatum(RelationRelationId);
        values[Anum_pg_shdepend_objid - 1] = ObjectIdGetDatum(column.table);
        values[Anum_pg_shdepend_objsubid - 1] = Int32GetDatum(column.number);
        values[Anum_pg_shdepend_refclassid - 1] = ObjectIdGetDatum(AuthIdRelationId);
        values[Anum_pg_shdepend_refobjid - 1] = ObjectIdGetDatum(role);
        values[Anum_pg_shdepend_deptype - 1] = CharGetDatum(SHARED_DEPENDENCY_ACL);
        Relation catalog = table_open(SharedDependRelationId, RowExclusiveLock);
        HeapTuple tuple = heap_form_tuple(RelationGetDescr(catalog), values, nulls);
        CatalogTupleInsert(catalog, tuple);
        table_close(catalog, RowExclusiveLock);
        CommandCounterIncrement();
    });
}

// The bootstrap superuser cannot be dropped.
bool is_pinned(Oid role) {
    return guarded([&] { return IsPinnedObject(AuthIdRelationId, role); });
}

void add(Column column, Oid role) {
    const bool exists = guarded([&] {
        LockSharedObject(AuthIdRelationId, role, 0, ShareLock);
        return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role));
    });
    if (!exists)
        throw UserError(ERRCODE_UNDEFINED_OBJECT, "role with OID " + std::to_string(role) + " does not exist",
                        "A right on a flow belongs to a role; name one that there is.");
    if (!is_pinned(role) && !find_entries(column, role, false)) insert_entry(column, role);
}

// Waits for those who add rows with the role, and keeps them out.
void lock_against_add(Oid role) {
    guarded([&] { LockSharedObject(AuthIdRelationId, role, 0, ExclusiveLock); });
}

bool has_rows(Spi& spi, Place& place, Oid role) {
    guarded([] { CommandCounterIncrement(); });  // this statement's own changes count
    return spi.run_latest(place.remaining, std::move(Params().oid(role))).size() != 0;
}

// The same, but waits for a moment only. False: a transaction that adds such a row is still open.
bool lock_against_add_soon(Oid role) {
    constexpr int kTries = 20;
    constexpr long kBetweenTries = 10'000;  // microseconds
    return guarded([&] {
        LOCKTAG tag;
        SET_LOCKTAG_OBJECT(tag, InvalidOid, AuthIdRelationId, role, 0);
        for (int tries = 0;; tries++) {
            if (LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL) {
                AcceptInvalidationMessages();
                return true;
            }
            if (tries == kTries) return false;
            CHECK_FOR_INTERRUPTS();
            pg_usleep(kBetweenTries);
        }
    });
}

// Whoever takes a right away must not wait for somebody who leaves a grant of it uncommitted: the entry stays
// then, and forget_superfluous() removes it once it has no rows.
void remove_if_last(Place& place, Column column, Oid role) {
    if (is_pinned(role) || !lock_against_add_soon(role)) return;
    Spi spi;
    if (!has_rows(spi, place, role)) find_entries(column, role, true);
}

Statement roles_with_entries(R"(
    SELECT DISTINCT d.refobjid FROM pg_catalog.pg_shdepend d
    WHERE d.dbid = (SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname = pg_catalog.current_database())
      AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = $1 AND d.objsubid = $2
      AND d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass)",
                             {OIDOID, INT4OID});

// ------------------------------------------------------------------------------------------ DROP OWNED

Oid role_of(void* spec) {
    return guarded([&] { return get_rolespec_oid(static_cast<RoleSpec*>(spec), true); });
}

void drop_owned_by(Oid role) {
    // A role may drop what it owns, but not what restrains it.
    const bool may_drop_quota = is_administrator();
    const AsExtensionOwner owner;
    Spi spi;
    spi.run(delete_author, std::move(Params().oid(role)));
    spi.run(delete_grants, std::move(Params().oid(role)));
    spi.run(delete_lease_rules, std::move(Params().oid(role)));
    spi.run(delete_limit_grants, std::move(Params().oid(role)));
    if (may_drop_quota) spi.run(delete_quota, std::move(Params().oid(role)));
    spi.run(delete_limits, std::move(Params().oid(role)));
    spi.run(delete_activity_grants, std::move(Params().oid(role)));
    spi.run(delete_event_rules, std::move(Params().oid(role)));
    spi.run(delete_activities, std::move(Params().oid(role)));
    schedules::drop_schedules_of(spi, role);
    std::vector<std::string> names;
    {
        const Rows rows = spi.run(flows_of, std::move(Params().oid(role)));
        for (std::size_t i = 0; i < rows.size(); i++)
            names.push_back(rows.text(i, 0));
    }
    for (const std::string& name : names)
        if (const auto flow = find_flow_by_name(spi, name, FlowLock::Update)) remove_flow(spi, *flow);
    // Runs that wait at a limit that is gone need not wait any more.
    wake::note_poke();
    // Rows that this transaction's snapshot is too old to see.
    for (Place& place : places)
        if (has_rows(spi, place, role)) add(column_of(place), role);
}

}  // namespace

namespace role_dependency {

void release(List* roles) {
    const Oid user = GetUserId();
    ListCell* cell;
    foreach (cell, roles) {
        const Oid role = role_of(lfirst(cell));
        if (!acts_for(user, role)) continue;
        lock_against_add(role);
        for (const Place& place : places)
            find_entries(column_of(place), role, true);
    }
}

void drop_owned(List* roles) {
    ListCell* cell;
    foreach (cell, roles)
        drop_owned_by(role_of(lfirst(cell)));
}

void reassign_owned(List* roles, RoleSpec* new_owner) {
    const Oid to = role_of(new_owner);
    ListCell* cell;
    foreach (cell, roles) {
        const Oid from = role_of(lfirst(cell));
        const AsExtensionOwner owner;
        Spi spi;
        spi.run(reassign_flows, std::move(Params().oid(from).oid(to)));
        spi.run(reassign_limits, std::move(Params().oid(from).oid(to)));
        spi.run(reassign_activities, std::move(Params().oid(from).oid(to)));
        schedules::reassign_schedules(spi, from, to);
        spi.run(reassign_event_rules, std::move(Params().oid(from).oid(to)));
    }
}

void check_reassign(List* roles, RoleSpec* new_owner) {
    const Oid user = GetUserId(), to = role_of(new_owner);
    if (!OidIsValid(to) || !guarded([&] { return superuser_arg(to); })) return;
    ListCell* cell;
    foreach (cell, roles) {
        const Oid from = role_of(lfirst(cell));
        if (!acts_for(user, from) || guarded([&] { return superuser_arg(from); })) continue;
        const AsExtensionOwner owner;
        Spi spi;
        const Rows flows = spi.run(flows_of, std::move(Params().oid(from)));
        if (flows.size() == 0) continue;
        std::string names;
        for (std::size_t i = 0; i < flows.size(); i++)
            names += (i == 0 ? "Flows: " : ", ") + flows.text(i, 0);
        throw UserError(ERRCODE_OBJECT_IN_USE,
                        "cannot reassign flows of role " + in_quotes(role_name(from)) + " to superuser " +
                            in_quotes(role_name(to)),
                        "Their runs would act as a superuser, and those who may start them would decide when. "
                        "Give the flows to an ordinary role with flowctl.alter_flow_owner(), or drop them with "
                        "flowctl.drop_flow(), and then reassign the rest.",
                        names + ".");
    }
}

void record_missing() {
    for (Place& place : places) {
        const Column column = column_of(place);
        std::vector<Oid> roles;
        {
            Spi spi;
            const Rows rows = spi.run(place.roles);
            for (std::size_t i = 0; i < rows.size(); i++)
                roles.push_back(rows.oid(i, 0));
        }
        for (const Oid role : roles) {
            if (is_pinned(role) || find_entries(column, role, false)) continue;
            // If the entry has gone since the rows were read, the last row has gone with it.
            guarded([&] { LockSharedObject(AuthIdRelationId, role, 0, ShareLock); });
            Spi spi;
            if (has_rows(spi, place, role)) add(column, role);
        }
    }
}

void forget_superfluous(List* roles) {
    ListCell* cell;
    foreach (cell, roles) {
        const Oid role = role_of(lfirst(cell));
        if (!OidIsValid(role)) continue;
        const AsExtensionOwner owner;
        for (Place& place : places)
            if (const Column column = column_of(place); find_entries(column, role, false))
                remove_if_last(place, column, role);
    }
}

void forget_superfluous() {
    for (Place& place : places) {
        const Column column = column_of(place);
        std::vector<Oid> roles;
        {
            Spi spi;
            const Rows rows = spi.run(roles_with_entries,
                                      std::move(Params().oid(column.table).int4(column.number)));
            for (std::size_t i = 0; i < rows.size(); i++)
                roles.push_back(rows.oid(i, 0));
        }
        for (const Oid role : roles) {
            Spi spi;
            if (!has_rows(spi, place, role)) remove_if_last(place, column, role);
        }
    }
}

}  // namespace role_dependency

namespace {

Place& place_of(const TriggerData& data) {
    for (Place& place : places)
        if (strcmp(place.table, RelationGetRelationName(data.tg_relation)) == 0) return place;
    throw UserError(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                    "flowctl_catalog.depend_on_role() is for the tables of pg_flowctl");
}

RoleRef role_in(HeapTuple tuple, const TriggerData& data, Column column) {
    bool is_null = false;
    Datum value = heap_getattr(tuple, column.number, RelationGetDescr(data.tg_relation), &is_null);
    return *reinterpret_cast<const RoleRef*>(DatumGetPointer(value));
}

// A dump was restored that names a role which this server does not have.
void warn(const TriggerData& data, const RoleRef& missing) {
    guarded([&] {
        ereport(WARNING, (errcode(ERRCODE_UNDEFINED_OBJECT),
                          errmsg("role \"%s\", which a row of table %s.%s names, does not exist", NameStr(missing.name),
                                 "flowctl_catalog", RelationGetRelationName(data.tg_relation)),
                          errhint("The row is kept without effect. The view flowctl.unresolved lists such rows, and "
                                  "flowctl.resolve_roles() says which role is meant.")));
    });
}

}  // namespace

// Trigger function of the tables flow, flow_grant, author, lease_rule, limit_grant, quota and others.
FLOWCTL_FUNCTION(flowctl_depend_on_role) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw UserError(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                        "flowctl_catalog.depend_on_role() can only be called by a trigger");
    const auto& data = *reinterpret_cast<const TriggerData*>(fcinfo->context);
    if (!TRIGGER_FIRED_AFTER(data.tg_event) || !TRIGGER_FIRED_FOR_ROW(data.tg_event))
        throw UserError(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                        "flowctl_catalog.depend_on_role() must be fired AFTER the change, FOR EACH ROW");
    Place& place = place_of(data);
    const Column column = column_of(place);
    const bool update = TRIGGER_FIRED_BY_UPDATE(data.tg_event);
    Oid old_role = InvalidOid, new_role = InvalidOid;
    if (!TRIGGER_FIRED_BY_INSERT(data.tg_event)) old_role = role_in(data.tg_trigtuple, data, column).role;
    if (!TRIGGER_FIRED_BY_DELETE(data.tg_event)) {
        const RoleRef now = role_in(update ? data.tg_newtuple : data.tg_trigtuple, data, column);
        new_role = now.role;
        if (!OidIsValid(new_role)) warn(data, now);
    }
    if (old_role == new_role) return PointerGetDatum(nullptr);
    if (OidIsValid(new_role)) add(column, new_role);
    if (OidIsValid(old_role)) remove_if_last(place, column, old_role);
    return PointerGetDatum(nullptr);
}

}  // namespace flowctl::pg
