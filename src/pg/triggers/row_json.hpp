// Rows as JSON objects, the way row_to_json() writes them.
//
// row_to_json() looks up the type and output function of each value anew. A statement that changes many rows would
// spend most of its time on that, so what the columns need is found out once. Rows that hold only values of common
// types are written here; where a column has any other type, the server's function writes the row, with the casts
// to json that users have made.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pg/server/bridge.hpp"
#include "pg/triggers/trigger_options.hpp"

namespace flowctl::pg {

class RowJson {
  public:
    // `memory` lives as long as the object. Throws UserError where the choice names a column that there is not.
    RowJson(Relation table, const std::optional<ColumnChoice>& choice, MemoryContext memory);

    // Runs as the current user, because casts that users made may run. Raises what they raise.
    void append(TupleTableSlot* row, std::string& out) const;

    // Whether the columns' types alone ensure that a row's JSON can be kept: it is well-formed, its strings are valid
    // and hold no U+0000, its numbers are short. Other rows are read once more to see.
    bool is_always_fit() const { return is_always_fit_; }

  private:
    enum class Form : unsigned char { Bool, Int2, Int4, Int8, Number, Instant, Json, Text, Uuid, Quoted };
    struct Known;
    struct Column {
        int at;  // in the row, from 0
        Oid type;
        Form form;
        std::string key;  // `"name":`
        FmgrInfo output;  // of the forms that need it
    };
    static const Known* find_known(Oid type);
    static void append_value(const Column& column, Datum value, std::string& out);
    void append_plain(TupleTableSlot* row, std::string& out) const;
    void append_by_server(TupleTableSlot* row, std::string& out) const;

    TupleDesc shape_;                // of the table; the relation stays open as long as the statement
    std::vector<Column> columns_;    // that are written
    bool is_plain_ = true;           // all of them have one of the known types
    bool is_always_fit_ = true;
    TupleDesc chosen_ = nullptr;     // for the server's function, where not all columns are written
};

}  // namespace flowctl::pg
