// Implementation of command_report.hpp.
#include "pg/ddl_events/command_report.hpp"

#include "pg/events/record.hpp"

namespace flowctl::pg::ddl_events {

std::string Observed::name_of_role(Oid role) const {
    const auto known = roles_before.find(role);
    return known != roles_before.end() ? known->second : role_name(role);
}

void Observed::record(const std::string& type, const std::optional<std::string>& subject,
                      json::ObjectBuilder data) const {
    if (!events::is_wanted(type)) return;
    events::Event event;
    event.type = type;
    event.subject = subject;
    event.data = json::dump(data.add("command", tag).build());
    events::record(event);
}

std::optional<ObjectText> describe(const ObjectAddress& object) {
    struct Found {
        const char* type;
        const char* identity;
        const char* schema;
        const char* name;
    };
    const Found found = guarded([&]() -> Found {
        Found result{};
        result.identity = getObjectIdentity(&object, true);
        if (result.identity == nullptr) return result;
        result.type = getObjectTypeDescription(&object, true);
        if (!is_objectclass_supported(object.classId)) return result;
        Relation catalog = table_open(object.classId, AccessShareLock);
        HeapTuple row = get_catalog_object_by_oid(catalog, get_object_attnum_oid(object.classId), object.objectId);
        if (HeapTupleIsValid(row)) {
            bool null = false;
            const AttrNumber schema = get_object_attnum_namespace(object.classId);
            if (schema != InvalidAttrNumber) {
                const Datum value = heap_getattr(row, schema, RelationGetDescr(catalog), &null);
                if (!null) result.schema = get_namespace_name(DatumGetObjectId(value));
            }
            const AttrNumber name = get_object_attnum_name(object.classId);
            if (name != InvalidAttrNumber) {
                const Datum value = heap_getattr(row, name, RelationGetDescr(catalog), &null);
                if (!null) result.name = pstrdup(NameStr(*DatumGetName(value)));
            }
        }
        table_close(catalog, AccessShareLock);
        return result;
    });
    if (found.identity == nullptr) return std::nullopt;
    const auto value = [](const char* text) { return text == nullptr ? json::Value() : json::Value::string(text); };
    return ObjectText{found.identity, found.schema == nullptr ? "" : found.schema,
                      json::ObjectBuilder()
                          .add("type", value(found.type))
                          .add("schema", value(found.schema))
                          .add("name", value(found.name))
                          .add("identity", std::string_view(found.identity))
                          .build()};
}

json::Value text_or_null(const std::optional<std::string>& text) {
    return text ? json::Value::string(*text) : json::Value();
}

}  // namespace flowctl::pg::ddl_events
