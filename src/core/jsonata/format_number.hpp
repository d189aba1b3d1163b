// Pictures of decimal numbers: $formatNumber(1234.5, "#,##0.00"), after format-number() of XPath
// Functions 3.1.
#pragma once

#include <string>
#include <string_view>

#include "core/jsonata/value.hpp"

namespace flowctl::jsonata {

// Throws Raised D3080 to D3093.
std::string format_number(double value, std::string_view picture, const Value& options, Budget& budget);

// Rounds to so many digits after the point; halves go to the even neighbour.
double round_half_even(double value, int precision);

}  // namespace flowctl::jsonata
