// What a change of a table tells the run that it starts: the input, in the shape that Debezium uses, and the event,
// a CloudEvents 1.0 envelope.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pg/server/bridge.hpp"
#include "pg/server/uuid.hpp"

namespace flowctl::pg {

enum class ChangeKind { Insert, Update, Delete, Truncate };

ChangeKind kind_of(const TriggerData& data);

// The parts of both that are the same for all changes of a table by one statement. A row of a change is JSON text, and
// "null" where there is none.
class ChangeText {
  public:
    explicit ChangeText(const TriggerData& data);

    // Writing an input in pieces: begin, the two rows with between() in the middle, end.
    static void begin(ChangeKind kind, std::string& out);
    // Of all rows of a statement. `truncated`: the rows are too many to be told.
    static void begin(ChangeKind kind, std::int64_t count, bool truncated, std::string& out);
    static void between(std::string& out) { out += ",\"after\":"; }
    void end(std::string& out) const { out += source_; }

    // `is_statement`: one event stands for all rows.
    std::string event(ChangeKind kind, bool is_statement, const Uuid& run_id) const;

  private:
    std::string source_;        // of the input, and its end
    std::string event_source_;  // from the event's type to the number in its id
    std::string event_end_;     // what follows on its id
};

}  // namespace flowctl::pg
