// Pictures of dates: "[D1o] [MNn] [Y]", after format-dateTime() of XPath Functions 3.1, and reading dates by
// them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/budget.hpp"

namespace flowctl::jsonata {

// `picture` nullopt is ISO 8601; the zone is ±hhmm, nullopt UTC. Throws Raised.
std::string format_date(double milliseconds, std::optional<std::string_view> picture,
                        std::optional<std::string_view> zone, Budget& budget);

// Milliseconds since 1970; nullopt when the text does not match. What the picture leaves open above what it
// gives is taken from `now`. Throws Raised.
std::optional<double> parse_date(std::string_view text, std::string_view picture, double now, Budget& budget);

// ISO 8601 in the forms that ECMAScript reads; without a zone it is UTC.
std::optional<double> parse_iso_date(std::string_view text);

}  // namespace flowctl::jsonata
