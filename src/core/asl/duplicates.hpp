// Finds the first member name that an object of a JSON text repeats. JSON readers keep one of the two
// silently, and a state that silently vanishes from a flow is what an author must hear about.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace flowctl::asl {

struct Duplicate {
    std::string name;
    std::string pointer;  // of the object that repeats it
};

// `text` must be valid JSON.
std::optional<Duplicate> find_duplicate(std::string_view text);

}  // namespace flowctl::asl
