// Recording an event, in the transaction that causes it.
//
// Whoever notices that something has happened calls record(): it inserts one row, starts the flows of the event
// rules that match, and wakes the runs that wait for the event when the transaction has committed. So nothing
// starts if the transaction rolls back. Before that, a caller asks is_wanted(), which looks into a cache only: what
// nobody asks for is neither put together nor recorded.
//
// The types permission.*, role.*, run.* and so on (kReserved) are recorded by the extension itself. Applications
// record their own types by flowctl.emit() and flowctl.ingest(), and these are kept even if nobody wants them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pg/server/spi.hpp"

namespace flowctl::pg::events {

struct Event {
    std::string type;
    std::optional<std::string> subject;  // what the event is about, such as the name of a table
    std::string data = "null";           // JSON text that fits for storing (json::check)
    // Whose event it is: only rules and runs of roles that act for this role get it. InvalidOid: everybody's.
    Oid reader = InvalidOid;
    // The run that has caused it, where the worker records it: the event's depth follows from the run's.
    std::optional<Uuid> run = std::nullopt;

    // The following have values where the event comes from outside (flowctl.emit, flowctl.ingest).
    std::string source = {};                       // empty: /<database>
    std::optional<std::string> id = std::nullopt;  // given: the same source and id by the same role is one event
    std::optional<std::string> attributes = std::nullopt;  // a JSON object
};

// Whether a rule or a flow asks for events of this type. Costs a few lookups in memory. Raises.
bool is_wanted(std::string_view type);

// Returns the event's id, or that of the same event that was recorded before. The current user counts as the one
// who has caused it, so call it before switching to another role. In a SQL step the run has caused the event, and the
// event's depth follows from that. Raises what a rule with on_error = raise objects to, and PgError.
Uuid record(const Event& event);

// Whether a type is reserved for events that the extension records.
bool is_reserved(std::string_view type);

}  // namespace flowctl::pg::events
