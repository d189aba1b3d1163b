// Item: one thing to do with one run in a turn.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "core/machine/machine.hpp"
#include "pg/server/spi.hpp"
#include "pg/store/history.hpp"

namespace flowctl::pg {

class Part;

struct Item {
    Uuid run{};
    // What the run is told. Without an event it begins, or goes on after it has been loaded.
    std::optional<machine::Event> event = std::nullopt;
    // The event is meant for the run also when it is not in memory: it is loaded then.
    bool load = false;
    // The event has happened before what is due now, so a run that is loaded for it gets it before its timers.
    bool before_timers = false;
    // Where the event is the answer of a call: what is recorded of it, in the same transaction.
    std::optional<store::CallOutcome> outcome = std::nullopt;
    // The part that made the item, if it wants to hear what becomes of it (Part::apply, Part::failed), and
    // what it knows it by.
    Part* from = nullptr;
    std::int64_t ticket = 0;
    // The engine's: the owner of the run's flow, between whom turns are dealt out, and how much time the
    // owner has been charged for the item in advance.
    Oid owner = InvalidOid;
    std::int64_t charged = 0;
};

// The run of the item has ended, and is to be opened again.
inline bool is_redrive(const Item& item) {
    return item.event && std::holds_alternative<machine::Redriven>(*item.event);
}

}  // namespace flowctl::pg
