// Implementation of policies.hpp.
#include "pg/ddl_events/policies.hpp"

#include <vector>

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_seclabel.h"
#include "catalog/pg_shseclabel.h"
}

namespace flowctl::pg::ddl_events {

namespace {

json::Value expression_of(const ChangedRows& rows, HeapTuple row, AttrNumber column, Oid table) {
    if (rows.is_null(row, column)) return {};
    const Datum tree = rows.get(row, column);
    const char* const written = guarded([&]() -> const char* {
        LOCAL_FCINFO(call, 2);
        FmgrInfo function;
        fmgr_info(F_PG_GET_EXPR_PG_NODE_TREE_OID, &function);
        InitFunctionCallInfoData(*call, &function, 2, InvalidOid, nullptr, nullptr);
        call->args[0] = {tree, false};
        call->args[1] = {ObjectIdGetDatum(table), false};
        const Datum result = FunctionCallInvoke(call);
        return call->isnull ? nullptr : TextDatumGetCString(result);
    });
    return written == nullptr ? json::Value() : json::Value::string(written);
}

std::string_view command_of(char letter) {
    switch (letter) {
        case 'r': return "SELECT";
        case 'a': return "INSERT";
        case 'w': return "UPDATE";
        case 'd': return "DELETE";
        default: return "ALL";
    }
}

json::Value roles_of(const Observed& command, const ChangedRows& rows, HeapTuple row) {
    const Datum array = rows.get(row, Anum_pg_policy_polroles);
    Datum* oids = nullptr;
    const int count = guarded([&] {
        int found = 0;
        deconstruct_array(DatumGetArrayTypePCopy(array), OIDOID, sizeof(Oid), true, TYPALIGN_INT, &oids, nullptr, &found);
        return found;
    });
    std::vector<json::Value> names;
    for (int i = 0; i < count; i++) {
        const Oid role = DatumGetObjectId(oids[i]);
        names.push_back(json::Value::string(OidIsValid(role) ? command.name_of_role(role) : "PUBLIC"));
    }
    return json::Value::array(std::move(names));
}

json::Value policy_json(const Observed& command, const ChangedRows& rows, HeapTuple row, Oid table) {
    if (row == nullptr) return {};
    return json::ObjectBuilder()
        .add("name", std::string_view(rows.name(row, Anum_pg_policy_polname)))
        .add("command", command_of(rows.letter(row, Anum_pg_policy_polcmd)))
        .add("permissive", json::Value::boolean(rows.boolean(row, Anum_pg_policy_polpermissive)))
        .add("roles", roles_of(command, rows, row))
        .add("using", expression_of(rows, row, Anum_pg_policy_polqual, table))
        .add("with_check", expression_of(rows, row, Anum_pg_policy_polwithcheck, table))
        .build();
}

}  // namespace

void report_policies(const Observed& command) {
    const ChangedRows rows(PolicyRelationId, command.ids, {Anum_pg_policy_oid});
    for (const RowChange& change : rows.changes()) {
        HeapTuple const some = change.after != nullptr ? change.after : change.before;
        const Oid table = rows.oid(some, Anum_pg_policy_polrelid);
        const auto text = describe({RelationRelationId, table, 0});
        if (!text || text->schema == "flowctl_catalog") continue;  // it went with its table
        const char* const type = change.before == nullptr  ? "policy.created"
                                 : change.after == nullptr ? "policy.dropped"
                                                           : "policy.altered";
        command.record(type, text->identity,
                       json::ObjectBuilder()
                           .add("policy", std::string_view(rows.name(some, Anum_pg_policy_polname)))
                           .add("table", text->json)
                           .add("before", policy_json(command, rows, change.before, table))
                           .add("after", policy_json(command, rows, change.after, table)));
    }
}

namespace {

struct LabelColumns {
    Oid catalog;
    AttrNumber object, class_id, sub_id, provider, label;
};

void report_labels_in(const Observed& command, const LabelColumns& columns) {
    std::vector<AttrNumber> key = {columns.object, columns.class_id, columns.provider};
    if (columns.sub_id != InvalidAttrNumber) key.push_back(columns.sub_id);
    const ChangedRows rows(columns.catalog, command.ids, key);
    for (const RowChange& change : rows.changes()) {
        HeapTuple const some = change.after != nullptr ? change.after : change.before;
        ObjectAddress object{rows.oid(some, columns.class_id), rows.oid(some, columns.object), 0};
        if (columns.sub_id != InvalidAttrNumber) object.objectSubId = DatumGetInt32(rows.get(some, columns.sub_id));
        const auto text = describe(object);
        if (!text) continue;
        const auto label = [&](HeapTuple row) {
            return row == nullptr ? json::Value() : json::Value::string(from_text(rows.get(row, columns.label)));
        };
        command.record("label.changed", text->identity,
                       json::ObjectBuilder()
                           .add("object", text->json)
                           .add("provider", std::string_view(from_text(rows.get(some, columns.provider))))
                           .add("before", label(change.before))
                           .add("after", label(change.after)));
    }
}

}  // namespace

void report_labels(const Observed& command) {
    report_labels_in(command, {SecLabelRelationId, Anum_pg_seclabel_objoid, Anum_pg_seclabel_classoid,
                               Anum_pg_seclabel_objsubid, Anum_pg_seclabel_provider, Anum_pg_seclabel_label});
    report_labels_in(command, {SharedSecLabelRelationId, Anum_pg_shseclabel_objoid, Anum_pg_shseclabel_classoid,
                               InvalidAttrNumber, Anum_pg_shseclabel_provider, Anum_pg_shseclabel_label});
}

}  // namespace flowctl::pg::ddl_events
