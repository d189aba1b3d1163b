// The rows of a catalog that a command has written.
//
// What a GRANT, a CASCADE or a DROP OWNED has changed is not told by the command, and a look at its words would have to
// repeat all that the server does with them. But each row of a catalog says which transaction and which command made
// it, and which removed it. So after a command, its rows are found among all versions of rows that the catalog has.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "pg/server/bridge.hpp"

namespace flowctl::pg::ddl_events {

// The numbers that the server gives to the parts of one command. Commands within it (functions that it calls) are apart.
class CommandIds {
  public:
    CommandIds();  // from now on
    void end();    // until now
    void leave_out(const CommandIds& inner) { inner_.emplace_back(inner.first_, inner.end_); }
    bool contains(CommandId id) const;

  private:
    CommandId first_;
    CommandId end_ = InvalidCommandId;
    std::vector<std::pair<CommandId, CommandId>> inner_;
};

// One row before and after the command; null: there was, or is, none. The copies belong to the memory context in which
// changed_rows() was called.
struct RowChange {
    HeapTuple before = nullptr;
    HeapTuple after = nullptr;
};

class ChangedRows {
  public:
    // `key`: the columns that tell the rows of the catalog apart.
    ChangedRows(Oid catalog, const CommandIds& command, const std::vector<AttrNumber>& key);

    const std::vector<RowChange>& changes() const { return changes_; }
    bool is_null(HeapTuple row, AttrNumber column) const;
    Datum get(HeapTuple row, AttrNumber column) const;  // 0 where it is null
    Oid oid(HeapTuple row, AttrNumber column) const { return DatumGetObjectId(get(row, column)); }
    bool boolean(HeapTuple row, AttrNumber column) const { return DatumGetBool(get(row, column)); }
    char letter(HeapTuple row, AttrNumber column) const { return DatumGetChar(get(row, column)); }
    std::string name(HeapTuple row, AttrNumber column) const { return NameStr(*DatumGetName(get(row, column))); }

  private:
    std::string key_of(HeapTuple row, const std::vector<AttrNumber>& key) const;

    TupleDesc shape_;
    std::vector<RowChange> changes_;
};

}  // namespace flowctl::pg::ddl_events
