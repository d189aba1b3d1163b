// Rows as C++ has them, for writing straight to the heap: fields given one after the other, in the order of
// the columns. Texts and ids are borrowed, so they live until the rows are written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

struct Field {
    enum class Kind : std::uint8_t { Null, Uuid, Int2, Int4, Int8, Timestamp, Interval, Text, Oid, Ready };
    Kind kind;
    std::int64_t number;
    const char* bytes;
    std::size_t size;
};

// Allocates in the current memory context; raises.
Datum datum_of(const Field& field);
// The same for a column, which another version of the script may have given another type; raises where it
// has.
Datum datum_for(Form_pg_attribute column, const Field& field);

class RowFields {
  public:
    RowFields& null() { return add({Field::Kind::Null, 0, nullptr, 0}); }
    RowFields& uuid(const Uuid& id) {
        return add({Field::Kind::Uuid, 0, reinterpret_cast<const char*>(id.data()), id.size()});
    }
    RowFields& int2(std::int16_t value) { return add({Field::Kind::Int2, value, nullptr, 0}); }
    RowFields& int4(std::optional<std::int32_t> value) {
        return value ? add({Field::Kind::Int4, *value, nullptr, 0}) : null();
    }
    RowFields& int8(std::int64_t value) { return add({Field::Kind::Int8, value, nullptr, 0}); }
    RowFields& oid(::Oid value) {
        return add({Field::Kind::Oid, static_cast<std::int64_t>(value), nullptr, 0});
    }
    // A value that the server has made; it is borrowed, too.
    RowFields& ready(Datum value) {
        return add({Field::Kind::Ready, static_cast<std::int64_t>(value), nullptr, 0});
    }
    RowFields& timestamp(std::optional<std::int64_t> unix_micros) {
        return unix_micros ? add({Field::Kind::Timestamp, *unix_micros, nullptr, 0}) : null();
    }
    RowFields& interval(std::int64_t micros) { return add({Field::Kind::Interval, micros, nullptr, 0}); }
    RowFields& text(std::string_view value) {
        return add({Field::Kind::Text, 0, value.data(), value.size()});
    }
    RowFields& text_or_null(const std::optional<std::string>& value) {
        return value ? text(std::string_view(*value)) : null();
    }

    void reserve(std::size_t fields) { fields_.reserve(fields); }
    const std::vector<Field>& fields() const { return fields_; }
    void clear() { fields_.clear(); }

  private:
    RowFields& add(Field field) {
        fields_.push_back(field);
        return *this;
    }
    std::vector<Field> fields_;
};

}  // namespace flowctl::pg::store
