// Appending rows to the engine's own tables, straight to the heap.
//
// The tables that only grow take a handful of rows a run, tens of thousands a second. An INSERT from arrays
// spends more on unnest(), tuple stores and the executor than on the rows; this writes many rows by one call
// of the heap and adds their index entries itself. Columns are named, so a table that has more of them (a
// newer script, an older library) gets nulls there; a partitioned table's rows go to the leaf that their
// first column, the run's id, belongs to. Invariant: row triggers and indexes of any kind, which a superuser may
// have added, are kept; what it skips of an INSERT (statement triggers, CHECK and NOT NULL constraints,
// generated columns, row security) these tables do not have for the engine.
//
// Called by store/ inside the turn's transaction. Raises PgError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/spi.hpp"

namespace flowctl::pg::store {

// Rows for one table: its fields are given one after the other, in the order of the columns. Texts and ids
// are borrowed until write() has returned.
class Append {
  public:
    // `table`: in schema flowctl.
    Append(const char* table, std::vector<const char*> columns)
        : table_(table), columns_(std::move(columns)) {}

    Append& null() { return add({Kind::Null, 0, nullptr, 0}); }
    Append& uuid(const Uuid& id) {
        return add({Kind::Uuid, 0, reinterpret_cast<const char*>(id.data()), id.size()});
    }
    Append& int4(std::optional<std::int32_t> value) {
        return value ? add({Kind::Int4, *value, nullptr, 0}) : null();
    }
    Append& int8(std::int64_t value) { return add({Kind::Int8, value, nullptr, 0}); }
    Append& timestamp(std::optional<std::int64_t> unix_micros) {
        return unix_micros ? add({Kind::Timestamp, *unix_micros, nullptr, 0}) : null();
    }
    Append& interval(std::int64_t micros) { return add({Kind::Interval, micros, nullptr, 0}); }
    Append& text(std::string_view value) { return add({Kind::Text, 0, value.data(), value.size()}); }

    Append& text_or_null(const std::optional<std::string>& value) {
        return value ? text(std::string_view(*value)) : null();
    }

    void write();

  private:
    enum class Kind : std::uint8_t { Null, Uuid, Int4, Int8, Timestamp, Interval, Text };
    struct Field {
        Kind kind;
        std::int64_t number;
        const char* bytes;
        std::size_t size;
    };
    class Leaf;

    Append& add(Field field) {
        fields_.push_back(field);
        return *this;
    }
    static Datum datum_of(const Field& field);
    void write_rows(Oid table) const;

    const char* table_;
    std::vector<const char*> columns_;
    std::vector<Field> fields_;
};

}  // namespace flowctl::pg::store
