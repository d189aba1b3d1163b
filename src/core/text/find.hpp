// Searching for one text in another, in time that is linear in both.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/budget.hpp"

namespace flowctl::text {

// The first position of `wanted` in `text` at or after `from`; npos if there is none.
std::size_t find(std::string_view text, std::string_view wanted, std::size_t from, Budget& budget);

}  // namespace flowctl::text
