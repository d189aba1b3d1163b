// Says in words how one JSON document differs from another.
//
// The lines are for people who review a change: "state Charge: TimeoutSeconds 30 -> 60". A place is written as
// one would say it. The members of an object named States are states, and the path to a value begins anew in
// each of them. The same two documents always give the same lines: values are in the order of the new
// document, and what it no longer has follows.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.hpp"

namespace flowctl::difference {

// At most `most` lines; one more says how many were left out. Each line begins with `place`.
std::vector<std::string> words(const json::Value& before, const json::Value& after, std::string_view place,
                               std::size_t most);

// A value as a line shows it: its JSON text, cut where it is long.
std::string shown(const json::Value& value);

}  // namespace flowctl::difference
