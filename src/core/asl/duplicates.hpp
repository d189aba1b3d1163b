// Finds the first member name that an object of a JSON text repeats. A JSON reader silently keeps one of the
// two members, so a state could vanish from a flow without its author noticing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace flowctl::asl {

struct Duplicate {
    std::string name;
    std::string pointer;  // the object that repeats it
};

// `text` must be valid JSON.
std::optional<Duplicate> find_duplicate(std::string_view text);

}  // namespace flowctl::asl
