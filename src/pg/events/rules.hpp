// What an event means to the event rules: which of them it starts, and with which input.
//
// A command evaluates the rules that name the event's type. All evaluations of one command share a budget; what is
// left when it is used up, and everything that needs more than one event, goes to the worker (event_part.hpp). A rule
// never makes a command fail, unless its option on_error says so: why it could not start anything is recorded.
#pragma once

#include <optional>
#include <string>

#include "core/budget.hpp"
#include "pg/events/event_rows.hpp"
#include "pg/events/subscriptions.hpp"

namespace flowctl::pg::events {

// In the session that records the event, which is a row already. True: the worker has something to do.
bool apply_rules(const store::EventRow& event);
// For an event that a worker records: the worker looks at it later. True: it has something to do.
bool leave_to_worker(Spi& spi, const store::EventRow& event);

// Whether the rule is meant for the event at all: its emitters, and who may get the event.
bool is_meant_for(const Rule& rule, const store::EventRow& event);

// What a rule makes of an event.
struct Verdict {
    enum class Kind { Fires, Ignores, Fails, TooLong };
    Kind kind = Kind::Ignores;
    std::string reason;   // of Fails
    json::Value input;    // of Fires
};
Verdict evaluate(const Rule& rule, const json::Value& event, Budget& budget, const Budget::Limits& limits);
// The key under which the rule counts the event; an error says why there is none.
Result<std::string, std::string> key_of(const Rule& rule, const json::Value& event, Budget& budget);

// Starts the rule's flow. `in_worker`: the session that caused the event is over, and its row says who it was.
// Raises UserError before anything is written, and PgError.
void start_by_rule(const Rule& rule, const store::EventRow& event, const json::Value& input, bool in_worker);
// Whether an error says that the rule can start nothing any more: the flow is gone, or its owner lost the right.
bool ends_rule(const UserError& error);

void record_failure(const Rule& rule, const store::EventRow& event, const std::string& reason);
std::string too_deep(const store::EventRow& event);

}  // namespace flowctl::pg::events
