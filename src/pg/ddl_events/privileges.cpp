// Implementation of privileges.hpp.
//
// The privileges of an object are compared as the server understands them: where a row has no list, its owner and
// PUBLIC have what acldefault() says. So a new owner is seen as one who has got the owner's privileges. A new object
// begins with the default, so that only what ALTER DEFAULT PRIVILEGES has added or taken is an event. An object that is
// dropped takes nothing away from anybody.
#include "pg/ddl_events/privileges.hpp"

#include <algorithm>
#include <set>

#include "pg/ddl_events/acl_text.hpp"

extern "C" {
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_conversion.h"
#include "catalog/pg_default_acl.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_language.h"
#include "catalog/pg_largeobject.h"
#include "catalog/pg_largeobject_metadata.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_parameter_acl.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_subscription.h"
#include "catalog/pg_tablespace.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_ts_dict.h"
}

namespace flowctl::pg::ddl_events {

namespace {

constexpr AttrNumber kOid = 1;  // the first column of all these catalogs but pg_attribute

ObjectType type_of(Oid catalog, const ChangedRows& rows, HeapTuple row) {
    switch (catalog) {
        case RelationRelationId:
            return rows.letter(row, Anum_pg_class_relkind) == RELKIND_SEQUENCE ? OBJECT_SEQUENCE : OBJECT_TABLE;
        case ProcedureRelationId: return OBJECT_FUNCTION;
        case NamespaceRelationId: return OBJECT_SCHEMA;
        case DatabaseRelationId: return OBJECT_DATABASE;
        case TableSpaceRelationId: return OBJECT_TABLESPACE;
        case TypeRelationId: return OBJECT_TYPE;
        case LanguageRelationId: return OBJECT_LANGUAGE;
        case ForeignDataWrapperRelationId: return OBJECT_FDW;
        case ForeignServerRelationId: return OBJECT_FOREIGN_SERVER;
        case LargeObjectMetadataRelationId: return OBJECT_LARGEOBJECT;
        case ParameterAclRelationId: return OBJECT_PARAMETER_ACL;
        default: return OBJECT_COLUMN;
    }
}

// Rows that follow another one: an index, the type of a table, an array.
bool follows_another(Oid catalog, const ChangedRows& rows, HeapTuple row) {
    if (catalog == RelationRelationId) {
        const char kind = rows.letter(row, Anum_pg_class_relkind);
        return kind == RELKIND_INDEX || kind == RELKIND_PARTITIONED_INDEX || kind == RELKIND_TOASTVALUE ||
               kind == RELKIND_COMPOSITE_TYPE;
    }
    if (catalog != TypeRelationId) return false;
    if (rows.letter(row, Anum_pg_type_typcategory) == TYPCATEGORY_ARRAY) return true;
    const Oid relation = rows.oid(row, Anum_pg_type_typrelid);
    return OidIsValid(relation) && guarded([&] { return get_rel_relkind(relation) != RELKIND_COMPOSITE_TYPE; });
}

const Acl* acl_of(const ChangedRows& rows, HeapTuple row, AttrNumber column) {
    if (rows.is_null(row, column)) return nullptr;
    const Datum value = rows.get(row, column);
    return guarded([&] { return DatumGetAclPCopy(value); });
}

Granted granted_in(const AclEntries& entries, const Grant& grant) {
    const auto found = entries.find(grant);
    return found == entries.end() ? Granted{} : found->second;
}

std::string grantee_name(const Observed& command, Oid role) {
    return OidIsValid(role) ? command.name_of_role(role) : "PUBLIC";
}

struct Object {
    ObjectText text;
    std::optional<std::string> column;
};

void report_grant(const Observed& command, const Object& object, const Grant& grant, const Granted& before,
                  const Granted& after) {
    const auto report = [&](const char* type, const Granted& less, const Granted& more) {
        const AclMode privileges = more.privileges & ~less.privileges;
        const AclMode options = more.grantable & ~less.grantable;
        if (privileges == 0 && options == 0) return;
        command.record(type, object.text.identity,
                       json::ObjectBuilder()
                           .add("object", object.text.json)
                           .add("column", text_or_null(object.column))
                           .add("grantor", std::string_view(command.name_of_role(grant.first)))
                           .add("grantee", std::string_view(grantee_name(command, grant.second)))
                           .add("privileges", names_of(privileges | options))
                           .add("grant_option", names_of(options))
                           .add("before", names_of(before))
                           .add("after", names_of(after)));
    };
    report("permission.revoked", after, before);
    report("permission.granted", before, after);
}

void report_acl(const Observed& command, const Object& object, const AclEntries& before, const AclEntries& after) {
    std::set<Grant> grants;
    for (const auto& [grant, granted] : before)
        grants.insert(grant);
    for (const auto& [grant, granted] : after)
        grants.insert(grant);
    for (const Grant& grant : grants)
        report_grant(command, object, grant, granted_in(before, grant), granted_in(after, grant));
}

void report_columns(const Observed& command) {
    const ChangedRows rows(AttributeRelationId, command.ids, {Anum_pg_attribute_attrelid, Anum_pg_attribute_attnum});
    for (const RowChange& change : rows.changes()) {
        if (change.after == nullptr) continue;
        const Acl* const after = acl_of(rows, change.after, Anum_pg_attribute_attacl);
        const Acl* const before =
            change.before == nullptr ? nullptr : acl_of(rows, change.before, Anum_pg_attribute_attacl);
        if (after == nullptr && before == nullptr) continue;
        const Oid relation = rows.oid(change.after, Anum_pg_attribute_attrelid);
        auto text = describe({RelationRelationId, relation, 0});
        if (!text) continue;
        const Object object{std::move(*text), rows.name(change.after, Anum_pg_attribute_attname)};
        report_acl(command, object, entries_of(before, OBJECT_COLUMN, InvalidOid),
                   entries_of(after, OBJECT_COLUMN, InvalidOid));
    }
}

struct AclColumns {
    AttrNumber owner, acl;
};

AclColumns columns_of(Oid catalog) {
    if (catalog == ParameterAclRelationId) return {InvalidAttrNumber, Anum_pg_parameter_acl_paracl};
    if (catalog == LargeObjectMetadataRelationId)
        return {Anum_pg_largeobject_metadata_lomowner, Anum_pg_largeobject_metadata_lomacl};
    return guarded([&]() -> AclColumns { return {get_object_attnum_owner(catalog), get_object_attnum_acl(catalog)}; });
}

void report_catalog(const Observed& command, Oid catalog) {
    const auto [owner_column, acl_column] = columns_of(catalog);
    const ChangedRows rows(catalog, command.ids, {kOid});
    const auto owner_of = [&](HeapTuple row) {
        return owner_column == InvalidAttrNumber ? static_cast<Oid>(BOOTSTRAP_SUPERUSERID)
                                                 : rows.oid(row, owner_column);
    };
    for (const RowChange& change : rows.changes()) {
        const bool is_parameter = catalog == ParameterAclRelationId;  // without a row, it has the default
        HeapTuple const some = change.after != nullptr ? change.after : change.before;
        if ((change.after == nullptr && !is_parameter) || follows_another(catalog, rows, some)) continue;
        const Oid oid = rows.oid(some, kOid);
        std::optional<ObjectText> text;
        if (is_parameter) {
            const std::string name = from_text(rows.get(some, Anum_pg_parameter_acl_parname));
            text = ObjectText{name, "",
                              json::ObjectBuilder()
                                  .add("type", "parameter")
                                  .add("schema", json::Value())
                                  .add("name", std::string_view(name))
                                  .add("identity", std::string_view(name))
                                  .build()};
        } else {
            text = describe({catalog == LargeObjectMetadataRelationId ? static_cast<Oid>(LargeObjectRelationId) : catalog,
                             oid, 0});
        }
        if (!text || text->schema == "flowctl_catalog") continue;
        const Oid owner_after = owner_of(some);
        const Oid owner_before = change.before != nullptr ? owner_of(change.before) : owner_after;
        if (owner_before != owner_after)
            command.record("owner.changed", text->identity,
                           json::ObjectBuilder()
                               .add("object", text->json)
                               .add("before", std::string_view(command.name_of_role(owner_before)))
                               .add("after", std::string_view(command.name_of_role(owner_after))));
        if (acl_column == InvalidAttrNumber) continue;
        const ObjectType type = type_of(catalog, rows, some);
        const auto entries = [&](HeapTuple row, Oid owner) {
            return entries_of(row == nullptr ? nullptr : acl_of(rows, row, acl_column), type, owner);
        };
        report_acl(command, {*text, std::nullopt}, entries(change.before, owner_before),
                   entries(change.after, owner_after));
    }
}

Oid catalog_of_grant(ObjectType type) {
    switch (type) {
        case OBJECT_DATABASE: return DatabaseRelationId;
        case OBJECT_DOMAIN:
        case OBJECT_TYPE: return TypeRelationId;
        case OBJECT_FDW: return ForeignDataWrapperRelationId;
        case OBJECT_FOREIGN_SERVER: return ForeignServerRelationId;
        case OBJECT_FUNCTION:
        case OBJECT_PROCEDURE:
        case OBJECT_ROUTINE: return ProcedureRelationId;
        case OBJECT_LANGUAGE: return LanguageRelationId;
        case OBJECT_LARGEOBJECT: return LargeObjectMetadataRelationId;
        case OBJECT_SCHEMA: return NamespaceRelationId;
        case OBJECT_TABLESPACE: return TableSpaceRelationId;
        case OBJECT_PARAMETER_ACL: return ParameterAclRelationId;
        default: return RelationRelationId;
    }
}

json::Value acl_json(const Observed& command, const AclEntries& entries) {
    std::vector<json::Value> list;
    for (const auto& [grant, granted] : entries)
        list.push_back(json::ObjectBuilder()
                           .add("grantor", std::string_view(command.name_of_role(grant.first)))
                           .add("grantee", std::string_view(grantee_name(command, grant.second)))
                           .add("privileges", names_of(granted))
                           .build());
    return json::Value::array(std::move(list));
}

}  // namespace

std::vector<Oid> catalogs_with_acl(AclScope scope, ObjectType of_grant) {
    const std::vector<Oid> others = {
        NamespaceRelationId,     ProcedureRelationId,          TypeRelationId,
        DatabaseRelationId,      TableSpaceRelationId,         LanguageRelationId,
        ForeignServerRelationId, ForeignDataWrapperRelationId, LargeObjectMetadataRelationId,
        OperatorRelationId,      OperatorClassRelationId,      OperatorFamilyRelationId,
        CollationRelationId,     ConversionRelationId,         StatisticExtRelationId,
        TSDictionaryRelationId,  TSConfigRelationId,           PublicationRelationId,
        SubscriptionRelationId,  EventTriggerRelationId,
    };
    std::vector<Oid> all = {RelationRelationId, AttributeRelationId, ParameterAclRelationId};
    switch (scope) {
        case AclScope::Relations: return {RelationRelationId, AttributeRelationId};
        case AclScope::Functions: return {ProcedureRelationId};
        case AclScope::Schemas: return {NamespaceRelationId, RelationRelationId};
        case AclScope::Types: return {TypeRelationId, ProcedureRelationId};
        case AclScope::OfGrant:
            if (catalog_of_grant(of_grant) == RelationRelationId) return {RelationRelationId, AttributeRelationId};
            return {catalog_of_grant(of_grant)};
        case AclScope::Others: return others;
        case AclScope::All: break;
    }
    all.insert(all.end(), others.begin(), others.end());
    return all;
}

void report_privileges(const Observed& command, const std::vector<Oid>& catalogs) {
    for (const Oid catalog : catalogs)
        catalog == AttributeRelationId ? report_columns(command) : report_catalog(command, catalog);
}

void report_default_privileges(const Observed& command) {
    const ChangedRows rows(DefaultAclRelationId, command.ids, {Anum_pg_default_acl_oid});
    for (const RowChange& change : rows.changes()) {
        HeapTuple const some = change.after != nullptr ? change.after : change.before;
        const Oid role = rows.oid(some, Anum_pg_default_acl_defaclrole);
        const Oid schema = rows.oid(some, Anum_pg_default_acl_defaclnamespace);
        struct Kind {
            const char* name;
            ObjectType type;
        };
        const auto kind = [&]() -> Kind {
            switch (rows.letter(some, Anum_pg_default_acl_defaclobjtype)) {
                case DEFACLOBJ_RELATION: return {"tables", OBJECT_TABLE};
                case DEFACLOBJ_SEQUENCE: return {"sequences", OBJECT_SEQUENCE};
                case DEFACLOBJ_FUNCTION: return {"functions", OBJECT_FUNCTION};
                case DEFACLOBJ_TYPE: return {"types", OBJECT_TYPE};
                default: return {"schemas", OBJECT_SCHEMA};
            }
        }();
        // Without a row, a schema's list is empty, and the database's is the default.
        const auto entries = [&](HeapTuple row) {
            if (row == nullptr && OidIsValid(schema)) return AclEntries{};
            return entries_of(row == nullptr ? nullptr : acl_of(rows, row, Anum_pg_default_acl_defaclacl), kind.type, role);
        };
        const AclEntries before = entries(change.before);
        const AclEntries after = entries(change.after);
        if (before == after) continue;
        const char* const schema_name = guarded([&] { return OidIsValid(schema) ? get_namespace_name(schema) : nullptr; });
        const std::string role_text = command.name_of_role(role);
        command.record("default_privileges.changed", role_text,
                       json::ObjectBuilder()
                           .add("role", std::string_view(role_text))
                           .add("schema", schema_name == nullptr ? json::Value() : json::Value::string(schema_name))
                           .add("objects", std::string_view(kind.name))
                           .add("before", acl_json(command, before))
                           .add("after", acl_json(command, after)));
    }
}

bool has_default_privileges() {
    return guarded([] {
        Relation catalog = table_open(DefaultAclRelationId, AccessShareLock);
        SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, nullptr, 0, nullptr);
        const bool found = HeapTupleIsValid(systable_getnext(scan));
        systable_endscan(scan);
        table_close(catalog, AccessShareLock);
        return found;
    });
}

}  // namespace flowctl::pg::ddl_events
