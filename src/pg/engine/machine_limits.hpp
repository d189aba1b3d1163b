// The machine's limits as the settings have them.
#pragma once

#include "core/machine/machine.hpp"
#include "pg/server/guc.hpp"

namespace flowctl::pg {

inline machine::Limits machine_limits() {
    machine::Limits limits;
    limits.max_payload_bytes = static_cast<std::size_t>(guc::max_payload_bytes);
    limits.max_history_events = guc::max_history_events;
    limits.queries.depth = static_cast<unsigned>(guc::max_expression_depth);
    limits.queries.value_bytes = static_cast<std::size_t>(guc::max_expression_bytes);
    return limits;
}

}  // namespace flowctl::pg
