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

namespace {

bool is_of(Oid type, Field::Kind kind) {
    switch (kind) {
        case Field::Kind::Uuid:
            return type == UUIDOID;
        case Field::Kind::Int2:
            return type == INT2OID;
        case Field::Kind::Int4:
            return type == INT4OID;
        case Field::Kind::Int8:
            return type == INT8OID;
        case Field::Kind::Timestamp:
            return type == TIMESTAMPTZOID;
        case Field::Kind::Interval:
            return type == INTERVALOID;
        case Field::Kind::Text:
            return type == TEXTOID;
        case Field::Kind::Oid:
            return type == OIDOID || type == REGROLEOID;
        case Field::Kind::Null:
        case Field::Kind::Ready:
            return true;
    }
    return false;
}

}  // namespace

Datum datum_for(Form_pg_attribute column, const Field& field) {
    if (!is_of(column->atttypid, field.kind))
        ereport(ERROR,
                (errcode(ERRCODE_DATATYPE_MISMATCH),
                 errmsg("column \"%s\" of the engine's tables has type %s, which this library does not write",
                        NameStr(column->attname), format_type_be(column->atttypid)),
                 errhint("Run ALTER EXTENSION pg_flowctl UPDATE.")));
    return datum_of(field);
}

}  // namespace flowctl::pg::store
