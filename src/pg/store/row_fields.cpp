// Fields as the server's values. See row_fields.hpp.
#include "pg/store/row_fields.hpp"

namespace flowctl::pg::store {

Datum datum_of(const Field& field) {
    switch (field.kind) {
        case Field::Kind::Null:
            return 0;
        case Field::Kind::Uuid:
            return PointerGetDatum(field.bytes);
        case Field::Kind::Int2:
            return Int16GetDatum(static_cast<std::int16_t>(field.number));
        case Field::Kind::Int4:
            return Int32GetDatum(static_cast<std::int32_t>(field.number));
        case Field::Kind::Int8:
            return Int64GetDatum(field.number);
        case Field::Kind::Timestamp:
            return TimestampTzGetDatum(to_timestamp(field.number));
        case Field::Kind::Oid:
            return ObjectIdGetDatum(static_cast<Oid>(field.number));
        case Field::Kind::Ready:
            return static_cast<Datum>(field.number);
        case Field::Kind::Interval: {
            auto* interval = static_cast<Interval*>(palloc0(sizeof(Interval)));
            interval->time = field.number;
            return IntervalPGetDatum(interval);
        }
        case Field::Kind::Text:
            return PointerGetDatum(cstring_to_text_with_len(field.bytes, static_cast<int>(field.size)));
    }
    return 0;
}

Oid table_oid(const char* name) {
    const Oid table = get_relname_relid(name, get_namespace_oid("flowctl", false));
    if (!OidIsValid(table))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table flowctl.%s does not exist", name),
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

}  // namespace flowctl::pg::store
