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

}  // namespace flowctl::pg::store
