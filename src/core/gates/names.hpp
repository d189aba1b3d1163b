// The ids of gates and lines. They follow from what a gate limits, so whoever needs one reckons it, and two
// processes have the same.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/uuid_value.hpp"

namespace flowctl::gates {

using Key = std::optional<std::string>;

// The gate that is closed while the flow is paused.
Uuid flow_gate(const Uuid& flow);
// Of option max_concurrency, for the runs with this key.
Uuid concurrency_gate(const Uuid& flow, const Key& key);
// Of option rate.
Uuid rate_gate(const Uuid& flow, const Key& key);
// Of a limit that several flows share.
Uuid named_gate(std::string_view limit);

// Runs that pass the same gates stand in one line.
Uuid line_of(const Uuid& flow, const Key& concurrency_key, const Key& rate_key);
// Runs of which only the latest begins.
Uuid debounce_line(const Uuid& flow, const Key& key);

}  // namespace flowctl::gates
